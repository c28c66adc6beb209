"""Execute a notebook's cells with papermill, under time limits, and interpret what it raises."""

import json
import math
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from gantutor import files
from gantutor.reproduce.outcome import Outcome

# glibc: keep the memory that a training step frees for the next step, instead of returning it to
# the system, which would zero it again
KEEP_FREED = {"MALLOC_TRIM_THRESHOLD_": "1000000000", "MALLOC_MMAP_THRESHOLD_": "33554432"}
# exceptions of this package whose messages are complete sentences
PLAIN_ERRORS = ("DataError", "WeightsError", "BadParameters", "NotOurs")


class Clock:
    """The time limits of a run: tells nbclient how long each cell may take, and reports progress.

    `limit` is for the whole run and `cell_timeout` for a cell; `heartbeat` is the time between
    two progress lines (all in s).
    """

    def __init__(
        self,
        limit: float,
        cell_timeout: float | None,
        heartbeat: float,
        name: str,
        say: Callable[[str], None],
    ):
        self.limit, self.cell_timeout, self.heartbeat = limit, cell_timeout, heartbeat
        self.name, self.say = name, say
        self.begun = time.monotonic()
        self.deadline = math.inf  # of the current cell
        self.cell = self.cells = 0
        self.stop = threading.Event()

    def __call__(self, _cell) -> float:
        """Return how many seconds the next cell may take; nbclient calls this before each cell."""
        self.cell += 1
        left = max(self.limit - (time.monotonic() - self.begun), 1.0)
        seconds = min(left, self.cell_timeout or left)
        self.deadline = time.monotonic() + seconds
        return seconds

    def over(self) -> bool:
        """Whether the last cell used up its time."""
        return time.monotonic() >= self.deadline

    def where(self) -> str:
        """The current cell, for messages: "cell 3 of 12"."""
        return f"cell {self.cell} of {self.cells}"

    def timeout(self) -> Outcome:
        """The outcome of a run that took too long."""
        spent = time.monotonic() - self.begun
        what = (
            f"the run took longer than {self.limit:g} s"
            if spent >= self.limit
            else f"a cell took longer than {self.cell_timeout:g} s"
        )
        return Outcome(
            "timeout",
            f"{what} ({self.where()}): allow more with --limit or --cell-timeout, "
            "or do less with --profile smoke",
        )

    def beat(self) -> None:
        """Print a progress line every `heartbeat` seconds until `stop` is set."""
        while not self.stop.wait(self.heartbeat):
            self.say(f"  {self.name}: {self.where()}, {time.monotonic() - self.begun:.0f} s")


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Set environment variables for the duration of the block."""
    before = {k: os.environ.get(k) for k in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for k, v in before.items():
            os.environ.pop(k) if v is None else os.environ.update({k: v})


@contextmanager
def _errors_into(log) -> Iterator[None]:
    """Send standard error to the log: the kernel inherits it and complains when it is shut down."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        os.dup2(log.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@contextmanager
def sockets() -> Iterator[dict[str, str]]:
    """Yield options that make a KernelManager use Unix sockets instead of ports, if possible.

    With sockets two kernels cannot race for a port, and no other user can connect. By default
    Jupyter would put them into the working folder, under the same names for every run.
    """
    with ExitStack() as stack:
        where = {}
        if os.name == "posix":
            with suppress(OSError):  # no place for a socket: use ports of this machine
                folder = stack.enter_context(files.scratch(len("k-99")))
                where = {"transport": "ipc", "ip": f"{folder}/k"}
        yield where


def execute(path: Path, values: dict[str, Any], folder: Path, clock: Clock) -> Outcome:
    """Run all cells of a notebook and return how that ended.

    Only what papermill raises is used, never the status that it writes: after a kernel's death it
    marks every cell as completed.
    """
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    clock.cells = sum(c["cell_type"] == "code" for c in cells)
    clock.cells += bool(values)  # papermill adds a cell for the parameters
    threading.Thread(target=clock.beat, daemon=True).start()
    try:
        _papermill(path, values, folder, clock)
    except papermill.PapermillExecutionError as error:
        return raised(error, clock)
    except CellTimeoutError:
        return clock.timeout()
    except DeadKernelError:
        return Outcome(
            "kernel_died",
            f"the kernel died in {clock.where()}, perhaps because it ran out of memory: "
            f"try a smaller batch or fewer seeds; its last output is in {folder / 'run.log'}",
        )
    except KeyboardInterrupt:
        message = f"stopped in {clock.where()}: run the same command again to continue"
        return Outcome("interrupted", message)
    except Exception as error:  # papermill, nbclient and the file system can fail in many ways
        return Outcome("error", f"{type(error).__name__}: {_line(error)}")
    finally:
        clock.stop.set()
    return Outcome("ok")


def _papermill(path: Path, values: dict[str, Any], folder: Path, clock: Clock) -> None:
    """Call papermill, with its output in the folder's run.log."""
    import papermill
    from traitlets.config import Config

    # papermill formats its paths with str.format
    source, target = (
        str(p).replace("{", "{{").replace("}", "}}") for p in (path, folder / "executed.ipynb")
    )
    environment = {
        "MPLBACKEND": "Agg",
        "GANTUTOR_NOTEBOOK": str(path),
        "GANTUTOR_RUN": str(folder),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
        **KEEP_FREED,
    }
    with ExitStack() as stack:
        stack.enter_context(_environment(**environment))
        log = stack.enter_context(open(folder / "run.log", "w", encoding="utf-8"))
        stack.enter_context(_errors_into(log))
        config = Config({"KernelManager": stack.enter_context(sockets())})
        papermill.execute_notebook(
            source,
            target,
            parameters=values,
            kernel_name="python3",
            language="python",
            progress_bar=False,
            stdout_file=log,
            stderr_file=log,
            config=config,
            timeout_func=clock,
            interrupt_on_timeout=True,
            extra_arguments=["--IPKernelApp.extra_extensions=gantutor.reproduce.watch"],
        )


def raised(error, clock: Clock) -> Outcome:
    """The outcome of a run in which a cell raised an exception (a PapermillExecutionError)."""
    # papermill's name for a cell whose error never arrived, as happens on an overloaded machine
    lost = error.ename == "CellExecutionError"
    # nbclient interrupts a cell that is out of time
    if error.ename == "KeyboardInterrupt" or (lost and clock.over()):
        return clock.timeout()
    if lost:
        return Outcome(
            "error",
            f"{clock.where()} failed, but its error message was lost: run it again, or see run.log",
        )
    if error.ename == "Diverged":
        step = re.search(r"step (\d+)", error.evalue)
        return Outcome("diverged", _line(error.evalue), step=int(step[1]) if step else None)
    if error.ename in PLAIN_ERRORS:
        return Outcome("error", _line(error.evalue))
    return Outcome("error", f"{clock.where()} raised {error.ename}: {_line(error.evalue)}")


def _line(text: object) -> str:
    """The first line that is not empty."""
    return next((line.strip() for line in str(text).splitlines() if line.strip()), "no message")
