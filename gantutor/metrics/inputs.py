"""What every measure on features checks before it computes anything."""

from torch import Tensor

CHUNK = 2048  # rows at a time


def check_features(a: Tensor, b: Tensor | None = None) -> None:
    """Raise ValueError unless the features are finite, (N, K) and (M, K) with N, M >= 1."""
    b = a if b is None else b
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) == 0:
        raise ValueError(
            f"features {tuple(a.shape)} and {tuple(b.shape)}: "
            "expected (N, K) and (M, K) with N, M >= 1"
        )
    for x in (a,) if a is b else (a, b):
        if not all(part.isfinite().all() for part in x.split(CHUNK)):
            raise ValueError(
                f"features {tuple(x.shape)} contain NaN or infinity: has the generator diverged?"
            )
