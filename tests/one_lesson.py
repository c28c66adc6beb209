"""A source notebook with one exercise of the tests' own, for the tests of its versions."""

from pathlib import Path

import nbformat

from gantutor.course import exercises
from gantutor.course.exercises import Exercise, Property, Symptom


def twice(x):
    """X (n,) doubled."""
    return 2 * x


EXERCISE = Exercise(
    "toy.twice",
    "Double it",
    2,
    5,
    twice,
    cases=lambda rng: (rng.randn(3).double(),),
    gradients=(0,),
    forbidden=("torch.mul",),
    symptoms=(Symptom("thrice", "That is three | times.", lambda x: 3 * x),),
    properties=(
        Property("odd", "Turn the sign of x.", lambda rng: [], lambda cases, values: True),
    ),
)
NUMBER = Exercise("toy.number", "Name it", 1, 3, 42)
ANSWER = '''def twice(x):
    """x (n,) doubled."""
    if True:
        ### BEGIN SOLUTION
        y = 2 * x

        return y
        ### END SOLUTION'''
ANSWER_META = {
    "schema_version": 3,
    "grade": False,
    "grade_id": "twice",
    "locked": False,
    "solution": True,
    "task": False,
}
CHECK_META = {
    "schema_version": 3,
    "grade": True,
    "grade_id": "twice-check",
    "locked": True,
    "points": 2,
    "solution": False,
    "task": False,
}


def known(monkeypatch) -> None:
    """Let the exercises of this file be found next to those of the course."""
    real, own = exercises.find, {e.name: e for e in (EXERCISE, NUMBER)}
    monkeypatch.setattr(exercises, "find", lambda name: own[name] if name in own else real(name))


def code(source: str, id: str, **nbgrader):
    return nbformat.v4.new_code_cell(
        source, id=id, metadata={"nbgrader": nbgrader} if nbgrader else {}
    )


def lesson(*changes: tuple[int, object]) -> nbformat.NotebookNode:
    """A source with one exercise; `changes` replace cells by number, None takes one away."""
    cells = [
        nbformat.v4.new_markdown_cell(
            "# 99 · A title\n\nWords, a [neighbour](01_plane.ipynb), a [page](../README.md#x) and "
            "[abroad](https://example.org/a).",
            id="title",
        ),
        code("import torch", "imports"),
        nbformat.v4.new_markdown_cell(
            "## A heading\n\nprose\n\n```\n# no heading\n```\n\n"
            "### Exercise 1 · Double it\n\nSay why.",
            id="ex-twice",
        ),
        code(ANSWER, "ex-twice-answer", **ANSWER_META),
        code('check("toy.twice", twice)', "ex-twice-check", **CHECK_META),
        nbformat.v4.new_markdown_cell("Only prose.", id="after"),
    ]
    cells[1].outputs, cells[1].execution_count = [nbformat.v4.new_output("stream", text="out")], 3
    for i, cell in changes:
        cells[i] = cell
    return nbformat.v4.new_notebook(cells=[c for c in cells if c is not None])


def put(folder: Path, nb, stem: str = "99_own") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(nb, folder / f"{stem}.ipynb")
    return folder / f"{stem}.ipynb"
