"""Markdown and formulas of all the course's prose, as HTML and MathML."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import nbformat
import pytest

from gantutor.course.lessons import LESSONS
from gantutor.reproduce.html import style
from gantutor.reproduce.site.markup import Headings, markdown
from gantutor.reproduce.site.mathml import formula

ROOT = Path(__file__).parent.parent
PARTS = {
    "mfrac": 2,
    "msub": 2,
    "msup": 2,
    "munder": 2,
    "mover": 2,
    "mroot": 2,
    "msubsup": 3,
    "munderover": 3,
}
MATH = "{http://www.w3.org/1998/Math/MathML}"


def text_of(tex: str) -> str:
    return "".join(ElementTree.fromstring(formula(tex)).itertext())


class TestFormulas:
    @pytest.mark.parametrize("stem", LESSONS)
    def test_every_formula_of_the_course_becomes_mathml(self, stem):
        for cell in nbformat.read(ROOT / "notebooks" / f"{stem}.ipynb", as_version=4).cells:
            if cell.cell_type != "markdown":
                continue
            made = markdown(cell.source)
            prose = re.sub(r"```.*?```|`[^`]*`", "", cell.source, flags=re.S)
            found = re.findall(r"<math .*?</math>", made, re.S)
            assert len(found) == len(re.findall(r"\$\$.+?\$\$|\$[^$]+?\$", prose, re.S)), cell.id
            assert "$" not in re.sub(r"<math .*?</math>|<code>.*?</code>", "", made, flags=re.S), (
                f"{cell.id}: a dollar is left over"
            )
            for one in found:  # it is well-formed, and each element has the parts that it needs
                for e in ElementTree.fromstring(one).iter():
                    assert len(e) == PARTS.get(e.tag.removeprefix(MATH), len(e)), one

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
        assert f"<mi>log</mi>{thin}<mi>p</mi>" in formula(r"\log p")
        assert thin not in formula(r"\log(p)")
        assert f"<mn>2</mn>{thin}<mi>log</mi>{thin}<mn>2</mn>" in formula(r"2 \log 2")
        assert '<mo form="prefix">&#x02212;' in formula("(-b)") and "prefix" not in formula("a - b")
        assert '<mrow class="over">' in formula(r"\overline{ab}") and ".over {" in style("site")

    def test_dollars_in_code_and_prices_are_left_alone(self):
        assert "<math" not in markdown("`$x$` and\n\n```\n$y$\n```\n\ncosts $5 or 6 $")


class TestMarkdown:
    def test_an_anchor_is_given_once_and_headings_may_hold_formulas(self):
        headings = Headings()
        made = markdown("# A $D$ b\n\n## A b\n\n## A b", headings=headings)
        anchors = [a for _, a, _ in headings.found]
        assert len(set(anchors)) == 3 and all(f'id="{a}"' in made for a in anchors)
        assert "<math" in headings.found[0][2]

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
        assert "<details><summary>Stuck?</summary>" in made and "<strong>look</strong>" in made
        assert made.rstrip().endswith("</details>")

    def test_what_an_address_or_a_text_holds_is_escaped(self):
        made = markdown('[a & <b>b</b>](x.html?a=1&b="2") `1 < 2`', lambda url: url)
        assert 'href="x.html?a=1&amp;b=' in made and "a &amp; <b>b</b></a>" in made
        assert "<code>1 &lt; 2</code>" in made and "&amp;lt;" not in made
