"""When a training has diverged: a loss is NaN, infinite or too large."""

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
    if float(loss.abs().sum()) < limit:  # False for NaN
        return
    bad = ~(loss.abs() < limit)
    marks = zip(run.rng.seeds, bad.reshape(-1).tolist(), strict=True)
    seeds = [seed for seed, is_bad in marks if is_bad]
    if not seeds:  # only their sum is large
        return
    for seed in seeds:
        run.diverged.setdefault(seed, run.step)
    if run.on_divergence == "raise" or len(run.diverged) == len(run.rng.seeds):
        raise Diverged(run.step, player, seeds)
