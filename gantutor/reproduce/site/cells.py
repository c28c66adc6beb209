"""The cells of an executed notebook as what a page shows of them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from markupsafe import Markup
from nbformat import NotebookNode

from gantutor.course import versions

KEPT = re.compile(r"record\.figure\(\s*[\"']([\w.-]+)[\"']")  # the name of a kept picture
WIDGET = "application/vnd.jupyter.widget-view+json"


@dataclass(frozen=True)
class Figure:
    """A picture on the page; `widget`: in the notebook it has controls."""

    address: str
    width: int
    height: int
    alt: str
    caption: str
    widget: bool


@dataclass(frozen=True)
class Output:
    """What a cell gave: kind is "text", "error", "html", "prose" or "figure"."""

    kind: str
    content: str | Figure


@dataclass(frozen=True)
class Block:
    """A cell on the page, or the cells of an exercise.

    kind: "prose", "code" or "exercise"
    content: prose, or the source of a code cell
    fold: what the source is folded under; "" where it is open
    stub, check, solution: of an exercise; its outputs go with the solution
    """

    kind: str
    content: Markup = Markup("")
    fold: str = ""
    outputs: list[Output] = field(default_factory=list)
    stub: Markup = Markup("")
    check: Markup = Markup("")
    solution: Markup = Markup("")


@dataclass(frozen=True)
class Part:
    """A cell that is shown by itself, or the place of an exercise."""

    cell: NotebookNode | None = None
    exercise: versions.ExercisePlace | None = None


def parts(nb: NotebookNode, name: str) -> Iterator[Part]:
    """The cells and the exercises of a notebook in their order, without those not shown."""
    places = {
        place.answer if place.words is None else place.words: place
        for place in versions.places(nb, name)
    }
    skip: set[int] = set()
    for i, cell in enumerate(nb.cells):
        injected = "injected-parameters" in cell.metadata.get("tags", [])
        if i in places:
            skip |= {places[i].answer, places[i].check}
            yield Part(exercise=places[i])
        elif i not in skip and cell.source.strip() and not injected:
            yield Part(cell)


def fold_of(cell: NotebookNode) -> str:
    """What the source of a code cell is folded under, "" for none."""
    if "parameters" in cell.metadata.get("tags", []):
        return "Parameters"
    if re.match(r"(import|from) \w", cell.source):
        return "Imports and set-up"
    return ""


def plain_html(html: str) -> Markup:
    """An output's HTML without scripts, its own styles and outdated attributes."""
    html = re.sub(r"<(script|style)\b.*?</\1>", "", html, flags=re.S | re.I)
    attributes = r'(<t[a-z]+)( border="1"| class="dataframe"| style="[^"]*")+'
    return Markup(re.sub(attributes, r"\1", html).strip())
