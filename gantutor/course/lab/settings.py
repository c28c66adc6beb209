"""Methods by name and what may change while they train, as recipes."""

import math
from dataclasses import dataclass, replace

from gantutor.course.lab.own import Own
from gantutor.methods import IFGSM, KDD, AdaptiveMix
from gantutor.plain import one_of
from gantutor.recipes import METHODS, OBJECTIVES, TOY, Adam, Recipe


@dataclass(frozen=True)
class Setting:
    """A number or a name that may change while rows train.

    words: what the control is called
    low, high: the limits of a number, both allowed
    whole: whether it is a whole number
    names: the choices, for a name
    """

    words: str
    low: float = 0.0
    high: float = math.inf
    whole: bool = False
    names: tuple[str, ...] = ()

    def check(self, name: str, value):
        """The value in the form in which the log keeps it; raises ValueError."""
        if self.names:
            return one_of(name, value, self.names)
        number = isinstance(value, int | float) and not isinstance(value, bool)
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
    "n_dis": Setting("turns of D per step (k_d)", 1, 20, whole=True),
    "batch": Setting("batch", 4, 1024, whole=True),
    "objective": Setting("objective", names=tuple(ADVERSARIES)),
    "weight": Setting("AdaptiveMix: weight", 0.0, 1000.0),
    "tau": Setting("KDD: temperature", 1e-3, 100.0),
    "eps": Setting("AdvLatGAN-qua: step", 0.0, 1.0),
}
# the class profile of notebook 01: enough for a look at the plane, not a paper's budget
PACE = {"g_lr": 1e-3, "d_lr": 2e-3, "batch": 64}


def recipe_of(method: str | Own, settings: dict, width: int, limit: float) -> Recipe:
    """The recipe of a method in the lab.

    G ends in limit * tanh, hidden layers have `width` units, and `settings` come last.
    """
    known = METHODS | OBJECTIVES
    recipe = TOY.but(objective=method) if isinstance(method, Own) else known[method]
    # a WGAN's RMSprop keeps its own rates until somebody sets them
    pace = PACE if isinstance(recipe.g_opt, Adam) else {"batch": PACE["batch"]}
    recipe = _with(recipe, pace)
    nets = replace(
        recipe.nets,
        g_hidden=(width,) * len(recipe.nets.g_hidden),
        d_hidden=(width,) * len(recipe.nets.d_hidden),
        bound=limit,
    )
    return _with(recipe.but(nets=nets), settings)


def _with(recipe: Recipe, settings: dict) -> Recipe:
    """The recipe with these settings; one for a part that the recipe lacks changes nothing."""
    for name, value in settings.items():
        if name in ("g_lr", "d_lr"):
            part = f"{name[0]}_opt"
            recipe = recipe.but(**{part: replace(getattr(recipe, part), lr=value)})
        elif name in ("n_dis", "batch"):
            recipe = recipe.but(**{name: value})
        elif name == "objective":
            recipe = recipe.but(objective=ADVERSARIES[value])
        elif name == "weight":
            terms = (_weighted(term, value) for term in recipe.terms)
            recipe = recipe.but(terms=tuple(terms))
        elif name == "tau" and isinstance(recipe.objective, KDD):
            recipe = recipe.but(objective=replace(recipe.objective, tau=value))
        elif name == "eps" and isinstance(recipe.latent, IFGSM):
            recipe = recipe.but(latent=replace(recipe.latent, eps=value))
    return recipe


def _weighted(term, weight: float):
    return replace(term, weight=weight) if isinstance(term, AdaptiveMix) else term


def is_objective(method: str | Own) -> bool:
    """Whether the method itself is the objective.

    A change of the objective for all rows then leaves it alone.
    """
    return isinstance(method, Own) or method == "KDD" or method in OBJECTIVES


def describe_settings(recipe: Recipe) -> dict[str, float | int | str]:
    """The values of the settings in a recipe, for controls."""
    found = {
        "g_lr": recipe.g_opt.lr,
        "d_lr": recipe.d_opt.lr,
        "n_dis": recipe.n_dis,
        "batch": recipe.batch,
    }
    for name, objective in ADVERSARIES.items():
        if objective == recipe.objective:
            found["objective"] = name
    for term in recipe.terms:
        if isinstance(term, AdaptiveMix):
            found["weight"] = term.weight
    if isinstance(recipe.objective, KDD):
        found["tau"] = recipe.objective.tau
    if isinstance(recipe.latent, IFGSM):
        found["eps"] = recipe.latent.eps
    return found
