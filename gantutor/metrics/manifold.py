"""Precision, recall, density and coverage of features, exact and in blocks.

A block of squared distances is one matrix product, which is fast and rounded. Comparisons that the
rounding could change are repeated exactly, by differences in float64.
"""

import torch
from torch import Tensor

from gantutor.metrics.inputs import check_features

MANIFOLD = ("precision", "recall", "density", "coverage")
CHUNK = 2048  # rows and columns of a distance matrix at a time
SPARE = 4  # neighbours kept beyond the k-th while their distances are not exact yet


def prdc(real: Tensor, fake: Tensor, k: int = 5) -> dict[str, float]:
    """Precision, recall, density and coverage of features (N, K) and (M, K), by name.

    A ball reaches from a point to its k-th nearest other point of its own set, border excluded.
    Precision: part of the fakes in any real's ball; recall: part of the reals in any fake's.
    Density: number of reals' balls around a fake, on average, divided by k; coverage: part of the
    reals with a fake in their ball. Equal distributions score density 1 and coverage 1 - 2^-k.

    The result is exact and equals that of package prdc 0.2 on float32: distances are compared after
    rounding to float32, so that ties are ties. Raises ValueError. Sources: Kynkaanniemi et al. 2019
    (precision, recall), Naeem et al. 2020 (density, coverage).

    >>> x = torch.tensor([[0.0], [1.0], [3.0], [7.0]])
    >>> prdc(x, x, k=1)
    {'precision': 1.0, 'recall': 1.0, 'density': 1.0, 'coverage': 1.0}
    """
    return manifold(real, fake, k, MANIFOLD)


def precision_recall(real: Tensor, fake: Tensor, k: int = 3) -> tuple[float, float]:
    """Improved precision and recall of features (N, K) and (M, K); see `prdc`."""
    found = manifold(real, fake, k, MANIFOLD[:2])
    return found["precision"], found["recall"]


def density_coverage(real: Tensor, fake: Tensor, k: int = 5) -> tuple[float, float]:
    """Density and coverage of features (N, K) and (M, K); see `prdc`. Needs one fake or more."""
    found = manifold(real, fake, k, MANIFOLD[2:])
    return found["density"], found["coverage"]


def manifold(real: Tensor, fake: Tensor, k: int, which: tuple[str, ...]) -> dict[str, float]:
    """Return the measures of MANIFOLD named in `which`; the fakes' balls only if recall is."""
    check_features(real, fake)
    real, fake = (x if x.dtype == torch.float64 else x.float() for x in (real, fake))
    sets = {"reals": real, "fakes": fake} if "recall" in which else {"reals": real}
    for kind, x in sets.items():
        if not 1 <= k < len(x):
            raise ValueError(
                f"k={k}: expected 1 to {len(x) - 1}, one less than the number of {kind}"
            )
    radius = _radii(real, k)[:, None]
    around = _radii(fake, k)[None] if "recall" in which else None
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
    """Return the pairs (i, j) with |x_i - y_j| < radius, the radii being of rows or of columns.

    Pairs that are too close to call from `near` are computed exactly.
    """
    square = radius.double() ** 2
    share = _rounding(x) + 2.0**-21  # radii and what they are compared with are float32
    low = (square * (1 - share) - slack).to(near)
    high = torch.where(radius > 0, square * (1 + share) + slack, -torch.inf).to(near)
    i, j = (near <= high).nonzero(as_tuple=True)
    low, radius = (t.expand_as(near)[i, j] for t in (low, radius))
    keep = near[i, j] < low
    unsure = (~keep).nonzero()[:, 0]
    keep[unsure] = _distances(x, i[unsure], y, j[unsure]) < radius[unsure]
    return i[keep], j[keep]


def _radii(x: Tensor, k: int) -> Tensor:
    """Return the distance of each point (N, K) to its k-th nearest other one, float32 (N,)."""
    n = len(x)
    m = min(k + SPARE, n - 1)
    near, who, slack = _neighbours(x, m)
    kth = near[:, k - 1 : k]
    unsure = (near - kth).abs() <= 2 * (slack + _rounding(x) * torch.maximum(near, kth))
    # neighbours that are not in doubt are certainly nearer or certainly further than the k-th
    exact = torch.where(near < kth, -1.0, torch.inf).float()
    i, j = unsure.nonzero(as_tuple=True)
    exact[i, j] = _distances(x, i, x, who[i, j])
    radius = exact.kthvalue(k, 1).values
    if m < n - 1:
        # if even the last neighbour kept is in doubt, one that was not kept may be nearer
        every = torch.arange(n, device=x.device)
        for i in (unsure[:, -1] & (radius > 0)).nonzero()[:, 0]:
            d = _distances(x, i.expand(n), x, every)
            d[i] = torch.inf
            radius[i] = d.kthvalue(k).values
    return radius


def _neighbours(x: Tensor, m: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return m rounded squared distances of each point, whose they are, and their slacks (N, 1)."""
    n, parts = len(x), _slices(x)
    near = torch.full((n, m), torch.inf, dtype=_block_dtype(x), device=x.device)
    who, centre = torch.zeros(n, m, dtype=torch.int64, device=x.device), x.mean(0)
    slack = torch.zeros(n, 1, dtype=torch.float64, device=x.device)
    for number, a in enumerate(parts):
        for b in parts[number:]:  # distances are symmetric: a block also serves its columns
            block, slack[a, 0], _ = _squared_distances(x[a], x[b], centre)
            if a == b:
                block.fill_diagonal_(torch.inf)
            for mine, others, d in ((a, b, block), (b, a, block.T))[: 1 if a == b else 2]:
                d, j = d.topk(min(m, d.shape[1]), largest=False)
                near[mine], best = torch.cat([near[mine], d], 1).topk(m, largest=False)
                who[mine] = torch.cat([who[mine], j + others.start], 1).gather(1, best)
    return near, who, slack


def _squared_distances(x: Tensor, y: Tensor, centre: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return rounded squared distances d^2 (n, m), and slacks of the rows (n,) and columns (m,).

    Each distance errs by at most slack + _rounding(x) d^2, for its row's slack and its column's.
    """
    dtype = _block_dtype(x)
    x, y = ((t - centre).to(dtype) for t in (x, y))  # less is cancelled near the origin
    a, b = (torch.linalg.vector_norm(t, dim=1, dtype=torch.float64) ** 2 for t in (x, y))
    d = torch.addmm(b.to(dtype)[None], x, y.T, alpha=-2).add_(a.to(dtype)[:, None])
    return d, 3 * _rounding(x) * a, 3 * _rounding(x) * b


def _rounding(x: Tensor) -> float:
    """Return a bound u' so that a squared distance errs by at most u' (3 |x|^2 + d^2).

    A dot product of K terms errs by at most K u |x| |y|, in whatever order it is summed; norms,
    casts and sums err by a few u (|x| + |y|)^2; and |y| <= |x| + d, so that a distant outlier does
    not blur the neighbours of the others.
    """
    return torch.finfo(_block_dtype(x)).eps / 2 * 1.02 * (x.shape[1] + 30)


def _block_dtype(x: Tensor) -> torch.dtype:
    """Return float32 where its products are not rounded further, else float64.

    On a CPU float32 is twice as fast; GPUs may round its products to TF32.
    """
    exact = x.device.type == "cpu" and torch.get_float32_matmul_precision() == "highest"
    return torch.float32 if exact else torch.float64


def _distances(x: Tensor, i: Tensor, y: Tensor, j: Tensor) -> Tensor:
    """Return |x_i - y_j| of pairs, float32, by differences in float64."""
    step = max(1, CHUNK * 1024 // x.shape[1])
    parts = (x[a].double().sub_(y[b]) for a, b in zip(i.split(step), j.split(step), strict=True))
    # rounded before the root too, as scikit-learn does
    squares = torch.cat([p.square_().sum(1).float() for p in parts])
    return squares.double().sqrt().float()  # torch's float32 root errs in the last bit


def _slices(x: Tensor) -> list[slice]:
    return [slice(i, i + CHUNK) for i in range(0, len(x), CHUNK)]
