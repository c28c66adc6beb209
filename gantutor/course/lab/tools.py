"""The tabs below the pictures: layers, settings, data and code."""

import re
from collections.abc import Callable

import ipywidgets as widgets

from gantutor import toy
from gantutor.course.lab.canvas import anywidget
from gantutor.course.lab.desk import Desk
from gantutor.course.lab.look import LAYERS
from gantutor.course.lab.parts import button, labelled, named, wide
from gantutor.course.lab.session import Session
from gantutor.course.lab.settings import SETTINGS, describe_settings
from gantutor.course.lab.worlds import BRUSH, MOST_POINTS

WORLDS = {
    **{name: name for name in toy.BY_NAME},
    "soft ring": ("ring", {"radius": 1.0, "std": 0.1}),
}
BATCHES, WIDTHS = (16, 32, 64, 128, 256), (8, 16, 32, 64, 128)
# the sliders' ends, as powers of ten
RANGES = {"g_lr": (-5, -1), "d_lr": (-5, -1), "weight": (-2, 2), "tau": (-2, 2), "eps": (-3, 0)}
EVERY_ROW = "all rows"


class Layers:
    """What is drawn, and at which point."""

    def __init__(self, desk: Desk):
        self.desk = desk
        self.toggles = {name: self._toggle(name, words) for name, words in LAYERS.items()}
        how = "Click on a picture to choose a point; the arrow keys move it."
        if anywidget is None:
            how = "Clicking needs the package anywidget; here type a point as x y."
        text = widgets.Text(
            placeholder="0.5 0.5", description="point", continuous_update=False, layout=wide(190)
        )
        self.point = named(text, "gt-point", "the point at which D is asked")
        self.point.observe(self._typed, "value")
        toggles = widgets.HBox(list(self.toggles.values())).add_class("gt-tools")
        point = widgets.HBox([widgets.HTML(how), self.point]).add_class("gt-tools")
        self.box = widgets.VBox([toggles, point])

    def _toggle(self, name: str, words: str) -> widgets.Widget:
        on = name in self.desk.session.view.layers
        made = widgets.ToggleButton(
            value=on, description=words, layout=widgets.Layout(width="auto")
        )
        made.observe(lambda _change: self._looked(), "value")
        return named(made, f"gt-layer-{name}", words)

    def _looked(self) -> None:
        if not self.desk.silent():
            self.desk.look(tuple(name for name, t in self.toggles.items() if t.value))

    def _typed(self, change) -> None:
        if self.desk.silent():
            return
        try:
            (point,) = points_of(change.new)
        except ValueError:
            self.desk.complain(f"point {change.new!r}: expected two numbers, as 0.5 -1")
            return
        self.desk.look(point=point)

    def show(self, session: Session) -> None:
        """Show the session's state."""
        for name, toggle in self.toggles.items():
            toggle.value = name in session.view.layers
        point = session.view.point
        self.point.value = "" if point is None else "{:g} {:g}".format(*point)


class Settings:
    """What may change while rows train, for all rows or for one; and the width of the nets."""

    def __init__(self, desk: Desk):
        self.desk = desk
        rows = widgets.Dropdown(options=[EVERY_ROW], description="for", layout=wide(230))
        self.to = named(rows, "gt-for", "the rows that the settings below are for")
        self.to.observe(lambda _change: desk.changed("look"), "value")
        self.values = {name: self._control(name) for name in SETTINGS if desk.has(name)}
        self.width = self._width() if desk.has("width") else None
        parts = [*self.values.values(), *([self.width] if self.width else [])]
        self.box = widgets.VBox([self.to, widgets.HBox(parts).add_class("gt-tools")])

    def _control(self, name: str) -> widgets.Widget:
        setting = SETTINGS[name]
        common = {"description": setting.words, "layout": wide(360), "style": labelled(150)}
        still = {"continuous_update": False}
        if setting.names:
            made = widgets.Dropdown(options=list(setting.names), **common)
        elif name == "n_dis":
            made = widgets.IntSlider(min=1, max=10, **still, **common)
        elif name == "batch":
            made = widgets.SelectionSlider(options=BATCHES, value=64, **still, **common)
        else:
            low, high = RANGES[name]
            made = widgets.FloatLogSlider(
                value=10**low,
                min=low,
                max=high,
                step=0.05,
                readout_format=".2g",
                **still,
                **common,
            )
        made.observe(lambda change: self._set(name, change.new), "value")
        return named(made, f"gt-set-{name}", setting.words)

    def _width(self) -> widgets.Widget:
        made = widgets.SelectionSlider(
            options=WIDTHS,
            value=64,
            description="width (starts again)",
            continuous_update=False,
            layout=wide(360),
            style=labelled(150),
        )
        made.observe(lambda change: self.desk.changed("restart", width=change.new), "value")
        return named(made, "gt-width", "width of all nets; starts again")

    def _set(self, name: str, value) -> None:
        if isinstance(value, float):
            value = float(f"{value:.3g}")
        to = [] if self.to.value == EVERY_ROW else [self.to.value]
        self.desk.changed("set", name, value, *to)

    def show(self, session: Session) -> None:
        """Show the session's state: the values of the first row concerned that has the setting."""
        timeline = session.timeline
        options = (EVERY_ROW, *(row.name for row in timeline.rows))
        if self.to.options != options:
            kept = self.to.value if self.to.value in options else EVERY_ROW
            self.to.options, self.to.value = options, kept
        rows = [r for r in timeline.rows if self.to.value in (EVERY_ROW, r.name)]
        now = [describe_settings(row.run.recipe) for row in rows]
        for name, control in self.values.items():
            found = [values[name] for values in now if name in values]
            control.layout.display = None if found else "none"
            if found:
                self._show_value(name, control, found[0])
        if self.width is not None and timeline.start["width"] in WIDTHS:
            self.width.value = timeline.start["width"]

    @staticmethod
    def _show_value(name: str, control: widgets.Widget, value) -> None:
        if name == "batch" and value not in BATCHES:
            control.options = sorted({*BATCHES, value})
        elif name in RANGES:
            low, high = RANGES[name]
            value = min(max(value, 10.0**low), 10.0**high)
        control.value = value


class Data:
    """Which distribution the rows learn: one by name, one that is drawn, or typed points."""

    def __init__(self, desk: Desk, draw: Callable[[bool], None]):
        """`draw(on)` lets the pointer draw on the pictures, or click there again."""
        self.desk, self._drawing = desk, []
        worlds = widgets.Dropdown(
            options=[*WORLDS, "drawn"], value="nine", description="world", layout=wide(230)
        )
        self.world = named(worlds, "gt-world", "start again with other data")
        self.world.observe(self._chosen, "value")
        brush = widgets.ToggleButton(
            value=False,
            description="Draw on the pictures",
            icon="pencil",
            layout=widgets.Layout(width="auto"),
        )
        self.brush = named(brush, "gt-brush", "draw your own data with the pointer")
        self.brush.observe(lambda change: draw(change.new), "value")
        clear = button(
            "New sheet", "eraser", "gt-clear", "forget what is drawn", self._drawing.clear
        )
        text = widgets.Text(
            placeholder="0 0; 1 1; -1 0.5",
            description="points",
            continuous_update=False,
            layout=wide(330),
        )
        self.typed = named(text, "gt-points", "your own points, x y; x y")
        self.typed.observe(self._typed, "value")
        drawing = [self.brush, clear] if anywidget is not None else []
        self.box = widgets.HBox([self.world, *drawing, self.typed]).add_class("gt-tools")

    def _chosen(self, change) -> None:
        if change.new != "drawn":
            self.desk.changed("restart", data=WORLDS[change.new])

    def _typed(self, change) -> None:
        if self.desk.silent() or not change.new.strip():
            return
        try:
            points = points_of(change.new)
        except ValueError:
            self.desk.complain(f"points {change.new!r}: expected pairs of numbers, as 0 0; 1 1")
            return
        self.desk.do("restart", data=points)

    def stroke(self, points: list[tuple[float, float]]) -> None:
        """Add a stroke to the drawing, and start again with it."""
        self._drawing += points[: MOST_POINTS - len(self._drawing)]
        xy = [(round(x, 3), round(y, 3)) for x, y in self._drawing]
        self.desk.do("restart", data=("points", {"xy": xy, "std": BRUSH}))

    def show(self, session: Session) -> None:
        """Show the session's state."""
        data = session.timeline.start["data"]
        self.world.value = next((name for name, d in WORLDS.items() if d == data), "drawn")


class Code:
    """The statement that rebuilds the present picture."""

    def __init__(self, desk: Desk, code_of: Callable):
        """`code_of(timeline)` is called on the session's thread; it may give None."""
        self.desk, self._code_of = desk, code_of
        area = widgets.Textarea(layout=widgets.Layout(width="99%", height="90px"))
        self.text = named(area, "gt-code", "the statement that rebuilds this picture")
        show = button(
            "Show this state as code",
            "code",
            "gt-code-button",
            "one statement that rebuilds this picture",
            self._say,
        )
        self.box = widgets.VBox([show, self.text])

    def _say(self) -> None:
        def said(timeline) -> None:
            self.text.value = self._code_of(timeline) or self.text.value

        self.desk.do("ask", said)

    def show(self, session: Session) -> None:
        """Does nothing: the code is written when somebody asks for it."""


def points_of(text: str) -> list[tuple[float, float]]:
    """Typed points; raises ValueError.

    >>> points_of("0 0; 1 -1.5")
    [(0.0, 0.0), (1.0, -1.5)]
    """
    found = [re.split(r"[\s,]+", part.strip()) for part in text.split(";") if part.strip()]
    points = [(float(x), float(y)) for x, y in found]
    if not points:
        raise ValueError(text)
    return points
