"""Real images: the papers' sets, any class folder or archive of one, or the digits that come with scikit-learn."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import partial
from math import isfinite
from operator import index
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gantutor.datasets import SOURCES, DataError, checked, locate, openable, place_of
from gantutor.files import cache_dir, replacing
from gantutor.images import decode
from gantutor.images.select import gaussian_scores, instance_selection
from gantutor.images.serve import Epochs, serve
from gantutor.rng import Rng

__all__ = [
    "DataError",
    "Epochs",
    "ImageSet",
    "cache_dir",
    "gaussian_scores",
    "in_range",
    "instance_selection",
    "open_images",
    "serve",
    "verify",
]

CACHE_VERSION = 3  # part of every cache key: raise it when decoding changes
FITS = ("crop", "squash")
HALF_A_GREY = 1 / 255  # where black to white is 2


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images and their classes.

    `images` uint8 (N, C, H, W), a tensor or a read-only memory-mapped array; `labels` int64 (N,),
    indices into `classes`; `digest`, a short sha256 of images, labels and class names, stands for
    the set in records. `note`: how many files of a folder or archive were read, and what was left
    out.
    """

    name: str
    images: Tensor | np.ndarray
    labels: Tensor
    classes: tuple[str, ...]
    digest: str = ""
    note: str = ""

    def __post_init__(self):
        if (
            self.images.ndim != 4
            or str(self.images.dtype).removeprefix("torch.") != "uint8"
            or len(self.images) == 0
        ):
            raise ValueError(
                f"images {self.images.dtype} {tuple(self.images.shape)}: expected uint8 (N, C, H, W) with N >= 1"
            )
        n, k = len(self.images), len(self.classes)
        if (
            self.labels.shape != (n,)
            or not 0 <= int(self.labels.min()) <= int(self.labels.max()) < k
        ):
            raise ValueError(
                f"labels {tuple(self.labels.shape)} for {n} images: expected as many, each from 0 and below {k}, "
                "the number of classes"
            )
        if not self.digest:
            object.__setattr__(self, "digest", _digest(self.images, self.labels, self.classes))

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        shape = "x".join(map(str, self.shape))
        return f"ImageSet({self.name}: {len(self)} images {shape}, {len(self.classes)} classes, {self.digest})"

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of each image."""
        return tuple(self.images.shape[1:])

    def sample(self, n: int, rng) -> Tensor:
        """N images in [-1, 1], (n, C, H, W), drawn with replacement by `rng` (an Rng, a torch.Generator or a seed)."""
        return self.batch(n, rng)[0]

    def batch(self, n: int, rng) -> tuple[Tensor, Tensor]:
        """N images as `sample` draws them and their labels, int64 (n,), both on the device of `rng`."""
        rng = Rng.of(rng)
        if rng.stacked:
            raise ValueError(
                f"rng has the seeds {list(rng.seeds)}: image sets are drawn for one seed at a time, pass one seed"
            )
        index = rng.randint(len(self), n)
        return self.floats(index).to(rng.device), self.labels[index.to(self.labels.device)].to(
            rng.device
        )

    def bytes(self, index: Tensor | slice = slice(None)) -> Tensor:
        """The chosen images, by default all, as uint8 (n, C, H, W)."""
        if isinstance(self.images, Tensor):
            return self.images[index if isinstance(index, slice) else index.to(self.images.device)]
        # the array is read-only: copy what was chosen
        return torch.from_numpy(
            np.array(self.images[index if isinstance(index, slice) else index.cpu().numpy()])
        )

    def floats(self, index: Tensor | slice = slice(None)) -> Tensor:
        """The chosen images, by default all, as float32 in [-1, 1]: (n, C, H, W)."""
        return self.bytes(index).float() / 127.5 - 1

    def take(self, index: Tensor) -> "ImageSet":
        """The images at these places, int64 (n,), with the same classes; raises ValueError where none is left."""
        return ImageSet(
            self.name, self.bytes(index), self.labels[index.to(self.labels.device)], self.classes
        )

    def where(self, labels: int | str | Iterable[int | str]) -> "ImageSet":
        """The images of these classes (numbers or names), with the same classes; raises ValueError for one that is not there."""
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
        """N different images, as many of each class as can be; the same seed gives the same ones."""
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
        """The same set with its images and labels on a device, so that batches are drawn there."""
        if isinstance(self.images, Tensor):
            images = self.images.to(device)
        else:  # block by block: the host never holds a second copy
            images = torch.empty(self.images.shape, dtype=torch.uint8, device=device)
            for i in range(0, len(self), 4096):
                images[i : i + 4096] = self.bytes(slice(i, i + 4096)).to(device)
        return replace(self, images=images, labels=self.labels.to(device))


def open_images(
    name: str = "digits",
    path: str | Path | None = None,
    size: int = 32,
    split: str = "train",
    limit: int | None = None,
    fit: str = "crop",
    fresh: bool = False,
    say: Callable[[str], None] = print,
) -> ImageSet:
    """The image set of that name, `size` x `size` pixels.

    "digits": scikit-learn's bundled 8x8 digits, enlarged, one channel, needs no file; every sixth
    image is "test". "folder": a folder of pictures, or a .tar, .tar.gz, .tar.bz2, .tar.xz or .zip
    of one. The others are listed by `gantutor data list`, which also says how to get them:
    "cifar10", "cifar100", "stl10" (split "unlabeled" too), "mnist", "fashion-mnist" (one channel),
    "celeba", "lsun-church" (one class), "tiny-imagenet", "imagenet64", "cifar10-jpeg".

    A picture's class is the folder that it lies in, however deep; a folder `images` at the end,
    folders of splits and folders around everything do not count. Splits are folders called train,
    val (valid, validation) or test, above the class folders or below them. Where no picture has a
    class folder, all are of one class, called as the whole; where some have, the others are left
    out. Where there are splits, what lies outside them is left out.

    Every format that Pillow reads is read, by suffix: RGB, turned as EXIF says, 16 bits scaled to
    8, of an animation the first frame, transparency dropped (a colour is what the file says, also
    where it does not show). Links are followed, each real folder once; of two files of one name in
    an archive the last counts. A damaged picture is an error, as far as its format can tell: a
    JPEG has no checksum, and one that still has its end decodes to something. `say` gets one line
    when a set is decoded, and again whenever something of it was left out: files, pictures,
    classes, what was left out and why; it is the set's `note`.

    `path`: where the data lie; None, or a name that is not found as it stands, is looked for in the folder that the
    environment variable GANTUTOR_DATA names, then in ./data. `fit`: pictures that are not square are cropped to the middle
    square ("crop"; KDD GAN's way), or squeezed ("squash"; AdvLatGAN's way with CelebA and LSUN). `limit`: at most so many
    images, balanced over the classes. Files with a published checksum are compared with it, then decoded once into
    `cache_dir()`, whose bytes are verified each time; `fresh` decodes anew. Raises DataError.
    """
    if name not in OPENERS:
        close = get_close_matches(name, OPENERS, 1)
        hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(OPENERS)}"
        if not close and Path(name).exists():
            hint = f"for a folder or archive of your own, open_images('folder', path={name!r})"
        raise DataError(f"image set {name!r} is unknown; {hint}")
    splits = SOURCES[name].splits if name in SOURCES else decode.SPLITS
    if split not in splits:
        raise DataError(f"split={split!r}: {name} has {', '.join(splits)}")
    if path is not None and not str(path):
        raise DataError("path='': pass the path of the data, or None to have them looked for")
    try:
        size, limit = index(size), None if limit is None else index(limit)
    except TypeError:
        raise DataError(f"size={size!r}, limit={limit!r}: expected whole numbers") from None
    if size < 4 or (limit is not None and limit < 1) or fit not in FITS:
        raise DataError(
            f"size={size}, limit={limit}, fit={fit!r}: expected size >= 4, limit >= 1 or None, fit in {', '.join(FITS)}"
        )
    images = OPENERS[name](name, path, size, split, fit, fresh, say)
    if limit is None or limit >= len(images):
        return images
    return replace(images.subset(limit), note=images.note)


def in_range(images: Tensor) -> Tensor:
    """The same images, floats in [-1, 1] or uint8; raises ValueError for other numbers.

    Half a grey level (1/255) beyond is let through, as rounding to bytes takes it back; a
    generator that goes further is to be clamped by its user. Values from 0 to 1 cannot be told
    from bright pictures: mind them yourself.
    """
    if images.dtype == torch.uint8 or images.numel() == 0:
        return images
    if not images.is_floating_point():
        raise ValueError(f"images of {images.dtype}: expected floats in [-1, 1] or torch.uint8")
    low, high = (float(v) for v in images.detach().aminmax())
    if not (isfinite(low) and isfinite(high)):
        raise ValueError("the images hold NaN or infinity: has the generator diverged?")
    if low < -1 - HALF_A_GREY or high > 1 + HALF_A_GREY:
        raise ValueError(
            f"the images hold values from {low:.4g} to {high:.4g}: expected -1 to 1; "
            "scale them (bytes: x / 127.5 - 1) or clamp them"
        )
    return images


def verify(name: str, say: Callable[[str], None] = print) -> None:
    """Compare a set's files with their checksums and decode all splits that are here anew, at their own size, into the cache.

    `say` gets a line a split: images, digest. Raises DataError naming what is corrupt or incomplete.
    """
    if name not in SOURCES:
        raise DataError(f"image set {name!r} is unknown; known: {', '.join(SOURCES)}")
    source, missing, done = SOURCES[name], None, 0
    for split, count in source.splits.items():
        if name != "digits":
            try:
                place = locate(name, split)
            except DataError as error:  # LSUN's splits are files of their own
                missing = error
                say(f"{split}: not here")
                continue
            right = checked(name, place)
            sums = (
                f"{len(right)} file(s) have the published checksum"
                if right
                else "no checksum is known"
            )
            say(f"{split}: {place}, {sums}")
        images = open_images(name, None, source.pixels or 64, split, fresh=True, say=say)
        if len(images) != count:
            raise DataError(
                f"{name}'s split {split} holds {len(images)} images where {count} are published: get its files anew"
            )
        shape = "x".join(map(str, images.shape))
        say(
            f"{split}: {len(images)} images {shape}, {len(images.classes)} classes, digest {images.digest}"
        )
        done += 1
    if not done:
        raise missing


# -- the openers ---------------------------------------------------------------------------------------------------------
Say = Callable[[str], None]


def _digits(name: str, path, size: int, split: str, fit: str, fresh: bool, say: Say) -> ImageSet:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    test = (
        torch.arange(len(bunch.target)) % 6 == 5
    )  # the files are sorted by writer: neighbours are not held apart
    chosen = test if split == "test" else ~test
    images = torch.from_numpy(bunch.images)[chosen, None].float() * (255 / 16)
    return ImageSet(
        name,
        decode.resized(images, size),
        torch.from_numpy(bunch.target).long()[chosen],
        tuple("0123456789"),
    )


def _folder(name: str, path, size: int, split: str, fit: str, fresh: bool, say: Say) -> ImageSet:
    if path is None:
        raise DataError(
            "path=None: 'folder' needs the path of a class folder or of an archive of one"
        )
    source = place_of(path).resolve()
    return _cached(decode.label(source), source, decode.tree, size, split, fit, fresh, say)


def _published(
    read: Callable, name: str, path, size: int, split: str, fit: str, fresh: bool, say: Say
) -> ImageSet:
    return _cached(name, locate(name, split, path), read, size, split, fit, fresh, say)


FASHION = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
READERS: dict[str, Callable[..., decode.Decoded]] = {
    "cifar10": decode.cifar,
    "cifar100": decode.cifar,
    "stl10": decode.stl10,
    "mnist": decode.idx,
    "fashion-mnist": partial(decode.idx, classes=FASHION),
    "celeba": partial(decode.tree, one_class="face"),
    "lsun-church": partial(decode.tree, one_class="church"),
    "tiny-imagenet": decode.tree,
    "imagenet64": decode.imagenet64,
    "cifar10-jpeg": decode.tree,
}
OPENERS = {
    "digits": _digits,
    "folder": _folder,
    **{name: partial(_published, read) for name, read in READERS.items()},
}


# -- the cache -----------------------------------------------------------------------------------------------------------
class _NoRoom(Exception):
    """The cache cannot be written."""


def _cached(
    name: str, source: Path, read: Callable, size: int, split: str, fit: str, fresh: bool, say: Say
) -> ImageSet:
    """Decoded images out of the cache, memory-mapped; decoded now where they are not there yet."""
    openable(source)
    place = cache_dir() / f"images-{_key(source, name in READERS and name, size, split, fit)}"
    if not fresh:
        kept, partly = _load(place, name)
        if kept is not None:
            if partly:
                say(kept.note)
            return kept
        if place.exists():
            say(f"{place} is damaged: decoded anew")
    if name in SOURCES:
        checked(name, source)
    decoded = None
    try:
        with replacing(place) as half:
            half.mkdir()
            new = lambda n, c: _mapped(half / "images.npy", (n, c, size, size))  # noqa: E731
            decoded = read(source, split, size, fit, new)
            decoded.images.flush()
            np.save(half / "labels.npy", decoded.labels.numpy())
            digest = _digest(decoded.images, decoded.labels, decoded.classes)
            about = {"key": place.name, "classes": decoded.classes, "digest": digest}
            about |= {"note": decoded.note, "partial": decoded.partial}
            (half / "about.json").write_text(json.dumps(about))
            if fresh or _load(place, name)[0] is None:
                shutil.rmtree(place, ignore_errors=True)
            # replacing fails where another process was first, whose copy is as good
    except (OSError, _NoRoom):
        pass
    if (kept := _load(place, name)[0]) is None:
        # a cache that cannot be written costs time, not the run
        try:
            new = lambda n, c: np.empty((n, c, size, size), np.uint8)  # noqa: E731
            decoded = read(source, split, size, fit, new)
        except MemoryError as error:
            raise DataError(
                f"{source}: its images at size={size} find room neither in "
                f"{cache_dir()} nor in memory; set GANTUTOR_CACHE to a larger disk, "
                "or ask for a smaller size"
            ) from error
        kept = ImageSet(name, decoded.images, decoded.labels, decoded.classes, note=decoded.note)
    if kept.note:
        say(kept.note)
    return kept


def _mapped(path: Path, shape: tuple[int, ...]) -> np.memmap:
    try:
        array = np.lib.format.open_memmap(path, "w+", np.uint8, shape)
        if hasattr(
            os, "posix_fallocate"
        ):  # a full disk is an error now, not a killed process later
            with open(path, "r+b") as file:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        return array
    except OSError as error:
        raise _NoRoom from error


def _load(place: Path, name: str) -> tuple[ImageSet | None, bool]:
    """What lies there, if its bytes are those once written, and whether something was left out.

    All is read for its digest: half a second to two seconds a GB, by the processor's instructions
    for sha256.
    """
    try:
        about = json.loads((place / "about.json").read_text())
        images, labels = np.load(place / "images.npy", mmap_mode="r"), np.load(place / "labels.npy")
        if about["key"] != place.name or labels.dtype != np.int64:
            return None, False
        classes, note = tuple(about["classes"]), str(about["note"])
        # no digest is passed on: it computes its own
        found = ImageSet(name, images, torch.from_numpy(labels), classes, note=note)
        if found.digest != about["digest"]:
            return None, False
        return found, bool(about["partial"])
    except Exception:  # not there, cut short or not ours: whatever is wrong, it is not used
        return None, False


def _key(source: Path, *how) -> str:
    """Changes with the place, the sizes and the times of the files, and with how they are read."""
    try:
        if source.is_dir():
            found = decode.files(source, decode.Account())
            content = [(name, state.st_size, state.st_mtime_ns) for name, state in found]
        else:
            state = source.stat()
            content = [(state.st_size, state.st_mtime_ns)]
    except OSError as error:
        why = decode.shown(str(error))
        raise DataError(f"{source} cannot be read ({why}): is it yours, and all there?") from error
    how = (*how, sorted(decode.readable()))  # another Pillow may read more of the files
    return hashlib.sha256(repr((CACHE_VERSION, str(source), how, content)).encode()).hexdigest()[
        :20
    ]


def _digest(images: Tensor | np.ndarray, labels: Tensor, classes: tuple[str, ...]) -> str:
    array = images.cpu().numpy() if isinstance(images, Tensor) else images
    state = hashlib.sha256(repr((array.shape, tuple(classes))).encode())
    state.update(np.ascontiguousarray(array).data)
    state.update(labels.cpu().numpy().astype("<i8").tobytes())
    return state.hexdigest()[:12]
