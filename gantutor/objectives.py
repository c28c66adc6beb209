"""GAN objectives, same-shaped: what D minimises on reals and on fakes, and what G minimises. a = D(real), b = D(fake)."""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.functional import relu, softplus

from gantutor.nets import Critique
from gantutor.parts import Turn


class Objective:
    """Subclasses give three losses of raw scores; `logits` says which scores they act on (KDD changes it)."""

    def real(self, a: Tensor) -> Tensor:
        """D's loss of each real score."""
        raise NotImplementedError

    def fake(self, b: Tensor) -> Tensor:
        """D's loss of each fake score."""
        raise NotImplementedError

    def gen(self, b: Tensor) -> Tensor:
        """G's loss of each fake score."""
        raise NotImplementedError

    def logits(self, turn: Turn) -> tuple[Tensor | None, Tensor]:
        """Scores of the reals (D's turn; may be None in G's) and of the fakes, (..., B)."""
        return (turn.real.score if turn.player == "d" else None), turn.fake.score

    def logit_at(self, points: Critique, turn: Turn) -> Tensor:
        """Score of any points, for maps and fields; `turn` gives the batch that KDD measures against."""
        return points.score

    def d(self, turn: Turn) -> Tensor:
        """D's loss, the batch's mean: one number a seed."""
        a, b = self.logits(turn)
        return self.real(a).mean(-1) + self.fake(b).mean(-1)

    def g(self, turn: Turn) -> Tensor:
        """G's loss, the batch's mean: one number a seed."""
        return self.gen(self.logits(turn)[1]).mean(-1)

    def after_d(self, D: nn.Module) -> None:
        """What follows D's optimiser step (weight clipping)."""

    def __add__(self, other: "Objective") -> "Sum":
        return Sum(_parts(self) + _parts(other))

    def __rmul__(self, weight: float) -> "Sum":
        return Sum(tuple((weight * w, o) for w, o in _parts(self)))


@dataclass(frozen=True)
class Sum(Objective):
    """Weighted sum of whole objectives, e.g. `Hinge() + 0.5 * KDD()`, the Joint loss of KDD GAN (Eq. 9). Maps show the first."""

    parts: tuple[tuple[float, Objective], ...]

    def d(self, turn):
        return sum(w * o.d(turn) for w, o in self.parts)

    def g(self, turn):
        return sum(w * o.g(turn) for w, o in self.parts)

    def gen(self, b):
        return self.parts[0][1].gen(b)

    def logits(self, turn):
        return self.parts[0][1].logits(turn)

    def logit_at(self, points, turn):
        return self.parts[0][1].logit_at(points, turn)

    def after_d(self, D):
        for _, o in self.parts:
            o.after_d(D)


@dataclass(frozen=True)
class NonSaturating(Objective):
    """-log sigmoid(a), -log(1 - sigmoid(b)); G: -log sigmoid(b) (Goodfellow et al. 2014, the loss used in practice)."""

    def real(self, a):
        return softplus(-a)

    def fake(self, b):
        return softplus(b)

    def gen(self, b):
        return softplus(-b)


@dataclass(frozen=True)
class Minimax(NonSaturating):
    """The same D; G: log(1 - sigmoid(b)), which flattens where D is sure (Goodfellow et al. 2014, Eq. 1)."""

    def gen(self, b):
        return -softplus(b)


@dataclass(frozen=True)
class WGAN(Objective):
    """-a, b; G: -b; D's weights are clipped to [-clip, clip] unless `clip` is None (Arjovsky et al. 2017)."""

    clip: float | None = 0.01

    def __post_init__(self):
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


def _parts(objective: Objective) -> tuple[tuple[float, Objective], ...]:
    return objective.parts if isinstance(objective, Sum) else ((1.0, objective),)
