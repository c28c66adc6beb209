"""Residual nets: SNGAN's and WGAN-GP's, BigGAN's for CIFAR-10 and SA-GAN's at 64 pixels are one spec with options."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d, relu, relu_, softmax

from gantutor.nets import Discriminator, ImageNets, check_classes, check_labels
from gantutor.plain import settle

CHOICES = {
    "norm": ("spectral", "none"),
    "labels": ("projection", "acgan"),
    "pool": ("sum", "mean"),
    "init": ("default", "n02", "xavier", "residual", "orthogonal"),
}


class Norm(nn.Module):
    """Batch norm whose gain 1 + g(c) and bias b(c) are the condition's; a plain one where there is no condition.

    c is a label (B,), g and b are embeddings of it; or with `code` > 0 a code (B, code) of which they are linear maps.
    """

    def __init__(self, width: int, classes: int, code: int):
        super().__init__()
        plain = not (classes or code)
        self.norm = nn.BatchNorm2d(width, affine=plain)
        self.gain, self.bias = None, None
        if not plain:
            self.gain, self.bias = (
                nn.Linear(code, width, bias=False) if code else nn.Embedding(classes, width)
                for _ in range(2)
            )

    def forward(self, x: Tensor, c: Tensor | None) -> Tensor:
        x = self.norm(x)
        if self.gain is None:
            return x
        gain, bias = (t.to(x.dtype)[..., None, None] for t in (1 + self.gain(c), self.bias(c)))
        return torch.addcmul(bias, x, gain)


def conv3(a: int, b: int) -> nn.Conv2d:
    """A 3x3 convolution on a residual path, marked so because SNGAN starts these with another gain."""
    layer = nn.Conv2d(a, b, 3, 1, 1)
    layer.residual = True
    return layer


class Up(nn.Module):
    """norm - ReLU - twice the side - conv - norm - ReLU - conv, beside a 1x1 skip."""

    def __init__(self, a: int, b: int, classes: int, code: int):
        super().__init__()
        self.norm1, self.norm2 = Norm(a, classes, code), Norm(b, classes, code)
        self.conv1, self.conv2, self.skip = conv3(a, b), conv3(b, b), nn.Conv2d(a, b, 1)

    def forward(self, x: Tensor, c: Tensor | None) -> Tensor:
        h = self.conv1(interpolate(relu_(self.norm1(x, c)), scale_factor=2))
        h = self.conv2(relu_(self.norm2(h, c)))
        # the skip before the copies, not after: the same numbers at a quarter's cost
        return h + interpolate(self.skip(x), scale_factor=2)


class Down(nn.Module):
    """[ReLU unless on pixels] - conv - ReLU - conv - [half the side], beside a skip that is 1x1 where shapes differ."""

    def __init__(self, a: int, b: int, pixels: bool, half: bool):
        super().__init__()
        self.pixels, self.half = pixels, half
        self.conv1, self.conv2 = conv3(a, b), conv3(b, b)
        self.skip = nn.Conv2d(a, b, 1) if half or a != b else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv2(relu_(self.conv1(x if self.pixels else relu(x))))
        if self.half:
            h, x = (
                avg_pool2d(h, 2),
                avg_pool2d(x, 2),
            )  # a 1x1 convolution and a mean may change places
        return h + self.skip(x)


class Attention(nn.Module):
    """x + gamma * attention over positions (SA-GAN), keys and values at half the side; gamma starts at 0."""

    def __init__(self, width: int):
        super().__init__()
        small, half = max(1, width // 8), max(1, width // 2)
        self.query, self.key = (
            nn.Conv2d(width, small, 1, bias=False),
            nn.Conv2d(width, small, 1, bias=False),
        )
        self.value, self.out = (
            nn.Conv2d(width, half, 1, bias=False),
            nn.Conv2d(half, width, 1, bias=False),
        )
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        key, value = (max_pool2d(t, 2).flatten(2) for t in (self.key(x), self.value(x)))
        weights = softmax(self.query(x).flatten(2).mT @ key, -1)  # (B, positions, positions / 4)
        return x + self.gamma * self.out((value @ weights.mT).unflatten(2, x.shape[2:]))


class Generator(nn.Module):
    """z (B, z), and labels y (B,) where there are classes -> images (B, channels, size, size) in [-1, 1]."""

    def __init__(self, spec: "Resnet"):
        super().__init__()
        widths, self.classes = spec.g_widths, spec.classes
        self.chunks = len(widths) if spec.hierarchical else 1
        chunk = spec.z // self.chunks
        side = spec.size >> (len(widths) - 1)
        self.shape = (widths[0], side, side)
        self.shared = nn.Embedding(spec.classes, spec.shared) if spec.shared else None
        code = spec.shared + (chunk if spec.hierarchical else 0)
        self.first = nn.Linear(chunk, widths[0] * side**2)
        self.blocks = nn.ModuleList(
            Up(a, b, spec.classes, code) for a, b in zip(widths, widths[1:], strict=False)
        )
        sides = [side << i for i in range(1, len(widths))]
        self.attend = sides.index(spec.attention) if spec.attention else None
        self.attention = Attention(widths[1 + self.attend]) if spec.attention else None
        self.norm = nn.BatchNorm2d(widths[-1])
        self.out = nn.Conv2d(widths[-1], spec.channels, 3, 1, 1)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        check_labels(self, y)
        c = y if self.shared is None else self.shared(y)
        z, *chunks = z.chunk(self.chunks, -1)
        x = self.first(z).unflatten(-1, self.shape).to(memory_format=torch.channels_last)
        for i, block in enumerate(self.blocks):
            code = torch.cat([*(() if c is None else (c,)), chunks[i]], -1) if chunks else c
            x = block(x, code)
            if i == self.attend:
                x = self.attention(x)
        return torch.tanh(self.out(relu_(self.norm(x))))


class Critic(Discriminator):
    """Images -> residual blocks -> features, the last map after its ReLU flattened (B, K side^2) -> pooled -> linear score.

    With classes, either the projection <V_y, pooled> is added to the score (Miyato & Koyama 2018), or the outputs are class
    logits (ACGAN). Without labels `head` is the linear part alone.
    """

    def __init__(self, spec: "Resnet"):
        super().__init__()
        widths, acgan = spec.d_widths, spec.labels == "acgan"
        pairs = enumerate(zip([spec.channels, *widths], widths, strict=False))
        self.blocks = nn.ModuleList(Down(a, b, i == 0, i < spec.downs) for i, (a, b) in pairs)
        sides = [spec.size >> (i + 1) for i in range(spec.downs)]
        self.attend = sides.index(spec.attention) if spec.attention else None
        self.attention = Attention(widths[self.attend]) if spec.attention else None
        self.positions = sides[-1] ** 2
        self.scale = 1 / self.positions if spec.pool == "mean" else 1.0
        self.kdd = nn.Linear(widths[-1], spec.kdd_width) if spec.kdd_width else None
        width = spec.kdd_width or widths[-1]
        self.table = nn.Embedding(spec.classes, width) if spec.classes and not acgan else None
        self.names = nn.Linear(width, spec.classes) if spec.classes and acgan else None
        self.out = nn.Linear(width, 1, bias=spec.head_bias)

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i == self.attend:
                x = self.attention(x)
        return relu(x).flatten(1)

    def pooled(self, v: Tensor) -> Tensor:
        """Sum over the positions of the last map (B, K), as BigGAN pools; with `kdd_width` a linear map of it (B, K')."""
        h = v.unflatten(-1, (-1, self.positions)).sum(-1)
        return h if self.kdd is None else self.kdd(h)

    def embed(self, y: Tensor) -> Tensor:
        return super().embed(y) if self.table is None else self.table(y)

    def head(self, v: Tensor, y: Tensor | None = None) -> Tensor:
        h = self.scale * self.pooled(v)
        score = self.out(h).squeeze(-1)
        return score if y is None or self.table is None else score + (self.embed(y) * h).sum(-1)

    def outputs(self, v: Tensor) -> Tensor | None:
        return None if self.names is None else self.names(self.scale * self.pooled(v))


@dataclass(frozen=True)
class Resnet(ImageNets):
    """Residual generator and critic; the defaults are SNGAN's for CIFAR-10.

    `g_widths`: of the generator's first map, then of each block, which doubles the side. `d_widths`: of the critic's
    blocks, the first `downs` of which halve the side. `attention`: the side at which both nets attend, after the first block
    that reaches it (0: nowhere). `norm` is the critic's, "spectral" or "none"; `g_spectral`: the generator's convolutions and
    linear maps have it too.
    `classes` > 0: class-conditional batch norm in the generator, each with embeddings of its own or linear maps of one
    `shared` embedding of that width; `hierarchical`: each block sees its own chunk of z besides (BigGAN). `labels` is the
    critic's way with classes: "projection" or "acgan".
    `pool` over the last map's positions, "sum" or "mean"; `head_bias` of the score. `kdd_width`: KDD's features are a
    linear map of that width of the pooled ones, on which the head then stands too. `init`: "default" (PyTorch's), "n02",
    "xavier" (uniform), "residual" (the same with gain sqrt 2 in the residual 3x3 convolutions and no biases), "orthogonal".
    """

    z: int = 128
    size: int = 32
    channels: int = 3
    classes: int = 0
    g_widths: tuple[int, ...] = (256, 256, 256, 256)
    d_widths: tuple[int, ...] = (128, 128, 128, 128)
    downs: int = 2
    attention: int = 0
    norm: str = "spectral"
    g_spectral: bool = False
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
            if getattr(self, name) not in known:
                raise ValueError(
                    f"{name}={getattr(self, name)!r}: expected one of {', '.join(known)}"
                )
        if (
            min(self.z, self.channels, *self.g_widths, *self.d_widths) < 1
            or min(self.kdd_width, self.shared) < 0
        ):
            raise ValueError(
                f"z={self.z}, channels={self.channels}, widths {self.g_widths} and {self.d_widths}: expected "
                f"numbers >= 1, and shared={self.shared}, kdd_width={self.kdd_width} >= 0"
            )
        ups = len(self.g_widths) - 1
        counts = 1 <= self.downs <= len(self.d_widths) and ups >= 1
        if not counts or self.size < 1 or self.size % (1 << max(ups, self.downs)):
            raise ValueError(
                f"size={self.size}: expected {ups} doublings in G and downs={self.downs} halvings in D, "
                f"of {len(self.d_widths)} blocks, to divide it"
            )
        reached = {self.size >> i for i in range(ups)} & {
            self.size >> i for i in range(1, self.downs + 1)
        }
        if self.attention and self.attention not in reached:
            raise ValueError(
                f"attention={self.attention}: expected 0 or a side that both nets reach, one of {sorted(reached)}"
            )
        check_classes(self.classes)
        if self.hierarchical and self.z % (ups + 1):
            raise ValueError(f"z={self.z}: hierarchical nets cut it into {ups + 1} equal chunks")
        if bool(self.classes) < bool(self.shared) or (
            self.hierarchical and bool(self.classes) != bool(self.shared)
        ):
            raise ValueError(
                f"classes={self.classes}, shared={self.shared}, hierarchical={self.hierarchical}: a shared "
                "embedding needs classes, and hierarchical nets with classes need one"
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
        elif (
            self.init == "orthogonal"
        ):  # by way of a plain tensor: it reshapes, which channels last cannot
            p.copy_(nn.init.orthogonal_(torch.empty(p.shape, device=p.device), generator=generator))
        else:
            gain = 2**0.5 if self.init == "residual" and getattr(part, "residual", False) else 1.0
            nn.init.xavier_uniform_(p, gain, generator=generator)
        return True


# Widths of G (its first map, then each block's) and of D, and D's halvings. 32 and 48 as in AdvLatGAN's code; 64 and 128
# follow the ImageNet nets of Miyato et al. (2018), of which 64 has one block fewer.
LADDERS = {
    32: ((256,) * 4, (128,) * 4, 2),
    48: ((512, 256, 128, 64), (64, 128, 256, 512), 4),
    64: ((1024, 512, 256, 128, 64), (64, 128, 256, 512, 1024), 5),
    128: ((1024, 1024, 512, 256, 128, 64), (64, 128, 256, 512, 1024, 1024), 5),
}


def ladder(size: int, width: float) -> dict:
    """Widths and halvings for a side, all widths times `width`."""
    if size not in LADDERS:
        raise ValueError(
            f"size={size}: expected one of {', '.join(map(str, LADDERS))}; other sides: give Resnet its widths"
        )
    g, d, downs = LADDERS[size]
    scaled = [tuple(max(1, round(n * width)) for n in numbers) for numbers in (g, d)]
    return {"size": size, "g_widths": scaled[0], "d_widths": scaled[1], "downs": downs}


def sngan_resnet(size: int = 32, width: float = 1.0, **options) -> Resnet:
    """SNGAN's residual nets (Miyato et al. 2018) for sides 32, 48, 64 and 128; `width` scales all widths."""
    return Resnet(**ladder(size, width) | options)


def wgangp_resnet(size: int = 32, width: float = 1.0, **options) -> Resnet:
    """WGAN-GP's: the same blocks without spectral norm, mean pooling, a bias at the end, PyTorch's default weights."""
    return Resnet(
        **ladder(size, width)
        | {"norm": "none", "pool": "mean", "head_bias": True, "init": "default"}
        | options
    )


def biggan_cifar(
    preset: str = "pytorch", classes: int = 10, width: int | None = None, **options
) -> Resnet:
    """BigGAN for 32x32 images, `width` the ch of its code (64; 96 for "studio"); classes=0: the unconditional variant.

    "pytorch": BigGAN-PyTorch's CIFAR script, which KDD GAN uses: no attention, z 128, class embeddings for each norm.
    "studio": StudioGAN's, the source of KDD's starred rows: attention at 16, z 80 in chunks of 20, a shared embedding of 128.
    """
    if preset not in ("pytorch", "studio"):
        raise ValueError(f"preset={preset!r}: expected 'pytorch' or 'studio'")
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
    """SA-GAN for 64x64 images as in the instance-selection code, KDD GAN's net for Tiny ImageNet and ImageNet 64."""
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
