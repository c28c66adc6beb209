"""The versions of a notebook, each made from its source alone.

A source holds the solutions of its exercises between `### BEGIN SOLUTION` and `### END SOLUTION`,
nbgrader's markers. Students get what nbgrader's generate_assignment would make of it.
"""

from gantutor.course.versions.source import BEGIN, CHECK, END, STUB, ExercisePlace, load, places
from gantutor.course.versions.teacher import measured_minutes
from gantutor.course.versions.variants import (
    VERSIONS,
    clean,
    instructor,
    solution,
    solved,
    stub,
    student,
)
from gantutor.course.versions.writing import build, course, rebase, worked_in

__all__ = [
    "BEGIN",
    "CHECK",
    "END",
    "STUB",
    "VERSIONS",
    "ExercisePlace",
    "build",
    "clean",
    "course",
    "instructor",
    "load",
    "measured_minutes",
    "places",
    "rebase",
    "solution",
    "solved",
    "stub",
    "student",
    "worked_in",
]
