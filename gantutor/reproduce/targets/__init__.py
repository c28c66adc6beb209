"""The targets: figures and table rows of the papers, the runs that answer them, and their claims.

A notebook must record every (variant, metric) that the claims of its targets name;
`expected(notebook)` lists them.
"""

import difflib
import os
from collections.abc import Sequence
from fnmatch import fnmatchcase

from gantutor.datasets import DataError, locate
from gantutor.reproduce.targets import adaptivemix, advlatgan, composition, course, kddgan
from gantutor.reproduce.targets.budgets import baseline, budget
from gantutor.reproduce.targets.rows import CONTROLS, row_targets, tables_without_recipes
from gantutor.reproduce.targets.target import PAPERS, Target

__all__ = [
    "ALL",
    "CONTROLS",
    "LESSON_TARGETS",
    "PAPERS",
    "TARGETS",
    "Target",
    "absent",
    "at_hand",
    "baseline",
    "budget",
    "choose",
    "expected",
]

LESSON_TARGETS: tuple[Target, ...] = (
    *adaptivemix.TARGETS,
    *kddgan.TARGETS,
    *advlatgan.TARGETS,
    *course.TARGETS,
    *composition.TARGETS,
)
ALL: tuple[Target, ...] = (
    *LESSON_TARGETS,
    *row_targets(),
    *tables_without_recipes({t.name for t in LESSON_TARGETS}),
)
TARGETS: dict[str, Target] = {t.name: t for t in ALL}
COPIED = {"cifar10": "cifar10-jpeg"}  # a copy that is used if the set itself is not at hand


def choose(names: Sequence[str]) -> list[Target]:
    """Return the targets with these names, or all targets if no name is given.

    A name may be a target's own; a paper's ("kddgan"); a table's ("kddgan/table1", for its rows);
    a pattern for whole names ("kddgan/fig*", "*/image"); or a table's with a pattern for its rows,
    which may match from any slash on ("advlatgan/table4:wgangp*", "*/table1:hinge"). Raises
    ValueError, with a suggestion, for a name that matches nothing.

    >>> [t.name for t in choose(["kddgan/fig*"])]
    ['kddgan/fig1', 'kddgan/fig3']
    """
    found = []
    for name in names:
        if not name.strip():
            raise ValueError(
                f"target {name!r} is empty: leave it out for all targets, "
                "or choose one that `gantutor targets` lists"
            )
        here = [t for t in ALL if _matches(t, name)]
        if not here:
            known = [*TARGETS, *{t.name.split(":")[0] for t in ALL}]
            close = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise ValueError(f"unknown target {name!r}: {hint}`gantutor targets` lists them")
        found += here
    return list(dict.fromkeys(found)) if names else list(ALL)


def _matches(target: Target, name: str) -> bool:
    place, _, row = target.name.partition(":")
    if name == place.split("/")[0] or fnmatchcase(target.name, name):
        return True
    its_place, _, pattern = name.partition(":")
    if not row or not fnmatchcase(place, its_place):
        return False
    return not pattern or fnmatchcase(row, pattern) or fnmatchcase(row, f"*/{pattern}")


def at_hand(target: Target) -> str | None:
    """The data set to use for a target here: the one it needs, or its JPEG copy; None if neither.

    Also None for a target that needs no data set.
    """
    for name in filter(None, (target.needs, COPIED.get(target.needs))):
        try:
            locate(name)
            return name
        except DataError:
            pass
    return None


def absent(target: Target, profile: str = "class", gpu: bool = True) -> str | None:
    """Why a target cannot run here and what to do about it, as a sentence; None if it can."""
    if target.not_yet:
        return f"not yet: {target.not_yet}"
    if target.needs and at_hand(target) is None:
        named = os.environ.get("GANTUTOR_DATA")
        where = (
            f"not in {named} (GANTUTOR_DATA)"
            if named
            else "GANTUTOR_DATA is not set, and it is not in ./data"
        )
        return f"needs {target.needs}: {where}; `gantutor data list` says how to get it"
    if target.pixels and not gpu and (target.pixels > 64 or profile in ("colab", "paper")):
        return f"needs a GPU in profile {profile}"
    return None


def expected(notebook: str) -> set[tuple[str, str]]:
    """All (variant, metric) that a notebook has to record for the claims of its targets.

    >>> sorted(expected("03_kdd"))[:2]
    [('KDD', 'angle_median_deg'), ('KDD', 'energy_distance')]
    """
    return {
        (variant, claim.metric)
        for target in LESSON_TARGETS
        if target.notebook == notebook
        for claim in target.claims
        for variant in claim.variants
    }
