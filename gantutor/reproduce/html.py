"""Templates and style sheets of the report and of the site: files next to the code."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

HERE = Path(__file__).parent


@cache
def templates(package: str) -> Environment:
    """The templates of a package below this one ("report", "site"), and those that both share.

    Whatever a template is given is escaped, unless it is Markup; a name that it is not given
    raises UndefinedError.
    """
    folders = [HERE / package / "templates", HERE / "templates"]
    return Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(package: str, template: str, **given) -> Markup:
    """Fill a template of a package; the result can go into another template as it is."""
    return Markup(templates(package).get_template(f"{template}.html.j2").render(**given))


def style(package: str) -> Markup:
    """The style sheet that both share, followed by the package's own."""
    files = (HERE / "base.css", HERE / package / f"{package}.css")
    return Markup("\n".join(path.read_text(encoding="utf-8") for path in files))
