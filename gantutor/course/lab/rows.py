"""What a row of the lab is made of: worlds and settings as plain literals, methods by name, and losses written in a cell."""

import inspect
import math
import traceback
from collections.abc import Callable
from dataclasses import InitVar, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from gantutor import toy
from gantutor.methods import IFGSM, KDD, AdaptiveMix
from gantutor.nets import Critique
from gantutor.objectives import Objective
from gantutor.recipes import METHODS, OBJECTIVES, TOY, Adam, Recipe
from gantutor.rng import Rng
from gantutor.turn import Turn

MOST_ROWS = 5
LIBRARIES = (str(Path(__file__).parents[1]), str(Path(torch.__file__).parent))
MOST_POINTS = 400
BRUSH = 0.08  # std of a drawn point's Gaussian: what a finger's width is on the square [-2, 2]


# -- worlds -------------------------------------------------------------------------------------------------------------
def world_literal(data) -> str | tuple[str, dict]:
    """`data` as the lab writes it down: a name of `gantutor.toy`, or (name, arguments); a list of points is a drawing."""
    if isinstance(data, str):
        name, arguments = data, {}
    elif (
        isinstance(data, tuple)
        and len(data) == 2
        and isinstance(data[0], str)
        and isinstance(data[1], dict)
    ):
        name, arguments = data
    else:
        try:
            xy = [(round(float(x), 3), round(float(y), 3)) for x, y in data]
        except (TypeError, ValueError):
            raise ValueError(
                f'data={data!r}: expected a name as "nine", ("ring", {{"std": 0.1}}) or points [(0, 0), (1, 2)]'
            ) from None
        name, arguments = "points", {"xy": xy, "std": BRUSH}
    if name == "points" and len(arguments.get("xy", ())) > MOST_POINTS:
        raise ValueError(
            f"{len(arguments['xy'])} points are drawn: at most {MOST_POINTS} make a world"
        )
    world((name, arguments))
    return (name, arguments) if arguments else name


def world(literal: str | tuple[str, dict]):
    """The distribution that a literal names; raises ValueError for an unknown name or argument."""
    name, arguments = (literal, {}) if isinstance(literal, str) else literal
    if name not in toy.BY_NAME | {"points": toy.points}:
        raise ValueError(
            f"data={name!r} is unknown; known: {', '.join(toy.BY_NAME)}, or points that you draw"
        )
    make = toy.points if name == "points" else toy.BY_NAME[name]
    try:
        return make(**arguments)
    except TypeError:
        raise ValueError(
            f"data={literal!r}: {name} takes {', '.join(inspect.signature(make).parameters)}"
        ) from None


# -- settings -----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Setting:
    """A number or a name that may change while rows train; `low` and `high` are its limits, `names` its choices."""

    words: str
    low: float = 0.0
    high: float = math.inf
    whole: bool = False
    names: tuple[str, ...] = ()

    def check(self, name: str, value):
        """The value as it goes into the log; raises ValueError."""
        if self.names:
            if value not in self.names:
                raise ValueError(f"{name}={value!r}: expected one of {', '.join(self.names)}")
            return value
        number = (
            isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        )
        if not number or not self.low <= value <= self.high or (self.whole and value != int(value)):
            kind = "a whole number" if self.whole else "a number"
            raise ValueError(
                f"{name}={value!r}: expected {kind} from {self.low:g} to {self.high:g}"
            )
        return int(value) if self.whole else float(value)


ADVERSARIES = {name: recipe.objective for name, recipe in OBJECTIVES.items() if not recipe.terms}
SETTINGS = {
    "g_lr": Setting("G's learning rate", 1e-6, 1.0),
    "d_lr": Setting("D's learning rate", 1e-6, 1.0),
    "n_dis": Setting("turns of D a step (k_d)", 1, 20, whole=True),
    "batch": Setting("batch", 4, 1024, whole=True),
    "objective": Setting("objective", names=tuple(ADVERSARIES)),
    "weight": Setting("AdaptiveMix: weight", 0.0, 1000.0),
    "tau": Setting("KDD: temperature", 1e-3, 100.0),
    "eps": Setting("AdvLatGAN-qua: step", 0.0, 1.0),
}
PACE = {
    "g_lr": 1e-3,
    "d_lr": 2e-3,
    "batch": 64,
}  # the lessons' class profile (notebook 01): a look at the plane, not a paper's budget


def recipe_of(method: "str | Own", settings: dict, width: int, limit: float) -> Recipe:
    """The recipe of a method in the lab: G ends in limit * tanh, hidden layers are `width` wide, `settings` on top."""
    recipe = (
        TOY.but(objective=method) if isinstance(method, Own) else (METHODS | OBJECTIVES)[method]
    )
    if isinstance(
        recipe.g_opt, Adam
    ):  # a WGAN's RMSprop keeps its own rates until somebody sets them
        recipe = _with(recipe, PACE)
    else:
        recipe = _with(recipe, {"batch": PACE["batch"]})
    nets = replace(
        recipe.nets,
        g_hidden=(width,) * len(recipe.nets.g_hidden),
        d_hidden=(width,) * len(recipe.nets.d_hidden),
        bound=limit,
    )
    return _with(recipe.but(nets=nets), settings)


def _with(recipe: Recipe, settings: dict) -> Recipe:
    """Settings that a recipe has no part for change nothing."""
    for name, value in settings.items():
        if name in ("g_lr", "d_lr"):
            part = f"{name[0]}_opt"
            recipe = recipe.but(**{part: replace(getattr(recipe, part), lr=value)})
        elif name in ("n_dis", "batch"):
            recipe = recipe.but(**{name: value})
        elif name == "objective":
            recipe = recipe.but(objective=ADVERSARIES[value])
        elif name == "weight":
            recipe = recipe.but(
                terms=tuple(
                    replace(t, weight=value) if isinstance(t, AdaptiveMix) else t
                    for t in recipe.terms
                )
            )
        elif name == "tau" and isinstance(recipe.objective, KDD):
            recipe = recipe.but(objective=replace(recipe.objective, tau=value))
        elif name == "eps" and isinstance(recipe.latent, IFGSM):
            recipe = recipe.but(latent=replace(recipe.latent, eps=value))
    return recipe


def is_objective(method: "str | Own") -> bool:
    """Whether the method itself is the objective, so that a change of everybody's objective leaves it alone."""
    return isinstance(method, Own) or method == "KDD" or method in OBJECTIVES


# -- losses written in a cell -------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Own(Objective):
    """A student's loss as an Objective, known by its name.

    A function of the `Turn` gives D's and G's loss, one number: `turn.player` says whose, `turn.real.score` (D's turn) and
    `turn.fake.score` (B,) are D's scores. A class gives three functions of scores, `real(a)`, `fake(b)` and `gen(b)`. Raises
    TypeError for anything else, and ValueError where the loss is not one finite number with a gradient.
    """

    name: str
    loss: InitVar[object]

    def __post_init__(self, loss):
        object.__setattr__(self, "source", loss)
        parts = None
        if inspect.isclass(loss):
            missing = [p for p in ("real", "fake", "gen") if not callable(getattr(loss, p, None))]
            if missing:
                raise TypeError(
                    f"class {self.name} lacks {', '.join(missing)}: a loss has real(a), fake(b) and gen(b)"
                )
            parts = {p: _bound(loss, p) for p in ("real", "fake", "gen")}
        elif not callable(loss) or len(inspect.signature(loss).parameters) != 1:
            raise TypeError(
                f"{self.name}: expected a function of the turn, or a class with real(a), fake(b) and gen(b)"
            )
        object.__setattr__(self, "parts", parts)

    def real(self, a: Tensor) -> Tensor:
        return self.parts["real"](a)

    def fake(self, b: Tensor) -> Tensor:
        return self.parts["fake"](b)

    def gen(self, b: Tensor) -> Tensor:
        if self.parts is not None:
            return self.parts["gen"](b)
        # for fields, which ask for G's loss of scores alone: times their number, as the mean divides by it
        alone = Turn("g", None, None, Rng(0), None, None, None, True, None, Critique(b, None))
        return self.source(alone) * b.shape[-1]

    def d_loss(self, turn: Turn) -> Tensor:
        return self._checked(
            super().d_loss(turn) if self.parts is not None else self.source(turn), turn
        )

    def g_loss(self, turn: Turn) -> Tensor:
        return self._checked(
            super().g_loss(turn) if self.parts is not None else self.source(turn), turn
        )

    def _checked(self, loss, turn: Turn) -> Tensor:
        where = f"{self.name} in {turn.player.upper()}'s turn"
        if not isinstance(loss, Tensor) or loss.ndim != 0:
            found = (
                f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else repr(loss)
            )
            raise ValueError(
                f"{where} gave {found}: expected one number, for example a mean() over the batch"
            )
        if not loss.requires_grad:
            raise ValueError(
                f"{where} gave a number without a gradient: it must depend on D's scores, without detach()"
            )
        return loss


def _bound(cls: type, part: str) -> Callable:
    """A class's function, written with `self` or without."""
    function = inspect.getattr_static(cls, part)
    if (
        isinstance(function, staticmethod)
        or len(inspect.signature(getattr(cls, part)).parameters) == 1
    ):
        return getattr(cls, part)
    return getattr(cls(), part)


def told(error: Exception) -> str:
    """An exception of a row in one sentence, with the line of the cell that raised it."""
    here = [
        f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(LIBRARIES)
    ]
    where = f" (line {here[-1].lineno} of {here[-1].name})" if here else ""
    return f"{type(error).__name__}: {error}{where}".replace("\n", " ")


def describe_settings(recipe: Recipe) -> dict[str, float | int | str]:
    """What the settings are in a recipe, for controls."""
    found = {
        "g_lr": recipe.g_opt.lr,
        "d_lr": recipe.d_opt.lr,
        "n_dis": recipe.n_dis,
        "batch": recipe.batch,
    }
    found |= {"objective": name for name, o in ADVERSARIES.items() if o == recipe.objective}
    found |= {"weight": t.weight for t in recipe.terms if isinstance(t, AdaptiveMix)}
    if isinstance(recipe.objective, KDD):
        found["tau"] = recipe.objective.tau
    if isinstance(recipe.latent, IFGSM):
        found["eps"] = recipe.latent.eps
    return found
