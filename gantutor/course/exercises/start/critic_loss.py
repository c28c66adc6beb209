"""Exercise start.critic_loss: the critic's loss on scores of reals and fakes."""

import math

import torch

from gantutor.course.exercises.definition import Exercise, Property, Symptom
from gantutor.course.exercises.maps import map_of


def _critic_loss(real, fake):
    return torch.log1p(torch.exp(-real)).mean() + torch.log1p(torch.exp(fake)).mean()


def _swapped(real, fake):
    return _critic_loss(-real, -fake)


def _loss_cases(rng):
    sizes = 1 + rng.randint(9, 2)
    return tuple(2 * rng.randn(int(n)).double() for n in sizes)


def _hill(x):
    """A critic that believes that the data are in the middle of the plane."""
    return 3 - 6 * x.norm(dim=-1)


def _loss_field(f):
    """The loss with a single fake at each place, for a critic that believes in the middle.

    The one real point is in the middle.
    """
    real = _hill(torch.zeros(1, 2).double())
    return map_of(lambda p: f(real, _hill(p[None])), 40)


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
            "With this loss the critic learns to call the fakes real. Which of the two terms "
            "contains 1 - sigma: that of the reals or that of the fakes?",
            _swapped,
        ),
        Symptom(
            "fakes as reals",
            "Both terms are -log sigma(score). For a fake the critic should be sure of the "
            "opposite: use 1 - sigma there.",
            lambda real, fake: _critic_loss(real, -fake),
        ),
        Symptom(
            "only the reals",
            "The term of the reals is there, but the term of the fakes is missing.",
            lambda real, fake: torch.log1p(torch.exp(-real)).mean(),
        ),
        Symptom(
            "only the fakes",
            "The term of the fakes is there, but the term of the reals is missing.",
            lambda real, fake: torch.log1p(torch.exp(fake)).mean(),
        ),
        Symptom(
            "minus of the reals",
            "The term of the reals has lost its minus sign: the logarithm of a probability is "
            "negative, and a loss must grow where the critic is wrong.",
            lambda real, fake: (
                torch.log1p(torch.exp(fake)).mean() - torch.log1p(torch.exp(-real)).mean()
            ),
        ),
        Symptom(
            "minus of the fakes",
            "The term of the fakes has lost its minus sign: the logarithm of a probability is "
            "negative, and a loss must grow where the critic is wrong.",
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
            "You summed over the batch. Take the mean over the reals and the mean over the fakes, "
            "so that the batch size does not matter.",
            lambda real, fake: (
                torch.log1p(torch.exp(-real)).sum() + torch.log1p(torch.exp(fake)).sum()
            ),
        ),
        Symptom(
            "pooled",
            "You took one mean over all points together. Reals and fakes each have their own "
            "mean, so that a small batch of reals counts as much as a large batch of fakes.",
            lambda real, fake: torch.cat(
                [torch.log1p(torch.exp(-real)), torch.log1p(torch.exp(fake))]
            ).mean(),
        ),
    ),
    properties=(
        Property(
            "at zero",
            "Where every score is 0 the critic cannot tell reals from fakes, and the loss must be "
            "2 ln 2.",
            lambda rng: [(torch.zeros(3), torch.zeros(4))],
            lambda cases, values: abs(float(values[0]) - 2 * math.log(2)) < 1e-5,
        ),
    ),
    field=_loss_field,
)
