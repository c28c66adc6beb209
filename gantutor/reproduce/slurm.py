"""Workers as Slurm jobs, through dask-jobqueue."""

import inspect
import shlex
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gantutor.course.config import BadParameters, did_you_mean
from gantutor.reproduce.cluster import SETTINGS, first_line
from gantutor.reproduce.signals import closing, held


@contextmanager
def slurm_queue(
    options: Mapping[str, Any], folder: Path | None = None, script_only: bool = False
) -> Iterator[Any]:
    """Yield a dask-jobqueue SLURMCluster without jobs yet; each job will be one worker.

    `options` go to SLURMCluster unchanged (queue, account, walltime, memory, job_cpu,
    job_extra_directives, ...) and override Dask's jobqueue.yaml. With `script_only` nothing will
    be submitted. Scheduler and workers authenticate with a new certificate. The workers read it
    from a subfolder of `folder` that only the user can enter and that is removed with the cluster.

    Raises BadParameters if the package or Slurm is missing, or if an option is refused.
    """
    if find_spec("dask_jobqueue") is None:
        raise BadParameters("--slurm needs dask-jobqueue: pip install 'gantutor[slurm]'")
    import dask

    SLURMCluster = _slurm_cluster()
    _check_options(SLURMCluster, options)
    submit_command = SLURMCluster.job_cls.submit_command.split()[0]
    if not script_only and shutil.which(submit_command) is None:
        raise BadParameters(
            f"--slurm: no {submit_command} on the PATH: "
            "run this on a machine of the cluster that can submit jobs"
        )
    if script_only and folder is not None and not folder.exists():
        folder = None
    elif folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    # no memory limit of Dask's own: the memory of each run is watched instead
    extra = ["--memory-limit", "0", "--no-dashboard", "--dashboard-address", "127.0.0.1:0"]
    defaults = {
        "cores": 1,
        "processes": 1,
        "memory": "8GB",
        "walltime": "24:00:00",
        "job_cpu": 2,
        "python": sys.executable,
        "scheduler_options": {"dashboard_address": "127.0.0.1:0"},
        "worker_extra_args": extra,
        "silence_logs": "CRITICAL",
    }
    with dask.config.set(SETTINGS), closing() as stack:
        with held():
            try:
                security = stack.enter_context(_certificate_in(folder))
                queue = SLURMCluster(**{**defaults, "security": security, **options})
            except (TypeError, ValueError, OSError, RuntimeError) as error:
                raise BadParameters(f"--slurm-option: {first_line(error)}") from None
            stack.callback(queue.close)
        yield queue


def _check_options(SLURMCluster: type, options: Mapping[str, Any]) -> None:
    """Raise BadParameters for an option that SLURMCluster does not know.

    Checked beforehand, because a SLURMCluster that fails half-way leaves its scheduler behind.
    """
    makers = (*SLURMCluster.__mro__, *SLURMCluster.job_cls.__mro__)
    known = {name for maker in makers for name in inspect.signature(maker.__init__).parameters}
    for name in options:
        if name not in known:
            hint = did_you_mean(name, sorted(known - {"self", "args", "kwargs"}))
            raise BadParameters(f"--slurm-option {name!r}: {hint}")


def _slurm_cluster() -> type:
    """Import SLURMCluster, and undo its import's handling of Ctrl-C (a silent exit, code 0)."""
    before = signal.getsignal(signal.SIGINT)
    from dask_jobqueue import SLURMCluster

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, before)
    return SLURMCluster


@contextmanager
def _certificate_in(folder: Path | None) -> Iterator[Any]:
    """Yield a Security with a new certificate and key, in files that only their owner can read."""
    from distributed import Security

    made = Security.temporary()
    # the job script does not quote the names of these files
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
    """Submit a SLURMCluster's jobs; raises BadParameters with Slurm's own words if it refuses."""
    from distributed.core import Status

    # the same as its scale(), which would swallow a refusal
    while len(queue.worker_spec) < jobs:
        queue.worker_spec.update(queue.new_worker_spec())

    async def start() -> None:
        await queue

    try:
        queue.sync(start)
    except Exception as error:
        for job in queue.workers.values():
            if job.job_id is None:  # otherwise closing the cluster fails
                job.status = Status.failed
        lines = [line for line in str(error).splitlines() if line.strip()]
        said = lines[lines.index("stderr:") + 1 :] if "stderr:" in lines else lines
        raise BadParameters(
            f"--slurm: the job was refused ({said[0] if said else first_line(error)}): "
            "correct --slurm-option"
        ) from None
