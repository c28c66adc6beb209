"""Multi-layer perceptrons for small images as vectors, of several seeds at once."""

from dataclasses import dataclass

from gantutor.nets.mlp import Critic, Generator, Mlp


@dataclass(frozen=True)
class PixelMlp(Mlp):
    """An `Mlp` of images as vectors of pixels in [-1, 1] (Goodfellow et al. 2014).

    Unlike a convolutional net it trains several seeds side by side. Its data are a
    `gantutor.images.Vectors`.

    pixels: how many numbers an image has, over all channels.
    """

    z: int = 32
    g_hidden: tuple[int, ...] = (128, 128)
    d_hidden: tuple[int, ...] = (128, 128)
    bound: str | float | None = 1.0
    g_leak: float = 0.2
    pixels: int = 64

    def __post_init__(self):
        super().__post_init__()
        if self.pixels < 1:
            raise ValueError(f"pixels={self.pixels}: expected at least 1")

    @property
    def shape(self) -> tuple[int]:
        """Of a sample."""
        return (self.pixels,)

    def build(self, rng) -> tuple[Generator, Critic]:
        """Fresh generator and discriminator, one per seed of `rng`."""
        return (
            Generator([self.z, *self.g_hidden, self.pixels], self.bound, self.g_leak, rng),
            Critic([self.pixels, *self.d_hidden], self.head, self.d_leak, rng),
        )
