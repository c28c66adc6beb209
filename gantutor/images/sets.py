"""A set of labelled images, in memory or mapped from a file."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np
import torch
from torch import Tensor

from gantutor.rng import Rng

HALF_A_GREY = 1 / 255  # half a grey level, in units in which black and white are 2 apart


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images and their classes.

    `images`: uint8 (N, C, H, W), a tensor or a read-only memory-mapped array; `labels`: int64 (N,),
    indices into `classes`; `digest`: a short sha256 of images, labels and class names, which
    identifies the set in records; `note`: how many files of a folder or archive were read and what
    was left out. Raises ValueError.

    >>> images = torch.zeros(6, 3, 8, 8, dtype=torch.uint8)
    >>> data = ImageSet("black", images, torch.arange(6) % 2, ("even", "odd"))
    >>> x, y = data.batch(4, rng=0)
    >>> x.shape, x.min().item(), y.dtype
    (torch.Size([4, 3, 8, 8]), -1.0, torch.int64)
    """

    name: str
    images: Tensor | np.ndarray
    labels: Tensor
    classes: tuple[str, ...]
    digest: str = ""
    note: str = ""

    def __post_init__(self):
        kind = str(self.images.dtype).removeprefix("torch.")
        if self.images.ndim != 4 or kind != "uint8" or len(self.images) == 0:
            raise ValueError(
                f"images {self.images.dtype} {tuple(self.images.shape)}: "
                "expected uint8 (N, C, H, W) with N >= 1"
            )
        n, k = len(self.images), len(self.classes)
        fits = self.labels.shape == (n,)
        if not fits or not 0 <= int(self.labels.min()) <= int(self.labels.max()) < k:
            raise ValueError(
                f"labels {tuple(self.labels.shape)} for {n} images: expected one per image, "
                f"from 0 and below {k}, the number of classes"
            )
        if not self.digest:
            digest = content_digest(self.images, self.labels, self.classes)
            object.__setattr__(self, "digest", digest)

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        shape = "x".join(map(str, self.shape))
        return (
            f"ImageSet({self.name}: {len(self)} images {shape}, {len(self.classes)} classes, "
            f"{self.digest})"
        )

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of each image."""
        return tuple(self.images.shape[1:])

    def sample(self, n: int, rng) -> Tensor:
        """Draw n images with replacement, (n, C, H, W) in [-1, 1].

        `rng` is an Rng, a torch.Generator or a seed.
        """
        return self.batch(n, rng)[0]

    def batch(self, n: int, rng) -> tuple[Tensor, Tensor]:
        """Draw n images as `sample` does, with their labels int64 (n,), on the device of `rng`.

        Raises ValueError for an Rng of several seeds.
        """
        rng = Rng.of(rng)
        if rng.stacked:
            raise ValueError(
                f"rng has the seeds {list(rng.seeds)}: "
                "image sets are drawn for one seed at a time, pass one seed"
            )
        index = rng.randint(len(self), n)
        labels = self.labels[index.to(self.labels.device)]
        return self.floats(index).to(rng.device), labels.to(rng.device)

    def bytes(self, index: Tensor | slice = slice(None)) -> Tensor:
        """Return the chosen images, by default all, as uint8 (n, C, H, W)."""
        whole = isinstance(index, slice)
        if isinstance(self.images, Tensor):
            return self.images[index if whole else index.to(self.images.device)]
        # the mapped array is read-only: copy what was chosen
        return torch.from_numpy(np.array(self.images[index if whole else index.cpu().numpy()]))

    def floats(self, index: Tensor | slice = slice(None)) -> Tensor:
        """Return the chosen images, by default all, as float32 (n, C, H, W) in [-1, 1]."""
        return self.bytes(index).float() / 127.5 - 1

    def take(self, index: Tensor) -> "ImageSet":
        """Return the set of the images at these indices, int64 (n,), with the same classes.

        Raises ValueError if there are none.
        """
        labels = self.labels[index.to(self.labels.device)]
        return ImageSet(self.name, self.bytes(index), labels, self.classes)

    def where(self, labels: int | str | Iterable[int | str]) -> "ImageSet":
        """Return the set of the images of these classes (numbers or names), same `classes`.

        Raises ValueError for a class that the set does not have.
        """
        asked = [labels] if isinstance(labels, int | str) else list(labels)
        try:
            numbers = [
                self.classes.index(c) if isinstance(c, str) else range(len(self.classes))[c]
                for c in asked
            ]
        except (ValueError, IndexError):
            raise ValueError(
                f"labels={labels!r}: expected numbers below {len(self.classes)} or names among "
                f"{', '.join(self.classes[:20])}"
            ) from None
        mine = torch.isin(self.labels, torch.tensor(numbers, device=self.labels.device))
        return self.take(mine.nonzero()[:, 0])

    def subset(self, n: int, seed: int = 0) -> "ImageSet":
        """Return n different images, balanced over the classes as far as possible.

        The same seed chooses the same images. Raises ValueError unless 1 <= n <= len(self).
        """
        if not 1 <= n <= len(self):
            raise ValueError(
                f"n={n}: expected 1 to {len(self)}, the number of images in {self.name}"
            )
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed))
        labels = self.labels.cpu()[order]
        rank = torch.empty_like(order)  # how many of its own class come before each image
        for c in range(len(self.classes)):
            mine = (labels == c).nonzero()[:, 0]
            rank[mine] = torch.arange(len(mine))
        return self.take(order[rank.argsort(stable=True)[:n]].sort().values)

    def to(self, device: str | torch.device) -> "ImageSet":
        """Return the same set with images and labels on a device, where its batches are drawn."""
        if isinstance(self.images, Tensor):
            images = self.images.to(device)
        else:  # in blocks, so that the host never needs a second copy
            images = torch.empty(self.images.shape, dtype=torch.uint8, device=device)
            for i in range(0, len(self), 4096):
                images[i : i + 4096] = self.bytes(slice(i, i + 4096)).to(device)
        return replace(self, images=images, labels=self.labels.to(device))


def content_digest(images: Tensor | np.ndarray, labels: Tensor, classes: tuple[str, ...]) -> str:
    """Return a short sha256 of images, labels and class names."""
    array = images.cpu().numpy() if isinstance(images, Tensor) else images
    state = hashlib.sha256(repr((array.shape, tuple(classes))).encode())
    state.update(np.ascontiguousarray(array).data)
    state.update(labels.cpu().numpy().astype("<i8").tobytes())
    return state.hexdigest()[:12]


def in_range(images: Tensor) -> Tensor:
    """Return the same images if they are floats in [-1, 1] or uint8.

    Raises ValueError for other numbers. Half a grey level (1/255) beyond the range is accepted,
    because rounding to bytes removes it; clamp the output of a generator that goes further. Values
    from 0 to 1 cannot be told from bright pictures and are not noticed.
    """
    if images.dtype == torch.uint8 or images.numel() == 0:
        return images
    if not images.is_floating_point():
        raise ValueError(f"images of {images.dtype}: expected floats in [-1, 1] or torch.uint8")
    low, high = (float(v) for v in images.detach().aminmax())
    if not (isfinite(low) and isfinite(high)):
        raise ValueError("the images contain NaN or infinity: has the generator diverged?")
    if low < -1 - HALF_A_GREY or high > 1 + HALF_A_GREY:
        raise ValueError(
            f"the images have values from {low:.4g} to {high:.4g}: expected -1 to 1; "
            "scale them (bytes: x / 127.5 - 1) or clamp them"
        )
    return images
