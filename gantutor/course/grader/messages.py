"""What a worker saw of an answer, as JSON, and back.

The reading side trusts nothing: a message may be forged by the code that was graded.
"""

from typing import Any

import numpy as np

from gantutor.course.exercises.definition import SEEDS, Exercise
from gantutor.course.exercises.observe import LARGEST, Observation

LARGEST_MESSAGE = 16 * 2**20  # bytes


def encoded(seen: Observation) -> dict[str, Any]:
    """An observation as JSON holds it: an array is {"shape": [...], "numbers": [...]}.

    >>> encoded(Observation({"": np.array([1.0, 2.0])}, kind="Tensor"))["value"]
    {'': {'shape': [2], 'numbers': [1.0, 2.0]}}
    """
    return {
        "value": {place: _sent(v) for place, v in seen.value.items()},
        "grads": {str(i): _sent(v) for i, v in seen.grads.items()},
        "changed": list(seen.changed),
        "error": seen.error[:2000],
        "kind": seen.kind[:200],
    }


def decoded(exercise: Exercise, message: dict[str, Any]) -> dict[str, list[Observation]]:
    """A worker's message as `diagnose` expects it.

    Raises ValueError, TypeError, KeyError or AttributeError if the message has another form.
    """
    needed = {"cases", "again"}
    known = needed | {p.key for p in exercise.properties}
    if not needed <= message.keys() <= known:
        raise ValueError(f"calls {sorted(message)}: expected {sorted(known)}")
    count = len(SEEDS) if exercise.is_function else 1
    if len(message["cases"]) != count:
        raise ValueError(f"{len(message['cases'])} cases: expected {count}")
    return {key: [_observation(raw) for raw in calls] for key, calls in message.items()}


def _sent(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return {"shape": list(value.shape), "numbers": value.ravel().tolist()}
    return value


def _observation(raw: dict[str, Any]) -> Observation:
    value = {_text(place): _received(v) for place, v in raw["value"].items()}
    grads = {int(i): None if v is None else _received(v) for i, v in raw["grads"].items()}
    if any(isinstance(v, str) for v in grads.values()):
        raise TypeError("a gradient must be an array, not a text")
    changed = [int(i) for i in raw["changed"]]
    return Observation(value, grads, changed, _text(raw["error"]), _text(raw["kind"]))


def _text(raw: Any) -> str:
    if not isinstance(raw, str):
        raise TypeError(f"expected a text, not {type(raw).__name__}")
    return raw


def _received(raw: Any) -> np.ndarray | str:
    if isinstance(raw, str):
        return raw
    shape = tuple(int(n) for n in raw["shape"])
    numbers = np.array(raw["numbers"], np.float64)
    if numbers.ndim != 1 or min(shape, default=0) < 0 or numbers.size > LARGEST:
        raise ValueError(f"not an array of shape {shape}")
    return numbers.reshape(shape)
