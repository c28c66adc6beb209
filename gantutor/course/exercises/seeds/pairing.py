"""Exercise seeds.pairing: how many times more seeds a comparison needs that is not paired."""

import math

import numpy as np

from gantutor.course.exercises.definition import Exercise, Property, Symptom


def _price(a, b):
    """By covariances: Var(a) + Var(b) over Var(a) + Var(b) - 2 Cov(a, b)."""
    ma, mb = math.fsum(a) / len(a), math.fsum(b) / len(b)
    va, vb = math.fsum((x - ma) ** 2 for x in a), math.fsum((y - mb) ** 2 for y in b)
    both = math.fsum((x - ma) * (y - mb) for x, y in zip(a, b, strict=True))
    return (va + vb) / (va + vb - 2 * both)


def _two_variants(rng):
    n = 3 + int(rng.randint(12, 1))
    luck = rng.randn(n).double()
    own = 0.4 + float(rng.rand(1))
    a = 3 + luck + own * rng.randn(n).double()
    return a.numpy(), (2 + 1.5 * luck + own * rng.randn(n).double()).numpy()


PAIRING = Exercise(
    "seeds.pairing",
    "What it costs to ignore that seeds are shared",
    points=2,
    minutes=6,
    reference=_price,
    cases=_two_variants,
    symptoms=(
        Symptom(
            "upside down",
            "You divided the paired variance by the other one. The answer is above 1 where "
            "pairing helps.",
            lambda a, b: np.var(b - a) / (np.var(a) + np.var(b)),
        ),
        Symptom(
            "of spreads",
            "You divided standard deviations. The number of seeds grows with their square: take "
            "variances.",
            lambda a, b: np.sqrt((np.var(a) + np.var(b)) / np.var(b - a)),
        ),
        Symptom(
            "spreads added",
            "You added standard deviations. Of independent numbers it is the variances that add.",
            lambda a, b: (np.std(a) + np.std(b)) ** 2 / np.var(b - a),
        ),
        Symptom(
            "one variant",
            "Only one variant's variance is above the line. Without pairing the difference of two "
            "means has the noise of both.",
            lambda a, b: np.var(a) / np.var(b - a),
        ),
        Symptom(
            "the other variant",
            "Only the second variant's variance is above the line. Without pairing the difference "
            "of two means has the noise of both.",
            lambda a, b: np.var(b) / np.var(b - a),
        ),
        Symptom(
            "mean of the two",
            "You averaged the two variances. The variance of a difference of independent numbers "
            "is their sum.",
            lambda a, b: (np.var(a) + np.var(b)) / 2 / np.var(b - a),
        ),
        Symptom(
            "all values together",
            "This is the variance of all values in one pot, which also holds the distance between "
            "the two means. Take each variant's own variance.",
            lambda a, b: 2 * np.var(np.concatenate([a, b])) / np.var(b - a),
        ),
        Symptom(
            "sum for difference",
            "The variance below the line is that of a + b. The luck that a seed brings to both "
            "cancels in the difference b - a.",
            lambda a, b: (np.var(a) + np.var(b)) / np.var(a + b),
        ),
        Symptom(
            "correlation",
            "The correlation is what pairing lives on, but the exercise asks for a number of "
            "seeds: the ratio of two variances.",
            lambda a, b: np.corrcoef(a, b)[0, 1],
        ),
    ),
    properties=(
        Property(
            "better by a constant",
            "If one variant gets better by the same amount on every seed, no more and no fewer "
            "seeds are needed.",
            lambda rng: [(a, b + c) for a, b in [_two_variants(rng)] for c in (0.0, -9.0)],
            lambda cases, values: math.isclose(*map(float, values), rel_tol=1e-6),
        ),
    ),
)
