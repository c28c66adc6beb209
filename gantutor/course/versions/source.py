"""A source notebook: its exercises, with what is wrong in it said by notebook and cell."""

import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from gantutor.course import exercises

# nbgrader looks for these words anywhere in a line
BEGIN, END = "BEGIN SOLUTION", "END SOLUTION"
# what nbgrader puts in place of a solution
STUB = ("# YOUR CODE HERE", "raise NotImplementedError()")
CHECK = re.compile(r"""^check\(\s*["']([\w.]+)["']\s*,\s*(\w+)\s*\)""", re.M)


@dataclass(frozen=True)
class ExercisePlace:
    """An exercise in a notebook: its name, and the numbers of its cells.

    words: the cell that describes it, or None
    answer: the cell for the answer
    check: the cell that checks it
    """

    name: str
    words: int | None
    answer: int
    check: int


def load(path: Path) -> NotebookNode:
    """A notebook of format 4; raises ValueError, naming the file, for anything else."""
    try:
        nb = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
        nbformat.validate(nb)
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}): check the path") from None
    except Exception:  # nbformat raises many kinds
        raise ValueError(
            f"{path} is not an intact notebook: open and save it in Jupyter, or get a new copy"
        ) from None
    return nb


def places(nb: NotebookNode, name: str) -> list[ExercisePlace]:
    """The exercises of a source, in order.

    `name` is the notebook's, for messages. Raises ValueError, naming notebook and cell, where
    markers, names or cells do not fit together.
    """
    answers: dict[str, int] = {}  # of the exercises whose check is still to come
    found: list[ExercisePlace] = []
    seen: set[str] = set()
    for i, cell in enumerate(nb.cells):
        here = f"{name}, cell {cell.id!r}"
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        if grade_id is not None:
            if grade_id in seen:
                raise ValueError(f"{here}: grade_id {grade_id!r} is used twice: give it another")
            seen.add(grade_id)
        if _is_answer(cell, here):
            answers[grade_id] = i
        if cell.cell_type == "code":
            for exercise, _ in CHECK.findall(cell.source):
                j = answers.pop(_topic_free(exercise, here), None)
                if j is None:
                    what = exercise.rpartition(".")[2]
                    raise ValueError(
                        f"{here}: the answer cell of {exercise!r} is missing: put one with "
                        f"grade_id {what!r} before the check"
                    )
                words = j - 1 if j and nb.cells[j - 1].cell_type == "markdown" else None
                found.append(ExercisePlace(exercise, words, j, i))
    for grade_id, i in answers.items():
        raise ValueError(
            f"{name}, cell {nb.cells[i].id!r}: nothing checks this answer: put "
            f'`check("topic.{grade_id}", ...)` after it'
        )
    return found


def _is_answer(cell: NotebookNode, here: str) -> bool:
    """Whether a cell is for an answer; ValueError where its metadata and markers disagree."""
    solution = bool(cell.metadata.get("nbgrader", {}).get("solution"))
    region = _region(cell.source, here)
    if solution and not region:
        raise ValueError(
            f"{here}: an answer cell without a solution: put it between ### {BEGIN} and ### {END}"
        )
    if region and not solution:
        raise ValueError(
            f"{here}: ### {BEGIN} is in a cell that is not an answer cell: give it nbgrader's "
            "metadata with solution: true"
        )
    return solution


def _topic_free(exercise: str, here: str) -> str:
    """An exercise's name without its topic; ValueError for an unknown exercise."""
    try:
        exercises.find(exercise)
    except ValueError as error:
        raise ValueError(f"{here}: a check without an exercise: {error}") from None
    return exercise.rpartition(".")[2]


def _region(source: str, here: str) -> bool:
    """Whether a cell holds a solution between markers; ValueError where they do not match."""
    inside, found = False, False
    for line in source.split("\n"):
        if BEGIN in line:
            if inside:
                raise ValueError(
                    f"{here}: ### {BEGIN} twice, one inside the other: close the first with "
                    f"### {END}"
                )
            inside = found = True
        elif END in line:
            if not inside:
                raise ValueError(
                    f"{here}: ### {END} without ### {BEGIN}: open the solution, or delete the line"
                )
            inside = False
    if inside:
        raise ValueError(f"{here}: ### {BEGIN} without ### {END}: close the solution")
    return found
