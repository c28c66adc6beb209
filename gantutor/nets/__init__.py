"""Generators and discriminators. Every discriminator is features -> head and returns a Critique."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.nn.utils import parametrizations, parametrize


class Critique(NamedTuple):
    """What a discriminator says of a batch: `score` (..., B), raw and unbounded, and `features` (..., B, K).

    `outputs` (B, n): what its head says besides, where it has more to say: class logits (ACGAN), outcomes (Realness).
    """

    score: Tensor
    features: Tensor
    outputs: Tensor | None = None

    def split(self, sizes: list[int], dim: int) -> list["Critique"]:
        """Cut along the batch axis `dim`."""
        cut = [(None,) * len(sizes) if t is None else t.split(sizes, dim) for t in self]
        return [Critique(*parts) for parts in zip(*cut, strict=True)]

    def detach(self) -> "Critique":
        """The same numbers as constants."""
        return Critique(*(None if t is None else t.detach() for t in self))


class Discriminator(nn.Module):
    """A critic that the papers can look into: `features(x)`, the F of AdaptiveMix, and `head(v)`, its J.

    A conditional critic takes class indices y (B,) in both; `reads_labels` says that its trunk needs them too.
    """

    reads_labels = False

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Trunk: a batch to its features (..., B, K)."""
        raise NotImplementedError

    def head(self, v: Tensor, y: Tensor | None = None) -> Tensor:
        """Head: features (..., B, K) to scores (..., B)."""
        raise NotImplementedError

    def outputs(self, v: Tensor) -> Tensor | None:
        """What else the head says of features: class logits or outcomes (B, n), or None."""

    def pooled(self, v: Tensor) -> Tensor:
        """The features in which KDD measures similarity; nets with feature maps sum over positions."""
        return v

    def embed(self, y: Tensor) -> Tensor:
        """A vector for each label (B, K'), K' the width of `pooled`: the V of the projection <V_y, h>."""
        raise TypeError(
            f"{type(self).__name__} has no class embedding: a projection needs nets with classes"
        )

    def forward(self, x: Tensor, y: Tensor | None = None) -> Critique:
        labels = () if y is None else (y,)  # the plane's critics know nothing of labels
        v = self.features(x, *labels)
        # losses are taken in float32 whatever the convolutions ran in
        return Critique(full(self.head(v, *labels)), full(v), full(self.outputs(v)))


def full(t: Tensor | None) -> Tensor | None:
    """float32 for what autocast left in 16 bits; others as they are."""
    return t.float() if t is not None and t.dtype in (torch.bfloat16, torch.float16) else t


class Labelled(nn.Module):
    """A net with its labels filled in, so that whoever knows only z or x can call it; it is the net's own modules inside."""

    def __init__(self, net: nn.Module, y: Tensor | None):
        super().__init__()
        self.net, self.y = net, y

    def forward(self, x: Tensor):
        return self.net(x) if self.y is None else self.net(x, self.y)


def initialise(module: nn.Module, rng, how=None) -> nn.Module:
    """Fill every parameter from `rng` alone: PyTorch's default distributions, or `how(name, tensor, generator)` -> handled.

    A net is built on the meta device and filled here, so that building it neither reads nor moves the global random state.
    """
    if rng.stacked:
        raise ValueError(
            f"{type(module).__name__} trains one seed at a time; only the plane's MLPs stack several"
        )
    module = module.to_empty(device=rng.device)
    g = rng.generators[0]
    for path, part in module.named_modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.reset_running_stats()
        for name, p in part.named_parameters(recurse=False):
            with torch.no_grad():
                if how is not None and how(part, name, p, g):
                    continue
                if isinstance(part, nn.modules.batchnorm._BatchNorm):
                    p.fill_(1.0 if name == "weight" else 0.0)
                elif isinstance(part, nn.Embedding):
                    p.normal_(generator=g)
                else:
                    fan_in = nn.init._calculate_fan_in_and_fan_out(part.weight)[0]
                    p.uniform_(-(fan_in**-0.5), fan_in**-0.5, generator=g)
    return module


class _Spectral(parametrizations._SpectralNorm):
    """torch's, in full precision also where autocast would take its products in 16 bits: sigma divides every weight."""

    def forward(self, weight: Tensor) -> Tensor:
        with torch.autocast(weight.device.type, enabled=False):
            return super().forward(weight)


def spectral(layer: nn.Module, rng) -> nn.Module:
    """Divide the layer's weight by its largest singular value from now on (Miyato et al. 2018); the vectors come from `rng`."""
    with torch.random.fork_rng(
        [rng.device] if rng.device.type == "cuda" else []
    ):  # torch's own start is drawn and dropped
        out_axis = 1 if isinstance(layer, nn.ConvTranspose2d) else 0
        parametrize.register_parametrization(layer, "weight", _Spectral(layer.weight, dim=out_axis))
    for vector in layer.parametrizations.weight.buffers():
        vector.copy_(normalize(rng.randn(len(vector)), dim=0))
    for _ in range(15):  # each look at the weight is one power iteration; torch starts with 15 too
        layer.weight  # noqa: B018
    return layer


class ImageNets:
    """What the specs of image nets share, frozen dataclasses all: `blank()` lays out a pair, `build(rng)` gives it weights.

    `norm` is the critic's: "spectral", "batch" or "none"; `g_spectral`: spectral norm in the generator too; `classes` 0:
    unconditional nets.
    """

    norm, g_spectral, classes = "none", False, 0

    @property
    def joint(self) -> bool:
        """Only a critic without normalisation says the same in one call as in two: batch norm mixes the batches' statistics,
        and spectral norm takes one power iteration a call.
        """
        return self.norm == "none"

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of the images that G makes and the critic takes."""
        return self.channels, self.size, self.size

    def blank(self) -> tuple[nn.Module, Discriminator]:
        """Generator and critic without spectral norm, weights as PyTorch makes them; on the meta device they cost nothing."""
        raise NotImplementedError

    def start(self, part: nn.Module, name: str, p: Tensor, generator) -> bool:
        """Fill one parameter and return True; False leaves it to PyTorch's default distribution."""
        return False

    def build(self, rng) -> tuple[nn.Module, Discriminator]:
        """Fresh generator and critic, drawn from `rng` alone."""
        with torch.device("meta"):
            G, D = self.blank()
        # channels last: a tenth faster on a CPU, and what tensor cores want
        G, D = (
            initialise(net.to(memory_format=torch.channels_last), rng, self.start) for net in (G, D)
        )
        # after the weights are set: the wrapped weight is computed anew at each look, and setting it would be lost
        normed = [(G, (nn.Conv2d, nn.Linear))] if self.g_spectral else []
        normed += [(D, (nn.Conv2d, nn.Linear, nn.Embedding))] if self.norm == "spectral" else []
        for net, kinds in normed:
            for layer in [part for part in net.modules() if isinstance(part, kinds)]:
                spectral(layer, rng)
        return G, D


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
    """Raise ValueError for a number of classes below `least`, or of 1."""
    if classes < least or classes == 1:
        raise ValueError(
            f"classes={classes}: expected at least 2"
            + ("" if least else ", or 0 for nets without labels")
        )
