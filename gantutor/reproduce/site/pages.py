"""The course as a static site: executed notebooks, read without a server, a network or a script.

Solutions are folded and exercises open; a widget is its still picture; mathematics is MathML.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gantutor
from gantutor.course import versions
from gantutor.course.lessons import LESSONS, minutes
from gantutor.course.records import parameter_hash, write_text
from gantutor.files import NotOurs, ours
from gantutor.reproduce.html import render, style
from gantutor.reproduce.notebook import check_parameters, finished
from gantutor.reproduce.run import run_one
from gantutor.reproduce.site.lesson import LessonPage, SiteLesson
from gantutor.reproduce.site.markup import markdown
from gantutor.reproduce.site.pictures import save_picture

MARK = " · gantutor</title>"  # in the head of every page
STYLE_MARK = "--ink: #1d2733; --soft: #5b6673;"  # in every style sheet of a site


def check_place(out: Path, sources: Sequence[Path]) -> None:
    """Raise NotOurs where the site would replace or mix with files that are not its own."""
    if not out.is_dir():
        return
    for name in ("index.html", *(f"{source.stem}.html" for source in sources)):
        ours(out / name, MARK)
    ours(out / "style.css", STYLE_MARK)
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
    """Write the site into `out`.

    A notebook that has no run of its very source and this profile below `runs` is run into it
    first. Returns "", or which run failed, in a sentence: then nothing is written. Raises
    ValueError for a source that cannot be read or an unknown profile, and NotOurs for a folder
    with other people's files.
    """
    check_place(out, sources)
    for source in sources:
        versions.places(versions.load(source), source.name)
    wanted = {source: check_parameters(source, {"profile": profile}) for source in sources}
    lessons = []
    for source, parameters in wanted.items():
        run = kept_run(source, parameters, runs)
        if run is None:
            run = runs / f"{source.stem}-{parameter_hash(parameters)}"
            failed = _run(source, profile, run, say)
            if failed:
                return failed
        lessons.append(SiteLesson(source, run))
    _write(lessons, out)
    return ""


def kept_run(source: Path, parameters: Mapping[str, Any], runs: Path) -> Path | None:
    """The folder below `runs` of a finished run of this very notebook with these parameters.

    Its executed copy must be there too. None where there is no such run.
    """
    for path in sorted(runs.rglob("result.json")):
        if (path.parent / "executed.ipynb").exists() and finished(path.parent, source, parameters):
            return path.parent
    return None


def _run(source: Path, profile: str, run: Path, say: Callable[[str], None]) -> str:
    """Run a notebook; "" or how it failed."""
    promised = minutes(source.stem, profile)
    about = f", about {promised:g} min" if promised else ""
    say(f"running {source.stem}, profile {profile}{about}")
    outcome = run_one(source, {"profile": profile}, run, say=say)
    if outcome.status == "interrupted":
        raise KeyboardInterrupt
    if outcome.status != "ok":
        return f"{source.stem} ended with {outcome.status}: {outcome.message}"
    return ""


def _write(lessons: Sequence[SiteLesson], out: Path) -> None:
    covers = []
    for i, lesson in enumerate(lessons):
        page = LessonPage(lesson, lessons, out)
        before = lessons[i - 1] if i else None
        after = lessons[i + 1] if i + 1 < len(lessons) else None
        write_text(out / lesson.page, page.html(before, after))
        covers.append(page.cover)
    write_text(out / "index.html", _index(lessons, covers, out))
    write_text(out / "style.css", style("site"))


# -- the first page --------------------------------------------------------------------------------
@dataclass(frozen=True)
class LessonCard:
    """A lesson on the first page; a notebook that is not of the course has a title alone."""

    page: str
    cover: str
    title: str
    question: str = ""
    needs: str = ""


def _index(lessons: Sequence[SiteLesson], covers: Sequence[str], out: Path) -> str:
    """README's beginning with its picture, a card for each notebook, and README's commands."""
    readme = lessons[0].source.parent.parent / "README.md"
    text = readme.read_text(encoding="utf-8") if readme.exists() else "# The course\n"
    first, *sections = re.split(r"(?m)^(?=## )", text)

    def link(url: str) -> str | None:
        if ":" in url or url.startswith("#"):
            return url
        picture = readme.parent / url
        if picture.suffix == ".png" and picture.exists():
            return save_picture(picture.read_bytes(), out, "pictures", picture.stem)[0]
        return None

    return render(
        "site",
        "index",
        version=gantutor.__version__,
        first=markdown(first, link),
        cards=[_card(lesson, cover) for lesson, cover in zip(lessons, covers, strict=True)],
        commands=markdown(next((x for x in sections if "make reproduce" in x), ""), link),
    )


def _card(lesson: SiteLesson, cover: str) -> LessonCard:
    known = LESSONS.get(lesson.stem)
    if known is None:
        return LessonCard(lesson.page, cover, lesson.title)
    needs = f"{known.time} · {known.needs}"
    return LessonCard(lesson.page, cover, known.label, known.question, needs)
