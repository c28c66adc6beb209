"""The verdict on an answer: it is compared with the reference, then with its wrong twins."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from gantutor.course.exercises.borrowed import borrowed
from gantutor.course.exercises.compare import alike, difference
from gantutor.course.exercises.definition import Exercise, Property, Symptom
from gantutor.course.exercises.observe import Observation, observe, of_value
from gantutor.course.exercises.symptoms import BUILTIN, general
from gantutor.rng import Rng


@dataclass
class Report:
    """The verdict on one answer.

    `key` names the symptom and is "" for a right answer; `hint` is what the student reads.
    `difference` is the largest one over all cases, `case` the first seed at which they differ.
    """

    exercise: Exercise
    right: bool
    key: str
    sentence: str
    hint: str = ""
    difference: float = float("nan")
    case: int = 0

    @property
    def points(self) -> int:
        """The exercise's points for a right answer, 0 for a wrong one."""
        return self.exercise.points if self.right else 0


def judge(exercise: Exercise, answer: Any) -> Report:
    """Observe and diagnose an answer in this process, as a notebook does."""
    if not exercise.is_function:
        return diagnose(exercise, observe(exercise, answer), borrowed(exercise, answer))
    if answer is ...:
        return wrong(exercise, "open")
    if not callable(answer):
        return wrong(
            exercise, "kind", f"Yours is `{type(answer).__name__}`; it should be a function."
        )
    # observe the trusted functions first: the answer may change torch when it is called
    for trusted in (exercise.reference, *(s.twin for s in exercise.symptoms)):
        trusted_calls(exercise, trusted)
    return diagnose(exercise, observe(exercise, answer), borrowed(exercise, answer))


def diagnose(
    exercise: Exercise, seen: dict[str, list[Observation]], forbidden: Sequence[str] = ()
) -> Report:
    """Compare observations with the reference, then the twins, then the general symptoms.

    `forbidden`: the exercise's forbidden names that the answer uses.
    """
    mine = seen["cases"]
    if forbidden:
        return wrong(exercise, "borrowed", f"`{forbidden[0]}`")
    still_a_stub = not exercise.is_function and mine[0].kind == "ellipsis"
    if still_a_stub or any(s.kind == "NotImplementedError" for s in mine):
        return wrong(exercise, "open")
    truth = trusted_calls(exercise, exercise.reference)
    same = [alike(a, b, exercise.tolerance) for a, b in zip(mine, truth, strict=True)]
    gaps = [difference(a, b) for a, b in zip(mine, truth, strict=True)]
    largest = max((g for g in gaps if not np.isnan(g)), default=float("nan"))
    if all(same):
        return _right_at_all_cases(exercise, seen, largest)
    report = _mistake(exercise, seen, truth)
    report.difference, report.case = largest, same.index(False)
    return report


def wrong(exercise: Exercise, key: str, arg: str = "") -> Report:
    """The report of a symptom that any exercise may show; `arg` goes into its hint."""
    return _not_yet(exercise, key, BUILTIN[key].format(arg=arg).strip())


@lru_cache(maxsize=512)
def trusted_calls(exercise: Exercise, trusted: Any) -> list[Observation]:
    """What a reference or a twin gives at the cases.

    It is cached, so that an answer that changes torch cannot change what it is compared with.
    """
    seen = observe(exercise, trusted)["cases"]
    if exercise.is_function and not any(s.value or s.error for s in seen):
        raise ValueError(
            f"exercise {exercise.name}: values of type {seen[0].kind} cannot be compared; "
            "give the exercise a `view`"
        )
    return seen


def _not_yet(exercise: Exercise, key: str, hint: str) -> Report:
    return Report(exercise, False, key, f"{exercise.name}: not yet.", hint)


def _mistake(
    exercise: Exercise, seen: dict[str, list[Observation]], truth: list[Observation]
) -> Report:
    """Name what is wrong with an answer: one of the exercise's symptoms, or a general one."""
    for symptom in exercise.symptoms:
        if _is_twin(exercise, symptom, seen["cases"]):
            return _not_yet(exercise, symptom.key, symptom.hint)
    key, arg = general(exercise, seen["cases"], truth)
    if key == "differs" and not _repeats(exercise, seen):
        key = "random"
    return wrong(exercise, key, arg)


def _is_twin(exercise: Exercise, symptom: Symptom, mine: list[Observation]) -> bool:
    if exercise.is_function:
        twin = trusted_calls(exercise, symptom.twin)
        return all(alike(a, b, exercise.tolerance) for a, b in zip(mine, twin, strict=True))
    if not callable(symptom.twin):
        return alike(mine[0], of_value(exercise, symptom.twin), exercise.tolerance)
    try:
        value = mine[0].value[""]
        if isinstance(value, np.ndarray) and value.ndim == 0:
            value = value.item()
        return bool(symptom.twin(value))
    except Exception:  # the predicate expects a value of another type
        return False


def _right_at_all_cases(
    exercise: Exercise, seen: dict[str, list[Observation]], largest: float
) -> Report:
    """The report on an answer that is right at every case.

    It must also leave its arguments alone, repeat itself, and obey the exercise's laws.
    """
    for s in seen["cases"]:
        if s.changed:
            return wrong(exercise, "changes its input", f"`{exercise.args(s.changed[0])}`")
    if not _repeats(exercise, seen):
        return wrong(exercise, "random")
    for law in exercise.properties:
        if not _obeys(law, seen.get(law.key, [])):
            return _not_yet(exercise, law.key, law.hint)
    sentence = f"{exercise.name}: right"
    if exercise.is_function:
        how = "exact" if largest == 0 else f"close, largest difference {largest:.1g}"
        sentence += f" ({how}, {len(seen['cases'])} cases)"
    return Report(exercise, True, "", f"{sentence}.", difference=largest)


def _repeats(exercise: Exercise, seen: dict[str, list[Observation]]) -> bool:
    pairs = zip(seen["again"], seen["cases"], strict=False)
    return all(alike(a, b, exercise.tolerance) for a, b in pairs)


def _obeys(law: Property, calls: list[Observation]) -> bool:
    if not calls or any(s.error for s in calls):
        return False
    try:
        return bool(law.holds(law.cases(Rng(0)), [_single(s) for s in calls]))
    except Exception:  # the law expects values of another type
        return False


def _single(seen: Observation) -> Any:
    """A call's value for a law: one array or text, or {place: ...} if there are several."""
    return seen.value[""] if set(seen.value) == {""} else seen.value
