"""Exercises of notebook 13: retraining, pairing, seeds needed, verdicts, a best look."""

from gantutor.course.exercises.seeds.fresh import FRESH
from gantutor.course.exercises.seeds.needed import NEEDED
from gantutor.course.exercises.seeds.pairing import PAIRING
from gantutor.course.exercises.seeds.retraining import RETRAINING
from gantutor.course.exercises.seeds.verdicts import VERDICTS

EXERCISES = (RETRAINING, PAIRING, NEEDED, VERDICTS, FRESH)
