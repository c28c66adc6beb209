"""The plain convolutional nets of SNGAN, WGAN and WGAN-GP, as AdvLatGAN's tables use them."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from gantutor.nets.base import Discriminator
from gantutor.nets.norms import BatchNorm2d
from gantutor.nets.specs import ImageNets
from gantutor.plain import one_of, settle

NORMS = ("spectral", "none")


class Generator(nn.Module):
    """z (B, z) to images (B, channels, size, size) in [-1, 1].

    A linear map to maps of side size/8, then three layers that double the side.
    """

    def __init__(self, z: int, width: int, size: int, channels: int, bias: bool):
        super().__init__()
        self.shape = (8 * width, size // 8, size // 8)
        self.first = nn.Linear(z, 8 * width * (size // 8) ** 2)
        layers = []
        for a in (8 * width, 4 * width, 2 * width):
            layers += [
                nn.ConvTranspose2d(a, a // 2, 4, 2, 1, bias=bias),
                BatchNorm2d(a // 2),
                nn.ReLU(inplace=True),
            ]
        last = nn.Conv2d(width, channels, 3, 1, 1, bias=bias)
        self.layers = nn.Sequential(*layers, last, nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        x = self.first(z).unflatten(-1, self.shape)
        return self.layers(x.to(memory_format=torch.channels_last))


class Critic(Discriminator):
    """Images to 7 convolutions with leaky ReLU of slope 0.1, to features, to a linear score.

    The features are the last map, flattened: (B, 8 width (size/8)^2).
    """

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
    """The "cnn" of SNGAN, WGAN and WGAN-GP in AdvLatGAN's Tables 3 to 5.

    z: width of the latent.
    width: channels of the discriminator's first layer; it scales both nets.
    size: side of the images, a multiple of 8 (32, 48, 64, 128).
    channels: 1 for grey images, 3 for colour.
    norm: the discriminator's. "spectral" is SNGAN's: the generator's first layer is the only one
        with biases, weights are Xavier-uniform. "none" is WGAN's and WGAN-GP's: biases, PyTorch's
        default weights.
    """

    z: int = 100
    width: int = 64
    size: int = 32
    channels: int = 3
    norm: str = "spectral"

    def __post_init__(self):
        settle(self)
        one_of("norm", self.norm, NORMS)
        if self.size < 8 or self.size % 8:
            raise ValueError(f"size={self.size}: expected a multiple of 8: 32, 48, 64, 128")
        if min(self.z, self.width, self.channels) < 1:
            raise ValueError(
                f"z={self.z}, width={self.width}, channels={self.channels}: expected numbers of at "
                "least 1"
            )

    def blank(self) -> tuple[Generator, Critic]:
        bias = self.norm == "none"
        shape = (self.width, self.size, self.channels, bias)
        return Generator(self.z, *shape), Critic(*shape)

    def start(self, part: nn.Module, name: str, p: Tensor, generator) -> bool:
        if self.norm == "none" or isinstance(part, nn.BatchNorm2d):
            return False
        if name == "bias":
            p.zero_()
        else:
            nn.init.xavier_uniform_(p, generator=generator)
        return True
