"""GAN objectives against independent numpy in float64; and a leading seed axis against vmap."""

import json
import math

import numpy as np
import pytest
import torch
from host import NoHostReads
from torch import nn

from gantutor import toy
from gantutor.descriptions import brief, describe
from gantutor.methods import adaptivemix
from gantutor.methods.anchors import own_kernels
from gantutor.methods.kdd import KDD, log_ratio
from gantutor.nets import Critique
from gantutor.objectives import LSGAN, WGAN, Hinge, Minimax, NonSaturating, Objective, Realness, Sum
from gantutor.recipes import TOY
from gantutor.rng import Rng
from gantutor.train import Run
from gantutor.turn import Turn

F64 = torch.float64


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# real, fake, gen, written through probabilities where the package uses softplus
FORMULAS = {
    NonSaturating(): (
        lambda a: -np.log(sigmoid(a)),
        lambda b: -np.log(1 - sigmoid(b)),
        lambda b: -np.log(sigmoid(b)),
    ),
    Minimax(): (
        lambda a: -np.log(sigmoid(a)),
        lambda b: -np.log(1 - sigmoid(b)),
        lambda b: np.log(1 - sigmoid(b)),
    ),
    WGAN(): (lambda a: -a, lambda b: b, lambda b: -b),
    NonSaturating(target=0.9): (
        lambda a: np.log(1 + np.exp(a)) - 0.9 * a,
        lambda b: -np.log(1 - sigmoid(b)),
        lambda b: -np.log(sigmoid(b)),
    ),
    LSGAN(): (lambda a: (a - 1) ** 2 / 2, lambda b: b**2 / 2, lambda b: (b - 1) ** 2 / 2),
    Hinge(): (lambda a: np.maximum(0, 1 - a), lambda b: np.maximum(0, 1 + b), lambda b: -b),
}
EACH = pytest.mark.parametrize("objective", list(FORMULAS), ids=brief)


def scores(*shape, seed=0):
    return 2 * torch.randn(2, *shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


def turn_of(player, a, b):
    return Turn(
        player=player,
        D=None,
        rng=Rng(0),
        joint=True,
        real=Critique(a, None),
        fake=Critique(b, None),
    )


@EACH
def test_losses_equal_the_formulas(objective):
    a, b = scores(50)
    real, fake, gen = FORMULAS[objective]
    assert np.allclose(objective.real(a), real(a.numpy()), atol=1e-12)
    assert np.allclose(objective.fake(b), fake(b.numpy()), atol=1e-12)
    assert np.allclose(objective.gen(b), gen(b.numpy()), atol=1e-12)
    assert objective.d_loss(turn_of("d", a, b)).item() == pytest.approx(
        real(a.numpy()).mean() + fake(b.numpy()).mean(), abs=1e-12
    )
    assert objective.g_loss(turn_of("g", None, b)).item() == pytest.approx(
        gen(b.numpy()).mean(), abs=1e-12
    )


@EACH
def test_batches_of_other_sizes_are_averaged_each_for_itself(objective):
    a, b = scores(8)
    real, fake, _ = FORMULAS[objective]
    got = objective.d_loss(turn_of("d", a, b[:3])).item()
    assert got == pytest.approx(real(a.numpy()).mean() + fake(b[:3].numpy()).mean(), abs=1e-12)


@EACH
@pytest.mark.parametrize("player", ["d", "g"])
def test_a_leading_seed_axis_equals_vmap(objective, player):
    a, b = scores(4, 9)
    whole = getattr(objective, f"{player}_loss")(turn_of(player, a, b))
    assert whole.shape == (4,)
    one = torch.func.vmap(lambda a, b: getattr(objective, f"{player}_loss")(turn_of(player, a, b)))
    assert torch.allclose(whole, one(a, b), atol=1e-12)


@pytest.mark.parametrize("kind", adaptivemix.DISTANCES)
def test_distance_equals_vmap(kind):
    v, t = torch.randn(2, 4, 6, 3, dtype=F64, generator=torch.Generator().manual_seed(0))
    one = torch.func.vmap(lambda v, t: adaptivemix.distance(v, t, kind))
    assert adaptivemix.distance(v, t, kind).shape == (4, 6)
    assert torch.allclose(adaptivemix.distance(v, t, kind), one(v, t), atol=1e-12)


@pytest.mark.parametrize("left_out", [None, own_kernels(5, 5)])
@pytest.mark.parametrize("kernel", ["vmf", "gauss"])
def test_log_ratio_equals_vmap(kernel, left_out):
    r, f = torch.randn(2, 4, 5, 3, dtype=F64, generator=torch.Generator().manual_seed(0))
    one = lambda r, f: log_ratio(torch.cat([r, f]), r, f, 0.5, kernel, left_out)  # noqa: E731
    whole = log_ratio(torch.cat([r, f], -2), r, f, 0.5, kernel, left_out)
    assert whole.shape == (4, 10) and torch.allclose(whole, torch.func.vmap(one)(r, f), atol=1e-12)


def test_gradients_of_one_seed_do_not_leak_into_another():
    r, f = torch.randn(
        2, 4, 5, 3, dtype=F64, generator=torch.Generator().manual_seed(0)
    ).requires_grad_(True)
    (g,) = torch.autograd.grad(log_ratio(f, r, f, 0.5)[1].sum(), f)
    assert g[1].abs().sum() > 0 and g[[0, 2, 3]].abs().sum() == 0


# -- known minima and identities ------------------------------------------------------------------------------------------
def test_saturating_and_not_share_d():
    a, b = scores(50)
    assert torch.equal(
        Minimax().d_loss(turn_of("d", a, b)), NonSaturating().d_loss(turn_of("d", a, b))
    )
    # G's gradients: -sigmoid(b) saturates where D is sure of a fake, -sigmoid(-b) does not
    for objective, want in (
        (Minimax(), -sigmoid(b.numpy())),
        (NonSaturating(), -sigmoid(-b.numpy())),
    ):
        x = b.clone().requires_grad_(True)
        assert np.allclose(torch.autograd.grad(objective.gen(x).sum(), x)[0], want, atol=1e-12)
    # log(1 - s) = log(s) - b
    assert torch.allclose(Minimax().gen(b), -NonSaturating().gen(b) - b, atol=1e-12)


def test_a_blind_d_scores_log_4():
    zero = torch.zeros(6, dtype=F64)
    assert NonSaturating().d_loss(turn_of("d", zero, zero)).item() == pytest.approx(
        math.log(4), abs=1e-12
    )
    assert Hinge().d_loss(turn_of("d", zero, zero)).item() == 2
    assert WGAN().d_loss(turn_of("d", zero, zero)).item() == 0
    assert (
        LSGAN().d_loss(turn_of("d", zero + 0.5, zero + 0.5)).item() == 0.25
    )  # its blind optimum is 1/2


@pytest.mark.parametrize("p, q", [(0.5, 0.5), (0.7, 0.2), (0.05, 0.9)])
def test_best_score_where_p_is_real_and_q_is_fake(p, q):
    """The score that minimises p real(s) + q fake(s), by a fine grid against the theory."""
    s = torch.linspace(-6, 6, 120001, dtype=F64)
    best = {
        o: s[(p * o.real(s) + q * o.fake(s)).argmin()].item()
        for o in FORMULAS
        if not isinstance(o, WGAN)
    }
    assert best[NonSaturating()] == best[Minimax()] == pytest.approx(math.log(p / q), abs=2e-4)
    # smoothing: sigmoid(s) = 0.9 p / (p + q)
    assert best[NonSaturating(target=0.9)] == pytest.approx(
        math.log(0.9 * p / (0.1 * p + q)), abs=2e-4
    )
    assert best[LSGAN()] == pytest.approx(p / (p + q), abs=2e-4)
    if p != q:
        assert best[Hinge()] == pytest.approx(math.copysign(1, p - q), abs=2e-4)


def test_optimal_d_measures_jensen_shannon():
    """With the optimal score on a grid, -L_D is 2 JSD - log 4."""
    x = np.linspace(-10, 10, 4001)
    p, q = np.exp(-((x - 1) ** 2) / 2), np.exp(-((x + 1) ** 2) / 2)
    p, q = p / p.sum(), q / q.sum()
    score = torch.from_numpy(np.log(p / q))
    loss = (
        (
            torch.from_numpy(p) * NonSaturating().real(score)
            + torch.from_numpy(q) * NonSaturating().fake(score)
        )
        .sum()
        .item()
    )
    m = (p + q) / 2
    jsd = 0.5 * (p * np.log(p / m)).sum() + 0.5 * (q * np.log(q / m)).sum()
    assert -loss == pytest.approx(2 * jsd - math.log(4), abs=1e-10)


def test_extreme_scores_stay_finite():
    big = torch.tensor([-200.0, 200.0])
    for objective in FORMULAS:
        x = big.clone().requires_grad_(True)
        for loss in (objective.real(x), objective.fake(x), objective.gen(x)):
            assert (
                torch.isfinite(loss).all()
                and torch.isfinite(torch.autograd.grad(loss.sum(), x)[0]).all()
            )


@pytest.mark.parametrize("clip", [0.02, 0.1, None])
@pytest.mark.parametrize("seed", [0, [0, 1]])
def test_wgan_clips_after_each_step(clip, seed):
    run = Run(TOY.but(objective=WGAN(clip), n_dis=2, batch=8), toy.ring(), seed)
    assert max(p.abs().max() for p in run.d_weights.params) > 0.1
    for player in run.take_step():
        top = max(p.detach().abs().max() for p in run.d_weights.params).item()
        assert (top <= clip * (1 + 1e-6) if clip else top > 0.1) or player == "g"
    if clip:
        assert (
            top == pytest.approx(clip) and max(p.abs().max() for p in run.g_weights.params) > clip
        )  # G is not clipped


@pytest.mark.parametrize("clip", [0.0, -1.0, float("nan")])
def test_bad_clip_is_quoted(clip):
    with pytest.raises(ValueError, match=f"clip={clip}"):
        WGAN(clip)


@pytest.mark.parametrize("target", [0.0, 1.1, float("nan")])
def test_bad_target_is_quoted(target):
    with pytest.raises(ValueError, match=f"target={target}"):
        NonSaturating(target)


def test_a_target_of_one_changes_no_bit():
    a = scores(50)[0].float()
    assert torch.equal(NonSaturating(1.0).real(a), torch.nn.functional.softplus(-a))


# -- sums ----------------------------------------------------------------------------------------------------------------
def test_sums_are_linear():
    a, b = scores(9)
    for player in "dg":
        turn = turn_of(player, a, b)
        of = lambda o, player=player, turn=turn: getattr(o, f"{player}_loss")(turn).item()  # noqa: E731
        h, w, s = of(Hinge()), of(WGAN()), of(LSGAN())
        assert of(Hinge() + 0.5 * WGAN()) == pytest.approx(h + 0.5 * w)
        assert of(2 * (Hinge() + 0.5 * WGAN()) + LSGAN()) == pytest.approx(2 * h + w + s)
        assert of(Hinge() + (WGAN() + LSGAN())) == of((Hinge() + WGAN()) + LSGAN())
        assert of(0 * Hinge() + WGAN()) == pytest.approx(w)


def test_sums_are_flat_equal_and_described():
    joint = 2 * (Hinge() + 0.5 * KDD()) + WGAN()
    assert joint == Sum(((2.0, Hinge()), (1.0, KDD()), (1.0, WGAN()))) and isinstance(
        joint, Objective
    )
    assert json.loads(json.dumps(describe(joint)))["parts"][1] == [1.0, describe(KDD())]


def test_a_sum_shows_its_first_part_and_clips_by_all():
    a, b = scores(9)
    joint = LSGAN() + 3 * WGAN(0.5)
    assert torch.equal(joint.gen(b), LSGAN().gen(b)) and torch.equal(
        joint.logit_at(Critique(a, None), None), a
    )
    assert torch.equal(joint.logits(turn_of("d", a, b))[0], a)
    D = nn.Linear(3, 1)
    nn.init.constant_(D.weight, 2.0)
    joint.after_d(D)
    assert (D.weight == 0.5).all()


# -- Realness -------------------------------------------------------------------------------------------------------------
def said(*shape, seed=3):
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


def outcome_turn(player, real, fake, rng=0):
    critiques = [None if v is None else Critique(v.mean(-1), v, v) for v in (real, fake)]
    return Turn(
        player=player, D=None, rng=Rng(rng), joint=True, real=critiques[0], fake=critiques[1]
    )


def np_anchor(draws, k, shift):
    """Numpy's histogram, then the mass of each atom by hand to its two neighbours."""
    mass, target, gap = np.histogram(draws, k)[0] / len(draws), np.zeros(k), 2 / (k - 1)
    for atom, m in zip(np.linspace(-1, 1, k), mass, strict=True):
        at = (min(max(atom + shift, -1), 1) + 1) / gap
        low = min(int(np.floor(at + 1e-9)), k - 1)
        target[low] += m * (1 - (at - low))
        target[min(low + 1, k - 1)] += m * (at - low)
    return target


def np_log_p(v):
    return v - np.log(np.exp(v).sum(-1, keepdims=True))


def np_cross(target, v):
    return -(target * np_log_p(v)).sum(-1).mean()


@pytest.mark.parametrize(
    "k, real, fake", [(3, [0, 0.333, 0.667], [0.855, 0.145, 0]), (51, None, None), (4, None, None)]
)
def test_anchors_of_realness(k, real, fake):
    turns = [outcome_turn("d", None, None, seed) for seed in range(30)]
    up, down = (
        torch.stack([Realness(k).anchor(t, shift)[0] for t in turns]).mean(0) for shift in (1, -1)
    )
    for anchor in (up, down):
        assert (
            anchor.shape == (k,)
            and anchor.sum().item() == pytest.approx(1, abs=1e-5)
            and (anchor >= 0).all()
        )
    if k == 3:  # spread of a single draw 0.017 and 0.054, of the mean of 30 a fifth
        assert np.allclose(up, real, atol=0.012) and np.allclose(down, fake, atol=0.04)
    elif k == 51:  # half of all mass on the last outcome, the rest over the outer half
        assert up[-1].item() == pytest.approx(26 / 51, abs=0.02) and not up[:25].any()
        assert down[0].item() == pytest.approx(0.5, abs=0.06) and not down[26:].any()
        assert up[25:50].std() < 0.01 and down[1] > down[10] > down[20]  # flat, and a bell
    else:  # moved by one and a half outcomes
        assert np.allclose(up, [0, 1 / 8, 2 / 8, 5 / 8], atol=0.012)


@pytest.mark.parametrize("k", [2, 3, 4, 51])
def test_realness_equals_numpy(k):
    real, fake, o = said(6, k), said(5, k, seed=4), Realness(k)
    draws = Rng(0)
    ups, downs = 2 * draws.rand(1000) - 1, 0.1 * draws.randn(1000)
    up, down = np_anchor(ups.numpy(), k, 1), np_anchor(downs.numpy(), k, -1)
    want = np_cross(up, real.numpy()) + np_cross(down, fake.numpy())
    assert o.d_loss(outcome_turn("d", real, fake)).item() == pytest.approx(
        want, abs=2e-3 if k == 51 else 1e-6
    )  # a draw on an edge
    draws = Rng(0)
    downs, ups = 0.1 * draws.randn(1000), 2 * draws.rand(1000) - 1
    up, down = np_anchor(ups.numpy(), k, 1), np_anchor(downs.numpy(), k, -1)
    p_real = np.exp(np_log_p(real.numpy()))[:5]
    gains = {1: 0.0, 2: np_cross(p_real, fake.numpy()), 3: np_cross(up, fake.numpy())}
    for variant, gain in gains.items():
        got = Realness(k, variant).g_loss(outcome_turn("g", real[:5], fake)).item()
        assert got == pytest.approx(
            gain - np_cross(down, fake.numpy()), abs=2e-3 if k == 51 else 1e-6
        )


def test_reals_are_a_target_in_the_turn_of_g():
    real, fake = said(5, 3).requires_grad_(True), said(5, 3, seed=4).requires_grad_(True)
    got = torch.autograd.grad(
        Realness(3).g_loss(outcome_turn("g", real, fake)), [real, fake], allow_unused=True
    )
    assert got[0] is None and got[1].abs().max() > 0


def test_resampled_outcomes():
    k, n = 3, 40
    mean, log_variance = said(1, k), torch.tensor([[0.0, -1.0, 1.0]], dtype=F64)
    v = torch.cat([mean, log_variance], -1).expand(n, 2 * k)
    logits = Realness(k, resample=True)._log_p(
        Critique(v.sum(-1), v, v), outcome_turn("d", None, None)
    )
    eps = Rng(0).randn(n, k)
    want = np_log_p((mean + (log_variance / 2).exp() * eps).numpy())
    assert np.allclose(logits, want, atol=1e-12)
    still = torch.cat([mean, torch.full_like(mean, -80)], -1)  # no noise left: as without
    got = Realness(k, resample=True)._log_p(
        Critique(None, still, still), outcome_turn("d", None, None)
    )
    assert np.allclose(got, np_log_p(mean.numpy()), atol=1e-12)


def test_maps_see_the_expected_outcome():
    v = torch.tensor([[0.0, 0.0, 0.0], [50.0, 0.0, 0.0], [0.0, 0.0, 50.0]], dtype=F64)
    o, turn = Realness(3), outcome_turn("d", v, v)
    assert np.allclose(o.logit_at(Critique(None, v, v), turn), [0, -1, 1], atol=1e-12)
    assert (
        np.allclose(o.logits(turn)[0], [0, -1, 1], atol=1e-12)
        and o.logits(outcome_turn("g", None, v))[0] is None
    )
    noisy = Critique(None, v, torch.cat([v, v], -1))  # mean and log variance
    assert torch.equal(
        Realness(3, resample=True).logit_at(noisy, turn), o.logit_at(turn.real, turn)
    )
    x = v[:1].clone().requires_grad_(True)  # what gen follows: towards the outcome 1
    (g,) = torch.autograd.grad(o.gen(o.logit_at(Critique(None, x, x), turn)).sum(), x)
    assert g[0, 0] > 0 > g[0, 2]


def test_realness_learns_to_tell_and_keeps_seeds_apart():
    v = torch.zeros(2, 8, 3, dtype=F64)
    turn = outcome_turn("d", v, v, [0, 1])
    assert Realness(3).d_loss(turn).shape == (2,) and torch.allclose(
        Realness(3).d_loss(turn), torch.full((2,), 2 * math.log(3), dtype=F64)
    )
    one = outcome_turn("d", said(8, 3), said(8, 3, seed=4), 1)
    both = outcome_turn(
        "d", *(torch.stack([w, w]) for w in (one.real.outputs, one.fake.outputs)), [0, 1]
    )
    assert Realness(3).d_loss(both)[1].item() == pytest.approx(
        Realness(3).d_loss(one).item(), abs=1e-12
    )


def test_realness_says_what_it_needs_and_reads_nothing_on_the_host():
    turn = turn_of("d", *scores(4))
    with pytest.raises(ValueError, match=r"no outputs.*Realness\(outcomes=51.*51"):
        Realness(51).d_loss(turn)
    with pytest.raises(ValueError, match="3 outputs.*needs 6"):
        Realness(3, resample=True).g_loss(outcome_turn("g", said(4, 3), said(4, 3)))
    for bad in ({"outcomes": 1}, {"outcomes": 3, "variant": 4}):
        with pytest.raises(ValueError, match="outcomes="):
            Realness(**bad)
    with NoHostReads():
        Realness(3, 3, True).d_loss(outcome_turn("d", said(4, 6), said(4, 6)))
        Realness(3, 2, True).g_loss(outcome_turn("g", said(4, 6), said(4, 6)))
    assert describe(Realness(3)) == {
        "kind": "Realness",
        "outcomes": 3,
        "variant": 2,
        "resample": False,
    }


def test_realness_is_the_same_under_autocast():
    real, fake = said(6, 51).float(), said(6, 51, seed=4).float()
    with torch.autocast("cpu", torch.bfloat16):
        got = Realness(51).d_loss(outcome_turn("d", real, fake))
    assert got.dtype == torch.float32 and torch.equal(
        got, Realness(51).d_loss(outcome_turn("d", real, fake))
    )
