"""Sliders above a picture, for a lesson."""

import base64
import math
import threading
from collections.abc import Callable

import ipywidgets as widgets

from gantutor.course.lab.labels import label
from gantutor.plot import png


class Explore:
    """Sliders above a picture: `draw(**values)` returns a Figure, which follows the sliders.

    controls: name=(low, high, start) is a float, of whole numbers an int, name=[...] a choice
    log: names of the floats whose sliders are logarithmic

    At the end of a cell it shows itself as a widget, and as the starting picture wherever there is
    no kernel (a printed page, GitHub, a run without a browser).
    """

    def __init__(self, draw: Callable, log: tuple[str, ...] = (), **controls):
        self.draw, self._lock = draw, threading.Lock()
        self.controls = {name: _control(name, spec, name in log) for name, spec in controls.items()}
        self.still = draw(**self.values)
        wide = widgets.Layout(max_width="100%")
        self.image = widgets.Image(value=png(self.still), format="png", layout=wide)
        self.message = widgets.HTML()
        for control in self.controls.values():
            control.observe(self._redraw, names="value")
        self.box = widgets.VBox([*self.controls.values(), self.image, self.message])

    @property
    def values(self) -> dict:
        """The present values of the controls."""
        return {name: control.value for name, control in self.controls.items()}

    def _redraw(self, _change) -> None:
        # JupyterLab may deliver slider messages on another thread while a cell runs
        with self._lock:
            try:
                self.image.value, self.message.value = png(self.draw(**self.values)), ""
            except Exception as error:  # a callback's exception would only be seen in a log
                self.message.value = label("error", type(error).__name__, str(error))

    def _repr_mimebundle_(self, **kwargs) -> dict:
        bundle = self.box._repr_mimebundle_(**kwargs)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        return {**data, "image/png": base64.b64encode(png(self.still)).decode()}


def _control(name: str, spec, log: bool) -> widgets.Widget:
    """A control as its specification says; `log`: a logarithmic slider."""
    words, wide = name.replace("_", " "), widgets.Layout(width="420px")
    if isinstance(spec, list):
        return widgets.Dropdown(options=spec, value=spec[0], description=words, layout=wide)
    low, high, start = spec
    common = {
        "description": words,
        "continuous_update": False,
        "layout": wide,
        "style": {"description_width": "110px"},
    }
    if log:
        exponents = {"min": math.log10(low), "max": math.log10(high)}
        return widgets.FloatLogSlider(value=start, step=0.05, **exponents, **common)
    if all(isinstance(v, int) for v in spec):
        return widgets.IntSlider(value=start, min=low, max=high, **common)
    return widgets.FloatSlider(value=start, min=low, max=high, step=(high - low) / 100, **common)
