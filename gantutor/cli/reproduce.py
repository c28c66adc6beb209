"""`gantutor reproduce`: the runs of many targets, side by side, and the report."""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from gantutor.cli.base import (
    CellTimeout,
    FirstSeed,
    Fresh,
    Limit,
    Out,
    amount,
    assignments,
    duration,
    fail,
    not_empty,
    whole_number,
)
from gantutor.cli.listing import announce, decided, listed, out_of_time
from gantutor.cli.report import build_report, fail_for_damage
from gantutor.cli.workers import place_of, threads, workers
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
    until_decided: Annotated[
        bool,
        typer.Option(
            "--until-decided",
            help="add seeds until the targets' claims are decided: looks at 3, 5, 8, 12, 20, 30 "
            "seeds, which together err as often as one",
        ),
    ] = False,
    max_seeds: Annotated[
        int | None,
        typer.Option(
            help="the most seeds, and the last look, of --until-decided; default: 30",
            **whole_number("--max-seeds", 3, MAX_SEEDS),
        ),
    ] = None,
    within: Annotated[
        float | None,
        typer.Option(
            help="begin no run that would not end in this time, such as 90s, 30m or 1h30m",
            **duration("--within"),
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
        bool,
        typer.Option(
            "--dry-run", help="only list what would run, for how long, and what it can decide"
        ),
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
    end. If the command is stopped, the same command continues. With --until-decided the next seeds
    go where a claim is nearest to being decided.
    """
    from gantutor.reproduce import cluster, grid, report
    from gantutor.reproduce.progress import tally
    from gantutor.reproduce.slurm import slurm_queue
    from gantutor.reproduce.targets import choose
    from gantutor.reproduce.waiting import Deadline

    deadline = Deadline(within)
    try:
        check_looks(until_decided, max_seeds, seeds, fresh)
        place = place_of(scheduler, scheduler_file, tls, slurm, slurm_option)
        gpus, asked = cluster.gpus(), jobs
        jobs = jobs or gpus or min(2, cluster.cores())
        given = assignments("-p", parameter or [])
        if features and "features" in given:
            raise ValueError("-p features and --features: give only one of them")
        given |= {"features": features} if features else {}
        gpu = bool(gpus or place.elsewhere)
        chosen = choose(target or [])
        plan = _plan(
            until_decided and (max_seeds or 30),
            chosen,
            out=out,
            profile=profile,
            seed=seed,
            seeds=seeds,
            gpu=gpu,
            given=given,
            here=not place.elsewhere,
        )
        note = plan.check_weights(weights, not place.elsewhere)
        report.check_place(plan.out)
        queued = slurm_queue(place.options, plan.out, dry_run) if slurm else nullcontext()
        with queued as queue:
            todo = [job for job in plan.jobs if fresh or job.kept()[0] is None]
            as_many_as_workers = (scheduler or scheduler_file) and not asked
            at_once = "" if as_many_as_workers else f", {jobs} at once"
            announce(plan, todo, note, jobs, bool(given), at_once)
            if dry_run:
                listed(plan, todo)
                if queue is not None:
                    print(queue.job_script())
                return
            how = grid.How(
                limit,
                cell_timeout,
                memory=memory or (None if place.elsewhere else cluster.room(jobs)),
                threads=None if place.elsewhere else threads(jobs),
                gpus=0 if place.elsewhere else gpus,
                fresh=fresh,
                weights=weights and str(weights.resolve()),
                jobs=asked,
                patience=grid.QUEUED if slurm else grid.How.patience,
            )
            waiting = _waiting(plan, deadline)
            with workers(place, queue, jobs, len(todo)) as client:
                if client.dashboard_link and cluster.has_dashboard():
                    print(f"dashboard: {client.dashboard_link}")
                outcomes = grid.run_plan(plan, client, how, waiting=waiting)
    except ValueError as error:
        fail(error)
    except cluster.NoWorkers as error:
        fail(error, 1)
    print(tally(outcomes))
    built = build_report(plan.out)
    print(f"report: {built.page}")
    if plan.looks:
        decided(waiting, plan.out, list(plan.targets))
    else:
        out_of_time(waiting)
    bad = [(label, o) for label, o in outcomes.items() if o.status not in ("ok", "diverged")]
    if bad:
        label, first = bad[0]
        fail(f"{len(bad)} of {len(outcomes)} runs failed; the first: {label}: {first.message}", 1)
    fail_for_damage(built.damage)
    if target and plan.missing and not plan.targets:
        fail(next(iter(plan.missing.values())), 1)


def check_looks(until_decided: bool, max_seeds: int | None, seeds: int | None, fresh: bool) -> None:
    """Raise ValueError for options that do not go with --until-decided, or need it."""
    if max_seeds is not None and not until_decided:
        raise ValueError(
            f"--max-seeds {max_seeds} belongs to --until-decided: add it, or give --seeds"
        )
    if not until_decided:
        return
    if seeds is not None:
        raise ValueError(
            f"--seeds {seeds} and --until-decided: the looks decide how many; give --max-seeds"
        )
    if fresh:
        raise ValueError(
            "--fresh and --until-decided: seeds that were judged are not drawn again; "
            "take another --out"
        )


def _plan(most: int, targets, seeds: int | None, **given):
    """The plan of a fixed number of seeds or, where `most` is not 0, of looks up to so many."""
    if not most:
        from gantutor.reproduce.plan import make_plan

        plan = make_plan(targets, seeds=seeds, **given)
        plan.check_schedule()
        return plan
    from gantutor.reproduce.until import plan_looks
    from gantutor.statistics import looks

    return plan_looks(targets, looks(most), **given)


def _waiting(plan, deadline):
    from gantutor.reproduce.until import UntilDecided
    from gantutor.reproduce.waiting import Waiting

    return UntilDecided(plan, deadline) if plan.looks else Waiting(plan.jobs, deadline)
