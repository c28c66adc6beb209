"""Marks: what each exercise of a notebook earned, as text, as JSON and as CSV."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gantutor.course.exercises.judge import Report
from gantutor.course.grader.submission import Submission
from gantutor.files import ours, replacing

COLUMNS = ("notebook", "student", "exercise", "points", "of", "key", "sentence")
LONGEST = 400  # characters of a sentence that may quote a student's text


@dataclass(frozen=True)
class Mark:
    """What one exercise of one notebook earned, and how long its code ran (s)."""

    report: Report
    seconds: float = 0.0

    def row(self) -> dict[str, Any]:
        """The mark as an entry of the JSON output."""
        report = self.report
        return {
            "name": report.exercise.name,
            "points": report.points,
            "of": report.exercise.points,
            "right": report.right,
            "key": report.key,
            "sentence": one_line(report.sentence),
            "hint": one_line(report.hint),
            "seconds": round(self.seconds, 2),
        }

    def words(self) -> str:
        """The mark in words, without the exercise's name: what a student should read."""
        report = self.report
        verdict = one_line(report.sentence).removeprefix(f"{report.exercise.name}: ")
        if report.right or not report.hint:
            return verdict
        hint = one_line(report.hint)
        return hint if verdict == "not yet." else f"{verdict} {hint}"


@dataclass(frozen=True)
class Graded:
    """A notebook with a mark for each exercise of its topic.

    There are no marks if the file is not a notebook of the course.
    """

    submission: Submission
    marks: tuple[Mark, ...]

    @property
    def points(self) -> int:
        """The points earned."""
        return sum(m.report.points for m in self.marks)

    @property
    def of(self) -> int:
        """The points that a notebook without mistakes earns."""
        return sum(m.report.exercise.points for m in self.marks)

    def as_json(self) -> dict[str, Any]:
        """The notebook's marks as a JSON object, with `problem` if it could not be graded."""
        submission = self.submission
        found = {
            "notebook": str(submission.path),
            "student": submission.student,
            "points": self.points,
            "of": self.of,
            "exercises": [m.row() for m in self.marks],
        }
        if submission.problem:
            found["problem"] = submission.problem
        return found

    def as_text(self) -> str:
        """The notebook's marks as a table for people."""
        submission = self.submission
        if submission.problem:
            return f"{submission.path}: {submission.problem}"
        width = max((len(m.report.exercise.name) for m in self.marks), default=0)
        lines = [f"{submission.path} ({submission.student}): {self.points} of {self.of} points"]
        for m in self.marks:
            exercise = m.report.exercise
            points = f"{m.report.points} of {exercise.points}"
            lines.append(f"  {exercise.name:{width}s}  {points:>6s}  {m.words()}")
        return "\n".join(lines)


def write_marks(path: Path, graded: Sequence[Graded]) -> None:
    """Write the marks as CSV, one row per student and exercise.

    Its `sentence` includes the hint, so that a teacher can send the row to the student. Raises
    NotOurs if `path` is somebody else's file.
    """
    ours(path, ",".join(COLUMNS))
    with replacing(path) as partial, open(partial, "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        table.writeheader()
        for g in graded:
            for m in g.marks:
                who = {
                    "notebook": g.submission.path,
                    "student": g.submission.student,
                    "exercise": m.report.exercise.name,
                    "sentence": m.words(),
                }
                table.writerow({**m.row(), **who})


def one_line(text: str) -> str:
    """A text that may quote a student: on one line, without control characters, not too long.

    >>> one_line("two\\nlines")
    'two lines'
    """
    line = "".join(c if c.isprintable() else " " for c in text)
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
