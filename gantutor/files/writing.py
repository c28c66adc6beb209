"""Files that appear under their name only once they are complete, and names that are still free."""

import errno
import os
import re
import shutil
import socket
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path
from uuid import uuid4

DAY = 24 * 3600.0  # s without a write after which a writer on another machine is presumed dead
# names written before 0.2 do not contain the machine
PARTIAL = re.compile(r"\..*\.(?:([0-9a-f]{8})-)?(\d+)-[0-9a-f]{8}\.partial(?:\.[^.]+)?")
SCRATCH = re.compile(r"gantutor-([0-9a-f]{8})-(\d+)-[0-9a-f]{8}")
SOCKET = 103  # longest path of a Unix socket in bytes: 103 on macOS, 107 on Linux


# -- complete or absent ---------------------------------------------------------------------------
@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path next to `path`, which is renamed to `path` when the block ends.

    Write a file or a folder there; it has the same suffix as `path`. If the block raises, what
    was written is removed and `path` stays as it was. A process that is killed leaves a hidden
    `.NAME.*.partial*`, which the next write into the same folder removes. Missing parent folders
    are created.

    Raises OSError if the disk refuses, or if a folder would replace one that is not empty
    (another process was first), and FileNotFoundError if nothing was written.

    >>> with tempfile.TemporaryDirectory() as place:
    ...     with replacing(Path(place, "scores.txt")) as partial:
    ...         _ = partial.write_text("0.5")
    ...     os.listdir(place)
    ['scores.txt']
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent)
    # np.save and savefig choose by suffix; the name is unique to this writer
    partial = path.with_name(f".{path.stem}.{_writer()}.partial{path.suffix}")
    try:
        yield partial
        os.replace(partial, path)
    except BaseException:
        _discard(partial)
        raise


def sweep(folder: str | Path) -> None:
    """Remove the half-written files that killed processes left in `folder`, and nothing else."""
    _sweep(folder, PARTIAL)


def _sweep(folder: str | Path, pattern: re.Pattern) -> None:
    with suppress(OSError):
        names = [name for name in os.listdir(folder) if pattern.fullmatch(name)]
        for name in names:
            path = Path(folder, name)
            machine, pid = pattern.fullmatch(name).groups()
            with suppress(OSError):
                if _abandoned(path, machine, int(pid)):
                    _discard(path)


def _writer() -> str:
    """A name for one write: machine, process and a random part."""
    return f"{_machine()}-{os.getpid()}-{uuid4().hex[:8]}"


@cache
def _machine() -> str:
    """Eight hex digits for this machine and PID namespace (a container has its own PIDs)."""
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    return f"{zlib.crc32(f'{socket.gethostname()} {space}'.encode()):08x}"


def _abandoned(path: Path, machine: str | None, pid: int) -> bool:
    """Whether the writer of a half-written file is gone.

    The system knows that of a process on this machine; elsewhere the file's age decides.
    """
    if os.name == "posix" and machine == _machine():
        return not _alive(pid)
    if os.name == "posix" and machine is None and _alive(pid):
        return False
    return time.time() - _changed(path) > DAY


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # it belongs to another user
        return True
    return True


def _changed(path: Path) -> float:
    """When a file, or the newest item in a folder, was last written (s since the epoch)."""
    found = [path]
    for top, folders, names in os.walk(path):
        found += [os.path.join(top, name) for name in folders + names]
    return max(os.lstat(p).st_mtime for p in found)


def _discard(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


# -- free names -----------------------------------------------------------------------------------
def _numbered(folder: Path, stem: str, suffix: str) -> Iterator[Path]:
    """Paths in a folder: "plan.json", "plan-2.json", "plan-3.json" and so on."""
    yield folder / f"{stem}{suffix}"
    for i in count(2):
        yield folder / f"{stem}-{i}{suffix}"


def free(path: Path) -> Path:
    """Return `path`, or the first numbered name like it that does not exist yet.

    >>> with tempfile.TemporaryDirectory() as place:
    ...     Path(place, "plan.json").touch()
    ...     free(Path(place, "plan.json")).name
    'plan-2.json'
    """
    names = _numbered(path.parent, path.stem, path.suffix)
    return next(p for p in names if not os.path.lexists(p))


def set_aside(path: str | Path) -> Path:
    """Rename a file or folder in place, "run.pt" to "run.aside.pt", "run.aside-2.pt", ...

    Returns the new path. Nothing is overwritten, even if two processes do it at once: each
    reserves its name with an empty file or folder, which the renamed one then replaces.
    """
    path = Path(path)
    for aside in _numbered(path.parent, f"{path.stem}.aside", path.suffix):
        try:
            aside.mkdir() if path.is_dir() else aside.touch(exist_ok=False)
        except FileExistsError:
            continue
        os.replace(path, aside)
        return aside


# -- temporary places -----------------------------------------------------------------------------
@contextmanager
def scratch(longest: int = 0) -> Iterator[Path]:
    """Yield a private folder for temporary files, which is removed when the block ends.

    `longest` is the length in bytes of the longest name of a Unix socket that will be made in
    it: if the system's temporary folder would make the path too long, a shorter place is used.
    What a killed process leaves is removed by the next call. Raises OSError if there is no
    place that can be written.
    """
    name, problem = f"gantutor-{_writer()}", None
    for place in dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp")):
        folder = Path(place, name)
        if longest and not fits(folder, longest):
            continue
        _sweep(place, SCRATCH)
        try:
            folder.mkdir(mode=0o700)
        except OSError as error:
            problem = error
            continue
        break
    else:
        long = OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), tempfile.gettempdir())
        raise problem or long
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def fits(folder: str | Path, longest: int) -> bool:
    """Whether a Unix socket whose name has `longest` bytes can be made in `folder`.

    >>> fits("/tmp/gantutor", 40), fits("/tmp/" + "x" * 90, 40)
    (True, False)
    """
    return len(os.fsencode(folder)) + 1 + longest <= SOCKET


def cache_dir() -> Path:
    """The folder for decoded images and small classifiers.

    It is $GANTUTOR_CACHE if that is set, otherwise ~/.cache/gantutor.
    """
    return Path(os.path.expanduser(os.environ.get("GANTUTOR_CACHE") or "~/.cache/gantutor"))
