"""Folders and archives alike, as files by name."""

import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from gantutor.datasets import DataError
from gantutor.images.account import UNLISTED, Account, Member, first_line, hidden, shown
from gantutor.images.archives import in_lmdb, in_tar, in_zip
from gantutor.images.walk import in_folder

# what the readers of archives and folders raise for damaged or missing data
UNREADABLE = (
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
)


@contextmanager
def members(source: Path, account: Account | None = None) -> Iterator[list[Member]]:
    """Relative name, length and opener of each file, in the order that is quickest to read.

    Nothing is unpacked to disk. If an archive has several files of one name, the last counts.
    Links are followed inside an archive; in a folder, wherever they lead. Hidden files are left
    out. The account is told of everything left out. Raises DataError, also for errors of the
    caller's own reading.
    """
    account = Account() if account is None else account
    if source.is_dir():
        holder = in_lmdb(source) if (source / "data.mdb").exists() else in_folder(source, account)
    elif source.suffix.lower() == ".zip":
        holder = in_zip(source, account)
    else:
        holder = in_tar(source, account)
    with _reading(source), holder as found:
        kept = []
        for name, length, opened in found:
            if name.split("/")[-1] == "data.mdb":
                raise DataError(
                    f"{source} contains an LMDB, which cannot be read inside an archive: "
                    "unpack it and pass its folder"
                )
            account.files += 1
            if hidden(name):
                account.leave("hidden", name)
            else:
                kept.append((name, length, opened))
        account.files += sum(count for why, (count, _) in account.left.items() if why in UNLISTED)
        yield kept


@contextmanager
def _reading(source: Path) -> Iterator[None]:
    """Turn the many errors of damaged data into a DataError that names the source."""
    try:
        yield
    except DataError:
        raise
    except UNREADABLE as error:
        kind = "archive, truncated or damaged" if source.is_file() else "folder"
        raise DataError(
            f"{source} cannot be read to its end ({kind}: {shown(first_line(error))}): "
            "copy or download it again"
        ) from error


def read(opened: Callable[[], BinaryIO]) -> bytes:
    """Return the bytes of a member."""
    with opened() as file:
        return file.read()


def exactly(file: BinaryIO, n: int, name: str) -> bytes:
    """Return the next n bytes of a file; raises EOFError if there are fewer."""
    data = file.read(n)
    if len(data) != n:
        raise EOFError(f"{name} ends too early")
    return data
