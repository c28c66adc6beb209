"""Confidence intervals of a mean over seeds, and the test that belongs to them."""

import math
from collections.abc import Iterable, Sequence


def t_interval(values: Iterable[float], level: float = 0.95) -> tuple[float, float]:
    """Return the lower and upper end of the t interval of a mean.

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
    from scipy.special import stdtrit

    half = float(stdtrit(n - 1, (1 + level) / 2)) * sd(finite) / math.sqrt(n)
    return mean - half, mean + half


def t_test(values: Sequence[float], centre: float = 0.0) -> float:
    """Return the two-sided p-value of a t test that the mean of finite values is `centre`.

    Values without any spread are 0 or 1. Raises ValueError for fewer than two values.

    >>> print(f"{t_test([1.0, 2.0, 3.0]):.3f}")
    0.074
    """
    n = len(values)
    if n < 2:
        raise ValueError(f"{n} value(s): a t test needs at least 2")
    distance, spread = math.fsum(values) / n - centre, sd(values)
    if spread == 0:
        return float(distance == 0)
    from scipy.special import stdtr

    return 2 * float(stdtr(n - 1, -abs(distance) / (spread / math.sqrt(n))))


def sd(values: Sequence[float]) -> float:
    """The standard deviation of at least two values, with n - 1 in the denominator.

    >>> sd([1.0, 2.0, 3.0])
    1.0
    """
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1))
