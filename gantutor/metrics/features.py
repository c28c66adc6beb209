"""Measures on features (N, K): Frechet distance, kernel distance, precision, recall, density, coverage, Inception Score.

All are computed in float64 on the features' own device and repeat exactly. What a number may be called, and beside which
other it may stand, is decided here too: `name` and `Protocol`.
"""

import io
import math
import operator
import zipfile
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gantutor.files import replacing
from gantutor.weights import TF_INCEPTION

CHUNK = 2048  # rows and columns of a distance matrix at a time
SPARE = 4  # neighbours kept beyond the k-th while their distances are not exact yet
PAPER_N = 10_000  # from so many images on both sides a number may carry the paper's name
MANIFOLD = ("precision", "recall", "density", "coverage")


# -- Frechet distance ----------------------------------------------------------------------------------------------------
class Moments:
    """Mean (K,) and covariance (K, K; ddof 1) of n features, gathered chunk by chunk in float64."""

    def __init__(self, mean: Tensor, scatter: Tensor, n: int):
        self.mean, self.scatter, self.n = (
            mean,
            scatter,
            n,
        )  # scatter: the sum of (x - mean)(x - mean)^T

    @classmethod
    def of(cls, features: Tensor) -> "Moments":
        """Moments of features (N, K); raises ValueError for features that are not finite."""
        zeros = torch.zeros(features.shape[-1], dtype=torch.float64, device=features.device)
        return cls(zeros, torch.outer(zeros, zeros), 0).update(features)

    def update(self, features: Tensor) -> "Moments":
        """Take in more features (N, K), in place; the result does not depend on how they were cut, up to rounding."""
        _check(features, features)
        for x in features.split(CHUNK):
            x, m = x.to(self.mean), len(x)
            centre = x.mean(0)
            x = x - centre
            gap = centre - self.mean
            self.scatter += x.T @ x + torch.outer(gap, gap) * (
                self.n * m / (self.n + m)
            )  # Chan et al. 1979
            self.mean, self.n = self.mean + gap * (m / (self.n + m)), self.n + m
        return self

    @property
    def covariance(self) -> Tensor:
        """(K, K) with ddof 1; raises ValueError for fewer than 2 features."""
        if self.n < 2:
            raise ValueError(f"moments of {self.n} features: a covariance needs at least 2")
        return self.scatter / (self.n - 1)

    def save(self, path: str | Path) -> None:
        """Write mean, covariance and n as npz, whole or not at all."""
        with replacing(path) as partial:
            np.savez(
                partial, mu=self.mean.cpu().numpy(), sigma=self.covariance.cpu().numpy(), n=self.n
            )

    @classmethod
    def load(
        cls, path: str | Path, device: str | torch.device = "cpu", n: int | None = None
    ) -> "Moments":
        """What `save` wrote, or pytorch-fid's mu and sigma, for which `n` says of how many images.

        Raises ValueError for a file that is damaged or something else, for an n that is missing or
        contradicts the file's, and for moments that no features have: not finite, sigma not
        symmetric or with impossible entries.
        """
        arrays = whole_arrays(path)
        if not {"mu", "sigma"} <= set(arrays):
            held = ", ".join(arrays) or "nothing"
            raise ValueError(
                f"{path} holds no moments (npz of mu, sigma, n) but {held}: write it anew"
            )
        mean, covariance = arrays["mu"], arrays["sigma"]
        n = _counted(path, arrays.get("n"), n)
        if mean.ndim != 1 or covariance.shape != 2 * mean.shape or n < 2:
            raise ValueError(
                f"{path} holds mu {mean.shape}, sigma {covariance.shape}, n={n}: expected (K,), (K, K), n >= 2"
            )
        if mean.dtype.kind != "f" or covariance.dtype.kind != "f":
            kinds = f"mu {mean.dtype}, sigma {covariance.dtype}"
            raise ValueError(f"{path} holds {kinds}: expected floats")
        mean, covariance = (torch.from_numpy(a.astype(np.float64)) for a in (mean, covariance))
        if fault := _impossible(mean, covariance):
            raise ValueError(f"{path} holds no moments of features ({fault}): write it anew")
        mean, covariance = mean.to(device), ((covariance + covariance.T) / 2).to(device)
        return cls(mean, covariance * (n - 1), n)


def whole_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays of an npz file by name, its checksums compared to the last byte.

    Raises ValueError for a file that is damaged, OSError for one that cannot be opened.
    """
    raw = io.BytesIO(Path(path).read_bytes())
    try:
        # np.load alone stops where an array ends, before its checksum
        with zipfile.ZipFile(raw) as archive:
            names = archive.namelist()
            if len(set(names)) < len(names) or archive.testzip() is not None:
                raise zipfile.BadZipFile
        raw.seek(0)
        with np.load(raw) as file:
            return {name: file[name] for name in file.files}
    except Exception as error:  # the readers raise a dozen kinds for wrong bytes
        raise ValueError(
            f"{path} holds no moments (npz of mu, sigma, n) or is damaged: write it anew"
        ) from error


def _counted(path: str | Path, stored: np.ndarray | None, n: int | None) -> int:
    """The number of images, as the file or the caller says."""
    if stored is None:
        if n is None:
            raise ValueError(
                f"{path} holds mu and sigma but not of how many images: pass n=, their number"
            )
        return operator.index(n)
    if stored.size != 1 or stored.dtype.kind not in "iuf" or not float(stored.item()).is_integer():
        raise ValueError(f"{path} holds n={stored.tolist()}: expected one whole number")
    count = int(stored.item())
    if n is not None and n != count:
        raise ValueError(f"n={n}: {path} says that it is of {count} images; leave n= out")
    return count


def _impossible(mean: Tensor, covariance: Tensor) -> str:
    """Why no features have these moments, "" where some may; rounding as of float32 is let pass."""
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
    """|m_a - m_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^(1/2)), FID's form (Heusel et al. 2017), 0 for equal moments.

    Its bias falls as 1/n: compare only numbers of the same n. Covariances may be singular. Raises
    ValueError for moments of other features, and for moments that are not finite.
    """
    if a.mean.shape != b.mean.shape:
        raise ValueError(
            f"moments of {len(a.mean)} and of {len(b.mean)} features: expected the same feature net"
        )
    if not all(t.isfinite().all() for m in (a, b) for t in (m.mean, m.scatter)):
        raise ValueError(
            "moments that hold NaN or infinity have no distance: has the generator diverged?"
        )
    a, b = sorted(
        (a, b), key=lambda m: m.n
    )  # first the one of lower rank, where there are fewer images than features
    gap, s, t = a.mean - b.mean, a.covariance, b.covariance
    return max(float(gap @ gap + s.trace() + t.trace() - 2 * _trace_root(s, t)), 0.0)


def _trace_root(s: Tensor, t: Tensor) -> Tensor:
    """Tr (S T)^(1/2) by a symmetric matrix A^T T A with the eigenvalues of S T, where S = A A^T."""
    root, singular = torch.linalg.cholesky_ex(
        s
    )  # half of eigh's time and, where it exists, exacter
    if singular:
        values, vectors = torch.linalg.eigh(s)
        true = (
            values > len(values) * torch.finfo(values.dtype).eps * values[-1]
        )  # the root of a rounded 0 would be 1e-8
        root = vectors[:, true] * values[true].sqrt()
    return torch.linalg.eigvalsh(root.T @ t @ root).clamp(min=0).sqrt().sum()


# -- kernel distance -----------------------------------------------------------------------------------------------------
def kid(
    a: Tensor,
    b: Tensor,
    subsets: int = 100,
    subset_size: int = 1000,
    degree: int = 3,
    seed: int = 0,
) -> tuple[float, float]:
    """KID (Binkowski et al. 2018) of features (N, K) and (M, K): mean and std (ddof 0) over random subsets.

    Each is the unbiased squared MMD with the kernel (<x, y> / K + 1)^degree, below 0 at times for equal distributions. The
    subsets are those that torch-fidelity draws for the same seed.
    """
    _check(a, b)
    if subsets < 1 or not 2 <= subset_size <= min(len(a), len(b)):
        raise ValueError(
            f"subsets={subsets}, subset_size={subset_size} of {len(a)} and {len(b)} features: "
            f"expected subsets >= 1 and subset_size from 2 to {min(len(a), len(b))}"
        )
    draw, values = np.random.RandomState(seed), []
    if subset_size == len(a) == len(b):  # every subset is the whole, in another order
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
    """Unbiased squared MMD of features (N, K) and (M, K) with the kernel (<x, y> / K + 1)^degree: mean and standard error.

    The form of KID (Binkowski et al. 2018), in float64, over `blocks` disjoint blocks; block i takes the rows i, i + blocks,
    ..., so that sets sorted by class are cut into like parts. 0 on average, hence at times below it, for equal distributions
    drawn independently (`ImageSet.sample`); a balanced subset lowers it slightly.
    """
    _check(a, b)
    if blocks < 2 or min(len(a), len(b)) < 2 * blocks:
        raise ValueError(
            f"{len(a)} and {len(b)} features in blocks={blocks}: expected blocks >= 2, each with 2 or more"
        )
    each = torch.stack(
        [_squared_mmd(a[i::blocks].double(), b[i::blocks].double(), degree) for i in range(blocks)]
    )
    return float(each.mean()), float(each.std() / blocks**0.5)


def _squared_mmd(a: Tensor, b: Tensor, degree: int) -> Tensor:
    def kernel(x, y):
        return (x @ y.T / x.shape[1] + 1) ** degree

    def others(x):  # mean over pairs of different points
        k, n = kernel(x, x), len(x)
        return (k.sum() - k.trace()) / (n * (n - 1))

    return others(a) + others(b) - 2 * kernel(a, b).mean()


# -- precision, recall, density, coverage --------------------------------------------------------------------------------
def prdc(real: Tensor, fake: Tensor, k: int = 5) -> dict[str, float]:
    """Precision and recall (Kynkaanniemi et al. 2019), density and coverage (Naeem et al. 2020) of features (N, K), (M, K).

    A ball reaches from a point to its k-th nearest other point of its own set, border excluded. Precision: part of the fakes
    in some real's ball; recall: part of the reals in some fake's. Density: how many reals' balls a fake lies in, on average,
    over k; coverage: part of the reals with a fake in their ball. Equal distributions score density 1, coverage 1 - 2^-k.
    Exact, as package prdc 0.2 on float32: distances are compared after rounding to float32, so that ties are ties.
    """
    return _manifold(real, fake, k, MANIFOLD)


def precision_recall(real: Tensor, fake: Tensor, k: int = 3) -> tuple[float, float]:
    """Improved precision and recall (Kynkaanniemi et al. 2019) of features (N, K) and (M, K); see `prdc`."""
    found = _manifold(real, fake, k, MANIFOLD[:2])
    return found["precision"], found["recall"]


def density_coverage(real: Tensor, fake: Tensor, k: int = 5) -> tuple[float, float]:
    """Density and coverage (Naeem et al. 2020) of features (N, K) and (M, K); see `prdc`. Needs one fake or more."""
    found = _manifold(real, fake, k, MANIFOLD[2:])
    return found["density"], found["coverage"]


def _manifold(real: Tensor, fake: Tensor, k: int, which: tuple[str, ...]) -> dict[str, float]:
    _check(real, fake)
    real, fake = (x if x.dtype == torch.float64 else x.float() for x in (real, fake))
    sets = {"reals": real, "fakes": fake} if "recall" in which else {"reals": real}
    for kind, x in sets.items():
        if not 1 <= k < len(x):
            raise ValueError(
                f"k={k}: expected 1 to {len(x) - 1}, one less than the number of {kind}"
            )
    radius, around = _radii(real, k)[:, None], _radii(fake, k)[None] if "recall" in which else None
    precise, covered, recalled = (
        torch.zeros(len(x), dtype=torch.bool, device=x.device) for x in (fake, real, real)
    )
    centre, inside = real.mean(0), 0
    for rows in _slices(real):
        for cols in _slices(fake):
            x, y = real[rows], fake[cols]
            near, slack_x, slack_y = _squared_distances(x, y, centre)
            i, j = _within(near, slack_x[:, None], radius[rows], x, y)
            inside += len(i)
            covered[rows.start + i], precise[cols.start + j] = True, True
            if around is not None:
                i, _ = _within(near, slack_y, around[:, cols], x, y)
                recalled[rows.start + i] = True
    part = {
        "precision": precise.double().mean(),
        "recall": recalled.double().mean(),
        "density": inside / (k * len(fake)),
        "coverage": covered.double().mean(),
    }
    return {name: float(part[name]) for name in which}


def _within(
    near: Tensor, slack: Tensor, radius: Tensor, x: Tensor, y: Tensor
) -> tuple[Tensor, Tensor]:
    """Pairs (i, j) with |x_i - y_j| < radius, of rows or of columns: those too close to call are computed exactly."""
    square, share = (
        radius.double() ** 2,
        _rounding(x) + 2.0**-21,
    )  # radii and what they are compared with are float32
    low = (square * (1 - share) - slack).to(near)
    high = torch.where(radius > 0, square * (1 + share) + slack, -torch.inf).to(near)
    i, j = (near <= high).nonzero(as_tuple=True)
    low, radius = (t.expand_as(near)[i, j] for t in (low, radius))
    keep = near[i, j] < low
    unsure = (~keep).nonzero()[:, 0]
    keep[unsure] = _distances(x, i[unsure], y, j[unsure]) < radius[unsure]
    return i[keep], j[keep]


def _radii(x: Tensor, k: int) -> Tensor:
    """Distance of each point (N, K) to its k-th nearest other one, float32 (N,)."""
    n, parts = len(x), _slices(x)
    m = min(k + SPARE, n - 1)
    near = torch.full((n, m), torch.inf, dtype=_block_dtype(x), device=x.device)
    who, centre = torch.zeros(n, m, dtype=torch.int64, device=x.device), x.mean(0)
    slack = torch.zeros(n, 1, dtype=torch.float64, device=x.device)
    for number, a in enumerate(parts):
        for b in parts[number:]:  # distances are symmetric: a block serves its columns as well
            block, slack[a, 0], _ = _squared_distances(x[a], x[b], centre)
            if a == b:
                block.fill_diagonal_(torch.inf)
            for mine, others, d in ((a, b, block), (b, a, block.T))[: 1 if a == b else 2]:
                d, j = d.topk(min(m, d.shape[1]), largest=False)
                near[mine], best = torch.cat([near[mine], d], 1).topk(m, largest=False)
                who[mine] = torch.cat([who[mine], j + others.start], 1).gather(1, best)
    kth = near[:, k - 1 : k]
    unsure = (near - kth).abs() <= 2 * (slack + _rounding(x) * torch.maximum(near, kth))
    exact = torch.where(
        near < kth, -1.0, torch.inf
    ).float()  # the others lie surely below or surely above the k-th
    i, j = unsure.nonzero(as_tuple=True)
    exact[i, j] = _distances(x, i, x, who[i, j])
    radius = exact.kthvalue(k, 1).values
    if (
        m < n - 1
    ):  # where even the last kept neighbour is too close to call, one that was not kept may be nearer
        every = torch.arange(n, device=x.device)
        for i in (unsure[:, -1] & (radius > 0)).nonzero()[:, 0]:
            d = _distances(x, i.expand(n), x, every)
            d[i] = torch.inf
            radius[i] = d.kthvalue(k).values
    return radius


def _squared_distances(x: Tensor, y: Tensor, centre: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Squared distances d^2 (n, m) by one matrix product, fast and rounded, and slacks of rows (n,) and of columns (m,).

    Each errs by at most slack + _rounding(x) d^2, with the slack of its row and with that of its column.
    """
    dtype = _block_dtype(x)
    x, y = ((t - centre).to(dtype) for t in (x, y))  # near the origin less is cancelled
    a, b = (torch.linalg.vector_norm(t, dim=1, dtype=torch.float64) ** 2 for t in (x, y))
    d = torch.addmm(b.to(dtype)[None], x, y.T, alpha=-2).add_(a.to(dtype)[:, None])
    return d, 3 * _rounding(x) * a, 3 * _rounding(x) * b


def _rounding(x: Tensor) -> float:
    """A bound for the rounding errors of one squared distance: at most this times (3 |x|^2 + d^2).

    A dot product of K terms errs by at most K u |x| |y|, however it is summed; norms, casts and sums by a few
    u (|x| + |y|)^2; and |y| <= |x| + d, so that a far outlier does not blur the neighbours of the others.
    """
    return torch.finfo(_block_dtype(x)).eps / 2 * 1.02 * (x.shape[1] + 30)


def _block_dtype(x: Tensor) -> torch.dtype:
    """float32 where its products are true float32 and twice as fast, as on a CPU; GPUs may round them to TF32."""
    exact = x.device.type == "cpu" and torch.get_float32_matmul_precision() == "highest"
    return torch.float32 if exact else torch.float64


def _distances(x: Tensor, i: Tensor, y: Tensor, j: Tensor) -> Tensor:
    """|x_i - y_j| of pairs, float32, by differences in float64."""
    step = max(1, CHUNK * 1024 // x.shape[1])
    parts = (x[a].double().sub_(y[b]) for a, b in zip(i.split(step), j.split(step), strict=True))
    squares = torch.cat(
        [p.square_().sum(1).float() for p in parts]
    )  # rounded before the root too, as scikit-learn does
    return squares.double().sqrt().float()  # torch's float32 root errs in the last bit


def _slices(x: Tensor) -> list[slice]:
    return [slice(i, i + CHUNK) for i in range(0, len(x), CHUNK)]


def _check(a: Tensor, b: Tensor) -> None:
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) == 0:
        raise ValueError(
            f"features {tuple(a.shape)} and {tuple(b.shape)}: expected (N, K) and (M, K) with N, M >= 1"
        )
    for x in (a,) if a is b else (a, b):
        if not all(part.isfinite().all() for part in x.split(CHUNK)):
            raise ValueError(
                f"features {tuple(x.shape)} hold NaN or infinity: has the generator diverged?"
            )


# -- Inception Score -----------------------------------------------------------------------------------------------------
def inception_score(logits: Tensor, splits: int = 10) -> tuple[float, float]:
    """Exp E KL(p(y|x) || p(y)) (Salimans et al. 2016) of logits (N, C): mean and std (ddof 0) over consecutive splits.

    From 1, all alike, to C, sure and balanced. The images' order matters: sorted classes score
    low. Raises ValueError for logits that are not finite.
    """
    if logits.ndim != 2 or not 1 <= splits <= len(logits):
        raise ValueError(
            f"logits {tuple(logits.shape)} in splits={splits}: expected (N, C) and splits from 1 to N"
        )
    if not logits.isfinite().all():
        raise ValueError(
            f"logits {tuple(logits.shape)} hold NaN or infinity: has the generator diverged?"
        )
    log_p, n, scores = logits.double().log_softmax(1), len(logits), []
    for i in range(splits):
        part = log_p[i * n // splits : (i + 1) * n // splits]
        mean = part.logsumexp(0) - math.log(len(part))
        scores.append((part.exp() * (part - mean)).sum(1).mean().exp())
    scores = torch.stack(scores)
    return float(scores.mean()), float(scores.std(correction=0))


# -- names and protocols -------------------------------------------------------------------------------------------------
def name(metric: str, features: str, n: int) -> str:
    """What a number may be called: "fid" on TF Inception from 10,000 images on, else "fd_inception_2k", "fd_small" and so on.

    `metric`: fid, kid, is, precision, recall, density or coverage. `features`: the Extractor's name. `n`: images on the
    smaller side. A stand-in so never carries the name of a paper's measure.
    """
    if metric not in ("fid", "kid", "is", *MANIFOLD):
        raise ValueError(f"metric={metric!r}: expected one of fid, kid, is, {', '.join(MANIFOLD)}")
    if features == "inception" and n >= PAPER_N:
        return metric
    stem = {"fid": "fd", "kid": "kd"}.get(metric, metric)
    if features != "inception":
        return f"{stem}_{features}"
    return f"{stem}_{features}_{n // 1000}k" if n % 1000 == 0 else f"{stem}_{features}_{n}"


@dataclass(frozen=True)
class Protocol:
    """How a number came about, for its record: two numbers of different protocols are not comparable.

    `features`, `weights` (sha256) and `resize` as the Extractor says; `data` (the ImageSet's digest) and `split`: the reals;
    `k`: neighbours of precision to coverage; `bn`: the generator's batch norm, "running", "batch" or "standing";
    `checkpoint`: the rule that chose it, "last" or "best by ...".
    """

    features: str
    weights: str
    resize: str
    data: str
    split: str
    n_real: int
    n_fake: int
    k: int | None = None
    bn: str = "running"
    seed: int = 0
    checkpoint: str = "last"

    def comparable(self, other: "Protocol") -> str | None:
        """None where two numbers may stand in one column (seeds may differ), else a sentence why not."""
        reasons = []
        for field in fields(self):
            a, b = getattr(self, field.name), getattr(other, field.name)
            same_net = field.name == "weights" and all(w.startswith(TF_INCEPTION) for w in (a, b))
            if a != b and field.name != "seed" and not same_net:
                reasons.append(f"{field.name} {a!r} against {b!r} ({WHY[field.name]})")
        return f"not comparable: {'; '.join(reasons)}" if reasons else None


WHY = {
    "features": "another feature net is another scale",
    "weights": "other weights are another feature net",
    "resize": "resizing alone moves FID by whole points",
    "data": "other reals",
    "split": "other reals",
    "n_real": "the bias falls as 1/n",
    "n_fake": "the bias falls as 1/n",
    "k": "larger balls hold more",
    "bn": "the generator draws other images",
    "checkpoint": "the best of many looks is lower than the last",
}


def measure(
    real: Tensor | Moments,
    fake: Tensor,
    features: str,
    which: tuple[str, ...] = ("fid", "kid", *MANIFOLD),
    k: int = 5,
    logits: Tensor | None = None,
    seed: int = 0,
    subsets: int = 100,
) -> dict[str, float]:
    """The measures of `which` by the names that they may carry; `features` is the Extractor's name.

    `real` may be Moments where "fid" alone needs reals; "is" needs the `logits` (M, C) of the fakes. KID takes subsets of
    1000, or of all where there are fewer, and comes with its "_std", as the Inception Score does.
    """
    if isinstance(real, Moments) and not {"fid", "is"} >= set(which):
        raise ValueError(
            f"which={which} on Moments: kernel distance, precision and the like need the reals' features"
        )
    n, found = min(real.n if isinstance(real, Moments) else len(real), len(fake)), {}
    balls = tuple(m for m in MANIFOLD if m in which)
    for metric in which:
        label = name(metric, features, n)
        if metric == "fid":
            found[label] = frechet(
                real if isinstance(real, Moments) else Moments.of(real), Moments.of(fake)
            )
        elif metric == "kid":
            found[label], found[f"{label}_std"] = kid(real, fake, subsets, min(1000, n), seed=seed)
        elif metric == "is":
            if logits is None:
                raise ValueError(
                    "which has 'is' but logits=None: pass the fakes' class logits, Extractor.logits(images)"
                )
            label = name(metric, features, len(logits))
            found[label], found[f"{label}_std"] = inception_score(logits)
    if balls:
        found |= {
            name(metric, features, n): value
            for metric, value in _manifold(real, fake, k, balls).items()
        }
    return found


__all__ = [
    "Moments",
    "Protocol",
    "density_coverage",
    "frechet",
    "inception_score",
    "kernel_distance",
    "kid",
    "measure",
    "name",
    "prdc",
    "precision_recall",
    "whole_arrays",
]
