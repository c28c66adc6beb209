"""A handed-in notebook as text: whose it is, and what each of its exercises needs.

Nothing of it is run here: this is the grader's own process.
"""

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from gantutor.course.exercises import TOPICS, exercises
from gantutor.course.exercises.definition import Exercise
from gantutor.course.grader.statements import (
    UNREADABLE,
    borrowed_in,
    gives,
    names_of,
    needed_for,
    parsed,
    wants,
    without_imports,
)

LARGEST_FILE = 100 * 2**20  # bytes
# folders that are not named after a student
AROUND = ("submitted", "student", "notebooks", "release", "source", "")
FRESH = "copy your answer into a fresh copy of the notebook."


@dataclass(frozen=True)
class Task:
    """One exercise of a notebook.

    `source` is to be run, then the expression `answer` evaluates to the answer. If there is
    nothing to run, `key` and `sentence` tell why.
    """

    exercise: Exercise
    source: str = ""
    answer: str = ""
    borrowed: tuple[str, ...] = ()
    key: str = ""
    sentence: str = ""


@dataclass(frozen=True)
class Submission:
    """A notebook, whose it is, its topic, and a Task for each exercise of the topic.

    `problem` tells why there are no tasks.
    """

    path: Path
    student: str
    topic: str = ""
    tasks: tuple[Task, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class CodeCell:
    """A code cell; if its text is not Python, `tree` is None and `error` tells why."""

    id: str
    grade_id: str
    text: str
    tree: ast.Module | None = field(repr=False)
    error: str = ""


def read(path: Path) -> Submission:
    """The Submission in a file, whatever the file contains."""
    student = student_of(path)
    cells = _cells(path)
    topic = (_topic(cells) if cells is not None else "") or _topic_in_name(path)
    if not topic:
        what = "is not a readable notebook"
        if cells is not None:
            what = "contains none of the course's exercises"
        problem = (
            f"{path.name} {what}, and its name is not that of a notebook of the course: "
            "hand in the .ipynb file itself"
        )
        return Submission(path, student, problem=problem)
    known = exercises(topic).values()
    if cells is None:
        sentence = "the file is damaged: open and save it in Jupyter, then hand it in again."
        tasks = tuple(Task(e, key="damaged", sentence=sentence) for e in known)
    else:
        tasks = tuple(_task(e, cells) for e in known)
    return Submission(path, student, topic, tasks)


def student_of(path: Path) -> str:
    """Who handed a file in.

    The name comes from the file's name without the notebook's own, otherwise from its folder; in
    nbgrader's layout, from the folder below `submitted`.
    """
    parts = path.resolve().parts
    rest = path.stem
    for stem in TOPICS:
        rest = rest.replace(stem, "")
    rest = re.sub(r"\(\d+\)", "", rest)  # the "(1)" of a second download
    rest = re.sub(r"^[\W_]+|[\W_]+$", "", rest)
    below = [b for a, b in pairwise(parts) if a == "submitted" and b != path.name]
    folder = parts[-2] if len(parts) > 1 and parts[-2] not in AROUND else ""
    name = below[-1] if below else rest or folder or path.stem
    return name.lstrip("=+-@ ")  # which a spreadsheet would take for a formula


# -- cells -------------------------------------------------------------------------------------
def _cells(path: Path) -> list[CodeCell] | None:
    """The code cells of a notebook file; None if it is damaged."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            return None
        raw = json.loads(path.read_bytes())["cells"]
        return [_cell(c) for c in raw if c["cell_type"] == "code"]
    except (*UNREADABLE, KeyError, TypeError, AttributeError, OSError):
        return None


def _cell(raw: dict) -> CodeCell:
    text = raw["source"] if isinstance(raw["source"], str) else "".join(raw["source"])
    grading = raw.get("metadata", {}).get("nbgrader", {})
    tree, error = None, ""
    # lines for the shell or for IPython are not Python, so they are blanked as Jupyter does; but
    # only if the text does not parse as it is, since % is also an operator
    for attempt in (text, re.sub(r"^(\s*)[%!?].*$", r"\1pass", text, flags=re.M)):
        try:
            tree, text = parsed(attempt), attempt
            break
        except UNREADABLE as wrong:
            error = error or _described(wrong)
    return CodeCell(
        str(raw.get("id", "")), str(grading.get("grade_id", "")), text, tree, "" if tree else error
    )


def _described(error: BaseException) -> str:
    message = getattr(error, "msg", "") or "the text cannot be read"
    at = ""
    if isinstance(error, SyntaxError):
        at = f" (line {error.lineno}: `{(error.text or '').strip()}`)"
    return f"{type(error).__name__}: {message}{at}"


# -- topics ------------------------------------------------------------------------------------
def _topic(cells: list[CodeCell]) -> str:
    """The topic that most checks name; without any check, the one that most answers belong to."""
    named = Counter(call.args[0].value.split(".")[0] for c in cells for call in _checks(c))
    votes = Counter({t: n for t, n in named.items() if t in TOPICS.values()})
    if not votes:
        for topic in TOPICS.values():
            known = exercises(topic).values()
            votes[topic] = sum(_is_answer(c, e) for c in cells for e in known)
    topic, n = votes.most_common(1)[0]
    return topic if n else ""


def _topic_in_name(path: Path) -> str:
    return next((topic for stem, topic in TOPICS.items() if stem in path.name), "")


def _checks(cell: CodeCell) -> Iterator[ast.Call]:
    """The calls check("topic.what", answer) in a cell."""
    for node in ast.walk(cell.tree) if cell.tree else ():
        if (
            isinstance(node, ast.Call)
            and "check" in (getattr(node.func, "id", ""), getattr(node.func, "attr", ""))
            and len(node.args) == 2
            and isinstance(node.args[0], ast.Constant)
            and isinstance(node.args[0].value, str)
        ):
            yield node


def _is_answer(cell: CodeCell, exercise: Exercise) -> bool:
    what = exercise.name.split(".")[1]
    return cell.grade_id == what or cell.id == f"ex-{what.replace('_', '-')}-answer"


# -- tasks -------------------------------------------------------------------------------------
def _task(exercise: Exercise, cells: list[CodeCell]) -> Task:
    calls = [
        (i, call)
        for i, c in enumerate(cells)
        for call in _checks(c)
        if call.args[0].value == exercise.name
    ]
    if not calls:
        sentence = f'the cell check("{exercise.name}", ...) is missing: {FRESH}'
        return Task(exercise, key="no check", sentence=sentence)
    at, call = calls[-1]
    try:
        return _found_task(exercise, cells, at, ast.unparse(call.args[1]))
    except UNREADABLE:
        sentence = "the answer's text is nested too deeply to be read."
        return Task(exercise, key="syntax", sentence=sentence)


def _found_task(exercise: Exercise, cells: list[CodeCell], at: int, answer: str) -> Task:
    """The task of an exercise whose check is in cell `at`; one of UNREADABLE if it is hostile."""
    names = names_of(answer)
    own = _answer_cell(exercise, cells, at, names)
    if own is None:
        sentence = f"the cell of the answer is missing: {FRESH}"
        return Task(exercise, key="no answer", sentence=sentence)
    if own.tree is None:
        sentence = f"the cell of the answer is not valid Python: {own.error}"
        return Task(exercise, key="syntax", sentence=sentence)
    earlier = [n for c in cells[:at] if c.tree and c is not own for n in c.tree.body]
    before = needed_for(earlier, names | wants(own.tree.body))
    borrowed = borrowed_in(exercise, [*before, *own.tree.body], answer)
    source = "\n".join([*map(ast.unparse, before), own.text])
    return Task(exercise, source, answer, borrowed)


def _answer_cell(
    exercise: Exercise, cells: list[CodeCell], at: int, names: set[str]
) -> CodeCell | None:
    """The cell marked as the exercise's answer, or else the last one before the check to define it.

    A notebook may have lost its cells' ids and metadata.
    """
    for cell in reversed(cells):
        if _is_answer(cell, exercise):
            return cell
    for cell in reversed(cells[:at]):
        if cell.tree and names & gives(without_imports(cell.tree.body)):
            return cell
    return None
