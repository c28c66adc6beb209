"""Exercise advlat_images.passes: what rejection sampling costs for each kept sample."""

import math

import numpy as np
import torch

from gantutor.course.exercises.definition import Exercise, Property, Symptom
from gantutor.course.exercises.maps import map_of


def _passes(score):
    """Passes through G and D for one kept sample: all draws over the expected number kept."""
    s = score.detach().double().tolist()
    return torch.tensor(len(s) / math.fsum(math.exp(v - max(s)) for v in s), dtype=torch.float64)


def _scores(rng):
    # scores of a raw critic have no fixed zero: a shift of hundreds changes no acceptance, but
    # overflows unless the largest score is subtracted first
    n = 1 + int(rng.randint(40, 1))
    return (1.5 * rng.randn(n).double() + 1500 * rng.randn(1).double(),)


def _kept(score):
    return (score - score.max()).exp()


def _over_two_scores(f):
    """Cost of a pool of three scores, over the first two; the third is 0."""
    return map_of(lambda p: f(torch.cat([p, p.new_zeros(1)])), 21, half=1.2)


REJECTION = Exercise(
    "advlat_images.passes",
    "What does one kept sample cost?",
    points=2,
    minutes=8,
    reference=_passes,
    cases=_scores,
    field=_over_two_scores,
    forbidden=("DRS", "nfe"),
    symptoms=(
        Symptom(
            "mean of inverses",
            "You average each sample's own waiting time, and the hopeless samples swamp it. "
            "Nobody waits for one particular sample: how many of n draws are kept on average, and "
            "how many draws is that for each kept one?",
            lambda score: (1 / _kept(score)).mean(),
        ),
        Symptom(
            "acceptance",
            "This is the share that is kept, at most 1. The exercise asks for the cost: how many "
            "draws does each kept sample take?",
            lambda score: _kept(score).mean(),
        ),
        Symptom(
            "kept ones",
            "You divide by the number of kept samples and leave out how many were drawn.",
            lambda score: 1 / _kept(score).sum(),
        ),
        Symptom(
            "rejects only",
            "You count the rejected draws only. The one that is kept went through the nets, too.",
            lambda score: 1 / _kept(score).mean() - 1,
        ),
        Symptom(
            "sigmoid",
            "You keep with probability sigma(s - M), so even the best sample is thrown away every "
            "other time. Here the probability is e^(s - M).",
            lambda score: 1 / (score - score.max()).sigmoid().mean(),
        ),
        Symptom(
            "exp of the mean",
            "You average the scores and take exp afterwards. Average the probabilities instead: a "
            "few high scores do all the accepting.",
            lambda score: (score.max() - score.mean()).exp(),
        ),
        Symptom(
            "no top",
            "e^s is not a probability yet: compare each score with the largest one, M.",
            lambda score: 1 / score.exp().mean(),
        ),
    ),
    properties=(
        Property(
            "shift",
            "Adding the same number to all scores changes no acceptance, so it must not change "
            "the cost.",
            lambda rng: [(torch.tensor([0.0, 1.0, 2.0]).double() + c,) for c in (0.0, 5.0, -900.0)],
            lambda cases, values: np.allclose(values, values[0]),
        ),
    ),
)
