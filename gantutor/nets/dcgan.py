"""DCGAN for small images, with the critic's normalisation to choose."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from gantutor.nets import Discriminator, initialise, spectral

NORMS = ("spectral", "batch", "none")


class Generator(nn.Module):
    """z (B, z) -> images (B, channels, size, size) in [-1, 1]: 4x4, then twice the side and half the width a stage."""

    def __init__(self, z: int, widths: list[int], channels: int):
        super().__init__()
        layers = [nn.ConvTranspose2d(z, widths[-1], 4, 1, 0, bias=False)]
        for a, b in zip(widths[::-1], [*widths[-2::-1], channels], strict=True):
            layers += [nn.BatchNorm2d(a), nn.ReLU(inplace=True), nn.ConvTranspose2d(a, b, 4, 2, 1, bias=False)]
        self.layers = nn.Sequential(*layers, nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z[..., None, None])


class Critic(Discriminator):
    """Images -> strided convolutions with leaky ReLU -> features, the last 4x4 maps flattened (B, 16 width) -> linear score."""

    def __init__(self, widths: list[int], channels: int, norm: str):
        super().__init__()
        pairs = zip([channels, *widths], widths, strict=False)
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 4, 2, 1, bias=False) for a, b in pairs)
        # no batch norm on the pixels' own layer (Radford et al. 2016)
        self.norms = nn.ModuleList(nn.BatchNorm2d(b) if norm == "batch" and i else nn.Identity() for i, b in enumerate(widths))
        self.out = nn.Linear(16 * widths[-1], 1, bias=False)

    def features(self, x: Tensor) -> Tensor:
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = leaky_relu(norm(layer(x)), 0.2)
        return x.flatten(1)

    def head(self, v: Tensor) -> Tensor:
        return self.out(v).squeeze(-1)

    def pooled(self, v: Tensor) -> Tensor:
        """Sum over the 4x4 positions: (B, width), as BigGAN pools and KDD GAN measures."""
        return v.unflatten(-1, (-1, 16)).sum(-1)


@dataclass(frozen=True)
class Dcgan:
    """DCGAN for square images of side 4 * 2^k; `width` is that of the layer nearest the pixels, doubled each stage.

    `norm` is the critic's: "spectral" (the reference of AdaptiveMix's Table 4), "batch" (Radford et al. 2016) or "none".
    """

    z: int = 100
    width: int = 64
    size: int = 32
    channels: int = 3
    norm: str = "spectral"

    def __post_init__(self):
        if self.norm not in NORMS:
            raise ValueError(f"norm={self.norm!r}: expected one of {', '.join(NORMS)}")
        if self.size < 8 or self.size & (self.size - 1):
            raise ValueError(f"size={self.size}: expected 8, 16, 32, 64, ...")
        if min(self.z, self.width, self.channels) < 1:
            raise ValueError(f"z={self.z}, width={self.width}, channels={self.channels}: expected numbers of at least 1")

    @property
    def joint(self) -> bool:
        """Only a critic without normalisation says the same in one call as in two: batch norm mixes the batches' statistics,
        and spectral norm takes one power iteration a call."""
        return self.norm == "none"

    def build(self, rng) -> tuple[Generator, Critic]:
        """Fresh generator and critic, drawn from `rng` alone."""
        widths = [self.width * 2**i for i in range(self.size.bit_length() - 3)]
        with torch.device("meta"):
            G, D = Generator(self.z, widths, self.channels), Critic(widths, self.channels, self.norm)
        # channels last: a tenth faster on a CPU, and what tensor cores want
        G, D = (initialise(net.to(memory_format=torch.channels_last), rng, small_normal) for net in (G, D))
        if self.norm == "spectral":
            for layer in [*D.layers, D.out]:
                spectral(layer, rng)
        return G, D


def small_normal(part: nn.Module, name: str, p: Tensor, generator) -> bool:
    """N(0, 0.02) for weights, N(1, 0.02) for batch norm's (Radford et al. 2016); the rest is left to PyTorch's defaults."""
    norm = isinstance(part, nn.BatchNorm2d)
    if norm and name == "bias":
        return False
    p.normal_(1.0 if norm else 0.0, 0.02, generator=generator)
    return True
