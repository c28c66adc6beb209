"""Missions: a goal in a sentence that the lab can check."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from gantutor.course.lab.measured import Measured
from gantutor.course.lab.timeline import Timeline

GRAMMAR = (
    "cover 8 modes | cover all modes | quality above 0.8 | distance below 0.02 | "
    "keep D between 0.5 and 0.9, joined by 'and', then: in 500 steps"
)
NUMBER = r"(\d+(?:\.\d+)?)"
WARM_UP = 60  # steps during which D may leave its bounds: nobody is good at once
ALL = float("inf")
_GOALS: list[tuple[str, Callable[[re.Match], tuple]]] = [
    (r"cover all modes", lambda m: ("modes", ALL)),
    (r"cover (\d+) modes?", lambda m: ("modes", float(m[1]))),
    (rf"quality above {NUMBER}", lambda m: ("quality", float(m[1]))),
    (rf"distance below {NUMBER}", lambda m: ("distance", float(m[1]))),
    (rf"keep D between {NUMBER} and {NUMBER}", lambda m: ("keep", (float(m[1]), float(m[2])))),
]


class Standing(NamedTuple):
    """How a mission stands.

    row: the row that is nearest to the goal
    share: how much of the way it has gone, from 0 to 1
    won, lost: the step at which it won or lost, or None
    words: the same in a sentence
    """

    row: str
    share: float
    won: int | None
    lost: int | None
    words: str


@dataclass(frozen=True)
class Mission:
    """A goal with a deadline.

    One row has to reach all goals at the same measurement, and keep what it has to keep until then.
    D's number is how often it is right about real and fake: at 0.5 it cannot tell, at 1 it is
    always right. Raises ValueError for a sentence that does not follow GRAMMAR.

    >>> Mission("cover 4 modes and quality above 0.5 in 70 steps").goals
    (('modes', 4.0), ('quality', 0.5))
    """

    text: str
    goals: tuple[tuple[str, float], ...] = field(init=False)
    keep: tuple[float, float] | None = field(init=False, default=None)
    steps: int = field(init=False)

    def __post_init__(self):
        found = re.fullmatch(r"\s*(.+?)\s+in\s+(\d+)\s+steps\s*", self.text)
        if not found or int(found[2]) < 1:
            raise ValueError(f"mission {self.text!r}: expected {GRAMMAR}")
        parts = self._parts(found[1])
        keep = None
        for name, value in parts:
            if name == "keep":
                keep = value
        if keep is not None and not 0 <= keep[0] < keep[1] <= 1:
            raise ValueError(
                f"mission {self.text!r}: D's bounds are between 0 and 1, the lower one first"
            )
        object.__setattr__(self, "goals", tuple(p for p in parts if p[0] != "keep"))
        object.__setattr__(self, "keep", keep)
        object.__setattr__(self, "steps", int(found[2]))

    def _parts(self, rest: str) -> list[tuple]:
        """The goals, and what is to be kept, in a text without its deadline."""
        parts = []
        while True:
            hits = ((re.match(pattern, rest), read) for pattern, read in _GOALS)
            hit, read = next(((m, read) for m, read in hits if m), (None, None))
            if hit is None:
                raise ValueError(f"mission {self.text!r}: cannot read {rest!r}; expected {GRAMMAR}")
            parts.append(read(hit))
            rest = rest[hit.end() :]
            if not rest:
                return parts
            joined = re.match(r"\s*(?:,\s*and|,|and)\s+", rest)
            if not joined:
                raise ValueError(f"mission {self.text!r}: cannot read {rest!r}; expected {GRAMMAR}")
            rest = rest[joined.end() :]
            if not rest:
                raise ValueError(
                    f"mission {self.text!r}: nothing after the last 'and'; expected {GRAMMAR}"
                )

    def standing(self, timeline: Timeline) -> Standing:
        """The standing of the row that is nearest, up to this step.

        Raises ValueError for more modes than the world has.
        """
        modes = timeline.truth["modes"]
        for goal, value in self.goals:
            if goal == "modes" and modes < value < ALL:
                raise ValueError(f"mission {self.text!r}: this world has {modes:.0f} modes")
        rows = [self._row(r.name, timeline) for r in timeline.rows]
        return max(rows, key=lambda s: (s.won is not None, s.lost is None, s.share, -(s.won or 0)))

    def _row(self, name: str, timeline: Timeline) -> Standing:
        """The standing of one row."""
        best, won, lost = 0.0, None, None
        for m in timeline.curve(name):
            if m.step > self.steps:
                break
            if not self._kept(m):
                lost = m.step
                break
            shares = [_share(goal, value, m, timeline) for goal, value in self.goals]
            share = min(shares, default=m.step / self.steps)
            best = max(best, share)
            if share >= 1:
                won = m.step
                break
        if won is None and lost is None and timeline.step >= self.steps:
            if self.goals:
                lost = self.steps
            else:  # there was only something to keep
                won = self.steps
        share = 1.0 if won is not None else min(best, 0.99)
        return Standing(name, share, won, lost, self._words(name, best, won, lost))

    def _kept(self, m: Measured) -> bool:
        """Whether D is within its bounds."""
        if self.keep is None or m.step < WARM_UP:
            return True
        return self.keep[0] <= m.right <= self.keep[1]

    def _words(self, name: str, best: float, won: int | None, lost: int | None) -> str:
        if won is not None:
            return f"{name} won at step {won}"
        if lost is not None:
            if lost >= self.steps:
                return f"{name} got nearest"
            return f"{name}: D left its bounds at step {lost}"
        if best > 0:
            return f"{name} leads, {best:.0%} of the way"
        return "no row has made progress yet"


def _share(goal: str, value: float, m: Measured, timeline: Timeline) -> float:
    """How much of a goal is reached; 1 or more: all of it."""
    if goal == "modes":
        return m.modes / min(value, timeline.truth["modes"])
    if goal == "quality":
        return 1.0 if m.quality > value else min(0.99, m.quality / max(value, 1e-9))
    return 1.0 if m.distance < value else min(0.99, value / m.distance)
