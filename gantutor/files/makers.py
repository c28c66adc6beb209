"""Several processes that need the same file: one makes it, the others wait for it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def one_maker(path: str | Path) -> Iterator[None]:
    """Let one process at a time into the block in which `path` is made.

    Whoever waited looks for `path` again inside the block, since the process before may have made
    it. The lock is a hidden file next to `path`, removed when the block ends; the system releases
    the lock of a process that dies. Where there can be no lock (a folder that cannot be written, a
    file system without locks) nobody waits, so two processes may make the same file: write it with
    `replacing`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place, one_maker(Path(place, "moments.npz")):
    ...     sorted(p.name for p in Path(place).iterdir())
    ['.moments.npz.lock']
    """
    from filelock import FileLock  # a slow import, and most users of this room lock nothing

    path = Path(path)
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except (OSError, NotImplementedError):
        yield
        return
    try:
        yield
    finally:
        # before the release, while nobody else holds it. A process that waited for the removed file
        # and one that makes a new one may then both go on: that costs time only
        with suppress(OSError):
            Path(lock.lock_file).unlink()
        lock.release()
