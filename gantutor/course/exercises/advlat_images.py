"""Exercises of notebook 09: what a rejected sample costs, a leash for the search, a bound for Table 1, credit for a start."""

import math
import statistics

import numpy as np
import torch

from gantutor.course.exercises.judge import Exercise, Property, Symptom
from gantutor.fields import plane


# -- rejection ------------------------------------------------------------------------------------------------------------
def _passes(score):
    """Passes through G and D for one kept sample, in plain numbers: all draws over the draws that are kept on average."""
    s = score.detach().double().tolist()
    return torch.tensor(len(s) / math.fsum(math.exp(v - max(s)) for v in s), dtype=torch.float64)


def _scores(rng):
    # raw critics know no zero: a shift of hundreds changes no acceptance, and overflows where the largest is not taken off first
    n = 1 + int(rng.randint(40, 1))
    return (1.5 * rng.randn(n).double() + 1500 * rng.randn(1).double(),)


def _kept(score):
    return (score - score.max()).exp()


def _over_two_scores(f):
    """Cost of a pool of three scores, over the first two; the third is 0."""
    pools = 1.2 * plane(1.0, 21).double()
    return np.array([float(f(torch.cat([p, p.new_zeros(1)]))) for p in pools]).reshape(21, 21)


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
            "You average each sample's own waiting time, and the hopeless ones swamp it. Nobody waits for a given sample: "
            "how many of n draws are kept on average, and how many draws is that for each kept one?",
            lambda score: (1 / _kept(score)).mean(),
        ),
        Symptom(
            "acceptance",
            "This is the share that is kept, at most 1. The cost is asked for: how many draws stand behind each kept sample?",
            lambda score: _kept(score).mean(),
        ),
        Symptom(
            "kept ones",
            "You divide by the number of kept samples and forget how many were drawn.",
            lambda score: 1 / _kept(score).sum(),
        ),
        Symptom(
            "rejects only",
            "You count the rejected draws. The one that is kept went through the nets, too.",
            lambda score: 1 / _kept(score).mean() - 1,
        ),
        Symptom(
            "sigmoid",
            "You keep with probability sigma(s - M), so even the best sample is thrown away every other time. Here the probability is "
            "e^(s - M).",
            lambda score: 1 / (score - score.max()).sigmoid().mean(),
        ),
        Symptom(
            "exp of the mean",
            "You average the scores and take exp afterwards. The probabilities must be averaged: a few high scores do all the "
            "accepting.",
            lambda score: (score.max() - score.mean()).exp(),
        ),
        Symptom(
            "no top",
            "e^s is no probability yet: compare each score with the largest one, M.",
            lambda score: 1 / score.exp().mean(),
        ),
    ),
    properties=(
        Property(
            "shift",
            "Adding the same number to all scores changes no acceptance, so it must not change the cost.",
            lambda rng: [(torch.tensor([0.0, 1.0, 2.0]).double() + c,) for c in (0.0, 5.0, -900.0)],
            lambda cases, values: np.allclose(values, values[0]),
        ),
    ),
)


# -- a leash --------------------------------------------------------------------------------------------------------------
def _leashed(z, g, eps):
    out = []
    for row, slope in zip(z.detach().double().tolist(), g.detach().double().tolist(), strict=True):
        moved = [
            x + eps * math.copysign(1.0, s) if s else x for x, s in zip(row, slope, strict=True)
        ]
        out.append([x * math.hypot(*row) / math.hypot(*moved) for x in moved])
    return torch.tensor(out, dtype=torch.float64).reshape(z.shape)


def _latents(rng):
    n, d = (1 + int(v) for v in rng.randint(6, 2))
    return rng.randn(n, d).double(), 0.2 * rng.randn(n, d).double(), 0.05 + 0.4 * float(rng.rand(1))


def _step(z, g, eps):
    return z + eps * g.sign()


def _one_way(z, g, eps):
    """To first order the same: the sign step less its part along z."""
    s = g.sign()
    return z + eps * (s - z * (z * s).sum(-1, keepdim=True) / (z * z).sum(-1, keepdim=True))


def _moves(f):
    """Where the step takes the points of the plane, for a score that rises to the upper right."""
    z = plane(1.0, 12).double()
    g = torch.tensor([1.0, 0.4]).double().expand_as(z)
    return (f(z, g, 0.2) - z).numpy()


def _length(z):
    return z.norm(dim=-1, keepdim=True)


LEASH = Exercise(
    "advlat_images.leash",
    "Put the search on a leash",
    points=2,
    minutes=8,
    reference=_leashed,
    cases=_latents,
    field=_moves,
    forbidden=("IFGSM",),
    symptoms=(
        Symptom(
            "no leash",
            "This is the bare step of Eq. 6. Now give each latent back the length that it had before.",
            _step,
        ),
        Symptom(
            "one length for all",
            "You use one length for the whole batch, so a latent's step depends on its neighbours. The norm runs over the "
            "last axis and keeps it.",
            lambda z, g, eps: _step(z, g, eps) * z.norm() / _step(z, g, eps).norm(),
        ),
        Symptom(
            "wrong axis",
            "The length is taken down the batch. It belongs to one latent: the last axis.",
            lambda z, g, eps: _step(z, g, eps) * z.norm(dim=0) / _step(z, g, eps).norm(dim=0),
        ),
        Symptom(
            "unit length",
            "All your latents have length 1. They had lengths of their own; multiply by those.",
            lambda z, g, eps: _step(z, g, eps) / _length(_step(z, g, eps)),
        ),
        Symptom(
            "typical length",
            "You give every latent the typical length, the root of d. Each had its own: the prior is a thick shell, not a thin "
            "one.",
            lambda z, g, eps: _step(z, g, eps) / _length(_step(z, g, eps)) * z.shape[-1] ** 0.5,
        ),
        Symptom(
            "downhill",
            "The score falls along your step. Eq. 6 descends the generator's loss, which is to climb the score.",
            lambda z, g, eps: _step(z, -g, eps) * _length(z) / _length(_step(z, -g, eps)),
        ),
        Symptom(
            "no sign",
            "Your step follows the slope's size. A sign step moves every coordinate by eps, however steep the score is.",
            lambda z, g, eps: (z + eps * g) * _length(z) / _length(z + eps * g),
        ),
        Symptom(
            "tangent",
            "You take the radial part out of the step. That is nearly right, and yet each step is a little too long, as on a tangent: "
            "rescale after the step.",
            _one_way,
        ),
    ),
    properties=(
        Property(
            "length",
            "The lengths have changed: compare the norms of what goes in and what comes out, latent by latent.",
            lambda rng: [_latents(rng) for _ in range(3)],
            lambda cases, values: all(
                np.allclose(np.linalg.norm(v, axis=-1), c[0].norm(dim=-1))
                for c, v in zip(cases, values, strict=True)
            ),
        ),
        Property(
            "scale",
            "A critic whose scores are three times as large must give the same step.",
            lambda rng: [(z, c * g, eps) for z, g, eps in [_latents(rng)] for c in (1.0, 3.0)],
            lambda cases, values: np.allclose(*values),
        ),
    ),
)


# -- Table 1 --------------------------------------------------------------------------------------------------------------
BOUND = Exercise(
    "advlat_images.bound",
    "The largest ratio that Euclidean distances allow",
    points=1,
    minutes=5,
    reference=2 * math.sqrt(3 * 32 * 32),
    tolerance=5e-3,
    symptoms=(
        Symptom(
            "mean",
            "2 is the bound for mean absolute differences. Euclidean distances do not average over the pixels: what is the length of a "
            "vector of that many equal entries?",
            2.0,
        ),
        Symptom(
            "no root",
            "You have added up squares: the distance is the square root of that sum.",
            4.0 * 3072,
        ),
        Symptom(
            "sum of differences",
            "You have added up absolute differences. The Euclidean distance is the root of the sum of squares.",
            2.0 * 3072,
        ),
        Symptom(
            "one channel",
            "You have counted 32 x 32 entries. A CIFAR picture has three channels.",
            2 * math.sqrt(1024),
        ),
        Symptom(
            "range of one",
            "Pixels lie in [-1, 1]: black and white are 2 apart in each entry, not 1.",
            math.sqrt(3072),
        ),
        Symptom(
            "no offset",
            "Without the code's + 1 there is no bound: the latents may be as close as one likes. Here the 1 is kept.",
            math.inf,
        ),
        Symptom(
            "latents",
            "You have counted the latent's 100 coordinates. The largest ratio has the pictures far apart and the latents together.",
            2 * math.sqrt(100),
        ),
    ),
)


# -- credit ---------------------------------------------------------------------------------------------------------------
def _credit(msgan, neighbours, div):
    a, b, c = (v.detach().double().tolist() for v in (msgan, neighbours, div))
    steps = [[y - x for x, y in zip(*pair, strict=True)] for pair in ((a, b), (b, c))]
    return torch.tensor(
        [[math.fsum(d) / len(d), statistics.stdev(d) / math.sqrt(len(d))] for d in steps],
        dtype=torch.float64,
    )


def _seeds(rng):
    # seeds differ more than methods do, as in the notebook: that is what pairing is for
    n = 2 + int(rng.randint(7, 1))
    luck = rng.randn(n).double()
    return tuple(luck + c + 0.3 * rng.randn(n).double() for c in (0.0, 0.5, 0.6))


def _told(a, b, error=None):
    d = b - a
    return torch.stack([d.mean(), d.std() / len(d) ** 0.5 if error is None else error(a, b)])


def _both(error):
    return lambda msgan, neighbours, div: torch.stack(
        [_told(msgan, neighbours, error), _told(neighbours, div, error)]
    )


CREDIT = Exercise(
    "advlat_images.credit",
    "Split the credit between the start and the search",
    points=3,
    minutes=12,
    reference=_credit,
    cases=_seeds,
    symptoms=(
        Symptom(
            "search from MSGAN",
            "Your second row compares div with MSGAN, so the search is paid for the start's work as well. Its own change "
            "begins at neighbours.",
            lambda msgan, neighbours, div: torch.stack(
                [_told(msgan, neighbours), _told(msgan, div)]
            ),
        ),
        Symptom(
            "rows swapped",
            "The two rows have changed places: the start comes first, then the search.",
            lambda msgan, neighbours, div: torch.stack(
                [_told(neighbours, div), _told(msgan, neighbours)]
            ),
        ),
        Symptom(
            "laid down",
            "Rows and columns have changed places: one row a link, change and error beside each other.",
            lambda msgan, neighbours, div: (
                torch.stack([_told(msgan, neighbours), _told(neighbours, div)]).T
            ),
        ),
        Symptom(
            "backwards",
            "Your changes run backwards: what the later variant has more than the earlier one is a positive change.",
            lambda msgan, neighbours, div: torch.stack(
                [_told(neighbours, msgan), _told(div, neighbours)]
            ),
        ),
        Symptom(
            "unpaired",
            "You add up the variances of the two variants, as if their seeds were strangers. Take the difference seed by seed first: "
            "a lucky seed is lucky in both.",
            _both(lambda a, b: ((a.var() + b.var()) / len(a)) ** 0.5),
        ),
        Symptom(
            "n for n - 1",
            "The spread around a mean that comes from the same numbers is divided by n - 1. With three seeds that is no trifle.",
            _both(lambda a, b: (b - a).std(correction=0) / len(a) ** 0.5),
        ),
        Symptom(
            "spread of one seed",
            "This is the spread of a single seed's change. The mean of n of them scatters less: by how much?",
            _both(lambda a, b: (b - a).std()),
        ),
        Symptom(
            "no root",
            "A standard error has the unit of the change itself; yours has its square, or was divided by n where the root of n "
            "belongs.",
            _both(lambda a, b: (b - a).var() / len(a)),
        ),
    ),
    properties=(
        Property(
            "luck",
            "Adding the same luck to a seed of all three variants changes no difference, so nothing may change.",
            lambda rng: [
                args
                for a in [_seeds(rng)]
                for args in (a, tuple(v + 7 * torch.arange(len(v)) for v in a))
            ],
            lambda cases, values: np.allclose(*values),
        ),
    ),
)

EXERCISES = (REJECTION, LEASH, BOUND, CREDIT)
