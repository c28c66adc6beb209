"""AdvLatGAN-div (Li et al., NeurIPS 2022) and MSGAN: pairs of latents that must look different."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from gantutor.nets import latent_mode, modules_of
from gantutor.parallel import gather, synchronised
from gantutor.plain import one_of, settle
from gantutor.rng import Rng
from gantutor.turn import Term, Turn


def pair_ratio(
    x1: Tensor,
    x2: Tensor,
    z1: Tensor,
    z2: Tensor,
    offset: float = 0.0,
    per_sample: bool = False,
    norm: str = "l1",
) -> Tensor:
    """The ratio d_I(x1, x2) / (d_z(z1, z2) + offset) of images and latents (Eq. 8).

    x (..., B, d), z (..., B, k). One number a batch, from its mean distances, as in the code, or
    one per sample. A small ratio marks two latents whose images are too much alike. `norm`: a
    distance is the mean absolute difference of all entries ("l1", the code) or the Euclidean
    distance ("l2"). Table 1 does not say which; it prints 4.023, and with images in [-1, 1] and
    the code's offset of 1, "l1" cannot exceed 2. Within a training step the batch spans all
    processes.

    >>> x1, x2 = torch.tensor([[0.0, 0.0]]), torch.tensor([[0.3, 0.1]])
    >>> pair_ratio(x1, x2, torch.tensor([[0.0]]), torch.tensor([[0.1]]))
    tensor(2.)
    """
    one_of("norm", norm, ("l1", "l2"))
    d_x, d_z = (
        (b - a).abs().mean(-1) if norm == "l1" else (b - a).norm(dim=-1)
        for a, b in ((x1, x2), (z1, z2))
    )
    if not per_sample:
        if synchronised():
            d_x, d_z = gather(d_x), gather(d_z)
        d_x, d_z = d_x.mean(-1), d_z.mean(-1)
    return d_x / (d_z + offset)


def hard_pair_step(
    z1: Tensor,
    z2: Tensor,
    G: Callable,
    eps: float,
    x1: Tensor | None = None,
    offset: float = 0.0,
    direction: int = -1,
    per_sample: bool = False,
) -> Tensor:
    """One sign step of the partners z2 (..., B, k) of z1 that lowers their ratio (Eq. 8).

    z2 - eps sign( grad_z2 d_I(G(z1), G(z2)) / (d_z(z1, z2) + offset) ); `direction=+1` raises the
    ratio. `x1` are the images G(z1) (..., B, *), if you have them already.

    >>> z1, z2 = torch.tensor([[0.0, 0.0]]), torch.tensor([[0.1, 0.2]])
    >>> hard_pair_step(z1, z2, lambda z: z.square(), eps=0.05)
    tensor([[0.0500, 0.1500]])
    """
    batch = z1.ndim - 1  # images are flattened behind the batch axis
    with torch.enable_grad():
        x1 = G(z1).detach() if x1 is None else x1
        z2 = z2.detach().requires_grad_(True)
        x2 = G(z2).flatten(batch)
        ratio = pair_ratio(x1.flatten(batch), x2, z1, z2, offset, per_sample)
        (g,) = torch.autograd.grad(ratio.sum(), z2)
    return z2.detach() + direction * eps * g.sign()


def mode_seeking_loss(ratio: Tensor) -> Tensor:
    """1 / (ratio + 1e-5), what G minimises for the `pair_ratio` of its pairs (MSGAN, the code).

    >>> mode_seeking_loss(torch.tensor(2.0))
    tensor(0.5000)
    """
    return 1 / (ratio + 1e-5)


@dataclass(frozen=True)
class HardPairs:
    """A partner for each z1: start at z1 + std n, then `steps` times `hard_pair_step` (Eq. 8).

    std: spread of the start; None draws an independent partner (MSGAN).
    eps: size of a step in every coordinate.
    steps: 0 is the control that the paper lacks: near neighbours without a search.
    offset: the code's +1 in the search.
    direction: +1 raises the ratio (the inverse search of Table 1).
    per_sample: ratios of single pairs instead of the batch's.
    """

    std: float | None = 0.08
    eps: float = 0.004
    steps: int = 3
    offset: float = 1.0
    direction: int = -1
    per_sample: bool = False

    def __post_init__(self):
        settle(self)
        if (
            self.steps < 0
            or self.eps < 0
            or (self.std is not None and self.std <= 0)
            or self.direction not in (-1, 1)
        ):
            raise ValueError(
                f"{self}: expected steps, eps >= 0, std > 0 or None, direction -1 or 1"
            )

    def __call__(self, z1: Tensor, G: Callable, rng: Rng) -> Tensor:
        """Partners z2 of z1 (..., B, k), constants."""
        *_, z2 = self.path(z1, G, rng)
        return z2

    def path(self, z1: Tensor, G: Callable, rng: Rng) -> Iterator[Tensor]:
        """Yield the partners before the first search step and after each."""
        z1, noise = z1.detach(), rng.randn(*z1.shape[rng.axis :])
        z2 = noise if self.std is None else z1 + self.std * noise
        yield z2
        if not self.steps:
            return
        modules = modules_of(G)
        with latent_mode(modules, "train_frozen"), torch.no_grad():
            x1 = G(z1)
        for _ in range(self.steps):
            with latent_mode(modules, "train_frozen"):
                z2 = hard_pair_step(
                    z1, z2, G, self.eps, x1, self.offset, self.direction, self.per_sample
                )
            yield z2


@dataclass(frozen=True)
class ModeSeeking(Term):
    """G: + weight * `mode_seeking_loss` of pairs of latents; with HardPairs it is AdvLatGAN-div.

    The latent batch is [z1, z2] in G's turn and, unless `d_uses_pair` is False, in D's turn too
    (the code).

    weight: the code sums the adversarial loss over both halves where ours is their mean, so its
        weight 1 is our 0.5.
    pairs: how partners are found.
    d_uses_pair: whether D's turn sees pairs as well.
    negative_ratio: - weight * ratio instead (the older version's lambda_ms < 0).
    apart: D judges the two halves in calls of their own, as the authors' program does. With batch
        norm in D this is a different update; without, it is the same update at a higher cost.
    """

    weight: float = 0.5
    pairs: HardPairs = field(default_factory=HardPairs)
    d_uses_pair: bool = True
    negative_ratio: bool = False
    apart: bool = False

    def __post_init__(self):
        settle(self)
        if not isinstance(self.pairs, HardPairs):
            raise ValueError(f"pairs={self.pairs!r}: expected pairs, for example HardPairs()")

    def fake_parts(self, player: str) -> int:
        return 2 if self.apart and (player == "g" or self.d_uses_pair) else 1

    def latents(self, z, G, rng, player):
        if player == "d" and not self.d_uses_pair:
            return z
        return torch.cat([z, self.pairs(z, G, rng)], rng.axis)

    def g_loss(self, turn: Turn) -> Tensor:
        z1, z2 = turn.z.chunk(2, turn.axis)
        x1, x2 = turn.x_fake.flatten(turn.axis + 1).chunk(2, turn.axis)
        ratio = pair_ratio(x1, x2, z1, z2)
        return self.weight * (-ratio if self.negative_ratio else mode_seeking_loss(ratio))
