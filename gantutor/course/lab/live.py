"""The live lab in a notebook: a widget, and a picture wherever there is no kernel."""

import base64
import weakref
from collections import deque
from collections.abc import Iterable

from gantutor.course.lab.driving import Driver
from gantutor.course.lab.look import LAYERS, View, see
from gantutor.course.lab.measured import Measured
from gantutor.course.lab.missions import Mission, Standing
from gantutor.course.lab.own import Own
from gantutor.course.lab.picture import Plane, still
from gantutor.course.lab.script import FOUR
from gantutor.course.lab.session import Session
from gantutor.course.lab.settings import SETTINGS
from gantutor.course.lab.timeline import Timeline
from gantutor.plot import Plate, png
from gantutor.train import Run

CONTROLS = (
    *("play", "step", "turns", "speed", "reset", "seed", "time", "branch", "layers", "data"),
    *("width", *SETTINGS, "code"),
)
USUAL = ("map", "real", "fake")
# labs on a page stay alive although nothing refers to them; the thirteenth closes the first
_SHOWN: "deque[Lab]" = deque(maxlen=12)


class Lab(Driver):
    """GANs side by side on the same data, seed, noise and first weights, to watch, change, rewind.

    data: a name in `gantutor.toy`, ("ring", {"std": 0.1}), or points of your own [(x, y), ...]
    rows: names in `recipes.METHODS` or `OBJECTIVES`, or losses of your own (see `method`), at most
        five
    log: what was changed and when, see `entries`
    step: where to stand
    layers, point: what is looked at, see `look.LAYERS`; the point is (x, y)
    only: the controls that are shown, see CONTROLS; None for all
    mission: a goal, see `missions.GRAMMAR`

    Whatever can be done at the widget is here as a function, too. `code()` is the one statement
    that rebuilds the present picture. Raises ValueError for anything unknown; then nothing has
    changed.
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
        super().__init__(Session(Timeline(data, seed, rows, width, log)))
        self.session.view = View(tuple(layers), point)
        self.only = _controls(only)
        self._widget = None
        self._farewell = weakref.finalize(self, Session.close, self.session)
        if mission is not None:
            self.mission(mission, only)
        if step:
            self.goto(step)

    # -- looking ----------------------------------------------------------------------------------
    def __getitem__(self, row: str) -> Run:
        """A row's Run, to look at; training it would leave the lab's time."""
        return self.session.timeline.row(row).run

    def failed(self, row: str) -> str:
        """Why a row has stopped; "" for one that trains."""
        return self.session.timeline.row(row).failed

    def curve(self, row: str) -> list[Measured]:
        """What has been measured of a row so far."""
        self.session.timeline.row(row)
        return self.session.timeline.curve(row)

    def look(self, *layers: str, point: tuple[float, float] | None = None) -> "Lab":
        """Look at other layers, and at a point; returns the lab."""
        view = self.session.view
        self.session.view = View(layers or view.layers, point or view.point)
        self.do("look")
        return self

    def still(self) -> Plate:
        """The lab as one figure; `still().savefig("lab.png")` keeps it."""
        standing = self.standing()
        title = f"{self.session.mission.text}: {standing.words}" if standing else ""
        return self.do("ask", lambda timeline: still(timeline, self.session.view, title))

    def draw(self, ax, row: str | None = None) -> None:
        """Draw one row's picture on your own axes; the first row by default."""
        view = self.session.view

        def drawn(timeline: Timeline) -> None:
            chosen = timeline.row(row or timeline.rows[0].name)
            Plane(ax, timeline.world.limit).update(see(chosen, view, timeline.start["seed"]))

        self.do("ask", drawn)

    # -- teaching ---------------------------------------------------------------------------------
    def mission(self, text: str, only: Iterable[str] | None = None) -> "Lab":
        """Set a goal, as "cover 8 modes in 500 steps", and show only some controls.

        Steps are counted from step 0. Returns the lab.
        """
        mission, chosen = Mission(text), _controls(only)
        mission.standing(self.session.timeline)
        self.session.mission = mission
        self.only = chosen or self.only
        self._widget = None
        return self

    def standing(self) -> Standing | None:
        """How the mission stands; None without one."""
        mission = self.session.mission
        return None if mission is None else self.do("ask", mission.standing)

    def code(self) -> str:
        """The one statement that rebuilds this picture, exactly on the same machine.

        Losses from cells are in it by their names.
        """
        return self.do("ask", self.code_of)

    def code_of(self, timeline: Timeline) -> str:
        """`code()`, to be asked on the session's own thread."""
        return _statement(timeline, self.session.view, self.only, self.session.mission)

    # -- showing ----------------------------------------------------------------------------------
    def widget(self):
        """The lab's widget, made when it is first asked for."""
        if self._widget is None:
            from gantutor.course.lab.widget import Controls  # ipywidgets only where it is shown

            self._widget = Controls(self.session, self.only, weakref.ref(self))
            if self not in _SHOWN:
                if len(_SHOWN) == _SHOWN.maxlen:
                    _SHOWN[0].close()
                _SHOWN.append(self)
        return self._widget.box

    def close(self) -> None:
        """End the lab's thread and its widget."""
        self._farewell()
        if self._widget is not None:
            self._widget.close()
        if self in _SHOWN:
            _SHOWN.remove(self)

    def __repr__(self) -> str:
        # waits for nothing: a log or a traceback may ask for it, on the lab's own thread too
        return f"<Lab: {', '.join(self.rows)} at step {self.step}>"

    def _repr_mimebundle_(self, **kwargs) -> dict:
        if self.session.closed:
            return {"text/plain": "a closed Lab: run its cell again"}
        bundle = self.widget()._repr_mimebundle_(**kwargs)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        picture = base64.b64encode(png(self.still(), 100)).decode()
        return {**data, "text/plain": self.code(), "image/png": picture}


def _controls(only: Iterable[str] | None) -> list[str] | None:
    """The names of controls, checked and in order; None for all."""
    if only is None:
        return None
    only = [only] if isinstance(only, str) else list(only)
    for name in only:
        if name not in CONTROLS:
            raise ValueError(f"control {name!r} is unknown; known: {', '.join(CONTROLS)}")
    return [c for c in CONTROLS if c in only]


def _statement(
    timeline: Timeline, view: View, only: list[str] | None, mission: Mission | None
) -> str:
    """The call of Lab that rebuilds a state; what is as usual is left out."""
    given = timeline.literals()
    if view.layers != USUAL:
        given["layers"] = view.layers
    if view.point is not None:
        given["point"] = view.point
    if only is not None:
        given["only"] = only
    if mission is not None:
        given["mission"] = mission.text
    return f"Lab({', '.join(f'{k}={_text(v)}' for k, v in given.items())})"


def _text(value) -> str:
    """A plain literal; a loss from a cell by its Python name."""
    if isinstance(value, Own):
        return value.name
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    return repr(value)


__all__ = ["CONTROLS", "LAYERS", "Lab"]
