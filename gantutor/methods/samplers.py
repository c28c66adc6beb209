"""What AdvLatGAN-z is compared with (its Table 3): samplers that a trained discriminator guides in the latent space.

Every sampler is a LatentMap: it runs the nets in eval mode and returns as many latents as it was given. `nfe` counts
what one costs, `with_budget` sets a cost.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from gantutor.methods.advlat import IFGSM, length, slope
from gantutor.nets import Labelled, latent_mode, modules_of
from gantutor.rng import Rng
from gantutor.turn import LatentMap


# -- a score as a log density ratio ---------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Calibration:
    """a s + b, the logit of "real" for a raw score s: DDLS, DRS and Metropolis-Hastings take it for log p_data / p_G."""

    a: float = 1.0
    b: float = 0.0

    def __call__(self, score: Tensor) -> Tensor:
        return self.a * score + self.b

    @classmethod
    def fit(cls, D: Callable, reals: Tensor, fakes: Tensor) -> "Calibration":
        """Logistic regression on D's scores, in eval mode, of held-out reals and fakes (batches of images)."""
        with torch.no_grad(), latent_mode(modules_of(D), "eval"):
            return cls.of(D(reals).score, D(fakes).score)

    @classmethod
    def of(cls, real: Tensor, fake: Tensor) -> "Calibration":
        """Logistic regression on scores at hand; the two classes weigh the same, however many each has.

        Targets are Platt's (1999), (n + 1) / (n + 2) for 1, so that scores which do not overlap still have a finite slope.
        """
        real, fake = (s.detach().double().flatten().cpu() for s in (real, fake))
        both = torch.cat([real, fake])
        if len(real) < 2 or len(fake) < 2 or not torch.isfinite(both).all() or both.std() == 0:
            raise ValueError(
                f"{len(real)} real, {len(fake)} fake scores: expected 2 of each or more, finite, not all equal"
            )
        mean, std = both.mean(), both.std()  # the search for a and b sees scores of size 1
        w = torch.zeros(2, dtype=torch.float64, requires_grad=True)
        search = torch.optim.LBFGS(
            [w],
            max_iter=200,
            tolerance_grad=1e-12,
            tolerance_change=0,
            line_search_fn="strong_wolfe",
        )

        def loss() -> Tensor:
            search.zero_grad()
            parts = [
                ((real - mean) / std, (len(real) + 1) / (len(real) + 2)),
                ((fake - mean) / std, 1 / (len(fake) + 2)),
            ]
            total = sum(
                binary_cross_entropy_with_logits(w[0] * s + w[1], torch.full_like(s, t))
                for s, t in parts
            )
            total.backward()
            return total

        with torch.enable_grad():
            search.step(loss)
        a = w[0].item() / std.item()
        return cls(a, w[1].item() - a * mean.item())


# -- what they share ------------------------------------------------------------------------------------------------------
def eval_mode(method: Callable) -> Callable:
    """Run a method (self, z, G, D, rng) with both nets in eval mode and without gradients."""

    @functools.wraps(method)
    def wrapped(self, z, G, D, rng=None):
        with torch.no_grad(), latent_mode(modules_of(G, D), "eval"):
            return method(self, z, G, D, rng)

    return wrapped


class Sampler(LatentMap):
    """A LatentMap that may need a preparation, the same for every batch: a sharpness, a largest score.

    A call prepares itself; for many batches, call `prepared` once and use what it returns.
    """

    @eval_mode
    def prepared(self, z: Tensor, G: Callable, D: Callable, rng: Rng | None = None) -> "Sampler":
        """The sampler with its preparation done; z (..., B, k) gives the shape of a batch."""
        return self.prepare(z, G, D, rng)

    def prepare(self, z: Tensor, G: Callable, D: Callable, rng: Rng | None) -> "Sampler":
        """What `prepared` does, with nets in eval mode and no gradients."""
        return self

    @eval_mode
    def __call__(self, z: Tensor, G: Callable, D: Callable, rng: Rng | None = None) -> Tensor:
        """Latents (..., B, k), detached; G and D keep parameters, gradients, flags, modes and buffers."""
        return self.prepare(z, G, D, rng).move(z.detach().clone(), G, D, rng)

    def move(self, z: Tensor, G: Callable, D: Callable, rng: Rng | None) -> Tensor:
        """What a call does, with nets in eval mode and no gradients."""
        raise NotImplementedError


def prior(z: Tensor, rng: Rng | None, uniform: bool = False) -> Tensor:
    """Fresh N(0, 1) latents of the shape (..., B, k) of z, or numbers uniform in [0, 1)."""
    if rng is None:
        raise ValueError("rng=None: this sampler draws random numbers and needs an Rng")
    draw = rng.rand if uniform else rng.randn
    return draw(*z.shape[rng.axis :]).to(z)


def per_seed(values: float | tuple[float, ...], z: Tensor) -> Tensor:
    """One number, or one a seed, to stand beside scores (..., B)."""
    return torch.as_tensor(values, dtype=z.dtype, device=z.device)[..., None]


def check(part, *names: str, at_least: float = 0) -> None:
    for name in names:
        if not getattr(part, name) >= at_least:
            raise ValueError(
                f"{name}={getattr(part, name)}: expected a number of at least {at_least}"
            )


# -- gradients of the score -----------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class DOT(Sampler):
    """Discriminator optimal transport (Tanaka 2019): descend -s(z) / k_eff + |z - z_0 + delta|_2 from the given z_0.

    `k_eff` is the sharpness of s = D(G(z)): one number, one a seed, or None for the largest |s - s'| / |z - z'|_2 of 100
    random pairs. `projection` keeps the step off the radial direction: "tangent" exactly, "repo" as the author's code
    (g - z (z.g) / sqrt(d)), or None. `optimiser`: "sgd" or "adam" (betas 0, 0.9). `distance=False` drops the second term.
    """

    lr: float = 0.01
    steps: int = 20
    delta: float = 1e-3
    k_eff: float | tuple[float, ...] | None = None
    projection: str | None = "tangent"
    optimiser: str = "sgd"
    distance: bool = True

    def __post_init__(self):
        check(self, "lr", "steps")
        for name, known in {
            "projection": ("tangent", "repo", None),
            "optimiser": ("sgd", "adam"),
        }.items():
            if getattr(self, name) not in known:
                raise ValueError(
                    f"{name}={getattr(self, name)!r}: expected one of {', '.join(map(str, known))}"
                )

    def prepare(self, z, G, D, rng):
        if self.k_eff is not None or not self.steps:
            return self
        steepest = None
        for _ in range(
            math.ceil(100 / z.shape[-2])
        ):  # whole batches: labels that are filled in fit those alone
            (a, s), (b, t) = ((p, D(G(p)).score) for p in (prior(z, rng), prior(z, rng)))
            ratio = ((s - t).abs() / length(a - b).squeeze(-1)).amax(-1)
            steepest = ratio if steepest is None else torch.maximum(steepest, ratio)
        return dataclasses.replace(self, k_eff=steepest.tolist())

    def move(self, z, G, D, rng):
        start, square = z, torch.zeros_like(z)
        for i in range(self.steps):
            _, g = slope(z, G, D, lambda s: -s)
            g = g / per_seed(self.k_eff, z)[..., None]
            if self.distance:
                away = z - start + self.delta  # without delta the first gradient is 0 / 0
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
    """Langevin steps on the energy |z|^2 / 2 - s(z) (Che et al. 2020): z <- z - eta/2 grad E + noise n, n ~ N(0, 1).

    s is the calibrated score over `temperature`; a raw critic of a WGAN is no log density ratio and may explode.
    `noise=None` is sqrt(eta), for which the chain's limit is p(z) e^s up to the step's error; there is no Metropolis test.
    """

    eta: float = 0.01
    noise: float | None = None
    steps: int = 1000
    temperature: float = 1.0
    calibration: Calibration = Calibration()

    def __post_init__(self):
        check(self, "eta", "steps")
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
    """Discriminator gradient flow (Ansari et al. 2021): z <- z + eta w(s) grad s + sqrt(2 eta gamma) n, `steps` times.

    `divergence` decides w: "kl" 1, "logd" sigma(-s), "js" sigma(s).
    """

    eta: float = 0.1
    gamma: float = 0.01
    steps: int = 25
    divergence: str = "kl"

    def __post_init__(self):
        check(self, "eta", "gamma", "steps")
        if self.divergence not in FLOWS:
            raise ValueError(f"divergence={self.divergence!r}: expected one of {', '.join(FLOWS)}")

    def move(self, z, G, D, rng):
        noise = (2 * self.eta * self.gamma) ** 0.5
        for _ in range(self.steps):
            s, g = slope(z, G, D, lambda s: s)
            z = z + self.eta * FLOWS[self.divergence](s)[..., None] * g + noise * prior(z, rng)
        return z


# -- values of the score alone --------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class EvolGAN(Sampler):
    """(1+1) evolution of a quality (Roziere et al. 2020): a child that is better takes its parent's place.

    A child redraws each coordinate from the prior with probability max(alpha U(0, 1), 1 / d), U one number a child:
    alpha=0 changes about one coordinate at a time, alpha=1 searches globally. `budget` counts evaluations, the first
    latent's too. `quality`: images (..., B, ...) to numbers (..., B); None is D's score, where the authors had an image
    quality net.
    """

    alpha: float = 0.5
    budget: int = 20
    quality: Callable[[Tensor], Tensor] | None = None

    def __post_init__(self):
        check(self, "budget", at_least=1)
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
    """MH-GAN (Turner et al. 2019): a chain of `steps` draws from the prior, the next one accepted with min(1, e^(s' - s)).

    s is the calibrated score; the chain begins at the given latents (the authors': at a real image's score).
    """

    steps: int = 640
    calibration: Calibration = Calibration()

    def __post_init__(self):
        check(self, "steps")

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
    """Discriminator rejection sampling (Azadi et al. 2019): keep z with probability sigma(F), redraw until all are filled.

    F = L - log(1 - e^(L - 1e-6)) - gamma with L = s - M: s the calibrated score, M the largest met so far. gamma = 0 is
    exact rejection for the density p_G e^s, and may accept next to nothing. `gamma_percentile` puts gamma at that
    percentile of F over the `burn_in` draws that also begin M (the authors': over the batch); None is gamma = 0.
    `acceptance`, if given, is the mean acceptance wanted and decides gamma instead. `top` (M) and `gamma` are what
    `prepared` finds, one number or one a seed. Where labels are filled in, a latent goes to a place with the label under
    which it was accepted. Raises RuntimeError if `rounds` batches do not fill the places.
    """

    gamma_percentile: float | None = 95.0
    burn_in: int = 10_000
    acceptance: float | None = None
    calibration: Calibration = Calibration()
    rounds: int = 1000
    top: float | tuple[float, ...] | None = None
    gamma: float | tuple[float, ...] | None = None

    def __post_init__(self):
        check(self, "burn_in", "rounds", at_least=1)
        if not (self.gamma_percentile is None or 0 <= self.gamma_percentile <= 100):
            raise ValueError(
                f"gamma_percentile={self.gamma_percentile}: expected a number from 0 to 100, or None"
            )
        if not (self.acceptance is None or 0 < self.acceptance <= 1):
            raise ValueError(
                f"acceptance={self.acceptance}: expected a number above 0 and at most 1, or None"
            )

    @staticmethod
    def logit(below: Tensor) -> Tensor:
        """F before gamma, from s - M <= 0."""
        return below - (-torch.expm1(below - 1e-6)).log()

    def prepare(self, z, G, D, rng):
        if self.top is not None and self.gamma is not None:
            return self
        batches = math.ceil(self.burn_in / z.shape[-2])
        s = torch.cat(
            [self.calibration(D(G(prior(z, rng))).score) for _ in range(batches)], -1
        ).double()
        top = s.amax(-1, keepdim=True)
        F, gamma = self.logit(s - top), torch.zeros_like(top)
        if self.acceptance is not None:
            low, high = F.amin(-1, keepdim=True) - 50, F.amax(-1, keepdim=True) + 50
            for _ in range(
                60
            ):  # the mean acceptance falls with gamma: halve the interval that holds it
                gamma = (low + high) / 2
                many = (F - gamma).sigmoid().mean(-1, keepdim=True) > self.acceptance
                low, high = torch.where(many, gamma, low), torch.where(many, high, gamma)
        elif self.gamma_percentile is not None:
            gamma = F.quantile(self.gamma_percentile / 100, -1, keepdim=True)
        return dataclasses.replace(
            self, top=top.squeeze(-1).tolist(), gamma=gamma.squeeze(-1).tolist()
        )

    def move(self, z, G, D, rng):
        n, top, gamma = z.shape[-2], per_seed(self.top, z), per_seed(self.gamma, z)
        labels = (
            G.y
            if isinstance(G, Labelled) and G.y is not None
            else torch.zeros(n, dtype=torch.int64)
        )
        groups = [
            (labels == y).nonzero().squeeze(-1).to(z.device) for y in labels.unique()
        ]  # places that may change hands
        drawn, accepted = [], []
        for _ in range(self.rounds):
            drawn.append(prior(z, rng) if drawn else z)
            s = self.calibration(D(G(drawn[-1])).score)
            top = torch.maximum(top, s.amax(-1, keepdim=True))
            accepted.append(
                prior(z[..., :1], rng, uniform=True).squeeze(-1)
                < (self.logit(s - top) - gamma).sigmoid()
            )
            ok = torch.stack(accepted, -2)  # (..., rounds, B)
            if all((ok[..., g].sum((-2, -1)) >= len(g)).all() for g in groups):
                break
        else:
            raise RuntimeError(
                f"DRS accepted a share of {ok.float().mean():.2g} and could not fill {n} places in "
                f"{self.rounds} rounds: lower gamma_percentile, or calibrate the critic"
            )
        pool, out = torch.stack(drawn, -3), torch.empty_like(z)
        for g in groups:
            kept = ok[..., g].flatten(-2).int()
            first = kept.argsort(dim=-1, descending=True, stable=True)[
                ..., : len(g), None
            ]  # accepted ones, in the order drawn
            out[..., g, :] = torch.take_along_dim(pool[..., g, :].flatten(-3, -2), first, -2)
        return out


# -- what it costs --------------------------------------------------------------------------------------------------------
@dataclass
class Evaluations:
    """How many single samples went forward through G, forward through D, and backward from a score to a latent."""

    G: int = 0
    D: int = 0
    backward: int = 0

    @property
    def total(self) -> int:
        """Passes through the pair G, D: a forward pass is one, a backward pass is one."""
        return max(self.G, self.D) + self.backward

    def per_sample(self, n: int) -> dict[str, float]:
        """A row of a table: what each of n samples cost."""
        return {name: getattr(self, name) / n for name in ("G", "D", "backward", "total")}

    def __str__(self) -> str:
        return ", ".join(
            f"{name} {getattr(self, name)}" for name in ("G", "D", "backward", "total")
        )


@contextmanager
def nfe(G: nn.Module, D: nn.Module) -> Iterator[Evaluations]:
    """Count the evaluations of two nets inside a with-block, whoever calls them."""
    count = Evaluations()

    def g_called(module, inputs, output):
        z = inputs[0]
        n = z.shape[:-1].numel()
        count.G += n

        def backward(grad):
            count.backward += n

        if z.requires_grad:
            z.register_hook(backward)

    def d_called(module, inputs, output):
        count.D += output.score.numel()

    hooks = [G.register_forward_hook(g_called), D.register_forward_hook(d_called)]
    try:
        yield count
    finally:
        for hook in hooks:
            hook.remove()


def with_budget(sampler: LatentMap | None, n: int) -> LatentMap | None:
    """The sampler at n passes through the pair G, D a sample, besides its preparation and the pass that makes the image.

    Sign steps, DOT, DDLS and DGflow pay 2 a step (forward and backward), EvolGAN 1 an evaluation, Metropolis-Hastings 1 a
    step and 1 for the start, DRS 1 / acceptance on average (and what its last round accepts too much). Raises ValueError
    where n does not come out, TypeError for other maps.
    """
    if sampler is None:  # bare sampling costs nothing and gains nothing from a budget
        return None
    if isinstance(sampler, IFGSM | DOT | DDLS | DGflow):
        if n % 2 or n < 0:
            raise ValueError(
                f"n={n}: a step of {type(sampler).__name__} is two passes, expected an even number from 0 on"
            )
        return dataclasses.replace(sampler, steps=n // 2)
    if n < 1:
        raise ValueError(f"n={n}: expected at least 1 for {type(sampler).__name__}")
    if isinstance(sampler, EvolGAN):
        return dataclasses.replace(sampler, budget=n)
    if isinstance(sampler, MetropolisHastings):
        return dataclasses.replace(sampler, steps=n - 1)
    if isinstance(sampler, DRS):
        return dataclasses.replace(sampler, acceptance=1 / n, top=None, gamma=None)
    raise TypeError(f"{type(sampler).__name__} has no known cost: count it with nfe(G, D)")


def table3(
    budget: int | None = None, calibration: Calibration | None = None
) -> dict[str, LatentMap | None]:
    """AdvLatGAN's Table 3 by its rows' names, and DRS: each with its own setting, or all at `budget` passes a sample."""
    c = Calibration() if calibration is None else calibration
    rows = {
        "bare": None,
        "EvolGAN": EvolGAN(),
        "DOT": DOT(),
        "DDLS": DDLS(calibration=c),
        "DRS": DRS(calibration=c),
        "AdvLatGAN-z": IFGSM(0.05, 20),
    }
    return (
        rows
        if budget is None
        else {name: with_budget(sampler, budget) for name, sampler in rows.items()}
    )


SAMPLERS = table3()
