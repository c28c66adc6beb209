"""AdaptiveMix (Liu et al., CVPR 2023): pull the features of mixed samples to the mix of the features."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from gantutor.nets import Critique
from gantutor.plain import settle
from gantutor.rng import Rng, rows
from gantutor.turn import Term, Turn

DISTANCES = ("sq_l2", "l2", "l1", "mse", "cosine")


def distance(v: Tensor, target: Tensor, kind: str = "sq_l2") -> Tensor:
    """D_v of Eq. 2 between features (..., B, K), one number a sample.

    "sq_l2", "l2" and "l1" sum over the K entries (the paper), "mse" is their mean square (the authors' classifier),
    "cosine" is minus the cosine (the authors' StyleGAN2: it aligns directions and is blind to length).
    """
    if kind == "sq_l2":
        return (v - target).square().sum(-1)
    if kind == "l2":
        return (v - target).norm(dim=-1)
    if kind == "l1":
        return (v - target).abs().sum(-1)
    if kind == "mse":
        return (v - target).square().mean(-1)
    if kind == "cosine":
        return -cosine_similarity(v, target, dim=-1)
    raise ValueError(f"distance={kind!r}: expected one of {', '.join(DISTANCES)}")


@dataclass(frozen=True)
class AdaptiveMix(Term):
    """weight * mean D_v( F(x_mix), lam F(x_i) + (1-lam) F(x_j) + sigma n ),  x_mix = lam x_i + (1-lam) x_j   (Eq. 1, 2).

    lam ~ Beta(alpha, alpha), one a sample or one a batch. `pairing`: "within" mixes reals with reals and fakes with
    fakes (the code), "pooled" permutes both together, "cross" mixes the i-th real with the i-th fake (the paper's words).
    `noise_on` puts n ~ N(0, 1) on the target (code) or on F(x_mix) (paper); `noise_scale` "rms" measures sigma in units
    of the features' root mean square. `detach` stops the gradient at the target (code). `logits="sum"` is what the code
    does and the paper never says: the adversarial score becomes J(mix of features) + J(F(x_mix)). `players`: who
    minimises the term, "dg" (Eq. 6) or "d".
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
        allowed = {
            "distance": DISTANCES,
            "pairing": ("within", "pooled", "cross"),
            "lam": ("sample", "batch"),
            "noise_on": ("target", "mixed"),
            "noise_scale": ("abs", "rms"),
            "logits": ("plain", "sum"),
            "players": ("dg", "d", "g"),
        }
        for name, values in allowed.items():
            if getattr(self, name) not in values:
                raise ValueError(
                    f"{name}={getattr(self, name)!r}: expected one of {', '.join(values)}"
                )
        if not (self.alpha > 0 and self.sigma >= 0 and self.weight >= 0):
            raise ValueError(
                f"alpha={self.alpha}, sigma={self.sigma}, weight={self.weight}: expected alpha > 0, others >= 0"
            )
        if self.logits == "sum" and self.pairing != "within":
            raise ValueError(
                f"logits='sum' with pairing={self.pairing!r}: the summed logit needs pairs of one kind, 'within'"
            )

    def d_loss(self, turn: Turn) -> Tensor | None:
        if self._idle(turn):
            return None
        real, fake = (turn.x_real, turn.real.features), (turn.x_fake, turn.fake.features)
        if self.pairing == "within":
            return self._loss(
                turn, [self._permuted(*real, turn), self._permuted(*fake, turn)], ["real", "fake"]
            )
        return self._loss(turn, [self._across(real, fake, turn)], [])

    def g_loss(self, turn: Turn) -> Tensor | None:
        if self._idle(turn):
            return None
        fake = (turn.x_fake, turn.fake.features)
        if self.pairing == "within":
            return self._loss(turn, [self._permuted(*fake, turn)], ["fake"])
        return self._loss(turn, [self._across((turn.x_real, turn.real.features), fake, turn)], [])

    def _idle(self, turn: Turn) -> bool:
        """Nothing to add: then nothing is drawn or computed, and a baseline shares every other line with the method."""
        return turn.player not in self.players or (self.weight == 0 and self.logits == "plain")

    def _permuted(self, x: Tensor, v: Tensor, turn: Turn) -> tuple[Tensor, ...]:
        """Partners are a permutation of the batch, so their features are one of F(x_i): no third forward."""
        order = turn.rng.randperm(x.shape[turn.axis])
        return x, v, rows(x, order), rows(v, order)

    def _across(self, real, fake, turn: Turn) -> tuple[Tensor, ...]:
        if self.pairing == "cross":
            return *real, *fake
        x, v = (torch.cat([r, f], turn.axis) for r, f in zip(real, fake, strict=True))
        return self._permuted(x, v, turn)

    def _loss(self, turn: Turn, pairs: list[tuple[Tensor, ...]], sides: list[str]) -> Tensor | None:
        lams = [_draw(turn.rng, self.alpha, self.lam, x.shape[turn.axis]) for x, *_ in pairs]
        targets = [_mix(lam, va, vb) for lam, (_, va, _, vb) in zip(lams, pairs, strict=True)]
        mixed = turn.features(
            *[_mix(lam, xa, xb) for lam, (xa, _, xb, _) in zip(lams, pairs, strict=True)]
        )
        if self.logits == "sum":
            for side, v, t in zip(sides, mixed, targets, strict=True):
                score = turn.D.head(t) + turn.D.head(v)
                setattr(turn, side, Critique(score, getattr(turn, side).features))
        if self.weight == 0:
            return None
        return self.weight * sum(
            self._gap(v, t, turn.rng).mean(-1) for v, t in zip(mixed, targets, strict=True)
        )

    def _gap(self, v: Tensor, target: Tensor, rng: Rng) -> Tensor:
        if self.detach:
            target = target.detach()
        if self.sigma:
            scale = (
                v.detach().square().mean((-2, -1), keepdim=True).sqrt()
                if self.noise_scale == "rms"
                else 1.0
            )
            noise = self.sigma * scale * rng.randn(*v.shape[rng.axis :])
            v, target = (v + noise, target) if self.noise_on == "mixed" else (v, target + noise)
        return distance(v, target, self.distance)


# what each of the authors' programs does; the paper's own reading is AdaptiveMix()
STYLEGAN_CODE = AdaptiveMix(distance="cosine", detach=True, lam="batch", logits="sum")
CLASSIFIER_CODE = AdaptiveMix(distance="mse", detach=True, lam="batch")


def _draw(rng: Rng, alpha: float, lam: str, n: int) -> Tensor:
    return rng.beta(alpha, n if lam == "sample" else 1)


def _mix(lam: Tensor, a: Tensor, b: Tensor) -> Tensor:
    lam = lam.reshape(lam.shape + (1,) * (a.ndim - lam.ndim))
    return lam * a + (1 - lam) * b
