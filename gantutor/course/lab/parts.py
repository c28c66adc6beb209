"""Small helpers for widgets."""

from collections.abc import Callable

import ipywidgets as widgets


def named(widget: widgets.Widget, css: str, tip: str) -> widgets.Widget:
    """The widget with a stable CSS class and a tooltip."""
    widget.add_class(css)
    widget.tooltip = tip
    return widget


def button(words: str, icon: str, css: str, tip: str, act: Callable[[], None]) -> widgets.Button:
    """A button that does something when it is clicked."""
    made = named(widgets.Button(description=words, icon=icon), css, tip)
    made.on_click(lambda _button: act())
    return made


def wide(pixels: int) -> widgets.Layout:
    """A layout of so many pixels."""
    return widgets.Layout(width=f"{pixels}px")


def labelled(pixels: int) -> dict:
    """A style with so many pixels for the words next to a control."""
    return {"description_width": f"{pixels}px"}


def closed(widget: widgets.Widget) -> None:
    """Close a widget and all in it."""
    for child in getattr(widget, "children", ()):
        closed(child)
    widget.close()
