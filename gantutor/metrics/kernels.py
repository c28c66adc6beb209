"""Kernel distances between features: KID as published, and a faster form with a standard error."""

import numpy as np
import torch
from torch import Tensor

from gantutor.metrics.inputs import check_features


def kid(
    a: Tensor,
    b: Tensor,
    subsets: int = 100,
    subset_size: int = 1000,
    degree: int = 3,
    seed: int = 0,
) -> tuple[float, float]:
    """KID of features (N, K) and (M, K): mean and std (ddof 0) over random subsets.

    Each value is the unbiased squared MMD with the kernel (<x, y> / K + 1)^degree, which can be
    below 0 for equal distributions. The subsets are those that torch-fidelity draws for the same
    seed. Raises ValueError. Source: Binkowski et al. 2018.
    """
    check_features(a, b)
    if subsets < 1 or not 2 <= subset_size <= min(len(a), len(b)):
        raise ValueError(
            f"subsets={subsets}, subset_size={subset_size} of {len(a)} and {len(b)} features: "
            f"expected subsets >= 1 and subset_size from 2 to {min(len(a), len(b))}"
        )
    draw, values = np.random.RandomState(seed), []
    if subset_size == len(a) == len(b):  # every subset is the whole set in another order
        subsets = 1
    for _ in range(subsets):
        i, j = (
            torch.from_numpy(draw.choice(len(x), subset_size, replace=False)).to(x.device)
            for x in (a, b)
        )
        values.append(_squared_mmd(a[i].double(), b[j].double(), degree))
    values = torch.stack(values)
    return float(values.mean()), float(values.std(correction=0))


def kernel_distance(a: Tensor, b: Tensor, degree: int = 3, blocks: int = 10) -> tuple[float, float]:
    """Unbiased squared MMD of features (N, K) and (M, K): mean and standard error.

    The form and the kernel (<x, y> / K + 1)^degree are KID's, in float64, over `blocks` disjoint
    blocks. Block i takes the rows i, i + blocks, ..., so that sets sorted by class are divided into
    similar parts. For equal distributions drawn independently (`ImageSet.sample`) the mean is 0 on
    average, and therefore sometimes negative; a balanced subset lowers it slightly. Raises
    ValueError. Source: Binkowski et al. 2018.
    """
    check_features(a, b)
    if blocks < 2 or min(len(a), len(b)) < 2 * blocks:
        raise ValueError(
            f"{len(a)} and {len(b)} features in blocks={blocks}: "
            "expected blocks >= 2, each with 2 or more"
        )
    parts = ((a[i::blocks].double(), b[i::blocks].double()) for i in range(blocks))
    each = torch.stack([_squared_mmd(x, y, degree) for x, y in parts])
    return float(each.mean()), float(each.std() / blocks**0.5)


def _squared_mmd(a: Tensor, b: Tensor, degree: int) -> Tensor:
    def kernel(x, y):
        return (x @ y.T / x.shape[1] + 1) ** degree

    def others(x):  # mean over pairs of different points
        k, n = kernel(x, x), len(x)
        return (k.sum() - k.trace()) / (n * (n - 1))

    return others(a) + others(b) - 2 * kernel(a, b).mean()
