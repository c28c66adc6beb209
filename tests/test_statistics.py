"""Statistics over seeds against simulation, SciPy's own tests and closed forms."""

import math

import numpy as np
import pytest
from scipy import stats

from gantutor.statistics import (
    LOOKS,
    detectable,
    equivalence_power,
    half_width,
    holm,
    levels,
    looks,
    over_looks,
    power,
    seeds_needed,
    t_interval,
    t_test,
)
from gantutor.statistics.power import least, seeds_for_equivalence

# The table of section 2 of what this course holds to be evidence: seeds, half width of the 95 %
# interval, effect that is seen with 80 % power, power at 1 and 2 sd, equivalence power by margin.
TABLE = [
    (3, 2.48, 3.28, 0.18, 0.47, {1: 0.13, 1.5: 0.33, 2: 0.56, 3: 0.88}),
    (4, 1.59, 2.14, 0.29, 0.75, {}),
    (5, 1.24, 1.70, 0.41, 0.91, {1: 0.29, 1.5: 0.73, 2: 0.95, 3: 1.0}),
    (6, 1.05, 1.44, 0.51, 0.97, {}),
    (8, 0.84, 1.16, 0.68, 1.00, {1: 0.64, 1.5: 0.97, 2: 1.0, 3: 1.0}),
    (10, 0.72, 1.00, 0.80, 1.00, {1: 0.79, 2: 1.0, 3: 1.0}),
    (16, 0.53, 0.76, None, None, {1.5: 1.0}),
    (20, 0.47, 0.68, None, None, {}),
]


@pytest.mark.parametrize("n, width, seen, at_1, at_2, equivalence", TABLE)
def test_power_is_the_tables(n, width, seen, at_1, at_2, equivalence):
    assert half_width(n) == pytest.approx(width, abs=0.006)
    assert detectable(n) == pytest.approx(seen, rel=0.03)
    for effect, want in ((1, at_1), (2, at_2)):
        if want is not None:
            assert power(effect, n) == pytest.approx(want, abs=0.03)
    for margin, want in equivalence.items():
        assert equivalence_power(margin, n) == pytest.approx(want, abs=0.03)


@pytest.mark.parametrize("n, effect", [(3, 2.0), (5, 0.0), (8, 1.0), (20, 0.4)])
def test_power_is_how_often_scipys_t_test_rejects(n, effect):
    draws = np.random.default_rng(n).standard_normal((40_000, n)) + effect
    rejected = stats.ttest_1samp(draws, 0, axis=1).pvalue < 0.05
    assert power(effect, n) == pytest.approx(rejected.mean(), abs=0.01)


@pytest.mark.parametrize("n, margin, truth", [(4, 2.0, 0.0), (8, 1.0, 0.5), (8, 1.0, 1.0)])
def test_equivalence_power_is_how_often_both_one_sided_tests_reject(n, margin, truth):
    draws = np.random.default_rng(n).standard_normal((40_000, n)) + truth
    above = stats.ttest_1samp(draws, -margin, axis=1, alternative="greater").pvalue < 0.05
    below = stats.ttest_1samp(draws, margin, axis=1, alternative="less").pvalue < 0.05
    both = (above & below).mean()
    assert equivalence_power(margin, n, truth) == pytest.approx(both, abs=0.01)
    if truth == margin:  # the rate of false equivalence
        assert both <= 0.055


def test_power_and_its_inverses_agree():
    for n in (3, 7, 25):
        assert power(detectable(n), n) == pytest.approx(0.8, abs=1e-4)
    for effect in (0.3, 1.0, 2.5):
        n = seeds_needed(effect)
        assert power(effect, n) >= 0.8 > power(effect, n - 1)
    n = seeds_for_equivalence(0.8)
    assert equivalence_power(0.8, n) >= 0.8 > equivalence_power(0.8, n - 1)
    # for large n the normal approximation holds: (1.96 + 0.84)^2 / effect^2
    assert seeds_needed(0.05) == pytest.approx((1.95996 + 0.84162) ** 2 / 0.05**2, rel=2e-3)
    assert seeds_needed(0.0) is None and seeds_for_equivalence(0.0) is None


def test_large_effects_are_certain():
    assert power(30, 30) == power(-30, 30) == 1.0
    assert power(0, 5) == pytest.approx(0.05)


def test_least_finds_every_threshold():
    assert [least(lambda n, k=k: n >= k) for k in range(2, 70)] == list(range(2, 70))
    assert least(lambda n: False) is None


@pytest.mark.parametrize("level", [0.8, 0.95, 0.999])
def test_the_interval_and_the_test_are_scipys(level):
    x = np.random.default_rng(0).lognormal(size=9)
    t = stats.ttest_1samp(x, 0.5)
    assert t_interval(x, level) == pytest.approx(tuple(t.confidence_interval(level)))
    assert t_test(list(x), 0.5) == pytest.approx(t.pvalue)
    low, _ = t_interval(x, level)
    assert t_test(list(x), low) == pytest.approx(1 - level)


def test_values_without_spread():
    assert t_test([2.0, 2.0, 2.0]) == 0.0 and t_test([2.0, 2.0], 2.0) == 1.0
    with pytest.raises(ValueError, match="at least 2"):
        t_test([1.0])


def test_holm_by_hand_and_in_any_order():
    # sorted: .01 .02 .03 .04 times 4 3 2 1, then the running maximum
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([]) == [] and holm([0.3]) == [0.3] and holm([0.9, 0.8]) == [1.0, 1.0]


# -- several looks ---------------------------------------------------------------------------------
def test_the_levels_are_those_of_the_published_boundaries():
    # Lan-DeMets, O'Brien-Fleming type, alpha 0.05 two-sided, five equal looks, as tabulated by
    # Reboussin et al. (Controlled Clinical Trials 21, 2000): z at each look
    published = [4.8769, 3.3569, 2.6803, 2.2898, 2.0310]
    found = stats.norm.isf(np.array(levels((1, 2, 3, 4, 5))) / 2)
    assert found == pytest.approx(published, abs=2e-3)


@pytest.mark.parametrize("when", [LOOKS, (5, 8, 12), (4, 20)])
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_all_looks_together_spend_alpha(when, alpha):
    rng, trials = np.random.default_rng(1), 200_000
    sums = np.cumsum(rng.standard_normal((trials, when[-1])), axis=1)
    decided = np.zeros(trials, bool)
    for n, level in zip(when, levels(when, alpha), strict=True):
        decided |= np.abs(sums[:, n - 1]) / math.sqrt(n) > stats.norm.isf(level / 2)
    assert decided.mean() == pytest.approx(alpha, abs=4 * math.sqrt(alpha / trials))


def test_a_p_value_over_looks_is_the_level_at_which_the_rule_decides():
    when = (5, 8, 12, 20)
    for alpha in (0.002, 0.05, 0.3):
        for k, level in enumerate(levels(when, alpha)[1:], 2):
            quiet = [1.0] * (k - 1)
            assert over_looks([*quiet, level], when) == pytest.approx(alpha, rel=1e-3)
    assert over_looks([0.03], (8,)) == 0.03
    assert over_looks([], (8, 12)) == over_looks([1.0, 1.0], when) == 1.0
    # what an earlier look has decided stays decided
    assert over_looks([1e-7, 0.9], when) == over_looks([1e-7], when) < 0.05


def test_the_schedule_ends_at_the_most():
    assert (
        looks(30) == LOOKS
        and looks(5) == (3, 5)
        and looks(3) == (3,)
        and looks(9, 5)
        == (
            5,
            8,
            9,
        )
    )
    with pytest.raises(ValueError, match="at most 2 seeds: expected at least 3"):
        looks(2)
    with pytest.raises(ValueError, match=r"\[3, 3\]: expected numbers of seeds that grow"):
        levels((3, 3))
