"""The claim that one variant is better than another."""

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from gantutor.plain import one_of
from gantutor.reproduce.claims.claim import Claim, few, in_words
from gantutor.reproduce.claims.deciding import (
    ALPHA,
    ENOUGH,
    LEAST,
    p_beyond,
    p_difference,
    p_inside,
    p_signs,
    seeds_to_decide,
)
from gantutor.reproduce.claims.verdict import FEW, Judged, Spread, Verdict, joined, number
from gantutor.statistics.intervals import sd


@dataclass(frozen=True)
class Direction(Claim):
    """`variant` is better than `against`, by pairs of equal seeds.

    better: "higher" or "lower"
    printed: what the paper prints for the two, from which its effect follows; None: nothing
    smallest: the smallest effect worth naming where it prints nothing; None: the measure's own

    The margin, within which an effect is absent, is half the paper's effect, or `smallest`.
    """

    against: str
    better: str
    printed: tuple[float, float] | None = None
    smallest: float | None = None

    outcomes: ClassVar[dict[str, str]] = {
        "holds": "the interval lies beyond no effect, on the claimed side",
        "absent": "the effect lies within the margin",
        "contradicts": "the interval lies beyond no effect, on the other side",
        "undecided": "anything else",
    }

    def __post_init__(self):
        one_of("better", self.better, ("higher", "lower"))

    @property
    def variants(self) -> tuple[str, ...]:
        return (self.variant, self.against)

    @property
    def sign(self) -> int:
        """The sign of the claimed difference."""
        return 1 if self.better == "higher" else -1

    @property
    def effect(self) -> float:
        """The size of the paper's effect, or of the smallest worth naming, on the scale."""
        if self.printed is None:
            return self.measure.smallest if self.smallest is None else self.smallest
        mine, theirs = self.measure.place(self.printed)
        return abs(mine - theirs)

    @property
    def margin(self) -> float:
        return self.effect if self.printed is None else self.effect / 2

    def terms(self) -> dict[str, Any]:
        more = {"better": self.better, "effect": self.effect, "margin": self.margin}
        return super().terms() | more | {"effect_is": "printed" if self.printed else "smallest"}

    def verdict(self, columns, looks) -> Verdict:
        mine, theirs = map(self.measure.place, columns)
        lost = [math.isnan(a) or math.isnan(b) for a, b in zip(mine, theirs, strict=True)]
        d = [a - b for a, b, gone in zip(mine, theirs, lost, strict=True) if not gone]
        words = " against ".join(in_words(column) for column in columns)
        judged = self._judged(d) if d else None
        spread = judged and (judged.spread.exp() if judged.scale == "log" else judged.spread)
        known = Verdict("undecided", words, spread, len(mine), judged=judged)
        if any(lost):
            known = replace(known, failed=sum(lost))
            return self._by_signs(list(zip(mine, theirs, strict=True)), looks, known)
        if len(d) < 2:
            return replace(known, note=few(1), needed=ENOUGH)
        return self._by_t_test(d, looks, known)

    def _judged(self, d: list[float]) -> Judged:
        paper = self.sign * self.effect if self.printed else None
        spread, scatter = Spread.of(d), sd(d) if len(d) > 1 else math.nan
        return Judged(self.measure.scale, spread, scatter, paper, 0.0, self.margin, len(d))

    def _by_t_test(self, d: list[float], looks, known: Verdict) -> Verdict:
        n, margin, side = len(d), self.margin, self.sign * math.fsum(d)
        p = p_difference(d, 0.0, looks)
        beyond = p_beyond(d, -margin, margin, looks) <= ALPHA
        if n >= LEAST and p <= ALPHA and side > 0:
            far = ("at least half of the paper's effect", f"by more than {self._in_words(margin)}")
            note = far[self.printed is None] if beyond else ""
            return replace(
                known, status="holds" if n >= ENOUGH else FEW, p=p, note=joined(note, few(n))
            )
        if n >= ENOUGH and p_inside(d, -margin, margin, looks) <= ALPHA:
            return replace(known, status="absent", p=p)
        if n >= ENOUGH and p <= ALPHA:
            return replace(known, status="contradicts", p=p)
        needed = seeds_to_decide(d, self.effect, margin)
        return replace(known, p=p, needed=needed, note=few(n))

    def _in_words(self, margin: float) -> str:
        if self.measure.scale == "log":
            return f"a factor of {number(math.exp(margin))}"
        return number(margin)

    def _by_signs(self, pairs: list[tuple[float, float]], looks, known: Verdict) -> Verdict:
        """Count wins and losses: a failed training loses to any other, two are a tie."""
        outcomes, n = [_compare(self.sign, *pair) for pair in pairs], len(pairs)
        p = p_signs(outcomes, looks)
        wins, losses = outcomes.count(1), outcomes.count(-1)
        note = (
            f"trainings failed in {known.failed} of {n} pairs, so wins and losses are counted "
            f"({wins} to {losses}): a failed training loses"
        )
        known = replace(known, p=p, note=note)
        if p > ALPHA or n < ENOUGH:
            return known
        return replace(known, status="holds" if wins > losses else "contradicts")


def _compare(sign: int, a: float, b: float) -> int:
    """1 where a wins, -1 where b does, 0 for a tie."""
    if math.isnan(a) or math.isnan(b):
        return int(math.isnan(b)) - int(math.isnan(a))
    return sign * ((a > b) - (a < b))
