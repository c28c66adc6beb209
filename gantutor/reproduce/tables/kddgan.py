"""KDD GAN's Tables 1 to 6: BigGAN-PyTorch's CIFAR script, SA-GAN of the instance-selection code."""

from gantutor.augment import DiffAugment
from gantutor.methods.jacobian import JacobianD
from gantutor.methods.kdd import KDD
from gantutor.nets.resnet import biggan_cifar, sagan64
from gantutor.objectives import Hinge
from gantutor.recipes import Adam, Ema, Recipe
from gantutor.reproduce.tables.row import Row

SLOW = Adam(2e-4, (0.0, 0.999))
BIGGAN = Recipe(
    biggan_cifar(),
    Hinge(),
    g_opt=SLOW,
    d_opt=SLOW,
    batch=64,
    n_dis=4,
    joint=True,
    order="epochs",
    ema=Ema(0.9999, 1000),
)
SAGAN = Recipe(
    sagan64(200),
    Hinge(),
    g_opt=Adam(1e-4, (0.0, 0.999)),
    d_opt=Adam(4e-4, (0.0, 0.999)),
    batch=64,
    joint=True,
    order="epochs",
    ema=Ema(0.9999, 2000),
)
LARGE = SAGAN.but(nets=sagan64(1000), batch=128)
UNCONDITIONAL = {"nets": biggan_cifar(classes=0)}
JAC = {"terms": (JacobianD(1e-5),)}
NOTE = "Features, projection and evaluation mode are our reading (A2, A3, A10)."


def kdd(tau: float = 1.0, copies: int = 0, proj: bool = True, stale: str = "none") -> KDD:
    """The papers' KDD loss: `copies` of augmented anchors, with or without the projection."""
    extra = {"augment": DiffAugment(), "copies": copies} if copies else {}
    return KDD(tau=tau, projection="normalised" if proj else "none", stale=stale, **extra)


def _kdd(**how) -> dict:
    """The change that makes the hinge recipe a KDD recipe; `how` is for `kdd`."""
    return {"objective": kdd(**how)}


def _joint(gamma: float, **how) -> dict:
    """The change that adds gamma times KDD to the hinge."""
    return {"objective": Hinge() + gamma * kdd(**how)}


TABLE1 = {
    "hinge": {},
    **{f"kdd-tau{tau:g}": _kdd(tau=tau) for tau in (0.05, 1.0, 5.0)},
    "kdd-jacd": _kdd() | JAC,
    **{f"joint-gamma{gamma:g}": _joint(gamma) for gamma in (0.1, 0.5, 1.0, 10.0)},
    "kdd-tau0.05-noproj": _kdd(tau=0.05, proj=False),
    "hinge-uncond": UNCONDITIONAL,
    "kdd-tau0.05-uncond": UNCONDITIONAL | _kdd(tau=0.05, proj=False),
    "joint-uncond": UNCONDITIONAL | _joint(1.0, tau=0.05, proj=False),
}
TABLE2 = {
    "hinge": {},
    "kdd": _kdd(),
    **{f"kdd-da{copies}": _kdd(copies=copies) for copies in (1, 3, 7)},
    "kdd-jacd": _kdd() | JAC,
    "kdd-jacd-da7": _kdd(copies=7) | JAC,
}
# the rows that Tables 3 and 4 have in common
PLAIN = {
    "hinge": {},
    "kdd": _kdd(),
    "kdd-da1": _kdd(copies=1),
    "kdd-da3": _kdd(copies=3),
    "kdd-jacd": _kdd() | JAC,
    "kdd-jacd-da1": _kdd(copies=1) | JAC,
}
TABLE3 = {
    **PLAIN,
    "joint1-da1": _joint(1.0, copies=1),
    "joint1-jacd-da1": _joint(1.0, copies=1) | JAC,
    "joint0.5": _joint(0.5),
    "joint0.5-jacd": _joint(0.5) | JAC,
}
TABLE4 = {
    **PLAIN,
    "joint0.5": _joint(0.5),
    "joint0.5-stale": _joint(0.5, stale="g_step"),
    "joint0.5-da1": _joint(0.5, copies=1),
    "joint0.5-jacd": _joint(0.5) | JAC,
    "joint1-jacd-da1": _joint(1.0, copies=1) | JAC,
}
# all joint rows of the appendix, whose Tables 5 and 6 print Tables 4 and 3 again, with more rows
JOINT = {
    f"joint{gamma:g}{suffix}": _joint(gamma, copies=copies) | extra
    for gamma in (1.0, 0.5)
    for suffix, copies, extra in (
        ("", 0, {}),
        ("-da1", 1, {}),
        ("-jacd", 0, JAC),
        ("-jacd-da1", 1, JAC),
    )
}
TABLE5, TABLE6 = (
    {name: change for name, change in JOINT.items() if name not in known}
    for known in (TABLE4, TABLE3)
)


def rows() -> list[Row]:
    """Tables 1 to 6."""
    cifar = {"data": "cifar10", "size": 32, "norm": "batch", "note": NOTE}
    tiny = {"data": "tiny-imagenet", "size": 64, "steps": 100_000}
    imagenet = {"data": "imagenet64", "size": 64, "steps": 500_000, "keep": 0.5}
    tables = (
        ("table1", TABLE1, BIGGAN, cifar | {"steps": 200_000}),
        ("table2", TABLE2, BIGGAN, cifar | {"steps": 100_000}),
        ("table3", TABLE3, SAGAN, tiny),
        ("table4", TABLE4, LARGE, imagenet),
        ("table5", TABLE5, LARGE, imagenet),
        ("table6", TABLE6, SAGAN, tiny),
    )
    return [
        Row(f"kddgan/{table}/{name}", recipe.but(**change), **place)
        for table, changes, recipe, place in tables
        for name, change in changes.items()
    ]
