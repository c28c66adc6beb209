"""`gantutor check`: grading."""

from pathlib import Path
from typing import Annotated

import typer

from gantutor.cli.base import amount, fail, not_empty, whole_number


def check(
    notebooks: Annotated[
        list[Path], typer.Argument(help="submitted .ipynb files, or folders of them")
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="print one JSON object per notebook and line")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="also write the marks to this .csv file, one row per student and exercise",
            **not_empty("--out", Path),
        ),
    ] = None,
    seconds: Annotated[
        float,
        typer.Option(
            help="how long an exercise may run", **amount("--seconds", "seconds", 24 * 3600)
        ),
    ] = 20.0,
    memory: Annotated[
        float,
        typer.Option(
            help="GiB that an exercise may use, in addition to Python and torch",
            **amount("--memory", "GiB", 2**20),
        ),
    ] = 4.0,
    jobs: Annotated[
        int, typer.Option(help="how many exercises at once", **whole_number("--jobs", 1, 256))
    ] = 2,
) -> None:
    """Grade submitted notebooks.

    Each exercise runs in a process of its own with limits; its answers are compared with the
    references outside that process.
    """
    import json

    from gantutor.course.grader import grade
    from gantutor.files import ours
    from gantutor.reproduce.notebook import writable

    if out is not None and out.suffix != ".csv":
        fail(f"--out {out}: expected a name that ends in .csv")
    try:
        paths = grade.notebooks(notebooks)
        if out is not None:  # before minutes of grading, not after
            writable(out.resolve().parent)
            ours(out, ",".join(grade.COLUMNS))
        done = []
        for graded in grade.grade(paths, grade.Limits(seconds, memory), jobs):
            done.append(graded)
            as_text = graded.as_text() if not as_json else None
            print(as_text or json.dumps(graded.as_json(), ensure_ascii=False), flush=True)
        if out is not None:
            grade.write_marks(out, done)
    except ValueError as error:
        fail(error)
    except OSError as error:
        fail(f"{error.filename or out}: {error.strerror or error}", 1)
    problems = [g.submission.problem for g in done if g.submission.problem]
    if problems:
        fail(f"{len(problems)} of {len(done)} files could not be graded: {problems[0]}")
