"""Samplers that follow the gradient of the score: DOT, DDLS, DGflow."""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gantutor.methods.advlat import length, slope
from gantutor.methods.samplers.base import Sampler, at_least, per_seed, prior
from gantutor.methods.samplers.calibration import Calibration
from gantutor.plain import one_of, settle


@dataclass(frozen=True)
class DOT(Sampler):
    """Discriminator optimal transport (Tanaka 2019), starting from the given z_0.

    It descends -s(z) / k_eff + |z - z_0 + delta|_2, where s = D(G(z)).

    lr: size of a step.
    steps: number of steps.
    delta: small offset that keeps the first gradient of the distance from being 0 / 0.
    k_eff: the sharpness of s, one number or one per seed. None: the largest |s - s'| / |z - z'|_2
        of 100 random pairs.
    projection: keeps the step off the radial direction. "tangent" does so exactly, "repo" as the
        author's code (g - z (z.g) / sqrt(d)); None does not.
    optimiser: "sgd" or "adam" (betas 0 and 0.9).
    distance: whether the second term is there.
    """

    lr: float = 0.01
    steps: int = 20
    delta: float = 1e-3
    k_eff: float | tuple[float, ...] | None = None
    projection: str | None = "tangent"
    optimiser: str = "sgd"
    distance: bool = True

    def __post_init__(self):
        settle(self)
        at_least(0, self, "lr", "steps")
        one_of("projection", self.projection, ("tangent", "repo", None))
        one_of("optimiser", self.optimiser, ("sgd", "adam"))

    def prepare(self, z, G, D, rng):
        if self.k_eff is not None or not self.steps:
            return self
        steepest = None
        # whole batches: labels that are filled in fit only those
        for _ in range(math.ceil(100 / z.shape[-2])):
            a, b = prior(z, rng), prior(z, rng)
            s, t = D(G(a)).score, D(G(b)).score
            ratio = ((s - t).abs() / length(a - b).squeeze(-1)).amax(-1)
            steepest = ratio if steepest is None else torch.maximum(steepest, ratio)
        return dataclasses.replace(self, k_eff=steepest.tolist())

    def move(self, z, G, D, rng):
        start, square = z, torch.zeros_like(z)
        for i in range(self.steps):
            _, g = slope(z, G, D, lambda s: -s)
            g = g / per_seed(self.k_eff, z)[..., None]
            if self.distance:
                away = z - start + self.delta
                g = g + away / length(away)
            if self.projection is not None:
                over = length(z) ** 2 if self.projection == "tangent" else z.shape[-1] ** 0.5
                g = g - z * (z * g).sum(-1, keepdim=True) / over
            if self.optimiser == "adam":
                square = 0.9 * square + 0.1 * g * g
                g = g / ((square / (1 - 0.9 ** (i + 1))).sqrt() + 1e-8)
            z = z - self.lr * g
        return z


@dataclass(frozen=True)
class DDLS(Sampler):
    """Langevin steps on the energy E = |z|^2 / 2 - s(z) (Che et al. 2020).

    z <- z - eta/2 grad E + noise n, n ~ N(0, 1), where s is the calibrated score over
    `temperature`. The raw score of a WGAN is not a log density ratio and may explode.

    eta: size of a step.
    noise: its scale. With None, sqrt(eta), the chain's limit is p(z) e^s up to the error of the
        step size; there is no Metropolis test.
    steps: number of steps.
    temperature: divides the score.
    calibration: from the raw score to a log density ratio.
    """

    eta: float = 0.01
    noise: float | None = None
    steps: int = 1000
    temperature: float = 1.0
    calibration: Calibration = Calibration()

    def __post_init__(self):
        settle(self)
        at_least(0, self, "eta", "steps")
        if not self.temperature > 0:
            raise ValueError(f"temperature={self.temperature}: expected a number above 0")

    def move(self, z, G, D, rng):
        noise = self.eta**0.5 if self.noise is None else self.noise
        for _ in range(self.steps):
            _, g = slope(z, G, D, lambda s: -self.calibration(s) / self.temperature)
            z = z - self.eta / 2 * (z + g) + noise * prior(z, rng)
        return z


# w(s), the weight of the score's gradient; z follows the flow of the f-divergence's gradient
FLOWS: dict[str, Callable[[Tensor], Tensor]] = {
    "kl": torch.ones_like,
    "logd": lambda s: (-s).sigmoid(),
    "js": torch.sigmoid,
}


@dataclass(frozen=True)
class DGflow(Sampler):
    """Discriminator gradient flow (Ansari et al. 2021).

    z <- z + eta w(s) grad s + sqrt(2 eta gamma) n, n ~ N(0, 1).

    eta: size of a step.
    gamma: amount of noise.
    steps: number of steps.
    divergence: decides w(s): "kl" 1, "logd" sigma(-s), "js" sigma(s).
    """

    eta: float = 0.1
    gamma: float = 0.01
    steps: int = 25
    divergence: str = "kl"

    def __post_init__(self):
        settle(self)
        at_least(0, self, "eta", "gamma", "steps")
        one_of("divergence", self.divergence, FLOWS)

    def move(self, z, G, D, rng):
        noise = (2 * self.eta * self.gamma) ** 0.5
        for _ in range(self.steps):
            s, g = slope(z, G, D, lambda s: s)
            z = z + self.eta * FLOWS[self.divergence](s)[..., None] * g + noise * prior(z, rng)
        return z
