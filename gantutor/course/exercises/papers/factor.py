"""Exercise papers.factor: an average of factors that treats old and new alike."""

import math

import numpy as np

from gantutor.course.exercises.definition import Exercise, Property, Symptom


def _factor(old, new):
    return math.prod(float(b) / float(a) for a, b in zip(old, new, strict=True)) ** (1 / len(old))


def _accuracies(rng):
    k = 1 + int(rng.randint(6, 1))
    return tuple((3.0 * rng.randn(k).double()).exp().numpy() for _ in range(2))


def _two_attacks(f):
    """Average factor of two attacks.

    Their own factors go from 1/4 (left, bottom) to 4 (right, top).
    """
    own = 2.0 ** np.linspace(-2, 2, 25)
    return np.array([[float(f(np.ones(2), np.array([a, b]))) for a in own] for b in own])


FACTOR = Exercise(
    "papers.factor",
    "An average factor that does not depend on the side",
    points=2,
    minutes=7,
    reference=_factor,
    cases=_accuracies,
    field=_two_attacks,
    symptoms=(
        Symptom(
            "ratio of means",
            "This is the paper's way, the ratio of two means: the attack with the largest "
            "accuracies decides almost alone. Take each attack's factor first.",
            lambda old, new: new.mean() / old.mean(),
        ),
        Symptom(
            "mean of ratios",
            "Swap old and new: this average claims that each method is better than the other. "
            "Which mean suits numbers that multiply?",
            lambda old, new: (new / old).mean(),
        ),
        Symptom(
            "upside down",
            "You divided the old accuracy by the new one: the factor leads from old to new.",
            lambda old, new: np.exp(np.log(old / new).mean()),
        ),
        Symptom(
            "less one",
            "You subtracted 1, which turns the factor into a gain. The exercise asks for the "
            "factor itself.",
            lambda old, new: np.exp(np.log(new / old).mean()) - 1,
        ),
        Symptom(
            "still a logarithm",
            "The mean of the logarithms is right. Now undo the logarithm.",
            lambda old, new: np.log(new / old).mean(),
        ),
        Symptom(
            "two bases",
            "You took the logarithm to one base and undid it with another: log10 goes with powers "
            "of 10, log with exp.",
            lambda old, new: np.exp(np.log10(new / old).mean()),
        ),
        Symptom(
            "no root",
            "You multiplied the factors: that is the effect of all attacks together. Which root "
            "turns a product of k numbers into their mean?",
            lambda old, new: (new / old).prod(),
        ),
        Symptom(
            "median",
            "The median is another average that could serve here; the exercise asks for the one "
            "through the logarithm.",
            lambda old, new: np.median(new / old),
        ),
        Symptom(
            "harmonic",
            "This is the mean of ratios seen from the other side: now the other method wins both "
            "ways.",
            lambda old, new: 1 / (old / new).mean(),
        ),
    ),
    properties=(
        Property(
            "swap",
            "Swapping old and new must turn the factor into one over itself.",
            lambda rng: [args for a in [_accuracies(rng)] for args in (a, a[::-1])],
            lambda cases, values: math.isclose(values[0] * values[1], 1),
        ),
        Property(
            "units",
            "Multiplying one attack's accuracies, old and new, by the same number changes no "
            "factor.",
            lambda rng: [(np.array([1.0, c]), np.array([2.0, 3 * c])) for c in (1.0, 50.0)],
            lambda cases, values: math.isclose(*values),
        ),
    ),
)
