"""A handed-in notebook as text: whose it is, which exercises it should hold, and the statements that each of them needs.

Nothing of it is run here: this is the grader's own process.
"""

import ast
import json
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import CodeType

from gantutor.course.exercises import TOPICS, exercises
from gantutor.course.exercises.judge import ATTRIBUTES, GLOBALS, Exercise, operands

LARGEST_FILE = 100 * 2**20  # bytes
UNREADABLE = (
    SyntaxError,
    ValueError,
    RecursionError,
    MemoryError,
)  # what Python's parser says of texts, hostile ones included
AROUND = (
    "submitted",
    "student",
    "notebooks",
    "release",
    "source",
    "",
)  # folders that are nobody's name


@dataclass(frozen=True)
class Task:
    """One exercise of a notebook: `source` is run, then `answer` is an expression that gives the answer. Or `key` and `sentence` say why not."""

    exercise: Exercise
    source: str = ""
    answer: str = ""
    borrowed: tuple[str, ...] = ()
    key: str = ""
    sentence: str = ""


@dataclass(frozen=True)
class Submission:
    """A notebook, whose it is, the course's topic, and a Task for each exercise that this topic has. `problem`: why there are none."""

    path: Path
    student: str
    topic: str = ""
    tasks: tuple[Task, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Cell:
    """A code cell. `tree` is None where the text is not Python."""

    id: str
    grade_id: str
    text: str
    tree: ast.Module | None = field(repr=False)
    error: str = ""


def read(path: Path) -> Submission:
    """A Submission, whatever the file holds."""
    student = student_of(path)
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ValueError("too large")
        cells = [
            _cell(c) for c in json.loads(path.read_bytes())["cells"] if c["cell_type"] == "code"
        ]
    except (*UNREADABLE, KeyError, TypeError, AttributeError, OSError):
        topic, cells = _named(path), None
    else:
        topic = _topic(cells) or _named(path)
    if not topic:
        what = "is no intact notebook" if cells is None else "holds none of the course's exercises"
        return Submission(
            path,
            student,
            problem=f"{path.name} {what}, and its name is no notebook's of the course: hand in the .ipynb file itself",
        )
    known = exercises(topic).values()
    if cells is None:
        sentence = (
            "the notebook file is damaged: open and save it in Jupyter, and hand it in again."
        )
        return Submission(
            path, student, topic, tuple(Task(e, key="damaged", sentence=sentence) for e in known)
        )
    return Submission(path, student, topic, tuple(_task(e, cells) for e in known))


def student_of(path: Path) -> str:
    """Who handed a file in: what its name says beside the notebook's own, else its folder; with nbgrader's layout, the folder below `submitted`."""
    parts = path.resolve().parts
    rest = path.stem
    for stem in TOPICS:
        rest = rest.replace(stem, "")
    rest = re.sub(r"^[\W_]+|[\W_]+$", "", re.sub(r"\(\d+\)", "", rest))  # "(1)": downloaded twice
    below = [b for a, b in pairwise(parts) if a == "submitted" and b != path.name]
    folder = parts[-2] if len(parts) > 1 and parts[-2] not in AROUND else ""
    name = below[-1] if below else rest or folder or path.stem
    return name.lstrip("=+-@ ")  # a table's program would take that for a formula


def _cell(raw: dict) -> Cell:
    text = raw["source"] if isinstance(raw["source"], str) else "".join(raw["source"])
    grading = raw.get("metadata", {}).get("nbgrader", {})
    tree, error = None, ""
    # as in Jupyter: lines for the shell and for IPython are no Python; only where the text is none, since % also divides
    for attempt in (text, re.sub(r"^(\s*)[%!?].*$", r"\1pass", text, flags=re.M)):
        try:
            tree, text = _quietly(ast.parse, attempt), attempt
            _compiled(tree)
            break
        except UNREADABLE as wrong:
            tree, error = None, error or _syntax(wrong)
    return Cell(
        str(raw.get("id", "")), str(grading.get("grade_id", "")), text, tree, "" if tree else error
    )


def _syntax(error: BaseException) -> str:
    where = (
        f" (line {error.lineno}: `{(error.text or '').strip()}`)"
        if isinstance(error, SyntaxError)
        else ""
    )
    return (
        f"{type(error).__name__}: {getattr(error, 'msg', '') or 'the text cannot be read'}{where}"
    )


def _quietly(read_text, *args):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the student's text
        return read_text(*args)


def _compiled(tree: ast.Module) -> CodeType:
    return _quietly(compile, tree, "<cell>", "exec")


def _named(path: Path) -> str:
    return next((topic for stem, topic in TOPICS.items() if stem in path.name), "")


def _topic(cells: list[Cell]) -> str:
    """The topic that most checks name; without any, the one whose exercises' cells are here."""
    named = Counter(call.args[0].value.split(".")[0] for c in cells for call in _checks(c))
    votes = Counter({t: n for t, n in named.items() if t in TOPICS.values()})
    if not votes:
        votes = Counter(
            {
                t: sum(_is_answer(c, e) for c in cells for e in exercises(t).values())
                for t in TOPICS.values()
            }
        )
    topic, n = votes.most_common(1)[0]
    return topic if n else ""


def _checks(cell: Cell) -> Iterator[ast.Call]:
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


def _is_answer(cell: Cell, exercise: Exercise) -> bool:
    what = exercise.name.split(".")[1]
    return cell.grade_id == what or cell.id == f"ex-{what.replace('_', '-')}-answer"


def _task(exercise: Exercise, cells: list[Cell]) -> Task:
    calls = [
        (i, call)
        for i, c in enumerate(cells)
        for call in _checks(c)
        if call.args[0].value == exercise.name
    ]
    if not calls:
        return Task(
            exercise,
            key="no check",
            sentence=f'the cell check("{exercise.name}", ...) is gone: take the notebook anew and put your answer there.',
        )
    at, call = calls[-1]
    try:
        answer = ast.unparse(call.args[1])
        names = _names(compile(answer, "<answer>", "eval"))
        own = next((c for c in reversed(cells) if _is_answer(c, exercise)), None)
        own = own or next(
            (c for c in reversed(cells[:at]) if c.tree and names & _gives(_own(c.tree.body))), None
        )
        if own is None:
            return Task(
                exercise,
                key="no answer",
                sentence="the cell of the answer is gone: take the notebook anew and put your answer there.",
            )
        if own.tree is None:
            return Task(
                exercise, key="syntax", sentence=f"the answer's cell is no Python: {own.error}"
            )
        before = _slice(
            [n for c in cells[:at] if c.tree and c is not own for n in c.tree.body],
            names | _wants(own.tree.body),
        )
        borrowed = _borrowed(exercise, [*before, *own.tree.body], answer)
        return Task(exercise, "\n".join([*map(ast.unparse, before), own.text]), answer, borrowed)
    except UNREADABLE:
        return Task(
            exercise, key="syntax", sentence="the answer's text is nested too deeply to be read."
        )


def _names(code: CodeType) -> set[str]:
    return operands(code, *GLOBALS)


def _gives(nodes: list[ast.stmt]) -> set[str]:
    """The names that top-level statements give a meaning to."""
    return operands(_compiled(ast.Module(nodes, [])), "STORE_NAME", "STORE_GLOBAL", deep=False)


def _wants(nodes: list[ast.stmt]) -> set[str]:
    """The names that top-level statements need from before: not those that they themselves give a meaning to first."""
    wanted, given = set(), set()
    for node in nodes:
        gives, simple = (
            _gives([node]),
            isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Expr),
        )
        wanted |= (
            _names(_compiled(ast.Module([node], []))) - given - (set() if simple else gives)
        )  # a loop's variable is its own
        given |= gives
    return wanted


def _own(nodes: list[ast.stmt]) -> list[ast.stmt]:
    return [n for n in nodes if not isinstance(n, ast.Import | ast.ImportFrom)]


def _slice(nodes: list[ast.stmt], needed: set[str]) -> list[ast.stmt]:
    """The statements, in order, that define the names needed, and those that these need: a lesson's training is not run for an exercise."""
    facts = []
    for node in nodes:
        star = isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
        facts.append((_gives([node]), _names(_compiled(ast.Module([node], []))), star))
    taken: set[int] = set()
    while True:
        more = {i for i, (gives, _, star) in enumerate(facts) if star or gives & needed} - taken
        if not more:
            return [nodes[i] for i in sorted(taken)]
        taken |= more
        needed = needed.union(*(facts[i][1] for i in more))


def _borrowed(exercise: Exercise, nodes: list[ast.stmt], answer: str) -> tuple[str, ...]:
    """Forbidden names that the text uses, under whatever name it imported them; a helper of the notebook's own may have any name."""
    codes = (_compiled(ast.Module(_own(nodes), [])), compile(answer, "<answer>", "eval"))
    imported = {
        a.asname: a.name
        for n in nodes
        for m in ast.walk(n)
        if isinstance(m, ast.ImportFrom)
        for a in m.names
        if a.asname
    }
    names = set().union(*map(_names, codes)) - _gives(_own(nodes))
    used = {imported.get(n, n) for n in names}.union(*(operands(c, *ATTRIBUTES) for c in codes))
    return tuple(n for n in exercise.forbidden if n in used)
