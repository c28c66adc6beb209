"""Samplers that use values of the score alone: EvolGAN, Metropolis-Hastings, rejection."""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gantutor.methods.samplers.base import Sampler, at_least, per_seed, prior
from gantutor.methods.samplers.calibration import Calibration
from gantutor.nets import Labelled
from gantutor.plain import settle


@dataclass(frozen=True)
class EvolGAN(Sampler):
    """(1+1) evolution of a quality (Roziere et al. 2020): a better child replaces its parent.

    A child redraws each coordinate from the prior with probability max(alpha U, 1 / d), where U is
    one number per child, uniform in [0, 1).

    alpha: from 0, which changes about one coordinate at a time, to 1, a global search.
    budget: number of evaluations, that of the first latent included.
    quality: from images (..., B, ...) to numbers (..., B). None: D's score, where the authors had
        an image quality net.
    """

    alpha: float = 0.5
    budget: int = 20
    quality: Callable[[Tensor], Tensor] | None = None

    def __post_init__(self):
        settle(self)
        at_least(1, self, "budget")
        if not 0 <= self.alpha <= 1:
            raise ValueError(f"alpha={self.alpha}: expected a number from 0 to 1")

    def move(self, z, G, D, rng):
        quality = self.quality or (lambda x: D(x).score)
        best = quality(G(z))
        for _ in range(self.budget - 1):
            rate = (self.alpha * prior(z[..., :1], rng, uniform=True)).clamp(min=1 / z.shape[-1])
            child = torch.where(prior(z, rng, uniform=True) < rate, prior(z, rng), z)
            value = quality(G(child))
            better = value > best
            z, best = torch.where(better[..., None], child, z), torch.where(better, value, best)
        return z


@dataclass(frozen=True)
class MetropolisHastings(Sampler):
    """MH-GAN (Turner et al. 2019): a chain of draws from the prior.

    The next draw is accepted with probability min(1, e^(s' - s)), where s is the calibrated score.
    The chain begins at the given latents; the authors' begins at the score of a real image.

    steps: length of the chain.
    calibration: from the raw score to a log density ratio.
    """

    steps: int = 640
    calibration: Calibration = Calibration()

    def __post_init__(self):
        settle(self)
        at_least(0, self, "steps")

    def move(self, z, G, D, rng):
        s = self.calibration(D(G(z)).score)
        for _ in range(self.steps):
            other = prior(z, rng)
            t = self.calibration(D(G(other)).score)
            accept = prior(z[..., :1], rng, uniform=True).squeeze(-1) < (t - s).exp()
            z, s = torch.where(accept[..., None], other, z), torch.where(accept, t, s)
        return z


@dataclass(frozen=True)
class DRS(Sampler):
    """Discriminator rejection sampling (Azadi et al. 2019): keep latents with probability sigma(F).

    F = L - log(1 - e^(L - 1e-6)) - gamma with L = s - M, where s is the calibrated score and M the
    largest one so far. Rejected latents are drawn anew until all places are filled. Where labels
    are filled in, a latent goes to a place with the label under which it was accepted.
    gamma = 0 is exact rejection for the density p_G e^s, and may accept next to nothing.

    gamma_percentile: gamma is this percentile of F over the `burn_in` draws (the authors': over the
        batch); None: gamma = 0.
    burn_in: number of draws that also give the first M.
    acceptance: the mean acceptance wanted; if given, it decides gamma instead.
    calibration: from the raw score to a log density ratio.
    rounds: batches to draw at most. RuntimeError if they do not fill the places.
    top, gamma: M and gamma as `prepared` finds them, one number or one per seed.
    """

    gamma_percentile: float | None = 95.0
    burn_in: int = 10_000
    acceptance: float | None = None
    calibration: Calibration = Calibration()
    rounds: int = 1000
    top: float | tuple[float, ...] | None = None
    gamma: float | tuple[float, ...] | None = None

    def __post_init__(self):
        settle(self)
        at_least(1, self, "burn_in", "rounds")
        if not (self.gamma_percentile is None or 0 <= self.gamma_percentile <= 100):
            raise ValueError(
                f"gamma_percentile={self.gamma_percentile}: expected a number from 0 to 100, or "
                "None"
            )
        if not (self.acceptance is None or 0 < self.acceptance <= 1):
            raise ValueError(
                f"acceptance={self.acceptance}: expected a number above 0 and at most 1, or None"
            )

    @staticmethod
    def logit(below: Tensor) -> Tensor:
        """F before gamma, from L = s - M <= 0."""
        return below - (-torch.expm1(below - 1e-6)).log()

    def prepare(self, z, G, D, rng):
        if self.top is not None and self.gamma is not None:
            return self
        batches = math.ceil(self.burn_in / z.shape[-2])
        scores = [self.calibration(D(G(prior(z, rng))).score) for _ in range(batches)]
        s = torch.cat(scores, -1).double()
        top = s.amax(-1, keepdim=True)
        F, gamma = self.logit(s - top), torch.zeros_like(top)
        if self.acceptance is not None:
            gamma = _gamma_for(F, self.acceptance)
        elif self.gamma_percentile is not None:
            gamma = F.quantile(self.gamma_percentile / 100, -1, keepdim=True)
        found = {"top": top.squeeze(-1).tolist(), "gamma": gamma.squeeze(-1).tolist()}
        return dataclasses.replace(self, **found)

    def move(self, z, G, D, rng):
        n, top, gamma = z.shape[-2], per_seed(self.top, z), per_seed(self.gamma, z)
        places = _places_by_label(G, n, z.device)
        drawn, accepted = [], []
        for _ in range(self.rounds):
            drawn.append(prior(z, rng) if drawn else z)
            s = self.calibration(D(G(drawn[-1])).score)
            top = torch.maximum(top, s.amax(-1, keepdim=True))
            chance = (self.logit(s - top) - gamma).sigmoid()
            accepted.append(prior(z[..., :1], rng, uniform=True).squeeze(-1) < chance)
            ok = torch.stack(accepted, -2)  # (..., rounds, B)
            if all((ok[..., p].sum((-2, -1)) >= len(p)).all() for p in places):
                break
        else:
            raise RuntimeError(
                f"DRS accepted a share of {ok.float().mean():.2g} and could not fill {n} places in "
                f"{self.rounds} rounds: lower gamma_percentile, or calibrate the critic"
            )
        pool, out = torch.stack(drawn, -3), torch.empty_like(z)
        for p in places:
            kept = ok[..., p].flatten(-2).int()
            # the accepted ones, in the order in which they were drawn
            first = kept.argsort(dim=-1, descending=True, stable=True)[..., : len(p), None]
            out[..., p, :] = torch.take_along_dim(pool[..., p, :].flatten(-3, -2), first, -2)
        return out


def _gamma_for(F: Tensor, acceptance: float) -> Tensor:
    """The gamma (..., 1) at which sigma(F - gamma) has the mean `acceptance`, by bisection."""
    low, high = F.amin(-1, keepdim=True) - 50, F.amax(-1, keepdim=True) + 50
    for _ in range(60):
        gamma = (low + high) / 2
        # the mean acceptance falls as gamma grows
        too_many = (F - gamma).sigmoid().mean(-1, keepdim=True) > acceptance
        low, high = torch.where(too_many, gamma, low), torch.where(too_many, high, gamma)
    return gamma


def _places_by_label(G, n: int, device: torch.device) -> list[Tensor]:
    """The n places of a batch in groups within which latents may be exchanged: those of a label."""
    labels = torch.zeros(n, dtype=torch.int64)
    if isinstance(G, Labelled) and G.y is not None:
        labels = G.y
    return [(labels == y).nonzero().squeeze(-1).to(device) for y in labels.unique()]
