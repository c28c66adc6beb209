"""Versions written to files; nothing that somebody has worked in is overwritten."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from gantutor.course.lessons import LESSONS, find_notebook
from gantutor.course.records import write_text
from gantutor.course.versions.source import STUB, load, places
from gantutor.course.versions.variants import VERSIONS

LINK = re.compile(r"(!?\[[^\]]*\]\()([^)\s]+)(\))")


def course() -> list[Path]:
    """The course's own notebooks, in order."""
    return [find_notebook(stem) for stem in LESSONS]


def build(sources: Sequence[Path], out: Path, versions: Sequence[str]) -> dict[str, list[Path]]:
    """Write each version of each source as `out`/<version>/<name>.ipynb; returns the files.

    The same source gives the same bytes. Raises ValueError before anything is written: where a
    source is wrong, would be overwritten, or would get a version among the sources (only `student`
    may be there), and where somebody has worked in the notebook that would be replaced.
    """
    loaded = {path: load(path) for path in dict.fromkeys(sources)}
    if len({path.name for path in loaded}) < len(loaded):
        raise ValueError(
            "two notebooks of one name: build them one after the other, into two folders"
        )
    for path, nb in loaded.items():
        places(nb, path.name)
    made = {(v, path): VERSIONS[v](nb, path.stem) for v in versions for path, nb in loaded.items()}
    targets = {key: _target(*key, out) for key in made}
    for key, target in targets.items():
        if target.exists() and worked_in(target, made[key]):
            raise ValueError(
                f"{target} holds outputs, answers or another notebook, so somebody has worked in "
                "it: move it away, or choose another folder with --out"
            )
    written: dict[str, list[Path]] = {version: [] for version in versions}
    for (version, path), target in targets.items():
        nb = made[version, path]
        rebase(nb, path.parent, target.parent)
        write_text(target, nbformat.writes(nb, version=4) + "\n")
        written[version].append(target)
    return written


def _target(version: str, path: Path, out: Path) -> Path:
    """Where a version of a source goes; ValueError where it would be among the sources."""
    folder = (out / version).resolve()
    inside = path.stem in LESSONS and folder.is_relative_to(path.parent)
    if folder == path.parent or (version != "student" and inside):
        raise ValueError(
            f"--out {out}: the {version} version of {path.name} would be among the sources in "
            f"{path.parent}: choose another folder"
        )
    return folder / path.name


def worked_in(path: Path, made: NotebookNode) -> bool:
    """Whether a notebook is more than an earlier build of `made`.

    It is where it was run, where an open answer has been filled in, where it shares no cell with
    `made`, and where it cannot be read.
    """
    try:
        cells = load(path).cells
    except ValueError:
        return True
    if any(c.get("outputs") or c.get("execution_count") for c in cells):
        return True
    new = {c.id: c.source for c in made.cells if "id" in c}  # notebooks before format 4.5 have none
    shared = [c for c in cells if c.get("id") in new]
    if new and cells and not shared:
        return True
    return any(STUB[1] in new[c.id] and STUB[1] not in c.source for c in shared)


def rebase(nb: NotebookNode, old: Path, new: Path) -> None:
    """Correct a notebook's relative links for another folder, in place.

    Links to other notebooks stay, because these are built, too. In a folder outside the course no
    link back would hold on another machine: there, the words stay and the link goes.
    """
    inside = new.is_relative_to(old.parent)

    def moved(match: re.Match) -> str:
        begin, link, end = match.groups()
        path, mark, anchor = link.partition("#")
        if "/" not in path or ":" in path or path.startswith("/"):
            return match[0]
        if not inside:
            return begin.lstrip("!")[1:-2]
        moved_path = os.path.relpath(old / path, new).replace(os.sep, "/")
        return f"{begin}{moved_path}{mark}{anchor}{end}"

    for cell in nb.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(moved, cell.source)
