"""The shape of a feature space, as AdaptiveMix measures it.

How far it stretches pairs of images (Table 3), how bent it is between them, and how tight its
classes are (Fig. 4).

>>> x, y = torch.zeros(2, 1, 2, 2), torch.ones(2, 1, 2, 2)
>>> lipschitz_ratio(lambda images: 3 * images.flatten(1), x, y).raw.value
3.0
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize

from gantutor.nets import Discriminator, latent_mode

CHUNK = 500  # images that go through the net at a time


class Mean(NamedTuple):
    """A mean over pairs and its standard error."""

    value: float
    se: float


class Lipschitz(NamedTuple):
    """Mean stretch of `n` pairs.

    `raw`: of the features; `scale_free`: of the features divided by their `rms`; `logit`: of the
    score, None for a function without one.
    """

    raw: Mean
    scale_free: Mean
    logit: Mean | None
    rms: float
    n: int


@torch.no_grad()
def lipschitz_ratio(
    F: Discriminator | Callable, x: Tensor, y: Tensor, rms: float | None = None
) -> Lipschitz:
    """Mean of |F(x_i) - F(y_i)| / |x_i - y_i| over the pairs (x_i, y_i), in Euclidean norms.

    `F`: a Discriminator, used in eval mode, or any function from images (N, ...) to features
    (N, K). The result is an average over chosen pairs and therefore below the Lipschitz constant,
    which is a maximum over all pairs. A head can undo any scale of the features, so they are also
    divided by `rms`, the root mean square of their entries: that of these pairs, or a given number,
    which makes several measurements of one critic comparable.

    Pairs of equal images are left out. Raises ValueError for fewer than 2 other pairs and for
    sets of unequal size. Source: AdaptiveMix, Table 3.
    """
    if x.shape != y.shape:
        raise ValueError(
            f"x {tuple(x.shape)} and y {tuple(y.shape)}: "
            "expected as many images of one size, paired in order"
        )
    apart = (x - y).flatten(1).norm(dim=1)
    x, y, apart = x[apart > 0], y[apart > 0], apart[apart > 0]
    if len(x) < 2:
        raise ValueError(
            f"{len(x)} pairs of different images: a mean with an error needs at least 2"
        )
    (v, a), (w, b) = _outputs(F, x), _outputs(F, y)
    rms = float(torch.cat([v, w]).double().square().mean().sqrt()) if rms is None else rms
    raw = _mean((v - w).norm(dim=1) / apart)
    logit = None if a is None else _mean((a - b).abs() / apart)
    scale_free = Mean(*(t / rms if rms else float("nan") for t in raw))
    return Lipschitz(raw, scale_free, logit, rms, len(x))


@torch.no_grad()
def feature_rms(F: Discriminator | Callable, x: Tensor) -> float:
    """Return the root mean square of the entries of F's features at the images x."""
    return float(_outputs(F, x)[0].double().square().mean().sqrt())


@torch.no_grad()
def bend(F: Discriminator | Callable, x: Tensor, y: Tensor, lam: Tensor) -> Mean:
    """Return how far F bends the line between two images, in units of the distance of its ends.

    Mean of |F(mix) - lam F(x_i) - (1-lam) F(y_i)| divided by the mean of |F(x_i) - F(y_i)|, with
    mix = lam x_i + (1-lam) y_i and lam (N,). AdaptiveMix's loss makes the numerator small. The
    ratio is 0 for every affine F, whatever its slope or scale.
    """
    weight = lam.reshape(-1, *[1] * (x.ndim - 1)).to(x)
    mixed = _outputs(F, weight * x + (1 - weight) * y)[0]
    v, w, weight = _outputs(F, x)[0], _outputs(F, y)[0], lam[:, None].to(mixed)
    gap = (mixed - weight * v - (1 - weight) * w).norm(dim=1).double()
    length = (v - w).norm(dim=1).double()
    value = float(gap.mean() / length.mean())
    # to first order, the error of a ratio of means is that of the residuals
    return Mean(value, float((gap - value * length).std() / len(gap) ** 0.5 / length.mean()))


class Compactness(NamedTuple):
    """Spread of features around the means of their classes.

    `classes` (C,): S_k of each class, NaN for a class without samples; `within`: their pooled
    value; `total`: the spread around the common mean.
    """

    classes: Tensor
    within: float
    total: float

    @property
    def ratio(self) -> float:
        """Within / total, free of scale: 0 if classes are points, 1 if their means are equal."""
        return self.within / self.total if self.total else float("nan")


def compactness(features: Tensor, labels: Tensor, unit: bool = False) -> Compactness:
    """Spread of features (N, K) around their classes' means: S_k = sqrt(mean_i |v_i - m_k|^2).

    `total` is the spread around the common mean, `within` the root of the average of S_k^2 over
    samples, so that within <= total. `unit`: features are first divided by their norms, as in the
    paper's classifier but not in its baseline. Labels int64 (N,). Raises ValueError unless there
    are as many labels as features. Source: AdaptiveMix, Fig. 4.

    >>> v = torch.tensor([[0.0], [2.0], [10.0], [12.0]])
    >>> found = compactness(v, torch.tensor([0, 0, 1, 1]))
    >>> found.classes.tolist(), found.within
    ([1.0, 1.0], 1.0)
    """
    if features.ndim != 2 or labels.shape != features.shape[:1] or not len(labels):
        raise ValueError(
            f"features {tuple(features.shape)}, labels {tuple(labels.shape)}: "
            "expected (N, K) and (N,), N >= 1"
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


def _outputs(F: Discriminator | Callable, x: Tensor) -> tuple[Tensor, Tensor | None]:
    """Return features (N, K) and, for a Discriminator, scores (N,)."""
    if not isinstance(F, Discriminator):
        return torch.cat([F(part).flatten(1) for part in x.split(CHUNK)]), None
    with latent_mode([F], "eval"):
        critiques = [F(part) for part in x.split(CHUNK)]
    features, scores = ([getattr(c, k) for c in critiques] for k in ("features", "score"))
    return torch.cat(features), torch.cat(scores)
