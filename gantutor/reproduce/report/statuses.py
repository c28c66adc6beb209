"""The statuses of targets, rows and claims, as the reader meets them."""

from collections import Counter
from typing import NamedTuple

from gantutor.reproduce.claims import FEW


class Status(NamedTuple):
    """mark: a character; css: a class of report.css; meaning: in words.

    A reader tells statuses apart by word and mark: colours only help. What is decided is filled,
    blue where the paper's claim stands, orange where it does not; what is open is pale.
    """

    mark: str
    css: str
    meaning: str


STATUSES = {
    "reproduced": Status(
        "●", "good", "the interval lies within the margin of a printed number or exact statement"
    ),
    "holds": Status(
        "◕",
        "good",
        "the interval lies beyond no effect, on the claimed side; or every seed is within a bar "
        "of our own",
    ),
    FEW: Status("◔", "some", "the same by 3 or 4 seeds, which can say nothing else"),
    "compatible": Status(
        "◐", "some", "the interval contains the printed number, but is wider than its margin"
    ),
    "undecided": Status("○", "none", "the seeds cannot tell; the page says how many could"),
    "absent": Status(
        "◌",
        "bad",
        "the effect lies within the margin, on whichever side: one as large as claimed is ruled "
        "out",
    ),
    "differs": Status("≠", "bad", "the interval lies outside the margin of the printed number"),
    "contradicts": Status("✕", "bad", "the interval lies beyond no effect, on the other side"),
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
