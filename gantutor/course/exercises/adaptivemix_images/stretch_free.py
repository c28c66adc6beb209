"""Exercise adaptivemix_images.stretch_free: Table 3's stretch, without the features' unit."""

import numpy as np
import torch
from torch import Tensor

from gantutor.course.exercises.adaptivemix_images.common import MEASURES
from gantutor.course.exercises.definition import Exercise, Property, Symptom
from gantutor.course.exercises.maps import map_of
from gantutor.rng import Rng


def _stretch_free(v, w, x, y):
    v, w, x, y = (t.numpy() for t in (v, w, x, y))
    rms = np.sqrt(np.mean([e**2 for cloud in (v, w) for e in cloud.ravel()]))
    stretches = [
        np.sqrt(((a - b) ** 2).sum() / ((i - j) ** 2).sum())
        for a, b, i, j in zip(v, w, x, y, strict=True)
    ]
    return float(np.mean(stretches) / rms)


def _pairs(rng: Rng) -> tuple[Tensor, ...]:
    """Features (N, K) of both sides and images (N, C, H, W) of both sides."""
    n, k, c, side = (int(rng.randint(high)) + low for high, low in ((6, 2), (5, 1), (3, 1), (3, 2)))
    scale = 3 * rng.rand(1).double() + 0.5
    v, w = (scale * (rng.randn(n, k).double() + 1) for _ in range(2))
    return v, w, *(rng.randn(n, c, side, side).double() for _ in range(2))


def _stretch(v, w, x, y):
    return (v - w).norm(dim=1), (x - y).flatten(1).norm(dim=1)


def _rms(v, w):
    return torch.cat([v, w]).square().mean().sqrt()


def _scaled(rng: Rng) -> list[tuple]:
    v, w, x, y = _pairs(rng)
    return [(v, w, x, y), (10 * v, 10 * w, x, y), (v, w, 2 * x, 2 * y)]


def _one_pair(f, n=25):
    """The stretch of one pair, by the first image's features.

    The second image's features are always (0.5, 0.5). Doubling all features must change nothing.
    """
    x = torch.zeros(1, 1, 2, 2).double()
    y = torch.full((1, 1, 2, 2), 0.5).double()
    w = torch.full((1, 2), 0.5).double()
    return map_of(lambda p: f(p[None], w, x, y), n)


STRETCH_FREE = Exercise(
    name="adaptivemix_images.stretch_free",
    title="A stretch without units",
    points=2,
    minutes=10,
    reference=_stretch_free,
    cases=_pairs,
    field=_one_pair,
    forbidden=MEASURES,
    symptoms=(
        Symptom(
            "raw",
            "This is Table 3's number as printed: multiply all features by 10 and it is ten times "
            "as large. Divide by the rms of the features.",
            lambda v, w, x, y: torch.div(*_stretch(v, w, x, y)).mean(),
        ),
        Symptom(
            "ratio of means",
            "You divide two means. Table 3 first takes the ratio of each pair, and then the mean "
            "over the pairs.",
            lambda v, w, x, y: (
                _stretch(v, w, x, y)[0].mean() / _stretch(v, w, x, y)[1].mean() / _rms(v, w)
            ),
        ),
        Symptom(
            "maximum",
            "You took the pair that is stretched most. That would be a lower bound on the "
            "Lipschitz constant; the table prints the mean.",
            lambda v, w, x, y: torch.div(*_stretch(v, w, x, y)).max() / _rms(v, w),
        ),
        Symptom(
            "deviation for rms",
            "You divide by the standard deviation. The root mean square does not subtract the "
            "mean: it is the size of the entries, not their spread.",
            lambda v, w, x, y: (
                torch.div(*_stretch(v, w, x, y)).mean() / torch.cat([v, w]).std(correction=0)
            ),
        ),
        Symptom(
            "squared",
            "These are ratios of squared lengths: take the square root in each norm.",
            lambda v, w, x, y: torch.div(*_stretch(v, w, x, y)).square().mean() / _rms(v, w),
        ),
        Symptom(
            "one distance for all",
            "You measure all pairs by one norm that runs over the batch as well. Each pair has "
            "its own distance: flatten all axes but the first.",
            lambda v, w, x, y: ((v - w).norm(dim=1) / (x - y).norm()).mean() / _rms(v, w),
        ),
    ),
    properties=(
        Property(
            "units",
            "Features ten times as large must change nothing, and twice the distance between the "
            "images must halve the number.",
            _scaled,
            lambda cases, values: np.allclose([values[1], 2 * values[2]], values[0]),
        ),
    ),
)
