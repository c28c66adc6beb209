"""Differentiable augmentations `(x, rng, step)`: gradients flow through them into G.

All random numbers come from `rng`. `step` is the number of whole steps done, a number or a tensor
on the device: nothing here reads a tensor on the host, so a captured CUDA step can replay it.

>>> import torch
>>> x = torch.zeros(4, 3, 8, 8)
>>> DiffAugment(("brightness", "cutout"))(x, rng=0).shape
torch.Size([4, 3, 8, 8])
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from gantutor.plain import settle
from gantutor.rng import Rng


def brightness(x: Tensor, b: Tensor) -> Tensor:
    """Return x + b, with one b per image."""
    return x + _each(b)


def saturation(x: Tensor, s: Tensor) -> Tensor:
    """Scale the distance of each pixel from its mean colour by s; grey images do not change."""
    grey = x.mean(1, keepdim=True)
    return (x - grey) * _each(s) + grey


def contrast(x: Tensor, c: Tensor) -> Tensor:
    """Scale the distance of each pixel from the image's mean by c."""
    mean = x.mean((1, 2, 3), keepdim=True)
    return (x - mean) * _each(c) + mean


def translation(x: Tensor, dy: Tensor, dx: Tensor) -> Tensor:
    """Move each image by whole pixels, down for dy > 0 and right for dx > 0, and fill with 0."""
    (n, _, height, width), (ty, tx) = x.shape, _reach(x)
    row = torch.arange(height, device=x.device) + (ty - dy)[:, None]
    column = torch.arange(width, device=x.device) + (tx - dx)[:, None]
    image = torch.arange(n, device=x.device)[:, None, None]
    moved = pad(x, (tx, tx, ty, ty))[image, :, row[:, :, None], column[:, None, :]]
    return moved.permute(0, 3, 1, 2)


def cutout(x: Tensor, oy: Tensor, ox: Tensor) -> Tensor:
    """Set a square of half the side to 0, starting at offset - side // 2, clipped to the image."""
    inside = []
    for offset, length, side in zip((oy, ox), x.shape[2:], _side(x), strict=True):
        away = torch.arange(length, device=x.device) - (offset - side // 2)[:, None]
        inside.append((away >= 0) & (away < side))
    # not masked_fill, which would change the memory format
    return torch.where((inside[0][:, :, None] & inside[1][:, None, :])[:, None], 0.0, x)


def _each(factor: Tensor) -> Tensor:
    return factor[:, None, None, None]


def _reach(x: Tensor) -> tuple[int, int]:
    return tuple(int(length / 8 + 0.5) for length in x.shape[2:])


def _side(x: Tensor) -> tuple[int, int]:
    return tuple(int(length / 2 + 0.5) for length in x.shape[2:])


# how each augmentation draws its parameters, one per image
DRAWS = {
    "brightness": lambda x, rng: brightness(x, rng.rand(len(x)) - 0.5),
    "saturation": lambda x, rng: saturation(x, 2 * rng.rand(len(x))),
    "contrast": lambda x, rng: contrast(x, rng.rand(len(x)) + 0.5),
    "translation": lambda x, rng: translation(
        x, *(rng.randint(2 * t + 1, len(x)) - t for t in _reach(x))
    ),
    "cutout": lambda x, rng: cutout(
        x, *(rng.randint(n + 1 - c % 2, len(x)) for n, c in zip(x.shape[2:], _side(x), strict=True))
    ),
}


@dataclass(frozen=True)
class DiffAugment:
    """The augmentations of `policy`, in its order, on images (B, C, H, W) in [-1, 1].

    Brightness +-0.5, saturation x0..2, contrast x0.5..1.5, translation by up to 1/8 of the side,
    cutout of half the side. Nothing is clamped. Source: Zhao et al. 2020.
    """

    policy: tuple[str, ...] = ("brightness", "saturation", "contrast", "translation", "cutout")

    def __post_init__(self):
        settle(self)
        if isinstance(self.policy, str):
            raise ValueError(
                f"policy={self.policy!r}: expected names in parentheses: ({self.policy!r},)"
            )
        object.__setattr__(self, "policy", tuple(self.policy))
        if not self.policy or not set(self.policy) <= set(DRAWS):
            raise ValueError(f"policy={self.policy!r}: expected some of {', '.join(DRAWS)}")

    def __call__(self, x: Tensor, rng, step=0) -> Tensor:
        """Return augmented images of x's shape and dtype.

        Raises ValueError for a batch of another shape and for an Rng of several seeds.
        """
        rng = _of_images(x, rng)
        for name in self.policy:
            x = DRAWS[name](x, rng).to(x.dtype)
        return x


@dataclass(frozen=True)
class Jitter:
    """Points plus std * N(0, 1), the augmentation of the plane.

    x is (B, 2), or (seeds, B, 2) if `rng` holds several seeds.
    """

    std: float = 0.05

    def __post_init__(self):
        settle(self)
        if not self.std >= 0:
            raise ValueError(f"std={self.std}: expected a number of at least 0")

    def __call__(self, x: Tensor, rng, step=0) -> Tensor:
        rng = Rng.of(rng, x.device)
        return x + self.std * rng.randn(*x.shape[rng.axis :])


@dataclass(frozen=True)
class InstanceNoise:
    """x + s N(0, 1) on images or points, where s falls linearly from `std` to 0 over `steps` steps.

    Source: Soenderby et al. 2017.
    """

    std: float = 0.1
    steps: int = 10000

    def __post_init__(self):
        settle(self)
        if not self.std >= 0 or self.steps < 1:
            raise ValueError(
                f"std={self.std}, steps={self.steps}: expected std >= 0 and steps >= 1"
            )

    def __call__(self, x: Tensor, rng, step=0) -> Tensor:
        rng = Rng.of(rng, x.device)
        s = self.std * torch.as_tensor(1 - step / self.steps).clamp(min=0)
        return x + (s * rng.randn(*x.shape[rng.axis :])).to(x.dtype)


@dataclass(frozen=True)
class Flip:
    """Mirror each image (B, C, H, W) left to right with probability 1/2."""

    def __call__(self, x: Tensor, rng, step=0) -> Tensor:
        """Return images of x's shape and dtype.

        Raises ValueError for a batch of another shape and for an Rng of several seeds.
        """
        mirrored = _of_images(x, rng).rand(len(x)) < 0.5
        return torch.where(_each(mirrored), x.flip(-1), x)


@dataclass(frozen=True)
class Dequantise:
    """x + scale * U(0, 1), which fills the gaps between grey levels, 2/256 apart in [-1, 1].

    This is SNGAN's noise on its reals.
    """

    scale: float = 1 / 128

    def __post_init__(self):
        settle(self)
        if not self.scale >= 0:
            raise ValueError(f"scale={self.scale}: expected a number of at least 0")

    def __call__(self, x: Tensor, rng, step=0) -> Tensor:
        rng = Rng.of(rng, x.device)
        return x + (self.scale * rng.rand(*x.shape[rng.axis :])).to(x.dtype)


def _of_images(x: Tensor, rng) -> Rng:
    rng = Rng.of(rng, x.device)
    if x.ndim != 4 or rng.stacked:
        raise ValueError(
            f"x of shape {tuple(x.shape)}, rng of {len(rng.seeds)} seed(s): "
            "expected images (B, C, H, W) and one seed"
        )
    return rng
