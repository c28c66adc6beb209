"""From the records of runs to a page that stands alone, a table for machines, and README's status.

`build` writes the first two into the folder of the runs; `python -m gantutor.reproduce.report`
(`make readme`) the last.
"""

from pathlib import Path
from typing import NamedTuple

from gantutor.course.records import write_text
from gantutor.files import ours
from gantutor.reproduce.ledger import Ledger, read_ledger
from gantutor.reproduce.report import page
from gantutor.reproduce.report.evidence import collect
from gantutor.reproduce.report.pictures import readable
from gantutor.reproduce.report.printed import tables
from gantutor.reproduce.report.sections import Section
from gantutor.reproduce.report.values import COLUMNS, csv_of

__all__ = ["Built", "build", "check_place", "collect", "lost_pictures", "tables"]


class Built(NamedTuple):
    """The page of a report, and a sentence for each damaged file that it had to leave out."""

    page: Path
    damage: list[str]


def build(out: str | Path | Ledger) -> Built:
    """Write report.html and report.csv into a folder, which may be read already as a Ledger.

    Raises NotOurs where files of these names are there that the package did not write.
    """
    check_place(out.out if isinstance(out, Ledger) else Path(out))
    ledger = out if isinstance(out, Ledger) else read_ledger(out)
    sections = collect(ledger)
    printed = tables(sections)
    html = page.html(sections, printed, ledger.out, ledger.damage, ledger.unrecorded())
    write_text(ledger.out / "report.csv", csv_of(sections, printed))
    write_text(ledger.out / "report.html", html)
    return Built(ledger.out / "report.html", lost_pictures(sections, ledger))


def lost_pictures(sections: list[Section], ledger: Ledger) -> list[str]:
    """The ledger's damage, and the pictures of records that are missing or cannot be opened."""
    found = list(ledger.damage)
    for run, result in {run: result for s in sections for run, result in s.results}.items():
        for figure in result["figures"]:
            path = ledger.out / run / figure["file"]
            if not readable(path):
                found.append(f"{path} is lost or damaged: run it again with --fresh")
    return found


def check_place(out: Path) -> None:
    """Raise NotOurs where the report would replace a file that is not a report."""
    ours(out / "report.csv", ",".join(COLUMNS[:4]))
    ours(out / "report.html", f"<title>{page.TITLE}")
