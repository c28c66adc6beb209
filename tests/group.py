"""For tests: a server together with all processes that it starts, and the file that it writes."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def running(command: Sequence[str], log: Path, **how) -> Iterator[subprocess.Popen]:
    """Run a command until the block ends, in a process group of its own.

    Its output goes to `log`, and further arguments to Popen.
    """
    with open(log, "w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True, **how)
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
    """Read the JSON file that a server writes; None if it does not exist yet or is incomplete."""
    text = file.read_text() if file.exists() else ""
    return json.loads(text) if text.rstrip().endswith("}") else None
