"""The report as a table for machines: a line for each claim and each row of a table.

Where `scale` is "log", mean, low, high, effect and margin are factors (or plain values, for a
printed number), and sd is of the logarithms. `needed_seeds` are all that a decision needs, and
`needed_minutes` what those that are missing would take. `p` is of the claim by itself.
"""

import csv
import io
from collections.abc import Iterator

from gantutor.reproduce.claims import Claim, Verdict
from gantutor.reproduce.report.claimed import more_seeds
from gantutor.reproduce.report.estimates import columns_of, estimate_of
from gantutor.reproduce.report.printed import Table
from gantutor.reproduce.report.sections import Section, noted, printed_fid

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
    "kind",
    "scale",
    "better",
    "effect",
    "margin",
    "sd",
    "seeds",
    "failed",
    "claim_status",
    "alone",
    "p",
    "p_adjusted",
    "needed_seeds",
    "needed_minutes",
    "note",
    "profile",
    "runs",
    "data",
    "paper_fid",
)


def csv_of(sections: list[Section], printed: list[Table]) -> str:
    """The text of report.csv; the target of a row that cannot be trained ends with a colon."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for s in sections:
        writer.writerows(_of_section(s))
    for table in printed:
        writer.writerows(_untrained(table))
    return buffer.getvalue()


def _of_section(s: Section) -> Iterator[dict[str, object]]:
    t = s.target
    row = {
        "target": t.name,
        "paper": t.paper,
        "where": t.where,
        "status": s.status,
        "profile": s.profile if s.results else "",
        "runs": " ".join(s.runs),
        "note": "; ".join(s.problems),
    }
    if s.row:
        row["variant"] = s.row
        row["data"] = noted(s.own[1], "data").get("name", "") if s.own else ""
        row["paper_fid"] = printed_fid(s.row).get("value", "")
    if not t.claims:
        yield row
    for claim, verdict in zip(t.claims, s.verdicts, strict=True):
        yield row | _of_claim(s, claim, verdict)


def _of_claim(s: Section, claim: Claim, v: Verdict) -> dict[str, object]:
    found = {
        "claim": claim.paper,
        "metric": s.metric if s.row else claim.metric,
        "variant": claim.variant,
        "against": getattr(claim, "against", ""),
        "ours": v.ours,
        "seeds": v.seeds,
        "failed": v.failed,
        "claim_status": v.status,
        "alone": v.alone,
        "p": v.p,
        "p_adjusted": v.adjusted,
        "note": "; ".join(filter(None, [v.note, *s.problems])),
    }
    if v.spread is not None:
        found |= {"mean": v.spread.mean, "low": v.spread.low, "high": v.spread.high}
    if v.judged is not None:
        found["sd"] = v.judged.sd
    more = more_seeds(v)
    if more is not None:
        found |= {"needed_seeds": v.needed, "needed_minutes": round(more * s.minutes_a_seed, 2)}
    return found | columns_of(estimate_of(claim, v, str(found["metric"])))


def _untrained(table: Table) -> Iterator[dict[str, object]]:
    for row in table.rows:
        for line in (x for x in row.lines if x.section is None):
            yield {
                "target": f"{table.name}:",
                "paper": table.paper,
                "where": table.where,
                "status": line.status,
                "variant": row.name,
                "note": line.reason,
            }
