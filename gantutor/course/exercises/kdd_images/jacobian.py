"""Exercise kdd_images.jacobian: the Jacobian penalty, by finite differences."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gantutor.course.exercises.definition import Exercise, Property, Symptom
from gantutor.course.exercises.maps import map_of
from gantutor.rng import Rng


class Phi(NamedTuple):
    """Features (N, K) of images (N, ...): a nonlinear layer, or a linear one.

    Unlike a lambda it can be sent to another process.
    """

    weight: Tensor
    bent: bool = True

    def __call__(self, x: Tensor) -> Tensor:
        h = x.flatten(1) @ self.weight.T
        return torch.sin(h) + 0.5 * h if self.bent else h


def _jacobian(phi, x_real, x_fake, u, delta):
    total, images = 0.0, [*x_real, *x_fake]
    for x, direction in zip(images, u, strict=True):
        step = delta * direction / np.sqrt((direction.numpy() ** 2).sum())
        moved, here = (phi(v[None]).numpy().ravel() for v in (x + step, x))
        total += abs(np.sqrt(((moved - here) ** 2).sum()) / delta - 1)
    return total / len(x_real)


def _images(rng: Rng, equal: bool = False) -> tuple[Phi, Tensor, Tensor, Tensor, float]:
    m, n, c, side, k = (
        int(rng.randint(high)) + low for high, low in ((4, 1), (4, 1), (3, 1), (3, 2), (5, 2))
    )
    n = m if equal else n + (n == m)
    x_real, x_fake, u = (rng.randn(rows, c, side, side).double() for rows in (m, n, m + n))
    return (
        Phi(rng.randn(k, c * side * side).double() * 0.7),
        x_real,
        x_fake,
        u,
        1e-3 * (1 + 9 * float(rng.rand())),
    )


def _quotient(phi, x_real, x_fake, u, delta, unit=None):
    x = torch.cat([x_real, x_fake])
    u = u / (u.flatten(1).norm(dim=1).reshape(-1, 1, 1, 1) if unit is None else unit(u))
    return (phi(x + delta * u) - phi(x)).norm(dim=1) / delta


def _isometries(rng: Rng) -> list[tuple]:
    """phi(x) = c Q x with an orthogonal Q, and as many fakes as reals; the last one is constant."""
    found = []
    for c in (0.25, 1.0, 3.0, 0.0):
        phi, x_real, x_fake, u, delta = _images(rng, equal=True)
        size = x_real[0].numel()
        found.append(
            (
                Phi(c * torch.linalg.qr(rng.randn(size, size).double())[0], bent=False),
                x_real,
                x_fake,
                u,
                delta,
            )
        )
    return found


def _steepness(f, n=25):
    """The penalty with one real at each place and one fake at (0.5, 0.5).

    The step goes to the upper right. Dark: the features change much faster or slower than 1.
    """
    phi = Phi(2 * Rng(8).randn(3, 2).double())
    fake = torch.full((1, 1, 1, 2), 0.5).double()
    u = torch.tensor([[1.0, 1.0], [1.0, -1.0]]).double().reshape(2, 1, 1, 2)
    return map_of(lambda p: f(phi, p.reshape(1, 1, 1, 2), fake, u, 1e-3), n)


JACOBIAN = Exercise(
    name="kdd_images.jacobian",
    title="A step of the same length in the features",
    points=3,
    minutes=12,
    reference=_jacobian,
    cases=_images,
    field=_steepness,
    forbidden=("JacobianD", "jvp", "slope"),
    symptoms=(
        Symptom(
            "mean over both",
            "You divide by the number of all images. The paper sums over reals and fakes and "
            "divides by the number of reals alone.",
            lambda phi, r, f, u, delta: (_quotient(phi, r, f, u, delta) - 1).abs().mean(),
        ),
        Symptom(
            "step not divided",
            "You do not divide the change of the features by the step's length delta, so a number "
            "of about delta is compared with 1.",
            lambda phi, r, f, u, delta: (
                (delta * _quotient(phi, r, f, u, delta) - 1).abs().sum() / len(r)
            ),
        ),
        Symptom(
            "direction too long",
            "You use the directions as drawn. Each one must have length 1, over all its channels "
            "and pixels.",
            lambda phi, r, f, u, delta: (
                (_quotient(phi, r, f, u, delta, lambda u: 1.0) - 1).abs().sum() / len(r)
            ),
        ),
        Symptom(
            "length by channel",
            "Your directions have length 1 at each pixel, over the channels: that is what "
            "`normalize` does along axis 1. An image is one vector: flatten it first.",
            lambda phi, r, f, u, delta: (
                (_quotient(phi, r, f, u, delta, lambda u: u.norm(dim=1, keepdim=True)) - 1)
                .abs()
                .sum()
                / len(r)
            ),
        ),
        Symptom(
            "one length for all",
            "You divide all directions by one norm that runs over the batch as well. Each image "
            "has its own direction of length 1.",
            lambda phi, r, f, u, delta: (
                (_quotient(phi, r, f, u, delta, lambda u: u.norm()) - 1).abs().sum() / len(r)
            ),
        ),
        Symptom(
            "squared",
            "You square the distance to 1, as WGAN-GP does. Here it is the absolute value.",
            lambda phi, r, f, u, delta: (
                (_quotient(phi, r, f, u, delta) - 1).square().sum() / len(r)
            ),
        ),
        Symptom(
            "reals alone",
            "The fakes are missing: the sum runs over both sets, and only the division is by the "
            "number of reals.",
            lambda phi, r, f, u, delta: (
                (_quotient(phi, r, f[:0], u[: len(r)], delta) - 1).abs().mean()
            ),
        ),
    ),
    properties=(
        Property(
            "isometry",
            "For phi(x) = c Q x with an orthogonal Q and as many fakes as reals it must be 2 |c - "
            "1|.",
            _isometries,
            lambda cases, values: np.allclose(values, [1.5, 0.0, 4.0, 2.0], atol=1e-8),
        ),
    ),
)
