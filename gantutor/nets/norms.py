"""Spectral norm for the layers of discriminators and generators."""

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.nn.utils import parametrizations, parametrize


class _Spectral(parametrizations._SpectralNorm):
    """torch's spectral norm in full precision, also where autocast would compute it in 16 bits.

    Every weight is divided by sigma, so that its rounding errors would affect the whole layer.
    """

    def forward(self, weight: Tensor) -> Tensor:
        with torch.autocast(weight.device.type, enabled=False):
            return super().forward(weight)


def spectral(layer: nn.Module, rng) -> nn.Module:
    """Divide the layer's weight by its largest singular value from now on (Miyato et al. 2018).

    The vectors of the power iteration are drawn from `rng`.
    """
    # torch draws vectors of its own, which are replaced: its random state must not notice
    with torch.random.fork_rng([rng.device] if rng.device.type == "cuda" else []):
        out_axis = 1 if isinstance(layer, nn.ConvTranspose2d) else 0
        parametrize.register_parametrization(layer, "weight", _Spectral(layer.weight, dim=out_axis))
    for vector in layer.parametrizations.weight.buffers():
        vector.copy_(normalize(rng.randn(len(vector)), dim=0))
    for _ in range(15):  # as many power iterations as torch starts with: one at each access
        layer.weight  # noqa: B018
    return layer
