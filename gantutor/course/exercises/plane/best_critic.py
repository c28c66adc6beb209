"""Exercise plane.best_critic: the optimal confidence, from two log-densities."""

import numpy as np
import torch

from gantutor import toy
from gantutor.course.exercises.definition import Exercise, Property, Symptom
from gantutor.fields import plane


def _best(log_p, log_q):
    top = torch.maximum(log_p, log_q)
    p, q = torch.exp(log_p - top), torch.exp(log_q - top)
    return p / (p + q)


def _best_cases(rng):
    n = 3 + int(rng.randint(8, 1))
    near, far = -1.5 + rng.randn(2, n).double(), -1000 + 2 * rng.randn(2, n).double()
    return tuple(torch.cat([near, far], 1)[:, rng.randperm(2 * n)])


def _halves(rng):
    a, b = _best_cases(rng)
    return [(a, b), (b, a), (a, a), (a - 700, b - 700)]


def _best_field(f):
    """The best critic's confidence, green above one half and purple below.

    The data are narrow clouds; the fakes are the same clouds, shifted to the right.
    """
    x, clouds = plane(1.0, 70).double(), toy.ring(3, radius=0.45, std=0.014)
    shifted = x - torch.tensor([0.015, 0.0])
    confidence = f(clouds.log_density(x), clouds.log_density(shifted))
    return (2 * confidence - 1).reshape(70, 70).numpy()


BEST = Exercise(
    "plane.best_critic",
    "The best critic can be written down",
    points=2,
    minutes=8,
    reference=_best,
    cases=_best_cases,
    symptoms=(
        Symptom(
            "swapped",
            "This is the probability that the point is a *fake*: p belongs to the data and is the "
            "numerator.",
            lambda p, q: torch.sigmoid(q - p),
        ),
        Symptom(
            "ratio",
            "This is the ratio p / q, which can be any positive number. The confidence is p / (p "
            "+ q).",
            lambda p, q: torch.exp(p - q),
        ),
        Symptom(
            "score",
            "This is the score, log p - log q. The confidence is the sigmoid of it.",
            lambda p, q: p - q,
        ),
        Symptom(
            "logs divided",
            "You divided the *logarithms* by each other. p / (p + q) needs the densities, or the "
            "sigmoid of a difference of logarithms.",
            lambda p, q: p / (p + q),
        ),
        Symptom(
            "rescued by epsilon",
            "Far from all points both densities round to 0, and your small number in the "
            "denominator decides: the confidence becomes 0 there instead of p / (p + q). Divide "
            "numerator and denominator by p first and see what is left: 1 / (1 + q/p).",
            lambda p, q: p.exp() / (p.exp() + q.exp() + 1e-9),
        ),
        Symptom(
            "of the batch",
            "Each point's confidence depends on the other points: your softmax, or sum, ran over "
            "the batch. It must run over p and q at one point.",
            lambda p, q: torch.softmax(torch.stack([p, q]), -1)[0],
        ),
    ),
    properties=(
        Property(
            "laws",
            "Three laws must hold: the confidences of (p, q) and (q, p) add up to 1; equal "
            "densities give 1/2; a factor that p and q share changes nothing.",
            _halves,
            lambda cases, v: (
                np.allclose(v[0] + v[1], 1) and np.allclose(v[2], 0.5) and np.allclose(v[3], v[0])
            ),
        ),
    ),
    field=_best_field,
)
