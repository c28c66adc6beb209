"""A server that a test starts, with all the processes that it starts in turn, and what it says."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def running(command: Sequence[str], log: Path, **how) -> Iterator[subprocess.Popen]:
    """A command in a process group of its own, its talk in `log`, until the block ends; `how` goes
    to Popen.
    """
    with open(log, "w") as talk:
        process = subprocess.Popen(command, stdout=talk, stderr=talk, start_new_session=True, **how)
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGINT)
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def told(file: Path) -> dict | None:
    """What a server says in its file; None where the file is not there yet, or not whole."""
    text = file.read_text() if file.exists() else ""
    return json.loads(text) if text.rstrip().endswith("}") else None
