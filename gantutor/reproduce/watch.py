"""In a run's kernel: note which files its cells create in the run's folder.

Only these files are ever removed again. This is loaded as an IPython extension. Files that
compiled code opens without Python's own `open` are not noticed, and therefore kept.
"""

import json
import os
import sys
from contextlib import suppress
from pathlib import Path


def load_ipython_extension(shell) -> None:
    """Watch the folder that the runner names in GANTUTOR_RUN, until this process ends."""
    folder = os.environ.get("GANTUTOR_RUN")
    if folder:
        with suppress(OSError):
            sys.addaudithook(Watch(folder))


class Watch:
    """An audit hook that lists in `.written` what is created in a folder.

    That is new files, files that are overwritten or moved there, and new subfolders.
    """

    def __init__(self, folder: str):
        self.folder, self.known = os.path.realpath(folder), set()
        self.book = os.open(Path(folder, ".written"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)

    def __call__(self, event: str, arguments: tuple) -> None:
        if event in ("open", "os.rename", "os.mkdir"):
            with suppress(Exception):  # an error here would be raised in the user's cell
                self._see(event, *arguments[:3])

    def _see(self, event: str, path, second=None, third=None) -> None:
        if event == "os.rename":  # from path to second
            self._note(second)
        elif event == "os.mkdir" and not os.path.lexists(path):
            self._note(path, "/")
        elif event == "open" and not isinstance(path, int) and _creates(path, third):
            self._note(path)

    def _note(self, path, end: str = "") -> None:
        top, name = os.path.split(os.path.abspath(os.fsdecode(path)))
        place = os.path.join(os.path.realpath(top), name)
        if place in self.known or not place.startswith(self.folder + os.sep):
            return
        self.known.add(place)
        line = json.dumps(os.path.relpath(place, self.folder).replace(os.sep, "/") + end)
        os.write(self.book, line.encode() + b"\n")


def _creates(path, flags: int) -> bool:
    """Whether opening a file with these flags creates it or replaces all of its contents.

    A file that is only appended to belongs to whoever created it.
    """
    if not flags & (os.O_WRONLY | os.O_RDWR):
        return False
    return bool(flags & os.O_TRUNC) or not os.path.lexists(path)
