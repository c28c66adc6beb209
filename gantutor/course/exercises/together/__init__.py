"""Exercises of notebook 14: the cost of a step, main effects, an interaction, and its word."""

from gantutor.course.exercises.together.cost import COST
from gantutor.course.exercises.together.interaction import INTERACTION
from gantutor.course.exercises.together.main_effects import MAIN_EFFECTS
from gantutor.course.exercises.together.words import WORDS

EXERCISES = (COST, MAIN_EFFECTS, INTERACTION, WORDS)
