"""What all commands share: how they fail and stop, and the types of their options."""

import math
import re
import sys
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from gantutor.plain import MAX_SEED

YEAR = 366 * 24 * 3600


class Commands(TyperGroup):
    """A group of commands in which Ctrl-C ends with a sentence instead of a traceback."""

    def make_context(self, *arguments, **more):
        with _stoppable():
            return super().make_context(*arguments, **more)

    def invoke(self, ctx):
        with _stoppable():
            return super().invoke(ctx)


@contextmanager
def _stoppable():
    try:
        yield
    except KeyboardInterrupt:
        fail("stopped; run the same command again to continue", 130)


def fail(message: object, code: int = 2) -> NoReturn:
    """Print one sentence to standard error and exit."""
    print(f"gantutor: {message}", file=sys.stderr)
    raise typer.Exit(code)


# -- types of options -----------------------------------------------------------------------------
def amount(option: str, unit: str, most: float) -> dict[str, Any]:
    """Arguments of typer.Option for a number above 0 and at most `most`."""

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


def whole_number(option: str, least: int, most: int) -> dict[str, Any]:
    """Arguments of typer.Option for an integer from `least` to `most`."""

    def number(text: str | int) -> int:
        digits = str(text).removeprefix("-")
        value = int(text) if digits.isascii() and digits.isdigit() and len(digits) < 30 else None
        if value is None or value < least:
            fail(f"{option} {text}: expected an integer of at least {least}")
        if value > most:
            fail(f"{option} {text}: expected at most {most:,}")
        return value

    return {"parser": number, "metavar": "INTEGER"}


def duration(option: str) -> dict[str, Any]:
    """Arguments of typer.Option for a time in hours, minutes and seconds, given back in s."""

    def seconds(text: str | float) -> float:
        parts = re.fullmatch(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?", str(text))
        amounts = [int(part or 0) for part in parts.groups()] if parts else [0]
        if not any(amounts):
            fail(f"{option} {text}: expected a time above 0, such as 90s, 30m or 1h30m")
        return float(sum(n * unit for n, unit in zip(amounts, (3600, 60, 1), strict=True)))

    return {"parser": seconds, "metavar": "TIME"}


def not_empty(option: str, kind: Callable[[str], Any] = str) -> dict[str, Any]:
    """Arguments of typer.Option for a text or path that an unset shell variable must not empty."""

    def text(given: str) -> Any:
        if not str(given).strip():
            fail(f"{option} {str(given)!r} is empty: leave it out, or give a value")
        return kind(given)

    return {"parser": text, "metavar": "PATH" if kind is Path else "TEXT"}


def assignments(option: str, texts: list[str], names: tuple[str, ...] = ()) -> dict[str, str]:
    """Parse NAME=VALUE texts; ValueError quotes the first that is malformed.

    >>> assignments("-p", ["steps=7", "lr=1e-3"])
    {'steps': '7', 'lr': '1e-3'}
    """
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


# -- options of several commands ------------------------------------------------------------------
Out = Annotated[
    Path,
    typer.Option("--out", help="folder of the records and the report", **not_empty("--out", Path)),
]
Limit = Annotated[
    float | None,
    typer.Option(
        "--limit", help="seconds that a whole run may take", **amount("--limit", "seconds", YEAR)
    ),
]
CellTimeout = Annotated[
    float | None,
    typer.Option(
        "--cell-timeout",
        help="seconds that a single cell may take",
        **amount("--cell-timeout", "seconds", YEAR),
    ),
]
Fresh = Annotated[bool, typer.Option("--fresh", help="also repeat runs that are done")]
FirstSeed = typer.Option("--seed", help="the first seed", **whole_number("--seed", 0, MAX_SEED))
