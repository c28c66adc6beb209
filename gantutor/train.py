"""The one training loop: a generator of steps that a lesson, the lab and a batch run drive alike."""

import copy
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from gantutor.methods.advlat import latent_mode
from gantutor.nets import Critique
from gantutor.objectives import Objective
from gantutor.parts import Turn, describe
from gantutor.recipes import Recipe
from gantutor.rng import Rng


class Diverged(RuntimeError):
    """A loss became NaN, infinite or larger than the recipe's `diverges_at`. Has `.step`, `.player` and `.seeds`."""

    def __init__(self, step: int, player: str, seeds: list[int]):
        self.step, self.player, self.seeds = step, player, seeds
        super().__init__(f"diverged at step {step} in {player.upper()}'s turn (seed {', '.join(map(str, seeds))}): "
                         "lower the learning rate, or bound the critic by clipping or a gradient penalty")  # fmt: skip


def data_name(data) -> str:
    """What a checkpoint remembers of its data: the name, and the digest where there is one."""
    return " ".join(str(v) for v in (getattr(data, "name", type(data).__name__), getattr(data, "digest", "")) if v)


class Weights:
    """A net's parameters as its optimiser sees them: the MLPs' in one buffer of which they are views, others as they are.

    On the plane's small nets an optimiser's time goes into walking over tensors, not into arithmetic. Convolutions keep
    their own tensors and with them their memory format.
    """

    def __init__(self, net: torch.nn.Module):
        self.params = list(net.parameters())
        self.flat = None
        if all(p.ndim <= 3 for p in self.params):
            self.flat = torch.nn.Parameter(torch.cat([p.detach().reshape(-1) for p in self.params]))
            parts = self.flat.detach().split([p.numel() for p in self.params])
            for p, part in zip(self.params, parts, strict=True):
                p.data = part.view(p.shape)

    @property
    def tensors(self) -> list[Tensor]:
        """What to hand to the optimiser."""
        return self.params if self.flat is None else [self.flat]

    def differentiate(self, loss: Tensor) -> None:
        """Set the gradients of `loss` at these weights and at nothing else; weights that it does not use get zeros."""
        grads = torch.autograd.grad(loss, self.params, allow_unused=True)
        grads = [torch.zeros_like(p) if g is None else g for p, g in zip(self.params, grads, strict=True)]
        if self.flat is not None:
            self.flat.grad = torch.cat([g.reshape(-1) for g in grads])
        else:
            for p, g in zip(self.params, grads, strict=True):
                p.grad = g


class Step(NamedTuple):
    """Where training stands: `index` whole steps are done; `phase` "d" or "g" is the turn just taken.

    The losses are tensors, one number a seed, left on their device so that nobody waits for them.
    """

    index: int
    phase: str
    run: "Run"
    d_loss: Tensor
    g_loss: Tensor


class Run:
    """Nets, optimisers and random state of one recipe on one data set, for one seed or for several at once.

    `data` has `sample(n, rng)`. With a list of seeds every weight gets a leading seed axis and the seeds train together,
    each as it would alone: equal to rounding, which clipping and hinges may magnify as training goes on.
    """

    def __init__(self, recipe: Recipe, data, seed: int | list[int] = 0, device: str = "cpu", on_divergence: str = "raise"):
        if on_divergence not in ("raise", "mark"):
            raise ValueError(f"on_divergence={on_divergence!r}: expected 'raise' or 'mark'")
        self.recipe, self.data, self.on_divergence = recipe, data, on_divergence
        self.rng = Rng(seed, device)
        self.G, self.D = recipe.nets.build(self.rng)
        self.g_weights, self.d_weights = Weights(self.G), Weights(self.D)
        self.g_opt, self.d_opt = recipe.g_opt.build(self.g_weights.tensors), recipe.d_opt.build(self.d_weights.tensors)
        self.joint = recipe.nets.joint if recipe.joint is None else recipe.joint
        self.step = 0
        self.diverged: dict[int, int] = {}  # seed -> step, for on_divergence="mark"
        self.turn: Turn | None = None
        self.d_loss = self.g_loss = torch.zeros(len(self.rng.seeds) if self.rng.stacked else ())

    # -- one step ----------------------------------------------------------------------------------------------------
    def take_step(self) -> Iterator[str]:
        """D's turns, then G's; yields the player after each turn."""
        shared = self.latents("d") if self.recipe.reuse_z else None
        for _ in range(self.recipe.n_dis):
            self.d_turn(shared)
            yield "d"
        self.g_turn()
        self.step += 1
        yield "g"

    def latents(self, player: str) -> Tensor:
        """The latent batch of a turn: drawn, extended by terms that need pairs, moved by the latent map (D's turn)."""
        r = self.recipe
        z = self.rng.randn((r.g_batch or r.batch) if player == "g" else r.batch, r.nets.z)
        for term in r.terms:
            z = term.latents(z, self.G, self.rng, player)
        return r.latent(z, self.G, self.critic(r.batch, self.rng), self.rng) if player == "d" and r.latent is not None else z

    def critic(self, n: int = 512, rng=None, turn: Turn | None = None):
        """D as its objective uses it: D itself, or for KDD D with its log-ratio against the batch of `turn` (a fresh one of n).

        KDD never trains D's head, so a latent search must not ask it.
        """
        if type(self.recipe.objective).logit_at is Objective.logit_at:
            return self.D
        turn = self.fresh_turn(n, rng) if turn is None else turn

        def score(x: Tensor) -> Critique:
            critique = self.D(x)
            return Critique(self.recipe.objective.logit_at(critique, turn), critique.features)

        return score

    def d_turn(self, z: Tensor | None = None) -> None:
        """One update of D; G is a constant."""
        z = self.latents("d") if z is None else z
        with torch.no_grad():
            x_fake = self.G(z)
        x_real = self.data.sample(self.recipe.batch, self.rng)
        axis = 1 if self.rng.stacked else 0
        if self.joint:
            real, fake = self.D(torch.cat([x_real, x_fake], axis)).split([x_real.shape[axis], x_fake.shape[axis]], axis)
        else:
            real, fake = self.D(x_real), self.D(x_fake)
        turn = self.turn = Turn("d", self.G, self.D, self.rng, z, x_real, x_fake, self.joint, real, fake)
        self.d_loss = self._update(turn, self.d_weights, self.d_opt)
        self.recipe.objective.after_d(self.D)
        turn.stale = real

    def g_turn(self) -> None:
        """One update of G; D's weights are constants. The reals at hand are those of the last D turn."""
        z = self.latents("g")
        x_fake = self.G(z)
        turn = Turn("g", self.G, self.D, self.rng, z, self.turn.x_real, x_fake, self.joint, None, self.D(x_fake), self.turn.stale)
        self.g_loss = self._update(turn, self.g_weights, self.g_opt)

    def _update(self, turn: Turn, weights: Weights, opt: torch.optim.Optimizer) -> Tensor:
        r, player = self.recipe, turn.player
        # terms first: AdaptiveMix's summed logits replace the scores that the objective sees
        added = [t for t in [getattr(term, player)(turn) for term in r.terms] if t is not None]
        loss = getattr(r.objective, player)(turn)
        for t in added:
            loss = loss + t
        weights.differentiate(loss.sum())
        loss = loss.detach()
        self._watch(loss, player)
        opt.step()
        return loss

    def _watch(self, loss: Tensor, player: str) -> None:
        if float(loss.abs().sum()) < self.recipe.diverges_at:  # False for NaN
            return
        bad = ~(loss.abs() < self.recipe.diverges_at)
        seeds = [s for s, b in zip(self.rng.seeds, bad.reshape(-1).tolist(), strict=True) if b]
        if not seeds:  # only their sum is large
            return
        for s in seeds:
            self.diverged.setdefault(s, self.step)
        if self.on_divergence == "raise" or len(self.diverged) == len(self.rng.seeds):
            raise Diverged(self.step, player, seeds)

    # -- many steps --------------------------------------------------------------------------------------------------
    def steps(self, until: int, every: int | str = 1) -> Iterator[Step]:
        """Train until `until` steps are done in all; yields every `every`-th step and the last, or with "turn" each turn."""
        while self.step < until:
            for phase in self.take_step():
                if every == "turn" or (phase == "g" and (self.step % every == 0 or self.step == until)):
                    yield Step(self.step, phase, self, self.d_loss, self.g_loss)

    # -- what a trained run is asked ------------------------------------------------------------------------------
    @torch.no_grad()
    def sample(self, n: int, rng=None, latent=None) -> Tensor:
        """n fakes (n, ...) or (seeds, n, ...) in eval mode, from latents of `rng` (an Rng, a seed or seeds; None: numbers aside).

        `latent` moves them first (AdvLatGAN-z). The run itself is left as it is, its random state too.
        """
        rng = self.rng.aside() if rng is None else Rng.of(rng)
        with latent_mode([self.G, self.D], "eval"):
            z = rng.randn(n, self.recipe.nets.z)
            return self.G(z if latent is None else latent(z, self.G, self.critic(), rng))

    @torch.no_grad()
    def fresh_turn(self, n: int, rng=None, player: str = "d") -> Turn:
        """A turn on a new batch of n in eval mode, for maps and fields; the run is left as it is."""
        rng = self.rng.aside() if rng is None else Rng.of(rng)
        with latent_mode([self.G, self.D], "eval"):
            z = rng.randn(n, self.recipe.nets.z)
            x_real, x_fake = self.data.sample(n, rng), self.G(z)
            real, fake = self.D(x_real), self.D(x_fake)
        return Turn(player, self.G, self.D, rng, z, x_real, x_fake, self.joint, real, fake, real)

    # -- checkpoints -------------------------------------------------------------------------------------------------
    def state_dict(self) -> dict:
        """All that the next step depends on, copied: plain tensors, numbers and strings."""
        return copy.deepcopy({
            "recipe": describe(self.recipe), "data": data_name(self.data), "step": self.step, "diverged": self.diverged,
            "losses": [self.d_loss, self.g_loss], "rng": self.rng.state_dict(), "G": self.G.state_dict(), "D": self.D.state_dict(),
            "g_opt": self.g_opt.state_dict(), "d_opt": self.d_opt.state_dict(),
        })  # fmt: skip

    def load_state_dict(self, state: dict) -> None:
        """Continue from `state_dict`; raises ValueError where the recipe, the data or the seeds differ."""
        mine, saved = describe(self.recipe), state["recipe"]
        if saved != mine:
            raise ValueError(f"the checkpoint is of another recipe; parts that differ: {[k for k in mine if mine[k] != saved.get(k)]}")
        if state["data"] != data_name(self.data):
            raise ValueError(f"the checkpoint is of the data {state['data']!r}, this run has {data_name(self.data)!r}")
        self.rng.load_state_dict(state["rng"])
        self.G.load_state_dict(state["G"])
        self.D.load_state_dict(state["D"])
        self.g_opt.load_state_dict(state["g_opt"])
        self.d_opt.load_state_dict(state["d_opt"])
        self.step, self.diverged = state["step"], dict(state["diverged"])
        self.d_loss, self.g_loss = state["losses"]

    def save(self, path: str | Path) -> None:
        """Write a checkpoint beside `path` and move it there in one go: a kill leaves the old one or the new one."""
        path = Path(path)
        partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
        torch.save(self.state_dict(), partial)
        os.replace(partial, path)

    def load(self, path: str | Path) -> None:
        """Read a checkpoint; raises ValueError, naming the file and the remedy, where it is truncated or not one."""
        try:
            state = torch.load(path, map_location=self.rng.device, weights_only=True)
            known = isinstance(state, dict) and {"recipe", "data", "step", "rng", "G", "D"} <= state.keys()
        except FileNotFoundError:
            raise
        except Exception as error:
            raise ValueError(f"checkpoint {path} cannot be read ({type(error).__name__}): delete it to start over") from error
        if not known:
            raise ValueError(f"{path} is no checkpoint of gantutor: delete it to start over")
        self.load_state_dict(state)


def train(recipe: Recipe, data, seed: int | list[int] = 0, steps: int = 1000, every: int | str = 1, device: str = "cpu",
          checkpoint: str | Path | None = None, save_every: int = 1000, on_divergence: str = "raise") -> Iterator[Step]:
    """Train a recipe and yield as often as asked: `every` steps, or "turn".

    `checkpoint`: a file to continue from if it is there and to write every `save_every` steps and at the end; a run
    that was killed and is started again ends, on a CPU, bit for bit where the unbroken run ends. Raises Diverged.
    """
    for name, value in {"every": every, "save_every": save_every}.items():
        if value != "turn" and not (isinstance(value, int) and value >= 1) or (name, value) == ("save_every", "turn"):
            raise ValueError(f"{name}={value!r}: expected a whole number of at least 1" + (' or "turn"' if name == "every" else ""))
    run = Run(recipe, data, seed, device, on_divergence)
    if checkpoint is not None:
        Path(checkpoint).parent.mkdir(parents=True, exist_ok=True)  # now, not after the first thousand steps
        if Path(checkpoint).exists():
            run.load(checkpoint)
    if run.step >= steps:  # all done before: the caller still gets its trained run
        yield Step(run.step, "g", run, run.d_loss, run.g_loss)
    while run.step < steps:
        until = min(steps, (run.step // save_every + 1) * save_every) if checkpoint is not None else steps
        for step in run.steps(until, every):
            if every == "turn" or step.index % every == 0 or step.index == steps:
                yield step
        if checkpoint is not None:
            run.save(checkpoint)
