"""Instance selection: training only on the typical images of each class.

Source: DeVries et al., Instance Selection for GANs (2020); KDD GAN's ImageNet-64 rows use it.
"""

import math

import torch
from torch import Tensor

# added to the covariance's diagonal: with more features than images it would be singular
REG_COVAR = 1e-5


def gaussian_scores(features: Tensor, reg_covar: float = REG_COVAR) -> Tensor:
    """Return the log-density of each row of `features` (n, d) under the Gaussian fitted to all.

    The result is float64 (n,). The fit is that of maximum likelihood: the covariance is full and
    divided by n, plus `reg_covar` on its diagonal. Raises ValueError unless that is positive
    definite.
    """
    x = features.double()
    n, d = x.shape
    x = x - x.mean(0)
    covariance = x.T @ x / n
    covariance.diagonal().add_(reg_covar)
    root, failed = torch.linalg.cholesky_ex(covariance)
    if failed or not root.isfinite().all():
        raise ValueError(
            f"features {tuple(features.shape)}: their covariance is not positive definite; "
            "are they finite?"
        )
    z = torch.linalg.solve_triangular(root, x.T, upper=False)
    return -0.5 * (d * math.log(2 * math.pi) + z.square().sum(0)) - root.diagonal().log().sum()


def instance_selection(
    features: Tensor, labels: Tensor, keep: float = 0.5, reg_covar: float = REG_COVAR
) -> Tensor:
    """Return the indices of the images to train on, int64 and sorted.

    In each class these are the part `keep` with the highest Gaussian density: scores strictly above
    the (100 - 100 keep) percentile of the class, or all for keep=1. `features` (N, d) come from any
    embedding, `labels` are (N,). The reference of FID remains the full set. Raises ValueError.
    Source: DeVries et al. 2020, Section 3.

    >>> features = torch.tensor([[0.0], [0.1], [-0.1], [9.0]])
    >>> instance_selection(features, torch.zeros(4), keep=0.75).tolist()
    [0, 1, 2]
    """
    if not 0 < keep <= 1 or len(features) != len(labels):
        raise ValueError(
            f"keep={keep}, {len(features)} features, {len(labels)} labels: "
            "expected 0 < keep <= 1 and as many features as labels"
        )
    if keep == 1:
        return torch.arange(len(labels), device=features.device)
    chosen = []
    for c in labels.unique():
        mine = (labels == c).nonzero()[:, 0].to(features.device)
        scores = gaussian_scores(features[mine], reg_covar)
        chosen.append(mine[scores > scores.quantile(1 - keep)])
    return torch.cat(chosen).sort().values
