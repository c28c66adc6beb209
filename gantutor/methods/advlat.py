"""AdvLatGAN (Li et al., NeurIPS 2022): adversarial search (iterated sign steps) in the latent space."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import softplus

from gantutor.nets import MODES, latent_mode, modules_of
from gantutor.plain import settle
from gantutor.rng import Rng
from gantutor.turn import LatentMap, Term, Turn

# phi, minimised over z. Every falling phi gives the same sign step in exact arithmetic, but softplus(-y) has no
# gradient left in float32 for a good sample (y large), log(1 - sigma(y)) none for a bad one: the score is the default.
PHI: dict[str, Callable[[Tensor], Tensor]] = {
    "score": lambda y: -y,
    "ns": lambda y: softplus(-y),
    "saturating": lambda y: -softplus(y),
    "lsgan": lambda y: (y - 1) ** 2,
}


def slope(
    z: Tensor, G: Callable, D: Callable, phi: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """D's score of G(z) (..., B) and the gradient of phi(score) for z alone (..., B, z), both constants.

    autograd skips the weights' gradients because nobody asks for them; switching `requires_grad` off saves nothing more.
    """
    with torch.enable_grad():
        z = z.detach().requires_grad_(True)
        score = D(G(z)).score
        (g,) = torch.autograd.grad(phi(score).sum(), z)
    return score.detach(), g


def length(v: Tensor) -> Tensor:
    """Euclidean norm of each latent (..., B, 1), never 0."""
    return v.norm(dim=-1, keepdim=True).clamp(min=1e-12)


@dataclass(frozen=True)
class IFGSM(LatentMap):
    """z <- z - eps * sign( grad_z phi(D(G(z))) ), `steps` times (Eq. 6); it raises D's score of each sample.

    `eps` is the size of one step in every coordinate. `radius` keeps z within that l-infinity distance of its start;
    None, as the authors' code, lets it drift up to steps * eps. `objective` is phi: "score", "ns", "saturating", "lsgan".
    `mode` is the nets' mode while searching, see `latent_mode`: "eval" for AdvLatGAN-z, "train_frozen" for -qua. Two options
    of ours against drifting out of the prior: `shell` gives each z its first norm back after every step (after the
    radius); `prior_weight` lam >= 0 minimises phi + lam |z|^2 / 2.
    """

    eps: float = 0.01
    steps: int = 1
    radius: float | None = None
    objective: str = "score"
    mode: str = "eval"
    shell: bool = False
    prior_weight: float = 0.0

    def __post_init__(self):
        settle(self)
        if not (self.eps >= 0 and self.steps >= 0 and (self.radius is None or self.radius > 0)):
            raise ValueError(
                f"eps={self.eps}, steps={self.steps}, radius={self.radius}: expected eps, steps >= 0, radius > 0"
            )
        if not self.prior_weight >= 0:
            raise ValueError(f"prior_weight={self.prior_weight}: expected a number of at least 0")
        if self.objective not in PHI:
            raise ValueError(f"objective={self.objective!r}: expected one of {', '.join(PHI)}")
        if self.mode not in MODES:
            raise ValueError(f"mode={self.mode!r}: expected one of {', '.join(MODES)}")

    def __call__(self, z: Tensor, G: Callable, D: Callable, rng: Rng | None = None) -> Tensor:
        """Moved latents (..., B, z), detached; G and D keep parameters, gradients, flags, modes and buffers."""
        for z in self.path(z, G, D, rng):
            pass
        return z

    def path(self, z: Tensor, G: Callable, D: Callable, rng: Rng | None = None) -> Iterator[Tensor]:
        """Yield the latents before the first step and after each."""
        start = z.detach()
        z, memory = self.start(start, rng), None
        yield z
        for _ in range(self.steps):
            with latent_mode(modules_of(G, D), self.mode):
                _, g = slope(z, G, D, PHI[self.objective])
            if self.prior_weight:
                g = g + self.prior_weight * z
            move, memory = self.direction(g, memory)
            z = z - self.eps * move  # not in place: the caller holds what was yielded
            if self.radius is not None:
                z = self.project(z, start)
            if self.shell:
                z = z * (length(start) / length(z))
            yield z

    def start(self, z: Tensor, rng: Rng | None) -> Tensor:
        """Where the search begins."""
        return z.clone()

    def direction(self, g: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The step for the gradient `g` (..., B, z), and what to remember for the next one."""
        return g.sign(), None

    def project(self, z: Tensor, start: Tensor) -> Tensor:
        """The nearest point within `radius` of the start."""
        return torch.clamp(z, start - self.radius, start + self.radius)


@dataclass(frozen=True)
class PGD(IFGSM):
    """IFGSM from a uniformly random start within `radius`, which it needs (Madry et al. 2018).

    `norm`: the ball and the step, "linf" (sign steps) or "l2" (steps of length eps along g / |g|_2, per sample).
    """

    norm: str = "linf"

    def __post_init__(self):
        super().__post_init__()
        if self.norm not in ("linf", "l2"):
            raise ValueError(f"norm={self.norm!r}: expected 'linf' or 'l2'")
        if self.radius is None:
            raise ValueError(
                "radius=None: PGD starts at random within a radius and needs one, for example radius=0.1"
            )

    def start(self, z, rng):
        if rng is None:
            raise ValueError("rng=None: PGD draws its random start and needs an Rng")
        shape = z.shape[rng.axis :]
        if self.norm == "linf":
            return z + self.radius * (2 * rng.rand(*shape) - 1)
        n = rng.randn(
            *shape
        )  # uniform in the ball: any direction, and a share r^d of the volume within distance r
        return z + self.radius * rng.rand(*shape[:-1], 1) ** (1 / shape[-1]) * n / length(n)

    def direction(self, g, memory):
        return (g.sign() if self.norm == "linf" else g / length(g)), None

    def project(self, z, start):
        if self.norm == "linf":
            return super().project(z, start)
        return start + (z - start) * (self.radius / length(z - start)).clamp(max=1)


@dataclass(frozen=True)
class MIFGSM(IFGSM):
    """IFGSM along the running sum m <- mu m + g / |g|_1, |.|_1 per sample (Dong et al. 2018)."""

    mu: float = 1.0

    def direction(self, g, memory):
        unit = g / (g.abs().sum(-1, keepdim=True) + 1e-12)
        memory = unit if memory is None else self.mu * memory + unit
        return memory.sign(), memory


@dataclass(frozen=True)
class GradientStep(IFGSM):
    """z <- z - eps * g, the plain gradient: unlike the sign, it depends on the scale of D (the older version's "AT+GD")."""

    def direction(self, g, memory):
        return g, None


def pair_ratio(
    x1: Tensor,
    x2: Tensor,
    z1: Tensor,
    z2: Tensor,
    offset: float = 0.0,
    per_sample: bool = False,
    norm: str = "l1",
) -> Tensor:
    """d_I / (d_z + offset): one number a batch as in the code, from its mean distances, or one a sample.

    x (..., B, d), z (..., B, k). A small ratio marks two latents whose images are too much alike. `norm`: a distance is
    the mean absolute difference of all entries ("l1", the code) or the Euclidean distance ("l2"); Table 1 does not say
    which, but with images in [-1, 1] and the code's offset of 1 "l1" cannot exceed 2, and it prints 4.023.
    """
    if norm not in ("l1", "l2"):
        raise ValueError(f"norm={norm!r}: expected 'l1' or 'l2'")
    d_x, d_z = (
        (b - a).abs().mean(-1) if norm == "l1" else (b - a).norm(dim=-1)
        for a, b in ((x1, x2), (z1, z2))
    )
    if not per_sample:
        d_x, d_z = d_x.mean(-1), d_z.mean(-1)
    return d_x / (d_z + offset)


@dataclass(frozen=True)
class HardPairs:
    """A partner for each z1: start at z1 + std n, then `steps` sign steps that lower the pair's ratio (Eq. 8).

    `steps=0` is the control that the paper lacks: near neighbours without a search. `direction=+1` raises the ratio
    (the inverse search of Table 1). `offset` is the code's +1 in the search. `std=None` draws an independent partner
    (MSGAN).
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
        batch_axis = rng.axis
        z1, noise = z1.detach(), rng.randn(*z1.shape[batch_axis:])
        z2 = noise if self.std is None else z1 + self.std * noise
        yield z2
        if not self.steps:
            return
        modules = modules_of(G)
        with latent_mode(modules, "train_frozen"), torch.no_grad():
            x1 = G(z1).flatten(batch_axis + 1)
        for _ in range(self.steps):
            with latent_mode(modules, "train_frozen"), torch.enable_grad():
                z2 = z2.detach().requires_grad_(True)
                ratio = pair_ratio(
                    x1, G(z2).flatten(batch_axis + 1), z1, z2, self.offset, self.per_sample
                )
                (g,) = torch.autograd.grad(ratio.sum(), z2)
            z2 = z2.detach() + self.direction * self.eps * g.sign()
            yield z2


@dataclass(frozen=True)
class ModeSeeking(Term):
    """G: + weight / (ratio + 1e-5) on pairs of latents (MSGAN); with HardPairs it is AdvLatGAN-div.

    The latent batch is [z1, z2] in G's turn and, unless `d_uses_pair` is False, in D's turn too (the code). The code sums
    the adversarial loss over both halves where ours is their mean, so its weight 1 is our 0.5. `negative_ratio` uses
    - weight * ratio instead (the older version's lambda_ms < 0).
    """

    weight: float = 0.5
    pairs: HardPairs = field(default_factory=HardPairs)
    d_uses_pair: bool = True
    negative_ratio: bool = False

    def __post_init__(self):
        settle(self)

    def latents(self, z, G, rng, player):
        if player == "d" and not self.d_uses_pair:
            return z
        return torch.cat([z, self.pairs(z, G, rng)], rng.axis)

    def g_loss(self, turn: Turn) -> Tensor:
        (z1, z2), (x1, x2) = (
            turn.z.chunk(2, turn.axis),
            turn.x_fake.flatten(turn.axis + 1).chunk(2, turn.axis),
        )
        ratio = pair_ratio(x1, x2, z1, z2)
        return self.weight * (-ratio if self.negative_ratio else 1 / (ratio + 1e-5))
