"""Exercises of notebook 05: pixel values, a combined recipe, a paired difference, a midpoint."""

from gantutor.course.exercises.images.all_three import ALL_THREE
from gantutor.course.exercises.images.midpoint import MIDPOINT
from gantutor.course.exercises.images.paired import PAIRED
from gantutor.course.exercises.images.pixels import PIXELS

EXERCISES = (PIXELS, ALL_THREE, PAIRED, MIDPOINT)
