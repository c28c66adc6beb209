"""AdaptiveMix's Tables 2 and 4: the DCGAN of RealnessGAN.

The paper leaves the recipe to a supplement that we do not have.
"""

import dataclasses

from gantutor.methods.adaptivemix import AdaptiveMix
from gantutor.nets.dcgan import Dcgan
from gantutor.objectives import LSGAN, WGAN, Hinge, NonSaturating, Realness
from gantutor.penalties import GradientPenalty
from gantutor.recipes import Adam, Recipe, RmsProp
from gantutor.reproduce.tables.row import Row

REAL = Recipe(
    Dcgan(z=128),
    NonSaturating(),
    g_opt=Adam(2e-4, (0.5, 0.999)),
    d_opt=Adam(2e-4, (0.5, 0.999)),
    batch=32,
    order="epochs",
)
WGAN_ROW = REAL.but(
    nets=Dcgan(z=128, norm="none", head="mean"),
    objective=WGAN(clip=0.01),
    n_dis=5,
    batch=64,
    g_opt=RmsProp(5e-5),
    d_opt=RmsProp(5e-5),
    diverges_at=1e9,
)
SHRUNK = WGAN_ROW.but(terms=(AdaptiveMix(noise_scale="rms"),))
PENALISED = REAL.but(
    nets=Dcgan(z=128, norm="none"),
    objective=WGAN(None),
    terms=(GradientPenalty(10.0),),
    n_dis=5,
    batch=64,
    g_opt=Adam(1e-4, (0.5, 0.9)),
    d_opt=Adam(1e-4, (0.5, 0.9)),
)
CIFAR_STEPS = 125_000  # 800 epochs of 781 batches, five of which make a step
CELEBA_STEPS = 520_000
NOTE = (
    "Nets, optimiser and budget are not in the paper; clipping, rms noise and the mean head are "
    "our reading."
)


def _realness(kind: int) -> Recipe:
    nets = Dcgan(z=128, outcomes=3)
    return REAL.but(nets=nets, objective=Realness(3, kind), n_gen=3)


TABLE4 = {
    "wgan": WGAN_ROW,
    "hinge": REAL.but(objective=Hinge()),
    "lsgan": REAL.but(objective=LSGAN()),
    "dcgan": REAL,
    "wgangp": PENALISED,
    **{f"realness{kind}": _realness(kind) for kind in (1, 2, 3)},
    "adaptivemix": SHRUNK,
}
NO_CELEBA = ("wgan", "realness1", "realness3")  # no number in the paper's second column


def _for_celeba(recipe: Recipe, realness: bool) -> Recipe:
    """The recipe at 256 pixels; RealnessGAN then has 51 outcomes and resamples their logits."""
    nets, changes = {"size": 256, "width": 32}, {"n_gen": 1}
    if realness:
        nets |= {"outcomes": 51, "resample": True}
        changes["objective"] = Realness(51, 2, resample=True)
    return recipe.but(nets=dataclasses.replace(recipe.nets, **nets), **changes)


def rows() -> list[Row]:
    """Tables 2 and 4."""
    made = []

    def add(name: str, recipe: Recipe, data: str, size: int, steps: int) -> None:
        made.append(Row(f"adaptivemix/{name}", recipe, data, size, steps, note=NOTE))

    add("table2/wgan", WGAN_ROW, "cifar10", 32, CIFAR_STEPS)
    add("table2/adaptivemix", SHRUNK, "cifar10", 32, CIFAR_STEPS)
    for name, recipe in TABLE4.items():
        add(f"table4/cifar10/{name}", recipe, "cifar10", 32, CIFAR_STEPS)
        if name not in NO_CELEBA:
            big = _for_celeba(recipe, "realness" in name)
            add(f"table4/celeba/{name}", big, "celeba", 256, CELEBA_STEPS)
    return made
