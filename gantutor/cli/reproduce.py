"""`gantutor reproduce`: the runs of many targets, side by side, and the report."""

import os
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from gantutor.cli.base import (
    CellTimeout,
    FirstSeed,
    Fresh,
    Limit,
    Out,
    amount,
    assignments,
    fail,
    not_empty,
    whole_number,
)
from gantutor.cli.report import build_report, fail_for_damage
from gantutor.plain import MAX_SEEDS


def reproduce(
    target: Annotated[
        list[str] | None,
        typer.Argument(
            help='papers ("kddgan"), targets ("kddgan/table1") or rows of tables '
            '("advlatgan/table4:wgangp*"); default: all'
        ),
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "--parameter",
            "-p",
            metavar="NAME=VALUE",
            help="set a parameter in every run that leaves it open; repeat for more",
        ),
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(
            help="the feature net that rows are measured with; the same as -p features=NAME",
            **not_empty("--features"),
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            help="the file of that net, or its folder; "
            "default: $GANTUTOR_WEIGHTS, $GANTUTOR_DATA, ./data",
            **not_empty("--weights", Path),
        ),
    ] = None,
    profile: Annotated[str, typer.Option(help="smoke, class, colab or paper")] = "class",
    seed: Annotated[int, FirstSeed] = 0,
    seeds: Annotated[
        int | None,
        typer.Option(
            help="how many seeds; default: the profile's", **whole_number("--seeds", 1, MAX_SEEDS)
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            help="how many runs at once; default: one per GPU, else 2, or 1 on a single core; "
            "with --scheduler as many as it has workers",
            **whole_number("--jobs", 1, 1024),
        ),
    ] = None,
    out: Out = Path("runs"),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="only list what would run, and for how long")
    ] = False,
    fresh: Fresh = False,
    limit: Limit = None,
    cell_timeout: CellTimeout = None,
    memory: Annotated[
        float | None,
        typer.Option(
            help="GiB that a run may use; default: an equal share of nine tenths of the memory",
            **amount("--memory", "GiB", 2**20),
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(help="address of a running Dask scheduler", **not_empty("--scheduler")),
    ] = None,
    scheduler_file: Annotated[
        str | None,
        typer.Option(help="its scheduler file, instead", **not_empty("--scheduler-file")),
    ] = None,
    tls: Annotated[
        str | None,
        typer.Option(help="ca=FILE,cert=FILE,key=FILE for that scheduler", **not_empty("--tls")),
    ] = None,
    slurm: Annotated[
        bool,
        typer.Option("--slurm", help="use dask-jobqueue: one Slurm job for each of --jobs workers"),
    ] = False,
    slurm_option: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="an option of its SLURMCluster; repeat for more"),
    ] = None,
) -> None:
    """Run the notebooks of targets, and report.

    Runs that are done are skipped, the others go side by side, and the report is written at the
    end. If the command is stopped, the same command continues.
    """
    from gantutor.reproduce import cluster, grid, report
    from gantutor.reproduce.plan import make_plan
    from gantutor.reproduce.progress import tally
    from gantutor.reproduce.slurm import slurm_queue
    from gantutor.reproduce.targets import choose

    try:
        place = _place(scheduler, scheduler_file, tls, slurm, slurm_option)
        gpus, asked = cluster.gpus(), jobs
        jobs = jobs or gpus or min(2, cluster.cores())
        given = assignments("-p", parameter or [])
        if features and "features" in given:
            raise ValueError("-p features and --features: give only one of them")
        given |= {"features": features} if features else {}
        gpu = bool(gpus or place.elsewhere)
        chosen = choose(target or [])
        plan = make_plan(chosen, out, profile, seed, seeds, gpu, given, not place.elsewhere)
        note = plan.check_weights(weights, not place.elsewhere)
        report.check_place(plan.out)
        queued = slurm_queue(place.options, plan.out, dry_run) if slurm else nullcontext()
        with queued as queue:
            todo = [job for job in plan.jobs if fresh or job.kept()[0] is None]
            as_many_as_workers = (scheduler or scheduler_file) and not asked
            at_once = "" if as_many_as_workers else f", {jobs} at once"
            _announce(plan, todo, note, jobs, bool(given), at_once)
            if dry_run:
                _list(plan, todo)
                if queue is not None:
                    print(queue.job_script())
                return
            how = grid.How(
                limit,
                cell_timeout,
                memory=memory or (None if place.elsewhere else cluster.room(jobs)),
                threads=None if place.elsewhere else _threads(jobs),
                gpus=0 if place.elsewhere else gpus,
                fresh=fresh,
                weights=weights and str(weights.resolve()),
                jobs=asked,
                patience=grid.QUEUED if slurm else grid.How.patience,
            )
            with _workers(place, queue, jobs, len(todo)) as client:
                if client.dashboard_link and cluster.has_dashboard():
                    print(f"dashboard: {client.dashboard_link}")
                outcomes = grid.run_plan(plan, client, how)
    except ValueError as error:
        fail(error)
    except cluster.NoWorkers as error:
        fail(error, 1)
    print(tally(outcomes))
    built = build_report(plan.out)
    print(f"report: {built.page}")
    bad = [(label, o) for label, o in outcomes.items() if o.status not in ("ok", "diverged")]
    if bad:
        label, first = bad[0]
        fail(f"{len(bad)} of {len(outcomes)} runs failed; the first: {label}: {first.message}", 1)
    fail_for_damage(built.damage)
    if target and plan.missing and not plan.targets:
        fail(next(iter(plan.missing.values())), 1)


# -- where the runs go ----------------------------------------------------------------------------
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


def _place(
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


def _workers(place: Place, queue, jobs: int, todo: int):
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


def _threads(jobs: int) -> int | None:
    """Threads for each run on this machine; None if OMP_NUM_THREADS says it already."""
    from gantutor.reproduce.cluster import cores

    return None if "OMP_NUM_THREADS" in os.environ else max(1, cores() // jobs)


# -- what is printed ------------------------------------------------------------------------------
def _announce(plan, todo, note: str, jobs: int, changed: bool, at_once: str) -> None:
    """Print what will run, and which targets cannot."""
    minutes = sum(job.minutes for job in todo) / min(jobs, max(len(todo), 1))
    guess = f", about {minutes:.0f} min" + " without -p" * changed if minutes >= 1 else ""
    counted = ", ".join(
        f"{n} {word}{'s' * (n != 1)}"
        for n, word in ((len(plan.targets), "target"), (len(plan.jobs), "run"))
    )
    print(f"{counted}, {len(todo)} to do{guess}{at_once} -> {plan.out}", flush=True)
    for reason, names in plan.reasons().items():
        print(f"  not run  {names}: {reason}")
    if note:
        print(f"  note     {note}")


def _list(plan, todo) -> None:
    """Print each run of a plan, for --dry-run."""
    for job in plan.jobs:
        if job in todo:
            print(f"  would run {job.label}, about {job.minutes:.1f} min")
        else:
            print(f"  kept      {job.label}")
