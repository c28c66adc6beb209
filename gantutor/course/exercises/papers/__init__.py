"""Exercises of notebook 11: factors, a sign test, selection, the best of five, correlation."""

from gantutor.course.exercises.papers.best import BEST
from gantutor.course.exercises.papers.chance import SIGNS
from gantutor.course.exercises.papers.factor import FACTOR
from gantutor.course.exercises.papers.inside import INSIDE
from gantutor.course.exercises.papers.published import LUCK

EXERCISES = (FACTOR, SIGNS, LUCK, BEST, INSIDE)
