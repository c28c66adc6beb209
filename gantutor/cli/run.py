"""`gantutor run`: one notebook."""

from pathlib import Path
from typing import Annotated

import typer

from gantutor.cli.base import (
    CellTimeout,
    FirstSeed,
    Fresh,
    Limit,
    assignments,
    fail,
    not_empty,
    whole_number,
)
from gantutor.plain import MAX_SEEDS


def run(
    notebook: Annotated[
        str,
        typer.Argument(help='a stem ("01_plane"), a number ("01") or the path of an .ipynb file'),
    ],
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "--parameter", "-p", metavar="NAME=VALUE", help="set a parameter; repeat for more"
        ),
    ] = None,
    profile: Annotated[str | None, typer.Option(help="smoke, class, colab or paper")] = None,
    seed: Annotated[int | None, FirstSeed] = None,
    seeds: Annotated[
        int | None, typer.Option(help="how many seeds", **whole_number("--seeds", 1, MAX_SEEDS))
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="folder for the record; default: runs/<notebook>-<hash>",
            **not_empty("--out", Path),
        ),
    ] = None,
    limit: Limit = None,
    cell_timeout: CellTimeout = None,
    fresh: Fresh = False,
) -> None:
    """Run one notebook.

    Its parameters are checked first. The result, the executed notebook and a log are kept in the
    output folder; a run that is already there is not repeated.
    """
    from gantutor.course.lessons import LESSONS, find_notebook
    from gantutor.course.records import parameter_hash
    from gantutor.files import run_folder
    from gantutor.reproduce import worker
    from gantutor.reproduce.notebook import check_parameters, typed, writable
    from gantutor.reproduce.outcome import EXIT
    from gantutor.reproduce.plan import Job
    from gantutor.reproduce.ready import ready

    named = {"profile": profile, "seed": seed, "seeds": seeds}
    given = {k: v for k, v in named.items() if v is not None}
    try:
        texts = assignments("-p", parameter or [])
        if "out" in texts:
            raise ValueError("-p out: use --out instead")
        for name in texts.keys() & given.keys():
            raise ValueError(f"-p {name} and --{name}: give only one of them")
        path = find_notebook(notebook)
        parameters = check_parameters(path, {**typed(path, texts), **given})
        if path.stem in LESSONS:
            ready(parameters)
        out = out or Path("runs") / f"{path.stem}-{parameter_hash(parameters)}"
        folder = run_folder(out, path.stem, path)
        writable(folder)
    except (ValueError, FileNotFoundError) as error:
        fail(error)
    if "out" in parameters:
        parameters["out"] = str(folder)
    job = Job(path, parameters, folder, path.stem, 0.0)
    done, why = (None, "") if fresh else job.kept()
    if done is not None:
        print(f"kept: {folder} already holds this run" + (f"; {why}" if why else ""))
        raise typer.Exit(EXIT.get(done["status"], 1))
    print(f"{path.stem} -> {folder}" + (f" again: {why}" if why else ""), flush=True)
    process = worker.launch(
        str(path), str(folder), parameters, limit, cell_timeout, fresh, quiet=False
    )
    try:
        process.wait()
    except KeyboardInterrupt:
        worker.end([process])
        raise
    outcome = worker.reported(process, str(folder))
    if outcome.status != "ok":
        fail(
            f"{path.stem} ended with {outcome.status}: {outcome.message}",
            EXIT.get(outcome.status, 1),
        )
    print(f"ok: {folder / 'result.json'}")
