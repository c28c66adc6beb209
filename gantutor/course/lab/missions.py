"""Missions, a sentence that the lab can check, and a gallery of failures, each a setting with a reason."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from gantutor.course.lab.timeline import Measured, Timeline

GRAMMAR = "cover 8 modes | cover all modes | quality above 0.8 | distance below 0.02 | keep D between 0.5 and 0.9, joined by 'and', then: in 500 steps"
NUMBER = r"(\d+(?:\.\d+)?)"
WARM_UP = 60  # steps in which D may be as it likes: nobody is good at once


class Standing(NamedTuple):
    """How a mission stands: the row that is nearest, its share of the way (0 to 1), the step at which it was won or lost, or None."""

    row: str
    share: float
    won: int | None
    lost: int | None
    words: str


@dataclass(frozen=True)
class Mission:
    """A goal with a deadline. One row has to reach all goals at one measurement, and keep what it must keep until then.

    D's number is how often it is right about real and fake: 0.5 cannot tell, 1 is always right. Raises ValueError for a
    sentence that is none of its grammar.
    """

    text: str
    goals: tuple[tuple[str, float], ...] = field(init=False)
    keep: tuple[float, float] | None = field(init=False, default=None)
    steps: int = field(init=False)

    def __post_init__(self):
        found = re.fullmatch(r"\s*(.+?)\s+in\s+(\d+)\s+steps\s*", self.text)
        if not found or int(found[2]) < 1:
            raise ValueError(f"mission {self.text!r}: expected {GRAMMAR}")
        rest, goals, keep = found[1], [], None
        while rest:
            for pattern, read in _GOALS:
                if hit := re.match(pattern, rest):
                    goal = read(hit)
                    rest = rest[hit.end() :]
                    break
            else:
                raise ValueError(f"mission {self.text!r}: cannot read {rest!r}; expected {GRAMMAR}")
            if goal[0] == "keep":
                keep = goal[1]
            else:
                goals.append(goal)
            if joined := re.match(r"\s*(?:,\s*and|,|and)\s+", rest):
                rest = rest[joined.end() :]
                if not rest:
                    raise ValueError(
                        f"mission {self.text!r}: nothing after the last 'and'; expected {GRAMMAR}"
                    )
            elif rest:
                raise ValueError(f"mission {self.text!r}: cannot read {rest!r}; expected {GRAMMAR}")
        if keep is not None and not 0 <= keep[0] < keep[1] <= 1:
            raise ValueError(
                f"mission {self.text!r}: D's number lies between 0 and 1, the lower bound first"
            )
        for name, value in (("goals", tuple(goals)), ("keep", keep), ("steps", int(found[2]))):
            object.__setattr__(self, name, value)

    def standing(self, timeline: Timeline) -> Standing:
        """Of the row that is nearest, up to this step."""
        modes = timeline.truth["modes"]
        if (
            most := max([v for g, v in self.goals if g == "modes"], default=0)
        ) > modes and most < float("inf"):
            raise ValueError(f"mission {self.text!r}: this world has {modes:.0f} modes")
        rows = [self._row(r.name, timeline.curve(r.name), timeline) for r in timeline.rows]
        return max(rows, key=lambda s: (s.won is not None, s.lost is None, s.share, -(s.won or 0)))

    def _row(self, name: str, curve: list[Measured], timeline: Timeline) -> Standing:
        best, won, lost = 0.0, None, None
        for m in curve:
            if m.step > self.steps:
                break
            if (
                self.keep is not None
                and m.step >= WARM_UP
                and not self.keep[0] <= m.right <= self.keep[1]
            ):
                lost = m.step
                break
            share = min(
                [_share(g, v, m, timeline) for g, v in self.goals], default=m.step / self.steps
            )
            best = max(best, share)
            if share >= 1:
                won = m.step
                break
        if won is None and lost is None and timeline.step >= self.steps:
            if self.goals:
                lost = self.steps
            else:
                won = self.steps
        if won is not None:
            words = f"{name} won at step {won}"
        elif lost is not None:
            words = (
                f"{name} got nearest"
                if lost >= self.steps
                else f"{name}: D left its bounds at step {lost}"
            )
        else:
            words = (
                f"{name} leads, {best:.0%} of the way" if best > 0 else "no row is on its way yet"
            )
        return Standing(name, 1.0 if won is not None else min(best, 0.99), won, lost, words)


def _share(goal: str, value: float, m: Measured, timeline: Timeline) -> float:
    """How much of a goal is reached, 1 and more: all of it."""
    if goal == "modes":
        return m.modes / min(value, timeline.truth["modes"])
    if goal == "quality":
        return 1.0 if m.quality > value else min(0.99, m.quality / max(value, 1e-9))
    return 1.0 if m.distance < value else min(0.99, value / m.distance)


_GOALS: list[tuple[str, Callable]] = [
    (r"cover all modes", lambda m: ("modes", float("inf"))),
    (r"cover (\d+) modes?", lambda m: ("modes", float(m[1]))),
    (rf"quality above {NUMBER}", lambda m: ("quality", float(m[1]))),
    (rf"distance below {NUMBER}", lambda m: ("distance", float(m[1]))),
    (rf"keep D between {NUMBER} and {NUMBER}", lambda m: ("keep", (float(m[1]), float(m[2])))),
]


@dataclass(frozen=True)
class Failure:
    """A named failure: what one `sees`, `why` it happens, the arguments of the `lab` that shows it after `step` steps, and a
    `mission` that mends it with the controls `only`. Measured with seed 0; `sign` says by the numbers whether a run shows it.
    """

    sees: str
    why: str
    lab: dict
    step: int
    sign: Callable[[list[Measured], Timeline], bool]
    mission: str
    only: tuple[str, ...]

    def open(self, mission: bool = False, most: int | None = None):
        """The lab at that step, or after `most` steps; with its mission and controls where they are asked for."""
        from gantutor.course.lab.live import Lab

        lab = Lab(**self.lab)
        if mission:
            lab.mission(
                self.mission, ["play", "step", "speed", "reset", "time", "layers", *self.only]
            )
        return lab.run(self.step if most is None else min(self.step, most))

    def shown(self, timeline: Timeline) -> bool:
        """Whether the lab's first row shows the failure in the second half of its time so far."""
        curve = timeline.curve(timeline.rows[0].name)
        return bool(self.sign([m for m in curve if m.step >= timeline.step / 2], timeline))


def _set(**settings) -> list[tuple]:
    return [(0, "set", name, value) for name, value in settings.items()]


SOFT = ("ring", {"radius": 1.0, "std": 0.1})
gallery: dict[str, Failure] = {
    "collapse": Failure(
        "The fakes gather at one place and leave the other modes alone.",
        "D learns eight times slower than G. G's best answer to a D that hardly moves is its highest place, and nothing in G's loss asks for variety.",
        {"data": SOFT, "rows": ["baseline"], "log": _set(g_lr=1e-3, d_lr=1.25e-4)},
        600,
        lambda curve, t: max(m.modes for m in curve) <= 2,
        "cover 6 modes in 1200 steps",
        ("g_lr", "d_lr", "n_dis"),
    ),
    "chase": Failure(
        "A swarm that never rests: it stands on one mode, then runs to another.",
        "D is ten times slower than G, and both hurry. When D has learned that the crowd is fake, its slope points elsewhere, and the whole crowd follows.",
        {"data": SOFT, "rows": ["baseline"], "log": _set(g_lr=3e-3, d_lr=3e-4)},
        600,
        lambda curve, t: (
            max(m.modes for m in curve) <= 2
            and max(m.distance for m in curve) > 1.5 * min(m.distance for m in curve)
        ),
        "cover 6 modes in 1200 steps",
        ("g_lr", "d_lr", "n_dis"),
    ),
    "D too strong": Failure(
        "The fakes sit on the middle mode and do not move; D is right nearly always.",
        "Five quick turns of D a step, and the minimax loss: where D is sure that a fake is fake, log(1 - sigma(b)) is flat, and G hears nothing.",
        {"data": "nine", "rows": ["minimax"], "log": _set(g_lr=3e-4, d_lr=1e-2, n_dis=5)},
        400,
        lambda curve, t: min(m.right for m in curve) > 0.85 and max(m.modes for m in curve) <= 2,
        "cover 4 modes and keep D between 0.4 and 0.9 in 1200 steps",
        ("g_lr", "d_lr", "n_dis", "objective"),
    ),
    "a deaf D": Failure(
        "The fakes stay in one lump, which drifts about and never comes to the data, or ends in a corner.",
        "D's learning rate is so small that it stays what it was at the beginning: a random slope. G follows it as far as its tanh lets it.",
        {"data": "nine", "rows": ["baseline"], "log": _set(d_lr=1e-5)},
        400,
        lambda curve, t: (
            max(m.quality for m in curve) < 0.02 and min(m.distance for m in curve) > 0.4
        ),
        "quality above 0.3 in 1200 steps",
        ("d_lr", "g_lr"),
    ),
    "scattered": Failure(
        "The fakes fill the whole square evenly, between the modes as well as on them; the energy distance is small.",
        "A WGAN without its clipping and with another loss: D's five careful turns give a map that is right on the whole and blind to narrow gaps.",
        {"data": "nine", "rows": ["WGAN"], "log": _set(objective="non-saturating")},
        500,
        lambda curve, t: (
            max(m.quality for m in curve) < 0.2 and max(m.distance for m in curve) < 0.06
        ),
        "cover 3 modes in 1200 steps",
        ("objective", "d_lr", "g_lr", "n_dis"),
    ),
    "too flat": Failure(
        "A pale map, and a swarm that wanders near the middle without finding a mode.",
        "AdaptiveMix with thirty times its weight: D is allowed no slope at all, so G gets no direction worth following.",
        {"data": "nine", "rows": ["AdaptiveMix"], "log": _set(weight=30.0)},
        500,
        lambda curve, t: (
            max(m.quality for m in curve) < 0.2 and min(m.distance for m in curve) > 0.06
        ),
        "cover 4 modes in 1200 steps",
        ("weight", "d_lr", "g_lr"),
    ),
}
