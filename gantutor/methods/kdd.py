"""KDD GAN (Lemkhenter et al., 2021): the discriminator's logit is a log-ratio of kernel density estimates in feature space."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import normalize

from gantutor.objectives import Hinge
from gantutor.parts import Term, Turn

KERNELS = ("vmf", "gauss")


def log_kernels(points: Tensor, anchors: Tensor, tau: float = 1.0, kernel: str = "vmf") -> Tensor:
    """log K(anchor, point) up to a constant that cancels in every ratio: (..., N, K) and (..., M, K) to (..., N, M).

    "vmf": <a, x> / tau, von Mises-Fisher with concentration 1/tau on unit features; "gauss": -|a - x|^2 / (2 tau),
    a Gaussian of variance tau. On the sphere both give the same log-ratio.
    """
    if kernel not in KERNELS:
        raise ValueError(f"kernel={kernel!r}: expected one of {', '.join(KERNELS)}")
    s = (points / tau) @ anchors.mT
    if kernel == "gauss":
        s = s - (0.5 / tau) * (points.square().sum(-1)[..., None] + anchors.square().sum(-1)[..., None, :])
    return s


def log_ratio(points: Tensor, reals: Tensor, fakes: Tensor, tau: float = 1.0, kernel: str = "vmf",
              left_out: Tensor | None = None) -> Tensor:
    """log p_r - log p_g at `points` (..., N, K), both densities estimated from anchors (..., M, K).

    `left_out` (N, M_r + M_g) marks kernels that a point must not see: its own. Densities divide by the anchors used.
    Raises ValueError where a point is left without an anchor.
    """
    s = log_kernels(points, torch.cat([reals, fakes], -2), tau, kernel)  # one product serves both densities
    m = reals.shape[-2]
    if left_out is None:
        n_real, n_fake = torch.tensor(m), torch.tensor(fakes.shape[-2])
    else:
        n_real, n_fake = (~left_out[:, :m]).sum(-1), (~left_out[:, m:]).sum(-1)
        if int(n_real.min()) == 0 or int(n_fake.min()) == 0:
            raise ValueError(
                f"leave-one-out takes the only anchor away ({m} real and {fakes.shape[-2]} fake anchors): use a batch of at least 2"
            )
        s = s.masked_fill(left_out, -torch.inf)
    log_real = torch.logsumexp(s[..., :m], -1) - n_real.to(s).log()
    log_fake = torch.logsumexp(s[..., m:], -1) - n_fake.to(s).log()
    return log_real - log_fake


@dataclass(frozen=True)
class KDD(Hinge):
    """The hinge loss (and G's plain -b) on l(x) = log p_r(phi(x)) - log p_g(phi(x)) instead of a learned score.

    phi: D's pooled features, of unit length for "vmf". A point's own kernel is left out (`leave_one_out`: "self",
    "self+copies" or "none"). `anchor_grad_d` and `anchor_grad_g`: whether gradients also flow through the anchors (the
    loss as written) or only through the point (the forces of Eq. 7). `copies` augmented images by `augment` join each
    anchor set and are never evaluated. `stale="g_step"`: G's turn uses the real features of the last D step (dagger).
    """

    tau: float = 1.0
    kernel: str = "vmf"
    leave_one_out: str = "self"
    anchor_grad_d: bool = True
    anchor_grad_g: bool = True
    augment: object | None = None
    copies: int = 0
    stale: str = "none"

    def __post_init__(self):
        if not self.tau > 0:
            raise ValueError(f"tau={self.tau}: expected a temperature above 0")
        if self.kernel not in KERNELS or self.leave_one_out not in ("self", "self+copies", "none"):
            raise ValueError(f"kernel={self.kernel!r}, leave_one_out={self.leave_one_out!r}: expected a kernel of "
                             f"{', '.join(KERNELS)} and 'self', 'self+copies' or 'none'")  # fmt: skip
        if self.stale not in ("none", "g_step"):
            raise ValueError(f"stale={self.stale!r}: expected 'none' or 'g_step'")
        if self.copies < 0 or (self.copies > 0) != (self.augment is not None):
            raise ValueError(f"copies={self.copies}, augment={self.augment}: augmented anchors need both, or neither")

    def phi(self, v: Tensor, D) -> Tensor:
        """Unit features for "vmf", plain ones for "gauss", in float32 or better."""
        v = D.pooled(v)
        v = v.float() if v.dtype in (torch.float16, torch.bfloat16) else v
        return normalize(v, dim=-1) if self.kernel == "vmf" else v

    def logits(self, turn: Turn) -> tuple[Tensor | None, Tensor]:
        """l of the reals and fakes in D's turn, of the fakes alone in G's."""
        in_d = turn.player == "d"
        real, fake, reals, fakes = self._anchors(turn)
        if not (self.anchor_grad_d if in_d else self.anchor_grad_g):
            reals, fakes = reals.detach(), fakes.detach()
        left_out = own_kernels(real.shape[-2], fake.shape[-2], self.copies, self.leave_one_out).to(fake.device)
        if not in_d:
            return None, log_ratio(fake, reals, fakes, self.tau, self.kernel, left_out[real.shape[-2] :])
        ratio = log_ratio(torch.cat([real, fake], -2), reals, fakes, self.tau, self.kernel, left_out)
        return ratio[..., : real.shape[-2]], ratio[..., real.shape[-2] :]

    def logit_at(self, points, turn):
        _, _, reals, fakes = self._anchors(turn)
        return log_ratio(self.phi(points.features, turn.D), reals.detach(), fakes.detach(), self.tau, self.kernel)

    def _anchors(self, turn: Turn) -> tuple[Tensor, ...]:
        """phi of reals and fakes, and both anchor sets: the same, followed by their augmented copies."""
        stale = turn.stale if self.stale == "g_step" and turn.player == "g" else None
        real = self.phi(turn.real.features if stale is None else stale.features.detach(), turn.D)
        fake = self.phi(turn.fake.features, turn.D)
        if not self.copies:
            return real, fake, real, fake
        anchors = []
        for x, v in ((turn.x_real, real), (turn.x_fake, fake)):
            with torch.set_grad_enabled(torch.is_grad_enabled() and (turn.player == "d" or v.requires_grad)):
                copies = turn.features(*[self.augment(x, turn.rng) for _ in range(self.copies)])
                anchors.append(torch.cat([v, *[self.phi(c, turn.D) for c in copies]], -2))
        return real, fake, *anchors


@lru_cache(maxsize=16)  # the same mask serves every step of a run
def own_kernels(m: int, n: int, copies: int = 0, leave_one_out: str = "self") -> Tensor:
    """Which kernels are a point's own: rows m reals then n fakes, columns the real anchors then the fake ones, (m+n, ...)."""
    times = {"self": [1] + [0] * copies, "self+copies": [1] * (copies + 1), "none": [0] * (copies + 1)}[leave_one_out]
    blocks = [torch.cat([t * torch.eye(k) for t in times], -1) for k in (m, n)]
    return torch.block_diag(*blocks).bool()


@dataclass(frozen=True)
class JacobianD(Term):
    """D: + weight / |S_r| * sum over reals and fakes of | |phi(x + delta u) - phi(x)| / delta - 1 |  (JacD).

    u is uniform on the unit sphere of the images, phi the unnormalised features. `method="jvp"` takes the exact
    directional derivative instead: the finite difference drowns in rounding noise in TF32 and bf16. `mean=True` divides
    by all points instead of the reals alone.
    """

    weight: float = 1e-5
    delta: float = 1e-3
    method: str = "fd"
    mean: bool = False

    def __post_init__(self):
        if self.method not in ("fd", "jvp") or not self.delta > 0 or self.weight < 0:
            raise ValueError(f"{self}: expected method 'fd' or 'jvp', delta > 0 and weight >= 0")

    def d(self, turn: Turn) -> Tensor:
        x = torch.cat([turn.x_real, turn.x_fake], turn.axis)
        n_points, n_real = x.shape[turn.axis], turn.x_real.shape[turn.axis]
        u = turn.rng.randn(*x.shape[turn.axis :]).to(x)
        u = u / u.flatten(turn.axis + 1).norm(dim=-1).reshape(x.shape[: turn.axis + 1] + (1,) * (x.ndim - turn.axis - 1))
        slope = self.slope(lambda y: turn.D.pooled(turn.D.features(y)), x, u)
        return self.weight * (slope - 1).abs().sum(-1) / (n_points if self.mean else n_real)

    def slope(self, phi, x: Tensor, u: Tensor) -> Tensor:
        """|directional derivative of phi at x along u|, one number a point."""
        if self.method == "jvp":
            return torch.func.jvp(phi, (x,), (u,))[1].norm(dim=-1)
        with torch.autocast(x.device.type, enabled=False):
            return (phi(x + self.delta * u) - phi(x)).norm(dim=-1) / self.delta
