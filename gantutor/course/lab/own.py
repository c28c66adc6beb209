"""Losses written in a cell, as objectives of a row."""

import inspect
import traceback
from collections.abc import Callable
from dataclasses import InitVar, dataclass
from pathlib import Path

import torch
from torch import Tensor

import gantutor
from gantutor.nets import Critique
from gantutor.objectives import Objective
from gantutor.rng import Rng
from gantutor.turn import Turn

PARTS = ("real", "fake", "gen")
LIBRARIES = tuple(str(Path(package.__file__).parent) for package in (gantutor, torch))


class Alone(Turn):
    """G's turn with the scores of fakes and nothing else."""

    real = None


@dataclass(frozen=True)
class Own(Objective):
    """A student's loss as an Objective, known by its name.

    A function of the `Turn` gives D's or G's loss, one number. `turn.player` says whose turn it is;
    D's scores (B,) are `turn.real.score` (in D's turn) and `turn.fake.score`. A class gives three
    functions of scores instead: `real(a)`, `fake(b)` and `gen(b)`. Raises TypeError for anything
    else; a loss that is not one finite number with a gradient raises ValueError when it is used.
    """

    name: str
    loss: InitVar[object]

    def __post_init__(self, loss):
        # frozen: fields that do not belong to the recipe are set past the dataclass
        object.__setattr__(self, "source", loss)
        object.__setattr__(self, "parts", self._parts(loss))

    def _parts(self, loss) -> dict[str, Callable] | None:
        """The three functions of a class; None for a function of the turn. Raises TypeError."""
        if not inspect.isclass(loss):
            if callable(loss) and len(inspect.signature(loss).parameters) == 1:
                return None
            raise TypeError(
                f"{self.name}: expected a function of the turn, or a class with real(a), fake(b) "
                "and gen(b)"
            )
        missing = [p for p in PARTS if not callable(getattr(loss, p, None))]
        if missing:
            raise TypeError(
                f"class {self.name} lacks {', '.join(missing)}: a loss has real(a), fake(b) and "
                "gen(b)"
            )
        return {p: _bound(loss, p) for p in PARTS}

    def real(self, a: Tensor) -> Tensor:
        """The class's loss of D on reals."""
        return self.parts["real"](a)

    def fake(self, b: Tensor) -> Tensor:
        """The class's loss of D on fakes."""
        return self.parts["fake"](b)

    def gen(self, b: Tensor) -> Tensor:
        """G's loss of each score; of a function, its mean times the number of scores."""
        if self.parts is not None:
            return self.parts["gen"](b)
        # a gradient field asks for G's loss of scores alone, and sums it: the function has a mean
        alone = Alone(player="g", D=None, rng=Rng(0), fake=Critique(b, None))
        return self.source(alone) * b.shape[-1]

    def d_loss(self, turn: Turn) -> Tensor:
        loss = self.source(turn) if self.parts is None else super().d_loss(turn)
        return self._checked(loss, turn)

    def g_loss(self, turn: Turn) -> Tensor:
        loss = self.source(turn) if self.parts is None else super().g_loss(turn)
        return self._checked(loss, turn)

    def _checked(self, loss, turn: Turn) -> Tensor:
        where = f"{self.name} in {turn.player.upper()}'s turn"
        if not isinstance(loss, Tensor):
            raise ValueError(f"{where} gave {loss!r}: {_ONE}")
        if loss.ndim != 0:
            raise ValueError(f"{where} gave a tensor of shape {tuple(loss.shape)}: {_ONE}")
        if not loss.requires_grad:
            raise ValueError(
                f"{where} gave a number without a gradient: it must depend on D's scores, without "
                "detach()"
            )
        return loss


_ONE = "expected one number, for example a mean() over the batch"


def _bound(cls: type, part: str) -> Callable:
    """A class's function, written with `self` or without."""
    function = getattr(cls, part)
    static = isinstance(inspect.getattr_static(cls, part), staticmethod)
    if static or len(inspect.signature(function).parameters) == 1:
        return function
    return getattr(cls(), part)


def described(error: Exception) -> str:
    """A row's exception in one sentence, with the line of the cell that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    here = [f for f in frames if not f.filename.startswith(LIBRARIES)]
    where = f" (line {here[-1].lineno} of {here[-1].name})" if here else ""
    return f"{type(error).__name__}: {error}{where}".replace("\n", " ")
