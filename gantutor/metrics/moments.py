"""Mean and covariance of features, gathered in parts and kept in files; the Frechet distance.

>>> a, b = Moments.of(torch.zeros(5, 2)), Moments.of(torch.ones(5, 2))
>>> frechet(a, b)
2.0
"""

import io
import operator
import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gantutor.files import replacing
from gantutor.metrics.inputs import check_features

CHUNK = 2048  # rows at a time


class Moments:
    """Mean (K,) and covariance (K, K; ddof 1) of n features, gathered chunk by chunk in float64.

    `scatter` is the sum of (x - mean)(x - mean)^T.
    """

    def __init__(self, mean: Tensor, scatter: Tensor, n: int):
        self.mean, self.scatter, self.n = mean, scatter, n

    @classmethod
    def of(cls, features: Tensor) -> "Moments":
        """Return the moments of features (N, K); raises ValueError unless they are finite."""
        zeros = torch.zeros(features.shape[-1], dtype=torch.float64, device=features.device)
        return cls(zeros, torch.outer(zeros, zeros), 0).update(features)

    def update(self, features: Tensor) -> "Moments":
        """Add more features (N, K), in place.

        Up to rounding, the result does not depend on how the features were divided. Source: Chan
        et al. 1979.
        """
        check_features(features)
        for x in features.split(CHUNK):
            x, m = x.to(self.mean), len(x)
            centre = x.mean(0)
            x = x - centre
            gap = centre - self.mean
            self.scatter += x.T @ x + torch.outer(gap, gap) * (self.n * m / (self.n + m))
            self.mean, self.n = self.mean + gap * (m / (self.n + m)), self.n + m
        return self

    @property
    def covariance(self) -> Tensor:
        """(K, K) with ddof 1; raises ValueError for fewer than 2 features."""
        if self.n < 2:
            raise ValueError(f"moments of {self.n} features: a covariance needs at least 2")
        return self.scatter / (self.n - 1)

    def save(self, path: str | Path) -> None:
        """Write mean, covariance and n as npz, completely or not at all."""
        mean, covariance = self.mean.cpu().numpy(), self.covariance.cpu().numpy()
        with replacing(path) as partial:
            np.savez(partial, mu=mean, sigma=covariance, n=self.n)

    @classmethod
    def load(
        cls, path: str | Path, device: str | torch.device = "cpu", n: int | None = None
    ) -> "Moments":
        """Read what `save` wrote, or pytorch-fid's mu and sigma with their number of images `n`.

        Raises ValueError for a file that is damaged or something else, for an n that is missing or
        contradicts the file's, and for moments that no features have: not finite, sigma not
        symmetric or with impossible entries.
        """
        arrays = whole_arrays(path)
        if not {"mu", "sigma"} <= set(arrays):
            held = ", ".join(arrays) or "nothing"
            raise ValueError(
                f"{path} contains no moments (npz of mu, sigma, n) but {held}: write it again"
            )
        mean, covariance = arrays["mu"], arrays["sigma"]
        n = _counted(path, arrays.get("n"), n)
        if mean.ndim != 1 or covariance.shape != 2 * mean.shape or n < 2:
            raise ValueError(
                f"{path} contains mu {mean.shape}, sigma {covariance.shape}, n={n}: "
                "expected (K,), (K, K), n >= 2"
            )
        if mean.dtype.kind != "f" or covariance.dtype.kind != "f":
            kinds = f"mu {mean.dtype}, sigma {covariance.dtype}"
            raise ValueError(f"{path} contains {kinds}: expected floats")
        mean, covariance = (torch.from_numpy(a.astype(np.float64)) for a in (mean, covariance))
        if fault := _impossible(mean, covariance):
            raise ValueError(f"{path} contains no moments of features ({fault}): write it again")
        mean, covariance = mean.to(device), ((covariance + covariance.T) / 2).to(device)
        return cls(mean, covariance * (n - 1), n)


def whole_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """Return the arrays of an npz file by name, with every checksum compared.

    Raises ValueError for a file that is damaged, OSError for one that cannot be opened.
    """
    raw = io.BytesIO(Path(path).read_bytes())
    try:
        # np.load alone stops where an array ends, which is before its checksum
        with zipfile.ZipFile(raw) as archive:
            names = archive.namelist()
            if len(set(names)) < len(names) or archive.testzip() is not None:
                raise zipfile.BadZipFile
        raw.seek(0)
        with np.load(raw) as file:
            return {name: file[name] for name in file.files}
    except Exception as error:  # wrong bytes make the readers raise a dozen kinds of error
        raise ValueError(
            f"{path} contains no moments (npz of mu, sigma, n) or is damaged: write it again"
        ) from error


def _counted(path: str | Path, stored: np.ndarray | None, n: int | None) -> int:
    """Return the number of images, from the file or from the caller."""
    if stored is None:
        if n is None:
            raise ValueError(f"{path} contains mu and sigma but no number of images: pass it as n=")
        return operator.index(n)
    if stored.size != 1 or stored.dtype.kind not in "iuf" or not float(stored.item()).is_integer():
        raise ValueError(f"{path} contains n={stored.tolist()}: expected one whole number")
    count = int(stored.item())
    if n is not None and n != count:
        raise ValueError(f"n={n}: {path} is of {count} images; leave n= out")
    return count


def _impossible(mean: Tensor, covariance: Tensor) -> str:
    """Return why no features have these moments, or "" if some may, with float32's rounding."""
    if not (mean.isfinite().all() and covariance.isfinite().all()):
        return "they are not finite"
    spread = covariance.diagonal()
    slack = 1e-5 * float(spread.abs().max()) if len(spread) else 0.0
    if float((covariance - covariance.T).abs().max()) > slack:
        return "sigma is not symmetric"
    if float(spread.min()) < -slack:
        return "sigma has a negative variance"
    root = spread.clamp(min=0).sqrt()
    if bool((covariance.abs() > torch.outer(root, root) + slack).any()):
        return "sigma has a covariance larger than its variances allow"
    return ""


def frechet(a: Moments, b: Moments) -> float:
    """Frechet distance |m_a - m_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)), 0 for equal moments.

    FID is this distance on Inception features (Heusel et al. 2017). Its bias falls as 1/n: compare
    only numbers of the same n. Covariances may be singular. Raises ValueError for moments of
    different numbers of features, and for moments that are not finite.
    """
    if a.mean.shape != b.mean.shape:
        raise ValueError(
            f"moments of {len(a.mean)} and of {len(b.mean)} features: expected the same feature net"
        )
    if not all(t.isfinite().all() for m in (a, b) for t in (m.mean, m.scatter)):
        raise ValueError(
            "moments that contain NaN or infinity have no distance: has the generator diverged?"
        )
    # the set with fewer images comes first: its covariance may have a lower rank
    a, b = sorted((a, b), key=lambda m: m.n)
    gap, s, t = a.mean - b.mean, a.covariance, b.covariance
    return max(float(gap @ gap + s.trace() + t.trace() - 2 * _trace_root(s, t)), 0.0)


def _trace_root(s: Tensor, t: Tensor) -> Tensor:
    """Return tr (S T)^(1/2).

    With S = A A^T, the symmetric matrix A^T T A has the same eigenvalues as S T.
    """
    # Cholesky takes half of eigh's time and, where it exists, is more exact
    root, singular = torch.linalg.cholesky_ex(s)
    if singular:
        values, vectors = torch.linalg.eigh(s)
        # the root of a 0 that was rounded to 1e-16 would be 1e-8
        true = values > len(values) * torch.finfo(values.dtype).eps * values[-1]
        root = vectors[:, true] * values[true].sqrt()
    return torch.linalg.eigvalsh(root.T @ t @ root).clamp(min=0).sqrt().sum()
