"""Exercise plane.energy: the unbiased energy distance between fakes and reals."""

import numpy as np
import torch

from gantutor.course.exercises.definition import Exercise, Property, Symptom
from gantutor.course.exercises.maps import map_of


def _apart(x, y):
    return np.linalg.norm(x[:, None, :] - y[None, :, :], axis=-1)


def _energy(x, y):
    def to_others(v):
        """Each point's mean distance to the other points, averaged."""
        others = [np.delete(v, i, 0) for i in range(len(v))]
        return np.mean(
            [np.linalg.norm(p - o, axis=-1).mean() for p, o in zip(v, others, strict=True)]
        )

    a, b = x.numpy(), y.numpy()
    across = np.mean([np.linalg.norm(p - b, axis=-1).mean() for p in a])
    return 2 * across - to_others(a) - to_others(b)


def _energy_of(x, y, d=_apart, own=lambda m, n: m.sum() / (n * (n - 1)), cross=2.0, reals=1.0):
    x, y = x.numpy(), y.numpy()
    return cross * d(x, y).mean() - own(d(x, x), len(x)) - reals * own(d(y, y), len(y))


def _energy_cases(rng):
    n = 3 + int(rng.randint(8, 1))
    m = n + 1 + int(rng.randint(6, 1))
    return rng.randn(n, 2).double(), 0.7 * rng.randn(m, 2).double() + torch.tensor([0.5, -1.0])


def _law_cases(rng):
    x, y = _energy_cases(rng)
    return [(x, y), (y, x), (3 * x + 1, 3 * y + 1)]


def _energy_field(f):
    """The energy distance between two clouds of data and two clouds of fakes.

    From left to right the fakes' clouds move apart, upwards both are shifted; in the middle they
    coincide with the data.
    """
    rng = np.random.default_rng(0)
    clouds = 0.1 * rng.standard_normal((2, 2, 6, 2))
    apart = np.array([[-0.6, 0.0], [0.6, 0.0]])[:, None]
    real = torch.from_numpy((clouds[0] + apart).reshape(-1, 2))

    def fakes(p):
        moved = clouds[1] + apart * (1 + p[0].item()) + [0.0, p[1].item()]
        return torch.from_numpy(moved.reshape(-1, 2))

    return map_of(lambda p: f(fakes(p), real), 24)


ENERGY = Exercise(
    "plane.energy",
    "A distance that is right on average",
    points=3,
    minutes=12,
    reference=_energy,
    cases=_energy_cases,
    symptoms=(
        Symptom(
            "itself counted",
            "Within each set you also compared every point with itself. These zeros make the mean "
            "too small, and a perfect generator would score above 0. Divide the sum by n (n - 1), "
            "not by n squared.",
            lambda x, y: _energy_of(x, y, own=lambda m, n: m.mean()),
        ),
        Symptom(
            "squared distances",
            "These are *squared* distances. With them the measure compares the two means and "
            "nothing else: in the picture it ignores how far apart the fakes are.",
            lambda x, y: _energy_of(x, y, d=lambda a, b: _apart(a, b) ** 2),
        ),
        Symptom(
            "cross once",
            "The distances between fakes and reals count twice: 2 E|x-y|. Otherwise identical "
            "clouds would not get 0.",
            lambda x, y: _energy_of(x, y, cross=1.0),
        ),
        Symptom(
            "reals left out",
            "The term of the reals is missing: - E|y-y'|.",
            lambda x, y: _energy_of(x, y, reals=0.0),
        ),
        Symptom(
            "each pair once",
            "You summed over the pairs i < j and divided by n (n - 1). There are only half as "
            "many such pairs: n (n - 1) / 2.",
            lambda x, y: _energy_of(x, y, own=lambda m, n: m.sum() / 2 / (n * (n - 1))),
        ),
        Symptom(
            "sum of coordinates",
            "You added |dx| and |dy|. The distance is Euclidean, the square root of the sum of "
            "squares.",
            lambda x, y: _energy_of(x, y, d=lambda a, b: np.abs(a[:, None] - b[None]).sum(-1)),
        ),
    ),
    properties=(
        Property(
            "laws",
            "Swapping fakes and reals must change nothing, and clouds three times as large must "
            "be three times as far apart.",
            _law_cases,
            lambda cases, v: abs(v[0] - v[1]) < 1e-6 and abs(v[2] - 3 * v[0]) < 1e-5,
        ),
    ),
    forbidden=("energy_distance", "judge"),
    field=_energy_field,
)
