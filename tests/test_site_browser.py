"""The site in a browser: on a phone, a desk and paper, without a network and without scripts."""

import pytest
from made_up_site import STEMS, make_up

SIZES = {"phone": {"width": 390, "height": 844}, "desk": {"width": 1280, "height": 900}}
PAGES = ("index", *STEMS)
# what sticks out to the right and cannot be scrolled to, named so that a failure says where to look
OUTSIDE = """(() => {
    const auto = e => getComputedStyle(e).overflowX === 'auto';
    const scrolls = e => e && (auto(e) || scrolls(e.parentElement));
    const right = e => e.getBoundingClientRect().right;
    return [...document.querySelectorAll('body *')]
        .filter(e => right(e) > innerWidth + 1 && !(SCROLL && scrolls(e)))
        .map(e => `${e.tagName}.${e.className} ${e.textContent.trim().slice(0, 40)}`);
})()"""
ON_SCREEN, ON_PAPER = OUTSIDE.replace("SCROLL", "true"), OUTSIDE.replace("SCROLL", "false")
SHOWN = "a => a.checkVisibility({contentVisibilityAuto: true})"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_up(tmp_path_factory.mktemp("browser"), STEMS)


@pytest.fixture
def open_page(browser, folder):
    """open_page(name, size): a page without a network, with all folds open and pictures loaded.

    At the end nothing but the site's own files was asked for.
    """
    asked, context = [], browser.new_context(offline=True)

    def visit(name: str, size: str = "desk"):
        page = context.new_page()
        page.set_viewport_size(SIZES[size])
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: pytest.fail(str(error)))
        page.on(
            "console",
            lambda message: pytest.fail(message.text) if message.type == "error" else None,
        )
        page.goto((folder / f"{name}.html").resolve().as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        page.evaluate("[...document.images].forEach(i => i.loading = 'eager')")
        page.wait_for_function("[...document.images].every(i => i.complete)")
        return page

    yield visit
    context.close()
    assert all(url.startswith(folder.resolve().as_uri()) for url in asked), asked


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PAGES)
def test_nothing_sticks_out_and_every_picture_is_there(open_page, name, size):
    page = open_page(name, size)
    assert page.evaluate(ON_SCREEN) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    drawn = "i.naturalWidth > 0 && i.getBoundingClientRect().width > 20"
    assert page.evaluate(f"[...document.images].every(i => {drawn})")
    assert page.locator("img").count() > 2
    assert page.locator("script").count() == 0


@pytest.mark.parametrize("name", STEMS)
def test_formulas_are_drawn(open_page, name):
    page = open_page(name)
    boxes = page.evaluate("""[...document.querySelectorAll('math')].map(m => {
        const box = m.getBoundingClientRect();
        return [box.width, box.height, m.getAttribute('alttext')];
    })""")
    assert len(boxes) > 30
    assert [tex for width, height, tex in boxes if width <= 3 or height <= 3] == []
    assert page.locator("merror").count() == 0
    assert page.locator("text=/\\\\\\\\[a-z]{3}/").count() == 0
    above = page.evaluate("""[...document.querySelectorAll('mfrac')].every(f => {
        const [upper, lower] = [...f.children].map(x => x.getBoundingClientRect());
        return upper.bottom <= lower.top + 2;
    })""")
    assert above, "a numerator is above its bar, so the browser knows MathML"


def test_the_contents_are_next_to_the_text_on_a_desk_and_folded_on_a_phone(open_page):
    page = open_page("03_kdd")
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = false)")
    box, text = page.locator(".contents").bounding_box(), page.locator("main").bounding_box()
    assert box["x"] >= text["x"] + text["width"]
    assert page.locator(".contents li a").first.evaluate(SHOWN)
    page.locator(".contents li a").nth(2).click()
    page.wait_for_function("scrollY > 300")
    phone = open_page("03_kdd", "phone")
    phone.evaluate("document.querySelectorAll('details').forEach(d => d.open = false)")
    assert not phone.locator(".contents li a").first.evaluate(SHOWN)


def test_one_goes_through_the_course_by_clicking(open_page):
    page = open_page("index", "phone")
    page.locator(".cards a").first.click()
    for stem in STEMS[1:]:
        page.locator("a.next").last.click()
        assert page.url.endswith(f"{stem}.html")
    assert page.locator("a.next").count() == 0
    page.locator(".way a").first.click()
    assert page.url.endswith("index.html")


@pytest.mark.parametrize("name", PAGES)
def test_it_reads_on_paper_with_the_folds_open(open_page, name):
    page = open_page(name)
    page.set_viewport_size({"width": 695, "height": 1000})  # A4 between the margins
    page.emulate_media(media="print")
    assert page.evaluate(ON_PAPER) == [], "paper cannot be scrolled"
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = false)")
    solutions = "[...document.querySelectorAll('.exercise details pre')]"
    assert page.evaluate(f"{solutions}.every({SHOWN})")
    assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
