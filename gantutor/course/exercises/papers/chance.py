"""Exercise papers.chance: the chance of at least so many improvements by coin flips."""

import math

import numpy as np

from gantutor.course.exercises.definition import Exercise, Property, Symptom


def _chance(better, n):
    return sum(math.comb(n, k) for k in range(better, n + 1)) / 2**n


def _counts(rng):
    n = 1 + int(rng.randint(24, 1))
    return int(rng.randint(n + 1, 1)), n


def _coins(n):
    return np.array([math.comb(n, k) for k in range(n + 1)]) / 2.0**n


def _normal(better, n):
    """The normal curve's share above `better`, without the continuity correction."""
    return 0.5 * math.erfc((better - n / 2) / math.sqrt(n / 4) / math.sqrt(2))


def _up_to_sixteen(f):
    """Chance of at least k of n: k from 0 (left) to 16, n from 1 (bottom) to 17."""
    return np.array([[float(f(k, n)) if k <= n else 0.0 for k in range(17)] for n in range(1, 18)])


SIGNS = Exercise(
    "papers.chance",
    "What a column of small gaps is worth",
    points=2,
    minutes=7,
    reference=_chance,
    cases=_counts,
    field=_up_to_sixteen,
    forbidden=("binomtest", "binom"),
    symptoms=(
        Symptom(
            "exactly",
            "This is the chance of exactly that many. An even better result would have convinced "
            "us as well: the exercise asks for at least that many.",
            lambda better, n: _coins(n)[better],
        ),
        Symptom(
            "more than",
            "You begin one too high: `better` itself counts too.",
            lambda better, n: _coins(n)[better + 1 :].sum(),
        ),
        Symptom(
            "at most",
            "You added up the lower end. How likely are that many improvements, or more?",
            lambda better, n: _coins(n)[: better + 1].sum(),
        ),
        Symptom(
            "both sides",
            "You doubled it: that tests whether anything changed, up or down. Here the question "
            "is about improvements alone.",
            lambda better, n: min(1.0, 2 * _coins(n)[better:].sum()),
        ),
        Symptom(
            "one order",
            "1/2 to the power of `better` is the chance of improvements in certain fixed places. "
            "In how many ways can the places be chosen, and what do the other gaps do?",
            lambda better, n: 0.5**better,
        ),
        Symptom(
            "number of orders",
            "You counted the outcomes. All 2^n outcomes of n coins are equally likely: what "
            "fraction of them is it?",
            lambda better, n: float(sum(math.comb(n, k) for k in range(better, n + 1))),
        ),
        Symptom(
            "normal curve",
            "The normal curve is an approximation, and a poor one far from the middle and for few "
            "gaps. Count exactly.",
            _normal,
        ),
    ),
    properties=(
        Property(
            "certain",
            "At least 0 of n is certain, and n of n has the chance 1 / 2^n.",
            lambda rng: [(0, 9), (9, 9)],
            lambda cases, values: math.isclose(values[0], 1) and math.isclose(values[1], 2**-9),
        ),
        Property(
            "two halves",
            "Either there are at least k improvements, or at least n - k + 1 gaps got worse: one "
            "of the two must happen.",
            lambda rng: [(4, 11), (8, 11)],
            lambda cases, values: math.isclose(sum(map(float, values)), 1),
        ),
    ),
)
