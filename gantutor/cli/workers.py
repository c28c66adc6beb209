"""Where the runs of `gantutor reproduce` go, by its options."""

import os
from dataclasses import dataclass, field
from typing import Any

from gantutor.cli.base import assignments


@dataclass(frozen=True)
class Place:
    """Where the runs go: a running scheduler, Slurm, or (if neither) this machine."""

    scheduler: str | None = None
    scheduler_file: str | None = None
    tls: dict[str, str] = field(default_factory=dict)
    slurm: bool = False
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def elsewhere(self) -> bool:
        """Whether the runs may be on other machines."""
        return bool(self.scheduler or self.scheduler_file or self.slurm)


def place_of(
    scheduler: str | None,
    scheduler_file: str | None,
    tls: str | None,
    slurm: bool,
    slurm_option: list[str] | None,
) -> Place:
    """Check the options that say where the runs go; raises ValueError."""
    from gantutor.course.config import literal

    if sum(map(bool, (scheduler, scheduler_file, slurm))) > 1:
        raise ValueError("--scheduler, --scheduler-file and --slurm exclude each other: choose one")
    if tls and not (scheduler or scheduler_file):
        raise ValueError(
            "--tls belongs to --scheduler or --scheduler-file: add one of them"
            + ", or leave --tls out: Slurm's workers get a certificate" * slurm
        )
    if slurm_option and not slurm:
        raise ValueError("--slurm-option belongs to --slurm: add --slurm")
    files = assignments("--tls", tls.split(",") if tls else [], ("ca", "cert", "key"))
    texts = assignments("--slurm-option", slurm_option or [])
    options = {name: literal(text) for name, text in texts.items()}
    return Place(scheduler, scheduler_file, files, slurm, options)


def workers(place: Place, queue, jobs: int, todo: int):
    """A context manager that yields the client of the workers for `todo` runs."""
    from gantutor.reproduce import cluster
    from gantutor.reproduce.slurm import submit

    if queue is not None:
        submit(queue, jobs)
        return cluster.connected(queue.scheduler_address, security=queue.security, arrival=None)
    if place.elsewhere:
        # if everything is done, no workers are needed
        arrival = cluster.ARRIVAL if todo else None
        return cluster.connected(place.scheduler, place.scheduler_file, place.tls, arrival=arrival)
    return cluster.local(min(jobs, max(1, todo)))


def threads(jobs: int) -> int | None:
    """Threads for each run on this machine; None if OMP_NUM_THREADS says it already."""
    from gantutor.reproduce.cluster import cores

    return None if "OMP_NUM_THREADS" in os.environ else max(1, cores() // jobs)
