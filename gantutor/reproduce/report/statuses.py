"""The statuses of targets, rows and claims, as the reader meets them."""

from collections import Counter
from typing import NamedTuple


class Status(NamedTuple):
    """mark: a character; css: a class of report.css; meaning: in words.

    A reader tells statuses apart by word and mark: colours only help.
    """

    mark: str
    css: str
    meaning: str


STATUSES = {
    "reproduced": Status(
        "●", "good", "a printed number or an exact statement falls inside our spread"
    ),
    "direction only": Status(
        "◐",
        "some",
        "the direction holds beyond the spread, but numbers cannot be compared, "
        "or seeds are too few",
    ),
    "not reached": Status("○", "none", "the spread hides the effect, or the run diverged"),
    "contradicts": Status("✕", "bad", "the opposite holds beyond the spread"),
    "measured": Status(
        "◆", "plain", "values of a row about which nothing is claimed, such as a baseline"
    ),
    "shown": Status("◇", "plain", "a lesson that tests no claim of a paper"),
    "not run": Status("–", "idle", "no record; the reason is given"),
    "not yet": Status("…", "idle", "the package cannot run it; the reason is given"),
}


def counted(counts: Counter) -> str:
    """Counts of statuses in words, in their order.

    >>> counted(Counter({"not run": 4, "reproduced": 1}))
    '1 reproduced, 4 not run'
    """
    return ", ".join(f"{counts[status]} {status}" for status in STATUSES if counts[status])
