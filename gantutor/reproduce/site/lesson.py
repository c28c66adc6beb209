"""One lesson of the site: an executed notebook as a page."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup
from nbformat import NotebookNode

import gantutor
from gantutor.course import versions
from gantutor.course.lessons import minutes
from gantutor.course.records import read
from gantutor.reproduce.html import render
from gantutor.reproduce.site import cells
from gantutor.reproduce.site.cells import Block, Figure, Output
from gantutor.reproduce.site.markup import Headings, code, markdown
from gantutor.reproduce.site.pictures import save_picture, undamaged

USUAL = ("profile", "seed", "seeds", "out", "path")  # parameters that are not listed as a run's own


@dataclass(frozen=True)
class SiteLesson:
    """A notebook on the site.

    source: its file
    run: the folder of the run whose outputs are shown
    """

    source: Path
    run: Path

    @property
    def stem(self) -> str:
        return self.source.stem

    @property
    def page(self) -> str:
        """Its address on the site."""
        return f"{self.stem}.html"

    @property
    def title(self) -> str:
        """The first heading of the notebook, else its name."""
        found = (c.source for c in versions.load(self.source).cells if c.cell_type == "markdown")
        first = next(found, "")
        if not first.startswith("#"):
            return self.stem
        return re.sub(r"[$`*]", "", first.splitlines()[0].lstrip("# "))


class LessonPage:
    """A lesson's page while it is written.

    It collects the headings for the table of contents, and writes the pictures into a folder next
    to the page. `cover` is the address of the first picture, once `html` was called.
    """

    def __init__(self, lesson: SiteLesson, lessons: Sequence[SiteLesson], out: Path):
        self.lesson, self.out = lesson, out
        self.headings, self.pictures, self.cover = Headings(), 0, ""
        self.pages = {x.source.name: x.page for x in lessons}
        self.nb, self.record = versions.load(lesson.run / "executed.ipynb"), read(lesson.run)
        self.captions = {figure["name"]: figure for figure in self.record["figures"]}

    def html(self, before: SiteLesson | None, after: SiteLesson | None) -> str:
        """The page, with links to the lessons before and after it."""
        found = list(cells.parts(self.nb, self.lesson.source.name))
        blocks = [self._exercise(p.exercise) if p.exercise else self._block(p.cell) for p in found]
        return render(
            "site",
            "lesson",
            version=gantutor.__version__,
            title=self._heading(self.headings.found[:1]),
            before=before,
            after=after,
            contents=[heading for heading in self.headings.found if heading[0] in (2, 3)],
            blocks=blocks,
            facts=facts(self.record, self.lesson.stem),
        )

    def link(self, url: str) -> str | None:
        """Where an address of the notebook leads here; None for a file that is not on the site."""
        path, mark, anchor = url.partition("#")
        if ":" in path or not path:
            return url
        name = path.rsplit("/", 1)[-1]
        found = self.pages.get(name) or ("index.html" if name == "README.md" else None)
        return found and found + mark + anchor

    def _heading(self, found: list[tuple[int, str, Markup]]) -> str:
        """The text of the last of some headings; the notebook's name where there is none."""
        return found[-1][2].striptags() if found else self.lesson.stem

    def _block(self, cell: NotebookNode) -> Block:
        if cell.cell_type != "code":
            return Block("prose", markdown(cell.source, self.link, self.headings))
        return Block("code", code(cell.source), cells.fold_of(cell), self._outputs(cell))

    def _exercise(self, place: versions.ExercisePlace) -> Block:
        words = Markup("")
        if place.words is not None:
            words = markdown(self.nb.cells[place.words].source, self.link, self.headings)
        answer, checked = self.nb.cells[place.answer], self.nb.cells[place.check]
        return Block(
            "exercise",
            words,
            stub=code(versions.stub(answer.source)),
            check=code(checked.source),
            solution=code(versions.solved(answer.source)),
            outputs=self._outputs(answer) + self._outputs(checked),
        )

    # -- outputs
    def _outputs(self, cell: NotebookNode) -> list[Output]:
        pictures = sum("image/png" in output.get("data", {}) for output in cell.outputs)
        return [self._output(cell, output, pictures == 1) for output in cell.outputs]

    def _output(self, cell: NotebookNode, output: NotebookNode, alone: bool) -> Output:
        if output.output_type == "stream":
            return Output("text", self._here(output.text.rstrip()))
        if output.output_type == "error":
            return Output("error", f"{output.ename}: {output.evalue}")
        data = output.data
        if "image/png" in data:
            return Output("figure", self._figure(cell, output, alone))
        if "text/html" in data:
            return Output("html", cells.plain_html(self._here(data["text/html"])))
        if "text/markdown" in data:
            return Output("prose", markdown(data["text/markdown"], self.link))
        return Output("text", self._here(data.get("text/plain", "").rstrip()))

    def _here(self, text: str) -> str:
        """A text without the folders of the machine that ran the notebook."""
        run = self.lesson.run.resolve()
        return text.replace(str(run), f"runs/{run.name}").replace(str(Path.cwd()), ".")

    def _figure(self, cell: NotebookNode, output: NotebookNode, alone: bool) -> Figure:
        """A picture, written as a file; `alone`: it is the only one of its cell.

        One that the record keeps is taken from there, since it has its caption as text.
        """
        names = cells.KEPT.findall(cell.source)
        figure = self.captions.get(names[0]) if alone and len(names) == 1 else None
        content = undamaged(self.lesson.run / figure["file"]) if figure else None
        if content is not None:
            name, words = figure["name"], figure["caption"]
        else:
            self.pictures += 1
            name, content = f"{cell.id}-{self.pictures}", base64.b64decode(output.data["image/png"])
            words = output.get("metadata", {}).get("image/png", {}).get("alt", "")
        address, (width, height) = save_picture(content, self.out, self.lesson.stem, name)
        self.cover = self.cover or address
        widget = cells.WIDGET in output.data
        what = "a picture with controls, as it starts" if widget else "a picture"
        alt = words or f"{self._heading(self.headings.found)}: {what}"
        return Figure(address, width, height, alt, words, widget)


def facts(record: dict, stem: str) -> dict[str, str]:
    """How a page was made: profile, seeds, time, machine, versions."""
    parameters, hardware = record["parameters"], record["hardware"]
    own = {k: v for k, v in parameters.items() if k not in USUAL and v is not None}
    promised = minutes(stem, parameters["profile"])
    took = f"{record['wall_s'] / 60:.1f} minutes"
    listed = {
        "Profile": parameters["profile"],
        "Seeds": ", ".join(map(str, record["seeds"])),
        "Parameters": ", ".join(f"{k} = {v}" for k, v in own.items()),
        "Time": f"{took}, {promised:g} promised" if promised else took,
        "Machine": f"{hardware['cpu']}, {hardware['cores']} cores, {hardware['gpu'] or 'no GPU'}",
        "Versions": ", ".join(f"{k} {v}" for k, v in record["versions"].items() if v),
        "Started": record["started"][:16].replace("T", " "),
    }
    return {name: value for name, value in listed.items() if value}
