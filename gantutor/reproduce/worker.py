"""What a Dask worker does for the grid: each run in a process of its own, watched and ended.

The functions here are sent to the workers by reference, so both sides need the same version.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gantutor
from gantutor.files import NotOurs, run_folder
from gantutor.reproduce.outcome import Outcome

GRACE = 20.0  # s that a run gets to end by itself
_running: dict[str, subprocess.Popen] = {}  # by the run's folder
_halted: set[str] = set()


def attempt(
    notebook: str,
    folder: str,
    parameters: dict[str, Any],
    limit: float,
    cell_timeout: float | None = None,
    memory: float | None = None,
    threads: int | None = None,
    gpus: int = 0,
    fresh: bool = False,
    weights: str | None = None,
) -> dict[str, Any]:
    """Do one run in a process of its own, and end it if it exceeds its time or memory.

    `limit` and `cell_timeout` are in s; `memory` is in GiB and counts the process and its kernel.
    `threads` sets OMP_NUM_THREADS, `gpus` is how many GPUs the workers here share. `weights` sets
    GANTUTOR_WEIGHTS; it is not a parameter, because where a verified file is stored changes no
    result. Returns an Outcome as a dict and never raises.
    """
    _halted.discard(folder)
    begun, path = time.monotonic(), Path(notebook)
    environment = _environment(threads, gpus, weights)
    try:
        # before launch creates a console.log in the folder
        run_folder(folder, path.stem, path)
        process = launch(notebook, folder, parameters, limit, cell_timeout, fresh, environment)
    except NotOurs as error:
        return asdict(Outcome("bad_input", str(error)))
    except OSError as error:
        why = f"{error.strerror or error} ({error.filename or folder})"
        return asdict(Outcome("error", f"the run cannot be started: {why}"))
    _running[folder] = process
    verdict = None
    try:
        if folder in _halted:  # while it was being started
            process.terminate()
        verdict = _watch(process, begun + limit + 2 * GRACE, memory)
    finally:
        end([process], patience=GRACE if verdict is None else 2.0)
        _running.pop(folder, None)
    wall = round(time.monotonic() - begun, 2)
    if verdict is None and folder in _halted:
        verdict = Outcome("interrupted", "stopped: run the same command again to continue")
    elif verdict is None:
        verdict = reported(process, folder)
    return asdict(verdict) | {"wall_s": verdict.wall_s or wall}


def _watch(process: subprocess.Popen, deadline: float, memory: float | None) -> Outcome | None:
    """Wait for a run's process; return an Outcome if it has to be killed, None if it ended."""
    looked = time.monotonic()
    while process.poll() is None:
        time.sleep(0.1)
        if time.monotonic() - looked < 1.0:
            continue
        looked = time.monotonic()
        if looked > deadline:
            return Outcome(
                "timeout",
                "the run did not stop at its limit and was killed: allow more with --limit",
            )
        if memory and (used := _memory(process.pid)) > memory:
            return Outcome(
                "memory",
                f"the run used {used:.1f} GiB, more than the {memory:.1f} GiB of its slot, and "
                "was killed: allow more with --memory, or fewer at once with --jobs",
            )
    return None


def launch(
    notebook: str,
    folder: str,
    parameters: Mapping[str, Any],
    limit: float | None = None,
    cell_timeout: float | None = None,
    fresh: bool = False,
    environment: Mapping[str, str] | None = None,
    quiet: bool = True,
) -> subprocess.Popen:
    """Start a run in its own process and process group.

    Its messages go to the folder's console.log, or to standard error if not `quiet`.
    """
    command = [sys.executable, "-m", "gantutor.reproduce.run", notebook, folder]
    command += [json.dumps(dict(parameters)), f"--parent={os.getpid()}"]
    command += [f"--limit={limit}"] if limit else []
    command += [f"--cell-timeout={cell_timeout}"] if cell_timeout else []
    command += ["--fresh"] if fresh else []
    how = {
        "env": {**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})},
        "start_new_session": True,
        "stdout": subprocess.PIPE,
    }
    if not quiet:
        return subprocess.Popen(command, **how)
    Path(folder).mkdir(parents=True, exist_ok=True)
    with open(Path(folder) / "console.log", "w", encoding="utf-8") as log:
        return subprocess.Popen(command, **how, stderr=log)


def reported(process: subprocess.Popen, folder: str) -> Outcome:
    """The outcome that a run wrote to its standard output, or an error if it wrote none."""
    try:
        return Outcome(**json.loads(process.stdout.read().splitlines()[-1]))
    except (ValueError, IndexError, TypeError):
        return Outcome(
            "error",
            f"the run's process ended with exit status {process.returncode}; "
            f"see {Path(folder) / 'console.log'}",
        )


def end(processes: list[subprocess.Popen], patience: float = GRACE) -> None:
    """Ask running processes to end, and kill them after `patience` s; kernels end with them."""
    for process in processes:
        if process.poll() is None:
            process.terminate()
    deadline = time.monotonic() + patience
    for process in processes:
        try:
            process.wait(max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def halt(folders: Iterable[str]) -> None:
    """End this worker's runs in these folders, and no others.

    Dask can forget a running task but not stop it. Another command may share the worker, so its
    runs go on.
    """
    for folder in folders:
        _halted.add(folder)
        if folder in _running:
            _running[folder].terminate()


def about() -> tuple[str, str]:
    """The version of gantutor on this worker, and the name of its host."""
    return gantutor.__version__, socket.gethostname()


def _environment(threads: int | None, gpus: int, weights: str | None) -> dict[str, str]:
    """Environment variables of a run; each worker of a machine gets a GPU of its own."""
    found = {"OMP_NUM_THREADS": str(threads)} if threads else {}
    found |= {"GANTUTOR_WEIGHTS": weights} if weights else {}
    if gpus:
        from distributed import get_worker

        seen = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
        seen = seen if len(seen) == gpus and seen[0] else [str(i) for i in range(gpus)]
        found["CUDA_VISIBLE_DEVICES"] = seen[int(get_worker().name) % gpus]
    return found


def _memory(pid: int) -> float:
    """Memory of a process and its descendants in GiB (resident set size)."""
    import psutil

    total = 0
    with suppress(psutil.Error):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with suppress(psutil.Error):
                total += process.memory_info().rss
    return total / 2**30
