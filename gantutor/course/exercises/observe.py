"""What an answer does, as plain data: values, gradients, changed arguments, errors.

This part may run in the same process as hostile code. What follows from the observations is
decided in `judge`, which can run in another process.
"""

import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gantutor.course.exercises.definition import SEEDS, Exercise
from gantutor.rng import Rng

# The most numbers that an answer may contain. A larger one is described by its size and never
# copied.
LARGEST = 2**19


@dataclass
class Observation:
    """One call of an answer.

    `value` is flattened to {place: array or text}, `grads` are keyed by argument, and `changed`
    lists the arguments that the call changed in place. If the call ended in an error, `error` is
    its message, and only `changed` and `kind` are set.
    """

    value: dict[str, Any] = field(default_factory=dict)
    grads: dict[int, Any] = field(default_factory=dict)
    changed: list[int] = field(default_factory=list)
    error: str = ""
    kind: str = ""  # the type of the value, or of the error


def observe(exercise: Exercise, answer: Any) -> dict[str, list[Observation]]:
    """All that `diagnose` needs: the answer at every seed's case, again at the first, and laws."""
    if not exercise.is_function:
        return {"cases": [of_value(exercise, answer)], "again": []}
    return observe_calls(exercise, answer, *draw(exercise))


def draw(exercise: Exercise) -> tuple[list[tuple], dict[str, list[tuple]]]:
    """The arguments for a function: every seed's case and the first again; each law's cases."""
    cases = [exercise.cases(Rng(s)) for s in (*SEEDS, SEEDS[0])]
    return cases, {p.key: list(p.cases(Rng(0))) for p in exercise.properties}


def observe_calls(
    exercise: Exercise, answer: Callable, cases: list[tuple], laws: dict[str, list[tuple]]
) -> dict[str, list[Observation]]:
    """Call a function with the arguments that `draw` returned.

    Of the exercise it reads only `gradients`, `constants` and `view`, so that a worker needs no
    reference. The global random state of torch is restored afterwards.
    """
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(1)
        seen = {"cases": [call(exercise, answer, args) for args in cases[:-1]], "again": []}
        if not seen["cases"][0].error:
            torch.manual_seed(2)
            seen["again"] = [call(exercise, answer, cases[-1])]
            for key, argument_tuples in laws.items():
                seen[key] = [call(exercise, answer, args) for args in argument_tuples]
    return seen


def of_value(exercise: Exercise, value: Any) -> Observation:
    """A value in the form in which it is compared.

    If it cannot be compared, `value` stays empty and `kind` says what it is.
    """
    try:
        viewed = exercise.view(value) if exercise.view else value
        return Observation(flat(viewed), kind=type(value).__name__)
    except TypeError as error:
        return Observation(kind=str(error) if exercise.view is None else type(value).__name__)
    except Exception:  # the view expects values of the right type
        return Observation(kind=type(value).__name__)


def call(exercise: Exercise, answer: Callable, args: tuple) -> Observation:
    """Observe one call: its value or error, its gradients, and the arguments that it changed."""
    arrays = {i: a for i, a in enumerate(args) if isinstance(a, Tensor | np.ndarray)}
    before = {i: _array(a).copy() for i, a in arrays.items()}
    containers = {i: _contents(a) for i, a in enumerate(args) if isinstance(a, Mapping | list)}
    leaves = {
        i: args[i].detach().clone().requires_grad_(True)
        for i in (*exercise.gradients, *exercise.constants)
    }
    # torch refuses to change a leaf in place, but not leaf + 0: such a change is found below, and
    # described in words
    given = {i: leaf + 0 for i, leaf in leaves.items()}
    try:
        value = answer(*[given.get(i, a) for i, a in enumerate(args)])
        seen = of_value(exercise, value)
        if seen.value:
            seen.grads = _gradients(exercise.view(value) if exercise.view else value, leaves)
    except NotImplementedError as error:
        return Observation(error=str(error) or "open", kind="NotImplementedError")
    except (Exception, SystemExit) as error:
        seen = Observation(error=where(error), kind=type(error).__name__)
    for i, array in {**arrays, **given}.items():
        if not np.array_equal(_array(array), before[i], equal_nan=True):
            seen.changed.append(i)
    for i, was in containers.items():
        if was is not None and not _same(_contents(args[i]), was):
            seen.changed.append(i)
    return seen


def where(error: BaseException) -> str:
    """The error, with the line of the answer that it came from.

    That is the last line of the traceback that belongs neither to a library nor to this folder.
    """
    here = str(Path(__file__).parent)
    lines = [
        frame.line
        for frame in traceback.extract_tb(error.__traceback__)
        if "site-packages" not in frame.filename and not frame.filename.startswith(here)
    ]
    message = str(error).splitlines()[0] if str(error) else "no message"
    at = f" (at `{lines[-1]}`)" if lines and lines[-1] else ""
    return f"{type(error).__name__}: {message}{at}"


# -- values ------------------------------------------------------------------------------------
def flat(value: Any, place: str = "") -> dict[str, Any]:
    """Nested values as {place: float64 array or text}.

    A sequence of numbers is one array; a complex array takes two places. Raises TypeError, which
    names the type, for a value that is not a number, a text or a container of these, or that
    contains more than LARGEST numbers.

    >>> flat({"a": [1, 2], "b": "text"})
    {"['a']": array([1., 2.]), "['b']": 'text'}
    """
    if isinstance(value, Mapping):
        return _merged(flat(value[name], f"{place}[{name!r}]") for name in value)
    if isinstance(value, str) or value is None:
        return {place: str(value)}
    if isinstance(value, set | frozenset):
        return {place: ", ".join(sorted(map(str, value)))}
    if isinstance(value, tuple | list) and not all(map(_is_scalar, value)):
        return _merged(flat(part, f"{place}[{i}]") for i, part in enumerate(value))
    array = _as_array(value)
    _refuse_large(value, array.size)
    if array.dtype.kind == "c":
        return {
            f"{place}.real": array.real.astype(np.float64),
            f"{place}.imag": array.imag.astype(np.float64),
        }
    if array.size and array.dtype.kind not in "biuf":  # texts, objects, integers beyond 64 bits
        raise TypeError(f"{type(value).__name__} of {array.dtype.name}")
    return {place: array.astype(np.float64)}  # a copy: the answer may go on using its buffer


def tensors(value: Any, place: str = "") -> dict[str, Tensor]:
    """The tensors in nested values, by place."""
    if isinstance(value, Tensor):
        return {place: value}
    if isinstance(value, Mapping):
        parts = value.items()
    elif isinstance(value, tuple | list):
        parts = enumerate(value)
    else:
        return {}
    return _merged(tensors(part, f"{place}[{name!r}]") for name, part in parts)


def _merged(parts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {place: value for part in parts for place, value in part.items()}


def _as_array(value: Any) -> np.ndarray:
    if isinstance(value, tuple | list):
        return np.asarray([v.item() if isinstance(v, Tensor | np.ndarray) else v for v in value])
    if isinstance(value, Tensor):
        _refuse_large(value, value.numel())
        value = value.detach().cpu().resolve_conj().resolve_neg()
        if value.dtype is torch.bfloat16:  # which NumPy does not have
            value = value.double()
        return value.numpy()
    if isinstance(value, int | float | complex | np.ndarray | np.generic):
        return np.asarray(value)
    raise TypeError(type(value).__name__)


def _is_scalar(value: Any) -> bool:
    if isinstance(value, Tensor | np.ndarray):
        return value.ndim == 0
    return isinstance(value, int | float | complex | np.number)


def _refuse_large(value: Any, size: int) -> None:
    if size > LARGEST:
        raise TypeError(f"{type(value).__name__} of {size} numbers")


def _array(x: Tensor | np.ndarray) -> np.ndarray:
    return x.detach().cpu().numpy() if isinstance(x, Tensor) else x


def _contents(value: Mapping | list) -> dict[str, Any] | None:
    """The numbers and texts of a container; None if it contains anything else."""
    try:
        return flat(value)
    except TypeError:
        return None


def _same(a: dict[str, Any] | None, b: dict[str, Any]) -> bool:
    return a is not None and a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


def _gradients(value: Any, leaves: dict[int, Tensor]) -> dict[int, Any]:
    """The gradient of a weighted sum of the outputs at each leaf, None where there is none.

    The weights of an output depend on its place alone, so they are the same for every answer.
    """
    outputs = tensors(value)
    if not leaves or not any(t.requires_grad for t in outputs.values()):
        return dict.fromkeys(leaves)
    total = 0
    for i, place in enumerate(sorted(outputs)):
        t = torch.view_as_real(outputs[place]) if outputs[place].is_complex() else outputs[place]
        if t.requires_grad:
            total = total + (t * (1 + 0.5 * Rng(17 + i).randn(*t.shape).to(t))).sum()
    grads = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    return {
        i: None if g is None else g.double().numpy() for i, g in zip(leaves, grads, strict=True)
    }
