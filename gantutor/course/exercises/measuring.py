"""Exercises of notebook 06: four measures written by hand, and what a perfect generator scores."""

from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from gantutor.course.exercises.judge import Exercise, Property, Symptom
from gantutor.fields import plane
from gantutor.metrics.features import Moments, frechet
from gantutor.rng import Rng

MEASURES = (
    "frechet",
    "fid",
    "kid",
    "kernel_distance",
    "prdc",
    "density_coverage",
    "precision_recall",
    "measure",
)  # of the package and the lesson


# -- Frechet distance without correlations -------------------------------------------------------------------------------
def _fd_diagonal(x, y):
    x, y = x.numpy(), y.numpy()
    return float(
        sum(
            (a.mean() - b.mean()) ** 2 + (a.std(ddof=1) - b.std(ddof=1)) ** 2
            for a, b in zip(x.T, y.T, strict=True)
        )
    )


def _two_clouds(rng: Rng, least: int = 2) -> tuple[Tensor, Tensor]:
    """Features (N, K) and (M, K) of two clouds with other means and other spreads."""
    n, m, k = (int(rng.randint(high)) + low for high, low in ((9, least), (9, least), (4, 1)))
    x, y = (rng.randn(size, k).double() * (0.5 + rng.rand(k)) + rng.randn(k) for size in (n, m))
    return x, y


def _one_feature(rng: Rng) -> list[tuple]:
    return [(x[:, :1], y[:, :1]) for x, y in (_two_clouds(rng, 3) for _ in range(4))]


def _moved_and_stretched(f, n=25):
    """The fakes are the reals, moved (from left to right) and stretched (from below to above): the middle is a perfect generator."""
    x = Rng(3).randn(40, 2).double()
    x = (x - x.mean(0)) / x.std(0)
    return np.array(
        [float(f(x, x * 1.6**b + torch.stack([a, 0 * a]))) for a, b in plane(1.0, n).double()]
    ).reshape(n, n)


FD_DIAGONAL = Exercise(
    name="measuring.fd_diagonal",
    title="FID, feature by feature",
    points=2,
    minutes=8,
    reference=_fd_diagonal,
    cases=_two_clouds,
    field=_moved_and_stretched,
    forbidden=(*MEASURES, "Moments"),
    symptoms=(
        Symptom(
            "variances",
            "You compare the variances. The formula wants the standard deviations: the difference of the roots, and only then the square.",
            lambda x, y: (
                (x.mean(0) - y.mean(0)).square().sum() + (x.var(0) - y.var(0)).square().sum()
            ),
        ),
        Symptom(
            "n for n - 1",
            "You divide by N where the covariances of FID divide by N - 1: look for the argument `correction` of `std`, or `ddof` in NumPy.",
            lambda x, y: (
                (x.mean(0) - y.mean(0)).square().sum()
                + (x.std(0, correction=0) - y.std(0, correction=0)).square().sum()
            ),
        ),
        Symptom(
            "means only",
            "Two clouds with one mean and different widths get 0 from you: the second sum of the formula is missing.",
            lambda x, y: (x.mean(0) - y.mean(0)).square().sum(),
        ),
        Symptom(
            "not squared",
            "This is the distance, FID is the *squared* distance: leave out the last root.",
            lambda x, y: (
                (x.mean(0) - y.mean(0)).square().sum() + (x.std(0) - y.std(0)).square().sum()
            ).sqrt(),
        ),
        Symptom(
            "all features in one",
            "Mean and deviation are taken over all numbers at once. Each feature needs its own: along which axis do the images lie?",
            lambda x, y: (x.mean() - y.mean()).square() + (x.std() - y.std()).square(),
        ),
    ),
    properties=(
        Property(
            "one feature",
            "With a single feature there is nothing to correlate with, so your number must be the whole FID. It is not.",
            _one_feature,
            lambda cases, values: np.allclose(
                [frechet(Moments.of(x), Moments.of(y)) for x, y in cases], values, atol=1e-9
            ),
        ),
    ),
)


# -- kernel distance -----------------------------------------------------------------------------------------------------
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
    """Six fakes against six reals of the same cloud; the fakes are moved over the square."""
    rng = Rng(4)
    x, y = (0.4 * (v - v.mean(0)) for v in (rng.randn(6, 2).double(), rng.randn(6, 2).double()))
    return np.array([float(f(x, y + p / 2)) for p in plane(1.0, n).double()]).reshape(n, n)


KERNEL_DISTANCE = Exercise(
    name="measuring.kernel_distance",
    title="A distance that is 0 on average",
    points=3,
    minutes=12,
    reference=_kernel_distance,
    cases=_two_clouds,
    field=_moved,
    forbidden=(*MEASURES, "_squared_mmd"),
    symptoms=(
        Symptom(
            "own pairs",
            "Each point is also compared with itself, and a point is most like itself: that makes the number too high for honest reals. "
            "Leave the diagonal out of both sums, and count the pairs that are left.",
            lambda x, y: _kernel(x, x).mean() + _kernel(y, y).mean() - 2 * _kernel(x, y).mean(),
        ),
        Symptom(
            "own places counted",
            "The diagonal is gone from the sum and still counted in the division: N (N - 1) ordered pairs are left, not N^2.",
            lambda x, y: (
                _others(x, lambda n: n * n) + _others(y, lambda n: n * n) - 2 * _kernel(x, y).mean()
            ),
        ),
        Symptom(
            "cross once",
            "The pairs of one real and one fake count twice: an x with a y and a y with an x. So there is a 2 before their mean.",
            lambda x, y: _others(x, _pairs) + _others(y, _pairs) - _kernel(x, y).mean(),
        ),
        Symptom(
            "K forgotten",
            "The dot product is divided by the number of features before 1 is added, or the scale of the measure would depend on K.",
            lambda x, y: sum(s * v for s, v in zip((1, 1, -2), _bare(x, y), strict=True)),
        ),
        Symptom(
            "not squared",
            "You took a root. KID is the squared distance, and must be able to fall below 0: otherwise it could not be right on average.",
            lambda x, y: (
                _others(x, _pairs) + _others(y, _pairs) - 2 * _kernel(x, y).mean()
            ).sqrt(),
        ),
    ),
    properties=(
        Property(
            "dealt at random",
            "Six points dealt to two hands in all 20 ways must give 0 on average: the hands differ by chance alone.",
            _hands,
            lambda cases, values: abs(np.sum(values)) < 1e-8 * np.abs(values).max(),
        ),
    ),
)


def _bare(x, y):
    """The three means with a kernel that does not divide by K."""
    k = [(a @ b.T + 1) ** 3 for a, b in ((x, x), (y, y), (x, y))]
    return *((t.sum() - t.trace()) / _pairs(len(t)) for t in k[:2]), k[2].mean()


# -- coverage ------------------------------------------------------------------------------------------------------------
def _coverage(real, fake, k):
    real, fake, covered = real.numpy(), fake.numpy(), 0
    for i, x in enumerate(real):
        radius = sorted(np.linalg.norm(x - other) for j, other in enumerate(real) if j != i)[k - 1]
        covered += any(np.linalg.norm(x - y) < radius for y in fake)
    return covered / len(real)


def _sets(rng: Rng) -> tuple[Tensor, Tensor, int]:
    """Reals, fakes and k; half of the cases lie on a lattice, where many distances are equal."""
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
    """Twelve reals, k = 2, and a single fake that is moved over the square: how many of the reals does it cover there?"""
    real = 0.5 * Rng(6).randn(12, 2).double()
    return np.array([float(f(real, p[None], 2)) for p in plane(1.0, n).double()]).reshape(n, n)


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
            "Your balls are one neighbour too small: in the distances among the reals the nearest point to each real is the real itself, at 0.",
            lambda real, fake, k: (
                (torch.cdist(real, fake).amin(1) < torch.cdist(real, real).kthvalue(k).values)
                .double()
                .mean()
            ),
        ),
        Symptom(
            "precision",
            "You ask the fakes whether they lie in some ball: that is precision. Coverage asks the reals whether some fake lies in theirs.",
            lambda real, fake, k: (
                (torch.cdist(real, fake) < _radius(real, k)[:, None]).any(0).double().mean()
            ),
        ),
        Symptom(
            "density",
            "You count in how many balls a fake lies: that is density. For coverage a ball counts once, however many fakes are in it.",
            lambda real, fake, k: (
                (torch.cdist(real, fake) < _radius(real, k)[:, None]).double().mean()
                * len(real)
                / k
            ),
        ),
        Symptom(
            "border",
            "A fake on the border of a ball counts for you. It does not in the definition: with copies and ties this is no detail.",
            lambda real, fake, k: (
                (torch.cdist(real, fake).amin(1) <= _radius(real, k)).double().mean()
            ),
        ),
        Symptom(
            "mean ball",
            "All reals get the same radius. Each has its own ball: wide where data are rare, small where they crowd.",
            lambda real, fake, k: (
                (torch.cdist(real, fake).amin(1) < _radius(real, k).mean()).double().mean()
            ),
        ),
    ),
    properties=(
        Property(
            "perfect",
            "For reals and fakes of one distribution the mean must be the closed form of `fair_coverage`. Yours is another.",
            _perfect,
            lambda cases, values: abs(np.mean(values) - (1 - 19 / 39 * 18 / 38)) < 0.03,
        ),
    ),
)


# -- a number ------------------------------------------------------------------------------------------------------------
PER_IMAGE = 3.15 / (1 / 50_000 + 1 / 10_000)

QUICK_LOOK = Exercise(
    name="measuring.quick_look",
    title="What a perfect generator pays for a quick look",
    points=1,
    minutes=5,
    reference=PER_IMAGE * (1 / 10_000 + 1 / 5_000),
    tolerance=0.01,
    symptoms=(
        Symptom(
            "fakes alone",
            "A tenth as many images on one side do not make the whole bias ten times as large: the other side's share has not changed.",
            31.5,
        ),
        Symptom(
            "reals forgotten",
            "You took the fakes' share alone. The 10,000 test images are a sample too, and their errors add to the bias.",
            PER_IMAGE / 5_000,
        ),
        Symptom(
            "root of n",
            "You let the bias fall with the root of n. The errors of mean and covariance do, but FID adds up their *squares*.",
            3.15 * 10**0.5,
        ),
        Symptom(
            "total",
            "You scaled by the total number of images. The law has 1/n + 1/m, not 1/(n + m): the smaller side decides.",
            12.6,
        ),
        Symptom(
            "same n",
            "3.15 is the floor for 50,000 and 10,000 images. Fewer images on a side, and it rises.",
            3.15,
        ),
        Symptom(
            "the other reals",
            "You kept the 50,000 training images as the other side. Here the fakes replace them, and the 10,000 test images stay.",
            PER_IMAGE * (1 / 50_000 + 1 / 5_000),
        ),
    ),
)

EXERCISES = (FD_DIAGONAL, KERNEL_DISTANCE, COVERAGE, QUICK_LOOK)
