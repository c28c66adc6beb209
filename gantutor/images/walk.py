"""The files below a folder, through links, each real folder once."""

import os
import posixpath
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from gantutor.datasets import DataError
from gantutor.images.account import BROKEN, KNOWN_FOLDER, SPECIAL, Account, Member, hidden, shown
from gantutor.images.pictures import readable


def files(root: Path, account: Account) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the relative name and the state of each file below a folder.

    Links to folders are followed, but each real folder is read once. Raises OSError for what
    cannot be listed, DataError for a picture that is a broken link.
    """
    top = os.path.realpath(root)
    seen: set[str] = set()
    waiting = [(top, "")]
    while waiting:
        links = []
        for start, prefix in waiting:
            for folder, folders, names in os.walk(start, onerror=_stop):
                seen.add(folder)
                below = posixpath.join(prefix, os.path.relpath(folder, start).replace(os.sep, "/"))
                below = posixpath.normpath(below)
                for name in sorted(folders):
                    path = os.path.join(folder, name)
                    if os.path.islink(path):
                        links.append((path, posixpath.normpath(posixpath.join(below, name))))
                folders[:] = [f for f in sorted(folders) if os.path.join(folder, f) not in seen]
                for name in sorted(names):
                    relative = posixpath.normpath(posixpath.join(below, name))
                    state = _state(root, os.path.join(folder, name), relative, account)
                    if state is not None:
                        yield relative, state
        # links are followed after the real folders, whose names are the better ones
        waiting = []
        for path, relative in sorted(links):
            target = os.path.realpath(path)
            around = top == target or top.startswith(target.rstrip(os.sep) + os.sep)
            if target in seen or around:
                account.leave(KNOWN_FOLDER, relative)
            else:
                seen.add(target)
                waiting.append((target, relative))


def _stop(error: OSError) -> None:
    raise error


def _state(root: Path, path: str, relative: str, account: Account) -> os.stat_result | None:
    """Return the state of a regular file; others are left out, and the account is told."""
    try:
        state = os.stat(path)
    except OSError:
        if not os.path.islink(path):
            raise
        broken(root, relative, os.readlink(path), account)
        return None
    if stat.S_ISREG(state.st_mode):
        return state
    account.leave(SPECIAL, relative)
    return None


def broken(source: Path, name: str, target: str, account: Account) -> None:
    """Leave out a link that leads nowhere; raises DataError if it has the name of a picture."""
    if posixpath.splitext(name)[1].lower() in readable() and not hidden(name):
        raise DataError(
            f"image {shown(name)} in {source} is a link to {shown(target)}, "
            "which does not exist: restore that or delete the link"
        )
    account.leave(BROKEN, name)


@contextmanager
def in_folder(root: Path, account: Account) -> Iterator[Iterator[Member]]:
    """The files of a folder as members."""
    found = files(root, account)
    yield ((name, state.st_size, partial(open, root / name, "rb")) for name, state in found)
