"""GAN objectives against independent NumPy in doubles; a leading seed axis against vmap."""

import json
import math

import numpy as np
import pytest
import torch
from torch import nn
from turns import F64, loss_of, normal

from gantutor import toy
from gantutor.descriptions import brief, describe
from gantutor.methods import adaptivemix
from gantutor.methods.anchors import own_kernels
from gantutor.methods.kdd import KDD, log_ratio
from gantutor.nets import Critique
from gantutor.objectives import LSGAN, WGAN, Hinge, Minimax, NonSaturating, Objective, Sum
from gantutor.recipes import TOY
from gantutor.rng import Rng
from gantutor.train import Run
from gantutor.turn import Turn


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


def scores(*shape):
    """Of reals and of fakes."""
    return 2 * normal(2, *shape)


def turn_of(player, a, b):
    real, fake = Critique(a, None), Critique(b, None)
    return Turn(player=player, D=None, rng=Rng(0), real=real, fake=fake)


def value(objective, turn):
    return loss_of(objective, turn).item()


@EACH
def test_losses_equal_the_formulas(objective):
    a, b = scores(50)
    real, fake, gen = (
        formula(x.numpy()) for formula, x in zip(FORMULAS[objective], (a, b, b), strict=True)
    )
    assert np.allclose(objective.real(a), real, atol=1e-12)
    assert np.allclose(objective.fake(b), fake, atol=1e-12)
    assert np.allclose(objective.gen(b), gen, atol=1e-12)
    in_d, in_g = turn_of("d", a, b), turn_of("g", None, b)
    assert value(objective, in_d) == pytest.approx(real.mean() + fake.mean(), abs=1e-12)
    assert value(objective, in_g) == pytest.approx(gen.mean(), abs=1e-12)


@EACH
def test_batches_of_other_sizes_are_averaged_each_for_itself(objective):
    a, b = scores(8)
    real, fake, _ = FORMULAS[objective]
    want = real(a.numpy()).mean() + fake(b[:3].numpy()).mean()
    assert value(objective, turn_of("d", a, b[:3])) == pytest.approx(want, abs=1e-12)


def test_extreme_scores_stay_finite():
    for objective in FORMULAS:
        x = torch.tensor([-200.0, 200.0], requires_grad=True)
        for loss in (objective.real(x), objective.fake(x), objective.gen(x)):
            assert torch.isfinite(loss).all()
            assert torch.isfinite(torch.autograd.grad(loss.sum(), x)[0]).all()


@pytest.mark.parametrize("clip", [0.02, 0.1, None])
@pytest.mark.parametrize("seed", [0, [0, 1]])
def test_wgan_clips_after_each_step(clip, seed):
    run = Run(TOY.but(objective=WGAN(clip), n_dis=2, batch=8), toy.ring(), seed)

    def largest(weights):
        return max(p.abs().max().item() for p in weights.params)

    assert largest(run.d_weights) > 0.1
    for player in run.take_step():
        if player == "d":
            top = largest(run.d_weights)
            assert top <= clip * (1 + 1e-6) if clip else top > 0.1
    if clip:
        assert largest(run.d_weights) == pytest.approx(clip)
        assert largest(run.g_weights) > clip  # G is not clipped


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


# -- seeds first -----------------------------------------------------------------------------------
@EACH
@pytest.mark.parametrize("player", ["d", "g"])
def test_a_leading_seed_axis_equals_vmap(objective, player):
    a, b = scores(4, 9)

    def loss(a, b):
        return loss_of(objective, turn_of(player, a, b))

    assert loss(a, b).shape == (4,)
    assert torch.allclose(loss(a, b), torch.func.vmap(loss)(a, b), atol=1e-12)


@pytest.mark.parametrize("kind", adaptivemix.DISTANCES)
def test_distance_equals_vmap(kind):
    v, t = normal(2, 4, 6, 3)

    def distance(v, t):
        return adaptivemix.distance(v, t, kind)

    assert distance(v, t).shape == (4, 6)
    assert torch.allclose(distance(v, t), torch.func.vmap(distance)(v, t), atol=1e-12)


@pytest.mark.parametrize("left_out", [None, own_kernels(5, 5)])
@pytest.mark.parametrize("kernel", ["vmf", "gauss"])
def test_log_ratio_equals_vmap(kernel, left_out):
    r, f = normal(2, 4, 5, 3)

    def ratio(r, f):
        return log_ratio(torch.cat([r, f], -2), r, f, 0.5, kernel, left_out)

    assert ratio(r, f).shape == (4, 10)
    assert torch.allclose(ratio(r, f), torch.func.vmap(ratio)(r, f), atol=1e-12)


def test_gradients_of_one_seed_do_not_leak_into_another():
    r, f = normal(2, 4, 5, 3).requires_grad_(True)
    (g,) = torch.autograd.grad(log_ratio(f, r, f, 0.5)[1].sum(), f)
    assert g[1].abs().sum() > 0 and g[[0, 2, 3]].abs().sum() == 0


# -- known minima and identities -------------------------------------------------------------------
def test_saturating_and_not_share_d():
    a, b = scores(50)
    turn = turn_of("d", a, b)
    assert torch.equal(Minimax().d_loss(turn), NonSaturating().d_loss(turn))
    # G's gradients: -sigmoid(b) saturates where D is sure of a fake, -sigmoid(-b) does not
    for objective, want in (
        (Minimax(), -sigmoid(b.numpy())),
        (NonSaturating(), -sigmoid(-b.numpy())),
    ):
        x = b.clone().requires_grad_(True)
        (slope,) = torch.autograd.grad(objective.gen(x).sum(), x)
        assert np.allclose(slope, want, atol=1e-12)
    # log(1 - s) = log(s) - b
    assert torch.allclose(Minimax().gen(b), -NonSaturating().gen(b) - b, atol=1e-12)


def test_a_blind_d_scores_log_4():
    zero = torch.zeros(6, dtype=F64)
    blind = turn_of("d", zero, zero)
    assert value(NonSaturating(), blind) == pytest.approx(math.log(4), abs=1e-12)
    assert value(Hinge(), blind) == 2
    assert value(WGAN(), blind) == 0
    # where the classes do not differ, 1/2 is the best score for LSGAN
    assert value(LSGAN(), turn_of("d", zero + 0.5, zero + 0.5)) == 0.25


@pytest.mark.parametrize("p, q", [(0.5, 0.5), (0.7, 0.2), (0.05, 0.9)])
def test_best_score_where_p_is_real_and_q_is_fake(p, q):
    """The score that minimises p real(s) + q fake(s), by a fine grid against the theory."""
    s = torch.linspace(-6, 6, 120001, dtype=F64)

    def best(objective):
        return s[(p * objective.real(s) + q * objective.fake(s)).argmin()].item()

    assert best(NonSaturating()) == best(Minimax()) == pytest.approx(math.log(p / q), abs=2e-4)
    # smoothing: sigmoid(s) = 0.9 p / (p + q)
    smoothed = math.log(0.9 * p / (0.1 * p + q))
    assert best(NonSaturating(target=0.9)) == pytest.approx(smoothed, abs=2e-4)
    assert best(LSGAN()) == pytest.approx(p / (p + q), abs=2e-4)
    if p != q:
        assert best(Hinge()) == pytest.approx(math.copysign(1, p - q), abs=2e-4)


def test_optimal_d_measures_jensen_shannon():
    """With the optimal score on a grid, -L_D is 2 JSD - log 4."""
    x = np.linspace(-10, 10, 4001)
    p, q = np.exp(-((x - 1) ** 2) / 2), np.exp(-((x + 1) ** 2) / 2)
    p, q = p / p.sum(), q / q.sum()
    score, objective = torch.from_numpy(np.log(p / q)), NonSaturating()
    loss = (p * objective.real(score).numpy() + q * objective.fake(score).numpy()).sum()
    m = (p + q) / 2
    jsd = 0.5 * (p * np.log(p / m)).sum() + 0.5 * (q * np.log(q / m)).sum()
    assert -loss == pytest.approx(2 * jsd - math.log(4), abs=1e-10)


# -- sums ------------------------------------------------------------------------------------------
def test_sums_are_linear():
    for player in "dg":
        turn = turn_of(player, *scores(9))
        h, w, s = (value(o, turn) for o in (Hinge(), WGAN(), LSGAN()))
        joint = Hinge() + 0.5 * WGAN()
        assert value(joint, turn) == pytest.approx(h + 0.5 * w)
        assert value(2 * joint + LSGAN(), turn) == pytest.approx(2 * h + w + s)
        one, other = Hinge() + (WGAN() + LSGAN()), (Hinge() + WGAN()) + LSGAN()
        assert value(one, turn) == value(other, turn)
        assert value(0 * Hinge() + WGAN(), turn) == pytest.approx(w)


def test_sums_are_flat_equal_and_described():
    joint = 2 * (Hinge() + 0.5 * KDD()) + WGAN()
    assert joint == Sum(((2.0, Hinge()), (1.0, KDD()), (1.0, WGAN())))
    assert isinstance(joint, Objective)
    assert json.loads(json.dumps(describe(joint)))["parts"][1] == [1.0, describe(KDD())]


def test_a_sum_shows_its_first_part_and_clips_by_all():
    a, b = scores(9)
    joint = LSGAN() + 3 * WGAN(0.5)
    assert torch.equal(joint.gen(b), LSGAN().gen(b))
    assert torch.equal(joint.logit_at(Critique(a, None), None), a)
    assert torch.equal(joint.logits(turn_of("d", a, b))[0], a)
    D = nn.Linear(3, 1)
    nn.init.constant_(D.weight, 2.0)
    joint.after_d(D)
    assert (D.weight == 0.5).all()
