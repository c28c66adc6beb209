"""Penalties against closed forms in float64: linear and quadratic critics, labels, seeds."""

import math

import numpy as np
import pytest
import torch
from host import NoHostReads

from gantutor.descriptions import describe
from gantutor.nets import Critique, Discriminator
from gantutor.penalties import (
    R1,
    AuxClassifier,
    DivPenalty,
    GradientPenalty,
    LeCam,
    between,
    slopes,
)
from gantutor.rng import Rng
from gantutor.turn import Turn

F64 = torch.float64


class Scores(Discriminator):
    """A turn whose score is f(x)."""

    def __init__(self, f):
        super().__init__()
        self.f = f

    def features(self, x):
        return x

    def head(self, v):
        return self.f(v)


def penalised(f, real, fake, seed=0, **options):
    D = Scores(f)
    return GradientPenalty(**options).d_loss(
        Turn(
            player="d",
            D=D,
            rng=Rng(seed),
            x_real=real,
            x_fake=fake,
            joint=True,
            real=D(real),
            fake=D(fake),
        )
    )


@pytest.mark.parametrize("weight, target", [(10.0, 1.0), (2.0, 0.0)])
@pytest.mark.parametrize("length", [0.0, 0.3, 1.0, 5.0])
def test_penalty_of_a_linear_critic(length, weight, target):
    real, fake = torch.randn(2, 8, 2, dtype=F64, generator=torch.Generator().manual_seed(0))
    w = length * torch.tensor([0.6, -0.8], dtype=F64)
    got = penalised(lambda v: v @ w, real, fake, weight=weight, target=target)
    assert got.item() == pytest.approx(weight * (length - target) ** 2, abs=1e-9)


def test_penalty_is_taken_between_real_and_fake():
    """For score |x|^2 / 2 the slope is |x|: with reals at 3 e and fakes at 0, 3 u, u uniform."""
    n = 20000
    real, fake = torch.tensor([3.0, 0.0], dtype=F64).expand(n, 2), torch.zeros(n, 2, dtype=F64)
    got = penalised(lambda v: v.square().sum(-1) / 2, real, fake, weight=1.0, target=0.0).item()
    assert got == pytest.approx(9 / 3, rel=0.03)  # E u^2 = 1/3, standard error 0.6 %


def test_penalty_by_hand_its_gradient_and_seeds():
    xs = torch.randn(2, 3, 6, 2, dtype=F64, generator=torch.Generator().manual_seed(1))
    w = torch.randn(2, 4, dtype=F64, generator=torch.Generator().manual_seed(2)).requires_grad_(
        True
    )

    def f(v):
        return (v @ w).tanh().sum(-1)

    D = Scores(f)
    many = GradientPenalty().d_loss(
        Turn(
            player="d",
            D=D,
            rng=Rng([0, 1, 2]),
            x_real=xs[0],
            x_fake=xs[1],
            joint=True,
            real=D(xs[0]),
            fake=D(xs[1]),
        )
    )
    for i in range(3):
        u = Rng(i).rand(6)[:, None]
        x = u * xs[0, i] + (1 - u) * xs[1, i]
        slope = ((1 - (x @ w).tanh() ** 2) @ w.T).norm(dim=-1)
        want = 10 * ((slope - 1) ** 2).mean()
        got = penalised(f, xs[0, i], xs[1, i], i)
        assert got.item() == pytest.approx(want.item(), abs=1e-12) and many[
            i
        ].item() == pytest.approx(want.item(), abs=1e-12)
        assert torch.allclose(
            torch.autograd.grad(got, w)[0], torch.autograd.grad(want, w)[0], atol=1e-10
        )


def test_penalty_of_images_and_of_more_fakes_than_reals():
    real, fake = torch.zeros(4, 3, 2, 2, dtype=F64), torch.ones(8, 3, 2, 2, dtype=F64)
    got = penalised(lambda v: v.flatten(1).sum(-1), real, fake, weight=1.0)
    assert got.item() == pytest.approx((12**0.5 - 1) ** 2)
    assert GradientPenalty().g_loss(None) is None


# -- the others ------------------------------------------------------------------------------------
def turn_of(f, real, fake, rng=0, y_real=None, y_fake=None, step=0, memory=None, D=None):
    D = D or Scores(f)
    critiques = [D(x) if y is None else D(x, y) for x, y in ((real, y_real), (fake, y_fake))]
    return Turn(
        player="d",
        D=D,
        rng=Rng(rng),
        x_real=real,
        x_fake=fake,
        joint=True,
        real=critiques[0],
        fake=critiques[1],
        y_real=y_real,
        y_fake=y_fake,
        step=step,
        memory=memory,
    )


def sets(m=8, n=8, d=2, seed=0):
    g = torch.Generator().manual_seed(seed)
    return (torch.randn(i, d, dtype=F64, generator=g) for i in (m, n))


@pytest.mark.parametrize("at", ["between", "both"])
@pytest.mark.parametrize("k, p, length", [(2.0, 6.0, 0.0), (2.0, 6.0, 1.5), (0.5, 2.0, 3.0)])
def test_div_penalty_of_a_linear_critic(at, k, p, length):
    w = length * torch.tensor([0.6, -0.8], dtype=F64)
    assert DivPenalty(k, p, at).d_loss(turn_of(lambda v: v @ w, *sets())).item() == pytest.approx(
        k * length**p, abs=1e-12
    )


def test_where_the_slopes_are_taken():
    """Score |x|^2 / 2 has slope |x|, so each penalty tells where it looked."""
    real, fake = sets(8, 6)

    def f(v):
        return v.square().sum(-1) / 2

    r2, f2 = real.square().sum(-1), fake.square().sum(-1)
    assert R1(3.0).d_loss(turn_of(f, real, fake)).item() == pytest.approx(
        1.5 * r2.mean().item(), abs=1e-12
    )
    want = 2 * (r2.pow(3).mean() + f2.pow(3).mean()) / 2
    assert DivPenalty(at="both").d_loss(turn_of(f, real, fake)).item() == pytest.approx(
        want.item(), abs=1e-9
    )
    u = Rng(0).rand(6)[:, None]
    mixed = (u * real[:6] + (1 - u) * fake).square().sum(-1)
    assert DivPenalty().d_loss(turn_of(f, real, fake)).item() == pytest.approx(
        2 * mixed.pow(3).mean().item(), abs=1e-9
    )
    for part in (R1(), DivPenalty(), LeCam()):
        assert part.g_loss(None) is None


TERMS = [GradientPenalty(), DivPenalty(), DivPenalty(at="both"), R1()]
EACH = pytest.mark.parametrize("term", TERMS, ids=repr)


@EACH
def test_gradients_at_the_weights_are_right(term):
    real, fake = sets()
    w = torch.randn(2, 3, dtype=F64, generator=torch.Generator().manual_seed(5)).requires_grad_(
        True
    )
    assert torch.autograd.gradcheck(
        lambda w: term.d_loss(turn_of(lambda v: (v @ w).tanh().sum(-1), real, fake)), w
    )


@EACH
def test_several_seeds_are_each_their_own(term):
    xs = torch.randn(2, 3, 6, 2, dtype=F64, generator=torch.Generator().manual_seed(1))

    def f(v):
        return (v**3).sum(-1)

    many = term.d_loss(turn_of(f, *xs, rng=[0, 1, 2]))
    assert torch.allclose(
        many, torch.stack([term.d_loss(turn_of(f, *xs[:, i], rng=i)) for i in range(3)]), atol=1e-12
    )


class ByClass(Discriminator):
    """Score <x, W_y>: the slope is its label's row; with two classes it also names a class."""

    def __init__(self, w):
        super().__init__()
        self.w = torch.nn.Parameter(w)

    def features(self, x, y=None):
        return x

    def head(self, v, y=None):
        return (v @ self.w.mT).gather(-1, y[:, None]).squeeze(-1)

    def outputs(self, v):
        return v @ self.w.mT


LABELS = torch.tensor([0, 1, 1, 0, 1, 1]), torch.tensor([1, 1, 1, 0])


@EACH
def test_conditional_critics_get_the_labels_of_their_points(term):
    real, fake = sets(6, 4)
    D = ByClass(torch.tensor([[3.0, 0.0], [0.0, 1.0]], dtype=F64))
    got = term.d_loss(turn_of(None, real, fake, y_real=LABELS[0], y_fake=LABELS[1], D=D)).item()
    mixed, reals, fakes = (
        torch.tensor(v, dtype=F64) for v in ([3, 1, 1, 3], [3, 1, 1, 3, 1, 1], [1, 1, 1, 3])
    )
    want = {
        TERMS[0]: 10 * (mixed - 1).square().mean(),
        TERMS[1]: 2 * mixed.pow(6).mean(),
        TERMS[2]: reals.pow(6).mean() + fakes.pow(6).mean(),
        TERMS[3]: 5 * reals.square().mean(),
    }
    assert got == pytest.approx(want[term].item(), rel=1e-12)


@EACH
def test_penalties_ignore_autocast(term):
    real, fake = (torch.randn(8, 16, generator=torch.Generator().manual_seed(i)) for i in (0, 1))
    layer = torch.nn.Linear(16, 16)

    def value(autocast):
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            loss = term.d_loss(turn_of(lambda v: layer(v).tanh().sum(-1), real, fake))
        return loss, torch.autograd.grad(loss, layer.weight)[0]

    (loss, slope), (plain, plain_slope) = value(True), value(False)
    assert (
        loss.dtype == torch.float32 and torch.equal(loss, plain) and torch.equal(slope, plain_slope)
    )


def test_sixteen_bit_images_are_lifted():
    real, fake = (x.bfloat16() for x in sets())
    turn = turn_of(lambda v: v.sum(-1), real, fake)
    assert between(turn)[0].dtype == slopes(turn, real).dtype == torch.float32


@pytest.mark.parametrize("bad", [{"at": "fakes"}, {"k": -1}, {"p": 0.5}])
def test_bad_div_penalty_is_quoted(bad):
    with pytest.raises(ValueError, match=f"{next(iter(bad))}={next(iter(bad.values()))!r}"):
        DivPenalty(**bad)


# -- LeCam -----------------------------------------------------------------------------------------
def scored(a, b, rng=0, **options):
    return Turn(
        player="d",
        D=None,
        rng=Rng(rng),
        joint=True,
        real=Critique(a, None),
        fake=Critique(b, None),
        **options,
    )


def test_lecam_by_hand():
    memory, lecam, g = {}, LeCam(0.3, 0.9, 3), np.random.default_rng(0)
    mean_r = mean_f = None
    for step in range(8):
        a, b = g.normal(1, 1, 6), g.normal(-1, 1, 5)
        mean_r, mean_f = (
            x.mean() if m is None else 0.9 * m + 0.1 * x.mean()
            for m, x in ((mean_r, a), (mean_f, b))
        )
        want = (
            0.3
            * ((np.maximum(a - mean_f, 0) ** 2).mean() + (np.maximum(mean_r - b, 0) ** 2).mean())
            * (step >= 3)
        )
        scores = [torch.tensor(x).requires_grad_(True) for x in (a, b)]
        for clock in (step, torch.tensor(step)):  # a captured step counts on the device
            kept = {k: v.clone() for k, v in memory.items()}
            with NoHostReads():
                loss = lecam.d_loss(scored(*scores, step=clock, memory=kept))
            assert loss.item() == pytest.approx(want, abs=1e-12)
        # the means are constants
        got = torch.autograd.grad(loss, scores)[0].numpy()
        assert np.allclose(got, 0.3 * (step >= 3) * 2 * np.maximum(a - mean_f, 0) / 6, atol=1e-12)
        if memory:
            place = next(iter(memory.values())).data_ptr()
            lecam.d_loss(scored(*scores, step=step, memory=memory))
            assert next(iter(memory.values())).data_ptr() == place  # where a captured step finds it
        else:
            memory = kept
        assert torch.allclose(
            next(iter(memory.values())), torch.tensor([mean_r, mean_f]), atol=1e-12
        )


def test_lecam_of_several_seeds():
    a, b = torch.randn(2, 3, 6, dtype=F64, generator=torch.Generator().manual_seed(1))
    memory, alone = {}, [{} for _ in range(3)]
    for shift in (0.0, 0.7):
        got = LeCam(start=0).d_loss(scored(a + shift, b, [0, 1, 2], memory=memory))
        want = [
            LeCam(start=0).d_loss(scored(a[i] + shift, b[i], memory=alone[i])) for i in range(3)
        ]
        assert torch.allclose(got, torch.stack(want), atol=1e-12)


@pytest.mark.parametrize("bad", [{"decay": 1.0}, {"start": -1}, {"weight": -0.1}])
def test_bad_lecam_is_quoted(bad):
    with pytest.raises(ValueError, match=f"{next(iter(bad))}={next(iter(bad.values()))}"):
        LeCam(**bad)


# -- ACGAN -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("fakes", [True, False])
def test_class_loss_by_hand(fakes):
    real, fake = sets(6, 4)
    turn = turn_of(
        None, real, fake, y_real=LABELS[0], y_fake=LABELS[1], D=ByClass(torch.eye(2, dtype=F64))
    )

    def entropy(v, y):  # two classes: the log-odds decide
        odds = (v[:, 0] - v[:, 1]).numpy() * np.where(y.numpy() == 0, 1, -1)
        return np.log1p(np.exp(-odds)).mean()

    of_real, of_fake = entropy(real, LABELS[0]), entropy(fake, LABELS[1])
    term = AuxClassifier(0.5, fakes)
    assert term.d_loss(turn).item() == pytest.approx(
        0.5 * (of_real + (of_fake if fakes else 0)), abs=1e-12
    )
    assert term.g_loss(turn).item() == pytest.approx(0.5 * of_fake, abs=1e-12)
    with torch.autocast("cpu", torch.bfloat16):
        assert term.g_loss(turn).item() == pytest.approx(0.5 * of_fake, abs=1e-6)


def test_a_blind_classifier_scores_log_n_and_says_what_it_lacks():
    real, fake = sets(6, 4)
    blind = turn_of(
        None,
        real,
        fake,
        y_real=LABELS[0],
        y_fake=LABELS[1],
        D=ByClass(torch.zeros(2, 2, dtype=F64)),
    )
    assert AuxClassifier().d_loss(blind).item() == pytest.approx(2 * math.log(2), abs=1e-12)
    with pytest.raises(ValueError, match="no labels.*AuxClassifier"):
        AuxClassifier().d_loss(
            Turn(
                player="d",
                D=blind.D,
                rng=Rng(0),
                x_real=real,
                x_fake=fake,
                joint=True,
                real=blind.real,
                fake=blind.fake,
            )
        )
    with pytest.raises(ValueError, match="no class outputs"):
        AuxClassifier().g_loss(turn_of(lambda v: v.sum(-1), real, fake))
    assert describe(AuxClassifier()) == {"kind": "AuxClassifier", "weight": 1.0, "fakes": True}


def test_nothing_is_read_on_the_host():
    real, fake = sets(6, 4)
    turn = turn_of(
        None, real, fake, y_real=LABELS[0], y_fake=LABELS[1], D=ByClass(torch.eye(2, dtype=F64))
    )
    with NoHostReads():
        for term in (*TERMS, AuxClassifier()):
            term.d_loss(turn)
