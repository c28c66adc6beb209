"""The optimisers of a recipe, and the moving average of its generator."""

import inspect
import math
from dataclasses import dataclass
from functools import cache

import torch

from gantutor.plain import settle


@dataclass(frozen=True)
class Adam:
    """Adam with learning rate `lr`; one fused call updates all weights.

    `weight_decay` is the L2 kind.
    """

    lr: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    weight_decay: float = 0.0

    def __post_init__(self):
        settle(self)
        if len(self.betas) != 2 or not all(0 <= b < 1 for b in self.betas):
            raise ValueError(f"betas={self.betas}: expected two numbers from 0 and below 1")
        if not 0 <= self.weight_decay < math.inf:
            raise ValueError(f"weight_decay={self.weight_decay}: expected a number of at least 0")

    def build(self, parameters, graph: bool = False) -> torch.optim.Optimizer:
        """Build torch's optimiser of the parameters; `graph`: for a captured step."""
        betas = tuple(float(b) for b in self.betas)  # torch refuses (0, 0.9)
        rate = _rate(self.lr, parameters, graph)
        return light(torch.optim.Adam)(
            parameters,
            lr=rate,
            betas=betas,
            weight_decay=self.weight_decay,
            fused=True,
            capturable=graph,
        )


@dataclass(frozen=True)
class RmsProp:
    """RMSprop, as the first WGAN used."""

    lr: float = 5e-5

    def __post_init__(self):
        settle(self)

    def build(self, parameters, graph: bool = False) -> torch.optim.Optimizer:
        """Build torch's optimiser of the parameters; `graph`: for a captured step."""
        return light(torch.optim.RMSprop)(
            parameters, lr=_rate(self.lr, parameters, graph), capturable=graph
        )


@dataclass(frozen=True)
class Sgd:
    """Plain gradient descent."""

    lr: float = 1e-2

    def __post_init__(self):
        settle(self)

    def build(self, parameters, graph: bool = False) -> torch.optim.Optimizer:
        """Build torch's optimiser of the parameters; `graph`: for a captured step."""
        return light(torch.optim.SGD)(
            parameters, lr=_rate(self.lr, parameters, graph), fused=graph or None
        )


@cache
def light(kind: type) -> type:
    """Torch's optimiser without the decorators that hide it from torch.compile.

    They import torch._dynamo when they are first called, which takes two seconds in each process
    that trains. Nothing here is compiled.
    """
    plain = {
        name: inspect.unwrap(getattr(kind, name))
        for name in ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    }
    step = torch.no_grad()(inspect.unwrap(kind.step))
    return type(kind.__name__, (kind,), {**plain, "step": step})


def _rate(lr: float, parameters, graph: bool) -> float | torch.Tensor:
    """A number, or for a captured step a tensor, which may change between replays."""
    return torch.tensor(lr, device=parameters[0].device) if graph else lr


@dataclass(frozen=True)
class Ema:
    """Samples come from a moving average of G: w <- decay w + (1-decay) w of G.

    Until `start` steps are done it is a plain copy.
    """

    decay: float = 0.9999
    start: int = 1000

    def __post_init__(self):
        settle(self)
        if not (0 <= self.decay < 1 and self.start >= 0):
            raise ValueError(
                f"decay={self.decay}, start={self.start}: expected 0 <= decay < 1 and start >= 0"
            )
