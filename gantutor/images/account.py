"""What was made of a source's files: the decoded images, and an account of everything left out."""

from collections.abc import Callable
from typing import BinaryIO, NamedTuple

import numpy as np
from torch import Tensor

# A reader asks for the array (n, channels, size, size) that it fills, which may be in a file.
New = Callable[[int, int], np.ndarray]
Member = tuple[str, int, Callable[[], BinaryIO]]  # relative name, length in bytes, opener

REPLACED = "replaced by a later file of the same name"
BROKEN = "links that lead nowhere"
KNOWN_FOLDER = "links to folders that are read already"
SPECIAL = "special files"
ONE = {  # the same reasons for a single file
    BROKEN: "link that leads nowhere",
    KNOWN_FOLDER: "link to a folder that is read already",
    SPECIAL: "special file",
}
UNLISTED = (REPLACED, BROKEN, KNOWN_FOLDER, SPECIAL)  # reasons of files that are not members


class Decoded(NamedTuple):
    """Images (n, C, size, size), their labels and classes, and a line about what was read.

    `partial`: whether the line tells of something left out or changed.
    """

    images: np.ndarray
    labels: Tensor
    classes: tuple[str, ...]
    note: str = ""
    partial: bool = False


class Account:
    """What became of a source's files: each counts once, and each reason has an example.

    `elsewhere` counts the pictures of other splits.
    """

    def __init__(self):
        self.files = self.elsewhere = 0
        self.left: dict[str, list] = {}
        self.changed: dict[str, list] = {}

    def leave(self, why: str, name: str) -> None:
        """Count a file that is left out."""
        self.left.setdefault(why, [0, name])[0] += 1

    def change(self, how: str, name: str) -> None:
        """Count a picture that is used, but not all of it."""
        self.changed.setdefault(how, [0, name])[0] += 1

    def line(self, what: str, images: int, classes: int) -> str:
        """Return a line with the numbers of files, pictures and classes, and what was left out."""
        line = f"{what}: {_count(self.files, 'file')}, {_count(images, 'picture')} in "
        line += _count(classes, "class")
        if self.elsewhere:
            line += f", {self.elsewhere} more in other splits"
        for title, found in (("left out", self.left), ("used in part", self.changed)):
            if found:
                each = (
                    f"{count} {ONE.get(why, why) if count == 1 else why} ({shown(name)})"
                    for why, (count, name) in found.items()
                )
                line += f"; {title}: {', '.join(each)}"
        return line


def _count(n: int, thing: str) -> str:
    if n == 1:
        return f"1 {thing}"
    return f"{n} {thing}{'es' if thing.endswith('s') else 's'}"


def shown(name: str) -> str:
    """Return a file's name so that it can be printed on one line, whatever bytes it is made of."""
    text = name.encode("utf-8", "backslashreplace").decode()
    return text.replace("\n", "\\n").replace("\r", "\\r")


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or its class if it has none."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def hidden(name: str) -> bool:
    """Whether a relative name is that of a hidden file, or of one that macOS adds to archives."""
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))
