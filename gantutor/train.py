"""The one training loop: a generator of steps that a lesson, the lab and a batch run drive alike."""

import contextlib
import copy
import dataclasses
import warnings
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from gantutor import checkpoints
from gantutor.descriptions import describe, kinds
from gantutor.engine import Captured, MovingAverage, Weights
from gantutor.files import set_aside
from gantutor.images import Epochs, ImageSet
from gantutor.methods.advlat import latent_mode
from gantutor.nets import Critique, Labelled, full
from gantutor.objectives import Objective
from gantutor.parallel import place, together
from gantutor.plain import whole
from gantutor.recipes import Recipe
from gantutor.rng import Rng
from gantutor.sources import classes_hash
from gantutor.turn import Turn

PRECISIONS = ("fp32", "bf16")
NORMS = ("running", "batch", "standing")


class Diverged(RuntimeError):
    """A loss became NaN, infinite or larger than the recipe's `diverges_at`. Has `.step`, `.player` and `.seeds`."""

    def __init__(self, step: int, player: str, seeds: list[int]):
        self.step, self.player, self.seeds = step, player, seeds
        super().__init__(
            f"diverged at step {step} in {player.upper()}'s turn (seed {', '.join(map(str, seeds))}): "
            "lower the learning rate, or bound the critic by clipping or a gradient penalty"
        )


def data_name(data) -> str:
    """What a checkpoint remembers of its data: the name, and the digest where there is one."""
    return " ".join(
        str(v)
        for v in (getattr(data, "name", type(data).__name__), getattr(data, "digest", ""))
        if v
    )


def data_numbers(data) -> str:
    """A digest of a small distribution's numbers: two rings of one name may have other radii."""
    if hasattr(data, "digest") or not dataclasses.is_dataclass(data):
        return ""
    values = {f.name: getattr(data, f.name) for f in dataclasses.fields(data)}
    known = int | float | str | tuple | Tensor
    return checkpoints.digest({k: v for k, v in values.items() if isinstance(v, known)})[:12]


class Step(NamedTuple):
    """Where training stands: `index` whole steps are done; `phase` "d" or "g" is the turn just taken.

    The losses are tensors, one number a seed, left on their device so that nobody waits for them.
    """

    index: int
    phase: str
    run: "Run"
    d_loss: Tensor
    g_loss: Tensor


class Critic(torch.nn.Module):
    """D as its objective uses it, and with labels filled in: a module, so that whoever sets modes and buffers finds D inside.

    KDD never trains D's head: its score is the log-ratio against the batch of `turn`.
    """

    def __init__(self, D, objective: Objective, turn: Turn | None, y: Tensor | None = None):
        super().__init__()
        self.D, self.objective, self.turn, self.y = D, objective, turn, y

    def forward(self, x: Tensor) -> Critique:
        critique = self.D(x) if self.y is None else self.D(x, self.y)
        return (
            critique
            if self.turn is None
            else critique._replace(score=self.objective.logit_at(critique, self.turn))
        )


class Fakes(NamedTuple):
    """A batch of latents, its labels where G is conditional, and what G makes of them."""

    z: Tensor
    y: Tensor | None
    x: Tensor


class Run:
    """Nets, optimisers and random state of one recipe on one data set, for one seed or for several at once.

    `data` has `sample(n, rng)`. With a list of seeds every weight gets a leading seed axis and the seeds train together,
    each as it would alone: equal to rounding, which clipping and hinges may magnify as training goes on. `precision`
    "bf16" runs the nets under autocast, losses and penalties stay in float32. `graph` records a whole step as a CUDA
    graph and replays it. Under torchrun each process takes its part of the batch.
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
        if on_divergence not in ("raise", "mark"):
            raise ValueError(f"on_divergence={on_divergence!r}: expected 'raise' or 'mark'")
        if not isinstance(recipe, Recipe):
            raise ValueError(f"recipe={recipe!r}: expected a Recipe, for example METHODS['KDD']")
        if precision not in PRECISIONS:
            raise ValueError(f"precision={precision!r}: expected one of {', '.join(PRECISIONS)}")
        self.recipe, self.data, self.on_divergence, self.precision = (
            recipe,
            data,
            on_divergence,
            precision,
        )
        self.rng = Rng(seed, device)
        if graph and self.rng.device.type != "cuda":
            raise ValueError(
                f"graph=True on {self.rng.device}: a CUDA graph needs a CUDA device; leave graph=False here"
            )
        self._check()
        self.rank, self.world = place()
        self.G, self.D = recipe.nets.build(self.rng)
        self.rng.share(self.rank, self.world)  # after the nets, which are the same everywhere
        self.g_weights, self.d_weights = Weights(self.G), Weights(self.D)
        self.g_opt = recipe.g_opt.build(self.g_weights.tensors, graph)
        self.d_opt = recipe.d_opt.build(self.d_weights.tensors, graph)
        self.joint = recipe.nets.joint if recipe.joint is None else recipe.joint
        self.ema = (
            None
            if recipe.ema is None
            else MovingAverage(self.G, recipe.ema.decay, recipe.ema.start)
        )
        self.epochs = None
        if recipe.order == "epochs":
            self.epochs = Epochs(
                data, self.batch, self.rng.seeds[0], self.rng.device, self.rank, self.world
            )
        self.step = 0
        self.clock = (
            torch.zeros((), dtype=torch.int64, device=device) if graph else None
        )  # a captured step reads this one
        self.memory: dict[str, Tensor] = {}
        self.diverged: dict[int, int] = {}  # seed -> step, for on_divergence="mark"
        self.turn: Turn | None = None
        self.turns: list[Turn] = []
        self.d_loss = self.g_loss = torch.zeros(
            len(self.rng.seeds) if self.rng.stacked else (), device=device
        )
        self.captured = Captured(self._whole_step, self.rng.generators) if graph else None
        self.fed: list[tuple[Tensor, Tensor]] = []  # reals put where a captured step reads them
        self.waiting: list[
            tuple[Tensor, Tensor | None]
        ] = []  # reals whose labels the fakes have taken already

    def _check(self) -> None:
        """What only shows once recipe, data and processes are together."""
        r, classes = self.recipe, getattr(self.recipe.nets, "classes", 0)
        if len(set(self.rng.seeds)) < len(self.rng.seeds):
            raise ValueError(
                f"seeds={list(self.rng.seeds)}: a seed that occurs twice trains the very same "
                "nets twice"
            )
        theirs, mine = getattr(self.data, "shape", None), getattr(r.nets, "shape", None)
        if theirs is not None and mine is not None and tuple(theirs) != tuple(mine):
            raise ValueError(
                f"nets for {_sized(mine)}, and {data_name(self.data)} has {_sized(theirs)}: "
                "give the nets that size and those channels, or take other nets"
            )
        if classes and not hasattr(self.data, "batch"):
            raise ValueError(
                f"nets with classes={classes} need labelled data, and {data_name(self.data)} has none"
            )
        if classes and len(self.data.classes) > classes:
            raise ValueError(
                f"nets with classes={classes} for {len(self.data.classes)} classes of {data_name(self.data)}: "
                "give the nets as many"
            )
        if r.order == "epochs" and (not isinstance(self.data, ImageSet) or self.rng.stacked):
            raise ValueError(
                "order='epochs' goes through an image set for one seed; on the plane use order='replacement'"
            )
        parts = place()[1] * r.accumulate
        if any(n % parts or n // parts < 2 for n in (r.batch, r.g_batch or r.batch)):
            raise ValueError(
                f"batch={r.batch}, g_batch={r.g_batch} in {parts} parts (processes x accumulate): expected parts of "
                "equal size, 2 or more samples each"
            )

    @property
    def batch(self) -> int:
        """Reals that one call of D sees here: the recipe's batch over processes and accumulated parts."""
        return self.recipe.batch // self.world // self.recipe.accumulate

    @property
    def g_batch(self) -> int:
        """Latents of one part of G's turn here."""
        return (self.recipe.g_batch or self.recipe.batch) // self.world // self.recipe.accumulate

    # -- one step ----------------------------------------------------------------------------------------------------
    def take_step(self) -> Iterator[str]:
        """D's turns, then G's; yields the player after each turn (a captured step only at its end)."""
        self._set_rates()
        if self.captured is not None:
            self._feed()
            self.captured()
            self._watch(self.d_loss, "d")
            self._watch(self.g_loss, "g")
        else:
            shared = self._shared()
            for _ in range(self.recipe.n_dis):
                self.d_turn(shared)
                yield "d"
            for _ in range(self.recipe.n_gen):
                self.g_turn(shared)
        self.step += 1
        if self.ema is not None:
            self.ema.update(self.G, self.step)
        yield "g"

    def _whole_step(self) -> None:
        """A step without a word to the host, for capture."""
        self.feeding = iter(self.fed)
        shared = self._shared()
        for _ in range(self.recipe.n_dis):
            self.d_turn(shared)
        for _ in range(self.recipe.n_gen):
            self.g_turn(shared)
        self.clock += 1

    def _shared(self) -> list[Fakes] | None:
        """The fakes that several turns of a step see, where the recipe says so: made once."""
        if self.recipe.fakes == "fresh":
            return None
        return [
            self.fakes("d", graph=self.recipe.fakes == "dg") for _ in range(self.recipe.accumulate)
        ]

    def _set_rates(self) -> None:
        if self.recipe.decay is None:
            return
        left = max(0.0, 1 - self.step / self.recipe.decay)
        for opt, rule in ((self.g_opt, self.recipe.g_opt), (self.d_opt, self.recipe.d_opt)):
            for group in opt.param_groups:
                if isinstance(group["lr"], Tensor):
                    group["lr"].fill_(rule.lr * left)  # in place: a captured step reads it there
                else:
                    group["lr"] = rule.lr * left

    def _reals(self) -> tuple[Tensor, Tensor | None]:
        """The next batch of reals and its labels."""
        if self.waiting:
            return self.waiting.pop(0)
        if self.captured is not None and self.epochs is not None:
            x, y = next(self.feeding)
        elif self.epochs is not None:
            x, y = self.epochs()
        elif getattr(self.recipe.nets, "classes", 0):
            x, y = self.data.batch(self.batch, self.rng)
        else:
            x, y = self.data.sample(self.batch, self.rng), None
        for change in self.recipe.inputs:
            x = change(x, self.rng, self._now())
        return x, y if getattr(self.recipe.nets, "classes", 0) else None

    def _feed(self) -> None:
        """Put the next batches where the captured step looks for them."""
        if self.epochs is None:
            return
        new = [self.epochs() for _ in range(self.recipe.accumulate * self.recipe.n_dis)]
        if not self.fed:
            self.fed = [(x.clone(), y.clone()) for x, y in new]
        for (x, y), (a, b) in zip(self.fed, new, strict=True):
            x.copy_(a)
            y.copy_(b)

    def _now(self):
        return self.step if self.clock is None else self.clock

    def _nets(self) -> contextlib.AbstractContextManager:
        """The nets' precision."""
        if (
            self.precision == "fp32"
        ):  # a context that changes nothing still takes its time, six times a step
            return contextlib.nullcontext()
        return torch.autocast(self.rng.device.type, torch.bfloat16)

    def fakes(self, player: str, y_real: Tensor | None = None, graph: bool = False) -> Fakes:
        """A turn's fakes: latents drawn, extended by terms that need pairs, moved by the latent map (D's turn), and G's pictures.

        G's graph is kept in G's turn, or with `graph`. Labels are uniform, or those of the reals: `y_real`, or the next batch's.
        """
        r = self.recipe
        n = self.g_batch if player == "g" else self.batch
        z, y = self.rng.randn(n, r.nets.z), None
        if getattr(r.nets, "classes", 0):
            y = (
                self.rng.randint(r.nets.classes, n)
                if r.fake_labels == "uniform"
                else self._labels(y_real, n)
            )
        with self._nets():
            for term in r.terms:
                z = term.latents(z, Labelled(self.G, y), self.rng, player)
            y = y if y is None else y.repeat(len(z) // len(y))
            if player == "d" and r.latent is not None:
                z = r.latent(
                    z, Labelled(self.G, y), self.critic(self.batch, self.rng, y=y), self.rng
                )
            with torch.set_grad_enabled(graph or player == "g"):
                return Fakes(z, y, full(self._paint(self.G, z, y)))

    def _labels(self, y_real: Tensor | None, n: int) -> Tensor:
        """N labels of reals: in D's turn those of the batch that comes next, which waits until it is asked for."""
        if y_real is None:
            self.waiting.append(self._reals())
            y_real = self.waiting[-1][1]
        return y_real.repeat(-(-n // len(y_real)))[:n]

    @staticmethod
    def _paint(G, z: Tensor, y: Tensor | None) -> Tensor:
        return G(z) if y is None else G(z, y)

    def critic(
        self, n: int = 512, rng=None, turn: Turn | None = None, y: Tensor | None = None
    ) -> torch.nn.Module:
        """D as its objective uses it: D itself, or for KDD D with its log-ratio against the batch of `turn` (a fresh one of n)."""
        if not self.recipe.objective.on_batch:
            return self.D if y is None else Critic(self.D, self.recipe.objective, None, y)
        return Critic(
            self.D, self.recipe.objective, self.fresh_turn(n, rng) if turn is None else turn, y
        )

    def _augmented(self, x: Tensor) -> Tensor:
        return x if self.recipe.augment is None else self.recipe.augment(x, self.rng, self._now())

    def d_turn(self, shared: list[Fakes] | None = None) -> None:
        """One update of D; G is a constant."""
        losses, self.turns = [], []
        for part in range(self.recipe.accumulate):
            z, y_fake, x_fake = self.fakes("d") if shared is None else shared[part]
            x_real, y_real = self._reals()
            x_real, x_fake = self._augmented(x_real), self._augmented(x_fake.detach())
            with self._nets():
                real, fake = self._both(x_real, y_real, x_fake, y_fake)
            turn = Turn(
                "d",
                self.G,
                self.D,
                self.rng,
                z,
                x_real,
                x_fake,
                self.joint,
                real,
                fake,
                None,
                y_real,
                y_fake,
                self._now(),
                self.memory,
                self._nets,
            )
            losses.append(self._differentiate(turn, self.d_weights))
            turn.stale = real
            self.turns.append(turn)
        self.turn = self.turns[-1]
        self.d_loss = self.d_weights.settle(losses)
        self._watch(self.d_loss, "d")
        self.d_opt.step()
        self.recipe.objective.after_d(self.D)

    def _both(
        self, x_real: Tensor, y_real: Tensor | None, x_fake: Tensor, y_fake: Tensor | None
    ) -> list[Critique]:
        """What D says of reals and fakes: in one call or in two, which spectral and batch norm make different updates."""
        batches = [(x_real, y_real), (x_fake, y_fake)]
        if not self.joint:
            return [self.D(x) if y is None else self.D(x, y) for x, y in batches]
        axis = self.rng.axis
        x = torch.cat([x for x, _ in batches], axis)
        critique = self.D(x) if y_real is None else self.D(x, torch.cat([y_real, y_fake]))
        return critique.split([x_real.shape[axis], x_fake.shape[axis]], axis)

    def g_turn(self, shared: list[Fakes] | None = None) -> None:
        """One update of G; D's weights are constants. The reals at hand are those of the last D turn."""
        losses = []
        for part, seen in enumerate(self.turns):
            again = shared is not None and self.recipe.fakes == "dg"
            z, y, x_fake = shared[part] if again else self.fakes("g", seen.y_real)
            x_fake = self._augmented(x_fake)
            with self._nets():
                fake = self.D(x_fake) if y is None else self.D(x_fake, y)
            turn = Turn(
                "g",
                self.G,
                self.D,
                self.rng,
                z,
                seen.x_real,
                x_fake,
                self.joint,
                None,
                fake,
                seen.stale,
                seen.y_real,
                y,
                self._now(),
                self.memory,
                self._nets,
            )
            losses.append(self._differentiate(turn, self.g_weights))
        self.g_loss = self.g_weights.settle(losses)
        self._watch(self.g_loss, "g")
        self.g_opt.step()

    def _differentiate(self, turn: Turn, weights: Weights) -> Tensor:
        r, player = self.recipe, turn.player
        # terms first: AdaptiveMix's summed logits replace the scores that the objective sees
        added = [
            t for t in [getattr(term, f"{player}_loss")(turn) for term in r.terms] if t is not None
        ]
        loss = getattr(r.objective, f"{player}_loss")(turn)
        for t in added:
            loss = loss + t
        weights.differentiate(loss.sum())
        return loss.detach()

    def _watch(self, loss: Tensor, player: str) -> None:
        if loss.is_cuda and (torch.cuda.is_current_stream_capturing() or self.step % 100):
            return  # to look at a loss is to wait for it
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
        until, every = whole("until", until, 0), _often("every", every)
        if until < self.step:
            raise ValueError(
                f"until={until}: this run has done {self.step} steps already, and none can be "
                "taken back"
            )
        if every == "turn" and self.captured is not None:
            raise ValueError(
                "every='turn' with graph=True: a captured step has no turns to stop at, pass a number"
            )
        while self.step < until:
            for phase in self.take_step():
                if every == "turn" or (
                    phase == "g" and (self.step % every == 0 or self.step == until)
                ):
                    # a captured step writes its losses where it wrote them before
                    yield Step(self.step, phase, self, self.d_loss.clone(), self.g_loss.clone())

    # -- what a trained run is asked ------------------------------------------------------------------------------
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
        """N fakes (n, ...) or (seeds, n, ...), from latents of `rng` (an Rng, a seed or seeds; None: numbers aside).

        G is the moving average where the recipe has one. `latent` moves the latents first (AdvLatGAN-z). `labels` (n,):
        None draws them, balanced and in random order. `norm`: G's batch norm in "running" statistics, in those of each
        "batch" of `chunk`, or "standing" (means of 16 fresh batches). The run itself is left as it is, its random state too.
        """
        return torch.cat(list(self.stream(n, rng, latent, labels, norm, chunk)), self.rng.axis)

    @torch.no_grad()
    def stream(
        self,
        n: int,
        rng=None,
        latent=None,
        labels: Tensor | None = None,
        norm: str = "running",
        chunk: int = 500,
    ) -> Iterator[Tensor]:
        """The fakes of `sample`, `chunk` at a time."""
        n, chunk = whole("n", n, 1), whole("chunk", chunk, 1)
        if norm not in NORMS:
            raise ValueError(f"norm={norm!r}: expected one of {', '.join(NORMS)}")
        rng = self.rng.aside() if rng is None else Rng.of(rng)
        G, axis = self.G if self.ema is None else self.ema.net, rng.axis
        z = rng.randn(n, self.recipe.nets.z)
        y, classes = None, getattr(self.recipe.nets, "classes", 0)
        if labels is not None:
            _check_labels(labels, n, classes)
        if classes:
            y = (
                torch.arange(n, device=rng.device) % classes
                if labels is None
                else labels.to(rng.device)
            )
            y = y[rng.randperm(n)] if labels is None else y
        with latent_mode(
            [G, self.D], "eval" if norm == "running" else "train_frozen"
        ):  # which puts statistics back
            self.D.eval(), G.eval()
            if norm == "standing":
                self._standing(G, rng, chunk)
            for i in range(0, n, chunk):
                part, its = (
                    z.narrow(axis, i, min(chunk, n - i)),
                    None if y is None else y[i : i + chunk],
                )
                if latent is not None:
                    part = latent(part, Labelled(G, its), self.critic(y=its), rng)
                G.train(norm == "batch")
                yield self._paint(G, part, its)

    def _standing(self, G, rng: Rng, n: int, batches: int = 16) -> None:
        norms = [m for m in G.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
        momenta = [m.momentum for m in norms]
        for m in norms:
            m.reset_running_stats()
            m.momentum = None  # a plain mean over batches
        G.train()
        for _ in range(batches):
            classes = getattr(self.recipe.nets, "classes", 0)
            self._paint(
                G, rng.randn(n, self.recipe.nets.z), rng.randint(classes, n) if classes else None
            )
        for m, momentum in zip(norms, momenta, strict=True):
            m.momentum = momentum
        G.eval()

    @torch.no_grad()
    def fresh_turn(self, n: int, rng=None, player: str = "d") -> Turn:
        """A turn on a new batch of n in eval mode, for maps and fields; the run is left as it is."""
        rng = self.rng.aside() if rng is None else Rng.of(rng)
        y_real = y_fake = None
        with latent_mode([self.G, self.D], "eval"):
            z = rng.randn(n, self.recipe.nets.z)
            if classes := getattr(self.recipe.nets, "classes", 0):
                (x_real, y_real), y_fake = self.data.batch(n, rng), rng.randint(classes, n)
            else:
                x_real = self.data.sample(n, rng)
            x_fake = self._paint(self.G, z, y_fake)
            real, fake = (
                self.D(x) if y is None else self.D(x, y)
                for x, y in ((x_real, y_real), (x_fake, y_fake))
            )
        return Turn(
            player,
            self.G,
            self.D,
            rng,
            z,
            x_real,
            x_fake,
            self.joint,
            real,
            fake,
            real,
            y_real,
            y_fake,
            self.step,
        )

    # -- checkpoints -------------------------------------------------------------------------------------------------
    def state_dict(self) -> dict:
        """All that the next step depends on, copied: plain tensors, numbers and strings."""
        return copy.deepcopy(self._state())

    def _state(self) -> dict:
        return {
            "recipe": describe(self.recipe),
            "data": data_name(self.data),
            "data_numbers": data_numbers(self.data),
            "precision": self.precision,
            "world": self.world,
            "device": self.rng.device.type,
            "graph": self.captured is not None,
            "step": self.step,
            "diverged": self.diverged,
            "losses": [self.d_loss, self.g_loss],
            "rng": self.rng.state_dict(),
            "G": self.G.state_dict(),
            "D": self.D.state_dict(),
            "ema": None if self.ema is None else self.ema.net.state_dict(),
            "g_opt": self.g_opt.state_dict(),
            "d_opt": self.d_opt.state_dict(),
            "memory": self.memory,
            "position": 0 if self.epochs is None else self.epochs.position,
        }

    def load_state_dict(self, state: dict) -> None:
        """Continue from `state_dict`.

        Raises ValueError, and leaves the run as it was, where the state is not this run's: one of
        another recipe, of other data, seeds, device, precision or number of processes, or of
        another form.
        """
        self._check_state(state)
        self.rng.load_state_dict(state["rng"])
        self.G.load_state_dict(state["G"])
        self.D.load_state_dict(state["D"])
        if self.ema is not None:
            self.ema.net.load_state_dict(state["ema"])
        self.g_opt.load_state_dict(state["g_opt"])
        self.d_opt.load_state_dict(state["d_opt"])
        if self.epochs is not None:
            self.epochs.position = state["position"]
        self.step, self.diverged = state["step"], dict(state["diverged"])
        self.d_loss, self.g_loss = (loss.to(self.rng.device) for loss in state["losses"])
        self.memory = {k: v.clone().to(self.rng.device) for k, v in state["memory"].items()}
        if self.captured is not None:  # the old graph writes into tensors that are no longer ours
            self.clock.fill_(self.step)
            self.captured = Captured(self._whole_step, self.rng.generators)

    def _check_state(self, state: dict) -> None:
        """All that may be wrong with a state, before anything of it is taken; raises ValueError."""
        mine = self._state()
        if lacks := sorted(mine.keys() - state.keys()):
            raise ValueError(f"the checkpoint lacks {', '.join(lacks)}")
        saved = state["recipe"] if isinstance(state["recipe"], dict) else {}
        if saved != mine["recipe"]:
            parts = [k for k, v in mine["recipe"].items() if v != saved.get(k)]
            raise ValueError(f"the checkpoint is of another recipe; parts that differ: {parts}")
        if state["data"] != mine["data"]:
            raise ValueError(
                f"the checkpoint is of the data {state['data']!r}, this run has {mine['data']!r}"
            )
        if state["data_numbers"] != mine["data_numbers"]:
            raise ValueError(
                f"the checkpoint is of data {mine['data']!r} with other numbers in it than this "
                "run's"
            )
        if (state["precision"], state["world"]) != (self.precision, self.world):
            raise ValueError(
                f"the checkpoint was made in {state['precision']} by {state['world']} process(es), "
                f"this run is {self.precision} in {self.world}: go on as it was begun, or start "
                "over elsewhere"
            )
        for name, way in (("device", "on {}"), ("graph", "with graph={}")):
            if state[name] != mine[name]:
                raise ValueError(
                    f"the checkpoint was made {way.format(state[name])}, this run is "
                    f"{way.format(mine[name])}, and would not go on exactly: go on as it was "
                    "begun, or start over elsewhere"
                )
        self.rng.check_state(state["rng"])
        if wrong := self._misfit(mine, state):
            raise ValueError(f"the checkpoint does not fit this run: {wrong} has another form")

    def _misfit(self, mine: dict, state: dict) -> str | None:
        """The first part of a state that this run cannot take, or None."""
        for name in ("losses", "G", "D", "ema"):
            if found := checkpoints.differs(mine[name], state[name], name):
                return found
        for name in ("g_opt", "d_opt"):
            rule, optimiser = getattr(self.recipe, name), getattr(self, name)
            names = _moments(rule, self.rng.device, self.captured is not None)
            if found := _optimiser_misfit(optimiser, mine[name], state[name], names, name):
                return found
        counts = {"step": state["step"], "position": state["position"]}
        if not isinstance(state["diverged"], dict):
            return "diverged"
        counts |= {f"diverged.{seed}": step for seed, step in state["diverged"].items()}
        for name, value in counts.items():
            if type(value) is not int or value < 0:
                return name
        memory = state["memory"]
        if not isinstance(memory, dict) or not all(isinstance(v, Tensor) for v in memory.values()):
            return "memory"
        return None

    @cached_property
    def code(self) -> str:
        """Hash of this run's code: what training reaches, its parts, its nets and its data."""
        modules = {type(part) for net in (self.G, self.D) for part in net.modules()}
        return classes_hash("gantutor.train", kinds(self.recipe) | modules | {type(self.data)})

    def save(self, path: str | Path) -> None:
        """Write a checkpoint beside `path` and move it there in one go: a kill leaves old or new.

        Raises OSError, naming the file, where the disk refuses.
        """
        if self.rank == 0:
            checkpoints.write(path, self.code, self._state())

    def load(self, path: str | Path) -> None:
        """Go on from a checkpoint.

        Raises ValueError, naming the file and the remedy, where it is damaged or not of this run;
        one of another version of gantutor or of other code is not. The run is then as it was.
        """
        state = checkpoints.read(path, self.rng.device)
        if why := checkpoints.foreign(state, self.code):
            raise ValueError(
                f"checkpoint {path} {why}: delete it to start over, or go on with that code"
            )
        self._check_file(path, state)
        self.load_state_dict(state)

    def _check_file(self, path: str | Path, state: dict) -> None:
        try:
            self._check_state(state)
        except ValueError as error:
            raise ValueError(
                f"{path}: {error}; give another folder, or delete this file to start over"
            ) from None


def _sized(shape: tuple[int, ...]) -> str:
    """How one speaks of a sample's shape."""
    if len(shape) != 3:
        return "points of the plane" if tuple(shape) == (2,) else f"samples of shape {tuple(shape)}"
    channels, height, width = shape
    return f"{height}x{width} images of {channels} channel(s)"


def _often(name: str, value: int | str) -> int | str:
    """A number of steps of at least 1, or "turn" where this is `every`."""
    if name == "every" and isinstance(value, str) and value == "turn":
        return value
    try:
        return whole(name, value, 1)
    except ValueError as error:
        raise ValueError(str(error) + (' or "turn"' if name == "every" else "")) from None


def _check_labels(labels, n: int, classes: int) -> None:
    if not classes:
        raise ValueError("labels=...: these nets know no classes, so no labels can be asked for")
    if not isinstance(labels, Tensor) or labels.shape != (n,) or labels.is_floating_point():
        raise ValueError(
            f"labels={labels!r}: expected a tensor of {n} class indices, one for each sample"
        )
    if not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        low, high = int(labels.min()), int(labels.max())
        raise ValueError(
            f"labels from {low} to {high}: expected class indices from 0 and below {classes}"
        )


def _moments(rule, device: torch.device, graph: bool) -> set[str]:
    """The names of what an optimiser keeps for each weight, seen on a weight of its own."""
    weight = torch.nn.Parameter(torch.zeros(1, device=device))
    optimiser = rule.build([weight], graph)
    weight.grad = torch.zeros_like(weight)
    optimiser.step()
    return set(optimiser.state[weight])


def _optimiser_misfit(optimiser, mine: dict, saved, names: set[str], at: str) -> str | None:
    """Where an optimiser's saved state has another form than its own, or None."""
    if not isinstance(saved, dict) or saved.keys() != mine.keys():
        return at
    groups = mine["param_groups"], saved["param_groups"]
    if found := checkpoints.differs(*groups, f"{at}.param_groups"):
        return found
    weights = [p for group in optimiser.param_groups for p in group["params"]]
    kept = saved["state"]
    if not isinstance(kept, dict) or kept.keys() - set(range(len(weights))):
        return f"{at}.state"
    for i, values in kept.items():
        if not isinstance(values, dict) or set(values) != names:
            return f"{at}.state.{i}"
        for name, value in values.items():
            if isinstance(value, Tensor) and value.ndim and value.shape != weights[i].shape:
                return f"{at}.state.{i}.{name}"
    return None


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
    """Train a recipe and yield as often as asked: `every` steps, or "turn".

    `checkpoint`: a file to continue from if it is there and to write every `save_every` steps and
    at the end; a run that was killed and is started again ends, on a CPU, bit for bit where the
    unbroken run ends. A checkpoint beyond `steps`, or by another version of gantutor or other
    code, is renamed beside itself with a warning, and training starts over. `precision` and
    `graph`: see `Run`. Raises Diverged, and ValueError for a checkpoint that is damaged or of
    another run.
    """
    every, save_every = _often("every", every), _often("save_every", save_every)
    steps = whole("steps", steps, 0)
    if checkpoint is not None:
        describe(recipe)  # now, not at the first checkpoint
    run = Run(recipe, data, seed, device, on_divergence, precision, graph)
    if checkpoint is not None:
        Path(checkpoint).parent.mkdir(
            parents=True, exist_ok=True
        )  # now, not after the first thousand steps
        run.code  # noqa: B018  now: the files may be edited while this training goes on
        if Path(checkpoint).exists():
            _resume(run, checkpoint, steps)
    if run.step >= steps:  # all done before: the caller still gets its trained run
        yield Step(run.step, "g", run, run.d_loss, run.g_loss)
    while run.step < steps:
        until = (
            min(steps, (run.step // save_every + 1) * save_every)
            if checkpoint is not None
            else steps
        )
        for step in run.steps(until, every):
            if every == "turn" or step.index % every == 0 or step.index == steps:
                yield step
        if checkpoint is not None:
            run.save(checkpoint)


def _resume(run: Run, path: str | Path, steps: int) -> None:
    """Go on from a checkpoint, or set it aside where it is not one of what was asked for."""
    state = checkpoints.read(path, run.rng.device)
    why = checkpoints.foreign(state, run.code)
    if why is None:
        run._check_file(path, state)
        if state["step"] <= steps:
            run.load_state_dict(state)
            return
        why = f"is of step {state['step']}, beyond the {steps} that were asked for"
    together()  # all have read it before it goes
    if run.rank == 0:
        aside = set_aside(path)
        warnings.warn(
            f"checkpoint {path} {why}: it was set aside as {aside}, and training starts over",
            stacklevel=3,
        )
