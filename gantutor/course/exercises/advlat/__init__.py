"""Exercises of notebook 04: equal sign steps, the ball, moved latents, the mode-seeking term."""

from gantutor.course.exercises.advlat.ball import BALL
from gantutor.course.exercises.advlat.pairs import PAIRS
from gantutor.course.exercises.advlat.phi import PHI
from gantutor.course.exercises.advlat.qua import QUA

EXERCISES = (PHI, BALL, QUA, PAIRS)
