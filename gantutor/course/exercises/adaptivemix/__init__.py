"""Exercises of notebook 02: scale, the gap of a mix, the summed logit, the detached cosine."""

from gantutor.course.exercises.adaptivemix.cosine import COSINE
from gantutor.course.exercises.adaptivemix.gap import GAP
from gantutor.course.exercises.adaptivemix.powers import POWERS
from gantutor.course.exercises.adaptivemix.seen_score import SEEN

EXERCISES = (POWERS, GAP, SEEN, COSINE)
