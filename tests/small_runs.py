"""Recipes small enough to train in a test, their runs, and comparisons of runs."""

import pytest
import torch

from gantutor import checkpoints, toy
from gantutor.methods.adaptivemix import STYLEGAN_CODE, AdaptiveMix
from gantutor.methods.advlat import PGD
from gantutor.methods.jacobian import JacobianD
from gantutor.methods.kdd import KDD
from gantutor.methods.pairs import HardPairs, ModeSeeking
from gantutor.nets.mlp import Mlp
from gantutor.objectives import Hinge
from gantutor.recipes import METHODS, OBJECTIVES, TOY, RmsProp, Sgd
from gantutor.train import train

NAMED = {**OBJECTIVES, **METHODS}
SMALL = {"nets": Mlp(4, (16, 16), (16, 16)), "batch": 16}
# the papers together, and the corners that the named recipes leave out
MIXED = {
    "joint": TOY.but(
        objective=Hinge() + 0.5 * KDD(stale="g_step"),
        terms=(JacobianD(0.1, 0.05), STYLEGAN_CODE),
        d_opt=Sgd(1e-2),
    ),
    "pairs": TOY.but(
        terms=(ModeSeeking(pairs=HardPairs(steps=1)), AdaptiveMix(alpha=2, pairing="pooled")),
        n_dis=2,
        joint=False,
    ),
    "qua": TOY.but(
        latent=PGD(0.01, 2, radius=0.05), n_dis=2, fakes="d", g_batch=24, g_opt=RmsProp(1e-3)
    ),
}
SMALLER = {name: recipe.but(**SMALL) for name, recipe in {**NAMED, **MIXED}.items()}
EVERY = pytest.mark.parametrize("recipe", list(SMALLER.values()), ids=list(SMALLER))
# for checkpoints
LITTLE = TOY.but(nets=Mlp(4, (4, 4), (4, 4)), batch=8)


def last(steps):
    *_, step = steps
    return step


def saved(path, steps=2):
    """A run of LITTLE, with its checkpoint at `path`."""
    return last(train(LITTLE, toy.ring(), 0, steps, checkpoint=path)).run


def rewritten(path, **changes):
    """Change values of a checkpoint, or with None take them away; its digest fits again."""
    state = torch.load(path, weights_only=True) | changes
    state = {k: v for k, v in state.items() if v is not None or k == "ema"}
    state.pop("digest", None)
    torch.save({**state, "digest": checkpoints.digest(state)}, path)


def weights(run):
    return [p.detach().clone() for p in run.g_weights.params + run.d_weights.params]


def leaves(state):
    """All tensors, numbers and strings of a nested state, in order."""
    if isinstance(state, dict):
        return [leaf for k in sorted(state, key=str) for leaf in [k, *leaves(state[k])]]
    if isinstance(state, list | tuple):
        return [leaf for part in state for leaf in leaves(part)]
    return [state]


def same(a, b):
    """Whether two nested states are equal to the last bit."""
    pairs = zip(leaves(a), leaves(b), strict=True)
    return all(torch.equal(x, y) if isinstance(x, torch.Tensor) else x == y for x, y in pairs)
