"""What an answer may not use: the package's own function that is the answer."""

import dis
import inspect
from contextlib import suppress
from types import CodeType, FunctionType
from typing import Any

from gantutor.course.exercises.definition import Exercise

# the operations of compiled code that read a global name, and those that read an attribute
GLOBALS = ("LOAD_GLOBAL", "LOAD_NAME")
ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD", "IMPORT_NAME", "IMPORT_FROM")


def borrowed(exercise: Exercise, answer: Any) -> list[str]:
    """The exercise's forbidden names that the answer is, or that its code uses.

    Functions of the notebook that the answer calls are searched too.
    """
    used: set[str] = set()
    waiting, known = [answer], set()
    while waiting:
        # look through functools.partial and through decorators that say what they wrap
        thing = waiting.pop()
        thing = inspect.unwrap(getattr(thing, "func", thing))
        if id(thing) not in known:
            known.add(id(thing))
            names, more = _names_and_callees(thing)
            used |= names
            waiting += more
    return [name for name in exercise.forbidden if name in used]


def operands(code: CodeType, *operations: str, deep: bool = True) -> set[str]:
    """The names that these operations of compiled code use.

    With `deep`, the functions inside the code are searched as well. Local variables belong to
    other operations, so their names are not found.
    """
    instructions = dis.get_instructions(code)
    found = {str(i.argval).split(".")[-1] for i in instructions if i.opname in operations}
    if deep:
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                found |= operands(constant, *operations)
    return found


def _names_and_callees(thing: Any) -> tuple[set[str], list[Any]]:
    """The names that something uses, and what it may call in turn."""
    if str(getattr(thing, "__module__", "")).startswith("gantutor."):
        # its own name in the package, whatever it is called in the notebook
        return {getattr(thing, "__name__", "")}, []
    if isinstance(thing, type):
        return set(), [v for v in vars(thing).values() if isinstance(v, FunctionType)]
    if not isinstance(thing, FunctionType):
        return set(), [type(thing)] if hasattr(type(thing).__call__, "__code__") else []
    values = {n: thing.__globals__.get(n) for n in operands(thing.__code__, *GLOBALS)}
    # a helper that the notebook defines may have any name
    own = {n for n, v in values.items() if getattr(v, "__globals__", None) is thing.__globals__}
    names = (values.keys() - own) | operands(thing.__code__, *ATTRIBUTES)
    callees = [v for v in values.values() if callable(v)]
    for cell in thing.__closure__ or ():
        with suppress(ValueError):  # the cell is still empty
            if callable(cell.cell_contents):
                callees.append(cell.cell_contents)
    return names, callees
