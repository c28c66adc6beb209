"""How an answer is judged: what it does is observed as plain data, and the data are compared with a reference and its wrong twins.

`observe` calls the answer and may run beside hostile code; `diagnose` sees only what was observed and can sit in another process.
"""

import ast
import inspect
import textwrap
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gantutor.rng import Rng

SEEDS = (0, 1, 2, 3, 4)
BUILTIN = {  # symptoms that any exercise may show: what is said of them
    "open": "This exercise is still open: replace `raise NotImplementedError()` by your lines.",
    "nothing": "The function returns nothing: does it end in `return ...`?",
    "kind": "The answer is of another kind than asked for.",
    "shape": "The answer has another shape than asked for.",
    "not finite": "The answer holds NaN or an infinity: look for the logarithm of 0, a division by 0, or exp of a large number.",
    "sign": "Every number has the right size and the wrong sign: which way does the loss fall?",
    "sum for mean": "The answer is larger by the number of samples: a sum stands where a mean belongs.",
    "mean for sum": "The answer is smaller by the number of samples: a mean stands where a sum belongs.",
    "factor": "Every number is off by one and the same factor.",
    "offset": "Every number is off by one and the same constant.",
    "detached": "The values are right, but no gradient reaches {arg}: something was detached, or computed without gradient.",
    "not detached": "The values are right, but a gradient reaches {arg}, which is a constant here: `detach` is missing.",
    "gradient": "The values are right, the gradient with respect to {arg} is not.",
    "changes its input": "The function changes {arg} in place: the caller still needs it.",
    "random": "Two calls with the same input differ: it draws random numbers that nobody gave it. Use the `rng` that it gets, or none.",
    "borrowed": "It calls {arg}, which is the answer itself: write it in your own lines.",
    "differs": "It runs, and its numbers are others than the reference's. Compare the pictures, then work one small case out by hand.",
}  # fmt: skip


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
    """Nested values as {place: float64 array or text}; TypeError for what is neither number, text nor a container of them."""
    if isinstance(value, Mapping):
        return {k: v for name in value for k, v in flat(value[name], f"{place}[{name!r}]").items()}
    if isinstance(value, Tensor):
        return {place: value.detach().cpu().double().numpy()}
    if isinstance(value, str) or value is None:
        return {place: str(value)}
    if isinstance(value, tuple | list) and not all(isinstance(v, int | float) for v in value):
        return {k: v for i, part in enumerate(value) for k, v in flat(part, f"{place}[{i}]").items()}
    if isinstance(value, set | frozenset):
        return {place: ", ".join(sorted(map(str, value)))}
    if isinstance(value, int | float | np.ndarray | np.generic | tuple | list):
        return {place: np.asarray(value, np.float64)}
    raise TypeError(type(value).__name__)


def observe(exercise: Exercise, answer: Any) -> dict[str, list[Seen]]:
    """All that `diagnose` wants to know: the answer at every seed's case, the first case once more, and each property's cases."""
    if not exercise.is_function:
        return {"cases": [_value(exercise, answer)], "again": []}
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(1)
        seen = {"cases": [_call(exercise, answer, exercise.cases(Rng(s))) for s in SEEDS]}
        if seen["cases"][0].error:
            return seen | {"again": []}
        torch.manual_seed(2)
        seen["again"] = [_call(exercise, answer, exercise.cases(Rng(SEEDS[0])))]
        for p in exercise.properties:
            seen[p.key] = [_call(exercise, answer, args) for args in p.cases(Rng(0))]
    return seen


def _value(exercise: Exercise, answer: Any) -> Seen:
    try:
        return Seen(flat(exercise.view(answer) if exercise.view else answer), kind=type(answer).__name__)
    except Exception as error:
        return Seen(kind=type(answer).__name__, error=f"{type(error).__name__}: {error}")


def _call(exercise: Exercise, answer: Callable, args: tuple) -> Seen:
    watched = {i: a for i, a in enumerate(args) if isinstance(a, Tensor)}
    before = {i: a.detach().clone() for i, a in watched.items()}
    leaves = {i: args[i].detach().clone().requires_grad_(True) for i in (*exercise.gradients, *exercise.constants)}
    try:
        # an output of leaf + 0 may be changed in place by the answer without torch objecting: that is found below, in words
        given = {i: leaf + 0 for i, leaf in leaves.items()}
        value = answer(*[given.get(i, a) for i, a in enumerate(args)])
        shown = exercise.view(value) if exercise.view else value
        seen = Seen(flat(shown), kind=type(value).__name__)
        seen.grads = _gradients(shown, leaves)
    except NotImplementedError as error:
        return Seen(error=str(error), kind="NotImplementedError")
    except Exception as error:
        return Seen(error=_where(error), kind=type(error).__name__)
    now = {**watched, **{i: g.detach() for i, g in given.items()}}
    seen.changed = [i for i, a in now.items() if a.shape != before[i].shape or not torch.equal(a.detach(), before[i])]
    return seen


def _gradients(value: Any, leaves: dict[int, Tensor]) -> dict[int, Any]:
    """Gradient at each leaf of the outputs' weighted sum, None where there is none; the weights are always the same."""
    if not leaves:
        return {}
    outputs = [t for t in _tensors(value) if t.requires_grad]
    if not outputs:
        return dict.fromkeys(leaves)
    rng = Rng(17)
    total = sum((t * (1 + 0.5 * rng.randn(*t.shape).to(t))).sum() for t in outputs)
    grads = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    return {i: None if g is None else g.double().numpy() for i, g in zip(leaves, grads, strict=True)}


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, tuple | list) else ()
    return [t for part in parts for t in _tensors(part)]


def _where(error: Exception) -> str:
    """The error and the line of the answer that it left from: the last one that is not the library's."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "site-packages" not in f.filename and not f.filename.startswith(__file__)]
    at = f" (at `{frames[-1].line}`)" if frames and frames[-1].line else ""
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}{at}"


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


def diagnose(exercise: Exercise, seen: dict[str, list[Seen]], borrowed: Sequence[str] = ()) -> Report:
    """Compare what was seen of an answer with the reference, then with the twins, then with what often goes wrong."""
    name, mine = exercise.name, seen["cases"]
    if borrowed:
        return _wrong(exercise, "borrowed", f"`{borrowed[0]}`")
    if any(s.kind == "NotImplementedError" for s in mine) or (not exercise.is_function and mine[0].kind == "ellipsis"):
        return _wrong(exercise, "open")
    truth = observe(exercise, exercise.reference)
    same = [alike(a, b, exercise.tolerance) for a, b in zip(mine, truth["cases"], strict=True)]
    if all(same):
        return _lawful(exercise, seen, truth)
    case = same.index(False)
    gap = max((difference(a, b) for a, b in zip(mine, truth["cases"], strict=True)), default=float("nan"))
    for s in exercise.symptoms:
        if _is_twin(exercise, s, mine):
            return Report(exercise, False, s.key, f"{name}: not yet.", s.hint, gap, case)
    key, arg = _general(exercise, mine, truth["cases"])
    if key == "differs" and any(not alike(a, b, exercise.tolerance) for a, b in zip(seen["again"], mine, strict=False)):
        key = "random"
    report = _wrong(exercise, key, arg)
    report.difference, report.case = gap, case
    return report


def _wrong(exercise: Exercise, key: str, arg: str = "") -> Report:
    if key == "raises":
        return Report(exercise, False, key, f"{exercise.name}: it stops with an error.", arg)
    return Report(exercise, False, key, f"{exercise.name}: not yet.", BUILTIN[key].format(arg=arg) + (f" {arg}" if key in ("kind", "shape", "factor", "offset") else ""))


def _is_twin(exercise: Exercise, symptom: Symptom, mine: list[Seen]) -> bool:
    if exercise.is_function:
        twin = observe(exercise, symptom.twin)["cases"]
        return all(alike(a, b, exercise.tolerance) for a, b in zip(mine, twin, strict=True))
    if callable(symptom.twin):
        try:
            number = mine[0].value[""]
            return bool(symptom.twin(number.item() if isinstance(number, np.ndarray) and number.ndim == 0 else number))
        except Exception:  # the value is of another kind than this mistake's
            return False
    return alike(mine[0], _value(exercise, symptom.twin), exercise.tolerance)


def _lawful(exercise: Exercise, seen: dict[str, list[Seen]], truth: dict[str, list[Seen]]) -> Report:
    """Right at every case: does it also leave its inputs alone, repeat itself, and obey the laws?"""
    mine = seen["cases"]
    for s in mine:
        if s.changed:
            return _wrong(exercise, "changes its input", f"`{exercise.args(s.changed[0])}`")
    if any(not alike(a, b, exercise.tolerance) for a, b in zip(seen["again"], mine, strict=False)):
        return _wrong(exercise, "random")
    for p in exercise.properties:
        came = [plain(s) for s in seen.get(p.key, [])]
        try:
            lawful = len(came) > 0 and not any(s.error for s in seen[p.key]) and p.holds(p.cases(Rng(0)), came)
        except Exception:
            lawful = False
        if not lawful:
            return Report(exercise, False, p.key, f"{exercise.name}: not yet.", p.hint)
    gap = max(difference(a, b) for a, b in zip(mine, truth["cases"], strict=True))
    how = "exact" if gap == 0 else f"close, largest difference {gap:.1g}"
    return Report(exercise, True, "", f"{exercise.name}: right" + (f" ({how}, {len(mine)} cases)." if exercise.is_function else "."), difference=gap)


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
        return all(v is None or not np.any(v) for v in (x, y))
    if isinstance(x, str) or isinstance(y, str):
        return isinstance(x, str) and isinstance(y, str) and x == y
    if x.shape != y.shape or not np.array_equal(np.isfinite(x), np.isfinite(y)):
        return False
    ok = np.isfinite(y)
    if not np.array_equal(x[~ok], y[~ok], equal_nan=True):
        return False
    scale = np.abs(y[ok]).max(initial=0.0) or 1.0
    return bool((np.abs(x[ok] - y[ok]) <= tolerance * scale).all())


def difference(a: Seen, b: Seen) -> float:
    """The largest absolute difference of two values of the same shapes; NaN where they cannot be compared."""
    pairs = [(a.value.get(k), v) for k, v in b.value.items()]
    pairs = [(x, y) for x, y in pairs if not (isinstance(y, str) and x == y)]
    if a.error or not all(isinstance(x, np.ndarray) and isinstance(y, np.ndarray) and x.shape == y.shape for x, y in pairs):
        return float("nan")
    with np.errstate(invalid="ignore"):
        return max((float(np.abs(x - y).max(initial=0.0)) for x, y in pairs), default=0.0)


def _general(exercise: Exercise, mine: list[Seen], truth: list[Seen]) -> tuple[str, str]:
    """The symptom that any wrong answer may show, and what to name in its sentence."""
    broken = next((s for s in mine if s.error), None)
    if broken is not None:
        if not exercise.is_function:
            return "kind", f"It is of the kind `{broken.kind}`."
        return ("changes its input", "one of its arguments") if "inplace operation" in broken.error else ("raises", broken.error)
    if any(set(s.value) == {""} and s.value[""] == "None" for s in mine if isinstance(s.value.get(""), str)):
        return "nothing", ""
    for a, b in zip(mine, truth, strict=True):
        if a.value.keys() != b.value.keys() or any(isinstance(a.value[k], str) != isinstance(b.value[k], str) for k in b.value):
            return "kind", f"It is `{a.kind}`, `{b.kind}` is asked for."
    for i, (a, b) in enumerate(zip(mine, truth, strict=True)):
        for k, y in b.value.items():
            if not isinstance(y, str) and a.value[k].shape != y.shape:
                return "shape", f"Case {i} gives {a.value[k].shape}, {y.shape} is asked for."
    numbers = [(a.value[k], b.value[k]) for a, b in zip(mine, truth, strict=True) for k in b.value if not isinstance(b.value[k], str)]
    if len(numbers) < sum(len(b.value) for b in truth):
        return "differs", ""
    if any(not np.isfinite(x).all() and np.isfinite(y).all() for x, y in numbers):
        return "not finite", ""
    if all(_close(x, y, exercise.tolerance) for x, y in numbers):
        return _gradient_symptom(exercise, mine, truth)
    if len(numbers) > 1 or not exercise.is_function:
        return _shifted(exercise, numbers)
    return "differs", ""


def _gradient_symptom(exercise: Exercise, mine: list[Seen], truth: list[Seen]) -> tuple[str, str]:
    for a, b in zip(mine, truth, strict=True):
        for i, g in b.grads.items():
            if not _close(a.grads.get(i), g, exercise.tolerance):
                missing, unwanted = (v is None or not np.any(v) for v in (a.grads.get(i), g))
                return "detached" if missing else "not detached" if unwanted else "gradient", f"`{exercise.args(i)}`"
    return "differs", ""


def _shifted(exercise: Exercise, numbers: list[tuple[np.ndarray, np.ndarray]]) -> tuple[str, str]:
    """Sign, factor or offset: the same at every number of every case, or the number of samples of each case."""
    tolerance = 10 * exercise.tolerance
    if all(_close(-x, y, tolerance) for x, y in numbers):
        return "sign", ""
    factors = []
    for x, y in numbers:
        biggest = np.abs(y).argmax() if y.size else 0
        c = x.flat[biggest] / y.flat[biggest] if y.size and y.flat[biggest] else np.nan
        factors.append(c if np.isfinite(c) and _close(x, c * y, tolerance) else np.nan)
    if np.isfinite(factors).all() and len(factors) > 1:
        if np.allclose(factors, factors[0], rtol=tolerance):
            return "factor", f"Yours is {factors[0]:.4g} times the reference."
        if exercise.is_function:
            sizes = [{n for a in exercise.cases(Rng(s)) if isinstance(a, Tensor) for n in (*a.shape, a.numel())} for s in SEEDS]
            whole = [any(abs(f - n) < 1e-3 * n for n in size) for f, size in zip(factors, sizes, strict=False)]
            parts = [any(abs(1 / f - n) < 1e-3 * n for n in size) for f, size in zip(factors, sizes, strict=False)]
            if all(whole) or all(parts):
                return ("sum for mean", "") if all(whole) else ("mean for sum", "")
    offsets = [float((x - y).flat[0]) for x, y in numbers if x.size]
    if len(offsets) > 1 and np.allclose(offsets, offsets[0], rtol=1e-4) and all(_close(x, y + offsets[0], tolerance) for x, y in numbers):
        return "offset", f"Yours is {offsets[0]:+.4g} beside the reference."
    return "differs", ""


def borrowed(exercise: Exercise, answer: Any = None, source: str | None = None) -> list[str]:
    """Names among the exercise's forbidden ones that the answer uses: by its source text, or by its compiled code."""
    if source is not None:
        try:
            tree = ast.parse(textwrap.dedent(source))
        except SyntaxError:
            return []
        used = {n.id if isinstance(n, ast.Name) else n.attr for n in ast.walk(tree) if isinstance(n, ast.Name | ast.Attribute)}
    else:
        used = set(_names(getattr(answer, "__code__", None)))
    return [n for n in exercise.forbidden if n in used]


def _names(code) -> list[str]:
    return [] if code is None else [*code.co_names, *(n for c in code.co_consts if hasattr(c, "co_names") for n in _names(c))]


def judge(exercise: Exercise, answer: Any) -> Report:
    """Observe and diagnose in this process, as a notebook does."""
    if exercise.is_function and not callable(answer):
        return _wrong(exercise, "kind", f"It is `{type(answer).__name__}`, a function is asked for.")
    return diagnose(exercise, observe(exercise, answer), borrowed(exercise, answer))
