"""A user's numbers as plain Python ones, NumPy's too; what is no such number is refused by name."""

import dataclasses
import numbers
import operator
from collections.abc import Iterable
from types import UnionType
from typing import Any, get_args, get_origin

# of a notebook and of the command: with what notebooks add to it, a seed stays below 2**32
MAX_SEED, MAX_SEEDS = 2_000_000_000, 1000


def whole(name: str, value: Any, least: int | None = None) -> int:
    """A whole number of at least `least`: Python's, NumPy's or a tensor's without axes.

    Raises ValueError for all else, truth values and 2.0 among it.
    """
    floor = "" if least is None else f" of at least {least}"
    try:
        plain = value.item() if getattr(value, "ndim", None) == 0 else value
        if isinstance(plain, bool) or getattr(plain, "ndim", 0):
            raise TypeError
        plain = operator.index(plain)
    except TypeError:
        raise ValueError(f"{name}={value!r}: expected a whole number{floor}") from None
    if least is not None and plain < least:
        raise ValueError(f"{name}={value!r}: expected a whole number{floor}")
    return plain


def one_of(name: str, value: Any, allowed: Iterable) -> Any:
    """The value itself where it is one of those allowed.

    Raises ValueError, quoting it and naming them.

    >>> one_of("norm", "batch", ("batch", "none"))
    'batch'
    """
    allowed = tuple(allowed)
    if value not in allowed:
        raise ValueError(f"{name}={value!r}: expected one of {', '.join(map(repr, allowed))}")
    return value


def number(name: str, value: Any) -> float:
    """A real number; NumPy's and a tensor's without axes become Python's. Raises ValueError."""
    plain = value.item() if getattr(value, "ndim", None) == 0 else value
    if isinstance(plain, bool) or not isinstance(plain, numbers.Real):
        raise ValueError(f"{name}={value!r}: expected a number")
    return plain


def settle(part: Any) -> None:
    """Hold the number fields of a frozen dataclass to their annotations, and make them plain.

    `int`, `float`, each with `| None`, and tuples of them; others are left alone. Raises
    ValueError, which quotes the field.
    """
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        plain = _settled(field.name, value, field.type)
        if plain is not value:
            object.__setattr__(part, field.name, plain)


def _settled(name: str, value: Any, kind: Any) -> Any:
    kinds = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    if value is None and type(None) in kinds:
        return None
    if kinds[0] is int:
        return whole(name, value)
    if kinds[0] is float:
        return number(name, value)
    if kinds[0] is bool and getattr(value, "ndim", None) == 0:  # NumPy's truth values
        return value.item()
    if get_origin(kinds[0]) is tuple and get_args(kinds[0])[0] in (int, float):
        try:
            parts = tuple(value)
        except TypeError:
            raise ValueError(f"{name}={value!r}: expected several numbers") from None
        inner = get_args(kinds[0])
        return tuple(_settled(f"{name}[{i}]", v, inner[0]) for i, v in enumerate(parts))
    return value
