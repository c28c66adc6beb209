"""Variance components of crossed trainings, against SciPy, simulation and loops."""

import numpy as np
import pytest
from scipy import stats

from gantutor.statistics.components import (
    BOTH,
    DRAWS,
    SAMPLES,
    WEIGHTS,
    components,
    mean_squares,
    retraining_ratio,
)


def drawn(rng, sds, a, b, r, times=1):
    """Scores (times, a, b, r) whose four sources have these standard deviations."""
    shapes = [(times, a, 1, 1), (times, 1, b, 1), (times, a, b, 1), (times, a, b, r)]
    return sum(sd * rng.standard_normal(shape) for sd, shape in zip(sds, shapes, strict=True))


def test_the_samples_mean_square_and_the_f_of_all_cells_are_scipys():
    y = drawn(np.random.default_rng(1), (1, 2, 3, 4), 3, 4, 5)[0]
    found = mean_squares(y)
    between = sum(square * free for square, free in list(found.values())[:3])
    f = stats.f_oneway(*y.reshape(12, 5))
    assert f.statistic == pytest.approx(between / 11 / found[SAMPLES][0])
    assert [free for _, free in found.values()] == [2, 3, 6, 48]


def test_weights_against_the_combination_are_scipys_f_where_draws_are_blocks():
    """A randomised block design without its blocks' means is a one-way analysis of variance."""
    y = drawn(np.random.default_rng(2), (1, 2, 1, 0.5), 4, 6, 3)[0]
    cells = y.mean(2)
    centred = cells - cells.mean(0)
    f = stats.f_oneway(*centred)  # its error has a * (b - 1) degrees of freedom, not fewer
    found = mean_squares(y)
    expected = found[WEIGHTS][0] / found[BOTH][0] * (4 * 5) / (3 * 5)
    assert f.statistic == pytest.approx(expected)


def test_components_are_unbiased():
    sds = (0.5, 1.0, 1.5, 2.0)
    many = [components(y) for y in drawn(np.random.default_rng(3), sds, 4, 5, 3, 4000)]
    for source, sd in zip((WEIGHTS, DRAWS, BOTH, SAMPLES), sds, strict=True):
        values = np.array([found[source] for found in many])
        error = values.std(ddof=1) / len(values) ** 0.5
        assert abs(values.mean() - sd**2) < 4 * error, source


@pytest.mark.parametrize("sds", [(0, 0, 2, 1), (2, 0.5, 1, 1), (1, 1, 1, 1), (3, 0, 0.3, 1)])
def test_the_ratios_interval_covers_the_truth(sds):
    """In 91 to 96 % of 2000 designs as measured, with another percent for the simulation."""
    truth = (sds[0] ** 2 + sds[1] ** 2 + sds[2] ** 2) ** 0.5 / sds[3]
    covered = 0
    for y in drawn(np.random.default_rng(4), sds, 6, 6, 4, 2000):
        found, low, high = retraining_ratio(y)
        covered += low <= truth <= high
        assert low <= found <= high
    assert 0.90 < covered / 2000 < 0.97, covered / 2000


def test_trainings_that_do_not_differ_have_a_ratio_near_0():
    found = [
        retraining_ratio(y) for y in drawn(np.random.default_rng(5), (0, 0, 0, 1), 5, 5, 4, 500)
    ]
    assert np.mean([low == 0 for _, low, _ in found]) > 0.95
    assert np.median([ratio for ratio, _, _ in found]) < 0.3


@pytest.mark.parametrize("shape", [(4, 4), (1, 4, 3), (4, 1, 3), (4, 4, 1)])
def test_a_design_that_cannot_tell_is_refused(shape):
    with pytest.raises(ValueError, match="expected \\(weights, draws, repeats\\), at least 2"):
        mean_squares(np.zeros(shape))


def test_a_diverged_training_is_named():
    y = np.ones((2, 2, 2))
    y[0, 1, 0] = np.nan
    with pytest.raises(ValueError, match="has a training diverged"):
        components(y)
