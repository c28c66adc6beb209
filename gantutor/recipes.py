"""A recipe is a frozen record of the parts that a row of a paper's table is made of."""

import dataclasses
import math
from dataclasses import dataclass

from gantutor.descriptions import describe
from gantutor.methods.adaptivemix import AdaptiveMix
from gantutor.methods.advlat import IFGSM
from gantutor.methods.kdd import KDD
from gantutor.nets.mlp import Mlp, mlp
from gantutor.objectives import LSGAN, WGAN, Hinge, Minimax, NonSaturating, Objective
from gantutor.optimisers import Adam, Ema, RmsProp, Sgd
from gantutor.penalties import GradientPenalty
from gantutor.plain import number, one_of, refuse_class, settle
from gantutor.turn import LatentMap, Term


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a run besides data and seed.

    nets: specification of G and D.
    objective: exactly one, or a weighted sum.
    terms: any number; at most one may replace the scores that the objective acts on.
    latent: at most one map of latents, applied in D's turn.
    g_opt, d_opt: optimisers.
    batch: reals and fakes of a D turn.
    g_batch: latents of a G turn; None: the same as `batch`.
    n_dis, n_gen: turns of D and of G in a step.
    accumulate: cuts each batch into this many parts and averages their gradients.
    joint: real and fake go through D in one call; None leaves it to the nets, which take two calls
        where one would be a different update.
    fakes: each turn makes "fresh" ones, the D turns of a step share one batch ("d", AdvLatGAN's
        code), or its G turn does too ("dg", MSGAN's).
    fake_labels: "uniform", or those of the "real" batch.
    inputs: changes of the reals alone (Flip).
    augment: change of reals and fakes in every turn (DiffAugment).
    order: reals are drawn with "replacement" or in shuffled "epochs".
    decay: both rates fall linearly to 0 over this many steps; None keeps them.
    ema: samples come from a moving average of G; None: from G.
    diverges_at: a loss above it, or NaN, ends the run.

    Raises ValueError for invalid parts, and for parts that cannot be combined.

    >>> TOY.but(objective=Hinge()).diff(TOY)["objective"]
    ({'kind': 'Hinge'}, {'kind': 'NonSaturating', 'target': 1.0})
    """

    nets: object = Mlp()
    objective: Objective = NonSaturating()
    terms: tuple[Term, ...] = ()
    latent: LatentMap | None = None
    g_opt: object = Adam()
    d_opt: object = Adam()
    batch: int = 128
    g_batch: int | None = None
    n_dis: int = 1
    n_gen: int = 1
    accumulate: int = 1
    joint: bool | None = None
    fakes: str = "fresh"
    fake_labels: str = "uniform"
    inputs: tuple = ()
    augment: object | None = None
    order: str = "replacement"
    decay: int | None = None
    ema: Ema | None = None
    diverges_at: float = 1e6

    def __post_init__(self):
        settle(self)
        for name in ("terms", "inputs"):
            object.__setattr__(self, name, _several(name, getattr(self, name)))
        _check_parts(self)
        _check_numbers(self)
        _check_choices(self)

    def but(self, **changes) -> "Recipe":
        """The same recipe with some parts changed; raises ValueError for an unknown part."""
        known = [f.name for f in dataclasses.fields(self)]
        if unknown := sorted(set(changes) - set(known)):
            raise ValueError(f"unknown part {', '.join(unknown)}; parts: {', '.join(known)}")
        return dataclasses.replace(self, **changes)

    def diff(self, other: "Recipe") -> dict[str, tuple]:
        """The parts in which two recipes differ, {part: (mine, theirs)}, as `describe` has them."""
        if not isinstance(other, Recipe):
            raise ValueError(f"{other!r}: expected another Recipe")
        mine, theirs = describe(self), describe(other)
        return {k: (mine[k], theirs[k]) for k in mine if mine[k] != theirs[k]}


def _several(name: str, value) -> tuple:
    if value is None:
        raise ValueError(f"{name}=None: for no part write {name}=()")
    refuse_class(name, value)
    try:
        return tuple(value)
    except TypeError:
        shown = repr(value) if len(repr(value)) < 50 else f"{type(value).__name__}(...)"
        raise ValueError(
            f"{name}={shown}: expected several parts, in parentheses with a comma: ({shown},)"
        ) from None


def _check_parts(recipe: Recipe) -> None:
    """Each part is one of its kind."""
    for field in dataclasses.fields(recipe):
        value = getattr(recipe, field.name)
        for part in value if isinstance(value, tuple) else (value,):
            refuse_class(field.name, part)
    for name in ("g_opt", "d_opt"):
        rule = getattr(recipe, name)
        if not (hasattr(rule, "lr") and hasattr(rule, "build")):
            raise ValueError(f"{name}={rule!r}: expected an optimiser, for example Adam(2e-4)")
        if not 0 < number("lr", rule.lr) < math.inf:
            raise ValueError(f"{name}={rule}: expected a learning rate above 0")
    if not hasattr(recipe.nets, "build"):
        raise ValueError(
            f"nets={recipe.nets!r}: expected a spec that builds G and D, for example Mlp()"
        )
    if not isinstance(recipe.objective, Objective):
        raise ValueError(
            f"objective={recipe.objective!r}: expected an Objective, for example Hinge()"
        )
    if not isinstance(recipe.latent, LatentMap | None):
        raise ValueError(f"latent={recipe.latent!r}: expected a LatentMap, for example IFGSM()")
    if recipe.ema is not None and not isinstance(recipe.ema, Ema):
        raise ValueError(f"ema={recipe.ema!r}: expected None or an average, for example Ema(0.999)")
    for name, parts in (("inputs", recipe.inputs), ("augment", (recipe.augment,))):
        given = [part for part in parts if part is not None]
        if not all(callable(part) for part in given):
            raise ValueError(
                f"{name}={getattr(recipe, name)!r}: expected augmentations, for example Flip()"
            )
    if not all(isinstance(t, Term) for t in recipe.terms):
        raise ValueError(f"terms={recipe.terms!r}: expected Terms, for example (AdaptiveMix(),)")
    replacing = [t for t in recipe.terms if t.replaces_scores]
    if len(replacing) > 1:
        raise ValueError(
            f"terms={recipe.terms!r}: {len(replacing)} of them replace the scores that the "
            "objective acts on, and only one can: keep one, and give the others logits='plain'"
        )
    if replacing and not recipe.objective.reads_scores:
        raise ValueError(
            f"objective={recipe.objective!r} does not act on D's scores, which {replacing[0]!r} "
            "would replace: use an objective that does, for example Hinge(), or logits='plain'"
        )


def _check_numbers(recipe: Recipe) -> None:
    r = recipe
    if r.batch < 2 or r.n_dis < 1 or (r.g_batch is not None and r.g_batch < 2):
        raise ValueError(
            f"batch={r.batch}, g_batch={r.g_batch}, n_dis={r.n_dis}: expected batches >= 2, "
            "n_dis >= 1"
        )
    if min(r.accumulate, r.n_gen) < 1 or (r.decay is not None and r.decay < 1):
        raise ValueError(
            f"accumulate={r.accumulate}, n_gen={r.n_gen}, decay={r.decay}: expected at least 1 "
            "(decay: or None)"
        )
    if not r.diverges_at > 0:
        raise ValueError(f"diverges_at={r.diverges_at}: expected a number above 0")
    if r.fakes == "dg" and r.n_gen > 1:
        raise ValueError(f"fakes='dg' with n_gen={r.n_gen}: one batch of fakes serves one G step")


def _check_choices(recipe: Recipe) -> None:
    if recipe.joint is not None and not isinstance(recipe.joint, bool):
        raise ValueError(f"joint={recipe.joint!r}: expected True, False or None")
    one_of("fakes", recipe.fakes, ("fresh", "d", "dg"))
    one_of("fake_labels", recipe.fake_labels, ("uniform", "real"))
    one_of("order", recipe.order, ("replacement", "epochs"))


# The plane. Nets, rates and batch follow the pilot runs in which AdaptiveMix's Fig. 3 was rebuilt.
TOY = Recipe(Mlp(), NonSaturating(), g_opt=Adam(5e-4, (0.5, 0.99)), d_opt=Adam(5e-4, (0.5, 0.99)))

OBJECTIVES: dict[str, Recipe] = {
    "non-saturating": TOY,
    "minimax": TOY.but(objective=Minimax()),
    "WGAN": TOY.but(objective=WGAN(clip=0.1), n_dis=5, g_opt=RmsProp(5e-4), d_opt=RmsProp(5e-4)),
    "WGAN-GP": TOY.but(objective=WGAN(clip=None), terms=(GradientPenalty(1.0),), n_dis=5),
    "LSGAN": TOY.but(objective=LSGAN()),
    "hinge": TOY.but(objective=Hinge()),
}

# KDD's temperature is the choice of `reproduce.temperature.chosen`, from its kept record.
METHODS: dict[str, Recipe] = {
    "baseline": TOY,
    "AdaptiveMix": TOY.but(terms=(AdaptiveMix(),)),
    "AdvLatGAN-qua": TOY.but(latent=IFGSM(eps=0.01, steps=1, mode="train_frozen")),
    "KDD": TOY.but(objective=KDD(tau=1.0)),
}


__all__ = [
    "Adam",
    "Ema",
    "RmsProp",
    "Sgd",
    "Recipe",
    "TOY",
    "OBJECTIVES",
    "METHODS",
    "mlp",
]
