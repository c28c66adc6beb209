"""Decoded images on disk: keyed by their source, verified whenever they are read, memory-mapped."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from gantutor.datasets import DataError, checked, openable
from gantutor.files import cache_dir, one_maker, replacing
from gantutor.images.account import Account, Decoded, New, shown
from gantutor.images.pictures import readable
from gantutor.images.sets import ImageSet, content_digest
from gantutor.images.walk import files

VERSION = 3  # part of every cache key: raise it when decoding changes
Read = Callable[..., Decoded]  # (source, split, size, fit, new)


class _NoRoom(Exception):
    """The cache cannot be written."""


class Request(NamedTuple):
    """What is to be decoded, and how; `published`: whether the source is that of the catalogue."""

    name: str
    source: Path
    read: Read
    split: str
    size: int
    fit: str
    published: bool

    def decode(self, new: New) -> Decoded:
        """Decode the source into the array that `new` returns."""
        return self.read(self.source, self.split, self.size, self.fit, new)


def cached(asked: Request, fresh: bool, say: Callable[[str], None]) -> ImageSet:
    """Return the decoded images of a source, memory-mapped from the cache.

    They are decoded now if they are not in the cache yet, or with `fresh`; of several processes
    that ask at once, one decodes and the others wait. `say` gets the set's note when it is decoded,
    and again if something was left out. Raises DataError.
    """
    openable(asked.source)
    place = cache_dir() / f"images-{_key(asked)}"
    kept = None if fresh else _found(place, asked.name, say)
    if kept is not None:
        return kept
    with one_maker(place):
        kept = None if fresh else _found(place, asked.name, say)
        if kept is not None:
            return kept
        if not fresh and place.exists():
            say(f"{place} is damaged: decoded again")
        if asked.published:
            checked(asked.name, asked.source)
        _write(place, asked, fresh)
        kept = _load(place, asked.name)[0]
    if kept is None:
        kept = _in_memory(asked)
    if kept.note:
        say(kept.note)
    return kept


def _found(place: Path, name: str, say: Callable[[str], None]) -> ImageSet | None:
    """Return the set at `place`, or None; `say` gets its note if something was left out of it."""
    kept, partly = _load(place, name)
    if kept is not None and partly:
        say(kept.note)
    return kept


def _write(place: Path, asked: Request, fresh: bool) -> None:
    """Decode into the cache; without effect if the cache cannot be written."""
    try:
        with replacing(place) as half:
            half.mkdir()
            side = asked.size
            decoded = asked.decode(lambda n, c: _mapped(half / "images.npy", (n, c, side, side)))
            decoded.images.flush()
            np.save(half / "labels.npy", decoded.labels.numpy())
            digest = content_digest(decoded.images, decoded.labels, decoded.classes)
            about = {"key": place.name, "classes": decoded.classes, "digest": digest}
            about |= {"note": decoded.note, "partial": decoded.partial}
            (half / "about.json").write_text(json.dumps(about))
            if fresh or _load(place, asked.name)[0] is None:
                shutil.rmtree(place, ignore_errors=True)
            # replacing fails if another process was first, whose copy is as good
    except (OSError, _NoRoom):
        pass


def _in_memory(asked: Request) -> ImageSet:
    """Decode into memory: a cache that cannot be written costs time, not the run."""
    side = asked.size
    try:
        decoded = asked.decode(lambda n, c: np.empty((n, c, side, side), np.uint8))
    except MemoryError as error:
        raise DataError(
            f"{asked.source}: its images at size={side} fit neither into {cache_dir()} nor into "
            "memory; set GANTUTOR_CACHE to a larger disk, or ask for a smaller size"
        ) from error
    images, labels, classes, note, _ = decoded
    return ImageSet(asked.name, images, labels, classes, note=note)


def _mapped(path: Path, shape: tuple[int, ...]) -> np.memmap:
    try:
        array = np.lib.format.open_memmap(path, "w+", np.uint8, shape)
        if hasattr(os, "posix_fallocate"):
            # so that a full disk is an error now, and does not kill the process later
            with open(path, "r+b") as file:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
        return array
    except OSError as error:
        raise _NoRoom from error


def _load(place: Path, name: str) -> tuple[ImageSet | None, bool]:
    """Return the set at `place` and whether something was left out of it.

    The set is None unless its bytes are those that were written. They are all read for their
    digest, half a second to two seconds per GB, depending on the processor's support for sha256.
    """
    try:
        about = json.loads((place / "about.json").read_text())
        images, labels = np.load(place / "images.npy", mmap_mode="r"), np.load(place / "labels.npy")
        if about["key"] != place.name or labels.dtype != np.int64:
            return None, False
        classes, note = tuple(about["classes"]), str(about["note"])
        # no digest is passed on, so that the set computes its own
        found = ImageSet(name, images, torch.from_numpy(labels), classes, note=note)
        if found.digest != about["digest"]:
            return None, False
        return found, bool(about["partial"])
    except Exception:  # whatever is wrong with it, it is not used
        return None, False


def _key(asked: Request) -> str:
    """Return a key that changes with the place, the sizes and the times of the files.

    It also depends on how the files are read, and on the formats that this Pillow can read.
    """
    source = asked.source
    try:
        if source.is_dir():
            found = files(source, Account())
            content = [(name, state.st_size, state.st_mtime_ns) for name, state in found]
        else:
            state = source.stat()
            content = [(state.st_size, state.st_mtime_ns)]
    except OSError as error:
        why = shown(str(error))
        raise DataError(
            f"{source} cannot be read ({why}): check that all of it exists and belongs to you"
        ) from error
    published = asked.published and asked.name  # its reader
    how = (published, asked.size, asked.split, asked.fit, sorted(readable()))
    text = repr((VERSION, str(source), how, content))
    return hashlib.sha256(text.encode()).hexdigest()[:20]
