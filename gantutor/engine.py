"""What moves weights: gradients as an optimiser wants them, moving averages, steps captured as CUDA graphs."""

import copy

import torch
from torch import Tensor, nn

from gantutor.parallel import average


def _like(g: Tensor, p: Tensor) -> Tensor:
    """The gradient in its weight's memory format: fused Adam walks over both in memory order and does not look."""
    return g if g.stride() == p.stride() and g.dtype == p.dtype else torch.empty_like(p).copy_(g)


class Weights:
    """A net's parameters as its optimiser sees them: the MLPs' in one buffer of which they are views, others as they are.

    On the plane's small nets an optimiser's time goes into walking over tensors, not into arithmetic. Convolutions keep
    their own tensors and with them their memory format.
    """

    def __init__(self, net: nn.Module):
        self.params = list(net.parameters())
        self.flat, self.grads = None, None
        if all(p.ndim <= 3 for p in self.params):
            self.flat = nn.Parameter(torch.cat([p.detach().reshape(-1) for p in self.params]))
            parts = self.flat.detach().split([p.numel() for p in self.params])
            for p, part in zip(self.params, parts, strict=True):
                p.data = part.view(p.shape)

    @property
    def tensors(self) -> list[Tensor]:
        """What to hand to the optimiser."""
        return self.params if self.flat is None else [self.flat]

    def differentiate(self, loss: Tensor) -> None:
        """Add the gradients of `loss` at these weights and at nothing else; weights that it does not use get zeros."""
        grads = torch.autograd.grad(loss, self.params, allow_unused=True)
        grads = [
            torch.zeros_like(p) if g is None else g for p, g in zip(self.params, grads, strict=True)
        ]
        self.grads = grads if self.grads is None else torch._foreach_add(self.grads, grads)

    def settle(self, losses: list[Tensor]) -> Tensor:
        """Hand the optimiser the mean gradient of the parts differentiated since, over all processes; returns the mean loss."""
        grads, loss, self.grads = (
            self.grads,
            sum(losses) / len(losses) if len(losses) > 1 else losses[0],
            None,
        )
        if len(losses) > 1:
            torch._foreach_div_(grads, len(losses))
        *grads, loss = average([*grads, loss])
        if self.flat is not None:
            self.flat.grad = torch.cat([g.reshape(-1) for g in grads])
        else:
            for p, g in zip(self.params, grads, strict=True):
                p.grad = _like(g, p)
        return loss


class MovingAverage:
    """w <- decay w + (1-decay) net's w over all weights and buffers; until `start` steps are done, a plain copy of the net."""

    def __init__(self, net: nn.Module, decay: float, start: int):
        self.decay, self.start = decay, start
        self.net = copy.deepcopy(net).requires_grad_(False)

    @torch.no_grad()
    def update(self, net: nn.Module, step: int) -> None:
        pairs = list(zip(self.net.state_dict().values(), net.state_dict().values(), strict=True))
        smooth = [(a, b) for a, b in pairs if a.is_floating_point()] if step > self.start else []
        if smooth:
            torch._foreach_lerp_([a for a, _ in smooth], [b for _, b in smooth], 1 - self.decay)
            pairs = [(a, b) for a, b in pairs if not a.is_floating_point()]  # counters
        for a, b in pairs:
            a.copy_(b)


class Captured:
    """A function of no arguments as one CUDA graph: the host launches one thing a step instead of hundreds.

    The first `warm` calls run eagerly on a side stream (they count: cuDNN chooses its algorithms, optimisers make their
    state), then the call is recorded once and replayed. It must read and write the same tensors each time and never wait for one.
    """

    def __init__(self, function, generators: list[torch.Generator], warm: int = 3):
        self.function, self.generators, self.warm, self.graph = function, generators, warm, None

    def __call__(self) -> None:
        if self.graph is None and self.warm > 0:
            self.warm -= 1
            side, main = torch.cuda.Stream(), torch.cuda.current_stream()
            side.wait_stream(main)
            with torch.cuda.stream(side):
                self.function()
            main.wait_stream(side)
            return
        if self.graph is None:
            graph = torch.cuda.CUDAGraph()
            for g in self.generators:  # so that replays draw on where eager steps would
                graph.register_generator_state(g)
            with torch.cuda.graph(graph):
                self.function()
            self.graph = graph
        self.graph.replay()
