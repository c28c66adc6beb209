"""The command line: gantutor run, reproduce, report, targets, lab, data. What is wrong with an input is said in one sentence."""

import sys

try:
    import math
    import os
    import signal
    import threading
    import time
    from collections.abc import Callable
    from contextlib import contextmanager, nullcontext, suppress
    from pathlib import Path
    from typing import Annotated, Any, NoReturn

    import typer
    from typer.core import TyperGroup

    from gantutor.plain import MAX_SEED, MAX_SEEDS
except KeyboardInterrupt:  # reading all that is half of what a short command takes
    print("gantutor: stopped", file=sys.stderr)
    sys.exit(130)


class Commands(TyperGroup):
    """Commands that Ctrl-C ends with a sentence."""

    def make_context(self, *arguments, **more):
        with stoppable():
            return super().make_context(*arguments, **more)

    def invoke(self, ctx):
        with stoppable():
            return super().invoke(ctx)


@contextmanager
def stoppable():
    try:
        yield
    except KeyboardInterrupt:
        fail("stopped; the same command goes on", 130)


app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    cls=Commands,
    help="Run the course's notebooks, reproduce the papers' figures and tables, and report.",
)

YEAR = 366 * 24 * 3600


def fail(message: object, code: int = 2) -> NoReturn:
    """One sentence on stderr, and out."""
    print(f"gantutor: {message}", file=sys.stderr)
    raise typer.Exit(code)


def amount(option: str, unit: str, most: float) -> dict[str, Any]:
    """For typer.Option: a number above 0 and at most `most`; others are refused in a sentence."""

    def number(text: str | float) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not value > 0:
            fail(f"{option} {text}: expected {unit} above 0")
        if value > most:
            fail(f"{option} {text}: expected at most {most:,.0f} {unit}")
        return value

    return {"parser": number, "metavar": "NUMBER"}


def whole(option: str, least: int, most: int) -> dict[str, Any]:
    """For typer.Option: an integer from `least` to `most`."""

    def number(text: str | int) -> int:
        digits = str(text).removeprefix("-")
        value = int(text) if digits.isascii() and digits.isdigit() and len(digits) < 30 else None
        if value is None or value < least:
            fail(f"{option} {text}: expected an integer of at least {least}")
        if value > most:
            fail(f"{option} {text}: expected at most {most:,}")
        return value

    return {"parser": number, "metavar": "INTEGER"}


def said(option: str, kind: Callable[[str], Any] = str) -> dict[str, Any]:
    """For typer.Option: a text or path that is not empty, as an unset shell variable makes it."""

    def text(given: str) -> Any:
        if not str(given).strip():
            fail(f"{option} {str(given)!r} is empty: leave it out, or say a value")
        return kind(given)

    return {"parser": text, "metavar": "PATH" if kind is Path else "TEXT"}


Out = Annotated[
    Path, typer.Option("--out", help="folder for records and report", **said("--out", Path))
]
Limit = Annotated[
    float | None,
    typer.Option(
        "--limit", help="seconds that a whole run may take", **amount("--limit", "seconds", YEAR)
    ),
]
Fresh = Annotated[bool, typer.Option("--fresh", help="run again what is done")]
CellTimeout = Annotated[
    float | None,
    typer.Option(
        "--cell-timeout",
        help="seconds that a cell may take",
        **amount("--cell-timeout", "seconds", YEAR),
    ),
]
FirstSeed = typer.Option("--seed", help="the first seed", **whole("--seed", 0, MAX_SEED))


@app.command()
def run(
    notebook: Annotated[
        str,
        typer.Argument(help='a stem ("01_plane"), a number ("01") or the path of an .ipynb file'),
    ],
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", "-p", metavar="NAME=VALUE", help="again for each"),
    ] = None,
    profile: Annotated[str | None, typer.Option(help="smoke, class, colab or paper")] = None,
    seed: Annotated[int | None, FirstSeed] = None,
    seeds: Annotated[
        int | None, typer.Option(help="how many seeds", **whole("--seeds", 1, MAX_SEEDS))
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="folder for the record; default runs/<notebook>-<hash>",
            **said("--out", Path),
        ),
    ] = None,
    limit: Limit = None,
    cell_timeout: CellTimeout = None,
    fresh: Fresh = False,
) -> None:
    """Run one notebook with checked parameters; keeps result, executed notebook and log."""
    from gantutor.course.lessons import LESSONS, find_notebook
    from gantutor.course.records import parameter_hash
    from gantutor.files import run_folder
    from gantutor.reproduce import cluster, grid
    from gantutor.reproduce.ready import ready
    from gantutor.reproduce.run import EXIT, check, typed, writable

    given = {
        k: v for k, v in {"profile": profile, "seed": seed, "seeds": seeds}.items() if v is not None
    }
    try:
        texts = _pairs("-p", parameter or [])
        if "out" in texts:
            raise ValueError("-p out: say it with --out")
        for name in texts.keys() & given.keys():
            raise ValueError(f"-p {name} and --{name}: one of them says it")
        path = find_notebook(notebook)
        parameters = check(path, {**typed(path, texts), **given})
        if path.stem in LESSONS:
            ready(parameters)
        out = out or Path("runs") / f"{path.stem}-{parameter_hash(parameters)}"
        folder = run_folder(out, path.stem, path)
        writable(folder)
    except (ValueError, FileNotFoundError) as error:
        fail(error)
    if "out" in parameters:
        parameters["out"] = str(folder)
    job = grid.Job(path, parameters, folder, path.stem, 0.0)
    done, why = (None, "") if fresh else job.kept()
    if done is not None:
        print(f"kept: {folder} holds this run" + (f"; {why}" if why else ""))
        raise typer.Exit(EXIT.get(done["status"], 1))
    print(f"{path.stem} -> {folder}" + (f" again: {why}" if why else ""), flush=True)
    process = cluster.launch(
        str(path), str(folder), parameters, limit, cell_timeout, fresh, quiet=False
    )
    try:
        process.wait()
    except KeyboardInterrupt:
        cluster.end([process])
        raise
    outcome = cluster.said(process, str(folder))
    if outcome.status != "ok":
        fail(
            f"{path.stem} ended with {outcome.status}: {outcome.message}",
            EXIT.get(outcome.status, 1),
        )
    print(f"ok: {folder / 'result.json'}")


@app.command()
def reproduce(
    target: Annotated[
        list[str] | None,
        typer.Argument(
            help='papers ("kddgan"), targets ("kddgan/table1") or rows of theirs '
            '("advlatgan/table4:wgangp*"); none: all'
        ),
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "--parameter",
            "-p",
            metavar="NAME=VALUE",
            help="for every run that leaves it open, again for each",
        ),
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(
            help="the net behind the measures of rows: -p features=inception and so on",
            **said("--features"),
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            help="its file, or the folder of that; default: $GANTUTOR_WEIGHTS, $GANTUTOR_DATA, ./data",
            **said("--weights", Path),
        ),
    ] = None,
    profile: Annotated[str, typer.Option(help="smoke, class, colab or paper")] = "class",
    seed: Annotated[int, FirstSeed] = 0,
    seeds: Annotated[
        int | None,
        typer.Option(
            help="how many seeds; default: the profile's", **whole("--seeds", 1, MAX_SEEDS)
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            help="runs at once; default: one for each GPU, or 2, or 1 on a single core; "
            "with --scheduler as many as it has workers",
            **whole("--jobs", 1, 1024),
        ),
    ] = None,
    out: Out = Path("runs"),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="only say what would run, and how long")
    ] = False,
    fresh: Fresh = False,
    limit: Limit = None,
    cell_timeout: CellTimeout = None,
    memory: Annotated[
        float | None,
        typer.Option(
            help="GiB that a run may use; default: its share of nine tenths",
            **amount("--memory", "GiB", 2**20),
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(help="address of a Dask scheduler that is up", **said("--scheduler")),
    ] = None,
    scheduler_file: Annotated[
        str | None, typer.Option(help="its scheduler file", **said("--scheduler-file"))
    ] = None,
    tls: Annotated[
        str | None,
        typer.Option(help="ca=FILE,cert=FILE,key=FILE for that scheduler", **said("--tls")),
    ] = None,
    slurm: Annotated[
        bool,
        typer.Option("--slurm", help="a Slurm job for each of --jobs workers, by dask-jobqueue"),
    ] = False,
    slurm_option: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="for its SLURMCluster, again for each"),
    ] = None,
) -> None:
    """Run the targets' notebooks side by side, skipping what is done, and write the report."""
    from gantutor.course.config import literal
    from gantutor.reproduce import cluster, grid, report
    from gantutor.reproduce.targets import choose

    gpus, asked = cluster.gpus(), jobs
    jobs = (gpus or min(2, cluster.cores())) if jobs is None else jobs
    if sum(map(bool, (scheduler, scheduler_file, slurm))) > 1:
        fail("--scheduler, --scheduler-file and --slurm exclude each other: name one")
    if tls and not (scheduler or scheduler_file):
        fail(
            "--tls belongs to --scheduler or --scheduler-file: name one"
            + ", or leave --tls out: Slurm's workers get a certificate" * slurm
        )
    if slurm_option and not slurm:
        fail("--slurm-option belongs to --slurm: add that")
    elsewhere = bool(scheduler or scheduler_file or slurm)
    try:
        given = _pairs("-p", parameter or [])
        if features and "features" in given:
            raise ValueError("-p features and --features: one of them says it")
        given |= {"features": features} if features else {}
        gpu = bool(gpus or elsewhere)
        chosen = choose(target or [])
        plan = grid.make_plan(chosen, out, profile, seed, seeds, gpu, given, not elsewhere)
        note = plan.check_weights(weights, not elsewhere)
        report.check_place(plan.out)
        files = _pairs("--tls", tls.split(",") if tls else [], ("ca", "cert", "key"))
        options = {
            name: literal(text)
            for name, text in _pairs("--slurm-option", slurm_option or []).items()
        }
        with cluster.slurm(options, plan.out, dry_run) if slurm else nullcontext() as queue:
            todo = [job for job in plan.jobs if fresh or job.kept()[0] is None]
            _announce(
                plan,
                todo,
                note,
                jobs,
                bool(given),
                "" if (scheduler or scheduler_file) and not asked else f", {jobs} at once",
            )
            if dry_run:
                for job in plan.jobs:
                    print(
                        f"  {'would run' if job in todo else 'kept':9s} {job.label}"
                        + (f", about {job.minutes:.1f} min" if job in todo else "")
                    )
                if queue is not None:
                    print(queue.job_script())
                return
            if queue is not None:
                cluster.submit(queue, jobs)
                workers = cluster.connected(
                    queue.scheduler_address, security=queue.security, arrival=None
                )
            elif elsewhere:  # a folder that is done needs no workers
                workers = cluster.connected(
                    scheduler, scheduler_file, files, arrival=cluster.ARRIVAL if todo else None
                )
            else:
                workers = cluster.local(min(jobs, max(1, len(todo))))
            share = memory or (None if elsewhere else cluster.room(jobs))
            threads = (
                None
                if elsewhere or "OMP_NUM_THREADS" in os.environ
                else max(1, cluster.cores() // jobs)
            )
            how = grid.How(
                limit,
                cell_timeout,
                share,
                threads,
                0 if elsewhere else gpus,
                fresh,
                weights and str(weights.resolve()),
                asked,
                grid.QUEUED if slurm else grid.How.patience,
            )
            with workers as client:
                if client.dashboard_link and cluster.has_dashboard():
                    print(f"dashboard: {client.dashboard_link}")
                outcomes = grid.run_plan(plan, client, how)
    except ValueError as error:
        fail(error)
    except cluster.NoWorkers as error:
        fail(error, 1)
    print(grid.tally(outcomes))
    built = _built(report, plan.out)
    print(f"report: {built.page}")
    bad = [(label, o) for label, o in outcomes.items() if o.status not in ("ok", "diverged")]
    if bad:
        fail(
            f"{len(bad)} of {len(outcomes)} runs failed; the first: {bad[0][0]}: {bad[0][1].message}",
            1,
        )
    _damage(built.damage)
    if target and plan.missing and not plan.targets:
        fail(next(iter(plan.missing.values())), 1)


def _announce(plan, todo, note: str, jobs: int, changed: bool, at_once: str) -> None:
    """Say what will run, and what will not."""
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


def _pairs(option: str, texts: list[str], names: tuple[str, ...] = ()) -> dict[str, str]:
    """NAME=VALUE texts; ValueError quotes a text that is none."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name or (names and name not in names):
            raise ValueError(
                f"{option} {text!r}: expected NAME=VALUE"
                + (f" with NAME among {', '.join(names)}" if names else "")
            )
        if not value.strip():
            raise ValueError(f"{option} {text!r}: the value is empty: leave it out for the default")
        if name in found:
            raise ValueError(f"{option} {name} is given twice: {found[name]!r} and {value!r}")
        found[name] = value
    return found


@app.command()
def report(
    out: Out = Path("runs"),
    export: Annotated[
        Path | None,
        typer.Option(
            help="all values, the papers' beside those of the same measure, as a .csv or .parquet file"
        ),
    ] = None,
) -> None:
    """Write report.html and report.csv from the records in a folder."""
    from gantutor.reproduce import records
    from gantutor.reproduce import report as pages

    if not out.is_dir():
        fail(f"no folder {out}: `gantutor reproduce --out {out}` makes it")
    if export is not None:  # first: it may lie where there is room
        try:
            print(records.export(out, export))
        except ValueError as error:
            fail(error)
        except OSError as error:
            fail(f"{export} cannot be written ({error.strerror or error}): choose another place")
    built = _built(pages, out)
    print(built.page)
    _damage(built.damage)


def _damage(found: list[str]) -> None:
    """Name damaged files; the report holds the rest."""
    for words in found[:20]:
        print(f"gantutor: {words}", file=sys.stderr)
    if found:
        fail(f"the report is whole but for {len(found)} damaged file{'s' * (len(found) != 1)}", 1)


def _built(report, out: Path):
    """Write the report; where that cannot be, the sentence says that nothing is lost."""
    from gantutor.files import NotOurs

    try:
        return report.build(out)
    except NotOurs as error:
        fail(error, 1)
    except OSError as error:
        fail(
            f"the report cannot be written into {out} ({error.strerror}); no run is lost: make room, or copy the folder to where there is, "
            "and say `gantutor report --out FOLDER`",
            1,
        )


@app.command()
def targets(
    paper: Annotated[
        str | None, typer.Option(help="adaptivemix, kddgan, advlatgan or course")
    ] = None,
    profile: Annotated[
        str, typer.Option(help="for minutes and needs: smoke, class, colab or paper")
    ] = "class",
    as_json: Annotated[bool, typer.Option("--json", help="for machines, with all claims")] = False,
) -> None:
    """List the targets: which figure or row of which paper, how many minutes, and what is lacking here."""
    from dataclasses import asdict

    from gantutor.course.config import PROFILE_NAMES, did_you_mean
    from gantutor.reproduce.cluster import gpus
    from gantutor.reproduce.targets import ALL, absent

    names = list(dict.fromkeys(t.name.split("/")[0] for t in ALL))
    if paper not in (None, *names):
        fail(f"--paper {paper!r}: {did_you_mean(paper, names)}")
    if profile not in PROFILE_NAMES:
        fail(f"unknown profile {profile!r}: {did_you_mean(profile, PROFILE_NAMES)}")
    gpu = gpus() > 0
    chosen = [t for t in ALL if paper in (None, t.name.split("/")[0])]
    if as_json:
        import json

        listed = [
            {
                **asdict(t),
                "minutes": {p: t.minutes(p) for p in PROFILE_NAMES},
                "absent": absent(t, profile, gpu),
            }
            for t in chosen
        ]
        print(json.dumps(listed, indent=1))
        return
    width = max(len(t.name) for t in chosen)
    print(
        f"{'target':{width}s}  minutes  what (profile {profile}, 3 seeds; targets that share runs share their minutes)"
    )
    for t in chosen:
        lacks = absent(t, profile, gpu)
        minutes = "" if t.not_yet else f"{t.minutes(profile):.1f}"
        print(f"{t.name:{width}s}  {minutes:>7s}  {t.title}" + (f"  [{lacks}]" if lacks else ""))
    here = sum(absent(t, profile, gpu) is None for t in chosen)
    print(f"{here} of {len(chosen)} run here")


@app.command()
def build(
    notebook: Annotated[
        list[str] | None,
        typer.Argument(help="stems, numbers or paths, as for `run`; none: the whole course"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="folder; default build, or site with --site", **said("--out", Path)
        ),
    ] = None,
    student: Annotated[bool, typer.Option("--student", help="exercises open")] = False,
    solution: Annotated[bool, typer.Option("--solution", help="exercises solved")] = False,
    instructor: Annotated[
        bool,
        typer.Option("--instructor", help="solved, with expected answers, symptoms and minutes"),
    ] = False,
    clean: Annotated[
        bool, typer.Option("--clean", help="headings and code alone, to recall a lesson")
    ] = False,
    site: Annotated[
        bool, typer.Option("--site", help="instead: a static site of the executed notebooks")
    ] = False,
    profile: Annotated[str, typer.Option(help="for --site: of its runs")] = "class",
    runs: Annotated[
        Path,
        typer.Option(help="for --site: a folder of runs; notebooks without a run there are run"),
    ] = Path("runs"),
) -> None:
    """Make versions of notebooks from their sources (all four versions where no option names one), or a site to read before installing."""
    from gantutor.course import versions
    from gantutor.course.lessons import find_notebook
    from gantutor.reproduce.run import writable

    out, asked = (
        out or Path("site" if site else "build"),
        {"student": student, "solution": solution, "instructor": instructor, "clean": clean},
    )
    chosen = [name for name, wanted in asked.items() if wanted] or list(asked)
    try:
        if site and any(asked.values()):
            raise ValueError(f"--site and --{chosen[0]} exclude each other: two commands do it")
        sources = [find_notebook(name) for name in notebook] if notebook else versions.course()
        if not site:
            for version, files in versions.build(sources, out, chosen).items():
                print(
                    f"{version:10s} {len(files)} notebook{'s' * (len(files) > 1)} in {out / version}"
                )
            return
        from gantutor.reproduce.site import pages

        pages.check_place(out, sources)  # before the minutes of a run, not after
        writable(out)
        failed = pages.build(sources, out, profile, runs, lambda line: print(line, flush=True))
    except ValueError as error:
        fail(error)
    except ModuleNotFoundError as error:
        fail(
            f"{(error.name or 'a package').split('.')[0]} is not installed: pip install 'gantutor[site]'"
        )
    except OSError as error:  # a full disk, a folder that cannot be written
        if error.errno is None:  # no notebook of that name, in our words
            fail(error)
        what = f"{error.filename or out} cannot be written ({error.strerror})"
        fail(f"{what}: choose another folder with --out")
    if failed:
        fail(failed, 1)
    print(f"site: {out / 'index.html'}")


@app.command()
def check(
    notebooks: Annotated[
        list[Path], typer.Argument(help="handed-in .ipynb files, or folders of them")
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="one JSON object a line for each notebook")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="marks as .csv, one row for each student and exercise",
            **said("--out", Path),
        ),
    ] = None,
    seconds: Annotated[
        float,
        typer.Option(help="that an exercise may take", **amount("--seconds", "seconds", 24 * 3600)),
    ] = 20.0,
    memory: Annotated[
        float,
        typer.Option(
            help="GiB that an exercise may use, beside Python and torch",
            **amount("--memory", "GiB", 2**20),
        ),
    ] = 4.0,
    jobs: Annotated[int, typer.Option(help="exercises at once", **whole("--jobs", 1, 256))] = 2,
) -> None:
    """Grade handed-in notebooks: each exercise runs in a process of its own with limits, and its answers are compared here."""
    import json

    from gantutor.course.grader import grade
    from gantutor.files import ours
    from gantutor.reproduce.run import writable

    if out is not None and out.suffix != ".csv":
        fail(f"--out {out}: expected a name that ends in .csv")
    try:
        paths = grade.notebooks(notebooks)
        if out is not None:
            writable(out.resolve().parent)
            ours(out, ",".join(grade.COLUMNS))  # said before the minutes of grading, not after
        done = []
        for graded in grade.grade(paths, grade.Limits(seconds, memory), jobs):
            done.append(graded)
            print(
                json.dumps(graded.as_json(), ensure_ascii=False) if as_json else graded.as_text(),
                flush=True,
            )
        if out is not None:
            grade.write_marks(out, done)
    except ValueError as error:
        fail(error)
    except OSError as error:
        fail(f"{error.filename or out}: {error.strerror or error}", 1)
    unknown = [g for g in done if g.submission.problem]
    if unknown:
        fail(
            f"{len(unknown)} of {len(done)} files could not be graded: {unknown[0].submission.problem}"
        )


@app.command(context_settings={"allow_extra_args": True})
def lab(
    ctx: typer.Context,
    as_app: Annotated[
        bool,
        typer.Option(
            "--app",
            help="notebook 12 alone by Voila, for a lecture screen: no code, one kernel a visitor",
        ),
    ] = False,
    profile: Annotated[
        str, typer.Option(help="of the app: how long its labs train before they are shown")
    ] = "smoke",
    port: Annotated[
        int | None,
        typer.Option(
            help="default: 8888 or the next free one; with --app 8866", **whole("--port", 1, 65535)
        ),
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="only say the address")] = False,
) -> None:
    """Open the notebooks in JupyterLab, for this machine alone and with a token; what follows -- goes to Jupyter, or with --app to Voila."""
    import secrets
    import subprocess
    from contextlib import ExitStack
    from importlib.util import find_spec

    from gantutor.course.lessons import find_notebook
    from gantutor.files import scratch
    from gantutor.reproduce.run import check

    module, name = ("voila", "Voila") if as_app else ("jupyterlab", "JupyterLab")
    if find_spec(module) is None:
        fail(f"{name} is not installed: pip install 'gantutor[lab]'")
    try:
        notebook = find_notebook("12")
        check(notebook, {"profile": profile})
    except (ValueError, FileNotFoundError) as error:
        fail(error)
    with ExitStack() as stack:
        if as_app:
            here = _with_profile(notebook, profile, stack.enter_context(scratch()))
            token, port = secrets.token_hex(24), port or 8866
            options = [
                str(here),
                "--Voila.ip=127.0.0.1",
                f"--Voila.token={token}",
                "--Voila.port_retries=0",
            ]
            print(
                f"http://127.0.0.1:{port}/?token={token}", flush=True
            )  # Voila itself keeps its token to itself
        else:
            options = [str(notebook.parent), "--ServerApp.ip=127.0.0.1"]
        said, variables = _sockets(as_app, stack)
        options += said
        options += (
            [f"--port={port}"] * (port is not None) + ["--no-browser"] * no_browser + ctx.args
        )
        # the plane's nets are small: threads that wait for each other cost more
        environment = {"OMP_NUM_THREADS": "1", **os.environ, **variables}
        process = subprocess.Popen([sys.executable, "-m", module, *options], env=environment)
        while True:
            try:
                raise typer.Exit(process.wait())
            except KeyboardInterrupt:
                # the server hears Ctrl-C too, and ends when it is asked twice; SIGTERM is heard by
                # a group, too, and not by a single process
                if _last == signal.SIGTERM:
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(1.0)
                    process.terminate()


def _sockets(as_app: bool, stack) -> tuple[list[str], dict[str, str]]:
    """Options and environment variables of a Jupyter server whose kernels shall talk over sockets
    that no other user can open.

    A socket's path must be short. Where Jupyter's own folder for them is deep, as in a long HOME,
    they lie in one of ours that goes with `stack`; where no place will do, kernels use ports of
    this machine.
    """
    import tempfile

    from jupyter_core.paths import jupyter_runtime_dir

    from gantutor.files import fits, scratch

    if os.name != "posix":
        return [], {}
    usual, name = jupyter_runtime_dir(), f"kernel-{'x' * 36}-ipc-99"
    if as_app:  # Voila puts them into a folder of its own
        usual, name = tempfile.gettempdir(), f"voila_12345678/{name}"
    options, variables = ["--KernelManager.transport=ipc"], {}
    if not fits(usual, len(name)):
        try:
            folder = stack.enter_context(scratch(len(name)))
        except OSError:
            return [], {}
        options += [f"--Voila.connection_dir_root={folder}"] if as_app else []
        variables = {} if as_app else {"JUPYTER_RUNTIME_DIR": str(folder)}
    return options, variables


def _with_profile(notebook: Path, profile: str, folder: Path) -> Path:
    """A copy of a notebook whose parameters are followed by another profile."""
    import nbformat

    nb = nbformat.read(notebook, as_version=4)
    at = next(i for i, c in enumerate(nb.cells) if "parameters" in c.metadata.get("tags", []))
    nb.cells.insert(at + 1, nbformat.v4.new_code_cell(f"profile = {profile!r}"))
    nbformat.write(nb, folder / notebook.name)
    return folder / notebook.name


data = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Image sets: list, fetch, verify."
)
app.add_typer(data, name="data")
SetName = Annotated[str, typer.Argument(help="a name that `gantutor data list` shows")]


@data.command("list")
def data_list() -> None:
    """List the image sets: size, splits, and where they are here or how to get them."""
    from importlib.util import find_spec

    from gantutor.datasets import SOURCES, DataError, locate, remedy

    print(f"{'name':14s} {'pixels':>6s}  {'splits':44s} where")
    for s in SOURCES.values():
        here = ["in scikit-learn"] if s.name == "digits" and find_spec("sklearn") else []
        for split in s.splits if s.places else ():
            try:
                here.append(str(locate(s.name, split)))
            except DataError:
                pass
        splits = ", ".join(f"{split} {n}" for split, n in s.splits.items())
        where = ", ".join(dict.fromkeys(here)) or f"absent: {remedy(s)}"
        print(f"{s.name:14s} {s.pixels or 'varied':>6}  {splits:44s} {where} [{s.terms}]")


@data.command("fetch")
def data_fetch(
    name: SetName,
    to: Annotated[
        Path | None,
        typer.Option("--to", help="default: $GANTUTOR_DATA or ./data", **said("--to", Path)),
    ] = None,
) -> None:
    """Download an image set; the same command goes on where it was cut off."""
    from gantutor.datasets import DataError, fetch

    try:
        fetch(name, to, lambda line: print(line, flush=True))
    except DataError as error:
        fail(error, 1)


@data.command("verify")
def data_verify(name: SetName) -> None:
    """Compare an image set's files with their checksums and decode all of it anew."""
    from gantutor.images import DataError, verify

    try:
        verify(name, lambda line: print(line, flush=True))
    except DataError as error:
        fail(error, 1)


_heard, _last = -math.inf, 0


def stop(number: int, frame) -> None:
    """Ctrl-C and SIGTERM (from Slurm, systemd, `timeout`) stop the command.

    What comes within five seconds is the same wish.
    """
    global _heard, _last
    if time.monotonic() - _heard > 5.0:
        _heard, _last = time.monotonic(), number
        raise KeyboardInterrupt


def once_more(unheard) -> None:
    """Where Ctrl-C comes while Python tidies up, nobody can hear it: it comes again soon."""
    global _heard
    if unheard.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(unheard)
        return
    _heard = -math.inf
    if hasattr(signal, "pthread_kill"):  # wakes a main thread that sleeps
        again = threading.Timer(0.05, signal.pthread_kill, [threading.main_thread().ident, _last])
    else:
        again = threading.Timer(0.05, signal.raise_signal, [_last])
    again.daemon = True
    again.start()


def main() -> None:
    sys.unraisablehook = once_more
    for stream in (sys.stdout, sys.stderr):  # a file's name may hold what no encoding has
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    words = [
        word
        for word in (signal.SIGINT, signal.SIGTERM)
        if signal.getsignal(word) is not signal.SIG_IGN
    ]
    for word in words:
        signal.signal(word, stop)
    try:
        app()
    except KeyboardInterrupt:  # before a command began
        print("gantutor: stopped", file=sys.stderr)
        sys.exit(130)
    finally:
        # nothing is left to stop: no last words of Python's, where one comes while it ends
        for word in words:
            signal.signal(word, signal.SIG_IGN)


if __name__ == "__main__":
    main()
