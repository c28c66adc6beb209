"""Dask clients for the grid: workers on this machine, or a scheduler that is already running.

A worker process is one slot and does one run at a time, in a process of its own. The scheduler
keeps no state on disk and needs none: the result files are the truth, and the same command, run
again, continues from them.
"""

import asyncio
import json
import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from glob import glob
from importlib.util import find_spec
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

import gantutor
from gantutor.course.config import BadParameters
from gantutor.reproduce import worker
from gantutor.reproduce.signals import closing, held

# s for a scheduler to answer, for its first worker to arrive, and for its workers to answer
KNOCK, ARRIVAL, ANSWER = 8.0, 14.0, 7.0
SETTINGS = {
    # one task on a worker, the others stay here: a worker that dies takes only one run with it,
    # and Dask does not suspect another run of having killed it
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.scheduler.allowed-failures": 10,
    "distributed.worker.daemon": False,
    "distributed.admin.log-format": "%(message)s",
    # pages without a login: only whether it is alive, not what it does
    "distributed.scheduler.http.routes": ["distributed.http.health", "distributed.http.statics"],
    "distributed.worker.http.routes": ["distributed.http.health"],
}


class NoWorkers(RuntimeError):
    """A grid cannot go on, because its scheduler or all its workers are gone."""


@contextmanager
def local(slots: int) -> Iterator[Any]:
    """Yield a client of `slots` workers on this machine, named 0 to slots - 1.

    They end with this process. They listen on this machine only and, except for a sign of life,
    ask for a certificate, which is made anew each time and stored in no file.
    """
    import dask
    from distributed import Client, LocalCluster, Security

    if find_spec("cryptography") is None:
        raise BadParameters(
            "a grid needs the package cryptography for its certificate: pip install cryptography"
        )
    here = "127.0.0.1:0"
    # start it now: when it starts inside `held`, it lets a thread receive Ctrl-C again
    resource_tracker.ensure_running()
    with dask.config.set(SETTINGS), closing() as stack:
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
            client = stack.enter_context(Client(stack.enter_context(cluster)))
        yield client


# -- a scheduler that is already running ----------------------------------------------------------
@contextmanager
def connected(
    address: str | None = None,
    scheduler_file: str | None = None,
    tls: Mapping[str, str] | None = None,
    security: Any = None,
    arrival: float | None = ARRIVAL,
) -> Iterator[Any]:
    """Yield a client of a running scheduler, given by its address or its scheduler file.

    `tls` names certificate files, `security` is a Dask Security instead. Raises BadParameters,
    within half a minute, if the scheduler does not answer, if it has no worker within `arrival`
    seconds (None: workers may come later), or if a worker does not answer or has no gantutor of
    this version.
    """
    import dask
    from distributed import Client

    if tls:
        security = _security(tls)
    with dask.config.set(SETTINGS):
        where = address or _address(scheduler_file)
        _knock(where, security)
        with closing() as stack:
            with held():
                try:
                    made = Client(where, security=security, timeout=KNOCK, set_as_default=False)
                except (OSError, ValueError, TypeError) as error:
                    raise _silent(where, first_line(error)) from None
                client = stack.enter_context(made)
            _check_workers(client, where, arrival)
            yield client


def _silent(where: str, why: str) -> BadParameters:
    return BadParameters(
        f"no Dask scheduler answers at {where} ({why}): "
        "start one with `dask scheduler`, or check the address and the TLS files"
    )


def _address(scheduler_file: str) -> str:
    """Read the address in a scheduler file; raises BadParameters if there is none."""
    try:
        address = json.loads(Path(scheduler_file).read_text(encoding="utf-8"))["address"]
        if isinstance(address, str):
            return address
        why = "it is not a scheduler file"
    except OSError as error:
        why = "no such file" if isinstance(error, FileNotFoundError) else error.strerror
    except (ValueError, KeyError, TypeError):
        why = "it is not a scheduler file"
    raise BadParameters(
        f"no Dask scheduler answers at {scheduler_file} ({why}): "
        f"start one with `dask scheduler --scheduler-file {scheduler_file}`"
    )


def _security(tls: Mapping[str, str]):
    """Make Dask's Security from the files of --tls.

    Raises BadParameters, with its name, for a file that is missing or not in PEM format.
    """
    from distributed import Security

    for name in ("ca", "cert"):  # the key may be in the certificate's file
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
            f"--tls {files}: not a usable certificate with its key ({first_line(error)}): "
            "expected PEM files"
        ) from None
    return security


def _knock(where: str, security: Any) -> None:
    """Ask the scheduler who it is; raises BadParameters if no scheduler answers in time.

    Dask's own client waits forever if somebody listens at the address but never replies.
    """
    from distributed import rpc

    async def ask() -> dict[str, Any]:
        connection = security.get_connection_args("client") if security else {}
        async with rpc(where, connection_args=connection) as there:
            return await asyncio.wait_for(there.identity(), KNOCK)

    try:
        kind = asyncio.run(ask()).get("type")
    except TimeoutError:
        raise _silent(where, f"no answer within {KNOCK:g} s") from None
    except Exception as error:  # a malformed address or a foreign protocol can raise anything
        raise _silent(where, first_line(error)) from None
    if kind != "Scheduler":
        raise _silent(where, f"a {kind} does")


def _check_workers(client, where: str, arrival: float | None) -> None:
    """Raise BadParameters if there is no worker, or one does not answer or has another version."""
    if arrival is not None:
        try:
            client.wait_for_workers(1, timeout=arrival)
        except TimeoutError:
            raise BadParameters(
                f"the Dask scheduler at {where} has no worker after {arrival:g} s: "
                f"start some with `dask worker {where}`"
            ) from None

    async def ask() -> dict[str, Any]:
        # answered by the workers' event loops, so busy workers answer too
        return await asyncio.wait_for(client.run(worker.about, on_error="return"), ANSWER)

    same = f"install gantutor {gantutor.__version__} there"
    try:
        found = client.sync(ask)
    except TimeoutError:
        raise BadParameters(
            f"a worker of the Dask scheduler at {where} does not answer within {ANSWER:g} s: "
            "end it, or restart it"
        ) from None
    except Exception as error:  # its Python cannot unpickle ours
        raise BadParameters(
            f"a worker of the Dask scheduler at {where} cannot run gantutor "
            f"({first_line(error)}): {same}"
        ) from None
    for name, answer in found.items():
        if isinstance(answer, BaseException):
            why = first_line(answer)
            raise BadParameters(f"worker {name} cannot run gantutor ({why}): {same}")
        version, host = answer
        if version != gantutor.__version__:
            raise BadParameters(
                f"worker {name} on {host} has gantutor {version}, "
                f"this is {gantutor.__version__}: install the same version there"
            )


# -- this machine ---------------------------------------------------------------------------------
def cores() -> int:
    """Number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpus() -> int:
    """Number of GPUs that this process may use, counted without loading torch."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return len([n for n in named.split(",") if n.strip()])
    return len(glob("/proc/driver/nvidia/gpus/*"))


def room(slots: int) -> float:
    """Memory for each of `slots` runs at once, in GiB: together nine tenths of this machine's."""
    from distributed.system import MEMORY_LIMIT

    return 0.9 * MEMORY_LIMIT / 2**30 / slots


def has_dashboard() -> bool:
    """Whether the package that Dask draws its dashboard with is installed."""
    return find_spec("bokeh") is not None


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or its type if the message is empty."""
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
