"""The words of a verdict, from values on their scale, a margin and the looks that were planned.

Differences are tested by t tests, equivalence by two one-sided t tests, all at 5 %. With several
planned looks the 5 % are spent over them; the look at n seeds takes the first n, so the verdict
depends on the schedule and the values alone, however often the command was stopped.
"""

import math
from collections.abc import Callable, Sequence

from gantutor.statistics import over_looks, seeds_needed, t_test
from gantutor.statistics.intervals import sd
from gantutor.statistics.power import seeds_for_equivalence

ALPHA = 0.05
ENOUGH = 5  # seeds; fewer never say reproduced, absent, differs or contradicts
LEAST = 3  # seeds; fewer say nothing


def reached(n: int, looks: Sequence[int] | None) -> tuple[list[int], list[int]]:
    """The looks that n seeds allow, and all that were planned; without a plan there is one, at n.

    >>> reached(9, (3, 5, 8, 12)), reached(9, None)
    (([3, 5, 8], [3, 5, 8, 12]), ([9], [9]))
    """
    if looks is None:
        return [n], [n]
    return [k for k in looks if k <= n], list(looks)


def p_difference(x: Sequence[float], centre: float, looks: tuple[list[int], list[int]]) -> float:
    """The p-value of "the mean is `centre`", over the looks."""
    return _over(lambda part: t_test(part, centre), x, looks)


def p_beyond(x: Sequence[float], low: float, high: float, looks) -> float:
    """The p-value of "the mean is within [low, high]", over the looks."""

    def outside(part):
        mean = math.fsum(part) / len(part)
        return 1.0 if low <= mean <= high else t_test(part, low if mean < low else high)

    return _over(outside, x, looks)


def p_inside(x: Sequence[float], low: float, high: float, looks) -> float:
    """The p-value of "the mean is outside (low, high)", of two one-sided tests, over the looks.

    One-sided tests at 5 % have the looks of two-sided ones at 10 %.
    """

    def inside(part):
        mean = math.fsum(part) / len(part)
        if not low < mean < high:
            return 1.0
        return max(t_test(part, low), t_test(part, high))

    return _over(inside, x, looks) / 2


def _over(test: Callable, x: Sequence[float], looks: tuple[list[int], list[int]]) -> float:
    now, planned = looks
    return over_looks([test(x[:n]) for n in now], planned)


def p_signs(outcomes: Sequence[int], looks: tuple[list[int], list[int]]) -> float:
    """The p-value of a sign test of wins (1), losses (-1) and ties (0), over the looks.

    >>> p_signs([1] * 8, ([8], [8]))
    0.0078125
    """
    from scipy.stats import binomtest

    def test(part):
        decided = sum(map(abs, part))
        return float(binomtest(part.count(1), decided).pvalue) if decided else 1.0

    return _over(test, list(outcomes), looks)


def seeds_to_decide(
    x: Sequence[float], effect: float, margin: float, alpha: float = ALPHA
) -> int | None:
    """How many seeds would decide on a direction with 80 % power, by the spread of these.

    They would show the paper's effect, or, where these should have shown it already, that it is
    within the margin. None where nobody could run as many.
    """
    spread = sd(x)
    if spread == 0:
        return ENOUGH
    show = seeds_needed(effect / spread, alpha=alpha)
    if show is not None and show <= len(x):
        show = seeds_for_equivalence(margin / spread)
        if show is not None:
            show = max(show, len(x) + 1)
    return None if show is None else max(show, ENOUGH)


def seeds_to_confirm(x: Sequence[float], margin: float) -> int | None:
    """How many seeds would confirm a number with 80 % power, by the spread of these."""
    spread = sd(x)
    found = ENOUGH if spread == 0 else seeds_for_equivalence(margin / spread)
    return None if found is None else max(found, len(x) + 1, ENOUGH)
