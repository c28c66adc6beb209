"""Generators with a known fault, made from real images, to learn what a measure can see.

A sin of the picture changes images (N, C, H, W) in [-1, 1]. A sin of the set chooses among images
by their indices ("places").

>>> blur(torch.zeros(2, 3, 8, 8)).shape
torch.Size([2, 3, 8, 8])
>>> without_classes(torch.arange(6), torch.tensor([0, 1, 2, 0, 1, 2]), missing=1).shape
torch.Size([4])
"""

import io
import math

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, pad

from gantutor.rng import Rng


# -- sins of the picture --------------------------------------------------------------------------
def blur(x: Tensor, sigma: float = 1.0) -> Tensor:
    """Gaussian blur with a standard deviation of `sigma` pixels and mirrored borders; 0 is none."""
    if sigma <= 0:
        return x
    reach = min(math.ceil(4 * sigma), min(x.shape[-2:]) - 1)  # mirrored borders go no further
    at = torch.arange(-reach, reach + 1, device=x.device)
    kernel = torch.exp(-0.5 * (at / sigma) ** 2).to(x)
    kernel, channels = kernel / kernel.sum(), x.shape[1]
    row = kernel.expand(channels, 1, 1, -1)
    x = conv2d(pad(x, (reach, reach, 0, 0), mode="reflect"), row, groups=channels)
    return conv2d(pad(x, (0, 0, reach, reach), mode="reflect"), row.mT, groups=channels)


def noise(x: Tensor, std: float = 0.2, rng: Rng | int = 0) -> Tensor:
    """Independent Gaussian noise on every value, clipped to [-1, 1].

    `std` is in the images' units, in which black and white are 2 apart.
    """
    return (x + std * Rng.of(rng).randn(*x.shape).to(x)).clamp(-1, 1)


def jpeg(x: Tensor, quality: int = 75) -> Tensor:
    """Save as JPEG of that quality (1 to 95) and read back, as happened to many image sets."""
    from PIL import Image

    def through(picture: np.ndarray) -> np.ndarray:
        file = io.BytesIO()
        Image.fromarray(picture.squeeze()).save(file, "JPEG", quality=quality)
        return np.asarray(Image.open(file)).reshape(picture.shape)

    pixels = ((x + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    pictures = pixels.permute(0, 2, 3, 1).cpu().numpy()
    back = torch.from_numpy(np.stack([through(picture) for picture in pictures]))
    return back.permute(0, 3, 1, 2).to(x) / 127.5 - 1


def resized(x: Tensor, side: int, antialias: bool = True) -> Tensor:
    """Resize to side x side by bilinear interpolation, and back."""
    small = interpolate(x, (side, side), mode="bilinear", antialias=antialias)
    return interpolate(small, x.shape[-2:], mode="bilinear", antialias=antialias)


def dequantised(x: Tensor, cut: bool, rng: Rng | int = 0) -> Tensor:
    """Make bytes continuous by noise within a grey level, then turn them into bytes again.

    They are rounded, or with `cut` truncated, as `.to(torch.uint8)` does.
    """
    grey = (x + 1) * 127.5 + Rng.of(rng).rand(*x.shape).to(x) - 0.5
    return (grey.floor() if cut else grey.round()).clamp(0, 255) / 127.5 - 1


# -- sins of the set ------------------------------------------------------------------------------
def drawn(places: Tensor, n: int, rng: Rng | int = 0) -> Tensor:
    """Return n of these places (N,) in random order; none repeats before each has come once.

    Raises ValueError if there are no places.
    """
    if len(places) == 0:
        raise ValueError(f"n={n} of no places at all: did you leave every class out?")
    rng, rounds = Rng.of(rng), -(-n // len(places))
    orders = [places[rng.randperm(len(places)).to(places.device)] for _ in range(rounds)]
    return torch.cat(orders)[:n]


def without_classes(places: Tensor, labels: Tensor, missing: int, rng: Rng | int = 0) -> Tensor:
    """Return the places (N,) whose class is kept; `missing` random classes are left out.

    `labels` int64 are those of all images, so that labels[places] are the labels of the places.
    Raises ValueError if no class would be left.
    """
    classes = labels.unique()
    if not 0 <= missing < len(classes):
        raise ValueError(
            f"missing={missing} of {len(classes)} classes: expected 0 to {len(classes) - 1}"
        )
    kept = classes[Rng.of(rng).randperm(len(classes))[missing:].to(labels.device)]
    return places[torch.isin(labels[places], kept)]


__all__ = ["blur", "dequantised", "drawn", "jpeg", "noise", "resized", "without_classes"]
