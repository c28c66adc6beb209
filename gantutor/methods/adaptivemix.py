"""AdaptiveMix (Liu et al., CVPR 2023): pull the features of mixed samples to mixed features."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from gantutor.nets import no_power_iteration
from gantutor.parallel import average, gather, place
from gantutor.plain import one_of, settle
from gantutor.rng import take_rows
from gantutor.turn import Term, Turn, draw_rows

DISTANCES = ("sq_l2", "l2", "l1", "mse", "cosine")


def mix(lam: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """The mix lam a + (1 - lam) b of samples or features (AdaptiveMix, Eq. 1).

    a and b have shape (..., B, *), lam (..., B) or, for the whole batch, (..., 1).

    >>> mix(torch.tensor([0.25, 1.0]), torch.zeros(2, 3), torch.ones(2, 3))
    tensor([[0.7500, 0.7500, 0.7500],
            [0.0000, 0.0000, 0.0000]])
    """
    lam = lam.reshape(lam.shape + (1,) * (a.ndim - lam.ndim))
    return lam * a + (1 - lam) * b


def adaptive_mix(
    v_mix: Tensor,
    v_i: Tensor,
    v_j: Tensor,
    lam: Tensor,
    noise: Tensor | float = 0.0,
    noise_on: str = "target",
    kind: str = "sq_l2",
    detach: bool = False,
) -> Tensor:
    """D_v( F(x_mix), lam F(x_i) + (1-lam) F(x_j) + noise ), one number per sample (Eq. 2).

    `v_mix` = F(x_mix), `v_i` = F(x_i) and `v_j` = F(x_j) are features (..., B, K), `lam` (..., B)
    or (..., 1) the mixing weights of `mix`, `noise` is sigma n with n ~ N(0, 1). `noise_on`
    "target" adds it to the mix of the features (the authors' code), "mixed" to F(x_mix) (the
    paper). `detach` stops the gradient at the target. `kind` is D_v, see `distance`. Flatten
    feature maps first. In a loop of your own, with features F of a batch x:

    >>> F = lambda x: x**2
    >>> x, partner = torch.tensor([[0.0], [2.0]]), torch.tensor([1, 0])
    >>> lam = torch.tensor([0.5, 0.5])
    >>> v = F(x)
    >>> adaptive_mix(F(mix(lam, x, x[partner])), v, v[partner], lam)
    tensor([1., 1.])
    """
    one_of("noise_on", noise_on, ("target", "mixed"))
    target = mix(lam, v_i, v_j)
    if detach:
        target = target.detach()
    if noise_on == "mixed":
        v_mix = v_mix + noise
    else:
        target = target + noise
    return distance(v_mix, target, kind)


def distance(v: Tensor, target: Tensor, kind: str = "sq_l2") -> Tensor:
    """D_v of Eq. 2 between features (..., B, K), one number per sample.

    "sq_l2", "l2" and "l1" sum over the K entries (the paper), "mse" is their mean square (the
    authors' classifier), "cosine" is minus the cosine (the authors' StyleGAN2: it aligns
    directions and ignores length). Raises ValueError for another kind.

    >>> distance(torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 4.0]]), "l2")
    tensor([5.])
    """
    if kind == "sq_l2":
        return (v - target).square().sum(-1)
    if kind == "l2":
        return (v - target).norm(dim=-1)
    if kind == "l1":
        return (v - target).abs().sum(-1)
    if kind == "mse":
        return (v - target).square().mean(-1)
    one_of("distance", kind, DISTANCES)
    return -cosine_similarity(v, target, dim=-1)


class Mixed(NamedTuple):
    """One batch of pairs: mixing weights, features F(x_i), F(x_j), F(x_mix), and labels or None.

    `sizes` are the numbers of reals and fakes in it, by which processes split what they draw.
    """

    lam: Tensor
    v_i: Tensor
    v_j: Tensor
    v_mix: Tensor
    y_i: Tensor | None
    y_j: Tensor | None
    sizes: tuple[int, ...]


class Side(NamedTuple):
    """A batch before it is mixed: samples, features, labels or None."""

    x: Tensor
    v: Tensor
    y: Tensor | None


@dataclass(frozen=True)
class AdaptiveMix(Term):
    """weight * mean D_v( F(x_mix), lam F(x_i) + (1-lam) F(x_j) + sigma n ) (Eq. 2).

    `AdaptiveMix()` has the paper's distance and gradient. It pairs samples and adds the noise to
    the target as the authors do. The settings of their two programs are constants below the class.

    weight: factor of the term.
    alpha: lam ~ Beta(alpha, alpha).
    sigma: standard deviation of the noise n ~ N(0, 1).
    distance: D_v, see `distance`.
    pairing: "within" mixes reals with reals and fakes with fakes (the code), "pooled" permutes
        both together, "cross" mixes the i-th real with the i-th fake (the paper's words).
    lam: drawn for each "sample", or once for the "batch".
    noise_on: "target" (the code) or "mixed", that is F(x_mix) (the paper).
    noise_scale: "abs", or "rms" for sigma in units of the features' root mean square.
    detach: stops the gradient at the target (the code).
    logits: "sum" is what the code does and the paper does not mention: the score that the
        objective sees becomes J(mix of features) + J(F(x_mix)). With a class-conditional head each
        of the two is the mix of the scores under both labels, which for a projection is the score
        under the mix of their embeddings.
    players: who minimises the term, "dg" (Eq. 6), "d" or "g".
    """

    weight: float = 1.0
    alpha: float = 1.0
    sigma: float = 0.05
    distance: str = "sq_l2"
    pairing: str = "within"
    lam: str = "sample"
    noise_on: str = "target"
    noise_scale: str = "abs"
    detach: bool = False
    logits: str = "plain"
    players: str = "dg"

    def __post_init__(self):
        settle(self)
        one_of("distance", self.distance, DISTANCES)
        one_of("pairing", self.pairing, ("within", "pooled", "cross"))
        one_of("lam", self.lam, ("sample", "batch"))
        one_of("noise_on", self.noise_on, ("target", "mixed"))
        one_of("noise_scale", self.noise_scale, ("abs", "rms"))
        one_of("logits", self.logits, ("plain", "sum"))
        one_of("players", self.players, ("dg", "d", "g"))
        if not (self.alpha > 0 and self.sigma >= 0 and self.weight >= 0):
            raise ValueError(
                f"alpha={self.alpha}, sigma={self.sigma}, weight={self.weight}: expected "
                "alpha > 0, others >= 0"
            )
        if self.logits == "sum" and self.pairing != "within":
            raise ValueError(
                f"logits='sum' with pairing={self.pairing!r}: the summed logit needs pairs of one "
                "kind, 'within'"
            )

    def d_loss(self, turn: Turn) -> Tensor | None:
        return self._loss(turn)

    def g_loss(self, turn: Turn) -> Tensor | None:
        return self._loss(turn)

    @property
    def replaces_scores(self) -> bool:
        return self.logits == "sum"

    def scores(self, turn: Turn) -> tuple[Tensor | None, Tensor] | None:
        """J(mix of features) + J(F(x_mix)) of the reals (None in G's turn) and of the fakes."""
        if turn.player not in self.players:
            return None
        *real, fake = [_summed(turn, mixed) for mixed in self._mixed(turn)]
        return (real[0] if real else None), fake

    def score_at(self, turn: Turn, x: Tensor, y: Tensor | None) -> Tensor | None:
        """The summed score of another batch, mixed within itself by draws of its own."""
        if turn.player not in self.players:
            return None
        (v,) = turn.features(x)
        (mixed,) = self._mix(turn, [[Side(x, v, y)]])
        return _summed(turn, mixed)

    def _loss(self, turn: Turn) -> Tensor | None:
        # at weight 0 with D's own logits nothing is drawn or computed, so that a baseline shares
        # every other line with the method
        if turn.player not in self.players or (self.weight == 0 and self.logits == "plain"):
            return None
        batches = self._mixed(turn)
        if self.weight == 0:
            return None
        return self.weight * sum(self._gap(turn, mixed).mean(-1) for mixed in batches)

    def _gap(self, turn: Turn, mixed: Mixed) -> Tensor:
        return adaptive_mix(
            mixed.v_mix,
            mixed.v_i,
            mixed.v_j,
            mixed.lam,
            self._noise(turn, mixed),
            self.noise_on,
            self.distance,
            self.detach,
        )

    def _noise(self, turn: Turn, mixed: Mixed) -> Tensor | float:
        if not self.sigma:
            return 0.0
        v, scale = mixed.v_mix, 1.0
        if self.noise_scale == "rms":
            (square,) = average([v.detach().square().mean((-2, -1), keepdim=True)])
            scale = square.sqrt()
        width = v.shape[-1]
        return self.sigma * scale * draw_rows(turn, mixed.sizes, lambda n, rng: rng.randn(n, width))

    def _mixed(self, turn: Turn) -> list[Mixed]:
        """The turn's pairs: [of the reals, of the fakes] for "within", else of both in one."""
        return turn.once("mixed", lambda: self._mix(turn, self._batches(turn)))

    def _batches(self, turn: Turn) -> list[list[Side]]:
        """Sides that are mixed with themselves or, in one list of two, with each other."""
        fake = Side(turn.x_fake, turn.fake.features, turn.y_fake)
        if turn.player == "g" and self.pairing == "within":
            return [[fake]]
        real = Side(turn.x_real, turn.real.features, turn.y_real)
        return [[real], [fake]] if self.pairing == "within" else [[real, fake]]

    def _mix(self, turn: Turn, batches: list[list[Side]]) -> list[Mixed]:
        pairs = [self._pair(turn, sides) for sides in batches]
        sizes = [tuple(s.x.shape[turn.axis] for s in sides) for sides in batches]
        if self.pairing == "cross":
            sizes = [n[:1] for n in sizes]
        lams = [draw_rows(turn, n, self._draw) for n in sizes]
        x_mix = [mix(lam, i.x, j.x) for lam, (i, j) in zip(lams, pairs, strict=True)]
        found = zip(lams, pairs, turn.features(*x_mix), sizes, strict=True)
        return [Mixed(lam, i.v, j.v, v, i.y, j.y, n) for lam, (i, j), v, n in found]

    def _draw(self, n: int, rng) -> Tensor:
        return rng.beta(self.alpha, n if self.lam == "sample" else 1)

    def _pair(self, turn: Turn, sides: list[Side]) -> tuple[Side, Side]:
        """Samples and their partners, which are a permutation: their features need no forward."""
        if self.pairing == "cross":
            return tuple(sides)
        sizes = tuple(s.x.shape[turn.axis] for s in sides)
        order = draw_rows(turn, sizes, lambda n, rng: rng.randperm(n))
        mine = _joined(sides, turn.axis)
        everyone = mine
        if place()[1] > 1:  # a partner may be on another process
            everyone = _joined([Side(*map(_gathered, s)) for s in sides], turn.axis)
        y = None if everyone.y is None else everyone.y[order]
        return mine, Side(take_rows(everyone.x, order), take_rows(everyone.v, order), y)


# what each of the authors' programs does
STYLEGAN_CODE = AdaptiveMix(distance="cosine", detach=True, lam="batch", logits="sum")
CLASSIFIER_CODE = AdaptiveMix(distance="mse", detach=True, lam="batch")


def _summed(turn: Turn, mixed: Mixed) -> Tensor:
    """J(mix of features) + J(F(x_mix)), with the labels of both partners where J takes labels."""
    target = mix(mixed.lam, mixed.v_i, mixed.v_j)
    return sum(_head(turn, v, mixed) for v in (target, mixed.v_mix))


def _head(turn: Turn, v: Tensor, mixed: Mixed) -> Tensor:
    # D's own call has taken this turn's power iteration
    with no_power_iteration():
        if mixed.y_i is None:
            return turn.D.head(v)
        under_i, under_j = turn.D.head(v, mixed.y_i), turn.D.head(v, mixed.y_j)
    return mix(mixed.lam, under_i, under_j)


def _joined(sides: list[Side], axis: int) -> Side:
    if len(sides) == 1:
        return sides[0]
    y = None if sides[0].y is None else torch.cat([s.y for s in sides])
    return Side(*(torch.cat(t, axis) for t in zip(*(s[:2] for s in sides), strict=True)), y)


def _gathered(t: Tensor | None) -> Tensor | None:
    return t if t is None else gather(t)
