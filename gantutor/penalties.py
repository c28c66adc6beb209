"""Gradient penalties: terms of D's loss that bound how steep the critic is."""

from dataclasses import dataclass

import torch
from torch import Tensor

from gantutor.parts import Term, Turn


@dataclass(frozen=True)
class GradientPenalty(Term):
    """D: + weight * mean (|grad_x D(x)|_2 - target)^2 at x = u x_real + (1-u) x_fake, u uniform (Gulrajani et al. 2017)."""

    weight: float = 10.0
    target: float = 1.0

    def d(self, turn: Turn) -> Tensor:
        n = min(turn.x_real.shape[turn.axis], turn.x_fake.shape[turn.axis])
        real, fake = (x.narrow(turn.axis, 0, n).detach() for x in (turn.x_real, turn.x_fake))
        u = turn.rng.rand(n)
        u = u.reshape(u.shape + (1,) * (real.ndim - u.ndim))
        x = (u * real + (1 - u) * fake).requires_grad_(True)
        (slope,) = torch.autograd.grad(turn.D(x).score.sum(), x, create_graph=True)
        return self.weight * (slope.flatten(turn.axis + 1).norm(dim=-1) - self.target).square().mean(-1)
