"""The lab's widget: a thin shell that leaves commands for the session and shows its state."""

import time
import weakref

import ipywidgets as widgets

from gantutor.course.lab.bar import Bar, Time
from gantutor.course.lab.canvas import anywidget, canvas
from gantutor.course.lab.cards import Cards
from gantutor.course.lab.desk import Desk
from gantutor.course.lab.labels import escaped, label, style
from gantutor.course.lab.parts import closed
from gantutor.course.lab.picture import Screen, alt
from gantutor.course.lab.session import Session
from gantutor.course.lab.settings import SETTINGS
from gantutor.course.lab.tools import Code, Data, Layers, Settings

# seconds without a click after which a lab without a canvas pauses: a plain image cannot say that
# somebody is looking
STEADY = 600.0


class Controls:
    """The widget of a session. Every callback leaves a command and returns.

    only: names of the controls to show, see `live.CONTROLS`; None for all
    lab: a weak reference to the Lab whose code is shown

    CSS classes that stay: gt-lab around all; gt-play, gt-step, gt-d, gt-g, gt-reset, gt-speed,
    gt-clock, gt-time, gt-branch and so on; gt-card for each row.
    """

    def __init__(self, session: Session, only: list[str] | None, lab: "weakref.ref"):
        self.session, self.screen, self._lab = session, Screen(), lab
        self.desk = desk = Desk(session, only)
        self.goal = widgets.HTML().add_class("gt-goal-box")
        self.caption = widgets.HTML().add_class("gt-caption")
        self.bar, self.time, self.cards = Bar(desk), Time(desk), Cards(self.on_message)
        self.curves = canvas("Curves of modes, quality and energy distance").add_class("gt-curves")
        self.layers = Layers(desk) if desk.has("layers") else None
        self.settings = Settings(desk) if desk.has(*SETTINGS, "width") else None
        self.data = Data(desk, self.cards.draw) if desk.has("data") else None
        self.code = Code(desk, self._code_of) if desk.has("code") else None
        parts = [
            widgets.HTML(style(), layout=widgets.Layout(display="none")),
            self.goal,
            self.bar.box,
            self.time.box,
            self.caption,
            self.cards.box,
            self.curves,
            desk.message,
            self._tabs(),
        ]
        self.box = widgets.VBox([p for p in parts if p is not None]).add_class("gt-lab")
        session.show = self.show
        session.wait(session.do("ask", lambda _timeline: self.show(session)))

    def _tools(self) -> dict[str, Layers | Settings | Data | Code]:
        """The tools that are shown, by the titles of their tabs."""
        tools = {
            "Layers": self.layers,
            "Settings": self.settings,
            "Data": self.data,
            "Code": self.code,
        }
        return {title: tool for title, tool in tools.items() if tool is not None}

    def _tabs(self) -> widgets.Widget | None:
        tools = self._tools()
        if not tools:
            return None
        boxes = [tool.box for tool in tools.values()]
        return widgets.Tab(boxes, titles=list(tools)).add_class("gt-tabs")

    def _code_of(self, timeline) -> str | None:
        lab = self._lab()
        return None if lab is None else lab.code_of(timeline)

    # -- from the browser -------------------------------------------------------------------------
    def on_message(self, message: dict) -> None:
        """Act on a canvas that was clicked, drawn on, or seen."""
        kind, limit = message.get("kind"), self.session.timeline.world.limit
        if kind == "seen":
            self.session.seen()
        elif kind == "point":
            self.desk.look(point=_place(message["at"], limit))
        elif kind == "stroke" and self.data is not None:
            self.data.stroke([_place(p, limit) for p in message["points"]])

    # -- from the session's thread ----------------------------------------------------------------
    def show(self, session: Session) -> None:
        """Show the session's state; called on its thread."""
        timeline, playback = session.timeline, session.playback
        idle = time.monotonic() - self.desk.touched
        if anywidget is None and session.playing and idle > STEADY:
            playback.stop("paused: no click for ten minutes")
        pictures, looks = self.screen.frame(
            timeline, session.view, playback.slow.push, session.playing
        )
        self.cards.show(session, pictures, looks)
        if "curves" in pictures:
            rows = "; ".join(alt(row, timeline) for row in timeline.rows)
            self.curves.alt = f"Modes, quality and energy distance in time. {rows}"
            self.curves.image = pictures["curves"]
        for part in (self.bar, self.time, *self._tools().values()):
            part.show(session)
        self.caption.value = escaped(playback.slow.caption)
        self.desk.message.value = escaped(playback.message)
        self._show_goal(session)

    def _show_goal(self, session: Session) -> None:
        mission = session.mission
        if mission is None:
            self.goal.value = ""
            return
        self.goal.value = label("goal", mission.text, mission.standing(session.timeline))

    def close(self) -> None:
        """Take the widget off the page."""
        self.session.show = None
        self.cards.close()
        closed(self.box)


def _place(at, limit: float) -> tuple[float, float]:
    """A place on a picture, shares from the top left, as a point of the square."""
    x, y = (min(1.0, max(0.0, float(v))) for v in at)
    return round((2 * x - 1) * limit, 3), round((1 - 2 * y) * limit, 3)
