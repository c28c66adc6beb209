"""Exercise adaptivemix_images.luck: how much a minimum over checkpoints flatters a run."""

import numpy as np
import torch
from torch import Tensor

from gantutor.course.exercises.definition import Exercise, Property, Symptom
from gantutor.course.exercises.maps import map_of
from gantutor.rng import Rng


def _luck(a, b):
    gaps = []
    for first, second in zip(a.tolist(), b.tolist(), strict=True):
        look = min(range(len(first)), key=first.__getitem__)
        gaps.append(second[look] - first[look])
    return sum(gaps) / len(gaps)


def _looks(rng: Rng) -> tuple[Tensor, Tensor]:
    """Two measurements, (runs, looks) each, of the same looks: a shared part and own noise."""
    runs, looks = int(rng.randint(5)) + 1, int(rng.randint(7)) + 2
    way = (2 + rng.rand(runs, looks)).double()
    return way + 0.5 * rng.randn(runs, looks), way + 0.5 * rng.randn(runs, looks)


def _twice(rng: Rng) -> list[tuple]:
    return [(a, a.clone()) for a, _ in (_looks(rng) for _ in range(4))]


def _two_looks(f, n=25):
    """The gap of one run, measured twice, by its two first scores.

    Its second scores are always 0.5 and -0.5. Along the diagonal the choice changes.
    """
    second = torch.tensor([[0.5, -0.5]]).double()
    return map_of(lambda p: f(p[None], second), n)


def _chosen(x, index):
    return x.gather(1, index[:, None])[:, 0]


LUCK = Exercise(
    name="adaptivemix_images.luck",
    title="A minimum is partly luck",
    points=2,
    minutes=10,
    reference=_luck,
    cases=_looks,
    field=_two_looks,
    symptoms=(
        Symptom(
            "chosen twice",
            "You choose again by the second scores, so their luck gets in too. The look is chosen "
            "once, by `a`; `b` only judges it.",
            lambda a, b: (b.amin(1) - a.amin(1)).mean(),
        ),
        Symptom(
            "one look for all runs",
            "You read all runs at the same look. Each run has its own lowest score, at a look of "
            "its own.",
            lambda a, b: (b - a)[:, a.mean(0).argmin()].mean(),
        ),
        Symptom(
            "across the runs",
            "You look for the lowest score among the runs, at each look. The looks of one run are "
            "along axis 1.",
            lambda a, b: (b - a).gather(0, a.argmin(0)[None]).mean(),
        ),
        Symptom(
            "highest",
            "You took the look with the highest score. A distance is better when it is lower.",
            lambda a, b: (_chosen(b, a.argmax(1)) - _chosen(a, a.argmax(1))).mean(),
        ),
        Symptom(
            "second alone",
            "This is the honest score of the chosen looks. The exercise asks by how much the "
            "printed minimum flatters: subtract the score by which the look was chosen.",
            lambda a, b: _chosen(b, a.argmin(1)).mean(),
        ),
        Symptom(
            "last look",
            "You read the last look. Nobody chose that one for its score, so there is no luck in "
            "it: read the look with the lowest `a`.",
            lambda a, b: (b - a)[:, -1].mean(),
        ),
    ),
    properties=(
        Property(
            "same scores",
            "Where both measurements agree at every look there is no luck, and the answer must be "
            "0.",
            _twice,
            lambda cases, values: np.allclose(values, 0),
        ),
    ),
)
