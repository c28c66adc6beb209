"""In the kernel of a run: notes which files the run's cells make in its folder, so that only these
are ever removed again.

Loaded as an extension of IPython. What compiled code writes by itself, past Python's own `open`,
goes unnoticed and so is kept.
"""

import json
import os
import sys
from contextlib import suppress
from pathlib import Path


def load_ipython_extension(shell) -> None:
    """Watch the folder that the runner names, until this process ends."""
    folder = os.environ.get("GANTUTOR_RUN")
    if folder:
        with suppress(OSError):
            sys.addaudithook(Watch(folder))


class Watch:
    """An audit hook that lists in `.written` what is made in a folder: files opened anew or moved
    there, and folders.
    """

    def __init__(self, folder: str):
        self.folder, self.known = os.path.realpath(folder), set()
        self.book = os.open(Path(folder, ".written"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)

    def __call__(self, event: str, arguments: tuple) -> None:
        if event in ("open", "os.rename", "os.mkdir"):
            with suppress(Exception):  # an error here would become one of the cell's
                self._see(event, *arguments[:3])

    def _see(self, event: str, path, second=None, third=None) -> None:
        if event == "os.rename":  # from path to second, whatever was there
            self._note(second)
        elif event == "os.mkdir" and not os.path.lexists(path):
            self._note(path, "/")
        elif event == "open" and not isinstance(path, int) and _makes(path, third):
            self._note(path)

    def _note(self, path, end: str = "") -> None:
        top, name = os.path.split(os.path.abspath(os.fsdecode(path)))
        place = os.path.join(os.path.realpath(top), name)
        if place in self.known or not place.startswith(self.folder + os.sep):
            return
        self.known.add(place)
        line = json.dumps(os.path.relpath(place, self.folder).replace(os.sep, "/") + end)
        os.write(self.book, line.encode() + b"\n")


def _makes(path, flags: int) -> bool:
    """Whether opening a file like this makes it, or all of it anew; what is added to belongs to
    whoever made it.
    """
    if not flags & (os.O_WRONLY | os.O_RDWR):
        return False
    return bool(flags & os.O_TRUNC) or not os.path.lexists(path)
