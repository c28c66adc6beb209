"""The parts of residual nets: conditional batch norm, blocks that change the side, attention."""

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d, relu, relu_, softmax

from gantutor.nets.norms import BatchNorm2d


class Norm(nn.Module):
    """Batch norm with a gain 1 + g(c) and a bias b(c) that depend on a condition c.

    c is a label (B,), and g and b are embeddings of it; with `code` > 0, c is a code (B, code), of
    which g and b are linear maps. Without classes and code it is plain batch norm.
    """

    def __init__(self, width: int, classes: int, code: int, eps: float = 1e-5):
        super().__init__()
        plain = not (classes or code)
        self.norm = BatchNorm2d(width, eps, affine=plain)
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
    """A 3x3 convolution on a residual path, marked because SNGAN starts these with another gain."""
    layer = nn.Conv2d(a, b, 3, 1, 1)
    layer.residual = True
    return layer


class Up(nn.Module):
    """norm - ReLU - twice the side - conv - norm - ReLU - conv, plus a 1x1 skip."""

    def __init__(self, a: int, b: int, classes: int, code: int, eps: float = 1e-5):
        super().__init__()
        self.norm1, self.norm2 = Norm(a, classes, code, eps), Norm(b, classes, code, eps)
        self.conv1, self.conv2, self.skip = conv3(a, b), conv3(b, b), nn.Conv2d(a, b, 1)

    def forward(self, x: Tensor, c: Tensor | None) -> Tensor:
        h = self.conv1(interpolate(relu_(self.norm1(x, c)), scale_factor=2))
        h = self.conv2(relu_(self.norm2(h, c)))
        # the 1x1 convolution comes before the enlargement: the same numbers at a quarter's cost
        return h + interpolate(self.skip(x), scale_factor=2)


class Down(nn.Module):
    """[ReLU] - conv - ReLU - conv - [half the side], plus a skip.

    `pixels`: the block sees the image, which has no ReLU before it.
    `half`: whether the block halves the side.
    `hidden`: channels between the two convolutions.
    `skip_relu`: the skip starts after the first ReLU instead of before it.
    The skip is a 1x1 convolution where the shapes differ, else the identity.
    """

    def __init__(
        self, a: int, b: int, pixels: bool, half: bool, hidden: int, skip_relu: bool = False
    ):
        super().__init__()
        self.pixels, self.half, self.skip_relu = pixels, half, skip_relu
        self.conv1, self.conv2 = conv3(a, hidden), conv3(hidden, b)
        self.skip = nn.Conv2d(a, b, 1) if half or a != b else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        start = x if self.pixels else relu(x)
        h = self.conv2(relu_(self.conv1(start)))
        x = start if self.skip_relu else x
        if self.half:
            # for the skip, the mean may come before the 1x1 convolution: the numbers are the same
            h, x = avg_pool2d(h, 2), avg_pool2d(x, 2)
        return h + self.skip(x)


class Attention(nn.Module):
    """x + gamma * attention over positions (SA-GAN); gamma starts at 0.

    Keys and values have half the side of the queries.
    """

    def __init__(self, width: int):
        super().__init__()
        small, half = max(1, width // 8), max(1, width // 2)
        self.query = nn.Conv2d(width, small, 1, bias=False)
        self.key = nn.Conv2d(width, small, 1, bias=False)
        self.value = nn.Conv2d(width, half, 1, bias=False)
        self.out = nn.Conv2d(half, width, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        key, value = (max_pool2d(t, 2).flatten(2) for t in (self.key(x), self.value(x)))
        weights = softmax(self.query(x).flatten(2).mT @ key, -1)  # (B, positions, positions / 4)
        return x + self.gamma * self.out((value @ weights.mT).unflatten(2, x.shape[2:]))
