"""Named failures of GANs, each a lab with a reason and a mission that repairs it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gantutor.course.lab.live import Lab
from gantutor.course.lab.measured import Measured
from gantutor.course.lab.timeline import Timeline

# the controls that every mission shows
ALWAYS = ("play", "step", "speed", "reset", "time", "layers")


@dataclass(frozen=True)
class Failure:
    """A named failure, measured with seed 0.

    sees: what one sees
    why: why it happens
    lab: the arguments of the `Lab` that shows it
    step: when it is seen
    sign: whether the first row's measurements show it
    mission: a goal that repairs it
    only: the controls for that
    """

    sees: str
    why: str
    lab: dict
    step: int
    sign: Callable[[list[Measured]], bool]
    mission: str
    only: tuple[str, ...]

    def open(self, mission: bool = False, most: int | None = None) -> Lab:
        """The lab at that step, or after `most` steps; `mission`: with its goal and controls."""
        lab = Lab(**self.lab)
        if mission:
            lab.mission(self.mission, [*ALWAYS, *self.only])
        return lab.run(self.step if most is None else min(self.step, most))

    def shown(self, timeline: Timeline) -> bool:
        """Whether the first row shows the failure in the second half of its time so far."""
        curve = timeline.curve(timeline.rows[0].name)
        return bool(self.sign([m for m in curve if m.step >= timeline.step / 2]))


def _modes(curve: Iterable[Measured]) -> float:
    """The largest number of modes covered."""
    return max(m.modes for m in curve)


def _quality(curve: Iterable[Measured]) -> float:
    """The largest share near a mode."""
    return max(m.quality for m in curve)


def _collapsed(curve: list[Measured]) -> bool:
    return _modes(curve) <= 2


def _chased(curve: list[Measured]) -> bool:
    distances = [m.distance for m in curve]
    return _modes(curve) <= 2 and max(distances) > 1.5 * min(distances)


def _too_strong(curve: list[Measured]) -> bool:
    return min(m.right for m in curve) > 0.85 and _modes(curve) <= 2


def _deaf(curve: list[Measured]) -> bool:
    return _quality(curve) < 0.02 and min(m.distance for m in curve) > 0.4


def _scattered(curve: list[Measured]) -> bool:
    return _quality(curve) < 0.2 and max(m.distance for m in curve) < 0.06


def _flat(curve: list[Measured]) -> bool:
    return _quality(curve) < 0.2 and min(m.distance for m in curve) > 0.06


def _set(**settings) -> list[tuple]:
    """Settings from the start on, as entries of the log."""
    return [(0, "set", name, value) for name, value in settings.items()]


SOFT = ("ring", {"radius": 1.0, "std": 0.1})
gallery: dict[str, Failure] = {
    "collapse": Failure(
        "The fakes gather at one place and ignore the other modes.",
        "D learns eight times slower than G. G's best answer to a D that hardly moves is D's "
        "highest point, and nothing in G's loss asks for variety.",
        {"data": SOFT, "rows": ["baseline"], "log": _set(g_lr=1e-3, d_lr=1.25e-4)},
        600,
        _collapsed,
        "cover 6 modes in 1200 steps",
        ("g_lr", "d_lr", "n_dis"),
    ),
    "chase": Failure(
        "A swarm that never rests: it stays on one mode for a while, then runs to another.",
        "D is ten times slower than G, and both are in a hurry. Once D has learned that the crowd "
        "is fake, its slope points elsewhere, and the whole crowd follows.",
        {"data": SOFT, "rows": ["baseline"], "log": _set(g_lr=3e-3, d_lr=3e-4)},
        600,
        _chased,
        "cover 6 modes in 1200 steps",
        ("g_lr", "d_lr", "n_dis"),
    ),
    "D too strong": Failure(
        "The fakes sit on the middle mode and do not move; D is nearly always right.",
        "D takes five quick turns per step, and the loss is minimax: where D is sure that a fake "
        "is fake, log(1 - sigma(b)) is flat, and G gets no gradient.",
        {"data": "nine", "rows": ["minimax"], "log": _set(g_lr=3e-4, d_lr=1e-2, n_dis=5)},
        400,
        _too_strong,
        "cover 4 modes and keep D between 0.4 and 0.9 in 1200 steps",
        ("g_lr", "d_lr", "n_dis", "objective"),
    ),
    "a deaf D": Failure(
        "The fakes stay in one lump, which drifts about and never reaches the data, or ends in a "
        "corner.",
        "D's learning rate is so small that D stays what it was at the beginning: a random slope. "
        "G follows it as far as its tanh allows.",
        {"data": "nine", "rows": ["baseline"], "log": _set(d_lr=1e-5)},
        400,
        _deaf,
        "quality above 0.3 in 1200 steps",
        ("d_lr", "g_lr"),
    ),
    "scattered": Failure(
        "The fakes fill the whole square evenly, between the modes as well as on them; the energy "
        "distance is small.",
        "A WGAN's recipe with another loss and so without clipping: D's five careful turns give a "
        "map that is right on the whole and blind to narrow gaps.",
        {"data": "nine", "rows": ["WGAN"], "log": _set(objective="non-saturating")},
        500,
        _scattered,
        "cover 3 modes in 1200 steps",
        ("objective", "d_lr", "g_lr", "n_dis"),
    ),
    "too flat": Failure(
        "A pale map, and a swarm that wanders near the middle without finding a mode.",
        "AdaptiveMix with thirty times its weight: D is allowed no slope at all, so G gets no "
        "direction worth following.",
        {"data": "nine", "rows": ["AdaptiveMix"], "log": _set(weight=30.0)},
        500,
        _flat,
        "cover 4 modes in 1200 steps",
        ("weight", "d_lr", "g_lr"),
    ),
}
