"""What all controls share: they leave commands in the session's queue, and return at once."""

import threading
import time

import ipywidgets as widgets

from gantutor.course.lab.labels import escaped
from gantutor.course.lab.look import View
from gantutor.course.lab.session import Session


class Desk:
    """Between the controls of a widget and its session.

    only: names of the controls to show, None for all
    message: what is said under the pictures
    touched: when somebody last used a control
    """

    def __init__(self, session: Session, only: list[str] | None):
        self.session, self.only = session, only
        self.message = widgets.HTML().add_class("gt-message")
        self.touched = time.monotonic()

    def has(self, *names: str) -> bool:
        """Whether one of these controls is shown."""
        return self.only is None or any(name in self.only for name in names)

    def silent(self) -> bool:
        """Whether the session's own thread moves a control, which only shows a state."""
        return threading.current_thread().name == "gantutor-lab"

    def touch(self) -> None:
        """Remember that somebody is there."""
        self.touched = time.monotonic()

    def do(self, command: str, *args, **kwargs) -> None:
        """Leave a command of somebody who clicked."""
        self.touch()
        if not self.session.closed:
            self.session.do(command, *args, **kwargs)

    def changed(self, command: str, *args, **kwargs) -> None:
        """Leave a command for a control that has changed, unless it only shows a state."""
        if not self.silent():
            self.do(command, *args, **kwargs)

    def look(self, layers: tuple[str, ...] | None = None, point=None) -> None:
        """Look at other layers or at another point."""
        view = self.session.view
        self.session.view = View(view.layers if layers is None else layers, point or view.point)
        self.do("look")

    def complain(self, text: str) -> None:
        """Say at once what is wrong with an entry."""
        self.message.value = escaped(text)
