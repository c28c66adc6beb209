"""What may be asked of a session, by name; all of it happens on the session's thread.

A command's result goes to its Future. A text is also shown under the pictures.
"""

from collections.abc import Callable
from concurrent.futures import Future

from gantutor.course.lab.own import Own
from gantutor.plain import one_of


def play(session) -> None:
    """Go on by itself."""
    session.playback.play()


def pause(session) -> None:
    """Stop after this step."""
    session.playback.pause()


def speed(session, name: str) -> None:
    """Play at another speed."""
    session.playback.set_speed(name)


def run(session, steps: int, future: Future) -> None:
    """Train so many steps; the Future gets its result when they are done."""
    session.playback.run(steps, future)


def turn(session, player: str) -> None:
    """One turn of D or of G alone, in every row."""
    one_of("player", player, ("d", "g"))
    pause(session)
    session.timeline.change(player)


def step(session) -> None:
    """One whole step."""
    pause(session)
    session.timeline.advance()


def change(session, name: str, value, row: str | None = None) -> None:
    """Another value of a setting, for all rows or for one."""
    session.timeline.change("set", name, value, *([] if row is None else [row]))


def branch(session, row: str, method: str) -> str:
    """A new row goes on from another's weights, with another method."""
    session.timeline.change("branch", row, method)
    return _goes_on(session.timeline, session.timeline.rows[-1].name, row)


def drop(session, row: str) -> None:
    """Take a row away."""
    session.timeline.change("drop", row)


def method(session, own: Own) -> str:
    """A loss from a cell joins, from the first row's weights."""
    name = session.timeline.method(own)
    return _goes_on(session.timeline, name, session.timeline.rows[0].name)


def goto(session, step: int) -> None:
    """Stand at a step."""
    pause(session)
    session.timeline.goto(step, lambda: session.closed, session.playback.spread)


def scrub(session) -> None:
    """Stand where the time slider is, unless it moves on meanwhile."""
    wish = session.wish
    pause(session)

    def halt() -> bool:
        return session.wish != wish or session.closed

    session.timeline.goto(wish, halt, session.playback.spread)


def restart(session, **start) -> str:
    """Back to step 0, or a new start with other data, seed, width or rows."""
    pause(session)
    session.timeline.restart(**start)
    if "data" in start:
        start["data"] = _name_of(start["data"])
    given = ", ".join(f"{k}={v}" for k, v in start.items())
    return f"started again: {given}" if given else ""


def look(session) -> None:
    """Draw again, because the view has changed."""


def ask(session, function: Callable):
    """A function of the timeline, called where nothing else touches it."""
    return function(session.timeline)


def _name_of(data) -> str:
    """What a message calls the data."""
    if isinstance(data, list):
        return "points"
    return data if isinstance(data, str) else data[0]


def _goes_on(timeline, name: str, source: str) -> str:
    return f"{name} goes on from {source}'s weights at step {timeline.step}"


COMMANDS: dict[str, Callable] = {
    f.__name__: f
    for f in (play, pause, speed, run, turn, step, branch, drop, method)
    + (goto, scrub, restart, look, ask)
} | {"set": change}
