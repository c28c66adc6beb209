"""Specs: frozen descriptions of a pair of nets, which `build(rng)` turns into modules."""

import torch
from torch import Tensor, nn

from gantutor.nets.base import Discriminator
from gantutor.nets.norms import spectral
from gantutor.plain import missing


def classes_of(spec) -> int:
    """The number of classes that a pair's nets are told, or 0; also for specs without the field."""
    return getattr(spec, "classes", 0)


def initialise(module: nn.Module, rng, how=None) -> nn.Module:
    """Fill every parameter from `rng` alone, and return the module on the device of `rng`.

    `how(part, name, tensor, generator)` fills a tensor and returns True; where it returns False, or
    without it, PyTorch's default distribution is used. A net is laid out on the meta device and
    filled here, so that building it neither reads nor advances the global random state.
    Raises ValueError for an `rng` of several seeds.
    """
    if rng.stacked:
        raise ValueError(
            f"{type(module).__name__} trains one seed at a time; only the plane's MLPs take several"
        )
    module = module.to_empty(device=rng.device)
    g = rng.generators[0]
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.reset_running_stats()
        for name, p in part.named_parameters(recurse=False):
            with torch.no_grad():
                if how is None or not how(part, name, p, g):
                    _by_default(part, name, p, g)
    return module


def _by_default(part: nn.Module, name: str, p: Tensor, generator: torch.Generator) -> None:
    """Fill a parameter as PyTorch's own layer would."""
    if isinstance(part, nn.modules.batchnorm._BatchNorm):
        p.fill_(1.0 if name == "weight" else 0.0)
    elif isinstance(part, nn.Embedding):
        p.normal_(generator=generator)
    else:
        fan_in = nn.init._calculate_fan_in_and_fan_out(part.weight)[0]
        p.uniform_(-(fan_in**-0.5), fan_in**-0.5, generator=generator)


class ImageNets:
    """What the specs of image nets share; each is a frozen dataclass.

    `blank()` lays out a pair of nets, and `build(rng)` gives it weights.
    `norm`: the discriminator's, "spectral", "batch" or "none".
    `g_spectral`: whether the generator has spectral norm too.
    `classes`: 0 for unconditional nets.
    `layouts`: memory formats of generator and discriminator on a CPU, where channels last is
        usually a tenth faster; tensor cores always want it.
    """

    norm, g_spectral, classes = "none", False, 0
    layouts = (torch.channels_last, torch.channels_last)

    @property
    def joint(self) -> bool:
        """Whether the discriminator gives the same scores in one call as in two.

        Only one without normalisation does: batch norm mixes the statistics of the two batches, and
        spectral norm takes one power iteration a call.
        """
        return self.norm == "none"

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of the images that G makes and D takes."""
        return self.channels, self.size, self.size

    def blank(self) -> tuple[nn.Module, Discriminator]:
        """Generator and discriminator without spectral norm, with PyTorch's default weights.

        On the meta device they take neither time nor memory.
        """
        raise missing(self, "blank()", "the pair of generator and discriminator")

    def start(self, part: nn.Module, name: str, p: Tensor, generator) -> bool:
        """Fill one parameter and return True, or return False for PyTorch's default."""
        return False

    def build(self, rng) -> tuple[nn.Module, Discriminator]:
        """Fresh generator and discriminator, drawn from `rng` alone."""
        with torch.device("meta"):
            G, D = self.blank()
        layouts = self.layouts if rng.device.type == "cpu" else (torch.channels_last,) * 2
        G, D = (
            initialise(net.to(memory_format=layout), rng, self.start)
            for net, layout in zip((G, D), layouts, strict=True)
        )
        # after the weights are set: a parametrised weight is computed at each access, so that
        # values written to it would be lost
        if self.g_spectral:
            _normalise(G, (nn.Conv2d, nn.Linear), rng)
        if self.norm == "spectral":
            _normalise(D, (nn.Conv2d, nn.Linear, nn.Embedding), rng)
        return G, D


def _normalise(net: nn.Module, kinds: tuple[type, ...], rng) -> None:
    """Give every layer of these kinds spectral norm."""
    for layer in [part for part in net.modules() if isinstance(part, kinds)]:
        spectral(layer, rng)


def check_labels(net: nn.Module, y: Tensor | None) -> None:
    """Raise TypeError where a net with `classes` gets no labels y, or one without gets some."""
    if (y is None) == bool(net.classes):
        said = (
            "no labels: pass class indices y (B,)"
            if y is None
            else "labels, but knows no classes: build it with classes=..."
        )
        raise TypeError(
            f"{type(net).__module__}.{type(net).__name__} with classes={net.classes} got {said}"
        )


def check_classes(classes: int, least: int = 0) -> None:
    """Raise ValueError for a number of classes below `least`, or for a single class."""
    if classes < least or classes == 1:
        raise ValueError(
            f"classes={classes}: expected at least 2"
            + ("" if least else ", or 0 for nets without labels")
        )
