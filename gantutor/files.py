"""Files that are whole or not there: what is written appears under its name only when it is complete."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
