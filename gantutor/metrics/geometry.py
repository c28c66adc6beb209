"""The shape of a feature space: how far it stretches pairs of images (AdaptiveMix's Table 3), how bent it is between them,
how tight its classes are (Fig. 4).
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize

from gantutor.methods.advlat import latent_mode
from gantutor.nets import Discriminator

CHUNK = 500  # images that go through the net at a time


class Mean(NamedTuple):
    """A mean over pairs and its standard error."""

    value: float
    se: float


class Lipschitz(NamedTuple):
    """Mean stretch of `n` pairs; `scale_free`: features divided by their `rms`; `logit`: of the score (None: no head)."""

    raw: Mean
    scale_free: Mean
    logit: Mean | None
    rms: float
    n: int


@torch.no_grad()
def lipschitz_ratio(
    F: Discriminator | Callable, x: Tensor, y: Tensor, rms: float | None = None
) -> Lipschitz:
    """Mean of |F(x_i) - F(y_i)| / |x_i - y_i| over the pairs (x_i, y_i), all norms Euclidean (AdaptiveMix's Table 3).

    `F`: a Discriminator, taken in eval mode, or any function from images (N, ...) to features (N, K). It is an average over
    chosen pairs and hence below the Lipschitz constant, which is a maximum over all. A head can undo any scale of the
    features, so they are also divided by `rms`, the root mean square of their entries; None takes that of these pairs, a
    number given makes columns of one critic comparable. Equal images are left out. Raises ValueError for fewer than 2
    other pairs, or for sets of unequal size.
    """
    if x.shape != y.shape:
        raise ValueError(
            f"x {tuple(x.shape)} and y {tuple(y.shape)}: expected as many images of one size, paired in order"
        )
    apart = (x - y).flatten(1).norm(dim=1)
    x, y, apart = x[apart > 0], y[apart > 0], apart[apart > 0]
    if len(x) < 2:
        raise ValueError(
            f"{len(x)} pairs of different images: a mean with an error needs at least 2"
        )
    (v, a), (w, b) = _seen(F, x), _seen(F, y)
    rms = float(torch.cat([v, w]).double().square().mean().sqrt()) if rms is None else rms
    raw = _mean((v - w).norm(dim=1) / apart)
    logit = None if a is None else _mean((a - b).abs() / apart)
    return Lipschitz(
        raw, Mean(*(t / rms if rms else float("nan") for t in raw)), logit, rms, len(x)
    )


@torch.no_grad()
def feature_rms(F: Discriminator | Callable, x: Tensor) -> float:
    """Root mean square of the entries of F's features at the images x."""
    return float(_seen(F, x)[0].double().square().mean().sqrt())


@torch.no_grad()
def bend(F: Discriminator | Callable, x: Tensor, y: Tensor, lam: Tensor) -> Mean:
    """Mean of |F(mix) - lam F(x_i) - (1-lam) F(y_i)| over the mean of |F(x_i) - F(y_i)|, mix = lam x_i + (1-lam) y_i, lam (N,).

    What AdaptiveMix's loss asks, in units of the parents' distance: 0 for every affine F, whatever its slope or scale.
    """
    weight = lam.reshape(-1, *[1] * (x.ndim - 1)).to(x)
    mixed = _seen(F, weight * x + (1 - weight) * y)[0]
    v, w, weight = _seen(F, x)[0], _seen(F, y)[0], lam[:, None].to(mixed)
    gap, length = (
        (mixed - weight * v - (1 - weight) * w).norm(dim=1).double(),
        (v - w).norm(dim=1).double(),
    )
    value = float(gap.mean() / length.mean())
    # a ratio of means: its error is that of the residuals to first order
    return Mean(value, float((gap - value * length).std() / len(gap) ** 0.5 / length.mean()))


class Compactness(NamedTuple):
    """`classes` (C,): S_k of each class, NaN where it has no sample; `within` their pooled value, `total` that of all."""

    classes: Tensor
    within: float
    total: float

    @property
    def ratio(self) -> float:
        """Within / total, free of scale: 0 for classes that are points, 1 for classes that have one and the same mean."""
        return self.within / self.total if self.total else float("nan")


def compactness(features: Tensor, labels: Tensor, unit: bool = False) -> Compactness:
    """Spread of features (N, K) around the means of their classes: S_k = sqrt(mean_i |v_i - m_k|^2) (AdaptiveMix's Fig. 4).

    `total` is the spread around the common mean, `within` the root of the average of S_k^2 over samples, so that
    within <= total. `unit`: features are first divided by their norms, as the paper's classifier does but its baseline does
    not. Labels int64 (N,). Raises ValueError where there are not as many labels as features.
    """
    if features.ndim != 2 or labels.shape != features.shape[:1] or not len(labels):
        raise ValueError(
            f"features {tuple(features.shape)}, labels {tuple(labels.shape)}: expected (N, K) and (N,), N >= 1"
        )
    v = features.detach().double()
    v = normalize(v, dim=1) if unit else v
    member = torch.nn.functional.one_hot(labels).to(v)
    count = member.sum(0)
    means = member.T @ v / count[:, None]
    off = (v - means[labels]).square().sum(1)
    total = (v - v.mean(0)).square().sum(1).mean().sqrt()
    return Compactness((member.T @ off / count).sqrt(), float(off.mean().sqrt()), float(total))


def _mean(ratios: Tensor) -> Mean:
    ratios = ratios.double()
    return Mean(float(ratios.mean()), float(ratios.std() / len(ratios) ** 0.5))


def _seen(F: Discriminator | Callable, x: Tensor) -> tuple[Tensor, Tensor | None]:
    """Features (N, K) and, of a Discriminator, scores (N,)."""
    if not isinstance(F, Discriminator):
        return torch.cat([F(part).flatten(1) for part in x.split(CHUNK)]), None
    with latent_mode([F], "eval"):
        seen = [F(part) for part in x.split(CHUNK)]
    return torch.cat([s.features for s in seen]), torch.cat([s.score for s in seen])
