"""A critic in doubles and turns that it judges, for the tests of AdaptiveMix."""

import torch
from torch import nn
from turns import F64, generator, normal

from gantutor.nets import Discriminator
from gantutor.rng import Rng
from gantutor.turn import Turn


class Net(Discriminator):
    """F(x) = scale act(x W) + b in doubles, J not linear; it remembers the batches that F saw.

    With the default `act`, tanh, b is 0.
    """

    def __init__(self, act=torch.tanh, scale=1.0, k=5):
        super().__init__()
        draws = generator(7)
        self.w = nn.Parameter(torch.randn(2, k, dtype=F64, generator=draws))
        b = torch.randn(k, dtype=F64, generator=draws)
        self.b = nn.Parameter(torch.zeros_like(b) if act is torch.tanh else b)
        self.act, self.scale, self.seen = act, scale, []

    def features(self, x):
        self.seen.append(x)
        return self.scale * self.act(x @ self.w) + self.b

    def head(self, v):
        return v.square().sum(-1).sin()


def identity(h):
    """An `act` that makes F affine."""
    return h


def data(n=6, seed=0):
    """Reals and fakes, (2, n, 2)."""
    return normal(2, n, 2, seed=seed)


def turn_of(player="d", D=None, seed=3, xs=None, joint=True):
    x_real, x_fake = data() if xs is None else xs
    D = D or Net()
    turn = Turn(
        player=player,
        D=D,
        rng=Rng(seed),
        z=x_fake,
        x_real=x_real,
        x_fake=x_fake,
        joint=joint,
        real=D(x_real) if player == "d" else None,
        fake=D(x_fake),
    )
    D.seen.clear()
    return turn
