"""The process that a student's lines run in: limits, nothing to read the references from, and what was seen sent as a line of JSON.

`serve` runs in a process that imports what is needed and forks a worker for each exercise, so that torch is imported once.
Nothing that a worker says is trusted: `grade` compares the numbers.
"""

import gc
import json
import linecache
import os
import signal
import socket
import sys
import types
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import torch

import gantutor
from gantutor.course.exercises import find
from gantutor.course.exercises.judge import LARGEST, Exercise, Seen, _plain, _where, draw, watch

LARGEST_MESSAGE = 16 * 2**20  # bytes
LARGEST_WRITTEN = 64 * 2**20  # bytes of each file that the lines write
DIES_WITH_PARENT, ADOPTS_ORPHANS = 1, 36  # of prctl(2)


def serve(fileno: int) -> None:
    """Talk over this socket: say "ready"; for each folder that is named, fork a worker for its job.json and say the pid.

    With the folder's name comes the open file that the worker answers on. Ends when the other side is gone.
    """
    import gantutor.plot
    import gantutor.recipes  # noqa: F401  (what many exercises import: done once, here)

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for workers
    prctl(
        ADOPTS_ORPHANS, 1
    )  # what a worker leaves behind becomes a child of ours, and is ended with it
    control = socket.socket(fileno=fileno)
    control.sendall(b"ready\n")
    while True:
        folder, files, *_ = socket.recv_fds(control, 4096, 1)
        if not folder:
            return
        pid = os.fork()
        if pid == 0:
            try:
                control.close()
                work(folder.decode(), files[0])
            finally:
                os._exit(1)  # threads and exit handlers of the student's have no say
        os.close(files[0])
        control.sendall(b"%d\n" % pid)


def work(folder: str, channel: int) -> None:
    """Run the source that job.json holds, look at what its answer does at the exercise's cases, and write that to the open file `channel`."""
    with open(f"{folder}/job.json", encoding="utf-8") as file:
        job = json.load(file)
    confine(folder, job["seconds"], job["memory"])
    exercise = find(job["exercise"])
    drawn = draw(exercise) if exercise.is_function else ()
    exercise = stripped(exercise)
    close_the_references()
    said = json.dumps(_seen(exercise, job["source"], job["answer"], drawn)).encode() + b"\n"
    while said:
        said = said[os.write(channel, said) :]


def _seen(exercise: Exercise, source: str, answer: str, drawn: tuple) -> dict[str, Any]:
    """What was seen, or {"stopped": kind of the error, "error": its sentence} where the lines themselves do not run."""
    module = types.ModuleType("__main__")
    module.display = print
    sys.modules["__main__"] = module
    linecache.cache["<answer>"] = (
        len(source),
        None,
        source.splitlines(True),
        "<answer>",
    )  # an error can quote its line
    try:
        exec(compile(source, "<answer>", "exec"), module.__dict__)  # noqa: S102
        value = eval(answer, module.__dict__)  # noqa: S307
    except BaseException as error:
        return {"stopped": type(error).__name__, "error": _where(error)}
    if not exercise.is_function:
        seen = {"cases": [_plain(exercise, value)], "again": []}
    elif callable(value):
        seen = watch(exercise, value, *drawn)
    else:
        return {
            "stopped": "kind",
            "error": f"It is `{type(value).__name__}`; a function is asked for.",
        }
    size = sum(
        v.size
        for calls in seen.values()
        for s in calls
        for v in (*s.value.values(), *s.grads.values())
        if isinstance(v, np.ndarray)
    )
    if size > LARGEST:
        return {
            "stopped": "kind",
            "error": f"In all calls it holds {size} numbers, more than a grader reads.",
        }
    return {key: [encoded(s) for s in calls] for key, calls in seen.items()}


def encoded(seen: Seen) -> dict[str, Any]:
    """As JSON holds it: an array is {"shape": [...], "numbers": [...]}."""
    return {
        "value": {k: _array(v) for k, v in seen.value.items()},
        "grads": {str(k): _array(v) for k, v in seen.grads.items()},
        "changed": list(seen.changed),
        "error": seen.error[:2000],
        "kind": seen.kind[:200],
    }


def _array(value: Any) -> Any:
    return (
        {"shape": list(value.shape), "numbers": value.ravel().tolist()}
        if isinstance(value, np.ndarray)
        else value
    )


def stripped(exercise: Exercise) -> Exercise:
    """What `watch` asks of an exercise, without its reference and its mistakes."""
    return replace(
        exercise,
        reference=_nothing if exercise.is_function else None,
        cases=_nothing if exercise.is_function else None,
        symptoms=(),
        properties=(),
        field=None,
    )


def _nothing(*_args) -> None:
    """In place of what is not handed out."""


class _Closed:
    """An import hook that finds nothing below gantutor.course.exercises."""

    def find_spec(self, name, path=None, target=None):
        if name.startswith("gantutor.course.exercises."):
            raise ModuleNotFoundError(
                "the grader hands out no references: `from gantutor.course.exercises import check` is all that is here",
                name=name,
            )


def close_the_references() -> None:
    """From here on `gantutor.course.exercises` is a `check` that does nothing. Who reads the files, or searches memory, still finds references."""
    for name in [n for n in sys.modules if n.startswith("gantutor.course.exercises.")]:
        vars(gantutor.course.exercises).pop(name.rpartition(".")[2], None)
        del sys.modules[name]
    bare = types.ModuleType(
        "gantutor.course.exercises", "Here a grader looks at the answers, and `check` does nothing."
    )
    bare.check = _nothing
    bare.__path__ = []
    sys.modules["gantutor.course.exercises"] = gantutor.course.exercises = bare
    sys.meta_path.insert(0, _Closed())
    gc.collect()


def confine(folder: str, seconds: float, memory: float) -> None:
    """A session of its own that ends with its parent, no console, a folder to write into, and limits that the system holds."""
    os.setsid()
    prctl(DIES_WITH_PARENT, signal.SIGKILL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    os.chdir(folder)
    os.environ["MPLBACKEND"] = "Agg"
    torch.set_num_threads(1)
    import resource

    for what, most in {
        "RLIMIT_CORE": 0,
        "RLIMIT_CPU": int(2 * seconds) + 10,
        "RLIMIT_FSIZE": LARGEST_WRITTEN,
        "RLIMIT_DATA": _held() + int(memory * 2**30),
    }.items():
        with suppress(ValueError, OSError):  # not known to this system, or less is allowed already
            resource.setrlimit(getattr(resource, what), (most, most))


def _held() -> int:
    """Bytes of private memory that Python and torch have taken already; 0 where Linux' /proc is not there."""
    with suppress(OSError), open("/proc/self/statm") as pages:
        return int(pages.read().split()[5]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def prctl(what: int, value: int) -> None:
    """Linux' prctl(2); nothing elsewhere."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(what, value, 0, 0, 0)
