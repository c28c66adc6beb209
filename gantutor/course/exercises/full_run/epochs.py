"""Exercise full_run.epochs: a budget of steps as a number of epochs."""

from gantutor.course.exercises.definition import Exercise, Symptom

EPOCHS = Exercise(
    "full_run.epochs",
    "The same budget in epochs",
    points=1,
    minutes=4,
    reference=800,
    tolerance=3e-3,
    symptoms=(
        Symptom(
            "turns of D",
            "160 counts one batch of reals per step. How many batches does D see before G moves "
            "once?",
            160,
        ),
        Symptom(
            "divided",
            "You divided by D's five updates. Each of them sees its own batch of reals.",
            32,
        ),
        Symptom(
            "the other row",
            "80 is right for a row with batches of 32 and one update of D per step. Look up batch "
            "and n_dis of this row.",
            80,
        ),
        Symptom(
            "fakes too",
            "You counted the fakes as well. An epoch is one pass over all real pictures.",
            1600,
        ),
        Symptom(
            "all of CIFAR",
            "60,000 includes the test images, and D never trains on those.",
            125_000 * 5 * 64 / 60_000,
        ),
        Symptom(
            "pictures",
            "This is a number of pictures. How often does the whole training set fit into it?",
            lambda x: x in (8e6, 4e7, 1.6e7),
        ),
        Symptom(
            "upside down",
            "You divided the images by the pictures seen: this is the fraction of the run that "
            "one epoch takes.",
            1 / 800,
        ),
    ),
)
