"""A run's folder, and which of its files the package wrote and so may remove or replace.

A folder is known by its books: status.json, result.json, previous.json and attempts.jsonl.
"""

import json
import os
import re
import socket
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gantutor.files.writing import PARTIAL, free

RECORDS = ("status.json", "result.json", "previous.json")
BOOKS = (*RECORDS, "attempts.jsonl", "console.log", ".lock", ".written")
# written by the runner in addition to the books; figures are listed in the record
WRITTEN = ("executed.ipynb", "run.log")
SEED = re.compile(r"seed\d+")
GRID = re.compile(r"\d{7,}\.png")  # file names of `Journal.grid`
SET_ASIDE = re.compile(r"(checkpoint\.aside(-\d+)?\.pt|history\.aside(-\d+)?\.jsonl)")
PREVIOUS = re.compile(r"previous(-\d+)?")  # folders that hold what earlier runs wrote
EMPTY = (".lock", "console.log", ".DS_Store")  # with nothing else in it, a folder counts as empty


class NotOurs(ValueError):
    """A file or folder that the package did not create and therefore leaves untouched."""


def ours(path: str | Path, mark: str) -> None:
    """Raise NotOurs if `path` is a file without `mark` in its first 4 KiB.

    Such a file is somebody else's and must not be replaced. A path that does not exist, is empty
    or is not a regular file passes.
    """
    path = Path(path)
    if not path.is_file():
        return
    with open(path, "rb") as file:
        head = file.read(4096)
    if head and mark.encode() not in head:
        raise NotOurs(f"{path} was not written by gantutor: move it away, or choose another place")


# -- which folders a run may use ------------------------------------------------------------------
def run_folder(out: str | Path, notebook: str, source: Path | None = None) -> Path:
    """Resolve `out` and check that a run of `notebook` (whose file is `source`) may write there.

    It may if the folder does not exist, is empty or holds a run of this notebook. Anything else
    raises NotOurs with the reason: a file, somebody's files, a run of another notebook, a folder
    that holds several runs or is inside one, and any folder that is or contains the working
    folder, the home folder, the notebooks or the package.
    """
    shown = f"output folder {str(out)!r}"
    try:
        folder = Path(out).resolve()
        _check_place(folder, shown, notebook, source)
        _check_contents(folder, shown, notebook, Path(out) / notebook)
    # a name too long, links in a circle, a folder that may not be read
    except (OSError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or error
        raise NotOurs(f"{shown} cannot be used ({why}): choose another folder") from None
    return folder


def _check_place(folder: Path, shown: str, notebook: str, source: Path | None) -> None:
    """Raise NotOurs if the folder is somewhere that a run must not write."""
    remedy = f"name a folder for this run alone, such as runs/{notebook}"
    protected = list(_protected(source))
    for what, place in protected:
        if place == folder:
            raise NotOurs(f"{shown} is {what}: {remedy}")
    for what, place in protected:
        if place.is_relative_to(folder):
            raise NotOurs(f"{shown} contains {what}: {remedy}")
    if folder.exists() and not folder.is_dir():
        raise NotOurs(f"{shown} is a file: {remedy}")
    for above in folder.parents:
        # earlier versions allowed runs there, so their books do not make it a run's folder
        contains_protected = any(place.is_relative_to(above) for _, place in protected)
        if not contains_protected and _of_run(above) is not None:
            where = f"is inside {above}, the folder of another run"
            raise NotOurs(f"{shown} {where}: choose one outside it")


def _check_contents(folder: Path, shown: str, notebook: str, suggestion: Path) -> None:
    """Raise NotOurs if the folder holds anything but a run of this notebook."""
    inside = sorted(folder.iterdir()) if folder.is_dir() else []
    known = _of_run(folder)
    mine = written(folder) if known is not None else set()
    if any(_holds_runs(thing, mine) for thing in inside):
        remedy = f"name a folder for this run alone, such as {suggestion}"
        raise NotOurs(f"{shown} holds other runs: {remedy}")
    strange = [p for p in inside if p.name not in EMPTY and not PARTIAL.fullmatch(p.name)]
    if known is None and strange:
        what = f"holds {strange[0].name!r} and no run of gantutor"
        raise NotOurs(f"{shown} {what}: choose an empty or a new folder")
    if known and notebook not in known:
        other = sorted(known)[0]
        raise NotOurs(f"{shown} holds a run of {other}: choose another folder for {notebook}")


def _protected(source: Path | None) -> Iterator[tuple[str, Path]]:
    """Folders that no run's folder may be or contain, each with its description."""
    package = Path(__file__).resolve().parents[1]
    with suppress(OSError):
        yield "the working folder", Path.cwd()
    with suppress(OSError, RuntimeError):
        yield "your home folder", Path.home().resolve()
    if source is not None:
        yield "the notebook's folder", source.resolve().parent
    yield "the package", package
    if (package.parent / "notebooks").is_dir():
        yield "the course's notebooks", package.parent / "notebooks"


def _holds_runs(path: Path, mine: set[str]) -> bool:
    """Whether an item of an output folder is a sign of other runs: a plan, or folders of runs."""
    if not path.is_dir():
        return path.name == "plan.json"
    if f"{path.name}/result.json" in mine:  # a run may itself write records
        return False
    return path.name == "runs" or _of_run(path) is not None


def claim(out: str | Path, notebook: str) -> Path:
    """Check the output folder of a notebook that is run by hand, and mark a new one as its own.

    The mark, a line in attempts.jsonl, lets the same notebook write there again later. Under
    `gantutor run` the runner has already checked and marked the folder. Raises NotOurs.
    """
    runner = os.environ.get("GANTUTOR_RUN")
    if runner and Path(out).resolve().is_relative_to(runner):
        return Path(out)
    folder = run_folder(out, notebook)
    if _of_run(folder) is None:
        folder.mkdir(parents=True, exist_ok=True)
        note(folder, "by hand", notebook)
    return Path(out)


# -- a run's books --------------------------------------------------------------------------------
def note(folder: Path, what: str, notebook: str) -> None:
    """Append to attempts.jsonl that a run started or how it ended: when, where, which process."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = {"what": what, "at": now, "host": socket.gethostname(), "pid": os.getpid()}
    line["notebook"] = notebook
    with open(folder / "attempts.jsonl", "a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")


def book(path: Path) -> dict[str, Any]:
    """The JSON object in a file; {} if the file is missing, damaged or holds something else."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def lines(path: Path) -> list[Any]:
    """The lines of a JSON Lines file; lines that are cut off or damaged are skipped."""
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
    """The notebooks named in a folder's books; None if the folder has no books of a run."""
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


# -- what runs wrote ------------------------------------------------------------------------------
def written(folder: Path) -> set[str]:
    """What runs wrote into their folder besides its books, as relative paths.

    Folders end in "/". The set combines what the books list, the figures of the record, and the
    names that only the package uses. It contains only what exists, and neither links nor anything
    that is reached through one.
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
    return {name for name in listed if name not in BOOKS and _is_inside(folder, name)}


def _listed(found: dict[str, Any]) -> set[str]:
    """The files that a status or a record lists."""
    files, figures = found.get("files"), found.get("figures")
    names = [x for x in files if isinstance(x, str)] if isinstance(files, list) else []
    for figure in figures if isinstance(figures, list) else ():
        if isinstance(figure, dict) and isinstance(figure.get("file"), str):
            names.append(figure["file"])
    return set(names)


def _is_inside(folder: Path, name: str) -> bool:
    """Whether a listed name is a file (or, with "/", a folder) in `folder`, without any link.

    A damaged or edited list must not lead outside the folder.
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


def clear(folder: Path, aside: bool) -> tuple[list[str], Path | None]:
    """Remove what the earlier run wrote into `folder`, or with `aside` move it out of the way.

    With `aside` it is moved to a new subfolder, "previous", "previous-2" and so on. Returns the
    names of everything in such subfolders, and the new one (None if nothing had to be moved).
    Raises NotOurs if a seed's folder is a link, because training would go on from what is
    behind it.
    """
    for thing in folder.iterdir():
        if not SEED.fullmatch(thing.name):
            continue
        if thing.is_symlink() or (thing / "checkpoint.pt").is_symlink():
            what = f"{thing} is or holds a link to something that the run may not remove"
            raise NotOurs(f"{what}: remove the link, or choose another folder")
    names = written(folder)
    kept = {name for name in names if PREVIOUS.fullmatch(Path(name).parts[0])}
    names -= kept
    place = None
    files = sorted(name for name in names if not name.endswith("/"))
    if aside and files:
        place = free(folder / "previous")
        kept |= _move(folder, files, place)
    _remove(folder, names)
    (folder / ".written").unlink(missing_ok=True)
    return sorted(kept), place


def _move(folder: Path, files: Iterable[str], into: Path) -> set[str]:
    """Move files of `folder` into a new folder; return their new names and those of its folders."""
    moved = set()
    for name in files:
        place = into / name
        # all these folders are new, so none can be a link that somebody made
        moved |= {f"{above.as_posix()}/" for above in place.relative_to(folder).parents} - {"./"}
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(folder / name, place)
        moved.add(place.relative_to(folder).as_posix())
    return moved


def _remove(folder: Path, names: Iterable[str]) -> None:
    """Remove files, then the folders that are empty without them."""
    for name in names:
        if not name.endswith("/"):
            (folder / name).unlink(missing_ok=True)
    for name in sorted((name for name in names if name.endswith("/")), key=len, reverse=True):
        with suppress(OSError):  # the folder holds something else
            (folder / name).rmdir()
