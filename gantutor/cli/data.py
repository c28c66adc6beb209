"""`gantutor data`: the image sets."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from gantutor.cli.base import fail, not_empty

data = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Image sets: list, fetch, verify."
)
SetName = Annotated[str, typer.Argument(help="a name that `gantutor data list` shows")]


@data.command("list")
def data_list() -> None:
    """List the image sets: size, splits, and where they are or how to get them."""
    from importlib.util import find_spec

    from gantutor.datasets import SOURCES, DataError, locate, remedy

    print(f"{'name':14s} {'pixels':>6s}  {'splits':44s} where")
    for s in SOURCES.values():
        here = ["in scikit-learn"] if s.name == "digits" and find_spec("sklearn") else []
        for split in s.splits if s.places else ():
            with suppress(DataError):
                here.append(str(locate(s.name, split)))
        splits = ", ".join(f"{split} {n}" for split, n in s.splits.items())
        where = ", ".join(dict.fromkeys(here)) or f"absent: {remedy(s)}"
        print(f"{s.name:14s} {s.pixels or 'varied':>6}  {splits:44s} {where} [{s.terms}]")


@data.command("fetch")
def data_fetch(
    name: SetName,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            help="folder to download to; default: $GANTUTOR_DATA or ./data",
            **not_empty("--to", Path),
        ),
    ] = None,
) -> None:
    """Download an image set; an interrupted download is continued."""
    from gantutor.datasets import DataError, fetch

    try:
        fetch(name, to, lambda line: print(line, flush=True))
    except DataError as error:
        fail(error, 1)


@data.command("verify")
def data_verify(name: SetName) -> None:
    """Compare an image set's files with their checksums, and decode all of it again."""
    from gantutor.images import DataError, verify

    try:
        verify(name, lambda line: print(line, flush=True))
    except DataError as error:
        fail(error, 1)
