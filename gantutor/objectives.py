"""GAN objectives of the same shape: what D minimises on reals and fakes, what G minimises on fakes.

a = D(real), b = D(fake).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax, relu, softplus

from gantutor.nets import Critique, full
from gantutor.plain import missing, number, settle
from gantutor.turn import Turn


class Objective:
    """Subclasses give three losses of raw scores; `logits` says which scores they act on.

    `on_batch`: the score of a point depends on a reference batch (KDD), so D's raw score cannot be
    used. `reads_scores`: the losses act on D's scores, which a term may replace.
    """

    on_batch = False
    reads_scores = True

    def real(self, a: Tensor) -> Tensor:
        """D's loss of each real score."""
        raise missing(self, "real(a)", "D's loss of each real score")

    def fake(self, b: Tensor) -> Tensor:
        """D's loss of each fake score."""
        raise missing(self, "fake(b)", "D's loss of each fake score")

    def gen(self, b: Tensor) -> Tensor:
        """G's loss of each fake score."""
        raise missing(self, "gen(b)", "G's loss of each fake score")

    def logits(self, turn: Turn) -> tuple[Tensor | None, Tensor]:
        """Scores (..., B) of the reals (in D's turn; may be None in G's) and of the fakes."""
        return turn.scores

    def logit_at(self, points: Critique, turn: Turn) -> Tensor:
        """Score of any points, for maps and fields; `turn` has the batch that KDD measures by."""
        return points.score

    def d_loss(self, turn: Turn) -> Tensor:
        """D's loss, the mean over the batch: one number per seed."""
        a, b = self.logits(turn)
        return self.real(a).mean(-1) + self.fake(b).mean(-1)

    def g_loss(self, turn: Turn) -> Tensor:
        """G's loss, the mean over the batch: one number per seed."""
        _, b = self.logits(turn)
        return self.gen(b).mean(-1)

    def after_d(self, D: nn.Module) -> None:
        """What follows D's optimiser step (weight clipping)."""

    def __add__(self, other: "Objective") -> "Sum":
        return Sum(_parts(self) + _parts(other))

    def __rmul__(self, weight: float) -> "Sum":
        return Sum(tuple((weight * w, o) for w, o in _parts(self)))

    __mul__ = __rmul__


@dataclass(frozen=True)
class Sum(Objective):
    """Weighted sum of objectives: `Hinge() + 0.5 * KDD()` is the Joint loss of KDD GAN (Eq. 9).

    Maps and samplers use the scores of the first.
    """

    parts: tuple[tuple[float, Objective], ...]

    def __post_init__(self):
        parts = tuple((number("weight", w), o) for w, o in self.parts)
        for _, part in parts:
            if isinstance(part, type):
                kind = part.__name__
                raise ValueError(f"{kind} is a class; write an object of it: {kind}()")
        if not parts or not all(isinstance(o, Objective) for _, o in parts):
            raise ValueError(
                f"parts={self.parts!r}: expected objectives with their weights, as in Hinge() + "
                "0.5 * KDD()"
            )
        object.__setattr__(self, "parts", parts)

    def d_loss(self, turn):
        place = turn.place
        return sum(w * turn.ask(f"{place}.{i}", o.d_loss) for i, (w, o) in enumerate(self.parts))

    def g_loss(self, turn):
        place = turn.place
        return sum(w * turn.ask(f"{place}.{i}", o.g_loss) for i, (w, o) in enumerate(self.parts))

    def gen(self, b):
        return self.parts[0][1].gen(b)

    def logits(self, turn):
        return self.parts[0][1].logits(turn)

    @property
    def on_batch(self):
        return self.parts[0][1].on_batch

    @property
    def reads_scores(self):
        return any(o.reads_scores for _, o in self.parts)

    def logit_at(self, points, turn):
        return self.parts[0][1].logit_at(points, turn)

    def after_d(self, D):
        for _, o in self.parts:
            o.after_d(D)


@dataclass(frozen=True)
class NonSaturating(Objective):
    """-log sigmoid(a), -log(1 - sigmoid(b)); G: -log sigmoid(b).

    Goodfellow et al. 2014, the loss used in practice. `target` below 1 is one-sided label
    smoothing: softplus(a) - target a for reals, the rest unchanged (Salimans et al. 2016).
    """

    target: float = 1.0

    def __post_init__(self):
        settle(self)
        if not 0 < self.target <= 1:
            raise ValueError(
                f"target={self.target}: expected the label of the reals, above 0 and at most 1 "
                "(0.9 smooths)"
            )

    def real(self, a):
        loss = softplus(-a)
        return loss if self.target == 1 else loss + (1 - self.target) * a

    def fake(self, b):
        return softplus(b)

    def gen(self, b):
        return softplus(-b)


@dataclass(frozen=True)
class Minimax(NonSaturating):
    """The same D, smoothed or not; G: log(1 - sigmoid(b)), which is flat where D is sure.

    Goodfellow et al. 2014, Eq. 1.
    """

    def gen(self, b):
        return -softplus(b)


@dataclass(frozen=True)
class WGAN(Objective):
    """-a, b; G: -b; D's weights are clipped to [-clip, clip] unless `clip` is None.

    Arjovsky et al. 2017.
    """

    clip: float | None = 0.01

    def __post_init__(self):
        settle(self)
        if self.clip is not None and not self.clip > 0:
            raise ValueError(f"clip={self.clip}: expected a number above 0, or None")

    def real(self, a):
        return -a

    def fake(self, b):
        return b

    def gen(self, b):
        return -b

    def after_d(self, D):
        if self.clip is not None:
            for p in D.parameters():
                p.data.clamp_(-self.clip, self.clip)


@dataclass(frozen=True)
class LSGAN(Objective):
    """(a-1)^2 / 2, b^2 / 2; G: (b-1)^2 / 2 (Mao et al. 2017)."""

    def real(self, a):
        return 0.5 * (a - 1) ** 2

    def fake(self, b):
        return 0.5 * b**2

    def gen(self, b):
        return 0.5 * (b - 1) ** 2


@dataclass(frozen=True)
class Hinge(Objective):
    """max(0, 1-a), max(0, 1+b); G: -b (Lim and Ye 2017; Miyato et al. 2018)."""

    def real(self, a):
        return relu(1 - a)

    def fake(self, b):
        return relu(1 + b)

    def gen(self, b):
        return -b


@dataclass(frozen=True)
class Realness(Objective):
    """RealnessGAN: D rates realness on a scale of `outcomes` K classes (Xiangli et al. 2020).

    The classes are the support -1 .. 1 and the losses cross-entropies CE, with p the softmax of
    the critic's outputs (B, K). D: CE(A1, p_r) + CE(A0, p_f). G: -CE(A0, p_f), plus nothing
    (`variant` 1), plus CE(p_r, p_f) with p_r a constant (2, the authors' default), or plus
    CE(A1, p_f) (3). The anchors A1 and A0 are histograms of 1000 draws, U(-1, 1) and N(0, 0.1),
    drawn anew in each turn and moved by +1 and -1 on the support. `resample`: outputs (B, 2K) are
    mean and log variance of the logits. Maps, samplers and `logits` use the expected outcome in
    (-1, 1), without that noise; on it real, fake and gen are -a, b and -b.

    Raises ValueError if the critic's outputs are missing or have another width.
    """

    outcomes: int
    variant: int = 2
    resample: bool = False

    reads_scores = False

    def __post_init__(self):
        settle(self)
        if self.outcomes < 2 or self.variant not in (1, 2, 3):
            raise ValueError(
                f"outcomes={self.outcomes}, variant={self.variant}: expected at least 2, and "
                "variant 1, 2 or 3"
            )

    def d_loss(self, turn):
        real, fake = (self._log_p(c, turn) for c in (turn.real, turn.fake))
        return _cross(self.anchor(turn, 1), real) + _cross(self.anchor(turn, -1), fake)

    def g_loss(self, turn):
        fake = self._log_p(turn.fake, turn)
        loss = -_cross(self.anchor(turn, -1), fake)
        if self.variant == 2:
            loss = loss + _cross(self._log_p(turn.real, turn).detach().exp(), fake)
        return loss if self.variant != 3 else loss + _cross(self.anchor(turn, 1), fake)

    def anchor(self, turn: Turn, shift: int) -> Tensor:
        """Target (..., 1, K) of the reals (`shift` 1) or of the fakes (-1).

        A histogram over the range of its own draws, then moved along the support.
        """
        # one anchor for the whole batch, the same on every process
        k, rng = self.outcomes, turn.rng.alike
        draws = 2 * rng.rand(1000) - 1 if shift > 0 else 0.1 * rng.randn(1000)
        low, high = draws.aminmax(dim=-1, keepdim=True)
        place = torch.arange(k, device=draws.device)
        # torch.histc would wait for the range on the host; this counts on the device
        bins = ((draws - low) / (high - low) * k).long().clamp(max=k - 1)
        counted = (bins[..., None] == place).float().mean(-2, keepdim=True)
        # mass that arrives between two outcomes is shared linearly; beyond the last it stays there
        moved = (place + shift * (k - 1) / 2).clamp(0, k - 1)
        shares = (1 - (moved[:, None] - place).abs()).clamp(min=0)
        return (counted.mT * shares).sum(-2, keepdim=True)

    def logits(self, turn):
        real = self._expected(turn.real, turn) if turn.player == "d" else None
        return real, self._expected(turn.fake, turn)

    def logit_at(self, points, turn):
        return self._expected(points, turn)

    def real(self, a):
        return -a

    def fake(self, b):
        return b

    def gen(self, b):
        return -b

    def _expected(self, critique: Critique, turn: Turn) -> Tensor:
        p = self._outputs(critique, turn)[..., : self.outcomes].softmax(-1)
        support = torch.linspace(-1, 1, self.outcomes, device=p.device, dtype=p.dtype)
        return (p * support).sum(-1)

    def _log_p(self, critique: Critique, turn: Turn) -> Tensor:
        logits = self._outputs(critique, turn)
        if self.resample:
            mean, log_variance = logits.chunk(2, -1)
            noise = turn.rng.randn(*mean.shape[turn.axis :]).to(mean)
            logits = mean + (log_variance / 2).exp() * noise
        return log_softmax(logits, -1)

    def _outputs(self, critique: Critique, turn: Turn) -> Tensor:
        width, v = self.outcomes * (2 if self.resample else 1), critique.outputs
        if v is None or v.shape[-1] != width:
            found = "no outputs besides its score" if v is None else f"{v.shape[-1]} outputs"
            raise ValueError(
                f"{type(turn.D).__name__} has {found}, {self} needs {width}: use nets with that "
                "many outputs"
            )
        return full(v)


def _cross(target: Tensor, log_p: Tensor) -> Tensor:
    """Cross-entropy, the mean over the batch."""
    return -(target.to(log_p) * log_p).sum(-1).mean(-1)


def _parts(objective: Objective) -> tuple[tuple[float, Objective], ...]:
    return objective.parts if isinstance(objective, Sum) else ((1.0, objective),)
