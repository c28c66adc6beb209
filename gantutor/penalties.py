"""Terms of D's loss that bound how steep or how sure the critic is, and the class loss of ACGAN.

They are computed in float32, whatever the nets run in: slopes are small differences, which would
drown in the rounding of 16 bits.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, relu

from gantutor.descriptions import brief
from gantutor.nets import Critique, full
from gantutor.parallel import average
from gantutor.plain import settle
from gantutor.turn import Term, Turn


def own_score(turn: Turn, x: Tensor, y: Tensor | None) -> Tensor:
    """D's own score of a batch."""
    return turn.judge(x, y).score


def slopes(turn: Turn, x: Tensor, y: Tensor | None = None, score: Callable = own_score) -> Tensor:
    """grad_x score(turn, x, y) with its graph, flattened to (..., B, d); labels y if D has them."""
    x = full(x.detach()).requires_grad_(True)
    with turn.full_precision():
        (g,) = torch.autograd.grad(score(turn, x, y).sum(), x, create_graph=True)
    return g.flatten(turn.axis + 1)


def between(turn: Turn) -> tuple[Tensor, Tensor | None]:
    """Points u x_real + (1-u) x_fake with u ~ U(0, 1), and the labels of the reals.

    There are as many as the smaller batch has.
    """
    n = min(turn.x_real.shape[turn.axis], turn.x_fake.shape[turn.axis])
    real, fake = (full(x.narrow(turn.axis, 0, n)) for x in (turn.x_real, turn.x_fake))
    u = turn.rng.rand(n)
    u = u.reshape(u.shape + (1,) * (real.ndim - u.ndim))
    return u * real + (1 - u) * fake, None if turn.y_real is None else turn.y_real[:n]


@dataclass(frozen=True)
class GradientPenalty(Term):
    """D: + weight * mean (|grad_x D(x)|_2 - target)^2 between reals and fakes.

    x = u x_real + (1-u) x_fake with u uniform (Gulrajani et al. 2017).
    """

    weight: float = 10.0
    target: float = 1.0

    def __post_init__(self):
        settle(self)
        if not (self.weight >= 0 and self.target >= 0):
            raise ValueError(f"{self}: expected weight >= 0 and target >= 0")

    def d_loss(self, turn: Turn) -> Tensor:
        return self.weight * (
            slopes(turn, *between(turn)).norm(dim=-1) - self.target
        ).square().mean(-1)


@dataclass(frozen=True)
class DivPenalty(Term):
    """D: + k * mean |grad_x D(x)|_2^p, with WGAN(clip=None) the Wasserstein divergence.

    Wu et al. 2018. `at` "between": x mixes real and fake as in the gradient penalty; "both": the
    mean over the reals and over the fakes.
    """

    k: float = 2.0
    p: float = 6.0
    at: str = "between"

    def __post_init__(self):
        settle(self)
        if self.at not in ("between", "both") or not (self.k >= 0 and self.p >= 1):
            raise ValueError(f"{self}: expected at 'between' or 'both', k >= 0 and p >= 1")

    def d_loss(self, turn: Turn) -> Tensor:
        points = (
            [between(turn)]
            if self.at == "between"
            else [(turn.x_real, turn.y_real), (turn.x_fake, turn.y_fake)]
        )
        powers = [slopes(turn, *xy).norm(dim=-1).pow(self.p).mean(-1) for xy in points]
        return self.k * sum(powers) / len(powers)


@dataclass(frozen=True)
class R1(Term):
    """D: + weight/2 * mean |grad_x s(x)|_2^2 at the reals (Mescheder et al. 2018).

    s is the score that the objective acts on. With AdaptiveMix's summed logits it is that sum, and
    the gradient flows through the mixing, as in the authors' program.
    """

    weight: float = 10.0

    def __post_init__(self):
        settle(self)
        if not self.weight >= 0:
            raise ValueError(f"{self}: expected weight >= 0")

    def d_loss(self, turn: Turn) -> Tensor:
        steep = slopes(turn, turn.x_real, turn.y_real, Turn.score_at)
        return self.weight / 2 * steep.square().sum(-1).mean(-1)


@dataclass(frozen=True)
class LeCam(Term):
    """D: + weight * (mean relu(a - mean_fake)^2 + mean relu(mean_real - b)^2) (Tseng et al. 2021).

    a and b are the scores that the objective acts on. The means are moving averages of D's mean
    scores with `decay`: they start at those of the first batch, take in the current batch before
    use, and pass no gradient. The term is added once `start` steps are done.
    """

    weight: float = 0.3
    decay: float = 0.99
    start: int = 1000

    def __post_init__(self):
        settle(self)
        if not (self.weight >= 0 and 0 <= self.decay < 1 and self.start >= 0):
            raise ValueError(f"{self}: expected weight >= 0, 0 <= decay < 1 and start >= 0")

    def d_loss(self, turn: Turn) -> Tensor:
        a, b = map(full, turn.scores)
        (means,) = average([torch.stack([a.mean(-1), b.mean(-1)]).detach()])
        known = turn.recall("means")
        if known is not None:
            means = self.decay * known + (1 - self.decay) * means
        turn.remember("means", means)
        real, fake = means[..., None]
        gap = relu(a - fake).square().mean(-1) + relu(real - b).square().mean(-1)
        return (turn.step >= self.start) * (self.weight * gap)


@dataclass(frozen=True)
class AuxClassifier(Term):
    """D and G: + weight * cross-entropy of D's class outputs against the labels (ACGAN).

    Odena et al. 2017. In D's loss over the reals plus, with `fakes`, over the fakes; in G's over
    the fakes. Weight 1 means equal parts of adversarial and class loss. Raises ValueError if labels
    or class outputs are missing.
    """

    weight: float = 1.0
    fakes: bool = True

    def __post_init__(self):
        settle(self)
        if not self.weight >= 0:
            raise ValueError(f"{self}: expected weight >= 0")

    def d_loss(self, turn: Turn) -> Tensor:
        loss = self._entropy(turn, turn.real, turn.y_real)
        if self.fakes:
            loss = loss + self._entropy(turn, turn.fake, turn.y_fake)
        return self.weight * loss

    def g_loss(self, turn: Turn) -> Tensor:
        return self.weight * self._entropy(turn, turn.fake, turn.y_fake)

    def _entropy(self, turn: Turn, critique: Critique, y: Tensor | None) -> Tensor:
        if critique.outputs is None or y is None:
            missing = (
                "no class outputs"
                if critique.outputs is None
                else "no labels to compare its outputs with"
            )
            raise ValueError(
                f"{type(turn.D).__name__} has {missing}: {brief(self)} needs nets with classes and "
                "a class head"
            )
        return cross_entropy(full(critique.outputs), y)
