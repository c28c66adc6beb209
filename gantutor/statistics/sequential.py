"""Looking several times at growing numbers of seeds without deciding more often by chance.

The error alpha is spent by an O'Brien-Fleming type rule (Lan and DeMets, Biometrika 70, 1983): with
a share t of the planned seeds each side has spent 2 - 2 Phi(z / sqrt(t)) of its alpha / 2, which is
almost nothing early on. The boundaries are those of normal means; their nominal levels serve t
tests.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

LOOKS = (3, 5, 8, 12, 20, 30)  # numbers of seeds
NODES = 64  # of the Gauss-Legendre integration over the test statistic
REACH = 8.5  # its range, in standard deviations


def looks(most: int, least: int = 3) -> tuple[int, ...]:
    """Return the numbers of seeds at which to look, up to `most`, which is the last.

    Raises ValueError for fewer than `least` seeds.

    >>> looks(30), looks(10)
    ((3, 5, 8, 12, 20, 30), (3, 5, 8, 10))
    """
    if most < least:
        raise ValueError(f"at most {most} seeds: expected at least {least}")
    return (*(n for n in LOOKS if least <= n < most), most)


def levels(looks: Sequence[int], alpha: float = 0.05) -> list[float]:
    """Return the nominal two-sided level at each look; all together they spend alpha.

    Raises ValueError unless the looks grow.

    >>> [f"{a:.4f}" for a in levels((8, 12, 20, 30))]
    ['0.0000', '0.0008', '0.0118', '0.0462']
    >>> levels((8,))
    [0.05]
    """
    looks = tuple(looks)
    if not looks or any(a >= b for a, b in zip((0, *looks), looks, strict=False)):
        raise ValueError(f"looks={list(looks)}: expected numbers of seeds that grow")
    return list(_levels(looks, float(alpha)))


def over_looks(p_values: Sequence[float], looks: Sequence[int]) -> float:
    """Return one p-value for the first len(p_values) of these looks.

    It is the least alpha at which the spending rule would have decided by now. At a single planned
    look it is the p-value itself.

    >>> print(f"{over_looks([0.2, 0.0005], (8, 12, 20, 30)):.3f}")
    0.041
    >>> over_looks([0.04], (8,))
    0.04
    """
    import numpy as np

    seen, looks = list(p_values), tuple(looks)
    if len(looks) == 1 or not seen:
        return min(seen, default=1.0)
    alphas, table = _table(looks)
    least = 1.0
    for p, column in zip(seen, table.T, strict=False):
        if p <= column[-1]:
            log_p = math.log(max(p, column[0]))
            least = min(least, math.exp(np.interp(log_p, np.log(column), np.log(alphas))))
    return least


@lru_cache(maxsize=64)
def _table(looks: tuple[int, ...]):
    """Values of alpha, and the level of each look for each of them; 0.05 is among them."""
    import numpy as np

    alphas = np.concatenate([0.05 * np.logspace(-9, -0.04, 120), np.logspace(math.log10(0.05), 0)])
    return alphas, np.array([_levels(looks, float(alpha)) for alpha in alphas])


@lru_cache(maxsize=4096)
def _levels(looks: tuple[int, ...], alpha: float) -> tuple[float, ...]:
    """The levels, by carrying on the density of the statistic of undecided experiments.

    The statistic is a sum over seeds, scaled so that its variance at a look is n.
    """
    import numpy as np
    from scipy.special import ndtr, ndtri

    if len(looks) == 1:
        return (alpha,)
    z, found, spent = -float(ndtri(alpha / 4)), [], 0.0
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    points = density = None
    for k, n in enumerate(looks):
        share = n / looks[-1]
        target = 4 * float(ndtr(-z / math.sqrt(share))) if k < len(looks) - 1 else alpha
        if density is None:
            level = target
        else:
            step = n - looks[k - 1]

            def beyond(bound, points=points, density=density, step=step):
                """The chance to pass +-bound now, not having passed any before."""
                return float(2 * density @ ndtr((points - bound) / math.sqrt(step)))

            level = _solve(beyond, target - spent, n)
        found.append(level)
        spent = target
        bound = _bound(level, n)
        new, steps = bound * nodes, bound * weights
        if density is None:
            density = _normal(new, n) * steps
        else:
            density = (_normal(new[:, None] - points, n - looks[k - 1]) @ density) * steps
        points = new
    return tuple(found)


def _normal(x, variance: float):
    import numpy as np

    return np.exp(-(x**2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)


def _bound(level: float, n: int) -> float:
    """Where the statistic of n seeds stands at a two-sided level, no further out than REACH."""
    from scipy.special import ndtri

    z = -float(ndtri(level / 2)) if level > 0 else math.inf
    return min(z, REACH) * math.sqrt(n)


def _solve(beyond, target: float, n: int) -> float:
    """The two-sided level whose bound is passed with chance `target`."""
    from scipy.optimize import brentq
    from scipy.special import ndtr

    root = math.sqrt(n)
    if beyond(REACH * root) >= target:
        return 2 * float(ndtr(-REACH))
    if beyond(0.0) <= target:  # alpha is 1, or so near that the integration cannot tell
        return 1.0
    z = brentq(lambda z: beyond(z * root) - target, 0.0, REACH, xtol=1e-8)
    return 2 * float(ndtr(-z))
