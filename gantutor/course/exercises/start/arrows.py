"""Exercise start.arrows: the slope of the critic's score, measured by nudging each fake."""

import torch

from gantutor.course.exercises.definition import Exercise, Property, Symptom
from gantutor.course.exercises.start.common import CENTRES
from gantutor.fields import plane


def _nudge(D, x, h):
    arrows = torch.zeros_like(x)
    for i in range(len(x)):
        for axis in range(2):
            step = torch.zeros_like(x[i])
            step[axis] = h
            arrows[i, axis] = (D(x[i] + step) - D(x[i] - step)) / (2 * h)
    return arrows


def _by_columns(D, x, up, down):
    return torch.stack([D(x + a) - D(x + b) for a, b in zip(up, down, strict=True)], -1)


def _axes(h):
    return torch.eye(2, dtype=torch.float64) * h


def _critic(rng):
    """A smooth critic of points (..., 2)."""
    w, phase = rng.randn(2, 5).double(), 6 * rng.rand(5).double()
    return lambda x: torch.sin(2 * x @ w + phase).sum(-1)


def _nudge_cases(rng):
    return (
        _critic(rng),
        rng.randn(3 + int(rng.randint(6, 1)), 2).double(),
        0.05 + 0.1 * float(rng.rand(1)),
    )


def _flat_cases(rng):
    w = torch.tensor([3.0, -2.0], dtype=torch.float64)
    return [(lambda x: x @ w + 1, rng.randn(4, 2).double(), h) for h in (0.01, 1.0)]


def _arrows_field(f):
    """The arrows at 13 x 13 places, for a critic with three hills."""

    def hills(x):
        return torch.exp(-(x[..., None, :] - CENTRES).square().sum(-1) / 0.3).sum(-1)

    return f(hills, plane(1.0, 13).double(), 0.05).detach().numpy()


ARROWS = Exercise(
    "start.arrows",
    "Nudge the fakes and ask the critic",
    points=2,
    minutes=10,
    reference=_nudge,
    cases=_nudge_cases,
    symptoms=(
        Symptom(
            "one-sided",
            "You compared the nudged place with the place itself. Go both ways, to +h and to -h: "
            "the error is much smaller then.",
            lambda D, x, h: _by_columns(D, x, _axes(h), 0 * _axes(h)) / h,
        ),
        Symptom(
            "not divided",
            "This is the difference of the scores, not yet the slope. The two places are 2h "
            "apart: divide by that.",
            lambda D, x, h: _by_columns(D, x, _axes(h), -_axes(h)),
        ),
        Symptom(
            "both at once",
            "You moved both coordinates at the same time, so the two columns are the same. Nudge "
            "to the right in one pair of calls and upwards in another.",
            lambda D, x, h: (
                _by_columns(D, x, torch.full((2, 2), h), torch.full((2, 2), -h)) / (2 * h)
            ),
        ),
        Symptom(
            "columns swapped",
            "Right and up are swapped: column 0 belongs to the first coordinate, column 1 to the "
            "second.",
            lambda D, x, h: _nudge(D, x, h).flip(-1),
        ),
        Symptom(
            "unit length",
            "The directions are right, but all your arrows have length 1. Leave the length alone: "
            "it tells how steep the critic's map is.",
            lambda D, x, h: torch.nn.functional.normalize(_nudge(D, x, h), dim=-1),
        ),
        Symptom(
            "of the batch",
            "Every point gets the same arrow because you averaged over the batch. Each point has "
            "its own slope.",
            lambda D, x, h: _nudge(D, x, h).mean(0).expand(len(x), 2),
        ),
    ),
    properties=(
        Property(
            "on a plane",
            "For a critic that is a plane, D(x) = 3 x0 - 2 x1 + 1, every arrow is (3, -2), "
            "whatever h is.",
            _flat_cases,
            lambda cases, values: all(abs(v - [3.0, -2.0]).max() < 1e-6 for v in values),
        ),
    ),
    field=_arrows_field,
)
