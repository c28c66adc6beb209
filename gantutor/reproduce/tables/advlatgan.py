"""AdvLatGAN's Tables 3 to 6.

Learning rates, betas, batches and eps are those of the released configurations.
"""

import dataclasses

from gantutor.augment import Dequantise, Flip
from gantutor.methods.advlat import IFGSM
from gantutor.methods.pairs import HardPairs, ModeSeeking
from gantutor.methods.samplers import DDLS, DOT, EvolGAN
from gantutor.nets.cnn import Cnn
from gantutor.nets.dcgan import BnDcgan, ConditionalDcgan
from gantutor.objectives import LSGAN, WGAN, Hinge, NonSaturating
from gantutor.penalties import AuxClassifier, DivPenalty, GradientPenalty
from gantutor.recipes import Adam, Recipe
from gantutor.reproduce.tables.row import Row

ADVLAT = Recipe(
    BnDcgan(),
    NonSaturating(),
    g_opt=Adam(2e-4, (0.5, 0.9)),
    d_opt=Adam(2e-4, (0.5, 0.9)),
    batch=128,
    g_batch=256,
    inputs=(Flip(),),
    order="epochs",
    decay=100_000,
    diverges_at=1e9,
)
FAST = {"g_opt": Adam(2e-4, (0.0, 0.9)), "d_opt": Adam(2e-4, (0.0, 0.9))}
CRITIC = ADVLAT.but(nets=Cnn(norm="none"), objective=WGAN(None), **FAST)
NOISY = (Dequantise(1 / 128),)  # instead of flips
MODELS: dict[str, Recipe] = {
    "dcgan": ADVLAT,
    "wgan": CRITIC.but(objective=WGAN(clip=0.1)),
    "wgangp": CRITIC.but(terms=(GradientPenalty(10.0),)),
    "sngan": ADVLAT.but(nets=Cnn(norm="spectral"), objective=Hinge(), inputs=NOISY, **FAST),
    "lsgan": ADVLAT.but(objective=LSGAN()),
    "wgandiv": CRITIC.but(terms=(DivPenalty(2.0, 6.0),)),
    "acgan": ADVLAT.but(
        nets=BnDcgan(classes=10), objective=0.5 * NonSaturating(), terms=(AuxClassifier(0.5),)
    ),
}
EPS = {
    "cifar10": {
        "dcgan": 0.03,
        "wgan": 0.01,
        "wgangp": 0.015,
        "sngan": 0.04,
        "lsgan": 0.03,
        "wgandiv": 0.015,
        "acgan": 0.03,
    },
    "stl10": {
        "dcgan": 0.04,
        "wgan": 0.02,
        "wgangp": 0.015,
        "sngan": 0.05,
        "lsgan": 0.04,
        "wgandiv": 0.015,
    },
}
PLACES = {
    "cifar10": {"data": "cifar10", "size": 32, "reference": "test"},
    "stl10": {"data": "stl10", "size": 48, "split": "unlabeled", "reference": "unlabeled"},
}
UNSURE = {
    "lsgan": "The authors' code has no LSGAN: the DCGAN's nets, rates and eps are our choice.",
    "wgandiv": "The authors' code has no WGAN-div: WGAN-GP's nets, rates and eps are our choice.",
    "acgan": "The authors' code has no ACGAN: nets, weights 1/2 and eps are our choice.",
}
LARGER = "Eps is the one for 64 pixels, where the released configurations end."
LARGE = {
    "lsun128": LARGER,
    "celeba128": LARGER,
    "imagenet": "Neither size nor eps is known: those of CelebA at 64 pixels are our choice.",
}
Z_SEARCH = IFGSM(eps=0.05, steps=20)


# The authors search by the GAN's own generator loss. With batch norm in train mode its signs are
# not those of the score, and with LSGAN they never are where the score is above 1.
PHI_OF = {"dcgan": "ns", "acgan": "ns", "lsgan": "lsgan"}


def qua(eps: float, model: str = "") -> IFGSM:
    """AdvLatGAN-qua's map: one step in D's turn, with batch statistics that stay as they were.

    `model`, a name in MODELS, chooses the phi of its authors; without one it is the score.
    """
    return IFGSM(eps=eps, steps=1, mode="train_frozen", objective=PHI_OF.get(model, "score"))


def _searched(search: IFGSM, model: str) -> IFGSM:
    return dataclasses.replace(search, objective=PHI_OF.get(model, "score"))


def _sized(recipe: Recipe, size: int) -> Recipe:
    return recipe.but(nets=dataclasses.replace(recipe.nets, size=size))


def _table3() -> list[Row]:
    """Samplers on the bare models, STL-10."""
    samplers = {"bare": None, "evolgan": EvolGAN(), "dot": DOT(), "ddls": DDLS()}
    return [
        Row(
            f"advlatgan/table3/{model}/{name}",
            _sized(MODELS[model], 48),
            steps=100_000,
            sampler=sampler,
            n_fake=10_000,
            note="The baselines' settings are not in the paper.",
            **PLACES["stl10"],
        )
        for model in ("dcgan", "wgangp", "sngan")
        for name, sampler in {**samplers, "advlatgan-z": _searched(Z_SEARCH, model)}.items()
    ]


def _three(prefix: str, model: str, bare: Recipe, eps: float, search: IFGSM, **place) -> list[Row]:
    """A model as it is, trained with -qua, and then sampled by a search as well (-qua+)."""
    trained, search = bare.but(latent=qua(eps, model)), _searched(search, model)
    return [
        Row(f"{prefix}/bare", bare, steps=100_000, **place),
        Row(f"{prefix}/qua", trained, steps=100_000, **place),
        Row(f"{prefix}/qua+", trained, steps=100_000, sampler=search, **place),
    ]


def _table4() -> list[Row]:
    """Quality on CIFAR-10 and STL-10."""
    rows = []
    for data, place in PLACES.items():
        for model, eps in EPS[data].items():
            prefix, bare = f"advlatgan/table4/{data}/{model}", _sized(MODELS[model], place["size"])
            note = UNSURE.get(model, "")
            rows += _three(prefix, model, bare, eps, Z_SEARCH, note=note, **place)
    return rows


def _table5() -> list[Row]:
    """Quality on larger data."""
    sources = {
        "lsun64": ("lsun-church", 64),
        "lsun128": ("lsun-church", 128),
        "celeba64": ("celeba", 64),
        "celeba128": ("celeba", 128),
        "imagenet": ("imagenet64", 64),
    }
    rows = []
    for data, (source, size) in sources.items():
        place = {"data": source, "size": size, "fit": "squash", "note": LARGE.get(data, "")}
        # eps in training, and in the search when sampling
        settings = {"wgangp": (0.05 if "lsun" in data else 0.02, 0.002), "sngan": (0.05, 0.01)}
        for model, (eps, search) in settings.items():
            bare = _sized(MODELS[model], size).but(inputs=NOISY)
            moved = IFGSM(eps=search, steps=100)
            prefix = f"advlatgan/table5/{data}/{model}"
            rows += _three(prefix, model, bare, eps, moved, **place)
    return rows


def _paired(pairs: HardPairs) -> Recipe:
    """MSGAN's recipe with these pairs, whose halves D judges apart, as in both programs.

    D's loss is added over both halves there, hence the 2.
    """
    adam = Adam(2e-4, (0.5, 0.999), weight_decay=1e-4)
    return Recipe(
        ConditionalDcgan(),
        2.0 * NonSaturating(),
        (ModeSeeking(1.0, pairs, apart=True),),
        g_opt=adam,
        d_opt=adam,
        batch=32,
        fakes="dg",
        fake_labels="real",
        order="epochs",
    )


def _table6() -> list[Row]:
    """Diversity with class labels."""
    hard = _paired(HardPairs())
    variants = {
        "msgan": (_paired(HardPairs(std=None, steps=0)), None),
        "div": (hard, None),
        "div+": (hard, Z_SEARCH),
        "neighbours": (_paired(HardPairs(steps=0)), None),
        "inverse": (_paired(HardPairs(direction=1)), None),
    }
    notes = dict.fromkeys(
        ("neighbours", "inverse"), "Not in the paper: our control for the search."
    )
    usual = "The paper's FID here uses torchvision's Inception: another scale than Tables 3 to 5."
    cifar = {"data": "cifar10", "steps": 312_400, "reference": "test"}
    stl = {
        "data": "stl10",
        "steps": 50_000,
        "split": "test",
        "reference": "train",
        "n_fake": 25_000,
    }
    return [
        Row(
            f"advlatgan/table6/{place['data']}/{name}",
            recipe,
            size=32,
            sampler=sampler,
            note=notes.get(name, usual),
            **place,
        )
        for place in (cifar, stl)
        for name, (recipe, sampler) in variants.items()
    ]


def rows() -> list[Row]:
    """Tables 3 to 6."""
    return [*_table3(), *_table4(), *_table5(), *_table6()]
