"""The binary layouts of the classic sets: CIFAR's pickles, STL-10, MNIST's idx, ImageNet's npz.

Each reader is `read(source, split, size, fit, new) -> Decoded`, as `gantutor.images.folders.tree`
is. It calls `new(n, channels)` once for the uint8 array (n, channels, size, size) that it fills, so
that a set larger than memory can be decoded into a file. Raises DataError.
"""

import gzip
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from gantutor.datasets import DataError
from gantutor.images.account import Decoded, New, first_line
from gantutor.images.folders import tree
from gantutor.images.members import exactly, members, read
from gantutor.images.pickles import plain_dictionary
from gantutor.images.pictures import resized

BLOCK = 512  # images at a time
CIFAR10 = {"train": [f"data_batch_{i}" for i in range(1, 6)], "test": ["test_batch"]}
DIGITS = tuple("0123456789")
STL10 = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")


def cifar(source: Path, split: str, size: int, fit: str, new: New) -> Decoded:
    """Read CIFAR-10 or CIFAR-100, the Python version.

    A batch is a pickle of {data: (n, 3072), [fine_]labels: n numbers}, with 1024 reds, 1024 greens
    and 1024 blues per image.
    """
    hundred = "meta" in (found := _files(source, {"batches.meta", "meta"}))
    key = "fine_label" if hundred else "label"
    meta = plain_dictionary(source, "meta" if hundred else "batches.meta", found)
    names = ["train" if split == "train" else "test"] if hundred else CIFAR10[split]
    found = _files(source, set(names))
    parts = [plain_dictionary(source, name, found) for name in names]
    try:
        classes = tuple(
            str(c, "ascii") if isinstance(c, bytes) else str(c) for c in meta[f"{key}_names"]
        )
        data = np.concatenate([p["data"] for p in parts])
        labels = torch.tensor([int(v) for p in parts for v in p[f"{key}s"]])
        if data.dtype != np.uint8 or data.shape != (len(labels), 3072):
            raise ValueError
        if not 0 <= labels.min() <= labels.max() < len(classes):
            raise ValueError
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"{', '.join(names)} in {source} are not CIFAR batches (data uint8 (n, 3072), {key}s): "
            "download them again"
        ) from error
    images = new(len(data), 3)
    _fill(images, 0, data.reshape(-1, 3, 32, 32), size)
    return Decoded(images, labels, classes)


def _files(source: Path, wanted: set[str]) -> dict[str, bytes]:
    """Return the contents of the files with these names, wherever they are in the source."""
    with members(source) as found:
        return {
            base: read(opened)
            for name, _, opened in found
            if (base := name.split("/")[-1]) in wanted
        }


def stl10(source: Path, split: str, size: int, fit: str, new: New) -> Decoded:
    """Read STL-10.

    {split}_X.bin has 3 x 96 x 96 bytes per image, each channel column by column; {split}_y.bin has
    its class, counted from 1. The unlabelled images are of one class "unlabeled".
    """
    images = labels = None
    classes: tuple[str, ...] = ()
    with members(source) as found:
        for name, length, opened in found:
            base = name.split("/")[-1]
            if base == f"{split}_X.bin":
                n, rest = divmod(length, 27648)
                if rest or not n:
                    raise DataError(
                        f"{name} in {source} has {length} bytes, not a multiple of 27648: "
                        "it is cut off, download it again"
                    )
                images = new(n, 3)
                with opened() as file:
                    for i, block in _blocks(file, n, 27648, name):
                        _fill(images, i, block.reshape(-1, 3, 96, 96).swapaxes(2, 3), size)
            elif base == f"{split}_y.bin":
                labels = torch.from_numpy(np.frombuffer(read(opened), np.uint8).astype(np.int64))
                labels -= 1
            elif base == "class_names.txt":
                classes = tuple(read(opened).decode().split())
    if images is None or (labels is None and split != "unlabeled"):
        missing = "X" if images is None else "y"
        raise DataError(f"{source} has no {split}_{missing}.bin: unpack the archive again")
    if split == "unlabeled":
        labels = torch.zeros(len(images), dtype=torch.int64)
        return Decoded(images, labels, ("unlabeled",))
    classes = classes or STL10
    _fits(images, labels, classes, f"{split}_y.bin in {source}")
    return Decoded(images, labels, classes)


def idx(
    source: Path, split: str, size: int, fit: str, new: New, classes: tuple[str, ...] = DIGITS
) -> Decoded:
    """Read MNIST's layout, with or without gzip: a big-endian header (magic, sizes), then bytes."""
    stem = "train" if split == "train" else "t10k"
    wanted = {f"{stem}-images-idx3-ubyte": 3, f"{stem}-labels-idx1-ubyte": 1}
    arrays = {}
    with members(source) as found:
        for name, _, opened in found:
            key = name.split("/")[-1].removesuffix(".gz").replace(".idx", "-idx")
            if key in wanted and wanted[key] not in arrays:
                arrays[wanted[key]] = _idx(read(opened), wanted[key], f"{name} in {source}")
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
        raise DataError(
            f"{what} is not a complete idx file of {rank} dimensions: download it again"
        ) from error


def imagenet64(source: Path, split: str, size: int, fit: str, new: New) -> Decoded:
    """Read the official downsampled ImageNet, or class folders.

    The official .npz files have `data` (n, 12288), red, green, blue, and `labels` counted from 1.
    They are whole pictures squashed by a box filter, while KDD GAN cropped squares: two different
    sets.
    """
    if not source.is_dir() or not (found := sorted(source.rglob("*.npz"), key=_natural)):
        return tree(source, split, size, fit, new)
    pattern = r"train_data_batch_\d+" if split == "train" else r"val_data"
    batches = [path for path in found if re.fullmatch(pattern, path.stem)]
    if not batches:
        name = "train_data_batch_*" if split == "train" else "val_data"
        raise DataError(f"{source} has no {name}.npz: unpack it there")
    labels, lengths = [], []
    for path in batches:
        with _npy(path, "labels") as (_, file):
            numbers = np.frombuffer(file.read(), file.dtype).astype(np.int64)
            labels.append(torch.from_numpy(numbers) - 1)
        with _npy(path, "data") as (shape, file):
            if file.dtype != np.uint8 or shape != (len(numbers), 12288):
                raise DataError(
                    f"{path} contains data {file.dtype} {shape} for {len(numbers)} labels: "
                    "expected uint8 (n, 12288)"
                )
        lengths.append(shape[0])
    every = torch.cat(labels)
    classes = tuple(f"{i}" for i in range(1, int(every.max()) + 2))
    images = new(sum(lengths), 3)
    _fits(images, every, classes, f"the labels in {source}")
    at = 0
    for path, n in zip(batches, lengths, strict=True):
        with _npy(path, "data") as (_, file):
            for i, block in _blocks(file, n, 12288, path.name):
                _fill(images, at + i, block.reshape(-1, 3, 64, 64), size)
            file.read()  # to the end, where zipfile compares the checksum
        at += n
    return Decoded(images, every, classes)


@contextmanager
def _npy(path: Path, key: str) -> Iterator[tuple[tuple[int, ...], BinaryIO]]:
    """The shape and the open file (with `.dtype`) of an array in an .npz, to be read in blocks.

    Arrays of objects are refused.
    """
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{key}.npy") as file:
            if np.lib.format.read_magic(file) == (1, 0):
                header = np.lib.format.read_array_header_1_0(file)
            else:
                header = np.lib.format.read_array_header_2_0(file)
            shape, by_columns, file.dtype = header
            if by_columns and len(shape) > 1 or file.dtype.hasobject:
                raise ValueError(f"{key} is stored by columns or as objects")
            yield shape, file
    except DataError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, KeyError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read to its end ({first_line(error)}): copy or download it again"
        ) from error


def _natural(path: Path) -> list:
    """Sort key in which batch 10 comes after batch 9."""
    return [int(t) if t.isdigit() else t for t in re.split(r"(\d+)", path.as_posix())]


def _blocks(file: BinaryIO, n: int, length: int, name: str) -> Iterator[tuple[int, np.ndarray]]:
    """Yield n records of `length` bytes, BLOCK at a time, each with the index of its first."""
    for i in range(0, n, BLOCK):
        yield i, np.frombuffer(exactly(file, min(BLOCK, n - i) * length, name), np.uint8)


def _fill(images: np.ndarray, at: int, pixels: np.ndarray, size: int) -> None:
    """Resize pixels (n, C, H, W) into the images from index `at` on."""
    for i in range(0, len(pixels), BLOCK):
        # a copy: the bytes that were read may be read-only
        block = torch.from_numpy(np.array(pixels[i : i + BLOCK], order="C"))
        images[at + i : at + i + len(block)] = resized(block, size).numpy()


def _fits(images: np.ndarray, labels: Tensor, classes: tuple[str, ...], what: str) -> None:
    if len(labels) != len(images) or not 0 <= int(labels.min()) <= int(labels.max()) < len(classes):
        raise DataError(
            f"{what} do not fit: {len(labels)} for {len(images)} images of {len(classes)} classes; "
            "download the files again"
        )
