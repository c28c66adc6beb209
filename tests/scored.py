"""Nets with known scores, for the tests of samplers and latent steps."""

import math

import torch
from torch import nn

from gantutor.nets import Discriminator

F64 = torch.float64


class Critic(Discriminator):
    """Any trunk, then any head (..., K) -> (...)."""

    def __init__(self, trunk, head):
        super().__init__()
        self.trunk, self.last = trunk, head

    def features(self, x, y=None):
        return self.trunk(x)

    def head(self, v, y=None):
        return self.last(v).squeeze(-1) if y is None else self.last(v, y)


class Fixed(nn.Module):
    """A function as a net."""

    def __init__(self, f):
        super().__init__()
        self.f = f

    def forward(self, *args):
        return self.f(*args)


def latents(n=12, k=4, seed=1):
    return torch.randn(n, k, dtype=F64, generator=torch.Generator().manual_seed(seed))


def linear(k=4, seed=2):
    """s(z) = z.c; returns nets and c."""
    a, w = latents(k, 3, seed), latents(3, 1, seed + 1)
    return (
        Fixed(lambda z: z @ a),
        Critic(nn.Identity(), Fixed(lambda x: x @ w)),
        (a @ w)[:, 0].numpy(),
    )


def normed(seed=0):
    """G with batch norm, D with batch norm and spectral norm, in training mode, in doubles."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        G = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Linear(16, 2))
        trunk = nn.Sequential(
            nn.utils.parametrizations.spectral_norm(nn.Linear(2, 16)), nn.BatchNorm1d(16), nn.Tanh()
        )
        return G.double(), Critic(trunk, nn.Linear(16, 1)).double()


def on_the_line(score):
    """G(z) = z and D's score a function of z (B, 1)."""
    return Fixed(lambda z: z), Critic(nn.Identity(), Fixed(score))


def chi2(z, mean, var, bins=20):
    """Pearson's statistic of z (n,) in bins of equal probability under N(mean, var).

    Its mean is bins - 1.
    """
    p = 0.5 * (1 + torch.erf((z.double() - mean) / math.sqrt(2 * var)))
    counts = torch.histc(p, bins, 0, 1)
    return ((counts - len(z) / bins) ** 2 / (len(z) / bins)).sum().item()
