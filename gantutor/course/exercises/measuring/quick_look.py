"""Exercise measuring.quick_look: the FID of a perfect generator on fewer images."""

from gantutor.course.exercises.definition import Exercise, Symptom

PER_IMAGE = 3.15 / (1 / 50_000 + 1 / 10_000)


QUICK_LOOK = Exercise(
    name="measuring.quick_look",
    title="What a perfect generator pays for a quick look",
    points=1,
    minutes=5,
    reference=PER_IMAGE * (1 / 10_000 + 1 / 5_000),
    tolerance=0.01,
    symptoms=(
        Symptom(
            "fakes alone",
            "A tenth as many images on one side do not make the whole bias ten times as large: "
            "the other side's share has not changed.",
            31.5,
        ),
        Symptom(
            "reals forgotten",
            "You took the fakes' share alone. The 10,000 test images are a sample too, and their "
            "errors add to the bias.",
            PER_IMAGE / 5_000,
        ),
        Symptom(
            "root of n",
            "You let the bias fall with the square root of n. The errors of mean and covariance "
            "do, but FID adds up their *squares*.",
            3.15 * 10**0.5,
        ),
        Symptom(
            "total",
            "You scaled by the total number of images. The law has 1/n + 1/m, not 1/(n + m): the "
            "smaller side decides.",
            12.6,
        ),
        Symptom(
            "same n",
            "3.15 is the lowest FID for 50,000 and 10,000 images. With fewer images on a side, it "
            "rises.",
            3.15,
        ),
        Symptom(
            "the other reals",
            "You kept the 50,000 training images as the other side. Here the fakes replace them, "
            "and the 10,000 test images stay.",
            PER_IMAGE * (1 / 50_000 + 1 / 5_000),
        ),
    ),
)
