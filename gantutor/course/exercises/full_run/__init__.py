"""Exercises of notebook 10: a budget in epochs, resuming, reporting a curve, G's average."""

from gantutor.course.exercises.full_run.average import AVERAGE
from gantutor.course.exercises.full_run.epochs import EPOCHS
from gantutor.course.exercises.full_run.go_on import RESUME
from gantutor.course.exercises.full_run.reports import REPORTS

EXERCISES = (EPOCHS, RESUME, REPORTS, AVERAGE)
