"""The lab's controls: a thin shell that leaves commands in the session's queue, and shows what the session says."""

import html
import re
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable

import ipywidgets as widgets

from gantutor import toy
from gantutor.course.lab.canvas import anywidget, canvas
from gantutor.course.lab.look import LAYERS, Seen, View
from gantutor.course.lab.picture import Screen, alt, colour
from gantutor.course.lab.rows import BRUSH, MOST_POINTS, SETTINGS, describe_settings
from gantutor.course.lab.session import SPEEDS, Session
from gantutor.recipes import METHODS, OBJECTIVES

WORLDS = {
    **{name: name for name in toy.BY_NAME},
    "soft ring": ("ring", {"radius": 1.0, "std": 0.1}),
}
BATCHES, WIDTHS = (16, 32, 64, 128, 256), (8, 16, 32, 64, 128)
RANGES = {
    "g_lr": (-5, -1),
    "d_lr": (-5, -1),
    "weight": (-2, 2),
    "tau": (-2, 2),
    "eps": (-3, 0),
}  # powers of ten
STEADY = 600.0  # seconds without a click after which a lab without a canvas pauses: a plain image cannot say that somebody looks
STYLE = """<style>
.gt-lab {max-width: 1180px}
.gt-bar, .gt-cards, .gt-tools {flex-wrap: wrap; gap: 6px; align-items: center}
.gt-cards {align-items: flex-start; gap: 10px}
.gt-card {flex: 1 1 205px; min-width: 170px; max-width: 300px; overflow: visible}
.gt-card .widget-html-content {line-height: 1.35; white-space: normal}
.gt-card canvas, .gt-card img {border-radius: 3px}
.gt-title b {font-size: 105%} .gt-title .gt-chip {display: inline-block; width: 11px; height: 11px; border-radius: 6px; margin-right: 6px}
.gt-note {font-size: 90%; color: #555; min-height: 2.7em} .gt-failed {color: #b2182b; font-size: 90%}
.gt-caption {min-height: 1.5em; font-size: 105%} .gt-message {color: #555; min-height: 1.3em}
.gt-goal {border-left: 4px solid #1b7837; padding: 4px 10px; background: #f4f9f4; border-radius: 3px; line-height: 1.4}
.gt-goal progress {width: 220px; accent-color: #1b7837; vertical-align: middle; margin: 0 8px}
.gt-bar button, .gt-tools button {width: auto; min-width: 42px}
</style>"""


class Controls:
    """The widget of a session. Every callback leaves a command and returns; `show` is called on the session's thread.

    `only`: names of the controls to show, None for all. Stable CSS classes: gt-lab around all; gt-play, gt-step, gt-d, gt-g, gt-reset,
    gt-speed, gt-clock, gt-time, gt-branch...; gt-card for each row.
    """

    def __init__(self, session: Session, only: list[str] | None, lab: "weakref.ref"):
        self.session, self.only, self.lab, self.screen = session, only, lab, Screen()
        self.values: dict[str, widgets.Widget] = {}
        self.cards: list[Card] = []
        self._touched = time.monotonic()
        self._drawing: list[tuple[float, float]] = []
        self._told_steps: deque[int] = deque(
            maxlen=100
        )  # where the slider was put: a browser may send that back
        self.box = widgets.VBox(self._build())
        self.box.add_class("gt-lab")
        session.show = self.show
        session.wait(session.do("ask", lambda _timeline: self.show(session)))

    # -- building ---------------------------------------------------------------------------------------------------------
    def _has(self, name: str) -> bool:
        return self.only is None or name in self.only

    def _build(self) -> list[widgets.Widget]:
        self.goal = widgets.HTML().add_class("gt-goal-box")
        self.caption = widgets.HTML().add_class("gt-caption")
        self.message = widgets.HTML().add_class("gt-message")
        self.row_box = widgets.HBox().add_class("gt-cards")
        self.curves = canvas("Curves of modes, quality and energy distance")
        self.curves.add_class("gt-curves")
        parts = [
            widgets.HTML(STYLE, layout=widgets.Layout(display="none")),
            self.goal,
            self._bar(),
            self._time(),
            self.caption,
            self.row_box,
            self.curves,
            self.message,
            self._tools(),
        ]
        return [p for p in parts if p is not None]

    def _bar(self) -> widgets.Widget:
        """Play, single steps, speed, reset, seed, clock."""
        self.play = _button("Play", "play", "gt-play", "train on, or stop", self._toggle)
        step = _button(
            "Step", "step-forward", "gt-step", "one whole step", lambda: self._do("step")
        )
        d = _button(
            "D", "", "gt-d", "one turn of D alone, in every row", lambda: self._do("turn", "d")
        )
        g = _button(
            "G", "", "gt-g", "one turn of G alone, in every row", lambda: self._do("turn", "g")
        )
        reset = _button(
            "Reset",
            "undo",
            "gt-reset",
            "the very same start; settings stay",
            lambda: self._do("restart"),
        )
        speeds = [(n if n in ("slow", "full") else f"{n} a second", n) for n in SPEEDS]
        self.speed = _named(
            widgets.Dropdown(
                options=speeds,
                value=self.session.speed,
                description="speed",
                layout=_wide(180),
                style={"description_width": "50px"},
            ),
            "gt-speed",
            "steps a second",
        )
        self.speed.observe(lambda c: self._changed("speed", c.new), "value")
        self.seed = _named(
            widgets.BoundedIntText(
                value=0,
                min=0,
                max=9999,
                description="seed",
                layout=_wide(120),
                style={"description_width": "40px"},
            ),
            "gt-seed",
            "begins anew with another seed",
        )
        self.seed.observe(lambda c: self._changed("restart", seed=c.new), "value")
        self.clock = widgets.HTML().add_class("gt-clock")
        order = {
            "play": self.play,
            "step": step,
            "turns": d,
            "turns ": g,
            "speed": self.speed,
            "reset": reset,
            "seed": self.seed,
        }
        return widgets.HBox(
            [w for name, w in order.items() if self._has(name.strip())] + [self.clock]
        ).add_class("gt-bar")

    def _time(self) -> widgets.Widget | None:
        """The slider of time, and branching."""
        self.time = _named(
            widgets.IntSlider(
                value=0,
                min=0,
                max=1,
                description="time",
                readout=False,
                layout=_wide(340),
                style={"description_width": "40px"},
            ),
            "gt-time",
            "back and forth in time",
        )
        self.time.observe(self._scrubbed, "value")
        methods = list(dict.fromkeys([*METHODS, *OBJECTIVES]))
        self.source = _named(
            widgets.Dropdown(
                options=["-"],
                description="from",
                layout=_wide(200),
                style={"description_width": "40px"},
            ),
            "gt-branch-from",
            "the row whose weights go on",
        )
        self.method = _named(
            widgets.Dropdown(
                options=methods,
                value="AdaptiveMix",
                description="with",
                layout=_wide(180),
                style={"description_width": "40px"},
            ),
            "gt-branch-with",
            "the method from here on",
        )
        branch = _button(
            "Branch here",
            "code-fork",
            "gt-branch",
            "a new row beside the old future",
            lambda: self._do("branch", self.source.value, self.method.value),
        )
        drop = _button(
            "Drop row",
            "",
            "gt-drop",
            "take the row on the left away",
            lambda: self._do("drop", self.source.value),
        )
        parts = [self.time] if self._has("time") else []
        parts += [self.source, self.method, branch, drop] if self._has("branch") else []
        return widgets.HBox(parts).add_class("gt-bar") if parts else None

    def _tools(self) -> widgets.Widget | None:
        """Layers, settings, data, code: one tab each."""
        tabs = {}
        if self._has("layers"):
            tabs["Layers"] = self._layers()
        if any(map(self._has, [*SETTINGS, "width"])):
            tabs["Settings"] = self._settings()
        if self._has("data"):
            tabs["Data"] = self._data()
        if self._has("code"):
            self.code = _named(
                widgets.Textarea(layout=widgets.Layout(width="99%", height="90px"), disabled=False),
                "gt-code",
                "the statement that rebuilds this picture",
            )
            say = _button(
                "Say this state as code",
                "code",
                "gt-code-button",
                "one statement that rebuilds this picture",
                self._say,
            )
            tabs["Code"] = widgets.VBox([say, self.code])
        if not tabs:
            return None
        self.tabs = widgets.Tab(list(tabs.values()), titles=list(tabs)).add_class("gt-tabs")
        return self.tabs

    def _layers(self) -> widgets.Widget:
        self.toggles = {}
        for name, words in LAYERS.items():
            box = _named(
                widgets.ToggleButton(
                    value=name in self.session.view.layers,
                    description=words,
                    layout=widgets.Layout(width="auto"),
                ),
                f"gt-layer-{name}",
                words,
            )
            box.observe(lambda _c: self._looked(), "value")
            self.toggles[name] = box
        ask = (
            "Click on a picture to ask at a point; arrow keys move it."
            if anywidget is not None
            else "Clicking needs the package anywidget; here type a point as x y."
        )
        self.point = _named(
            widgets.Text(
                placeholder="0.5 0.5",
                description="point",
                continuous_update=False,
                layout=_wide(190),
            ),
            "gt-point",
            "the point that is asked at",
        )
        self.point.observe(self._typed_point, "value")
        return widgets.VBox(
            [
                widgets.HBox(list(self.toggles.values())).add_class("gt-tools"),
                widgets.HBox([widgets.HTML(ask), self.point]).add_class("gt-tools"),
            ]
        )

    def _settings(self) -> widgets.Widget:
        self.to = _named(
            widgets.Dropdown(options=["all rows"], description="for", layout=_wide(230)),
            "gt-for",
            "which rows the settings are for",
        )
        self.to.observe(lambda c: self._silent() or self._do("look"), "value")
        common = {"continuous_update": False, "style": {"description_width": "150px"}}
        for name, setting in SETTINGS.items():
            if not self._has(name):
                continue
            words = setting.words
            if setting.names:
                w = widgets.Dropdown(
                    options=list(setting.names),
                    description=words,
                    layout=_wide(360),
                    style=common["style"],
                )
            elif name == "n_dis":
                w = widgets.IntSlider(min=1, max=10, description=words, layout=_wide(360), **common)
            elif name == "batch":
                w = widgets.SelectionSlider(
                    options=BATCHES, value=64, description=words, layout=_wide(360), **common
                )
            else:
                low, high = RANGES[name]
                w = widgets.FloatLogSlider(
                    value=10**low,
                    min=low,
                    max=high,
                    step=0.05,
                    readout_format=".2g",
                    description=words,
                    layout=_wide(360),
                    **common,
                )
            w.observe(lambda c, name=name: self._set(name, c.new), "value")
            self.values[name] = _named(w, f"gt-set-{name}", words)
        parts = [*self.values.values()]
        if self._has("width"):
            self.width = _named(
                widgets.SelectionSlider(
                    options=WIDTHS,
                    value=64,
                    description="width (begins anew)",
                    layout=_wide(360),
                    **common,
                ),
                "gt-width",
                "width of all nets; begins anew",
            )
            self.width.observe(lambda c: self._changed("restart", width=c.new), "value")
            parts.append(self.width)
        return widgets.VBox([self.to, widgets.HBox(parts).add_class("gt-tools")])

    def _data(self) -> widgets.Widget:
        self.world = _named(
            widgets.Dropdown(
                options=[*WORLDS, "drawn"], value="nine", description="world", layout=_wide(230)
            ),
            "gt-world",
            "begins anew with other data",
        )
        self.world.observe(
            lambda c: c.new == "drawn" or self._changed("restart", data=WORLDS[c.new]), "value"
        )
        self.brush = _named(
            widgets.ToggleButton(
                value=False,
                description="Draw on the pictures",
                icon="pencil",
                layout=widgets.Layout(width="auto"),
            ),
            "gt-brush",
            "draw your own data with the pointer",
        )
        self.brush.observe(lambda _c: self._modes(), "value")
        clear = _button(
            "New sheet", "eraser", "gt-clear", "forget what is drawn", self._drawing.clear
        )
        self.typed = _named(
            widgets.Text(
                placeholder="0 0; 1 1; -1 0.5",
                description="points",
                continuous_update=False,
                layout=_wide(330),
            ),
            "gt-points",
            "your own points, x y; x y",
        )
        self.typed.observe(self._typed_points, "value")
        parts = [self.world] + ([self.brush, clear] if anywidget is not None else []) + [self.typed]
        return widgets.HBox(parts).add_class("gt-tools")

    # -- from the browser -------------------------------------------------------------------------------------------------
    def _silent(self) -> bool:
        """Whether it is the session's own thread that moves a control, to show a state: then nobody wants anything."""
        return threading.current_thread().name == "gantutor-lab"

    def _do(self, command: str, *args, **kwargs) -> None:
        self._touched = time.monotonic()
        if not self.session._closed:
            self.session.do(command, *args, **kwargs)

    def _changed(self, command: str, *args, **kwargs) -> None:
        if not self._silent():
            self._do(command, *args, **kwargs)

    def _toggle(self) -> None:
        self._do("pause" if self.session.playing else "play")

    def _scrubbed(self, change) -> None:
        echo = change.new == self.session.timeline.step or (
            self.session.playing and change.new in self._told_steps
        )
        if not (echo or self._silent() or self.session._closed):
            self._touched = time.monotonic()
            self.session.scrub(change.new)

    def _set(self, name: str, value) -> None:
        value = float(f"{value:.3g}") if isinstance(value, float) else value
        self._changed("set", name, value, *([] if self.to.value == "all rows" else [self.to.value]))

    def _looked(self) -> None:
        if not self._silent():
            self.session.view = View(
                tuple(n for n, t in self.toggles.items() if t.value), self.session.view.point
            )
            self._do("look")

    def _typed_point(self, change) -> None:
        if not self._silent():
            try:
                (point,) = _pairs(change.new)
            except ValueError:
                self.message.value = _escaped(
                    f"point {change.new!r}: expected two numbers, as 0.5 -1"
                )
                return
            self.session.view = View(self.session.view.layers, point)
            self._do("look")

    def _typed_points(self, change) -> None:
        if self._silent() or not change.new.strip():
            return
        try:
            points = _pairs(change.new)
        except ValueError:
            self.message.value = _escaped(
                f"points {change.new!r}: expected pairs of numbers, as 0 0; 1 1"
            )
            return
        self._do("restart", data=points)

    def _modes(self) -> None:
        for card in self.cards:
            card.plane.mode = "draw" if self.brush.value else "point"

    def _told(self, message: dict) -> None:
        """What a canvas says."""
        kind = message.get("kind")
        if kind == "seen":
            return self.session.seen()
        limit = self.session.timeline.world.limit
        if kind == "point":
            (x, y) = _place(message["at"], limit)
            self.session.view = View(self.session.view.layers, (x, y))
            return self._do("look")
        if kind == "stroke":
            fresh = [_place(p, limit) for p in message["points"]]
            self._drawing += fresh[: MOST_POINTS - len(self._drawing)]
            self._do(
                "restart",
                data=(
                    "points",
                    {"xy": [(round(x, 3), round(y, 3)) for x, y in self._drawing], "std": BRUSH},
                ),
            )
        return None

    def _say(self) -> None:
        lab = self.lab()
        if lab is not None:
            self.session.do(
                "ask", lambda timeline: setattr(self.code, "value", lab.code_of(timeline))
            )

    # -- from the session's thread ----------------------------------------------------------------------------------------
    def show(self, session: Session) -> None:
        """Show the session's state: called on its thread."""
        timeline = session.timeline
        if anywidget is None and session.playing and time.monotonic() - self._touched > STEADY:
            session._stop()
            session.message = "paused: no click for ten minutes"
        pictures, looks = self.screen.frame(timeline, session.view, session.push, session.playing)
        self._roster(timeline, session.view)
        for i, (card, row, seen) in enumerate(zip(self.cards, timeline.rows, looks, strict=True)):
            card.show(row, timeline, seen, pictures[str(i)], pictures.get(f"f{i}"))
        if "curves" in pictures:
            self.curves.alt = "Modes, quality and energy distance in time. " + "; ".join(
                alt(r, timeline) for r in timeline.rows
            )
            self.curves.image = pictures["curves"]
        self._state(session)

    def _roster(self, timeline, view: View) -> None:
        names = [r.name for r in timeline.rows]
        if [c.name for c in self.cards] != names:
            while len(self.cards) > len(names):
                self.cards.pop().close()
            while len(self.cards) < len(names):
                self.cards.append(Card(len(self.cards), self._told))
            for card, name in zip(self.cards, names, strict=True):
                card.name = name
            self.row_box.children = [c.box for c in self.cards]
            self.source.options = names
            if hasattr(self, "to"):
                kept = self.to.value if self.to.value in names else "all rows"
                self.to.options = ["all rows", *names]
                self.to.value = kept
        for card in self.cards:
            card.second.layout.display = None if "features" in view.layers else "none"

    def _state(self, session: Session) -> None:
        """Buttons, clock, sliders and words as they are now."""
        timeline = session.timeline
        self.play.description, self.play.icon = (
            ("Pause", "pause") if session.playing else ("Play", "play")
        )
        half = " and a half" if timeline.half else ""
        self.clock.value = f"step <b>{timeline.step}{half}</b>"
        self.caption.value = _escaped(session.caption)
        self.message.value = _escaped(session.message)
        with (
            self.time.hold_sync()
        ):  # one message: a slider that hears of its end first sends a value of its own back
            self.time.max, self.time.value = max(1, timeline.furthest), timeline.step
        self._told_steps.append(timeline.step)
        self.speed.value, self.seed.value = session.speed, timeline.start["seed"]
        if hasattr(self, "world"):
            named = [n for n, d in WORLDS.items() if d == timeline.start["data"]]
            self.world.value = named[0] if named else "drawn"
        if hasattr(self, "width") and timeline.start["width"] in WIDTHS:
            self.width.value = timeline.start["width"]
        self._settings_now(timeline)
        if hasattr(self, "toggles"):
            for name, toggle in self.toggles.items():
                toggle.value = name in session.view.layers
            self.point.value = (
                "" if session.view.point is None else "{:g} {:g}".format(*session.view.point)
            )
        self._goal_now(session)

    def _settings_now(self, timeline) -> None:
        if not self.values:
            return
        rows = [r for r in timeline.rows if self.to.value in ("all rows", r.name)]
        now = [describe_settings(r.run.recipe) for r in rows]
        for name, control in self.values.items():
            found = [n[name] for n in now if name in n]
            control.layout.display = None if found else "none"
            if found:
                value = found[0]
                if name == "batch" and value not in BATCHES:
                    control.options = sorted({*BATCHES, value})
                elif name in RANGES:
                    value = min(max(value, 10.0 ** RANGES[name][0]), 10.0 ** RANGES[name][1])
                control.value = value

    def _goal_now(self, session: Session) -> None:
        if session.mission is None:
            self.goal.value = ""
            return
        s = session.mission.standing(session.timeline)
        mark = "✔ " if s.won is not None else "✘ " if s.lost is not None else ""
        self.goal.value = (
            f'<div class="gt-goal"><b>Mission:</b> {html.escape(session.mission.text)}<progress value="{s.share:.3f}" max="1" '
            f'aria-label="share of the goal">{s.share:.0%}</progress>{mark}{html.escape(s.words)}</div>'
        )

    def close(self) -> None:
        """Take the widget off the page."""
        self.session.show = None
        for card in self.cards:
            card.close()
        self.box.close_all() if hasattr(self.box, "close_all") else _close(self.box)


class Card:
    """One row on the screen: name, plane, feature space, words."""

    def __init__(self, index: int, told: Callable[[dict], None]):
        self.name, self.index = "", index
        self.title = widgets.HTML().add_class("gt-title")
        self.plane = canvas(mode="point", told=told)
        self.second = canvas()
        self.note = widgets.HTML().add_class("gt-note")
        self.plane.add_class("gt-plane")
        self.second.add_class("gt-features")
        self.box = (
            widgets.VBox([self.title, self.plane, self.second, self.note])
            .add_class("gt-card")
            .add_class(f"gt-row-{index}")
        )

    def show(self, row, timeline, seen: Seen, plane: bytes, second: bytes | None) -> None:
        """The row now."""
        star = (
            ' <span title="the map is the raw score, from lowest to highest">*</span>'
            if seen.raw
            else ""
        )
        self.title.value = f'<span class="gt-chip" style="background:{colour(self.index)}"></span><b>{html.escape(row.name)}</b>{star}'
        self.plane.alt = alt(row, timeline)
        self.plane.image = plane
        if second is not None:
            self.second.alt = f"{row.name}: features of reals, fakes and mixtures on two fixed axes"
            self.second.image = second
        curve = timeline.curve(row.name)
        words = (
            ""
            if not curve
            else (
                f"{curve[-1].modes:.0f} of {timeline.truth['modes']:.0f} modes · quality {curve[-1].quality:.2f} · "
                f"distance {max(curve[-1].distance, 0):.3f} · D right {curve[-1].right:.0%}"
            )
        )
        failed = (
            f'<div class="gt-failed">stopped: {html.escape(row.failed)}</div>' if row.failed else ""
        )
        self.note.value = f"{words}<br>{html.escape(seen.note)}{failed}"

    def close(self) -> None:
        _close(self.box)


def _button(words: str, icon: str, css: str, tip: str, act: Callable[[], None]) -> widgets.Button:
    button = _named(widgets.Button(description=words, icon=icon), css, tip)
    button.on_click(lambda _b: act())
    return button


def _named(widget: widgets.Widget, css: str, tip: str) -> widgets.Widget:
    widget.add_class(css)
    widget.tooltip = tip
    return widget


def _wide(pixels: int) -> widgets.Layout:
    return widgets.Layout(width=f"{pixels}px")


def _close(widget: widgets.Widget) -> None:
    for child in getattr(widget, "children", ()):
        _close(child)
    widget.close()


def _escaped(text: str) -> str:
    return html.escape(text)


def _pairs(text: str) -> list[tuple[float, float]]:
    """ "0 0; 1 -1.5" as points; raises ValueError."""
    found = [re.split(r"[\s,]+", part.strip()) for part in text.split(";") if part.strip()]
    points = [(float(x), float(y)) for x, y in found]
    if not points:
        raise ValueError(text)
    return points


def _place(at, limit: float) -> tuple[float, float]:
    """A place on a picture, shares from the top left, as a point of the square."""
    x, y = (min(1.0, max(0.0, float(v))) for v in at)
    return round((2 * x - 1) * limit, 3), round((1 - 2 * y) * limit, 3)
