"""Exercise measuring.fd_diagonal: the Frechet distance without correlations."""

import numpy as np
import torch

from gantutor.course.exercises.definition import Exercise, Property, Symptom
from gantutor.course.exercises.maps import map_of
from gantutor.course.exercises.measuring.common import MEASURES, two_clouds
from gantutor.metrics.features import Moments, frechet
from gantutor.rng import Rng


def _fd_diagonal(x, y):
    x, y = x.numpy(), y.numpy()
    total = 0.0
    for a, b in zip(x.T, y.T, strict=True):
        total += (a.mean() - b.mean()) ** 2 + (a.std(ddof=1) - b.std(ddof=1)) ** 2
    return float(total)


def _one_feature(rng: Rng) -> list[tuple]:
    return [(x[:, :1], y[:, :1]) for x, y in (two_clouds(rng, 3) for _ in range(4))]


def _moved_and_stretched(f, n=25):
    """The distance between the reals and the same points, moved and stretched.

    From left to right the fakes move, from bottom to top they stretch; the middle is a perfect
    generator.
    """
    x = Rng(3).randn(40, 2).double()
    x = (x - x.mean(0)) / x.std(0)
    return map_of(lambda p: f(x, x * 1.6 ** p[1] + torch.stack([p[0], 0 * p[0]])), n)


FD_DIAGONAL = Exercise(
    name="measuring.fd_diagonal",
    title="FID, feature by feature",
    points=2,
    minutes=8,
    reference=_fd_diagonal,
    cases=two_clouds,
    field=_moved_and_stretched,
    forbidden=(*MEASURES, "Moments"),
    symptoms=(
        Symptom(
            "variances",
            "You compare the variances. The formula takes the difference of the standard "
            "deviations, and only then squares it.",
            lambda x, y: (
                (x.mean(0) - y.mean(0)).square().sum() + (x.var(0) - y.var(0)).square().sum()
            ),
        ),
        Symptom(
            "n for n - 1",
            "You divide by N where the covariances of FID divide by N - 1: look for the argument "
            "`correction` of `std`, or `ddof` in NumPy.",
            lambda x, y: (
                (x.mean(0) - y.mean(0)).square().sum()
                + (x.std(0, correction=0) - y.std(0, correction=0)).square().sum()
            ),
        ),
        Symptom(
            "means only",
            "Two clouds with the same mean and different widths get 0 from you: the second sum of "
            "the formula is missing.",
            lambda x, y: (x.mean(0) - y.mean(0)).square().sum(),
        ),
        Symptom(
            "not squared",
            "This is the distance, but FID is the *squared* distance: leave out the last square "
            "root.",
            lambda x, y: (
                (x.mean(0) - y.mean(0)).square().sum() + (x.std(0) - y.std(0)).square().sum()
            ).sqrt(),
        ),
        Symptom(
            "all features in one",
            "You take mean and deviation over all numbers at once. Each feature needs its own: "
            "along which axis are the images?",
            lambda x, y: (x.mean() - y.mean()).square() + (x.std() - y.std()).square(),
        ),
    ),
    properties=(
        Property(
            "one feature",
            "A single feature has nothing to correlate with, so your number must equal the whole "
            "FID. It does not.",
            _one_feature,
            lambda cases, values: np.allclose(
                [frechet(Moments.of(x), Moments.of(y)) for x, y in cases], values, atol=1e-9
            ),
        ),
    ),
)
