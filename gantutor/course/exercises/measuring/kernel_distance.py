"""Exercise measuring.kernel_distance: the unbiased kernel distance of KID."""

from itertools import combinations

import numpy as np

from gantutor.course.exercises.definition import Exercise, Property, Symptom
from gantutor.course.exercises.maps import map_of
from gantutor.course.exercises.measuring.common import MEASURES, two_clouds
from gantutor.rng import Rng


def _kernel(x, y):
    return (x @ y.T / x.shape[1] + 1) ** 3


def _kernel_distance(x, y):
    x, y = x.numpy(), y.numpy()

    def k(a, b):
        return (sum(u * v for u, v in zip(a, b, strict=True)) / len(a) + 1) ** 3

    def others(v):
        return np.mean([k(a, b) for a, b in combinations(v, 2)])

    return float(others(x) + others(y) - 2 * np.mean([[k(a, b) for b in y] for a in x]))


def _others(x, divide):
    """Sum of the kernel over pairs of different points, over `divide(n)`."""
    k = _kernel(x, x)
    return (k.sum() - k.trace()) / divide(len(x))


def _pairs(n):
    return n * (n - 1)


def _hands(rng: Rng) -> list[tuple]:
    """Six points, dealt to two hands of three in all 20 ways."""
    v = rng.randn(6, 3).double()
    return [
        (v[list(hand)], v[[i for i in range(6) if i not in hand]])
        for hand in combinations(range(6), 3)
    ]


def _moved(f, n=25):
    """The distance of six fakes from six reals of the same cloud, by where the fakes are moved."""
    rng = Rng(4)
    x, y = (0.4 * (v - v.mean(0)) for v in (rng.randn(6, 2).double(), rng.randn(6, 2).double()))
    return map_of(lambda p: f(x, y + p / 2), n)


KERNEL_DISTANCE = Exercise(
    name="measuring.kernel_distance",
    title="A distance that is 0 on average",
    points=3,
    minutes=12,
    reference=_kernel_distance,
    cases=two_clouds,
    field=_moved,
    forbidden=(*MEASURES, "_squared_mmd"),
    symptoms=(
        Symptom(
            "own pairs",
            "You also compare each point with itself, and a point is most similar to itself: that "
            "makes the number too high even for honest samples. Leave the diagonal out of both "
            "sums and count the pairs that remain.",
            lambda x, y: _kernel(x, x).mean() + _kernel(y, y).mean() - 2 * _kernel(x, y).mean(),
        ),
        Symptom(
            "own places counted",
            "You left the diagonal out of the sum but still count it in the division: N (N - 1) "
            "ordered pairs remain, not N^2.",
            lambda x, y: (
                _others(x, lambda n: n * n) + _others(y, lambda n: n * n) - 2 * _kernel(x, y).mean()
            ),
        ),
        Symptom(
            "cross once",
            "The pairs of one real and one fake count twice: an x with a y and a y with an x. "
            "That puts a 2 before their mean.",
            lambda x, y: _others(x, _pairs) + _others(y, _pairs) - _kernel(x, y).mean(),
        ),
        Symptom(
            "K forgotten",
            "Divide the dot product by the number of features before you add 1; otherwise the "
            "scale of the measure depends on K.",
            lambda x, y: sum(s * v for s, v in zip((1, 1, -2), _bare(x, y), strict=True)),
        ),
        Symptom(
            "not squared",
            "You took a square root. KID is the squared distance, and must be able to fall below "
            "0: otherwise it could not be right on average.",
            lambda x, y: (
                _others(x, _pairs) + _others(y, _pairs) - 2 * _kernel(x, y).mean()
            ).sqrt(),
        ),
    ),
    properties=(
        Property(
            "dealt at random",
            "Six points dealt to two hands in all 20 ways must give 0 on average: the hands "
            "differ by chance alone.",
            _hands,
            lambda cases, values: abs(np.sum(values)) < 1e-8 * np.abs(values).max(),
        ),
    ),
)


def _bare(x, y):
    """The three means with a kernel that does not divide by K."""
    k = [(a @ b.T + 1) ** 3 for a, b in ((x, x), (y, y), (x, y))]
    return *((t.sum() - t.trace()) / _pairs(len(t)) for t in k[:2]), k[2].mean()
