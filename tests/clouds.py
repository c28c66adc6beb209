"""Features for the tests of measures: clouds of points with known moments."""

import torch

from gantutor.rng import Rng


def cloud(n, dims=8, seed=0, shift=0.0, scale=1.0):
    return scale * Rng(seed).randn(n, dims) + shift


def spread(n, dims, seed=0, low=-2):
    """Correlated features whose variances fall over 2 |low| decades."""
    g = torch.Generator().manual_seed(seed)
    turn = torch.linalg.qr(torch.randn(dims, dims, generator=g, dtype=torch.float64)).Q
    x = torch.randn(n, dims, generator=g, dtype=torch.float64)
    return x * torch.logspace(0, low, dims) @ turn + 0.1


def two_sets():
    """Positive features of two generators, as after a ReLU."""
    return (spread(600, 40) * 3).abs(), (spread(500, 40, seed=1) * 2.5).abs() + 0.05
