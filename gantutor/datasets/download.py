"""A resumable download of published sets, checked before a file gets its name."""

import os
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from gantutor.datasets.catalogue import SOURCES, File, Source
from gantutor.datasets.places import DataError, compare, data_dirs, digest, pinned
from gantutor.files import replacing

TRIES = 5  # requests without new bytes before the next mirror is asked
PAUSE = 1.0  # seconds between requests without new bytes, growing with each


def fetch(
    name: str, to: str | Path | None = None, say: Callable[[str], None] = print
) -> list[Path]:
    """Download the files of a set into `to` (default: $GANTUTOR_DATA or ./data).

    An interrupted download continues where it ended. Files that exist are checked and kept. A file
    gets its name only once its checksum is right. `say` gets a progress line every second. If two
    processes download into one folder, the second waits. Raises DataError.
    """
    if name not in SOURCES:
        raise DataError(f"image set {name!r} is unknown; known: {', '.join(SOURCES)}")
    source = SOURCES[name]
    if not source.fetchable:
        raise DataError(f"{name} cannot be fetched by a program: {source.by_hand}")
    folder = data_dirs()[0] if to is None else Path(to)
    got = []
    for file in source.files:
        target = folder / file.name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with _alone(target.parent, say):
                if target.exists():
                    if sums := file.sums or pinned(target):
                        compare(target, sums)
                    say(f"kept: {target}")
                else:
                    _download(file, target, source, say)
        except OSError as error:  # the network's errors are handled below
            why = error.strerror or error
            raise DataError(
                f"{target} cannot be written ({why}): free the disk or pass another folder"
            ) from error
        got.append(target)
    return got


@contextmanager
def _alone(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Allow one download into a folder at a time.

    The lock is the system's, which releases it when a process dies.
    """
    try:
        import fcntl
    except ImportError:  # not on Windows
        yield
        return
    lock = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting: another process downloads into {folder}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _download(file: File, target: Path, source: Source, say: Callable[[str], None]) -> None:
    """Make `target` from the first mirror with the right bytes; raises DataError if none has."""
    part, problems = target.with_name(target.name + ".part"), []
    for url in file.urls:
        try:
            _transfer(url, part, file.bytes, say)
            _accept(part, target, file)
        except _Failed as problem:
            problems.append(f"{url}: {problem}")
            continue
        say(f"done: {target}")
        return
    kept = ""
    if part.exists():
        kept = f"; {part.stat().st_size} bytes are kept in {part}, "
        kept += "the same command continues from there"
    raise DataError(
        f"{target.name} could not be downloaded ({'; '.join(problems)}){kept}; "
        f"by hand: {source.by_hand}, into {target.parent}"
    )


def _accept(part: Path, target: Path, file: File) -> None:
    """Give a complete download its name if its checksum is right, else set it aside.

    A file without a published checksum must be an intact zip, or not a zip at all: nothing else
    tells whether two halves belong to one file. Its sha256 is stored from now on.
    """
    wrong = target.with_name(target.name + ".wrong")
    # a stored checksum may come from the user, and is never replaced
    sums = file.sums or pinned(target)
    problem = None
    if sums:
        try:
            compare(part, sums)
        except DataError:
            whose = "the published one" if file.sums else f"the one in {target.name}.sha256"
            problem = f"checksum {digest(part)} is not {whose}"
    elif not _intact(part, target):
        problem = "the download is not a complete zip"
    if problem:
        os.replace(part, wrong)
        raise _Failed(f"{problem}, kept as {wrong}")
    if not sums:
        with replacing(target.with_name(target.name + ".sha256")) as sidecar:
            sidecar.write_text(f"{digest(part)}  {target.name}\n")
    os.replace(part, target)
    wrong.unlink(missing_ok=True)  # from an earlier try


def _intact(part: Path, target: Path) -> bool:
    """Whether a zip's own checksums are right; other files have none."""
    if target.suffix != ".zip":
        return True
    try:
        with zipfile.ZipFile(part) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError):
        return False


class _Failed(Exception):
    """What went wrong with one mirror, in half a sentence."""


def _transfer(url: str, part: Path, size: int | None, say: Callable[[str], None]) -> None:
    """Complete `part` from `url`, in as many requests as bring new bytes."""
    idle = 0
    while True:
        have = part.stat().st_size if part.exists() else 0
        try:
            total = _request(url, part, have, size, say)
            problem = None
        except HTTPError as error:
            if error.code != 416:
                raise _Failed(f"HTTP {error.code}") from error
            if str(have) == error.headers.get("Content-Range", "").rpartition("/")[2]:
                return  # the file was complete already
            part.unlink(missing_ok=True)
            total, problem = None, "the server has a shorter file"
        except (OSError, HTTPException) as error:
            if isinstance(error, OSError) and error.filename:  # a local file, not the network
                raise
            total, problem = None, str(getattr(error, "reason", error)) or type(error).__name__
        now = part.stat().st_size if part.exists() else 0
        if problem is None and (total is None or now == total):
            return
        idle = 0 if now > have else idle + 1
        if idle >= TRIES or (have == now == 0 and problem):
            raise _Failed(problem or f"cut off at {now} of {total} bytes")
        time.sleep(PAUSE * idle)


def _request(
    url: str, part: Path, have: int, size: int | None, say: Callable[[str], None]
) -> int | None:
    """Make one request, from byte `have` on if the server can.

    Returns the length of the whole file if the server gives it.
    """
    headers = {"User-Agent": "gantutor", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with urlopen(Request(url, headers=headers), timeout=30) as answer:
        given = answer.headers.get("Content-Range", "")
        if answer.status != 206 or not given.startswith(f"bytes {have}-"):
            have = 0  # a server without Range sends everything again
        length = answer.headers.get("Content-Length")
        total = None if length is None else have + int(length)
        if size is not None and total not in (None, size):
            raise _Failed(f"offers {total} bytes, the published file has {size}")
        name = part.name.removesuffix(".part")
        began, began_at, told = time.monotonic(), have, time.monotonic()
        with open(part, "ab" if have else "wb") as out:
            while block := answer.read(1 << 18):
                out.write(block)
                have += len(block)
                if (now := time.monotonic()) - told >= 1:
                    share = f" of {total / 1e6:.1f} MB, {have / total:.0%}" if total else " MB"
                    speed = (have - began_at) / 1e6 / (now - began)
                    say(f"{name}: {have / 1e6:.1f}{share}, {speed:.1f} MB/s")
                    told = now
        return total
