"""What is measured of the rows while they train, by row and step."""

from typing import NamedTuple

import torch

from gantutor.metrics.toy import energy_distance, modes_covered

FAKES = 600  # that are measured; energy_distance wants whole blocks of twenty
EVERY = 20  # steps between two measurements


class Measured(NamedTuple):
    """600 fakes of a row, compared with the exact truth, at a step.

    modes: how many are covered
    quality: the share of fakes near a mode
    distance: the energy distance
    right: how often D is right about real and fake; at 0.5 it cannot tell
    """

    step: int
    modes: float
    quality: float
    distance: float
    right: float


@torch.no_grad()
def measure(run, step: int, seed: int) -> Measured:
    """A cheap look at a run: always the same latents, 600 of them, and 600 reals."""
    x = run.sample(FAKES, 10_000 + seed)
    turn = run.fresh_turn(FAKES // 2)
    real, fake = (run.recipe.objective.logit_at(c, turn) for c in (turn.real, turn.fake))
    right = ((real > 0).double().mean() + (fake < 0).double().mean()) / 2
    return Measured(
        step,
        modes=float(modes_covered(run.data, x).value),
        quality=float((run.data.distance(x) <= 3).double().mean()),
        distance=float(energy_distance(run.data, x).value),
        right=float(right),
    )


class Measurements:
    """All that was measured: `looks[row's name][step]`."""

    def __init__(self):
        self.looks: dict[str, dict[int, Measured]] = {}

    def take(self, row, step: int, seed: int) -> None:
        """Measure a row at this step, unless that is done."""
        looks = self.looks.setdefault(row.name, {})
        if step not in looks:
            looks[step] = measure(row.run, step, seed)

    def curve(self, name: str, until: int) -> list[Measured]:
        """What was measured of a row up to a step, in order."""
        looks = self.looks.get(name, {})
        return [looks[s] for s in sorted(looks) if s <= until]

    def forget_after(self, step: int) -> None:
        """Drop what was measured later."""
        for name, looks in self.looks.items():
            self.looks[name] = {s: m for s, m in looks.items() if s <= step}

    def forget_row(self, name: str) -> None:
        """Drop all that was measured of a row."""
        self.looks.pop(name, None)
