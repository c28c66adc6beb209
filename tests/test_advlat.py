"""AdvLatGAN: latent search, hard pairs and the mode-seeking term; (a) to (l) are the specification's list."""

import copy

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from gantutor import toy
from gantutor.methods.advlat import IFGSM, MIFGSM, PGD, GradientStep
from gantutor.methods.pairs import HardPairs, ModeSeeking, pair_ratio
from gantutor.nets import Critique, Discriminator, Labelled, latent_mode
from gantutor.recipes import TOY
from gantutor.rng import Rng
from gantutor.step import fakes
from gantutor.train import Run
from gantutor.turn import Turn

F64 = torch.float64


class Critic(Discriminator):
    """Any trunk, then a linear head."""

    def __init__(self, trunk, k):
        super().__init__()
        self.trunk, self.out = trunk, nn.Linear(k, 1)

    def features(self, x):
        return self.trunk(x)

    def head(self, v):
        return self.out(v).squeeze(-1)


def nets(normed=True, seed=0):
    """G with batch norm, D with batch norm and spectral norm (or plain smooth ones), in doubles, in training mode."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if not normed:
            G = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 2))
            return G.double(), Critic(nn.Sequential(nn.Linear(2, 16), nn.Tanh()), 16).double()
        G = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Linear(16, 2))
        trunk = nn.Sequential(
            nn.utils.parametrizations.spectral_norm(nn.Linear(2, 16)), nn.BatchNorm1d(16), nn.Tanh()
        )
        return G.double(), Critic(trunk, 16).double()


def latents(n=12, k=4, seed=1):
    return torch.randn(n, k, dtype=F64, generator=torch.Generator().manual_seed(seed))


def linear():
    """G(z) = z A, D(x) = x.w, so the score's gradient is A w everywhere."""
    a, w = latents(4, 3, 2), latents(3, 1, 3)[:, 0]
    return (lambda z: z @ a), (lambda x: Critique(x @ w, x)), a @ w


SEARCHES = [
    IFGSM(0.02, 5),
    IFGSM(0.02, 5, 0.05),
    PGD(0.02, 5, 0.05),
    MIFGSM(0.02, 5, mu=0.5),
    GradientStep(0.02, 5),
    PGD(0.02, 5, 0.05, norm="l2"),
    IFGSM(0.02, 5, shell=True, prior_weight=0.1),
]


def test_a_linear_nets_exactly():
    G, D, slope = linear()
    z = latents()
    assert torch.allclose(IFGSM(0.01, 20)(z, G, D), z + 20 * 0.01 * slope.sign(), atol=1e-12)
    assert torch.allclose(MIFGSM(0.01, 20)(z, G, D), z + 20 * 0.01 * slope.sign(), atol=1e-12)
    assert torch.allclose(GradientStep(0.01, 20)(z, G, D), z + 20 * 0.01 * slope, atol=1e-12)
    assert torch.allclose(
        IFGSM(0.01, 20, radius=0.05)(z, G, D), z + 0.05 * slope.sign(), atol=1e-12
    )
    assert torch.allclose(
        PGD(0.1, 30, radius=0.25)(z, G, D, Rng(0)), z + 0.25 * slope.sign(), atol=1e-12
    )


@pytest.mark.parametrize("search", [*SEARCHES[:4], SEARCHES[5]])
def test_b_reach(search):
    G, D = nets()
    z = latents()
    for i, moved in enumerate(search.path(z, G, D, Rng(0))):
        far = (moved - z).abs().max()
        if search.radius is not None:
            assert far <= search.radius + 1e-12
        else:
            assert far <= i * search.eps + 1e-12
    assert i == search.steps and far > 0


def test_pgd_starts_uniformly_within_the_radius():
    G, D, _ = linear()
    z = torch.zeros(5000, 4, dtype=F64)
    start = next(PGD(radius=0.3, steps=1).path(z, G, D, Rng(0)))
    # 20000 uniform numbers: spread 0.3 / sqrt(3), standard error 0.0012 of the mean
    assert start.abs().max() <= 0.3 and start.abs().max() > 0.299 and abs(start.mean()) < 0.006
    assert start.std().item() == pytest.approx(0.3 / 3**0.5, rel=0.02)
    assert torch.equal(
        next(PGD(radius=0.3).path(z, G, D, Rng(4))), next(PGD(radius=0.3).path(z, G, D, Rng(4)))
    )
    with pytest.raises(ValueError, match="rng=None"):
        PGD(radius=0.3)(z, G, D)


def test_l2_steps_and_ball():
    G, D, slope = linear()
    z = latents()
    unit = slope / slope.norm()
    path = list(PGD(0.1, 30, radius=0.25, norm="l2").path(z, G, D, Rng(0)))
    far = torch.stack([(p - z).norm(dim=-1) for p in path])
    assert far.max() <= 0.25 + 1e-12 and torch.allclose(path[-1], z + 0.25 * unit, atol=1e-2)
    start, moved = list(PGD(0.1, 1, radius=9.0, norm="l2").path(z, G, D, Rng(0)))
    assert torch.allclose(
        moved, start + 0.1 * unit, atol=1e-12
    )  # a step's length is eps whatever the slope
    # a step that leaves the ball ends at the nearest point of its surface
    start, moved = list(PGD(0.7, 1, radius=0.3, norm="l2").path(z, G, D, Rng(0)))
    out = start + 0.7 * unit - z
    assert torch.allclose(moved, z + 0.3 * out / out.norm(dim=-1, keepdim=True), atol=1e-12)


def test_l2_starts_uniformly_in_the_ball():
    G, D, _ = linear()
    start = next(PGD(radius=0.3, norm="l2").path(torch.zeros(5000, 4, dtype=F64), G, D, Rng(0)))
    share = (
        start.norm(dim=-1) / 0.3
    ) ** 4  # volume within the point's distance: uniform in (0, 1), standard error 0.004
    assert share.max() <= 1 and share.mean().item() == pytest.approx(0.5, abs=0.016)
    assert share.var().item() == pytest.approx(1 / 12, rel=0.1)
    assert (
        start.mean(0).abs() < 0.3 / 6**0.5 / 5000**0.5 * 4
    ).all()  # a coordinate's variance is r^2 / (d + 2)


@pytest.mark.parametrize(
    "search",
    [
        IFGSM(0.1, 8, shell=True),
        IFGSM(0.1, 8, radius=0.2, shell=True),
        MIFGSM(0.1, 8, shell=True),
        PGD(0.1, 8, radius=0.3, shell=True, norm="l2"),
        GradientStep(0.1, 8, shell=True),
    ],
)
def test_the_shell_keeps_every_norm(search):
    G, D = nets()
    z = latents()
    for moved in list(search.path(z, G, D, Rng(0)))[1:]:
        assert torch.allclose(moved.norm(dim=-1), z.norm(dim=-1), atol=1e-12)
    assert not torch.allclose(moved, z, atol=1e-3)
    # as a step without it, then scaled
    free = next(p for i, p in enumerate(IFGSM(0.1, 1).path(z, G, D)) if i)
    assert torch.allclose(
        IFGSM(0.1, 1, shell=True)(z, G, D),
        free * (z.norm(dim=-1) / free.norm(dim=-1))[:, None],
        atol=1e-12,
    )


def test_the_prior_weight_pulls_towards_the_origin():
    G, D, slope = linear()
    z = latents()
    assert torch.allclose(
        IFGSM(0.1, 1, prior_weight=0.7)(z, G, D), z + 0.1 * (slope - 0.7 * z).sign(), atol=1e-12
    )
    # gradient steps on -z.c + lam |z|^2 / 2 shrink the distance to c / lam by 1 - eps lam each
    moved = GradientStep(0.1, 50, prior_weight=2.0)(z, G, D)
    assert torch.allclose(moved, slope / 2 + 0.8**50 * (z - slope / 2), atol=1e-12)


@pytest.mark.parametrize("search", [IFGSM(1e-3, 50), MIFGSM(1e-3, 50), GradientStep(1e-2, 50)])
def test_c_the_score_does_not_fall(search):
    G, D = nets(normed=False)
    with torch.no_grad():
        scores = torch.stack([D(G(z)).score for z in search.path(latents(), G, D)])
    # a sign step may overshoot by its curvature once the gradient is smaller than eps: 1e-5 a step
    assert (scores.diff(dim=0) > -1e-5).all() and (scores[-1] > scores[0]).all()


@pytest.mark.parametrize("mode", ["eval", "train_frozen"])
@pytest.mark.parametrize("search", SEARCHES)
def test_d_nets_are_left_as_found(search, mode):
    G, D = nets()
    D.trunk[1].eval()  # a part in another mode than the rest
    D.out.weight.requires_grad_(False)
    G[0].weight.grad = torch.ones_like(G[0].weight)
    before = [{k: v.clone() for k, v in m.state_dict().items()} for m in (G, D)]
    modes, flags = (
        [f(p) for m in (G, D) for p in i(m)]
        for f, i in (
            (lambda p: p.training, nn.Module.modules),
            (lambda p: p.requires_grad, nn.Module.parameters),
        )
    )
    z = latents()
    z0 = z.clone()
    moved = type(search)(**{**search.__dict__, "mode": mode})(z, G, D, Rng(0))
    for m, saved in zip((G, D), before, strict=True):
        assert all(torch.equal(v, saved[k]) for k, v in m.state_dict().items())
    assert modes == [p.training for m in (G, D) for p in m.modules()]
    assert flags == [p.requires_grad for m in (G, D) for p in m.parameters()]
    assert all(
        p.grad is None or (p is G[0].weight and (p.grad == 1).all())
        for m in (G, D)
        for p in m.parameters()
    )
    assert (
        torch.equal(z, z0)
        and not z.requires_grad
        and not moved.requires_grad
        and not torch.equal(moved, z)
    )


def test_d_train_moves_the_buffers_as_the_authors_code():
    G, D = nets()
    before = [{k: v.clone() for k, v in m.named_buffers()} for m in (G, D)]
    IFGSM(0.01, 1, mode="train")(latents(), G, D)
    moved = {
        k
        for m, saved in zip((G, D), before, strict=True)
        for k, v in m.named_buffers()
        if not torch.equal(v, saved[k])
    }
    assert {"1.running_mean", "1.running_var", "1.num_batches_tracked"} <= moved and any(
        k.endswith("_u") for k in moved
    )
    assert G.training and D.training


class Conditional(nn.Module):
    """G(z, y) or D(x, y) with batch norm and an embedding of the labels; the critic also has a spectral norm."""

    def __init__(self, k, critic=False):
        super().__init__()
        self.layer, self.bn, self.critic = nn.Linear(k, 6), nn.BatchNorm1d(6), critic
        self.embed = nn.Embedding(3, 6)
        if critic:
            self.layer = nn.utils.parametrizations.spectral_norm(self.layer)

    def forward(self, x, y):
        v = torch.tanh(self.bn(self.layer(x)) + self.embed(y))
        return Critique(v.sum(-1), v) if self.critic else v


@pytest.mark.parametrize("mode", ["eval", "train_frozen"])
def test_d_labels_filled_in_are_seen_and_the_net_inside_is_left_as_found(mode):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        g, d = Conditional(4).double(), Conditional(6, critic=True).double()
    y, z = torch.arange(12) % 3, latents()
    before = [{k: v.clone() for k, v in m.state_dict().items()} for m in (g, d)]
    search, pairs = IFGSM(0.05, 3, mode=mode), HardPairs(steps=2)
    moved = search(z, Labelled(g, y), Labelled(d, y))
    partners = pairs(z, Labelled(g, y), Rng(0))
    other = search(z, Labelled(g, y.flip(0)), Labelled(d, y.flip(0)))
    for m, saved in zip((g, d), before, strict=True):
        assert (
            all(torch.equal(v, saved[k]) for k, v in m.state_dict().items())
            and m.training
            and m.bn.training
        )
    assert not torch.equal(moved, other) and torch.isfinite(partners).all()
    if mode == "eval":  # one sample does not see the next: each label by itself gives the same
        for label in range(3):
            mine = y == label
            alone = search(z[mine], Labelled(g, y[mine]), Labelled(d, y[mine]))
            assert torch.allclose(moved[mine], alone, atol=1e-12)


def test_d_modes_survive_an_error():
    G, D = nets()
    before = {k: v.clone() for k, v in G.named_buffers()}
    with pytest.raises(RuntimeError, match="stop"), latent_mode([G, D], "train_frozen"):
        G(latents())
        raise RuntimeError("stop")
    assert all(torch.equal(v, before[k]) for k, v in G.named_buffers()) and D.training
    with pytest.raises(ValueError, match="'test'"), latent_mode([G], "test"):
        pass


def test_mode_decides_which_statistics_are_used():
    G, D = nets()
    moves = {
        m: IFGSM(0.01, 3, mode=m)(latents(), *map(copy.deepcopy, (G, D)))
        for m in ("eval", "train_frozen", "train")
    }
    assert not torch.equal(moves["eval"], moves["train_frozen"])
    G.eval(), D.eval()
    assert torch.equal(
        IFGSM(0.01, 3)(latents(), G, D), moves["eval"]
    )  # whatever mode the nets were in


@pytest.mark.parametrize("search", [IFGSM(0.02, 5), MIFGSM(0.02, 5)])
def test_e_every_falling_phi_gives_the_same_step(search):
    G, D = nets()
    moved = [
        type(search)(0.02, 5, objective=phi)(latents(), G, D)
        for phi in ("score", "ns", "saturating")
    ]
    assert torch.allclose(moved[0], moved[1], atol=1e-12) and torch.allclose(
        moved[0], moved[2], atol=1e-12
    )


def test_e_least_squares_stops_at_the_target():
    G, D, slope = linear()
    z = latents(200)
    with torch.no_grad():
        y = D(G(z)).score
    moved = IFGSM(1e-4, 1, objective="lsgan")(z, G, D)
    assert (
        torch.allclose(moved, z + 1e-4 * (1 - y).sign()[:, None] * slope.sign(), atol=1e-12)
        and 0 < (y > 1).sum() < 200
    )


def test_e_large_logits_kill_softplus_in_single_precision():
    G, D, slope = linear()
    z = latents().float()
    G32, D32 = (
        (lambda z: G(z.double()).float()),
        (lambda x: Critique(D(x.double()).score.float() + 200, x)),
    )
    assert torch.equal(IFGSM(0.1, 1, objective="ns")(z, G32, D32), z)  # a good sample stays
    assert torch.equal(IFGSM(0.1, 1)(z, G32, D32), z + 0.1 * slope.float().sign())


@pytest.mark.parametrize("a, b", [(4.0, 0.0), (0.03, -7.0), (1e3, 2.0)])
@pytest.mark.parametrize("search", [*SEARCHES[:4], SEARCHES[5]])
def test_f_sign_steps_do_not_see_the_critics_scale(search, a, b):
    G, D = nets()
    scaled = lambda x: Critique(a * D(x).score + b, x)  # noqa: E731
    D.eval()
    # 1e-9: |g|_1 has a floor of 1e-12 in the running sum
    assert torch.allclose(
        search(latents(), G, scaled, Rng(0)), search(latents(), G, D, Rng(0)), atol=1e-9
    )


def test_f_the_plain_gradient_does():
    G, D = nets(normed=False)
    z = latents()
    one, four = (
        GradientStep(0.01, 1)(z, G, lambda x, a=a: Critique(a * D(x).score, x)) - z for a in (1, 4)
    )
    assert torch.allclose(four, 4 * one, atol=1e-12)


def test_momentum_by_hand():
    G, D = nets(normed=False)
    z = latents()
    want, memory = z, torch.zeros_like(z)
    for _ in range(6):
        want = want.detach().requires_grad_(True)
        (g,) = torch.autograd.grad(-D(G(want)).score.sum(), want)
        memory = 0.7 * memory + g / g.abs().sum(-1, keepdim=True)
        want = want.detach() - 0.3 * memory.sign()
    assert torch.allclose(MIFGSM(0.3, 6, mu=0.7)(z, G, D), want, atol=1e-12)
    assert torch.equal(MIFGSM(0.3, 6, mu=0.0)(z, G, D), IFGSM(0.3, 6)(z, G, D))
    assert not torch.equal(MIFGSM(0.3, 6)(z, G, D), IFGSM(0.3, 6)(z, G, D))


def test_g_no_step_or_no_length_is_the_identity():
    G, D = nets()
    z = latents()
    for search in (IFGSM(0.1, 0), IFGSM(0.0, 5), MIFGSM(0.0, 5), GradientStep(0.0, 5)):
        assert torch.equal(search(z, G, D), z) and search(z, G, D) is not z


def test_h_a_split_batch_moves_the_same_in_eval_mode_only():
    G, D = nets()
    z = latents()
    for mode, same in (("eval", True), ("train_frozen", False)):
        search = IFGSM(0.05, 5, mode=mode)
        split = torch.cat([search(part, G, D) for part in z.split(4)])
        assert torch.allclose(search(z, G, D), split, atol=1e-12) is same


def test_i_works_under_no_grad():
    G, D = nets()
    want = IFGSM(0.05, 3)(latents(), G, D), HardPairs()(latents(), G, Rng(0))
    with torch.no_grad():
        got = IFGSM(0.05, 3)(latents(), G, D), HardPairs()(latents(), G, Rng(0))
        assert not torch.is_grad_enabled()
    assert torch.equal(got[0], want[0]) and torch.equal(got[1], want[1])


class NoHostReads(TorchDispatchMode):
    """Refuses what a CUDA graph cannot record: numbers read back from a tensor, shapes that depend on values."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert func.overloadpacket not in (
            torch.ops.aten._local_scalar_dense,
            torch.ops.aten.nonzero,
            torch.ops.aten.equal,
        ), func
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    "search", [*SEARCHES, IFGSM(0.02, 2, mode="train_frozen"), HardPairs(steps=2)]
)
def test_a_search_reads_nothing_back(search):
    G, D = nets()
    args = (latents(), G) if isinstance(search, HardPairs) else (latents(), G, D)
    with NoHostReads():
        search(*args, Rng(0))
        with pytest.raises(AssertionError, match="_local_scalar_dense"):
            float(latents().sum())


def test_paths_are_constants_for_who_holds_them():
    G, D = nets()
    for path in (
        IFGSM(0.05, 3).path(latents(), G, D),
        HardPairs(steps=3).path(latents(), G, Rng(0)),
    ):
        held = list(path)
        assert len(held) == 4 and not any(z.requires_grad for z in held)
        assert all(not torch.equal(a, b) for a, b in zip(held, held[1:], strict=False))
        held[0].numpy()


def test_several_seeds_are_searched_side_by_side():
    run, ones = Run(TOY, toy.ring(), [3, 4]), [Run(TOY, toy.ring(), s) for s in (3, 4)]
    z = Rng([0, 1]).randn(5, 8)
    for search in (
        IFGSM(0.05, 2),
        PGD(0.05, 2, radius=0.1),
        PGD(0.05, 2, radius=0.1, norm="l2"),
        GradientStep(0.05, 2),
    ):
        moved = search(z, run.G, run.D, Rng([0, 1]))
        for i in range(2):  # 1e-4 is above rounding and far below a flipped sign (0.1)
            assert torch.allclose(moved[i], search(z[i], ones[i].G, ones[i].D, Rng(i)), atol=1e-4)
    pairs = HardPairs(per_sample=True)(z, run.G, Rng([0, 1]))
    for i in range(2):
        assert torch.allclose(
            pairs[i], HardPairs(per_sample=True)(z[i], ones[i].G, Rng(i)), atol=1e-4
        )


@pytest.mark.parametrize(
    "bad, quoted",
    [
        ({"eps": -0.1}, "eps=-0.1"),
        ({"steps": -1}, "steps=-1"),
        ({"radius": 0.0}, "radius=0.0"),
        ({"prior_weight": -1.0}, "prior_weight=-1.0"),
        ({"objective": "hinge"}, "'hinge'"),
        ({"mode": "test"}, "'test'"),
    ],
)
def test_bad_search_is_quoted(bad, quoted):
    for kind in (IFGSM, MIFGSM, GradientStep):
        with pytest.raises(ValueError, match=quoted):
            kind(**bad)
    with pytest.raises(ValueError, match="radius=None"):
        PGD()
    with pytest.raises(ValueError, match="norm='l1'"):
        PGD(radius=0.1, norm="l1")


# -- hard pairs and the mode-seeking term --------------------------------------------------------------------------------
def ratios(pairs, seed=0, n=32):
    G, _ = nets(normed=False, seed=seed)
    z1 = latents(n, seed=seed + 10)
    with torch.no_grad():
        return torch.stack(
            [
                pair_ratio(G(z1), G(z2), z1, z2, pairs.offset, True)
                for z2 in pairs.path(z1, G, Rng(seed))
            ]
        )


@pytest.mark.parametrize("per_sample", [True, False])
@pytest.mark.parametrize("offset", [0.0, 1.0])
@pytest.mark.parametrize("direction", [-1, 1])
def test_j_the_search_lowers_or_raises_the_ratio(direction, offset, per_sample):
    for seed in range(3):
        r = ratios(
            HardPairs(steps=10, direction=direction, offset=offset, per_sample=per_sample), seed
        )
        by_batch = r.mean(-1)
        # measured over ten seeds: ten steps change the ratio by 38 to 112 %
        assert direction * (by_batch[-1] / by_batch[0] - 1) > 0.2
        assert len(r) == 11


def test_t0_is_the_control_without_a_search():
    G, _ = nets()
    z1 = latents()
    start, *_ = HardPairs(steps=3).path(z1, G, Rng(0))
    calls = []
    z2 = HardPairs(steps=0)(z1, lambda z: calls.append(z), Rng(0))
    assert torch.equal(z2, start) and calls == []  # G is not even asked
    assert ((z2 - z1) / 0.08).std().item() == pytest.approx(
        1, abs=0.4
    )  # 48 normals: standard error 0.1
    moved = HardPairs(std=0.08, eps=0.004, steps=3)(z1, G, Rng(0)) - start
    assert 0 < moved.abs().max() <= 0.012 + 1e-6 and not moved.requires_grad


def test_neighbours_are_as_near_and_partners_as_far_as_the_specification_says():
    z1 = latents(4000, 8)
    for std, far in ((0.08, 0.0638), (None, 1.128)):
        z2 = HardPairs(std=std, steps=0)(z1, None, Rng(0))
        assert (z2 - z1).abs().mean().item() == pytest.approx(
            far, rel=0.03
        )  # 32000 numbers: standard error 0.4 %
    assert torch.equal(HardPairs(std=None, steps=0)(z1, None, Rng(0)), Rng(0).randn(4000, 8))


def test_hard_pairs_leave_g_as_found():
    G, _ = nets()
    before = {k: v.clone() for k, v in G.state_dict().items()}
    HardPairs()(latents(), G, Rng(0))
    assert all(torch.equal(v, before[k]) for k, v in G.state_dict().items()) and G.training
    assert all(p.grad is None for p in G.parameters())


def test_pair_ratio_by_hand():
    x1, x2 = torch.tensor([[0.0, 0.0], [1.0, 1.0]]), torch.tensor([[1.0, 3.0], [1.0, 5.0]])
    z1, z2 = torch.zeros(2, 4), torch.tensor([[1.0, -1.0, 1.0, 1.0], [0.5, 0.5, -0.5, 0.5]])
    assert pair_ratio(x1, x2, z1, z2).item() == pytest.approx(2.0 / 0.75)
    assert pair_ratio(x1, x2, z1, z2, 1.0).item() == pytest.approx(2.0 / 1.75)
    assert pair_ratio(x1, x2, z1, z2, per_sample=True).tolist() == pytest.approx([2.0, 4.0])
    # Euclidean: distances 10^.5 and 4 of the images, 2 and 1 of the latents
    assert pair_ratio(x1, x2, z1, z2, norm="l2").item() == pytest.approx((10**0.5 + 4) / 3)
    assert pair_ratio(x1, x2, z1, z2, 1.0, norm="l2").item() == pytest.approx((10**0.5 + 4) / 5)
    assert pair_ratio(x1, x2, z1, z2, per_sample=True, norm="l2").tolist() == pytest.approx(
        [10**0.5 / 2, 4.0]
    )
    with pytest.raises(ValueError, match="norm='max'"):
        pair_ratio(x1, x2, z1, z2, norm="max")


def test_k_the_search_of_d_gives_g_no_gradient():
    for mode in ("eval", "train_frozen", "train"):
        run = Run(TOY.but(latent=IFGSM(0.05, 2, mode=mode), batch=16), toy.ring(), 0)
        before = {k: v.clone() for k, v in run.G.state_dict().items()}
        run.d_turn()
        assert (
            all(p.grad is None for p in run.g_weights.params) and not run.turn.x_fake.requires_grad
        )
        assert all(torch.equal(v, before[k]) for k, v in run.G.state_dict().items())


def test_qua_moves_the_latents_of_d_alone():
    seen = []

    class Spy(IFGSM):
        def __call__(self, z, G, D, rng=None):
            seen.append((z, super().__call__(z, G, D, rng)))
            return seen[-1][1]

    run = Run(TOY, toy.ring(), 0)
    object.__setattr__(run, "recipe", TOY.but(latent=Spy(0.05, 1), batch=16, g_batch=32, n_dis=3))
    for player in run.take_step():
        if player == "d":
            assert torch.equal(run.turn.z, seen[-1][1]) and len(run.turn.z) == 16
    assert len(seen) == 3 and not torch.equal(
        seen[0][0], seen[1][0]
    )  # fresh latents in each D step (the paper)
    assert len(fakes(run, "g").z) == 32 and len(seen) == 3
    seen.clear()
    object.__setattr__(run, "recipe", run.recipe.but(fakes="d"))
    used = [run.turn.z for player in run.take_step() if player == "d"]
    assert len(seen) == 1 and all(z is used[0] for z in used)  # once an iteration (the code)


def turn_of(z, x, player="g"):
    return Turn(player=player, D=None, rng=Rng(0), z=z, x_fake=x, joint=True)


def test_l_mode_seeking_by_hand():
    z = torch.tensor([[0.0, 0.0], [1.0, 1.0], [1.0, -1.0], [1.0, 2.0]])  # pairs (0, 2), (1, 3)
    x = torch.tensor([[0.0], [2.0], [1.0], [5.0]])
    ratio = ((1 + 3) / 2) / ((1 + 1 + 0 + 1) / 4)
    assert ModeSeeking(0.5).g_loss(turn_of(z, x)).item() == pytest.approx(
        0.5 / (ratio + 1e-5), rel=1e-6
    )
    assert ModeSeeking(0.5, negative_ratio=True).g_loss(turn_of(z, x)).item() == pytest.approx(
        -0.5 * ratio, rel=1e-6
    )
    assert ModeSeeking().d_loss(turn_of(z, x, "d")) is None
    images = x.reshape(4, 1, 1, 1).expand(4, 3, 2, 2)
    assert ModeSeeking().g_loss(turn_of(z, images)).item() == pytest.approx(
        0.5 / (ratio + 1e-5), rel=1e-6
    )
    stacked = Turn(
        player="g",
        D=None,
        rng=Rng([0, 1]),
        z=torch.stack([z, 2 * z]),
        x_fake=torch.stack([x, x]),
        joint=True,
    )
    assert ModeSeeking().g_loss(stacked).tolist() == pytest.approx(
        [0.5 / (ratio + 1e-5), 0.5 / (ratio / 2 + 1e-5)], rel=1e-6
    )


@pytest.mark.parametrize("d_uses_pair", [True, False])
@pytest.mark.parametrize("seed", [0, [0, 1]])
def test_mode_seeking_latents_in_both_turns(d_uses_pair, seed):
    term = ModeSeeking(pairs=HardPairs(std=0.08, steps=2), d_uses_pair=d_uses_pair)
    run = Run(TOY.but(terms=(term,), batch=16), toy.ring(), seed)
    axis = run.rng.stacked + 0
    assert fakes(run, "d").z.shape[axis] == (32 if d_uses_pair else 16)
    z = fakes(run, "g").z
    z1, z2 = z.chunk(2, axis)
    assert z.shape[axis] == 32 and 0.03 < (z1 - z2).abs().mean() < 0.1 and not z.requires_grad
    list(run.steps(2))
    assert torch.isfinite(run.g_loss).all() and run.turn.x_fake.shape[axis] == (
        32 if d_uses_pair else 16
    )


@pytest.mark.parametrize(
    "bad, quoted",
    [
        ({"steps": -1}, "steps=-1"),
        ({"eps": -1.0}, "eps=-1.0"),
        ({"std": 0.0}, "std=0.0"),
        ({"direction": 0}, "direction=0"),
    ],
)
def test_bad_pairs_are_quoted(bad, quoted):
    with pytest.raises(ValueError, match=quoted):
        HardPairs(**bad)
