"""Exercise plane.half_the_modes: mode_kl of a generator that covers half of the modes."""

import math

from gantutor.course.exercises.definition import Exercise, Symptom

HALF = Exercise(
    "plane.half_the_modes",
    "What is lost with half of the modes?",
    points=1,
    minutes=4,
    reference=math.log(2),
    tolerance=3e-3,
    symptoms=(
        Symptom(
            "one mode",
            "That is the value of a generator with a single mode. Here four modes share the "
            "fakes: each has a share of 1/4, where 1/8 would be right.",
            math.log(8),
        ),
        Symptom(
            "one term",
            "That is one term of the sum, 1/4 times ln 2. Four modes have fakes.",
            math.log(2) / 4,
        ),
        Symptom(
            "not weighted",
            "You added ln 2 once for each mode. Each logarithm is weighted by that mode's share "
            "of the *fakes*.",
            4 * math.log(2),
        ),
        Symptom(
            "base 2",
            "The logarithm is the natural one, so the unit is nats. Yours is in bits, base 2.",
            1.0,
        ),
        Symptom(
            "fraction",
            "Half of the modes are missing, but the divergence is not that fraction: put p = 1/4 "
            "and q = 1/8 into the formula.",
            0.5,
        ),
        Symptom(
            "equal shares",
            "Four modes get too many fakes and the other four get none. The two distributions "
            "differ, so the divergence is not 0.",
            0.0,
        ),
    ),
)
