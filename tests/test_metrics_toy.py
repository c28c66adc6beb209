"""Measures against the toy truth: zero for the truth itself, known values for known fakes, and an independent form."""

import math

import numpy as np
import pytest
import torch

from gantutor import toy
from gantutor.metrics import toy as metrics

DATA = [
    toy.ring(),
    toy.grid(),
    toy.nine(),
    toy.circles(),
    toy.two_modes(),
    toy.points([[0, 0], [0.1, 0], [1, 1]]),
]


@pytest.mark.parametrize("dist", DATA, ids=lambda d: d.name)
def test_truth_against_truth_scores_zero_within_its_error(dist):
    """40 perfect generators of 2,000 points each. GAN Lab's histogram counts 151 of 450 reals and cannot pass this."""
    z = {}
    for block in range(5):
        measures = metrics.judge(
            dist, dist.sample(2000, [1000 + 8 * block + i for i in range(8)]), rng=50_000 + block
        )
        for name, m in measures.items():
            assert torch.isfinite(m.value).all() and (m.se >= 0).all()
            z.setdefault(name, []).append(
                torch.where(m.gap_se > 0, m.gap / m.gap_se.clamp(min=1e-12), m.gap * 1e9)
            )
    for name, parts in z.items():
        scores = torch.cat(parts)
        # measured over these data: means within 0.5, greatest of 40 below 5 (tails of 20 blocks); one number is shared
        # by all 40, the truth's own estimate, so the mean is not that of 40 independent numbers
        assert scores.mean().abs() < 1.0, (name, scores.mean())
        assert scores.abs().max() < 6.0, (name, scores.abs().max())


def test_a_biased_measure_would_be_caught():
    """The same test fails for a generator that is a fifth too wide."""
    dist = toy.nine()
    m = metrics.energy_distance(dist, 1.2 * dist.sample(2000, [1, 2, 3, 4]))
    assert (m.gap / m.gap_se > 4).all()


def test_collapse_on_one_of_eight_modes_has_kl_log_8():
    dist = toy.ring()
    x = dist.centres[3] + 0.02 * torch.randn(4000, 2, generator=torch.Generator().manual_seed(0))
    m = metrics.judge(dist, x)
    assert float(m["modes"].value) == 1 and m["modes"].truth == 8
    assert float(m["mode_kl"].value) == pytest.approx(math.log(8) - 7 / 8000, abs=1e-9)
    assert abs(float(m["high_quality"].gap)) < 5 * float(m["high_quality"].gap_se)


def test_points_on_the_centres_have_the_peak_density():
    dist = toy.grid()
    m = metrics.log_density(dist, dist.centres.repeat(40, 1))
    assert float(m.value) == pytest.approx(
        -math.log(2 * math.pi * 0.05**2) - math.log(25), abs=1e-6
    )


def test_high_quality_truth_is_the_rayleigh_share():
    assert metrics.high_quality(toy.grid(), toy.grid().sample(100, 0)).truth == pytest.approx(
        1 - math.exp(-4.5), abs=0.002
    )


def test_energy_distance_equals_a_double_loop():
    dist, n = toy.two_modes(), 40
    x = dist.sample(n, 7) + 0.5
    y = dist.sample(n, 99).double().numpy()
    got, b = metrics.energy_distance(dist, x, rng=99), n // metrics.BLOCKS
    xs, blocks = x.double().numpy(), []
    for k in range(metrics.BLOCKS):
        p, q = xs[k * b : (k + 1) * b], y[k * b : (k + 1) * b]
        d = lambda u, v: np.linalg.norm(u[:, None] - v[None], axis=-1)  # noqa: E731
        blocks.append(2 * d(p, q).mean() - (d(p, p).sum() + d(q, q).sum()) / (b * (b - 1)))
    assert float(got.value) == pytest.approx(np.mean(blocks), rel=1e-12)
    assert float(got.se) >= np.std(blocks, ddof=1) / math.sqrt(metrics.BLOCKS) * (
        1 - 1e-12
    )  # not below a perfect generator's


def test_energy_distance_of_two_far_points_masses():
    """All fakes at one point, far away: 2 E|x-y| - E|y-y'| with |x-y| about the distance."""
    dist = toy.two_modes(distance=1e-6, std=1e-3, x=0.0)
    m = metrics.energy_distance(dist, torch.tensor([[10.0, 0.0]]).repeat(400, 1))
    assert float(m.value) == pytest.approx(20.0, abs=0.02)


def test_seeds_are_judged_apart():
    dist = toy.nine()
    good, bad = dist.sample(1000, 5), torch.zeros(1000, 2)
    m = metrics.judge(dist, torch.stack([good, bad]))
    assert m["modes"].value.tolist() == [9, 1]
    assert float(m["high_quality"].value[0]) == float(metrics.high_quality(dist, good).value)


def test_bad_shapes_are_named():
    with pytest.raises(ValueError, match=r"\(5, 3\).*expected \(n, 2\)"):
        metrics.judge(toy.nine(), torch.zeros(5, 3))
    with pytest.raises(ValueError, match="at least 40"):
        metrics.energy_distance(toy.nine(), torch.zeros(5, 2))
