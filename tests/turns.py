"""What the tests of objectives and terms share: numbers in doubles, and the loss of a turn."""

import torch

F64 = torch.float64


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    """Standard normal numbers in doubles, always the same."""
    return torch.randn(*shape, dtype=F64, generator=generator(seed))


def loss_of(part, turn):
    """The loss of an objective or a term for the player whose turn it is."""
    return part.d_loss(turn) if turn.player == "d" else part.g_loss(turn)
