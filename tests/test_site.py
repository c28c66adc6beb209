"""The static site: from made-up runs of two notebooks, and of all the course's prose and formulas."""

import base64
import io
import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from PIL import Image

from gantutor.course import versions
from gantutor.course.lessons import LESSONS, find_notebook
from gantutor.reproduce.site import pages as site
from gantutor.reproduce.site.markup import Headings, markdown
from gantutor.reproduce.site.mathml import formula

ROOT = Path(__file__).parent.parent
MATH = "{http://www.w3.org/1998/Math/MathML}"


def text_of(tex: str) -> str:
    return "".join(ElementTree.fromstring(formula(tex)).itertext())


class TestFormulas:
    @pytest.mark.parametrize("stem", LESSONS)
    def test_every_formula_of_the_course_becomes_mathml(self, stem):
        for cell in nbformat.read(ROOT / "notebooks" / f"{stem}.ipynb", as_version=4).cells:
            if cell.cell_type != "markdown":
                continue
            made, prose = (
                markdown(cell.source),
                re.sub(r"```.*?```|`[^`]*`", "", cell.source, flags=re.S),
            )
            found = re.findall(r"<math .*?</math>", made, re.S)
            assert len(found) == len(re.findall(r"\$\$.+?\$\$|\$[^$]+?\$", prose, re.S)), cell.id
            assert "$" not in re.sub(r"<math .*?</math>|<code>.*?</code>", "", made, flags=re.S), (
                f"{cell.id}: a dollar is left over"
            )
            for one in found:
                for e in ElementTree.fromstring(
                    one
                ).iter():  # well-formed, and each element has as many parts as it needs
                    parts = {
                        "mfrac": 2,
                        "msub": 2,
                        "msup": 2,
                        "munder": 2,
                        "mover": 2,
                        "mroot": 2,
                        "msubsup": 3,
                        "munderover": 3,
                    }
                    assert len(e) == parts.get(e.tag.removeprefix(MATH), len(e)), one

    def test_what_is_unknown_is_quoted(self):
        with pytest.raises(ValueError, match=r"\\nonsense is unknown"):
            formula(r"x + \nonsense")
        with pytest.raises(ValueError, match="cannot be set"):
            formula("a^b^c")

    def test_a_formula_tells_its_tex(self):
        assert ElementTree.fromstring(formula(r'a < "b"')).get("alttext") == 'a < "b"'
        assert ElementTree.fromstring(formula("x", display=True)).get("display") == "block"

    @pytest.mark.parametrize(
        ("tex", "shown"),
        [
            (r"\log p", "logp"),
            (r"\arg\min_z f", "argminzf"),
            (r"\Big\langle x \Big\rangle", "⟨x⟩"),
            (r"\lVert x \rVert^2", "‖x‖2"),
            (r"T \sim t", "T∼t"),
            (r"L'(b)", "L′(b)"),
            (r"x \xrightarrow{n \to \infty} y", "x⟶n→∞y"),
            (r"\overline{l(g)}", "l(g)"),
        ],
    )
    def test_no_character_is_lost(self, tex, shown):
        assert text_of(tex) == shown

    def test_names_and_signs_are_spaced_as_tex_does(self):
        thin = '<mspace width="0.167em" />'
        assert f"<mi>log</mi>{thin}<mi>p</mi>" in formula(r"\log p") and thin not in formula(
            r"\log(p)"
        )
        assert f"<mn>2</mn>{thin}<mi>log</mi>{thin}<mn>2</mn>" in formula(r"2 \log 2")
        assert '<mo form="prefix">&#x02212;' in formula("(-b)") and "prefix" not in formula("a - b")
        assert '<mrow class="over">' in formula(r"\overline{ab}") and ".over {" in site.CSS

    def test_dollars_in_code_and_prices_are_left_alone(self):
        assert "<math" not in markdown("`$x$` and\n\n```\n$y$\n```\n\ncosts $5 or 6 $")


class TestMarkdown:
    def test_an_anchor_is_given_once_and_formulas_stand_in_headings(self):
        headings = Headings()
        made = markdown("# A $D$ b\n\n## A b\n\n## A b", headings=headings)
        anchors = [a for _, a, _ in headings.found]
        assert (
            len(set(anchors)) == 3
            and all(f'id="{a}"' in made for a in anchors)
            and "<math" in headings.found[0][2]
        )

    def test_links_that_lead_nowhere_lose_the_link_and_keep_the_words(self):
        made = markdown(
            "[here](a.ipynb) [gone](b.csv) ![picture](c.png)",
            lambda url: {"a.ipynb": "a.html"}.get(url),
        )
        assert '<a href="a.html">here</a> gone picture' in made

    def test_a_fold_may_hold_markdown(self):
        made = markdown(
            "<details><summary>Stuck?</summary>\n\nTry $x^2$ and **look**.\n\n</details>"
        )
        assert (
            "<details><summary>Stuck?</summary>" in made
            and "<strong>look</strong>" in made
            and made.rstrip().endswith("</details>")
        )


# -- two made-up runs -------------------------------------------------------------------------------------------------------
def png(width: int = 600, height: int = 300) -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def executed(source: Path, folder: Path, out: Path) -> None:
    """A run's folder as run_one leaves it, made up: what each cell might have shown."""
    parameters = (
        LESSONS[source.stem].config(profile="smoke", out=str(folder.resolve())).parameters()
    )
    folder.mkdir(parents=True)
    nb = nbformat.read(source, as_version=4)
    figures = []
    for cell in nb.cells:
        if cell.cell_type != "code":
            continue
        names = site.KEPT.findall(cell.source)
        if names or "Explore(" in cell.source:
            picture = {"image/png": base64.b64encode(png()).decode(), "text/plain": "<Plate>"}
            widget = {site.WIDGET: {"model_id": "x"}} if "Explore(" in cell.source else {}
            cell.outputs = [
                nbformat.v4.new_output("execute_result", {**picture, **widget}, execution_count=1)
            ]
            for name in names:
                (folder / f"{name}.png").write_bytes(png(900))
                figures.append(
                    {
                        "name": name,
                        "file": f"{name}.png",
                        "caption": f"What {name} shows, in a sentence.",
                    }
                )
        elif cell.source.startswith("check("):
            cell.outputs = [
                nbformat.v4.new_output(
                    "execute_result", {"text/html": "<div><b>✓ Right</b></div>"}, execution_count=1
                )
            ]
        elif "cfg" in cell.source:
            html = (
                '<style scoped>.x {}</style><table border="1" class="dataframe"><thead><tr style="text-align: right;"><th></th>'
                + "<th>a long column</th>" * 12
            )
            cell.outputs = [
                nbformat.v4.new_output("stream", text=f"wrote {folder.resolve()}/x\n"),
                nbformat.v4.new_output(
                    "execute_result",
                    {"text/html": html + "</tr></thead></table>", "text/plain": "t"},
                    execution_count=1,
                ),
            ]
    injected = nbformat.v4.new_code_cell(
        "seed = 0", id="injected", metadata={"tags": ["injected-parameters"]}
    )
    nb.cells.insert(2, injected)
    nbformat.write(nb, folder / "executed.ipynb")
    from gantutor import __version__
    from gantutor.course.records import SCHEMA, source_hash

    record = {
        "schema": SCHEMA,
        "notebook": source.stem,
        "parameters": parameters,
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


def make_up(folder: Path, stems: tuple[str, ...]) -> Path:
    """A site of these notebooks; none of them is run."""
    sources = [ROOT / "notebooks" / f"{stem}.ipynb" for stem in stems]
    for source in sources:
        executed(source, folder / "runs" / f"{source.stem}-x", folder)
    asked: list[str] = []
    assert (
        site.build(sources, folder / "site", "smoke", folder / "runs", asked.append) == ""
        and asked == []
    )
    return folder / "site"


STEMS = ("01_plane", "02_adaptivemix", "03_kdd")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_up(tmp_path_factory.mktemp("site"), STEMS)


class Page(HTMLParser):
    """What a page links to, holds and asks for."""

    def __init__(self, path: Path):
        super().__init__()
        self.links, self.images, self.ids, self.asked, self.folds = [], [], [], [], 0
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        self.ids += [a["id"]] if "id" in a else []
        self.links += [a["href"]] if tag == "a" and "href" in a else []
        self.images += [a] if tag == "img" else []
        self.asked += [
            v for k, v in attrs if k in ("src", "srcset") or (tag == "link" and k == "href")
        ]
        self.folds += tag == "details"
        assert tag not in ("script", "iframe", "object", "embed") and not any(
            k.startswith("on") for k in a
        ), tag


def test_every_link_leads_somewhere_and_nothing_is_asked_of_a_network(made):
    pages = {p.name: Page(p) for p in made.glob("*.html")}
    assert set(pages) == {"index.html", *(f"{s}.html" for s in STEMS)}
    for name, page in pages.items():
        assert len(page.ids) == len(set(page.ids)), name
        for link in page.links:
            if re.match(r"https?:|mailto:", link):
                continue
            path, _, anchor = link.partition("#")
            assert (path or name) in pages, f"{name}: {link}"
            assert not anchor or anchor in pages[path or name].ids, f"{name}: {link}"
        for asked in page.asked:
            assert ":" not in asked and (made / asked).is_file(), f"{name}: {asked}"
    assert (
        "@import" not in (made / "style.css").read_text()
        and "url(" not in (made / "style.css").read_text()
    )


def test_pictures_are_files_with_alternative_texts_and_sizes(made):
    for stem in STEMS:
        images = Page(made / f"{stem}.html").images
        assert len(images) >= 5 and all(
            len(i["alt"].split()) >= 3 and int(i["width"]) and int(i["height"]) for i in images
        )
        assert "base64" not in (made / f"{stem}.html").read_text(encoding="utf-8")
    # a picture that the record keeps has its caption in type; a widget says that it is one
    text = (made / "01_plane.html").read_text(encoding="utf-8")
    assert (
        "<figcaption>What worlds shows, in a sentence.</figcaption>" in text
        and 'width="900"' in text
    )
    assert text.count("In the notebook this picture has controls") == sum(
        "Explore(" in c.source for c in versions.load(ROOT / "notebooks/01_plane.ipynb").cells
    )


def test_solutions_are_folded_exercises_open(made):
    source = ROOT / "notebooks" / "03_kdd.ipynb"
    places = versions.places(versions.load(source), source.name)
    text = (made / "03_kdd.html").read_text(encoding="utf-8")
    sections = re.findall(r'<section class="exercise">(.*?)</section>', text, re.S)
    assert len(sections) == len(places) >= 2
    for section in sections:
        shown, folded = section.split("<details><summary>A solution</summary>")
        assert "NotImplementedError" in shown and "✓ Right" not in shown and "check" in shown
        assert "NotImplementedError" not in folded and "✓ Right" in folded
    assert "SOLUTION" not in text


def test_no_place_of_the_machine_is_told(made):
    for page in made.glob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert str(made.parent) not in text and str(ROOT) not in text and "injected" not in text
    assert "wrote runs/01_plane-x/x" in (made / "01_plane.html").read_text(encoding="utf-8")


def test_pages_follow_each_other_and_the_first_names_all(made):
    for i, stem in enumerate(STEMS):
        neighbours = [f"{s}.html" for s in (*STEMS[max(0, i - 1) : i], *STEMS[i + 1 : i + 2])]
        links = Page(made / f"{stem}.html").links
        way = ["index.html", *neighbours]
        assert links[: len(way)] == links[-len(way) :] == way, "above and below"
    index = (made / "index.html").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for row in site.ROW.finditer(readme):
        if row["stem"] in STEMS:
            assert row["title"] in index and row["minutes"] in index
    assert {m["stem"] for m in site.ROW.finditer(readme)} >= {
        s for s in LESSONS if s != "12_lab"
    }, "README's table names every notebook"
    assert "pictures/four_methods.png" in index and "make reproduce" in index


def test_a_site_is_modest(made):
    pages = sum(p.stat().st_size for p in made.glob("*.html"))
    assert pages < len(STEMS) * 500_000


def test_a_picture_with_few_colours_stays_as_it_is(tmp_path):
    buffer = io.BytesIO()
    picture = Image.new("RGB", (40, 20), "white")
    picture.putpixel((3, 4), (118, 42, 131))
    picture.save(buffer, "PNG")
    address, size = site.save_picture(buffer.getvalue(), tmp_path, "a", "b")
    assert address == "a/b.png" and size == (40, 20)
    assert list(Image.open(tmp_path / address).convert("RGB").getdata()) == list(picture.getdata())


def test_a_notebook_that_has_changed_is_run_again_and_a_failure_writes_nothing(
    tmp_path, monkeypatch
):
    from gantutor.reproduce.outcome import Outcome

    source = tmp_path / "notebooks" / "01_plane.ipynb"
    source.parent.mkdir()
    source.write_bytes((ROOT / "notebooks" / "01_plane.ipynb").read_bytes())
    executed(source, tmp_path / "runs" / "one", tmp_path)
    parameters = LESSONS["01_plane"].config(profile="smoke").parameters()
    assert site.kept_run(source, parameters, tmp_path / "runs") == tmp_path / "runs" / "one"
    assert site.kept_run(source, {**parameters, "steps": 41}, tmp_path / "runs") is None
    source.write_text(source.read_text().replace("mode collapse", "Mode collapse", 1))
    asked = []
    monkeypatch.setattr(
        site,
        "run_one",
        lambda path, given, run, say: (
            asked.append((path, given)) or Outcome("error", "cell 3 raised")
        ),
    )
    assert (
        site.build([source], tmp_path / "site", "smoke", tmp_path / "runs", lambda line: None)
        == "01_plane ended with error: cell 3 raised"
    )
    assert asked == [(source, {"profile": "smoke"})] and not (tmp_path / "site").exists()
    with pytest.raises(ValueError, match="did you mean|expected"):
        site.build([source], tmp_path / "site", "smok", tmp_path / "runs")


@pytest.mark.slow
def test_a_site_of_two_notebooks_from_their_sources(tmp_path):
    """Runs them in profile smoke, with the real runner."""
    sources = [find_notebook("00"), find_notebook("11")]
    assert (
        site.build(sources, tmp_path / "site", "smoke", tmp_path / "runs", lambda line: None) == ""
    )
    assert all(Page(tmp_path / "site" / f"{s.stem}.html").images for s in sources)
    assert site.build(sources, tmp_path / "again", "smoke", tmp_path / "runs", pytest.fail) == "", (
        "kept runs are used"
    )


def test_without_the_extra_one_sentence_says_what_to_install(tmp_path, monkeypatch):
    import sys

    from typer.testing import CliRunner

    from gantutor.cli import app

    monkeypatch.setitem(sys.modules, "latex2mathml.converter", None)
    for name in ("pages", "markup", "mathml"):
        monkeypatch.delitem(sys.modules, f"gantutor.reproduce.site.{name}", raising=False)
        monkeypatch.delattr(f"gantutor.reproduce.site.{name}", raising=False)
    done = CliRunner().invoke(app, ["build", "01", "--site", "--out", str(tmp_path)])
    assert (
        done.exit_code == 2
        and done.stderr.strip()
        == "gantutor: latex2mathml is not installed: pip install 'gantutor[site]'"
    )
