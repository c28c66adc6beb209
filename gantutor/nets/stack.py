"""Linear layers with leaky ReLUs between: forward and backward pass in closed form.

At the plane's widths a step's time goes into calls rather than products. Here a whole stack is one
node of autograd's graph, with one tensor of weights, for one seed and for several. The backward
pass is made of operations that autograd can differentiate again, and where more is asked for than
it offers, autograd records the layers one by one.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.autograd import Function, forward_ad
from torch.nn.functional import leaky_relu, leaky_relu_

# takes the ReLU's result in place of its input, which has the same sign
leaky_backward = torch.ops.aten.leaky_relu_backward.default
leaky_backward_ = torch.ops.aten.leaky_relu_backward.grad_input


class Stack(nn.Module):
    """Layers x W + b with leaky ReLUs of slope `leak` between; `widths` from input to output.

    All weights are one parameter, `weights` (P,), or (seeds, P) with several seeds: W of layer 0
    (n_in, n_out), row by row, its b (n_out,), W of layer 1 and so on; `layers` cuts it up. An
    optimiser and autograd take longer to walk over small tensors than to compute. The weights are
    drawn from `rng` as torch.nn.Linear draws them.
    """

    def __init__(self, widths: Sequence[int], leak: float, rng):
        super().__init__()
        self.leak, self.shapes = leak, list(zip(widths, widths[1:], strict=False))
        self.sizes = [n for n_in, n_out in self.shapes for n in (n_in * n_out, n_out)]
        drawn = []
        for n_in, n_out in self.shapes:
            for shape in ((n_in, n_out), (n_out,)):
                weight = (2 * rng.rand(*shape) - 1) * n_in**-0.5
                drawn.append(weight.flatten(rng.axis))
        self.weights = nn.Parameter(torch.cat(drawn, -1))
        self._views = self.layers(self.weights.detach())

    def layers(self, weights: Tensor | None = None) -> list[tuple[Tensor, Tensor]]:
        """W and b of each layer: views of the parameter, or of other weights like it."""
        weights = self.weights if weights is None else weights
        parts = weights.split(self.sizes, -1)
        pairs = zip(parts[::2], parts[1::2], self.shapes, strict=True)
        return [(w.view(*weights.shape[:-1], *shape), b) for w, b, shape in pairs]

    def constants(self) -> list[tuple[Tensor, Tensor]]:
        """`layers` without a graph; made anew only where the parameter has moved in memory."""
        weights = self._parameters["weights"]
        if self._views[0][0].data_ptr() != weights.data_ptr():
            self._views = self.layers(weights.detach())
        return self._views

    def through(self, x: Tensor, depth: int, tap: int | None = None) -> tuple[Tensor, ...]:
        """Send x (..., B, n) through the first `depth` layers: their result, before any ReLU.

        With `tap`: (score, that of layer `tap`), both of which may enter a loss; the last layer is
        then a head of width 1, and the score (..., B). Several seeds may share one x, such as the
        grid of a map.
        """
        weights = self._parameters["weights"]  # a module looks for attributes slowly
        if x.ndim == weights.ndim == 2:
            x = x.expand(len(weights), *x.shape)
        # with a slope below 0 a ReLU's result does not have the sign of its input
        if self.leak < 0 or _needs_plain(x):
            _, results = run(x, self.layers()[:depth], self.leak, tap, inplace=False)
        elif not torch.is_grad_enabled():
            _, results = run(x, self.constants()[:depth], self.leak, tap)
        else:
            # as a view, so that there is a node which `_wanted` can ask about
            return _apply((self, depth, tap), x, weights.view_as(weights))
        return found(results, tap)


def found(results: list[Tensor], tap: int | None) -> tuple[Tensor, ...]:
    """What a pass gives of its layers' results: see `Stack.through`."""
    return (results[-1],) if tap is None else (results[-1].squeeze(-1), results[tap])


def run(
    x: Tensor, layers: list[tuple[Tensor, Tensor]], leak: float, tap: int | None, inplace=True
) -> tuple[list[Tensor], list[Tensor]]:
    """What enters each layer, and what each gives: after its ReLU, but for `tap` and the last.

    Without `inplace` autograd can record it.
    """
    inputs, results = [], []
    for i, layer in enumerate(layers):
        inputs.append(x)
        x = affine(x, *layer)
        if i + 1 == len(layers):
            results.append(x)
        elif i == tap:
            results.append(x)
            x = leaky_relu(x, leak)
        else:
            x = leaky_relu_(x, leak) if inplace else leaky_relu(x, leak)
            results.append(x)
    return inputs, results


def affine(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The map x W + b for x (B, n_in), or (seeds, B, n_in) where the weights are stacked."""
    if weight.ndim == 2:
        return torch.addmm(bias, x, weight)
    # baddbmm would first copy the bias into every row
    return torch.bmm(x, weight).add_(bias[:, None])


def product(a: Tensor, b: Tensor) -> Tensor:
    """Matrix product a b, of two matrices or of stacks of as many; quicker than @ on small ones."""
    return torch.mm(a, b) if a.ndim == 2 else torch.bmm(a, b)


def _needs_plain(x: Tensor) -> bool:
    """Whether more is asked for than the closed form offers, reverse mode in one precision.

    That is forward mode (JacobianD), a transform of torch.func, or autocast.
    """
    return (
        torch._C._is_any_autocast_enabled()
        or torch._C._are_functorch_transforms_active()
        or forward_ad.unpack_dual(x).tangent is not None
    )


class _Pass(Function):
    """A pass through a stack: forwards its result and that of layer `tap`; backwards in one go."""

    @staticmethod
    def forward(ctx, how: tuple, x: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
        stack, depth, tap = ctx.how = how
        inputs, results = run(x, stack.constants()[:depth], stack.leak, tap)
        ctx.save_for_backward(weights, *inputs)
        ctx.set_materialize_grads(False)
        return found(results, tap)

    @staticmethod
    def backward(ctx, g: Tensor | None, at_tap: Tensor | None = None) -> tuple:
        (stack, depth, tap), (weights, *inputs) = ctx.how, ctx.saved_tensors
        # whether this backward pass will be differentiated itself
        again = torch.is_grad_enabled()
        layers = stack.layers(weights) if again else stack.constants()
        if tap is not None and g is not None:
            g = g[..., None]
        slopes: list[Tensor | None] = [None] * depth  # of the loss at the result of each layer
        for i in reversed(range(depth)):
            if i == tap and at_tap is not None:
                g = at_tap if g is None else g + at_tap
            slopes[i] = g
            if g is not None and (i or ctx.needs_input_grad[1]):
                g = product(g, layers[i][0].mT)
                if i:  # what enters layer i is the ReLU's result
                    if again:
                        g = leaky_backward(g, inputs[i], stack.leak, True)
                    else:
                        leaky_backward_(g, inputs[i], stack.leak, True, grad_input=g)
        at_x = g if ctx.needs_input_grad[1] else None
        if not _wanted(ctx.next_functions[1][0]):
            return None, at_x, None
        if again:  # what enters a layer depends on the weights before it, and on x
            inputs, _ = run(inputs[0], layers[:depth], stack.leak, tap, inplace=False)
        return None, at_x, _gradient(weights, inputs, slopes)


# Function.apply without its preparations for torch.func, which `_needs_plain` has ruled out
_apply = super(Function, _Pass).apply


def _wanted(node) -> bool:
    """Whether the backward pass that is running goes on to this node of the graph.

    ctx.needs_input_grad tells whether somebody could ask for a gradient, and not whether anybody
    does: G's turn, latent moves and gradient fields do not want that of D's weights.
    """
    return node is not None and torch._C._will_engine_execute_node(node)


def _gradient(weights: Tensor, inputs: list[Tensor], slopes: list[Tensor | None]) -> Tensor:
    """The gradient of all weights, from what enters each layer and the slope at its result."""
    grads, axis = [], weights.ndim - 1
    for x, g in zip(inputs, slopes, strict=True):
        if g is not None:
            grads += [product(x.mT, g).flatten(axis), g.sum(-2)]
    unused = weights.shape[-1] - sum(g.shape[-1] for g in grads)  # of the last layers
    if unused:
        grads.append(weights.new_zeros(*weights.shape[:-1], unused))
    return torch.cat(grads, -1)
