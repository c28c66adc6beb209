"""DCGANs: of RealnessGAN and AdaptiveMix, of AdvLatGAN (batch norm last), of MSGAN (class labels in both nets)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, one_hot, softmax

from gantutor.nets import Critique, Discriminator, ImageNets, check_classes, check_labels, full
from gantutor.plain import settle

NORMS = ("spectral", "batch", "none")


class Generator(nn.Module):
    """z (B, z) -> images (B, channels, size, size) in [-1, 1]: side x side, then twice the side and half the width a stage.

    Labels, where there are `classes`, enter the latent: as a one-hot code beside it, or by `product` with an embedding.
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
        layers = [
            nn.ConvTranspose2d(z if product else z + classes, widths[-1], side, 1, 0, bias=bias)
        ]
        for a, b in zip(widths[::-1], [*widths[-2::-1], channels], strict=True):
            layers += [
                nn.BatchNorm2d(a),
                nn.ReLU(inplace=True),
                nn.ConvTranspose2d(a, b, 4, 2, 1, bias=bias),
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
    """Images -> strided convolutions with leaky ReLU -> features, the last 4x4 maps flattened (B, 16 width) -> head.

    Head: a linear score; or the features' plain mean, the last convolution then without activation (AdaptiveMix's Eq. 6);
    or `outcomes` K logits on the support linspace(-1, 1, K), whose expectation is the score (RealnessGAN). With `resample`
    the outputs are K means and then K log variances of the logits. `classes`: labels enter as one-hot planes (MSGAN).
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
        # no batch norm on the pixels' own layer (Radford et al. 2016)
        self.norms = nn.ModuleList(
            nn.BatchNorm2d(b) if norm == "batch" and i else nn.Identity()
            for i, b in enumerate(widths)
        )
        self.out = nn.Linear(16 * widths[-1], outcomes, bias=bias) if head == "linear" else None
        self.spread = nn.Linear(16 * widths[-1], outcomes, bias=bias) if resample else None

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        if self.classes:
            check_labels(self, y)
            x = torch.cat(
                [
                    x,
                    one_hot(y, self.classes)
                    .to(x.dtype)[..., None, None]
                    .expand(-1, -1, *x.shape[2:]),
                ],
                1,
            )
        for i, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True), 1):
            x = norm(layer(x))
            if self.out is not None or i < len(
                self.layers
            ):  # a plain mean must be free to take both signs
                x = leaky_relu(x, 0.2)
        return x.flatten(1)

    def head(self, v: Tensor, y: Tensor | None = None) -> Tensor:
        if self.outcomes > 1:
            return expectation(self.out(v))
        return v.mean(-1) if self.out is None else self.out(v).squeeze(-1)

    def outputs(self, v: Tensor) -> Tensor | None:
        """Logits of the outcomes (B, K), or their means and log variances (B, 2K); None where there is one outcome."""
        if self.outcomes > 1:
            return (
                self.out(v) if self.spread is None else torch.cat([self.out(v), self.spread(v)], -1)
            )

    def pooled(self, v: Tensor) -> Tensor:
        """Sum over the 4x4 positions: (B, width), as BigGAN pools and KDD GAN measures."""
        return v.unflatten(-1, (-1, 16)).sum(-1)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Critique:
        if self.outcomes == 1:
            return super().forward(x, y)
        v = self.features(x, y)
        said = full(
            self.outputs(v)
        )  # asked once: each look at a spectral layer takes a power iteration
        return Critique(expectation(said[..., : self.outcomes]), full(v), said)


def expectation(logits: Tensor) -> Tensor:
    """Realness (B,) in [-1, 1] of outcomes' logits (B, K): their mean on the support linspace(-1, 1, K)."""
    support = torch.linspace(-1, 1, logits.shape[-1], device=logits.device)
    return (softmax(logits, -1) * support).sum(-1)


@dataclass(frozen=True)
class Dcgan(ImageNets):
    """DCGAN for square images of side 4 * 2^k; `width` is that of the layer nearest the pixels, doubled each stage.

    `norm` is the critic's: "spectral" (the reference of AdaptiveMix's Table 4), "batch" (Radford et al. 2016) or "none".
    `head`, `outcomes` and `resample` say how the critic ends, see `Critic`.
    """

    z: int = 100
    width: int = 64
    size: int = 32
    channels: int = 3
    norm: str = "spectral"
    head: str = "linear"
    outcomes: int = 1
    resample: bool = False

    def __post_init__(self):
        settle(self)
        if self.norm not in NORMS:
            raise ValueError(f"norm={self.norm!r}: expected one of {', '.join(NORMS)}")
        if self.head not in ("linear", "mean"):
            raise ValueError(f"head={self.head!r}: expected 'linear' or 'mean'")
        if self.size < 8 or self.size & (self.size - 1):
            raise ValueError(f"size={self.size}: expected 8, 16, 32, 64, ...")
        if min(self.z, self.width, self.channels, self.outcomes) < 1:
            raise ValueError(
                f"z={self.z}, width={self.width}, channels={self.channels}, outcomes={self.outcomes}: "
                "expected numbers of at least 1"
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
        return (
            Generator(self.z, self.widths, self.channels),
            Critic(self.widths, self.channels, self.norm, self.head, self.outcomes, self.resample),
        )

    def start(self, part: nn.Module, name: str, p: Tensor, generator) -> bool:
        """N(0, 0.02) for weights, N(1, 0.02) for batch norm's (Radford et al. 2016); its bias starts at 0."""
        norm = isinstance(part, nn.BatchNorm2d)
        if norm and name == "bias":
            return False
        p.normal_(1.0 if norm else 0.0, 0.02, generator=generator)
        return True


@dataclass(frozen=True)
class ConditionalDcgan(Dcgan):
    """MSGAN's and AdvLatGAN-div's class-conditional DCGAN: one-hot labels beside the latent, and as planes beside the image.

    Its critic's trunk reads labels, so images without any (mixed ones) cannot be judged.
    """

    width: int = 128
    norm: str = "batch"
    classes: int = 10

    def __post_init__(self):
        super().__post_init__()
        check_classes(self.classes, least=2)

    def blank(self):
        return (
            Generator(self.z, self.widths, self.channels, bias=True, classes=self.classes),
            Critic(
                self.widths,
                self.channels,
                self.norm,
                self.head,
                self.outcomes,
                self.resample,
                True,
                self.classes,
            ),
        )

    def start(self, part, name, p, generator):
        """N(0, 0.02) for the convolutions' weights; the rest is PyTorch's default."""
        if name == "bias" or isinstance(part, nn.BatchNorm2d):
            return False
        p.normal_(0.0, 0.02, generator=generator)
        return True


class BnCritic(Discriminator):
    """Images -> 5x5 convolutions of stride 2, each followed by leaky ReLU and then batch norm -> features (B, 8 width M^2).

    Head: a linear score, and beside it the logits of the classes where there are any (ACGAN, Odena et al. 2017).
    """

    def __init__(self, width: int, side: int, channels: int, classes: int):
        super().__init__()
        widths, self.positions = [width, 2 * width, 4 * width, 8 * width], side**2
        layers = []
        for i, (a, b) in enumerate(zip([channels, *widths], widths, strict=False)):
            layers += [
                nn.Conv2d(a, b, 5, 2, 2, bias=False),
                nn.LeakyReLU(0.2),
                nn.BatchNorm2d(b) if i else nn.Identity(),
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
    """AdvLatGAN's DCGAN "cnn", of pytorch-gan-collections, for sides that are multiples of 16 (32, 48, 64, 128).

    `width` is that of the critic's first layer; it scales both nets. With `classes` it is an ACGAN: an embedding multiplies
    the latent, and the critic's outputs are class logits.
    """

    z: int = 100
    width: int = 64
    size: int = 32
    channels: int = 3
    classes: int = 0

    norm = "batch"

    def __post_init__(self):
        settle(self)
        if self.size < 16 or self.size % 16:
            raise ValueError(f"size={self.size}: expected a multiple of 16: 32, 48, 64, 128")
        if min(self.z, self.width, self.channels) < 1:
            raise ValueError(
                f"z={self.z}, width={self.width}, channels={self.channels}: expected numbers of at least 1"
            )
        check_classes(self.classes)

    def blank(self) -> tuple[Generator, BnCritic]:
        widths = [self.width * 2**i for i in (1, 2, 3, 4)]
        return (
            Generator(
                self.z, widths, self.channels, self.size // 16, classes=self.classes, product=True
            ),
            BnCritic(self.width, self.size // 16, self.channels, self.classes),
        )
