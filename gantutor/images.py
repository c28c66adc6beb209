"""Real images: any class folder or archive of one, torchvision's CIFAR-10, or the digits that come with scikit-learn."""

import hashlib
import io
import json
import lzma
import os
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gantutor.rng import Rng

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".zip")
SPLITS = ("train", "val", "test")
LAYOUT = "expected <class>/*.jpg or <split>/<class>/*.jpg (png and webp too)"
CACHE_VERSION = 1  # part of every cache key: raise it when decoding changes


class DataError(ValueError):
    """Images that cannot be had; the message names the path and the remedy."""


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images and their classes.

    `images` uint8 (N, C, H, W), a tensor or a read-only memory-mapped array; `labels` int64 (N,), indices into `classes`;
    `digest`, a short sha256 of images, labels and class names, stands for the set in records.
    """

    name: str
    images: Tensor | np.ndarray
    labels: Tensor
    classes: tuple[str, ...]
    digest: str = ""

    def __post_init__(self):
        if self.images.ndim != 4 or str(self.images.dtype).removeprefix("torch.") != "uint8" or len(self.images) == 0:
            raise ValueError(f"images {self.images.dtype} {tuple(self.images.shape)}: expected uint8 (N, C, H, W) with N >= 1")
        n, k = len(self.images), len(self.classes)
        if self.labels.shape != (n,) or not 0 <= int(self.labels.min()) <= int(self.labels.max()) < k:
            raise ValueError(f"labels {tuple(self.labels.shape)} for {n} images: expected as many, each from 0 and below {k}, "
                             "the number of classes")  # fmt: skip
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
        """n images in [-1, 1], (n, C, H, W), drawn with replacement by `rng` (an Rng, a torch.Generator or a seed)."""
        rng = Rng.of(rng)
        if rng.stacked:
            raise ValueError(f"rng has the seeds {list(rng.seeds)}: image sets are drawn for one seed at a time, pass one seed")
        return self.floats(rng.randint(len(self), n)).to(rng.device)

    def floats(self, index: Tensor | slice = slice(None)) -> Tensor:
        """The chosen images, by default all, as float32 in [-1, 1]: (n, C, H, W)."""
        if isinstance(self.images, Tensor):
            x = self.images[index if isinstance(index, slice) else index.to(self.images.device)]
        else:  # the array is read-only: copy what was chosen
            x = torch.from_numpy(np.array(self.images[index if isinstance(index, slice) else index.cpu().numpy()]))
        return x.float() / 127.5 - 1

    def subset(self, n: int, seed: int = 0) -> "ImageSet":
        """n different images, as many of each class as can be; the same seed gives the same ones."""
        if not 1 <= n <= len(self):
            raise ValueError(f"n={n}: expected 1 to {len(self)}, the number of images in {self.name}")
        order = torch.randperm(len(self), generator=torch.Generator().manual_seed(seed))
        rank = torch.empty_like(order)  # how many of its own class come before each image
        for c in range(len(self.classes)):
            mine = (self.labels[order] == c).nonzero()[:, 0]
            rank[mine] = torch.arange(len(mine))
        index = order[rank.argsort(stable=True)[:n]].sort().values
        images = self.images[index.to(self.images.device) if isinstance(self.images, Tensor) else index.numpy()]
        return ImageSet(self.name, images, self.labels[index], self.classes)

    def to(self, device: str | torch.device) -> "ImageSet":
        """The same set with its images on a device, so that batches are drawn there."""
        images = self.images if isinstance(self.images, Tensor) else torch.from_numpy(np.array(self.images))
        return replace(self, images=images.to(device))


def open_images(name: str = "digits", path: str | Path | None = None, size: int = 32, split: str = "train",
                limit: int | None = None) -> ImageSet:
    """The image set of that name, `size` x `size` pixels.

    "digits": scikit-learn's bundled 8x8 digits, enlarged, one channel, needs no file; every sixth image is "test".
    "cifar10": torchvision's, downloaded where there is a network. "folder": any tree <class>/*.jpg, <split>/<class>/*.jpg
    or <class>/images/*.jpg, or a .tar, .tar.gz, .tar.xz or .zip of one: an image's folder is its class, short sides are
    cropped square, colours are RGB. "cifar10-jpeg": that loader on `cifar10-jpeg.tar.xz` or a folder `cifar10-jpeg`.

    `path`: where the data lie; None, or a name that is not found as it stands, is looked for in the folder that the
    environment variable GANTUTOR_DATA names, then in ./data. `limit`: at most so many images, balanced over the classes.
    Folders and archives are decoded once into `cache_dir()`. Raises DataError.
    """
    if name not in OPENERS:
        close = get_close_matches(name, OPENERS, 1)
        hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(OPENERS)}"
        if not close and Path(name).exists():
            hint = f"for a folder or archive of your own, open_images('folder', path={name!r})"
        raise DataError(f"image set {name!r} is unknown; {hint}")
    if split not in SPLITS:
        raise DataError(f"split={split!r}: expected one of {', '.join(SPLITS)}")
    if size < 4 or (limit is not None and limit < 1):
        raise DataError(f"size={size}, limit={limit}: expected size >= 4 and limit >= 1 or None")
    images = OPENERS[name](path, size, split)
    return images if limit is None or limit >= len(images) else images.subset(limit)


def cache_dir() -> Path:
    """Where decoded images and small classifiers are kept: $GANTUTOR_CACHE, or ~/.cache/gantutor."""
    return Path(os.environ.get("GANTUTOR_CACHE") or "~/.cache/gantutor").expanduser()


# -- the openers ---------------------------------------------------------------------------------------------------------
def _digits(path, size: int, split: str) -> ImageSet:
    from sklearn.datasets import load_digits

    if split == "val":
        raise DataError("split='val': the digits have 'train' and 'test'")
    bunch = load_digits()
    test = torch.arange(len(bunch.target)) % 6 == 5  # the files are sorted by writer: neighbours are not held apart
    chosen = test if split == "test" else ~test
    images = torch.from_numpy(bunch.images)[chosen, None].float() * (255 / 16)
    return ImageSet("digits", _resized(images, size), torch.from_numpy(bunch.target).long()[chosen], tuple("0123456789"))


def _cifar10(path, size: int, split: str) -> ImageSet:
    from torchvision.datasets import CIFAR10

    if split == "val":
        raise DataError("split='val': CIFAR-10 has 'train' and 'test'")
    places = [Path(path)] if path is not None else _data_dirs()
    root = next((p for p in places if (p / CIFAR10.base_folder).is_dir() or (p / CIFAR10.filename).is_file()), places[0])
    try:
        data = CIFAR10(str(root), train=split == "train", download=True)
    except (OSError, RuntimeError) as error:  # URLError is an OSError
        raise DataError(f"CIFAR-10 is not in {root} and could not be downloaded ({_line(error)}): put {CIFAR10.filename} there, "
                        "or use 'digits', which needs no file") from error  # fmt: skip
    images = torch.from_numpy(data.data).permute(0, 3, 1, 2).contiguous()
    return ImageSet("cifar10", _resized(images, size), torch.tensor(data.targets), tuple(data.classes))


def _cifar10_jpeg(path, size: int, split: str) -> ImageSet:
    if path is None:
        places = [d / n for d in _data_dirs() for n in ("cifar10-jpeg", "cifar10-jpeg.tar.xz")]
        path = next((p for p in places if p.exists()), None)
    if path is None:
        raise DataError("cifar10-jpeg is not here: set GANTUTOR_DATA to the folder that holds cifar10-jpeg.tar.xz, or pass path=")
    return replace(_folder(path, size, split), name="cifar10-jpeg")


def _folder(path, size: int, split: str) -> ImageSet:
    if path is None:
        raise DataError("path=None: 'folder' needs the path of a class folder or of an archive of one")
    places = [Path(path), *(d / path for d in _data_dirs())]
    source = next((p for p in places if p.exists()), None)
    if source is None:
        raise DataError(f"{path} is not here: check the path, or set GANTUTOR_DATA to the folder that holds it")
    source = source.resolve()
    if not source.is_dir() and not source.name.lower().endswith(ARCHIVES):
        raise DataError(f"{source} is neither a folder nor one of {', '.join(ARCHIVES)}: pass one of these")
    name = source.name
    for suffix in ARCHIVES:
        name = name.removesuffix(suffix)
    return _cached(name, source, size, split)


OPENERS: dict[str, Callable[..., ImageSet]] = {
    "digits": _digits, "cifar10": _cifar10, "cifar10-jpeg": _cifar10_jpeg, "folder": _folder,
}  # fmt: skip


def _data_dirs() -> list[Path]:
    named = os.environ.get("GANTUTOR_DATA")
    return [*([Path(named).expanduser()] if named else []), Path("data")]


# -- class folders and archives ------------------------------------------------------------------------------------------
def _decode(source: Path, size: int, split: str) -> tuple[np.ndarray, Tensor, tuple[str, ...]]:
    """One pass over a folder or archive: images uint8 (N, 3, size, size), labels, classes; sorted by class and file name."""
    found, splits, n_images = [], set(), 0
    with _reading(source), closing(_members(source)) as members:
        for name, read in members:
            if not name.lower().endswith(SUFFIXES):
                continue
            n_images += 1
            its_split, its_class = _place(name)
            if its_split is not None:
                splits.add(its_split)
            if not its_class or (its_split != split if splits else False):
                continue
            found.append((its_class, name, its_split, _pixels(read(), size, name, source)))
    if splits:  # where there are splits, what lies outside them (Tiny ImageNet's val/images) is not of ours
        found = [f for f in found if f[2] == split]
    elif split != "train" and found:
        raise DataError(f"{source} has no split folders, so no {split!r}: pass split='train' for all of it, or add {split}/")
    if not n_images:
        empty = source.is_dir() and not any(source.iterdir())
        raise DataError(f"{source} {'is empty' if empty else 'holds no images'}: {LAYOUT}")
    if splits and not found:
        raise DataError(f"{source} has no split {split!r}: it has {', '.join(sorted(splits))}")
    if not found:
        raise DataError(f"{source} holds images but no class folders: {LAYOUT}")
    found.sort(key=lambda f: f[:2])
    classes = sorted({f[0] for f in found})
    images = np.empty((len(found), 3, size, size), np.uint8)
    for i, (*_, pixels) in enumerate(found):
        images[i] = pixels.numpy()
    number = {c: i for i, c in enumerate(classes)}
    return images, torch.tensor([number[f[0]] for f in found]), tuple(classes)


def _place(name: str) -> tuple[str | None, str]:
    """Split (or None) and class of an image: its folder is its class, a folder `train` above that is its split."""
    folders = name.split("/")[:-1]
    folders = folders[:-1] if folders[-1:] == ["images"] else folders
    split = next((f.lower() for f in folders[:-1] if f.lower() in SPLITS), None)
    return split, folders[-1] if folders else ""


def _pixels(data: bytes, size: int, name: str, source: Path) -> Tensor:
    """Decode, crop the middle square, resize: uint8 (3, size, size)."""
    from torchvision.io import ImageReadMode, decode_image

    try:
        image = decode_image(torch.frombuffer(bytearray(data), dtype=torch.uint8), ImageReadMode.RGB)
    except Exception as error:  # ValueError for no bytes, RuntimeError for wrong ones
        raise DataError(f"image {name} in {source} is no readable picture: replace or delete it") from error
    height, width = image.shape[1:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return _resized(image[None, :, top : top + side, left : left + side], size)[0]


def _members(source: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Relative name and reader of each file, in one pass; nothing is unpacked to disk. Hidden files are left out."""
    walk = _files(source) if source.is_dir() else _in_zip(source) if source.suffix.lower() == ".zip" else _in_tar(source)
    with closing(walk):
        for name, read in walk:
            name = name.removeprefix("./")
            parts = name.split("/")
            if name.startswith("/") or ".." in parts:
                raise DataError(f"archive {source} holds the unsafe path {name!r}: do not use it, or pack it anew")
            if not any(p.startswith(".") or p == "__MACOSX" for p in parts):
                yield name, read


def _files(root: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    for folder, folders, files in os.walk(root, followlinks=True):
        folders.sort()
        for file in sorted(files):
            path = Path(folder, file)
            yield path.relative_to(root).as_posix(), path.read_bytes


def _in_zip(path: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                yield info.filename, lambda info=info: archive.read(info)


def _in_tar(path: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    # "r:*", not the stream mode "r|*": that one takes a truncated file for a short one
    with tarfile.open(path, "r:*") as archive:
        for info in archive:
            if info.isfile():
                yield info.name, lambda info=info: archive.extractfile(info).read()
        archive.fileobj.seek(archive.offset)
        if archive.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise EOFError("the end mark of a tar is missing")
        while archive.fileobj.read(1 << 20):  # to the compressed stream's own end and checksum
            pass


@contextmanager
def _reading(source: Path) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError, OSError) as error:
        kind = "archive, truncated or damaged" if source.is_file() else "folder"
        raise DataError(f"{source} cannot be read to its end ({kind}: {_line(error)}): copy or download it anew") from error


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


# -- the cache -----------------------------------------------------------------------------------------------------------
def _cached(name: str, source: Path, size: int, split: str) -> ImageSet:
    """Decoded images out of the cache, memory-mapped; decoded now where they are not there yet."""
    place = cache_dir() / f"images-{_key(source, size, split)}"
    if (kept := _load(place, name)) is not None:
        return kept
    images = ImageSet(name, *_decode(source, size, split))
    partial = place.with_name(f"{place.name}.{os.getpid()}.partial")
    try:
        shutil.rmtree(place, ignore_errors=True)  # unreadable, or it would have been returned
        partial.mkdir(parents=True)
        np.save(partial / "images.npy", images.images)
        np.save(partial / "labels.npy", images.labels.numpy())
        (partial / "about.json").write_text(json.dumps({"classes": images.classes, "digest": images.digest}))
        os.replace(partial, place)  # whole or not at all; fails where another process was first, whose copy is as good
    except OSError:
        shutil.rmtree(partial, ignore_errors=True)
    kept = _load(place, name)
    return images if kept is None else kept  # a cache that cannot be written costs time, not the run


def _load(place: Path, name: str) -> ImageSet | None:
    try:
        about = json.loads((place / "about.json").read_text())
        images, labels = np.load(place / "images.npy", mmap_mode="r"), np.load(place / "labels.npy")
        return ImageSet(name, images, torch.from_numpy(labels), tuple(about["classes"]), about["digest"])
    except (OSError, ValueError, EOFError, KeyError):
        return None


def _key(source: Path, size: int, split: str) -> str:
    """Changes with the place, the sizes and the times of the files."""
    if source.is_dir():
        stats = [(name, (source / name).stat()) for name, _ in _files(source)]
        content = [(name, s.st_size, s.st_mtime_ns) for name, s in stats]
    else:
        content = [(source.stat().st_size, source.stat().st_mtime_ns)]
    return hashlib.sha256(repr((CACHE_VERSION, str(source), size, split, content)).encode()).hexdigest()[:20]


def _digest(images: Tensor | np.ndarray, labels: Tensor, classes: tuple[str, ...]) -> str:
    array = images.cpu().numpy() if isinstance(images, Tensor) else images
    state = hashlib.sha256(repr((array.shape, tuple(classes))).encode())
    state.update(np.ascontiguousarray(array).data)
    state.update(labels.cpu().numpy().astype("<i8").tobytes())
    return state.hexdigest()[:12]


def _resized(images: Tensor, size: int) -> Tensor:
    """uint8 (N, C, size, size), bilinear with antialiasing."""
    if images.shape[-2:] != (size, size):
        images = torch.nn.functional.interpolate(images.float(), (size, size), mode="bilinear", antialias=True)
    return images.round().clamp(0, 255).to(torch.uint8) if images.is_floating_point() else images
