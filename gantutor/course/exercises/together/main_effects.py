"""Exercise together.main_effects: three main effects from eight cells."""

import torch

from gantutor.course.exercises.definition import Exercise, Property, Symptom
from gantutor.course.exercises.together.common import cells


def _main_effects(y):
    """As contrasts: the cells' signs for each factor, over 4."""
    signs = torch.tensor([-1.0, 1.0], dtype=y.dtype)
    a, q, k = torch.meshgrid(signs, signs, signs, indexing="ij")
    return torch.stack([(s[..., None] * y).sum((0, 1, 2)) / 4 for s in (a, q, k)])


def _alone(y):
    return torch.stack([y[1, 0, 0], y[0, 1, 0], y[0, 0, 1]]) - y[0, 0, 0]


def _last(y):
    return y[1, 1, 1] - torch.stack([y[0, 1, 1], y[1, 0, 1], y[1, 1, 0]])


def _from_the_mean(y):
    everything = y.mean((0, 1, 2))
    return torch.stack([m - everything for m in (y[1].mean((0, 1)), *_with_it(y))])


def _with_it(y):
    return y[:, 1].mean((0, 1)), y[:, :, 1].mean((0, 1))


def _from_none(y):
    return torch.stack([m - y[0, 0, 0] for m in (y[1].mean((0, 1)), *_with_it(y))])


MAIN_EFFECTS = Exercise(
    "together.main_effects",
    "All eight cells for each effect",
    points=2,
    minutes=8,
    reference=_main_effects,
    cases=lambda rng: (cells(rng),),
    forbidden=("effects",),
    symptoms=(
        Symptom(
            "alone against none",
            "You compare each method alone with none: that uses four of the eight cells, and each "
            "number rests on two. Average over what the other two methods do.",
            _alone,
        ),
        Symptom(
            "the last one added",
            "You add each method to the other two. Average over all four settings of the others.",
            _last,
        ),
        Symptom(
            "against the mean of all",
            "You compare the cells that have the method with all eight, and those contain it too. "
            "Compare with the four that lack it.",
            _from_the_mean,
        ),
        Symptom(
            "against none",
            "You compare the four cells that have the method with the one cell that has none.",
            _from_none,
        ),
        Symptom(
            "order of the axes",
            "The effects are right, but in the wrong order: the first axis is AdaptiveMix, the "
            "last one KDD.",
            lambda y: _main_effects(y).flip(0),
        ),
    ),
    properties=(
        Property(
            "luck",
            "Luck that a seed brings to all eight cells must not change an effect.",
            lambda rng: [(y,) for c in [cells(rng)] for y in (c, c + 7.0)],
            lambda cases, v: abs(v[0] - v[1]).max() < 1e-9,
        ),
    ),
)
