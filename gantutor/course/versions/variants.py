"""What is made of a source for students, for teachers, and for recalling a lesson."""

import copy
import re
from collections.abc import Callable

import nbformat
from nbformat import NotebookNode

from gantutor.course import exercises
from gantutor.course.versions.source import BEGIN, END, STUB, places
from gantutor.course.versions.teacher import expected, minutes

HEADING = re.compile(r"^#{1,6} ")


def stub(source: str) -> str:
    """An answer cell as a student gets it.

    Each solution gives way to nbgrader's two lines, indented as its first marker.
    """
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
    """An answer cell with its solution, without markers and without the placeholder `name = ...`.

    >>> solved("### BEGIN SOLUTION\\nanswer = 42\\n### END SOLUTION")
    'answer = 42'
    """
    return "\n".join(
        line
        for line in source.split("\n")
        if BEGIN not in line and END not in line and not re.fullmatch(r"\w+ = \.\.\.", line)
    )


def student(nb: NotebookNode, stem: str) -> NotebookNode:
    """Exercises open; their cells cannot be deleted, nor their checks edited, as in nbgrader."""
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
    """Exercises solved, without markers."""
    made = _bare(nb)
    for cell in made.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            cell.source = solved(cell.source)
    return made


def instructor(nb: NotebookNode, stem: str) -> NotebookNode:
    """The solution with notes for the teacher.

    Below the title: promised and measured minutes. After each check: the expected answer, and the
    mistakes that are recognised.
    """
    asked = {p.check: exercises.find(p.name) for p in places(nb, f"{stem}.ipynb")}
    made, cells = solution(nb, stem), []
    for i, cell in enumerate(made.cells):
        cells.append(cell)
        if i == 0 and (words := minutes(stem, list(asked.values()))):
            cells.append(_note("minutes", words))
        if i in asked:
            n = list(asked).index(i) + 1
            what = asked[i].name.rpartition(".")[2]
            cells.append(_note(what.replace("_", "-"), expected(n, asked[i])))
    made.cells = cells
    return made


def _note(name: str, words: str) -> NotebookNode:
    return nbformat.v4.new_markdown_cell(words, id=f"teacher-{name}")


def clean(nb: NotebookNode, stem: str) -> NotebookNode:
    """Headings and code: to recall a lesson by predicting what each cell prints.

    Exercises are open again: writing an answer once more is recalling, too, and a copy that may be
    handed out must not give anything away.
    """
    made = student(nb, stem)
    for cell in made.cells:
        if cell.cell_type == "markdown":
            cell.source = "\n\n".join(_headings(cell.source))
    made.cells = [cell for cell in made.cells if cell.source]
    return made


def _headings(source: str) -> list[str]:
    """The headings of a Markdown text, without what looks like one in a code block."""
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
