"""A picture in the browser: a canvas for clicks and strokes, or a plain image without anywidget."""

from collections.abc import Callable
from pathlib import Path

import ipywidgets as widgets
import traitlets

try:
    import anywidget
except ImportError:  # on an old classroom image all but clicking and drawing still works
    anywidget = None


def canvas(
    alt: str = "", mode: str = "none", on_message: Callable[[dict], None] | None = None
) -> widgets.Widget:
    """A picture with `.image` (bytes of a PNG or JPEG), `.alt` and `.mode`.

    mode: "none", "point" (it can be clicked) or "draw"
    on_message: called with each message that it sends, {"kind": "point", "at": place},
        {"kind": "stroke", "points": places}, or {"kind": "seen"} now and then while somebody is
        looking; a place is (x, y) as shares of width and height, from the top left
    """
    picture = Canvas(alt=alt, mode=mode) if anywidget is not None else Plain(alt=alt, mode=mode)
    if on_message is not None and anywidget is not None:
        picture.on_msg(lambda _widget, message, _buffers: on_message(message))
    return picture


if anywidget is not None:

    class Canvas(anywidget.AnyWidget):
        """A PNG or JPEG on a canvas; its script is next to this file and loads nothing else."""

        _esm = (Path(__file__).parent / "canvas.js").read_text(encoding="utf-8")
        image = traitlets.Bytes(b"").tag(sync=True)
        alt = traitlets.Unicode("").tag(sync=True)
        mode = traitlets.Enum(("none", "point", "draw"), "none").tag(sync=True)


class Plain(widgets.Image):
    """The same with core widgets alone; it can be neither clicked nor drawn on."""

    alt = traitlets.Unicode("")
    mode = traitlets.Enum(("none", "point", "draw"), "none")

    def __init__(self, **kwargs):
        super().__init__(format="png", layout=widgets.Layout(width="100%"), **kwargs)

    @property
    def image(self) -> bytes:
        return self.value

    @image.setter
    def image(self, value: bytes) -> None:
        self.value, self.tooltip = value, self.alt
