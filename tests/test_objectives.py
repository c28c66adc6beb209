"""GAN objectives and the gradient penalty against independent numpy in float64; and a leading seed axis against vmap."""

import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from gantutor import toy
from gantutor.methods import adaptivemix
from gantutor.methods.kdd import KDD, log_ratio, own_kernels
from gantutor.nets import Critique, Discriminator
from gantutor.objectives import LSGAN, WGAN, Hinge, Minimax, NonSaturating, Objective, Sum
from gantutor.parts import Turn, describe
from gantutor.penalties import GradientPenalty
from gantutor.recipes import TOY
from gantutor.rng import Rng
from gantutor.train import Run

F64 = torch.float64


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# real, fake, gen, written through probabilities where the package uses softplus
FORMULAS = {
    NonSaturating(): (lambda a: -np.log(sigmoid(a)), lambda b: -np.log(1 - sigmoid(b)), lambda b: -np.log(sigmoid(b))),
    Minimax(): (lambda a: -np.log(sigmoid(a)), lambda b: -np.log(1 - sigmoid(b)), lambda b: np.log(1 - sigmoid(b))),
    WGAN(): (lambda a: -a, lambda b: b, lambda b: -b),
    LSGAN(): (lambda a: (a - 1) ** 2 / 2, lambda b: b**2 / 2, lambda b: (b - 1) ** 2 / 2),
    Hinge(): (lambda a: np.maximum(0, 1 - a), lambda b: np.maximum(0, 1 + b), lambda b: -b),
}
EACH = pytest.mark.parametrize("objective", list(FORMULAS), ids=lambda o: type(o).__name__)


def scores(*shape, seed=0):
    return 2 * torch.randn(2, *shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


def turn_of(player, a, b):
    return Turn(player, None, None, Rng(0), None, None, None, True, Critique(a, None), Critique(b, None))


@EACH
def test_losses_equal_the_formulas(objective):
    a, b = scores(50)
    real, fake, gen = FORMULAS[objective]
    assert np.allclose(objective.real(a), real(a.numpy()), atol=1e-12)
    assert np.allclose(objective.fake(b), fake(b.numpy()), atol=1e-12)
    assert np.allclose(objective.gen(b), gen(b.numpy()), atol=1e-12)
    assert objective.d(turn_of("d", a, b)).item() == pytest.approx(real(a.numpy()).mean() + fake(b.numpy()).mean(), abs=1e-12)
    assert objective.g(turn_of("g", None, b)).item() == pytest.approx(gen(b.numpy()).mean(), abs=1e-12)


@EACH
def test_batches_of_other_sizes_are_averaged_each_for_itself(objective):
    a, b = scores(8)
    real, fake, _ = FORMULAS[objective]
    got = objective.d(turn_of("d", a, b[:3])).item()
    assert got == pytest.approx(real(a.numpy()).mean() + fake(b[:3].numpy()).mean(), abs=1e-12)


@EACH
@pytest.mark.parametrize("player", ["d", "g"])
def test_a_leading_seed_axis_equals_vmap(objective, player):
    a, b = scores(4, 9)
    whole = getattr(objective, player)(turn_of(player, a, b))
    assert whole.shape == (4,)
    one = torch.func.vmap(lambda a, b: getattr(objective, player)(turn_of(player, a, b)))
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
    r, f = torch.randn(2, 4, 5, 3, dtype=F64, generator=torch.Generator().manual_seed(0)).requires_grad_(True)
    (g,) = torch.autograd.grad(log_ratio(f, r, f, 0.5)[1].sum(), f)
    assert g[1].abs().sum() > 0 and g[[0, 2, 3]].abs().sum() == 0


# -- known minima and identities ------------------------------------------------------------------------------------------
def test_saturating_and_not_share_d():
    a, b = scores(50)
    assert torch.equal(Minimax().d(turn_of("d", a, b)), NonSaturating().d(turn_of("d", a, b)))
    # G's gradients: -sigmoid(b) saturates where D is sure of a fake, -sigmoid(-b) does not
    for objective, want in ((Minimax(), -sigmoid(b.numpy())), (NonSaturating(), -sigmoid(-b.numpy()))):
        x = b.clone().requires_grad_(True)
        assert np.allclose(torch.autograd.grad(objective.gen(x).sum(), x)[0], want, atol=1e-12)
    # log(1 - s) = log(s) - b
    assert torch.allclose(Minimax().gen(b), -NonSaturating().gen(b) - b, atol=1e-12)


def test_a_blind_d_scores_log_4():
    zero = torch.zeros(6, dtype=F64)
    assert NonSaturating().d(turn_of("d", zero, zero)).item() == pytest.approx(math.log(4), abs=1e-12)
    assert Hinge().d(turn_of("d", zero, zero)).item() == 2
    assert WGAN().d(turn_of("d", zero, zero)).item() == 0
    assert LSGAN().d(turn_of("d", zero + 0.5, zero + 0.5)).item() == 0.25  # its blind optimum is 1/2


@pytest.mark.parametrize("p, q", [(0.5, 0.5), (0.7, 0.2), (0.05, 0.9)])
def test_best_score_where_p_is_real_and_q_is_fake(p, q):
    """The score that minimises p real(s) + q fake(s), by a fine grid against the theory."""
    s = torch.linspace(-6, 6, 120001, dtype=F64)
    best = {type(o): s[(p * o.real(s) + q * o.fake(s)).argmin()].item() for o in FORMULAS if not isinstance(o, WGAN)}
    assert best[NonSaturating] == best[Minimax] == pytest.approx(math.log(p / q), abs=2e-4)
    assert best[LSGAN] == pytest.approx(p / (p + q), abs=2e-4)
    if p != q:
        assert best[Hinge] == pytest.approx(math.copysign(1, p - q), abs=2e-4)


def test_optimal_d_measures_jensen_shannon():
    """With the optimal score on a grid, -L_D is 2 JSD - log 4."""
    x = np.linspace(-10, 10, 4001)
    p, q = np.exp(-((x - 1) ** 2) / 2), np.exp(-((x + 1) ** 2) / 2)
    p, q = p / p.sum(), q / q.sum()
    score = torch.from_numpy(np.log(p / q))
    loss = (torch.from_numpy(p) * NonSaturating().real(score) + torch.from_numpy(q) * NonSaturating().fake(score)).sum().item()
    m = (p + q) / 2
    jsd = 0.5 * (p * np.log(p / m)).sum() + 0.5 * (q * np.log(q / m)).sum()
    assert -loss == pytest.approx(2 * jsd - math.log(4), abs=1e-10)


def test_extreme_scores_stay_finite():
    big = torch.tensor([-200.0, 200.0])
    for objective in FORMULAS:
        x = big.clone().requires_grad_(True)
        for loss in (objective.real(x), objective.fake(x), objective.gen(x)):
            assert torch.isfinite(loss).all() and torch.isfinite(torch.autograd.grad(loss.sum(), x)[0]).all()


@pytest.mark.parametrize("clip", [0.02, 0.1, None])
@pytest.mark.parametrize("seed", [0, [0, 1]])
def test_wgan_clips_after_each_step(clip, seed):
    run = Run(TOY.but(objective=WGAN(clip), n_dis=2, batch=8), toy.ring(), seed)
    assert max(p.abs().max() for p in run.d_weights.params) > 0.1
    for player in run.take_step():
        top = max(p.detach().abs().max() for p in run.d_weights.params).item()
        assert (top <= clip * (1 + 1e-6) if clip else top > 0.1) or player == "g"
    if clip:
        assert top == pytest.approx(clip) and max(p.abs().max() for p in run.g_weights.params) > clip  # G is not clipped


@pytest.mark.parametrize("clip", [0.0, -1.0, float("nan")])
def test_bad_clip_is_quoted(clip):
    with pytest.raises(ValueError, match=f"clip={clip}"):
        WGAN(clip)


# -- sums ----------------------------------------------------------------------------------------------------------------
def test_sums_are_linear():
    a, b = scores(9)
    for player in "dg":
        turn = turn_of(player, a, b)
        of = lambda o, player=player, turn=turn: getattr(o, player)(turn).item()  # noqa: E731
        h, w, s = of(Hinge()), of(WGAN()), of(LSGAN())
        assert of(Hinge() + 0.5 * WGAN()) == pytest.approx(h + 0.5 * w)
        assert of(2 * (Hinge() + 0.5 * WGAN()) + LSGAN()) == pytest.approx(2 * h + w + s)
        assert of(Hinge() + (WGAN() + LSGAN())) == of((Hinge() + WGAN()) + LSGAN())
        assert of(0 * Hinge() + WGAN()) == pytest.approx(w)


def test_sums_are_flat_equal_and_described():
    joint = 2 * (Hinge() + 0.5 * KDD()) + WGAN()
    assert joint == Sum(((2.0, Hinge()), (1.0, KDD()), (1.0, WGAN()))) and isinstance(joint, Objective)
    assert json.loads(json.dumps(describe(joint)))["parts"][1] == [1.0, describe(KDD())]


def test_a_sum_shows_its_first_part_and_clips_by_all():
    a, b = scores(9)
    joint = LSGAN() + 3 * WGAN(0.5)
    assert torch.equal(joint.gen(b), LSGAN().gen(b)) and torch.equal(joint.logit_at(Critique(a, None), None), a)
    assert torch.equal(joint.logits(turn_of("d", a, b))[0], a)
    D = nn.Linear(3, 1)
    nn.init.constant_(D.weight, 2.0)
    joint.after_d(D)
    assert (D.weight == 0.5).all()


# -- gradient penalty ----------------------------------------------------------------------------------------------------
class Scores(Discriminator):
    """score = f(x)"""

    def __init__(self, f):
        super().__init__()
        self.f = f

    def features(self, x):
        return x

    def head(self, v):
        return self.f(v)


def penalised(f, real, fake, seed=0, **options):
    D = Scores(f)
    return GradientPenalty(**options).d(Turn("d", None, D, Rng(seed), None, real, fake, True, D(real), D(fake)))


@pytest.mark.parametrize("weight, target", [(10.0, 1.0), (2.0, 0.0)])
@pytest.mark.parametrize("length", [0.0, 0.3, 1.0, 5.0])
def test_penalty_of_a_linear_critic(length, weight, target):
    real, fake = torch.randn(2, 8, 2, dtype=F64, generator=torch.Generator().manual_seed(0))
    w = length * torch.tensor([0.6, -0.8], dtype=F64)
    got = penalised(lambda v: v @ w, real, fake, weight=weight, target=target)
    assert got.item() == pytest.approx(weight * (length - target) ** 2, abs=1e-9)


def test_penalty_is_taken_between_real_and_fake():
    """For score |x|^2 / 2 the slope is |x|: with reals at 3 e and fakes at 0 it is 3 u, u uniform."""
    n = 20000
    real, fake = torch.tensor([3.0, 0.0], dtype=F64).expand(n, 2), torch.zeros(n, 2, dtype=F64)
    got = penalised(lambda v: v.square().sum(-1) / 2, real, fake, weight=1.0, target=0.0).item()
    assert got == pytest.approx(9 / 3, rel=0.03)  # E u^2 = 1/3, standard error 0.6 %


def test_penalty_by_hand_its_gradient_and_seeds():
    xs = torch.randn(2, 3, 6, 2, dtype=F64, generator=torch.Generator().manual_seed(1))
    w = torch.randn(2, 4, dtype=F64, generator=torch.Generator().manual_seed(2)).requires_grad_(True)
    f = lambda v: (v @ w).tanh().sum(-1)  # noqa: E731
    D = Scores(f)
    many = GradientPenalty().d(Turn("d", None, D, Rng([0, 1, 2]), None, xs[0], xs[1], True, D(xs[0]), D(xs[1])))
    for i in range(3):
        u = Rng(i).rand(6)[:, None]
        x = u * xs[0, i] + (1 - u) * xs[1, i]
        slope = ((1 - (x @ w).tanh() ** 2) @ w.T).norm(dim=-1)
        want = 10 * ((slope - 1) ** 2).mean()
        got = penalised(f, xs[0, i], xs[1, i], i)
        assert got.item() == pytest.approx(want.item(), abs=1e-12) and many[i].item() == pytest.approx(want.item(), abs=1e-12)
        assert torch.allclose(torch.autograd.grad(got, w)[0], torch.autograd.grad(want, w)[0], atol=1e-10)


def test_penalty_of_images_and_of_more_fakes_than_reals():
    real, fake = torch.zeros(4, 3, 2, 2, dtype=F64), torch.ones(8, 3, 2, 2, dtype=F64)
    got = penalised(lambda v: v.flatten(1).sum(-1), real, fake, weight=1.0)
    assert got.item() == pytest.approx((12**0.5 - 1) ** 2)
    assert GradientPenalty().g(None) is None
