"""KDD GAN (Lemkhenter et al., 2021): the discriminator's logit is a log-ratio of kernel density estimates in feature space.

What the paper leaves open has a letter; this is the default here, and after it the option.
A1 gradients flow through the anchors too, as the loss is written (anchor_grad_d, anchor_grad_g) - A2 the features are the
trunk's sum-pooled output, `pooled` of the nets - A3 the projection takes the normalised features (projection="unnormalised"),
the hinge's own head in a Joint loss always the plain ones - A4 in a Joint loss the KDD part may have its own projection -
A5 JacobianD's gradient flows through both features - A6 leave-one-out takes away the un-augmented self alone
("self+copies") - A7 gradients through augmented anchors follow anchor_grad - A8 each turn augments afresh - A9 each copy goes
through all that `augment` does: DiffAugment() is the paper's five transforms.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache, lru_cache
from math import log

import torch
import torch.autograd.forward_ad as forward_ad
from torch import Tensor
from torch.nn.functional import normalize

from gantutor.descriptions import brief
from gantutor.nets import full
from gantutor.objectives import Hinge
from gantutor.parallel import gather, place
from gantutor.plain import settle
from gantutor.turn import Term, Turn

KERNELS = ("vmf", "gauss")
CHOICES = {
    "kernel": KERNELS,
    "leave_one_out": ("self", "self+copies", "none"),
    "stale": ("none", "g_step", "both"),
    "projection": ("none", "normalised", "unnormalised"),
}


def log_kernels(points: Tensor, anchors: Tensor, tau: float = 1.0, kernel: str = "vmf") -> Tensor:
    """Log K(anchor, point) up to a constant that cancels in every ratio: (..., N, K) and (..., M, K) to (..., N, M).

    "vmf": <a, x> / tau, von Mises-Fisher with concentration 1/tau on unit features; "gauss": -|a - x|^2 / (2 tau),
    a Gaussian of variance tau. On the sphere both give the same log-ratio.
    """
    if kernel not in KERNELS:
        raise ValueError(f"kernel={kernel!r}: expected one of {', '.join(KERNELS)}")
    s = (points / tau) @ anchors.mT
    if kernel == "gauss":
        s = s - (0.5 / tau) * (
            points.square().sum(-1)[..., None] + anchors.square().sum(-1)[..., None, :]
        )
    return s


def log_ratio(
    points: Tensor,
    reals: Tensor,
    fakes: Tensor,
    tau: float = 1.0,
    kernel: str = "vmf",
    left_out: Tensor | None = None,
) -> Tensor:
    """Log p_r - log p_g at `points` (..., N, K), both densities estimated from anchors (..., M, K).

    `left_out` (N, M_r + M_g) marks kernels that a point must not see: its own; or gives the `log_weights` of such marks.
    Densities divide by the anchors used. Raises ValueError where a point is left without an anchor.
    """
    s = log_kernels(
        points, torch.cat([reals, fakes], -2), tau, kernel
    )  # one product serves both densities
    m, n = reals.shape[-2], fakes.shape[-2]
    if left_out is None:
        return torch.logsumexp(s[..., :m], -1) - torch.logsumexp(s[..., m:], -1) + (log(n) - log(m))
    s = s + (log_weights(left_out, m) if left_out.dtype == torch.bool else left_out).to(s)
    return torch.logsumexp(s[..., :m], -1) - torch.logsumexp(s[..., m:], -1)


def log_weights(left_out: Tensor, m: int) -> Tensor:
    """Log weight of each kernel in its density: -log of how many a point sees on that side (the first m, the rest), or -inf.

    Raises ValueError where it sees none; the marks are read on the host for that.
    """
    counts = [
        (~side).sum(-1, keepdim=True).expand(side.shape)
        for side in (left_out[:, :m], left_out[:, m:])
    ]
    if not all(int(c.min()) for c in counts):
        raise ValueError(
            f"leave-one-out takes the only anchor away ({m} real and {left_out.shape[-1] - m} fake anchors): "
            "use a batch of at least 2"
        )
    return (-torch.cat(counts, -1).double().log()).masked_fill(left_out, -torch.inf)


@dataclass(frozen=True)
class KDD(Hinge):
    """The hinge loss (and G's plain -b) on l(x) = log p_r(phi(x)) - log p_g(phi(x)) instead of a learned score.

    phi [A2]: D's pooled features, of unit length for "vmf". A point's own kernel is left out (`leave_one_out` [A6]: "self",
    "self+copies" or "none"). `anchor_grad_d` and `anchor_grad_g` [A1]: whether gradients also flow through the anchors (the
    loss as written) or only through the point (the forces of Eq. 7). `copies` augmented images by `augment` join each
    anchor set and are never evaluated [A6 to A9]. `stale="g_step"`: G's turn uses the real features of the last D step
    (dagger); "both": D's turn too measures p_r by those of the D step before it, constants that need no leave-one-out (the
    first step has only its own). `projection` [A3, A4]: the loss acts on l(x) + <V_y, f>, V_y D's embedding of the label
    and f the "normalised" or "unnormalised" pooled features; the hinge wraps the sum. Log-ratios are taken in float32 or
    better. Processes of one training share their anchors, and each evaluates its own points: all must call together,
    with equal batches (ValueError otherwise). Maps and latent searches, which know no labels and run where they please,
    see l alone and the anchors of their own process.
    """

    tau: float = 1.0
    kernel: str = "vmf"
    leave_one_out: str = "self"
    anchor_grad_d: bool = True
    anchor_grad_g: bool = True
    augment: object | None = None
    copies: int = 0
    stale: str = "none"
    projection: str = "none"

    on_batch = True

    def __post_init__(self):
        settle(self)
        if not self.tau > 0:
            raise ValueError(f"tau={self.tau}: expected a temperature above 0")
        for name, values in CHOICES.items():
            if getattr(self, name) not in values:
                raise ValueError(
                    f"{name}={getattr(self, name)!r}: expected one of {', '.join(map(repr, values))}"
                )
        if self.copies < 0 or (self.copies > 0) != (self.augment is not None):
            raise ValueError(
                f"copies={self.copies}, augment={self.augment}: augmented anchors need both, or neither"
            )

    def phi(self, v: Tensor, D) -> Tensor:
        """Unit features for "vmf", plain ones for "gauss", in float32 or better."""
        v = _pooled(v, D)
        return normalize(v, dim=-1) if self.kernel == "vmf" else v

    def logits(self, turn: Turn) -> tuple[Tensor | None, Tensor]:
        """The logits of the reals and fakes in D's turn, of the fakes alone in G's."""
        in_d = turn.player == "d"
        real, fake, reals, fakes = self._anchors(
            turn, self.anchor_grad_d if in_d else self.anchor_grad_g
        )
        reals, other = (
            self._former(turn, reals) if in_d and self.stale == "both" else (reals, False)
        )
        reals, fakes = _everywhere(reals, fakes)
        m, n = real.shape[-2], fake.shape[-2]
        own = _own(
            m,
            n,
            self.copies,
            self.leave_one_out,
            other,
            turn.player,
            *place(),
            fake.device,
            fake.dtype,
        )
        with in_float32(fake.device):
            points = torch.cat([real, fake], -2) if in_d else fake
            s = log_ratio(points, reals, fakes, self.tau, self.kernel, own)
            if self.projection != "none":
                s = s + self._projected(turn)
        return (s[..., :m], s[..., m:]) if in_d else (None, s)

    def logit_at(self, points, turn):
        _, _, reals, fakes = self._anchors(turn, False)
        with in_float32(fakes.device):
            return log_ratio(self.phi(points.features, turn.D), reals, fakes, self.tau, self.kernel)

    def _anchors(self, turn: Turn, through: bool) -> tuple[Tensor, ...]:
        """Phi of reals and fakes, and both anchor sets: these, then their augmented copies; with gradient if `through`.

        With `stale="both"` D's real anchors serve the D step after this one, as constants.
        """
        stale = turn.stale if self.stale != "none" and turn.player == "g" else None
        real = self.phi(turn.real.features if stale is None else stale.features.detach(), turn.D)
        fake = self.phi(turn.fake.features, turn.D)
        anchors = []
        for_later = turn.player == "d" and self.stale == "both"
        for x, v, kept in (
            (turn.x_real, real, through and not for_later),
            (turn.x_fake, fake, through),
        ):
            v = v if kept else v.detach()
            if self.copies:
                with torch.set_grad_enabled(
                    v.requires_grad
                ):  # [A7]; nothing is recorded for anchors that are constants
                    copies = turn.features(
                        *[self.augment(x, turn.rng, turn.step) for _ in range(self.copies)]
                    )
                    v = torch.cat([v, *[self.phi(c, turn.D) for c in copies]], -2)
            anchors.append(v)
        return real, fake, *anchors

    def _former(self, turn: Turn, reals: Tensor) -> tuple[Tensor, bool]:
        """The real anchors of the D step before this one, whose place this step's take; whether there are any."""
        former = turn.memory.get(brief(self))
        if former is not None:
            former = former.clone()  # its memory is overwritten before the gradient is taken
        turn.remember(brief(self), reals)
        return (reals, False) if former is None else (former, True)

    def _projected(self, turn: Turn) -> Tensor:
        """<V_y, f> of the points: reals, then fakes in D's turn, fakes in G's."""
        sides = (
            [(turn.fake, turn.y_fake)]
            if turn.player == "g"
            else [(turn.real, turn.y_real), (turn.fake, turn.y_fake)]
        )
        if any(y is None for _, y in sides):
            raise ValueError(
                f"projection={self.projection!r} without labels: use nets with classes, or projection='none'"
            )
        f = _pooled(torch.cat([c.features for c, _ in sides]), turn.D)
        f = normalize(f, dim=-1) if self.projection == "normalised" else f
        return (turn.D.embed(torch.cat([y for _, y in sides])) * f).sum(-1)


def _pooled(v: Tensor, D) -> Tensor:
    with _no_autocast(v.device):
        return D.pooled(full(v))


def _everywhere(reals: Tensor, fakes: Tensor) -> tuple[Tensor, Tensor]:
    """The anchors of all processes: features are a thousandth of the images. What is constant stays so."""
    rank, world = place()
    if world == 1:
        return reals, fakes
    m, n = len(reals), len(fakes)
    _must_agree(m, n, rank, world, fakes.device)
    both = gather(torch.cat([reals, fakes])).unflatten(0, (world, m + n))  # one exchange for both
    return both[:, :m].flatten(0, 1), both[:, m:].flatten(0, 1)


@lru_cache(maxsize=64)  # sizes are compared once, at the first call
def _must_agree(m: int, n: int, rank: int, world: int, device: torch.device) -> None:
    sizes = gather(torch.tensor([[m, n]], device=device)).tolist()
    if sizes != [[m, n]] * world:
        raise ValueError(
            f"real and fake anchors by process: {sizes}, this is process {rank}: all need equal batches"
        )


def own_kernels(m: int, n: int, copies: int = 0, leave_one_out: str = "self") -> Tensor:
    """Which kernels are a point's own: rows m reals then n fakes, columns the real anchors then the fake ones, (m+n, ...)."""
    times = {
        "self": [1] + [0] * copies,
        "self+copies": [1] * (copies + 1),
        "none": [0] * (copies + 1),
    }[leave_one_out]
    blocks = [torch.cat([t * torch.eye(k) for t in times], -1) for k in (m, n)]
    return torch.block_diag(*blocks).bool()


# The same weights serve every step of a run. None is ever dropped: a captured step reads them where they lie.
@cache
def _own(
    m: int,
    n: int,
    copies: int,
    leave_one_out: str,
    other: bool,
    player: str,
    rank: int,
    world: int,
    device: torch.device,
    dtype: torch.dtype,
) -> Tensor:
    """`log_weights` of leave-one-out for the points of a turn on one process of `world`, (m+n or n, anchors of all).

    `other`: the real anchors are another batch's.
    """
    own, block = own_kernels(m, n, copies, leave_one_out), (copies + 1) * m
    own[:, :block] &= not other
    own = own[m:] if player == "g" else own
    sides = []
    for side in (own[:, :block], own[:, block:]):
        of_all = torch.zeros(len(own), world, side.shape[1], dtype=torch.bool)
        of_all[:, rank] = side
        sides.append(of_all.flatten(1))
    return log_weights(torch.cat(sides, 1), world * block).to(device, dtype)


def _no_autocast(device: torch.device) -> AbstractContextManager:
    """On the plane, to switch off what is off already would cost as much as a matrix product."""
    return (
        torch.autocast(device.type, enabled=False)
        if torch.is_autocast_enabled(device.type)
        else nullcontext()
    )


@contextmanager
def in_float32(device: torch.device) -> Iterator[None]:
    """True float32: autocast and, on a GPU, TF32 off, and as they were afterwards."""
    parts = (torch.backends.cuda.matmul, torch.backends.cudnn.conv) if device.type == "cuda" else ()
    before = [p.fp32_precision for p in parts]
    try:
        for p in parts:
            p.fp32_precision = "ieee"
        with _no_autocast(device):
            yield
    finally:
        for p, precision in zip(parts, before, strict=True):
            p.fp32_precision = precision


class _Taken(torch.autograd.Function):
    """A loss (), or one a seed, whose gradients were taken already; they wait for the factor of the whole."""

    @staticmethod
    def forward(ctx, loss: Tensor, gradients: list[Tensor], *weights: Tensor) -> Tensor:
        ctx.gradients = gradients
        return loss.clone()

    @staticmethod
    def backward(ctx, factor: Tensor):
        return (
            None,
            None,
            *[
                factor.reshape(factor.shape + (1,) * (g.ndim - factor.ndim)) * g
                for g in ctx.gradients
            ],
        )


@dataclass(frozen=True)
class JacobianD(Term):
    """D: + weight / |S_r| * sum over reals and fakes of | |phi(x + delta u) - phi(x)| / delta - 1 |  (JacD).

    u is uniform on the unit sphere of the images, phi the unnormalised features. `method="jvp"` takes the exact
    directional derivative instead of the finite difference, which drowns in rounding noise in TF32 and bf16: both run in
    true float32, and so does the gradient at D's weights, which is taken on the spot through both features [A5]. `mean=True`
    divides by all points instead of the reals alone. One more call of D's trunk, hence one more power iteration where it
    has live spectral norm, shared by both features. Raises TypeError for critics that read labels in their trunk.
    """

    weight: float = 1e-5
    delta: float = 1e-3
    method: str = "fd"
    mean: bool = False

    def __post_init__(self):
        settle(self)
        if self.method not in ("fd", "jvp") or not self.delta > 0 or self.weight < 0:
            raise ValueError(f"{self}: expected method 'fd' or 'jvp', delta > 0 and weight >= 0")

    def d_loss(self, turn: Turn) -> Tensor:
        x = torch.cat([full(turn.x_real), full(turn.x_fake)], turn.axis)
        n_points, n_real = x.shape[turn.axis], turn.x_real.shape[turn.axis]
        u = turn.rng.randn(*x.shape[turn.axis :]).to(x)
        u = u / u.flatten(turn.axis + 1).norm(dim=-1).reshape(
            x.shape[: turn.axis + 1] + (1,) * (x.ndim - turn.axis - 1)
        )
        with in_float32(x.device):
            slope = self.slope(lambda y: turn.D.pooled(turn.features(y)[0]), x, u, turn.axis)
            loss = self.weight * (slope - 1).abs().sum(-1) / (n_points if self.mean else n_real)
            weights = [p for p in turn.D.parameters() if p.requires_grad]
            if not (loss.requires_grad and weights):
                return loss
            # TF32 in the backward pass would be as bad: the gradient is a difference of two that are nearly equal, over delta
            gradients = torch.autograd.grad(loss.sum(), weights, allow_unused=True)
        used = [(g, p) for g, p in zip(gradients, weights, strict=True) if g is not None]
        return _Taken.apply(loss.detach(), [g for g, _ in used], *[p for _, p in used])

    def slope(self, phi, x: Tensor, u: Tensor, axis: int = 0) -> Tensor:
        """|directional derivative of phi at x along u|, one number a point; points lie along `axis`."""
        if self.method == "jvp":
            with forward_ad.dual_level():
                return forward_ad.unpack_dual(phi(forward_ad.make_dual(x, u))).tangent.norm(dim=-1)
        # one call: between two, spectral norm's power iteration would move phi itself
        ahead, at = phi(torch.cat([x + self.delta * u, x], axis)).tensor_split(2, axis)
        return (ahead - at).norm(dim=-1) / self.delta
