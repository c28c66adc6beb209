"""The course as a static site: executed notebooks with pictures, read without a server, a network or a script.

Solutions are folded, exercises are open; a widget is its still picture; mathematics is MathML.
"""

import base64
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from PIL import Image

import gantutor
from gantutor.course import versions
from gantutor.course.lessons import minutes
from gantutor.course.records import parameter_hash, read, write_text
from gantutor.files import NotOurs, ours, replacing
from gantutor.reproduce.notebook import check, finished
from gantutor.reproduce.run import run_one
from gantutor.reproduce.site.markup import Headings, code, markdown
from gantutor.reproduce.style import BASE

KEPT = re.compile(
    r"record\.figure\(\s*[\"']([\w.-]+)[\"']"
)  # in a cell: the name of the picture that the record keeps
WIDGET = "application/vnd.jupyter.widget-view+json"
ROW = re.compile(
    r"^\| \[(?P<title>[^\]]+)\]\(notebooks/(?P<stem>\w+)\.ipynb\) \| (?P<finds>.+?) \| (?P<minutes>.+?) \| (?P<needs>.+?) \|$",
    re.M,
)


@dataclass(frozen=True)
class Lesson:
    """A notebook on the site: its source, and the folder of the run whose outputs are shown."""

    source: Path
    run: Path

    @property
    def stem(self) -> str:
        return self.source.stem

    @property
    def page(self) -> str:
        return f"{self.stem}.html"


MARK = " · gantutor</title>"  # in the head of every page


def check_place(out: Path, sources: Sequence[Path]) -> None:
    """NotOurs where the site would replace pages of another one, or mix with other people's files."""
    if not out.is_dir():
        return
    for name in ("index.html", *(f"{source.stem}.html" for source in sources)):
        ours(out / name, MARK)
    ours(out / "style.css", BASE.strip().splitlines()[0])
    others = sorted(p.name for p in out.iterdir() if not p.name.startswith("."))
    if others and not any(_of_site(page) for page in out.glob("*.html")):
        what = f"{out} holds {others[0]!r} and no site of gantutor"
        raise NotOurs(f"{what}: choose an empty or a new folder with --out")


def _of_site(page: Path) -> bool:
    try:
        ours(page, MARK)
    except NotOurs:
        return False
    return page.is_file() and page.stat().st_size > 0


def build(
    sources: Sequence[Path], out: Path, profile: str, runs: Path, say: Callable[[str], None] = print
) -> str:
    """Write the site into `out`; what has no run of this very source and profile below `runs` is
    run into it first.

    Returns "", or in a sentence which run failed: then nothing is written. ValueError for a wrong
    source, an unknown profile, or a folder with other people's files.
    """
    check_place(out, sources)
    for source in sources:
        versions.places(versions.load(source), source.name)
    wanted = {source: check(source, {"profile": profile}) for source in sources}
    lessons = []
    for source, parameters in wanted.items():
        run = kept_run(source, parameters, runs)
        if run is None:
            run = runs / f"{source.stem}-{parameter_hash(parameters)}"
            promised = minutes(source.stem, profile)
            say(
                f"running {source.stem}, profile {profile}"
                + (f", about {promised:g} min" if promised else "")
            )
            outcome = run_one(source, {"profile": profile}, run, say=say)
            if outcome.status == "interrupted":
                raise KeyboardInterrupt
            if outcome.status != "ok":
                return f"{source.stem} ended with {outcome.status}: {outcome.message}"
        lessons.append(Lesson(source, run))
    covers = {}
    for i, lesson in enumerate(lessons):
        html, covers[lesson.stem] = _Page(lesson, lessons, out).html(
            lessons[i - 1] if i else None, lessons[i + 1] if i + 1 < len(lessons) else None
        )
        write_text(out / lesson.page, html)
    write_text(out / "index.html", _index(lessons, covers, out))
    write_text(out / "style.css", BASE + CSS)
    return ""


def kept_run(source: Path, parameters: dict[str, Any], runs: Path) -> Path | None:
    """The folder below `runs` with a finished run of this very notebook and these parameters, and its executed copy."""
    for path in sorted(runs.rglob("result.json")):
        if (path.parent / "executed.ipynb").exists() and finished(path.parent, source, parameters):
            return path.parent
    return None


# -- a lesson -----------------------------------------------------------------------------------------------------------------
class _Page:
    """One lesson's page while it is written: its headings for the table of contents, its pictures beside it in a folder."""

    def __init__(self, lesson: Lesson, lessons: Sequence[Lesson], out: Path):
        self.lesson, self.out, self.headings, self.pictures = lesson, out, Headings(), 0
        self.pages = {x.source.name: x.page for x in lessons}
        self.nb, self.record = versions.load(lesson.run / "executed.ipynb"), read(lesson.run)
        self.captions = {f["name"]: f for f in self.record["figures"]}
        self.cover = ""

    def html(self, before: Lesson | None, after: Lesson | None) -> tuple[str, str]:
        """The page, and the address of its first picture."""
        body = "\n".join(self._cells())
        title = (
            re.sub(r"<[^>]+>", "", self.headings.found[0][2])
            if self.headings.found
            else self.lesson.stem
        )
        contents = "".join(
            f'<li class="level{level}"><a href="#{anchor}">{text}</a></li>'
            for level, anchor, text in self.headings.found
            if level in (2, 3)
        )
        here = [
            '<a href="index.html">The course</a>',
            self._way(before, "previous", "← "),
            self._way(after, "next", "", " →"),
        ]
        way = "".join(here)
        return _document(
            title,
            f"""<nav class="way" aria-label="Notebooks">{way}</nav>
<div class="sheet"><nav class="contents" aria-label="On this page"><details><summary>On this page</summary><ol>{contents}</ol></details></nav>
<main>{body}
{self._made()}</main></div>
<nav class="way" aria-label="Notebooks, below">{way}</nav>""",
        ), self.cover

    def _way(self, lesson: Lesson | None, rel: str, before: str, after: str = "") -> str:
        if lesson is None:
            return ""
        return f'<a rel="{"prev" if rel == "previous" else rel}" class="{rel}" href="{lesson.page}">{before}{escape(_title(lesson))}{after}</a>'

    def link(self, url: str) -> str | None:
        """Where an address of the notebook leads here; None: to a file that is not on the site."""
        path, mark, anchor = url.partition("#")
        if ":" in path or not path:
            return url
        name = path.rsplit("/", 1)[-1]
        found = self.pages.get(name) or ("index.html" if name == "README.md" else None)
        return found and found + mark + anchor

    # -- cells
    def _cells(self) -> Iterator[str]:
        cells, asked = (
            self.nb.cells,
            {
                p.words if p.words is not None else p.answer: p
                for p in versions.places(self.nb, self.lesson.source.name)
            },
        )
        skip: set[int] = set()
        for i, cell in enumerate(cells):
            if i in asked:
                place = asked[i]
                yield self._exercise(place)
                skip |= {place.answer, place.check}
            elif (
                i in skip
                or not cell.source.strip()
                or "injected-parameters" in cell.metadata.get("tags", [])
            ):
                continue
            elif cell.cell_type == "markdown":
                yield markdown(cell.source, self.link, self.headings)
            elif cell.cell_type == "code":
                yield self._code(cell)

    def _code(self, cell: NotebookNode) -> str:
        source = _framed(cell.source)
        if "parameters" in cell.metadata.get("tags", []):
            source = _fold("Parameters", source)
        elif re.match(r"(import|from) \w", cell.source):
            source = _fold("Imports and set-up", source)
        return source + self._outputs(cell)

    def _exercise(self, place: versions.Place) -> str:
        """Words and stub open, the solution and what the check says to it in a fold."""
        answer, checked = self.nb.cells[place.answer], self.nb.cells[place.check]
        words = (
            ""
            if place.words is None
            else markdown(self.nb.cells[place.words].source, self.link, self.headings)
        )
        solution = (
            _framed(versions.solved(answer.source)) + self._outputs(answer) + self._outputs(checked)
        )
        return (
            f'<section class="exercise">{words}{_framed(versions.stub(answer.source))}{_framed(checked.source)}'
            f"{_fold('A solution', solution)}</section>"
        )

    # -- outputs
    def _outputs(self, cell: NotebookNode) -> str:
        pictures = sum("image/png" in o.get("data", {}) for o in cell.outputs)
        return "".join(self._output(cell, o, pictures == 1) for o in cell.outputs)

    def _output(self, cell: NotebookNode, output: NotebookNode, alone: bool) -> str:
        if output.output_type == "stream":
            return f'<pre class="out" tabindex="0">{escape(self._here(output.text.rstrip()))}</pre>'
        if output.output_type == "error":
            return f'<pre class="out error">{escape(f"{output.ename}: {output.evalue}")}</pre>'
        data = output.data
        if "image/png" in data:
            return self._picture(cell, output, alone)
        if "text/html" in data:
            return f'<div class="out wide">{_plain_html(self._here(data["text/html"]))}</div>'
        if "text/markdown" in data:
            return f'<div class="out">{markdown(data["text/markdown"], self.link)}</div>'
        return f'<pre class="out" tabindex="0">{escape(self._here(data.get("text/plain", "").rstrip()))}</pre>'

    def _here(self, text: str) -> str:
        """Without the places of the machine that ran it: the run's folder by its name, the working folder as `.`."""
        run = self.lesson.run.resolve()
        return text.replace(str(run), f"runs/{run.name}").replace(str(Path.cwd()), ".")

    def _picture(self, cell: NotebookNode, output: NotebookNode, alone: bool) -> str:
        """The picture as a file beside the page. One that the record keeps comes from there: its caption is type, not pixels."""
        names, widget = KEPT.findall(cell.source), WIDGET in output.data
        figure = self.captions.get(names[0]) if alone and len(names) == 1 else None
        content = _whole(self.lesson.run / figure["file"]) if figure else None
        if content is not None:
            name, words = figure["name"], figure["caption"]
        else:
            self.pictures += 1
            name, content = f"{cell.id}-{self.pictures}", base64.b64decode(output.data["image/png"])
            words = output.get("metadata", {}).get("image/png", {}).get("alt", "")
        address, (width, height) = save_picture(content, self.out, self.lesson.stem, name)
        self.cover = self.cover or address
        last = (
            re.sub(r"<[^>]+>", "", self.headings.found[-1][2])
            if self.headings.found
            else self.lesson.stem
        )
        alt = (
            words or f"{last}: {'a picture with controls, as it starts' if widget else 'a picture'}"
        )
        note = (
            '<small class="widget">In the notebook this picture has controls; here it stands as it starts.</small>'
            if widget
            else ""
        )
        caption = (
            f"<figcaption>{escape(words)}{' ' * bool(words and note)}{note}</figcaption>"
            if words or note
            else ""
        )
        return f'<figure><img alt="{escape(alt)}" src="{address}" width="{width}" height="{height}" loading="lazy">{caption}</figure>'

    def _made(self) -> str:
        """How the page came about: profile, seeds, time, machine, versions."""
        r = self.record
        own = ", ".join(
            f"{k} = {v}"
            for k, v in r["parameters"].items()
            if k not in ("profile", "seed", "seeds", "out", "path") and v is not None
        )
        machine = f"{r['hardware']['cpu']}, {r['hardware']['cores']} cores, {r['hardware']['gpu'] or 'no GPU'}"
        profile, promised = (
            r["parameters"]["profile"],
            minutes(self.lesson.stem, r["parameters"]["profile"]),
        )
        took = f"{r['wall_s'] / 60:.1f} minutes" + (f", {promised:g} promised" if promised else "")
        facts = {
            "Profile": profile,
            "Seeds": ", ".join(map(str, r["seeds"])),
            "Parameters": own,
            "Time": took,
            "Machine": machine,
            "Versions": ", ".join(f"{k} {v}" for k, v in r["versions"].items() if v),
            "Started": r["started"][:16].replace("T", " "),
        }
        listed = "".join(f"<dt>{k}</dt><dd>{escape(v)}</dd>" for k, v in facts.items() if v)
        return f'<section class="made">{_fold("How this page was made", f"<dl>{listed}</dl>")}</section>'


def _framed(source: str) -> str:
    return f'<pre class="code" tabindex="0"><code>{code(source)}</code></pre>'


def _fold(summary: str, content: str) -> str:
    return f"<details><summary>{summary}</summary>{content}</details>"


def _plain_html(html: str) -> str:
    """An output's HTML without scripts, styles of its own and old attributes: the page's look holds."""
    html = re.sub(r"<(script|style)\b.*?</\1>", "", html, flags=re.S | re.I)
    return re.sub(
        r'(<t[a-z]+)( border="1"| class="dataframe"| style="[^"]*")+', r"\1", html
    ).strip()


def save_picture(content: bytes, out: Path, folder: str, name: str) -> tuple[str, tuple[int, int]]:
    """Keep a PNG as out/folder/name.png with 256 colours of its own, a third of the bytes; its address and size in pixels."""
    with Image.open(io.BytesIO(content)) as opened:
        flat = Image.new("RGB", opened.size, "white")
        picture = opened.convert("RGBA")
        flat.paste(picture, mask=picture)
    small = flat.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    with replacing(out / folder / f"{name}.png") as partial:
        small.save(partial, "PNG", optimize=True)
    return f"{folder}/{name}.png", flat.size


def _whole(path: Path) -> bytes | None:
    """The bytes of a picture that can be decoded; None where it is missing or damaged: then the
    notebook's own copy serves.
    """
    try:
        content = path.read_bytes()
        with Image.open(io.BytesIO(content)) as picture:
            picture.load()
    # Pillow has as many ways to say it
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return content


def _title(lesson: Lesson) -> str:
    """The notebook's first heading."""
    first = next(
        (c.source for c in versions.load(lesson.source).cells if c.cell_type == "markdown"), ""
    )
    return (
        re.sub(r"[$`*]", "", first.splitlines()[0].lstrip("# "))
        if first.startswith("#")
        else lesson.stem
    )


def _document(title: str, body: str) -> str:
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · gantutor</title><link rel="stylesheet" href="style.css"></head><body>
{body}
<footer>Made by <code>gantutor build --site</code>, gantutor {escape(gantutor.__version__)}. MIT licence.</footer>
</body></html>
"""


# -- the first page -----------------------------------------------------------------------------------------------------------
def _index(lessons: Sequence[Lesson], covers: dict[str, str], out: Path) -> str:
    """README's first screen with its picture, and a card a notebook: what one finds out, minutes, needs."""
    readme = lessons[0].source.parent.parent / "README.md"
    text = readme.read_text(encoding="utf-8") if readme.exists() else "# The course\n"
    first, *rest = re.split(r"(?m)^(?=## )", text)
    commands = rest[0] if rest else ""  # how to install and run it, as README has it
    rows = {m["stem"]: m for m in ROW.finditer(text)}

    def link(url: str) -> str | None:
        if ":" in url or url.startswith("#"):
            return url
        picture = readme.parent / url
        if picture.suffix == ".png" and picture.exists():
            return save_picture(picture.read_bytes(), out, "pictures", picture.stem)[0]
        return None

    cards = "".join(_card(lesson, rows.get(lesson.stem), covers[lesson.stem]) for lesson in lessons)
    body = f'<main class="front">{markdown(first, link)}<h2 id="notebooks">The notebooks</h2><ol class="cards">{cards}</ol>{markdown(commands, link)}</main>'
    return _document("A course on three ideas for GANs", body)


def _card(lesson: Lesson, row: re.Match | None, cover: str) -> str:
    picture = f'<img alt="" src="{cover}" loading="lazy">' if cover else ""
    finds, minutes = (
        (markdown(row["finds"]), f"{row['minutes']} · {row['needs']}") if row else ("", "")
    )
    return (
        f'<li><a href="{lesson.page}">{picture}<b>{escape(row["title"] if row else _title(lesson))}</b></a>{finds}'
        f"<small>{escape(minutes)}</small></li>"
    )


CSS = """
body { max-width: 76rem; }
.way { display: flex; flex-wrap: wrap; gap: .3rem 1.6rem; font-size: .9rem; padding-bottom: .9rem; border-bottom: 1px solid var(--line); margin-bottom: 1.6rem; }
.way .previous { margin-left: auto; } .way a:first-child:nth-last-child(2) + .next { margin-left: auto; }
main + .way, .sheet + .way { border: 0; border-top: 1px solid var(--line); padding-top: .9rem; margin: 3rem 0 0; }
.sheet { display: grid; grid-template-columns: minmax(0, 1fr); gap: 0 3rem; }
main { min-width: 0; } main > p, main > ul, main > ol, .exercise > p, .exercise > ul { max-width: 46rem; }
h1 { max-width: 46rem; } h2 { font-size: 1.5rem; margin: 3rem 0 1rem; } h3 { margin: 2rem 0 .6rem; }
p { margin: .8rem 0; } li { margin: .2rem 0; }
math { font-family: "Latin Modern Math", "STIX Two Math", "Cambria Math", "TeX Gyre Pagella Math", "DejaVu Math TeX Gyre", math; font-size: 1.06em; } .over { border-top: .06em solid; padding-top: .14em; } .formula { display: block; overflow-x: auto; overflow-y: hidden; padding: .5rem 0; }
pre { margin: .9rem 0; font: .82rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; overflow-x: auto; }
pre code { font: inherit; overflow-wrap: normal; }
.code { background: var(--wash); border-radius: .4rem; padding: .7rem .9rem; }
.out { padding-left: .9rem; border-left: 3px solid var(--line); margin: .6rem 0 1.2rem; } .out.wide { padding-left: 0; border: 0; }
.wide { overflow-x: auto; }
.wide table { width: auto; min-width: 24rem; font-size: .86rem; margin: .4rem 0; } .wide th, .wide td { padding: .32rem 1.1rem .32rem 0; } td code { overflow-wrap: normal; }
.out th, .out td { white-space: nowrap; text-align: right; } .out tbody th { font-size: .86rem; color: var(--ink); border-bottom: 1px solid var(--line); }
.out thead tr:not(:last-child) th { border-bottom: 0; padding-bottom: 0; } .out tbody th:first-child, .out thead th:first-child { text-align: left; }
figure { margin: 1.2rem 0 1.6rem; } figcaption .widget { font-style: italic; }
main > details, .exercise details { margin: .6rem 0; } details pre { margin: .6rem 0; }
.exercise { margin: 2rem 0; padding: .2rem 1.3rem 1rem; border: 1px solid #cfe0ec; border-left: 4px solid #0072b2; border-radius: .4rem; }
.exercise h3 { margin-top: 1rem; } .exercise .code { background: #f2f7fb; }
.made { margin-top: 3rem; }
.contents { font-size: .88rem; } .contents details { border: 0; padding: 0; } .contents ol { list-style: none; margin: .5rem 0 1rem; padding: 0; } .contents li { margin: .4rem 0; line-height: 1.35; }
.contents .level3 { padding-left: 1rem; } .contents a { color: var(--soft); text-decoration: none; } .contents a:hover { color: var(--link); text-decoration: underline; }
.k, .kn, .ow, .kc { color: #00588f; } .s1, .s2, .sd, .sa, .si, .se, .s { color: #1b7837; } .c1, .cm { color: #5b6673; font-style: italic; }
.mi, .mf, .il { color: #8a4b00; } .nf, .nc, .fm { color: #762a83; } .nd { color: #762a83; }
.front > p:first-of-type { font-size: 1.12rem; } .front > p:has(img) { max-width: none; } .front > p > img { border: 0; width: 100%; } .front .wide table { min-width: 0; }
.cards { list-style: none; padding: 0; display: grid; gap: 1.6rem 1.6rem; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); max-width: none !important; }
.cards li { margin: 0; padding-bottom: .3rem; font-size: .92rem; line-height: 1.45; } .cards a { text-decoration: none; } .cards a b { font: 600 1.1rem/1.3 Georgia, "DejaVu Serif", serif; }
.cards a:hover b { text-decoration: underline; } .cards p { margin: .25rem 0; }
.cards img { width: 100%; height: 9rem; object-fit: cover; object-position: 0 0; margin-bottom: .6rem; }
@media screen and (min-width: 64rem) {
  .sheet { grid-template-columns: minmax(0, 1fr) 15rem; } .contents { order: 2; }
  .contents details { position: sticky; top: 1.2rem; max-height: calc(100vh - 2.4rem); overflow-y: auto; }
  .contents details::details-content { content-visibility: visible; height: auto; } .contents summary { list-style: none; }
}
@media screen and (max-width: 48rem) {
  .long { display: inline-block; max-width: 100%; overflow-x: auto; overflow-y: hidden; vertical-align: middle; }
  .way { gap: .3rem 1rem; } .way .previous { margin-left: 0; } .exercise { padding: .1rem .8rem .8rem; } h2 { font-size: 1.35rem; }
}
@media print {
  .way, .contents, footer { display: none; } .sheet { display: block; } main > *, .exercise > *, figcaption { max-width: none !important; }
  pre, pre code { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .72rem; } pre { break-inside: avoid-page; }
  .wide table { font-size: .72rem; min-width: 0; } .out th, .out td { white-space: normal; } .wide th, .wide td { padding-right: .5rem; }
  .code, .exercise { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
}
"""
