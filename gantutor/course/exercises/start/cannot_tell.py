"""Exercise start.cannot_tell: the loss of a critic that is undecided everywhere."""

import math

from gantutor.course.exercises.definition import Exercise, Symptom

CANNOT_TELL = Exercise(
    "start.cannot_tell",
    "What does an undecided critic pay?",
    points=1,
    minutes=3,
    reference=2 * math.log(2),
    tolerance=3e-3,
    symptoms=(
        Symptom(
            "one half",
            "That is the loss on the reals alone, or on the fakes alone. The critic's loss is the "
            "sum of both.",
            math.log(2),
        ),
        Symptom(
            "base 2",
            "The logarithm here is the natural one, to base e. You used base 2.",
            2.0,
        ),
        Symptom(
            "base 10",
            "The logarithm here is the natural one, to base e (`math.log`). You used base 10.",
            2 * math.log10(2),
        ),
        Symptom(
            "no loss",
            "Being undecided is not free: put 0.5 for both confidences into the formula. The loss "
            "would be 0 only if the critic were always certain, and right.",
            0.0,
        ),
        Symptom(
            "not the logarithm",
            "You added the two confidences. The loss is minus the *logarithm* of each.",
            1.0,
        ),
    ),
)
