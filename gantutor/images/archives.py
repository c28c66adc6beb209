"""The files in a zip, a tar or an LMDB, without unpacking to disk, with links followed inside."""

import io
import os
import posixpath
import re
import stat
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

from gantutor.datasets import DataError
from gantutor.images.account import (
    KNOWN_FOLDER,
    REPLACED,
    SPECIAL,
    Account,
    Member,
    first_line,
    shown,
)
from gantutor.images.walk import broken


class _Link(NamedTuple):
    """A symbolic link in an archive."""

    target: str


def _cleaned(source: Path, name: str) -> str:
    """Return a member's name in its simplest form; raises DataError if it leads outside."""
    if name.startswith("/") or ".." in name.split("/"):
        raise DataError(
            f"archive {source} contains the unsafe path {name!r}: do not use it, or pack it again"
        )
    return posixpath.normpath(name)


def _followed(source: Path, entries: dict, account: Account) -> dict:
    """Replace each link to a file by that file, and leave other links out."""
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
            broken(source, name, entry.target, account)
    return found


def _resolved(name: str, entries: dict) -> str | None:
    """Return where a link leads, through other links; None if it goes in a circle."""
    for _ in range(40):
        parts = name.split("/")
        for depth in range(1, len(parts) + 1):
            head = "/".join(parts[:depth])
            if isinstance(entries.get(head), _Link):
                target = posixpath.join(posixpath.dirname(head), entries[head].target)
                name = posixpath.normpath(posixpath.join(target, *parts[depth:]))
                break
        else:
            return name
    return None


@contextmanager
def in_zip(path: Path, account: Account) -> Iterator[list[Member]]:
    """The files of a zip as members."""
    with zipfile.ZipFile(path) as archive:
        _compare_count(archive)
        entries: dict[str, zipfile.ZipInfo | _Link] = {}
        for info in archive.infolist():
            name = info.filename.replace("\\", "/")  # as written by some programs on Windows
            if name.endswith("/"):
                continue
            name = _cleaned(path, name)
            if name in entries:
                account.leave(REPLACED, name)
            entries[name] = info
            if stat.S_ISLNK(info.external_attr >> 16):
                with _opened(path, archive, info) as file:
                    entries[name] = _Link(os.fsdecode(file.read()))
        entries = _followed(path, entries, account)
        yield [
            (name, info.file_size, partial(_opened, path, archive, info))
            for name, info in entries.items()
        ]


def _compare_count(archive: zipfile.ZipFile) -> None:
    """Raise BadZipFile if the directory has fewer entries than the end of the zip states.

    zipfile compares only their lengths in bytes, and one damaged length swallows an entry.
    """
    archive.fp.seek(0, os.SEEK_END)
    end = archive.fp.tell() - 22 - len(archive.comment)
    archive.fp.seek(max(0, end))
    record = archive.fp.read(22)
    if len(record) == 22 and record.startswith(b"PK\5\6"):
        (count,) = struct.unpack_from("<H", record, 10)
        found = len(archive.infolist())
        if count not in (0xFFFF, found & 0xFFFF):  # 0xFFFF: the number is in another record
            raise zipfile.BadZipFile(f"{found} entries where its end states {count}")


def _opened(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> BinaryIO:
    """Open an entry of a zip; raises DataError for one that Python cannot read."""
    name = f"{shown(info.filename)} in {path}"
    if info.flag_bits & 1:
        raise DataError(f"{name} is encrypted: unpack it with its password and pass the folder")
    try:
        return archive.open(info)
    except NotImplementedError as error:
        number = info.compress_type
        how = zipfile.compressor_names.get(number, f"method {number}")
        raise DataError(
            f"{name} is packed by {how}, which Python cannot read: unpack it and pass the folder, "
            "or pack it again"
        ) from error
    except RuntimeError as error:
        why = shown(first_line(error))
        raise DataError(
            f"{name} cannot be opened ({why}): unpack it and pass the folder"
        ) from error


@contextmanager
def in_tar(path: Path, account: Account) -> Iterator[list[Member]]:
    """The files of a tar as members, in the order of their data.

    Going back in a compressed tar means unpacking it from the start.
    """
    # "r:*" and not the stream mode "r|*", which takes a truncated file for a short one
    with tarfile.open(path, "r:*") as archive:
        entries = _followed(path, _tar_entries(path, archive, account), account)
        placed = sorted(entries.items(), key=lambda item: (item[1].offset_data, item[0]))
        uses: dict[int, int] = {}
        for _, info in placed:
            uses[info.offset_data] = uses.get(info.offset_data, 0) + 1
        last: list = [None, b""]  # where the data of several names are, and these data

        def opened(info: tarfile.TarInfo) -> BinaryIO:
            if uses[info.offset_data] == 1:
                return archive.extractfile(info)
            if last[0] != info.offset_data:
                last[:] = info.offset_data, archive.extractfile(info).read()
            return io.BytesIO(last[1])

        yield [(name, info.size, partial(opened, info)) for name, info in placed]


def _tar_entries(
    path: Path, archive: tarfile.TarFile, account: Account
) -> dict[str, tarfile.TarInfo | _Link]:
    """Return the files and links of a tar by name, having read it to its very end."""
    entries: dict[str, tarfile.TarInfo | _Link] = {}
    for info in archive:
        if info.isdir():
            continue
        name = _cleaned(path, info.name)
        if name in entries:
            account.leave(REPLACED, name)
        if info.islnk():  # another name of an earlier member, as that is by now
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
    while archive.fileobj.read(1 << 20):  # to the end of the compressed stream and its checksum
        pass
    return entries


@contextmanager
def in_lmdb(path: Path) -> Iterator[list[Member]]:
    """The pictures of one of LSUN's databases, which map keys to encoded pictures, as members."""
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
        raise OSError(f"LMDB: {first_line(error)}") from error
