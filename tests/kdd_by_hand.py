"""KDD GAN's losses, gradients and log-ratio in plain NumPy, in doubles.

In the names r is a real and g a fake: w_rg are the weights of the fake anchors at the reals.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

SHIFT = 0.7


class Losses(NamedTuple):
    """D's and G's loss, the logits at reals and fakes, and the softmax weights of the anchors."""

    d: float
    g: float
    l_r: np.ndarray
    l_g: np.ndarray
    w_rr: np.ndarray
    w_rg: np.ndarray
    w_gr: np.ndarray
    w_gg: np.ndarray


@dataclass(frozen=True)
class Shift:
    """An augmentation that is easy to redo by hand, see `anchors`."""

    by: float = SHIFT

    def __call__(self, x, rng, step=0):
        return x + self.by * torch.arange(x.shape[-1], dtype=x.dtype)


def unit(v):
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def anchors(v, copies=0):
    """Points v (n, k), followed by copies augmented by `Shift`, all of unit length."""
    v = v.numpy()
    return unit(np.concatenate([v] + copies * [v + SHIFT * np.arange(v.shape[-1])]))


def kernels(x, a, tau, kernel):
    """Log K; for the Gaussian by differences, where the package expands the square."""
    if kernel == "vmf":
        return x @ a.T / tau
    return -((x[:, None] - a[None]) ** 2).sum(-1) / (2 * tau)


def weights(x, a, tau, kernel, own):
    """The softmax weights of the anchors a at the points x, and the log densities.

    `own`: the points are the anchors, and each leaves itself out.
    """
    e = np.exp(kernels(x, a, tau, kernel))
    if own:
        np.fill_diagonal(e, 0.0)
    return e / e.sum(1, keepdims=True), np.log(e.sum(1)) - np.log(len(a) - own)


def losses(r, g, tau, kernel):
    """The losses of reals r and fakes g, each point's own kernel left out."""
    w_rr, rr = weights(r, r, tau, kernel, True)
    w_rg, rg = weights(r, g, tau, kernel, False)
    w_gr, gr = weights(g, r, tau, kernel, False)
    w_gg, gg = weights(g, g, tau, kernel, True)
    l_r, l_g = rr - rg, gr - gg
    d = np.maximum(0, 1 - l_r).mean() + np.maximum(0, 1 + l_g).mean()
    return Losses(d, -l_g.mean(), l_r, l_g, w_rr, w_rg, w_gr, w_gg)


def gradients(player, r, g, tau, kernel, anchor_grad):
    """dL/dg_i and dL/dr_j of a player's loss in closed form.

    `anchor_grad`: they also flow through the anchors.
    """
    by_player = d_gradients if player == "d" else g_gradients
    return by_player(r, g, tau, kernel, anchor_grad)


def g_gradients(r, g, tau, kernel, anchor_grad):
    n, gauss = len(g), kernel == "gauss"
    found = losses(r, g, tau, kernel)
    w_gr, w_gg = found.w_gr, found.w_gg
    d_g = np.zeros_like(g)
    for i in range(n):
        d_g[i] = w_gg[i] @ g - w_gr[i] @ r
        if anchor_grad:
            d_g[i] += sum(w_gg[k, i] * (g[k] - gauss * g[i]) for k in range(n) if k != i)
    return d_g / (n * tau), np.zeros_like(r)


def d_gradients(r, g, tau, kernel, anchor_grad):
    m, n, gauss = len(r), len(g), kernel == "gauss"
    _, _, l_r, l_g, w_rr, w_rg, w_gr, w_gg = losses(r, g, tau, kernel)
    alpha, beta = (1 + l_g > 0) / n, (1 - l_r > 0) / m  # where the hinges do not clip
    d_g, d_r = np.zeros_like(g), np.zeros_like(r)
    for i in range(n):
        d_g[i] = alpha[i] * (w_gr[i] @ r - w_gg[i] @ g)
        if anchor_grad:
            d_g[i] -= sum(alpha[k] * w_gg[k, i] * (g[k] - gauss * g[i]) for k in range(n) if k != i)
            d_g[i] += sum(beta[k] * w_rg[k, i] * (r[k] - gauss * g[i]) for k in range(m))
    for j in range(m):
        d_r[j] = -beta[j] * (w_rr[j] @ r - w_rg[j] @ g)
        if anchor_grad:
            d_r[j] -= sum(beta[k] * w_rr[k, j] * (r[k] - gauss * r[j]) for k in range(m) if k != j)
            d_r[j] += sum(alpha[i] * w_gr[i, j] * (g[i] - gauss * r[j]) for i in range(n))
    return d_g / tau, d_r / tau


def log_ratio_at(x, reals, fakes, tau, own_r=(), own_g=()):
    """Log p_r - log p_g at one point, by plain sums over the anchors that are not its own."""
    p_r = np.mean([np.exp(x @ a / tau) for i, a in enumerate(reals) if i not in own_r])
    p_g = np.mean([np.exp(x @ a / tau) for i, a in enumerate(fakes) if i not in own_g])
    return np.log(p_r / p_g)
