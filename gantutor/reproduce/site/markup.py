"""Markdown, mathematics and code as HTML that needs neither scripts nor a network."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import mistune
from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from gantutor.reproduce.site.mathml import formula

BLOCK = r"^ {0,3}\$\$(?P<tex_block>(?:\\.|[^$\\])+)\$\$[ \t]*(?:\n|$)"
INLINE = (
    r"\$\$(?P<tex_display>(?:\\.|[^$\\])+)\$\$|\$(?!\s)(?P<tex>(?:\\.|[^$\\])+?)(?<!\s)\$(?!\d)"
)
LONG = 24  # characters of TeX in a line from which a formula can be scrolled on a phone

# What is put into these with `format` is escaped, unless it is Markup. The result goes to mistune
# as a plain string, since mistune adds strings to it, which Markup would escape.
HEADING = Markup('<h{level} id="{anchor}">{text}</h{level}>\n')
LINK = Markup('<a href="{to}">{text}</a>')
IMAGE = Markup('<img alt="{text}" src="{to}">')
CODE = Markup('<pre class="code"><code>{source}</code></pre>\n')
FORMULA = Markup('<span class="formula">{}</span>\n')
SCROLLED = Markup('<span class="long">{}</span>')


def code(source: str) -> Markup:
    """Python as highlighted HTML, without a frame."""
    made = highlight(source, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True))
    return Markup(made.rstrip("\n"))


@dataclass
class Headings:
    """The headings met so far on a page: level, anchor and HTML; every anchor is given once."""

    found: list[tuple[int, str, Markup]] = field(default_factory=list)

    def add(self, level: int, text: str) -> str:
        """Take a heading and return its anchor."""
        words = re.sub(r"<annotation.*?</annotation>|<[^>]+>|&#?\w+;", " ", text)
        anchor = base = "-".join(re.findall(r"\w+", words.lower()))[:60].strip("-") or "part"
        taken, n = {a for _, a, _ in self.found}, 1
        while anchor in taken:
            n += 1
            anchor = f"{base}-{n}"
        self.found.append((level, anchor, Markup(text)))
        return anchor


class _Renderer(mistune.HTMLRenderer):
    """Markdown as HTML.

    link: gives the address on this site for an address in the text; None: there is none, and only
        the words stay
    """

    def __init__(self, link: Callable[[str], str | None], headings: Headings):
        super().__init__(escape=False)
        self.to, self.headings = link, headings

    # mistune gives `text` as HTML, except to `image`

    def heading(self, text: str, level: int, **attrs) -> str:
        anchor = self.headings.add(level, text)
        return str(HEADING.format(level=level, anchor=anchor, text=Markup(text)))

    def link(self, text: str, url: str, title: str | None = None) -> str:
        to = self.to(url)
        return text if to is None else str(LINK.format(to=to, text=Markup(text)))

    def image(self, text: str, url: str, title: str | None = None) -> str:
        to = self.to(url)
        return str(Markup.escape(text) if to is None else IMAGE.format(to=to, text=text))

    def block_code(self, source: str, info: str | None = None) -> str:
        python = (info or "").startswith("python")
        return str(CODE.format(source=code(source) if python else source.rstrip()))


def _mathematics(md: mistune.Markdown) -> None:
    """$...$ in a line, $$...$$ as a block or on a line of its own; code is left alone."""

    def block(parser, match, state):
        state.append_token({"type": "display_formula", "raw": match["tex_block"]})
        return match.end()

    def inline(parser, match, state):
        display = match["tex_display"] is not None
        kind = "display_formula" if display else "inline_formula"
        state.append_token({"type": kind, "raw": match["tex_display"] or match["tex"]})
        return match.end()

    def display_formula(renderer, tex):
        return str(FORMULA.format(formula(tex, display=True)))

    def inline_formula(renderer, tex):
        # a browser does not break a formula into lines
        return str(SCROLLED.format(formula(tex)) if len(tex) > LONG else formula(tex))

    md.block.register("display_formula", BLOCK, block, before="list")
    md.inline.register("inline_formula", INLINE, inline, before="link")
    md.renderer.register("display_formula", display_formula)
    md.renderer.register("inline_formula", inline_formula)


def markdown(
    text: str, link: Callable[[str], str | None] = lambda url: url, headings: Headings | None = None
) -> Markup:
    """Markdown with tables, raw HTML and mathematics as HTML; tables can be scrolled sideways."""
    renderer = _Renderer(link, headings or Headings())
    plugins = ["table", "strikethrough", _mathematics]
    made = mistune.create_markdown(renderer=renderer, plugins=plugins)(text)
    return Markup(re.sub(r"<table>.*?</table>", r'<div class="wide">\g<0></div>', made, flags=re.S))
