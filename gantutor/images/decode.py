"""Readers of image files as they are published: class folders, archives, and the binary layouts of the classic sets.

Each reader is `read(source, split, size, fit, new) -> Decoded`. It asks `new(n, channels)` once
for the uint8 array (n, channels, size, size) that it fills, so a set larger than the memory can be
decoded into a file.
"""

import gzip
import io
import lzma
import os
import pickle
import posixpath
import re
import stat
import struct
import sys
import tarfile
import threading
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import torch
from torch import Tensor

from gantutor.datasets import ARCHIVES, DataError

SPLITS = ("train", "val", "test")
# what folders of splits are called
SPLIT_OF = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
LAYOUT = "expected <class>/*.jpg, <split>/<class>/*.jpg or pictures in one folder"
BLOCK = 512  # images at a time
LARGEST = 2**30  # bytes of a picture's file; more is a bomb or no picture
PIXELS = 2**27  # of a picture: 11585 x 11585
PHOTOMETRIC = 262  # TIFF's tag for what its zero means: 0 is white
# Pillow's formats that are no pictures here: the first needs Ghostscript, a program that runs what
# the file says; the second is drawn on Windows alone; of the next four Pillow knows the name only;
# the last two hold measurements without a white, and notes to a picture
NO_PICTURES = ("EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG", "FITS", "IPTC")
# recognised by how they begin, whatever their suffix says
KNOWN_BY_CONTENT = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000")

New = Callable[[int, int], np.ndarray]
Member = tuple[str, int, Callable[[], BinaryIO]]  # relative name, bytes, opener


class Decoded(NamedTuple):
    """Images (n, C, size, size), their classes, and a line on what was read and what was not.

    `partial`: whether the line tells of something left out or changed.
    """

    images: np.ndarray
    labels: Tensor
    classes: tuple[str, ...]
    note: str = ""
    partial: bool = False


class Account:
    """What became of a source's files: each is counted once, each reason has an example."""

    def __init__(self):
        self.files = self.elsewhere = 0  # elsewhere: pictures of other splits
        self.left: dict[str, list] = {}
        self.changed: dict[str, list] = {}

    def leave(self, why: str, name: str) -> None:
        """This file is left out."""
        self.left.setdefault(why, [0, name])[0] += 1

    def change(self, how: str, name: str) -> None:
        """This picture is taken, but not all of it."""
        self.changed.setdefault(how, [0, name])[0] += 1

    def line(self, what: str, images: int, classes: int) -> str:
        """Files, pictures, classes, what was left out and why."""
        line = f"{what}: {_count(self.files, 'file')}, {_count(images, 'picture')} in "
        line += _count(classes, "class")
        if self.elsewhere:
            line += f", {self.elsewhere} more in other splits"
        for title, found in (("left out", self.left), ("taken in part", self.changed)):
            if found:
                each = (
                    f"{count} {ONE.get(why, why) if count == 1 else why} ({shown(name)})"
                    for why, (count, name) in found.items()
                )
                line += f"; {title}: {', '.join(each)}"
        return line


def _count(n: int, thing: str) -> str:
    if n == 1:
        return f"1 {thing}"
    return f"{n} {thing}{'es' if thing.endswith('s') else 's'}"


def shown(name: str) -> str:
    """A file's name as it can be printed on one line, whatever bytes it is made of."""
    text = name.encode("utf-8", "backslashreplace").decode()
    return text.replace("\n", "\\n").replace("\r", "\\r")


def readable() -> dict[str, str]:
    """The suffixes of the pictures that are read, each with Pillow's name of its format."""
    from PIL import Image

    known = Image.registered_extensions().items()
    found = {end: kind for end, kind in known if kind in Image.OPEN and kind not in NO_PICTURES}
    return found | {".mpo": "JPEG"}  # two photos in one file, the first as any JPEG


# -- class folders and archives of them ----------------------------------------------------------------------------------
def tree(source: Path, split: str, size: int, fit: str, new: New, one_class: str = "") -> Decoded:
    """Images in class folders, sorted by class and file name; with `one_class` all images, wherever they lie, are of it.

    A file val_annotations.txt (Tiny ImageNet's: image, class, ... by tabs) names the classes of the images beside and below it.
    """
    account, formats = Account(), readable()
    names, noted = [], {}
    with _reading(source), _members(source, account) as members:
        for name, length, opened in members:
            suffix = posixpath.splitext(name)[1].lower()
            if suffix in formats:
                if length > LARGEST:
                    raise DataError(
                        f"image {shown(name)} in {source} has {length / 1e9:.1f} GB, "
                        "too much for a picture: delete it"
                    )
                names.append(name)
            else:
                account.leave(suffix or "without a suffix", name)
                if name.split("/")[-1] == "val_annotations.txt":
                    text = _read(opened).decode("utf-8", "replace")
                    rows = [line.split("\t") for line in text.splitlines() if "\t" in line]
                    noted[name.rpartition("/")[0]] = {row[0]: row[1] for row in rows}
        if not names:
            empty = source.is_dir() and not any(source.iterdir())
            raise DataError(f"{source} {'is empty' if empty else 'holds no images'}: {LAYOUT}")
        found = _chosen(source, split, names, noted, one_class, account)
        classes = sorted({c for c, _ in found})
        number = {c: i for i, c in enumerate(classes)}
        row = {name: i for i, (_, name) in enumerate(found)}
        images = new(len(found), 3)

        def write(block: list[tuple[str, bytes]]) -> list[tuple[str, str]]:
            changes = []
            for name, data in block:
                images[row[name]], change = _pixels(data, size, fit, name, source, formats)
                changes += [(how, name) for how in change]
            return changes

        threads = os.cpu_count() or 1
        with _strict_pillow(), ThreadPoolExecutor(threads) as pool:
            wanted = ((name, _read(opened)) for name, _, opened in members if name in row)
            # reading is sequential, decoding is not
            while block := list(islice(wanted, 64 * threads)):
                parts = [block[i : i + 64] for i in range(0, len(block), 64)]
                for changes in pool.map(write, parts):
                    for how, name in changes:
                        account.change(how, name)
    labels = torch.tensor([number[c] for c, _ in found])
    line = account.line(f"{source.name} ({split})", len(found), len(classes))
    return Decoded(images, labels, tuple(classes), line, bool(account.left or account.changed))


def label(source: Path) -> str:
    """What a folder or archive is called, without an archive's suffix."""
    for end in sorted(ARCHIVES, key=len, reverse=True):
        if source.name.lower().endswith(end) and not source.is_dir():
            return source.name[: -len(end)]
    return source.name


def _chosen(
    source: Path,
    split: str,
    names: list[str],
    noted: dict[str, dict[str, str]],
    one_class: str,
    account: Account,
) -> list[tuple[str, str]]:
    """(class, name) of the images of a split, sorted; the account is told of the others."""
    if one_class:
        return sorted((one_class, name) for name in names)
    placed = _places(names, noted, label(source))
    splits = {s for s, _ in placed.values() if s is not None}
    if not splits and split != "train":
        raise DataError(
            f"{source} has no split folders, so no {split!r}: "
            f"pass split='train' for all of it, or add {split}/"
        )
    if splits and split not in splits:
        raise DataError(f"{source} has no split {split!r}: it has {', '.join(sorted(splits))}")
    found = []
    for name, (its_split, its_class) in placed.items():
        if splits and its_split is None:
            # Tiny ImageNet's test/images, say: what lies outside the splits is not of ours
            account.leave("outside the split folders", name)
        elif splits and its_split != split:
            account.elsewhere += 1
        elif not its_class:
            account.leave("in no class folder", name)
        else:
            found.append((its_class, name))
    if not found:
        raise DataError(
            f"{source} has no class folders in its split {split!r}, "
            f"where others have them: {LAYOUT}"
        )
    return sorted(found)


def _places(
    names: list[str], noted: dict[str, dict[str, str]], whole: str
) -> dict[str, tuple[str | None, str]]:
    """Split (or None) and class of each image; "" for one without a class where others have one.

    An image's folder is its class; folders that hold all images, `images` at the end, and splits
    do not count. A folder called as a split is one where it holds folders, or where all folders
    beside it are called so, too.
    """
    folders = {}
    for name in names:
        path = name.split("/")[:-1]
        folders[name] = path[:-1] if path[-1:] == ["images"] else path
    above = _shared(list(folders.values()))
    beside: dict[tuple[str, ...], set[str]] = {}
    holders = set()  # folders that hold folders
    for path in folders.values():
        for depth in range(len(path)):
            beside.setdefault(tuple(path[:depth]), set()).add(path[depth].lower())
            holders.add(tuple(path[:depth]))
    placed, bare = {}, []  # bare: directly in the folder of a split
    classes_in_splits = False
    for name, path in folders.items():
        ends_in_split = bool(path) and path[-1].lower() in SPLIT_OF
        if ends_in_split and tuple(path) not in holders:
            ends_in_split = beside[tuple(path[:-1])] <= set(SPLIT_OF)
        split = next((SPLIT_OF[f.lower()] for f in path[:-1] if f.lower() in SPLIT_OF), None)
        if (notes := noted.get("/".join(path))) is not None:
            split = SPLIT_OF.get(path[-1].lower(), split) if path else split
            placed[name] = split, notes.get(name.split("/")[-1], "")
        elif split is None and ends_in_split:
            bare.append(name)
        else:
            placed[name] = split, path[-1] if len(path) > len(above) else ""
            classes_in_splits |= split is not None
    for name in bare:
        *parents, own = folders[name]
        # <class>/<split>/ is as good as <split>/<class>/, but not beside it
        its_class = parents[-1] if len(parents) > len(above) and not classes_in_splits else ""
        placed[name] = SPLIT_OF[own.lower()], its_class
    if not any(its_class for _, its_class in placed.values()):
        one = above[-1] if above else whole
        placed = {name: (split, one) for name, (split, _) in placed.items()}
    return {name: placed[name] for name in names}


def _shared(paths: list[list[str]]) -> list[str]:
    """The folders that all paths go through, down to the first that may be a split."""
    shared = paths[0]
    for path in paths:
        while path[: len(shared)] != shared:
            shared = shared[:-1]
    for depth, folder in enumerate(shared):
        if folder.lower() in SPLIT_OF:
            return shared[:depth]
    return shared


# -- one picture ------------------------------------------------------------------------------
_pillow = threading.Lock()


@contextmanager
def _strict_pillow() -> Iterator[None]:
    """Pillow's switches as needed here, whatever the program has set; none of its warnings."""
    from PIL import Image, ImageFile

    with _pillow:  # switches and filters are the whole process's
        kept = ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS
        # else what is missing of a picture is filled in grey
        ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = False, PIXELS
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", module=r"PIL(\.|$)")
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                yield
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = kept


def _pixels(
    data: bytes, size: int, fit: str, name: str, source: Path, formats: dict[str, str]
) -> tuple[np.ndarray, list[str]]:
    """Decode, turn upright, crop the middle square or squash, resize.

    Gives uint8 (3, size, size) and what was not taken. Raises DataError with the picture's name.
    """
    try:
        known = [kind for kind in KNOWN_BY_CONTENT if kind in formats.values()]
        kind = formats[posixpath.splitext(name)[1].lower()]
        image, changes = _picture(data, tuple(dict.fromkeys([*known, kind])))
    except Exception as error:  # a decoder may raise anything for wrong bytes
        # the text of this one has an address in memory
        unknown = type(error).__name__ == "UnidentifiedImageError"
        why = "no known format" if unknown else shown(_line(error))
        raise DataError(
            f"image {shown(name)} in {source} is no readable picture: replace or delete it ({why})"
        ) from error
    if fit == "crop":
        height, width = image.shape[1:]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        image = image[:, top : top + side, left : left + side]
    pixels = torch.from_numpy(np.array(image, order="C"))[None]  # a copy: Pillow's is read-only
    return resized(pixels, size)[0].numpy(), changes


def _picture(data: bytes, formats: tuple[str, ...]) -> tuple[np.ndarray, list[str]]:
    """uint8 (3, H, W) as a viewer shows it; and of frames and transparency, which were dropped."""
    from PIL import Image

    # libjpeg fills what is missing with grey: a whole file has its end mark after the last scan
    if data[:2] == b"\xff\xd8" and data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda"):
        raise ValueError("half a JPEG")
    changes = []
    with Image.open(io.BytesIO(data), formats=formats) as image:
        if image.format == "PNG":
            # decoding looks at no checksum and stops at the last row
            with Image.open(io.BytesIO(data), formats=("PNG",)) as chunks:
                chunks.verify()
        if image.format not in ("JPEG", "MPO", "PSD") and getattr(image, "is_animated", False):
            changes.append("by its first frame")
        raw = _raw_mode(image)
        image.load()  # now it has the mode that it keeps
        if image.has_transparency_data and not image.mode.startswith(("I", "F")):
            changes += _transparency(image)
        array = _bytes(image, raw, data, formats)
    if array.ndim == 2:
        array = np.repeat(array[:, :, None], 3, 2)
    return array.transpose(2, 0, 1), changes


def _transparency(image) -> list[str]:
    bands = image.getbands()
    if bands[-1] not in ("A", "a"):  # one colour of a palette, say
        image = image.convert("RGBA")
    alpha = image.getchannel(image.getbands()[-1])
    return ["without transparency"] if alpha.getextrema()[0] < 255 else []


def _bytes(image, raw: str, data: bytes, formats: tuple[str, ...]) -> np.ndarray:
    """A loaded picture, upright, as uint8 (H, W, 3) or (H, W); deeper values are scaled."""
    from PIL import Image

    # Pillow turns a TIFF whose zero is white with 8 bits, and leaves deeper ones as they are
    negative = image.format == "TIFF" and image.tag_v2.get(PHOTOMETRIC) == 0
    if image.mode.startswith("I;16"):
        white = 4095 if raw == "I;12" else 65535
        values = np.asarray(_upright(image))
        return _scaled(white - values if negative else values, white)
    if image.mode == "I":
        values = np.asarray(_upright(image))
        low, high = int(values.min()), int(values.max())
        # PNG and PPM come as 16 bits; elsewhere these are 32 bits without a known white
        known = image.format in ("PNG", "PPM") or high == 0 or high > 255
        if low < 0 or high > 65535 or not known:
            raise ValueError(f"32-bit values from {low} to {high}: save it with 8 or 16 bits")
        return _scaled(values, 65535)
    if image.mode == "F":
        values = np.asarray(_upright(image))
        if not (values.min() >= 0 and values.max() <= 1):
            raise ValueError(f"float values from {values.min()} to {values.max()}: expected 0 to 1")
        return np.rint((1 - values if negative else values) * 255).astype(np.uint8)
    low_raw = _low_bytes(raw)
    if image.mode in ("RGBa", "La"):  # Pillow turns them into RGB by this way alone
        image = image.convert(image.mode.upper())
    high = np.asarray(_upright(image if image.mode == "RGB" else image.convert("RGB")))
    if low_raw is None:
        return high
    # of 16-bit colours Pillow keeps the high bytes; the other byte order gives the low ones
    with Image.open(io.BytesIO(data), formats=formats) as again:
        again.tile = [t._replace(args=_replaced(t.args, low_raw)) for t in again.tile]
        again.load()
        again.info.pop("transparency", None)
        low = np.asarray(_upright(again if low_raw == "RGBA" else again.convert("RGB")))
    if low_raw == "RGBA":  # grey with alpha, as its four bytes
        return _scaled(low[:, :, 0] * np.uint16(256) + low[:, :, 1], 65535)
    return _scaled(high * np.uint16(256) + low, 65535)


def _raw_mode(image) -> str:
    """How the pixels lie in an opened file, by Pillow's name; "" where it does not say."""
    found = set()
    for tile in image.tile:
        args = tile.args if isinstance(tile.args, tuple) else (tile.args,)
        found.add(args[0] if args and isinstance(args[0], str) else "")
    return found.pop() if len(found) == 1 else ""


def _low_bytes(raw: str) -> str | None:
    """The raw mode that reads the low bytes of 16-bit colours; None for any other picture."""
    if raw == "LA;16B":
        return "RGBA"
    if not re.fullmatch(r"RGB[AX]?;16[BLN]", raw):
        return None
    little = raw[-1] == "L" or (raw[-1] == "N" and sys.byteorder == "little")
    return raw[:-1] + ("B" if little else "L")


def _replaced(args, raw: str):
    return raw if isinstance(args, str) else (raw, *args[1:])


def _scaled(values: np.ndarray, white: int) -> np.ndarray:
    """Bytes: white is 255, the others to the nearest."""
    return ((values.astype(np.int64) * 255 * 2 + white) // (2 * white)).astype(np.uint8)


def _upright(image):
    """Turned as the camera was held."""
    from PIL import ImageOps

    try:
        turn = image.getexif().get(0x0112)
    except Exception:  # notes that cannot be read are no damage to the picture
        return image
    return ImageOps.exif_transpose(image) if turn in (2, 3, 4, 5, 6, 7, 8) else image


def resized(images: Tensor, size: int) -> Tensor:
    """uint8 (N, C, size, size), bilinear with antialiasing."""
    if images.shape[-2:] != (size, size):
        images = torch.nn.functional.interpolate(
            images.float(), (size, size), mode="bilinear", antialias=True
        )
    return images.round().clamp(0, 255).to(torch.uint8) if images.is_floating_point() else images


# -- the binary layouts --------------------------------------------------------------------------------------------------
def cifar(source: Path, split: str, size: int, fit: str, new: New) -> Decoded:
    """CIFAR-10 and CIFAR-100, the Python version: pickled {data: (n, 3072), [fine_]labels: n numbers}, red, green, blue."""
    hundred = "meta" in (held := _held(source, {"batches.meta", "meta"}))
    key = "fine_label" if hundred else "label"
    meta = _plain(source, "meta" if hundred else "batches.meta", held)
    names = ["train" if split == "train" else "test"] if hundred else CIFAR10[split]
    held = _held(source, set(names))
    parts = [_plain(source, name, held) for name in names]
    try:
        classes = tuple(
            str(c, "ascii") if isinstance(c, bytes) else str(c) for c in meta[f"{key}_names"]
        )
        data = np.concatenate([p["data"] for p in parts])
        labels = torch.tensor([int(v) for p in parts for v in p[f"{key}s"]])
        if (
            data.dtype != np.uint8
            or data.shape != (len(labels), 3072)
            or not 0 <= labels.min() <= labels.max() < len(classes)
        ):
            raise ValueError
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"{', '.join(names)} in {source} are no CIFAR batches (data uint8 (n, 3072), {key}s): "
            "get them anew"
        ) from error
    images = new(len(data), 3)
    _fill(images, 0, data.reshape(-1, 3, 32, 32), size)
    return Decoded(images, labels, classes)


CIFAR10 = {"train": [f"data_batch_{i}" for i in range(1, 6)], "test": ["test_batch"]}


def stl10(source: Path, split: str, size: int, fit: str, new: New) -> Decoded:
    """STL-10: {split}_X.bin holds 3 x 96 x 96 bytes an image, each channel column by column; {split}_y.bin its class from 1.

    The unlabelled images are of one class "unlabeled".
    """
    images = labels = None
    classes: tuple[str, ...] = ()
    with _reading(source), _members(source) as members:
        for name, length, opened in members:
            base = name.split("/")[-1]
            if base == f"{split}_X.bin":
                n, rest = divmod(length, 3 * 96 * 96)
                if rest or not n:
                    raise DataError(
                        f"{name} in {source} has {length} bytes, no multiple of 27648: it is cut off, get it anew"
                    )
                images = new(n, 3)
                with opened() as file:
                    for i in range(0, n, BLOCK):
                        block = np.frombuffer(
                            _exactly(file, min(BLOCK, n - i) * 27648, name), np.uint8
                        )
                        _fill(images, i, block.reshape(-1, 3, 96, 96).swapaxes(2, 3), size)
            elif base == f"{split}_y.bin":
                labels = (
                    torch.from_numpy(np.frombuffer(_read(opened), np.uint8).astype(np.int64)) - 1
                )
            elif base == "class_names.txt":
                classes = tuple(_read(opened).decode().split())
    if images is None or (labels is None and split != "unlabeled"):
        raise DataError(
            f"{source} has no {split}_{'X' if images is None else 'y'}.bin: unpack the archive anew"
        )
    if split == "unlabeled":
        labels = torch.zeros(len(images), dtype=torch.int64)
        return Decoded(images, labels, ("unlabeled",))
    classes = classes or (
        "airplane",
        "bird",
        "car",
        "cat",
        "deer",
        "dog",
        "horse",
        "monkey",
        "ship",
        "truck",
    )
    _fits(images, labels, classes, f"{split}_y.bin in {source}")
    return Decoded(images, labels, classes)


def idx(
    source: Path,
    split: str,
    size: int,
    fit: str,
    new: New,
    classes: tuple[str, ...] = tuple("0123456789"),
) -> Decoded:
    """MNIST's layout, packed by gzip or not: a big-endian header (magic, sizes), then bytes."""
    stem = "train" if split == "train" else "t10k"
    wanted = {
        f"{stem}-{what}-idx{rank}-ubyte": rank for what, rank in (("images", 3), ("labels", 1))
    }
    arrays = {}
    with _reading(source), _members(source) as members:
        for name, _, opened in members:
            key = name.split("/")[-1].removesuffix(".gz").replace(".idx", "-idx")
            if key in wanted and wanted[key] not in arrays:
                arrays[wanted[key]] = _idx(_read(opened), wanted[key], f"{name} in {source}")
    for key, rank in wanted.items():
        if rank not in arrays:
            raise DataError(f"{source} has no {key} nor {key}.gz: copy all four files")
    labels = torch.from_numpy(arrays[1].astype(np.int64))
    images = new(len(arrays[3]), 1)
    _fits(images, labels, classes, f"{stem}-labels in {source}")
    _fill(images, 0, arrays[3][:, None], size)
    return Decoded(images, labels, classes)


def _idx(data: bytes, rank: int, what: str) -> np.ndarray:
    try:
        data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        shape = tuple(int(v) for v in np.frombuffer(data, ">i4", rank, 4))
        if int.from_bytes(data[:4]) != 0x800 + rank or shape[0] < 1:  # 0x08: unsigned bytes
            raise ValueError
        return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise DataError(f"{what} is no whole idx file of {rank} dimensions: get it anew") from error


def imagenet64(source: Path, split: str, size: int, fit: str, new: New) -> Decoded:
    """The official downsampled ImageNet, .npz with `data` (n, 12288) red, green, blue and `labels` from 1; else class folders.

    The official files squashed whole pictures by a box filter; KDD GAN cropped squares: two different sets.
    """
    if not source.is_dir() or not (batches := sorted(source.rglob("*.npz"), key=_natural)):
        return tree(source, split, size, fit, new)
    batches = [
        b
        for b in batches
        if re.fullmatch(r"train_data_batch_\d+" if split == "train" else r"val_data", b.stem)
    ]
    if not batches:
        raise DataError(
            f"{source} has no {'train_data_batch_*' if split == 'train' else 'val_data'}.npz: unpack it there"
        )
    labels, lengths = [], []
    for path in batches:
        with _npy(path, "labels") as (shape, file):
            labels.append(
                torch.from_numpy(np.frombuffer(file.read(), file.dtype).astype(np.int64)) - 1
            )
        with _npy(path, "data") as (shape, file):
            if (
                file.dtype != np.uint8
                or len(shape) != 2
                or shape[1] != 12288
                or shape[0] != len(labels[-1])
            ):
                raise DataError(
                    f"{path} holds data {file.dtype} {shape} for {len(labels[-1])} labels: expected uint8 (n, 12288)"
                )
        lengths.append(shape[0])
    every = torch.cat(labels)
    classes = tuple(f"{i}" for i in range(1, int(every.max()) + 2))
    images = new(sum(lengths), 3)
    _fits(images, every, classes, f"the labels in {source}")
    at = 0
    for path, n in zip(batches, lengths, strict=True):
        with _npy(path, "data") as (_, file):
            for i in range(0, n, BLOCK):
                block = np.frombuffer(
                    _exactly(file, min(BLOCK, n - i) * 12288, path.name), np.uint8
                )
                _fill(images, at + i, block.reshape(-1, 3, 64, 64), size)
            file.read()  # to the end, where zipfile compares the checksum
        at += n
    return Decoded(images, every, classes)


@contextmanager
def _npy(path: Path, key: str) -> Iterator[tuple[tuple[int, ...], BinaryIO]]:
    """Shape and open file (with `.dtype`) of an array in an .npz, so that it need not be in memory; objects are refused."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{key}.npy") as file:
            version = np.lib.format.read_magic(file)
            header = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            shape, by_columns, file.dtype = header(file)
            if by_columns and len(shape) > 1 or file.dtype.hasobject:
                raise ValueError(f"{key} is stored by columns or as objects")
            yield shape, file
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, KeyError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{path} cannot be read to its end ({_line(error)}): copy or download it anew"
        ) from error


def _natural(path: Path) -> list:
    return [int(t) if t.isdigit() else t for t in re.split(r"(\d+)", path.as_posix())]


def _read(opened: Callable[[], BinaryIO]) -> bytes:
    with opened() as file:
        return file.read()


def _exactly(file: BinaryIO, n: int, name: str) -> bytes:
    data = file.read(n)
    if len(data) != n:
        raise EOFError(f"{name} ends too early")
    return data


def _fill(images: np.ndarray, at: int, pixels: np.ndarray, size: int) -> None:
    for i in range(0, len(pixels), BLOCK):
        block = torch.from_numpy(
            np.array(pixels[i : i + BLOCK], order="C")
        )  # a copy: what was read may be read-only
        images[at + i : at + i + len(block)] = resized(block, size).numpy()


def _fits(images: np.ndarray, labels: Tensor, classes: tuple[str, ...], what: str) -> None:
    if len(labels) != len(images) or not 0 <= int(labels.min()) <= int(labels.max()) < len(classes):
        raise DataError(
            f"{what} do not fit: {len(labels)} for {len(images)} images of {len(classes)} classes; get the files anew"
        )


# -- pickles that cannot run code ------------------------------------------------------------------------------------------
class PlainUnpickler(pickle.Unpickler):
    """Loads numbers, strings, lists, dicts and arrays; anything else that a pickle asks for raises UnpicklingError."""

    ALLOWED = {(f"numpy.{core}.multiarray", "_reconstruct") for core in ("core", "_core")} | {
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("_codecs", "encode"),
    }

    def find_class(self, module: str, name: str):
        """A class or function by name, of the few that arrays and bytes need."""
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"asks for {module}.{name}, which is no plain data")
        # the function moved within NumPy; take the one that this NumPy's own pickles name
        return (
            np.zeros(1).__reduce__()[0]
            if name == "_reconstruct"
            else super().find_class(module, name)
        )


def _held(source: Path, wanted: set[str]) -> dict[str, bytes]:
    """The files of these names, wherever they lie in the source."""
    with _reading(source), _members(source) as members:
        return {
            base: _read(opened)
            for name, _, opened in members
            if (base := name.split("/")[-1]) in wanted
        }


def _plain(source: Path, name: str, held: dict[str, bytes]) -> dict:
    """The dictionary pickled in a file, with string keys. Raises DataError."""
    if name not in held:
        raise DataError(f"{source} has no {name}: unpack the archive anew")
    try:
        value = PlainUnpickler(io.BytesIO(held[name]), encoding="bytes").load()
        return {k.decode() if isinstance(k, bytes) else k: v for k, v in value.items()}
    except Exception as error:  # a damaged pickle may raise anything
        raise DataError(
            f"{name} in {source} is no pickle of plain data ({_line(error)}), so it is not used: get it anew"
        ) from error


# -- folders, tars and zips as files by name ---------------------------------------------------
@contextmanager
def _members(source: Path, account: Account | None = None) -> Iterator[list[Member]]:
    """Relative name, length and opener of each file, in the order that is quickest to read.

    Nothing is unpacked to disk. Of files of one name in an archive the last counts; links are
    followed inside an archive, in a folder wherever they lead. Hidden files are left out, and the
    account is told of all that is.
    """
    account = Account() if account is None else account
    if source.is_dir():
        holder = _in_lmdb(source) if (source / "data.mdb").exists() else _in_folder(source, account)
    elif source.suffix.lower() == ".zip":
        holder = _in_zip(source, account)
    else:
        holder = _in_tar(source, account)
    with holder as members:
        kept = []
        for name, length, opened in members:
            if name.split("/")[-1] == "data.mdb":
                raise DataError(
                    f"{source} holds an LMDB, which cannot be read where it is packed: unpack it and pass its folder"
                )
            account.files += 1
            if _hidden(name):
                account.leave("hidden", name)
            else:
                kept.append((name, length, opened))
        account.files += sum(count for why, (count, _) in account.left.items() if why in UNLISTED)
        yield kept


def _hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))


REPLACED = "replaced by a later file of the same name"
BROKEN = "links that lead nowhere"
KNOWN_FOLDER = "links to folders that are read already"
SPECIAL = "special files"
ONE = {  # where there is a single one of them
    BROKEN: "link that leads nowhere",
    KNOWN_FOLDER: "link to a folder that is read already",
    SPECIAL: "special file",
}
UNLISTED = (REPLACED, BROKEN, KNOWN_FOLDER, SPECIAL)  # files that are no members


def _broken(source: Path, name: str, target: str, account: Account) -> None:
    """A link that leads nowhere: what seems to be a picture is missed, other things are not."""
    if posixpath.splitext(name)[1].lower() in readable() and not _hidden(name):
        raise DataError(
            f"image {shown(name)} in {source} is a link to {shown(target)}, "
            "which is not there: restore that or delete the link"
        )
    account.leave(BROKEN, name)


def files(root: Path, account: Account) -> Iterator[tuple[str, os.stat_result]]:
    """Relative name and state of each file below a folder.

    Links to folders are followed, but each real folder is read once. Raises OSError for what
    cannot be listed, DataError for a picture that is a link to nowhere.
    """

    def stop(error: OSError) -> None:
        raise error

    top = os.path.realpath(root)
    seen: set[str] = set()
    waiting = [(top, "")]
    while waiting:
        links = []
        for start, prefix in waiting:
            for folder, folders, names in os.walk(start, onerror=stop):
                seen.add(folder)
                below = posixpath.join(prefix, os.path.relpath(folder, start).replace(os.sep, "/"))
                below = posixpath.normpath(below)
                for name in sorted(folders):
                    path = os.path.join(folder, name)
                    if os.path.islink(path):
                        links.append((path, posixpath.normpath(posixpath.join(below, name))))
                folders[:] = [f for f in sorted(folders) if os.path.join(folder, f) not in seen]
                for name in sorted(names):
                    path = os.path.join(folder, name)
                    relative = posixpath.normpath(posixpath.join(below, name))
                    try:
                        state = os.stat(path)
                    except OSError:
                        if not os.path.islink(path):
                            raise
                        _broken(root, relative, os.readlink(path), account)
                        continue
                    if stat.S_ISREG(state.st_mode):
                        yield relative, state
                    else:
                        account.leave(SPECIAL, relative)
        waiting = []
        for path, relative in sorted(links):
            target = os.path.realpath(path)
            around = top == target or top.startswith(target.rstrip(os.sep) + os.sep)
            if target in seen or around:
                account.leave(KNOWN_FOLDER, relative)
            else:
                seen.add(target)
                waiting.append((target, relative))


@contextmanager
def _in_folder(root: Path, account: Account) -> Iterator[list[Member]]:
    found = files(root, account)
    yield [(name, state.st_size, partial(open, root / name, "rb")) for name, state in found]


class _Link(NamedTuple):
    """A symbolic link in an archive."""

    target: str


def _cleaned(source: Path, name: str) -> str:
    """A member's name in its simplest form; raises DataError for one that leads out."""
    if name.startswith("/") or ".." in name.split("/"):
        raise DataError(
            f"archive {source} holds the unsafe path {name!r}: do not use it, or pack it anew"
        )
    return posixpath.normpath(name)


def _followed(source: Path, entries: dict, account: Account) -> dict:
    """An archive's entries, each link to a file replaced by that file; other links left out."""
    folders = {name[: at.start()] for name in entries for at in re.finditer("/", name)}
    found = {}
    for name, entry in entries.items():
        if not isinstance(entry, _Link):
            found[name] = entry
            continue
        place = _resolved(name, entries)
        if place in entries:
            found[name] = entries[place]
        elif place in folders or place == ".":
            account.leave(KNOWN_FOLDER, name)
        else:
            _broken(source, name, entry.target, account)
    return found


def _resolved(name: str, entries: dict) -> str | None:
    """Where a link in an archive leads, through other links; None for one going in a circle."""
    for _ in range(40):
        parts = name.split("/")
        for depth in range(1, len(parts) + 1):
            head = "/".join(parts[:depth])
            if isinstance(entries.get(head), _Link):
                beside = posixpath.join(posixpath.dirname(head), entries[head].target)
                name = posixpath.normpath(posixpath.join(beside, *parts[depth:]))
                break
        else:
            return name
    return None


def _all_entries(archive: zipfile.ZipFile) -> None:
    """Raises BadZipFile for a directory with fewer entries than the zip's end says.

    zipfile compares their bytes alone, and one damaged length swallows an entry.
    """
    archive.fp.seek(0, os.SEEK_END)
    end = archive.fp.tell() - 22 - len(archive.comment)
    archive.fp.seek(max(0, end))
    record = archive.fp.read(22)
    if len(record) == 22 and record.startswith(b"PK\5\6"):
        (count,) = struct.unpack_from("<H", record, 10)
        found = len(archive.infolist())
        if count not in (0xFFFF, found & 0xFFFF):  # the first: the number stands elsewhere
            raise zipfile.BadZipFile(f"{found} entries where {count} are said to be")


@contextmanager
def _in_zip(path: Path, account: Account) -> Iterator[list[Member]]:
    with zipfile.ZipFile(path) as archive:
        _all_entries(archive)

        def opened(info: zipfile.ZipInfo) -> BinaryIO:
            if info.flag_bits & 1:
                raise DataError(
                    f"{shown(info.filename)} in {path} is encrypted: "
                    "unpack it with its password and pass the folder"
                )
            try:
                return archive.open(info)
            except NotImplementedError as error:
                number = info.compress_type
                how = zipfile.compressor_names.get(number, f"method {number}")
                raise DataError(
                    f"{shown(info.filename)} in {path} is packed by {how}, which "
                    "Python cannot read: unpack it and pass the folder, "
                    "or pack it anew"
                ) from error
            except RuntimeError as error:
                why = shown(_line(error))
                raise DataError(
                    f"{shown(info.filename)} in {path} cannot be opened ({why}): "
                    "unpack it and pass the folder"
                ) from error

        entries: dict[str, zipfile.ZipInfo | _Link] = {}
        for info in archive.infolist():
            name = info.filename.replace("\\", "/")  # as some programs on Windows write them
            if name.endswith("/"):
                continue
            name = _cleaned(path, name)
            if name in entries:
                account.leave(REPLACED, name)
            entries[name] = info
            if stat.S_ISLNK(info.external_attr >> 16):
                entries[name] = _Link(os.fsdecode(_read(partial(opened, info))))
        entries = _followed(path, entries, account)
        yield [(name, info.file_size, partial(opened, info)) for name, info in entries.items()]


@contextmanager
def _in_tar(path: Path, account: Account) -> Iterator[list[Member]]:
    # "r:*", not the stream mode "r|*": that one takes a truncated file for a short one
    with tarfile.open(path, "r:*") as archive:
        entries: dict[str, tarfile.TarInfo | _Link] = {}
        for info in archive:
            if info.isdir():
                continue
            name = _cleaned(path, info.name)
            if name in entries:
                account.leave(REPLACED, name)
            if info.islnk():  # another name of an earlier member, as that is now
                target = posixpath.normpath(info.linkname)
                entry = entries.get(target, _Link(f"/{target}"))
                entries[name] = entry
            elif info.issym():
                entries[name] = _Link(info.linkname)
            elif info.isfile():
                entries[name] = info
            else:
                account.leave(SPECIAL, name)
                entries.pop(name, None)
        archive.fileobj.seek(archive.offset)
        if archive.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise EOFError("the end mark of a tar is missing")
        while archive.fileobj.read(1 << 20):  # to the compressed stream's own end and checksum
            pass
        entries = _followed(path, entries, account)
        # as the data lie, since going back means unpacking from the start
        placed = sorted(entries.items(), key=lambda item: (item[1].offset_data, item[0]))
        uses: dict[int, int] = {}
        for _, info in placed:
            uses[info.offset_data] = uses.get(info.offset_data, 0) + 1
        last: list = [None, b""]  # where the data of several names lie, and these data

        def opened(info: tarfile.TarInfo) -> BinaryIO:
            if uses[info.offset_data] == 1:
                return archive.extractfile(info)
            if last[0] != info.offset_data:
                last[:] = info.offset_data, archive.extractfile(info).read()
            return io.BytesIO(last[1])

        yield [(name, info.size, partial(opened, info)) for name, info in placed]


@contextmanager
def _in_lmdb(path: Path) -> Iterator[list[Member]]:
    """LSUN's databases: key -> an encoded picture."""
    try:
        import lmdb
    except ImportError as error:
        raise DataError(
            f"{path} is an LMDB: pip install lmdb, or export its images into a folder and pass that"
        ) from error
    try:
        with (
            lmdb.open(str(path), readonly=True, lock=False, readahead=False) as base,
            base.begin() as look,
        ):

            def opened(key: bytes) -> BinaryIO:
                return io.BytesIO(look.get(key))

            found = []
            for key, value in look.cursor():
                name = f"{bytes(key).decode('ascii', 'replace')}.webp"
                found.append((name, len(value), partial(opened, bytes(key))))
            yield found
    except lmdb.Error as error:
        raise OSError(f"LMDB: {_line(error)}") from error


@contextmanager
def _reading(source: Path) -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        lzma.LZMAError,
        zlib.error,
        EOFError,
        OSError,
        NotImplementedError,
        ValueError,
        OverflowError,
        struct.error,
    ) as error:
        kind = "archive, truncated or damaged" if source.is_file() else "folder"
        raise DataError(
            f"{source} cannot be read to its end ({kind}: {shown(_line(error))}): "
            "copy or download it anew"
        ) from error


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
