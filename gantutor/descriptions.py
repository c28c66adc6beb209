"""A recipe, or any part of one, in other forms: as JSON, as its classes, in short."""

import dataclasses

import numpy as np


def describe(part) -> object:
    """Return a recipe, or any part of one, as JSON values: {"kind": class, field: value, ...}.

    Raises TypeError for a value that JSON cannot hold.

    >>> from gantutor.augment import Jitter
    >>> describe(Jitter(0.1))
    {'kind': 'Jitter', 'std': 0.1}
    """
    if dataclasses.is_dataclass(part) and not isinstance(part, type):
        fields = {f.name: describe(getattr(part, f.name)) for f in dataclasses.fields(part)}
        return {"kind": type(part).__name__, **fields}
    if isinstance(part, list | tuple):
        return [describe(p) for p in part]
    if part is None or isinstance(part, bool):
        return part
    for plain in (int, float, str):
        if isinstance(part, plain):  # NumPy's float64 is a float too, and becomes a plain one
            return plain(part)
    if isinstance(part, np.generic):
        return part.item()
    raise TypeError(
        f"{part!r} cannot be part of a recipe: use numbers, strings, tuples and the frozen classes "
        "of gantutor, or make its class a frozen dataclass of such values"
    )


def kinds(part) -> set[type]:
    """Return the classes that a recipe, or any part of one, consists of."""
    if isinstance(part, list | tuple):
        return set().union(*map(kinds, part))
    if not dataclasses.is_dataclass(part) or isinstance(part, type):
        return {type(part)}
    return {type(part)}.union(*(kinds(getattr(part, f.name)) for f in dataclasses.fields(part)))


def brief(part) -> str:
    """Return a part in short: its class and the values that differ from the defaults.

    >>> from gantutor.augment import Jitter
    >>> brief(Jitter(0.1)), brief(Jitter())
    ('Jitter(std=0.1)', 'Jitter()')
    """
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
