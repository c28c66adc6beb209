"""Exercise images.midpoint: the expected length of the midpoint of two latents."""

from gantutor.course.exercises.definition import Exercise, Symptom


def _is(*values):
    return lambda v: any(abs(v - value) < 5e-3 * value + 1e-9 for value in values)


MIDPOINT = Exercise(
    name="images.midpoint",
    title="How long is a latent halfway down a straight line?",
    points=1,
    minutes=5,
    reference=50**0.5,
    tolerance=1e-2,
    symptoms=(
        Symptom(
            "on the shell",
            "10 is the length of both ends. Two independent latents of 100 numbers are nearly at "
            "right angles: how far from 0 is the middle of that chord?",
            _is(10.0),
        ),
        Symptom(
            "half of an end",
            "5 would be half of one latent. Half of the other one is added to it, nearly at right "
            "angles.",
            _is(5.0),
        ),
        Symptom(
            "square of the length",
            "That is the expected *square* of the length: each of the 100 numbers has variance "
            "1/2. Take the square root.",
            _is(50.0),
        ),
        Symptom(
            "not halved",
            "That is the length of the sum. The midpoint is half of it.",
            _is(200**0.5),
        ),
        Symptom(
            "cancelled",
            "The midpoint of z and -z would be 0. Here the ends are independent, so nothing makes "
            "their numbers cancel.",
            _is(0.0),
        ),
        Symptom(
            "of one number",
            "That is the standard deviation of one coordinate. The length combines 100 of them.",
            _is(0.5**0.5, 0.5, 1.0),
        ),
    ),
)
