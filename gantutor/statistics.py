"""Confidence intervals over seeds."""

import math
from collections.abc import Iterable


def t_interval(values: Iterable[float]) -> tuple[float, float]:
    """Return the lower and upper end of the 95 % t interval of a mean.

    Values that are not finite are left out. A single value gives itself twice, and no value gives
    NaN twice.

    >>> low, high = t_interval([1.0, 2.0, 3.0])
    >>> print(f"{low:.3f} to {high:.3f}")
    -0.484 to 4.484
    >>> t_interval([3.0])
    (3.0, 3.0)
    """
    finite = [float(v) for v in values if math.isfinite(v)]
    n = len(finite)
    if n == 0:
        return math.nan, math.nan
    mean = math.fsum(finite) / n
    if n == 1:
        return mean, mean
    # here, since the core of the package imports without SciPy
    from scipy.special import stdtrit

    variance = math.fsum((v - mean) ** 2 for v in finite) / (n - 1)
    half = float(stdtrit(n - 1, 0.975)) * math.sqrt(variance / n)
    return mean - half, mean + half
