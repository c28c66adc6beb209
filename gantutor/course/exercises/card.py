"""A verdict as a notebook shows it."""

import base64
from functools import cache
from pathlib import Path
from typing import Any

from gantutor.course.exercises.judge import Report

TEMPLATE = Path(__file__).parent / "templates" / "card.html.j2"


class Card:
    """A report's sentence and hint; for a wrong answer also a picture that compares it.

    The picture draws the answer, the reference and their difference.
    """

    def __init__(self, report: Report, answer: Any = None):
        self.report, self.answer = report, answer

    def __repr__(self) -> str:
        mark = "✓" if self.report.right else "✗"
        return " ".join(filter(None, (mark, self.report.sentence, self.report.hint)))

    def _repr_html_(self) -> str:
        from gantutor.course.exercises.picture import compared
        from gantutor.plot import FAKE, REAL, png

        right = self.report.right
        plate = None if right else compared(self.report, self.answer)
        return _template().render(
            report=self.report,
            mark="✓" if right else "✗",
            colour=REAL if right else FAKE,
            picture=None if plate is None else base64.b64encode(png(plate)).decode(),
        )


@cache
def _template():
    from jinja2 import Environment

    text = TEMPLATE.read_text(encoding="utf-8")
    return Environment(autoescape=True).from_string(text)
