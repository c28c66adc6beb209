"""Generators and discriminators. Every discriminator is features -> head and returns a Critique."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.nn.utils import parametrizations


class Critique(NamedTuple):
    """What a discriminator says of a batch: `score` (..., B), raw and unbounded, and `features` (..., B, K)."""

    score: Tensor
    features: Tensor

    def split(self, sizes: list[int], dim: int) -> list["Critique"]:
        """Cut along the batch axis `dim`."""
        return [Critique(s, f) for s, f in zip(self.score.split(sizes, dim), self.features.split(sizes, dim), strict=True)]

    def detach(self) -> "Critique":
        """The same numbers as constants."""
        return Critique(self.score.detach(), self.features.detach())


class Discriminator(nn.Module):
    """A critic that the papers can look into: `features(x)`, the F of AdaptiveMix, and `head(v)`, its J."""

    def features(self, x: Tensor) -> Tensor:
        """Trunk: a batch to its features (..., B, K)."""
        raise NotImplementedError

    def head(self, v: Tensor) -> Tensor:
        """Head: features (..., B, K) to scores (..., B)."""
        raise NotImplementedError

    def pooled(self, v: Tensor) -> Tensor:
        """The features in which KDD measures similarity; nets with feature maps sum over positions."""
        return v

    def forward(self, x: Tensor) -> Critique:
        v = self.features(x)
        return Critique(self.head(v), v)


def initialise(module: nn.Module, rng, how=None) -> nn.Module:
    """Fill every parameter from `rng` alone: PyTorch's default distributions, or `how(name, tensor, generator)` -> handled.

    A net is built on the meta device and filled here, so that building it neither reads nor moves the global random state.
    """
    if rng.stacked:
        raise ValueError(f"{type(module).__name__} trains one seed at a time; only the plane's MLPs stack several")
    module = module.to_empty(device=rng.device)
    g = rng.generators[0]
    for path, part in module.named_modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.reset_running_stats()
        for name, p in part.named_parameters(recurse=False):
            with torch.no_grad():
                if how is not None and how(part, name, p, g):
                    continue
                if isinstance(part, nn.modules.batchnorm._BatchNorm):
                    p.fill_(1.0 if name == "weight" else 0.0)
                else:
                    fan_in = nn.init._calculate_fan_in_and_fan_out(part.weight)[0]
                    p.uniform_(-(fan_in**-0.5), fan_in**-0.5, generator=g)
    return module


def spectral(layer: nn.Module, rng) -> nn.Module:
    """Divide the layer's weight by its largest singular value from now on (Miyato et al. 2018); the vectors come from `rng`."""
    with torch.random.fork_rng([rng.device] if rng.device.type == "cuda" else []):  # torch's own start is drawn and dropped
        layer = parametrizations.spectral_norm(layer)
    for vector in layer.parametrizations.weight.buffers():
        vector.copy_(normalize(rng.randn(len(vector)), dim=0))
    for _ in range(15):  # each look at the weight is one power iteration; torch starts with 15 too
        layer.weight  # noqa: B018
    return layer
