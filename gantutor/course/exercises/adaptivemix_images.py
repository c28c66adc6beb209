"""Exercises of notebook 07: the luck in a minimum, the pallor of mixed images, and two ratios that no change of units can move."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import leaky_relu

from gantutor.course.exercises.judge import Exercise, Property, Symptom
from gantutor.fields import plane
from gantutor.rng import Rng

MEASURES = (
    "lipschitz_ratio",
    "feature_rms",
    "bend",
    "stretches",
    "mix_path",
    "gaps",
)  # of the package and the lesson


# -- the best of many looks ----------------------------------------------------------------------------------------------
def _luck(a, b):
    gaps = []
    for first, second in zip(a.tolist(), b.tolist(), strict=True):
        look = min(range(len(first)), key=first.__getitem__)
        gaps.append(second[look] - first[look])
    return sum(gaps) / len(gaps)


def _looks(rng: Rng) -> tuple[Tensor, Tensor]:
    """Two measurements of the same looks, (runs, looks) both: a common way down, and noise of their own."""
    runs, looks = int(rng.randint(5)) + 1, int(rng.randint(7)) + 2
    way = (2 + rng.rand(runs, looks)).double()
    return way + 0.5 * rng.randn(runs, looks), way + 0.5 * rng.randn(runs, looks)


def _twice(rng: Rng) -> list[tuple]:
    return [(a, a.clone()) for a, _ in (_looks(rng) for _ in range(4))]


def _two_looks(f, n=25):
    """One run, looked at twice: its first scores over the square, its second scores always 0.5 and -0.5. Along the diagonal the choice changes."""
    return np.array(
        [float(f(p[None], torch.tensor([[0.5, -0.5]]).double())) for p in plane(1.0, n).double()]
    ).reshape(n, n)


def _chosen(x, index):
    return x.gather(1, index[:, None])[:, 0]


LUCK = Exercise(
    name="adaptivemix_images.luck",
    title="A minimum is chosen for its luck",
    points=2,
    minutes=10,
    reference=_luck,
    cases=_looks,
    field=_two_looks,
    symptoms=(
        Symptom(
            "chosen twice",
            "You choose anew by the second scores, so their luck comes in too. The look is chosen once, by `a`; `b` only judges it.",
            lambda a, b: (b.amin(1) - a.amin(1)).mean(),
        ),
        Symptom(
            "one look for all runs",
            "All runs are read at one and the same look. Each run has its own lowest score, at a place of its own.",
            lambda a, b: (b - a)[:, a.mean(0).argmin()].mean(),
        ),
        Symptom(
            "across the runs",
            "You look for the lowest score among the runs, at each look. The looks of one run lie along axis 1.",
            lambda a, b: (b - a).gather(0, a.argmin(0)[None]).mean(),
        ),
        Symptom(
            "highest",
            "You took the look with the highest score. A distance is better when it is lower.",
            lambda a, b: (_chosen(b, a.argmax(1)) - _chosen(a, a.argmax(1))).mean(),
        ),
        Symptom(
            "second alone",
            "This is the honest score of the chosen looks. Asked for is what the printed minimum flatters: subtract the score by which it was chosen.",
            lambda a, b: _chosen(b, a.argmin(1)).mean(),
        ),
        Symptom(
            "last look",
            "You read the last look. That one is not chosen, so there is no luck in it: read the look with the lowest `a`.",
            lambda a, b: (b - a)[:, -1].mean(),
        ),
    ),
    properties=(
        Property(
            "same scores",
            "Where both measurements agree at every look there is no luck, and the answer must be 0.",
            _twice,
            lambda cases, values: np.allclose(values, 0),
        ),
    ),
)


# -- a number ------------------------------------------------------------------------------------------------------------
GHOST = Exercise(
    name="adaptivemix_images.ghost",
    title="How pale are the ghosts of Table 10?",
    points=1,
    minutes=5,
    reference=1 / 2 + 2 / 20,
    tolerance=0.005,
    symptoms=(
        Symptom(
            "uniform",
            "Two thirds are for alpha = 1. With alpha = 2 the lambdas lie nearer to the middle, where ghosts are palest.",
            2 / 3,
        ),
        Symptom(
            "at the middle",
            "One half is the palest ghost, at lambda = 1/2 exactly. Asked for is the mean over all lambdas: square first, then average.",
            0.5,
        ),
        Symptom(
            "what is lost", "This is the share of the variance that is lost. How much is kept?", 0.4
        ),
        Symptom(
            "contrast",
            "This is the root: the share of the contrast. The question is for the variance.",
            0.6**0.5,
        ),
        Symptom(
            "one parent",
            "This is the share of one parent alone, the mean of lambda squared. The other one adds its (1 - lambda) squared.",
            0.3,
        ),
        Symptom(
            "the other way",
            "You moved the lambdas to the ends, where a mixture is nearly one of its parents. A larger alpha moves them to the middle.",
            0.75,
        ),
    ),
)


# -- the scale-free stretch ----------------------------------------------------------------------------------------------
def _stretch_free(v, w, x, y):
    v, w, x, y = (t.numpy() for t in (v, w, x, y))
    rms = np.sqrt(np.mean([e**2 for cloud in (v, w) for e in cloud.ravel()]))
    return float(
        np.mean(
            [
                np.sqrt(((a - b) ** 2).sum() / ((i - j) ** 2).sum())
                for a, b, i, j in zip(v, w, x, y, strict=True)
            ]
        )
        / rms
    )


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
    """One pair: the first image's features over the square, the second's always at (0.5, 0.5). Doubling all features must change nothing."""
    x, y, w = (
        torch.zeros(1, 1, 2, 2).double(),
        torch.full((1, 1, 2, 2), 0.5).double(),
        torch.full((1, 2), 0.5).double(),
    )
    return np.array([float(f(p[None], w, x, y)) for p in plane(1.0, n).double()]).reshape(n, n)


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
            "This is Table 3's number as printed: multiply all features by 10 and it is ten times larger. Divide by the rms of the features.",
            lambda v, w, x, y: torch.div(*_stretch(v, w, x, y)).mean(),
        ),
        Symptom(
            "ratio of means",
            "You divide two means. Table 3 takes the ratio of each pair first, and then the mean over the pairs.",
            lambda v, w, x, y: (
                _stretch(v, w, x, y)[0].mean() / _stretch(v, w, x, y)[1].mean() / _rms(v, w)
            ),
        ),
        Symptom(
            "maximum",
            "You took the pair that is stretched most. That would be a bound from below for Lipschitz's constant; the table holds the mean.",
            lambda v, w, x, y: torch.div(*_stretch(v, w, x, y)).max() / _rms(v, w),
        ),
        Symptom(
            "deviation for rms",
            "You divide by the standard deviation. The root mean square does not subtract the mean: it is the size of the entries, not their spread.",
            lambda v, w, x, y: (
                torch.div(*_stretch(v, w, x, y)).mean() / torch.cat([v, w]).std(correction=0)
            ),
        ),
        Symptom(
            "squared",
            "These are ratios of squared lengths: the root of each norm is missing.",
            lambda v, w, x, y: torch.div(*_stretch(v, w, x, y)).square().mean() / _rms(v, w),
        ),
        Symptom(
            "one distance for all",
            "All pairs are measured by one norm, over the batch as well. Each pair has its own distance: flatten all axes but the first.",
            lambda v, w, x, y: ((v - w).norm(dim=1) / (x - y).norm()).mean() / _rms(v, w),
        ),
    ),
    properties=(
        Property(
            "units",
            "Ten times the features must change nothing, and twice the distance of the images must halve the number.",
            _scaled,
            lambda cases, values: np.allclose([values[1], 2 * values[2]], values[0]),
        ),
    ),
)


# -- the bend ------------------------------------------------------------------------------------------------------------
class Critic(NamedTuple):
    """Features (N, K) of images (N, ...): a layer of leaky ReLUs, or affine with `slope` 1. A process can be sent it, unlike a lambda."""

    inner: Tensor
    outer: Tensor
    slope: float = 0.2
    offset: float = 1.0

    def __call__(self, x: Tensor) -> Tensor:
        return (
            leaky_relu(x.flatten(1) @ self.inner.T + 0.3, self.slope) @ self.outer.T + self.offset
        )


def _critic(rng: Rng, pixels: int, k: int) -> Critic:
    return Critic(rng.randn(8, pixels).double(), rng.randn(k, 8).double())


def _bend_of(F, x, y, lam):
    gaps, lengths = [], []
    for a, b, t in zip(x, y, lam.tolist(), strict=True):
        v, w, mixed = (F(image[None]).numpy()[0] for image in (a, b, t * a + (1 - t) * b))
        gaps.append(np.linalg.norm(mixed - t * v - (1 - t) * w))
        lengths.append(np.linalg.norm(v - w))
    return float(np.sum(gaps) / np.sum(lengths))


def _to_bend(rng: Rng) -> tuple[Critic, Tensor, Tensor, Tensor]:
    n, c, side, k = (int(rng.randint(high)) + low for high, low in ((6, 2), (3, 1), (3, 2), (4, 2)))
    x, y = (rng.randn(n, c, side, side).double() for _ in range(2))
    return _critic(rng, c * side * side, k), x, y, rng.rand(n).double()


def _gap(F, x, y, lam, image_lam=None):
    """Gaps and parents' distances, (N,) both."""
    shape = (-1, *[1] * (x.ndim - 1))
    t, s = (lam if image_lam is None else image_lam).reshape(shape), lam[:, None]
    return (F(t * x + (1 - t) * y) - s * F(x) - (1 - s) * F(y)).norm(dim=1), (F(x) - F(y)).norm(
        dim=1
    )


def _straight(rng: Rng) -> list[tuple]:
    return [(F._replace(slope=1.0), *rest) for F, *rest in (_to_bend(rng) for _ in range(4))]


def _larger(rng: Rng) -> list[tuple]:
    F, *rest = _to_bend(rng)
    return [(F, *rest), (F._replace(outer=10 * F.outer, offset=10 * F.offset), *rest)]


def _over_the_plane(f, n=25):
    """A critic of eight leaky ReLUs; one parent over the square, the other always at (-0.8, -0.8). White: no bend of the critic between the two."""
    F, y, lam = (
        _critic(Rng(2), 2, 3),
        torch.full((1, 2), -0.8).double(),
        torch.tensor([0.3]).double(),
    )
    with np.errstate(invalid="ignore"):
        return np.array([float(f(F, p[None], y, lam)) for p in plane(0.99, n).double()]).reshape(
            n, n
        )


OPPOSITE = "Images and features are mixed with opposite weights: the parent that gets lambda in the image must get it in the features too."

BEND_OF = Exercise(
    name="adaptivemix_images.bend_of",
    title="What the loss asks, without its unit",
    points=3,
    minutes=12,
    reference=_bend_of,
    cases=_to_bend,
    field=_over_the_plane,
    forbidden=MEASURES,
    symptoms=(
        Symptom(
            "not divided",
            "This is the gap as the loss sees it: a critic with smaller features looks straighter. Divide by the parents' distance in the features.",
            lambda F, x, y, lam: _gap(F, x, y, lam)[0].mean(),
        ),
        Symptom(
            "mean of ratios",
            "You take the mean of the ratios, where two parents that lie close together in the features count most. Here it is the ratio of the means.",
            lambda F, x, y, lam: torch.div(*_gap(F, x, y, lam)).mean(),
        ),
        Symptom(
            "mixed after F",
            "It is always 0: you compare the mix of the features with itself. F must see the mixed image.",
            lambda F, x, y, lam: 0 * _gap(F, x, y, lam)[0].mean(),
        ),
        Symptom(
            "images mixed the other way",
            OPPOSITE,
            lambda F, x, y, lam: torch.div(*(t.mean() for t in _gap(F, x, y, lam, 1 - lam))),
        ),
        Symptom(
            "features mixed the other way",
            OPPOSITE,
            lambda F, x, y, lam: torch.div(*(t.mean() for t in _gap(F, x, y, 1 - lam, lam))),
        ),
        Symptom(
            "one lambda",
            "All pairs share one lambda. Each has its own: reshape `lam` so that it runs along the axis of the images.",
            lambda F, x, y, lam: torch.div(
                *(t.mean() for t in _gap(F, x, y, lam.mean().expand_as(lam)))
            ),
        ),
        Symptom(
            "squared",
            "These are squared lengths, as in the loss. The bend is a ratio of plain lengths.",
            lambda F, x, y, lam: torch.div(*(t.square().mean() for t in _gap(F, x, y, lam))),
        ),
        Symptom(
            "images' distance",
            "You divide by the distance of the images. That leaves the unit of the features in: divide by the distance of the features.",
            lambda F, x, y, lam: (
                _gap(F, x, y, lam)[0].mean() / (x - y).flatten(1).norm(dim=1).mean()
            ),
        ),
    ),
    properties=(
        Property(
            "straight",
            "A straight critic must get 0, whatever its slope. Yours gets something else.",
            _straight,
            lambda cases, values: np.allclose(values, 0, atol=1e-10),
        ),
        Property(
            "units",
            "Ten times the features must change nothing.",
            _larger,
            lambda cases, values: values[0] > 0 and np.allclose(*values),
        ),
    ),
)

EXERCISES = (LUCK, GHOST, STRETCH_FREE, BEND_OF)
