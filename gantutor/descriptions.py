"""A recipe, or any part of one, in other forms: as JSON, as its classes, as one would write it."""

import dataclasses

import numpy as np


def describe(part) -> object:
    """A recipe, or any part of one, as plain JSON values: {"kind": class, field: value, ...}."""
    if dataclasses.is_dataclass(part) and not isinstance(part, type):
        fields = {f.name: describe(getattr(part, f.name)) for f in dataclasses.fields(part)}
        return {"kind": type(part).__name__, **fields}
    if isinstance(part, list | tuple):
        return [describe(p) for p in part]
    if part is None or isinstance(part, bool):
        return part
    for plain in (int, float, str):
        if isinstance(part, plain):  # NumPy's float64 is one too, and must not stay what it is
            return plain(part)
    if isinstance(part, np.generic):
        return part.item()
    raise TypeError(
        f"{part!r} cannot stand in a recipe: use numbers, strings, tuples and the frozen classes "
        "of gantutor, or make its class a frozen dataclass of such values"
    )


def kinds(part) -> set[type]:
    """The classes that a recipe, or any part of one, is made of."""
    if isinstance(part, list | tuple):
        return set().union(*map(kinds, part))
    if not dataclasses.is_dataclass(part) or isinstance(part, type):
        return {type(part)}
    return {type(part)}.union(*(kinds(getattr(part, f.name)) for f in dataclasses.fields(part)))


def brief(part) -> str:
    """A part as one would write it, with only the values that are not the defaults: "AdaptiveMix(sigma=0.1)"."""
    if isinstance(part, tuple):
        return ", ".join(brief(p) for p in part) or "none"
    if not dataclasses.is_dataclass(part):
        return "none" if part is None else repr(part)
    given = {
        f.name: getattr(part, f.name)
        for f in dataclasses.fields(part)
        if getattr(part, f.name) != f.default
    }
    words = ", ".join(
        f"{k}=({brief(v)})" if isinstance(v, tuple) else f"{k}={brief(v)}" for k, v in given.items()
    )
    return f"{type(part).__name__}({words})"
