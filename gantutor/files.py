"""Files that are whole or not there: what is written appears under its name only when it is complete."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from uuid import uuid4


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yields a path beside `path`, of the same suffix, to write a file or a folder at; on leaving, it moves to `path` in one go.

    An exception removes what was written and leaves `path` as it was; a kill leaves only the hidden `.NAME.*.partial*`.
    Missing parent folders are made. Raises OSError where the disk refuses, or where a folder should replace one that is
    not empty (the other process was first), FileNotFoundError where nothing was written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # writers such as np.save and savefig look at the suffix; two writers never share a partial
    partial = path.with_name(f".{path.stem}.{os.getpid()}-{uuid4().hex[:8]}.partial{path.suffix}")
    try:
        yield partial
        os.replace(partial, path)
    except BaseException:
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            with suppress(OSError):
                partial.unlink()
        raise


def set_aside(path: str | Path) -> Path:
    """Rename a file or folder beside itself, "run.pt" to "run.aside.pt" or "run.aside-2.pt", ...

    Returns the new path. Nothing is overwritten: the new name is taken first, by an empty file or
    folder that the old one then replaces.
    """
    path = Path(path)
    for i in count(1):
        aside = path.with_name(f"{path.stem}.aside{f'-{i}' if i > 1 else ''}{path.suffix}")
        try:
            aside.mkdir() if path.is_dir() else aside.touch(exist_ok=False)
        except FileExistsError:
            continue
        os.replace(path, aside)
        return aside
