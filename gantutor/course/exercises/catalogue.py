"""The exercises of the course, by topic and by name.

The exercise "topic.what" is defined in the module `topic/what.py` of this folder.
"""

from importlib import import_module
from importlib.util import find_spec

from gantutor.course.config import did_you_mean
from gantutor.course.exercises.definition import Exercise
from gantutor.course.lessons import LESSONS

# the topic of each notebook, in the order of the course
TOPICS = {lesson.notebook: lesson.topic for lesson in LESSONS.values()}


def exercises(topic: str) -> dict[str, Exercise]:
    """A topic's exercises by name, in the notebook's order; empty if the topic has none.

    Raises ValueError for an unknown topic.

    >>> list(exercises("lab"))
    ['lab.turns', 'lab.squares', 'lab.in_force']
    """
    if topic not in TOPICS.values():
        raise ValueError(
            f"topic {topic!r} is unknown: {did_you_mean(topic, list(TOPICS.values()))}"
        )
    if find_spec(f"gantutor.course.exercises.{topic}") is None:
        return {}
    return {e.name: e for e in import_module(f"gantutor.course.exercises.{topic}").EXERCISES}


def find(name: str) -> Exercise:
    """The exercise of this name, "topic.what"; ValueError suggests the nearest name.

    >>> find("lab.turns").title
    'Taking turns is not moving at once'
    """
    known = exercises(name.split(".")[0])
    if name not in known:
        raise ValueError(f"exercise {name!r} is unknown: {did_you_mean(name, list(known))}")
    return known[name]
