"""What moves weights: gradients as an optimiser wants them, learning rates, moving averages."""

import copy

import torch
from torch import Tensor, nn

from gantutor.parallel import average

_engine = torch.autograd.Variable._execution_engine


class Weights:
    """A net's parameters as its optimiser sees them."""

    def __init__(self, net: nn.Module):
        self.params, self.grads = tuple(net.parameters()), None

    def differentiate(self, loss: Tensor) -> None:
        """Add the gradients of `loss`, () or (seeds,), for these weights and for nothing else.

        Each seed's loss is differentiated for its own weights. Weights that the loss does not use
        get zeros.
        """
        # the call into which torch.autograd.grad leads: on the plane its checks before it take a
        # tenth of a step
        grads = _engine.run_backward(
            (loss,),
            (torch.ones_like(loss),),
            False,
            False,
            self.params,
            True,
            accumulate_grad=False,
        )
        pairs = zip(self.params, grads, strict=True)
        grads = [torch.zeros_like(p) if g is None else g for p, g in pairs]
        self.grads = grads if self.grads is None else torch._foreach_add(self.grads, grads)

    def reduce(self, losses: list[Tensor]) -> Tensor:
        """Hand the optimiser the mean gradient of what was differentiated since the last call.

        The mean is over the `losses` of all parts and over all processes; returns the mean loss.
        """
        grads, self.grads = self.grads, None
        loss = losses[0]
        if len(losses) > 1:
            loss = sum(losses) / len(losses)
            torch._foreach_div_(grads, len(losses))
        *grads, loss = average([*grads, loss])
        for p, g in zip(self.params, grads, strict=True):
            p.grad = _like(g, p)
        return loss


def _like(g: Tensor, p: Tensor) -> Tensor:
    """The gradient in its weight's memory format and type.

    Fused Adam assumes that weight and gradient share a memory layout and does not check.
    """
    if g.stride() == p.stride() and g.dtype == p.dtype:
        return g
    return torch.empty_like(p).copy_(g)


def set_rates(run) -> None:
    """Set both learning rates of a run for the step to come, if its recipe lets them decay."""
    recipe = run.recipe
    if recipe.decay is None:
        return
    left = max(0.0, 1 - run.step / recipe.decay)
    for opt, rule in ((run.g_opt, recipe.g_opt), (run.d_opt, recipe.d_opt)):
        for group in opt.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rule.lr * left)  # in place: a captured step reads it there
            else:
                group["lr"] = rule.lr * left


class MovingAverage:
    """w <- decay w + (1-decay) w of the net, over all weights and buffers.

    Until `start` steps are done it is a plain copy of the net.
    """

    def __init__(self, net: nn.Module, decay: float, start: int):
        self.decay, self.start = decay, start
        self.net = copy.deepcopy(net).requires_grad_(False)

    @torch.no_grad()
    def update(self, net: nn.Module, step: int) -> None:
        """Take in the net after `step` whole steps."""
        mine, theirs = self.net.state_dict().values(), net.state_dict().values()
        pairs = list(zip(mine, theirs, strict=True))
        smooth = [(a, b) for a, b in pairs if a.is_floating_point()] if step > self.start else []
        if smooth:
            torch._foreach_lerp_([a for a, _ in smooth], [b for _, b in smooth], 1 - self.decay)
            pairs = [(a, b) for a, b in pairs if not a.is_floating_point()]  # counters
        for a, b in pairs:
            a.copy_(b)
