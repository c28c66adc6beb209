"""The papers' image tables, row by row: the recipe behind each printed number, its data, budget, sampler and protocol.

AdvLatGAN's Tables 3 to 6, AdaptiveMix's Tables 2 and 4, KDD GAN's Tables 1 to 6. Where a paper is silent the choice is
ours and `note` says so.
"""

import dataclasses
import difflib
from dataclasses import dataclass

from gantutor.augment import Dequantise, DiffAugment, Flip, InstanceNoise
from gantutor.methods.adaptivemix import AdaptiveMix
from gantutor.methods.advlat import IFGSM, HardPairs, ModeSeeking
from gantutor.methods.kdd import KDD, JacobianD
from gantutor.methods.samplers import DDLS, DOT, DRS, EvolGAN
from gantutor.nets.cnn import Cnn
from gantutor.nets.dcgan import BnDcgan, ConditionalDcgan, Dcgan
from gantutor.nets.resnet import biggan_cifar, sagan64, sngan_resnet, wgangp_resnet
from gantutor.objectives import LSGAN, WGAN, Hinge, NonSaturating, Realness
from gantutor.penalties import R1, AuxClassifier, DivPenalty, GradientPenalty, LeCam
from gantutor.recipes import Adam, Ema, Recipe, RmsProp
from gantutor.turn import LatentMap


@dataclass(frozen=True)
class Row:
    """One row of one table: what to train, on what, for how long, and how the paper judged it.

    `data`, `size`, `split`, `fit`: for `open_images`. `keep`: the share that instance selection keeps. `sampler` moves latents when
    sampling; `norm` is batch norm's mode then. FID compares `n_fake` fakes with all images of the split `reference`.
    """

    name: str
    recipe: Recipe
    data: str
    size: int
    steps: int
    split: str = "train"
    fit: str = "crop"
    keep: float = 1.0
    sampler: LatentMap | None = None
    norm: str = "running"
    n_fake: int = 50_000
    reference: str = "train"
    note: str = ""

    def thinner(self, by: int, batch: int, data: str = "digits") -> "Row":
        """The same row with nets `by` times thinner and small batches: its mechanism at a cost that a test can pay."""
        r = self.recipe
        nets = dataclasses.replace(r.nets, **_thinned(r.nets, 1 / by))
        return dataclasses.replace(
            self, recipe=r.but(nets=nets, batch=batch, g_batch=r.g_batch and 2 * batch), data=data
        )


# -- AdvLatGAN: rates, betas, batches and eps from the released configurations -------------------------------------------
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
MODELS: dict[str, Recipe] = {
    "dcgan": ADVLAT,
    "wgan": CRITIC.but(objective=WGAN(clip=0.1)),
    "wgangp": CRITIC.but(terms=(GradientPenalty(10.0),)),
    "sngan": ADVLAT.but(
        nets=Cnn(norm="spectral"), objective=Hinge(), inputs=(Dequantise(1 / 128),), **FAST
    ),
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
UNSURE = {
    "lsgan": "The authors' code has no LSGAN: the DCGAN's nets, rates and eps are our choice.",
    "wgandiv": "The authors' code has no WGAN-div: WGAN-GP's nets, rates and eps are our choice.",
    "acgan": "The authors' code has no ACGAN: nets, weights 1/2 and eps are our choice.",
}
LARGE = {
    "lsun128": "Eps is the one for 64 pixels, where the released configurations end.",
    "celeba128": "Eps is the one for 64 pixels, where the released configurations end.",
    "imagenet": "Neither size nor eps is known: those of CelebA at 64 pixels are our choice.",
}
Z_SEARCH = IFGSM(eps=0.05, steps=20)


def qua(eps: float) -> IFGSM:
    """AdvLatGAN-qua's map: one step in D's turn, on batch statistics that stay as they were."""
    return IFGSM(eps=eps, steps=1, mode="train_frozen")


def _sized(recipe: Recipe, size: int) -> Recipe:
    return recipe.but(nets=dataclasses.replace(recipe.nets, size=size))


def _advlat() -> list[Row]:
    rows = []
    places = {
        "cifar10": dict(data="cifar10", size=32, reference="test"),
        "stl10": dict(data="stl10", size=48, split="unlabeled", reference="unlabeled"),
    }
    for model in ("dcgan", "wgangp", "sngan"):
        samplers = {
            "bare": None,
            "evolgan": EvolGAN(),
            "dot": DOT(),
            "ddls": DDLS(),
            "advlatgan-z": Z_SEARCH,
        }
        for name, sampler in samplers.items():
            rows.append(
                Row(
                    f"advlatgan/table3/{model}/{name}",
                    _sized(MODELS[model], 48),
                    steps=100_000,
                    sampler=sampler,
                    n_fake=10_000,
                    note="The baselines' settings are not in the paper.",
                    **places["stl10"],
                )
            )
    for data, place in places.items():
        for model, eps in EPS[data].items():
            bare = _sized(MODELS[model], place["size"])
            trained = bare.but(latent=qua(eps))
            for name, recipe, sampler in (
                ("bare", bare, None),
                ("qua", trained, None),
                ("qua+", trained, Z_SEARCH),
            ):
                rows.append(
                    Row(
                        f"advlatgan/table4/{data}/{model}/{name}",
                        recipe,
                        steps=100_000,
                        sampler=sampler,
                        note=UNSURE.get(model, ""),
                        **place,
                    )
                )
    for data, (source, size) in {
        "lsun64": ("lsun-church", 64),
        "lsun128": ("lsun-church", 128),
        "celeba64": ("celeba", 64),
        "celeba128": ("celeba", 128),
        "imagenet": ("imagenet64", 64),
    }.items():
        for model, eps, search in (
            ("wgangp", 0.05 if "lsun" in data else 0.02, 0.002),
            ("sngan", 0.05, 0.01),
        ):
            bare = _sized(MODELS[model], size).but(inputs=(Dequantise(1 / 128),))
            trained, moved = bare.but(latent=qua(eps)), IFGSM(eps=search, steps=100)
            for name, recipe, sampler in (
                ("bare", bare, None),
                ("qua", trained, None),
                ("qua+", trained, moved),
            ):
                rows.append(
                    Row(
                        f"advlatgan/table5/{data}/{model}/{name}",
                        recipe,
                        source,
                        size,
                        100_000,
                        fit="squash",
                        sampler=sampler,
                        note=LARGE.get(data, ""),
                    )
                )
    # the code adds D's loss over both halves of a pair, hence the 2
    adam = Adam(2e-4, (0.5, 0.999), weight_decay=1e-4)
    pairs = Recipe(
        ConditionalDcgan(),
        2.0 * NonSaturating(),
        (ModeSeeking(1.0, HardPairs(std=None, steps=0)),),
        g_opt=adam,
        d_opt=adam,
        batch=32,
        fakes="dg",
        fake_labels="real",
        order="epochs",
    )
    hard = pairs.but(terms=(ModeSeeking(1.0, HardPairs()),))
    near = pairs.but(terms=(ModeSeeking(1.0, HardPairs(steps=0)),))
    inverse = pairs.but(terms=(ModeSeeking(1.0, HardPairs(direction=1)),))
    places = {
        "cifar10": dict(data="cifar10", size=32, steps=312_400, reference="test"),
        "stl10": dict(
            data="stl10", size=32, steps=50_000, split="test", reference="train", n_fake=25_000
        ),
    }
    for data, place in places.items():
        for name, recipe, sampler in (
            ("msgan", pairs, None),
            ("div", hard, None),
            ("div+", hard, Z_SEARCH),
            ("neighbours", near, None),
            ("inverse", inverse, None),
        ):
            ours = (
                "Not in the paper: our control for the search."
                if name in ("neighbours", "inverse")
                else ""
            )
            rows.append(
                Row(
                    f"advlatgan/table6/{data}/{name}",
                    recipe,
                    sampler=sampler,
                    note=ours
                    or "The paper's FID here uses torchvision's Inception: another scale than Tables 3 to 5.",
                    **place,
                )
            )
    return rows


# -- AdaptiveMix: the DCGAN of RealnessGAN; the paper leaves the recipe to a supplement that we do not have ---------------
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


def _adaptivemix() -> list[Row]:
    table4 = {
        "wgan": WGAN_ROW,
        "hinge": REAL.but(objective=Hinge()),
        "lsgan": REAL.but(objective=LSGAN()),
        "dcgan": REAL,
        "wgangp": REAL.but(
            nets=Dcgan(z=128, norm="none"),
            objective=WGAN(None),
            terms=(GradientPenalty(10.0),),
            n_dis=5,
            batch=64,
            g_opt=Adam(1e-4, (0.5, 0.9)),
            d_opt=Adam(1e-4, (0.5, 0.9)),
        ),
        **{
            f"realness{i}": REAL.but(
                nets=Dcgan(z=128, outcomes=3), objective=Realness(3, i), n_gen=3
            )
            for i in (1, 2, 3)
        },
        "adaptivemix": SHRUNK,
    }
    note = "Nets, optimiser and budget are not in the paper; clipping, rms noise and the mean head are our reading."
    # 800 epochs of 781 batches, five of them a step
    rows = [
        Row("adaptivemix/table2/wgan", WGAN_ROW, "cifar10", 32, 125_000, note=note),
        Row("adaptivemix/table2/adaptivemix", SHRUNK, "cifar10", 32, 125_000, note=note),
    ]
    for name, recipe in table4.items():
        rows.append(
            Row(f"adaptivemix/table4/cifar10/{name}", recipe, "cifar10", 32, 125_000, note=note)
        )
        if name not in ("wgan", "realness1", "realness3"):  # no number in the paper's second column
            nets = dataclasses.replace(
                recipe.nets,
                size=256,
                width=32,
                **({"outcomes": 51, "resample": True} if "real" in name else {}),
            )
            big = recipe.but(
                nets=nets,
                n_gen=1,
                **({"objective": Realness(51, 2, resample=True)} if "real" in name else {}),
            )
            rows.append(
                Row(f"adaptivemix/table4/celeba/{name}", big, "celeba", 256, 520_000, note=note)
            )
    return rows


# -- KDD GAN: BigGAN-PyTorch's CIFAR script, SA-GAN of the instance-selection code -----------------------------------------
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
JAC = (JacobianD(1e-5),)


def _kdd(tau: float = 1.0, copies: int = 0, proj: bool = True, stale: str = "none") -> KDD:
    extra = {"augment": DiffAugment(), "copies": copies} if copies else {}
    return KDD(tau=tau, projection="normalised" if proj else "none", stale=stale, **extra)


def _loss(kind: str, gamma: float | None = None, **how) -> dict:
    return {"objective": _kdd(**how) if kind == "kdd" else Hinge() + gamma * _kdd(**how)}


def _kddgan() -> list[Row]:
    free, plain = biggan_cifar(classes=0), biggan_cifar()
    table1 = {
        "hinge": {},
        **{f"kdd-tau{tau:g}": _loss("kdd", tau=tau) for tau in (0.05, 1.0, 5.0)},
        "kdd-jacd": _loss("kdd") | {"terms": JAC},
        **{f"joint-gamma{g:g}": _loss("joint", g) for g in (0.1, 0.5, 1.0, 10.0)},
        "kdd-tau0.05-noproj": _loss("kdd", tau=0.05, proj=False),
        "hinge-uncond": {"nets": free},
        "kdd-tau0.05-uncond": {"nets": free} | _loss("kdd", tau=0.05, proj=False),
        "joint-uncond": {"nets": free} | _loss("joint", 1.0, tau=0.05, proj=False),
    }
    table2 = {
        "hinge": {},
        "kdd": _loss("kdd"),
        **{f"kdd-da{n}": _loss("kdd", copies=n) for n in (1, 3, 7)},
        "kdd-jacd": _loss("kdd") | {"terms": JAC},
        "kdd-jacd-da7": _loss("kdd", copies=7) | {"terms": JAC},
    }
    table3 = {
        "hinge": {},
        "kdd": _loss("kdd"),
        "kdd-da1": _loss("kdd", copies=1),
        "kdd-da3": _loss("kdd", copies=3),
        "kdd-jacd": _loss("kdd") | {"terms": JAC},
        "kdd-jacd-da1": _loss("kdd", copies=1) | {"terms": JAC},
        "joint1-da1": _loss("joint", 1.0, copies=1),
        "joint1-jacd-da1": _loss("joint", 1.0, copies=1) | {"terms": JAC},
        "joint0.5": _loss("joint", 0.5),
        "joint0.5-jacd": _loss("joint", 0.5) | {"terms": JAC},
    }
    table4 = {
        **{k: v for k, v in table3.items() if not k.startswith("joint")},
        "joint0.5": _loss("joint", 0.5),
        "joint0.5-stale": _loss("joint", 0.5, stale="g_step"),
        "joint0.5-da1": _loss("joint", 0.5, copies=1),
        "joint0.5-jacd": _loss("joint", 0.5) | {"terms": JAC},
        "joint1-jacd-da1": _loss("joint", 1.0, copies=1) | {"terms": JAC},
    }
    joint = {
        f"joint{g:g}{k}": _loss("joint", g, copies=1 if "da1" in k else 0)
        | ({"terms": JAC} if "jacd" in k else {})
        for g in (1.0, 0.5)
        for k in ("", "-da1", "-jacd", "-jacd-da1")
    }
    # the appendix prints Tables 3 and 4 again, with more rows
    table5, table6 = (
        {k: v for k, v in joint.items() if k not in known} for known in (table4, table3)
    )
    cifar = dict(
        data="cifar10",
        size=32,
        norm="batch",
        note="Features, projection and evaluation mode are our reading (A2, A3, A10).",
    )
    large = SAGAN.but(nets=sagan64(1000), batch=128)
    rows = [
        Row(f"kddgan/table1/{k}", BIGGAN.but(**({"nets": plain} | v)), steps=200_000, **cifar)
        for k, v in table1.items()
    ]
    rows += [
        Row(f"kddgan/table2/{k}", BIGGAN.but(**v), steps=100_000, **cifar)
        for k, v in table2.items()
    ]
    rows += [
        Row(f"kddgan/table3/{k}", SAGAN.but(**v), "tiny-imagenet", 64, 100_000)
        for k, v in table3.items()
    ]
    imagenet = dict(data="imagenet64", size=64, steps=500_000, keep=0.5)
    rows += [Row(f"kddgan/table4/{k}", large.but(**v), **imagenet) for k, v in table4.items()]
    rows += [Row(f"kddgan/table5/{k}", large.but(**v), **imagenet) for k, v in table5.items()]
    rows += [
        Row(f"kddgan/table6/{k}", SAGAN.but(**v), "tiny-imagenet", 64, 100_000)
        for k, v in table6.items()
    ]
    return rows


ROWS: dict[str, Row] = {row.name: row for row in [*_adaptivemix(), *_advlat(), *_kddgan()]}


# -- a recipe from names: what notebook 10 takes as parameters -----------------------------------------------------------
def _nets(width: int, size: int, channels: int, classes: int) -> dict:
    """Each net at its usual width where `width` is 0."""
    square = {"size": size, "channels": channels}

    def given(default: int) -> dict:
        return {**square, "width": width or default}

    part = (width or 64) / 64
    return {
        "dcgan": lambda: Dcgan(**given(64)),
        "dcgan-mean": lambda: Dcgan(norm="none", head="mean", **given(64)),
        "dcgan-plain": lambda: Dcgan(norm="none", **given(64)),
        "dcgan-bn": lambda: BnDcgan(**given(64)),
        "acgan": lambda: BnDcgan(classes=classes, **given(64)),
        "msgan": lambda: ConditionalDcgan(classes=classes, **given(128)),
        "cnn": lambda: Cnn(norm="spectral", **given(64)),
        "cnn-plain": lambda: Cnn(norm="none", **given(64)),
        "sngan-resnet": lambda: sngan_resnet(size, part, channels=channels),
        "wgangp-resnet": lambda: wgangp_resnet(size, part, channels=channels),
        "biggan": lambda: biggan_cifar(classes=classes, width=width or None, channels=channels),
        "biggan-uncond": lambda: biggan_cifar(classes=0, width=width or None, channels=channels),
        "sagan64": lambda: sagan64(classes, width or 32, channels=channels),
    }


OBJECTIVES: dict[str, object] = {
    "non-saturating": NonSaturating(),
    "hinge": Hinge(),
    "lsgan": LSGAN(),
    "wgan": WGAN(None),
    "wgan-clip": WGAN(0.1),
    "kdd": KDD(),
    "kdd-proj": _kdd(),
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
AUGMENTS: dict[str, object] = {"none": None, "diffaugment": DiffAugment(), "noise": InstanceNoise()}
SAMPLERS: dict[str, object] = {
    "none": None,
    "advlatgan-z": Z_SEARCH,
    "dot": DOT(),
    "ddls": DDLS(),
    "evolgan": EvolGAN(),
    "drs": DRS(),
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
    """A recipe from the names in NETS, OBJECTIVES, TERMS and AUGMENTS; `parts` are fields of Recipe. ValueError for unknown names."""
    known = {
        "nets": _nets(width, size, channels, classes),
        "objective": OBJECTIVES,
        "augment": AUGMENTS,
    }
    for field, name, names in [
        ("nets", nets, known["nets"]),
        ("objective", objective, OBJECTIVES),
        ("augment", augment, AUGMENTS),
        *(("terms", t, TERMS) for t in terms),
    ]:
        if name not in names:
            raise ValueError(f"{field}={name!r}: expected one of {', '.join(names)}")
    chosen = known["nets"][nets]()
    if "classes" in terms and (nets != "acgan"):
        raise ValueError(
            f"terms has 'classes' with nets={nets!r}: the auxiliary classifier needs nets='acgan'"
        )
    if objective == "kdd-proj" and nets not in ("biggan", "sagan64"):
        raise ValueError(
            f"objective='kdd-proj' with nets={nets!r}: a projection needs class embeddings, nets 'biggan' or 'sagan64'"
        )
    return Recipe(
        chosen,
        OBJECTIVES[objective],
        tuple(TERMS[t] for t in terms),
        qua(qua_eps) if qua_eps else None,
        Adam(lr, betas),
        Adam(lr, betas),
        augment=AUGMENTS[augment],
        **parts,
    )


def planned(cfg, images: dict) -> Row:
    """The Row that the parameters of notebook 10 ask for: a row of the papers, or one composed of names; `cfg` a FullRunConfig.

    `images` says what the data are: {"channels": 3, "classes": 10}. Where the parameters give no value, the row's own holds.
    Raises ValueError where a row has no such part to change: betas where its optimiser is RMSprop.
    """
    row = _composed(cfg, images) if cfg.row is None else _changed(find(cfg.row), cfg, images)
    changes = {"split": cfg.split, "reference": cfg.reference, "n_fake": cfg.n_fake}
    changes = {name: value for name, value in changes.items() if value}
    if cfg.sampler is not None:
        changes["sampler"] = SAMPLERS[cfg.sampler]
    return dataclasses.replace(row, **changes)


def _composed(cfg, images: dict) -> Row:
    size, steps = cfg.size or cfg.usual_size, cfg.steps or 100_000
    recipe = compose(
        cfg.nets,
        cfg.objective,
        cfg.term_list,
        cfg.qua_eps,
        cfg.augment,
        cfg.width,
        size,
        lr=cfg.lr or 2e-4,
        betas=(cfg.beta1, cfg.beta2),
        batch=cfg.batch or 64,
        n_dis=cfg.n_dis,
        order="epochs",
        decay=steps if cfg.decay else None,
        ema=_average(cfg, None, steps),
        **images,
    )
    return Row("composed", recipe, cfg.dataset or "digits", size, steps)


def _changed(row: Row, cfg, images: dict) -> Row:
    """A row with the values that the parameters give in place of its own."""
    r, steps = row.recipe, cfg.steps or row.steps
    nets = {
        k: v for k, v in images.items() if k == "channels" or (k == "classes" and r.nets.classes)
    }
    if cfg.width:
        nets |= _thinned(r.nets, cfg.width / 64)
    if cfg.size:
        nets["size"] = cfg.size
    changes = {"nets": dataclasses.replace(r.nets, **nets), "ema": _average(cfg, r.ema, steps)}
    for name in ("g_opt", "d_opt"):
        changes[name] = _paced(getattr(r, name), cfg)
    if cfg.batch:
        changes["batch"], changes["g_batch"] = (
            cfg.batch,
            r.g_batch and cfg.batch * r.g_batch // r.batch,
        )
    if cfg.n_dis:
        changes["n_dis"] = cfg.n_dis
    decays = r.decay is not None if cfg.decay is None else cfg.decay
    changes["decay"] = steps if decays else None
    recipe = r.but(**changes)
    return dataclasses.replace(
        row, recipe=recipe, steps=steps, data=cfg.dataset or row.data, size=cfg.size or row.size
    )


def _paced(rule, cfg):
    """An optimiser with the rate and the betas that the parameters give."""
    if cfg.lr:
        rule = dataclasses.replace(rule, lr=cfg.lr)
    if cfg.beta1 is None and cfg.beta2 is None:
        return rule
    if not isinstance(rule, Adam):
        raise ValueError(
            f"beta1={cfg.beta1}, beta2={cfg.beta2}: row={cfg.row!r} is trained by {rule}, "
            "which has no betas: leave them"
        )
    own = rule.betas
    betas = (own[0] if cfg.beta1 is None else cfg.beta1, own[1] if cfg.beta2 is None else cfg.beta2)
    return dataclasses.replace(rule, betas=betas)


def _average(cfg, own: Ema | None, steps: int) -> Ema | None:
    """The moving average that the parameters ask for; its start, where they do not say it, is within the budget.

    A row's own average keeps the paper's start. One that is asked for begins after a tenth of the steps, 1000 at most:
    a start beyond the last step would make it a copy of G.
    """
    decay = (own.decay if own else 0.0) if cfg.ema is None else cfg.ema
    if not decay:
        if cfg.ema_start is not None:
            raise ValueError(f"ema_start={cfg.ema_start}: there is no moving average: give ema too")
        return None
    if cfg.ema_start is not None:
        start = cfg.ema_start
    elif cfg.ema is None:
        return own
    else:
        start = min(own.start if own else 1000, steps // 10)
    if start >= steps:
        raise ValueError(f"ema_start={start}: the run ends after {steps} steps: begin earlier")
    return Ema(decay, start)


def find(name: str) -> Row:
    """The row of that name; ValueError with the nearest names."""
    if name not in ROWS:
        close = difflib.get_close_matches(name, ROWS, 3, 0.5)
        raise ValueError(
            f"unknown row {name!r}: "
            + (f"did you mean {' or '.join(close)}?" if close else "see tables.ROWS")
        )
    return ROWS[name]


def _thinned(nets, factor: float) -> dict:
    """The widths of nets times a factor, at least 4."""
    widths = {
        f.name: getattr(nets, f.name)
        for f in dataclasses.fields(nets)
        if f.name in ("width", "g_widths", "d_widths", "shared")
    }

    def thin(w: int) -> int:
        return w and max(4, round(w * factor))

    return {k: tuple(map(thin, v)) if isinstance(v, tuple) else thin(v) for k, v in widths.items()}
