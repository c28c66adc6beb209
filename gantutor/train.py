"""The one training loop: a generator of steps that a lesson, the lab and a batch run share."""

import warnings
from collections.abc import Iterator
from pathlib import Path

from gantutor import checkpoints, state
from gantutor.descriptions import describe
from gantutor.divergence import Diverged
from gantutor.files import set_aside
from gantutor.parallel import together
from gantutor.plain import whole
from gantutor.recipes import Recipe
from gantutor.run import Run, Step, often

__all__ = ["Diverged", "Run", "Step", "train"]


def train(
    recipe: Recipe,
    data,
    seed: int | list[int] = 0,
    steps: int = 1000,
    every: int | str = 1,
    device: str = "cpu",
    checkpoint: str | Path | None = None,
    save_every: int = 1000,
    on_divergence: str = "raise",
    precision: str = "fp32",
    graph: bool = False,
) -> Iterator[Step]:
    """Train a recipe and yield as often as asked: every `every` steps and at the end, or "turn".

    `checkpoint`: a file to continue from if it exists, written every `save_every` steps and at the
    end. A run that was killed and is started again ends, on a CPU, bit for bit where the unbroken
    run ends. A checkpoint beyond `steps`, or by another version of gantutor or other code, is
    renamed with a warning, and training starts over. The other arguments are those of `Run`.
    Raises Diverged, and ValueError for a checkpoint that is damaged or belongs to another run.

    >>> from gantutor import METHODS, toy
    >>> for step in train(METHODS["AdaptiveMix"], toy.nine(), seed=0, steps=20, every=10):
    ...     print(step.index, step.phase)
    10 g
    20 g
    """
    every, save_every = often("every", every), often("save_every", save_every)
    steps = whole("steps", steps, 0)
    if checkpoint is not None:
        describe(recipe)  # now, not at the first checkpoint
    run = Run(recipe, data, seed, device, on_divergence, precision, graph)
    run.check_every(every)
    if checkpoint is not None:
        Path(checkpoint).parent.mkdir(parents=True, exist_ok=True)  # now, not after 1000 steps
        run.code  # noqa: B018  now: the files may be edited while this training goes on
        if Path(checkpoint).exists():
            _resume(run, checkpoint, steps)
    if run.step >= steps:  # all done before: the caller still gets its trained run
        yield run.report()
    while run.step < steps:
        for phase in run.take_step():
            if run.due(phase, every, steps):
                yield run.report(phase)
        if checkpoint is not None and (run.step % save_every == 0 or run.step == steps):
            run.save(checkpoint)


def _resume(run: Run, path: str | Path, steps: int) -> None:
    """Go on from a checkpoint, or set it aside if it does not belong to what was asked for."""
    saved = checkpoints.read(path, run.rng.device)
    why = checkpoints.foreign(saved, run.code)
    if why is None:
        state.check_file(run, path, saved)
        if saved["step"] <= steps:
            state.restore(run, saved)
            return
        why = f"is of step {saved['step']}, beyond the {steps} that were asked for"
    together()  # all have read it before it goes
    if run.rank == 0:
        aside = set_aside(path)
        warnings.warn(
            f"checkpoint {path} {why}: it was set aside as {aside}, and training starts over",
            stacklevel=3,
        )
