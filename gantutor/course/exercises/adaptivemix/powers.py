"""Exercise adaptivemix.powers: what scaling all features does to each distance."""

from gantutor.course.exercises.definition import Exercise, Symptom

POWERS = Exercise(
    "adaptivemix.powers",
    "Which of the losses can be pleased by shrinking?",
    points=1,
    minutes=4,
    reference=(2, 1, 1, 2, 0),
    symptoms=(
        Symptom(
            "ratios",
            "You gave the ratios for one c. The question asks for the *power*: with c = 2, a "
            "ratio of 4 is the power 2.",
            lambda v: tuple(v[:4]) == (4, 2, 2, 4),
        ),
        Symptom(
            "l2 is squared",
            '"l2" is the length of the difference, with its square root. Twice the features give '
            "twice the length, not four times.",
            lambda v: tuple(v[:2]) == (2, 2) and v[4] == 0,
        ),
        Symptom(
            "mse is plain",
            'In "mse" the mean is over squares. Dividing by K does not change what happens to '
            "each square when the features grow.",
            lambda v: tuple(v) == (2, 1, 1, 1, 0),
        ),
        Symptom(
            "cosine falls",
            "The cosine divides by both lengths. Multiply both vectors by c and see whether any c "
            "is left.",
            lambda v: v[4] != 0,
        ),
        Symptom(
            "order",
            "The powers are right, but in another order. Use the order of the table: sq_l2, l2, "
            "l1, mse, cosine.",
            lambda v: sorted(v) == [0, 1, 1, 2, 2] and tuple(v) != (2, 1, 1, 2, 0),
        ),
    ),
)
