"""Exercises of notebook 07: luck in a minimum, pale mixed images, and two unit-free ratios."""

from gantutor.course.exercises.adaptivemix_images.bend_of import BEND_OF
from gantutor.course.exercises.adaptivemix_images.ghost import GHOST
from gantutor.course.exercises.adaptivemix_images.luck import LUCK
from gantutor.course.exercises.adaptivemix_images.stretch_free import STRETCH_FREE

EXERCISES = (LUCK, GHOST, STRETCH_FREE, BEND_OF)
