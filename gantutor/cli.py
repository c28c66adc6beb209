"""The command line: gantutor run, reproduce, report, targets, data. What is wrong with an input is said in one sentence."""

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None,
                  help="Run the course's notebooks, reproduce the papers' figures and tables, and report.")  # fmt: skip

Out = Annotated[Path, typer.Option("--out", help="folder for records and report")]
Limit = Annotated[float | None, typer.Option("--limit", help="seconds that a whole run may take")]
CellTimeout = Annotated[float | None, typer.Option("--cell-timeout", help="seconds that a cell may take")]


def fail(message: object, code: int = 2) -> NoReturn:
    """One sentence on stderr, and out."""
    print(f"gantutor: {message}", file=sys.stderr)
    raise typer.Exit(code)


@app.command()
def run(
    notebook: Annotated[str, typer.Argument(help='a stem ("01_plane"), a number ("01") or the path of an .ipynb file')],
    parameter: Annotated[list[str] | None, typer.Option("--parameter", "-p", metavar="NAME=VALUE", help="again for each")] = None,
    profile: Annotated[str | None, typer.Option(help="smoke, class, colab or paper")] = None,
    seed: Annotated[int | None, typer.Option(help="the first seed")] = None,
    seeds: Annotated[int | None, typer.Option(help="how many seeds")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="folder for the record; default runs/<notebook>-<hash>")] = None,
    limit: Limit = None,
    cell_timeout: CellTimeout = None,
) -> None:
    """Run one notebook with checked parameters; keeps result, executed notebook and log."""
    from gantutor.records import parameter_hash
    from gantutor.reproduce import grid
    from gantutor.reproduce.run import EXIT, check, find_notebook, typed, writable

    texts = {}
    for pair in parameter or []:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            fail(f"-p {pair!r}: expected NAME=VALUE")
        texts[name] = value
    given = {k: v for k, v in {"profile": profile, "seed": seed, "seeds": seeds}.items() if v is not None}
    try:
        path = find_notebook(notebook)
        parameters = check(path, {**typed(path, texts), **given})
        folder = (out or Path("runs") / f"{path.stem}-{parameter_hash(parameters)}").resolve()
        writable(folder)
    except (ValueError, FileNotFoundError) as error:
        fail(error)
    if "out" in parameters:
        parameters["out"] = str(folder)
    job = grid.Job(path, parameters, folder, path.stem, 0.0)
    if job.done is not None:
        print(f"kept: {folder} holds this run")
        raise typer.Exit(EXIT.get(job.done["status"], 1))
    print(f"{path.stem} -> {folder}", flush=True)
    process = grid.launch(job, 1, limit, cell_timeout, quiet=False)
    try:
        process.wait()
    except KeyboardInterrupt:
        grid.stop([process])
        fail("stopped; the same command starts it again", 130)
    outcome = grid.ended(job, process, 0.0)
    if outcome.status != "ok":
        fail(f"{path.stem} ended with {outcome.status}: {outcome.message}", EXIT.get(outcome.status, 1))
    print(f"ok: {folder / 'result.json'}")


@app.command()
def reproduce(
    target: Annotated[list[str] | None, typer.Argument(help='targets ("kddgan/fig3") or papers ("kddgan"); none: all')] = None,
    profile: Annotated[str, typer.Option(help="smoke, class, colab or paper")] = "class",
    seed: Annotated[int, typer.Option(help="the first seed")] = 0,
    seeds: Annotated[int | None, typer.Option(help="how many seeds; default: the profile's")] = None,
    jobs: Annotated[int | None, typer.Option(help="runs at once; default: 2, or 1 on a single core")] = None,
    out: Out = Path("runs"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would run")] = False,
    limit: Limit = None,
    cell_timeout: CellTimeout = None,
) -> None:
    """Run the targets' notebooks, skipping what is done, and write the report."""
    from gantutor.reproduce import grid, report
    from gantutor.reproduce.targets import choose

    jobs = min(2, grid.cores()) if jobs is None else jobs
    if jobs < 1:
        fail(f"--jobs {jobs}: expected at least 1")
    try:
        plan = grid.make_plan(choose(target or []), out, profile, seed, seeds)
    except ValueError as error:
        fail(error)
    waiting = [job for job in plan.jobs if job.done is None]
    minutes = sum(job.minutes for job in waiting) / min(jobs, max(len(waiting), 1))
    guess = f", about {minutes:.0f} min" if minutes >= 1 else ""
    print(
        f"{len(plan.targets)} targets, {len(plan.jobs)} runs, {len(waiting)} to do{guess}, {jobs} at once -> {plan.out}",
        flush=True,
    )
    for name, reason in plan.missing.items():
        print(f"  not run  {name}: {reason}")
    if dry_run:
        for job in plan.jobs:
            print(f"  {'kept' if job.done else 'would run':9s} {job.label}")
        return
    try:
        outcomes = grid.run_plan(plan, jobs, lambda line: print(line, flush=True), limit, cell_timeout)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    page = report.build(plan.out)
    print(f"report: {page}")
    bad = [(label, o) for label, o in outcomes.items() if o.status not in ("ok", "diverged")]
    if bad:
        fail(f"{len(bad)} of {len(outcomes)} runs failed; the first: {bad[0][0]}: {bad[0][1].message}", 1)
    if target and plan.missing and not plan.targets:
        fail(next(iter(plan.missing.values())), 1)


@app.command()
def report(out: Out = Path("runs")) -> None:
    """Write report.html and report.csv from the records in a folder."""
    from gantutor.reproduce import report as pages
    from gantutor.reproduce.run import writable

    if not out.is_dir():
        fail(f"no folder {out}: `gantutor reproduce --out {out}` makes it")
    try:
        writable(out)
    except ValueError as error:
        fail(error)
    print(pages.build(out))


@app.command()
def targets(as_json: Annotated[bool, typer.Option("--json", help="for machines, with all claims")] = False) -> None:
    """List the targets: which figure or table of which paper, which notebook, how many minutes."""
    from dataclasses import asdict

    from gantutor.reproduce.targets import ALL, MINUTES, absent

    if as_json:
        import json

        print(json.dumps([{**asdict(t), "minutes": {p: t.minutes(p) for p in MINUTES[t.notebook]}} for t in ALL], indent=1))
        return
    print(f"{'target':26s} {'in the paper':12s} {'minutes':>7s}  what (minutes: profile class, 3 seeds, 2 cores; targets of one notebook share its run)")
    for t in ALL:
        lacks = f"  [needs {t.needs}, which is not here]" if absent(t) else ""
        print(f"{t.name:26s} {t.where:12s} {t.minutes('class'):7.1f}  {t.title}{lacks}")


data = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Image sets: list, fetch, verify.")
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
def data_fetch(name: SetName, to: Annotated[Path | None, typer.Option("--to", help="default: $GANTUTOR_DATA or ./data")] = None) -> None:
    """Download an image set; the same command goes on where it was cut off."""
    from gantutor.datasets import DataError, fetch

    try:
        fetch(name, to, lambda line: print(line, flush=True))
    except DataError as error:
        fail(error, 1)
    except KeyboardInterrupt:
        fail("stopped; the same command goes on from there", 130)


@data.command("verify")
def data_verify(name: SetName) -> None:
    """Compare an image set's files with their checksums and decode all of it anew."""
    from gantutor.images import DataError, verify

    try:
        verify(name, lambda line: print(line, flush=True))
    except DataError as error:
        fail(error, 1)


def main() -> None:
    app()


if __name__ == "__main__":
    main()
