"""Claims on numbers: a printed one, a printed ratio, a range that every seed keeps to."""

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from gantutor.reproduce.claims.claim import Claim, few, in_words
from gantutor.reproduce.claims.deciding import (
    ALPHA,
    ENOUGH,
    LEAST,
    p_beyond,
    p_difference,
    p_inside,
    seeds_to_confirm,
)
from gantutor.reproduce.claims.verdict import FEW, Judged, Spread, Verdict, joined, number
from gantutor.statistics.intervals import sd

TENTH = 0.1  # of a printed number: the largest margin around it


@dataclass(frozen=True)
class Printed(Claim):
    """The paper prints `value` for a measure.

    spread: the +- that it prints with it; None: none
    gap: what it claims between this number and its baseline's; None: nothing

    The margin is the printed spread, or the smaller of a tenth of the value and half the gap.
    """

    value: float
    spread: float | None = None
    gap: float | None = None

    outcomes: ClassVar[dict[str, str]] = {
        "reproduced": "the interval lies within the margin of the printed number",
        "compatible": "it holds the printed number and is wider than that",
        "differs": "it lies wholly outside the margin",
        "undecided": "anything else",
    }

    @property
    def room(self) -> float:
        """The margin in units of the printed number."""
        if self.spread:
            return self.spread
        half = math.inf if self.gap is None else abs(self.gap) / 2
        return min(TENTH * abs(self.value), half)

    @property
    def margin(self) -> float:
        """The margin on the scale of the measure."""
        return math.log1p(self.room / self.value) if self.measure.scale == "log" else self.room

    def terms(self) -> dict[str, Any]:
        return super().terms() | {"value": self.value, "margin": self.room}

    def verdict(self, columns, looks) -> Verdict:
        (mine,) = columns
        centre = math.log(self.value) if self.measure.scale == "log" else self.value
        placed = self.measure.place(mine)
        lost = sum(map(math.isnan, placed))
        known = Verdict("undecided", in_words(mine), seeds=len(mine), failed=lost)
        if lost:
            # no interval covers trainings without a value, and their number is part of the result
            return replace(known, note=f"{lost} of {len(mine)} trainings failed")
        return _confirmed(placed, centre, self.margin, self.measure.scale, looks, known)


@dataclass(frozen=True)
class Ratio(Claim):
    """metric(variant) / metric(against), paired over seeds; `value` is the paper's ratio.

    The margin is the smaller of a tenth and, on the logarithm, half the paper's effect.
    """

    against: str
    value: float

    outcomes: ClassVar[dict[str, str]] = Printed.outcomes

    @property
    def variants(self) -> tuple[str, ...]:
        return (self.variant, self.against)

    @property
    def margin(self) -> float:
        """On the logarithm."""
        return min(math.log1p(TENTH), abs(math.log(self.value)) / 2)

    def terms(self) -> dict[str, Any]:
        more = {"scale": "log", "floor": 0.0, "value": self.value, "margin": self.margin}
        return super().terms() | more

    def verdict(self, columns, looks) -> Verdict:
        place = replace(self.measure, scale="log", floor=0.0).place
        logs = [a - b for a, b in zip(*map(place, columns), strict=True)]
        lost = sum(map(math.isnan, logs))
        words = " against ".join(in_words(column) for column in columns)
        known = Verdict("undecided", words, seeds=len(logs), failed=lost)
        if lost:
            return replace(known, note="a ratio needs finite values above 0")
        return _confirmed(logs, math.log(self.value), self.margin, "log", looks, known)


def _confirmed(
    x: list[float], centre: float, margin: float, scale: str, looks, known: Verdict
) -> Verdict:
    """The verdict on values that should be `centre`."""
    n, spread = len(x), Spread.of(x)
    judged = Judged(scale, spread, sd(x) if n > 1 else math.nan, centre, None, margin, n)
    shown = spread.exp() if scale == "log" else spread
    known = replace(known, spread=shown, judged=judged)
    if n < LEAST:
        return replace(known, note=few(n), needed=ENOUGH)
    low, high = centre - margin, centre + margin
    inside = p_inside(x, low, high, looks) <= ALPHA
    p = p_beyond(x, low, high, looks)
    if n >= ENOUGH and inside:
        return replace(known, status="reproduced", p=p)
    if n >= ENOUGH and p <= ALPHA:
        return replace(known, status="differs", p=p)
    needed = seeds_to_confirm(x, margin)
    if inside or p_difference(x, centre, looks) > ALPHA:
        return replace(known, status="compatible", p=p, needed=needed, note=few(n))
    return replace(known, p=p, needed=needed, note=few(n))


@dataclass(frozen=True)
class Within(Claim):
    """Every seed's value is in [low, high].

    ours: False for an exact statement of the paper, True for a bar that we set
    """

    low: float
    high: float
    ours: bool = False

    outcomes: ClassVar[dict[str, str]] = {
        "reproduced": "every seed is inside, and the statement is the paper's",
        "holds": "every seed is inside, and the bar is ours",
        "contradicts": "no seed is inside",
        "undecided": "some are",
    }

    def terms(self) -> dict[str, Any]:
        return super().terms() | {"low": self.low, "high": self.high}

    def verdict(self, columns, looks) -> Verdict:
        (mine,) = columns
        slack = 1e-6  # a share of 0.95 in float32 is slightly less
        low, high = self.low - slack * abs(self.low), self.high + slack * abs(self.high)
        inside, n = [low <= v <= high for v in mine], len(mine)
        lost = sum(not math.isfinite(v) for v in mine)
        if all(inside):
            status = "holds" if self.ours else "reproduced"
            status = status if n >= ENOUGH else FEW if n >= LEAST else "undecided"
        else:
            status = "undecided" if any(inside) or n < ENOUGH else "contradicts"
        bar = f"{'our bar' if self.ours else 'exact'}: {self.low:g} to {self.high:g}"
        count = "" if all(inside) else f"{sum(inside)} of {n} seeds are inside"
        spread = None if lost else Spread.of(mine)
        ours = f"{number(min(mine))} to {number(max(mine))}"
        return Verdict(status, ours, spread, n, joined(bar, count, few(n)), failed=lost)
