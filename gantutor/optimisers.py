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
        kind = light(torch.optim.Adam) if graph else direct_adam()
        return kind(
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


@cache
def direct_adam() -> type:
    """Torch's fused Adam, whose step is little more than the one call that updates all weights.

    Torch's own step first looks for complex and sparse tensors, a gradient scaler and other
    devices, which on the plane takes several times as long as the update. It stays the first step,
    which makes the state, and the one where a weight has no gradient.
    """

    class DirectAdam(light(torch.optim.Adam)):
        known = None  # of each group: weights, their means and squares, counts of steps

        def step(self, closure=None):
            grads = [[p.grad for p in group["params"]] for group in self.param_groups]
            if closure is not None or not self.state or any(g is None for g in sum(grads, [])):
                return super().step(closure)
            if self.known is None:
                self.known = [_known(self.state, group["params"]) for group in self.param_groups]
            for group, state, g in zip(self.param_groups, self.known, grads, strict=True):
                _update(group, g, *state)
            return None

        step.hooked = True  # keeps torch from a wrapper for its profiler that takes as long again

        def load_state_dict(self, state_dict):
            super().load_state_dict(state_dict)
            self.known = None

    return DirectAdam


def _known(state: dict, weights: list[torch.Tensor]) -> tuple[list[torch.Tensor], ...]:
    rows = [state[p] for p in weights]
    kept = ([row[key] for row in rows] for key in ("exp_avg", "exp_avg_sq", "step"))
    return [p.detach() for p in weights], *kept


def _update(group: dict, grads, weights, means, squares, counts) -> None:
    beta1, beta2 = group["betas"]
    torch._foreach_add_(counts, 1)
    torch._fused_adam_(
        weights,
        grads,
        means,
        squares,
        [],
        counts,
        lr=group["lr"],
        beta1=beta1,
        beta2=beta2,
        weight_decay=group["weight_decay"],
        eps=group["eps"],
        amsgrad=False,
        maximize=False,
    )


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
