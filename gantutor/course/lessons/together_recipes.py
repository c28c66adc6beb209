"""The recipes of notebook 14: every subset of the three methods, on a base with the hinge."""

from gantutor.course.lessons.together import TogetherConfig
from gantutor.course.lessons.together_grid import FACTORS, PAPERS, Setting, chosen
from gantutor.methods import IFGSM, KDD, AdaptiveMix
from gantutor.nets.dcgan import Dcgan
from gantutor.nets.mlp import mlp
from gantutor.nets.pixels import PixelMlp
from gantutor.objectives import Hinge
from gantutor.recipes import Adam, Recipe
from gantutor.statistics import subsets


def setting(cfg: TogetherConfig, data: str) -> Setting:
    """What each method gets on a distribution or an image set.

    That is the grid's choice, or `PAPERS` for a set without a grid, except for what was given as a
    parameter.
    """
    found = chosen(data)
    settled = PAPERS if found is None else found[0]
    given = (cfg.weight, cfg.qua_eps, cfg.tau)
    pairs = zip(given, (settled.weight, settled.eps, settled.tau), strict=True)
    return Setting(*(mine if mine is not None else grids for mine, grids in pairs))


def called(subset: tuple[str, ...]) -> str:
    """The name of a subset.

    >>> called(()), called(("-qua", "KDD"))
    ('none', '-qua + KDD')
    """
    return " + ".join(subset) or "none"


def combined(base: Recipe, subset: tuple[str, ...], at: Setting) -> Recipe:
    """The base with the methods of a subset, each at its place: term, latent map, objective.

    AdaptiveMix's noise is in units of the features, whose scale differs between these nets. KDD
    keeps the base's hinge and replaces the score that it acts on.
    """
    changes = {}
    if "AdaptiveMix" in subset:
        changes["terms"] = (AdaptiveMix(weight=at.weight, noise_scale="rms"),)
    if "-qua" in subset:
        changes["latent"] = IFGSM(eps=at.eps, steps=1, mode="train_frozen")
    if "KDD" in subset:
        changes["objective"] = KDD(tau=at.tau)
    return base.but(**changes)


def eight(base: Recipe, at: Setting) -> dict[tuple[str, ...], Recipe]:
    """A recipe for each subset of the three methods, by the methods in it.

    >>> found = eight(Recipe(objective=Hinge()), Setting(1.0, 0.03, 1.0))
    >>> [called(subset) for subset in found][:5]
    ['none', 'AdaptiveMix', '-qua', 'KDD', 'AdaptiveMix + -qua']
    """
    return {subset: combined(base, subset, at) for subset in subsets(FACTORS)}


def plane_base(cfg: TogetherConfig) -> Recipe:
    """The baseline on the plane."""
    adam = Adam(cfg.lr, (0.5, 0.99))
    return Recipe(mlp(8, cfg.hidden), Hinge(), g_opt=adam, d_opt=adam, batch=cfg.batch)


def image_base(cfg: TogetherConfig, shape: tuple[int, int, int]) -> Recipe:
    """The baseline on images of this shape (C, H, W)."""
    if cfg.nets == "mlp":
        channels, height, width = shape
        hidden = (cfg.width, cfg.width)
        nets = PixelMlp(16, hidden, hidden, pixels=channels * height * width)
        adam = Adam(cfg.image_lr, (0.5, 0.99))
    else:
        nets = Dcgan(width=cfg.width, size=cfg.size, channels=shape[0])
        adam = Adam(cfg.image_lr, (0.5, 0.999))
    return Recipe(nets, Hinge(), g_opt=adam, d_opt=adam, batch=cfg.image_batch)
