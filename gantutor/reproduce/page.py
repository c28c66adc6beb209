"""The page: sections and tables as one HTML file that stands alone, for a screen, a phone and paper."""

import base64
import io
import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

import gantutor
from gantutor.course.lessons.full_run import ROW_HAS
from gantutor.course.records import frame_of
from gantutor.reproduce.claims import Direction, Spread, Verdict, number, values
from gantutor.reproduce.ledger import STALE
from gantutor.reproduce.records import SAME
from gantutor.reproduce.sections import (
    BADGES,
    BASELINE,
    OTHERS,
    Line,
    Row,
    Section,
    Table,
    noted,
    own_value,
    printed_difference,
    short,
)
from gantutor.reproduce.style import BASE

NARROW = 700  # pixels; the copies of a row's pictures are no wider
ON_PAPER = 2  # pictures of a lesson, where not all is printed
TIMES = {2: "twice"}
FOLDER = re.compile(r" \(\w+-[0-9a-f]+\)$")  # that a problem names
LETTERS = "abcdefghijklmnopqrstuvwxyz"
HELD = ("row", "out", "path")  # parameters that every run has to itself
ROW_OWN = ("size", "lr", "steps", "batch", "width", "n_fake")  # 0: a row's own value
LABELS = {"norm": "batch norm when sampling", "keep": "share of the reals kept"}
ROW_HAD = (
    "n_dis",
    "beta1",
    "beta2",
    "ema",
    "decay",
)  # taken and ignored by runs of rows in earlier versions


def html(
    sections: list[Section],
    tables: list[Table],
    out: Path,
    damage: list[str] | None = None,
    unrecorded: Sequence[str] = (),
) -> str:
    """The whole page; what cannot be drawn, for a reason that nobody thought of, costs its own place and is added to `damage`.

    `unrecorded`: sentences on runs that no target asks for and that have no record.
    """
    damage = [] if damage is None else damage
    lessons = [s for s in sections if not s.row and not s.target.not_yet]
    counted = [s for s in lessons if s.target.paper != OTHERS]
    rows = [s.status for s in sections if s.row] + [
        x.status for t in tables for x in t.lines if x.section is None
    ]
    counts = Counter(s.status for s in counted) + Counter(rows)
    tally = "".join(
        f"<li>{_badge(b)}<b>{counts[b]}</b><small>{BADGES[b][2]}</small></li>"
        for b in BADGES
        if counts[b]
    )
    front, body = [], []
    for paper in dict.fromkeys(s.target.paper for s in lessons):
        mine, printed = (
            [s for s in lessons if s.target.paper == paper],
            [t for t in tables if t.paper == paper],
        )
        front.append(
            f'<tr class="group"><th colspan="6" scope="rowgroup">{escape(paper)}</th></tr>'
            + "".join(map(_front_row, mine))
            + "".join(map(_front_table, printed))
        )
        body.append(f"<h2>{escape(paper)}</h2>")
        for s in mine:
            runs = [run for run, _ in s.results]
            body.append(_safely(s.target.name, runs, damage, lambda s=s: _article(s, lessons, out)))
        for t in printed:
            runs = [run for s in t.sections for run, _ in s.results]
            body.append(_safely(t.name, runs, damage, lambda t=t: _table(t, out)))
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>gantutor: three papers, checked</title><style>{CSS}</style></head><body>
<header><p class="kicker">gantutor {escape(gantutor.__version__)} · {now}</p>
<h1>Three papers, checked</h1>
<p class="lede">What AdaptiveMix, KDD GAN and AdvLatGAN claim, and what came out here. Every number below comes from a run record;
the paper's own numbers say so. Intervals are 95 % t intervals of the mean over seeds, variants are compared seed by seed.</p>
<ul class="tally">{tally}</ul>
<p class="note">Counted: {len(counted)} figures and lessons, and {len(rows)} rows of the papers' {len(tables)} tables,
where each trained variant in a row is one. {_runs(sections)}</p>
{_named("Damaged, and left out below", damage, out)}{_named("Runs without a record", unrecorded, out)}
<p class="option"><label><input type="checkbox" id="whole"> print all: runs, curves, samples and every picture; else what is folded stays off the paper</label></p></header>
<main><section><table class="front">
<thead><tr><th>Status</th><th>Target</th><th>In the paper</th><th>Claims or rows</th><th>Seeds</th><th>Profile</th></tr></thead>
<tbody>{"".join(front)}</tbody></table></section>
{"".join(body)}</main>
<footer>Made by <code>gantutor report --out {escape(short(out))}</code>; the same values are in
<code>report.csv</code>, all values and the full pictures in the runs' folders below <code>{escape(short(out))}</code>. The pictures here are copies in WebP; those of rows at most {NARROW} pixels wide.</footer>
</body></html>
"""


def _safely(name: str, runs: Sequence[str], damage: list[str], draw: Callable[[], str]) -> str:
    try:
        return draw()
    except (
        Exception
    ) as error:  # a record may hold what no check foresaw: the rest of the page matters more
        listed = ", ".join(runs) or "none"
        damage.append(
            f"{name} cannot be drawn ({type(error).__name__}: {error}); its runs: {listed}"
        )
        return f'<div class="missing"><p>{escape(damage[-1])}</p></div>'


def _named(title: str, found: Sequence[str], out: Path) -> str:
    """A box with sentences on files, named as they are in the folder: the page travels, its place does not."""
    if not found:
        return ""
    inside = [words.replace(f"{out}/", "") for words in found]
    listed = "".join(f"<li>{escape(words)}</li>" for words in inside)
    return f'<div class="missing"><p>{title}</p><ul>{listed}</ul></div>'


def _badge(status: str) -> str:
    mark, css, _ = BADGES[status]
    return f'<span class="badge {css}"><i aria-hidden="true">{mark}</i>{status}</span>'


def _s(n: int, what: str) -> str:
    return f"{n} {what}{'s' * (n != 1)}"


# -- the front table ------------------------------------------------------------------------------------------------------
def _front_line(
    status: str, anchor: str, name: str, title: str, where: str, what: str, seeds: str, profile: str
) -> str:
    cells = (
        ("In the paper", escape(where)),
        ("Claims or rows", f"<small>{what}</small>"),
        ("Seeds", seeds),
        ("Profile", escape(profile)),
    )
    shown = "".join(f'<td data-label="{label}">{value or "–"}</td>' for label, value in cells)
    return f'<tr><td>{status}</td><td><a href="#{anchor}">{escape(name)}</a><br><small>{escape(title)}</small></td>{shown}</tr>'


def _front_row(s: Section) -> str:
    counts = Counter(v.status for v in s.verdicts) if s.results else Counter()
    claims = ", ".join(f"{counts[b]} {b}" for b in BADGES if counts[b]) or escape(s.lacks)
    return _front_line(
        _badge(s.status),
        s.anchor,
        s.target.name,
        s.target.title,
        s.target.where,
        claims,
        str(s.seeds or ""),
        s.profile if s.results else "",
    )


def _front_table(t: Table) -> str:
    ran = [s for s in t.sections if s.results]
    seeds = sorted({s.seeds for s in ran})
    span = " to ".join(map(str, dict.fromkeys((seeds[0], seeds[-1])))) if seeds else ""
    profiles = ", ".join(dict.fromkeys(s.profile for s in ran))
    return _front_line(
        _bar(t.counts),
        t.anchor,
        t.where,
        t.title,
        _s(len(t.rows), "row"),
        _counted(t.counts),
        span,
        profiles,
    )


def _counted(counts: Counter) -> str:
    return ", ".join(f"{counts[b]} {b}" for b in BADGES if counts[b])


def _bar(counts: Counter) -> str:
    """Statuses as a bar: the widths are the counts, the words stand beside it."""
    parts = "".join(
        f'<i class="{css}" style="flex-grow:{counts[b]}" title="{counts[b]} {b}">{mark}</i>'
        for b, (mark, css, _) in BADGES.items()
        if counts[b]
    )
    return f'<span class="bar" role="img" aria-label="{_counted(counts)}">{parts}</span>'


# -- a figure or a lesson -------------------------------------------------------------------------------------------------
def _article(s: Section, sections: list[Section], out: Path) -> str:
    t = s.target
    parts = [
        f'<article id="{s.anchor}"><header><h3>{escape(t.title)}</h3>{_badge(s.status)}</header>'
        f'<p class="meta">{escape(t.where)} · <code>{escape(t.name)}</code> · notebook '
        f"<code>{escape(t.notebook)}</code></p>"
    ]
    if t.claims and s.results:
        rows = "".join(_claim_row(claim, v) for claim, v in zip(t.claims, s.verdicts, strict=True))
        parts.append(
            '<table class="claims"><thead><tr><th>The claim</th><th>Measure</th><th>Ours</th><th>Seeds</th>'
            "<th>Status</th></tr>"
            f"</thead><tbody>{rows}</tbody></table>"
        )
    elif t.claims:
        parts.append(
            "<p>The paper's claim:</p><ul>"
            + "".join(f"<li>{escape(claim.paper)}</li>" for claim in t.claims)
            + "</ul>"
        )
    if s.problems:
        stale = s.problems == [STALE]
        parts.append(_missing(s.problems, s.command + " --fresh" * stale))
    if t.note:
        parts.append(f'<p class="note">{escape(t.note)}</p>')
    parts.append(_figures(s, sections, out))
    if s.results:
        parts.append(f"<details><summary>All measures</summary>{_measures(s)}</details>")
        runs = [("", run, result, s) for run, result in s.results]
        parts.append(
            f"<details><summary>Recipe, protocol and hardware</summary>{_protocol(runs)}</details>"
        )
    return "".join(parts) + _more([s]) + "</article>"


def _more(sections: Sequence[Section]) -> str:
    """Further records of these sections in the folder: each with its values, and the parameters in which it differs."""
    listed = []
    for s in sections:
        shown = s.results[-1][1]["parameters"] if s.results else {}
        for run, result in s.others:
            own = {
                k: v for k, v in result["parameters"].items() if k not in HELD and shown.get(k) != v
            }
            seeds = _s(len(result["seeds"]), "seed")
            words = f"{escape(s.target.name)}: <code>{escape(run)}</code>, {escape(result['started'])}, {seeds}, {result['status']}"
            words += f"; {escape(_plain(own))}" * bool(own)
            alone = Section(s.target, s.status, [], "", results=[(run, result)])
            listed.append(
                f"<li>{words}<details><summary>Its measures</summary>{_measures(alone)}</details></li>"
            )
    if not listed:
        return ""
    return f"<details><summary>{_s(len(listed), 'more record')} in this folder, made otherwise</summary><ul>{''.join(listed)}</ul></details>"


def _missing(problems: Sequence[str], command: str) -> str:
    stale = command.endswith(" --fresh")  # all is there, but old
    title, does = (
        ("To know", "This runs it again") if stale else ("What is missing", "This fills it")
    )
    listed = "".join(f"<li>{escape(p)}</li>" for p in problems)
    fills = f"<p>{does}: <code>{escape(command)}</code></p>" if command else ""
    return f'<div class="missing"><p>{title}</p><ul>{listed}</ul>{fills}</div>'


def _claim_row(claim, v: Verdict) -> str:
    who = escape(claim.variant) + (
        f" <small>against</small> {escape(claim.against)}" if hasattr(claim, "against") else ""
    )
    better = f", {claim.better} is better" if isinstance(claim, Direction) else ""
    ours = (
        "<br><small>against</small> ".join(
            f"<span>{escape(part)}</span>" for part in v.ours.split(" against ")
        )
        or "–"
    )
    extra = (
        f"<br><small>difference <span>{v.spread}</span></small>"
        if v.spread is not None and isinstance(claim, Direction)
        else ""
    )
    note = f"<br><small>{escape(v.note)}</small>" if v.note else ""
    return (
        f"<tr><td>{escape(claim.paper)}</td>"
        f'<td data-label="Measure"><code>{escape(claim.metric)}</code>{better}<br>{who}</td>'
        f'<td data-label="Ours">{ours}{extra}{note}</td><td data-label="Seeds">{v.seeds or "–"}</td>'
        f"<td>{_badge(v.status)}</td></tr>"
    )


def _home(run: str, figure: str, sections: list[Section]) -> Section:
    """Where a run's figure is shown: under the target that its name begins with, else under the first that shares the run."""
    sharing = [s for s in sections if run in dict(s.results)]
    return next((s for s in sharing if figure.startswith(s.target.name.split("/")[-1])), sharing[0])


def _picture(path: Path, width: int | None = None) -> str | None:
    """A picture as a data URI in WebP, no wider than `width` pixels; None where the file is lost or damaged."""
    from PIL import Image

    try:
        with Image.open(path) as opened:
            picture = opened.convert("RGBA")
    except Exception:  # a damaged picture makes Pillow raise anything
        return None
    flat = Image.new("RGB", picture.size, "white")
    flat.paste(picture, mask=picture)
    if width and flat.width > width:
        flat = flat.resize(
            (width, round(flat.height * width / flat.width)), Image.Resampling.LANCZOS
        )
    buffer = io.BytesIO()
    flat.save(buffer, "WEBP", quality=85, method=2)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def readable(path: Path) -> bool:
    """Whether a picture is there and whole."""
    from PIL import Image

    try:
        with Image.open(path) as opened:
            opened.load()
        return True
    except Exception:  # whatever is wrong with it
        return False


def _shown(path: Path, caption: str, more: bool) -> str:
    data = _picture(path)
    if data is None:
        return f'<p class="note">The picture {escape(path.name)} is lost or damaged: run it again with --fresh.</p>'
    return f'<figure{" class=more" * more}><img alt="{escape(caption)}" src="{data}"><figcaption>{escape(caption)}</figcaption></figure>'


def _figures(s: Section, sections: list[Section], out: Path) -> str:
    parts, elsewhere = [], {}
    for run, result in s.results:
        for figure in result["figures"]:
            home = _home(run, figure["name"], sections)
            if home is not s:
                elsewhere[home.anchor] = home.target.name
                continue
            parts.append(
                _shown(out / run / figure["file"], figure["caption"], more=len(parts) >= ON_PAPER)
            )
    links = ", ".join(
        f'<a href="#{anchor}">{escape(name)}</a>' for anchor, name in elsewhere.items()
    )
    return "".join(parts) + (
        f'<p class="meta">Its runs are shared: more pictures under {links}.</p>' if links else ""
    )


def _measures(s: Section) -> str:
    frame = frame_of([result for _, result in s.results])
    rows = []
    for (variant, metric), part in frame.groupby(["variant", "metric"], sort=False):
        numbers = [
            v for v in values(part, metric, variant).values() if v == v and abs(v) != float("inf")
        ]
        shown, bad = str(Spread.of(numbers)) if numbers else "–", len(part) - len(numbers)
        each = ", ".join(number(v) for v in part["value"])
        unit = escape(str(part["unit"].iloc[0] or ""))
        lost = f" <small>({bad} not finite)</small>" if bad else ""
        rows.append(
            f'<tr><td>{escape(metric)}</td><td data-label="Variant">{escape(variant) or "–"}</td>'
            f'<td data-label="Mean">{shown} {unit}{lost}</td><td data-label="Each seed">{each}</td></tr>'
        )
    head = "<thead><tr><th>Measure</th><th>Variant</th><th>Mean [95 %]</th><th>Each seed</th></tr></thead>"
    return f'<table class="measures">{head}<tbody>{"".join(rows)}</tbody></table>'


def _protocol(runs: list[tuple[str, str, dict[str, Any], Section]]) -> str:
    """Of (label, folder, record, section) each: what all have in common once, then each run with what is its own."""
    facts = [_facts(r) for _, _, r, _ in runs]
    common = {k: v for k, v in facts[0].items() if all(f.get(k) == v for f in facts)}
    parts = []
    for (label, run, r, s), fact in zip(runs, facts, strict=True):
        again = s.starts.get(run, 0)
        started = f", started {TIMES.get(again, f'{again} times')}" if again > 1 else ""
        own = "; ".join(f"{k} {v}" for k, v in fact.items() if k not in common)
        name = f"<b>{escape(label)}</b>: " if label else ""
        words = (
            f"{name}<code>{escape(run)}</code>, {escape(r['started'])}, {r['wall_s']:.0f} s{started}"
            + (f"; {escape(own)}" if own else "")
        )
        parts.append(f"<dt>Run</dt><dd>{words}</dd>" if len(runs) == 1 else f"<li>{words}</li>")
    shared = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in common.items())
    return (
        f"<dl>{parts[0]}{shared}</dl>"
        if len(runs) == 1
        else f"<dl>{shared}</dl><ul>{''.join(parts)}</ul>"
    )


def _facts(r: dict[str, Any]) -> dict[str, str]:
    """The conditions of a run, one text each: its parameters, what was trained, what it noted of its data, machine, versions."""
    facts = {k: _plain(v) for k, v in r["data"].items() if k != "row"}
    versions = ", ".join(f"{k} {v}" for k, v in r["versions"].items() if v)
    return {
        "Parameters": _plain(_asked(r)),
        **_recipes(r),
        **facts,
        "Hardware": _machine(r["hardware"]),
        "Versions": f"{versions}; commit {(r['commit'] or 'unknown')[:12]}",
    }


def _asked(r: dict[str, Any]) -> dict[str, Any]:
    """The parameters that held: not those that left the choice to a row, nor those that a row's recipe stood above."""
    left = {k: v for k, v in r["parameters"].items() if k not in HELD and v not in (None, "")}
    if r["notebook"] != "10_full_run":
        return left
    over = (
        (*ROW_HAS, *ROW_HAD) if r["parameters"].get("row") is not None and not r["trained"] else ()
    )
    return {k: v for k, v in left.items() if k not in over and not (k in ROW_OWN and v == 0)}


def _recipes(r: dict[str, Any]) -> dict[str, str]:
    """What was trained, part by part: what all variants share once, then each variant's own parts."""
    trained = {
        variant: _parts(entry) for variant, entry in r["trained"].items() if isinstance(entry, dict)
    }
    if not trained:
        row = r["parameters"].get("row") is not None
        return {"Recipe": "not in this record, which an earlier version made"} if row else {}
    first = next(iter(trained.values()))
    shared = {
        k: v for k, v in first.items() if all(parts.get(k) == v for parts in trained.values())
    }
    found = {f"Trained: {k}": v for k, v in shared.items()}
    for variant, parts in trained.items():
        own = {k: v for k, v in parts.items() if k not in shared}
        if own:
            found[f"Trained: {variant}"] = _plain(own)
    return found


def _parts(entry: dict[str, Any]) -> dict[str, str]:
    """A `trained` entry of a record as words; parts that are off are left out."""
    recipe = entry.get("recipe")
    recipe = recipe if isinstance(recipe, dict) else {}
    rest = {k: v for k, v in entry.items() if k != "recipe"}
    listed = {LABELS.get(k, k): v for k, v in rest.items()} | recipe
    parts = {k: _spelled(v) for k, v in listed.items() if k != "kind" and v not in (None, [], "")}
    ema, steps = recipe.get("ema"), entry.get("steps")
    if isinstance(ema, dict) and isinstance(steps, int) and ema.get("start", 0) >= steps:
        parts["ema"] += f": a copy of G here, since the run ends after {steps} steps"
    return parts


def _spelled(value: Any) -> str:
    """What `parts.describe` gave, as one would write it, with all its values: "Adam(lr=0.0002, betas=(0.5, 0.9))"."""
    if isinstance(value, dict):
        words = ", ".join(f"{k}={_spelled(v)}" for k, v in value.items() if k != "kind")
        return f"{value.get('kind', '')}({words})"
    if isinstance(value, list):
        return f"({', '.join(map(_spelled, value))})"
    return str(value)


def _plain(value: Any) -> str:
    return (
        ", ".join(f"{k} = {_plain(v)}" for k, v in value.items())
        if isinstance(value, dict)
        else str(value)
    )


def _machine(hardware: dict[str, Any]) -> str:
    cores = [] if hardware["cores"] is None else [_s(hardware["cores"], "core")]
    return ", ".join([hardware["cpu"], *cores, hardware["gpu"] or "no GPU"])


def _runs(sections: list[Section]) -> str:
    unique = {run: result for s in sections for run, result in s.results}
    if not unique:
        return ""
    minutes = sum(r["wall_s"] for r in unique.values()) / 60
    machines = sorted({_machine(r["hardware"]) for r in unique.values()})
    return escape(
        f"{_s(len(unique), 'run')}, {minutes:.1f} minutes in all, on {'; '.join(machines)}."
    )


# -- a table of a paper ---------------------------------------------------------------------------------------------------
def _table(t: Table, out: Path) -> str:
    ran = [s for s in t.sections if s.own]
    links = ", ".join(f'<a href="#{s.anchor}">{escape(s.target.name)}</a>' for s in t.lessons)
    parts = [
        f'<article class="table" id="{t.anchor}"><header><h3>{t.where}: {escape(t.title)}</h3>{_bar(t.counts)}</header>'
        f'<p class="meta"><code>{escape(t.name)}</code> · {_counted(t.counts)}{f" · lessons on it: {links}" if links else ""}</p>'
        f'<p class="note">{escape(t.note)}</p>{_grid(t)}{_protocols(t, ran)}'
    ]
    if lacks := _lacks(t, ran):
        parts.append(_missing(lacks, t.command))
    if ran:
        pictures = "".join(_card(s, out) for s in ran)
        runs = [(_name(s), *s.own, s) for s in ran]
        parts += [
            f'<details><summary>Samples and learning curves of {_s(len(ran), "run")}</summary><div class="cards">{pictures}</div></details>',
            f"<details><summary>All measures</summary>{_matrix(ran)}</details>",
            f"<details><summary>Recipe, protocol and hardware</summary>{_protocol(runs)}</details>",
        ]
    return "".join(parts) + _more(t.sections) + "</article>"


def _name(s: Section) -> str:
    return s.target.name.split(":")[1]


def _grid(t: Table) -> str:
    """The printed rows; ours beside them, or, where a row holds several variants, on lines of their own below it."""
    marks, legend = _footnotes(t)
    beside, trained = (
        len(t.columns) < 7 and all(len(row.lines) == 1 for row in t.rows),
        bool(t.sections),
    )
    scales = list(dict.fromkeys(s.scale for s in t.sections if s.own)) or ["kd_small"]
    measure = f"<code>{scales[0]}</code>" if len(scales) == 1 else "Measure"
    ours = (
        (
            f'<th class="first">{measure}, mean [95 %]</th><th>Difference</th><th>Status</th>'
            if trained
            else '<th class="first">Status</th>'
        )
        if beside
        else ""
    )
    heads = "".join(
        f'<th scope="col">{escape(c)}{_sup(marks, ("column", c))}</th>' for c in t.columns
    )
    group = (
        (
            f'<tr class="over"><td></td><th colspan="{len(t.columns)}">The paper</th>'
            '<th class="first" colspan="3">Ours, on another scale</th></tr>'
        )
        if beside and trained
        else ""
    )
    body = []
    for row in t.rows:
        star = '<sup title="marked with a star in the paper">*</sup>' if row.starred else ""
        control = "" if row.cells else "<br><small>our control, not printed</small>"
        printed = "".join(_cell(row, c, marks) for c in t.columns)
        mine = [
            x.section
            for x in row.lines
            if x.section and not x.again and x.section.target.name.startswith(f"{t.name}:")
        ]
        ids = "".join(f'<a id="{s.anchor}"></a>' for s in mine)
        name = f'<th scope="row">{escape(row.name)}{star}{_sup(marks, ("row", row.name))}{control}{ids}</th>'
        said = _lines(row)
        if beside:
            _, status, scale, value, difference = said[0]
            empty, named = (
                " blank" * (value == "–"),
                f"<code>{scale}</code> " * (len(scales) > 1 and value != "–"),
            )
            cells = (
                (
                    f'<td class="first ours{empty}" data-label="{scale}">{named}{value}</td>'
                    f'<td class="ours{empty}" data-label="Difference">{difference}</td>'
                )
                if trained
                else ""
            )
            body.append(
                f'<tr>{name}{printed}{cells}<td class="ours{"" if trained else " first"}">{status}</td></tr>'
            )
        else:
            body.append(f"<tr>{name}{printed}</tr>")
            for label, status, scale, value, difference in said:
                numbers = (
                    ""
                    if value == "–"
                    else f"<span><code>{scale}</code> {value}</span><span>{difference}</span>"
                )
                body.append(
                    f'<tr class="below"><th scope="row">{escape(label) or "ours"}</th><td colspan="{len(t.columns)}">'
                    f'<div class="line"><span>{status}</span>{numbers}</div></td></tr>'
                )
    wide = " wide" * (len(t.columns) > 6)
    return (
        f'<table class="printed{wide}{" beside" * beside}"><thead>{group}<tr><th scope="col">Row</th>{heads}{ours}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table>{legend}"
    )


def _cell(row: Row, column: str, marks: dict) -> str:
    """A printed value with its spread and, below, ours where it was measured on the same scale."""
    cell = row.cells.get(column)
    if cell is None:
        return '<td class="blank"></td>'
    spread = f" ± {cell['spread']}" if cell["spread"] else ""
    line, own = next(
        ((line, x) for line in row.lines if (x := own_value(line, cell))), (None, None)
    )
    ours = ""
    if own:
        off, held = (
            own.mean - float(cell["value"]),
            line.section.plain and line.section.spread(SAME[cell["metric"]], line.section.plain),
        )
        lines = [
            f"ours {number(own.mean)}",
            *([str(own).split(" ", 1)[1]] if own.n > 1 else []),
            f"{'+' * (off > 0)}{number(off)}",
            *([f"{held} to {_last(line.section.plain)}"] if held else []),
        ]
        ours = f'<small class="own">{"<br>".join(map(escape, lines))}</small>'
    mark = _sup(marks, ("cell", row.name, column))
    return f'<td data-label="{escape(column)}"><span>{escape(cell["value"])}{spread}{mark}</span>{ours}</td>'


def _lines(row: Row) -> list[tuple[str, ...]]:
    """(label, status, measure, value, difference) of a row's variants; those that have nothing but the same status share one."""
    found: list[tuple[str, ...]] = []
    for line in row.lines:
        said = _line(line)
        if found and said[2] == "–" and found[-1][1:] == said:
            found[-1] = (f"{found[-1][0]}, {line.label}", *said)
        else:
            found.append((line.label, *said))
    return found


def _line(line: Line) -> tuple[str, str, str, str]:
    """Ours of one variant on another scale than the paper's: status, measure, its value, and that value's difference to its baseline's."""
    s, badge = line.section, _badge(line.status)
    if s is None or line.again:
        why = f"as in row {line.again}" if line.again else ""  # the reason stands below the table
    else:
        note = s.verdicts[0].note if s.verdicts else ""
        why = (
            (s.lacks or note)
            if line.status == "not run"
            else note
            if line.status != "measured"
            else s.other * (s.scale == "fid")
        )
    status = badge + (f"<small>{escape(why)}</small>" if why else "")
    scale = s.scale if s and s.own else "kd_small"
    value = s.spread(scale) if s and s.own and not line.again else None
    if value is None:
        return status, scale, "–", "–"
    if not s.plain:
        return status, scale, f"<b>{value}</b>", "<small>the baseline</small>"
    difference, printed = s.spread(scale, s.plain), printed_difference(s)
    words = [f"to {escape(_last(s.plain))}", *([f"the paper's FID: {printed}"] if printed else [])]
    return (
        status,
        scale,
        f"<b>{value}</b>",
        f"<span>{difference or '–'}</span><small>{'; '.join(words)}</small>",
    )


def _last(row: str) -> str:
    return row.rsplit("/", 1)[1]


def _sup(marks: dict, key: tuple) -> str:
    return f"<sup>{' '.join(marks[key])}</sup>" if key in marks else ""


def _footnotes(t: Table) -> tuple[dict[tuple, list[str]], str]:
    """Marks of the cells' notes, at a column's head or a row's name where all its cells share the note; and the legend."""
    cells = [(row, column, cell) for row in t.rows for column, cell in row.cells.items()]
    where: dict[str, set] = {}
    for row, column, cell in cells:
        for note in filter(None, cell["note"].split("; ")):
            where.setdefault(note, set()).add((row.name, column))
    together: dict[frozenset, list[str]] = {}
    for note, places in where.items():
        together.setdefault(frozenset(places), []).append(note)
    marks: dict[tuple, list[str]] = {}
    for letter, left in zip(LETTERS, together, strict=False):
        for column in t.columns:
            whole = {(row.name, c) for row, c, _ in cells if c == column and not row.starred}
            if whole and whole <= left:
                marks.setdefault(("column", column), []).append(letter)
                left = {x for x in left if x[1] != column}
        for row in t.rows:
            whole = {(row.name, c) for c in row.cells}
            if whole and whole <= left:
                marks.setdefault(("row", row.name), []).append(letter)
                left = left - whole
        for name, column in sorted(left):
            marks.setdefault(("cell", name, column), []).append(letter)
    starred = (
        "<span><sup>*</sup> marked with a star in the paper</span>"
        if any(row.starred for row in t.rows)
        else ""
    )
    said = zip(LETTERS, map("; ".join, together.values()), strict=False)
    listed = "".join(f"<span><sup>{letter}</sup> {escape(notes)}</span>" for letter, notes in said)
    own = any(own_value(line, cell) for row, _, cell in cells for line in row.lines)
    below = (
        "<span>Below a printed value: ours in the same measure, its interval, ours less the paper's; then ours less its baseline's.</span>"
        * own
    )
    return (
        marks,
        f'<p class="legend">{below}{starred}{listed}</p>' if below or starred or listed else "",
    )


def _protocols(t: Table, ran: list[Section]) -> str:
    """How the paper's numbers were measured, and how ours."""
    theirs = {}
    for cell in (c for row in t.rows for c in row.cells.values() if not row.starred):
        counts = [
            f"{int(cell[n]):,} {what}"
            for n, what in (("n_fake", "fakes"), ("n_real", "reals"))
            if cell[n]
        ]
        said = ", ".join(
            filter(
                None, [*counts, f"split {cell['split']}" * bool(cell["split"]), cell["features"]]
            )
        )
        theirs.setdefault(f"{cell['dataset']}: {said or 'numbers of images not stated'}", {})[
            cell["metric"]
        ] = None
    paper = "".join(
        f"<li>{escape(', '.join(metrics))} on {escape(said)}</li>"
        for said, metrics in theirs.items()
    )
    ours = "".join(
        f"<li>{escape(said)}</li>" for said in dict.fromkeys(_protocol_of(s) for s in ran)
    )
    return (
        f"<details{' open' if len(theirs) < 5 else ''}><summary>How it was measured</summary><dl><dt>The paper</dt><dd><ul>{paper}</ul></dd>"
        + (f"<dt>Here</dt><dd><ul>{ours}</ul></dd>" if ours else "")
        + "</dl></details>"
    )


def _protocol_of(s: Section) -> str:
    r = s.own[1]
    p, asked = noted(r, "protocol"), r["parameters"]
    numbers = [
        f"{p[n]:,} {what}"
        for n, what in (("n_fake", "fakes"), ("n_real", "reals"))
        if isinstance(p.get(n), int)
    ]
    named = [f"{what} {p[what]}" for what in ("split", "features") if what in p]
    reals = ", ".join([*numbers, *named]) or "no protocol noted"
    entry = r["trained"].get(s.row, {})
    recipe = entry.get("recipe") if isinstance(entry.get("recipe"), dict) else {}
    ran = {"steps": entry.get("steps"), "batch": recipe.get("batch")}
    steps = ", ".join(
        f"{k} {v}" for k in ("steps", "batch", "width") if (v := ran.get(k) or asked.get(k))
    )
    name = noted(r, "data").get("name", "unnamed data")
    return f"{s.metric} on {name}: {reals}; the last step is measured; profile {s.profile}" + (
        f" ({steps})" if steps else ""
    )


def _lacks(t: Table, ran: list[Section]) -> list[str]:
    """What is missing in a table, each reason once, with the rows that it concerns."""
    found: dict[str, list[str]] = {}
    for s in t.sections:
        for problem in (p for p in s.problems if not p.startswith(BASELINE)):
            found.setdefault(FOLDER.sub("", problem), []).append(_name(s))
    for row in t.rows:
        for line in (x for x in row.lines if x.section is None):
            found.setdefault(f"not yet: {line.reason}", []).append(row.name)
    whole = len(t.lines)
    which = {
        reason: ", ".join(names) if len(names) < 5 else f"{len(names)} rows"
        for reason, names in found.items()
    }
    listed = [
        reason if len(names) == whole else f"{reason} ({which[reason]})"
        for reason, names in found.items()
    ]
    scale = ran and all(s.metric == s.scale for s in ran)
    return listed + [
        "the paper's own measures: they need its data, its budget and the TF Inception net (--features inception)"
    ] * bool(scale)


def _card(s: Section, out: Path) -> str:
    run, result = s.own
    shown = [f for f in result["figures"] if f["name"] in ("samples", "curves")]
    images = "".join(_small(out / run / f["file"], f["caption"]) for f in shown)
    return f"<figure><figcaption><b>{escape(_name(s))}</b> <code>{escape(run)}</code></figcaption>{images}</figure>"


def _small(path: Path, caption: str) -> str:
    data = _picture(path, NARROW)
    if data is None:
        return (
            f"<p>The picture {escape(path.name)} is lost or damaged: run it again with --fresh.</p>"
        )
    return f'<img alt="{escape(caption)}" title="{escape(caption)}" src="{data}">'


def _matrix(ran: list[Section]) -> str:
    """All measures of a table's runs: a row each, and the reals among themselves."""
    metrics = list(
        dict.fromkeys(m for s in ran for m in s.frame["metric"] if not m.endswith("_std"))
    )
    heads = "".join(f'<th scope="col"><code>{escape(m)}</code></th>' for m in metrics)
    body = ""
    for s in ran:
        cells = "".join(
            f'<td data-label="{escape(m)}"><span>{s.spread(m) or "–"}</span></td>' for m in metrics
        )
        body += f'<tr><th scope="row">{escape(_name(s))}</th>{cells}</tr>'
    reals = {m: list(values(ran[0].frame, m, "reals").values()) for m in metrics}
    cells = "".join(
        f'<td data-label="{escape(m)}"><span>{Spread.of(v) if v else "–"}</span></td>'
        for m, v in reals.items()
    )
    body += (
        f'<tr><th scope="row">reals among themselves</th>{cells}</tr>'
        if any(reals.values())
        else ""
    )
    return f'<table class="printed wide matrix"><thead><tr><th scope="col">Row</th>{heads}</tr></thead><tbody>{body}</tbody></table>'


CSS = (
    BASE
    + """
.tally { list-style: none; margin: 0 0 1rem; padding: 0; display: grid; gap: .6rem;
  grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); }
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
.bar { display: inline-flex; width: 8.6rem; height: 1.25rem; border-radius: .6rem; overflow: hidden; vertical-align: middle; gap: 1px; }
.bar i { flex: 1 1 0; font: 600 .7rem/1.25rem system-ui, sans-serif; text-align: center; min-width: .9rem; border: 0; }
.bar .idle { background: #e7ebef; } .bar .some { background: #a9d5ef; } .bar .none { background: #ffdf8f; } .bar .plain { background: #cfd6de; }
.front > thead th { white-space: nowrap; } .front td:first-child { width: 9.9rem; }
.front .group th { font: 600 1.05rem Georgia, serif; color: var(--ink); padding: 1.6rem 0 .4rem; border-bottom: 1px solid var(--ink); }
.front small { line-height: 1.35; display: inline-block; }
.claims td:first-child { width: 30%; }
.claims span { white-space: nowrap; }
.printed { font-size: .88rem; line-height: 1.4; }
.printed th[scope=row] { font-size: inherit; color: var(--ink); vertical-align: top; padding: .45rem .8rem .45rem 0;
  border-bottom: 1px solid var(--line); max-width: 16rem; }
.printed td { padding: .45rem .8rem .45rem 0; }
.printed td > span { white-space: nowrap; }
.printed .own { display: block; color: var(--link); white-space: normal; line-height: 1.3; }
.printed small { font-size: .78rem; display: block; line-height: 1.35; }
.printed td b { font-weight: 600; white-space: nowrap; }
.printed b + small { display: inline; }
.printed .ours { background: var(--wash); } .printed .first { padding-left: .8rem; }
.printed .over th { border: 0; padding-bottom: 0; font-weight: 400; font-style: italic; } .printed .over td { border: 0; }
.printed .over .first, .printed thead .first, .printed thead .first ~ th { background: var(--wash); }
.printed td.ours:last-child { padding-right: .6rem; max-width: 13rem; }
.printed.wide { font-size: .8rem; } .printed.wide td, .printed.wide th { padding-right: .5rem; }
.printed.matrix td > span { white-space: normal; }
.printed .below th { font-weight: 400; color: var(--soft); padding: .3rem .8rem .3rem 1rem; text-align: right; }
.printed .below td { background: var(--wash); padding: .3rem .8rem; }
.printed tr:not(.below):has(+ .below) > * { border-bottom: 0; padding-top: .8rem; }
.line { display: grid; grid-template-columns: 9.5rem 16rem 1fr; gap: 0 1rem; }
.line > span:only-child { grid-column: 1 / -1; } .line > span:only-child small { display: inline; margin-left: .7rem; }
.line .badge { vertical-align: top; }
.legend { color: var(--soft); font-size: .82rem; max-width: 60rem; margin: -.3rem 0 1rem; line-height: 1.5; }
.legend span { margin-right: 1.1em; }
.option { margin: 0; font-size: .88rem; color: var(--soft); } .option input { vertical-align: -.1em; margin: 0 .3em 0 0; }
article { margin: 0 0 2.8rem; scroll-margin-top: 1rem; }
article.table { margin-bottom: 3.6rem; }
article > header { display: flex; flex-wrap: wrap; align-items: center; gap: .4rem 1rem; margin-bottom: .2rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); gap: 1.2rem 1.4rem; margin: 1rem 0; }
.cards figure { margin: 0; } .cards figcaption { margin: 0 0 .3rem; } .cards img { margin-bottom: .4rem; width: 100%; }
.cards figcaption b { color: var(--ink); }
.missing { background: var(--wash); border-left: 4px solid #a3adb8; border-radius: 0 .4rem .4rem 0;
  padding: .7rem 1rem; margin: 1rem 0; font-size: .94rem; }
.missing p { margin: .2rem 0; } .missing p:first-child { font-weight: 600; }
.missing ul { margin: .2rem 0; padding-left: 1.2rem; }
.missing li { overflow-wrap: anywhere; }
@media screen and (max-width: 48rem) {
  .tally { grid-template-columns: repeat(2, minmax(0, 1fr)); } .tally li { padding: .6rem; }
  .tally .badge { font-size: .74rem; padding: .08rem .45rem; } .tally b { font-size: 1.2rem; }
  thead { display: none; }
  table, tbody, tr, td, .group th { display: block; width: 100% !important; }
  tr { padding: .7rem 0; border-bottom: 1px solid var(--line); }
  td { border: 0; padding: .15rem 0; }
  .front td[data-label] { display: inline-block; width: auto !important; margin-right: 1rem; font-size: .88rem; }
  td[data-label]::before { content: attr(data-label) ": "; color: var(--soft); font-size: .84rem; }
  .front .group { padding: 0; border: 0; }
  .printed tr { display: flex; flex-wrap: wrap; gap: .3rem .9rem; }
  .printed td { flex: 0 0 auto; width: auto !important; min-width: 3.4rem; } .printed.matrix td { min-width: 9rem; }
  .printed th[scope=row] { flex: 0 0 100%; border: 0; padding: 0; max-width: none; }
  .printed td, .printed.wide td { padding: 0; }
  .printed td[data-label]::before { display: block; content: attr(data-label); font-size: .74rem; line-height: 1.2; }
  .printed td.blank, .printed td.ours.blank { display: none; }
  .printed .own { width: max-content; max-width: 9rem; }
  .printed td.ours, .printed td.ours:last-child { flex: 0 0 100%; max-width: none; padding: .1rem .7rem; margin: -.15rem 0; }
  .printed td.ours[data-label]::before { display: inline; content: attr(data-label) ": "; }
  .printed.wide { font-size: .88rem; }
  .printed tr:not(.below):has(+ .below) { border: 0; padding-bottom: 0; }
  .printed .below { flex-wrap: nowrap; padding: .25rem 0; }
  .printed .below th[scope=row] { flex: 0 0 3.4rem; padding: .3rem 0; text-align: left; }
  .printed .below td { flex: 1 1 auto; padding: .3rem .6rem; }
  .line { display: block; } .line > span { display: block; }
  .cards { grid-template-columns: 1fr; }
}
@media print {
  body { line-height: 1.4; }
  .option { display: none; }
  body:not(:has(#whole:checked)) :is(details:not([open]), .more) { display: none; }
  body:has(#whole:checked) details::details-content { content-visibility: visible; }
  summary { list-style: none; }
  h1 { font-size: 2.1rem; } h2 { break-before: page; margin: 0 0 1rem; padding-top: 0; border: 0; } h3 { font-size: 1.15rem; }
  .lede { font-size: 1rem; margin-bottom: 1rem; } figcaption { max-width: none; }
  table { margin: .5rem 0; font-size: .88rem; } td { padding: .3rem .6rem .3rem 0; }
  .front { font-size: .8rem; } .front tr:not(.group) > * { padding: .13rem .5rem .13rem 0; } .front br, .front tr:not(.group) > :last-child { display: none; }
  .front td:first-child { width: 7.6rem; } .front td:nth-child(2) { width: 46%; } .front td:nth-child(3) { width: 5.4rem; } .front td:nth-child(2) small { display: inline; margin-left: .5em; }
  .front .group th { padding: .6rem 0 .15rem; font-size: .95rem; } .front .bar { width: 7rem; height: 1rem; } .front .bar i { line-height: 1rem; min-width: .7rem; }
  .badge { font-size: .74rem; padding: 0 .5rem; line-height: 1.4; }
  .printed { font-size: .78rem; line-height: 1.3; } .printed td, .printed th[scope=row] { padding: .22rem .6rem .22rem 0; }
  .printed.wide { font-size: .7rem; } .printed.wide td, .printed.wide th { padding-right: .3rem; }
  .printed .below th { padding: .1rem .6rem .1rem 1rem; } .printed .below td { padding: .1rem .6rem; }
  .printed tr:not(.below):has(+ .below) > * { padding-top: .4rem; }
  .printed td.ours:last-child { padding-right: .2rem; } .printed td.ours .badge + small { display: inline; margin-left: .4rem; }
  .printed td.ours > span:not(.badge), .printed td.ours b { white-space: normal; } .printed.beside td, .printed.beside th { padding-right: .5rem; }
  .legend { font-size: .74rem; margin: 0 0 .5rem; line-height: 1.35; } .meta, .note, details, .missing { font-size: .82rem; }
  .missing { padding: .35rem .8rem; margin: .5rem 0; } details { padding: .2rem 0; } dl { margin: .3rem 0; gap: .1rem 1rem; }
  article { margin-bottom: 1.6rem; } article.table { margin-bottom: 2rem; }
  figure { margin: .7rem 0; } figcaption { font-size: .8rem; margin-top: .2rem; }
  .tally li, .missing, dl { break-inside: avoid; }
  article > :is(header, .meta, .note), thead, .printed tr:has(+ .below) { break-after: avoid; } .legend { break-before: avoid; }
  .badge, .bar i, .tally li, .missing, .printed td, .printed th { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  .tally { grid-template-columns: repeat(4, 1fr); gap: .4rem; } .tally li { padding: .4rem .6rem; } .tally small { font-size: .76rem; }
  img { max-height: 6.6cm; width: auto; } .cards { grid-template-columns: repeat(3, 1fr); } .cards img { width: 100%; }
}
"""
)
