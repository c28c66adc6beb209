"""Exercises of notebook 03: log-density, leave-one-out loss, the sphere, the lowest loss."""

from gantutor.course.exercises.kdd.floor import FLOOR
from gantutor.course.exercises.kdd.log_mean_exp import LOG_MEAN_EXP
from gantutor.course.exercises.kdd.loss import LOSS
from gantutor.course.exercises.kdd.turn import TURN

EXERCISES = (LOG_MEAN_EXP, LOSS, TURN, FLOOR)
