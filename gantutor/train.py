"""The one training loop: a generator of steps that a lesson, the lab and a batch run drive alike."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from gantutor.parts import Turn, describe
from gantutor.recipes import Recipe
from gantutor.rng import Rng


class Diverged(RuntimeError):
    """A loss became NaN, infinite or larger than the recipe's `diverges_at`. Has `.step`, `.player` and `.seeds`."""

    def __init__(self, step: int, player: str, seeds: list[int]):
        self.step, self.player, self.seeds = step, player, seeds
        super().__init__(f"diverged at step {step} in {player.upper()}'s turn (seed {', '.join(map(str, seeds))}): "
                         "lower the learning rate, or bound the critic by clipping or a gradient penalty")  # fmt: skip


def flatten(params: list[Tensor]) -> torch.nn.Parameter:
    """Move weights into one buffer, of which they become views: the optimiser then handles a single tensor.

    On the plane's small nets an optimiser's time goes into walking over tensors, not into arithmetic.
    """
    flat = torch.nn.Parameter(torch.cat([p.detach().reshape(-1) for p in params]))
    for p, part in zip(params, flat.detach().split([p.numel() for p in params]), strict=True):
        p.data = part.view(p.shape)
    return flat


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
    each exactly as it would alone, to rounding.
    """

    def __init__(self, recipe: Recipe, data, seed: int | list[int] = 0, device: str = "cpu", on_divergence: str = "raise"):
        if on_divergence not in ("raise", "mark"):
            raise ValueError(f"on_divergence={on_divergence!r}: expected 'raise' or 'mark'")
        self.recipe, self.data, self.on_divergence = recipe, data, on_divergence
        self.rng = Rng(seed, device)
        self.G, self.D = recipe.nets.build(self.rng)
        self.g_params, self.d_params = list(self.G.parameters()), list(self.D.parameters())
        self.g_flat, self.d_flat = flatten(self.g_params), flatten(self.d_params)
        self.g_opt, self.d_opt = recipe.g_opt.build([self.g_flat]), recipe.d_opt.build([self.d_flat])
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
        return r.latent(z, self.G, self.D, self.rng) if player == "d" and r.latent is not None else z

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
        self.d_loss = self._update(turn, self.d_params, self.d_opt)
        self.recipe.objective.after_d(self.D)
        turn.stale = real

    def g_turn(self) -> None:
        """One update of G; D's weights are constants. The reals at hand are those of the last D turn."""
        z = self.latents("g")
        x_fake = self.G(z)
        turn = Turn("g", self.G, self.D, self.rng, z, self.turn.x_real, x_fake, self.joint, None, self.D(x_fake), self.turn.stale)
        self.g_loss = self._update(turn, self.g_params, self.g_opt)

    def _update(self, turn: Turn, params: list[Tensor], opt: torch.optim.Optimizer) -> Tensor:
        r, player = self.recipe, turn.player
        # terms first: AdaptiveMix's summed logits replace the scores that the objective sees
        added = [t for t in [getattr(term, player)(turn) for term in r.terms] if t is not None]
        loss = getattr(r.objective, player)(turn)
        for t in added:
            loss = loss + t
        # gradients of this player's weights and of nothing else; weights that the loss does not use get zeros
        grads = torch.autograd.grad(loss.sum(), params, allow_unused=True)
        loss = loss.detach()
        self._watch(loss, player)
        flat = self.d_flat if player == "d" else self.g_flat
        flat.grad = torch.cat([torch.zeros_like(p).reshape(-1) if g is None else g.reshape(-1) for p, g in zip(params, grads, strict=True)])
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
        """n fakes (n, ...) or (seeds, n, ...), from latents of `rng` (an Rng, seed or Generator; None: the run's seeds anew).

        `latent` moves them first (AdvLatGAN-z). Training's own random state is not touched; nets are in eval mode.
        """
        rng = Rng(list(self.rng.seeds) if self.rng.stacked else self.rng.seeds[0], self.rng.device) if rng is None else Rng.of(rng)
        modes = self.G.training, self.D.training
        self.G.eval(), self.D.eval()
        try:
            z = rng.randn(n, self.recipe.nets.z)
            return self.G(z if latent is None else latent(z, self.G, self.D, rng))
        finally:
            self.G.train(modes[0]), self.D.train(modes[1])

    def fresh_turn(self, n: int, rng=None, player: str = "d") -> Turn:
        """A turn on a new batch of n, for maps and fields; neither weights nor the training's random state move."""
        rng = Rng(list(self.rng.seeds) if self.rng.stacked else self.rng.seeds[0], self.rng.device) if rng is None else Rng.of(rng)
        with torch.no_grad():
            z = rng.randn(n, self.recipe.nets.z)
            x_real, x_fake = self.data.sample(n, rng), self.G(z)
            real, fake = self.D(x_real), self.D(x_fake)
        return Turn(player, self.G, self.D, rng, z, x_real, x_fake, self.joint, real, fake, real)

    # -- checkpoints -------------------------------------------------------------------------------------------------
    def state_dict(self) -> dict:
        """All that the next step depends on; plain tensors, numbers and strings."""
        return {
            "recipe": describe(self.recipe), "step": self.step, "diverged": self.diverged, "rng": self.rng.state_dict(),
            "G": self.G.state_dict(), "D": self.D.state_dict(),
            "g_opt": self.g_opt.state_dict(), "d_opt": self.d_opt.state_dict(),
        }  # fmt: skip

    def load_state_dict(self, state: dict) -> None:
        """Continue from `state_dict`; raises ValueError where the recipe or the seeds differ."""
        if state["recipe"] != describe(self.recipe):
            mine, saved = describe(self.recipe), state["recipe"]
            raise ValueError(f"the checkpoint is of another recipe; parts that differ: {[k for k in mine if mine[k] != saved.get(k)]}")
        self.rng.load_state_dict(state["rng"])
        self.G.load_state_dict(state["G"])
        self.D.load_state_dict(state["D"])
        self.g_opt.load_state_dict(state["g_opt"])
        self.d_opt.load_state_dict(state["d_opt"])
        self.step, self.diverged = state["step"], dict(state["diverged"])

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
            known = isinstance(state, dict) and {"recipe", "step", "rng", "G", "D"} <= state.keys()
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
    run = Run(recipe, data, seed, device, on_divergence)
    if checkpoint is not None and Path(checkpoint).exists():
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
