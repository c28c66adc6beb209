"""Exercise advlat_images.bound: the largest value that Table 1's ratio can take."""

import math

from gantutor.course.exercises.definition import Exercise, Symptom

BOUND = Exercise(
    "advlat_images.bound",
    "The largest ratio that Euclidean distances allow",
    points=1,
    minutes=5,
    reference=2 * math.sqrt(3 * 32 * 32),
    tolerance=5e-3,
    symptoms=(
        Symptom(
            "mean",
            "2 is the bound for mean absolute differences. Euclidean distances do not average "
            "over the pixels: what is the length of a vector of that many equal entries?",
            2.0,
        ),
        Symptom(
            "no root",
            "You added up squares: the distance is the square root of that sum.",
            4.0 * 3072,
        ),
        Symptom(
            "sum of differences",
            "You added up absolute differences. The Euclidean distance is the square root of the "
            "sum of squares.",
            2.0 * 3072,
        ),
        Symptom(
            "one channel",
            "You counted 32 x 32 entries. A CIFAR picture has three channels.",
            2 * math.sqrt(1024),
        ),
        Symptom(
            "range of one",
            "Pixels are in [-1, 1]: black and white are 2 apart in each entry, not 1.",
            math.sqrt(3072),
        ),
        Symptom(
            "no offset",
            "Without the + 1 in the code there is no bound: the latents may be as close as you "
            "like. Here the 1 is kept.",
            math.inf,
        ),
        Symptom(
            "latents",
            "You counted the latent's 100 coordinates. The ratio is largest when the pictures are "
            "far apart and the latents together.",
            2 * math.sqrt(100),
        ),
    ),
)
