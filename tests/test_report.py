"""The page shows every status, and says what is missing."""

import re
import shutil

import pytest
from made_up_runs import report_of, without_record
from markupsafe import escape
from tiny import course

from gantutor.reproduce import ledger, papers, report
from gantutor.reproduce.targets import ALL, LESSON_TARGETS


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    with report_of(tmp_path_factory.mktemp("made_up")) as out:
        yield out


@pytest.fixture(scope="module")
def page(made_up):
    return (made_up / "report.html").read_text()


@pytest.fixture
def copy(made_up, tmp_path):
    """To build again in, without a trace in the folder that the others read."""
    return shutil.copytree(made_up, tmp_path / "out")


def test_every_status_is_on_the_page_with_what_is_missing(made_up, page):
    status = {s.target.name: s.status for s in report.collect(made_up)}
    assert status == {t.name: "not yet" if t.not_yet else "not run" for t in ALL} | {
        "adaptivemix/fig3": "absent",
        "adaptivemix/image": "undecided",
        "kddgan/fig1": "holds",
        "kddgan/fig3": "holds",
        "kddgan/image": "contradicts",
        "advlatgan/image": "undecided",
        "kddgan/table2:hinge": "differs",
        "kddgan/table2:kdd": "reproduced",
        "kddgan/table2:kdd-da1": "holds",
        "kddgan/table2:kdd-da3": "contradicts",
        "kddgan/table2:kdd-da7": "compatible",
        "advlatgan/table4:cifar10/dcgan/bare": "measured",
        "advlatgan/table4:cifar10/dcgan/qua": "undecided",
        "advlatgan/table4:cifar10/dcgan/qua+": "holds",
    }
    for said in (
        "needs tiny-imagenet: GANTUTOR_DATA is not set",
        "kernel_died: the kernel died in cell 7 of 12",
        "the run diverged at step 41",
        "not asked for yet",
        "not yet: StyleGAN2 is not in the package yet",
        f"not started yet ({', '.join(t.name.split(':')[1] for t in without_record())})",
        "gantutor reproduce advlatgan/fig9 --profile class --seeds 8 --out out",
        "gantutor reproduce kddgan/table2 --profile class --seeds 8 --out out",
    ):
        assert said in page, said
    assert "reproduced</span>" in page  # the exact statement of Fig. 1, though its target is weaker


def test_a_claim_shows_its_effect_its_margin_and_what_would_decide(page):
    """Both readings of a word that did not survive the page, failed trainings, what was fixed."""
    fig3 = page.split('<article id="adaptivemix-fig3">')[1].split("</article>")[0]
    assert fig3.count('<svg class="forest"') == 4  # a line for each claim
    holds, undecided = (fig3.split("<tr>")[i] for i in (2, 5))
    assert "+3.88 [+3.58, +4.17]" in holds and "8 seeds" in holds and "over the page too" in holds
    assert 'aria-label="ours ×0.701 [×0.405, ×1.21]; as good as no effect: ×0.8 to' in undecided
    assert re.search(r"about \d+ more seeds, (under a minute|\d+ min)", undecided)
    terms = fig3.split("Fixed before the run")[1]
    assert "+1, the smallest worth naming" in terms and "<i>absent</i>: the effect lies" in terms
    image = page.split('<article id="adaptivemix-image">')[1].split("</article>")[0]
    assert "8 seeds, 1 training failed" in image and "the paper's ×0.37" in image
    table = page.split('id="table-advlatgan-table4"')[1].split("</article>")[0]
    qua = table.split("<b>cifar10/dcgan/qua</b>")[1].split("</tr>")[0]
    assert "undecided</span>" in qua and re.search(r"by itself: holds, p = 0.0\d", qua)
    assert re.search(r"about \d+ more seeds", qua) and "the paper's ×0.899" in qua
    kdd = page.split('id="table-kddgan-table2"')[1].split("<b>kdd</b>")[1].split("</tr>")[0]
    assert "the number</small>" in kdd and "8.4 [8.34, 8.46]; the paper's 8.375" in kdd
    assert "at most 5 %" in page.split("How a word is decided")[1]


def test_the_page_stands_alone_and_is_escaped(made_up, page):
    assert not re.search(r'(src|href)="(?!data:image/webp;base64,|#)', page)
    assert "url(" not in page and "<script" not in page
    assert "&lt;&amp;&gt;" in page and "<&>" not in page
    assert str(made_up.parent) not in page


def test_a_shared_runs_figure_goes_to_the_target_that_its_name_begins_with(page):
    figures = {"kddgan-fig1": "fig1_field", "kddgan-fig3": "fig3_flow"}
    for name in figures:
        article = page.split(f'<article id="{name}">')[1].split("</article>")[0]
        for home, figure in figures.items():
            assert (f'alt="Made up: {figure}' in article) == (home == name)
        assert "more of their pictures are under" in article
    assert page.count('alt="Made up: samples of 05_images baseline') == 1


def test_a_run_that_was_started_twice_says_so(page):
    assert page.count("started twice") == 1


def test_a_report_of_nothing_says_not_run_everywhere(tmp_path):
    page = report.build(tmp_path).page.read_text()
    assert {s.status for s in report.collect(tmp_path)} == {"not run", "not yet"}
    assert page.count('<div class="missing"') == len(LESSON_TARGETS) + len(papers.tables())


def test_a_notebook_that_changed_since_is_said(copy, tmp_path, monkeypatch, page):
    said = "the notebook has changed since this run"
    monkeypatch.chdir(tmp_path)
    course(tmp_path / "notebooks", "03_kdd", "# another cell")
    assert said in report.build(copy).page.read_text() and said not in page


def test_code_that_changed_since_is_said_with_the_remedy(copy, monkeypatch, page):
    stale = str(escape(ledger.STALE))
    monkeypatch.setattr(ledger, "code_hash", lambda notebook: "another")
    changed = report.build(copy).page.read_text()
    assert f"{stale} (5 rows)" in changed and stale not in page
    command = "gantutor reproduce adaptivemix/fig3 [^<]* --fresh"
    assert re.search(f"This runs it again: <code>{command}<", changed)


def test_a_lost_picture_is_said_and_stops_nothing(copy, page):
    for i, path in enumerate(sorted(copy.glob("runs/*/*.png"))):
        path.unlink() if i % 2 else path.write_bytes(path.read_bytes()[:50])
    built = report.build(copy)
    said = "is lost or damaged: run it again with --fresh"
    assert said in built.page.read_text() and "is lost" not in page
    assert len(built.damage) == i + 1 and all(said in words for words in built.damage)
