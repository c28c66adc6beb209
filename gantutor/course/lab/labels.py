"""The labels of the lab's widget as HTML, from the templates and lab.css."""

from html import escape
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

HERE = Path(__file__).parent
_TEMPLATES = Environment(
    loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined
).get_template("labels.html.j2")


def label(name: str, *values) -> str:
    """A label by the name of its macro, with its values escaped.

    >>> label("clock", 3, False)
    'step <b>3</b>'
    >>> label("error", "ValueError", "1 < 2")
    '<b>ValueError</b>: 1 &lt; 2'
    """
    return str(getattr(_TEMPLATES.module, name)(*values))


def style() -> str:
    """The lab's style sheet, as an element."""
    return label("style", (HERE / "lab.css").read_text(encoding="utf-8"))


def escaped(text: str) -> str:
    """Text as a label without a template."""
    return escape(text)
