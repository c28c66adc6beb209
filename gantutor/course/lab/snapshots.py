"""States of all rows at some steps, which make going back quick."""

import torch

from gantutor.course.lab.rows import LabRow

FIRST_GAP, MOST = 10, 48
ROOM = 200e6  # bytes that all snapshots together may take


class Snapshots:
    """Snapshots at multiples of `gap` steps; where there are too many, the gap doubles."""

    def __init__(self):
        self.gap = FIRST_GAP
        self._states: dict[int, dict[str, tuple]] = {}

    @property
    def steps(self) -> list[int]:
        """The steps with a snapshot, in order."""
        return sorted(self._states)

    def offer(self, step: int, rows: list[LabRow]) -> None:
        """Keep the rows' states if one is due at this step."""
        if step % self.gap or step in self._states:
            return
        states = {row.name: row.state() for row in rows}
        self._states[step] = states
        size = sum(_bytes(run) for run, *_ in states.values())
        if len(self._states) > max(8, min(MOST, int(ROOM / max(size, 1)))):
            self.gap *= 2
            self._states = {s: v for s, v in self._states.items() if s % self.gap == 0}

    def before(self, step: int) -> int:
        """The last step with a snapshot that is not after `step`."""
        return max(s for s in self._states if s <= step)

    def at(self, step: int) -> dict[str, tuple]:
        """The rows' states at a step that has them, by the rows' names."""
        return self._states[step]

    def forget_after(self, step: int) -> None:
        """Drop what lies in the future."""
        self._states = {s: v for s, v in self._states.items() if s <= step}


def _bytes(thing) -> int:
    """The size of all tensors in nested dicts, lists and tuples."""
    if isinstance(thing, torch.Tensor):
        return thing.numel() * thing.element_size()
    if isinstance(thing, dict):
        thing = thing.values()
    elif not isinstance(thing, list | tuple):
        return 0
    return sum(map(_bytes, thing))
