"""Instance selection: training on the typical images of each class alone (DeVries et al. 2020; KDD GAN's ImageNet-64 rows)."""

import math

import torch
from torch import Tensor

REG_COVAR = (
    1e-5  # added to the covariance's diagonal: with more features than images it would be singular
)


def gaussian_scores(features: Tensor, reg_covar: float = REG_COVAR) -> Tensor:
    """Log-density (n,), float64, of each row of `features` (n, d) under the Gaussian fitted to all of them by maximum likelihood.

    The covariance is full, divided by n, plus `reg_covar` on its diagonal. Raises ValueError where that is not positive definite.
    """
    x = features.double()
    n, d = x.shape
    x = x - x.mean(0)
    covariance = x.T @ x / n
    covariance.diagonal().add_(reg_covar)
    root, failed = torch.linalg.cholesky_ex(covariance)
    if failed or not root.isfinite().all():
        raise ValueError(
            f"features {tuple(features.shape)}: their covariance is not positive definite; are they finite?"
        )
    z = torch.linalg.solve_triangular(root, x.T, upper=False)
    return -0.5 * (d * math.log(2 * math.pi) + z.square().sum(0)) - root.diagonal().log().sum()


def instance_selection(
    features: Tensor, labels: Tensor, keep: float = 0.5, reg_covar: float = REG_COVAR
) -> Tensor:
    """Places, int64 and sorted, of the images to train on: in each class the share `keep` of highest Gaussian density.

    `features` (N, d) of any embedding, `labels` (N,); kept are scores strictly above the (100 - 100 keep) percentile of
    the class, all for keep=1. The reference of FID stays the full set. Raises ValueError. Source: kept as in DeVries et
    al., Instance Selection for GANs (2020), Section 3.
    """
    if not 0 < keep <= 1 or len(features) != len(labels):
        raise ValueError(
            f"keep={keep}, {len(features)} features, {len(labels)} labels: expected 0 < keep <= 1 and as many of both"
        )
    if keep == 1:
        return torch.arange(len(labels), device=features.device)
    chosen = []
    for c in labels.unique():
        mine = (labels == c).nonzero()[:, 0].to(features.device)
        scores = gaussian_scores(features[mine], reg_covar)
        chosen.append(mine[scores > scores.quantile(1 - keep)])
    return torch.cat(chosen).sort().values
