"""Critics with known features, and turns that they judge, for the tests of KDD and JacobianD."""

import torch
from torch import nn
from torch.nn.functional import normalize
from turns import F64, generator, normal

from gantutor.nets import Discriminator
from gantutor.rng import Rng
from gantutor.turn import Turn

# the labels of 7 reals and 5 fakes
LABELS = torch.tensor([0, 1, 2, 2, 1, 0, 0]), torch.tensor([2, 2, 1, 0, 1])


class Identity(Discriminator):
    """The features are the inputs; it remembers how many inputs each call had."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def features(self, x):
        self.calls.append(x.shape[-2])
        return x.clone()  # a new tensor, which is a constant where gradients are off

    def head(self, v):
        return v.sum(-1)


class Map(Identity):
    """phi(x) = x W."""

    def __init__(self, w):
        super().__init__()
        self.w = nn.Parameter(w)

    def features(self, x):
        return x @ self.w


class ByClass(Identity):
    """It has a vector for each label, and its head reads labels too."""

    def __init__(self, k=4, classes=3):
        super().__init__()
        self.v = nn.Parameter(normal(classes, k, seed=7))

    def features(self, x, y=None):
        return x

    def head(self, v, y=None):
        return 10 * v.sum(-1) + y

    def pooled(self, v):
        return 2 * v

    def embed(self, y):
        return self.v[y]


def orthogonal(k=6):
    return torch.linalg.qr(normal(k, k)).Q


def sets(m=7, n=5, k=4, seed=0, unit=False):
    """Real features (m, k) and fake ones (n, k), so far apart that some hinges clip, not all."""
    draws = generator(seed)
    real = torch.randn(m, k, generator=draws, dtype=F64) + 0.8
    fake = torch.randn(n, k, generator=draws, dtype=F64) - 0.8
    return (normalize(real, dim=-1), normalize(fake, dim=-1)) if unit else (real, fake)


def turn_of(player, real, fake, D=None, **more):
    """The turn of `player` on these batches; `more` are further arguments of Turn."""
    D = D or Identity()
    return Turn(
        player=player,
        D=D,
        rng=Rng(0),
        z=fake,
        x_real=real,
        x_fake=fake,
        real=D(real) if player == "d" else None,
        fake=D(fake),
        **more,
    )


def labelled(player, real, fake, D, told=LABELS):
    """The turn of a critic that reads LABELS; `told` are the labels that the turn itself has."""
    return Turn(
        player=player,
        D=D,
        rng=Rng(0),
        x_real=real,
        x_fake=fake,
        real=D(real, LABELS[0]) if player == "d" else None,
        fake=D(fake, LABELS[1]),
        y_real=told[0],
        y_fake=told[1],
    )
