"""DCGANs: of RealnessGAN and AdaptiveMix, of AdvLatGAN (batch norm last), of MSGAN (labels)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import fold, leaky_relu, one_hot, softmax

from gantutor.nets.base import Critique, Discriminator, full
from gantutor.nets.norms import BatchNorm2d
from gantutor.nets.specs import ImageNets, check_classes, check_labels
from gantutor.plain import one_of, settle

NORMS = ("spectral", "batch", "none")


class Doubling(nn.ConvTranspose2d):
    """A transposed 4x4 convolution that doubles the side.

    On small maps it is one matrix product where that is possible: PyTorch's own convolution takes
    up to three times as long there on a CPU.
    """

    def __init__(self, a: int, b: int, bias: bool):
        super().__init__(a, b, 4, 2, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        n, channels, h, w = x.shape
        if x.device.type != "cpu" or h * w > 16 or torch.is_autocast_enabled("cpu"):
            return super().forward(x)
        patches = x.flatten(2).mT.reshape(-1, channels) @ self.weight.flatten(1)
        y = fold(patches.view(n, h * w, -1).mT, (2 * h, 2 * w), 4, padding=1, stride=2)
        return y if self.bias is None else y + self.bias[:, None, None]


class Generator(nn.Module):
    """z (B, z) to images (B, channels, size, size) in [-1, 1].

    The first layer makes maps of `side`; each further one doubles the side and halves the width.
    With `classes`, labels y (B,) enter the latent: as a one-hot code appended to it, or, with
    `product`, by multiplication with an embedding.
    """

    def __init__(
        self,
        z: int,
        widths: list[int],
        channels: int,
        side: int = 4,
        bias: bool = False,
        classes: int = 0,
        product: bool = False,
    ):
        super().__init__()
        self.classes = classes
        n_in = z if product else z + classes
        layers = [nn.ConvTranspose2d(n_in, widths[-1], side, 1, 0, bias=bias)]
        for a, b in zip(widths[::-1], [*widths[-2::-1], channels], strict=True):
            layers += [
                BatchNorm2d(a),
                nn.ReLU(inplace=True),
                Doubling(a, b, bias),
            ]
        self.layers = nn.Sequential(*layers, nn.Tanh())
        self.table = nn.Embedding(classes, z) if classes and product else None

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        check_labels(self, y)
        if self.table is not None:
            z = z * self.table(y)
        elif self.classes:
            z = torch.cat([z, one_hot(y, self.classes).to(z.dtype)], -1)
        return self.layers(z[..., None, None])


class Critic(Discriminator):
    """Images to strided convolutions with leaky ReLU, to features, to a head.

    The features are the last 4x4 maps, flattened: (B, 16 width). Heads:
    a linear score;
    the plain mean of the features, with no activation after the last convolution (AdaptiveMix's
    Eq. 6);
    `outcomes` K > 1: logits on the support linspace(-1, 1, K), whose expectation is the score
    (RealnessGAN). With `resample` the head's 2K outputs are the means and then the log variances of
    the logits, one linear layer under one spectral norm, as in RealnessGAN's code.
    With `classes`, labels enter as one-hot planes appended to the image (MSGAN).
    """

    def __init__(
        self,
        widths: list[int],
        channels: int,
        norm: str,
        head: str = "linear",
        outcomes: int = 1,
        resample: bool = False,
        bias: bool = False,
        classes: int = 0,
    ):
        super().__init__()
        self.outcomes, self.classes, self.reads_labels = outcomes, classes, bool(classes)
        pairs = zip([channels + classes, *widths], widths, strict=False)
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 4, 2, 1, bias=bias) for a, b in pairs)
        # no batch norm in the layer that sees the pixels (Radford et al. 2016)
        self.norms = nn.ModuleList(
            BatchNorm2d(b) if norm == "batch" and i else nn.Identity() for i, b in enumerate(widths)
        )
        n_out = 2 * outcomes if resample else outcomes
        self.out = nn.Linear(16 * widths[-1], n_out, bias=bias) if head == "linear" else None

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        if self.classes:
            check_labels(self, y)
            planes = one_hot(y, self.classes).to(x.dtype)[..., None, None]
            x = torch.cat([x, planes.expand(-1, -1, *x.shape[2:])], 1)
        for i, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True), 1):
            x = norm(layer(x))
            # a plain mean must be free to take both signs
            if self.out is not None or i < len(self.layers):
                x = leaky_relu(x, 0.2)
        return x.flatten(1)

    def head(self, v: Tensor, y: Tensor | None = None) -> Tensor:
        if self.outcomes > 1:
            return expectation(self.out(v)[..., : self.outcomes])
        return v.mean(-1) if self.out is None else self.out(v).squeeze(-1)

    def outputs(self, v: Tensor) -> Tensor | None:
        """Logits of the outcomes (B, K), or their means and log variances (B, 2K).

        None for a head of one outcome.
        """
        return self.out(v) if self.outcomes > 1 else None

    def pooled(self, v: Tensor) -> Tensor:
        """Sum over the 4x4 positions: (B, width), as BigGAN pools and KDD GAN measures."""
        return v.unflatten(-1, (-1, 16)).sum(-1)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Critique:
        if self.outcomes == 1:
            return super().forward(x, y)
        v = self.features(x, y)
        # once for both score and outputs: each access to a spectral layer is a power iteration
        logits = full(self.outputs(v))
        return Critique(expectation(logits[..., : self.outcomes]), full(v), logits)


def expectation(logits: Tensor) -> Tensor:
    """Realness (B,) in [-1, 1] from the logits of K outcomes (B, K).

    It is their mean on the support linspace(-1, 1, K).

    >>> expectation(torch.zeros(1, 3))
    tensor([0.])
    """
    support = torch.linspace(-1, 1, logits.shape[-1], device=logits.device)
    return (softmax(logits, -1) * support).sum(-1)


@dataclass(frozen=True)
class Dcgan(ImageNets):
    """DCGAN for square images.

    z: width of the latent.
    width: channels of the layer next to the pixels, doubled in each further one.
    size: side of the images, 4 * 2^k.
    channels: 1 for grey images, 3 for colour.
    norm: the discriminator's, "spectral" (the reference of AdaptiveMix's Table 4), "batch"
        (Radford et al. 2016) or "none".
    head: of the discriminator, "linear" or the features' "mean".
    outcomes: K > 1 for RealnessGAN's head of K outcomes.
    resample: whether this head gives means and log variances of its logits.
    """

    z: int = 100
    width: int = 64
    size: int = 32
    channels: int = 3
    norm: str = "spectral"
    head: str = "linear"
    outcomes: int = 1
    resample: bool = False

    # `Doubling` multiplies by weights row by row
    layouts = (torch.contiguous_format, torch.channels_last)

    def __post_init__(self):
        settle(self)
        one_of("norm", self.norm, NORMS)
        one_of("head", self.head, ("linear", "mean"))
        if self.size < 8 or self.size & (self.size - 1):
            raise ValueError(f"size={self.size}: expected 8, 16, 32, 64, ...")
        if min(self.z, self.width, self.channels, self.outcomes) < 1:
            raise ValueError(
                f"z={self.z}, width={self.width}, channels={self.channels}, "
                f"outcomes={self.outcomes}: expected numbers of at least 1"
            )
        if self.outcomes > 1 and self.head == "mean" or self.resample and self.outcomes == 1:
            raise ValueError(
                f"outcomes={self.outcomes}, head={self.head!r}, resample={self.resample}: "
                "several outcomes need head='linear', and resampling needs several outcomes"
            )

    @property
    def widths(self) -> list[int]:
        """Channels of the maps, from the pixels inwards."""
        return [self.width * 2**i for i in range(self.size.bit_length() - 3)]

    def blank(self) -> tuple[Generator, Critic]:
        return Generator(self.z, self.widths, self.channels), self._critic()

    def _critic(self, **how) -> Critic:
        return Critic(
            self.widths, self.channels, self.norm, self.head, self.outcomes, self.resample, **how
        )

    def start(self, part: nn.Module, name: str, p: Tensor, generator) -> bool:
        """N(0, 0.02) for weights, N(1, 0.02) for those of batch norm, whose bias starts at 0.

        As in Radford et al. (2016).
        """
        norm = isinstance(part, nn.BatchNorm2d)
        if norm and name == "bias":
            return False
        p.normal_(1.0 if norm else 0.0, 0.02, generator=generator)
        return True


@dataclass(frozen=True)
class ConditionalDcgan(Dcgan):
    """The class-conditional DCGAN of MSGAN and AdvLatGAN-div, with the options of `Dcgan`.

    classes: number of classes, at least 2. Labels are one-hot, appended to the latent and, as
        planes, to the image.

    The discriminator's trunk reads labels, so images without any (mixed ones) cannot be scored.
    """

    width: int = 128
    norm: str = "batch"
    classes: int = 10

    def __post_init__(self):
        super().__post_init__()
        check_classes(self.classes, least=2)

    def blank(self) -> tuple[Generator, Critic]:
        how = {"bias": True, "classes": self.classes}
        return Generator(self.z, self.widths, self.channels, **how), self._critic(**how)

    def start(self, part: nn.Module, name: str, p: Tensor, generator) -> bool:
        """N(0, 0.02) for the convolutions' weights; the rest is PyTorch's default."""
        if name == "bias" or isinstance(part, nn.BatchNorm2d):
            return False
        p.normal_(0.0, 0.02, generator=generator)
        return True


class BnCritic(Discriminator):
    """Images to four 5x5 convolutions of stride 2, to features (B, 8 width side^2), to a head.

    Each convolution is followed by leaky ReLU and then, but for the first, by batch norm. The head
    is a linear score, and with `classes` also the logits of the classes (ACGAN, Odena et al. 2017).
    """

    def __init__(self, width: int, side: int, channels: int, classes: int):
        super().__init__()
        widths, self.positions = [width, 2 * width, 4 * width, 8 * width], side**2
        layers = []
        for i, (a, b) in enumerate(zip([channels, *widths], widths, strict=False)):
            layers += [
                nn.Conv2d(a, b, 5, 2, 2, bias=False),
                nn.LeakyReLU(0.2),
                BatchNorm2d(b) if i else nn.Identity(),
            ]
        self.layers = nn.Sequential(*layers)
        self.names = nn.Linear(widths[-1] * self.positions, classes) if classes else None
        self.out = nn.Linear(widths[-1] * self.positions, 1)

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.layers(x).flatten(1)

    def head(self, v: Tensor, y: Tensor | None = None) -> Tensor:
        return self.out(v).squeeze(-1)

    def outputs(self, v: Tensor) -> Tensor | None:
        return None if self.names is None else self.names(v)

    def pooled(self, v: Tensor) -> Tensor:
        """Sum over the positions of the last map: (B, 8 width)."""
        return v.unflatten(-1, (-1, self.positions)).sum(-1)


@dataclass(frozen=True)
class BnDcgan(ImageNets):
    """AdvLatGAN's DCGAN "cnn", which is that of pytorch-gan-collections.

    z: width of the latent.
    width: channels of the discriminator's first layer; it scales both nets.
    size: side of the images, a multiple of 16 (32, 48, 64, 128).
    channels: 1 for grey images, 3 for colour.
    classes: number of classes of an ACGAN, whose latent is multiplied by an embedding and whose
        discriminator also gives class logits; 0: unconditional nets.
    """

    z: int = 100
    width: int = 64
    size: int = 32
    channels: int = 3
    classes: int = 0

    norm = "batch"
    # `Doubling` multiplies by weights row by row; 5x5 convolutions are a quarter faster so
    layouts = (torch.contiguous_format, torch.contiguous_format)

    def __post_init__(self):
        settle(self)
        if self.size < 16 or self.size % 16:
            raise ValueError(f"size={self.size}: expected a multiple of 16: 32, 48, 64, 128")
        if min(self.z, self.width, self.channels) < 1:
            raise ValueError(
                f"z={self.z}, width={self.width}, channels={self.channels}: expected numbers of at "
                "least 1"
            )
        check_classes(self.classes)

    def blank(self) -> tuple[Generator, BnCritic]:
        widths, side = [self.width * 2**i for i in (1, 2, 3, 4)], self.size // 16
        return (
            Generator(self.z, widths, self.channels, side, classes=self.classes, product=True),
            BnCritic(self.width, side, self.channels, self.classes),
        )
