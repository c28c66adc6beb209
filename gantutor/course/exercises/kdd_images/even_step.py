"""Exercise kdd_images.even_step: the step at which rounding noise equals the true quotient."""

from math import pi, sqrt

import numpy as np

from gantutor.course.exercises.definition import Exercise, Property, Symptom
from gantutor.rng import Rng


def _noise(delta: float, d: int, bits: int, k: int = 256) -> float:
    """The quotient that rounding alone produces, by the lesson's formula."""
    return sqrt(k / delta * 2.0**-bits / 3 * sqrt(2 / (pi * d)))


def _even_step(d, bits):
    low, high = 1e-12, 1e6
    while high / low > 1 + 1e-12:  # the noise falls with the step, the truth stays
        middle = sqrt(low * high)
        low, high = (middle, high) if _noise(middle, d, bits) > sqrt(256 / d) else (low, middle)
    return sqrt(low * high)


def _sizes(rng: Rng) -> tuple[int, int]:
    side, channels = 8 * (1 + int(rng.randint(16))), (1, 3)[int(rng.randint(2))]
    return channels * side * side, (7, 10, 16, 23)[int(rng.randint(4))]


EVEN_STEP = Exercise(
    name="kdd_images.even_step",
    title="The step at which noise equals truth",
    points=2,
    minutes=10,
    reference=_even_step,
    cases=_sizes,
    tolerance=1e-6,
    symptoms=(
        Symptom(
            "root",
            "This is the square root of the step: in the formula's quotient delta is under a "
            "square root, so square both sides before you solve.",
            lambda d, bits: sqrt(_even_step(d, bits)),
        ),
        Symptom(
            "noise over truth",
            "This is how many times the noise exceeds the truth at the paper's step of 0.001. The "
            "exercise asks for the step at which the two are equal.",
            lambda d, bits: sqrt(_even_step(d, bits) / 1e-3),
        ),
        Symptom(
            "third forgotten",
            "This is three times too large: for pixels spread over [-1, 1] the mean width of the "
            "grid is 2^-bits / 3.",
            lambda d, bits: 3 * _even_step(d, bits),
        ),
        Symptom(
            "truth of 1",
            "You set the noise equal to 1, the penalty's target, with K = 256. The truth is "
            "sqrt(K / d), and K cancels.",
            lambda d, bits: 256 * _even_step(d, bits) / d,
        ),
        Symptom(
            "bits upside down",
            "More bits must allow a *smaller* step: the grid is 2 to the power of *minus* bits "
            "wide.",
            lambda d, bits: _even_step(d, bits) * 2.0 ** (2 * bits),
        ),
        Symptom(
            "rms for mean",
            "You took sqrt(1/d) for a typical pixel's share of the direction. The formula needs "
            "the mean of its absolute value, sqrt(2 / (pi d)).",
            lambda d, bits: _even_step(d, bits) * sqrt(pi / 2),
        ),
        Symptom(
            "d forgotten",
            "Larger images need a larger step here, and yours shrinks: the truth sqrt(K / d) "
            "falls faster with d than the noise does.",
            lambda d, bits: _even_step(d, bits) / d,
        ),
    ),
    properties=(
        Property(
            "law",
            "Four times the pixels must double the step, and one more bit must halve it.",
            lambda rng: [(192, 10), (768, 10), (192, 11)],
            lambda cases, values: np.allclose(values, values[0] * np.array([1, 2, 0.5])),
        ),
    ),
)
