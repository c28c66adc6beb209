"""The static site, made from made-up runs of three notebooks."""

import io
import re
import sys

import pytest
from made_up_site import ROOT, STEMS, Page, executed, make_up
from markupsafe import escape
from PIL import Image
from typer.testing import CliRunner

from gantutor.cli import app
from gantutor.course import versions
from gantutor.course.lessons import LESSONS, find_notebook
from gantutor.reproduce.outcome import Outcome
from gantutor.reproduce.site import pages as site
from gantutor.reproduce.site.pictures import save_picture


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_up(tmp_path_factory.mktemp("site"), STEMS)


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
    css = (made / "style.css").read_text()
    assert "@import" not in css and "url(" not in css


def test_pictures_are_files_with_alternative_texts_and_sizes(made):
    for stem in STEMS:
        images = Page(made / f"{stem}.html").images
        assert len(images) >= 5 and all(len(i["alt"].split()) >= 3 for i in images)
        assert all(int(i["width"]) and int(i["height"]) for i in images)
        assert "base64" not in (made / f"{stem}.html").read_text(encoding="utf-8")
    # a picture that the record keeps has its caption as text; a widget says that it is one
    text = (made / "01_plane.html").read_text(encoding="utf-8")
    assert "<figcaption>What worlds shows, in a sentence.</figcaption>" in text
    assert 'width="900"' in text
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
    for lesson in (LESSONS[stem] for stem in STEMS):
        assert lesson.label in index and lesson.time in index and lesson.needs in index
        assert escape(lesson.question) in index
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"(notebooks/{stem}.ipynb)" in readme for stem in LESSONS)
    assert "pictures/four_methods.png" in index and "make reproduce" in index


def test_a_site_is_modest(made):
    pages = sum(p.stat().st_size for p in made.glob("*.html"))
    assert pages < len(STEMS) * 500_000


def test_a_picture_with_few_colours_stays_as_it_is(tmp_path):
    buffer = io.BytesIO()
    picture = Image.new("RGB", (40, 20), "white")
    picture.putpixel((3, 4), (118, 42, 131))
    picture.save(buffer, "PNG")
    address, size = save_picture(buffer.getvalue(), tmp_path, "a", "b")
    assert address == "a/b.png" and size == (40, 20)
    assert list(Image.open(tmp_path / address).convert("RGB").getdata()) == list(picture.getdata())


def test_a_notebook_that_has_changed_is_run_again_and_a_failure_writes_nothing(
    tmp_path, monkeypatch
):
    source = tmp_path / "notebooks" / "01_plane.ipynb"
    source.parent.mkdir()
    source.write_bytes((ROOT / "notebooks" / "01_plane.ipynb").read_bytes())
    executed(source, tmp_path / "runs" / "one")
    parameters = LESSONS["01_plane"].config(profile="smoke").parameters()
    assert site.kept_run(source, parameters, tmp_path / "runs") == tmp_path / "runs" / "one"
    assert site.kept_run(source, {**parameters, "steps": 41}, tmp_path / "runs") is None
    source.write_text(source.read_text().replace("mode collapse", "Mode collapse", 1))
    asked = []

    def run_one(path, given, run, say):
        asked.append((path, given))
        return Outcome("error", "cell 3 raised")

    monkeypatch.setattr(site, "run_one", run_one)
    out, runs = tmp_path / "site", tmp_path / "runs"
    failed = site.build([source], out, "smoke", runs, lambda line: None)
    assert failed == "01_plane ended with error: cell 3 raised"
    assert asked == [(source, {"profile": "smoke"})] and not out.exists()
    with pytest.raises(ValueError, match="did you mean|expected"):
        site.build([source], tmp_path / "site", "smok", tmp_path / "runs")


@pytest.mark.slow
def test_a_site_of_two_notebooks_from_their_sources(tmp_path):
    """Runs them in profile smoke, with the real runner."""
    sources, runs = [find_notebook("00"), find_notebook("11")], tmp_path / "runs"
    assert site.build(sources, tmp_path / "site", "smoke", runs, lambda line: None) == ""
    assert all(Page(tmp_path / "site" / f"{s.stem}.html").images for s in sources)
    # kept runs are used
    assert site.build(sources, tmp_path / "again", "smoke", runs, pytest.fail) == ""


def test_a_style_sheet_of_an_earlier_version_is_replaced(made, tmp_path):
    old = ":root { --ink: #1d2733; --soft: #5b6673; --line: #dfe4ea; --paper: #fff; }"
    (tmp_path / "style.css").write_text(f"\n{old}\n")
    (tmp_path / "index.html").write_bytes((made / "index.html").read_bytes())
    site.check_place(tmp_path, [])


def test_without_the_extra_one_sentence_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "latex2mathml.converter", None)
    package = "gantutor.reproduce.site"
    for module in [name for name in sys.modules if name.startswith(f"{package}.")]:
        monkeypatch.delitem(sys.modules, module)
        monkeypatch.delattr(module, raising=False)
    done = CliRunner().invoke(app, ["build", "01", "--site", "--out", str(tmp_path)])
    assert done.exit_code == 2
    said = "gantutor: latex2mathml is not installed: pip install 'gantutor[site]'"
    assert done.stderr.strip() == said
