"""A site of runs that were never made, for tests of the site."""

import base64
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import nbformat
from PIL import Image

from gantutor import __version__
from gantutor.course.lessons import LESSONS
from gantutor.course.records import SCHEMA, source_hash
from gantutor.reproduce.site import pages
from gantutor.reproduce.site.cells import KEPT, WIDGET

ROOT = Path(__file__).parent.parent
STEMS = ("01_plane", "02_adaptivemix", "03_kdd")
# what pandas gives, wider than a phone
TABLE = (
    '<style scoped>.x {}</style><table border="1" class="dataframe"><thead>'
    f'<tr style="text-align: right;"><th></th>{"<th>a long column</th>" * 12}</tr></thead></table>'
)


def png(width: int = 600, height: int = 300) -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def result(**data):
    return nbformat.v4.new_output("execute_result", data, execution_count=1)


def executed(source: Path, folder: Path) -> None:
    """A run's folder as `run_one` leaves it, made up: what each cell might have shown."""
    folder.mkdir(parents=True)
    nb = nbformat.read(source, as_version=4)
    kept = []
    for cell in nb.cells:
        if cell.cell_type == "code":
            kept += KEPT.findall(cell.source)
            cell.outputs = outputs(cell.source, folder)
    figures = [
        {"name": name, "file": f"{name}.png", "caption": f"What {name} shows, in a sentence."}
        for name in kept
    ]
    for figure in figures:
        (folder / figure["file"]).write_bytes(png(900))
    tags = {"tags": ["injected-parameters"]}
    nb.cells.insert(2, nbformat.v4.new_code_cell("seed = 0", id="injected", metadata=tags))
    nbformat.write(nb, folder / "executed.ipynb")
    config = LESSONS[source.stem].config(profile="smoke", out=str(folder.resolve()))
    record = {
        "schema": SCHEMA,
        "notebook": source.stem,
        "parameters": config.parameters(),
        "source_hash": source_hash(source),
        "versions": {"gantutor": __version__},
        "status": "ok",
        "message": "",
        "step": None,
        "rows": [],
        "figures": figures,
        "data": {},
        "seeds": [0],
        "wall_s": 30.0,
        "hardware": {"cpu": "A CPU", "cores": 2, "gpu": None},
        "started": "2026-01-01T00:00:00",
    }
    (folder / "result.json").write_text(json.dumps(record))


def outputs(source: str, folder: Path) -> list:
    """What a code cell might have given."""
    widget = "Explore(" in source
    if widget or KEPT.search(source):
        picture = {"image/png": base64.b64encode(png()).decode(), "text/plain": "<Plate>"}
        return [result(**picture, **({WIDGET: {"model_id": "x"}} if widget else {}))]
    if source.startswith("check("):
        return [result(**{"text/html": "<div><b>✓ Right</b></div>"})]
    if "cfg" in source:
        said = nbformat.v4.new_output("stream", text=f"wrote {folder.resolve()}/x\n")
        return [said, result(**{"text/html": TABLE, "text/plain": "t"})]
    return []


def make_up(folder: Path, stems: tuple[str, ...] = STEMS) -> Path:
    """A site of these notebooks, none of which is run."""
    sources = [ROOT / "notebooks" / f"{stem}.ipynb" for stem in stems]
    for source in sources:
        executed(source, folder / "runs" / f"{source.stem}-x")
    asked: list[str] = []
    site, runs = folder / "site", folder / "runs"
    assert pages.build(sources, site, "smoke", runs, asked.append) == "" and asked == []
    return site


class Page(HTMLParser):
    """What a page links to, holds and asks for; it has no scripts."""

    def __init__(self, path: Path):
        super().__init__()
        self.links, self.images, self.ids, self.asked, self.folds = [], [], [], [], 0
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        self.ids += [a["id"]] if "id" in a else []
        self.links += [a["href"]] if tag == "a" and "href" in a else []
        self.images += [a] if tag == "img" else []
        loads = {"src", "srcset"} | ({"href"} if tag == "link" else set())
        self.asked += [value for name, value in attrs if name in loads]
        self.folds += tag == "details"
        assert tag not in ("script", "iframe", "object", "embed"), tag
        assert not any(re.match("on", name) for name in a), tag
