"""Residual nets: SNGAN's, WGAN-GP's, BigGAN's for CIFAR-10 and SA-GAN's at 64 pixels, one spec."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gantutor.nets.blocks import Attention
from gantutor.nets.residual import Critic, Generator
from gantutor.nets.specs import ImageNets, check_classes
from gantutor.plain import one_of, settle

CHOICES = {
    "d_hidden": ("out", "in"),
    "norm": ("spectral", "none"),
    "labels": ("projection", "acgan"),
    "pool": ("sum", "mean"),
    "init": ("default", "n02", "xavier", "residual", "orthogonal"),
}


@dataclass(frozen=True)
class Resnet(ImageNets):
    """A residual generator and discriminator; the defaults are SNGAN's for CIFAR-10.

    z: width of the latent.
    size: side of the images.
    channels: 1 for grey images, 3 for colour.
    classes: number of classes, 0 for unconditional nets. With classes, every batch norm of the
        generator has a gain and a bias per class.
    g_widths: channels of the generator's first map, then of each block, which doubles the side.
    d_widths: channels of the discriminator's blocks.
    d_hidden: channels between the two convolutions of a discriminator's block: as many as leave it
        ("out") or as enter it ("in", the ImageNet nets of Miyato et al.); "out" in the first block.
    downs: how many of the discriminator's blocks halve the side; the first ones do.
    attention: the side at which both nets attend, after the first block that reaches it; 0: none.
    norm: the discriminator's, "spectral" or "none".
    g_spectral: whether the generator's convolutions and linear maps have spectral norm too.
    bn_eps: what batch norm adds to the variance.
    skip_relu: in all blocks of the discriminator but the first, the skip starts after the first
        ReLU instead of before it. StudioGAN's ReLU works in place, so its skip sees the result.
    shared: width of one class embedding for all batch norms, whose gains and biases are linear maps
        of it (BigGAN); 0: each batch norm has embeddings of its own.
    hierarchical: whether each block of the generator sees a chunk of z of its own (BigGAN).
    labels: how the discriminator uses classes, "projection" or "acgan".
    pool: "sum" or "mean" over the positions of the last map.
    head_bias: whether the score has a bias.
    kdd_width: if not 0, KDD's features are a linear map of the pooled ones to this width, and the
        head uses them too.
    init: "default" (PyTorch's), "n02" (N(0, 0.02)), "xavier" (uniform), "residual" (uniform with
        gain sqrt 2 in the 3x3 convolutions of the blocks, biases 0) or "orthogonal" (biases 0).
    """

    z: int = 128
    size: int = 32
    channels: int = 3
    classes: int = 0
    g_widths: tuple[int, ...] = (256, 256, 256, 256)
    d_widths: tuple[int, ...] = (128, 128, 128, 128)
    d_hidden: str = "out"
    downs: int = 2
    attention: int = 0
    norm: str = "spectral"
    g_spectral: bool = False
    bn_eps: float = 1e-5
    skip_relu: bool = False
    shared: int = 0
    hierarchical: bool = False
    labels: str = "projection"
    pool: str = "sum"
    head_bias: bool = False
    kdd_width: int = 0
    init: str = "residual"

    def __post_init__(self):
        settle(self)
        for name, known in CHOICES.items():
            one_of(name, getattr(self, name), known)
        self._check_numbers()
        self._check_sides()
        check_classes(self.classes)
        if self.hierarchical and self.z % len(self.g_widths):
            raise ValueError(
                f"z={self.z}: hierarchical nets cut it into {len(self.g_widths)} equal chunks"
            )
        labelled, embedded = bool(self.classes), bool(self.shared)
        if (embedded and not labelled) or (self.hierarchical and labelled and not embedded):
            raise ValueError(
                f"classes={self.classes}, shared={self.shared}, hierarchical={self.hierarchical}: "
                "a shared embedding needs classes, and hierarchical nets with classes need one"
            )

    def _check_numbers(self) -> None:
        positive = (self.z, self.channels, *self.g_widths, *self.d_widths)
        if min(positive) < 1 or min(self.kdd_width, self.shared) < 0 or not self.bn_eps > 0:
            raise ValueError(
                f"z={self.z}, channels={self.channels}, widths {self.g_widths} and "
                f"{self.d_widths}: expected numbers >= 1, and shared={self.shared}, "
                f"kdd_width={self.kdd_width} >= 0, bn_eps={self.bn_eps} > 0"
            )

    def _check_sides(self) -> None:
        ups = len(self.g_widths) - 1
        counts = 1 <= self.downs <= len(self.d_widths) and ups >= 1
        if not counts or self.size < 1 or self.size % (1 << max(ups, self.downs)):
            raise ValueError(
                f"size={self.size}: expected {ups} doublings in G and downs={self.downs} halvings "
                f"in D, of {len(self.d_widths)} blocks, to divide it"
            )
        in_g = {self.size >> i for i in range(ups)}
        in_d = {self.size >> i for i in range(1, self.downs + 1)}
        if self.attention and self.attention not in in_g & in_d:
            raise ValueError(
                f"attention={self.attention}: expected 0 or a side that both nets reach, one of "
                f"{sorted(in_g & in_d)}"
            )

    def blank(self) -> tuple[Generator, Critic]:
        return Generator(self), Critic(self)

    def start(self, part: nn.Module, name: str, p: Tensor, generator) -> bool:
        if isinstance(part, Attention):
            p.zero_()
        elif isinstance(part, nn.BatchNorm2d):
            return False
        elif name == "bias":
            if self.init not in ("residual", "orthogonal"):
                return False
            p.zero_()
        elif self.init == "n02" or (self.init == "default" and isinstance(part, nn.Embedding)):
            p.normal_(0.0, 0.02, generator=generator)
        elif self.init == "default":
            return False
        elif self.init == "orthogonal":
            # in a contiguous tensor: torch reshapes it, which a channels-last one does not allow
            fresh = torch.empty(p.shape, device=p.device)
            p.copy_(nn.init.orthogonal_(fresh, generator=generator))
        else:
            gain = 2**0.5 if self.init == "residual" and getattr(part, "residual", False) else 1.0
            nn.init.xavier_uniform_(p, gain, generator=generator)
        return True


# Widths of G (its first map, then each block's) and of D, D's halvings and the hidden width of its
# blocks. 32 and 48 are those of AdvLatGAN's code; 64 and 128 those of Miyato et al. for ImageNet,
# of which 64 has one block fewer.
LADDERS = {
    32: ((256,) * 4, (128,) * 4, 2, "out"),
    48: ((512, 256, 128, 64), (64, 128, 256, 512), 4, "out"),
    64: ((1024, 512, 256, 128, 64), (64, 128, 256, 512, 1024), 5, "in"),
    128: ((1024, 1024, 512, 256, 128, 64), (64, 128, 256, 512, 1024, 1024), 5, "in"),
}


def ladder(size: int, width: float) -> dict:
    """The fields of `Resnet` for a side of 32, 48, 64 or 128, all widths times `width`.

    Raises ValueError for other sides.
    """
    if size not in LADDERS:
        raise ValueError(
            f"size={size}: expected one of {', '.join(map(str, LADDERS))}; for other sides, give "
            "Resnet its widths"
        )
    g, d, downs, hidden = LADDERS[size]
    g, d = (tuple(max(1, round(n * width)) for n in widths) for widths in (g, d))
    return {"size": size, "g_widths": g, "d_widths": d, "downs": downs, "d_hidden": hidden}


def sngan_resnet(size: int = 32, width: float = 1.0, **options) -> Resnet:
    """SNGAN's residual nets (Miyato et al. 2018) for sides 32, 48, 64 and 128.

    `width` scales all widths; `options` are fields of `Resnet`.

    >>> sngan_resnet(64).d_widths
    (64, 128, 256, 512, 1024)
    """
    return Resnet(**ladder(size, width) | options)


def wgangp_resnet(size: int = 32, width: float = 1.0, **options) -> Resnet:
    """WGAN-GP's residual nets: SNGAN's blocks without spectral norm.

    They pool by the mean, have a bias at the end and PyTorch's default weights.
    """
    nets = {"norm": "none", "pool": "mean", "head_bias": True, "init": "default"}
    return Resnet(**ladder(size, width) | nets | options)


def biggan_cifar(
    preset: str = "pytorch", classes: int = 10, width: int | None = None, **options
) -> Resnet:
    """BigGAN for 32x32 images, as one of two public codes has it.

    preset: "pytorch" is the CIFAR script of BigGAN-PyTorch, which KDD GAN uses: no attention, z of
        128 numbers, class embeddings for each batch norm. "studio" is StudioGAN's, the source of
        KDD GAN's starred rows: attention at 16, z of 80 in chunks of 20, a shared embedding of 128,
        batch norm's eps of 1e-4, and a ReLU in place, before the discriminator's skips.
    classes: 0 for the unconditional variant.
    width: the `ch` of these codes, 64 for "pytorch" and 96 for "studio" unless given.
    options: fields of `Resnet`.
    """
    one_of("preset", preset, ("pytorch", "studio"))
    if preset == "pytorch":
        g = d = 4 * (width or 64)
        extra = {"init": "n02"}
    else:
        g, d = 4 * (width or 96), 2 * (width or 96)
        extra = {
            "z": 80,
            "hierarchical": True,
            "shared": 128 if classes else 0,
            "attention": 16,
            "bn_eps": 1e-4,
            "skip_relu": True,
            "init": "orthogonal",
        }
    nets = {
        "classes": classes,
        "g_widths": (g,) * 4,
        "d_widths": (d,) * 4,
        "downs": 2,
        "g_spectral": True,
        "head_bias": True,
    }
    return Resnet(**nets | extra | options)


def sagan64(classes: int = 200, ch: int = 32, **options) -> Resnet:
    """SA-GAN for 64x64 images, KDD GAN's nets for Tiny ImageNet and ImageNet 64.

    They are those of the code of "Instance Selection for GANs"; `ch` scales all widths, and
    `options` are fields of `Resnet`.
    """
    nets = {
        "size": 64,
        "classes": classes,
        "g_widths": (16 * ch, 16 * ch, 8 * ch, 4 * ch, 2 * ch),
        "d_widths": (ch, 2 * ch, 4 * ch, 8 * ch, 16 * ch),
        "downs": 4,
        "attention": 32,
        "g_spectral": True,
        "head_bias": True,
        "init": "xavier",
    }
    return Resnet(**nets | options)
