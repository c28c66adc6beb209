"""What a claim comes to: a word, the numbers behind it, and what would be needed to say more."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gantutor.statistics import t_interval

FEW = "holds (few seeds)"
LARGEST = 700.0  # of a logarithm whose number is still finite
# the worst first: the status of a target is that of its worst claim
STATUSES = (
    "contradicts",
    "differs",
    "absent",
    "undecided",
    "not run",
    "measured",
    FEW,
    "compatible",
    "holds",
    "reproduced",
)
DECIDED = ("contradicts", "differs", "absent", "holds", "reproduced")


@dataclass(frozen=True)
class Spread:
    """Mean of n values and the ends of its 95 % t interval, which are NaN for a single value."""

    mean: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """The spread of finite values.

        >>> print(Spread.of([2.0, 2.5, 3.0]))
        2.5 [1.26, 3.74]
        >>> print(Spread.of([0.25]))
        0.25
        """
        n, mean = len(values), math.fsum(values) / len(values)
        if n == 1:
            return cls(mean, math.nan, math.nan, 1)
        return cls(mean, *t_interval(values), n)

    @property
    def interval(self) -> str:
        """The interval in brackets; "" for a single value."""
        return "" if self.n == 1 else f"[{number(self.low)}, {number(self.high)}]"

    def exp(self) -> "Spread":
        """The same on the scale of factors, of a spread of logarithms."""
        return Spread(*map(factor, (self.mean, self.low, self.high)), self.n)

    def __str__(self) -> str:
        return f"{number(self.mean)} {self.interval}".rstrip()


@dataclass(frozen=True)
class Judged:
    """The numbers behind a word, on the scale on which the claim is judged.

    scale: "log" or "linear"
    spread: of our differences (a direction), logarithms of ratios, or values (a printed number)
    sd: their standard deviation over seeds
    paper: where the paper has them: its effect with its sign, or its number; None for none
    zero: no effect (0), or None for a printed number
    margin: how far from the paper's number, or from no effect, still counts as the same
    look: how many seeds were judged of those at hand, where looks are planned
    """

    scale: str
    spread: Spread
    sd: float
    paper: float | None
    zero: float | None
    margin: float
    look: int

    def shown(self, x: float) -> float:
        """A place on the scale as it is shown: a factor or printed number for a logarithm."""
        return factor(x) if self.scale == "log" else x


@dataclass(frozen=True)
class Verdict:
    """The status of a claim, and why.

    status: the word that counts
    ours: our values in words
    spread: of the quantity that was judged, as it is shown: a factor where that was a logarithm
    seeds: how many were judged
    alone: the word of the claim by itself, where the page's number of claims changes it
    p: of the hypothesis that a decisive word would reject, over all planned looks
    adjusted: the same over all claims of the page
    needed: seeds that would decide with 80 % power; None if it is decided, or if none would
    failed: trainings that diverged or left no finite value
    """

    status: str
    ours: str = ""
    spread: Spread | None = None
    seeds: int = 0
    note: str = ""
    alone: str = ""
    p: float | None = None
    adjusted: float | None = None
    needed: int | None = None
    failed: int = 0
    judged: Judged | None = None


def factor(x: float) -> float:
    """The factor of a logarithm; of a very large one the largest that is finite.

    >>> factor(0.0), factor(1e6) == factor(700.0)
    (1.0, True)
    """
    return math.exp(min(x, LARGEST))


def worst(verdicts: Sequence[Verdict]) -> str:
    """The status of a target with these claims."""
    return min((v.status for v in verdicts), key=STATUSES.index)


def number(x: float) -> str:
    """Three significant digits; a number that is not 0 is never rounded to 0.

    >>> number(0.1234), number(0.00012), number(2500)
    ('0.123', '1.2e-04', '2.5e+03')
    """
    plain = x == 0 or not math.isfinite(x) or 1e-3 <= abs(x) < 1e4
    if not plain:
        return f"{x:.1e}"
    return f"{x:.3g}".replace("-", "\N{MINUS SIGN}")


def joined(*notes: str) -> str:
    """Remarks as one, with semicolons; empty ones are left out."""
    return "; ".join(filter(None, notes))
