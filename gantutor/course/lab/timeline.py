"""The lab's time, without threads or pictures: a script that is played under one clock."""

from collections.abc import Callable, Iterable

from gantutor.course.lab.measured import EVERY, Measured, Measurements
from gantutor.course.lab.own import Own
from gantutor.course.lab.rows import LabRow
from gantutor.course.lab.script import FOUR, Script
from gantutor.course.lab.snapshots import Snapshots
from gantutor.course.lab.stage import Stage
from gantutor.plain import whole


class Timeline:
    """Rows that train side by side; `step` whole steps are done, `furthest` is the latest so far.

    rows: names in `recipes.METHODS` and `OBJECTIVES`, and own losses (functions or classes, see
        `own.Own`), at most five at a time; an own loss that the log lets branch off joins there
    log: what was changed when, see `entries`

    Raises ValueError for anything unknown; then nothing has changed.
    """

    def __init__(
        self,
        data="nine",
        seed: int = 0,
        rows: Iterable = FOUR,
        width: int = 64,
        log: Iterable[tuple] = (),
    ):
        self._begin(Script(data, seed, rows, width, log))

    def _begin(self, script: Script) -> None:
        """Stand at step 0 of a script."""
        self.script, self.stage = script, Stage(script.start, script.plans(0))
        self.snapshots, self.measured = Snapshots(), Measurements()
        self.furthest = 0
        self._arrive(0)

    start = property(lambda self: self.script.start, doc="Data, seed, width and rows at step 0.")
    log = property(lambda self: self.script.log, doc="What was changed when.")
    rows = property(lambda self: self.stage.rows, doc="The rows that exist now.")
    world = property(lambda self: self.stage.world, doc="The distribution that all rows learn.")
    truth = property(lambda self: self.stage.truth, doc="What a perfect row would measure.")

    @property
    def half(self) -> bool:
        """Whether slow motion is in the middle of a step."""
        return self.stage.half is not None

    def row(self, name: str) -> LabRow:
        """The row of that name; raises ValueError, naming those that exist."""
        for row in self.rows:
            if row.name == name:
                return row
        known = ", ".join(r.name for r in self.rows)
        raise ValueError(f"no row {name!r} at step {self.step}; rows: {known}")

    # -- changes ----------------------------------------------------------------------------------
    def change(self, change: str, *rest) -> None:
        """Something happens at this step: it goes into the log and into the rows.

        What the log held for later is dropped, except after a branch. Raises ValueError for a
        change that cannot be made; then nothing has changed.
        """
        self.finish()
        entry = self.script.write(self.step, change, *rest)
        self.snapshots.forget_after(self.step)
        if change != "branch":
            self.furthest = self.step
            self.measured.forget_after(self.step)
        self._apply(entry)

    def method(self, own: Own) -> str:
        """A loss from a cell joins at this step, as a branch of the first row.

        Its former version of that name goes. Returns the row's name.
        """
        self.finish()
        name = self.script.admit(own, self.step)
        left = {p.name for p in self.script.plans(self.step + 1)}
        self.stage.rows = [r for r in self.rows if r.name in left and r.name != name]
        self.measured.forget_row(name)
        self.change("branch", self.rows[0].name, name)
        return name

    def restart(self, **start) -> None:
        """Back to the very same first weights, or with another `data`, `seed`, `width` or `rows`.

        Settings stay as they are now; branches and everything else in the log are gone.
        """
        self._begin(self.script.restarted(self.stage.plans(), **start))

    def _apply(self, entry: tuple) -> None:
        self.stage.apply(entry, self.script.own)
        if entry[1] == "branch":
            self.measured.take(self.rows[-1], self.step, self.start["seed"])

    # -- time -------------------------------------------------------------------------------------
    def advance(self, spread: Callable = map) -> None:
        """One whole step of every row, and what the log has for the step that is reached.

        `spread` works as the builtin `map`: an executor's lets rows train side by side, with the
        same result, because each has its own nets and random numbers.
        """
        if self.half:
            self.finish()
            return
        self.stage.take_step(spread)
        self._arrive(self.step + 1)

    def half_step(self) -> str:
        """Slow motion: D's turns of a step, at the next call G's; returns the player that moved."""
        if self.half:
            self.finish()
            return "g"
        self.stage.take_half()
        return "d"

    def finish(self) -> None:
        """Complete a step that slow motion has begun."""
        if self.half:
            self.stage.take_rest()
            self._arrive(self.step + 1)

    def _arrive(self, step: int) -> None:
        """Stand between two steps: choose axes, keep a snapshot, measure; then obey the log."""
        self.step, self.furthest = step, max(self.furthest, step)
        self.stage.arrive(step)
        self.snapshots.offer(step, self.rows)
        if step % EVERY == 0:
            for row in self.rows:
                self.measured.take(row, step, self.start["seed"])
        for entry in self.script.at(step):
            self._apply(entry)

    def goto(
        self, step: int, halt: Callable[[], bool] = lambda: False, spread: Callable = map
    ) -> None:
        """Stand at `step`, exactly as it was or will be.

        `halt()` may end a long way there between two steps. `spread`: see `advance`.
        """
        whole("step", step, 0)
        self.finish()
        near = self.snapshots.before(step)
        if not near <= self.step <= step:
            self.stage.restore(self.script.plans(near), self.snapshots.at(near))
            self._arrive(near)
        while self.step < step and not halt():
            self.advance(spread)

    # -- looking ----------------------------------------------------------------------------------
    def curve(self, name: str) -> list[Measured]:
        """What was measured of a row up to this step."""
        return self.measured.curve(name, self.step)

    def literals(self) -> dict:
        """The arguments, and the step, that rebuild this state; defaults are left out."""
        self.finish()
        step = {"step": self.step} if self.step else {}
        return {**self.script.literals(), **step}
