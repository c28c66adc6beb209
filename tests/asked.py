"""Three exercises of the tests' own: a loss, a table and a value."""

import math

import torch

from gantutor.course.exercises import Exercise, Property, Symptom


def cases(rng):
    n = 3 + int(rng.randint(6, 1))
    return rng.randn(n, 2).double(), rng.randn(n).double()


def reference(x, y):
    """Mean over i of (|x_i|^2 + 3) y_i^2."""
    return ((x.square().sum(-1) + 3) * y.square()).mean()


LOSS = Exercise(
    "start.loss",
    "A loss",
    2,
    5,
    reference,
    cases,
    gradients=(0,),
    constants=(),
    forbidden=("logsumexp", "twice"),
    symptoms=(
        Symptom(
            "no three",
            "The 3 is missing: look at the bracket again.",
            lambda x, y: (x.square().sum(-1) * y.square()).mean(),
        ),
    ),
    properties=(
        Property(
            "zero",
            "For y = 0 the loss is 0, whatever x is.",
            lambda rng: [(rng.randn(3, 2).double(), torch.zeros(3).double())],
            lambda cases, values: values[0] == 0,
        ),
    ),
)


def loops(x, y):
    """`reference`, as a student may write it."""
    total = 0.0
    for i in range(len(x)):
        total = total + (x[i, 0] ** 2 + x[i, 1] ** 2 + 3) * y[i] ** 2
    return total / len(x)


def pairs(rng):
    n = 2 + int(rng.randint(5, 1))
    return rng.randn(n, 2).double(), rng.randn(n + 3, 2).double()


TABLE = Exercise("start.table", "A table", 1, 5, lambda a, b: torch.cdist(a, b), pairs)


VALUE = Exercise(
    "start.value",
    "A value",
    1,
    2,
    2 * math.log(2),
    symptoms=(
        Symptom("half", "That is one half of it.", math.log(2)),
        Symptom("more than 2", "It cannot be more than 2.", lambda v: v > 2),
    ),
)
