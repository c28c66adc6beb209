"""Pictures in class folders: which files count, which split and class each has, and decoding."""

import os
import posixpath
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import torch

from gantutor.datasets import ARCHIVES, DataError
from gantutor.images.account import Account, Decoded, Member, New, shown
from gantutor.images.members import members, read
from gantutor.images.pictures import pixels, readable, strict_pillow

SPLITS = ("train", "val", "test")
# how folders of splits may be called
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
LARGEST = 2**30  # bytes of a picture's file; a larger one is a bomb or not a picture
Notes = dict[str, dict[str, str]]  # folder -> file name -> class


def tree(source: Path, split: str, size: int, fit: str, new: New, one_class: str = "") -> Decoded:
    """Read images in class folders, sorted by class and file name.

    With `one_class` all images are of that class, wherever they are. A file val_annotations.txt
    (Tiny ImageNet's: image, class, ..., separated by tabs) gives the classes of the images next to
    it and below it.
    """
    account, formats = Account(), readable()
    with members(source, account) as files:
        names, noted = _pictures(source, files, formats, account)
        if not names:
            empty = source.is_dir() and not any(source.iterdir())
            what = "is empty" if empty else "contains no images"
            raise DataError(f"{source} {what}: {LAYOUT}")
        found = chosen(source, split, names, noted, one_class, account)
        row = {name: i for i, (_, name) in enumerate(found)}
        images = new(len(found), 3)
        wanted = ((name, read(opened)) for name, _, opened in files if name in row)

        def write(block: list[tuple[str, bytes]]) -> list[tuple[str, str]]:
            changes = []
            for name, data in block:
                images[row[name]], change = pixels(data, size, fit, name, source, formats)
                changes += [(how, name) for how in change]
            return changes

        for how, name in _in_threads(write, wanted):
            account.change(how, name)
    classes = sorted({c for c, _ in found})
    number = {c: i for i, c in enumerate(classes)}
    labels = torch.tensor([number[c] for c, _ in found])
    line = account.line(f"{source.name} ({split})", len(found), len(classes))
    return Decoded(images, labels, tuple(classes), line, bool(account.left or account.changed))


def _pictures(
    source: Path, files: list[Member], formats: dict[str, str], account: Account
) -> tuple[list[str], Notes]:
    """Return the names of the pictures and the classes that notes give; others are left out."""
    names, noted = [], {}
    for name, length, opened in files:
        suffix = posixpath.splitext(name)[1].lower()
        if suffix in formats:
            if length > LARGEST:
                raise DataError(
                    f"image {shown(name)} in {source} has {length / 1e9:.1f} GB, "
                    "too much for a picture: delete it"
                )
            names.append(name)
            continue
        account.leave(suffix or "without a suffix", name)
        if name.split("/")[-1] == "val_annotations.txt":
            text = read(opened).decode("utf-8", "replace")
            rows = [line.split("\t") for line in text.splitlines() if "\t" in line]
            noted[name.rpartition("/")[0]] = {row[0]: row[1] for row in rows}
    return names, noted


def _in_threads(write, wanted: Iterable[tuple[str, bytes]]) -> Iterable[tuple[str, str]]:
    """Call `write` on blocks of pictures in several threads, and yield what it returns.

    Reading is sequential; decoding, which releases the interpreter's lock, is parallel.
    """
    threads = os.cpu_count() or 1
    wanted = iter(wanted)
    with strict_pillow(), ThreadPoolExecutor(threads) as pool:
        while block := list(islice(wanted, 64 * threads)):
            parts = [block[i : i + 64] for i in range(0, len(block), 64)]
            for changes in pool.map(write, parts):
                yield from changes


def label(source: Path) -> str:
    """Return the name of a folder or archive, without an archive's suffix."""
    for end in sorted(ARCHIVES, key=len, reverse=True):
        if source.name.lower().endswith(end) and not source.is_dir():
            return source.name[: -len(end)]
    return source.name


def chosen(
    source: Path, split: str, names: list[str], noted: Notes, one_class: str, account: Account
) -> list[tuple[str, str]]:
    """Return (class, name) of the images of a split, sorted; the account is told of the others."""
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
        if splits and its_split is None:  # for example Tiny ImageNet's test/images
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
            f"unlike in its other splits: {LAYOUT}"
        )
    return sorted(found)


def _places(names: list[str], noted: Notes, whole: str) -> dict[str, tuple[str | None, str]]:
    """Return split (or None) and class of each image, "" if only other images have a class.

    An image's folder is its class. Folders that contain all images, `images` at the end, and
    splits do not count. A folder with the name of a split is one if it contains folders, or if all
    folders next to it have such names too.
    """
    folders = {}
    for name in names:
        path = name.split("/")[:-1]
        folders[name] = path[:-1] if path[-1:] == ["images"] else path
    above = _shared(list(folders.values()))
    siblings: dict[tuple[str, ...], set[str]] = {}  # the folders in each folder that has any
    for path in folders.values():
        for depth in range(len(path)):
            siblings.setdefault(tuple(path[:depth]), set()).add(path[depth].lower())
    placed, bare = {}, []  # bare: images directly in the folder of a split
    classes_in_splits = False
    for name, path in folders.items():
        ends_in_split = bool(path) and path[-1].lower() in SPLIT_OF
        if ends_in_split and tuple(path) not in siblings:
            ends_in_split = siblings[tuple(path[:-1])] <= set(SPLIT_OF)
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
        # <class>/<split>/ is as good as <split>/<class>/, but the two do not mix
        its_class = parents[-1] if len(parents) > len(above) and not classes_in_splits else ""
        placed[name] = SPLIT_OF[own.lower()], its_class
    if not any(its_class for _, its_class in placed.values()):
        one = above[-1] if above else whole
        placed = {name: (split, one) for name, (split, _) in placed.items()}
    return {name: placed[name] for name in names}


def _shared(paths: list[list[str]]) -> list[str]:
    """Return the folders that all paths go through, up to the first that may be a split."""
    shared = paths[0]
    for path in paths:
        while path[: len(shared)] != shared:
            shared = shared[:-1]
    for depth, folder in enumerate(shared):
        if folder.lower() in SPLIT_OF:
            return shared[:depth]
    return shared
