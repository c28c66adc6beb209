"""Everything that a person does to a lab at its widget, as functions."""

from collections.abc import Callable

from gantutor.course.lab.own import Own
from gantutor.course.lab.session import Session


class Driver:
    """Trains, changes and rewinds the rows of a session.

    Each function returns when it is done. Raises ValueError for anything unknown; then nothing has
    changed.
    """

    def __init__(self, session: Session):
        self.session = session

    def do(self, command: str, *args, **kwargs):
        """A command of `commands.COMMANDS`; waits for its result."""
        return self.session.wait(self.session.do(command, *args, **kwargs))

    @property
    def rows(self) -> list[str]:
        """Names of the rows that exist now."""
        return [r.name for r in self.session.timeline.rows]

    # -- training ---------------------------------------------------------------------------------
    def run(self, steps: int):
        """Train so many steps, and return the lab; stopping the cell pauses."""
        self.do("run", steps)
        return self

    def play(self, speed: str | None = None) -> None:
        """Train on without waiting, at a speed of `playback.SPEEDS`."""
        if speed is not None:
            self.do("speed", speed)
        self.do("play")

    def pause(self) -> None:
        """Stop after this step."""
        self.do("pause")

    def d_step(self) -> None:
        """One turn of D alone, in every row."""
        self.do("turn", "d")

    def g_step(self) -> None:
        """One turn of G alone, in every row."""
        self.do("turn", "g")

    def set(self, row: str | None = None, **settings) -> None:
        """Change settings of all rows, or of one, from the next step on.

        They are g_lr, d_lr, n_dis, batch, objective, weight, tau and eps, see `settings.SETTINGS`.
        """
        for name, value in settings.items():
            self.do("set", name, value, row)

    def reset(self, **start) -> None:
        """Start again from the very same first weights, or with other data, seed, width or rows.

        Settings stay as they are now.
        """
        self.do("restart", **start)

    # -- time -------------------------------------------------------------------------------------
    @property
    def step(self) -> int:
        """Whole steps done where the rows stand now."""
        return self.session.timeline.step

    def goto(self, step: int) -> None:
        """Stand at a step, in the past or in the future."""
        self.do("goto", step)

    def branch(self, row: str, method: str) -> str:
        """Start a new row here, from `row`'s weights and with another method; returns its name.

        The old future of all other rows stays.
        """
        self.do("branch", row, method)
        return self.rows[-1]

    def drop(self, row: str) -> None:
        """Take a row away, from this step on."""
        self.do("drop", row)

    def method(self, loss: Callable | type):
        """Decorator: a loss from a cell joins as a row of its own, from the next step.

            @lab.method
            def mine(turn):                       # the turn of D or of G
                if turn.player == "d":
                    return softplus(-turn.real.score).mean() + softplus(turn.fake.score).mean()
                return softplus(-turn.fake.score).mean()

        Or a class with three losses of scores: real(a), fake(b), gen(b). Returns the loss.
        """
        self.do("method", Own(getattr(loss, "__name__", "?"), loss))
        return loss
