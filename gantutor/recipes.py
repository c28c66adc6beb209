"""A recipe is a frozen record of the parts that a row of a paper's table is made of."""

import dataclasses
from dataclasses import dataclass

import torch

from gantutor.methods.adaptivemix import AdaptiveMix
from gantutor.methods.advlat import IFGSM
from gantutor.methods.kdd import KDD
from gantutor.nets.mlp import Mlp, mlp
from gantutor.objectives import LSGAN, WGAN, Hinge, Minimax, NonSaturating, Objective
from gantutor.parts import LatentMap, Term, describe
from gantutor.penalties import GradientPenalty


@dataclass(frozen=True)
class Adam:
    """Adam with learning rate `lr`; one fused call updates all weights."""

    lr: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)

    def build(self, parameters) -> torch.optim.Optimizer:
        return torch.optim.Adam(parameters, lr=self.lr, betas=self.betas, fused=True)


@dataclass(frozen=True)
class RmsProp:
    """RMSprop, as the first WGAN used."""

    lr: float = 5e-5

    def build(self, parameters) -> torch.optim.Optimizer:
        return torch.optim.RMSprop(parameters, lr=self.lr)


@dataclass(frozen=True)
class Sgd:
    """Plain gradient descent."""

    lr: float = 1e-2

    def build(self, parameters) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=self.lr)


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a run besides data and seed.

    One `objective`; any `terms`; at most one `latent` map, applied in D's step. `batch` reals and fakes a D step,
    `g_batch` latents a G step (None: the same), `n_dis` D steps a step. `joint`: real and fake go through D in one call;
    None asks the nets, which say no where batch statistics would mix. `reuse_z`: all D steps of a step see one latent
    batch (AdvLatGAN's code). A loss above `diverges_at`, or NaN, ends the run.
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
    joint: bool | None = None
    reuse_z: bool = False
    diverges_at: float = 1e6

    def __post_init__(self):
        for name in ("g_opt", "d_opt"):
            if not getattr(self, name).lr > 0:
                raise ValueError(f"{name}={getattr(self, name)}: expected a learning rate above 0")
        if self.batch < 2 or self.n_dis < 1 or (self.g_batch is not None and self.g_batch < 2):
            raise ValueError(f"batch={self.batch}, g_batch={self.g_batch}, n_dis={self.n_dis}: expected batches >= 2, n_dis >= 1")
        for name, kind in {"objective": Objective, "latent": LatentMap | None}.items():
            if not isinstance(getattr(self, name), kind):
                raise ValueError(f"{name}={getattr(self, name)!r}: expected one of the package's, for example Hinge() or IFGSM()")
        object.__setattr__(self, "terms", tuple(self.terms))
        if not all(isinstance(t, Term) for t in self.terms):
            raise ValueError(f"terms={self.terms!r}: expected Terms, for example (AdaptiveMix(),)")

    def but(self, **changes) -> "Recipe":
        """The same recipe with some parts changed; raises ValueError for an unknown part."""
        unknown = set(changes) - {f.name for f in dataclasses.fields(self)}
        if unknown:
            raise ValueError(f"unknown part {', '.join(sorted(unknown))}; parts: {', '.join(f.name for f in dataclasses.fields(self))}")
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
    base = Recipe(nets, NonSaturating(), g_opt=Adam(lr, (0.5, 0.999)), d_opt=Adam(lr, (0.5, 0.999)), batch=batch)
    return {
        "baseline": base,
        "adaptivemix": base.but(terms=(AdaptiveMix(noise_scale="rms"),)),  # Eq. 2 as printed; noise in units of the features
        "advlat": base.but(latent=IFGSM(eps=0.03, steps=1, mode="train_frozen")),
        "kdd": base.but(objective=KDD(tau=0.05)),
        "hinge": base.but(objective=Hinge()),  # what KDD is measured against: the same losses on a learned score
    }


__all__ = ["Adam", "RmsProp", "Sgd", "Recipe", "TOY", "OBJECTIVES", "METHODS", "image_methods", "mlp"]
