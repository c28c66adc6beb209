"""Maps over the plane, for the pictures of wrong answers."""

from collections.abc import Callable

import numpy as np
from torch import Tensor

from gantutor.fields import plane


def map_of(score: Callable[[Tensor], float], n: int, half: float = 1.0) -> np.ndarray:
    """The numbers score(p) at n x n points p (2,) of the square [-half, half]^2.

    Row 0 is the lowest one.

    >>> map_of(lambda p: p[1], 2)
    array([[-1., -1.],
           [ 1.,  1.]])
    """
    return np.array([float(score(p)) for p in plane(half, n).double()]).reshape(n, n)
