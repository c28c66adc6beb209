"""What the exercises of notebook 06 share."""

from torch import Tensor

from gantutor.rng import Rng

# measures of the package and of the lesson, which an answer must not call
MEASURES = (
    "frechet",
    "fid",
    "kid",
    "kernel_distance",
    "prdc",
    "density_coverage",
    "precision_recall",
    "measure",
)


def two_clouds(rng: Rng, least: int = 2) -> tuple[Tensor, Tensor]:
    """Features (N, K) and (M, K) of two clouds with different means and spreads."""
    n, m, k = (int(rng.randint(high)) + low for high, low in ((9, least), (9, least), (4, 1)))
    x, y = (rng.randn(size, k).double() * (0.5 + rng.rand(k)) + rng.randn(k) for size in (n, m))
    return x, y
