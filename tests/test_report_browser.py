"""The page in a browser: on a phone, a desk and paper, without a network."""

import re

import pytest
from made_up_runs import report_of

from gantutor.reproduce import papers

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
# what sticks out to the right, named so that a failure says where to look
OUTSIDE = """[...document.querySelectorAll('body *')]
    .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
    .map(e => `${e.tagName}.${e.className} ${e.textContent.trim().slice(0, 40)}`)"""
# {table: [[row, badges that are seen], ...]}: a printed row goes on to the next one, with its lines
ROWS = """() => Object.fromEntries([...document.querySelectorAll('article.table')].map(a => {
    const rows = [];
    for (const tr of a.querySelector('table.printed').tBodies[0].rows) {
        const below = tr.classList.contains('below');
        if (!below) rows.push([tr.cells[0].childNodes[0].textContent, 0]);
        const badges = [...tr.querySelectorAll('.badge')];
        rows.at(-1)[1] += badges.filter(b => b.checkVisibility()).length;
    }
    return [a.id, rows];
}))"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with report_of(tmp_path_factory.mktemp("browser")) as out:
        return (out / "report.html").resolve().as_uri()


@pytest.fixture
def open_page(browser, address):
    """open_page(size): the page without a network, with all folds open or left alone.

    At the end nothing but the file itself was asked for.
    """
    asked, context = [], browser.new_context(offline=True)

    def visit(size=DESK, folds=True):
        page = context.new_page()
        page.set_viewport_size(size)
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: pytest.fail(str(error)))
        page.goto(address)
        if folds:
            page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        return page

    yield visit
    context.close()
    assert {url for url in asked if not url.startswith("data:")} == {address}


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_nothing_sticks_out_and_nothing_is_asked_of_a_network(open_page, size):
    page = open_page(size)
    assert page.evaluate(OUTSIDE) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    assert page.locator("img").count() > 10


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_every_row_of_every_table_has_a_visible_status(open_page, size):
    page = open_page(size)
    found = page.evaluate(ROWS)
    for table in papers.tables():
        rows = found[f"table-{table['paper']}-{table['table']}"]
        cells = [c for c in papers.cells(table["paper"]) if c["table"] == table["table"]]
        printed = list(dict.fromkeys(c["row"] for c in cells))
        assert [name for name, _ in rows][: len(printed)] == printed
        assert all(badges >= 1 for _, badges in rows), rows


def test_links_lead_somewhere_and_names_are_given_once(open_page):
    page = open_page()
    nowhere = "filter(a => !document.getElementById(a.hash.slice(1)))"
    assert page.evaluate(f"[...document.links].{nowhere}.map(a => a.href)") == []
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids)) > 40 and page.locator(".front a").count() > 40


def test_statuses_are_told_apart_without_colour(open_page):
    page = open_page()
    marks = page.evaluate(
        "[...document.querySelectorAll('.tally .badge')].map(b => b.innerText.trim())"
    )
    assert len(marks) == len(set(marks)) == page.locator(".tally li").count() >= 6
    assert page.evaluate(
        "[...document.querySelectorAll('.bar')].every(b => b.getAttribute('aria-label').length > 4)"
    )


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_forest_plots_can_be_read_and_are_said(open_page, size):
    page = open_page(size)
    plots = page.locator(".claims svg.forest")
    assert plots.count() > 12 and page.locator(".key svg").count() == 5
    for label in plots.evaluate_all("all => all.map(e => e.getAttribute('aria-label'))"):
        assert re.match(r"ours .+; (as good as|the range)", label)
    # labels of ticks do not overlap, and lines of one scale have the same
    sizes = "all => all.map(e => e.getBoundingClientRect()).map(r => [r.width, r.height])"
    assert all(w > 140 and h > 20 for w, h in plots.evaluate_all(sizes))
    overlaps = """all => all.map(e => [...e.querySelectorAll('text')]
        .map(t => t.getBoundingClientRect()))
        .map(rs => rs.slice(1).some((r, i) => r.left < rs[i].right))"""
    assert not any(plots.evaluate_all(overlaps))
    article = page.locator("#table-kddgan-table2 svg.forest")
    ticks = "all => all.map(e => [...e.querySelectorAll('text')].map(t => t.textContent).join())"
    assert len(set(article.evaluate_all(ticks))) == 2  # numbers, and directions


def test_paper_gets_the_statuses_and_tables_and_the_rest_on_demand(open_page):
    page = open_page({"width": 695, "height": 1000}, folds=False)  # A4 between the margins
    seen = "e => e.checkVisibility({contentVisibilityAuto: true})"

    def shown(place):
        return page.evaluate(f"[...document.querySelectorAll('{place}')].filter({seen}).length")

    def pages():
        return len(re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True)))

    box, on_screen = page.locator("#whole"), shown("figure")
    assert box.is_visible() and shown(".more") >= 1
    page.emulate_media(media="print")
    assert page.evaluate(OUTSIDE) == []
    assert (
        page.evaluate("getComputedStyle(document.querySelector('.front thead')).display")
        == "table-header-group"
    )
    assert 0 < shown("figure") < on_screen and not box.is_visible()
    assert shown(".cards img") == shown(".more") == shown("details:not([open])") == 0
    assert shown(".printed:not(.matrix) .badge") + shown(".bar") > 100
    short = pages()
    # one fold opened by hand is printed with the rest
    page.evaluate("document.querySelector('.cards').closest('details').open = true")
    assert shown(".cards img") > 0 and shown(".more") == 0
    page.evaluate("document.querySelector('.cards').closest('details').open = false")
    page.emulate_media(media="screen")
    box.check()
    page.emulate_media(media="print")
    assert (
        shown("figure") == page.locator("figure").count()
        and shown(".matrix") == page.locator(".matrix").count() > 0
    )
    assert page.evaluate(OUTSIDE) == [] and pages() > short
