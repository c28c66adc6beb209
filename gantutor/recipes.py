"""A recipe is a frozen record of the parts that a row of a paper's table is made of."""

import dataclasses
import math
from dataclasses import dataclass

import torch

from gantutor.descriptions import describe
from gantutor.methods.adaptivemix import AdaptiveMix
from gantutor.methods.advlat import IFGSM
from gantutor.methods.kdd import KDD
from gantutor.nets.mlp import Mlp, mlp
from gantutor.objectives import LSGAN, WGAN, Hinge, Minimax, NonSaturating, Objective
from gantutor.penalties import GradientPenalty
from gantutor.plain import number, settle
from gantutor.turn import LatentMap, Term


@dataclass(frozen=True)
class Adam:
    """Adam with learning rate `lr`; one fused call updates all weights. `weight_decay` is the L2 kind."""

    lr: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    weight_decay: float = 0.0

    def __post_init__(self):
        settle(self)
        if len(self.betas) != 2 or not all(0 <= b < 1 for b in self.betas):
            raise ValueError(f"betas={self.betas}: expected two numbers from 0 and below 1")
        if not 0 <= self.weight_decay < math.inf:
            raise ValueError(f"weight_decay={self.weight_decay}: expected a number of at least 0")

    def build(self, parameters, graph: bool = False) -> torch.optim.Optimizer:
        betas = tuple(float(b) for b in self.betas)  # torch refuses (0, 0.9)
        rate = _rate(self.lr, parameters, graph)
        return torch.optim.Adam(
            parameters,
            lr=rate,
            betas=betas,
            weight_decay=self.weight_decay,
            fused=True,
            capturable=graph,
        )


@dataclass(frozen=True)
class RmsProp:
    """RMSprop, as the first WGAN used."""

    lr: float = 5e-5

    def __post_init__(self):
        settle(self)

    def build(self, parameters, graph: bool = False) -> torch.optim.Optimizer:
        return torch.optim.RMSprop(
            parameters, lr=_rate(self.lr, parameters, graph), capturable=graph
        )


@dataclass(frozen=True)
class Sgd:
    """Plain gradient descent."""

    lr: float = 1e-2

    def __post_init__(self):
        settle(self)

    def build(self, parameters, graph: bool = False) -> torch.optim.Optimizer:
        return torch.optim.SGD(
            parameters, lr=_rate(self.lr, parameters, graph), fused=graph or None
        )


def _rate(lr: float, parameters, graph: bool) -> float | torch.Tensor:
    """A number, or for a captured step a tensor beside the weights, which may change between replays."""
    return torch.tensor(lr, device=parameters[0].device) if graph else lr


@dataclass(frozen=True)
class Ema:
    """Samples come from a moving average of G: w <- decay w + (1-decay) G's; a plain copy until `start` steps are done."""

    decay: float = 0.9999
    start: int = 1000

    def __post_init__(self):
        settle(self)
        if not (0 <= self.decay < 1 and self.start >= 0):
            raise ValueError(
                f"decay={self.decay}, start={self.start}: expected 0 <= decay < 1 and start >= 0"
            )


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a run besides data and seed.

    One `objective`; any `terms`; at most one `latent` map, applied in D's step. `batch` reals and fakes a D step,
    `g_batch` latents a G step (None: the same), `n_dis` D steps and `n_gen` G steps a step; `accumulate` cuts each batch into so many parts
    and averages their gradients. `joint`: real and fake go through D in one call; None asks the nets, which say no
    where one call and two make different updates. `fakes`: every turn makes "fresh" ones, a step's D turns share one
    batch ("d", AdvLatGAN's code), or its G turn too ("dg", MSGAN's). `fake_labels`: "uniform", or those of the "real"
    batch. `inputs` change reals alone (Flip), `augment` reals and fakes in every turn (DiffAugment). `order`: reals are
    drawn with "replacement" or in shuffled "epochs". `decay`: both rates fall linearly to 0 over so many steps. `ema`:
    samples come from a moving average of G. A loss above `diverges_at`, or NaN, ends the run.
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
        for name in ("g_opt", "d_opt"):
            rule = getattr(self, name)
            if not (hasattr(rule, "lr") and hasattr(rule, "build")):
                raise ValueError(f"{name}={rule!r}: expected an optimiser, for example Adam(2e-4)")
            if not 0 < number("lr", rule.lr) < math.inf:
                raise ValueError(f"{name}={getattr(self, name)}: expected a learning rate above 0")
        if self.batch < 2 or self.n_dis < 1 or (self.g_batch is not None and self.g_batch < 2):
            raise ValueError(
                f"batch={self.batch}, g_batch={self.g_batch}, n_dis={self.n_dis}: expected batches >= 2, n_dis >= 1"
            )
        if min(self.accumulate, self.n_gen) < 1 or (self.decay is not None and self.decay < 1):
            raise ValueError(
                f"accumulate={self.accumulate}, n_gen={self.n_gen}, decay={self.decay}: expected at least 1 (decay: or None)"
            )
        if not self.diverges_at > 0:
            raise ValueError(f"diverges_at={self.diverges_at}: expected a number above 0")
        if not hasattr(self.nets, "build"):
            raise ValueError(
                f"nets={self.nets!r}: expected one of the package's, for example Mlp()"
            )
        if self.joint is not None and not isinstance(self.joint, bool):
            raise ValueError(f"joint={self.joint!r}: expected True, False or None")
        if self.ema is not None and not isinstance(self.ema, Ema):
            raise ValueError(
                f"ema={self.ema!r}: expected None or an average, for example Ema(0.999)"
            )
        if self.fakes == "dg" and self.n_gen > 1:
            raise ValueError(
                f"fakes='dg' with n_gen={self.n_gen}: one batch of fakes serves one G step"
            )
        allowed = {
            "fakes": ("fresh", "d", "dg"),
            "fake_labels": ("uniform", "real"),
            "order": ("replacement", "epochs"),
        }
        for name, values in allowed.items():
            if getattr(self, name) not in values:
                raise ValueError(
                    f"{name}={getattr(self, name)!r}: expected one of {', '.join(map(repr, values))}"
                )
        for name, kind, example in (
            ("objective", Objective, "Hinge()"),
            ("latent", LatentMap | None, "IFGSM()"),
        ):
            if not isinstance(getattr(self, name), kind):
                raise ValueError(
                    f"{name}={getattr(self, name)!r}: expected one of the package's, for example {example}"
                )
        for name in ("terms", "inputs"):
            value = getattr(self, name)
            try:
                object.__setattr__(self, name, tuple(value))
            except TypeError:
                raise ValueError(
                    f"{name}={value!r}: expected several parts in parentheses: ({value!r},)"
                ) from None
        for name, parts in (("inputs", self.inputs), ("augment", (self.augment,))):
            given = [part for part in parts if part is not None]
            if any(isinstance(part, type) or not callable(part) for part in given):
                raise ValueError(
                    f"{name}={getattr(self, name)!r}: expected augmentations, for example Flip()"
                )
        if not all(isinstance(t, Term) for t in self.terms):
            raise ValueError(f"terms={self.terms!r}: expected Terms, for example (AdaptiveMix(),)")

    def but(self, **changes) -> "Recipe":
        """The same recipe with some parts changed; raises ValueError for an unknown part."""
        unknown = set(changes) - {f.name for f in dataclasses.fields(self)}
        if unknown:
            raise ValueError(
                f"unknown part {', '.join(sorted(unknown))}; parts: {', '.join(f.name for f in dataclasses.fields(self))}"
            )
        return dataclasses.replace(self, **changes)

    def diff(self, other: "Recipe") -> dict[str, tuple]:
        """The parts in which two recipes differ: {part: (mine, theirs)}, as `describe` writes them."""
        mine, theirs = describe(self), describe(other)
        return {k: (mine[k], theirs[k]) for k in mine if mine[k] != theirs[k]}


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

METHODS: dict[str, Recipe] = {
    "baseline": TOY,
    "AdaptiveMix": TOY.but(terms=(AdaptiveMix(),)),
    "AdvLatGAN-qua": TOY.but(latent=IFGSM(eps=0.01, steps=1, mode="train_frozen")),
    "KDD": TOY.but(objective=KDD(tau=0.05)),
}


def image_methods(nets, lr: float = 1e-3, batch: int = 32) -> dict[str, Recipe]:
    """A baseline for images, the three methods on it, and KDD's own baseline, by the names that notebook 05 takes."""
    base = Recipe(
        nets,
        NonSaturating(),
        g_opt=Adam(lr, (0.5, 0.999)),
        d_opt=Adam(lr, (0.5, 0.999)),
        batch=batch,
    )
    return {
        "baseline": base,
        "adaptivemix": base.but(
            terms=(AdaptiveMix(noise_scale="rms"),)
        ),  # Eq. 2 as printed; noise in units of the features
        "advlat": base.but(latent=IFGSM(eps=0.03, steps=1, mode="train_frozen")),
        "kdd": base.but(objective=KDD(tau=0.05)),
        "hinge": base.but(
            objective=Hinge()
        ),  # what KDD is measured against: the same losses on a learned score
    }


__all__ = [
    "Adam",
    "RmsProp",
    "Sgd",
    "Recipe",
    "TOY",
    "OBJECTIVES",
    "METHODS",
    "image_methods",
    "mlp",
]
