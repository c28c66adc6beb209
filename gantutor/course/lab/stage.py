"""The rows of a lab as they stand: made from plans, changed by entries, restored from states."""

from collections.abc import Callable, Iterator

from gantutor.course.lab.entries import RowPlan, after
from gantutor.course.lab.own import Own
from gantutor.course.lab.rows import LabRow, axes_due
from gantutor.course.lab.worlds import world
from gantutor.metrics.toy import high_quality


class Stage:
    """Rows with the same data, seed, noise and first weights.

    world: the distribution that all rows learn
    truth: what a perfect row would measure, by the names of `rows.Measured`
    """

    def __init__(self, start: dict, plans: list[RowPlan]):
        self.seed, self.width = start["seed"], start["width"]
        self.world = world(start["data"])
        self.truth = {
            "modes": float(len(self.world.modes)),
            "quality": high_quality(self.world, self.world.sample(40, 0)).truth,
            "distance": 0.0,
        }
        self.rows = [self._begin(plan) for plan in plans]
        # where slow motion is between D's turns and G's: the rows with the rest of their step
        self.half: list[tuple[LabRow, Iterator[str]]] | None = None

    def _begin(self, plan: RowPlan) -> LabRow:
        return LabRow.begin(plan, self.world, self.width, self.seed)

    def plans(self) -> list[RowPlan]:
        """The rows as the log describes them."""
        return [RowPlan(r.name, r.method, r.settings) for r in self.rows]

    def apply(self, entry: tuple, own: dict[str, Own]) -> None:
        """Let an entry of the log happen; `own`: losses from cells, by name."""
        _, change, *rest = entry
        if change in ("d", "g"):
            for row in self.rows:
                row.take_turn(change)
            return
        plans = after(self.plans(), entry, own)
        known = {r.name: r for r in self.rows}
        if change == "branch":
            new = self._begin(plans[-1])
            new.take_over(known[rest[0]])
            self.rows = [*self.rows, new]
            return
        self.rows = [known[p.name] for p in plans]
        for row, plan in zip(self.rows, plans, strict=True):
            if plan.settings != row.settings:
                row.become(plan.settings, self.width)

    def take_step(self, spread: Callable) -> None:
        """One whole step of every row; `spread` works as the builtin `map`."""
        list(spread(LabRow.take_step, self.rows))

    def take_half(self) -> None:
        """D's turns of a step, in every row."""
        self.half = [(row, row.run.take_step()) for row in self.rows]
        for row, turns in self.half:
            row.attempt(lambda run=row.run, turns=turns: _next(turns, run.recipe.n_dis))

    def take_rest(self) -> None:
        """What is left of that step: G's turns."""
        for row, turns in self.half:
            row.attempt(lambda turns=turns: list(turns))
        self.half = None

    def arrive(self, step: int) -> None:
        """Stand between two steps: a single turn's reals are spent, feature axes may be due."""
        for row in self.rows:
            row.at_hand = False
            if axes_due(step):
                row.choose_axes(step)

    def restore(self, plans: list[RowPlan], states: dict[str, tuple]) -> None:
        """Put the rows where their states were taken; those that are missing are made again."""
        known = {r.name: r for r in self.rows}
        self.rows = []
        for plan in plans:
            row = known.get(plan.name)
            if row is None or row.method != plan.method:
                row = self._begin(plan)
            row.restore(states[plan.name], plan.settings, self.width)
            self.rows.append(row)


def _next(turns: Iterator[str], n: int) -> None:
    for _ in range(n):
        next(turns)
