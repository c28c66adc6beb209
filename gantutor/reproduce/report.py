"""From the run records to one self-contained page and a table for machines.

For every target: the paper's claim, our value with its spread, the status, the pictures, and what is missing.
"""

import base64
import csv
import io
import json
import os
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

import gantutor
from gantutor.records import frame_of, read, source_hash, write_json, write_text
from gantutor.reproduce.claims import Direction, Spread, Verdict, number, values, worst
from gantutor.reproduce.grid import load_plan
from gantutor.reproduce.run import find_notebook
from gantutor.reproduce.targets import ALL, Target

# status -> (mark, css class, what it means); told apart by word and mark, the colours are a help
BADGES = {
    "reproduced": ("●", "good", "a printed number or an exact statement lies inside our spread"),
    "direction only": ("◐", "some", "the direction holds beyond the spread; numbers are not comparable, or seeds too few"),
    "not reached": ("○", "none", "the spread hides it, or the run diverged"),
    "contradicts": ("✕", "bad", "the opposite holds beyond the spread"),
    "not run": ("–", "idle", "no record"),
    "shown": ("◇", "plain", "a lesson without a claim of a paper"),
}
COLUMNS = ("target", "paper", "where", "status", "claim", "metric", "variant", "against", "ours", "mean", "low", "high", "seeds",
           "claim_status", "note", "profile", "runs")  # fmt: skip


@dataclass(eq=False)
class Section:
    """A target with what its runs left behind."""

    target: Target
    status: str
    verdicts: list[Verdict]
    command: str
    profile: str = ""
    results: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def anchor(self) -> str:
        return self.target.name.replace("/", "-")

    @property
    def seeds(self) -> int:
        return min((len(result["seeds"]) for _, result in self.results), default=0)


def collect(out: str | Path) -> list[Section]:
    """All targets, judged by the records in `out`."""
    out = Path(out)
    plan = load_plan(out)
    return [_section(target, plan.get(target.name) or _shared(target, plan), out) for target in ALL]


def _shared(target: Target, plan: dict[str, Any]) -> dict[str, Any] | None:
    """The plan of another target that ran just what this one needs: one notebook may serve two figures."""
    return next((plan[t.name] for t in ALL if t.name in plan and (t.notebook, t.runs, t.needs) == (target.notebook, target.runs, target.needs)), None)


def _section(target: Target, entry: dict[str, Any] | None, out: Path) -> Section:
    entry = entry or {"runs": [], "missing": "not asked for yet", "profile": "class", "seed": 0, "seeds": 3}
    seeds = f" --seeds {entry['seeds']}" if entry["seeds"] else ""
    command = f"gantutor reproduce {target.name} --profile {entry['profile']}{seeds} --out {_short(out)}"
    results, problems = [], [entry["missing"]] if entry["missing"] else []
    for run in entry["runs"]:
        try:
            result = read(out / run)
        except ValueError:
            problems.append(_why(out / run))
            continue
        results.append((run, result))
        if result["status"] == "diverged":
            problems.append(f"the run diverged at step {result['step']}")
        if _changed(result):
            problems.append("the notebook has changed since this run")
    verdicts = _judge(target, [result for _, result in results])
    whole = len(results) == len(entry["runs"]) > 0
    status = worst(verdicts) if verdicts else "shown" if whole else "not run"
    if not results:
        status = "not run"
    return Section(target, status, verdicts, command, entry["profile"], results, list(dict.fromkeys(problems)))


def _judge(target: Target, results: list[dict]) -> list[Verdict]:
    diverged = next((r for r in results if r["status"] == "diverged"), None)
    if diverged:
        return [Verdict("not reached", note=f"diverged at step {diverged['step']}") for _ in target.claims]
    frame = frame_of(results)
    return [claim.judge(frame) for claim in target.claims]


def _why(folder: Path) -> str:
    """Why a planned run has no record: its own status, if it wrote one."""
    try:
        status = json.loads((folder / "status.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return f"{folder.name}: not started yet"
    if status.get("status") == "running":
        return f"{folder.name}: under way, or killed"
    return f"{folder.name}: {status.get('status')}, {status.get('message', '')}"


def _changed(result: dict) -> bool:
    try:
        return result["source_hash"] != source_hash(find_notebook(result["notebook"]))
    except (OSError, ValueError, KeyError):
        return False


def _short(path: Path) -> str:
    """Relative where that is shorter: pages travel, machine paths do not."""
    relative = os.path.relpath(path)
    return path.as_posix() if relative.startswith("..") else Path(relative).as_posix()


# -- writing ------------------------------------------------------------------------------------------------------------------
def build(out: str | Path) -> Path:
    """Write report.html and report.csv into `out`; returns the page's path."""
    out = Path(out)
    sections = collect(out)
    write_text(out / "report.csv", _csv(sections))
    write_text(out / "report.html", _page(sections, out))
    return out / "report.html"


def _csv(sections: list[Section]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for s in sections:
        t = s.target
        row = {"target": t.name, "paper": t.paper, "where": t.where, "status": s.status,
               "profile": s.profile if s.results else "",
               "runs": " ".join(run for run, _ in s.results), "note": "; ".join(s.problems)}  # fmt: skip
        if not t.claims:
            writer.writerow(row)
        for claim, v in zip(t.claims, s.verdicts, strict=True):
            spread = {} if v.spread is None else {"mean": v.spread.mean, "low": v.spread.low, "high": v.spread.high}
            writer.writerow({**row, **spread, "claim": claim.paper, "metric": claim.metric, "variant": claim.variant,
                             "against": getattr(claim, "against", ""), "ours": v.ours, "seeds": v.seeds, "claim_status": v.status,
                             "note": "; ".join(filter(None, [v.note, *s.problems]))})  # fmt: skip
    return buffer.getvalue()


def _badge(status: str) -> str:
    mark, css, _ = BADGES[status]
    return f'<span class="badge {css}"><i aria-hidden="true">{mark}</i>{status}</span>'


def _page(sections: list[Section], out: Path) -> str:
    counts = Counter(s.status for s in sections)
    tally = "".join(f"<li>{_badge(b)}<b>{counts[b]}</b><small>{BADGES[b][2]}</small></li>" for b in BADGES if counts[b])
    body = []
    for paper in dict.fromkeys(s.target.paper for s in sections):
        body.append(f"<h2>{escape(paper)}</h2>")
        body += [_article(s, sections, out) for s in sections if s.target.paper == paper]
    rows = "".join(_front_row(s) for s in sections)
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>gantutor: three papers, checked</title><style>{CSS}</style></head><body>
<header><p class="kicker">gantutor {escape(gantutor.__version__)} · {now}</p>
<h1>Three papers, checked</h1>
<p class="lede">What AdaptiveMix, KDD GAN and AdvLatGAN claim, and what came out here. Every number below comes from a run record;
the paper's own numbers say so. Intervals are 95 % t intervals of the mean over seeds, variants are compared seed by seed.</p>
<ul class="tally">{tally}</ul></header>
<main><section><table class="front">
<thead><tr><th>Status</th><th>Target</th><th>In the paper</th><th>Claims</th><th>Seeds</th><th>Profile</th></tr></thead>
<tbody>{rows}</tbody></table></section>
{"".join(body)}
{_runs(sections)}</main>
<footer>Made by <code>gantutor report --out {escape(_short(out))}</code>; the same values are in <code>report.csv</code>.</footer>
</body></html>
"""


def _front_row(s: Section) -> str:
    t = s.target
    counts = Counter(v.status for v in s.verdicts)
    claims = ", ".join(f"{counts[b]} {b}" for b in BADGES if counts[b] and s.results) or "–"
    link = f'<a href="#{s.anchor}">{escape(t.name)}</a>'
    return (f'<tr><td>{_badge(s.status)}</td><td>{link}<br><small>{escape(t.title)}</small></td>'
            f'<td data-label="In the paper">{escape(t.where)}</td><td data-label="Claims"><small>{claims}</small></td>'
            f'<td data-label="Seeds">{s.seeds or "–"}</td>'
            f'<td data-label="Profile">{escape(s.profile) if s.results else "–"}</td></tr>')  # fmt: skip


def _article(s: Section, sections: list[Section], out: Path) -> str:
    t = s.target
    parts = [f'<article id="{s.anchor}"><header><h3>{escape(t.title)}</h3>{_badge(s.status)}</header>'
             f'<p class="meta">{escape(t.where)} · <code>{escape(t.name)}</code> · notebook '
             f"<code>{escape(t.notebook)}</code></p>"]  # fmt: skip
    if t.claims and s.results:
        rows = "".join(_claim_row(claim, v) for claim, v in zip(t.claims, s.verdicts, strict=True))
        parts.append('<table class="claims"><thead><tr><th>The claim</th><th>Measure</th><th>Ours</th><th>Seeds</th>'
                     "<th>Status</th></tr>"
                     f"</thead><tbody>{rows}</tbody></table>")  # fmt: skip
    elif t.claims:
        parts.append("<p>The paper's claim:</p><ul>" + "".join(f"<li>{escape(claim.paper)}</li>" for claim in t.claims) + "</ul>")
    if s.problems:
        listed = "".join(f"<li>{escape(p)}</li>" for p in s.problems)
        parts.append(
            f'<div class="missing"><p>What is missing</p><ul>{listed}</ul>'
            f"<p>This fills it: <code>{escape(s.command)}</code></p></div>"
        )
    if t.note:
        parts.append(f'<p class="note">{escape(t.note)}</p>')
    parts.append(_figures(s, sections, out))
    if s.results:
        parts.append(f"<details><summary>All measures</summary>{_measures(s)}</details>")
        parts.append(f"<details><summary>Protocol and hardware</summary>{_protocol(s)}</details>")
    return "".join(parts) + "</article>"


def _claim_row(claim, v: Verdict) -> str:
    who = escape(claim.variant) + (f" <small>against</small> {escape(claim.against)}" if hasattr(claim, "against") else "")
    better = f", {claim.better} is better" if isinstance(claim, Direction) else ""
    ours = "<br><small>against</small> ".join(f"<span>{escape(part)}</span>" for part in v.ours.split(" against ")) or "–"
    extra = (
        f"<br><small>difference <span>{v.spread}</span></small>" if v.spread is not None and isinstance(claim, Direction) else ""
    )
    note = f"<br><small>{escape(v.note)}</small>" if v.note else ""
    return (f"<tr><td>{escape(claim.paper)}</td>"
            f'<td data-label="Measure"><code>{escape(claim.metric)}</code>{better}<br>{who}</td>'
            f'<td data-label="Ours">{ours}{extra}{note}</td><td data-label="Seeds">{v.seeds or "–"}</td>'
            f"<td>{_badge(v.status)}</td></tr>")  # fmt: skip


def _home(run: str, figure: str, sections: list[Section]) -> Section:
    """Where a run's figure is shown: under the target that its name begins with, else under the first that shares the run."""
    sharing = [s for s in sections if run in dict(s.results)]
    return next((s for s in sharing if figure.startswith(s.target.name.split("/")[1])), sharing[0])


def _figures(s: Section, sections: list[Section], out: Path) -> str:
    parts, elsewhere = [], {}
    for run, result in s.results:
        for figure in result["figures"]:
            home = _home(run, figure["name"], sections)
            if home is not s:
                elsewhere[home.anchor] = home.target.name
                continue
            try:
                data = base64.b64encode((out / run / figure["file"]).read_bytes()).decode()
            except OSError:
                parts.append(
                    f'<p class="note">The picture {escape(figure["file"])} is lost: delete its run and run it again.</p>'
                )
                continue
            caption = escape(figure["caption"])
            parts.append(
                f'<figure><img alt="{caption}" src="data:image/png;base64,{data}"><figcaption>{caption}</figcaption></figure>'
            )
    links = ", ".join(f'<a href="#{anchor}">{escape(name)}</a>' for anchor, name in elsewhere.items())
    return "".join(parts) + (f'<p class="meta">Its runs are shared: more pictures under {links}.</p>' if links else "")


def _measures(s: Section) -> str:
    frame = frame_of([result for _, result in s.results])
    rows = []
    for (variant, metric), part in frame.groupby(["variant", "metric"], sort=False):
        numbers = [v for v in values(part, metric, variant).values() if v == v and abs(v) != float("inf")]
        shown, bad = str(Spread.of(numbers)) if numbers else "–", len(part) - len(numbers)
        each = ", ".join(number(v) for v in part["value"])
        unit = escape(str(part["unit"].iloc[0] or ""))
        lost = f" <small>({bad} not finite)</small>" if bad else ""
        rows.append(f'<tr><td>{escape(metric)}</td><td data-label="Variant">{escape(variant) or "–"}</td>'
                    f'<td data-label="Mean">{shown} {unit}{lost}</td><td data-label="Each seed">{each}</td></tr>')  # fmt: skip
    head = "<thead><tr><th>Measure</th><th>Variant</th><th>Mean [95 %]</th><th>Each seed</th></tr></thead>"
    return f'<table class="measures">{head}<tbody>{"".join(rows)}</tbody></table>'


def _protocol(s: Section) -> str:
    parts = []
    for run, r in s.results:
        parameters = ", ".join(f"{k} = {v}" for k, v in r["parameters"].items() if k != "out" and v is not None)
        data = "".join(f"<dt>{escape(k)}</dt><dd>{escape(str(v))}</dd>" for k, v in r["data"].items())
        versions = ", ".join(f"{k} {v}" for k, v in r["versions"].items() if v)
        parts.append(f"<dl><dt>Run</dt><dd><code>{escape(run)}</code>, {escape(r['started'])}, {r['wall_s']:.0f} s</dd>"
                     f"<dt>Parameters</dt><dd>{escape(parameters)}</dd>{data}<dt>Hardware</dt><dd>{escape(_machine(r['hardware']))}</dd>"
                     f"<dt>Versions</dt><dd>{escape(versions)}; commit {escape((r['commit'] or 'unknown')[:12])}"
                     "</dd></dl>")  # fmt: skip
    return "".join(parts)


def _machine(hardware: dict[str, Any]) -> str:
    cores = hardware["cores"]
    return f"{hardware['cpu']}, {cores} core{'s' * (cores != 1)}, {hardware['gpu'] or 'no GPU'}"


def _runs(sections: list[Section]) -> str:
    unique = {run: result for s in sections for run, result in s.results}
    if not unique:
        return ""
    minutes = sum(r["wall_s"] for r in unique.values()) / 60
    machines = sorted({_machine(r["hardware"]) for r in unique.values()})
    what = f"{len(unique)} run{'s' * (len(unique) != 1)}, {minutes:.1f} minutes in all, on {'; '.join(machines)}."
    return f'<p class="note">{escape(what)}</p>'


CSS = """
:root { --ink: #1d2733; --soft: #5b6673; --line: #dfe4ea; --paper: #fff; --wash: #f5f7f9; --link: #00588f; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body { margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 62rem; color: var(--ink); background: var(--paper);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; }
h1, h2, h3 { font-family: Georgia, "Times New Roman", "DejaVu Serif", serif; font-weight: 600;
  line-height: 1.2; text-wrap: balance; }
h1 { font-size: 2.5rem; margin: .2rem 0 .8rem; letter-spacing: -.01em; }
h2 { font-size: 1.6rem; margin: 3.5rem 0 1rem; padding-top: 1.2rem; border-top: 2px solid var(--ink); }
h3 { font-size: 1.25rem; margin: 0; }
a { color: var(--link); text-underline-offset: .15em; }
small { font-size: .84rem; color: var(--soft); }
code { font: .86em ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
.kicker, .meta, footer { color: var(--soft); font-size: .88rem; margin: 0; }
.lede { font-size: 1.12rem; max-width: 46rem; margin: 0 0 1.8rem; }
.note { max-width: 46rem; color: var(--soft); font-size: .95rem; }
.tally { list-style: none; margin: 0 0 2rem; padding: 0; display: grid; gap: .6rem;
  grid-template-columns: repeat(auto-fit, minmax(11.5rem, 1fr)); }
.tally li { background: var(--wash); border-radius: .5rem; padding: .8rem .9rem; display: grid; grid-template-columns: 1fr auto;
  align-items: center; align-content: start; row-gap: .4rem; }
.tally b { font: 600 1.5rem Georgia, serif; }
.tally small { grid-column: 1 / -1; line-height: 1.35; }
.badge { display: inline-flex; align-items: center; gap: .4em; white-space: nowrap;
  font-size: .82rem; font-weight: 600; line-height: 1.5; padding: .08rem .6rem;
  border-radius: 1rem; border: 1.5px solid; justify-self: start; }
.badge i { font-style: normal; font-size: .9em; }
.good { background: #0072b2; border-color: #0072b2; color: #fff; }
.some { background: #e3f1fa; border-color: #3d9fd6; color: #004c78; }
.none { background: #fff6df; border-color: #d99b00; color: #6b4c00; }
.bad { background: #b24700; border-color: #b24700; color: #fff; }
.idle { background: #fff; border-color: #a3adb8; border-style: dashed; color: #56616d; }
.plain { background: #eef0f3; border-color: #c3cad2; color: #3c4753; }
table { width: 100%; border-collapse: collapse; margin: 1rem 0; font-size: .94rem; }
th { text-align: left; font-size: .8rem; font-weight: 600; color: var(--soft); padding: .3rem .8rem .3rem 0;
  border-bottom: 1.5px solid var(--ink); }
td { vertical-align: top; padding: .6rem .8rem .6rem 0; font-variant-numeric: tabular-nums;
  border-bottom: 1px solid var(--line); }
td:last-child, th:last-child { padding-right: 0; }
.front td:first-child { width: 9.5rem; } .front th { white-space: nowrap; }
.claims td:first-child { width: 30%; }
.claims span { white-space: nowrap; }
article { margin: 0 0 2.8rem; scroll-margin-top: 1rem; }
article > header { display: flex; flex-wrap: wrap; align-items: center; gap: .4rem 1rem; margin-bottom: .2rem; }
figure { margin: 1.4rem 0; }
img { display: block; max-width: 100%; height: auto; border: 1px solid var(--line); border-radius: .3rem; }
figcaption { color: var(--soft); font-size: .9rem; margin-top: .5rem; max-width: 46rem; }
.missing { background: var(--wash); border-left: 4px solid #a3adb8; border-radius: 0 .4rem .4rem 0;
  padding: .7rem 1rem; margin: 1rem 0; font-size: .94rem; }
.missing p { margin: .2rem 0; } .missing p:first-child { font-weight: 600; }
.missing ul { margin: .2rem 0; padding-left: 1.2rem; }
.missing li { overflow-wrap: anywhere; }
details { border-top: 1px solid var(--line); padding: .5rem 0; font-size: .92rem; }
details:last-child { border-bottom: 1px solid var(--line); }
summary { cursor: pointer; font-weight: 600; }
dl { display: grid; grid-template-columns: minmax(6rem, auto) 1fr; gap: .2rem 1rem; margin: .8rem 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); }
@media (max-width: 40rem) {
  body { padding: 1.4rem 1rem 3rem; } h1 { font-size: 2rem; } .tally { grid-template-columns: 1fr 1fr; }
  thead { display: none; }
  table, tbody, tr, td { display: block; width: 100% !important; }
  tr { padding: .7rem 0; border-bottom: 1px solid var(--line); }
  td { border: 0; padding: .15rem 0; }
  .front td[data-label] { display: inline-block; width: auto !important; margin-right: 1rem; font-size: .88rem; }
  td[data-label]::before { content: attr(data-label) ": "; color: var(--soft); font-size: .84rem; }
  dl { grid-template-columns: 1fr; } dt { margin-top: .4rem; }
}
@media print {
  body { max-width: none; padding: 0; font-size: 10.5pt; } a { color: inherit; text-decoration: none; }
  article, figure, tr, .tally li { break-inside: avoid; } h2, h3 { break-after: avoid; }
  .badge, .tally li, .missing { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  img { max-height: 20cm; width: auto; } details::details-content { content-visibility: visible; }
}
"""


# -- the README's table --------------------------------------------------------------------------------------------------
TABLES = ("class", "images")  # each a table of README.md, made from data/records/<name>.csv


def marks(name: str) -> tuple[str, str]:
    """Between these lines README.md holds the table of that name."""
    return f"<!-- {name}: made by `make readme` from data/records/{name}.csv -->", f"<!-- end of {name} -->"


def status_table(table: str) -> str:
    """The claims of a report.csv as Markdown: paper, where, claim, ours, status; lessons and targets without a record left out."""
    rows = [r for r in csv.DictReader(io.StringIO(table)) if r["claim"] and r["claim_status"] != "not run"]
    lines = ["| paper | where | claim | ours, mean and 95 % interval over seeds | status |", "|---|---|---|---|---|"]
    for r in rows:
        lines.append(f"| {r['paper'].split(' (')[0]} | {r['where']} | {r['claim']} | {r['ours']} | {r['claim_status']} |")
    return "\n".join(lines)


def conditions(out: Path) -> list[dict[str, Any]]:
    """Under which conditions each run below `out` was made: parameters, seeds, data, versions, hardware, time."""
    kept = ("notebook", "parameters", "source_hash", "seeds", "status", "data", "versions", "hardware", "commit", "started", "wall_s")
    runs = []
    for path in sorted(out.rglob("result.json")):
        result = read(path.parent)
        runs.append({k: result[k] for k in kept} | {"parameters": {k: v for k, v in result["parameters"].items() if k not in ("out", "path")}})
    return runs


def main(arguments: list[str]) -> None:
    """`python -m gantutor.reproduce.report [OUT [NAME]]`: keep OUT's table and conditions as data/records/NAME, and bring README.md in line."""
    kept = Path("data/records")
    if arguments:
        kept.mkdir(parents=True, exist_ok=True)
        out, name = Path(arguments[0]), arguments[1] if len(arguments) > 1 else "class"
        write_text(kept / f"{name}.csv", (out / "report.csv").read_text(encoding="utf-8"))
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
