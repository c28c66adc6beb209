"""The plain convolutional nets of SNGAN, WGAN and WGAN-GP, as AdvLatGAN's tables use them."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from gantutor.nets import Discriminator, ImageNets
from gantutor.plain import settle

NORMS = ("spectral", "none")


class Generator(nn.Module):
    """z (B, z) -> images (B, channels, size, size) in [-1, 1]: a linear map to size/8, then twice the side three times."""

    def __init__(self, z: int, width: int, size: int, channels: int, bias: bool):
        super().__init__()
        self.shape = (8 * width, size // 8, size // 8)
        self.first = nn.Linear(z, 8 * width * (size // 8) ** 2)
        layers = []
        for a in (8 * width, 4 * width, 2 * width):
            layers += [
                nn.ConvTranspose2d(a, a // 2, 4, 2, 1, bias=bias),
                nn.BatchNorm2d(a // 2),
                nn.ReLU(inplace=True),
            ]
        self.layers = nn.Sequential(
            *layers, nn.Conv2d(width, channels, 3, 1, 1, bias=bias), nn.Tanh()
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(
            self.first(z).unflatten(-1, self.shape).to(memory_format=torch.channels_last)
        )


class Critic(Discriminator):
    """Images -> 7 convolutions with leaky ReLU 0.1 -> features, the last map flattened (B, 8 width (size/8)^2) -> linear."""

    def __init__(self, width: int, size: int, channels: int, bias: bool):
        super().__init__()
        self.positions = (size // 8) ** 2
        layers, a = [], channels
        for b in (width, 2 * width, 4 * width):
            layers += [nn.Conv2d(a, b, 3, 1, 1, bias=bias), nn.Conv2d(b, b, 4, 2, 1, bias=bias)]
            a = b
        self.layers = nn.ModuleList([*layers, nn.Conv2d(a, 8 * width, 3, 1, 1, bias=bias)])
        self.out = nn.Linear(8 * width * self.positions, 1, bias=bias)

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        for layer in self.layers:
            x = leaky_relu(layer(x), 0.1)
        return x.flatten(1)

    def head(self, v: Tensor, y: Tensor | None = None) -> Tensor:
        return self.out(v).squeeze(-1)

    def pooled(self, v: Tensor) -> Tensor:
        """Sum over the positions of the last map: (B, 8 width)."""
        return v.unflatten(-1, (-1, self.positions)).sum(-1)


@dataclass(frozen=True)
class Cnn(ImageNets):
    """The "cnn" of SNGAN, WGAN and WGAN-GP (AdvLatGAN's Tables 3 to 5) for sides that are multiples of 8 (32, 48, 64, 128).

    `width` is that of the critic's first layer; it scales both nets. `norm` "spectral" is SNGAN's: no biases but the
    first one, Xavier-uniform weights. "none" is WGAN's and WGAN-GP's: biases, PyTorch's default weights.
    """

    z: int = 100
    width: int = 64
    size: int = 32
    channels: int = 3
    norm: str = "spectral"

    def __post_init__(self):
        settle(self)
        if self.norm not in NORMS:
            raise ValueError(f"norm={self.norm!r}: expected one of {', '.join(NORMS)}")
        if self.size < 8 or self.size % 8:
            raise ValueError(f"size={self.size}: expected a multiple of 8: 32, 48, 64, 128")
        if min(self.z, self.width, self.channels) < 1:
            raise ValueError(
                f"z={self.z}, width={self.width}, channels={self.channels}: expected numbers of at least 1"
            )

    def blank(self) -> tuple[Generator, Critic]:
        bias = self.norm == "none"
        shape = (self.width, self.size, self.channels, bias)
        return Generator(self.z, *shape), Critic(*shape)

    def start(self, part: nn.Module, name: str, p: Tensor, generator) -> bool:
        if self.norm == "none" or isinstance(part, nn.BatchNorm2d):
            return False
        p.zero_() if name == "bias" else nn.init.xavier_uniform_(p, generator=generator)
        return True
