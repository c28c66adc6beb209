"""A recipe from names, those that notebook 10 accepts as parameters."""

from collections.abc import Callable

from gantutor.augment import DiffAugment, InstanceNoise
from gantutor.methods.adaptivemix import AdaptiveMix
from gantutor.methods.jacobian import JacobianD
from gantutor.methods.kdd import KDD
from gantutor.methods.pairs import HardPairs, ModeSeeking
from gantutor.methods.samplers import DDLS, DOT, DRS, EvolGAN
from gantutor.nets.cnn import Cnn
from gantutor.nets.dcgan import BnDcgan, ConditionalDcgan, Dcgan
from gantutor.nets.resnet import biggan_cifar, sagan64, sngan_resnet, wgangp_resnet
from gantutor.objectives import LSGAN, WGAN, Hinge, NonSaturating
from gantutor.penalties import R1, AuxClassifier, DivPenalty, GradientPenalty, LeCam
from gantutor.plain import one_of
from gantutor.recipes import Adam, Recipe
from gantutor.reproduce.tables.advlatgan import Z_SEARCH, qua
from gantutor.reproduce.tables.kddgan import kdd

OBJECTIVES: dict[str, object] = {
    "non-saturating": NonSaturating(),
    "hinge": Hinge(),
    "lsgan": LSGAN(),
    "wgan": WGAN(None),
    "wgan-clip": WGAN(0.1),
    "kdd": KDD(),
    "kdd-proj": kdd(),
    "kdd-da1": KDD(augment=DiffAugment(), copies=1),
    "kdd-da3": KDD(augment=DiffAugment(), copies=3),
    "joint": Hinge() + 1.0 * KDD(),
    "label-smoothing": NonSaturating(target=0.9),
}
TERMS: dict[str, object] = {
    "adaptivemix": AdaptiveMix(noise_scale="rms"),
    "gp": GradientPenalty(10.0),
    "div": DivPenalty(2.0, 6.0),
    "r1": R1(10.0),
    "jacobian": JacobianD(1e-5),
    "lecam": LeCam(0.3),
    "classes": AuxClassifier(1.0),
    "mode-seeking": ModeSeeking(1.0, HardPairs(std=None, steps=0)),
    "hard-pairs": ModeSeeking(1.0, HardPairs()),
}
AUGMENTS: dict[str, object] = {
    "none": None,
    "diffaugment": DiffAugment(),
    "noise": InstanceNoise(),
}
SAMPLERS: dict[str, object] = {
    "none": None,
    "advlatgan-z": Z_SEARCH,
    "dot": DOT(),
    "ddls": DDLS(),
    "evolgan": EvolGAN(),
    "drs": DRS(),
}


def nets_by_name(width: int, size: int, channels: int, classes: int) -> dict[str, Callable]:
    """Functions that make the spec of each name; a `width` of 0 is each net's usual one."""
    square = {"size": size, "channels": channels}
    usual = {**square, "width": width or 64}
    part = (width or 64) / 64
    big = {"width": width or None, "channels": channels}
    return {
        "dcgan": lambda: Dcgan(**usual),
        "dcgan-mean": lambda: Dcgan(norm="none", head="mean", **usual),
        "dcgan-plain": lambda: Dcgan(norm="none", **usual),
        "dcgan-bn": lambda: BnDcgan(**usual),
        "acgan": lambda: BnDcgan(classes=classes, **usual),
        "msgan": lambda: ConditionalDcgan(classes=classes, width=width or 128, **square),
        "cnn": lambda: Cnn(norm="spectral", **usual),
        "cnn-plain": lambda: Cnn(norm="none", **usual),
        "sngan-resnet": lambda: sngan_resnet(size, part, channels=channels),
        "wgangp-resnet": lambda: wgangp_resnet(size, part, channels=channels),
        "biggan": lambda: biggan_cifar(classes=classes, **big),
        "biggan-uncond": lambda: biggan_cifar(classes=0, **big),
        "sagan64": lambda: sagan64(classes, width or 32, channels=channels),
    }


def compose(
    nets: str,
    objective: str,
    terms: tuple[str, ...] = (),
    qua_eps: float = 0.0,
    augment: str = "none",
    width: int = 0,
    size: int = 32,
    channels: int = 3,
    classes: int = 10,
    lr: float = 2e-4,
    betas: tuple[float, float] = (0.0, 0.9),
    **parts,
) -> Recipe:
    """A recipe from names of nets and those in OBJECTIVES, TERMS and AUGMENTS.

    qua_eps: the eps of AdvLatGAN-qua's step; 0: none.
    width: of the nets; 0: their usual one.
    size, channels, classes: of the images.
    lr, betas: of Adam, for both players.
    parts: other fields of `Recipe`.

    Raises ValueError for unknown names, and for parts that do not go together.

    >>> compose("cnn", "hinge", terms=("gp",), width=32).nets
    Cnn(z=100, width=32, size=32, channels=3, norm='spectral')
    """
    known = nets_by_name(width, size, channels, classes)
    one_of("nets", nets, known)
    one_of("objective", objective, OBJECTIVES)
    one_of("augment", augment, AUGMENTS)
    for term in terms:
        one_of("terms", term, TERMS)
    if "classes" in terms and nets != "acgan":
        raise ValueError(
            f"terms has 'classes' with nets={nets!r}: the auxiliary classifier needs nets='acgan'"
        )
    if objective == "kdd-proj" and nets not in ("biggan", "sagan64"):
        raise ValueError(
            f"objective='kdd-proj' with nets={nets!r}: a projection needs class embeddings, "
            "nets 'biggan' or 'sagan64'"
        )
    return Recipe(
        known[nets](),
        OBJECTIVES[objective],
        tuple(TERMS[t] for t in terms),
        qua(qua_eps) if qua_eps else None,
        Adam(lr, betas),
        Adam(lr, betas),
        augment=AUGMENTS[augment],
        **parts,
    )
