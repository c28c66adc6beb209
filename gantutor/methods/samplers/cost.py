"""What samplers cost, counted in passes through G and D, and Table 3 at equal cost."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from torch import nn

from gantutor.methods.advlat import IFGSM
from gantutor.methods.samplers.calibration import Calibration
from gantutor.methods.samplers.gradient import DDLS, DOT, DGflow
from gantutor.methods.samplers.score import DRS, EvolGAN, MetropolisHastings
from gantutor.turn import LatentMap


@dataclass
class Evaluations:
    """Numbers of single samples that went through the nets.

    G, D: forward through the generator, through the discriminator.
    backward: from a score back to a latent.
    """

    G: int = 0
    D: int = 0
    backward: int = 0

    @property
    def total(self) -> int:
        """Passes through the pair G, D: a forward pass is one, a backward pass is one."""
        return max(self.G, self.D) + self.backward

    def per_sample(self, n: int) -> dict[str, float]:
        """A row of a table: what each of n samples cost.

        >>> Evaluations(G=20, D=20, backward=20).per_sample(10)
        {'G': 2.0, 'D': 2.0, 'backward': 2.0, 'total': 4.0}
        """
        return {name: getattr(self, name) / n for name in ("G", "D", "backward", "total")}

    def __str__(self) -> str:
        names = ("G", "D", "backward", "total")
        return ", ".join(f"{name} {getattr(self, name)}" for name in names)


@contextmanager
def nfe(G: nn.Module, D: nn.Module) -> Iterator[Evaluations]:
    """Count the evaluations of two nets inside a with-block, whoever calls them.

    >>> from gantutor.nets.mlp import mlp
    >>> from gantutor.rng import Rng
    >>> G, D = mlp(z=8, bound=2.0).build(Rng(0))
    >>> with nfe(G, D) as count:
    ...     z = IFGSM(0.01, steps=3)(Rng(1).randn(10, 8), G, D)
    >>> print(count)
    G 30, D 30, backward 30, total 60
    """
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
    """The sampler at n passes through the pair G, D for each sample.

    Its preparation and the pass that makes the image come on top. Sign steps, DOT, DDLS and DGflow
    cost 2 a step (forward and backward), EvolGAN 1 an evaluation, Metropolis-Hastings 1 a step and
    1 for the start, DRS 1 / acceptance on average (and what its last round accepts in excess).
    None, bare sampling, costs nothing and stays None. Raises ValueError where n passes are not a
    whole number of steps, TypeError for other maps.

    >>> with_budget(DOT(), 40).steps
    20
    """
    if sampler is None:
        return None
    name = type(sampler).__name__
    if isinstance(sampler, IFGSM | DOT | DDLS | DGflow):
        if n % 2 or n < 0:
            raise ValueError(
                f"n={n}: a step of {name} is two passes, so expected an even number of at least 0"
            )
        return dataclasses.replace(sampler, steps=n // 2)
    if n < 1:
        raise ValueError(f"n={n}: expected at least 1 for {name}")
    if isinstance(sampler, EvolGAN):
        return dataclasses.replace(sampler, budget=n)
    if isinstance(sampler, MetropolisHastings):
        return dataclasses.replace(sampler, steps=n - 1)
    if isinstance(sampler, DRS):
        return dataclasses.replace(sampler, acceptance=1 / n, top=None, gamma=None)
    raise TypeError(f"{name} has no known cost: count it with nfe(G, D)")


def table3(
    budget: int | None = None, calibration: Calibration | None = None
) -> dict[str, LatentMap | None]:
    """The samplers of AdvLatGAN's Table 3 by the names of its rows, and DRS.

    Each has its own setting, or all have `budget` passes a sample. `calibration` is that of DDLS
    and DRS.
    """
    c = Calibration() if calibration is None else calibration
    rows = {
        "bare": None,
        "EvolGAN": EvolGAN(),
        "DOT": DOT(),
        "DDLS": DDLS(calibration=c),
        "DRS": DRS(calibration=c),
        "AdvLatGAN-z": IFGSM(0.05, 20),
    }
    if budget is None:
        return rows
    return {name: with_budget(sampler, budget) for name, sampler in rows.items()}


SAMPLERS = table3()
