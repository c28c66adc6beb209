"""Exercises of notebook 12: alternating turns, a loss of your own, a state read from its log."""

from gantutor.course.exercises.lab.in_force import LOG
from gantutor.course.exercises.lab.squares import LOSS
from gantutor.course.exercises.lab.turns import TURNS

EXERCISES = (TURNS, LOSS, LOG)
