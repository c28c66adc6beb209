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
    Target(
        "course/13",
        COURSE,
        "lesson",
        "How many seeds a claim needs: what moves a score, and what looking often does",
        "13_seeds",
        (
            Direction(
                "modes_moved",
                "retraining",
                "retraining moves a score more than new samples of one generator do",
                "new samples",
                "higher",
            ),
            Direction(
                "energy_distance",
                "least look",
                "the least of many looks is below the same generator measured again",
                "the same again",
                "lower",
            ),
            Within(
                "false_alarms",
                "after every seed, p < 0.05",
                "who tests after every seed announces an effect in a fifth of all studies of "
                "nothing, or in more",
                0.2,
                0.4,
                ours=True,
            ),
            Within(
                "false_alarms",
                "at the planned looks, 5 % spent",
                "the spending rule keeps its 5 %",
                0.035,
                0.065,
                ours=True,
            ),
        ),
    ),
)
