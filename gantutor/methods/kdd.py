"""KDD GAN (Lemkhenter et al., 2021): D's logit is a log-ratio of kernel density estimates.

The densities are estimated in D's feature space. Choices that the paper leaves open are numbered:
first our default, then the alternative.

A1 gradients flow through the anchors too, as the loss is written (anchor_grad_d, anchor_grad_g)
A2 the features are the trunk's sum-pooled output, `pooled` of the nets
A3 the projection takes the normalised features (projection="unnormalised"); the hinge's own head
   in a Joint loss always takes the plain ones
A4 in a Joint loss the KDD part may have its own projection
A5 the gradient of JacobianD flows through both features
A6 leave-one-out leaves out only the un-augmented point itself ("self+copies")
A7 gradients through augmented anchors follow anchor_grad
A8 each turn augments afresh
A9 each copy goes through all that `augment` does: DiffAugment() is the paper's five transforms
"""

from dataclasses import dataclass
from math import inf, log

import torch
from torch import Tensor
from torch.nn.functional import normalize, relu

from gantutor.methods.anchors import (
    everywhere,
    in_float32,
    log_weights,
    no_autocast,
    own_kernels,
    own_weights,
)
from gantutor.nets import full
from gantutor.objectives import Hinge
from gantutor.parallel import place, synchronised
from gantutor.plain import one_of, settle
from gantutor.turn import Turn

KERNELS = ("vmf", "gauss")


def log_kernels(points: Tensor, anchors: Tensor, tau: float = 1.0, kernel: str = "vmf") -> Tensor:
    """Log K(anchor, point) up to a constant that cancels in every ratio, (..., N, M).

    `points` are (..., N, K) and `anchors` (..., M, K). "vmf": <a, x> / tau, von Mises-Fisher with
    concentration 1/tau on unit features; "gauss": -|a - x|^2 / (2 tau), a Gaussian of variance
    tau. On the sphere both give the same log-ratio. Raises ValueError for another kernel.

    >>> log_kernels(torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 4.0]]), 0.5, "gauss")
    tensor([[-25.]])
    """
    one_of("kernel", kernel, KERNELS)
    if kernel == "vmf":
        return (points / tau) @ anchors.mT
    # distances do not depend on the origin, and squares of large numbers lose their digits
    centre = anchors.detach().mean(-2, keepdim=True)
    points, anchors = points - centre, anchors - centre
    squares = points.square().sum(-1)[..., None] + anchors.square().sum(-1)[..., None, :]
    return (points / tau) @ anchors.mT - (0.5 / tau) * squares


def log_ratio(
    points: Tensor,
    reals: Tensor,
    fakes: Tensor,
    tau: float = 1.0,
    kernel: str = "vmf",
    left_out: Tensor | None = None,
) -> Tensor:
    """The log-ratio l = log p_r - log p_g at `points` (..., N, K): KDD's logit, (..., N).

    Both densities are kernel estimates from anchors (..., M, K), `reals` and `fakes` (the l whose
    gradient is Eq. 5 to 7). `left_out` (N, M_r + M_g) marks the kernels that a point must not use
    (its own), or is the `log_weights` of such marks. Densities divide by the number of anchors
    used. Raises ValueError where a point is left without an anchor.

    >>> r, g = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    >>> log_ratio(torch.tensor([[1.0, 0.0], [0.6, 0.8]]), r, g, tau=0.5)
    tensor([ 2.0000, -0.4000])
    """
    # one product serves both densities
    s = log_kernels(points, torch.cat([reals, fakes], -2), tau, kernel)
    m, n = reals.shape[-2], fakes.shape[-2]
    if left_out is None:
        log_p_r, log_p_g = torch.logsumexp(s[..., :m], -1), torch.logsumexp(s[..., m:], -1)
        return log_p_r - log_p_g + (log(n) - log(m))
    if left_out.dtype == torch.bool:
        left_out = log_weights(left_out, m)
    s = s + left_out.to(s)
    return torch.logsumexp(s[..., :m], -1) - torch.logsumexp(s[..., m:], -1)


def kdd_logits(
    reals: Tensor, fakes: Tensor, tau: float = 1.0, kernel: str = "vmf"
) -> tuple[Tensor, Tensor]:
    """Logits l at reals (..., m, K) and fakes (..., n, K), each point's own kernel left out.

    For `kernel` "vmf" the features must have unit length, which is not checked: normalise them.
    Flatten feature maps first. In a loop of your own:

    >>> r = torch.tensor([[1.0, 0.0], [0.8, 0.6]])
    >>> g = torch.tensor([[0.0, 1.0], [-0.6, 0.8]])
    >>> l_r, l_g = kdd_logits(r, g, tau=0.5)
    >>> kdd_d_loss(l_r, l_g), kdd_g_loss(l_g)
    (tensor(0.1701), tensor(1.4299))
    """
    m, n = reals.shape[-2], fakes.shape[-2]
    own = own_kernels(m, n).to(reals.device)
    both = log_ratio(torch.cat([reals, fakes], -2), reals, fakes, tau, kernel, own)
    return both[..., :m], both[..., m:]


def kdd_d_loss(l_r: Tensor, l_g: Tensor) -> Tensor:
    """L_D = mean max(0, 1 - l_r) + mean max(0, 1 + l_g) of logits (..., m) and (..., n).

    The L_KDD of Eq. 9 for D. See `kdd_logits` for an example.
    """
    return relu(1 - l_r).mean(-1) + relu(1 + l_g).mean(-1)


def kdd_g_loss(l_g: Tensor) -> Tensor:
    """L_G = -mean l_g of logits (..., n): the plain log-ratio, no hinge (L_KDD of Eq. 9 for G)."""
    return -l_g.mean(-1)


@dataclass(frozen=True)
class KDD(Hinge):
    """The hinge loss on l(x) = log p_r(phi(x)) - log p_g(phi(x)) instead of a learned score.

    G minimises -l. phi [A2] are D's pooled features, of unit length for "vmf".

    tau: temperature of the kernel, a finite number above 0.
    kernel: "vmf" or "gauss", see `log_kernels`.
    leave_one_out: [A6] a point's own kernels, left out: "self", "self+copies" or "none".
    anchor_grad_d, anchor_grad_g: [A1] whether gradients also flow through the anchors (the loss as
        written) or only through the point (the forces of Eq. 7).
    augment, copies: each anchor set also gets `copies` augmented versions of its images, as
        anchors only [A6 to A9].
    stale: "g_step": G's turn uses the real features of the last D step (the paper's dagger).
        "both": D's turn, too, measures p_r by those of the D step before it, constants that need
        no leave-one-out; the first step has only its own.
    projection: [A3, A4] the loss acts on l(x) + <V_y, f(x)>, with V_y D's embedding of the label
        and f the "normalised" or "unnormalised" pooled features. The hinge wraps the sum.

    Log-ratios are computed in float32 or better. Processes of one training share their anchors,
    and each evaluates its own points: all must call together, with equal batches (ValueError
    otherwise). Maps have no labels, so they use l without the projection, and outside a step the
    anchors of their own process.
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
    reads_scores = False

    def __post_init__(self):
        settle(self)
        if not 0 < self.tau < inf:
            raise ValueError(f"tau={self.tau}: expected a finite temperature above 0")
        one_of("kernel", self.kernel, KERNELS)
        one_of("leave_one_out", self.leave_one_out, ("self", "self+copies", "none"))
        one_of("stale", self.stale, ("none", "g_step", "both"))
        one_of("projection", self.projection, ("none", "normalised", "unnormalised"))
        if self.copies < 0 or (self.copies > 0) != (self.augment is not None):
            raise ValueError(
                f"copies={self.copies}, augment={self.augment}: augmented anchors need both, or "
                "neither"
            )

    def d_loss(self, turn: Turn) -> Tensor:
        return kdd_d_loss(*self.logits(turn))

    def g_loss(self, turn: Turn) -> Tensor:
        _, l_g = self.logits(turn)
        return kdd_g_loss(l_g)

    def phi(self, v: Tensor, D) -> Tensor:
        """Unit features for "vmf", plain ones for "gauss", in float32 or better."""
        v = _pooled(v, D)
        return normalize(v, dim=-1) if self.kernel == "vmf" else v

    def logits(self, turn: Turn) -> tuple[Tensor | None, Tensor]:
        """The logits of the reals and fakes in D's turn, of the fakes alone in G's."""
        in_d = turn.player == "d"
        through = self.anchor_grad_d if in_d else self.anchor_grad_g
        real, fake, reals, fakes = self._anchors(turn, through)
        foreign = False
        if in_d and self.stale == "both":
            reals, foreign = self._former(turn, reals)
        reals, fakes = everywhere(reals, fakes)
        m, n = real.shape[-2], fake.shape[-2]
        how = (self.copies, self.leave_one_out, foreign, turn.player)
        own = own_weights(m, n, *how, *place(), fake.device, fake.dtype)
        with in_float32(fake.device):
            points = torch.cat([real, fake], -2) if in_d else fake
            s = log_ratio(points, reals, fakes, self.tau, self.kernel, own)
            if self.projection != "none":
                s = s + self._projected(turn)
        return (s[..., :m], s[..., m:]) if in_d else (None, s)

    def logit_at(self, points, turn):
        _, _, reals, fakes = self._anchors(turn, False)
        if synchronised():
            reals, fakes = everywhere(reals, fakes)
        with in_float32(fakes.device):
            phi = self.phi(points.features, turn.D)
            return log_ratio(phi, reals, fakes, self.tau, self.kernel)

    def _anchors(self, turn: Turn, through: bool) -> tuple[Tensor, ...]:
        """Features phi of reals and fakes, and both anchor sets: these, then augmented copies.

        The anchors carry gradients if `through`. With `stale="both"` D's real anchors serve the D
        step after this one, as constants.
        """
        stale = turn.stale if self.stale != "none" and turn.player == "g" else None
        v_real = turn.real.features if stale is None else stale.features.detach()
        real, fake = self.phi(v_real, turn.D), self.phi(turn.fake.features, turn.D)
        for_later = turn.player == "d" and self.stale == "both"
        reals = self._with_copies(turn, turn.x_real, real, through and not for_later)
        return real, fake, reals, self._with_copies(turn, turn.x_fake, fake, through)

    def _with_copies(self, turn: Turn, x: Tensor, v: Tensor, through: bool) -> Tensor:
        v = v if through else v.detach()
        if not self.copies:
            return v
        # [A7] nothing is recorded for anchors that are constants
        with torch.set_grad_enabled(v.requires_grad):
            images = [self.augment(x, turn.rng, turn.step) for _ in range(self.copies)]
            copies = turn.features(*images)
            return torch.cat([v, *[self.phi(c, turn.D) for c in copies]], -2)

    def _former(self, turn: Turn, reals: Tensor) -> tuple[Tensor, bool]:
        """The real anchors of the D step before this one, and whether there are any.

        This step's anchors take their place in the turn's memory.
        """
        former = turn.recall("reals")
        if former is not None:
            former = former.clone()  # its memory is overwritten before the gradient is taken
        turn.remember("reals", reals)
        return (reals, False) if former is None else (former, True)

    def _projected(self, turn: Turn) -> Tensor:
        """<V_y, f> of the points: of reals, then fakes in D's turn, of fakes in G's."""
        sides = [(turn.fake, turn.y_fake)]
        if turn.player == "d":
            sides = [(turn.real, turn.y_real), *sides]
        if any(y is None for _, y in sides):
            raise ValueError(
                f"projection={self.projection!r} without labels: use nets with classes, or "
                "projection='none'"
            )
        f = _pooled(torch.cat([c.features for c, _ in sides]), turn.D)
        f = normalize(f, dim=-1) if self.projection == "normalised" else f
        return (turn.D.embed(torch.cat([y for _, y in sides])) * f).sum(-1)


def _pooled(v: Tensor, D) -> Tensor:
    with no_autocast(v.device):
        return D.pooled(full(v))
