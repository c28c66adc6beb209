"""Readers of image files as they are published: class folders, archives, and the binary layouts of the classic sets.

Each reader is `read(source, split, size, fit, new) -> (images, labels, classes)`. It asks `new(n, channels)` once for the
uint8 array (n, channels, size, size) that it fills, so a set larger than the memory can be decoded into a file.
"""

import gzip
import io
import lzma
import os
import pickle
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from gantutor.datasets import DataError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".zip")
SPLITS = ("train", "val", "test")
LAYOUT = "expected <class>/*.jpg or <split>/<class>/*.jpg (png and webp too)"
BLOCK = 512  # images at a time

New = Callable[[int, int], np.ndarray]
Decoded = tuple[np.ndarray, Tensor, tuple[str, ...]]
Member = tuple[str, int, Callable[[], BinaryIO]]  # relative name, bytes, opener


# -- class folders and archives of them ----------------------------------------------------------------------------------
def tree(source: Path, split: str, size: int, fit: str, new: New, one_class: str = "") -> Decoded:
    """Images in class folders, sorted by class and file name; with `one_class` all images, wherever they lie, are of it.

    A file val_annotations.txt (Tiny ImageNet's: image, class, ... by tabs) names the classes of the images beside and below it.
    """
    names, noted = [], {}
    with _reading(source), closing(_members(source)) as members:
        for name, _, opened in members:
            if name.lower().endswith(SUFFIXES):
                names.append(name)
            elif name.split("/")[-1] == "val_annotations.txt":
                lines = _read(opened).decode().splitlines()
                noted[name.rpartition("/")[0]] = dict(line.split("\t")[:2] for line in lines if "\t" in line)
    if not names:
        empty = source.is_dir() and not any(source.iterdir())
        raise DataError(f"{source} {'is empty' if empty else 'holds no images'}: {LAYOUT}")
    placed = [(None, one_class) if one_class else _place(name, noted) for name in names]
    splits = {s for s, c in placed if s is not None}
    if not splits and split != "train" and not one_class and any(c for _, c in placed):
        raise DataError(f"{source} has no split folders, so no {split!r}: pass split='train' for all of it, or add {split}/")
    # where there are splits, what lies outside them (Tiny ImageNet's test/images) is not of ours
    found = sorted((c, n) for n, (s, c) in zip(names, placed, strict=True) if c and (s == split or not splits))
    if splits and not found:
        raise DataError(f"{source} has no split {split!r}: it has {', '.join(sorted(splits))}")
    if not found:
        raise DataError(f"{source} holds images but no class folders: {LAYOUT}")
    classes = sorted({c for c, _ in found})
    number = {c: i for i, c in enumerate(classes)}
    row = {name: i for i, (_, name) in enumerate(found)}
    images = new(len(found), 3)

    def write(block: list[tuple[str, bytes]]) -> None:
        for name, data in block:
            images[row[name]] = _pixels(data, size, fit, name, source)

    threads = os.cpu_count() or 1
    with _reading(source), closing(_members(source)) as members, ThreadPoolExecutor(threads) as pool:
        wanted = ((name, _read(opened)) for name, _, opened in members if name in row)
        while block := list(islice(wanted, 64 * threads)):  # reading is sequential, decoding is not
            list(pool.map(write, [block[i : i + 64] for i in range(0, len(block), 64)]))
    return images, torch.tensor([number[c] for c, _ in found]), tuple(classes)


def _place(name: str, noted: dict[str, dict[str, str]]) -> tuple[str | None, str]:
    """Split (or None) and class of an image: its folder is its class, a folder `train` above that is its split."""
    *folders, file = name.split("/")
    folders = folders[:-1] if folders[-1:] == ["images"] else folders
    split = next((f.lower() for f in folders[:-1] if f.lower() in SPLITS), None)
    if (notes := noted.get("/".join(folders))) is not None:
        return folders[-1].lower() if folders and folders[-1].lower() in SPLITS else split, notes.get(file, "")
    return split, folders[-1] if folders else ""


def _pixels(data: bytes, size: int, fit: str, name: str, source: Path) -> np.ndarray:
    """Decode, crop the middle square or squash, resize: uint8 (3, size, size)."""
    from torchvision.io import ImageReadMode, decode_image

    try:
        # libjpeg fills what is missing with grey: a whole file has its end mark after the last scan
        if data[:2] == b"\xff\xd8" and data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda"):
            raise ValueError("half a JPEG")
        image = decode_image(torch.frombuffer(bytearray(data), dtype=torch.uint8), ImageReadMode.RGB)
    except Exception as error:  # ValueError for no bytes, RuntimeError for wrong ones
        raise DataError(f"image {name} in {source} is no readable picture: replace or delete it") from error
    if fit == "crop":
        height, width = image.shape[1:]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        image = image[:, top : top + side, left : left + side]
    return resized(image[None], size)[0].numpy()


def resized(images: Tensor, size: int) -> Tensor:
    """uint8 (N, C, size, size), bilinear with antialiasing."""
    if images.shape[-2:] != (size, size):
        images = torch.nn.functional.interpolate(images.float(), (size, size), mode="bilinear", antialias=True)
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
        classes = tuple(str(c, "ascii") if isinstance(c, bytes) else str(c) for c in meta[f"{key}_names"])
        data = np.concatenate([p["data"] for p in parts])
        labels = torch.tensor([int(v) for p in parts for v in p[f"{key}s"]])
        if data.dtype != np.uint8 or data.shape != (len(labels), 3072) or not 0 <= labels.min() <= labels.max() < len(classes):
            raise ValueError
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"{', '.join(names)} in {source} are no CIFAR batches (data uint8 (n, 3072), {key}s): "
                        "get them anew") from error  # fmt: skip
    images = new(len(data), 3)
    _fill(images, 0, data.reshape(-1, 3, 32, 32), size)
    return images, labels, classes


CIFAR10 = {"train": [f"data_batch_{i}" for i in range(1, 6)], "test": ["test_batch"]}


def stl10(source: Path, split: str, size: int, fit: str, new: New) -> Decoded:
    """STL-10: {split}_X.bin holds 3 x 96 x 96 bytes an image, each channel column by column; {split}_y.bin its class from 1.

    The unlabelled images are of one class "unlabeled".
    """
    images = labels = None
    classes: tuple[str, ...] = ()
    with _reading(source), closing(_members(source)) as members:
        for name, length, opened in members:
            base = name.split("/")[-1]
            if base == f"{split}_X.bin":
                n, rest = divmod(length, 3 * 96 * 96)
                if rest or not n:
                    raise DataError(f"{name} in {source} has {length} bytes, no multiple of 27648: it is cut off, get it anew")
                images = new(n, 3)
                with opened() as file:
                    for i in range(0, n, BLOCK):
                        block = np.frombuffer(_exactly(file, min(BLOCK, n - i) * 27648, name), np.uint8)
                        _fill(images, i, block.reshape(-1, 3, 96, 96).swapaxes(2, 3), size)
            elif base == f"{split}_y.bin":
                labels = torch.from_numpy(np.frombuffer(_read(opened), np.uint8).astype(np.int64)) - 1
            elif base == "class_names.txt":
                classes = tuple(_read(opened).decode().split())
    if images is None or (labels is None and split != "unlabeled"):
        raise DataError(f"{source} has no {split}_{'X' if images is None else 'y'}.bin: unpack the archive anew")
    if split == "unlabeled":
        return images, torch.zeros(len(images), dtype=torch.int64), ("unlabeled",)
    classes = classes or ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")
    _fits(images, labels, classes, f"{split}_y.bin in {source}")
    return images, labels, classes


def idx(source: Path, split: str, size: int, fit: str, new: New, classes: tuple[str, ...] = tuple("0123456789")) -> Decoded:
    """MNIST's layout, packed by gzip or not: a big-endian header (magic, sizes), then bytes."""
    stem = "train" if split == "train" else "t10k"
    wanted = {f"{stem}-{what}-idx{rank}-ubyte": rank for what, rank in (("images", 3), ("labels", 1))}
    arrays = {}
    with _reading(source), closing(_members(source)) as members:
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
    return images, labels, classes


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
    batches = [b for b in batches if re.fullmatch(r"train_data_batch_\d+" if split == "train" else r"val_data", b.stem)]
    if not batches:
        raise DataError(f"{source} has no {'train_data_batch_*' if split == 'train' else 'val_data'}.npz: unpack it there")
    labels, lengths = [], []
    for path in batches:
        with _npy(path, "labels") as (shape, file):
            labels.append(torch.from_numpy(np.frombuffer(file.read(), file.dtype).astype(np.int64)) - 1)
        with _npy(path, "data") as (shape, file):
            if file.dtype != np.uint8 or len(shape) != 2 or shape[1] != 12288 or shape[0] != len(labels[-1]):
                raise DataError(f"{path} holds data {file.dtype} {shape} for {len(labels[-1])} labels: expected uint8 (n, 12288)")
        lengths.append(shape[0])
    every = torch.cat(labels)
    classes = tuple(f"{i}" for i in range(1, int(every.max()) + 2))
    images = new(sum(lengths), 3)
    _fits(images, every, classes, f"the labels in {source}")
    at = 0
    for path, n in zip(batches, lengths, strict=True):
        with _npy(path, "data") as (_, file):
            for i in range(0, n, BLOCK):
                block = np.frombuffer(_exactly(file, min(BLOCK, n - i) * 12288, path.name), np.uint8)
                _fill(images, at + i, block.reshape(-1, 3, 64, 64), size)
            file.read()  # to the end, where zipfile compares the checksum
        at += n
    return images, every, classes


@contextmanager
def _npy(path: Path, key: str) -> Iterator[tuple[tuple[int, ...], BinaryIO]]:
    """Shape and open file (with `.dtype`) of an array in an .npz, so that it need not be in memory; objects are refused."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{key}.npy") as file:
            version = np.lib.format.read_magic(file)
            header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, by_columns, file.dtype = header(file)
            if by_columns and len(shape) > 1 or file.dtype.hasobject:
                raise ValueError(f"{key} is stored by columns or as objects")
            yield shape, file
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, KeyError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} cannot be read to its end ({_line(error)}): copy or download it anew") from error


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
        block = torch.from_numpy(np.array(pixels[i : i + BLOCK], order="C"))  # a copy: what was read may be read-only
        images[at + i : at + i + len(block)] = resized(block, size).numpy()


def _fits(images: np.ndarray, labels: Tensor, classes: tuple[str, ...], what: str) -> None:
    if len(labels) != len(images) or not 0 <= int(labels.min()) <= int(labels.max()) < len(classes):
        raise DataError(f"{what} do not fit: {len(labels)} for {len(images)} images of {len(classes)} classes; get the files anew")


# -- pickles that cannot run code ------------------------------------------------------------------------------------------
class PlainUnpickler(pickle.Unpickler):
    """Loads numbers, strings, lists, dicts and arrays; anything else that a pickle asks for raises UnpicklingError."""

    ALLOWED = {(f"numpy.{core}.multiarray", "_reconstruct") for core in ("core", "_core")} | {
        ("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode"),
    }  # fmt: skip

    def find_class(self, module: str, name: str):
        """A class or function by name, of the few that arrays and bytes need."""
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"asks for {module}.{name}, which is no plain data")
        # the function moved within NumPy; take the one that this NumPy's own pickles name
        return np.zeros(1).__reduce__()[0] if name == "_reconstruct" else super().find_class(module, name)


def _held(source: Path, wanted: set[str]) -> dict[str, bytes]:
    """The files of these names, wherever they lie in the source."""
    with _reading(source), closing(_members(source)) as members:
        return {base: _read(opened) for name, _, opened in members if (base := name.split("/")[-1]) in wanted}


def _plain(source: Path, name: str, held: dict[str, bytes]) -> dict:
    """The dictionary pickled in a file, with string keys. Raises DataError."""
    if name not in held:
        raise DataError(f"{source} has no {name}: unpack the archive anew")
    try:
        value = PlainUnpickler(io.BytesIO(held[name]), encoding="bytes").load()
        return {k.decode() if isinstance(k, bytes) else k: v for k, v in value.items()}
    except Exception as error:  # a damaged pickle may raise anything
        raise DataError(f"{name} in {source} is no pickle of plain data ({_line(error)}), so it is not used: get it anew") from error


# -- folders, tars and zips as files by name -----------------------------------------------------------------------------------
def _members(source: Path) -> Iterator[Member]:
    """Relative name, length and opener of each file, in one pass; nothing is unpacked to disk. Hidden files are left out."""
    if source.is_dir():
        walk = _in_lmdb(source) if (source / "data.mdb").exists() else files(source)
    else:
        walk = _in_zip(source) if source.suffix.lower() == ".zip" else _in_tar(source)
    with closing(walk):
        for name, length, opened in walk:
            name = name.removeprefix("./")
            parts = name.split("/")
            if name.startswith("/") or ".." in parts:
                raise DataError(f"archive {source} holds the unsafe path {name!r}: do not use it, or pack it anew")
            if parts[-1] == "data.mdb":
                raise DataError(f"{source} holds an LMDB, which cannot be read where it is packed: unpack it and pass its folder")
            if not any(p.startswith(".") or p == "__MACOSX" for p in parts):
                yield name, length, opened


def files(root: Path) -> Iterator[Member]:
    """The files below a folder, sorted."""
    for folder, folders, names in os.walk(root, followlinks=True):
        folders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            yield path.relative_to(root).as_posix(), path.stat().st_size, lambda path=path: path.open("rb")


def _in_zip(path: Path) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                yield info.filename, info.file_size, lambda info=info: archive.open(info)


def _in_tar(path: Path) -> Iterator[Member]:
    # "r:*", not the stream mode "r|*": that one takes a truncated file for a short one
    with tarfile.open(path, "r:*") as archive:
        for info in archive:
            if info.isfile():
                yield info.name, info.size, lambda info=info: archive.extractfile(info)
        archive.fileobj.seek(archive.offset)
        if archive.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise EOFError("the end mark of a tar is missing")
        while archive.fileobj.read(1 << 20):  # to the compressed stream's own end and checksum
            pass


def _in_lmdb(path: Path) -> Iterator[Member]:
    """LSUN's databases: key -> an encoded picture."""
    try:
        import lmdb
    except ImportError as error:
        raise DataError(f"{path} is an LMDB: pip install lmdb, or export its images into a folder and pass that") from error
    try:
        with lmdb.open(str(path), readonly=True, lock=False, readahead=False) as base, base.begin() as look:
            for key, value in look.cursor():
                yield f"{bytes(key).decode('ascii', 'replace')}.webp", len(value), lambda value=value: io.BytesIO(value)
    except lmdb.Error as error:
        raise OSError(f"LMDB: {_line(error)}") from error


@contextmanager
def _reading(source: Path) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError, OSError) as error:
        kind = "archive, truncated or damaged" if source.is_file() else "folder"
        raise DataError(f"{source} cannot be read to its end ({kind}: {_line(error)}): copy or download it anew") from error


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
