"""Exercises of notebook 06: four measures by hand, and what a perfect generator scores."""

from gantutor.course.exercises.measuring.coverage import COVERAGE
from gantutor.course.exercises.measuring.fd_diagonal import FD_DIAGONAL
from gantutor.course.exercises.measuring.kernel_distance import KERNEL_DISTANCE
from gantutor.course.exercises.measuring.quick_look import QUICK_LOOK

EXERCISES = (FD_DIAGONAL, KERNEL_DISTANCE, COVERAGE, QUICK_LOOK)
