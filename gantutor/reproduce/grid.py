"""Run the jobs of a plan side by side on Dask's workers.

Killing anything at any time loses no finished run: the same command, run again, continues.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from gantutor.reproduce import worker
from gantutor.reproduce.cluster import NoWorkers
from gantutor.reproduce.outcome import LIMITS, Outcome
from gantutor.reproduce.plan import Job, Plan
from gantutor.reproduce.progress import Progress
from gantutor.reproduce.waiting import Waiting

QUEUED = 7 * 24 * 3600.0  # `patience` in s where a queue such as Slurm's decides when workers start


@dataclass(frozen=True)
class How:
    """How the runs of a grid are run.

    `limit` and `cell_timeout` are the seconds that a whole run (None: the profile's limit) and a
    cell may take; `memory` (GiB) and `threads` are for each run; `gpus` is how many GPUs the
    slots of a machine share. `fresh` runs even what is done; `weights` is the file of the feature
    net. At most `jobs` runs go at once (None: as many as there are workers). After `patience`
    seconds without any worker the grid gives up.
    """

    limit: float | None = None
    cell_timeout: float | None = None
    memory: float | None = None
    threads: int | None = None
    gpus: int = 0
    fresh: bool = False
    weights: str | None = None
    jobs: int | None = None
    patience: float = 600.0


def run_plan(
    plan: Plan,
    client,
    how: How = How(),
    say: Callable[[str], None] = print,
    every: float = 20.0,
    waiting: Waiting | None = None,
) -> dict[str, Outcome]:
    """Do the runs of a plan that are not done, on the workers of a Dask client.

    `waiting` says which may start next; by default all of them, in the plan's order.

    Returns {label: Outcome}. A run that fails stops no other, and one that another command is
    running is waited for. Ctrl-C ends the current runs and is raised again. Raises NoWorkers if
    the scheduler goes away, or if there is no worker for longer than `how.patience`; finished
    runs are never lost.
    """
    _save(plan, say)
    waiting = waiting or Waiting(plan.jobs)
    progress = Progress(waiting.jobs, say, every, waiting.at_most)
    _note_done(how, say, progress, waiting)
    futures: dict[Any, Job] = {}
    slots, asked, last_seen = 0, 0.0, time.monotonic()
    try:
        while (ready := waiting.ready()) or futures:
            if time.monotonic() - asked > 1.0:  # workers come and go
                slots, asked = _slots(client), time.monotonic()
                last_seen = asked if slots else last_seen
                if asked - last_seen > how.patience:
                    raise NoWorkers(
                        f"no worker for {how.patience:.0f} s: start some; {progress.stopped()}"
                    )
            for job in ready:
                if len(futures) >= min(slots, how.jobs or slots):
                    break
                if job.busy():
                    progress.waits(job)
                    continue
                waiting.began(job)
                futures[_submit(client, job, plan, how)] = job
                progress.began(job)
            for future in [f for f in futures if f.done()]:
                job = futures.pop(future)
                outcome = _outcome(future)
                _slots(client)  # raises if the scheduler is gone: then the run has not failed
                if outcome.status == "busy":
                    waiting.again(job)
                    progress.waits(job)
                else:
                    progress.ended(job, outcome)
                    waiting.ended(job, outcome)
            progress.look(waiting.ready, slots)
            time.sleep(0.1)
    except KeyboardInterrupt:
        running = len(futures)
        say(f"stopping {running} run{'s' * (running != 1)} ...")
        _halt(client, futures)
        _wait_for_locks(futures.values())
        say(progress.stopped())
        raise
    except NoWorkers:
        _halt(client, futures)
        raise
    return progress.outcomes


def _save(plan: Plan, say: Callable[[str], None]) -> None:
    try:
        copy = plan.save()
    except OSError as error:  # a full disk: what is done can still be listed
        say(
            f"  plan.json cannot be written ({error.strerror}): "
            "the report will not know which targets were asked for"
        )
        return
    if copy is not None:
        say(f"  plan.json was damaged or not a plan: it is kept as {copy.name}")


def _note_done(how: How, say: Callable[[str], None], progress: Progress, waiting: Waiting) -> None:
    """Tell `progress` and `waiting` which runs have a record already."""
    for job in waiting.jobs:
        done, why = (None, "") if how.fresh else job.kept()
        if done is None:
            if why:
                say(f"  again    {job.label}: {why}")
        else:
            outcome = Outcome(done["status"], done["message"], done["wall_s"], done["step"], True)
            message = "; ".join(filter(None, [outcome.message, why]))
            progress.ended(job, replace(outcome, message=message))
            waiting.ended(job, outcome)


def _submit(client, job: Job, plan: Plan, how: How):
    return client.submit(
        worker.attempt,
        str(job.notebook),
        str(job.folder),
        job.parameters,
        limit=how.limit or LIMITS[plan.profile],
        cell_timeout=how.cell_timeout,
        memory=how.memory,
        threads=how.threads,
        gpus=how.gpus,
        fresh=how.fresh,
        weights=how.weights,
        pure=False,
        retries=1,
    )


def _slots(client) -> int:
    """How many runs the workers can do at once; raises NoWorkers if the scheduler is gone."""
    try:
        if client.status == "running":
            return sum(client.nthreads().values())
    except (OSError, TimeoutError):
        pass
    raise NoWorkers(
        "the Dask scheduler is gone: start it again; no finished run is lost, "
        "and the same command continues"
    )


def _halt(client, futures: Mapping[Any, Job]) -> None:
    """Tell the workers to end these runs, as far as they can still be reached."""

    async def tell() -> None:
        folders = [str(job.folder) for job in futures.values()]
        await asyncio.wait_for(client.run(worker.halt, folders, on_error="ignore"), 5.0)

    with suppress(Exception):
        client.cancel(list(futures))
        client.sync(tell)


def _outcome(future) -> Outcome:
    try:
        return Outcome(**future.result())
    # lost workers and answers that cannot be unpickled, in Dask's own words
    except (Exception, asyncio.CancelledError) as error:
        message = next(iter(str(error).splitlines()), "")
        return Outcome("error", f"{type(error).__name__}: {message}")


def _wait_for_locks(jobs, seconds: float = worker.GRACE + 5) -> None:
    """Wait until these runs have released the locks of their folders."""
    deadline = time.monotonic() + seconds
    while any(job.busy() for job in jobs) and time.monotonic() < deadline:
        time.sleep(0.1)
