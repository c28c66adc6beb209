"""Measures on features (N, K), by the names that they may have.

Frechet distance, kernel distance, precision, recall, density, coverage and Inception Score, all
computed in float64 on the features' own device, and exactly repeatable.

>>> from gantutor.rng import Rng
>>> found = measure(Rng(0).randn(200, 8), Rng(1).randn(200, 8), "small", ("fid", "coverage"))
>>> list(found)
['fd_small', 'coverage_small']
"""

import math

import torch
from torch import Tensor

from gantutor.metrics.kernels import kernel_distance, kid
from gantutor.metrics.manifold import (
    MANIFOLD,
    density_coverage,
    manifold,
    prdc,
    precision_recall,
)
from gantutor.metrics.moments import Moments, frechet, whole_arrays
from gantutor.metrics.protocol import Protocol, name

__all__ = [
    "Moments",
    "Protocol",
    "density_coverage",
    "frechet",
    "inception_score",
    "kernel_distance",
    "kid",
    "measure",
    "name",
    "prdc",
    "precision_recall",
    "whole_arrays",
]


def inception_score(logits: Tensor, splits: int = 10) -> tuple[float, float]:
    """Return exp E KL(p(y|x) || p(y)) of logits (N, C): mean and std (ddof 0) over splits.

    It is 1 if all images look alike and C if they are certain and balanced. The splits are
    consecutive, so the images' order matters: sorted classes score low. Raises ValueError. Source:
    Salimans et al. 2016.

    >>> inception_score(torch.zeros(100, 7))
    (1.0, 0.0)
    """
    if logits.ndim != 2 or not 1 <= splits <= len(logits):
        raise ValueError(
            f"logits {tuple(logits.shape)} in splits={splits}: "
            "expected (N, C) and splits from 1 to N"
        )
    if not logits.isfinite().all():
        raise ValueError(
            f"logits {tuple(logits.shape)} contain NaN or infinity: has the generator diverged?"
        )
    log_p, n, scores = logits.double().log_softmax(1), len(logits), []
    for i in range(splits):
        part = log_p[i * n // splits : (i + 1) * n // splits]
        mean = part.logsumexp(0) - math.log(len(part))
        scores.append((part.exp() * (part - mean)).sum(1).mean().exp())
    scores = torch.stack(scores)
    return float(scores.mean()), float(scores.std(correction=0))


def measure(
    real: Tensor | Moments,
    fake: Tensor,
    features: str,
    which: tuple[str, ...] = ("fid", "kid", *MANIFOLD),
    k: int = 5,
    logits: Tensor | None = None,
    seed: int = 0,
    subsets: int = 100,
) -> dict[str, float]:
    """Return the measures of `which` by the names that they may have.

    `features` is the Extractor's name. `real` may be Moments if only "fid" needs reals; "is" needs
    the `logits` (M, C) of the fakes. KID uses subsets of 1000, or of all if there are fewer, and
    comes with its "_std", as the Inception Score does. Raises ValueError.
    """
    moments = isinstance(real, Moments)
    if moments and not {"fid", "is"} >= set(which):
        raise ValueError(
            f"which={which} on Moments: "
            "kernel distance, precision and the like need the reals' features"
        )
    n, found = min(real.n if moments else len(real), len(fake)), {}
    for metric in which:
        label = name(metric, features, n)
        if metric == "fid":
            found[label] = frechet(real if moments else Moments.of(real), Moments.of(fake))
        elif metric == "kid":
            found[label], found[f"{label}_std"] = kid(real, fake, subsets, min(1000, n), seed=seed)
        elif metric == "is":
            if logits is None:
                raise ValueError(
                    "which has 'is' but logits=None: pass the fakes' class logits, "
                    "Extractor.logits(images)"
                )
            label = name(metric, features, len(logits))
            found[label], found[f"{label}_std"] = inception_score(logits)
    balls = tuple(m for m in MANIFOLD if m in which)
    if balls:
        scores = manifold(real, fake, k, balls)
        found |= {name(metric, features, n): value for metric, value in scores.items()}
    return found
