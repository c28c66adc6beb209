"""Exercises of notebook 00: the critic's loss, the arrows, and a measure."""

from gantutor.course.exercises.start.arrows import ARROWS
from gantutor.course.exercises.start.cannot_tell import CANNOT_TELL
from gantutor.course.exercises.start.critic_loss import CRITIC_LOSS
from gantutor.course.exercises.start.near_a_cloud import NEAR

EXERCISES = (CANNOT_TELL, CRITIC_LOSS, ARROWS, NEAR)
