"""Exercise images.paired: a difference seed by seed, with its standard error."""

import numpy as np
import torch

from gantutor.course.exercises.definition import Exercise, Property, Symptom
from gantutor.rng import Rng


def paired(a, b):
    """Mean of b - a over seeds, and its standard error, by sums."""
    gaps = [float(y) - float(x) for x, y in zip(a, b, strict=True)]
    n = len(gaps)
    mean = sum(gaps) / n
    return mean, (sum((g - mean) ** 2 for g in gaps) / (n - 1) / n) ** 0.5


def _paired_cases(rng: Rng):
    n = int(rng.randint(6, 1)) + 2
    luck = 0.3 * rng.randn(n).double()  # what a seed does to both methods
    return 1 + luck + 0.05 * rng.randn(n).double(), 0.9 + luck + 0.08 * rng.randn(n).double()


PAIRED = Exercise(
    name="images.paired",
    title="Seed by seed: a difference and its error",
    points=2,
    minutes=8,
    reference=paired,
    cases=_paired_cases,
    symptoms=(
        Symptom(
            "seeds not paired",
            "The difference is right, but its error is that of two independent groups. A seed's "
            "luck is in both a and b: take b - a seed by seed first.",
            lambda a, b: ((b - a).mean(), (a.var() / len(a) + b.var() / len(b)).sqrt()),
        ),
        Symptom(
            "n for n - 1",
            "You divide the spread by n, which makes it too small: the mean comes from the same "
            "few numbers. With 3 seeds that matters.",
            lambda a, b: ((b - a).mean(), (b - a).std(correction=0) / len(a) ** 0.5),
        ),
        Symptom(
            "n - 1 twice",
            "n - 1 belongs in the spread of single differences; the error of their mean is that "
            "spread over the square root of n.",
            lambda a, b: ((b - a).mean(), (b - a).std() / (len(a) - 1) ** 0.5),
        ),
        Symptom(
            "spread for error",
            "This is the spread of single seeds. The mean of n seeds is more certain than one "
            "seed, by the square root of n.",
            lambda a, b: ((b - a).mean(), (b - a).std()),
        ),
        Symptom(
            "divided by n",
            "You divide the spread by n. The error of a mean falls with the square root of n.",
            lambda a, b: ((b - a).mean(), (b - a).std() / len(a)),
        ),
        Symptom(
            "variance",
            "Your error is squared: it is a variance. Take the square root, so that it has the "
            "unit of the difference.",
            lambda a, b: ((b - a).mean(), (b - a).var() / len(a)),
        ),
        Symptom(
            "which minus which",
            "This is a - b. The exercise asks for b - a: it is below 0 when the second method has "
            "the smaller distance.",
            lambda a, b: ((a - b).mean(), (b - a).std() / len(a) ** 0.5),
        ),
        Symptom(
            "size of the gaps",
            "You average the sizes |b - a|. Then no method can ever be better, and two equal "
            "methods seem to differ.",
            lambda a, b: ((b - a).abs().mean(), (b - a).abs().std() / len(a) ** 0.5),
        ),
    ),
    properties=(
        Property(
            "luck",
            "Luck that a seed brings to both methods must not change anything.",
            lambda rng: [
                (a + c, b + c)
                for a, b in [_paired_cases(rng)]
                for c in (0.0, 5 * torch.arange(len(a)))
            ],
            lambda cases, v: np.allclose(v[0], v[1]),
        ),
    ),
)
