"""What an exercise is: its question, its reference, and the mistakes that are recognised."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gantutor.rng import Rng

# `cases(Rng(seed))` is called for each of these seeds
SEEDS = (0, 1, 2, 3, 4)


@dataclass(frozen=True)
class Symptom:
    """A well-known mistake, recognised because the answer does what its `twin` does.

    `twin` is the reference with that mistake in it, a function of the same arguments. Where the
    answer is a value, `twin` is the wrong value, or a predicate on the value.
    """

    key: str
    hint: str
    twin: Any


@dataclass(frozen=True)
class Property:
    """A law that every right answer obeys.

    `cases(rng)` returns argument tuples; `holds(cases, values)` checks what the answer returned.
    """

    key: str
    hint: str
    cases: Callable[[Rng], Sequence[tuple]]
    holds: Callable[[Sequence[tuple], Sequence[Any]], bool]


@dataclass(frozen=True, eq=False)
class Exercise:
    """One exercise: the question, the reference answer, and the mistakes that are recognised.

    - `name`: "topic.what". `title`, `points` (1 to 5) and `minutes`: as the notebook states them.
    - `reference`: a function of the same arguments as the answer, or the value asked for.
    - `cases(rng)`: the arguments of one call, of a different shape each time, in float64 where
      they are tensors. A function needs it, a value has none (ValueError).
    - `symptoms`, `properties`: mistakes and laws, each with the hint that a student reads.
    - `gradients`: positions of the arguments whose gradients are compared; `constants`: positions
      of those that must receive none.
    - `tolerance`: relative to the reference's largest number.
    - `view`: turns an answer into plain values (for a recipe: `describe`).
    - `forbidden`: names of the package that are the answer itself.
    - `field(f)`: draws a wrong answer over the plane: (n, n) values or (n*n, 2) arrows. Its
      docstring is the picture's caption. Without it the numbers of one case are drawn.
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
            raise ValueError(
                f"exercise {self.name}: a function needs `cases(rng)`, and a value must have none"
            )

    @property
    def is_function(self) -> bool:
        """Whether the answer is a function; otherwise it is a value."""
        return callable(self.reference)

    def args(self, i: int) -> str:
        """The name of the answer's i-th argument, for messages."""
        return tuple(inspect.signature(self.reference).parameters)[i]
