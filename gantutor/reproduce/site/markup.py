"""Markdown, mathematics and code as HTML that needs neither script nor network."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape

import mistune
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from gantutor.reproduce.site.mathml import formula

BLOCK = r"^ {0,3}\$\$(?P<tex_block>(?:\\.|[^$\\])+)\$\$[ \t]*(?:\n|$)"
INLINE = (
    r"\$\$(?P<tex_display>(?:\\.|[^$\\])+)\$\$|\$(?!\s)(?P<tex>(?:\\.|[^$\\])+?)(?<!\s)\$(?!\d)"
)


def code(source: str) -> str:
    """Python as highlighted HTML, without a frame."""
    return highlight(source, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True)).rstrip("\n")


@dataclass
class Headings:
    """The headings met so far on a page: (level, anchor, HTML); an anchor is given once."""

    found: list[tuple[int, str, str]] = field(default_factory=list)

    def add(self, level: int, text: str) -> str:
        words = re.sub(r"<annotation.*?</annotation>|<[^>]+>|&#?\w+;", " ", text)
        anchor = base = "-".join(re.findall(r"\w+", words.lower()))[:60].strip("-") or "part"
        taken, n = {a for _, a, _ in self.found}, 1
        while anchor in taken:
            n += 1
            anchor = f"{base}-{n}"
        self.found.append((level, anchor, text))
        return anchor


class _Renderer(mistune.HTMLRenderer):
    """`link` says where an address leads on this site; None: nowhere, and only the words stay."""

    def __init__(self, link: Callable[[str], str | None], headings: Headings):
        super().__init__(escape=False)
        self.to, self.headings = link, headings

    def heading(self, text: str, level: int, **attrs) -> str:
        return f'<h{level} id="{self.headings.add(level, text)}">{text}</h{level}>\n'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        to = self.to(url)
        return text if to is None else f'<a href="{escape(to)}">{text}</a>'

    def image(self, text: str, url: str, title: str | None = None) -> str:
        to = self.to(url)
        return escape(text) if to is None else f'<img alt="{escape(text)}" src="{escape(to)}">'

    def block_code(self, source: str, info: str | None = None) -> str:
        return f'<pre class="code"><code>{code(source) if (info or "").startswith("python") else escape(source.rstrip())}</code></pre>\n'


def _mathematics(md: mistune.Markdown) -> None:
    """$...$ in a line, $$...$$ as a block or on a line of its own; inside code both are left alone."""

    def block(parser, match, state):
        state.append_token({"type": "display_formula", "raw": match["tex_block"]})
        return match.end()

    def inline(parser, match, state):
        display = match["tex_display"] is not None
        state.append_token(
            {
                "type": "display_formula" if display else "inline_formula",
                "raw": match["tex_display"] or match["tex"],
            }
        )
        return match.end()

    md.block.register("display_formula", BLOCK, block, before="list")
    md.inline.register("inline_formula", INLINE, inline, before="link")
    md.renderer.register(
        "display_formula",
        lambda _, tex: f'<span class="formula">{formula(tex, display=True)}</span>\n',
    )
    # a browser does not break a formula: a long one can be scrolled on a phone
    md.renderer.register(
        "inline_formula",
        lambda _, tex: (
            f'<span class="long">{formula(tex)}</span>' if len(tex) > 24 else formula(tex)
        ),
    )


def markdown(
    text: str, link: Callable[[str], str | None] = lambda url: url, headings: Headings | None = None
) -> str:
    """Markdown with tables, raw HTML and mathematics as HTML; tables can be scrolled sideways."""
    renderer = _Renderer(link, headings or Headings())
    made = mistune.create_markdown(
        renderer=renderer, plugins=["table", "strikethrough", _mathematics]
    )(text)
    return re.sub(r"<table>.*?</table>", r'<div class="wide">\g<0></div>', made, flags=re.S)
