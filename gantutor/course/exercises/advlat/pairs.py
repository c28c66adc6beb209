"""Exercise advlat.pairs: the mode-seeking term, as the authors' code computes it."""

import numpy as np
import torch

from gantutor.course.exercises.definition import Exercise, Property, Symptom
from gantutor.course.exercises.maps import map_of
from gantutor.rng import Rng


def pairs(x1, x2, z1, z2):
    """1 / (ratio + 1e-5) with the ratio mean |x2 - x1| / mean |z2 - z1|, summed entry by entry."""

    def mean_distance(a, b):
        entries = [
            (p - q).abs()
            for row, other in zip(a, b, strict=True)
            for p, q in zip(row, other, strict=True)
        ]
        return sum(entries) / len(entries)

    return 1 / (mean_distance(x1, x2) / mean_distance(z1, z2) + 1e-5)


def _pairs_cases(rng: Rng):
    n, k = (int(rng.randint(4, 1)) + 2 for _ in range(2))
    z1, x1 = rng.randn(n, k).double(), rng.randn(n, k + 1 + int(rng.randint(4, 1))).double()
    z2 = z1 + (0.08 + rng.rand(n, 1).double()) * rng.randn(*z1.shape).double()
    return x1, x1 + (0.05 + 0.5 * rng.rand(n, 1).double()) * rng.randn(*x1.shape).double(), z1, z2


def _mean(v):
    return v.abs().mean()


def _pairs_field(f):
    """The term of three pairs, by where the second image of one of them is on the plane."""
    x1 = torch.tensor([[-0.3, 0.2], [0.5, 0.5], [0.4, -0.4]]).double()
    x2 = x1 + 0.3
    z1 = torch.zeros(3, 3).double()
    z2 = torch.tensor([[0.2, 0.2, 0.1], [0.5, -0.4, 0.3], [0.1, 0.3, -0.2]]).double()
    return map_of(lambda x: f(x1, torch.cat([x[None], x2[1:]]), z1, z2), 20)


PAIRS = Exercise(
    name="advlat.pairs",
    title="The term that pulls the images of a pair apart",
    points=2,
    minutes=8,
    reference=pairs,
    cases=_pairs_cases,
    gradients=(0, 1),
    symptoms=(
        Symptom(
            "upside down",
            "This grows as the images move apart, so G would learn to make them equal. A loss "
            "must be small where the pair is good: take 1 over the ratio.",
            lambda x1, x2, z1, z2: _mean(x2 - x1) / _mean(z2 - z1),
        ),
        Symptom(
            "older form",
            "Minus the ratio is the form of an older version of the paper. The code, and this "
            "exercise, take 1 over it: that acts most strongly where the images are alike.",
            lambda x1, x2, z1, z2: -_mean(x2 - x1) / _mean(z2 - z1),
        ),
        Symptom(
            "ratio of each pair",
            "You take each pair's own ratio and average. The code first averages both distances "
            "over the batch and then divides once.",
            lambda x1, x2, z1, z2: (
                1 / ((x2 - x1).abs().mean(-1) / (z2 - z1).abs().mean(-1) + 1e-5)
            ).mean(),
        ),
        Symptom(
            "mean of the ratios",
            "You average the pairs' own ratios and then take 1 over that. The code first averages "
            "both distances over the batch.",
            lambda x1, x2, z1, z2: (
                1 / (((x2 - x1).abs().mean(-1) / (z2 - z1).abs().mean(-1)).mean() + 1e-5)
            ),
        ),
        Symptom(
            "squared",
            "Your distances are squared. The code takes the mean absolute difference.",
            lambda x1, x2, z1, z2: (
                1 / ((x2 - x1).square().mean() / (z2 - z1).square().mean() + 1e-5)
            ),
        ),
        Symptom(
            "Euclidean",
            "Your distances are Euclidean lengths, which depend on the number of entries. The "
            "code takes the mean absolute difference.",
            lambda x1, x2, z1, z2: (
                1 / ((x2 - x1).norm(dim=-1).mean() / (z2 - z1).norm(dim=-1).mean() + 1e-5)
            ),
        ),
        Symptom(
            "sums for means",
            "You use sums instead of means. Images have more entries than latents, so the ratio "
            "of sums is a different number.",
            lambda x1, x2, z1, z2: 1 / ((x2 - x1).abs().sum() / (z2 - z1).abs().sum() + 1e-5),
        ),
        Symptom(
            "the search's +1",
            "Your ratio has a 1 added to its denominator. That belongs to the code's search for "
            "z2, not to this term.",
            lambda x1, x2, z1, z2: 1 / (_mean(x2 - x1) / (_mean(z2 - z1) + 1) + 1e-5),
        ),
    ),
    properties=(
        Property(
            "equal images",
            "Two equal images must cost 1/1e-5 = 100,000, not infinity.",
            lambda rng: [(x1, x1.clone(), z1, z2) for x1, _, z1, z2 in [_pairs_cases(rng)]],
            lambda cases, v: np.isclose(v[0], 1e5),
        ),
        Property(
            "symmetry",
            "The term must not depend on which of the two is called the first.",
            lambda rng: [
                c
                for x1, x2, z1, z2 in [_pairs_cases(rng)]
                for c in ((x1, x2, z1, z2), (x2, x1, z2, z1))
            ],
            lambda cases, v: np.isclose(v[0], v[1]),
        ),
    ),
    forbidden=("pair_ratio", "ModeSeeking", "HardPairs"),
    field=_pairs_field,
)
