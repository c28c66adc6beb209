"""A run: nets, optimisers and random state of one recipe on one data set."""

import contextlib
import copy
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from gantutor import checkpoints, critic, sampling, state, step
from gantutor.descriptions import kinds
from gantutor.engine import MovingAverage, Weights, set_rates
from gantutor.fitting import checked, fitted
from gantutor.graph import CapturedStep
from gantutor.memory import keep_freed
from gantutor.parallel import place
from gantutor.plain import one_of, whole
from gantutor.reals import Reals
from gantutor.recipes import Recipe
from gantutor.rng import Rng
from gantutor.sources import classes_hash
from gantutor.turn import Turn

PRECISIONS = ("fp32", "bf16")


class Step(NamedTuple):
    """Where training stands: `index` whole steps are done.

    `phase` "d" or "g" is the turn just taken. The losses are tensors, one number per seed; they
    stay on their device so that nobody waits for them.
    """

    index: int
    phase: str
    run: "Run"
    d_loss: Tensor
    g_loss: Tensor


class Run:
    """Nets, optimisers and random state of one recipe on one data set, for one seed or several.

    recipe: what to train; where its nets leave the reach of G to the data, they are fitted to it.
    data: has `sample(n, rng)`, and `batch(n, rng)` for nets with classes.
    seed: a number, or a list: then every weight gets a leading seed axis and the seeds train
        together, each as it would alone (equal up to rounding, which clipping and hinges may
        magnify as training goes on).
    on_divergence: "raise" Diverged, or "mark" the seed in `diverged` and go on with the others.
    precision: "bf16" runs the nets under autocast; losses and penalties stay in float32.
    graph: captures a whole step as a CUDA graph and replays it.

    Under torchrun each process takes its part of the batch.
    """

    def __init__(
        self,
        recipe: Recipe,
        data,
        seed: int | list[int] = 0,
        device: str = "cpu",
        on_divergence: str = "raise",
        precision: str = "fp32",
        graph: bool = False,
    ):
        one_of("on_divergence", on_divergence, ("raise", "mark"))
        if not isinstance(recipe, Recipe):
            raise ValueError(f"recipe={recipe!r}: expected a Recipe, for example METHODS['KDD']")
        one_of("precision", precision, PRECISIONS)
        self.rng = Rng(seed, device)
        if graph and self.rng.device.type != "cuda":
            raise ValueError(
                f"graph=True on {self.rng.device}: a CUDA graph needs a CUDA device; leave "
                "graph=False here"
            )
        self.recipe, self.data = checked(fitted(recipe, data), data, self.rng), data
        self.on_divergence, self.precision = on_divergence, precision
        self.rank, self.world = place()
        if self.rng.device.type == "cpu":
            keep_freed()
        self.G, self.D = self.recipe.nets.build(self.rng)
        self.rng.share(self.rank, self.world)  # after the nets, which are the same everywhere
        self.g_weights, self.d_weights = Weights(self.G), Weights(self.D)
        self.g_opt = recipe.g_opt.build(self.g_weights.params, graph)
        self.d_opt = recipe.d_opt.build(self.d_weights.params, graph)
        self.joint = recipe.nets.joint if recipe.joint is None else recipe.joint
        average = recipe.ema
        self.ema = None if average is None else MovingAverage(self.G, average.decay, average.start)
        self.reals = Reals(self)
        self.step = 0
        self.memory: dict[str, Tensor] = {}
        self.diverged: dict[int, int] = {}  # seed -> step, for on_divergence="mark"
        self.turns: list[Turn] = []  # D's last turn, one for each part of the batch
        shape = (len(self.rng.seeds),) if self.rng.stacked else ()
        self.d_loss = self.g_loss = torch.zeros(shape, device=device)
        self.captured = CapturedStep(self) if graph else None

    @property
    def batch(self) -> int:
        """Reals that one call of D sees here: the batch over processes and accumulated parts."""
        return self.recipe.batch // self.world // self.recipe.accumulate

    @property
    def g_batch(self) -> int:
        """Latents of one part of G's turn here."""
        return (self.recipe.g_batch or self.recipe.batch) // self.world // self.recipe.accumulate

    @property
    def turn(self) -> Turn | None:
        """D's last turn; of an accumulated batch, its last part."""
        return self.turns[-1] if self.turns else None

    @property
    def now(self) -> int | Tensor:
        """The number of whole steps; in a captured step a tensor on the device."""
        return self.step if self.captured is None else self.captured.clock

    def autocast(self) -> contextlib.AbstractContextManager:
        """The context in which the nets run, for the run's precision."""
        if self.precision == "fp32":  # a context that changes nothing still takes its time
            return contextlib.nullcontext()
        return torch.autocast(self.rng.device.type, torch.bfloat16)

    # -- training ---------------------------------------------------------------------------------
    def take_step(self) -> Iterator[str]:
        """D's turns, then G's; yields the player after each turn, a captured step at its end."""
        set_rates(self)
        if self.captured is not None:
            self.captured()
        else:
            shared = step.make_shared_fakes(self)
            for _ in range(self.recipe.n_dis):
                step.d_turn(self, shared)
                yield "d"
            for _ in range(self.recipe.n_gen):
                step.g_turn(self, shared)
        self.step += 1
        if self.ema is not None:
            self.ema.update(self.G, self.step)
        yield "g"

    def d_turn(self) -> None:
        """One update of D, on its own: for slow motion, and for a critic of your own."""
        step.d_turn(self)

    def g_turn(self) -> None:
        """One update of G, on its own; it needs the reals of a D turn before it."""
        step.g_turn(self)

    def steps(self, until: int, every: int | str = 1) -> Iterator[Step]:
        """Train until `until` steps are done in all.

        Yields every `every`-th step and the last, or with "turn" each turn.
        """
        until, every = whole("until", until, 0), often("every", every)
        if until < self.step:
            raise ValueError(
                f"until={until}: this run has done {self.step} steps already, and none can be "
                "taken back"
            )
        self.check_every(every)
        while self.step < until:
            for phase in self.take_step():
                if self.due(phase, every, until):
                    yield self.report(phase)

    def check_every(self, every: int | str) -> None:
        """Raise ValueError if turns are asked for and a step has none, because it is captured."""
        if every == "turn" and self.captured is not None:
            raise ValueError(
                "every='turn' with graph=True: a captured step has no turns to stop at, pass a "
                "number"
            )

    def due(self, phase: str, every: int | str, until: int) -> bool:
        """Whether the turn just taken is reported: each, or every `every`-th step and the last."""
        if every == "turn":
            return True
        return phase == "g" and (self.step % every == 0 or self.step == until)

    def report(self, phase: str = "g") -> Step:
        """Where training stands; the losses are copies, which later steps do not overwrite."""
        return Step(self.step, phase, self, self.d_loss.clone(), self.g_loss.clone())

    # -- what a trained run is asked --------------------------------------------------------------
    @torch.no_grad()
    def sample(
        self,
        n: int,
        rng=None,
        latent=None,
        labels: Tensor | None = None,
        norm: str = "running",
        chunk: int = 500,
    ) -> Tensor:
        """Fakes (n, ...) or (seeds, n, ...); the run itself and its random state do not change.

        They come from the moving average of G if the recipe has one. `rng`: an Rng, a seed or
        seeds for the latents; None draws numbers that do not advance the run's own. `latent` moves
        the latents first (AdvLatGAN-z). `labels` (n,): None draws them, balanced and in random
        order. `norm`: G's batch norm in "running" statistics, in those of each "batch" of `chunk`,
        or "standing" (the means of 16 fresh batches).
        """
        pieces = list(sampling.stream(self, n, rng, latent, labels, norm, chunk))
        return torch.cat(pieces, self.rng.axis)

    def stream(self, n: int, rng=None, **how) -> Iterator[Tensor]:
        """The fakes of `sample`, `chunk` at a time."""
        return sampling.stream(self, n, rng, **how)

    def critic(self, n: int = 512, rng=None, turn: Turn | None = None, y: Tensor | None = None):
        """D as the objective uses it, see `gantutor.critic.critic`."""
        return critic.critic(self, n, rng, turn, y)

    def fresh_turn(self, n: int, rng=None, player: str = "d") -> Turn:
        """A turn on a new batch of n, see `gantutor.critic.fresh_turn`."""
        return critic.fresh_turn(self, n, rng, player)

    # -- checkpoints ------------------------------------------------------------------------------
    def state_dict(self) -> dict:
        """All that the next step depends on, copied: plain tensors, numbers and strings."""
        return copy.deepcopy(state.collect(self))

    def load_state_dict(self, saved: dict) -> None:
        """Continue from `state_dict`.

        Raises ValueError, and leaves the run as it was, if the state belongs to another recipe, to
        other data, seeds, device, precision or number of processes, or has another form.
        """
        state.check_state(self, saved)
        state.restore(self, saved)

    @cached_property
    def code(self) -> str:
        """Hash of this run's code: what training reaches, its parts, its nets and its data."""
        modules = {type(part) for net in (self.G, self.D) for part in net.modules()}
        return classes_hash("gantutor.train", kinds(self.recipe) | modules | {type(self.data)})

    def save(self, path: str | Path) -> None:
        """Write a checkpoint next to `path`, then move it there: a kill leaves the old or the new.

        Raises OSError, naming the file, if the disk refuses.
        """
        if self.rank == 0:
            checkpoints.write(path, self.code, state.collect(self))

    def load(self, path: str | Path) -> None:
        """Go on from a checkpoint.

        Raises ValueError, naming the file and the remedy, if it is damaged, belongs to another run,
        or was made by another version of gantutor or other code. The run is then as it was.
        """
        state.restore(self, state.read(self, path))


def often(name: str, value: int | str) -> int | str:
    """A number of steps of at least 1, or "turn" where `name` is "every"; ValueError otherwise."""
    if name == "every" and isinstance(value, str) and value == "turn":
        return value
    try:
        return whole(name, value, 1)
    except ValueError as error:
        raise ValueError(str(error) + (' or "turn"' if name == "every" else "")) from None
