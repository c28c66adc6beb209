"""Exercises that say at once what is wrong: `check("kdd.log_ratio", my_function)` at the end of a cell."""

import base64
import html
from importlib import import_module
from importlib.util import find_spec

from gantutor.course.config import did_you_mean
from gantutor.course.exercises.judge import Exercise, Property, Report, Symptom, judge
from gantutor.course.lessons import LESSONS

# the notebooks' topics in the order of the course; each has a module of this name with EXERCISES
TOPICS = {lesson.notebook: lesson.topic for lesson in LESSONS.values()}

__all__ = [
    "TOPICS",
    "Exercise",
    "NotYet",
    "Property",
    "Report",
    "Symptom",
    "check",
    "exercises",
    "find",
    "judge",
]


class NotYet(AssertionError):
    """A wrong answer. Jupyter shows its one sentence and no traceback; graders take it as a failed test. Has `.report`."""

    def __init__(self, report: Report):
        super().__init__(" ".join(filter(None, (report.sentence, report.hint))))
        self.report = report

    def _render_traceback_(self) -> list[str]:
        return [f"Not yet: {self.report.hint or self.report.sentence}"]


def exercises(topic: str) -> dict[str, Exercise]:
    """A topic's exercises by name, in the notebook's order; none where the topic has no module. ValueError for an unknown topic."""
    if topic not in TOPICS.values():
        raise ValueError(
            f"topic {topic!r} is unknown: {did_you_mean(topic, list(TOPICS.values()))}"
        )
    if find_spec(f"gantutor.course.exercises.{topic}") is None:
        return {}
    return {e.name: e for e in import_module(f"gantutor.course.exercises.{topic}").EXERCISES}


def find(name: str) -> Exercise:
    """The exercise of that name, "topic.what"; ValueError names the nearest ones."""
    known = exercises(name.split(".")[0])
    if name not in known:
        raise ValueError(f"exercise {name!r} is unknown: {did_you_mean(name, list(known))}")
    return known[name]


def check(name: str, answer) -> "Shown":
    """Judge an answer: a right one is told so; a wrong one is shown beside the reference, and raises NotYet with a hint."""
    report = judge(find(name), answer)
    shown = Shown(report, None if report.right else answer)
    if report.right:
        if not _in_ipython():  # where nothing shows the value of a line
            print(shown)
        return shown
    if report.key != "open":
        _display(shown)
    raise NotYet(report)


def _in_ipython() -> bool:
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return get_ipython() is not None


def _display(thing) -> None:
    if not _in_ipython():
        return print(thing)
    from IPython.display import display

    display(thing)


class Shown:
    """A report as a notebook shows it: the sentence, and for a wrong answer mine, the reference and their difference drawn."""

    def __init__(self, report: Report, answer=None):
        self.report, self.answer = report, answer

    def __repr__(self) -> str:
        return ("✓ " if self.report.right else "✗ ") + " ".join(
            filter(None, (self.report.sentence, self.report.hint))
        )

    def _repr_html_(self) -> str:
        from gantutor.course.exercises.picture import compared
        from gantutor.plot import FAKE, REAL, png

        r = self.report
        plate = None if r.right else compared(r, self.answer)
        alt = html.escape(f"Your answer, the reference and their difference. {r.hint}")
        image = (
            ""
            if plate is None
            else f'<br><img alt="{alt}" style="max-width:100%" src="data:image/png;base64,{base64.b64encode(png(plate)).decode()}">'
        )
        colour, mark = (REAL, "✓") if r.right else (FAKE, "✗")
        words = (
            f"<b style='color:{colour}'>{mark} {html.escape(r.sentence)}</b> {html.escape(r.hint)}"
        )
        return f"<div style='border-left:4px solid {colour};padding:4px 12px'>{words}{image}</div>"
