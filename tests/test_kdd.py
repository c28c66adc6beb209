"""KDD GAN: the loss, its closed-form gradients, limits and identities, each against numpy in float64."""

import copy
from dataclasses import dataclass

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing
from host import NoHostReads
from torch.nn.functional import normalize

from gantutor import parallel, toy
from gantutor.methods.anchors import in_float32, own_kernels
from gantutor.methods.jacobian import JacobianD
from gantutor.methods.kdd import KDD, log_kernels, log_ratio
from gantutor.nets import Discriminator
from gantutor.nets.dcgan import Dcgan
from gantutor.objectives import Hinge
from gantutor.recipes import TOY
from gantutor.rng import Rng
from gantutor.train import Run
from gantutor.turn import Turn

# torch compiles its jvp rules with its own deprecated torch.jit.script when forward mode is first used
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:FutureWarning")


class Plain(Discriminator):
    """Features are scale * the inputs; counts its forwards."""

    def __init__(self, scale=1.0):
        super().__init__()
        self.scale, self.calls = scale, []

    def features(self, x):
        self.calls.append(x.shape[-2])
        return self.scale * x

    def head(self, v):
        return v.sum(-1)


def turn_of(player, real, fake, D=None, stale=None):
    D = D or Plain()
    return Turn(
        player=player,
        D=D,
        rng=Rng(0),
        z=fake,
        x_real=real,
        x_fake=fake,
        joint=True,
        real=D(real) if player == "d" else None,
        fake=D(fake),
        stale=stale,
    )


def sets(m=7, n=5, k=4, seed=0, unit=False):
    """Real and fake features, clearly apart so that some hinges clip and some do not."""
    g = torch.Generator().manual_seed(seed)
    r, f = (
        torch.randn(i, k, generator=g, dtype=torch.float64) + shift
        for i, shift in ((m, 0.8), (n, -0.8))
    )
    return (normalize(r, dim=-1), normalize(f, dim=-1)) if unit else (r, f)


def np_unit(v):
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def np_kernels(x, a, tau, kernel):
    """Log K, written the other way round: by differences for the Gaussian."""
    return x @ a.T / tau if kernel == "vmf" else -((x[:, None] - a[None]) ** 2).sum(-1) / (2 * tau)


def np_weights(x, a, tau, kernel, own):
    e = np.exp(np_kernels(x, a, tau, kernel))
    if own:
        np.fill_diagonal(e, 0.0)
    return e / e.sum(1, keepdims=True), np.log(e.sum(1)) - np.log(len(a) - own)


def np_losses(r, g, tau, kernel):
    """L_D, L_G, the logits and the softmax weights, leave-one-out."""
    (w_rr, rr), (w_rg, rg), (w_gr, gr), (w_gg, gg) = (
        np_weights(x, a, tau, kernel, own)
        for x, a, own in ((r, r, 1), (r, g, 0), (g, r, 0), (g, g, 1))
    )
    l_r, l_g = rr - rg, gr - gg
    return (
        np.maximum(0, 1 - l_r).mean() + np.maximum(0, 1 + l_g).mean(),
        -l_g.mean(),
        l_r,
        l_g,
        (w_rr, w_rg, w_gr, w_gg),
    )


def closed_form(player, r, g, tau, kernel, anchor_grad):
    """dL/dg_i and dL/dr_j of the specification, loop by loop."""
    m, n = len(r), len(g)
    _, _, l_r, l_g, (w_rr, w_rg, w_gr, w_gg) = np_losses(r, g, tau, kernel)
    gauss = kernel == "gauss"
    d_g, d_r = np.zeros_like(g), np.zeros_like(r)
    if player == "g":
        for i in range(n):
            d_g[i] = w_gg[i] @ g - w_gr[i] @ r
            if anchor_grad:
                d_g[i] += sum(w_gg[k, i] * (g[k] - gauss * g[i]) for k in range(n) if k != i)
        return d_g / (n * tau), d_r
    alpha, beta = (1 + l_g > 0) / n, (1 - l_r > 0) / m
    for i in range(n):
        d_g[i] = alpha[i] * (w_gr[i] @ r - w_gg[i] @ g)
        if anchor_grad:
            d_g[i] -= sum(alpha[k] * w_gg[k, i] * (g[k] - gauss * g[i]) for k in range(n) if k != i)
            d_g[i] += sum(beta[k] * w_rg[k, i] * (r[k] - gauss * g[i]) for k in range(m))
    for j in range(m):
        d_r[j] = -beta[j] * (w_rr[j] @ r - w_rg[j] @ g)
        if anchor_grad:
            d_r[j] -= sum(beta[k] * w_rr[k, j] * (r[k] - gauss * r[j]) for k in range(m) if k != j)
            d_r[j] += sum(alpha[i] * w_gr[i, j] * (g[i] - gauss * r[j]) for i in range(n))
    return d_g / tau, d_r / tau


@pytest.mark.parametrize("kernel", ["vmf", "gauss"])
@pytest.mark.parametrize("tau", [0.3, 1.0, 5.0])
def test_losses_equal_plain_numpy(kernel, tau):
    r, f = sets(unit=kernel == "vmf")
    l_d, l_g, l_r, l_f, _ = np_losses(r.numpy(), f.numpy(), tau, kernel)
    kdd, turn = KDD(tau, kernel), turn_of("d", r, f)
    assert np.allclose(kdd.logits(turn)[0], l_r, atol=1e-12) and np.allclose(
        kdd.logits(turn)[1], l_f, atol=1e-12
    )
    assert kdd.d_loss(turn).item() == pytest.approx(l_d, abs=1e-12)
    in_g = turn_of("g", r, f)
    assert kdd.logits(in_g)[0] is None and kdd.g_loss(in_g).item() == pytest.approx(l_g, abs=1e-12)


@pytest.mark.parametrize("anchor_grad", [True, False])
@pytest.mark.parametrize("player", ["d", "g"])
@pytest.mark.parametrize("kernel", ["vmf", "gauss"])
@pytest.mark.parametrize("tau", [0.1, 1.0])
def test_gradients_equal_the_closed_forms(kernel, player, anchor_grad, tau):
    r, f = (v.clone().requires_grad_(True) for v in sets())
    loss = getattr(
        KDD(tau, kernel, anchor_grad_d=anchor_grad, anchor_grad_g=anchor_grad), f"{player}_loss"
    )(turn_of(player, r, f))
    got_f, got_r = torch.autograd.grad(loss, [f, r], allow_unused=True)
    u_f, u_r = f.detach().numpy(), r.detach().numpy()
    if kernel == "gauss":
        want_f, want_r = closed_form(player, u_r, u_f, tau, kernel, anchor_grad)
    else:  # through the normalisation: (I - phi phi^T) dL/dphi / |u|
        phi_r, phi_f = np_unit(u_r), np_unit(u_f)
        pairs = zip(
            closed_form(player, phi_r, phi_f, tau, kernel, anchor_grad),
            (phi_f, phi_r),
            (u_f, u_r),
            strict=True,
        )
        want_f, want_r = (
            (d - (d * phi).sum(-1, keepdims=True) * phi) / np.linalg.norm(u, axis=-1, keepdims=True)
            for d, phi, u in pairs
        )
        assert (got_f * f).sum(-1).abs().max() < 1e-12
    _, _, l_r, l_g, _ = np_losses(
        *(map(np_unit, (u_r, u_f)) if kernel == "vmf" else (u_r, u_f)), tau, kernel
    )
    assert (
        tau == 1 or 0 < (l_r > 1).mean() < 1 and 0 < (l_g < -1).mean() < 1
    )  # both branches of the hinge are seen
    assert np.allclose(got_f, want_f, atol=1e-12)
    if player == "g":
        assert got_r is None  # reals are constants in G's turn
    else:
        assert np.allclose(got_r, want_r, atol=1e-12)


def test_anchor_grad_is_set_per_player():
    r, f = (v.requires_grad_(True) for v in sets())
    grads = {}
    for d, g in ((True, True), (True, False), (False, True)):
        kdd = KDD(anchor_grad_d=d, anchor_grad_g=g)
        grads[d, g] = [
            torch.autograd.grad(getattr(kdd, f"{p}_loss")(turn_of(p, r, f)), f)[0] for p in "dg"
        ]
    assert torch.equal(grads[True, True][0], grads[True, False][0]) and torch.equal(
        grads[True, True][1], grads[False, True][1]
    )
    assert not torch.allclose(grads[True, True][0], grads[False, True][0])
    assert not torch.allclose(grads[True, True][1], grads[True, False][1])


# -- limits and identities, numbered as in the specification --------------------------------------------------------------
@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("tau", [0.05, 1.0, 2.0])
def test_1_bounds_and_linear_regime(tau, positive):
    for seed in range(5):
        r, f = sets(seed=seed)
        r, f = (v.abs() if positive else v for v in (r, f))
        turn = turn_of("d", r, f)
        a, b = KDD(tau).logits(turn)
        points = normalize(torch.cat([r, f]), dim=-1)
        s = points @ points.T / tau
        s_r, s_g = s[:, : len(r)], s[:, len(r) :]
        both = torch.cat([a, b])
        assert (both >= s_r.amin(-1) - s_g.amax(-1) - 1e-9).all() and (
            both <= s_r.amax(-1) - s_g.amin(-1) + 1e-9
        ).all()
        assert both.abs().max() <= (1 if positive else 2) / tau + 1e-9
        if tau >= (1 if positive else 2):  # the hinge never clips
            assert KDD(tau).d_loss(turn).item() == pytest.approx(
                (2 + b.mean() - a.mean()).item(), abs=1e-12
            )
        assert KDD(tau).d_loss(turn) >= 2 * max(0, 1 - (1 if positive else 2) / tau) - 1e-9


def test_2_large_tau_is_a_linear_critic_and_unbiased_mmd():
    r, f = sets(m=6, n=6, unit=True)
    tau, turn = 1e5, turn_of("d", r, f)
    off = ~torch.eye(6, dtype=torch.bool)
    rr, gg, rg = (r @ r.T)[off].mean(), (f @ f.T)[off].mean(), (r @ f.T).mean()
    x = normalize(
        torch.randn(9, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1)), dim=-1
    )
    # the next order is 1/tau
    assert torch.allclose(tau * log_ratio(x, r, f, tau), x @ (r.mean(0) - f.mean(0)), atol=5 / tau)
    assert (tau * (2 - KDD(tau).d_loss(turn))).item() == pytest.approx(
        (rr + gg - 2 * rg).item(), abs=10 / tau
    )
    assert (-tau * KDD(tau).g_loss(turn_of("g", r, f))).item() == pytest.approx(
        (rg - gg).item(), abs=10 / tau
    )


def test_3_small_tau_is_the_nearest_neighbour():
    r, f = sets(unit=True)
    x, tau = sets(seed=9, unit=True)[0], 1e-4
    want = (x @ r.T).amax(-1) - (x @ f.T).amax(-1)
    assert torch.allclose(
        tau * log_ratio(x, r, f, tau), want, atol=5 * tau
    )  # logsumexp and log M are within tau log M each


def test_4_one_anchor_each_is_linear():
    r, f = sets(1, 1, unit=True)
    x = sets(seed=3, unit=True)[0].requires_grad_(True)
    value = log_ratio(x, r, f, 0.7)
    assert torch.allclose(value, x @ (r - f)[0] / 0.7, atol=1e-12)
    (slope,) = torch.autograd.grad(value.sum(), x)
    assert torch.allclose(slope, ((r - f) / 0.7).expand_as(x), atol=1e-12)
    turn = turn_of("d", r, f)
    assert torch.allclose(
        KDD(0.7, leave_one_out="none").logits(turn)[0], (r @ (r - f)[0]) / 0.7, atol=1e-12
    )


@pytest.mark.parametrize("kernel", ["vmf", "gauss"])
def test_5_same_anchors_on_both_sides_say_nothing(kernel):
    r = sets()[0].requires_grad_(True)
    kdd = KDD(0.5, kernel, "none", anchor_grad_d=False, anchor_grad_g=False)
    assert kdd.d_loss(turn_of("d", r, r)).item() == pytest.approx(2, abs=1e-12)
    loss = kdd.g_loss(turn_of("g", r, r))
    assert abs(loss.item()) < 1e-12 and torch.autograd.grad(loss, r)[0].abs().max() < 1e-12


def test_6_exact_copies_are_rewarded_in_spite_of_leave_one_out():
    r, _ = sets(m=8, unit=True)
    tau, m = 0.5, 8
    e = torch.exp(r @ r.T / tau)
    rest = e.sum(-1) - e.diagonal()
    want = ((np.exp(1 / tau) + rest) / m).log() - (rest / (m - 1)).log()
    got = KDD(tau).logits(turn_of("g", r, r))[1]
    assert torch.allclose(got, want, atol=1e-12) and (got > 0).all()
    assert torch.allclose(
        got, np.log((m - 1) / m) + torch.log1p(np.exp(1 / tau) / rest), atol=1e-12
    )


@pytest.mark.parametrize("tau", [0.05, 1.0, 5.0])
def test_7_collapsed_sets(tau):
    e = torch.eye(4, dtype=torch.float64)
    r = e[0].expand(6, 4)
    for f, top in ((r, 0.0), (e[1].expand(5, 4), 1.0), (-r, 2.0)):  # equal, orthogonal, antipodal
        a, b = KDD(tau).logits(turn_of("d", r, f))
        assert torch.allclose(a, torch.full_like(a, top / tau)) and torch.allclose(
            b, torch.full_like(b, -top / tau)
        )
        assert KDD(tau).d_loss(turn_of("d", r, f)).item() == pytest.approx(
            2 * max(0, 1 - top / tau), abs=1e-12
        )
        assert KDD(tau).g_loss(turn_of("g", r, f)).item() == pytest.approx(top / tau, abs=1e-12)


def test_8_equal_distributions():
    losses = []
    for seed in range(20):
        r, f = torch.randn(2, 64, 256, generator=torch.Generator().manual_seed(seed))
        losses.append(
            [KDD().d_loss(turn_of("d", r, f)).item() - 2, KDD().g_loss(turn_of("g", r, f)).item()]
        )
    # measured over 60 draws: spreads 0.0030 and 0.0017 around 0, so five of them for one draw and for the mean of 20
    assert (np.abs(losses).max(0) < [0.015, 0.0085]).all() and (
        np.abs(np.mean(losses, 0)) < [0.0034, 0.0019]
    ).all()


def test_9_symmetries():
    r, f = sets(m=6, n=6)
    q = torch.linalg.qr(
        torch.randn(4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    )[0]
    kdd, (a, b) = KDD(0.3), KDD(0.3).logits(turn_of("d", r, f))
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    turned, scaled, swapped = (
        kdd.logits(turn_of("d", x, y)) for x, y in ((r @ q, f @ q), (3 * r, 0.2 * f), (f, r))
    )
    permuted = kdd.logits(turn_of("d", r[order], f[order.flip(0)]))
    same = (
        (turned, (a, b)),
        (scaled, (a, b)),
        (permuted, (a[order], b[order.flip(0)])),
        (swapped, (-b, -a)),
    )
    for (x, y), (want_x, want_y) in same:
        assert torch.allclose(x, want_x, atol=1e-12) and torch.allclose(y, want_y, atol=1e-12)
    assert kdd.d_loss(turn_of("d", f, r)).item() == pytest.approx(
        kdd.d_loss(turn_of("d", r, f)).item(), abs=1e-12
    )
    x = sets(seed=2, unit=True)[0]
    assert torch.allclose(
        log_ratio(x, r, f, 0.3), log_ratio(x, r[order], f[order.flip(0)], 0.3), atol=1e-12
    )
    near, far = (KDD(0.3, "gauss").logits(turn_of("d", scale * r, f))[0] for scale in (1, 3))
    assert not torch.allclose(near, far)


@pytest.mark.parametrize("tau", [0.1, 1.0])
def test_10_gauss_equals_vmf_on_the_sphere(tau):
    r, f = sets(unit=True)
    for x, y in zip(
        KDD(tau).logits(turn_of("d", r, f)),
        KDD(tau, "gauss").logits(turn_of("d", r, f)),
        strict=True,
    ):
        assert torch.allclose(x, y, atol=1e-12)


def test_11_duplicated_anchors_change_nothing():
    r, f = sets()
    x = sets(seed=5)[0]
    assert torch.allclose(
        log_ratio(x, r.repeat(3, 1), f.repeat(3, 1), 0.4), log_ratio(x, r, f, 0.4), atol=1e-12
    )
    assert torch.allclose(
        log_ratio(x, r.repeat(3, 1), f, 0.4), log_ratio(x, r, f, 0.4), atol=1e-12
    )  # weights are uniform a side


@pytest.mark.parametrize("kernel", ["vmf", "gauss"])
def test_12_tiny_temperature_is_stable(kernel):
    base = torch.ones(6, 8)
    noise = torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(0))
    r, f = (base + 1e-3 * n for n in noise)
    f = (f + (5.0 if kernel == "gauss" else 0.0)).requires_grad_(
        True
    )  # Gaussians far apart underflow when exponentiated
    loss = KDD(1e-3, kernel).g_loss(turn_of("g", r, f))
    assert torch.isfinite(loss) and torch.isfinite(torch.autograd.grad(loss, f)[0]).all()


# -- leave-one-out --------------------------------------------------------------------------------------------------------
def naive(x, anchors_r, anchors_g, own_r, own_g, tau):
    """L at one point: densities by plain sums over the anchors that are not its own."""
    p = [
        np.mean([np.exp(x @ a / tau) for i, a in enumerate(anchors) if i not in own])
        for anchors, own in ((anchors_r, own_r), (anchors_g, own_g))
    ]
    return np.log(p[0] / p[1])


@dataclass(frozen=True)
class Shift:
    """An 'augmentation' that is easy to redo by hand."""

    by: float = 0.7

    def __call__(self, x, rng, step=0):
        return x + self.by * torch.arange(x.shape[-1], dtype=x.dtype)


@pytest.mark.parametrize("copies", [0, 1, 3])
@pytest.mark.parametrize("leave_one_out", ["self", "self+copies", "none"])
def test_leave_one_out_and_augmented_anchors(leave_one_out, copies):
    r, f = sets()
    tau, D = 0.8, Plain()
    kdd = KDD(tau, leave_one_out=leave_one_out, augment=Shift() if copies else None, copies=copies)
    turn = turn_of("d", r, f, D)
    D.calls.clear()
    a, b = kdd.logits(turn)
    assert len(a) == 7 and len(b) == 5  # copies are never evaluated
    assert sum(D.calls) == copies * 12  # and are all that D has to see again
    A = [
        np_unit(np.concatenate([v] + copies * [v + 0.7 * np.arange(4)]))
        for v in (r.numpy(), f.numpy())
    ]
    assert [len(s) for s in A] == [(copies + 1) * 7, (copies + 1) * 5]
    taken = {"self": 1, "self+copies": copies + 1, "none": 0}[leave_one_out]
    for i in range(7):
        own = {i + 7 * c for c in range(taken)}
        assert a[i].item() == pytest.approx(naive(A[0][i], *A, own, set(), tau), abs=1e-12)
    for i in range(5):
        own = {i + 5 * c for c in range(taken)}
        assert b[i].item() == pytest.approx(naive(A[1][i], *A, set(), own, tau), abs=1e-12)
    assert torch.allclose(kdd.logits(turn_of("g", r, f))[1], b, atol=1e-12)
    assert own_kernels(7, 5, copies, leave_one_out).sum(-1).tolist() == [taken] * 12


@pytest.mark.parametrize("m, n", [(1, 4), (4, 1), (1, 1)])
def test_leave_one_out_with_one_anchor_is_refused(m, n):
    r, f = sets(m, n)
    with pytest.raises(ValueError, match=f"{m} real and {n} fake"):
        KDD().d_loss(turn_of("d", r, f))
    assert torch.isfinite(KDD(leave_one_out="none").d_loss(turn_of("d", r, f)))
    assert torch.isfinite(
        KDD(augment=Shift(), copies=1).d_loss(turn_of("d", r, f))
    )  # an own copy is an anchor
    with pytest.raises(ValueError, match="at least 2"):
        KDD(leave_one_out="self+copies", augment=Shift(), copies=1).d_loss(turn_of("d", r, f))


@pytest.mark.parametrize("anchor_grad", [True, False])
def test_gradient_through_augmented_anchors_follows_anchor_grad(anchor_grad):
    r, f = sets()
    grads = []
    for scale in (
        1.0,
        0.0,
    ):  # the same anchors, with and without a path from the copies back to the fakes
        f = f.detach().requires_grad_(True)

        @dataclass(frozen=True)
        class Half:
            keep: float

            def __call__(self, x, rng, step=0):
                return 0.7 + self.keep * x + (1 - self.keep) * x.detach()

        kdd = KDD(augment=Half(scale), copies=2, anchor_grad_g=anchor_grad)
        grads.append(torch.autograd.grad(kdd.g_loss(turn_of("g", r, f)), f)[0])
    assert torch.equal(*grads) is not anchor_grad


# -- stale reals, joint loss, maps ---------------------------------------------------------------------------------------
def test_stale_reals_are_used_in_the_turn_of_g_alone():
    r, f = sets()
    old = sets(seed=8)[0]
    D = Plain()
    stale = Plain()(old.requires_grad_(True))
    turn = turn_of("g", r, f, D, stale)
    D.calls.clear()
    dagger = KDD(stale="g_step").logits(turn)[1]
    assert D.calls == []  # it saves a forward
    assert torch.allclose(dagger, KDD().logits(turn_of("g", old, f))[1]) and not torch.allclose(
        dagger, KDD().logits(turn)[1]
    )
    assert sum(D.calls) == len(r)
    assert not dagger.requires_grad  # neither the old reals nor these fakes do
    in_d = turn_of("d", r, f, stale=stale)
    assert torch.equal(KDD(stale="g_step").d_loss(in_d), KDD().d_loss(in_d))


def test_a_run_keeps_the_real_features_from_before_the_update():
    run = Run(TOY.but(objective=KDD(stale="g_step")), toy.ring(), 0)
    list(run.steps(2))
    weights = {k: v.clone() for k, v in run.D.state_dict().items()}
    run.d_turn()
    stale, x = run.turn.stale, run.turn.x_real
    with torch.no_grad():
        after = run.D(x).features
        run.D.load_state_dict(weights)
        before = run.D(x).features
    # 1e-5: real and fake went through D in one product, here alone
    assert torch.allclose(stale.features, before, atol=1e-5) and not torch.allclose(
        stale.features, after, atol=1e-5
    )


@pytest.mark.parametrize("gamma", [0.1, 0.5, 10.0])
def test_joint_loss_is_the_sum(gamma):
    r, f = sets()
    joint, kdd = Hinge() + gamma * KDD(0.3), KDD(0.3)
    for player in "dg":
        turn = turn_of(player, r, f)
        want = getattr(Hinge(), f"{player}_loss")(turn) + gamma * getattr(kdd, f"{player}_loss")(
            turn
        )
        assert getattr(joint, f"{player}_loss")(turn).item() == pytest.approx(
            want.item(), rel=1e-12
        )
    score_r, score_f = r.sum(-1).numpy(), f.sum(-1).numpy()
    l_d, l_g, *_ = np_losses(np_unit(r.numpy()), np_unit(f.numpy()), 0.3, "vmf")
    hinge = np.maximum(0, 1 - score_r).mean() + np.maximum(0, 1 + score_f).mean()
    assert joint.d_loss(turn_of("d", r, f)).item() == pytest.approx(hinge + gamma * l_d, abs=1e-12)
    assert joint.g_loss(turn_of("g", r, f)).item() == pytest.approx(
        -score_f.mean() + gamma * l_g, abs=1e-12
    )


def test_a_map_uses_all_anchors():
    r, f = sets()
    x = sets(seed=6)[0]
    got = KDD(0.4).logit_at(Plain()(x), turn_of("d", r, f))
    want = [
        naive(p, np_unit(r.numpy()), np_unit(f.numpy()), set(), set(), 0.4)
        for p in np_unit(x.numpy())
    ]
    assert np.allclose(got, want, atol=1e-12)


def test_half_precision_features_are_lifted():
    r, f = (v.bfloat16() for v in sets())
    assert KDD().d_loss(turn_of("d", r, f)).dtype == torch.float32


@pytest.mark.parametrize(
    "bad, quoted",
    [
        ({"tau": 0.0}, "tau=0.0"),
        ({"tau": float("nan")}, "tau=nan"),
        ({"kernel": "rbf"}, "'rbf'"),
        ({"leave_one_out": "all"}, "'all'"),
        ({"stale": "always"}, "'always'"),
        ({"copies": 2}, "copies=2"),
        ({"copies": -1}, "copies=-1"),
        ({"augment": Shift()}, "Shift"),
    ],
)
def test_bad_kdd_is_quoted(bad, quoted):
    with pytest.raises(ValueError, match=quoted):
        KDD(**bad)


@pytest.mark.parametrize("kernel", ["vmf", "gauss"])
def test_log_kernels(kernel):
    x, a = sets()
    assert np.allclose(
        log_kernels(x, a, 0.7, kernel), np_kernels(x.numpy(), a.numpy(), 0.7, kernel), atol=1e-12
    )


def test_unknown_kernel_is_quoted():
    with pytest.raises(ValueError, match="'rbf'"):
        log_kernels(*sets(), kernel="rbf")


# -- projection ----------------------------------------------------------------------------------------------------------
class ByClass(Plain):
    """A vector for each label, and a head of its own that knows labels too."""

    def __init__(self, k=4, classes=3):
        super().__init__()
        self.v = torch.nn.Parameter(
            torch.randn(classes, k, dtype=torch.float64, generator=torch.Generator().manual_seed(7))
        )

    def features(self, x, y=None):
        return x

    def head(self, v, y=None):
        return 10 * v.sum(-1) + y

    def pooled(self, v):
        return 2 * v

    def embed(self, y):
        return self.v[y]


Y = torch.tensor([0, 1, 2, 2, 1, 0, 0]), torch.tensor([2, 2, 1, 0, 1])


def labelled(player, r, f, D, y=Y):
    return Turn(
        player=player,
        D=D,
        rng=Rng(0),
        x_real=r,
        x_fake=f,
        joint=True,
        real=D(r, Y[0]) if player == "d" else None,
        fake=D(f, Y[1]),
        y_real=y[0],
        y_fake=y[1],
    )


@pytest.mark.parametrize("projection", ["normalised", "unnormalised"])
@pytest.mark.parametrize("kernel", ["vmf", "gauss"])
def test_the_hinge_wraps_the_sum_of_ratio_and_projection(kernel, projection):
    (r, f), D = sets(), ByClass()
    kdd = KDD(0.5, kernel, projection=projection)
    a, b = KDD(0.5, kernel).logits(labelled("d", r, f, D))
    h = [2 * v.numpy() for v in (r, f)]
    h = [np_unit(v) for v in h] if projection == "normalised" else h
    a, b = (
        l.detach().numpy() + (D.v.detach().numpy()[y] * v).sum(-1)
        for l, v, y in zip((a, b), h, Y, strict=True)
    )
    want = np.maximum(0, 1 - a).mean() + np.maximum(0, 1 + b).mean()
    assert kdd.d_loss(labelled("d", r, f, D)).item() == pytest.approx(want, abs=1e-12)
    assert kdd.g_loss(labelled("g", r, f, D)).item() == pytest.approx(-b.mean(), abs=1e-12)
    hinge = (
        np.maximum(0, 1 - 10 * r.sum(-1) - Y[0]).mean()
        + np.maximum(0, 1 + 10 * f.sum(-1) + Y[1]).mean()
    )
    assert (Hinge() + 0.5 * kdd).d_loss(labelled("d", r, f, D)).item() == pytest.approx(
        hinge.item() + 0.5 * want, abs=1e-9
    )


def test_gradients_of_the_projection():
    r, (f, D) = sets()[0], (sets()[1].requires_grad_(True), ByClass())
    with_it, without = (
        KDD(0.5, "gauss", projection=p).g_loss(labelled("g", r, f, D))
        for p in ("unnormalised", "none")
    )
    more = torch.autograd.grad(with_it, f)[0] - torch.autograd.grad(without, f)[0]
    assert torch.allclose(
        more, -2 * D.v[Y[1]] / len(f), atol=1e-12
    )  # -V_y / n through pooled = 2 x
    (g,) = torch.autograd.grad(
        KDD(0.5, projection="normalised").d_loss(labelled("d", r, f, D)), D.v
    )
    assert (g.abs().sum(-1) > 0).all()


def test_projection_without_labels_and_maps():
    r, f = sets()
    kdd, D = KDD(projection="normalised"), ByClass()
    with pytest.raises(ValueError, match="projection='normalised' without labels"):
        kdd.d_loss(labelled("d", r, f, D, (None, None)))
    with pytest.raises(TypeError, match="Plain has no class embedding"):
        kdd.g_loss(
            Turn(
                player="g",
                D=Plain(),
                rng=Rng(0),
                x_real=r,
                x_fake=f,
                joint=True,
                fake=Plain()(f),
                y_fake=Y[1],
            )
        )
    turn = labelled("d", r, f, D)
    assert torch.equal(kdd.logit_at(turn.fake, turn), KDD().logit_at(turn.fake, turn))


# -- stale reals in D's turn too -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("copies", [0, 1])
def test_stale_reals_in_the_turn_of_d(copies):
    extra = {"augment": Shift(), "copies": 1} if copies else {}
    kdd, memory, tau, former = KDD(0.8, stale="both", **extra), {}, 0.8, None
    for seed in range(3):
        r, f = sets(seed=seed)
        turn = turn_of("d", r, f)
        turn.memory = memory
        a, b = kdd.logits(turn)
        A = [
            np_unit(np.concatenate([v.numpy()] + copies * [v.numpy() + 0.7 * np.arange(4)]))
            for v in (r, f)
        ]
        fresh = A[0]
        A[0] = fresh if former is None else former
        for i in range(7):  # another batch's anchors are nobody's own
            own = {i} if former is None else set()
            assert a[i].item() == pytest.approx(
                naive(np_unit(r.numpy())[i], *A, own, set(), tau), abs=1e-12
            )
        for i in range(5):
            assert b[i].item() == pytest.approx(
                naive(np_unit(f.numpy())[i], *A, set(), {i}, tau), abs=1e-12
            )
        former = fresh
        assert list(memory) == ["/0/reals"] and np.allclose(memory["/0/reals"], fresh, atol=1e-12)
    old = sets(seed=8)[0]
    in_g = turn_of("g", r, f, stale=Plain()(old))  # G's turn: as the dagger
    assert torch.equal(kdd.g_loss(in_g), KDD(0.8, stale="g_step", **extra).g_loss(in_g))


def test_stale_anchors_are_constants():
    D = Map(orthogonal(4))
    kdd, memory, grads = KDD(0.5, stale="both"), {}, []
    for seed in (0, 1):
        r, f = sets(seed=seed)
        turn = turn_of("d", r, f, D)
        turn.memory = memory
        former = memory["/0/reals"].clone() if memory else None
        grads.append(
            torch.autograd.grad(kdd.d_loss(turn), D.w)[0]
        )  # the memory was overwritten before this
    points, fakes = (kdd.phi(x @ D.w, D) for x in (r, f))
    own = own_kernels(7, 5)
    own[:, :7] = False
    l = log_ratio(torch.cat([points, fakes]), former, fakes, 0.5, left_out=own)  # noqa: E741
    want = torch.autograd.grad(torch.relu(1 - l[:7]).mean() + torch.relu(1 + l[7:]).mean(), D.w)[0]
    assert torch.allclose(grads[1], want, atol=1e-12)


def test_stale_runs_resume():
    recipe = TOY.but(objective=KDD(0.3, stale="both"), batch=16)
    whole, first, second = (Run(recipe, toy.ring(), 0) for _ in range(3))
    list(whole.steps(6))
    list(first.steps(3))
    second.load_state_dict(first.state_dict())
    list(second.steps(6))
    for a, b in zip(whole.D.state_dict().values(), second.D.state_dict().values(), strict=True):
        assert torch.equal(a, b)


# -- precision and captured steps ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kernel", ["vmf", "gauss"])
def test_autocast_changes_nothing(kernel):
    r, f = (v.bfloat16() for v in sets())
    kdd = KDD(0.05, kernel)
    with torch.autocast("cpu", torch.bfloat16):
        got, at = kdd.logits(turn_of("d", r, f)), kdd.logit_at(Plain()(f), turn_of("d", r, f))
    lifted = turn_of("d", r.float(), f.float())
    want = *kdd.logits(lifted), kdd.logit_at(lifted.fake, lifted)
    assert all(torch.equal(x, y) for x, y in zip((*got, at), want, strict=True))
    exact = kdd.logits(turn_of("d", r.double(), f.double()))
    assert all(
        x.dtype == torch.float32 and torch.allclose(x.double(), y, atol=2e-5)
        for x, y in zip(got, exact, strict=True)
    )


OPTIONS = [{}, {"stale": "both"}, {"augment": Shift(), "copies": 2}, {"projection": "normalised"}]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_turn_reads_nothing_on_the_host(options):
    (r, f), D = sets(), ByClass()
    kdd, turns = KDD(**options), [labelled(p, r, f, D) for p in "dg"]
    # leave-one-out is prepared once, and again when the reals of the step before serve
    for turn in 2 * turns:
        getattr(kdd, f"{turn.player}_loss")(turn)
    with NoHostReads():
        for turn in turns:
            getattr(kdd, f"{turn.player}_loss")(turn)


def test_float32_is_asked_for_and_given_back():
    parts = torch.backends.cuda.matmul, torch.backends.cudnn.conv
    before = [p.fp32_precision for p in parts]
    with (
        pytest.raises(ZeroDivisionError),
        torch.autocast("cpu", torch.bfloat16),
        in_float32(torch.device("cuda")),
    ):
        assert [p.fp32_precision for p in parts] == ["ieee", "ieee"]
        1 / 0  # noqa: B018
    assert [p.fp32_precision for p in parts] == before


# -- several processes ---------------------------------------------------------------------------------------------------
CASES = {
    "plain": {},
    "gauss": {"kernel": "gauss"},
    "constant anchors": {"anchor_grad_d": False, "anchor_grad_g": False},
    "copies": {"augment": Shift(), "copies": 2},
    "whole families": {"augment": Shift(), "copies": 1, "leave_one_out": "self+copies"},
    "all": {"leave_one_out": "none"},
    "stale": {"stale": "both"},
}


def shared_losses(case, rank, world):
    """Losses and gradients of D's and G's turn, for the part of the batch that process `rank` sees; x = z A, phi = x W."""
    g = torch.Generator().manual_seed(3)
    w, a = (
        torch.randn(3, k, dtype=torch.float64, generator=g).requires_grad_(True) for k in (5, 3)
    )
    D = Map(w)
    kdd, memory, found = KDD(0.4, **CASES[case]), {}, []
    for _ in range(2):
        x, z = torch.randn(2, 8, 3, dtype=torch.float64, generator=g)
        x, z = (v.chunk(world)[rank] for v in (x + 0.5, z))
        for player, weight in (("d", D.w), ("g", a)):
            turn = turn_of(player, x, (z @ a).detach() if player == "d" else z @ a, D)
            turn.memory = memory
            loss = getattr(kdd, f"{player}_loss")(turn)
            found += [loss.detach(), torch.autograd.grad(loss, weight)[0]]
    return found


def process(rank, folder):
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    exchanges, all_reduce = [0], dist.all_reduce

    def counted(*args, **options):
        exchanges[0] += 1
        return all_reduce(*args, **options)

    dist.all_reduce, found = counted, {}
    for case in CASES:
        exchanges[0] = 0
        found[case] = shared_losses(case, rank, 2), exchanges[0]
    dist.all_reduce = all_reduce
    found = {case: (parallel.average(losses), n) for case, (losses, n) in found.items()}
    try:
        KDD().d_loss(turn_of("d", *sets(4 + rank, 5)))
    except ValueError as error:
        found["unequal"] = str(error)
    torch.save(found, f"{folder}/{rank}.pt")
    dist.barrier()
    dist.destroy_process_group()


def test_two_processes_take_the_step_of_one(tmp_path):
    torch.multiprocessing.spawn(process, (str(tmp_path),), nprocs=2)
    both = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    for case in CASES:
        one = shared_losses(case, 0, 1)
        for found in both:
            got, exchanges = found[case]
            assert all(
                torch.allclose(x, y, rtol=0, atol=1e-10) for x, y in zip(got, one, strict=True)
            ), case
            assert exchanges == (0 if case == "constant anchors" else 4), (
                case
            )  # a backward pass each turn
    assert all("[[4, 5], [5, 5]]" in found["unequal"] for found in both)


# -- JacD ----------------------------------------------------------------------------------------------------------------
class Map(Plain):
    """phi(x) = x W."""

    def __init__(self, w):
        super().__init__()
        self.w = torch.nn.Parameter(w)

    def features(self, x):
        return x @ self.w


def orthogonal(k=6):
    return torch.linalg.qr(
        torch.randn(k, k, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    )[0]


@pytest.mark.parametrize("method", ["fd", "jvp"])
@pytest.mark.parametrize("c", [0.0, 0.25, 1.0, 3.0])
def test_jacobian_of_a_scaled_rotation(c, method):
    r, f = sets(9, 9, 6)
    got = JacobianD(1.0, method=method).d_loss(turn_of("d", r, f, Map(c * orthogonal())))
    assert got.item() == pytest.approx(2 * abs(c - 1), abs=1e-6)  # directions are drawn in float32


@pytest.mark.parametrize("delta", [1e-3, 0.1, 10.0])
def test_jacobian_of_a_linear_map_by_both_methods(delta):
    r, f = sets(9, 4, 6)
    w = torch.randn(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    values, grads = [], []
    for method in ("fd", "jvp"):
        turn = turn_of("d", r, f, Map(w))
        values.append(JacobianD(1.0, delta, method).d_loss(turn))
        grads.append(torch.autograd.grad(values[-1], turn.D.w)[0])
    # a difference quotient of doubles loses 1e-16 / delta
    assert values[0].item() == pytest.approx(values[1].item(), abs=1e-10)
    assert torch.allclose(*grads, atol=1e-9) and grads[0].abs().max() > 0.1


def test_jacobian_normaliser():
    r, f = sets(8, 4, 6)
    by_reals, by_all = (
        JacobianD(1.0, mean=mean).d_loss(turn_of("d", r, f, Map(0 * orthogonal()))).item()
        for mean in (False, True)
    )
    assert by_reals == pytest.approx(12 / 8) and by_all == pytest.approx(1)
    assert JacobianD(1e-5).d_loss(
        turn_of("d", r, f, Map(0 * orthogonal()))
    ).item() == pytest.approx(1.5e-5)
    assert JacobianD().g_loss(turn_of("g", r, f)) is None


def test_jacobian_of_orthonormal_rows_is_not_one():
    """K of d directions survive: |J u| is about sqrt(K/d), so the penalty does not ask for orthonormal rows."""
    x, u = torch.zeros(500, 400), normalize(Rng(0).randn(500, 400), dim=-1)
    slope = JacobianD(method="jvp").slope(lambda x: x[..., :16], x, u)
    assert slope.mean().item() == pytest.approx(
        (16 / 400) ** 0.5, abs=0.01
    )  # standard error about 0.0015


@pytest.mark.parametrize(
    "bad, quoted",
    [({"method": "vjp"}, "'vjp'"), ({"delta": 0.0}, "delta=0.0"), ({"weight": -1}, "=-1")],
)
def test_bad_jacobian_is_quoted(bad, quoted):
    with pytest.raises(ValueError, match=quoted):
        JacobianD(**bad)


@pytest.mark.parametrize("method", ["fd", "jvp"])
def test_jacobian_of_several_seeds_in_a_run(method):
    recipe = TOY.but(terms=(JacobianD(0.1, delta=0.05, method=method),), batch=16)
    losses = [Run(recipe, toy.ring(), seed) for seed in ([0, 1], 0, 1)]
    for run in losses:
        list(run.steps(1))
    together, *alone = (run.d_loss for run in losses)
    assert torch.allclose(
        together, torch.stack(alone), atol=1e-5
    )  # float32, a quotient by delta 0.05


class Half(Plain):
    """Two spectrally normalised layers, whose weights move a little at every look."""

    def __init__(self, norm=True):
        super().__init__()
        rng = Rng(0)
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Linear(8, 4)
        )
        for i, layer in enumerate((self.layers[0], self.layers[2])):
            layer.weight.data = Rng(i).randn(*layer.weight.shape)
            layer.bias.data = 0.1 * Rng(i).randn(*layer.bias.shape)
            spectral_once(layer, rng) if norm else None

    def features(self, x):
        return self.layers(x)


def spectral_once(layer, rng):
    """As after one look: far from converged, so that the next looks move the weight."""
    torch.nn.utils.parametrizations.spectral_norm(layer)
    for vector in layer.parametrizations.weight.buffers():
        vector.copy_(normalize(rng.randn(len(vector)), dim=0))


def looks(D):
    return [v.clone() for v in D.buffers()]


@pytest.mark.parametrize("nets", ["spectral", "batch", "none", "half"])
def test_both_methods_agree_on_live_norms(nets):
    """Two calls, one power iteration each, would measure how far the weights moved, divided by delta."""
    D = Half() if nets == "half" else Dcgan(z=4, width=4, size=8, norm=nets).build(Rng(0))[1]
    x = torch.randn(
        2,
        *((12, 6) if nets == "half" else (6, 3, 8, 8)),
        generator=torch.Generator().manual_seed(1),
    )
    found = []
    for method in ("fd", "jvp"):
        copied = copy.deepcopy(D).double().train()
        turn = Turn(
            player="d",
            D=copied,
            rng=Rng(0),
            x_real=x.double()[0],
            x_fake=x.double()[1],
            joint=False,
        )
        loss = JacobianD(1.0, 1e-6, method).d_loss(turn)
        first = [p for p in copied.parameters() if p.ndim > 1][0]
        found.append([loss.detach(), *torch.autograd.grad(loss, first), *copied.buffers()])
    for name, a, b in zip(["loss", "gradient", *copied.state_dict()], *found, strict=False):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-5 * b.abs().max().item()), (
            name
        )  # buffers too: equally many looks


def test_one_more_look_at_spectral_norm():
    for method in ("fd", "jvp"):
        D, other = Half(), Half()
        JacobianD(method=method).d_loss(turn_of_half(D))
        other.features(torch.zeros(1, 6))
        assert all(torch.equal(a, b) for a, b in zip(looks(D), looks(other), strict=True))


def turn_of_half(D):
    r, f = (v.float() for v in sets(9, 4, 6))
    return Turn(player="d", D=D, rng=Rng(0), x_real=r, x_fake=f, joint=True)


@pytest.mark.parametrize("method", ["fd", "jvp"])
def test_jacobian_ignores_autocast_in_both_directions(method):
    found = []
    for on in (True, False):
        D = Half(norm=False)
        with torch.autocast("cpu", torch.bfloat16, enabled=on):
            loss = JacobianD(1.0, method=method).d_loss(turn_of_half(D))
            found.append(
                (loss, *torch.autograd.grad(3 * loss, list(D.parameters()), allow_unused=True)[:3])
            )
    assert (
        all(torch.equal(a, b) for a, b in zip(*found, strict=True))
        and found[0][0].dtype == torch.float32
    )


@pytest.mark.parametrize("method", ["fd", "jvp"])
def test_gradients_taken_on_the_spot_are_autograds(method):
    term, turn = JacobianD(0.3, 0.01, method), turn_of_half(Half(norm=False).double())
    turn.x_real, turn.x_fake = turn.x_real.double(), turn.x_fake.double()
    turn.rng = Rng(0)
    x, weights = torch.cat([turn.x_real, turn.x_fake]), list(turn.D.parameters())
    u = normalize(Rng(0).randn(13, 6).double(), dim=-1)
    slope = term.slope(turn.D.features, x, u)
    want = torch.autograd.grad(5 * (0.3 * (slope - 1).abs().sum() / 9), weights, allow_unused=True)
    with NoHostReads():
        got = torch.autograd.grad(5 * term.d_loss(turn), weights, allow_unused=True)
    assert got[3] is None or got[3].abs().max() < 1e-12  # a bias at the end cancels
    assert all(torch.allclose(a, b, atol=1e-9) for a, b in zip(got[:3], want[:3], strict=True))
    turn.rng = Rng(0)
    with torch.no_grad():
        assert term.d_loss(turn).item() == pytest.approx(0.3 * (slope - 1).abs().sum().item() / 9)


def test_jacobian_of_conditional_critics():
    (r, f), D = sets(), ByClass()
    turn = labelled("d", r, f, D)
    assert JacobianD(1.0).d_loss(turn).item() == pytest.approx(
        12 / 7, abs=1e-6
    )  # pooled = 2 x: |2 - 1| a point
    D.reads_labels = True
    with pytest.raises(TypeError, match="ByClass reads labels"):
        JacobianD().d_loss(turn)
