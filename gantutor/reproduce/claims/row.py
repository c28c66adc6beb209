"""The claim of a row of a paper's table: its number, and the side of its baseline."""

import re
from dataclasses import dataclass, replace
from typing import Any

from gantutor.reproduce.claims.claim import Claim, Looks, values
from gantutor.reproduce.claims.direction import Direction
from gantutor.reproduce.claims.numbers import Printed
from gantutor.reproduce.claims.verdict import Verdict, joined


@dataclass(frozen=True)
class TableRow(Claim):
    """A row of a paper's table, where `value` is printed.

    against: the row that it is compared with, "" for none
    better: "lower" or "higher": which side of `against` the paper has it on
    plain: what is printed for `against`; None for nothing
    spread: the +- that is printed with `value`; None for none

    The number is judged where ours was measured as the paper's was. Otherwise only the direction
    is, by `metric` or, where that was not measured, by a kernel distance.
    """

    against: str
    better: str
    value: float
    plain: float | None = None
    spread: float | None = None

    @property
    def variants(self) -> tuple[str, ...]:
        return (self.variant, self.against) if self.against else (self.variant,)

    @property
    def number(self) -> Printed:
        """The claim on the printed number."""
        gap = None if self.plain is None else self.value - self.plain
        return Printed(self.metric, self.variant, self.paper, self.value, self.spread, gap)

    def direction(self, metric: str) -> Direction:
        """The claim on the direction, by a measure."""
        printed = None if self.plain is None else (self.value, self.plain)
        return Direction(metric, self.variant, self.paper, self.against, self.better, printed)

    def terms(self) -> dict[str, Any]:
        found = {"kind": "TableRow", "number": self.number.terms()}
        if self.against:
            found["direction"] = self.direction(self.metric).terms()
        return found

    def judge(self, frame, looks: Looks = None, unlike: str = "") -> Verdict:
        """The verdict on a frame of records.

        unlike: how our measurement differs from the paper's; "" where it does not
        """
        printed = self.number.judge(frame, looks)
        if printed.status in ("reproduced", "compatible", "differs") and not unlike:
            return replace(printed, note=joined(printed.note, self._beside(frame, looks)))
        measured = all(values(frame, self.metric, v) for v in self.variants)
        metric = self.metric if measured else kernel_distance(frame, *self.variants)
        if self.against:
            verdict = self.direction(metric).judge(frame, looks)
            return replace(verdict, note=joined(verdict.note, unlike if measured else ""))
        alone = replace(self.number, metric=metric).judge(frame, looks)
        why = unlike if measured else f"{metric} has no printed number"
        if alone.status == "not run" or not why:
            return alone
        return replace(alone, status="measured", note=why, p=None, needed=None, judged=None)

    def _beside(self, frame, looks: Looks) -> str:
        """What the direction comes to, beside the number."""
        if not self.against:
            return ""
        word = self.direction(self.metric).judge(frame, looks).status
        return "" if word == "not run" else f"its direction: {word}"


def kernel_distance(frame, *variants: str) -> str:
    """The name of the kernel distance that all these variants have: kid, or a stand-in.

    "kd_small" where they have none in common.
    """
    for metric in dict.fromkeys(frame.loc[frame["variant"].isin(variants), "metric"]):
        named = re.fullmatch(r"kid|kd_\w+(?<!_std)", metric)
        if named and all(values(frame, metric, v) for v in variants):
            return metric
    return "kd_small"
