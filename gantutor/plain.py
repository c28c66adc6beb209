"""Turn a user's numbers, NumPy's and tensors' included, into plain Python ones, or refuse them."""

import dataclasses
import numbers
import operator
from collections.abc import Iterable
from types import UnionType
from typing import Any, get_args, get_origin

# For a notebook and the command. Notebooks add offsets to a seed, and the sum stays below 2**32.
MAX_SEED, MAX_SEEDS = 2_000_000_000, 1000


def whole(name: str, value: Any, least: int | None = None) -> int:
    """Return a whole number as a Python int.

    `value` may be Python's, NumPy's or a tensor without axes. Raises ValueError, which quotes
    `name` and `value`, for anything else (True and 2.0 included) and for a number below `least`.

    >>> import numpy as np
    >>> whole("steps", np.int64(3))
    3
    >>> whole("steps", 2.5, least=1)
    Traceback (most recent call last):
        ...
    ValueError: steps=2.5: expected a whole number of at least 1
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
    """Return the value if it is one of those allowed.

    Raises ValueError, which quotes the value and lists the allowed ones.

    >>> one_of("norm", "batch", ("batch", "none"))
    'batch'
    """
    allowed = tuple(allowed)
    if value not in allowed:
        raise ValueError(f"{name}={value!r}: expected one of {', '.join(map(repr, allowed))}")
    return value


def number(name: str, value: Any) -> float:
    """Return a real number as a Python number.

    `value` may be Python's, NumPy's or a tensor without axes. Raises ValueError, which quotes
    `name` and `value`, for anything else (True included).

    >>> import numpy as np
    >>> number("lr", np.float32(0.5))
    0.5
    """
    plain = value.item() if getattr(value, "ndim", None) == 0 else value
    if isinstance(plain, bool) or not isinstance(plain, numbers.Real):
        raise ValueError(f"{name}={value!r}: expected a number")
    return plain


def refuse_class(name: str, value: Any) -> None:
    """Raise ValueError for a class where an object of it belongs, the most common slip.

    A class of torch's is left alone, because an object of it would be as wrong.

    >>> class Hinge: ...
    >>> refuse_class("objective", Hinge)
    Traceback (most recent call last):
        ...
    ValueError: objective=Hinge: this is a class; write an object of it: Hinge()
    """
    if isinstance(value, type) and not value.__module__.startswith("torch."):
        kind = value.__name__
        raise ValueError(f"{name}={kind}: this is a class; write an object of it: {kind}()")


def missing(part: Any, method: str, meaning: str) -> NotImplementedError:
    """The error of a method that a subclass has to write.

    >>> class Mine:
    ...     def real(self, a):
    ...         raise missing(self, "real(a)", "D's loss of each real score")
    >>> Mine().real(0)
    Traceback (most recent call last):
        ...
    NotImplementedError: Mine has no method real(a), D's loss of each real score: add it
    """
    return NotImplementedError(f"{type(part).__name__} has no method {method}, {meaning}: add it")


def settle(part: Any) -> None:
    """Check the number fields of a frozen dataclass against their annotations and make them plain.

    Checked are `int` and `float`, each optionally with `| None`, and tuples of them; other fields
    are left alone. Raises ValueError, which quotes the field.
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
    many = [kind for kind in kinds if get_origin(kind) is tuple]
    if many and getattr(value, "ndim", 1) and not isinstance(value, str | numbers.Real):
        kinds = many
    if kinds[0] is int:
        return whole(name, value)
    if kinds[0] is float:
        return number(name, value)
    if kinds[0] is bool and getattr(value, "ndim", None) == 0:  # np.bool_
        return value.item()
    if get_origin(kinds[0]) is tuple and get_args(kinds[0])[0] in (int, float):
        try:
            parts = tuple(value)
        except TypeError:
            raise ValueError(f"{name}={value!r}: expected several numbers") from None
        inner = get_args(kinds[0])[0]
        return tuple(_settled(f"{name}[{i}]", v, inner) for i, v in enumerate(parts))
    return value
