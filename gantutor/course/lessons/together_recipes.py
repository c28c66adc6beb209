"""The recipes of notebook 14: every subset of the three methods, on a base with the hinge."""

from gantutor.course.lessons.together import FACTORS, Setting, TogetherConfig
from gantutor.methods import IFGSM, KDD, AdaptiveMix
from gantutor.nets.dcgan import Dcgan
from gantutor.nets.mlp import mlp
from gantutor.nets.pixels import PixelMlp
from gantutor.objectives import Hinge
from gantutor.recipes import Adam, Recipe
from gantutor.statistics import subsets


def called(subset: tuple[str, ...]) -> str:
    """The name of a subset.

    >>> called(()), called(("-qua", "KDD"))
    ('none', '-qua + KDD')
    """
    return " + ".join(subset) or "none"


def combined(base: Recipe, subset: tuple[str, ...], setting: Setting) -> Recipe:
    """The base with the methods of a subset, each at its place: term, latent map, objective.

    AdaptiveMix's noise is in units of the features, whose scale differs between these nets. KDD
    keeps the base's hinge and replaces the score that it acts on.
    """
    changes = {}
    if "AdaptiveMix" in subset:
        changes["terms"] = (AdaptiveMix(weight=setting.weight, noise_scale="rms"),)
    if "-qua" in subset:
        changes["latent"] = IFGSM(eps=setting.eps, steps=1, mode="train_frozen")
    if "KDD" in subset:
        changes["objective"] = KDD(tau=setting.tau)
    return base.but(**changes)


def eight(base: Recipe, setting: Setting) -> dict[tuple[str, ...], Recipe]:
    """A recipe for each subset of the three methods, by the methods in it.

    >>> found = eight(Recipe(objective=Hinge()), Setting(1.0, 0.03, 1.0))
    >>> [called(subset) for subset in found][:5]
    ['none', 'AdaptiveMix', '-qua', 'KDD', 'AdaptiveMix + -qua']
    """
    return {subset: combined(base, subset, setting) for subset in subsets(FACTORS)}


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
