"""The process that runs a student's code: limits, no references to read, one line of JSON.

`serve` runs in a process that imports what is needed and forks a worker for each exercise, so that
torch is imported only once. Nothing that a worker sends is trusted: `grade` compares the numbers.
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
from gantutor.course.exercises.definition import Exercise
from gantutor.course.exercises.observe import (
    LARGEST,
    Observation,
    draw,
    observe_calls,
    of_value,
    where,
)
from gantutor.course.grader.messages import encoded

REFERENCES = "gantutor.course.exercises"
LARGEST_WRITTEN = 64 * 2**20  # bytes of each file that the code writes
DIES_WITH_PARENT, ADOPTS_ORPHANS = 1, 36  # arguments of prctl(2)


def serve(fileno: int) -> None:
    """Fork a worker for each folder that is named on this socket, and reply with its pid.

    Writes "ready" first. The folder holds job.json, and with its name comes the open file on
    which the worker answers. Returns when the other side closes the socket.
    """
    import gantutor.plot
    import gantutor.recipes  # noqa: F401  (many exercises import it: do so once, before forking)

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for workers
    # a process that a worker leaves behind becomes a child of this one, so it is found and killed
    prctl(ADOPTS_ORPHANS, 1)
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
                os._exit(1)  # without the student's threads and exit handlers
        os.close(files[0])
        control.sendall(b"%d\n" % pid)


def work(folder: str, channel: int) -> None:
    """Run the source in job.json, observe its answer at the exercise's cases, and send the result.

    It is written to the open file `channel`, as one line of JSON.
    """
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
    """The encoded observations.

    If the code itself does not run: {"stopped": type of the error, "error": its sentence}.
    """
    module = types.ModuleType("__main__")
    module.display = print
    sys.modules["__main__"] = module
    # so that an error can quote its line
    linecache.cache["<answer>"] = (len(source), None, source.splitlines(True), "<answer>")
    try:
        exec(compile(source, "<answer>", "exec"), module.__dict__)  # noqa: S102
        value = eval(answer, module.__dict__)  # noqa: S307
    except BaseException as error:
        return {"stopped": type(error).__name__, "error": where(error)}
    if not exercise.is_function:
        seen = {"cases": [of_value(exercise, value)], "again": []}
    elif callable(value):
        seen = observe_calls(exercise, value, *drawn)
    else:
        sentence = f"Yours is `{type(value).__name__}`; it should be a function."
        return {"stopped": "kind", "error": sentence}
    size = sum(_size(s) for calls in seen.values() for s in calls)
    if size > LARGEST:
        sentence = f"In all calls together it returns {size} numbers, more than the grader reads."
        return {"stopped": "kind", "error": sentence}
    return {key: [encoded(s) for s in calls] for key, calls in seen.items()}


def _size(seen: Observation) -> int:
    parts = (*seen.value.values(), *seen.grads.values())
    return sum(v.size for v in parts if isinstance(v, np.ndarray))


# -- references --------------------------------------------------------------------------------
def stripped(exercise: Exercise) -> Exercise:
    """What `observe_calls` needs of an exercise, without its reference and its mistakes."""
    return replace(
        exercise,
        reference=_nothing if exercise.is_function else None,
        cases=_nothing if exercise.is_function else None,
        symptoms=(),
        properties=(),
        field=None,
    )


def _nothing(*_args) -> None:
    """Stands in for what a student must not get."""


class _Closed:
    """An import hook that refuses every module below gantutor.course.exercises."""

    def find_spec(self, name, path=None, target=None):
        if name.startswith(f"{REFERENCES}."):
            raise ModuleNotFoundError(
                "the grader gives out no references: "
                f"only `from {REFERENCES} import check` works here",
                name=name,
            )


def close_the_references() -> None:
    """Replace `gantutor.course.exercises` by a module with a `check` that does nothing.

    Code that reads the package's files, or searches memory, can still find the references.
    """
    for name in [n for n in sys.modules if n.startswith(f"{REFERENCES}.")]:
        vars(gantutor.course.exercises).pop(name.rpartition(".")[2], None)
        del sys.modules[name]
    bare = types.ModuleType(REFERENCES, "A grader looks at the answers: `check` does nothing.")
    bare.check = _nothing
    bare.__path__ = []
    sys.modules[REFERENCES] = gantutor.course.exercises = bare
    sys.meta_path.insert(0, _Closed())
    gc.collect()


# -- limits ------------------------------------------------------------------------------------
def confine(folder: str, seconds: float, memory: float) -> None:
    """Cut this process off from the console and put it under limits that the system enforces.

    It gets a session of its own, ends with its parent, and works in `folder`.
    """
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
        "RLIMIT_DATA": _private_memory() + int(memory * 2**30),
    }.items():
        # this system may not know the limit, or already allow less
        with suppress(ValueError, OSError):
            resource.setrlimit(getattr(resource, what), (most, most))


def _private_memory() -> int:
    """Bytes of private memory that Python and torch already use; 0 without Linux's /proc."""
    with suppress(OSError), open("/proc/self/statm") as pages:
        return int(pages.read().split()[5]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def prctl(what: int, value: int) -> None:
    """Linux's prctl(2); does nothing on other systems."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(what, value, 0, 0, 0)
