"""A paper's claims, judged against our seeds: every status is computed, none is written by hand.

A claim says before the run what is measured, on which scale, what the paper's effect is, how far
from it still counts (the margin) and what each outcome is called. The verdict's words:

- a printed number or ratio: reproduced, compatible, differs
- a direction: holds, absent, contradicts
- undecided, where the seeds cannot tell; then the verdict has the number that could
"""

from gantutor.reproduce.claims.claim import Claim, values
from gantutor.reproduce.claims.deciding import ALPHA, ENOUGH
from gantutor.reproduce.claims.direction import Direction
from gantutor.reproduce.claims.numbers import Printed, Ratio, Within
from gantutor.reproduce.claims.page import adjusted
from gantutor.reproduce.claims.row import TableRow, kernel_distance
from gantutor.reproduce.claims.verdict import (
    DECIDED,
    FEW,
    LARGEST,
    STATUSES,
    Judged,
    Spread,
    Verdict,
    factor,
    number,
    worst,
)

__all__ = [
    "ALPHA",
    "DECIDED",
    "ENOUGH",
    "FEW",
    "LARGEST",
    "STATUSES",
    "Claim",
    "Direction",
    "Judged",
    "Printed",
    "Ratio",
    "Spread",
    "TableRow",
    "Verdict",
    "Within",
    "adjusted",
    "factor",
    "kernel_distance",
    "number",
    "values",
    "worst",
]
