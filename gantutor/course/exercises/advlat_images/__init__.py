"""Exercises of notebook 09: the cost of rejection, a leash, a bound for Table 1, and credit."""

from gantutor.course.exercises.advlat_images.bound import BOUND
from gantutor.course.exercises.advlat_images.credit import CREDIT
from gantutor.course.exercises.advlat_images.leash import LEASH
from gantutor.course.exercises.advlat_images.passes import REJECTION

EXERCISES = (REJECTION, LEASH, BOUND, CREDIT)
