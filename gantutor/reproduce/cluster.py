"""Where the runs of a grid run: Dask workers, of this machine, of a scheduler that is up already, or of Slurm.

One worker process is one slot and does one run at a time: no resources, one thread, a process of its own for each run.
The scheduler keeps no state on disk and needs none: result files are the truth, and the same command goes on.
"""

import inspect
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from glob import glob
from pathlib import Path
from typing import Any

import gantutor
from gantutor.config import BadParameters, did_you_mean
from gantutor.reproduce.run import Outcome

GRACE = 20.0  # seconds that a run gets to end by itself
# one task on a worker and the others here: a worker that dies takes a single run along, and is suspected of no other
SETTINGS = {"distributed.scheduler.worker-saturation": 1.0, "distributed.scheduler.allowed-failures": 10,
            "distributed.worker.daemon": False, "distributed.admin.log-format": "%(message)s"}  # fmt: skip


# -- on the worker --------------------------------------------------------------------------------------------------------
_running: set[subprocess.Popen] = set()
_halted = threading.Event()


def attempt(notebook: str, folder: str, parameters: dict[str, Any], limit: float, cell_timeout: float | None = None,
            memory: float | None = None, threads: int | None = None, gpus: int = 0, fresh: bool = False,
            weights: str | None = None) -> dict[str, Any]:  # fmt: skip
    """Do one run in a process of its own and watch its time (`limit`, s) and memory (`memory`, GiB of it and its kernel).

    Returns an Outcome as a dict, whatever happens. `threads`: OMP_NUM_THREADS; `gpus`: how many the workers here share;
    `weights`: GANTUTOR_WEIGHTS, outside the parameters because where a checked file lies does not change a number.
    """
    _halted.clear()
    begun = time.monotonic()
    try:
        process = launch(notebook, folder, parameters, limit, cell_timeout, fresh, _environment(threads, gpus, weights))
    except OSError as error:
        return asdict(Outcome("error", f"the run cannot be started: {error.strerror or error} ({error.filename or folder})"))
    _running.add(process)
    verdict, looked = None, begun
    try:
        while process.poll() is None and verdict is None:
            time.sleep(0.1)
            if time.monotonic() - looked < 1.0:
                continue
            looked = time.monotonic()
            if time.monotonic() - begun > limit + 2 * GRACE:
                verdict = Outcome("timeout", "the run did not stop at its limit and was killed: allow more with --limit")
            elif memory and (used := _memory(process.pid)) > memory:
                verdict = Outcome("memory", f"the run used {used:.1f} GiB, more than the {memory:.1f} GiB of its slot, and was "
                                            "killed: allow more with --memory, or fewer at once with --jobs")  # fmt: skip
    finally:
        end([process], patience=GRACE if verdict is None else 2.0)
        _running.discard(process)
    wall = round(time.monotonic() - begun, 2)
    if verdict is None:
        verdict = Outcome("interrupted", "stopped: the same command goes on") if _halted.is_set() else said(process, folder)
    return asdict(verdict) | {"wall_s": verdict.wall_s or wall}


def launch(notebook: str, folder: str, parameters: Mapping[str, Any], limit: float | None = None, cell_timeout: float | None = None,
           fresh: bool = False, environment: Mapping[str, str] | None = None, quiet: bool = True) -> subprocess.Popen:  # fmt: skip
    """Start a run in its own process and process group; its talk goes to console.log or, if not `quiet`, to our standard error."""
    command = [sys.executable, "-m", "gantutor.reproduce.run", notebook, folder, json.dumps(dict(parameters)), f"--parent={os.getpid()}"]
    command += [f"--limit={limit}"] if limit else []
    command += [f"--cell-timeout={cell_timeout}"] if cell_timeout else []
    command += ["--fresh"] if fresh else []
    how = {"env": {**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})}, "start_new_session": True, "stdout": subprocess.PIPE}
    if not quiet:
        return subprocess.Popen(command, **how)
    Path(folder).mkdir(parents=True, exist_ok=True)
    with open(Path(folder) / "console.log", "w", encoding="utf-8") as log:
        return subprocess.Popen(command, **how, stderr=log)


def said(process: subprocess.Popen, folder: str) -> Outcome:
    """The outcome that a run left on its standard output, or what its silence means."""
    try:
        return Outcome(**json.loads(process.stdout.read().splitlines()[-1]))
    except (ValueError, IndexError, TypeError):
        return Outcome("error", f"the run's process ended with exit status {process.returncode}; see {Path(folder) / 'console.log'}")


def end(processes: list[subprocess.Popen], patience: float = GRACE) -> None:
    """Ask runs that still go to end, wait a little, then end them; kernels die with their runs."""
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


def halt() -> None:
    """End the runs of this worker: Dask can forget a task that runs, but not stop it."""
    _halted.set()
    for process in list(_running):
        process.terminate()


def _environment(threads: int | None, gpus: int, weights: str | None) -> dict[str, str]:
    found = {"OMP_NUM_THREADS": str(threads)} if threads else {}
    found |= {"GANTUTOR_WEIGHTS": weights} if weights else {}
    if gpus:
        from distributed import get_worker

        seen = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
        seen = seen if len(seen) == gpus and seen[0] else [str(i) for i in range(gpus)]
        found["CUDA_VISIBLE_DEVICES"] = seen[int(get_worker().name) % gpus]
    return found


def _memory(pid: int) -> float:
    """GiB that a process and its descendants hold."""
    import psutil

    total = 0
    with suppress(psutil.Error):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with suppress(psutil.Error):
                total += process.memory_info().rss
    return total / 2**30


def about() -> tuple[str, str]:
    """Of a worker: the version of its gantutor, and its host."""
    import socket

    return gantutor.__version__, socket.gethostname()


# -- at the command ---------------------------------------------------------------------------------------------------------
@contextmanager
def local(slots: int) -> Iterator[Any]:
    """A client of `slots` workers on this machine, reachable from this machine alone; they end with us, however we end."""
    import dask
    from distributed import Client, LocalCluster

    with (
        dask.config.set(SETTINGS),
        LocalCluster(slots, threads_per_worker=1, processes=True, memory_limit=0, host="127.0.0.1", dashboard_address="127.0.0.1:0",
                     silence_logs="CRITICAL") as cluster,
        Client(cluster) as client,
    ):  # fmt: skip
        yield client


@contextmanager
def connected(address: str | None = None, scheduler_file: str | None = None, tls: Mapping[str, str] | None = None) -> Iterator[Any]:
    """A client of a scheduler that is up already; BadParameters where it does not answer, or its workers have another gantutor."""
    import dask
    from distributed import Client, Security

    where = address or scheduler_file
    if scheduler_file and not Path(scheduler_file).is_file():  # Dask would wait for it
        raise BadParameters(f"no Dask scheduler answers at {where} (no such file): start one with `dask scheduler --scheduler-file {where}`")
    security = None
    if tls:
        names = {"ca": "tls_ca_file", "cert": "tls_client_cert", "key": "tls_client_key"}
        security = Security(require_encryption=True, **{names[k]: v for k, v in tls.items()})
    try:
        with dask.config.set(SETTINGS):
            client = Client(address, scheduler_file=scheduler_file, security=security, timeout="20s", set_as_default=False)
    except (OSError, ValueError, TypeError, TimeoutError) as error:
        raise BadParameters(f"no Dask scheduler answers at {where} ({_first(error)}): start one with `dask scheduler`, or check "
                            "address and TLS files") from None  # fmt: skip
    with client:
        for worker, (version, host) in client.run(about).items():
            if version != gantutor.__version__:
                raise BadParameters(f"worker {worker} on {host} has gantutor {version}, this is {gantutor.__version__}: install the same there")
        yield client


def slurm(options: Mapping[str, Any]):
    """A dask-jobqueue SLURMCluster, not yet scaled: each job one worker, each worker one run at a time.

    `options` go to SLURMCluster as they are (queue, account, walltime, memory, job_cpu, job_extra_directives, ...), over
    what Dask's own jobqueue.yaml says. BadParameters where the package is missing or refuses them.
    """
    if not _there("dask_jobqueue"):
        raise BadParameters("--slurm needs dask-jobqueue: pip install 'gantutor[slurm]'")
    import dask
    from dask_jobqueue import SLURMCluster

    makers = (*SLURMCluster.__mro__, *SLURMCluster.job_cls.__mro__)
    known = {name for maker in makers for name in inspect.signature(maker.__init__).parameters}
    for name in options:
        if name not in known:  # asked beforehand: a SLURMCluster that fails half-way leaves itself behind
            raise BadParameters(f"--slurm-option {name!r}: {did_you_mean(name, sorted(known - {'self', 'args', 'kwargs'}))}")
    usual = {"cores": 1, "processes": 1, "memory": "8GB", "walltime": "24:00:00", "job_cpu": 2, "python": sys.executable,
             "scheduler_options": {"dashboard_address": "127.0.0.1:0"}}  # fmt: skip
    try:
        with dask.config.set(SETTINGS):
            # without a memory limit: what a run's kernel holds is watched for each run
            return SLURMCluster(**{**usual, "worker_extra_args": ["--memory-limit", "0"], **options})
    except (TypeError, ValueError) as error:
        raise BadParameters(f"--slurm-option: {_first(error)}") from None


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpus() -> int:
    """GPUs that this process may use, counted without loading torch."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return len([n for n in named.split(",") if n.strip()]) if named is not None else len(glob("/proc/driver/nvidia/gpus/*"))


def room(slots: int) -> float:
    """GiB of memory for each of so many runs at once: nine tenths of what there is."""
    from distributed.system import MEMORY_LIMIT

    return 0.9 * MEMORY_LIMIT / 2**30 / slots


def has_dashboard() -> bool:
    """Whether Dask can draw its dashboard."""
    return _there("bokeh")


def _there(package: str) -> bool:
    from importlib.util import find_spec

    return find_spec(package) is not None


def _first(error: BaseException) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
