"""Grading handed-in notebooks: `gantutor check`. This process never runs a student's line and never unpickles what a worker says.

Each exercise runs in a process of its own (`worker`), which answers with numbers; here they are compared with the reference.
This is a grader for a course: it withstands accidents and pranks, not an attacker with time, who can read the references from the package's files.
"""

import csv
import json
import os
import queue
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from gantutor.course.exercises.judge import LARGEST, SEEDS, Exercise, Report, Seen, diagnose, wrong
from gantutor.course.grader.submission import Submission, Task, read
from gantutor.course.grader.worker import LARGEST_MESSAGE
from gantutor.files import ours, replacing, scratch

GLANCE = 0.1  # seconds between two looks at a worker
COLUMNS = ("notebook", "student", "exercise", "points", "of", "key", "sentence")


@dataclass(frozen=True)
class Limits:
    """Of one exercise: wall clock (s), memory beyond Python's and torch's own (GiB), processes at once."""

    seconds: float = 20.0
    memory: float = 4.0
    processes: int = 8


@dataclass(frozen=True)
class Mark:
    """What one exercise of one notebook got, and how long its lines ran (s)."""

    report: Report
    seconds: float = 0.0

    def row(self) -> dict[str, Any]:
        r = self.report
        said = {"sentence": _shown(r.sentence), "hint": _shown(r.hint)}
        return {
            "name": r.exercise.name,
            "points": r.points,
            "of": r.exercise.points,
            "right": r.right,
            "key": r.key,
            **said,
            "seconds": round(self.seconds, 2),
        }


@dataclass(frozen=True)
class Graded:
    """A notebook with its marks, one for each exercise that its topic has; none where the file is no notebook of the course."""

    submission: Submission
    marks: tuple[Mark, ...]

    @property
    def points(self) -> int:
        return sum(m.report.points for m in self.marks)

    @property
    def of(self) -> int:
        return sum(m.report.exercise.points for m in self.marks)

    def as_json(self) -> dict[str, Any]:
        s = self.submission
        head = {
            "notebook": str(s.path),
            "student": s.student,
            "points": self.points,
            "of": self.of,
            "exercises": [m.row() for m in self.marks],
        }
        return head | ({"problem": s.problem} if s.problem else {})

    def as_text(self) -> str:
        """A table for people."""
        s = self.submission
        if s.problem:
            return f"{s.path}: {s.problem}"
        rows = [
            (
                m.report.exercise.name,
                f"{m.report.points} of {m.report.exercise.points}",
                _words(m.report),
            )
            for m in self.marks
        ]
        width = max((len(name) for name, *_ in rows), default=0)
        return "\n".join(
            [
                f"{s.path} ({s.student}): {self.points} of {self.of} points",
                *(f"  {n:{width}s}  {p:>6s}  {w}" for n, p, w in rows),
            ]
        )


def _words(report: Report) -> str:
    said = _shown(report.sentence).removeprefix(f"{report.exercise.name}: ")
    return (
        said
        if report.right or not report.hint
        else f"{said} {_shown(report.hint)}"
        if said != "not yet."
        else _shown(report.hint)
    )


def _shown(text: str, most: int = 400) -> str:
    """A sentence may quote a student's text: on one line, no control characters, not endless."""
    line = "".join(c if c.isprintable() else " " for c in text)
    return line if len(line) <= most else line[: most - 1] + "…"


# -- notebooks ------------------------------------------------------------------------------------------------------------
def notebooks(paths: Sequence[Path]) -> list[Path]:
    """The .ipynb files among files and below folders; ValueError names a path that is neither, or a folder without any."""
    found = []
    for path in paths:
        if path.is_dir():
            inside = [
                p for p in sorted(path.rglob("*.ipynb")) if ".ipynb_checkpoints" not in p.parts
            ]
            if not inside:
                raise ValueError(f"folder {path} holds no .ipynb file")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise ValueError(f"no notebook {path}: give .ipynb files, or folders of them")
    return found


def grade(paths: Sequence[Path], limits: Limits | None = None, jobs: int = 2) -> Iterator[Graded]:
    """Grade notebooks in this order, `jobs` exercises at a time; yields each when its last exercise is done."""
    limits = limits or Limits()
    if not hasattr(os, "fork"):
        raise ValueError(
            "grading needs Linux or macOS (on Windows: the Windows Subsystem for Linux)"
        )
    halt, idle = threading.Event(), queue.SimpleQueue()
    nurseries = [_Nursery() for _ in range(jobs)]
    for nursery in nurseries:
        idle.put(nursery)

    def observe(task: Task):
        nursery = idle.get()
        try:
            return nursery.observe(task, limits, halt)
        finally:
            idle.put(nursery)

    pool = ThreadPoolExecutor(jobs)
    try:
        submissions = [read(p) for p in paths]
        observed = [[pool.submit(observe, task) for task in s.tasks] for s in submissions]
        for submission, futures in zip(submissions, observed, strict=True):
            yield Graded(
                submission,
                tuple(
                    _mark(t, *f.result()) for t, f in zip(submission.tasks, futures, strict=True)
                ),
            )
    finally:
        halt.set()
        pool.shutdown(cancel_futures=True)
        for nursery in nurseries:
            nursery.close()


def _mark(task: Task, said: bytes | None, key: str, sentence: str, seconds: float) -> Mark:
    """A worker's message, or what kept it from sending one, as a mark."""
    exercise = task.exercise
    if task.key or said is None:
        return Mark(
            Report(
                exercise, False, task.key or key, f"{exercise.name}: {task.sentence or sentence}"
            ),
            seconds,
        )
    try:
        message = json.loads(said)
        if "stopped" in message:
            kind, error = str(message["stopped"]), str(message["error"])
            key = {"NotImplementedError": "open", "kind": "kind"}.get(kind, "raises")
            return Mark(wrong(exercise, key, error), seconds)
        return Mark(diagnose(exercise, decoded(exercise, message), task.borrowed), seconds)
    except Exception:  # whatever a forged message does to the comparison
        return Mark(
            Report(
                exercise,
                False,
                "unreadable",
                f"{exercise.name}: what its process sent is not an answer: do the lines write to open files?",
            ),
            seconds,
        )


def decoded(exercise: Exercise, message: dict[str, Any]) -> dict[str, list[Seen]]:
    """A worker's message as `diagnose` takes it; ValueError, TypeError or KeyError where it is anything else."""
    lengths = {"cases": len(SEEDS) if exercise.is_function else 1}
    known = {"cases", "again", *(p.key for p in exercise.properties)}
    if (
        not {"cases", "again"} <= message.keys() <= known
        or len(message["cases"]) != lengths["cases"]
    ):
        raise ValueError("other calls than asked for")
    return {key: [_seen(s) for s in calls] for key, calls in message.items()}


def _seen(raw: dict[str, Any]) -> Seen:
    value = {_text(k): _array(v) for k, v in raw["value"].items()}
    grads = {int(k): None if v is None else _array(v) for k, v in raw["grads"].items()}
    if any(isinstance(v, str) for v in grads.values()):
        raise TypeError("a gradient is an array")
    return Seen(
        value, grads, [int(i) for i in raw["changed"]], _text(raw["error"]), _text(raw["kind"])
    )


def _text(raw: Any) -> str:
    if not isinstance(raw, str):
        raise TypeError("a text is wanted")
    return raw


def _array(raw: Any) -> np.ndarray | str:
    if isinstance(raw, str):
        return raw
    shape = tuple(int(n) for n in raw["shape"])
    numbers = np.array(raw["numbers"], np.float64)
    if numbers.ndim != 1 or min(shape, default=0) < 0 or numbers.size > LARGEST:
        raise ValueError("no array")
    return numbers.reshape(shape)


# -- workers ----------------------------------------------------------------------------------------------------------------
class _Nursery:
    """A process that has imported what workers need and forks them, one at a time."""

    def __init__(self):
        self._start()

    def _start(self) -> None:
        self.control, theirs = socket.socketpair()
        command = [
            sys.executable,
            "-c",
            f"from gantutor.course.grader.worker import serve; serve({theirs.fileno()})",
        ]
        quiet = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.DEVNULL,
            "start_new_session": True,
        }  # Ctrl-C is for this process alone
        self.process = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], env={**os.environ, "OMP_NUM_THREADS": "1"}, **quiet
        )
        theirs.close()
        self.lines = self.control.makefile("rb")
        self.ready = False

    def observe(
        self, task: Task, limits: Limits, halt: threading.Event
    ) -> tuple[bytes | None, str, str, float]:
        """(message or None, key, sentence, seconds) of one exercise."""
        if task.key or halt.is_set():
            return None, "stopped", "the grading was stopped.", 0.0
        with scratch() as folder:
            return self._observe(task, limits, halt, str(folder))

    def _observe(
        self, task: Task, limits: Limits, halt: threading.Event, folder: str
    ) -> tuple[bytes | None, str, str, float]:
        answer, theirs = os.pipe()
        worker = None
        try:
            job = {
                "exercise": task.exercise.name,
                "source": task.source,
                "answer": task.answer,
                "seconds": limits.seconds,
                "memory": limits.memory,
            }
            Path(folder, "job.json").write_text(json.dumps(job), encoding="utf-8")
            worker = self._fork(folder, theirs)
            os.close(theirs)
            begun = time.monotonic()
            return *_listen(answer, worker, limits, halt), time.monotonic() - begun
        finally:
            self._end(worker)
            os.close(answer)

    def _fork(self, folder: str, channel: int) -> int:
        """The pid of a new worker. A student's lines may have ended the nursery: then there is another one."""
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
        """End a worker with its session, and whatever left that session: such a process has become a child of the nursery."""
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

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.lines.close()
        self.control.close()


def _listen(
    answer: int, worker: int, limits: Limits, halt: threading.Event
) -> tuple[bytes | None, str, str]:
    """Wait for the line that a worker writes, and watch its time, memory and children meanwhile. Never waits for the rest of a line."""
    said, deadline, looked = bytearray(), time.monotonic() + limits.seconds, time.monotonic()
    while True:
        gone = not psutil.pid_exists(worker)  # asked before the last look at what it wrote
        ready, *_ = select.select([answer], [], [], 0 if gone else GLANCE)
        part = os.read(answer, 2**20) if ready else b""
        said += part
        if b"\n" in part:
            return bytes(said[: said.index(b"\n")]), "", ""
        if len(said) > LARGEST_MESSAGE:
            return None, "too much", f"the answer is larger than {LARGEST_MESSAGE // 2**20} MiB."
        if halt.is_set():
            return None, "stopped", "the grading was stopped."
        if time.monotonic() > deadline:
            return (
                None,
                "time",
                f"no answer within {limits.seconds:g} s: is there a loop that does not end?",
            )
        if not part and (ready or gone):
            return (
                None,
                "ended",
                "its process ended before it answered: do the lines leave Python, or crash it?",
            )
        if (
            time.monotonic() - looked > GLANCE
        ):  # to look takes longer than to read what a pipe holds
            looked = time.monotonic()
            if excess := _excess(worker, limits):
                return None, *excess


def _excess(pid: int, limits: Limits) -> tuple[str, str] | None:
    """Whether a worker with its descendants holds more than it may."""
    with suppress(psutil.Error):
        worker = psutil.Process(pid)
        family = [worker, *worker.children(recursive=True)]
        if len(family) > limits.processes:
            return "processes", f"it started more than {limits.processes - 1} processes."
        most = (limits.memory + 1) * 2**30  # Python and torch themselves take less than that 1
        # what forked processes share is counted again and again in the first, quick sum
        if (
            sum(p.memory_info().rss for p in family) > most
            and sum(p.memory_full_info().uss for p in family) > most
        ):
            return "memory", f"it used more than {limits.memory:g} GiB of memory."
    return None


# -- what comes out -----------------------------------------------------------------------------------------------------------
def write_marks(path: Path, graded: Sequence[Graded]) -> None:
    """Marks as CSV, one row for each student and exercise."""
    ours(path, ",".join(COLUMNS))
    with replacing(path) as beside, open(beside, "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        table.writeheader()
        for g in graded:
            for m in g.marks:  # the sentence as the table for people has it, reason and all: a teacher may send the row back
                who = {
                    "notebook": g.submission.path,
                    "student": g.submission.student,
                    "exercise": m.report.exercise.name,
                }
                table.writerow({**m.row(), **who, "sentence": _words(m.report)})
