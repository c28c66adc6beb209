"""Normalisation: spectral norm of weights, and batch norm whose statistics span all processes."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.nn.utils import parametrizations, parametrize

from gantutor.parallel import gather, place, synchronised

_resting: ContextVar[bool] = ContextVar("resting", default=False)


@contextmanager
def no_power_iteration() -> Iterator[None]:
    """Use spectrally normalised weights again without another power iteration.

    In training mode every access to such a weight is an iteration. A forward pass takes one; a
    second look at a head or an embedding in the same turn should use the vectors that this pass
    left, and leave them as they are.
    """
    token = _resting.set(True)
    try:
        yield
    finally:
        _resting.reset(token)


class _Spectral(parametrizations._SpectralNorm):
    """torch's spectral norm in full precision, also where autocast would compute it in 16 bits.

    Sigma divides every weight, so that its rounding error would scale the whole layer.
    """

    def forward(self, weight: Tensor) -> Tensor:
        with torch.autocast(weight.device.type, enabled=False):
            return super().forward(weight)

    def _power_method(self, weight_mat: Tensor, n_power_iterations: int) -> None:
        if not _resting.get():
            super()._power_method(weight_mat, n_power_iterations)


def spectral(layer: nn.Module, rng) -> nn.Module:
    """Divide the layer's weight by its largest singular value from now on (Miyato et al. 2018).

    The vectors of the power iteration are drawn from `rng`.
    """
    # torch draws vectors of its own, which are replaced; the global random state is kept
    with torch.random.fork_rng([rng.device] if rng.device.type == "cuda" else []):
        out_axis = 1 if isinstance(layer, nn.ConvTranspose2d) else 0
        parametrize.register_parametrization(layer, "weight", _Spectral(layer.weight, dim=out_axis))
    for vector in layer.parametrizations.weight.buffers():
        vector.copy_(normalize(rng.randn(len(vector)), dim=0))
    for _ in range(15):  # as many power iterations as torch starts with: one at each access
        layer.weight  # noqa: B018
    return layer


class BatchNorm2d(nn.BatchNorm2d):
    """Batch norm over the images of all processes in a training step that they take together.

    Elsewhere, and in a single process, it is torch's, bit for bit. All processes must hold equally
    many images. Statistics are computed in two passes and in float32 or better.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not (self.training and synchronised()):
            return super().forward(x)
        v = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
        mean = _mean(v)
        var = _mean((v - mean).square())
        self._track(mean, var, v)
        v = (v - mean) * (var + self.eps).rsqrt()
        if self.affine:
            v = v * self.weight[:, None, None] + self.bias[:, None, None]
        return v.to(x.dtype)

    @torch.no_grad()
    def _track(self, mean: Tensor, var: Tensor, v: Tensor) -> None:
        """Update the running statistics as torch does: the variance is the unbiased one."""
        self.num_batches_tracked += 1
        momentum = self.momentum
        if momentum is None:  # a plain mean over the batches so far
            momentum = 1.0 / float(self.num_batches_tracked)
        n = place()[1] * v.numel() // v.shape[1]
        self.running_mean.lerp_(mean.flatten(), momentum)
        self.running_var.lerp_(var.flatten() * (n / (n - 1)), momentum)


def _mean(v: Tensor) -> Tensor:
    """Mean of v (B, C, H, W) over the images of all processes and over positions, (C, 1, 1)."""
    return gather(v.mean((0, 2, 3))[None]).mean(0)[:, None, None]
