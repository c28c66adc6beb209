"""Processes that run students' code, and the limits that they are held to."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from gantutor.course.grader.messages import LARGEST_MESSAGE
from gantutor.course.grader.submission import Task
from gantutor.files import scratch

GLANCE = 0.1  # seconds between two checks of a worker's memory and processes


@dataclass(frozen=True)
class Limits:
    """What one exercise may use.

    Wall clock (s), memory in addition to that of Python and torch (GiB), and simultaneous
    processes.
    """

    seconds: float = 20.0
    memory: float = 4.0
    processes: int = 8


@dataclass(frozen=True)
class Ending:
    """How one exercise's process ended.

    `message` is the line that it sent; None if it sent none, and then `key` and `sentence` tell
    why. `seconds` is how long it ran.
    """

    message: bytes | None
    key: str = ""
    sentence: str = ""
    seconds: float = 0.0


STOPPED = Ending(None, "stopped", "the grading was stopped.")


class Nursery:
    """A process that has imported what workers need and forks them, one at a time.

    So torch is imported once and not once per exercise.
    """

    def __init__(self):
        self._start()

    def observe(self, task: Task, limits: Limits, halt: threading.Event) -> Ending:
        """Run one exercise in a new worker and wait for its message."""
        if task.key or halt.is_set():
            return STOPPED
        with scratch() as folder:
            answer, theirs = os.pipe()
            worker = None
            try:
                self._write_job(task, limits, folder)
                worker = self._fork(str(folder), theirs)
                os.close(theirs)
                return _listen(answer, worker, limits, halt)
            finally:
                self._end(worker)
                os.close(answer)

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
        self.lines.close()
        self.control.close()

    def _start(self) -> None:
        self.control, theirs = socket.socketpair()
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                f"from gantutor.course.grader.worker import serve; serve({theirs.fileno()})",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            start_new_session=True,  # Ctrl-C is for the grader alone
        )
        theirs.close()
        self.lines = self.control.makefile("rb")
        self.ready = False

    def _write_job(self, task: Task, limits: Limits, folder: Path) -> None:
        job = {
            "exercise": task.exercise.name,
            "source": task.source,
            "answer": task.answer,
            "seconds": limits.seconds,
            "memory": limits.memory,
        }
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")

    def _fork(self, folder: str, channel: int) -> int:
        """The pid of a new worker.

        A student's code may have killed the nursery itself, so a second attempt starts it again.
        """
        for _ in range(2):
            with suppress(OSError, ValueError):
                self.ready = self.ready or self.lines.readline() == b"ready\n"
                socket.send_fds(self.control, [folder.encode()], [channel])
                return int(self.lines.readline())
            self.close()
            self._start()
        raise ValueError(
            "the grader's own process does not start: does `import gantutor` work here?"
        )

    def _end(self, worker: int | None) -> None:
        """Kill a worker with its session, and any process that left the session.

        Such a process has become a child of the nursery, which adopts orphans.
        """
        if worker is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(worker, signal.SIGKILL)
        for _ in range(50):
            family = []
            with suppress(psutil.Error):
                family = psutil.Process(self.process.pid).children(recursive=True)
            for p in family:
                with suppress(psutil.Error):
                    p.kill()
            if not family:
                return
            psutil.wait_procs(family, timeout=0.2)


def _listen(answer: int, worker: int, limits: Limits, halt: threading.Event) -> Ending:
    """Wait for the one line that a worker writes, and enforce its limits meanwhile.

    Every read returns at once, so a line that is never finished cannot block the grader.
    """
    begun = looked = time.monotonic()
    said = bytearray()

    def outcome(key: str, sentence: str, message: bytes | None = None) -> Ending:
        return Ending(message, key, sentence, time.monotonic() - begun)

    while True:
        gone = not psutil.pid_exists(worker)  # ask before the last look at what it wrote
        ready, *_ = select.select([answer], [], [], 0 if gone else GLANCE)
        part = os.read(answer, 2**20) if ready else b""
        said += part
        if b"\n" in part:
            return outcome("", "", bytes(said[: said.index(b"\n")]))
        if len(said) > LARGEST_MESSAGE:
            most = LARGEST_MESSAGE // 2**20
            return outcome("too much", f"the answer is larger than {most} MiB.")
        if halt.is_set():
            return outcome(STOPPED.key, STOPPED.sentence)
        if time.monotonic() > begun + limits.seconds:
            most = f"{limits.seconds:g} s"
            return outcome("time", f"no answer came within {most}: is there an endless loop?")
        if not part and (ready or gone):
            return outcome(
                "ended",
                "its process ended before it answered: does the code exit or crash Python?",
            )
        # checking the limits takes longer than reading what a pipe holds
        if time.monotonic() - looked > GLANCE:
            looked = time.monotonic()
            excess = _excess(worker, limits)
            if excess:
                return outcome(*excess)


def _excess(pid: int, limits: Limits) -> tuple[str, str] | None:
    """The key and sentence of the limit that a worker and its descendants exceed, if any."""
    with suppress(psutil.Error):
        worker = psutil.Process(pid)
        family = [worker, *worker.children(recursive=True)]
        if len(family) > limits.processes:
            return "processes", f"it started more than {limits.processes - 1} processes."
        most = (limits.memory + 1) * 2**30  # Python and torch themselves take less than that 1 GiB
        # the resident sizes count memory that forked processes share again and again, but are
        # quick to sum; the unique sizes are read only if that sum is too large
        resident = sum(p.memory_info().rss for p in family)
        if resident > most and sum(p.memory_full_info().uss for p in family) > most:
            return "memory", f"it used more than {limits.memory:g} GiB of memory."
    return None
