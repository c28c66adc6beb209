"""Latent searches and nets for them to climb, for the tests of AdvLatGAN."""

import torch
from scored import Critic, latents
from torch import nn

from gantutor.methods.advlat import IFGSM, MIFGSM, PGD, GradientStep
from gantutor.nets import Critique

# steps of a fixed length, so that the reach is bounded
BOUNDED = [
    IFGSM(0.02, 5),
    IFGSM(0.02, 5, 0.05),
    PGD(0.02, 5, 0.05),
    MIFGSM(0.02, 5, mu=0.5),
    PGD(0.02, 5, 0.05, norm="l2"),
]
SEARCHES = [
    *BOUNDED,
    GradientStep(0.02, 5),
    IFGSM(0.02, 5, shell=True, prior_weight=0.1),
]


def linear():
    """G(z) = z A and D(x) = x.w as plain functions, and A w, the score's gradient everywhere."""
    a, w = latents(4, 3, 2), latents(3, 1, 3)[:, 0]
    return (lambda z: z @ a), (lambda x: Critique(x @ w, x)), a @ w


def smooth(seed=0):
    """Smooth nets without norms, in doubles, in training mode."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        G = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 2))
        trunk = nn.Sequential(nn.Linear(2, 16), nn.Tanh())
        return G.double(), Critic(trunk, nn.Linear(16, 1)).double()
