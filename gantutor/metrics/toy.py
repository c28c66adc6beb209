"""Measures of fakes on the plane, each with a standard error and what a perfect generator scores.

>>> from gantutor import toy
>>> world = toy.ring()
>>> found = judge(world, world.sample(2000, 0))
>>> float(found["modes"].value), found["modes"].truth
(8.0, 8.0)
"""

import math
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from gantutor.rng import Rng

BLOCKS = 20


class Measure(NamedTuple):
    """A measure of fakes and of perfect fakes.

    `value` and its standard error `se` have one number per seed. `truth` and `truth_se` are the
    same for perfect fakes.
    """

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
    """Count the modes that get at least `share` of the fakes they deserve; truth: all modes.

    Fakes further than `reach` std from every mode do not count. The error counts the modes that
    are within one binomial standard error of the threshold.
    """
    counts = _histogram(dist, x, dist.distance(x) <= reach)
    threshold = share * x.shape[-2] * dist.shares.double()
    close = ((counts - threshold).abs() < counts.clamp(min=1).sqrt()).sum(-1)
    found = (counts >= threshold).sum(-1).double()
    return Measure(found, close.double().sqrt(), float(len(dist.modes)), 0.0)


def high_quality(dist, x: Tensor, reach: float = 3.0) -> Measure:
    """Fraction of the fakes within `reach` std of the nearest centre (or circle).

    Truth: the same fraction of real points. The error is binomial with two successes and two
    failures added (Agresti and Coull), and therefore never 0.
    """
    hit = _mean_against_truth(dist, x, lambda y: (dist.distance(y) <= reach).double())
    n = x.shape[-2]
    p = (hit.value * n + 2) / (n + 4)
    return hit._replace(se=(p * (1 - p) / (n + 4)).sqrt())


def log_density(dist, x: Tensor) -> Measure:
    """Mean exact log density of the fakes, in nats.

    Truth: that of real points (minus the entropy). A generator that collapses on the peaks scores
    above the truth, one that scatters scores far below it.
    """
    return _mean_against_truth(dist, x, lambda y: dist.log_density(y.double()))


def mode_kl(dist, x: Tensor) -> Measure:
    """KL(share of fakes nearest each mode || the modes' true shares) in nats; truth 0.

    The mean score of n perfect fakes for m modes, (m-1)/2n, is subtracted from the plug-in
    estimate. If k modes get no fakes at all, that subtracts k/2n too much.

    The error is the delta method's to second order: the variance is Var(log p/q) / n + (m-1)/2n^2.
    For perfect fakes the first term is 0 and 2n KL is chi-square with m-1 degrees of freedom, but
    the plug-in estimate of that term is then (m-1)/n^2 on average. This bias is subtracted, and the
    chi-square's variance is the floor. The error of perfect fakes is 1.1 (m = 25) to 1.3 (m = 2)
    times their standard deviation, because the floor removes underestimates.
    """
    m, n = len(dist.modes), x.shape[-2]
    p = _histogram(dist, x) / n
    logs = torch.where(p > 0, (p / dist.shares.double()).log(), 0.0)
    kl = (p * logs).sum(-1)
    first_order = ((p * logs**2).sum(-1) - kl**2).clamp(min=0) / n
    # modes without fakes do not vary; fakes in a single mode are treated as if they covered two
    free = ((p > 0).sum(-1) - 1).clamp(min=min(1, m - 1))
    chi_square = free / (2 * n**2)
    variance = torch.maximum(first_order - chi_square, chi_square)
    return Measure(kl - (m - 1) / (2 * n), variance.sqrt(), 0.0, 0.0)


def energy_distance(dist, x: Tensor, rng: Rng | int = 12345) -> Measure:
    """2 E|x-y| - E|x-x'| - E|y-y'| between fakes x and fresh real points y, unbiased; truth 0.

    Fakes and reals are cut into twenty blocks, which are compared one by one; value and error are
    the blocks' mean and standard error. The error is never below that of real points against real
    points: the blocks of good fakes are skewed, and a lucky draw would give too small an error.

    An `rng` of several seeds gives one number per seed, each equal to that of its seed alone:
    fakes (seeds, n, 2) meet the reals of their own seed, fakes (n, 2) meet those of every seed.
    Raises ValueError for fewer than 40 points, and for fakes of another number of seeds.
    """
    n, rng = x.shape[-2], Rng.of(rng, x.device)
    if n < 2 * BLOCKS:
        raise ValueError(f"{n} points: the energy distance needs at least {2 * BLOCKS}")
    if not rng.stacked:
        # one stream of reals, so that each row of fakes meets reals of its own
        y = dist.sample(x[..., 0].numel(), rng).to(x).reshape(x.shape)
    elif x.ndim == 2 or x.shape[:-2] == (len(rng.seeds),):
        y = dist.sample(n, rng).to(x)
    else:
        raise ValueError(
            f"fakes of shape {tuple(x.shape)} and rng of {len(rng.seeds)} seeds: "
            f"expected (n, 2) or ({len(rng.seeds)}, n, 2)"
        )
    blocks = _energy_blocks(x, y)
    spread = torch.maximum(blocks.std(-1), _perfect_spread(dist, n).to(blocks))
    return Measure(blocks.mean(-1), spread / math.sqrt(BLOCKS), 0.0, 0.0)


@lru_cache(maxsize=16)
def _perfect_spread(dist, n: int) -> Tensor:
    """Return the standard deviation of the blocks of n real points against n real points."""
    return _energy_blocks(dist.sample(n, 555_555_555), dist.sample(n, 666_666_666)).std(-1)


def _energy_blocks(x: Tensor, y: Tensor) -> Tensor:
    """Return the unbiased energy distance of each block of x and y, (..., BLOCKS)."""
    n = x.shape[-2] // BLOCKS
    a, b = (t[..., : n * BLOCKS, :].unflatten(-2, (BLOCKS, n)).double() for t in (x, y))
    within = (torch.cdist(a, a).sum((-2, -1)) + torch.cdist(b, b).sum((-2, -1))) / (n * (n - 1))
    return 2 * torch.cdist(a, b).mean((-2, -1)) - within


def judge(dist, x: Tensor, rng: Rng | int = 12345) -> dict[str, Measure]:
    """Return all five measures of fakes x (n, 2) or (seeds, n, 2), by name."""
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
    """Count the fakes nearest each mode, (..., modes); `keep` (...) selects those that count."""
    m = len(dist.modes)
    weight = torch.ones(x.shape[:-1], dtype=torch.float64) if keep is None else keep.double()
    counts = torch.zeros(*x.shape[:-2], m, dtype=torch.float64)
    return counts.scatter_add_(-1, dist.mode_of(x).cpu(), weight.cpu())


def _mean_against_truth(dist, x: Tensor, measure, n_truth: int = 50_000) -> Measure:
    mine, real = measure(x), measure(dist.sample(n_truth, 987_654_321))
    se = mine.std(-1).cpu() / math.sqrt(mine.shape[-1])
    truth_se = float(real.std()) / math.sqrt(n_truth)
    return Measure(mine.mean(-1).cpu(), se, float(real.mean()), truth_se)
