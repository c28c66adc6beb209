"""The live lab as a notebook sees it: `Lab(...)` at the end of a cell is a widget, and a picture wherever there is no kernel."""

import base64
import weakref
from collections import deque
from collections.abc import Callable, Iterable

from gantutor.course.lab.look import LAYERS, View, see
from gantutor.course.lab.missions import Mission, Standing
from gantutor.course.lab.picture import Plane, still
from gantutor.course.lab.rows import SETTINGS, Own
from gantutor.course.lab.session import Session
from gantutor.course.lab.timeline import FOUR, Measured, Timeline
from gantutor.plot import Plate, png
from gantutor.train import Run

CONTROLS = (
    "play",
    "step",
    "turns",
    "speed",
    "reset",
    "seed",
    "time",
    "branch",
    "layers",
    "data",
    "width",
    *SETTINGS,
    "code",
)
USUAL = ("map", "real", "fake")
_SHOWN: deque = deque(
    maxlen=12
)  # labs on a page stay alive though nobody holds them; the thirteenth closes the first


class Lab:
    """GANs side by side on the same data, seed, noise and first weights, which can be watched, changed and wound back.

    `data`: a name of `gantutor.toy`, ("ring", {"std": 0.1}), or points that you draw [(x, y), ...]. `rows`: names of
    `recipes.METHODS` or `OBJECTIVES`, or losses of your own (see `method`), at most five. `log`: what was changed and when
    (see `timeline.Timeline`). `step`: where to stand. `layers` and `point` (x, y): what is looked at (see `look.LAYERS`).
    `only`: the controls that are shown, None for all (see `CONTROLS`). `mission`: a goal (see `missions.GRAMMAR`).

    All that a person does at the widget is here as a function too. `code()` is the one statement that rebuilds this very picture.
    Raises ValueError for what it does not know; then nothing has changed.
    """

    def __init__(
        self,
        data="nine",
        seed: int = 0,
        width: int = 64,
        rows: Iterable = FOUR,
        log: Iterable[tuple] = (),
        step: int = 0,
        layers: Iterable[str] = USUAL,
        point: tuple[float, float] | None = None,
        only: Iterable[str] | None = None,
        mission: str | None = None,
    ):
        timeline = Timeline(data, seed, rows, width, log)
        self.session = Session(timeline)
        self.session.view = View(tuple(layers), point)
        self.only = _controls(only)
        self.session.mission = None
        self._controls = None
        self._farewell = weakref.finalize(self, Session.close, self.session)
        if mission is not None:
            self.mission(mission, only)
        if step:
            self.goto(step)

    def _do(self, command: str, *args, **kwargs):
        return self.session.wait(self.session.do(command, *args, **kwargs))

    # -- training ---------------------------------------------------------------------------------------------------------
    def run(self, steps: int) -> "Lab":
        """Train so many steps and come back when they are done; stopping the cell pauses."""
        self._do("run", steps)
        return self

    def play(self, speed: str | None = None) -> None:
        """Go on by itself, at a speed of `session.SPEEDS`."""
        if speed is not None:
            self._do("speed", speed)
        self._do("play")

    def pause(self) -> None:
        """Stop at the end of this step."""
        self._do("pause")

    def d_step(self) -> None:
        """One turn of D alone, in every row."""
        self._do("turn", "d")

    def g_step(self) -> None:
        """One turn of G alone, in every row."""
        self._do("turn", "g")

    def set(self, row: str | None = None, **settings) -> None:
        """Change settings from the next step on, of all rows or of one: g_lr, d_lr, n_dis, batch, objective, weight, tau, eps."""
        for name, value in settings.items():
            self._do("set", name, value, row)

    def reset(self, **start) -> None:
        """Begin anew from the very same first weights, or with another data, seed, width or rows; settings stay."""
        self._do("restart", **start)

    # -- time -------------------------------------------------------------------------------------------------------------
    @property
    def step(self) -> int:
        """Whole steps done where the rows stand now."""
        return self.session.timeline.step

    def goto(self, step: int) -> None:
        """Stand at a step, in the past or in the future."""
        self._do("goto", step)

    def branch(self, row: str, method: str) -> str:
        """Here a new row takes over `row`'s weights and goes on with another method; the old future stays. Returns its name."""
        self._do("branch", row, method)
        return self.rows[-1]

    def drop(self, row: str) -> None:
        """Take a row away, from this step on."""
        self._do("drop", row)

    def method(self, loss: Callable | type):
        """Decorator: a loss from a cell joins as a row of its own, from the next step. Returns the loss.

        >>> @lab.method
        ... def mine(turn):                       # the turn of D or of G
        ...     if turn.player == "d":
        ...         return softplus(-turn.real.score).mean() + softplus(turn.fake.score).mean()
        ...     return softplus(-turn.fake.score).mean()

        Or a class with three losses of scores: real(a), fake(b), gen(b).
        """
        self._do("method", Own(getattr(loss, "__name__", "?"), loss))
        return loss

    # -- looking ----------------------------------------------------------------------------------------------------------
    @property
    def rows(self) -> list[str]:
        """Names of the rows that are there now."""
        return [r.name for r in self.session.timeline.rows]

    def __getitem__(self, row: str) -> Run:
        """A row's Run, to be asked and not to be trained."""
        return self.session.timeline.row(row).run

    def failed(self, row: str) -> str:
        """Why a row has stopped; "" for one that trains."""
        return self.session.timeline.row(row).failed

    def curve(self, row: str) -> list[Measured]:
        """What was measured of a row so far."""
        self.session.timeline.row(row)
        return self.session.timeline.curve(row)

    def look(self, *layers: str, point: tuple[float, float] | None = None) -> "Lab":
        """Look at other layers, and at a point."""
        self.session.view = View(
            layers or self.session.view.layers, point or self.session.view.point
        )
        self._do("look")
        return self

    def still(self) -> Plate:
        """The lab as one figure; `still().savefig("lab.png")` keeps it."""
        standing = self.standing()
        title = f"{self.session.mission.text}: {standing.words}" if standing else ""
        return self._do("ask", lambda timeline: still(timeline, self.session.view, title))

    def draw(self, ax, row: str | None = None) -> None:
        """One row's picture on an axes of yours; the first row by default."""
        timeline, view = self.session.timeline, self.session.view
        chosen = timeline.row(row or self.rows[0])
        self._do(
            "ask",
            lambda _t: Plane(ax, timeline.world.limit).update(
                see(chosen, view, timeline.start["seed"])
            ),
        )

    # -- teaching ---------------------------------------------------------------------------------------------------------
    def mission(self, text: str, only: Iterable[str] | None = None) -> "Lab":
        """Set a goal, as "cover 8 modes in 500 steps", counted from step 0, and show only some controls."""
        mission = Mission(text)
        mission.standing(self.session.timeline)
        self.session.mission = mission
        self.only = _controls(only) or self.only
        self._controls = None
        return self

    def standing(self) -> Standing | None:
        """How the mission stands; None without one."""
        mission = self.session.mission
        return None if mission is None else self._do("ask", mission.standing)

    def code(self) -> str:
        """The one statement that rebuilds this picture, bit for bit on the same machine. Own losses stand in it by their names."""
        return self._do("ask", self.code_of)

    def code_of(self, timeline: Timeline) -> str:
        """`code()`, asked on the session's own thread."""
        given, view = timeline.literals(), self.session.view
        given |= {"layers": view.layers} if view.layers != USUAL else {}
        given |= {"point": view.point} if view.point is not None else {}
        given |= {"only": self.only} if self.only is not None else {}
        given |= {"mission": self.session.mission.text} if self.session.mission is not None else {}
        return f"Lab({', '.join(f'{k}={_text(v)}' for k, v in given.items())})"

    # -- showing ----------------------------------------------------------------------------------------------------------
    def widget(self):
        """The lab's widget, made when it is first asked for."""
        if self._controls is None:
            from gantutor.course.lab.widget import Controls

            self._controls = Controls(self.session, self.only, weakref.ref(self))
            if self not in _SHOWN:
                if len(_SHOWN) == _SHOWN.maxlen:
                    _SHOWN[0].close()
                _SHOWN.append(self)
        return self._controls.box

    def close(self) -> None:
        """End the lab's thread and its widget."""
        self._farewell()
        if self._controls is not None:
            self._controls.close()
        if self in _SHOWN:
            _SHOWN.remove(self)

    def __repr__(self) -> str:
        # waits for nothing: whoever writes a log or a traceback may ask for it, the lab's own thread too
        return f"<Lab: {', '.join(self.rows)} at step {self.step}>"

    def _repr_mimebundle_(self, **kwargs) -> dict:
        if self.session._closed:
            return {"text/plain": "a closed Lab: run its cell again"}
        bundle = self.widget()._repr_mimebundle_(**kwargs)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        return {
            **data,
            "text/plain": self.code(),
            "image/png": base64.b64encode(png(self.still(), 100)).decode(),
        }


def _controls(only: Iterable[str] | None) -> list[str] | None:
    if only is None:
        return None
    only = [only] if isinstance(only, str) else list(only)
    if unknown := [x for x in only if x not in CONTROLS]:
        raise ValueError(f"control {unknown[0]!r} is unknown; known: {', '.join(CONTROLS)}")
    return [c for c in CONTROLS if c in only]


def _text(value) -> str:
    """A plain literal; an own loss by its Python name."""
    if isinstance(value, Own):
        return value.name
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    return repr(value)


__all__ = ["CONTROLS", "LAYERS", "Lab"]
