"""Exercises of notebook 00: the critic's loss, the arrows, and a measure."""

import math

import torch

from gantutor.course.exercises.judge import Exercise, Property, Symptom
from gantutor.fields import plane

CENTRES = torch.tensor([[-0.5, -0.4], [0.5, -0.4], [0.0, 0.5]], dtype=torch.float64)


# -- what a critic pays that cannot tell
CANNOT_TELL = Exercise(
    "start.cannot_tell",
    "What does a critic pay that cannot tell?",
    points=1,
    minutes=3,
    reference=2 * math.log(2),
    tolerance=3e-3,
    symptoms=(
        Symptom(
            "one half",
            "That is what it pays for the reals, or for the fakes. The loss is the sum of both parts.",
            math.log(2),
        ),
        Symptom(
            "base 2",
            "The logarithm here is the natural one, of base e. You took that of base 2.",
            2.0,
        ),
        Symptom(
            "base 10",
            "The logarithm here is the natural one, of base e (`math.log`). You took that of base 10.",
            2 * math.log10(2),
        ),
        Symptom(
            "no loss",
            "Not being able to tell is not free: put 0.5 for both confidences into the formula. It would pay 0 if it were always "
            "sure, and right.",
            0.0,
        ),
        Symptom(
            "not the logarithm",
            "You added the two confidences. The loss is minus the *logarithm* of each.",
            1.0,
        ),
    ),
)


# -- the critic's loss
def _critic_loss(real, fake):
    return torch.log1p(torch.exp(-real)).mean() + torch.log1p(torch.exp(fake)).mean()


def _swapped(real, fake):
    return _critic_loss(-real, -fake)


def _loss_cases(rng):
    sizes = 1 + rng.randint(9, 2)
    return tuple(2 * rng.randn(int(n)).double() for n in sizes)


def _hill(x):
    """A critic that believes in the middle of the plane."""
    return 3 - 6 * x.norm(dim=-1)


def _loss_field(f):
    """The loss if a single fake lies at each place, for a critic that believes in the middle, where the one real point is."""
    x = plane(1.0, 40).double()
    return (
        torch.stack([torch.as_tensor(f(_hill(x[:1] * 0), _hill(p[None]))) for p in x])
        .detach()
        .reshape(40, 40)
        .numpy()
    )


CRITIC_LOSS = Exercise(
    "start.critic_loss",
    "Write down what the critic minimises",
    points=2,
    minutes=8,
    reference=_critic_loss,
    cases=_loss_cases,
    gradients=(0, 1),
    symptoms=(
        Symptom(
            "labels swapped",
            "The critic learns to call the fakes real. Which of the two terms has the 1 - in it, that of the reals or that "
            "of the fakes?",
            _swapped,
        ),
        Symptom(
            "fakes as reals",
            "Both terms are -log sigma(score). For a fake the critic should be sure of the opposite: 1 - sigma.",
            lambda real, fake: _critic_loss(real, -fake),
        ),
        Symptom(
            "only the reals",
            "The reals are there, the fakes are missing: the loss has two terms.",
            lambda real, fake: torch.log1p(torch.exp(-real)).mean(),
        ),
        Symptom(
            "only the fakes",
            "The fakes are there, the reals are missing: the loss has two terms.",
            lambda real, fake: torch.log1p(torch.exp(fake)).mean(),
        ),
        Symptom(
            "minus of the reals",
            "The term of the reals has lost its minus: a logarithm of a probability is negative, and a loss grows where the "
            "critic is wrong.",
            lambda real, fake: (
                torch.log1p(torch.exp(fake)).mean() - torch.log1p(torch.exp(-real)).mean()
            ),
        ),
        Symptom(
            "minus of the fakes",
            "The term of the fakes has lost its minus: a logarithm of a probability is negative, and a loss grows where the "
            "critic is wrong.",
            lambda real, fake: (
                torch.log1p(torch.exp(-real)).mean() - torch.log1p(torch.exp(fake)).mean()
            ),
        ),
        Symptom(
            "no logarithm",
            "These are probabilities; the loss is made of their logarithms.",
            lambda real, fake: -torch.sigmoid(real).mean() - torch.sigmoid(-fake).mean(),
        ),
        Symptom(
            "summed",
            "You added up over the batch. Take the mean over the reals and the mean over the fakes: then the size of a batch does "
            "not matter.",
            lambda real, fake: (
                torch.log1p(torch.exp(-real)).sum() + torch.log1p(torch.exp(fake)).sum()
            ),
        ),
        Symptom(
            "pooled",
            "You took one mean over all points together. Each kind has a mean of its own, so that a small batch of reals counts as "
            "much as a large one of fakes.",
            lambda real, fake: torch.cat(
                [torch.log1p(torch.exp(-real)), torch.log1p(torch.exp(fake))]
            ).mean(),
        ),
    ),
    properties=(
        Property(
            "at zero",
            "Where every score is 0 the critic cannot tell, and the loss must be 2 ln 2.",
            lambda rng: [(torch.zeros(3), torch.zeros(4))],
            lambda cases, values: abs(float(values[0]) - 2 * math.log(2)) < 1e-5,
        ),
    ),
    field=_loss_field,
)


# -- the arrows
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
    return (
        f(
            lambda x: torch.exp(-(x[..., None, :] - CENTRES).square().sum(-1) / 0.3).sum(-1),
            plane(1.0, 13).double(),
            0.05,
        )
        .detach()
        .numpy()
    )


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
            "You compared the nudged place with the place itself. Go both ways, to +h and to -h: the error is then much smaller.",
            lambda D, x, h: _by_columns(D, x, _axes(h), 0 * _axes(h)) / h,
        ),
        Symptom(
            "not divided",
            "This is the difference of the scores, not yet the slope. The two places lie 2h apart: divide by that.",
            lambda D, x, h: _by_columns(D, x, _axes(h), -_axes(h)),
        ),
        Symptom(
            "both at once",
            "You moved both coordinates at the same time, so the two columns are the same. Nudge to the right first, and "
            "upwards in another call.",
            lambda D, x, h: (
                _by_columns(D, x, torch.full((2, 2), h), torch.full((2, 2), -h)) / (2 * h)
            ),
        ),
        Symptom(
            "columns swapped",
            "Right and up are exchanged: column 0 belongs to the first coordinate, column 1 to the second.",
            lambda D, x, h: _nudge(D, x, h).flip(-1),
        ),
        Symptom(
            "unit length",
            "The directions are right, and all your arrows have length 1. Leave the length alone: it says how steep the "
            "critic's map is.",
            lambda D, x, h: torch.nn.functional.normalize(_nudge(D, x, h), dim=-1),
        ),
        Symptom(
            "of the batch",
            "Every point gets the same arrow: you averaged over the batch. Each point has a slope of its own.",
            lambda D, x, h: _nudge(D, x, h).mean(0).expand(len(x), 2),
        ),
    ),
    properties=(
        Property(
            "on a plane",
            "On a critic that is a plane, D(x) = 3 x0 - 2 x1 + 1, every arrow is (3, -2), whatever h is.",
            _flat_cases,
            lambda cases, values: all(abs(v - [3.0, -2.0]).max() < 1e-6 for v in values),
        ),
    ),
    field=_arrows_field,
)


# -- the share of fakes that lie near a cloud
def _near(x, centres, std):
    near = [min(math.dist(p, c) for c in centres.tolist()) <= 3 * std for p in x.tolist()]
    return torch.tensor(sum(near) / len(near), dtype=torch.float64)


def _share(x, centres, std, near):
    return near(x[:, None, :] - centres, 3 * std).double().mean()


def _near_cases(rng):
    centres = rng.randn(1 + int(rng.randint(5, 1)), 2).double()
    n, std = 9 + int(rng.randint(30, 1)), 0.15 + 0.15 * float(rng.rand(1))
    x = torch.cat(
        [
            centres[:1] + 0.5 * std * rng.randn(2, 2).double(),
            centres[:1] + 3.6 * std,
            1.3 * rng.randn(n, 2).double(),
        ]
    )
    return x, centres, std


def _near_field(f):
    """What a single fake scores at each place, with three clouds of std 0.1."""
    return (
        torch.tensor([float(f(p[None], CENTRES, 0.1)) for p in plane(1.0, 40).double()])
        .reshape(40, 40)
        .numpy()
    )


NEAR = Exercise(
    "start.near_a_cloud",
    "Count the fakes that lie near a cloud",
    points=2,
    minutes=8,
    reference=_near,
    cases=_near_cases,
    symptoms=(
        Symptom(
            "squared distance",
            "You compared the *squared* distance with 3 std: a square root is missing, or the square of 3 std.",
            lambda x, centres, std: _share(
                x, centres, std, lambda d, r: (d.square().sum(-1) <= r).any(1)
            ),
        ),
        Symptom(
            "near to all",
            "You ask that a fake be near to *every* cloud. It is enough if the nearest one is within reach: a minimum, or `any`.",
            lambda x, centres, std: _share(
                x, centres, std, lambda d, r: (d.norm(dim=-1) <= r).all(1)
            ),
        ),
        Symptom(
            "one std",
            "You allow one standard deviation. The measure allows three.",
            lambda x, centres, std: _share(
                x, centres, std, lambda d, r: (d.norm(dim=-1) <= r / 3).any(1)
            ),
        ),
        Symptom(
            "square box",
            "You compared each coordinate by itself, which makes a square of each cloud. The distance is the length of the whole "
            "difference.",
            lambda x, centres, std: _share(
                x, centres, std, lambda d, r: (d.abs() <= r).all(-1).any(1)
            ),
        ),
        Symptom(
            "mean over the clouds",
            "You also averaged over the clouds. A fake counts once if it is near any of them: first ask for each fake, "
            "then take the mean over the fakes.",
            lambda x, centres, std: _share(x, centres, std, lambda d, r: d.norm(dim=-1) <= r),
        ),
        Symptom(
            "far",
            "This is the share of the fakes that lie *outside* of every cloud: the comparison is the wrong way round.",
            lambda x, centres, std: 1 - _near(x, centres, std),
        ),
    ),
    forbidden=("judge", "high_quality"),
    field=_near_field,
)

EXERCISES = (CANNOT_TELL, CRITIC_LOSS, ARROWS, NEAR)
