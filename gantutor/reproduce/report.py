"""From the run records to one self-contained page, a table for machines, and the tables of README.md."""

import csv
import io
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from gantutor.course.records import read, write_json, write_text
from gantutor.files import ours
from gantutor.reproduce import page
from gantutor.reproduce.ledger import Ledger, look
from gantutor.reproduce.sections import BADGES, Section, Table, collect, noted, printed_fid, tables

COLUMNS = (
    "target",
    "paper",
    "where",
    "status",
    "claim",
    "metric",
    "variant",
    "against",
    "ours",
    "mean",
    "low",
    "high",
    "seeds",
    "claim_status",
    "note",
    "profile",
    "runs",
    "data",
    "paper_fid",
)


class Built(NamedTuple):
    """The page of a report, and a sentence for each damaged file that it had to leave out."""

    page: Path
    damage: list[str]


def build(out: str | Path) -> Built:
    """Write report.html and report.csv into `out`. Raises NotOurs where somebody else's stand there."""
    check_place(Path(out))
    ledger = look(out)
    sections = collect(ledger)
    printed = tables(sections, ledger.out)
    html = page.html(sections, printed, ledger.out, ledger.damage, ledger.unrecorded())
    write_text(ledger.out / "report.csv", _csv(sections, printed))
    write_text(ledger.out / "report.html", html)
    return Built(ledger.out / "report.html", lost_pictures(sections, ledger))


def lost_pictures(sections: list[Section], ledger: Ledger) -> list[str]:
    """The ledger's damage, and the pictures that records name and that are not there or cannot be opened."""
    found = list(ledger.damage)
    for run, result in {run: result for s in sections for run, result in s.results}.items():
        for figure in result["figures"]:
            path = ledger.out / run / figure["file"]
            if not page.readable(path):
                found.append(f"{path} is lost or damaged: run it again with --fresh")
    return found


def check_place(out: Path) -> None:
    """NotOurs where the report would replace a file that is none."""
    ours(out / "report.csv", ",".join(COLUMNS[:4]))
    ours(out / "report.html", "<title>gantutor: ")


def _csv(sections: list[Section], printed: list[Table]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for s in sections:
        t = s.target
        row = {
            "target": t.name,
            "paper": t.paper,
            "where": t.where,
            "status": s.status,
            "profile": s.profile if s.results else "",
            "runs": " ".join(run for run, _ in s.results),
            "note": "; ".join(s.problems),
        }
        if s.row:
            data = noted(s.own[1], "data").get("name", "") if s.own else ""
            row |= {
                "variant": s.row,
                "data": data,
                "paper_fid": printed_fid(s.row).get("value", ""),
            }
        if not t.claims:
            writer.writerow(row)
        for claim, v in zip(t.claims, s.verdicts, strict=True):
            spread = (
                {}
                if v.spread is None
                else {"mean": v.spread.mean, "low": v.spread.low, "high": v.spread.high}
            )
            metric = s.metric if s.row else claim.metric
            writer.writerow(
                {
                    **row,
                    **spread,
                    "claim": claim.paper,
                    "metric": metric,
                    "variant": claim.variant,
                    "against": getattr(claim, "against", ""),
                    "ours": v.ours,
                    "seeds": v.seeds,
                    "claim_status": v.status,
                    "note": "; ".join(filter(None, [v.note, *s.problems])),
                }
            )
    for table in printed:
        for r in table.rows:
            for line in (x for x in r.lines if x.section is None):
                writer.writerow(
                    {
                        "target": f"{table.name}:",
                        "paper": table.paper,
                        "where": table.where,
                        "status": line.status,
                        "variant": r.name,
                        "note": line.reason,
                    }
                )
    return buffer.getvalue()


# -- the README's table --------------------------------------------------------------------------------------------------
TABLES = ("class",)  # each stands in README.md, made from data/records/<name>.csv


def marks(name: str) -> tuple[str, str]:
    """Between these lines README.md holds the table of that name."""
    return (
        f"<!-- {name}: made by `make readme` from data/records/{name}.csv -->",
        f"<!-- end of {name} -->",
    )


def status_table(table: str) -> str:
    """A report.csv as Markdown: the claims of figures and lessons, then one line a table of a paper with counts of its rows' statuses.

    Lessons without a claim and targets without a record are left out of the first, nothing of the second.
    """
    found = list(csv.DictReader(io.StringIO(table)))
    lines = [
        "| paper | where | claim | ours, mean and 95 % interval over seeds | status |",
        "|---|---|---|---|---|",
    ]
    for r in found:
        if ":" not in r["target"] and r["claim"] and r["claim_status"] != "not run":
            lines.append(
                f"| {_author(r)} | {r['where']} | {r['claim']} | {r['ours']} | {r['claim_status']} |"
            )
    counts: dict[tuple[str, str], Counter] = {}
    for r in found:
        if ":" in r["target"]:
            counts.setdefault((_author(r), r["where"]), Counter())[r["status"]] += 1
    if counts:
        lines += [
            "",
            "| paper | table | rows, those printed twice once | of them |",
            "|---|---|---|---|",
        ]
    papers = list(dict.fromkeys(_author(r) for r in found))
    for (paper, where), c in sorted(
        counts.items(), key=lambda x: (papers.index(x[0][0]), int(x[0][1].removeprefix("Table ")))
    ):
        said = ", ".join(f"{c[b]} {b}" for b in BADGES if c[b])
        lines.append(f"| {paper} | {where} | {c.total()} | {said} |")
    return "\n".join(lines)


def _author(r: dict[str, str]) -> str:
    return r["paper"].split(" (")[0]


def conditions(out: Path) -> list[dict[str, Any]]:
    """Under which conditions each run below `out` was made: parameters, seeds, data, versions, hardware, time."""
    kept = (
        "notebook",
        "parameters",
        "source_hash",
        "seeds",
        "status",
        "data",
        "trained",
        "versions",
        "hardware",
        "commit",
        "started",
        "wall_s",
    )
    runs = []
    for path in sorted(out.rglob("result.json")):
        try:
            result = read(path.parent)
        except ValueError as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        runs.append(
            {k: result[k] for k in kept}
            | {
                "parameters": {
                    k: v for k, v in result["parameters"].items() if k not in ("out", "path")
                }
            }
        )
    return runs


def main(arguments: list[str]) -> None:
    """`python -m gantutor.reproduce.report [OUT [NAME]]`: keep OUT's table and conditions as data/records/NAME, and bring README.md in line."""
    kept = Path("data/records")
    if arguments:
        kept.mkdir(parents=True, exist_ok=True)
        out, name = Path(arguments[0]), arguments[1] if len(arguments) > 1 else "class"
        table = (out / "report.csv").read_text(encoding="utf-8")
        write_text(
            kept / f"{name}.csv", re.sub(r"not in \S+ \(GANTUTOR_DATA\)", "not at hand", table)
        )  # where data lay is of no use elsewhere
        write_json(kept / f"{name}.json", conditions(out))
    text = Path("README.md").read_text(encoding="utf-8")
    for name in TABLES:
        start, end = marks(name)
        if start in text and (kept / f"{name}.csv").exists():
            before, after = text.split(start)[0], text.split(end)[1]
            text = f"{before}{start}\n{status_table((kept / f'{name}.csv').read_text(encoding='utf-8'))}\n{end}{after}"
    write_text(Path("README.md"), text)


if __name__ == "__main__":
    main(sys.argv[1:])
