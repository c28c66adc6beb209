"""Exercises of notebook 01: two measures, D's turn, and the best possible critic."""

from gantutor.course.exercises.plane.best_critic import BEST
from gantutor.course.exercises.plane.energy import ENERGY
from gantutor.course.exercises.plane.half_the_modes import HALF
from gantutor.course.exercises.plane.turn_of_d import TURN

EXERCISES = (HALF, ENERGY, TURN, BEST)
