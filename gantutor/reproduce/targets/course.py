"""The lessons that belong to no paper."""

from gantutor.reproduce.claims import Direction, Within
from gantutor.reproduce.targets.target import COURSE, Target

TARGETS: tuple[Target, ...] = (
    Target("course/00", COURSE, "lesson", "Start here: the first GAN", "00_start_here"),
    Target("course/01", COURSE, "lesson", "A GAN on the plane: six objectives", "01_plane"),
    Target(
        "course/06",
        COURSE,
        "lesson",
        "Measuring generators: what each measure sees",
        "06_measuring",
        (
            Direction(
                "coverage_small",
                "half the classes",
                "coverage notices missing classes",
                "reals",
                "lower",
            ),
            Direction(
                "coverage_small", "repeated", "coverage notices repetition", "reals", "lower"
            ),
            Direction(
                "fd_small",
                "copied",
                "a distance to the training set rewards copies",
                "reals",
                "lower",
            ),
            Within(
                "coverage_small",
                "reals",
                "a perfect generator scores 1 - 2^-5, not 1",
                0.955,
                0.985,
                ours=True,
            ),
        ),
    ),
    Target(
        "course/11",
        COURSE,
        "lesson",
        "The papers' own tables: their sentences checked as arithmetic",
        "11_papers",
    ),
)
