"""The code that a number was computed by: modules that an import reaches, and a user's classes."""

import ast
import hashlib
import inspect
import json
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from gantutor import _NAMES

PACKAGE = Path(__file__).parent
# data files that a module computes from, besides its code
TABLES = {
    "gantutor.reproduce.papers": "data/papers/*.csv",
    "gantutor.course.lessons.together_grid": "data/records/composition_grid.csv",
    "gantutor.reproduce.temperature": "data/records/kdd_temperature.csv",
}
# these packages grade answers; no recorded number comes from them
NO_NUMBERS = ("gantutor.course.exercises.", "gantutor.course.grader.")
# classes from these modules are neither ours nor the user's, and are not hashed
FOREIGN = {"torch", "torchvision", "numpy"} | sys.stdlib_module_names - {"__main__"}


def digest(thing: Any) -> str:
    """Return the first 12 hex digits of the SHA-256 of a JSON value.

    >>> digest({"b": 1, "a": 2}) == digest({"a": 2, "b": 1})
    True
    """
    return hashlib.sha256(json.dumps(thing, sort_keys=True).encode()).hexdigest()[:12]


@cache
def reached(code: str, package: Path = PACKAGE) -> str:
    """Return a digest of every module that this code imports, directly or not, and their tables.

    Code that cannot be parsed, or that imports the whole package, counts as reaching all of it.
    """
    try:
        waiting = imported(code)
    except SyntaxError:
        waiting = {"gantutor"}
    if "gantutor" in waiting:  # any module may then be used by its dotted name
        names = [p.relative_to(package).with_suffix("").parts for p in package.rglob("*.py")]
        waiting = {".".join(("gantutor", *parts)) for parts in names}
    found: dict[str, str] = {}
    while waiting:
        name = waiting.pop()
        source = module(name, package)
        if source is not None and name not in found:
            found[name], more = source
            waiting |= more
    return digest(sorted(found.items()))


@cache
def module(name: str, package: Path = PACKAGE) -> tuple[str, frozenset[str]] | None:
    """Return a module's text together with its tables, and the modules that it imports.

    None if there is no module of that name or no recorded number comes from it.
    """
    place = package.joinpath(*name.split(".")[1:])
    path = next((p for p in (place.with_suffix(".py"), place / "__init__.py") if p.is_file()), None)
    if path is None or place == package or f"{name}.".startswith(NO_NUMBERS):
        return None
    text = path.read_text(encoding="utf-8")
    tables = sorted(package.parent.glob(TABLES[name])) if name in TABLES else []
    texts = [p.read_text(encoding="utf-8") for p in tables]
    return "\n".join([text, *texts]), frozenset(imported(text) - {"gantutor"})


def imported(code: str) -> set[str]:
    """Return all modules of the package that a code imports, and the packages that contain them.

    A name imported from a module is included whether or not it is a module itself. Raises
    SyntaxError.

    >>> sorted(imported("from gantutor.metrics.toy import judge"))
    ['gantutor.metrics', 'gantutor.metrics.toy', 'gantutor.metrics.toy.judge']
    """
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "gantutor":
            found |= {f"gantutor.{_NAMES.get(a.name, a.name)}" for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{a.name}" for a in node.names}
    mine = [name.split(".") for name in found if name.split(".")[0] == "gantutor"]
    whole = {"gantutor"} if ["gantutor"] in mine else set()
    return {".".join(parts[:i]) for parts in mine for i in range(2, len(parts) + 1)} | whole


def classes_hash(module_name: str, classes: Iterable[type]) -> str:
    """Return a digest of what a module reaches, together with these classes and their bases.

    The package's classes count by their modules. A user's own count by their source where Python
    can find it, else by name.
    """
    modules, own = {module_name}, {}
    for kind in {base for c in classes for base in c.__mro__}:
        top = kind.__module__.split(".")[0]
        if top == "gantutor":
            modules.add(kind.__module__)
        elif top not in FOREIGN:
            own[f"{kind.__module__}.{kind.__qualname__}"] = _source(kind)
    ours = reached("\n".join(f"import {name}" for name in sorted(modules)))
    return digest([ours, sorted(own.items())])


def _source(kind: type) -> str:
    """Return a class's source, or its methods' sources if only these exist (a notebook's class)."""
    try:
        return inspect.getsource(kind)
    except (OSError, TypeError):
        pass
    found = []
    for name, part in sorted(vars(kind).items()):
        try:
            found.append(inspect.getsource(inspect.unwrap(getattr(part, "fget", part))))
        except (OSError, TypeError, ValueError):  # a value, or a method that dataclass generated
            found.append(name)
    return "\n".join(found)
