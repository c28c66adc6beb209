"""Exercises that tell at once what is wrong: `check("kdd.log_ratio", mine)` ends a cell."""

from typing import Any

from gantutor.course.exercises.card import Card
from gantutor.course.exercises.catalogue import TOPICS, exercises, find
from gantutor.course.exercises.definition import Exercise, Property, Symptom
from gantutor.course.exercises.judge import Report, judge

__all__ = [
    "TOPICS",
    "Card",
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
    """A wrong answer, with its `report`.

    Jupyter shows it as one sentence without a traceback; graders count it as a failed test.
    """

    def __init__(self, report: Report):
        super().__init__(" ".join(filter(None, (report.sentence, report.hint))))
        self.report = report

    def _render_traceback_(self) -> list[str]:
        return [f"Not yet: {self.report.hint or self.report.sentence}"]


def check(name: str, answer: Any) -> Card:
    """Judge an answer to the exercise of this name.

    Returns a card that confirms a right answer. For a wrong answer it displays a card that draws
    the answer next to the reference, and raises NotYet with a hint.

    >>> import math
    >>> card = check("start.cannot_tell", 2 * math.log(2))
    ✓ start.cannot_tell: right.
    """
    report = judge(find(name), answer)
    card = Card(report, None if report.right else answer)
    if report.right:
        if not _in_ipython():  # a plain Python process does not show a line's value
            print(card)
        return card
    if report.key != "open":
        _display(card)
    raise NotYet(report)


def _in_ipython() -> bool:
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return get_ipython() is not None


def _display(card: Card) -> None:
    if not _in_ipython():
        print(card)
        return
    from IPython.display import display

    display(card)
