"""Exercise advlat_images.credit: how much of a gain is the start's and how much the search's."""

import math
import statistics

import numpy as np
import torch

from gantutor.course.exercises.definition import Exercise, Property, Symptom


def _credit(msgan, neighbours, div):
    a, b, c = (v.detach().double().tolist() for v in (msgan, neighbours, div))
    steps = [[y - x for x, y in zip(*pair, strict=True)] for pair in ((a, b), (b, c))]
    rows = [[math.fsum(d) / len(d), statistics.stdev(d) / math.sqrt(len(d))] for d in steps]
    return torch.tensor(rows, dtype=torch.float64)


def _seeds(rng):
    # as in the notebook, seeds differ more than methods do, which is why differences are paired
    n = 2 + int(rng.randint(7, 1))
    luck = rng.randn(n).double()
    return tuple(luck + c + 0.3 * rng.randn(n).double() for c in (0.0, 0.5, 0.6))


def _told(a, b, error=None):
    d = b - a
    return torch.stack([d.mean(), d.std() / len(d) ** 0.5 if error is None else error(a, b)])


def _both(error):
    return lambda msgan, neighbours, div: torch.stack(
        [_told(msgan, neighbours, error), _told(neighbours, div, error)]
    )


CREDIT = Exercise(
    "advlat_images.credit",
    "Split the credit between the start and the search",
    points=3,
    minutes=12,
    reference=_credit,
    cases=_seeds,
    symptoms=(
        Symptom(
            "search from MSGAN",
            "Your second row compares div with MSGAN, so the search gets credit for the start's "
            "work as well. Its own contribution begins at neighbours.",
            lambda msgan, neighbours, div: torch.stack(
                [_told(msgan, neighbours), _told(msgan, div)]
            ),
        ),
        Symptom(
            "rows swapped",
            "The two rows are swapped: the start comes first, then the search.",
            lambda msgan, neighbours, div: torch.stack(
                [_told(neighbours, div), _told(msgan, neighbours)]
            ),
        ),
        Symptom(
            "laid down",
            "Rows and columns are swapped: give one row per link, with the change and its error "
            "next to each other.",
            lambda msgan, neighbours, div: (
                torch.stack([_told(msgan, neighbours), _told(neighbours, div)]).T
            ),
        ),
        Symptom(
            "backwards",
            "Your changes have the wrong sign: if the later variant scores higher than the "
            "earlier one, the change is positive.",
            lambda msgan, neighbours, div: torch.stack(
                [_told(neighbours, msgan), _told(div, neighbours)]
            ),
        ),
        Symptom(
            "unpaired",
            "You add up the variances of the two variants, as if their seeds were unrelated. Take "
            "the difference seed by seed first: a lucky seed is lucky in both.",
            _both(lambda a, b: ((a.var() + b.var()) / len(a)) ** 0.5),
        ),
        Symptom(
            "n for n - 1",
            "The spread around a mean that comes from the same numbers is divided by n - 1. With "
            "three seeds that makes a real difference.",
            _both(lambda a, b: (b - a).std(correction=0) / len(a) ** 0.5),
        ),
        Symptom(
            "spread of one seed",
            "This is the spread of a single seed's change. The mean of n of them scatters less: "
            "by how much?",
            _both(lambda a, b: (b - a).std()),
        ),
        Symptom(
            "no root",
            "A standard error has the unit of the change itself. Yours has the square of that "
            "unit, or you divided by n where the square root of n belongs.",
            _both(lambda a, b: (b - a).var() / len(a)),
        ),
    ),
    properties=(
        Property(
            "luck",
            "Adding the same luck to a seed of all three variants changes no difference, so "
            "nothing may change.",
            lambda rng: [
                args
                for a in [_seeds(rng)]
                for args in (a, tuple(v + 7 * torch.arange(len(v)) for v in a))
            ],
            lambda cases, values: np.allclose(*values),
        ),
    ),
)
