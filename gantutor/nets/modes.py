"""The mode in which nets run while somebody looks into them: training, evaluation, frozen."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from gantutor.plain import one_of

MODES = ("eval", "train_frozen", "train")


@contextmanager
def latent_mode(modules: list[nn.Module], mode: str) -> Iterator[None]:
    """Run the nets in a mode, and restore every module's mode and the frozen buffers afterwards.

    "eval": running statistics; no buffer changes.
    "train_frozen": batch statistics; running statistics and spectral norm's vectors are restored.
    "train": batch statistics; buffers change, as in the code of AdvLatGAN's authors.
    Raises ValueError for any other mode.
    """
    one_of("mode", mode, MODES)
    parts = [(part, part.training) for m in modules for part in m.modules()]
    buffers = [b for m in modules for b in m.buffers()] if mode == "train_frozen" else []
    saved, training = [b.clone() for b in buffers], mode != "eval"
    try:
        # setting the flag of every part takes as long as a small net's forward pass
        if any(was != training for _, was in parts):
            for m in modules:
                m.train(training)
        yield
    finally:
        for part, was in parts:
            if part.training != was:
                part.training = was
        if buffers:
            with torch.no_grad():
                torch._foreach_copy_(buffers, saved)  # one call for all, as the optimisers do


def modules_of(*nets: Callable) -> list[nn.Module]:
    """Those of the nets that are modules; plain functions have neither modes nor buffers."""
    return [net for net in nets if isinstance(net, nn.Module)]
