"""Fakes on the plane against the exact truth: each measure has a standard error and says what a perfect generator scores."""

import math
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from gantutor.rng import Rng

BLOCKS = 20


class Measure(NamedTuple):
    """`value` and `se` (its standard error), one number a seed; `truth` and `truth_se`: the same of perfect fakes."""

    value: Tensor
    se: Tensor
    truth: float
    truth_se: float

    @property
    def gap(self) -> Tensor:
        """Value - truth: 0 within its error for a perfect generator."""
        return self.value - self.truth

    @property
    def gap_se(self) -> Tensor:
        """Standard error of `gap`."""
        return (self.se**2 + self.truth_se**2).sqrt()


def modes_covered(dist, x: Tensor, share: float = 0.25, reach: float = 3.0) -> Measure:
    """How many modes get at least `share` of the fakes they deserve, counting fakes within `reach` std; truth: all of them.

    Its error counts the modes whose count lies within one binomial standard error of the threshold.
    """
    counts = _histogram(dist, x, dist.distance(x) <= reach)
    threshold = share * x.shape[-2] * dist.shares.double()
    close = ((counts - threshold).abs() < counts.clamp(min=1).sqrt()).sum(-1)
    return Measure(
        (counts >= threshold).sum(-1).double(), close.double().sqrt(), float(len(dist.modes)), 0.0
    )


def high_quality(dist, x: Tensor, reach: float = 3.0) -> Measure:
    """Share of fakes within `reach` std of the nearest centre (or circle); truth: the same share of real points.

    The error is the binomial one with two successes and two failures added (Agresti and Coull), never 0.
    """
    hit = _mean_against_truth(dist, x, lambda y: (dist.distance(y) <= reach).double())
    n = x.shape[-2]
    p = (hit.value * n + 2) / (n + 4)
    return hit._replace(se=(p * (1 - p) / (n + 4)).sqrt())


def log_density(dist, x: Tensor) -> Measure:
    """Mean exact log density of the fakes, in nats; truth: that of real points (minus the entropy).

    A generator that collapses on the peaks scores above the truth, one that scatters far below it.
    """
    return _mean_against_truth(dist, x, lambda y: dist.log_density(y.double()))


def mode_kl(dist, x: Tensor) -> Measure:
    """KL( share of fakes nearest each mode || the modes' true shares ), in nats, less the (m-1)/2n that n perfect fakes score; truth 0.

    The error is the delta method's, with the null's chi-square spread sqrt((m-1)/2)/n as its floor.
    """
    m, n = len(dist.modes), x.shape[-2]
    p = _histogram(dist, x) / n
    logs = torch.where(p > 0, (p / dist.shares.double()).log(), 0.0)
    kl = (p * logs).sum(-1)
    spread = ((p * logs**2).sum(-1) - kl**2).clamp(min=0) / n
    return Measure(kl - (m - 1) / (2 * n), (spread + (m - 1) / (2 * n**2)).sqrt(), 0.0, 0.0)


def energy_distance(dist, x: Tensor, rng: Rng | int = 12345) -> Measure:
    """2 E|x-y| - E|x-x'| - E|y-y'| between fakes x and fresh real points y, unbiased; truth 0.

    Twenty blocks of fakes and reals are compared block by block; value and error are the blocks' mean and standard error.
    The error is never taken below that of real points against real points: the blocks of good fakes scatter skewly, and
    a lucky set of them would look too sure.
    """
    n = x.shape[-2]
    if n < 2 * BLOCKS:
        raise ValueError(f"{n} points: the energy distance needs at least {2 * BLOCKS}")
    y = (
        dist.sample(x[..., 0].numel(), Rng.of(rng)).to(x).reshape(x.shape)
    )  # each seed meets reals of its own
    blocks = _energy_blocks(x, y)
    return Measure(
        blocks.mean(-1),
        torch.maximum(blocks.std(-1), _perfect_spread(dist, n).to(blocks)) / math.sqrt(BLOCKS),
        0.0,
        0.0,
    )


@lru_cache(maxsize=16)
def _perfect_spread(dist, n: int) -> Tensor:
    """How much the blocks of n real points against n real points scatter."""
    return _energy_blocks(dist.sample(n, 555_555_555), dist.sample(n, 666_666_666)).std(-1)


def _energy_blocks(x: Tensor, y: Tensor) -> Tensor:
    """The unbiased energy distance of each block of x and y, (..., BLOCKS)."""
    n = x.shape[-2] // BLOCKS
    a, b = (t[..., : n * BLOCKS, :].unflatten(-2, (BLOCKS, n)).double() for t in (x, y))
    within = (torch.cdist(a, a).sum((-2, -1)) + torch.cdist(b, b).sum((-2, -1))) / (n * (n - 1))
    return 2 * torch.cdist(a, b).mean((-2, -1)) - within


def judge(dist, x: Tensor, rng: Rng | int = 12345) -> dict[str, Measure]:
    """All five measures of fakes x (n, 2) or (seeds, n, 2)."""
    if x.shape[-1] != 2 or x.ndim < 2:
        raise ValueError(f"fakes of shape {tuple(x.shape)}: expected (n, 2) or (seeds, n, 2)")
    return {
        "modes": modes_covered(dist, x),
        "high_quality": high_quality(dist, x),
        "mode_kl": mode_kl(dist, x),
        "log_density": log_density(dist, x),
        "energy_distance": energy_distance(dist, x, rng),
    }


def _histogram(dist, x: Tensor, keep: Tensor | None = None) -> Tensor:
    """Fakes nearest each mode, (..., modes), counting only those to keep."""
    m = len(dist.modes)
    weight = torch.ones(x.shape[:-1], dtype=torch.float64) if keep is None else keep.double()
    return torch.zeros(*x.shape[:-2], m, dtype=torch.float64).scatter_add_(
        -1, dist.mode_of(x).cpu(), weight.cpu()
    )


def _mean_against_truth(dist, x: Tensor, measure, n_truth: int = 50_000) -> Measure:
    mine, real = measure(x), measure(dist.sample(n_truth, 987_654_321))
    n = mine.shape[-1]
    return Measure(
        mine.mean(-1).cpu(),
        mine.std(-1).cpu() / math.sqrt(n),
        float(real.mean()),
        float(real.std()) / math.sqrt(n_truth),
    )
