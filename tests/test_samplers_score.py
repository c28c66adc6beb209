"""EvolGAN, rejection and Metropolis-Hastings against known densities; calibration."""

import math

import numpy as np
import pytest
import torch
from scored import F64, Critic, Fixed, chi2, latents, normed, on_the_line
from torch import nn

from gantutor.methods.samplers import (
    DRS,
    Calibration,
    EvolGAN,
    MetropolisHastings,
    nfe,
    with_budget,
)
from gantutor.nets import Labelled
from gantutor.rng import Rng


@pytest.mark.parametrize("quality", [None, lambda x: -(x**2).sum(-1)])
def test_evolution_never_lowers_the_quality(quality):
    G, D = (m.eval() for m in normed())
    q = quality or (lambda x: D(x).score)
    with torch.no_grad():  # a larger budget goes on where the smaller one stopped
        path = torch.stack(
            [q(G(EvolGAN(0.5, b, quality)(latents(40), G, D, Rng(0)))) for b in range(1, 15)]
        )
    assert (path.diff(dim=0) >= 0).all() and (path[-1] > path[0]).float().mean() > 0.8


@pytest.mark.parametrize("alpha, changed", [(0.0, 1 / 10), (1.0, (1 + 1 / 10**2) / 2)])
def test_evolution_changes_as_many_coordinates_as_alpha_says(alpha, changed):
    calls = iter(range(9))
    z = latents(4000, 10)

    def better(x):  # each child is
        return torch.full(x.shape[:-1], float(next(calls)))

    moved = EvolGAN(alpha, 2, better)(z, nn.Identity(), None, Rng(0))
    share = (moved != z).double().mean(-1)
    assert share.mean().item() == pytest.approx(
        changed, abs=0.02
    )  # E max(alpha U, 1/d); standard error below 0.005
    if alpha == 0:
        assert share.var().item() == pytest.approx(
            0.1 * 0.9 / 10, rel=0.1
        )  # independent coordinates
    fresh = moved[moved != z]
    assert abs(fresh.mean()) < 0.1 and fresh.std().item() == pytest.approx(1, abs=0.06)


# -- rejection and Metropolis-Hastings -------------------------------------------------------------
def half(z):
    """A score for which the target p(z) e^s is N(0, 1/2), and a share of 1 / sqrt(2) is kept."""
    return -(z**2) / 2


@pytest.mark.parametrize("a, b", [(1.0, 0.0), (0.25, 3.0)])
def test_rejection_gives_the_target(a, b):
    G, D = on_the_line(lambda z: (half(z) - b) / a)
    sampler = DRS(None, burn_in=2000, calibration=Calibration(a, b))
    found = []
    for seed in range(5):
        with nfe(G, D) as count:
            z = sampler.prepared(latents(500, 1), G, D, Rng(99))(
                Rng(seed).randn(500, 1), G, D, Rng(seed + 10)
            )
        found.append(chi2(z[:, 0], 0, 0.5))
        assert count.D == count.G and count.D - 2000 in (500, 1000)  # one round keeps 354, two 707
    # 19 degrees of freedom: mean 19, standard error 2.8 of the mean of five; the prior has above 80
    assert 11 < np.mean(found) < 27 and chi2(Rng(0).randn(500, 1)[:, 0], 0, 0.5) > 80


def test_rejection_begins_with_the_given_latents_and_raises_its_largest_score():
    assert torch.equal(
        DRS(None, 10)(latents(20, 1), *on_the_line(torch.zeros_like), Rng(0)), latents(20, 1)
    )  # all are kept
    z = DRS(None, top=-5.0, gamma=0.0)(
        Rng(0).randn(1000, 1), *on_the_line(half), Rng(1)
    )  # a pilot that missed the best
    assert chi2(z[:, 0], 0, 0.5) < 45  # 19 degrees of freedom: beyond 45 in 1 of 1000


def test_rejection_accepts_with_the_ratio_over_its_largest():
    below = torch.tensor([-20.0, -3.0, -1.0, -0.1, 0.0], dtype=F64)
    assert torch.allclose(
        DRS.logit(below).sigmoid(), below.exp(), atol=2e-6
    )  # the 1e-6 keeps the largest finite
    assert torch.isfinite(DRS.logit(below.float())).all()


@pytest.mark.parametrize("percentile", [50.0, 95.0])
def test_gamma_is_a_percentile_of_the_pilot(percentile):
    G, D = on_the_line(half)
    ready = DRS(percentile, burn_in=20_000).prepared(latents(1000, 1), G, D, Rng(0))
    # s falls as |z| grows: its percentile q is where |z| has the percentile 100 - q, by the normal
    # quantile; M is near 0; over eight seeds gamma strays by 0.01 and 0.12
    z = {50.0: 0.6745, 95.0: 0.0627}[percentile]
    assert ready.top == pytest.approx(0, abs=1e-5)
    assert ready.gamma == pytest.approx(
        DRS.logit(torch.tensor(-(z**2) / 2, dtype=F64)).item(), abs=0.3
    )
    assert ready.prepared(latents(1000, 1), G, D) is ready
    grid = torch.linspace(-8, 8, 20_001, dtype=F64)
    p = torch.exp(-(grid**2) / 2) / math.sqrt(2 * math.pi) * 16 / 20_000
    want = (p * (DRS.logit(half(grid)) - ready.gamma).sigmoid()).sum().item()
    with nfe(G, D) as count:
        ready(latents(1000, 1), G, D, Rng(1))
    assert 1 / want - 1 < count.D / 1000 < 1 / want + 1.5  # whole rounds


@pytest.mark.parametrize("n", [2, 10])
def test_rejection_at_a_given_acceptance(n):
    G, D = on_the_line(lambda z: 3 * half(z))
    sampler = with_budget(DRS(burn_in=5000), n).prepared(latents(500, 1), G, D, Rng(0))
    with nfe(G, D) as count:
        sampler(latents(500, 1), G, D, Rng(1))
    assert count.per_sample(500)["total"] == pytest.approx(n, abs=1 + 0.1 * n)


def test_rejection_fills_places_of_their_own_label():
    # given y the target is N(m/2, 1/2) with m = -1 or 1, twice as many places for y = 1
    def score(x, y):
        return -((x[..., 0] - (2.0 * y - 1)) ** 2) / 2

    y = torch.tensor([0, 1, 1]).repeat(200)
    G, D = Labelled(Fixed(lambda z, y: z), y), Labelled(Critic(nn.Identity(), Fixed(score)), y)
    z = DRS(None, 600)(Rng(0).randn(600, 1), G, D, Rng(1))[:, 0]
    for label, mean in ((0, -0.5), (1, 0.5)):
        assert chi2(z[y == label], mean, 0.5) < 45  # 19 degrees of freedom: beyond 45 in 1 of 1000
        assert chi2(z[y != label], mean, 0.5) > 200


def test_rejection_says_when_it_cannot():
    G, D = on_the_line(lambda z: 1e4 * half(z))
    with pytest.raises(
        RuntimeError, match="could not fill 50 places in 3 rounds: lower gamma_percentile"
    ):
        DRS(None, 100, rounds=3)(latents(50, 1), G, D, Rng(0))


def test_metropolis_hastings_gives_the_target():
    G, D = on_the_line(lambda z: half(z) * 4 - 7)
    found = [
        chi2(
            MetropolisHastings(30, Calibration(0.25))(Rng(s).randn(500, 1), G, D, Rng(s + 10))[
                :, 0
            ],
            0,
            0.5,
        )
        for s in range(5)
    ]
    assert 11 < np.mean(found) < 27  # see the rejection


# -- calibration -----------------------------------------------------------------------------------
def test_calibration_finds_the_ratio_of_two_normals():
    real, fake = 1 + latents(4000, 1), latents(1000, 1, 5) - 1  # log N(s; 1, 1) / N(s; -1, 1) = 2s
    for scale, shift in ((1.0, 0.0), (1e-3, 50.0), (1e4, -2e5)):
        c = Calibration.of(real * scale + shift, fake * scale + shift)
        assert c.a * scale == pytest.approx(2, rel=0.1) and c(
            torch.tensor(shift, dtype=F64)
        ).item() == pytest.approx(0, abs=0.15)
        p, q = (1 / (1 + np.exp(-c(s * scale + shift).numpy())) for s in (real, fake))
        off_r, off_f = (
            p - 4001 / 4002,
            q - 1 / 1002,
        )  # the gradient of the loss vanishes, classes weighing the same
        assert off_r.mean() + off_f.mean() == pytest.approx(0, abs=1e-7)
        assert (off_r * real.numpy()).mean() + (off_f * fake.numpy()).mean() == pytest.approx(
            0, abs=1e-7
        )


def test_calibration_of_scores_that_do_not_overlap_is_finite():
    c = Calibration.of(torch.tensor([3.0, 4.0, 5.0]), torch.tensor([-3.0, -4.0, -5.0]))
    assert 0 < c.a < 1 and c.b == pytest.approx(0, abs=1e-6)
    for bad in ([1.0], [1.0, float("nan")]):
        with pytest.raises(ValueError, match="finite, not all equal"):
            Calibration.of(torch.tensor(bad), torch.tensor([0.0, 1.0]))


def test_calibration_asks_d_in_eval_mode():
    _, D = normed()
    reals, fakes = latents(60, 2), latents(40, 2, 7) + 1
    before = {k: v.clone() for k, v in D.state_dict().items()}
    c = Calibration.fit(D, reals, fakes)
    assert all(torch.equal(v, before[k]) for k, v in D.state_dict().items()) and D.training
    D.eval()
    assert c == Calibration.of(D(reals).score, D(fakes).score)
