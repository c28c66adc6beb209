"""Exercise measuring.coverage: the share of reals with a fake within their k-th neighbour."""

import numpy as np
import torch
from torch import Tensor

from gantutor.course.exercises.definition import Exercise, Property, Symptom
from gantutor.course.exercises.maps import map_of
from gantutor.course.exercises.measuring.common import MEASURES
from gantutor.rng import Rng


def _coverage(real, fake, k):
    real, fake, covered = real.numpy(), fake.numpy(), 0
    for i, x in enumerate(real):
        radius = sorted(np.linalg.norm(x - other) for j, other in enumerate(real) if j != i)[k - 1]
        covered += any(np.linalg.norm(x - y) < radius for y in fake)
    return covered / len(real)


def _sets(rng: Rng) -> tuple[Tensor, Tensor, int]:
    """Reals, fakes and k; half of the cases are on a lattice, where many distances are equal."""
    n, m, dim, k = (
        int(rng.randint(11)) + 12,
        int(rng.randint(20)) + 1,
        int(rng.randint(3)) + 1,
        int(rng.randint(4)) + 1,
    )
    if rng.rand() < 0.5:
        return rng.randint(6, n, dim).double(), rng.randint(6, m, dim).double(), k
    return rng.randn(n, dim).double(), 0.7 * rng.randn(m, dim).double() + 0.3, k


def _radius(v, k):
    return torch.cdist(v, v).kthvalue(k + 1).values


def _perfect(rng: Rng) -> list[tuple]:
    return [(rng.randn(20, 2).double(), rng.randn(20, 2).double(), 2) for _ in range(80)]


def _one_fake(f, n=32):
    """How many of twelve reals a single fake covers at each place, with k = 2."""
    real = 0.5 * Rng(6).randn(12, 2).double()
    return map_of(lambda p: f(real, p[None], 2), n)


COVERAGE = Exercise(
    name="measuring.coverage",
    title="Coverage asks the reals",
    points=3,
    minutes=12,
    reference=_coverage,
    cases=_sets,
    field=_one_fake,
    forbidden=MEASURES,
    symptoms=(
        Symptom(
            "itself a neighbour",
            "Your balls are one neighbour too small: among the distances between reals, the "
            "nearest point to each real is the real itself, at 0.",
            lambda real, fake, k: (
                (torch.cdist(real, fake).amin(1) < torch.cdist(real, real).kthvalue(k).values)
                .double()
                .mean()
            ),
        ),
        Symptom(
            "precision",
            "You ask whether each fake is inside some ball: that is precision. Coverage asks "
            "whether each real has some fake inside its own ball.",
            lambda real, fake, k: (
                (torch.cdist(real, fake) < _radius(real, k)[:, None]).any(0).double().mean()
            ),
        ),
        Symptom(
            "density",
            "You count how many balls contain each fake: that is density. For coverage a ball "
            "counts once, however many fakes are in it.",
            lambda real, fake, k: (
                (torch.cdist(real, fake) < _radius(real, k)[:, None]).double().mean()
                * len(real)
                / k
            ),
        ),
        Symptom(
            "border",
            "You count a fake on the border of a ball. The definition does not: with copies and "
            "ties this makes a difference.",
            lambda real, fake, k: (
                (torch.cdist(real, fake).amin(1) <= _radius(real, k)).double().mean()
            ),
        ),
        Symptom(
            "mean ball",
            "All your reals get the same radius. Each has its own ball: large where data are "
            "sparse, small where they are dense.",
            lambda real, fake, k: (
                (torch.cdist(real, fake).amin(1) < _radius(real, k).mean()).double().mean()
            ),
        ),
    ),
    properties=(
        Property(
            "perfect",
            "For reals and fakes of one distribution the mean must be the closed form of "
            "`fair_coverage`. Yours is different.",
            _perfect,
            lambda cases, values: abs(np.mean(values) - (1 - 19 / 39 * 18 / 38)) < 0.03,
        ),
    ),
)
