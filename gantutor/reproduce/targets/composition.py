"""Targets of notebook 14, with claims of ours: no paper combined the three methods.

Effects are differences of logarithms of distances, so that "lower" is better, and a margin of 25 %
is log 1.25 either way. The claims were written before the run; the settings and the best method
alone come from a grid on other seeds.
"""

import math
from itertools import combinations

from gantutor.course.lessons.together import TogetherConfig
from gantutor.course.lessons.together_grid import FACTORS, WORLDS, chosen
from gantutor.reproduce.claims import Claim, Direction
from gantutor.reproduce.targets.target import COURSE, Target

MARGIN = math.log1p(TogetherConfig.MARGIN)
ALL_THREE = " + ".join(FACTORS)


def _best_alone(data: str) -> str:
    """The method that was best alone on the grid's seeds; "" where the grid is not complete."""
    found = chosen(data)
    return found[1] if found else ""


def _claims(data: str, distance: str, best: str) -> tuple[Claim, ...]:
    """The claims on one kind of data, by its measure; `best`: the best method alone."""
    zero, found = f"{data}: no effect", []
    for name in FACTORS:
        words = f"{data}: {name} lowers the distance, averaged over what the others do"
        for budget, suffix in (("at equal steps", ""), ("at equal computing", "_equal_computing")):
            found.append(
                Direction(
                    f"effect_on_log_{distance}{suffix}",
                    f"{data}: {name}",
                    f"{words}, {budget}",
                    zero,
                    "lower",
                    smallest=MARGIN,
                )
            )
    for size in (2, 3):
        for several in combinations(FACTORS, size):
            found.append(
                Direction(
                    f"effect_on_log_{distance}",
                    f"{data}: {' x '.join(several)}",
                    f"{data}: {' and '.join(several)} lower it by more than their own factors do",
                    zero,
                    "lower",
                    smallest=MARGIN,
                )
            )
    cell = f"{data}: {ALL_THREE}"
    if best:
        words = f"{data}: all three are better than the best alone, {best}, at equal steps"
        found.append(Direction(distance, cell, words, f"{data}: {best}", "lower", smallest=MARGIN))
    words = f"{data}: all three are better than none, at equal computing"
    metric, none = f"{distance}_equal_computing", f"{data}: none"
    found.append(Direction(metric, cell, words, none, "lower", smallest=MARGIN))
    return tuple(found)


def _plane(world: str, title: str) -> Target:
    return Target(
        f"composition/{world}",
        COURSE,
        "composition",
        f"All subsets of the three methods on {title}",
        "14_together",
        _claims(world, "energy_distance", _best_alone(world)),
        note="Claims of ours. Each method stands at its best setting out of a grid of three, "
        "chosen on other seeds (data/records/composition_grid.csv).",
    )


def _images(name: str, title: str, best: str, **how) -> Target:
    return Target(
        f"composition/{name}",
        COURSE,
        "composition",
        f"All subsets of the three methods on {title}",
        "14_together",
        _claims("images", "fd_small", best),
        note="Claims of ours. fd_small is a Fréchet distance on the features of a small "
        "classifier, no FID.",
        **how,
    )


TITLES = {
    "ring": "a ring of 8 Gaussians",
    "grid": "a grid of 25 Gaussians",
    "nine": "nine Gaussians",
}
# the plane is answered by the run on the default images, and is only touched in others
BRIEF = {"steps": 16, "points": 200}
TARGETS: tuple[Target, ...] = (
    *(_plane(world, TITLES[world]) for world in WORLDS),
    _images("digits", "handwritten digits", _best_alone("digits")),
    _images(
        "cifar10-jpeg",
        "CIFAR-10 (JPEG copy)",
        _best_alone("digits"),
        runs=({"dataset": "cifar10-jpeg", **BRIEF},),
        sized={"class": {"size": 16}},
        needs="cifar10-jpeg",
        pixels=32,
    ),
)
