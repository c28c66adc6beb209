"""A notebook's parameters, checked before it starts, and the record that a run of it left."""

import ast
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gantutor
from gantutor.course.config import BadParameters, Config, did_you_mean, literal
from gantutor.course.lessons import LESSONS
from gantutor.course.records import code_hash, read, source_hash


def config_of(notebook: Path) -> type[Config] | None:
    """The Config of a lesson's notebook; None for a notebook that is not part of the course."""
    lesson = LESSONS.get(notebook.stem)
    return None if lesson is None else lesson.config


def parameters_cell(notebook: Path) -> dict[str, Any]:
    """Read the names and values of the cell tagged "parameters", without running anything.

    Returns {} if there is no such cell. Raises BadParameters if the file is not a notebook, or if
    the cell contains anything but `name = literal`.
    """
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        # the run and its hash need these of every cell: fail now if one lacks them
        [(c["cell_type"], "".join(c["source"])) for c in cells]
        cell = next(
            (c for c in cells if "parameters" in c.get("metadata", {}).get("tags", [])), None
        )
        tree = ast.parse("".join(cell["source"]) if cell else "")
    except OSError as error:
        raise BadParameters(
            f"notebook {notebook} cannot be read ({error.strerror}): check the path"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, SyntaxError):
        raise BadParameters(
            f"{notebook} is not an intact notebook: open and save it in Jupyter, "
            "or get a new copy of it"
        ) from None
    found = {}
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        try:
            found[target.id] = ast.literal_eval(node.value)
        except (AttributeError, ValueError, TypeError):
            line = f"line {node.lineno} of the parameters cell of {notebook.name}"
            raise BadParameters(
                f"{line}, {ast.unparse(node)!r}: expected `name = literal` and nothing else"
            ) from None
    return found


def typed(notebook: Path, texts: Mapping[str, str]) -> dict[str, Any]:
    """Convert `name=value` texts of the command line to values.

    A parameter whose default in the notebook is a string stays a string.
    """
    cell = parameters_cell(notebook)
    config = config_of(notebook)
    if config is not None:
        return {k: config.typed(k, v) for k, v in texts.items()}
    return {k: v if isinstance(cell.get(k), str) else literal(v) for k, v in texts.items()}


def check_parameters(notebook: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all parameters of a run: the notebook's own, overridden by those given.

    A lesson's parameters are validated by its Config, those of other notebooks by the types of
    their defaults. Raises BadParameters for an unknown name or a value of the wrong type or range.
    """
    cell, config = parameters_cell(notebook), config_of(notebook)
    known = list(config.model_fields if config else cell)
    for name in given:
        if name not in known:
            raise BadParameters(
                f"unknown parameter {name!r} of {notebook.stem}: {did_you_mean(name, known)}"
            )
    if config is not None:
        if set(cell) != set(known):
            odd = ", ".join(sorted(set(cell) ^ set(known)))
            raise BadParameters(
                f"the parameters cell of {notebook.name} and its Config differ in {odd}: "
                "make the two agree"
            )
        return config(**{**cell, **given}).parameters()
    for name, value in given.items():
        default = cell[name]
        if not _same_kind(value, default):
            raise BadParameters(
                f"{name}={value!r}: expected {type(default).__name__}, "
                f"as in {name} = {default!r} of {notebook.name}"
            )
    return {**cell, **given}


def _same_kind(value: Any, default: Any) -> bool:
    """Whether a value may replace a default: of its type, None, or an integer for a float."""
    if default is None or value is None or type(value) is type(default):
        return True
    return type(default) is float and type(value) is int


def kept(
    folder: Path, notebook: Path, parameters: Mapping[str, Any]
) -> tuple[dict[str, Any] | None, str]:
    """The record in `folder` if it is of exactly this run, otherwise None, and a remark on it.

    The remark says why the record is not used, or what to know about it; it is "" if there is
    nothing to say. A run of older package code counts as the same run.
    """
    if not (folder / "result.json").exists():
        return None, ""
    try:
        result = read(folder)
    except ValueError:
        return None, "its result.json was damaged"
    # None is final in a lesson's parameters, but other notebooks may fill it in themselves
    asked = {k: v for k, v in parameters.items() if k != "out" and v is not None}
    if any(result["parameters"].get(k) != v for k, v in asked.items()):
        return None, "its record has other parameters"
    if result["source_hash"] != source_hash(notebook):
        return None, f"{notebook.name} has changed since"
    made = result["versions"].get("gantutor")
    if made != gantutor.__version__:
        return None, f"it was made by gantutor {made}, this is {gantutor.__version__}"
    old = result.get("code_hash") != code_hash(notebook)
    return result, "the package's code has changed since: --fresh runs it again" if old else ""


def finished(folder: Path, notebook: Path, parameters: Mapping[str, Any]) -> dict[str, Any] | None:
    """The record in `folder` if it is of exactly this run, otherwise None."""
    return kept(folder, notebook, parameters)[0]


def writable(folder: Path) -> None:
    """Raise BadParameters if nothing can be written in `folder`, without creating it.

    If it does not exist yet, the nearest existing folder above it is tried.
    """
    try:
        place = next(p for p in (folder, *folder.parents) if p.exists())
        with tempfile.TemporaryFile(dir=place):  # has no name, or is removed at once
            pass
    except OSError as error:
        what = f"output folder {folder} cannot be written ({error.strerror})"
        raise BadParameters(f"{what}: choose another with --out") from None
