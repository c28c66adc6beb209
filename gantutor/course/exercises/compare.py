"""Comparing two observations: equal up to a tolerance, and the largest difference."""

from typing import Any

import numpy as np

from gantutor.course.exercises.observe import Observation

# numbers below this are zeros with rounding errors
ROUNDING = 1e-12


def alike(a: Observation, b: Observation, tolerance: float) -> bool:
    """Whether two calls returned the same numbers and gradients, or raised the same error type."""
    if a.error or b.error:
        return bool(a.error) and bool(b.error) and a.kind == b.kind
    if a.value.keys() != b.value.keys():
        return False
    grads = all(close(a.grads.get(i), g, tolerance) for i, g in b.grads.items())
    return grads and all(close(a.value[k], b.value[k], tolerance) for k in b.value)


def close(x: Any, y: Any, tolerance: float) -> bool:
    """Whether two arrays, texts or gradients are equal up to `tolerance` times max |y|.

    The shapes must be the same. No gradient (None) equals a gradient of zeros.
    """
    if x is None or y is None:
        return not nonzero(x) and not nonzero(y)
    if isinstance(x, str) or isinstance(y, str):
        return isinstance(x, str) and isinstance(y, str) and x == y
    if x.shape != y.shape or not np.array_equal(np.isfinite(x), np.isfinite(y)):
        return False
    finite = np.isfinite(y)
    if not np.array_equal(x[~finite], y[~finite], equal_nan=True):
        return False
    scale = np.abs(y[finite]).max(initial=0.0)
    if scale <= ROUNDING:
        scale = 1.0
    return bool((np.abs(x[finite] - y[finite]) <= tolerance * scale).all())


def nonzero(x: np.ndarray | None) -> bool:
    """Whether an array has an entry that is more than a rounding error; None has not."""
    return x is not None and bool(np.any(np.abs(x) > ROUNDING))


def difference(a: Observation, b: Observation) -> float:
    """The largest absolute difference between two values; NaN if they cannot be compared."""
    if a.error:
        return float("nan")
    largest = 0.0
    for place, y in b.value.items():
        x = a.value.get(place)
        if isinstance(y, str) and x == y:
            continue
        both = isinstance(x, np.ndarray) and isinstance(y, np.ndarray)
        if not both or x.shape != y.shape:
            return float("nan")
        with np.errstate(invalid="ignore"):
            gap = np.nan_to_num(np.abs(x - y), nan=0.0, posinf=np.inf)
        largest = max(largest, gap.max(initial=0.0))
    return float(largest)
