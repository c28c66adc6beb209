"""`gantutor report` and `gantutor targets`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from gantutor.cli.base import Out, fail


def report(
    out: Out = Path("runs"),
    export: Annotated[
        Path | None,
        typer.Option(
            help="also write all values to this .csv or .parquet file, next to the papers' own "
            "where the measure is the same"
        ),
    ] = None,
) -> None:
    """Write the report of a folder of runs.

    Creates report.html and report.csv there, from all records in the folder.
    """
    from gantutor.reproduce import records
    from gantutor.reproduce.ledger import read_ledger

    if not out.is_dir():
        fail(f"no folder {out}: `gantutor reproduce --out {out}` creates it")
    ledger = read_ledger(out)
    if export is not None:  # first, because it may be on a disk with more space
        try:
            print(records.export(out, export, ledger.records()))
        except ValueError as error:
            fail(error)
        except OSError as error:
            fail(f"{export} cannot be written ({error.strerror or error}): choose another place")
    built = build_report(out, ledger)
    print(built.page)
    fail_for_damage(built.damage)


def build_report(out: Path, ledger=None):
    """Write the report of a folder, or fail with a sentence.

    `ledger` is its content, if it is already read.
    """
    from gantutor.files import NotOurs
    from gantutor.reproduce import report

    try:
        return report.build(ledger or out)
    except NotOurs as error:
        fail(error, 1)
    except OSError as error:
        fail(
            f"the report cannot be written into {out} ({error.strerror}); no run is lost: free "
            "some space, or copy the folder to another disk, and run `gantutor report --out "
            "FOLDER`",
            1,
        )


def fail_for_damage(found: list[str]) -> None:
    """Name the damaged files that the report had to leave out, if any, and fail."""
    for words in found[:20]:
        print(f"gantutor: {words}", file=sys.stderr)
    if found:
        fail(f"the report leaves out {len(found)} damaged file{'s' * (len(found) != 1)}", 1)


def targets(
    paper: Annotated[
        str | None, typer.Option(help="adaptivemix, kddgan, advlatgan or course")
    ] = None,
    profile: Annotated[
        str,
        typer.Option(help="profile of the minutes and needs: smoke, class, colab or paper"),
    ] = "class",
    as_json: Annotated[
        bool, typer.Option("--json", help="print JSON, with all claims, for other programs")
    ] = False,
) -> None:
    """List the targets: figures and table rows.

    For each it shows the minutes of its runs and, in brackets, why it cannot run here.
    """
    import json
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
    remark = f"profile {profile}; targets that share runs share their minutes"
    print(f"{'target':{width}s}  minutes  title ({remark})")
    for t in chosen:
        reason = absent(t, profile, gpu)
        minutes = "" if t.not_yet else f"{t.minutes(profile):.1f}"
        print(f"{t.name:{width}s}  {minutes:>7s}  {t.title}" + (f"  [{reason}]" if reason else ""))
    here = sum(absent(t, profile, gpu) is None for t in chosen)
    print(f"{here} of {len(chosen)} can run here")
