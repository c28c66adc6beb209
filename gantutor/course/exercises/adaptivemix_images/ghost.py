"""Exercise adaptivemix_images.ghost: the variance that an average mixed image keeps."""

from gantutor.course.exercises.definition import Exercise, Symptom

GHOST = Exercise(
    name="adaptivemix_images.ghost",
    title="How pale are the ghosts of Table 10?",
    points=1,
    minutes=5,
    reference=1 / 2 + 2 / 20,
    tolerance=0.005,
    symptoms=(
        Symptom(
            "uniform",
            "Two thirds is the answer for alpha = 1. With alpha = 2 the lambdas are nearer to the "
            "middle, where ghosts are palest.",
            2 / 3,
        ),
        Symptom(
            "at the middle",
            "One half is the palest ghost, at lambda = 1/2 exactly. The question asks for the "
            "mean over all lambdas: square first, then average.",
            0.5,
        ),
        Symptom(
            "what is lost", "This is the share of the variance that is lost. How much is kept?", 0.4
        ),
        Symptom(
            "contrast",
            "This is the square root, the share of the contrast. The question asks for the "
            "variance.",
            0.6**0.5,
        ),
        Symptom(
            "one parent",
            "This is the share of one parent alone, the mean of lambda squared. The other one "
            "adds its (1 - lambda) squared.",
            0.3,
        ),
        Symptom(
            "the other way",
            "You moved the lambdas to the ends, where a mixture is nearly one of its parents. A "
            "larger alpha moves them to the middle.",
            0.75,
        ),
    ),
)
