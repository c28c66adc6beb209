"""Sliders for a lesson, and the live lab. The only room that imports ipywidgets; every widget also gives a static picture."""

import threading
from collections.abc import Callable

import ipywidgets as widgets

from gantutor.course.lab.live import Lab
from gantutor.course.lab.missions import gallery
from gantutor.plot import png

__all__ = ["Explore", "Lab", "gallery"]


class Explore:
    """Sliders above a picture: `draw(**values)` returns a Figure, which is redrawn when a slider moves.

    `controls`: name=(low, high, start) for a float, name=(low, high, start) of ints for an int, name=[...] for a choice.
    At the end of a cell it shows itself as a widget, and as the starting picture wherever there is no kernel
    (a printed page, GitHub, a run without a browser).
    """

    def __init__(self, draw: Callable, log: tuple[str, ...] = (), **controls):
        self.draw, self._lock = draw, threading.Lock()
        self.controls = {name: _control(name, spec, name in log) for name, spec in controls.items()}
        self.still = draw(**self.values)
        self.image = widgets.Image(
            value=png(self.still), format="png", layout=widgets.Layout(max_width="100%")
        )
        self.message = widgets.HTML()
        for control in self.controls.values():
            control.observe(self._redraw, names="value")
        self.box = widgets.VBox([*self.controls.values(), self.image, self.message])

    @property
    def values(self) -> dict:
        """What the controls say now."""
        return {name: control.value for name, control in self.controls.items()}

    def _redraw(self, _change) -> None:
        # JupyterLab may deliver slider messages on another thread while a cell runs: one picture at a time
        with self._lock:
            try:
                self.image.value, self.message.value = png(self.draw(**self.values)), ""
            except (
                Exception
            ) as error:  # shown beneath the picture: a callback's exception would vanish in a log
                self.message.value = f"<b>{type(error).__name__}</b>: {error}"

    def _repr_mimebundle_(self, **kwargs) -> dict:
        bundle = self.box._repr_mimebundle_(**kwargs)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        import base64

        return {**data, "image/png": base64.b64encode(png(self.still)).decode()}


def _control(name: str, spec, log: bool):
    label, wide = name.replace("_", " "), widgets.Layout(width="420px")
    if isinstance(spec, list):
        return widgets.Dropdown(options=spec, value=spec[0], description=label, layout=wide)
    low, high, start = spec
    common = {
        "description": label,
        "continuous_update": False,
        "layout": wide,
        "style": {"description_width": "110px"},
    }
    if log:
        import math

        return widgets.FloatLogSlider(
            value=start, min=math.log10(low), max=math.log10(high), step=0.05, **common
        )
    if all(isinstance(v, int) for v in spec):
        return widgets.IntSlider(value=start, min=low, max=high, **common)
    return widgets.FloatSlider(value=start, min=low, max=high, step=(high - low) / 100, **common)
