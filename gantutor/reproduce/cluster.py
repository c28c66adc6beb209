"""Where the runs of a grid run: Dask workers, of this machine, of a scheduler that is up already, or of Slurm.

One worker process is one slot and does one run at a time: no resources, one thread, a process of its own for each run.
The scheduler keeps no state on disk and needs none: result files are the truth, and the same command goes on.
"""

import asyncio
import inspect
import json
import os
import shlex
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from glob import glob
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import gantutor
from gantutor.course.config import BadParameters, did_you_mean
from gantutor.files import NotOurs, run_folder
from gantutor.reproduce.run import Outcome

GRACE = 20.0  # seconds that a run gets to end by itself
# seconds for a scheduler to answer, for its first worker to come, for its workers to answer
KNOCK, ARRIVAL, ANSWER = 8.0, 14.0, 7.0
# one task on a worker and the others here: a worker that dies takes a single run along, and is suspected of no other
SETTINGS = {
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.scheduler.allowed-failures": 10,
    "distributed.worker.daemon": False,
    "distributed.admin.log-format": "%(message)s",
    # pages that need no login: whether it lives, and nothing of what it does
    "distributed.scheduler.http.routes": ["distributed.http.health", "distributed.http.statics"],
    "distributed.worker.http.routes": ["distributed.http.health"],
}


class NoWorkers(RuntimeError):
    """A grid that cannot go on because its scheduler or all its workers are gone."""


# -- on the worker --------------------------------------------------------------------------------------------------------
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
    """Do one run in a process of its own and watch its time (`limit`, s) and memory (`memory`, GiB of it and its kernel).

    Returns an Outcome as a dict, whatever happens. `threads`: OMP_NUM_THREADS; `gpus`: how many the workers here share;
    `weights`: GANTUTOR_WEIGHTS, outside the parameters because where a checked file lies does not change a number.
    """
    _halted.discard(folder)
    begun, path = time.monotonic(), Path(notebook)
    environment = _environment(threads, gpus, weights)
    try:
        run_folder(folder, path.stem, path)  # its console.log is opened before the run looks
        process = launch(notebook, folder, parameters, limit, cell_timeout, fresh, environment)
    except NotOurs as error:
        return asdict(Outcome("bad_input", str(error)))
    except OSError as error:
        why = f"{error.strerror or error} ({error.filename or folder})"
        return asdict(Outcome("error", f"the run cannot be started: {why}"))
    _running[folder] = process
    verdict, looked = None, begun
    try:
        if folder in _halted:  # while it was started
            process.terminate()
        while process.poll() is None and verdict is None:
            time.sleep(0.1)
            if time.monotonic() - looked < 1.0:
                continue
            looked = time.monotonic()
            if time.monotonic() - begun > limit + 2 * GRACE:
                verdict = Outcome(
                    "timeout",
                    "the run did not stop at its limit and was killed: allow more with --limit",
                )
            elif memory and (used := _memory(process.pid)) > memory:
                verdict = Outcome(
                    "memory",
                    f"the run used {used:.1f} GiB, more than the {memory:.1f} GiB of its slot, and was "
                    "killed: allow more with --memory, or fewer at once with --jobs",
                )
    finally:
        end([process], patience=GRACE if verdict is None else 2.0)
        _running.pop(folder, None)
    wall = round(time.monotonic() - begun, 2)
    if verdict is None:
        verdict = (
            Outcome("interrupted", "stopped: the same command goes on")
            if folder in _halted
            else said(process, folder)
        )
    return asdict(verdict) | {"wall_s": verdict.wall_s or wall}


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
    """Start a run in its own process and process group; its talk goes to console.log or, if not `quiet`, to our standard error."""
    command = [
        sys.executable,
        "-m",
        "gantutor.reproduce.run",
        notebook,
        folder,
        json.dumps(dict(parameters)),
        f"--parent={os.getpid()}",
    ]
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


def said(process: subprocess.Popen, folder: str) -> Outcome:
    """The outcome that a run left on its standard output, or what its silence means."""
    try:
        return Outcome(**json.loads(process.stdout.read().splitlines()[-1]))
    except (ValueError, IndexError, TypeError):
        return Outcome(
            "error",
            f"the run's process ended with exit status {process.returncode}; see {Path(folder) / 'console.log'}",
        )


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


def halt(folders: Iterable[str]) -> None:
    """End this worker's runs in these folders: Dask can forget a task that runs, but not stop it.

    Another command's runs, which may share the worker, go on.
    """
    for folder in folders:
        _halted.add(folder)
        if folder in _running:
            _running[folder].terminate()


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
def held() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait for the end of the block: what is half started ends badly.

    Threads and processes that start in the block, and those that they start later, hear no
    Ctrl-C at all: a terminal sends it to the whole process group, and the command alone decides
    what it means.
    """
    if threading.current_thread() is not threading.main_thread():  # signals are the main thread's
        yield
        return
    came: list[int] = []

    def note(number, frame) -> None:
        came.append(number)

    before = {word: signal.signal(word, note) for word in (signal.SIGINT, signal.SIGTERM)}
    deaf = hasattr(signal, "pthread_sigmask")  # not on Windows
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if deaf else None
    try:
        yield
    finally:
        if deaf:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for word, handler in before.items():
            signal.signal(word, signal.SIG_DFL if handler is None else handler)
        if came:
            signal.raise_signal(came[0])


@contextmanager
def _closing() -> Iterator[ExitStack]:
    """A stack for what a grid opens; it is closed in one go, whatever signal comes meanwhile."""
    things = ExitStack()
    try:
        yield things
    finally:
        with held():
            things.close()


@contextmanager
def local(slots: int) -> Iterator[Any]:
    """A client of `slots` workers on this machine, named 0 to slots - 1; they end with us.

    They are reachable from this machine alone, and by us alone: everything but a sign of life
    asks for a certificate that is made anew each time and that no file keeps.
    """
    import dask
    from distributed import Client, LocalCluster, Security

    if not _there("cryptography"):
        raise BadParameters(
            "a grid needs the package cryptography, for its certificate: pip install cryptography"
        )
    here = "127.0.0.1:0"
    resource_tracker.ensure_running()  # where it starts, it lets a thread hear Ctrl-C again
    with dask.config.set(SETTINGS), _closing() as things:
        with held():
            cluster = LocalCluster(
                n_workers=slots,
                threads_per_worker=1,
                processes=True,
                memory_limit=0,
                host="127.0.0.1",
                dashboard_address=here,
                worker_dashboard_address=here,
                protocol="tls://",
                security=Security.temporary(),
                silence_logs="CRITICAL",
            )
            client = things.enter_context(Client(things.enter_context(cluster)))
        yield client


@contextmanager
def connected(
    address: str | None = None,
    scheduler_file: str | None = None,
    tls: Mapping[str, str] | None = None,
    security: Any = None,
    arrival: float | None = ARRIVAL,
) -> Iterator[Any]:
    """A client of a scheduler that is up, by its address or file, with `tls` files or a `security`.

    BadParameters, within half a minute, where it does not answer, has no worker within `arrival`
    seconds (None: they may come later), or a worker does not answer or has no gantutor of this
    version.
    """
    import dask
    from distributed import Client

    if tls:
        security = _security(tls)
    with dask.config.set(SETTINGS):
        where = address or _address(scheduler_file)
        _knock(where, security)
        with _closing() as things:
            with held():
                try:
                    made = Client(where, security=security, timeout=KNOCK, set_as_default=False)
                except (OSError, ValueError, TypeError) as error:
                    raise _silent(where, _first(error)) from None
                client = things.enter_context(made)
            _check_workers(client, where, arrival)
            yield client


def _silent(where: str, why: str) -> BadParameters:
    return BadParameters(
        f"no Dask scheduler answers at {where} ({why}): "
        "start one with `dask scheduler`, or check address and TLS files"
    )


def _address(scheduler_file: str) -> str:
    """What a scheduler file says; BadParameters where it says nothing."""
    try:
        address = json.loads(Path(scheduler_file).read_text(encoding="utf-8"))["address"]
        if isinstance(address, str):
            return address
        why = "it is no scheduler file"
    except OSError as error:
        why = "no such file" if isinstance(error, FileNotFoundError) else error.strerror
    except (ValueError, KeyError, TypeError):
        why = "it is no scheduler file"
    raise BadParameters(
        f"no Dask scheduler answers at {scheduler_file} ({why}): "
        f"start one with `dask scheduler --scheduler-file {scheduler_file}`"
    )


def _security(tls: Mapping[str, str]):
    """Dask's Security of the files of --tls; BadParameters names one that is missing or no PEM."""
    from distributed import Security

    for name in ("ca", "cert"):  # the key may stand in the certificate's file
        if name not in tls:
            raise BadParameters(f"--tls lacks {name}=FILE: expected ca=FILE,cert=FILE,key=FILE")
    for name, file in tls.items():
        if not Path(file).is_file():
            raise BadParameters(f"--tls {name}={file}: no such file")
    names = {"ca": "tls_ca_file", "cert": "tls_client_cert", "key": "tls_client_key"}
    security = Security(require_encryption=True, **{names[k]: v for k, v in tls.items()})
    try:
        security.get_connection_args("client")
    except (ssl.SSLError, OSError, ValueError) as error:
        files = ",".join(f"{k}={v}" for k, v in tls.items())
        raise BadParameters(
            f"--tls {files}: no certificate that can be used, with its key ({_first(error)}): "
            "expected PEM files"
        ) from None
    return security


def _knock(where: str, security: Any) -> None:
    """Ask who is there, within a time that Dask's client does not keep where nobody replies."""
    from distributed import rpc

    async def ask() -> dict[str, Any]:
        connection = security.get_connection_args("client") if security else {}
        async with rpc(where, connection_args=connection) as there:
            return await asyncio.wait_for(there.identity(), KNOCK)

    try:
        kind = asyncio.run(ask()).get("type")
    except TimeoutError:
        raise _silent(where, f"no answer within {KNOCK:g} s") from None
    except Exception as error:  # whatever nonsense, or somebody who is no scheduler, leads to
        raise _silent(where, _first(error)) from None
    if kind != "Scheduler":
        raise _silent(where, f"a {kind} does")


def _check_workers(client, where: str, arrival: float | None) -> None:
    """BadParameters where no worker comes, one does not answer, or has another gantutor."""
    if arrival is not None:
        try:
            client.wait_for_workers(1, timeout=arrival)
        except TimeoutError:
            raise BadParameters(
                f"the Dask scheduler at {where} has no worker after {arrival:g} s: "
                f"start some with `dask worker {where}`"
            ) from None

    async def ask() -> dict[str, Any]:
        # on the workers' own loops, so that those that are at a run answer too
        return await asyncio.wait_for(client.run(about, on_error="return"), ANSWER)

    same = f"install gantutor {gantutor.__version__} there"
    try:
        found = client.sync(ask)
    except TimeoutError:
        raise BadParameters(
            f"a worker of the Dask scheduler at {where} does not answer within {ANSWER:g} s: "
            "end it, or start it anew"
        ) from None
    except Exception as error:  # what its Python makes of ours
        raise BadParameters(
            f"a worker of the Dask scheduler at {where} cannot run gantutor "
            f"({_first(error)}): {same}"
        ) from None
    for worker, answer in found.items():
        if isinstance(answer, BaseException):
            raise BadParameters(f"worker {worker} cannot run gantutor ({_first(answer)}): {same}")
        version, host = answer
        if version != gantutor.__version__:
            raise BadParameters(
                f"worker {worker} on {host} has gantutor {version}, "
                f"this is {gantutor.__version__}: install the same there"
            )


@contextmanager
def slurm(
    options: Mapping[str, Any], folder: Path | None = None, script_only: bool = False
) -> Iterator[Any]:
    """A dask-jobqueue SLURMCluster, not yet scaled: each job one worker, each worker one run at a time.

    `options` go to SLURMCluster as they are (queue, account, walltime, memory, job_cpu, job_extra_directives, ...), over
    what Dask's own jobqueue.yaml says. Scheduler and workers talk by a certificate made anew; the
    workers read it in a folder inside `folder` that is the user's alone and goes with the cluster.
    `script_only`: nothing is to be submitted.
    BadParameters where the package or Slurm is missing, or an option is refused.
    """
    if not _there("dask_jobqueue"):
        raise BadParameters("--slurm needs dask-jobqueue: pip install 'gantutor[slurm]'")
    import dask

    SLURMCluster = _slurm_cluster()
    makers = (*SLURMCluster.__mro__, *SLURMCluster.job_cls.__mro__)
    known = {name for maker in makers for name in inspect.signature(maker.__init__).parameters}
    for name in options:
        if (
            name not in known
        ):  # asked beforehand: a SLURMCluster that fails half-way leaves itself behind
            raise BadParameters(
                f"--slurm-option {name!r}: {did_you_mean(name, sorted(known - {'self', 'args', 'kwargs'}))}"
            )
    submit = SLURMCluster.job_cls.submit_command.split()[0]
    if not script_only and shutil.which(submit) is None:
        raise BadParameters(
            f"--slurm: no {submit} on the PATH: "
            "run this on a machine of the cluster that submits jobs"
        )
    if script_only and folder is not None and not folder.exists():
        folder = None
    elif folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    usual = {
        "cores": 1,
        "processes": 1,
        "memory": "8GB",
        "walltime": "24:00:00",
        "job_cpu": 2,
        "python": sys.executable,
        "scheduler_options": {"dashboard_address": "127.0.0.1:0"},
    }
    # without a memory limit: what a run's kernel holds is watched for each run
    extra = ["--memory-limit", "0", "--no-dashboard", "--dashboard-address", "127.0.0.1:0"]
    usual |= {"worker_extra_args": extra, "silence_logs": "CRITICAL"}
    with dask.config.set(SETTINGS), _closing() as things:
        with held():
            try:
                security = things.enter_context(_certificate_in(folder))
                queue = SLURMCluster(**{**usual, "security": security, **options})
            except (TypeError, ValueError, OSError, RuntimeError) as error:
                raise BadParameters(f"--slurm-option: {_first(error)}") from None
            things.callback(queue.close)
        yield queue


@contextmanager
def _certificate_in(folder: Path | None) -> Iterator[Any]:
    """A new certificate and its key, as files that their owner alone can read."""
    from distributed import Security

    made = Security.temporary()
    # Slurm's script names the files unquoted
    if folder is not None and shlex.quote(str(folder)) != str(folder):
        folder = Path.home()
    with tempfile.TemporaryDirectory(
        prefix=".tls-", dir=folder, ignore_cleanup_errors=True
    ) as place:
        files = {"cert": made.tls_worker_cert, "key": made.tls_worker_key}
        for name, text in files.items():
            path = Path(place, f"{name}.pem").resolve()
            path.touch(mode=0o600)
            path.write_text(text, encoding="utf-8")
            files[name] = str(path)
        roles = {
            f"tls_{role}_{name}": file
            for role in ("client", "scheduler", "worker")
            for name, file in files.items()
        }
        yield Security(require_encryption=True, tls_ca_file=files["cert"], **roles)


def submit(queue, jobs: int) -> None:
    """Submit a SLURMCluster's jobs; BadParameters in Slurm's own words where it takes none."""
    from distributed.core import Status

    # what its scale() does, but that keeps a refusal to itself
    while len(queue.worker_spec) < jobs:
        queue.worker_spec.update(queue.new_worker_spec())

    async def start() -> None:
        await queue

    try:
        queue.sync(start)
    except Exception as error:
        for job in queue.workers.values():
            if job.job_id is None:  # or closing the cluster stumbles over it
                job.status = Status.failed
        lines = [line for line in str(error).splitlines() if line.strip()]
        said = lines[lines.index("stderr:") + 1 :] if "stderr:" in lines else lines
        raise BadParameters(
            f"--slurm: the job was refused ({said[0] if said else _first(error)}): "
            "mend --slurm-option"
        ) from None


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpus() -> int:
    """GPUs that this process may use, counted without loading torch."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return (
        len([n for n in named.split(",") if n.strip()])
        if named is not None
        else len(glob("/proc/driver/nvidia/gpus/*"))
    )


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


def _slurm_cluster() -> type:
    """dask-jobqueue's SLURMCluster; its import would make Ctrl-C a silent exit, with status 0."""
    heard = signal.getsignal(signal.SIGINT)
    from dask_jobqueue import SLURMCluster

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, heard)
    return SLURMCluster


def _first(error: BaseException) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
