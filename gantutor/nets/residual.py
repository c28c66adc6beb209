"""The residual generator and discriminator that a `Resnet` spec describes."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import relu, relu_

from gantutor.nets.base import Discriminator
from gantutor.nets.blocks import Attention, Down, Up
from gantutor.nets.norms import BatchNorm2d, no_power_iteration
from gantutor.nets.specs import check_labels

if TYPE_CHECKING:
    from gantutor.nets.resnet import Resnet


class Generator(nn.Module):
    """z (B, z), and labels y (B,) where it has classes, to images (B, channels, size, size).

    The images are in [-1, 1].
    """

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
            Up(a, b, spec.classes, code, spec.bn_eps)
            for a, b in zip(widths, widths[1:], strict=False)
        )
        sides = [side << i for i in range(1, len(widths))]
        self.attend = sides.index(spec.attention) if spec.attention else None
        self.attention = Attention(widths[1 + self.attend]) if spec.attention else None
        self.norm = BatchNorm2d(widths[-1], spec.bn_eps)
        self.out = nn.Conv2d(widths[-1], spec.channels, 3, 1, 1)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        check_labels(self, y)
        c = y if self.shared is None else self.shared(y)
        z, *chunks = z.chunk(self.chunks, -1)
        x = self.first(z).unflatten(-1, self.shape).to(memory_format=torch.channels_last)
        for i, block in enumerate(self.blocks):
            code = c
            if chunks:
                code = chunks[i] if c is None else torch.cat([c, chunks[i]], -1)
            x = block(x, code)
            if i == self.attend:
                x = self.attention(x)
        return torch.tanh(self.out(relu_(self.norm(x))))


class Critic(Discriminator):
    """Images to residual blocks, to features, to pooled features, to a linear score.

    The features are the last map after its ReLU, flattened: (B, K side^2). With classes, either the
    projection <V_y, pooled> is added to the score (Miyato & Koyama 2018), or the outputs are class
    logits (ACGAN). Without labels `head` is the linear part alone.
    """

    def __init__(self, spec: "Resnet"):
        super().__init__()
        widths, acgan = spec.d_widths, spec.labels == "acgan"
        self.blocks = nn.ModuleList()
        for i, (a, b) in enumerate(zip([spec.channels, *widths], widths, strict=False)):
            hidden = a if spec.d_hidden == "in" and i else b
            skip_relu = spec.skip_relu and i > 0
            self.blocks.append(Down(a, b, i == 0, i < spec.downs, hidden, skip_relu))
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

    def _pool(self, v: Tensor) -> Tensor:
        h = v.unflatten(-1, (-1, self.positions)).sum(-1)
        return h if self.kdd is None else self.kdd(h)

    def pooled(self, v: Tensor) -> Tensor:
        """Sum over the positions of the last map (B, K), as in BigGAN.

        With `kdd_width`, a linear map of the sum (B, K'). It takes no power iteration: the forward
        pass that gave the features has taken one.
        """
        with no_power_iteration():
            return self._pool(v)

    def embed(self, y: Tensor) -> Tensor:
        """The V_y of the projection (B, K), without a power iteration: the forward pass takes it.

        Raises TypeError for a discriminator without projection.
        """
        if self.table is None:
            return super().embed(y)
        with no_power_iteration():
            return self.table(y)

    def head(self, v: Tensor, y: Tensor | None = None) -> Tensor:
        h = self.scale * self._pool(v)
        score = self.out(h).squeeze(-1)
        return score if y is None or self.table is None else score + (self.table(y) * h).sum(-1)

    def outputs(self, v: Tensor) -> Tensor | None:
        # `pooled`, because the head has pooled with a power iteration already
        return None if self.names is None else self.names(self.scale * self.pooled(v))
