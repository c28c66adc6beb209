"""Grading handed-in notebooks: `gantutor check`.

This process never runs a student's code and never unpickles what a worker sends. Each exercise
runs in a process of its own (`worker`), which answers with numbers; here they are compared with
the reference.

It withstands accidents and pranks. It is not a sandbox: anyone who wants to can read the reference
answers in the package.
"""

import json
import os
import queue
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gantutor.course.exercises.judge import Report, diagnose, wrong
from gantutor.course.grader.marks import COLUMNS, Graded, Mark, write_marks
from gantutor.course.grader.messages import decoded
from gantutor.course.grader.nursery import Ending, Limits, Nursery
from gantutor.course.grader.submission import Task, read

__all__ = ["COLUMNS", "Graded", "Limits", "Mark", "grade", "notebooks", "write_marks"]


def notebooks(paths: Sequence[Path]) -> list[Path]:
    """The .ipynb files among `paths` and below the folders among them.

    Raises ValueError for a path that does not exist, or a folder without any .ipynb file.
    """
    found = []
    for path in paths:
        if path.is_dir():
            below = sorted(path.rglob("*.ipynb"))
            inside = [p for p in below if ".ipynb_checkpoints" not in p.parts]
            if not inside:
                raise ValueError(f"folder {path} contains no .ipynb file")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise ValueError(f"there is no notebook {path}: give .ipynb files, or folders of them")
    return found


def grade(paths: Sequence[Path], limits: Limits | None = None, jobs: int = 2) -> Iterator[Graded]:
    """Grade notebooks in this order, `jobs` exercises at a time.

    Yields each notebook when its last exercise is done. Raises ValueError on a system that cannot
    fork processes.
    """
    limits = limits or Limits()
    if not hasattr(os, "fork"):
        raise ValueError(
            "grading needs Linux or macOS; on Windows, use the Windows Subsystem for Linux"
        )
    halt, idle = threading.Event(), queue.SimpleQueue()
    nurseries = [Nursery() for _ in range(jobs)]
    for nursery in nurseries:
        idle.put(nursery)

    def observe(task: Task) -> Ending:
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
            outcomes = zip(submission.tasks, futures, strict=True)
            yield Graded(submission, tuple(_mark(task, f.result()) for task, f in outcomes))
    finally:
        halt.set()
        pool.shutdown(cancel_futures=True)
        for nursery in nurseries:
            nursery.close()


def _mark(task: Task, outcome: Ending) -> Mark:
    """The mark for a worker's message, or for whatever kept it from sending one."""
    return Mark(_report(task, outcome), outcome.seconds)


def _report(task: Task, outcome: Ending) -> Report:
    exercise = task.exercise
    if task.key:
        return _no_answer(task, task.key, task.sentence)
    if outcome.message is None:
        return _no_answer(task, outcome.key, outcome.sentence)
    try:
        message = json.loads(outcome.message)
        if "stopped" in message:
            kind, error = str(message["stopped"]), str(message["error"])
            key = {"NotImplementedError": "open", "kind": "kind"}.get(kind, "raises")
            return wrong(exercise, key, error)
        return diagnose(exercise, decoded(exercise, message), task.borrowed)
    except Exception:  # a forged message may break the comparison in any way
        sentence = "what its process sent is not an answer: does the code write to open files?"
        return _no_answer(task, "unreadable", sentence)


def _no_answer(task: Task, key: str, sentence: str) -> Report:
    return Report(task.exercise, False, key, f"{task.exercise.name}: {sentence}")
