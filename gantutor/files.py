"""Files that are whole or not there, and whose they are: what the package did not write itself, it
neither removes nor replaces.

What is written appears under its name only when it is complete. A run's folder has books of what
the run wrote.
"""

import errno
import json
import os
import re
import shutil
import socket
import stat
import tempfile
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

DAY = 24 * 3600.0  # seconds of silence after which a writer on another machine is held to be gone
# the names of versions before 0.2 did not tell the machine
PARTIAL = re.compile(r"\..*\.(?:([0-9a-f]{8})-)?(\d+)-[0-9a-f]{8}\.partial(?:\.[^.]+)?")
SCRATCH = re.compile(r"gantutor-([0-9a-f]{8})-(\d+)-[0-9a-f]{8}")
SOCKET = 103  # bytes that the path of a Unix socket may have: 103 on macOS, 107 on Linux


class NotOurs(ValueError):
    """A file or folder that the package did not make, and so leaves as it is."""


# -- whole or not there ---------------------------------------------------------------------------
@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yields a path beside `path`, of the same suffix, to write a file or a folder at; on leaving,
    it moves to `path` in one go.

    An exception removes what was written and leaves `path` as it was; what a kill leaves, the
    hidden `.NAME.*.partial*`, is removed when something is next written into the same folder.
    Missing parent folders are made. Raises OSError where the disk refuses, or where a folder should
    replace one that is not empty (the other process was first), FileNotFoundError where nothing was
    written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent)
    # writers such as np.save and savefig look at the suffix; two writers never share a partial
    partial = path.with_name(f".{path.stem}.{_writer()}.partial{path.suffix}")
    try:
        yield partial
        os.replace(partial, path)
    except BaseException:
        _discard(partial)
        raise


def set_aside(path: str | Path) -> Path:
    """Rename a file or folder beside itself, "run.pt" to "run.aside.pt" or "run.aside-2.pt", ...

    Returns the new path. Nothing is overwritten: the new name is taken first, by an empty file or
    folder that the old one then replaces.
    """
    path = Path(path)
    for i in count(1):
        aside = path.with_name(f"{path.stem}.aside{f'-{i}' if i > 1 else ''}{path.suffix}")
        try:
            aside.mkdir() if path.is_dir() else aside.touch(exist_ok=False)
        except FileExistsError:
            continue
        os.replace(path, aside)
        return aside


def sweep(folder: str | Path) -> None:
    """Remove what killed processes left half written in `folder`; what a live one writes stays, and
    so does every other file.
    """
    _sweep(folder, PARTIAL)


def _sweep(folder: str | Path, pattern: re.Pattern) -> None:
    with suppress(OSError):
        names = [name for name in os.listdir(folder) if pattern.fullmatch(name)]
        for name in names:
            path, (host, pid) = Path(folder, name), pattern.fullmatch(name).groups()
            with suppress(OSError):
                if _abandoned(path, host, int(pid)):
                    _discard(path)


def _writer() -> str:
    """Tells who writes: machine, process, and one of its many files."""
    return f"{_machine()}-{os.getpid()}-{uuid4().hex[:8]}"


@cache
def _machine() -> str:
    """Eight hex digits for the machine and, in a container, for its own count of processes:
    elsewhere a pid says nothing.
    """
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    return f"{zlib.crc32(f'{socket.gethostname()} {space}'.encode()):08x}"


def _abandoned(path: Path, machine: str | None, pid: int) -> bool:
    """Whether the writer of a half-made file is gone: of a process here the system knows, of others
    the file's age tells.
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
    except PermissionError:  # somebody else's
        return True
    return True


def _changed(path: Path) -> float:
    """When a file, or the youngest thing in a folder, was last written."""
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


@contextmanager
def scratch(longest: int = 0) -> Iterator[Path]:
    """Yields a folder for temporary files that nobody else may enter, and removes it at the end; a
    killed process's is removed by the next.

    `longest`: bytes of the longest name of a Unix socket in it. Where the system's own place makes
    its path too long, the folder lies in a shorter one. Raises OSError where there is none that can
    be written.
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
    """Whether a socket with a name of `longest` bytes can lie in a folder: the system takes short
    paths alone.
    """
    return len(os.fsencode(folder)) + 1 + longest <= SOCKET


def cache_dir() -> Path:
    """Where decoded images and small classifiers are kept: $GANTUTOR_CACHE, or ~/.cache/gantutor."""
    return Path(os.path.expanduser(os.environ.get("GANTUTOR_CACHE") or "~/.cache/gantutor"))


# -- whose they are -------------------------------------------------------------------------------
def ours(path: str | Path, mark: str) -> None:
    """Raise NotOurs where `path` is a file without `mark` in its first 4 KiB: somebody else's, and
    not to be replaced.

    What is not there, is empty or is no file at all passes.
    """
    path = Path(path)
    if not path.is_file():
        return
    with open(path, "rb") as file:
        head = file.read(4096)
    if head and mark.encode() not in head:
        raise NotOurs(f"{path} was not written by gantutor: move it away, or choose another place")


RECORDS = ("status.json", "result.json", "previous.json")
BOOKS = (*RECORDS, "attempts.jsonl", "console.log", ".lock", ".written")
# what the package's own writers put into a run's folder beside the books; the record names figures
WRITTEN = ("executed.ipynb", "run.log")
SEED = re.compile(r"seed\d+")
GRID = re.compile(r"\d{7,}\.png")  # what `Journal.grid` calls its pictures
SET_ASIDE = re.compile(r"(checkpoint\.aside(-\d+)?\.pt|history\.aside(-\d+)?\.jsonl)")
ASIDE = re.compile(r"previous(-\d+)?")  # folders in a run's folder that keep what runs before wrote
EMPTY = (".lock", "console.log", ".DS_Store")  # a folder that holds no more is as good as empty


def run_folder(out: str | Path, notebook: str, source: Path | None = None) -> Path:
    """`out` resolved, where a run of `notebook` (its file: `source`) may write: absent, empty, or
    this notebook's own run.

    NotOurs, in a sentence, for everything else: a file, other people's files, the run of another
    notebook, a folder that holds runs or lies in one, or that is or contains the working folder,
    the home folder, the notebooks or the package.
    """
    shown = f"output folder {str(out)!r}"
    remedy = f"name a folder for this run alone, such as runs/{notebook}"
    try:
        folder = Path(out).resolve()
        sacred = list(_sacred(source))
        for what, place in sacred:
            if place == folder:
                raise NotOurs(f"{shown} is {what}: {remedy}")
        for what, place in sacred:
            if place.is_relative_to(folder):
                raise NotOurs(f"{shown} contains {what}: {remedy}")
        if folder.exists() and not folder.is_dir():
            raise NotOurs(f"{shown} is a file: {remedy}")
        for above in folder.parents:
            # earlier versions let a run in there
            lived_in = any(place.is_relative_to(above) for _, place in sacred)
            if not lived_in and _of_run(above) is not None:
                where = f"lies in {above}, the folder of another run"
                raise NotOurs(f"{shown} {where}: choose one outside it")
        inside = sorted(folder.iterdir()) if folder.is_dir() else []
        known = _of_run(folder)
        mine = written(folder) if known is not None else set()
        if any(_holds_runs(thing, mine) for thing in inside):
            remedy = f"name a folder for this run alone, such as {Path(out) / notebook}"
            raise NotOurs(f"{shown} holds other runs: {remedy}")
        strange = [p for p in inside if p.name not in EMPTY and not PARTIAL.fullmatch(p.name)]
        if known is None and strange:
            what = f"holds {strange[0].name!r} and no run of gantutor"
            raise NotOurs(f"{shown} {what}: choose an empty or a new folder")
        if known and notebook not in known:
            other = sorted(known)[0]
            raise NotOurs(f"{shown} holds a run of {other}: choose another folder for {notebook}")
    # a name too long, links in a circle, a folder that may not be read
    except (OSError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or error
        raise NotOurs(f"{shown} cannot be used ({why}): choose another folder") from None
    return folder


def claim(out: str | Path, notebook: str) -> Path:
    """`run_folder` for a notebook that is run by hand; a new folder is made, and noted as this
    notebook's, to be known tomorrow.

    Where `gantutor run` runs the notebook, it has done so.
    """
    runner = os.environ.get("GANTUTOR_RUN")
    if runner and Path(out).resolve().is_relative_to(runner):
        return Path(out)
    folder = run_folder(out, notebook)
    if _of_run(folder) is None:
        folder.mkdir(parents=True, exist_ok=True)
        note(folder, "by hand", notebook)
    return Path(out)


def note(folder: Path, what: str, notebook: str) -> None:
    """A line of attempts.jsonl: when, where and by which process a run was started, or how it
    ended.
    """
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = {"what": what, "at": now, "host": socket.gethostname(), "pid": os.getpid()}
    line["notebook"] = notebook
    with open(folder / "attempts.jsonl", "a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")


def _sacred(source: Path | None) -> Iterator[tuple[str, Path]]:
    """Places that no run's folder may be or contain."""
    package = Path(__file__).resolve().parent
    with suppress(OSError):
        yield "the working folder", Path.cwd()
    with suppress(OSError, RuntimeError):
        yield "your home folder", Path.home().resolve()
    if source is not None:
        yield "the notebook", source.resolve().parent
    yield "the package", package
    if (package.parent / "notebooks").is_dir():
        yield "the course's notebooks", package.parent / "notebooks"


def _holds_runs(path: Path, mine: set[str]) -> bool:
    """Whether something in an output folder speaks of other runs there: a plan, a folder of runs, a
    run.
    """
    if not path.is_dir():
        return path.name == "plan.json"
    if f"{path.name}/result.json" in mine:  # a run may write records of its own making
        return False
    return path.name == "runs" or _of_run(path) is not None


def book(path: Path) -> dict[str, Any]:
    """The JSON object in one of a run's books; {} where it is missing, damaged or none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def lines(path: Path) -> list[Any]:
    """The whole lines of JSON in a book; a kill may have cut one, a disk may have spoilt some."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    found = []
    for line in text.splitlines():
        with suppress(ValueError, RecursionError):
            found.append(json.loads(line))
    return found


def _of_run(folder: Path) -> set[str] | None:
    """Of which notebooks the books in `folder` speak; None where there are no books of a run."""
    known, names = False, set()
    for name in RECORDS:
        found = book(folder / name)
        needed = "status" if name == "status.json" else "rows"
        if needed in found and isinstance(found.get("notebook"), str):
            known = True
            if name != "previous.json":
                names.add(found["notebook"])
    attempts = [x for x in lines(folder / "attempts.jsonl") if isinstance(x, dict)]
    started = [x for x in attempts if {"what", "at", "pid"} <= x.keys()]
    if started and not names:
        names = {x["notebook"] for x in started if isinstance(x.get("notebook"), str)}
    return names if known or started else None


def written(folder: Path) -> set[str]:
    """What runs wrote into their folder beside its books, as relative paths, folders with a "/" at
    the end.

    That is what the books list, the figures of the record and the names that only the package's own
    writers use; of these, what is there, and is no link and behind none.
    """
    listed: set[Any] = set(WRITTEN)
    for name in RECORDS:
        listed |= _listed(book(folder / name))
    listed |= {x for x in lines(folder / ".written") if isinstance(x, str)}
    for seed in folder.iterdir():
        if SEED.fullmatch(seed.name) and seed.is_dir() and not seed.is_symlink():
            home = seed.name
            grids = [p.name for p in seed.glob("grids/*") if GRID.fullmatch(p.name)]
            listed |= {f"{home}/", f"{home}/checkpoint.pt", f"{home}/history.jsonl"}
            listed |= {f"{home}/grids/", *(f"{home}/grids/{name}" for name in grids)}
            listed |= {f"{home}/{p.name}" for p in seed.iterdir() if SET_ASIDE.fullmatch(p.name)}
    return {name for name in listed if name not in BOOKS and _there(folder, name)}


def _listed(found: dict[str, Any]) -> set[str]:
    """The files that a status or a record lists."""
    files, figures = found.get("files"), found.get("figures")
    names = [x for x in files if isinstance(x, str)] if isinstance(files, list) else []
    for figure in figures if isinstance(figures, list) else ():
        if isinstance(figure, dict) and isinstance(figure.get("file"), str):
            names.append(figure["file"])
    return set(names)


def _there(folder: Path, name: str) -> bool:
    """Whether a listed name is a file (or, with "/", a folder) in `folder`, reached through folders
    alone and never through a link.
    """
    parts = Path(name).parts
    if not parts or Path(name).is_absolute() or ".." in parts or "\0" in name:
        return False
    place = folder
    try:
        for part in parts[:-1]:
            place /= part
            if not stat.S_ISDIR(place.lstat().st_mode):
                return False
        mode = (place / parts[-1]).lstat().st_mode
    except OSError:
        return False
    return stat.S_ISDIR(mode) if name.endswith("/") else stat.S_ISREG(mode)


def clear(folder: Path, aside: bool) -> list[str]:
    """Take away what the earlier run wrote into `folder`, and nothing else; `aside`: into its
    folder "previous", or "previous-2" and so on, so that nothing there is lost. Returns what is
    in such a folder now.

    NotOurs where a seed's folder is a link: what lies behind it would be gone on with.
    """
    for thing in folder.iterdir():
        if not SEED.fullmatch(thing.name):
            continue
        if thing.is_symlink() or (thing / "checkpoint.pt").is_symlink():
            what = f"{thing} is or holds a link to what is not the run's to remove"
            raise NotOurs(f"{what}: take it away, or choose another folder")
    names = written(folder)
    kept = {name for name in names if ASIDE.fullmatch(Path(name).parts[0])}
    names -= kept
    if aside:
        kept |= _set_aside(folder, sorted(name for name in names if not name.endswith("/")))
    _remove(folder, names)
    (folder / ".written").unlink(missing_ok=True)
    return sorted(kept)


def _set_aside(folder: Path, files: Iterable[str]) -> set[str]:
    """Move files into the first folder "previous", "previous-2", ... that is not there yet; their
    new names, with those of the folders that hold them.
    """
    moved = set()
    taken = {p.name for p in folder.iterdir()}
    names = (f"previous-{i}" if i > 1 else "previous" for i in count(1))
    into = next(name for name in names if name not in taken)
    for name in files:
        place = folder / into / name
        # all of these are new: none can be a link of somebody's
        moved |= {f"{above.as_posix()}/" for above in place.relative_to(folder).parents} - {"./"}
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(folder / name, place)
        moved.add(place.relative_to(folder).as_posix())
    return moved


def _remove(folder: Path, names: Iterable[str]) -> None:
    """Files, then the folders that are empty without them."""
    for name in names:
        if not name.endswith("/"):
            (folder / name).unlink(missing_ok=True)
    for name in sorted((name for name in names if name.endswith("/")), key=len, reverse=True):
        with suppress(OSError):  # somebody keeps something in it
            (folder / name).rmdir()


def free(path: Path) -> Path:
    """`path`, or where something is there already, the first free name with a number."""
    places = [path, *(path.with_name(f"{path.stem}-{i}{path.suffix}") for i in range(1, 1000))]
    return next(p for p in places if not os.path.lexists(p))
