"""The vocabulary of a training step: what one player sees, and what the papers add to it."""

import contextlib
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from gantutor.nets import Critique, Discriminator, call, full
from gantutor.parallel import my_rows, place
from gantutor.plain import missing, refuse_class
from gantutor.rng import Rng


class Turn:
    """One player's turn: the nets, the batch and what the discriminator says about it.

    `player` is "d" or "g". `z` are the latents, `x_real` and `x_fake` the batches, `y_real` and
    `y_fake` their class indices (B,), or None. `fake` is the Critique of the fakes; `real`, of the
    reals, is computed in G's turn without gradient, and only if somebody asks for it (KDD does).
    `joint`: D may see several batches in one call. `stale` is the real Critique of the last D
    step, from before D moved; detach it before use, because its graph has been freed. `step` counts
    whole steps, as a number or as a tensor on the device. `terms` are the recipe's, one of which
    may replace the scores. `memory` holds tensors that parts keep from turn to turn (`remember`),
    separately for each `part` of an accumulated batch. `autocast` opens the context in which the
    nets run (bf16): `judge` and `features` use it, and `full_precision` switches it off.
    """

    def __init__(
        self,
        *,
        player: str,
        D: Discriminator,
        rng: Rng,
        x_real: Tensor | None = None,
        x_fake: Tensor | None = None,
        fake: Critique | None = None,
        real: Critique | None = None,
        G=None,
        z: Tensor | None = None,
        y_real: Tensor | None = None,
        y_fake: Tensor | None = None,
        joint: bool = True,
        stale: Critique | None = None,
        step: int | Tensor = 0,
        terms: Sequence["Term"] = (),
        memory: dict[str, Tensor] | None = None,
        part: int = 0,
        autocast: Callable = contextlib.nullcontext,
    ):
        self.player, self.G, self.D, self.rng, self.joint = player, G, D, rng, joint
        self.z, self.x_real, self.x_fake = z, x_real, x_fake
        self.y_real, self.y_fake = y_real, y_fake
        self._real, self.fake, self.stale = real, fake, stale
        self.step, self.terms, self.part, self.autocast = step, terms, part, autocast
        self.memory = {} if memory is None else memory
        self.axis = rng.axis  # the batch axis: several seeds come first
        self.place = ""  # which part of the recipe is being asked
        self._made: dict[tuple[str, str], object] = {}

    @property
    def real(self) -> Critique:
        """D's Critique of the reals."""
        if self._real is None:
            with torch.no_grad():
                self._real = self.judge(self.x_real, self.y_real)
        return self._real

    @property
    def scores(self) -> tuple[Tensor | None, Tensor]:
        """The scores (..., B) that the objective acts on: of reals (None in G's turn), of fakes.

        They are D's own unless a term replaces them: `Term.scores`, AdaptiveMix's summed logits.
        """
        replaced = self._replaced("scores")
        if replaced is not None:
            return replaced
        return (self.real.score if self.player == "d" else None), self.fake.score

    def score_at(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """The score that the objective acts on for another batch, with its graph (R1)."""
        replaced = self._replaced("score_at", x, y)
        return self.judge(x, y).score if replaced is None else replaced

    def _replaced(self, hook: str, *batch):
        for i, term in enumerate(self.terms):
            if term.replaces_scores:
                return self.ask(f"terms.{i}", getattr(term, hook), *batch)
        return None

    def ask(self, place: str, question: Callable, *batch):
        """Call question(turn, ...) for the part of the recipe at `place`, which owns its memory."""
        before, self.place = self.place, place
        try:
            return question(self, *batch)
        finally:
            self.place = before

    @contextlib.contextmanager
    def full_precision(self) -> Iterator[None]:
        """Inside it the nets run in float32, whatever the run's precision is."""
        before, self.autocast = self.autocast, contextlib.nullcontext
        try:
            with torch.autocast(self.rng.device.type, enabled=False):
                yield
        finally:
            self.autocast = before

    def judge(self, x: Tensor, y: Tensor | None = None) -> Critique:
        """D's Critique of a batch, with labels where D is conditional."""
        with self.autocast():
            return call(self.D, x, y)

    def features(self, *batches: Tensor) -> list[Tensor]:
        """D's features of several batches: in one call if D may see them together, else in several.

        Raises TypeError for a critic that reads labels in its trunk.
        """
        if self.D.reads_labels:
            raise TypeError(
                f"{type(self.D).__name__} reads labels in its trunk, and mixed or moved images "
                "have none: use nets whose labels enter at the head"
            )
        with self.autocast():
            if not self.joint or len(batches) == 1:
                return [full(self.D.features(x)) for x in batches]
            sizes = [x.shape[self.axis] for x in batches]
            found = full(self.D.features(torch.cat(batches, self.axis)))
            return list(found.split(sizes, self.axis))

    def once(self, name: str, make: Callable):
        """make(), computed once a turn for the part that is being asked."""
        key = self.place, name
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def recall(self, name: str) -> Tensor | None:
        """What the part that is being asked remembers by this name, or None."""
        return self.memory.get(self._key(name))

    def remember(self, name: str, value: Tensor) -> None:
        """Keep a tensor for later turns of the same part of the recipe.

        It is written in place once it exists, so that checkpoints hold it and a captured step can
        replay it.
        """
        known = self.memory.get(self._key(name))
        if known is None:
            self.memory[self._key(name)] = value.detach().clone()
        else:
            known.copy_(value.detach())

    def _key(self, name: str) -> str:
        return f"{self.place}/{self.part}/{name}"


def draw_rows(turn: Turn, sizes: tuple[int, ...], draw: Callable) -> Tensor:
    """Draw for the batch of all processes by draw(n, rng), and return this one's rows.

    `sizes`: the rows here of each side, for example of the reals and of the fakes. A single row,
    drawn once for the whole batch, is returned unchanged.
    """
    _, world = place()
    if world == 1:
        return draw(sum(sizes), turn.rng)
    drawn = draw(world * sum(sizes), turn.rng.alike)
    return drawn if len(drawn) == 1 else drawn[my_rows(*sizes)]


class Term:
    """Something added to D's or G's loss; a subclass overrides what it needs."""

    # whether this term overrides `scores` and `score_at`
    replaces_scores = False

    def d_loss(self, turn: Turn) -> Tensor | None:
        """Added to D's loss: one number per seed, shape () or (seeds,); None adds nothing."""

    def g_loss(self, turn: Turn) -> Tensor | None:
        """Added to G's loss, likewise."""

    def scores(self, turn: Turn) -> tuple[Tensor | None, Tensor] | None:
        """The scores that the objective acts on in place of D's own: (reals or None, fakes)."""

    def score_at(self, turn: Turn, x: Tensor, y: Tensor | None) -> Tensor | None:
        """The same for another batch x (..., B, ...) with labels y, with its graph."""

    def fake_parts(self, player: str) -> int:
        """Into how many equal parts the fakes are cut before D judges each by itself."""
        return 1

    def latents(self, z: Tensor, G: Callable, rng: Rng, player: str) -> Tensor:
        """May change the latent batch (..., B, z) before G sees it, in the turn of `player`."""
        return z


class LatentMap:
    """Moves latents before G sees them.

    It acts in D's turn while training (AdvLatGAN-qua) or when sampling (AdvLatGAN-z).
    """

    def __call__(self, z: Tensor, G: Callable, D: Discriminator, rng: Rng | None = None) -> Tensor:
        """Moved latents (..., B, z)."""
        raise missing(self, "__call__(z, G, D, rng)", "the moved latents (..., B, z)")


def move(latent: LatentMap, z: Tensor, G: Callable, D: Discriminator, rng: Rng) -> Tensor:
    """The latents after a map: as many, of the same shape.

    Raises ValueError for a class in place of a map, and for a result of another shape.
    """
    refuse_class("latent", latent)
    moved = latent(z, G, D, rng)
    if not isinstance(moved, Tensor) or moved.shape != z.shape:
        got = tuple(moved.shape) if isinstance(moved, Tensor) else repr(moved)
        raise ValueError(
            f"{type(latent).__name__} gave {got} for latents of shape {tuple(z.shape)}: expected "
            "as many moved latents"
        )
    return moved
