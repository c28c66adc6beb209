"""Exercise adaptivemix.gap: the distance of F(mix) from the mix of the features."""

import torch

from gantutor.course.exercises.definition import Exercise, Property, Symptom
from gantutor.fields import plane


def _trunk(rng, width):
    """A nonlinear feature map of points (..., 2) to (..., width)."""
    w, shift = 1.5 * rng.randn(2, width).double(), rng.randn(width).double()
    return lambda x: torch.sin(x @ w + shift) + 0.3 * (x @ w)


def _gap(F, x_i, x_j, lam):
    gaps = []
    for a, b, t in zip(x_i, x_j, lam.reshape(-1), strict=True):
        stray = F(b + t * (a - b)) - F(b) - t * (F(a) - F(b))
        gaps.append((stray * stray).sum() ** 0.5)
    return torch.stack(gaps)


def _mixed(F, x_i, x_j, lam):
    """F of the mixes, and the mixes of F."""
    return F(lam * x_i + (1 - lam) * x_j), lam * F(x_i) + (1 - lam) * F(x_j)


def _stray(F, x_i, x_j, lam):
    v, target = _mixed(F, x_i, x_j, lam)
    return v - target


def _gap_cases(rng):
    n, width = 1 + int(rng.randint(8, 1)), 1 + int(rng.randint(7, 1))
    return (
        _trunk(rng, width + 1),
        rng.randn(n, 2).double(),
        rng.randn(n, 2).double(),
        0.1 + 0.35 * rng.rand(n, 1).double(),
    )


def _straight_cases(rng):
    w = 3000 * rng.randn(2, 5).double()
    x, y, lam = rng.randn(6, 2).double(), rng.randn(6, 2).double(), rng.rand(6, 1).double()
    right = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    return [
        (lambda x: x @ w + 1, x, y, lam),
        (lambda x: x[..., :1] ** 2, right, -right, torch.full((1, 1), 0.5)),
    ]


def _gap_field(f):
    """The gap of a mix, for nonlinear features.

    The mix is three parts of each place and seven parts of a fixed sample at the lower left.
    """
    w = torch.tensor([[2.0, -1.0, 0.5], [0.5, 1.5, -2.0]], dtype=torch.float64)
    x = plane(1.0, 50).double()
    values = f(
        lambda x: torch.sin(x @ w) + 0.3 * (x @ w),
        x,
        torch.full_like(x, -0.7),
        torch.full_like(x[:, :1], 0.3),
    )
    return values.detach().reshape(50, 50).numpy()


GAP = Exercise(
    "adaptivemix.gap",
    "How far does a mix stray from the straight line?",
    points=2,
    minutes=8,
    reference=_gap,
    cases=_gap_cases,
    gradients=(1, 2),
    symptoms=(
        Symptom(
            "sides swapped",
            "The mix of the samples and the mix of the features use lambda on opposite sides: the "
            "weight of x_i must also be the weight of F(x_i).",
            lambda F, x_i, x_j, lam: (
                F(lam * x_i + (1 - lam) * x_j) - (1 - lam) * F(x_i) - lam * F(x_j)
            ).norm(dim=-1),
        ),
        Symptom(
            "squared",
            "This is the square of the gap, as in the loss. The gap itself is a length: take the "
            "square root.",
            lambda *args: _stray(*args).square().sum(-1),
        ),
        Symptom(
            "mean over features",
            "You took a mean over the K entries. A length is the square root of their *sum* of "
            "squares.",
            lambda *args: _stray(*args).square().mean(-1).sqrt(),
        ),
        Symptom(
            "absolute values",
            "You added absolute values, which gives the L1 distance. The gap is the Euclidean "
            "length.",
            lambda *args: _stray(*args).abs().sum(-1),
        ),
        Symptom(
            "always 0",
            "Your target is F of the mix, so you compare it with itself. The target mixes the "
            "*features* F(x_i) and F(x_j).",
            lambda *args: 0 * _stray(*args).sum(-1),
        ),
        Symptom(
            "parents",
            "This is the distance between the parents' features. The gap is how far F of the mix "
            "is from its target on the line between them.",
            lambda F, x_i, x_j, lam: (F(x_i) - F(x_j)).norm(dim=-1),
        ),
        Symptom(
            "target detached",
            "The values are right, but your target is a constant. The paper does not detach "
            "anything: all three features move.",
            lambda *args: (_mixed(*args)[0] - _mixed(*args)[1].detach()).norm(dim=-1),
        ),
    ),
    properties=(
        Property(
            "straight and bent",
            "Two cases that you can work out by hand: an affine F has gap 0 for every slope, and "
            "F(x) = x0 * x0 half-way from 1 to -1 has gap 1.",
            _straight_cases,
            lambda cases, v: abs(v[0]).max() < 1e-8 and abs(v[1] - 1).max() < 1e-9,
        ),
    ),
    forbidden=("mix_path",),
    field=_gap_field,
)
