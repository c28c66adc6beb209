"""Exercise adaptivemix_images.bend_of: the gap of a mix, relative to the parents' distance."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import leaky_relu

from gantutor.course.exercises.adaptivemix_images.common import MEASURES
from gantutor.course.exercises.definition import Exercise, Property, Symptom
from gantutor.course.exercises.maps import map_of
from gantutor.rng import Rng


class Critic(NamedTuple):
    """Features (N, K) of images (N, ...): a layer of leaky ReLUs, or affine with `slope` 1.

    Unlike a lambda it can be sent to another process.
    """

    inner: Tensor
    outer: Tensor
    slope: float = 0.2
    offset: float = 1.0

    def __call__(self, x: Tensor) -> Tensor:
        hidden = leaky_relu(x.flatten(1) @ self.inner.T + 0.3, self.slope)
        return hidden @ self.outer.T + self.offset


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
    gaps = F(t * x + (1 - t) * y) - s * F(x) - (1 - s) * F(y)
    return gaps.norm(dim=1), (F(x) - F(y)).norm(dim=1)


def _straight(rng: Rng) -> list[tuple]:
    return [(F._replace(slope=1.0), *rest) for F, *rest in (_to_bend(rng) for _ in range(4))]


def _larger(rng: Rng) -> list[tuple]:
    F, *rest = _to_bend(rng)
    return [(F, *rest), (F._replace(outer=10 * F.outer, offset=10 * F.offset), *rest)]


def _over_the_plane(f, n=25):
    """The bend of a critic of eight leaky ReLUs, with one parent at each place.

    The other parent is always at (-0.8, -0.8). White: the critic does not bend between the two.
    """
    F = _critic(Rng(2), 2, 3)
    y = torch.full((1, 2), -0.8).double()
    lam = torch.tensor([0.3]).double()
    with np.errstate(invalid="ignore"):
        return map_of(lambda p: f(F, p[None], y, lam), n, half=0.99)


OPPOSITE = (
    "You mix images and features with opposite weights: the parent that gets lambda in the image "
    "must get it in the features too."
)


BEND_OF = Exercise(
    name="adaptivemix_images.bend_of",
    title="What the loss asks for, without its unit",
    points=3,
    minutes=12,
    reference=_bend_of,
    cases=_to_bend,
    field=_over_the_plane,
    forbidden=MEASURES,
    symptoms=(
        Symptom(
            "not divided",
            "This is the gap as the loss sees it: a critic with smaller features looks "
            "straighter. Divide by the distance between the parents' features.",
            lambda F, x, y, lam: _gap(F, x, y, lam)[0].mean(),
        ),
        Symptom(
            "mean of ratios",
            "You take the mean of the ratios, which is dominated by parents whose features are "
            "close together. The exercise asks for the ratio of the means.",
            lambda F, x, y, lam: torch.div(*_gap(F, x, y, lam)).mean(),
        ),
        Symptom(
            "mixed after F",
            "This is always 0: you compare the mix of the features with itself. F must see the "
            "mixed image.",
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
            "All your pairs share one lambda. Each has its own: reshape `lam` so that it runs "
            "along the axis of the images.",
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
            "You divide by the distance between the images, which leaves the unit of the features "
            "in. Divide by the distance between the features.",
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
            "Features ten times as large must change nothing.",
            _larger,
            lambda cases, values: values[0] > 0 and np.allclose(*values),
        ),
    ),
)
