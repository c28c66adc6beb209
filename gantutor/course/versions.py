"""The versions of a notebook, each a function of the source alone: student, solution, instructor, clean.

A source holds its exercises' solutions between `### BEGIN SOLUTION` and `### END SOLUTION`, nbgrader's markers. What the student gets is
what nbgrader's generate_assignment would make of it.
"""

import copy
import inspect
import json
import os
import re
import statistics
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

import gantutor
from gantutor.course.config import PROFILE_NAMES, BadParameters
from gantutor.course.exercises import Exercise, find
from gantutor.course.lessons import LESSONS, find_notebook
from gantutor.course.records import write_text

BEGIN, END = (
    "BEGIN SOLUTION",
    "END SOLUTION",
)  # nbgrader looks for these words, wherever in a line they stand
STUB = ("# YOUR CODE HERE", "raise NotImplementedError()")
CHECK = re.compile(r"""^check\(\s*["']([\w.]+)["']\s*,\s*(\w+)\s*\)""", re.M)
LINK = re.compile(r"(!?\[[^\]]*\]\()([^)\s]+)(\))")
HEADING = re.compile(r"^#{1,6} ")


@dataclass(frozen=True)
class Place:
    """An exercise in a notebook: its name, and the numbers of the cells with its words (None: there is none), its answer and its check."""

    name: str
    words: int | None
    answer: int
    check: int


# -- reading ------------------------------------------------------------------------------------------------------------------
def load(path: Path) -> NotebookNode:
    """A notebook of format 4; ValueError names the file where it is none."""
    try:
        nb = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
        nbformat.validate(nb)
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}): check the path") from None
    except Exception:  # nbformat has many ways to say it
        raise ValueError(
            f"{path} is no intact notebook: open and save it in Jupyter, or get it anew"
        ) from None
    return nb


def places(nb: NotebookNode, name: str) -> list[Place]:
    """The exercises of a source, in order; ValueError, naming the notebook and the cell, where markers, names or cells do not fit together."""
    answers, found, seen = {}, [], set()
    for i, cell in enumerate(nb.cells):
        here, grading = f"{name}, cell {cell.id!r}", cell.metadata.get("nbgrader", {})
        region = _region(cell.source, here)
        if (grade_id := grading.get("grade_id")) is not None:
            if grade_id in seen:
                raise ValueError(
                    f"{here}: grade_id {grade_id!r} is given twice: give this cell another"
                )
            seen.add(grade_id)
        if grading.get("solution"):
            if not region:
                raise ValueError(
                    f"{here}: an answer cell without a solution: put it between ### {BEGIN} and ### {END}"
                )
            answers[grade_id] = i
        elif region:
            raise ValueError(
                f"{here}: ### {BEGIN} stands in a cell that is no answer cell: give it nbgrader's metadata with solution: true"
            )
        for exercise in CHECK.findall(cell.source) if cell.cell_type == "code" else ():
            what = exercise[0].rpartition(".")[2]
            try:
                find(exercise[0])
            except ValueError as error:
                raise ValueError(f"{here}: a check without an exercise: {error}") from None
            if what not in answers:
                raise ValueError(
                    f"{here}: the answer cell of {exercise[0]!r} is missing: put one with grade_id {what!r} before the check"
                )
            j = answers.pop(what)
            words = j - 1 if j and nb.cells[j - 1].cell_type == "markdown" else None
            found.append(Place(exercise[0], words, j, i))
    for grade_id, i in answers.items():
        raise ValueError(
            f'{name}, cell {nb.cells[i].id!r}: nothing checks this answer: put `check("topic.{grade_id}", ...)` after it'
        )
    return found


def _region(source: str, here: str) -> bool:
    """Whether a cell holds a solution between markers; ValueError where they do not match."""
    inside, any_ = False, False
    for line in source.split("\n"):
        if BEGIN in line:
            if inside:
                raise ValueError(
                    f"{here}: ### {BEGIN} twice, one inside the other: close the first with ### {END}"
                )
            inside = any_ = True
        elif END in line:
            if not inside:
                raise ValueError(
                    f"{here}: ### {END} without ### {BEGIN}: open the solution, or delete the line"
                )
            inside = False
    if inside:
        raise ValueError(f"{here}: ### {BEGIN} without ### {END}: close the solution")
    return any_


# -- the versions -------------------------------------------------------------------------------------------------------------
def stub(source: str) -> str:
    """An answer cell as a student gets it: the solution gives way to nbgrader's two lines, as far indented as its first marker."""
    lines, inside = [], False
    for line in source.split("\n"):
        if BEGIN in line:
            inside = True
            lines += [re.match(r"\s*", line)[0] + words for words in STUB]
        elif END in line:
            inside = False
        elif not inside:
            lines.append(line)
    return "\n".join(lines)


def solved(source: str) -> str:
    """An answer cell with its solution, without the markers and without the `name = ...` that holds its place."""
    return "\n".join(
        line
        for line in source.split("\n")
        if BEGIN not in line and END not in line and not re.fullmatch(r"\w+ = \.\.\.", line)
    )


def student(nb: NotebookNode, stem: str) -> NotebookNode:
    """Exercises open. Their cells cannot be deleted, nor their checks edited: what nbgrader does."""
    made = _bare(nb)
    for cell in made.cells:
        grading = cell.metadata.get("nbgrader", {})
        if grading.get("solution"):
            cell.source = stub(cell.source)
            cell.metadata["deletable"] = False
        elif grading.get("grade"):
            cell.metadata["deletable"] = cell.metadata["editable"] = False
    return made


def solution(nb: NotebookNode, stem: str) -> NotebookNode:
    """Exercises solved, no markers."""
    made = _bare(nb)
    for cell in made.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            cell.source = solved(cell.source)
    return made


def instructor(nb: NotebookNode, stem: str) -> NotebookNode:
    """The solution with notes for the teacher: promised and measured minutes below the title; after each check what is expected and what goes wrong."""
    made, cells, asked = (
        solution(nb, stem),
        [],
        {p.check: find(p.name) for p in places(nb, f"{stem}.ipynb")},
    )
    for i, cell in enumerate(made.cells):
        cells.append(cell)
        if i == 0 and (minutes := _minutes(stem, list(asked.values()))):
            cells.append(nbformat.v4.new_markdown_cell(minutes, id="teacher-minutes"))
        if i in asked:
            n, exercise = list(asked).index(i) + 1, asked[i]
            cells.append(
                nbformat.v4.new_markdown_cell(
                    _expected(n, exercise),
                    id=f"teacher-{exercise.name.rpartition('.')[2].replace('_', '-')}",
                )
            )
    made.cells = cells
    return made


def clean(nb: NotebookNode, stem: str) -> NotebookNode:
    """Headings and code: to recall a lesson by saying what each cell will print before running it.

    Exercises are open again: writing an answer anew is recalling too, and a copy that may be handed out gives nothing away.
    """
    made = student(nb, stem)
    for cell in made.cells:
        if cell.cell_type == "markdown":
            cell.source = "\n\n".join(_headings(cell.source))
    made.cells = [cell for cell in made.cells if cell.source]
    return made


def _headings(source: str) -> list[str]:
    found, fenced = [], False
    for line in source.split("\n"):
        fenced ^= line.startswith("```")
        if not fenced and HEADING.match(line):
            found.append(line)
    return found


def _bare(nb: NotebookNode) -> NotebookNode:
    """A copy without outputs."""
    made = copy.deepcopy(nb)
    for cell in made.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return made


VERSIONS: dict[str, Callable[[NotebookNode, str], NotebookNode]] = {
    "student": student,
    "solution": solution,
    "instructor": instructor,
    "clean": clean,
}


# -- writing ------------------------------------------------------------------------------------------------------------------
def course() -> list[Path]:
    """The course's own notebooks, in order."""
    return [find_notebook(stem) for stem in LESSONS]


def build(sources: Sequence[Path], out: Path, versions: Sequence[str]) -> dict[str, list[Path]]:
    """Write each version of each source as `out`/<version>/<name>.ipynb: the same bytes from the same source. Returns the files by version.

    ValueError before anything is written: where a source is wrong, where a source would be overwritten or a version put among the sources
    (only `student` may be), or where somebody has worked in the notebook that would be replaced.
    """
    loaded = {path: load(path) for path in dict.fromkeys(sources)}
    if len({path.name for path in loaded}) < len(loaded):
        raise ValueError(
            "two notebooks of one name: build them one after the other, into two folders"
        )
    for path, nb in loaded.items():
        places(nb, path.name)
    written: dict[str, list[Path]] = {version: [] for version in versions}
    for version in versions:
        folder = (out / version).resolve()
        for path in loaded:
            target = folder / path.name
            among = folder == path.parent or (
                version != "student" and path.stem in LESSONS and folder.is_relative_to(path.parent)
            )
            if among:
                raise ValueError(
                    f"--out {out}: the {version} version of {path.name} would lie among the sources in {path.parent}: choose another folder"
                )
            if target.exists() and worked_in(target, VERSIONS[version](nb, path.stem)):
                what = f"{target} holds outputs, answers or another notebook"
                remedy = "move it away, or choose another folder with --out"
                raise ValueError(f"{what}, so somebody has worked in it: {remedy}")
            written[version].append(target)
    for version, targets in written.items():
        for (path, nb), target in zip(loaded.items(), targets, strict=True):
            made = VERSIONS[version](nb, path.stem)
            rebase(made, path.parent, target.parent)
            write_text(target, nbformat.writes(made, version=4) + "\n")
    return written


def worked_in(path: Path, made: NotebookNode) -> bool:
    """Whether a notebook is more than an earlier build of `made`: it was run, an open answer has
    been filled in, or it shares no cell.

    One that cannot be read is nobody's to overwrite either.
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
    """Make a notebook's relative links right from another folder, in place. Links to its neighbours stay: they are built too.

    A folder outside the course has no way back that would hold on another machine: there, the words stay and the link goes.
    """
    inside = new.is_relative_to(old.parent)

    def moved(match: re.Match) -> str:
        path, mark, anchor = match[2].partition("#")
        if not path or ":" in path or path.startswith("/") or "/" not in path:
            return match[0]
        if not inside:
            return match[1].lstrip("!")[1:-2]
        return f"{match[1]}{os.path.relpath(old / path, new).replace(os.sep, '/')}{mark}{anchor}{match[3]}"

    for cell in nb.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(moved, cell.source)


# -- what a teacher wants to know -----------------------------------------------------------------------------------------------
def _expected(n: int, exercise: Exercise) -> str:
    """One exercise: its points and minutes, the reference that judges, and the symptoms with the hints that they get."""
    points = f"{exercise.points} point{'s' * (exercise.points > 1)}"
    if exercise.is_function:
        what = (
            f"**Expected**: what the cell above holds, in any form, to {exercise.tolerance:g} of the largest number"
            f"{_gradients(exercise)}. It is judged against"
        )
        answer = f"```python\n{_source(exercise.reference)}\n```"
    else:
        what, answer = "**Expected**", f"`{exercise.reference!r}`"
    lines = [
        f"**For the teacher: exercise {n}**, `{exercise.name}` · {points} · about {exercise.minutes} minutes",
        "",
        what,
        "",
        answer,
    ]
    told = [(s.key, s.hint) for s in (*exercise.symptoms, *exercise.properties)]
    if told:
        lines += [
            "",
            "| what a student did | what the check says |",
            "|---|---|",
            *(f"| {_cell(key)} | {_cell(hint)} |" for key, hint in told),
        ]
    if exercise.forbidden:
        lines += ["", f"Not to be called: {', '.join(f'`{name}`' for name in exercise.forbidden)}."]
    return "\n".join(lines)


def _gradients(exercise: Exercise) -> str:
    names = [f"`{exercise.args(i)}`" for i in exercise.gradients]
    return f", with its gradient in {', '.join(names)}" if names else ""


def _source(function) -> str:
    try:
        return textwrap.dedent(inspect.getsource(function)).strip()
    except (OSError, TypeError):
        return f"# {getattr(function, '__name__', function)}, of gantutor.course.exercises"


def _cell(text: str) -> str:
    """Text in a cell of a Markdown table."""
    return " ".join(text.replace("|", "\\|").split())


def _minutes(stem: str, exercises: list[Exercise]) -> str:
    """Promised and measured minutes by profile, as a table; "" for a notebook that is not of the course."""
    if stem not in LESSONS:
        return ""
    measured = measured_minutes(stem)
    rows = [
        f"| {p} | {LESSONS[stem].minutes[p]:g} | {measured.get(p, 'not measured')} |"
        for p in PROFILE_NAMES
    ]
    work = sum(e.minutes for e in exercises)
    asks = (
        f" The exercises ask for about {work} minutes and give {sum(e.points for e in exercises)} points."
        if work
        else ""
    )
    return "\n".join(
        [
            "**For the teacher: minutes of one run** with the profile's own parameters and seeds.",
            "",
            "| profile | promised | measured |",
            "|---|---|---|",
            *rows,
            "",
            f"Measured: the runs of `data/records`.{asks}",
        ]
    )


def measured_minutes(stem: str) -> dict[str, str]:
    """By profile, the median minutes of the recorded runs with the profile's own parameters, and on what."""
    found: dict[tuple[str, str], list[float]] = {}
    for path in sorted(
        (Path(gantutor.__file__).resolve().parent.parent / "data" / "records").glob("*.json")
    ):
        for run in json.loads(path.read_text(encoding="utf-8")):
            if (
                run["notebook"] == stem
                and run["status"] == "ok"
                and _plain(stem, run["parameters"])
            ):
                machine = run["hardware"]["gpu"] or f"{run['hardware']['cores']} cores"
                found.setdefault((run["parameters"]["profile"], machine), []).append(
                    run["wall_s"] / 60
                )
    said: dict[str, list[str]] = {}
    for (profile, machine), minutes in found.items():
        said.setdefault(profile, []).append(f"{statistics.median(minutes):.1f} ({machine})")
    return {profile: "; ".join(texts) for profile, texts in said.items()}


def _plain(stem: str, parameters: dict) -> bool:
    try:
        return LESSONS[stem].config(**parameters).plain
    except BadParameters:  # of an earlier version
        return False
