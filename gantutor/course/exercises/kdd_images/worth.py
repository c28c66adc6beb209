"""Exercise kdd_images.worth: how many independent images an image and 63 copies are worth."""

from gantutor.course.exercises.definition import Exercise, Symptom

WORTH = Exercise(
    name="kdd_images.worth",
    title="Seven copies are worth four; and 63?",
    points=1,
    minutes=6,
    reference=6.4,
    tolerance=0.005,
    symptoms=(
        Symptom(
            "in proportion",
            "You extrapolated in proportion. Copies are clustered: each further copy of the same "
            "image adds less.",
            lambda v: abs(v - 32) < 0.5 or abs(v - 36) < 0.5,
        ),
        Symptom(
            "independent",
            "That would be right for 64 independent images. They are one image and 63 copies of "
            "it.",
            64,
        ),
        Symptom(
            "limit",
            "7 is the limit 1/rho for infinitely many copies. 63 come close to it and do not "
            "reach it.",
            7,
        ),
        Symptom(
            "rho", "This is rho. One step is left: put it into the formula with N = 63.", 1 / 7
        ),
        Symptom(
            "no more",
            "More copies are worth a little more, not nothing: the formula's value has not "
            "reached its limit 1/rho yet.",
            4,
        ),
        Symptom(
            "N for N + 1",
            "You counted the copies without the image itself: the numerator is N + 1.",
            lambda v: abs(v - 6.3) < 0.02 or abs(v - 8.13) < 0.02,
        ),
    ),
)
