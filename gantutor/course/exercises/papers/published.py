"""Exercise papers.published: the mean gap among papers that pass a significance limit."""

import math

import numpy as np

from gantutor.course.exercises.definition import Exercise, Property, Symptom


def _published(r, n, limit=1.96, sides=(-1, 1), of=lambda d: d, spread=lambda n: n**-0.5):
    """Mean of `of(gap)` over measured gaps that pass the limit, by Simpson's rule on both tails."""
    out = []
    for true in np.atleast_1d(np.asarray(r, float)):
        weight = total = 0.0
        for side in sides:
            d = side * (limit * spread(n) + np.linspace(0, abs(true) + 12 * spread(n), 2_001))
            density = np.exp(-0.5 * ((d - true) / spread(n)) ** 2)
            simpson = np.concatenate([[1], np.tile([4, 2], 999), [4, 1]]) * abs(d[1] - d[0])
            weight += simpson @ density
            total += simpson @ (density * of(d))
        out.append(total / weight)
    return np.array(out)


def _density(x):
    return np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


def _tail(x):
    return np.array([0.5 * math.erfc(v / math.sqrt(2)) for v in np.atleast_1d(x)])


def _parts(r, n):
    """The two tails' probability and the difference of their densities."""
    a, b = 1.96 - r * n**0.5, 1.96 + r * n**0.5
    return _tail(a) + _tail(b), _density(a) - _density(b)


def _truths(rng):
    k = 1 + int(rng.randint(5, 1))
    return (2.5 * rng.rand(k).double()).numpy(), 1 + int(rng.randint(12, 1))


def _by_runs(f):
    """Mean printed gap for true gaps up to 2.5 spreads and up to 16 runs a side.

    The true gap grows to the right from 0, the runs upwards from 1.
    """
    return np.array([f(np.linspace(0, 2.5, 16), n) for n in range(1, 17)])


LUCK = Exercise(
    "papers.published",
    "The gaps that lucky papers print",
    points=4,
    minutes=15,
    reference=_published,
    cases=_truths,
    tolerance=1e-4,
    field=_by_runs,
    symptoms=(
        Symptom(
            "no selection",
            "This is the mean over all papers, which is the truth. Only those that pass the limit "
            "are printed.",
            lambda r, n: r * np.ones_like(r),
        ),
        Symptom(
            "not divided",
            "You added up the gaps that pass, as a share of all papers. The exercise asks for "
            "their mean: divide by the share that passes.",
            lambda r, n: r * _parts(r, n)[0] + _parts(r, n)[1] * n**-0.5,
        ),
        Symptom(
            "one side",
            "You left out the gaps that pass with the wrong sign. They are few, but for small r "
            "they count: the limit has two sides.",
            lambda r, n: _published(r, n, sides=(1,)),
        ),
        Symptom(
            "sizes",
            "You averaged the gaps without their signs. A paper that passes on the wrong side "
            "prints a negative gap.",
            lambda r, n: _published(r, n, of=np.abs),
        ),
        Symptom(
            "no root",
            "The second part is in the wrong unit: phi is in standard errors, and a standard "
            "error is 1 / sqrt(n) spreads.",
            lambda r, n: r + _parts(r, n)[1] / _parts(r, n)[0],
        ),
        Symptom(
            "n without a root",
            "The mean of n runs scatters by 1 / sqrt(n), not by 1 / n.",
            lambda r, n: _published(r, n, spread=lambda n: 1 / n),
        ),
        Symptom(
            "one run's limit",
            "Your limit is 1.96 spreads whatever n is. It should be 1.96 standard errors of a "
            "mean of n runs, which shrink with n.",
            lambda r, n: _published(r, n, limit=1.96 * n**0.5),
        ),
        Symptom(
            "densities added",
            "The two tails are on opposite sides: the gaps beyond the lower limit pull the mean "
            "down. Which sign does their density get?",
            lambda r, n: (
                r
                + (_density(1.96 - r * n**0.5) + _density(1.96 + r * n**0.5))
                / _parts(r, n)[0]
                * n**-0.5
            ),
        ),
        Symptom(
            "times the truth",
            "You divided by the truth: this is how many times too large the printed gap is. The "
            "exercise asks for the gap itself.",
            lambda r, n: _published(r, n) / np.where(r == 0, 1, r),
        ),
    ),
    properties=(
        Property(
            "nothing there",
            "Where there is nothing to find, wins and losses are printed equally often: the mean "
            "must be 0.",
            lambda rng: [(np.zeros(1), n) for n in (1, 4, 30)],
            lambda cases, values: all(abs(v[0]) < 1e-6 for v in values),
        ),
        Property(
            "clear cases",
            "A gap of many standard errors always passes, so the mean printed gap is the true one.",
            lambda rng: [(np.array([3.0]), 40)],
            lambda cases, values: math.isclose(values[0][0], 3, rel_tol=1e-4),
        ),
    ),
)
