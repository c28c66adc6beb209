"""Exercises of notebook 08: copies that push, their worth, the Jacobian penalty, rounding."""

from gantutor.course.exercises.kdd_images.even_step import EVEN_STEP
from gantutor.course.exercises.kdd_images.jacobian import JACOBIAN
from gantutor.course.exercises.kdd_images.push import PUSH
from gantutor.course.exercises.kdd_images.worth import WORTH

EXERCISES = (PUSH, WORTH, JACOBIAN, EVEN_STEP)
