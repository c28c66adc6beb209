"""How an answer is judged: what it does is observed as plain data, and the data are compared with a reference and its wrong twins.

`observe` calls the answer and may run beside hostile code; `diagnose` sees only what was observed and can sit in another process.
"""

import dis
import inspect
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gantutor.rng import Rng

SEEDS = (0, 1, 2, 3, 4)
LARGEST = (
    2**19
)  # numbers that an answer may hold; what is larger is told by its size and never copied
BUILTIN = {  # symptoms that any exercise may show: what is said of them
    "open": "This exercise is still open: replace `raise NotImplementedError()` by your lines.",
    "nothing": "The function returns nothing: does it end in `return ...`?",
    "raises": "It stops with an error: {arg}",
    "kind": "The answer is of another kind than asked for. {arg}",
    "shape": "The answer has another shape than asked for. {arg}",
    "not finite": "The answer holds NaN or an infinity: look for the logarithm of 0, a division by 0, or exp of a large number.",
    "sign": "Every number has the right size and the wrong sign: which way should it fall, or point?",
    "sum for mean": "The answer is larger by the number of what is averaged: a sum stands where a mean belongs.",
    "mean for sum": "The answer is smaller by the number of what is added up: a mean stands where a sum belongs.",
    "factor": "Every number is off by one and the same factor. {arg}",
    "offset": "Every number is off by one and the same constant. {arg}",
    "detached": "The values are right, but no gradient reaches {arg}: something was detached, or computed without gradient.",
    "not detached": "The values are right, but a gradient reaches {arg}, which is a constant here: `detach` is missing.",
    "gradient": "The values are right, the gradient with respect to {arg} is not.",
    "changes its input": "The function changes {arg} in place: the caller still needs it.",
    "random": "Two calls with the same input differ: it draws random numbers that nobody gave it, or remembers the call before. "
    "Use the `rng` that it gets, or none.",
    "borrowed": "It calls {arg}, which is the answer itself: write it in your own lines.",
    "differs": "It runs, and its numbers are others than the reference's. Compare the pictures, then work one small case out by hand.",
}


@dataclass(frozen=True)
class Symptom:
    """A well-known mistake. `twin`: the reference with that mistake in it, same arguments; an answer that does what the twin does has it.

    For an exercise whose answer is a value, `twin` is the wrong value, or a function of the value that says whether it is meant.
    """

    key: str
    hint: str
    twin: Any


@dataclass(frozen=True)
class Property:
    """A law that right answers obey. `cases(rng)` gives argument tuples; `holds(cases, values)` looks at what came out of each."""

    key: str
    hint: str
    cases: Callable[[Rng], Sequence[tuple]]
    holds: Callable[[Sequence[tuple], Sequence[Any]], bool]


@dataclass(frozen=True, eq=False)
class Exercise:
    """What is asked, the reference, and the mistakes that are recognised.

    `name` "topic.what"; `title` as in the notebook; `points` 1 to 5 and `minutes` as the notebook says. `reference`: a function of the same arguments as
    the answer, or the value asked for. `cases(rng)` draws one call's arguments, of another shape each time, float64 where they are tensors.
    `gradients`: positions of the arguments whose gradients are compared; `constants`: of those that must get none. `tolerance` is
    relative to the reference's largest number. `view` turns an answer into plain values (a recipe: `describe`). `forbidden`: names of the package
    that are the answer itself. `field(f)`: a function drawn over the plane, (n, n) values or (n*n, 2) arrows, for the picture of a wrong answer, with its docstring
    as the caption; without it the numbers of a case are drawn.
    """

    name: str
    title: str
    points: int
    minutes: int
    reference: Any
    cases: Callable[[Rng], tuple] | None = None
    symptoms: tuple[Symptom, ...] = ()
    properties: tuple[Property, ...] = ()
    gradients: tuple[int, ...] = ()
    constants: tuple[int, ...] = ()
    tolerance: float = 1e-5
    view: Callable[[Any], Any] | None = None
    forbidden: tuple[str, ...] = ()
    field: Callable[[Callable], np.ndarray] | None = None

    def __post_init__(self):
        if self.is_function != (self.cases is not None):
            raise ValueError(f"exercise {self.name}: a function needs cases(rng), a value has none")

    @property
    def is_function(self) -> bool:
        """Whether the answer is a function (or else a value)."""
        return callable(self.reference)

    def args(self, i: int) -> tuple:
        """Argument names, for messages."""
        return tuple(inspect.signature(self.reference).parameters)[i]


# -- what an answer does, as plain data ----------------------------------------------------------------------------------
@dataclass
class Seen:
    """One call: `value` flattened to {place: array or text}, gradients by argument, what it changed; or the `error` that ended it."""

    value: dict[str, Any] = field(default_factory=dict)
    grads: dict[int, Any] = field(default_factory=dict)
    changed: list[int] = field(default_factory=list)
    error: str = ""
    kind: str = ""  # of the value, or of the error


def flat(value: Any, place: str = "") -> dict[str, Any]:
    """Nested values as {place: float64 array or text}. Several scalars are an array, complex numbers are two places.

    TypeError, which names what it is, for a value that is neither number, text nor a container of them, or has more than LARGEST numbers.
    """
    if isinstance(value, Mapping):
        return {k: v for name in value for k, v in flat(value[name], f"{place}[{name!r}]").items()}
    if isinstance(value, str) or value is None:
        return {place: str(value)}
    if isinstance(value, set | frozenset):
        return {place: ", ".join(sorted(map(str, value)))}
    if isinstance(value, tuple | list):
        if not all(_is_scalar(v) for v in value):
            return {
                k: v for i, part in enumerate(value) for k, v in flat(part, f"{place}[{i}]").items()
            }
        array = np.asarray([v.item() if isinstance(v, Tensor | np.ndarray) else v for v in value])
    elif isinstance(value, Tensor):
        _no_larger(value, value.numel())
        value = value.detach().cpu().resolve_conj().resolve_neg()
        array = (
            value.double() if value.dtype is torch.bfloat16 else value
        ).numpy()  # NumPy has no bfloat16
    elif isinstance(value, int | float | complex | np.ndarray | np.generic):
        array = np.asarray(value)
    else:
        raise TypeError(type(value).__name__)
    _no_larger(value, array.size)
    if array.dtype.kind == "c":
        return {
            f"{place}.real": array.real.astype(np.float64),
            f"{place}.imag": array.imag.astype(np.float64),
        }
    if array.size and array.dtype.kind not in "biuf":  # texts, objects, integers beyond 64 bits
        raise TypeError(f"{type(value).__name__} of {array.dtype.name}")
    return {place: array.astype(np.float64)}  # a copy: the answer may go on using its buffer


def _is_scalar(value: Any) -> bool:
    return isinstance(value, int | float | complex | np.number) or (
        isinstance(value, Tensor | np.ndarray) and value.ndim == 0
    )


def _no_larger(value: Any, size: int) -> None:
    if size > LARGEST:
        raise TypeError(f"{type(value).__name__} of {size} numbers")


def observe(exercise: Exercise, answer: Any) -> dict[str, list[Seen]]:
    """All that `diagnose` wants to know: the answer at every seed's case, the first case once more, and each property's cases."""
    if not exercise.is_function:
        return {"cases": [_plain(exercise, answer)], "again": []}
    return watch(exercise, answer, *draw(exercise))


def draw(exercise: Exercise) -> tuple[list[tuple], dict[str, list[tuple]]]:
    """The argument tuples of a function's exercise: every seed's case, the first of them once more; and each property's cases."""
    cases = [exercise.cases(Rng(s)) for s in (*SEEDS, SEEDS[0])]
    return cases, {p.key: list(p.cases(Rng(0))) for p in exercise.properties}


def watch(
    exercise: Exercise, answer: Callable, cases: list[tuple], laws: dict[str, list[tuple]]
) -> dict[str, list[Seen]]:
    """Call a function with what `draw` has drawn. Of the exercise only `gradients`, `constants` and `view` are asked."""
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(1)
        seen = {"cases": [_call(exercise, answer, args) for args in cases[:-1]], "again": []}
        if not seen["cases"][0].error:
            torch.manual_seed(2)
            seen["again"] = [_call(exercise, answer, cases[-1])]
            for key, argument_tuples in laws.items():
                seen[key] = [_call(exercise, answer, args) for args in argument_tuples]
    return seen


def _plain(exercise: Exercise, value: Any) -> Seen:
    """A value as it is compared; where that cannot be, `kind` says what it is, and there is no `value`."""
    try:
        return Seen(
            flat(exercise.view(value) if exercise.view else value), kind=type(value).__name__
        )
    except TypeError as error:
        return Seen(kind=str(error) if exercise.view is None else type(value).__name__)
    except Exception:  # the view is for values of the right kind
        return Seen(kind=type(value).__name__)


def _call(exercise: Exercise, answer: Callable, args: tuple) -> Seen:
    watched = {i: a for i, a in enumerate(args) if isinstance(a, Tensor | np.ndarray)}
    before = {i: _array(a).copy() for i, a in watched.items()}
    nested = {
        i: was
        for i, a in enumerate(args)
        if isinstance(a, Mapping | list) and (was := _contents(a)) is not None
    }
    leaves = {
        i: args[i].detach().clone().requires_grad_(True)
        for i in (*exercise.gradients, *exercise.constants)
    }
    # an output of leaf + 0 may be changed in place by the answer without torch objecting: that is found below, in words
    given = {i: leaf + 0 for i, leaf in leaves.items()}
    try:
        value = answer(*[given.get(i, a) for i, a in enumerate(args)])
        seen = _plain(exercise, value)
        seen.grads = (
            _gradients(exercise.view(value) if exercise.view else value, leaves)
            if seen.value
            else {}
        )
    except NotImplementedError as error:
        return Seen(error=str(error) or "open", kind="NotImplementedError")
    except (Exception, SystemExit) as error:
        seen = Seen(error=_where(error), kind=type(error).__name__)
    now = {**watched, **given}
    seen.changed = [
        i for i, a in now.items() if not np.array_equal(_array(a), before[i], equal_nan=True)
    ]
    seen.changed += [i for i, was in nested.items() if not _same(_contents(args[i]), was)]
    return seen


def _contents(value: Mapping | list) -> dict[str, Any] | None:
    """What a container of numbers and texts holds; None where it holds anything else."""
    try:
        return flat(value)
    except TypeError:
        return None


def _same(a: dict[str, Any] | None, b: dict[str, Any]) -> bool:
    return a is not None and a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


def _array(x: Tensor | np.ndarray) -> np.ndarray:
    return x.detach().cpu().numpy() if isinstance(x, Tensor) else x


def _gradients(value: Any, leaves: dict[int, Tensor]) -> dict[int, Any]:
    """Gradient at each leaf of the outputs' weighted sum, None where there is none. An output's weights depend on its place alone."""
    tensors = _tensors(value)
    if not leaves or not any(t.requires_grad for t in tensors.values()):
        return dict.fromkeys(leaves)
    total = 0
    for i, place in enumerate(sorted(tensors)):
        t = torch.view_as_real(tensors[place]) if tensors[place].is_complex() else tensors[place]
        if t.requires_grad:
            total = total + (t * (1 + 0.5 * Rng(17 + i).randn(*t.shape).to(t))).sum()
    grads = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    return {
        i: None if g is None else g.double().numpy() for i, g in zip(leaves, grads, strict=True)
    }


def _tensors(value: Any, place: str = "") -> dict[str, Tensor]:
    if isinstance(value, Tensor):
        return {place: value}
    parts = (
        value.items()
        if isinstance(value, Mapping)
        else enumerate(value)
        if isinstance(value, tuple | list)
        else ()
    )
    return {k: t for name, part in parts for k, t in _tensors(part, f"{place}[{name!r}]").items()}


def _where(error: BaseException) -> str:
    """The error and the line of the answer that it left from: the last one that is not the library's."""
    frames = [
        f
        for f in traceback.extract_tb(error.__traceback__)
        if "site-packages" not in f.filename
        and not f.filename.startswith(str(Path(__file__).parent))
    ]
    at = f" (at `{frames[-1].line}`)" if frames and frames[-1].line else ""
    return (
        f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}{at}"
    )


# -- what follows from it ------------------------------------------------------------------------------------------------
@dataclass
class Report:
    """The verdict on one answer. `key` names the symptom, "" for a right answer; `difference`: the largest, over all cases."""

    exercise: Exercise
    right: bool
    key: str
    sentence: str
    hint: str = ""
    difference: float = float("nan")
    case: int = 0  # the first seed at which it differs

    @property
    def points(self) -> int:
        return self.exercise.points if self.right else 0


def diagnose(
    exercise: Exercise, seen: dict[str, list[Seen]], borrowed: Sequence[str] = ()
) -> Report:
    """Compare what was seen of an answer with the reference, then with the twins, then with what often goes wrong.

    `borrowed`: forbidden names that the answer uses.
    """
    mine = seen["cases"]
    if borrowed:
        return wrong(exercise, "borrowed", f"`{borrowed[0]}`")
    if any(s.kind == "NotImplementedError" for s in mine) or (
        not exercise.is_function and mine[0].kind == "ellipsis"
    ):
        return wrong(exercise, "open")
    truth = seen_of(exercise, exercise.reference)
    same = [alike(a, b, exercise.tolerance) for a, b in zip(mine, truth, strict=True)]
    gaps = [difference(a, b) for a, b in zip(mine, truth, strict=True)]
    gap = max((g for g in gaps if g == g), default=float("nan"))
    if all(same):
        return _lawful(exercise, seen, gap)
    case = same.index(False)
    for s in exercise.symptoms:
        if _is_twin(exercise, s, mine):
            return Report(exercise, False, s.key, f"{exercise.name}: not yet.", s.hint, gap, case)
    key, arg = _general(exercise, mine, truth)
    if key == "differs" and not _repeats(exercise, seen):
        key = "random"
    report = wrong(exercise, key, arg)
    report.difference, report.case = gap, case
    return report


def wrong(exercise: Exercise, key: str, arg: str = "") -> Report:
    """The report of a symptom that any exercise may show; `arg` is named in its hint."""
    return Report(
        exercise, False, key, f"{exercise.name}: not yet.", BUILTIN[key].format(arg=arg).strip()
    )


@lru_cache(maxsize=512)
def seen_of(exercise: Exercise, trusted: Any) -> list[Seen]:
    """What a reference or twin gives at the cases; kept, so that an answer that changes torch finds them made already."""
    seen = observe(exercise, trusted)["cases"]
    if exercise.is_function and not any(s.value or s.error for s in seen):
        raise ValueError(
            f"exercise {exercise.name}: values of the kind {seen[0].kind} cannot be compared, give it a `view`"
        )
    return seen


def _repeats(exercise: Exercise, seen: dict[str, list[Seen]]) -> bool:
    return all(
        alike(a, b, exercise.tolerance) for a, b in zip(seen["again"], seen["cases"], strict=False)
    )


def _is_twin(exercise: Exercise, symptom: Symptom, mine: list[Seen]) -> bool:
    if exercise.is_function:
        return all(
            alike(a, b, exercise.tolerance)
            for a, b in zip(mine, seen_of(exercise, symptom.twin), strict=True)
        )
    if callable(symptom.twin):
        try:
            number = mine[0].value[""]
            return bool(
                symptom.twin(
                    number.item() if isinstance(number, np.ndarray) and number.ndim == 0 else number
                )
            )
        except Exception:  # the value is of another kind than this mistake's
            return False
    return alike(mine[0], _plain(exercise, symptom.twin), exercise.tolerance)


def _lawful(exercise: Exercise, seen: dict[str, list[Seen]], gap: float) -> Report:
    """Right at every case: does it also leave its inputs alone, repeat itself, and obey the laws?"""
    mine = seen["cases"]
    for s in mine:
        if s.changed:
            return wrong(exercise, "changes its input", f"`{exercise.args(s.changed[0])}`")
    if not _repeats(exercise, seen):
        return wrong(exercise, "random")
    for p in exercise.properties:
        came = seen.get(p.key, [])
        try:
            lawful = (
                bool(came)
                and not any(s.error for s in came)
                and p.holds(p.cases(Rng(0)), [plain(s) for s in came])
            )
        except Exception:  # what came is of another kind than the law speaks of
            lawful = False
        if not lawful:
            return Report(exercise, False, p.key, f"{exercise.name}: not yet.", p.hint)
    how = "exact" if gap == 0 else f"close, largest difference {gap:.1g}"
    return Report(
        exercise,
        True,
        "",
        f"{exercise.name}: right"
        + (f" ({how}, {len(mine)} cases)." if exercise.is_function else "."),
        difference=gap,
    )


def plain(seen: Seen) -> Any:
    """The value of a call for a property: an array, a text, or {place: ...} where there are several."""
    return seen.value[""] if set(seen.value) == {""} else seen.value


def alike(a: Seen, b: Seen, tolerance: float) -> bool:
    """Same places, shapes and numbers, and the same gradients; or both ended by an error of one kind."""
    if a.error or b.error:
        return bool(a.error) and bool(b.error) and a.kind == b.kind
    if a.value.keys() != b.value.keys():
        return False
    grads = all(_close(a.grads.get(i), g, tolerance) for i, g in b.grads.items())
    return grads and all(_close(a.value[k], b.value[k], tolerance) for k in b.value)


def _close(x: Any, y: Any, tolerance: float) -> bool:
    if x is None or y is None:  # no gradient, and a gradient of nothing but zeros, are the same
        return not _any(x) and not _any(y)
    if isinstance(x, str) or isinstance(y, str):
        return isinstance(x, str) and isinstance(y, str) and x == y
    if x.shape != y.shape or not np.array_equal(np.isfinite(x), np.isfinite(y)):
        return False
    ok = np.isfinite(y)
    if not np.array_equal(x[~ok], y[~ok], equal_nan=True):
        return False
    scale = np.abs(y[ok]).max(initial=0.0)
    return bool(
        (np.abs(x[ok] - y[ok]) <= tolerance * (scale if scale > 1e-12 else 1.0)).all()
    )  # below that it is 0, rounded


def _any(x: np.ndarray | None) -> bool:
    return x is not None and bool(np.any(np.abs(x) > 1e-12))


def difference(a: Seen, b: Seen) -> float:
    """The largest absolute difference of two values of the same shapes; NaN where they cannot be compared."""
    pairs = [(a.value.get(k), v) for k, v in b.value.items()]
    pairs = [(x, y) for x, y in pairs if not (isinstance(y, str) and x == y)]
    if a.error or not all(
        isinstance(x, np.ndarray) and isinstance(y, np.ndarray) and x.shape == y.shape
        for x, y in pairs
    ):
        return float("nan")
    with np.errstate(invalid="ignore"):
        return float(
            max(
                (
                    np.nan_to_num(np.abs(x - y), nan=0.0, posinf=np.inf).max(initial=0.0)
                    for x, y in pairs
                ),
                default=0.0,
            )
        )


def _general(exercise: Exercise, mine: list[Seen], truth: list[Seen]) -> tuple[str, str]:
    """The symptom that any wrong answer may show, and what to name in its sentence."""
    broken = next((s for s in mine if s.error), None)
    if broken is not None:
        changed = (
            f"`{exercise.args(broken.changed[0])}`" if broken.changed else "one of its arguments"
        )
        return (
            ("changes its input", changed)
            if "inplace operation" in broken.error
            else ("raises", broken.error)
        )
    if any(isinstance(s.value.get(""), str) and s.value[""] == "None" for s in mine):
        return ("nothing", "") if exercise.is_function else ("kind", "It is `None`.")
    if any(b.error for b in truth):
        wanted = next(b for b in truth if b.error)
        return "kind", f"It gives a value where it should raise {wanted.kind}."
    for i, (a, b) in enumerate(zip(mine, truth, strict=True)):
        if a.value.keys() != b.value.keys() or any(
            isinstance(a.value[k], str) != isinstance(b.value[k], str) for k in b.value
        ):
            return "kind", f"It is {_kind(a)}; {_kind(b)} is asked for."
        for k, y in b.value.items():
            if not isinstance(y, str) and a.value[k].shape != y.shape:
                return (
                    "shape",
                    f"{_inputs(exercise, i)}{f'at {k} ' if k else ''}it is {a.value[k].shape}; {y.shape} is asked for.",
                )
    numbers = [
        (i, a.value[k], y)
        for i, (a, b) in enumerate(zip(mine, truth, strict=True))
        for k, y in b.value.items()
        if not isinstance(y, str)
    ]
    if len(numbers) < sum(len(b.value) for b in truth):  # texts: right or wrong, no more
        return "differs", ""
    if any(not np.isfinite(x).all() and np.isfinite(y).all() for _, x, y in numbers):
        return "not finite", ""
    if all(_close(x, y, exercise.tolerance) for _, x, y in numbers):
        return _gradient_symptom(exercise, mine, truth)
    return _shifted(exercise, numbers)


def _kind(seen: Seen) -> str:
    """`tuple` of 2 parts, `dict` with ['a'], ['b']: what a value is."""
    places = [k for k in seen.value if k]
    if not places:
        return f"`{seen.kind}`"
    return (
        f"`{seen.kind}` with {', '.join(places)}"
        if len(places) <= 4
        else f"`{seen.kind}` of {len(places)} parts"
    )


def _inputs(exercise: Exercise, case: int) -> str:
    """For x (5, 2), y (3, 2): the shapes that an answer was called with."""
    if not exercise.is_function:
        return ""
    names = inspect.signature(exercise.reference).parameters
    shapes = [
        f"`{n}` {tuple(a.shape)}"
        for n, a in zip(names, exercise.cases(Rng(SEEDS[case])), strict=False)
        if isinstance(a, Tensor)
    ]
    return f"For {', '.join(shapes)} " if shapes else ""


def _gradient_symptom(exercise: Exercise, mine: list[Seen], truth: list[Seen]) -> tuple[str, str]:
    for a, b in zip(mine, truth, strict=True):
        for i, g in b.grads.items():
            if not _close(a.grads.get(i), g, exercise.tolerance):
                key = (
                    "detached"
                    if not _any(a.grads.get(i))
                    else "not detached"
                    if not _any(g)
                    else "gradient"
                )
                return key, f"`{exercise.args(i)}`"
    return "differs", ""


def _shifted(
    exercise: Exercise, numbers: list[tuple[int, np.ndarray, np.ndarray]]
) -> tuple[str, str]:
    """Sign, factor or offset: the same at every number of every case, or the number of entries of each case. `numbers`: (case, x, y)."""
    tolerance = 10 * exercise.tolerance
    if all(_close(-x, y, tolerance) for _, x, y in numbers):
        return "sign", ""
    if sum(x.size for _, x, _ in numbers) < 2:  # of a single number anything is a multiple
        return "differs", ""
    factors = {}
    for case, x, y in numbers:
        biggest = np.abs(y).argmax() if y.size else 0
        if not y.size or not np.any(np.abs(y) > 1e-12):
            if not _close(x, y, tolerance):  # something where nothing belongs: no factor
                factors[case] = [np.nan]
            continue
        c = x.flat[biggest] / y.flat[biggest]
        factors.setdefault(case, []).append(
            c if np.isfinite(c) and c != 0 and _close(x, c * y, tolerance) else np.nan
        )
    every = [c for of_case in factors.values() for c in of_case]
    if every and np.isfinite(every).all():
        if np.allclose(every, every[0], rtol=tolerance):
            return "factor", f"Yours is {every[0]:.4g} times the reference."
        for key, power in (("sum for mean", 1), ("mean for sum", -1)):
            if all(
                _is_count(c**power, exercise, case)
                for case, of_case in factors.items()
                for c in of_case
            ):
                return key, ""
    offsets = [float((x - y).flat[0]) for _, x, y in numbers if x.size]
    if np.allclose(offsets, offsets[0], rtol=1e-4, atol=0) and all(
        _close(x, y + offsets[0], tolerance) for _, x, y in numbers
    ):
        return "offset", f"Yours is {offsets[0]:+.4g} beside the reference."
    return "differs", ""


def _is_count(c: float, exercise: Exercise, case: int) -> bool:
    """Whether c is the size of an axis of the case's tensors, or the product of two."""
    if not exercise.is_function:
        return False
    sizes = {
        n
        for t in _tensors(list(exercise.cases(Rng(SEEDS[case])))).values()
        for n in (*t.shape, t.numel())
    }
    return any(abs(c - n) < 1e-3 * n for n in sizes | {a * b for a in sizes for b in sizes})


# -- what an answer may not use ---------------------------------------------------------------------------------------------
def borrowed(exercise: Exercise, answer: Any) -> list[str]:
    """The exercise's forbidden names that the answer is, or that its code uses, with the functions of the notebook that it calls."""
    used, todo, known = set(), [answer], set()
    while todo:
        thing = todo.pop()
        thing = inspect.unwrap(
            getattr(thing, "func", thing)
        )  # functools.partial, decorators that say what they wrap
        if id(thing) in known:
            continue
        known.add(id(thing))
        if str(getattr(thing, "__module__", "")).startswith(
            "gantutor."
        ):  # whatever name it goes by in the notebook
            used.add(getattr(thing, "__name__", ""))
        elif isinstance(thing, type):
            todo += [v for v in vars(thing).values() if isinstance(v, FunctionType)]
        elif not isinstance(thing, FunctionType):
            todo += [type(thing)] if hasattr(type(thing).__call__, "__code__") else []
        else:
            values = {n: thing.__globals__.get(n) for n in operands(thing.__code__, *GLOBALS)}
            own = {
                n for n, v in values.items() if getattr(v, "__globals__", None) is thing.__globals__
            }  # a helper may have any name
            used |= (values.keys() - own) | operands(thing.__code__, *ATTRIBUTES)
            todo += [v for v in values.values() if callable(v)]
            for cell in thing.__closure__ or ():
                with suppress(ValueError):  # it holds nothing yet
                    todo += [cell.cell_contents] if callable(cell.cell_contents) else []
    return [n for n in exercise.forbidden if n in used]


GLOBALS = ("LOAD_GLOBAL", "LOAD_NAME")
ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD", "IMPORT_NAME", "IMPORT_FROM")


def operands(code: CodeType, *operations: str, deep: bool = True) -> set[str]:
    """The names that these operations of compiled code have, with `deep` inside its functions too; local variables have others."""
    found = {
        str(i.argval).split(".")[-1] for i in dis.get_instructions(code) if i.opname in operations
    }
    return found.union(
        *(operands(c, *operations) for c in code.co_consts if deep and isinstance(c, CodeType))
    )


def judge(exercise: Exercise, answer: Any) -> Report:
    """Observe and diagnose in this process, as a notebook does."""
    if exercise.is_function and not callable(answer):
        return wrong(
            exercise,
            "open" if answer is ... else "kind",
            f"It is `{type(answer).__name__}`; a function is asked for.",
        )
    if exercise.is_function:
        for trusted in (exercise.reference, *(s.twin for s in exercise.symptoms)):
            seen_of(exercise, trusted)
    return diagnose(exercise, observe(exercise, answer), borrowed(exercise, answer))
