"""Exercise full_run.reports: three ways to report the same training curves."""

import math

import torch

from gantutor.course.exercises.definition import Exercise, Property, Symptom


def _reports(curves):
    rows = curves.detach().double().tolist()
    best = [min(row) for row in rows]
    last = math.fsum(row[-1] for row in rows) / len(rows)
    return torch.tensor([last, math.fsum(best) / len(rows), min(best)], dtype=torch.float64)


def _curves(rng):
    seeds, looks = (1 + int(k) for k in rng.randint(8, 2))
    fall = 3.0 / (1 + torch.arange(looks).double())
    return (fall + 0.5 * rng.rand(seeds, looks).double() + 0.5 * rng.rand(seeds, 1).double(),)


def _three(last, each, one):
    return lambda c: torch.stack([last(c), each(c), one(c)])


def _last(c):
    return c[:, -1].mean()


def _each(c):
    return c.amin(1).mean()


REPORTS = Exercise(
    "full_run.reports",
    "One curve gives three numbers",
    points=2,
    minutes=8,
    reference=_reports,
    cases=_curves,
    symptoms=(
        Symptom(
            "seeds and looks",
            "You took the best seed at each look. A checkpoint is chosen within one training: the "
            "minimum runs along the looks.",
            _three(_last, lambda c: c.amin(0).mean(), lambda c: c.min()),
        ),
        Symptom(
            "best of the mean",
            "You chose one look for all seeds, by their mean curve. Saving the best checkpoint "
            "means choosing it separately for each training.",
            _three(_last, lambda c: c.mean(0).min(), lambda c: c.min()),
        ),
        Symptom(
            "highest",
            "You took the largest values. A distance is better when it is low.",
            _three(_last, lambda c: c.amax(1).mean(), lambda c: c.max()),
        ),
        Symptom(
            "first look",
            "Your first number is from the first look; the exercise asks for the end of the run.",
            _three(lambda c: c[:, 0].mean(), _each, lambda c: c.min()),
        ),
        Symptom(
            "where, not what",
            "You give the position of the minimum; the exercise asks for its value.",
            _three(_last, lambda c: c.argmin(1).double().mean(), lambda c: c.min()),
        ),
        Symptom(
            "last of the best seed",
            "Your third number is the best seed's last look. Whoever picks the seed picks the "
            "checkpoint as well: take the lowest value of all.",
            _three(_last, _each, lambda c: c[:, -1].min()),
        ),
        Symptom(
            "other order",
            "The numbers are right, but in the wrong order: last, best of each, best of all.",
            _three(lambda c: c.min(), _each, _last),
        ),
        Symptom(
            "summed over seeds",
            "You summed over the seeds. A report is their mean; a sum would grow with the number "
            "of runs.",
            _three(lambda c: c[:, -1].sum(), lambda c: c.amin(1).sum(), lambda c: c.min()),
        ),
    ),
    properties=(
        Property(
            "falling",
            "For curves that only fall, the first two numbers must be equal.",
            lambda rng: [(rng.rand(3, 6).double().cumsum(1).flip(1),)],
            lambda cases, values: math.isclose(values[0][0], values[0][1]),
        ),
    ),
)
