"""AdvLatGAN-z and -qua (Li et al., NeurIPS 2022): adversarial sign steps in the latent space."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

from gantutor.nets import latent_mode, modules_of
from gantutor.nets.modes import MODES
from gantutor.plain import one_of, settle
from gantutor.rng import Rng
from gantutor.turn import LatentMap

# phi of a score y, minimised over z. Where samples do not influence each other (eval mode, no batch
# statistics) every falling phi gives the same sign step in exact arithmetic. In float32
# softplus(-y) has no gradient left for a good sample (y large) and log(1 - sigma(y)) none for a bad
# one, so the score is the default. With batch statistics the samples share their gradients, phi
# weighs them, and the signs differ: each row of a table uses its authors' phi.
PHI: dict[str, Callable[[Tensor], Tensor]] = {
    "score": lambda y: -y,
    "ns": lambda y: softplus(-y),
    "saturating": lambda y: -softplus(y),
    "lsgan": lambda y: (y - 1) ** 2,
}


def slope(
    z: Tensor, G: Callable, D: Callable, phi: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """D's score of G(z), (..., B), and the gradient of phi(score) for z alone, (..., B, z).

    Both are constants. autograd skips the weights' gradients because nobody asks for them;
    switching `requires_grad` off saves nothing more.
    """
    with torch.enable_grad():
        z = z.detach().requires_grad_(True)
        score = D(G(z))
        score = getattr(score, "score", score)  # a D of your own may return its scores alone
        (g,) = torch.autograd.grad(phi(score).sum(), z)
    return score.detach(), g


def latent_step(
    z: Tensor,
    G: Callable,
    D: Callable,
    eps: float,
    phi: str = "score",
    direction: Callable[[Tensor], Tensor] = torch.sign,
) -> Tensor:
    """One step z - eps sign( grad_z phi(D(G(z))) ) of latents (..., B, z) (AdvLatGAN, Eq. 6).

    It raises D's score of each sample. G maps z to images, D images to a Critique or to its scores
    (..., B) alone, `phi` is a key of PHI, `direction` turns the gradient into the step (..., B, z).
    It runs the nets as they are: in train mode their batch norm updates its statistics. Wrap the
    call in `gantutor.nets.latent_mode` to prevent that.

    >>> from gantutor.nets import Critique
    >>> D = lambda x: Critique(score=-x.square().sum(-1), features=x)
    >>> latent_step(torch.tensor([[1.0, -2.0]]), lambda z: z, D, eps=0.25)
    tensor([[ 0.7500, -1.7500]])
    """
    one_of("phi", phi, PHI)
    _, g = slope(z, G, D, PHI[phi])
    return z - eps * direction(g)


def length(v: Tensor) -> Tensor:
    """Euclidean norm of each latent, (..., B, 1), never 0."""
    return v.norm(dim=-1, keepdim=True).clamp(min=1e-12)


@dataclass(frozen=True)
class IFGSM(LatentMap):
    """`steps` times `latent_step`: z <- z - eps * sign( grad_z phi(D(G(z))) ) (Eq. 6).

    eps: size of one step in every coordinate.
    radius: keeps z within that l-infinity distance of its start. None, as in the authors' code,
        lets it drift up to steps * eps.
    objective: phi, one of "score", "ns", "saturating", "lsgan".
    mode: the nets' mode while searching, see `latent_mode`: "eval" for AdvLatGAN-z,
        "train_frozen" for -qua.
    shell, prior_weight: two options of ours against drifting out of the prior. `shell` gives each
        z its first norm back after every step (after the radius); `prior_weight` lam >= 0
        minimises phi + lam |z|^2 / 2.
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
                f"eps={self.eps}, steps={self.steps}, radius={self.radius}: expected "
                "eps, steps >= 0, radius > 0"
            )
        if not self.prior_weight >= 0:
            raise ValueError(f"prior_weight={self.prior_weight}: expected a number of at least 0")
        one_of("objective", self.objective, PHI)
        one_of("mode", self.mode, MODES)

    def __call__(self, z: Tensor, G: Callable, D: Callable, rng: Rng | None = None) -> Tensor:
        """Moved latents (..., B, z), detached.

        G and D keep parameters, gradients, flags, modes and buffers.
        """
        *_, moved = self.path(z, G, D, rng)
        return moved

    def path(self, z: Tensor, G: Callable, D: Callable, rng: Rng | None = None) -> Iterator[Tensor]:
        """Yield the latents before the first step and after each."""
        start = z.detach()
        z, memory = self.start(start, rng), None

        def direction(g: Tensor) -> Tensor:
            nonlocal memory
            if self.prior_weight:
                g = g + self.prior_weight * z
            move, memory = self.direction(g, memory)
            return move

        yield z
        for _ in range(self.steps):
            with latent_mode(modules_of(G, D), self.mode):
                z = latent_step(z, G, D, self.eps, self.objective, direction)
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

    `norm`: the ball and the step, "linf" (sign steps) or "l2" (steps of length eps along
    g / |g|_2, per sample).
    """

    norm: str = "linf"

    def __post_init__(self):
        super().__post_init__()
        one_of("norm", self.norm, ("linf", "l2"))
        if self.radius is None:
            raise ValueError(
                "radius=None: PGD starts at random within a radius and needs one, for example "
                "radius=0.1"
            )

    def start(self, z, rng):
        if rng is None:
            raise ValueError("rng=None: PGD draws its random start and needs an Rng")
        shape = z.shape[rng.axis :]
        if self.norm == "linf":
            return z + self.radius * (2 * rng.rand(*shape) - 1)
        # uniform in the ball: any direction, and a share r^d of the volume within distance r
        n = rng.randn(*shape)
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
    """z <- z - eps * g, the plain gradient: unlike the sign, it depends on the scale of D.

    The older version of the paper calls it "AT+GD".
    """

    def direction(self, g, memory):
        return g, None
