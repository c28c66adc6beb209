"""Exercise seeds.retraining: the variance of retraining, without the noise of the samples."""

import math

import numpy as np

from gantutor.course.exercises.definition import Exercise, Property, Symptom


def _retraining(y):
    """Half the mean squared difference of two trainings' means, less the samples' part, by loops.

    The mean over pairs of half a squared difference is the variance with n - 1.
    """
    n, r = y.shape
    means = [math.fsum(row) / r for row in y]
    pairs = [(a - b) ** 2 / 2 for i, a in enumerate(means) for b in means[:i]]
    inside = [
        math.fsum((v - m) ** 2 for v in row) / (r - 1) for row, m in zip(y, means, strict=True)
    ]
    return math.fsum(pairs) / len(pairs) - math.fsum(inside) / n / r


def _scores(rng):
    n, r = 3 + int(rng.randint(8, 1)), 2 + int(rng.randint(5, 1))
    trained = 5 + 2.0 * float(rng.rand(1)) * rng.randn(n, 1).double()
    return ((trained + rng.randn(n, r).double()).numpy(),)


def _alike(rng):
    """Trainings that do not differ at all, where an honest estimate is sometimes below 0."""
    return [((5 + rng.randn(4, 3).double()).numpy(),) for _ in range(12)]


def _within(y):
    return y.var(axis=1, ddof=1).mean()


RETRAINING = Exercise(
    "seeds.retraining",
    "How much of the scatter is the training's own?",
    points=3,
    minutes=9,
    reference=_retraining,
    cases=_scores,
    symptoms=(
        Symptom(
            "noise left in",
            "This is the variance of the trainings' means. Each mean still has the samples' noise "
            "in it, 1/r of the variance inside a training: subtract that.",
            lambda y: y.mean(axis=1).var(ddof=1),
        ),
        Symptom(
            "all in one",
            "This is the variance of all numbers at once. It mixes what differs between trainings "
            "with what differs between samples of one training.",
            lambda y: y.var(ddof=1),
        ),
        Symptom(
            "all in one, less the inside",
            "You began with the variance of all numbers, which counts each training r times. "
            "Begin with the variance of the trainings' means.",
            lambda y: y.var(ddof=1) - _within(y),
        ),
        Symptom(
            "too much subtracted",
            "You subtracted the whole variance inside a training. In a mean of r samples only 1/r "
            "of it is left.",
            lambda y: y.mean(axis=1).var(ddof=1) - _within(y),
        ),
        Symptom(
            "r times too large",
            "This is the difference of the two mean squares: r times the variance of retraining "
            "is in it. Divide by r.",
            lambda y: y.shape[1] * y.mean(axis=1).var(ddof=1) - _within(y),
        ),
        Symptom(
            "the other variance",
            "This is the variance inside a training, that of new samples from the same net. The "
            "exercise asks for what differs between trainings.",
            _within,
        ),
        Symptom(
            "n for n - 1",
            "Your variances divide by n, as NumPy does unless it is told otherwise. From few "
            "trainings that is too small: `ddof=1`.",
            lambda y: y.mean(axis=1).var() - y.var(axis=1).mean() / y.shape[1],
        ),
        Symptom(
            "root",
            "This is a standard deviation; the exercise asks for the variance. A root could not "
            "be taken of an estimate below 0 either.",
            lambda y: np.sqrt(np.maximum(_retraining(y), 0)),
        ),
        Symptom(
            "other axis",
            "You took columns for trainings. `y[i]` is training i, and its entries are r samples "
            "of it: means of trainings are over `axis=1`.",
            lambda y: y.mean(axis=0).var(ddof=1) - y.var(axis=0, ddof=1).mean() / len(y),
        ),
    ),
    properties=(
        Property(
            "never below 0",
            "Trainings that do not differ at all must give 0 on average. Where estimates below 0 "
            "are cut off, the average is above 0.",
            _alike,
            lambda cases, values: min(float(v) for v in values) < 0,
        ),
        Property(
            "shift",
            "The same number added to all scores must change nothing.",
            lambda rng: [(y + c,) for (y,) in [_scores(rng)] for c in (0.0, 30.0)],
            lambda cases, values: math.isclose(*map(float, values), rel_tol=1e-6, abs_tol=1e-9),
        ),
    ),
)
