"""What a number of seeds can show: power of the t test and of an equivalence test.

Effects and margins are in standard deviations of what the seeds give: of one value for a single
variant, of the paired difference for two variants.
"""

import math

NODES = 128  # of Gauss-Legendre integration
MOST = 100_000  # seeds: beyond this many nobody will run them


def half_width(n: int, level: float = 0.95) -> float:
    """Return the half width of the t interval of n seeds, in standard deviations.

    Raises ValueError for fewer than 2 seeds.

    >>> print(f"{half_width(3):.2f} {half_width(10):.2f}")
    2.48 0.72
    """
    from scipy.special import stdtrit

    return float(stdtrit(_several(n) - 1, (1 + level) / 2)) / math.sqrt(n)


def power(effect: float, n: int, alpha: float = 0.05) -> float:
    """Return the chance that n seeds show an effect, in a two-sided t test at level alpha.

    The test statistic has a noncentral t distribution. Raises ValueError for fewer than 2 seeds.

    >>> print(f"{power(1.0, 3):.2f} {power(1.0, 10):.2f}")
    0.18 0.80
    """
    from scipy.special import nctdtr, stdtrit

    df, centre = _several(n) - 1, abs(effect) * math.sqrt(n)
    critical = float(stdtrit(df, 1 - alpha / 2))
    right, wrong = 1 - float(nctdtr(df, centre, critical)), float(nctdtr(df, centre, -critical))
    # SciPy gives NaN for tails that are too small to matter
    return min(1.0, (right if math.isfinite(right) else 1.0) + max(0.0, wrong))


def detectable(n: int, power: float = 0.8, alpha: float = 0.05) -> float:
    """Return the least effect that n seeds show with this power, in standard deviations.

    Raises ValueError for fewer than 2 seeds, and for a power that is not between alpha and 1.

    >>> print(f"{detectable(3):.2f} {detectable(10):.2f}")
    3.26 1.00
    """
    from scipy.optimize import brentq

    _several(n), _chance(power, alpha)
    return float(brentq(lambda effect: _power(effect, n, alpha) - power, 0.0, 1e4, xtol=1e-6))


def equivalence_power(margin: float, n: int, truth: float = 0.0, alpha: float = 0.05) -> float:
    """Return the chance that n seeds show an effect to lie inside (-margin, margin).

    By two one-sided t tests at level alpha: the interval of level 1 - 2 alpha lies inside. `truth`
    is the true effect. The chance is an integral over the standard deviation that the seeds happen
    to show. Raises ValueError for fewer than 2 seeds.

    >>> print(f"{equivalence_power(1.0, 5):.2f} {equivalence_power(2.0, 5):.2f}")
    0.29 0.95
    """
    import numpy as np
    from scipy.special import gammainc, gammaincinv, ndtr, stdtrit

    df, root = _several(n) - 1, math.sqrt(n)
    critical = float(stdtrit(df, 1 - alpha)) / root
    if margin <= 0:
        return 0.0
    # beyond this share of the standard deviations the interval is wider than the margin
    end = gammainc(df / 2, df / 2 * (margin / critical) ** 2)
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    shares = end * (nodes + 1) / 2
    shown = np.sqrt(2 / df * gammaincinv(df / 2, shares))  # the seeds' own standard deviation
    room = margin - critical * shown
    inside = ndtr((room - truth) * root) - ndtr((-room - truth) * root)
    return float(end / 2 * weights @ np.maximum(inside, 0.0))


def seeds_needed(effect: float, power: float = 0.8, alpha: float = 0.05) -> int | None:
    """Return the least number of seeds that show an effect with this power.

    None where even 100,000 seeds do not. Raises ValueError for a power that is not between alpha
    and 1.

    >>> seeds_needed(1.0), seeds_needed(3.5), seeds_needed(0.0)
    (10, 3, None)
    """
    _chance(power, alpha)
    return least(lambda n: _power(effect, n, alpha) >= power)


def seeds_for_equivalence(margin: float, power: float = 0.8, alpha: float = 0.05) -> int | None:
    """Return the least number of seeds whose interval lies inside the margin with this power.

    The true effect is 0. None where even 100,000 seeds are too few.

    >>> seeds_for_equivalence(1.0)
    11
    """
    _chance(power, alpha)
    return least(lambda n: equivalence_power(margin, n, 0.0, alpha) >= power)


def least(enough) -> int | None:
    """The least n from 2 on for which enough(n), which stays true from there on; None: none."""
    high = 2
    while not enough(high):
        high *= 2
        if high > MOST:
            return None
    low = max(2, high // 2)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return high


_power = power  # functions whose argument has this name


def _several(n: int) -> int:
    if n < 2:
        raise ValueError(f"n={n}: expected at least 2 seeds")
    return n


def _chance(power: float, alpha: float) -> None:
    if not 0 < alpha < power < 1:
        raise ValueError(f"power={power}, alpha={alpha}: expected 0 < alpha < power < 1")
