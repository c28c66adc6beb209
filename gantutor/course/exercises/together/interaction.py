"""Exercise together.interaction: how two methods change each other's effect."""

from gantutor.course.exercises.definition import Exercise, Property, Symptom
from gantutor.course.exercises.together.common import cells


def _interaction(y):
    """The cells with both methods or neither, minus those with one, over 4."""
    both_or_neither, one = y[1, :, 1] + y[0, :, 0], y[1, :, 0] + y[0, :, 1]
    return (both_or_neither - one).sum(0) / 4


def _gap(y):
    """By -qua and seed: KDD's effect with AdaptiveMix minus that without it."""
    return (y[1, :, 1] - y[1, :, 0]) - (y[0, :, 1] - y[0, :, 0])


INTERACTION = Exercise(
    "together.interaction",
    "Does one method change what the other does?",
    points=2,
    minutes=8,
    reference=_interaction,
    cases=lambda rng: (cells(rng),),
    forbidden=("effects",),
    symptoms=(
        Symptom(
            "not halved",
            "This is the whole difference between KDD's effect with and without AdaptiveMix. By "
            "the convention of this notebook the interaction is half of it, so that it has the "
            "standard error of a main effect.",
            lambda y: _gap(y).mean(0),
        ),
        Symptom(
            "without -qua only",
            "You use the four cells without -qua. The other four tell about the same interaction.",
            lambda y: _gap(y)[0] / 2,
        ),
        Symptom(
            "with -qua only",
            "You use the four cells with -qua. The other four tell about the same interaction.",
            lambda y: _gap(y)[1] / 2,
        ),
        Symptom(
            "other pair",
            "This is the interaction of AdaptiveMix and -qua: KDD is the third axis.",
            lambda y: ((y[1, 1] + y[0, 0]) - (y[1, 0] + y[0, 1])).mean(0) / 2,
        ),
        Symptom(
            "all three",
            "This is the interaction of all three: its sign changes with -qua too. Take the mean "
            "over -qua.",
            lambda y: (_gap(y)[1] - _gap(y)[0]) / 4,
        ),
        Symptom(
            "effect of both",
            "This is what both methods do together. An interaction is what they do beyond the sum "
            "of what each does.",
            lambda y: (y[1, :, 1] - y[0, :, 0]).mean(0) / 2,
        ),
    ),
    properties=(
        Property(
            "sums have none",
            "Where every method adds its own number, whatever the others do, there is no "
            "interaction.",
            lambda rng: [
                (
                    rng.randn(2, 1, 1, 4).double()
                    + rng.randn(1, 2, 1, 4).double()
                    + rng.randn(1, 1, 2, 4).double(),
                )
            ],
            lambda cases, v: abs(v[0]).max() < 1e-9,
        ),
    ),
)
