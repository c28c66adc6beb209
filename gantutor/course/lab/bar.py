"""The controls above the pictures: playing, single turns, speed, reset, seed; time and branches."""

from collections import deque

import ipywidgets as widgets

from gantutor.course.lab.desk import Desk
from gantutor.course.lab.labels import label
from gantutor.course.lab.parts import button, labelled, named, wide
from gantutor.course.lab.playback import SPEEDS
from gantutor.course.lab.session import Session
from gantutor.recipes import METHODS, OBJECTIVES


class Bar:
    """Play, one step, one turn, speed, reset, seed and the clock."""

    def __init__(self, desk: Desk):
        self.desk = desk
        self.play = button("Play", "play", "gt-play", "train, or stop training", self._toggle)
        step = button("Step", "step-forward", "gt-step", "one whole step", lambda: desk.do("step"))
        turns = [
            button(
                player.upper(),
                "",
                f"gt-{player}",
                f"one turn of {player.upper()} alone, in every row",
                lambda player=player: desk.do("turn", player),
            )
            for player in ("d", "g")
        ]
        reset = button(
            "Reset",
            "undo",
            "gt-reset",
            "back to the same first weights; settings stay",
            lambda: desk.do("restart"),
        )
        self.speed = named(self._speed(), "gt-speed", "steps per second")
        self.speed.observe(lambda change: desk.changed("speed", change.new), "value")
        self.seed = named(self._seed(), "gt-seed", "start again with another seed")
        self.seed.observe(lambda change: desk.changed("restart", seed=change.new), "value")
        self.clock = widgets.HTML().add_class("gt-clock")
        order = [
            ("play", self.play),
            ("step", step),
            *(("turns", turn) for turn in turns),
            ("speed", self.speed),
            ("reset", reset),
            ("seed", self.seed),
        ]
        shown = [widget for name, widget in order if desk.has(name)]
        self.box = widgets.HBox([*shown, self.clock]).add_class("gt-bar")

    def _speed(self) -> widgets.Widget:
        options = [(n if n in ("slow", "full") else f"{n} per second", n) for n in SPEEDS]
        return widgets.Dropdown(
            options=options,
            value=self.desk.session.playback.speed,
            description="speed",
            layout=wide(180),
            style=labelled(50),
        )

    def _seed(self) -> widgets.Widget:
        return widgets.BoundedIntText(
            value=0, min=0, max=9999, description="seed", layout=wide(120), style=labelled(40)
        )

    def _toggle(self) -> None:
        self.desk.do("pause" if self.desk.session.playing else "play")

    def show(self, session: Session) -> None:
        """Show the session's state."""
        timeline = session.timeline
        words, icon = ("Pause", "pause") if session.playing else ("Play", "play")
        self.play.description, self.play.icon = words, icon
        self.clock.value = label("clock", timeline.step, timeline.half)
        self.speed.value, self.seed.value = session.playback.speed, timeline.start["seed"]


class Time:
    """The time slider, and rows that branch off or end here; `box` is None where all is hidden."""

    def __init__(self, desk: Desk):
        self.desk = desk
        # where the slider was put lately: a browser may send that back
        self._echoes: deque[int] = deque(maxlen=100)
        self.slider = named(self._slider(), "gt-time", "back and forth in time")
        self.slider.observe(self._scrubbed, "value")
        self.source = named(
            self._dropdown(["-"], "from", 200), "gt-branch-from", "the row whose weights go on"
        )
        methods = list(dict.fromkeys([*METHODS, *OBJECTIVES]))
        self.method = named(
            self._dropdown(methods, "with", 180), "gt-branch-with", "the method from here on"
        )
        self.method.value = "AdaptiveMix"
        branch = button(
            "Branch here",
            "code-fork",
            "gt-branch",
            "a new row from here on; the old future stays",
            lambda: desk.do("branch", self.source.value, self.method.value),
        )
        drop = button(
            "Drop row",
            "",
            "gt-drop",
            "take away the row that is named on the left",
            lambda: desk.do("drop", self.source.value),
        )
        parts = [self.slider] if desk.has("time") else []
        parts += [self.source, self.method, branch, drop] if desk.has("branch") else []
        self.box = widgets.HBox(parts).add_class("gt-bar") if parts else None

    @staticmethod
    def _slider() -> widgets.Widget:
        return widgets.IntSlider(
            value=0,
            min=0,
            max=1,
            description="time",
            readout=False,
            layout=wide(340),
            style=labelled(40),
        )

    @staticmethod
    def _dropdown(options: list[str], words: str, pixels: int) -> widgets.Widget:
        return widgets.Dropdown(
            options=options, description=words, layout=wide(pixels), style=labelled(40)
        )

    def _scrubbed(self, change) -> None:
        desk, session = self.desk, self.desk.session
        echo = session.playing and change.new in self._echoes
        if echo or change.new == session.timeline.step or desk.silent() or session.closed:
            return
        desk.touch()
        session.scrub(change.new)

    def show(self, session: Session) -> None:
        """Show the session's state."""
        timeline = session.timeline
        # one message: a slider that hears of its end first sends a value of its own back
        with self.slider.hold_sync():
            self.slider.max, self.slider.value = max(1, timeline.furthest), timeline.step
        self._echoes.append(timeline.step)
        names = tuple(row.name for row in timeline.rows)
        if self.source.options != names:
            self.source.options = names
