"""When a training has diverged: a loss is NaN, infinite or too large."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


class Diverged(RuntimeError):
    """A loss became NaN, infinite or larger than the recipe's `diverges_at`.

    Has `.step`, `.player` and `.seeds`.
    """

    def __init__(self, step: int, player: str, seeds: list[int]):
        self.step, self.player, self.seeds = step, player, seeds
        super().__init__(
            f"diverged at step {step} in {player.upper()}'s turn (seed "
            f"{', '.join(map(str, seeds))}): lower the learning rate, or bound the critic by "
            "clipping or a gradient penalty"
        )


def watch(run, loss: Tensor, player: str) -> None:
    """Raise Diverged, or mark seeds in `run.diverged`, if a loss (one per seed) is too large.

    On a GPU a loss is looked at every 100 steps, because to look is to wait for it.
    """
    if loss.is_cuda and (torch.cuda.is_current_stream_capturing() or run.step % 100):
        return
    limit = run.recipe.diverges_at
    losses = zip(run.rng.seeds, loss.reshape(-1).tolist(), strict=True)
    seeds = [seed for seed, value in losses if not abs(value) < limit]  # a NaN is not below it
    if not seeds:
        return
    for seed in seeds:
        run.diverged.setdefault(seed, run.step)
    if run.on_divergence == "raise" or len(run.diverged) == len(run.rng.seeds):
        raise Diverged(run.step, player, seeds)


def each_seed(train: Callable[[int], Any], seeds: Iterable[int]) -> tuple[dict, dict]:
    """Call train(seed) for one seed after the other; one that diverges does not stop the others.

    Returns {seed: what train returned} and {seed: its Diverged}. A training that diverged is an
    outcome: the caller has to count it.

    >>> def train(seed):
    ...     if seed == 1:
    ...         raise Diverged(40, "d", [seed])
    ...     return "trained"
    >>> done, failed = each_seed(train, [0, 1, 2])
    >>> done, failed[1].step
    ({0: 'trained', 2: 'trained'}, 40)
    """
    done, failed = {}, {}
    for seed in seeds:
        try:
            done[seed] = train(seed)
        except Diverged as end:
            failed[seed] = end
    return done, failed
