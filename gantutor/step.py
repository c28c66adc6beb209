"""One training step, from top to bottom: D's turn, then G's.

A run (`gantutor.run.Run`) holds nets, optimisers and random state; only these functions call the
optimisers.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from gantutor.critic import critic
from gantutor.divergence import watch
from gantutor.nets import Critique, Labelled, call, classes_of, full
from gantutor.parallel import stepping
from gantutor.reals import repeated
from gantutor.turn import Term, Turn, move


class Fakes(NamedTuple):
    """A batch of latents, its labels where G is conditional, and what G makes of them."""

    z: Tensor
    y: Tensor | None
    x: Tensor


@stepping
def d_turn(run, shared: list[Fakes] | None = None) -> None:
    """One update of D; G is a constant. `shared`: fakes that several turns of a step see."""
    recipe, losses = run.recipe, []
    run.turns = []
    for part in range(recipe.accumulate):
        z, y_fake, x_fake = make_fakes(run, "d") if shared is None else shared[part]
        x_real, y_real = run.reals()
        x_real, x_fake = augment(run, x_real), augment(run, x_fake.detach())
        real, fake = judge_both(run, x_real, y_real, x_fake, y_fake)
        batch = {"x_real": x_real, "y_real": y_real, "real": real}
        turn = make_turn(run, "d", part, **batch, z=z, x_fake=x_fake, y_fake=y_fake, fake=fake)
        # terms before the objective: that is the order in which a seed's numbers are drawn
        added = [turn.ask(f"terms.{i}", term.d_loss) for i, term in enumerate(recipe.terms)]
        loss = turn.ask("objective", recipe.objective.d_loss)
        loss = total(run, "d_loss", loss, added)
        run.d_weights.differentiate(loss)
        losses.append(loss.detach())
        turn.stale = real  # for G's turn: what D said of these reals before this update
        run.turns.append(turn)
    run.d_loss = run.d_weights.reduce(losses)  # and gives the optimiser the mean gradient
    watch(run, run.d_loss, "d")
    run.d_opt.step()
    recipe.objective.after_d(run.D)


@stepping
def g_turn(run, shared: list[Fakes] | None = None) -> None:
    """One update of G; D's weights are constants. The reals are those of the last D turn."""
    recipe, losses = run.recipe, []
    for part, seen in enumerate(run.turns):
        reuse = shared is not None and recipe.fakes == "dg"
        z, y_fake, x_fake = shared[part] if reuse else make_fakes(run, "g", seen.y_real)
        x_fake = augment(run, x_fake)
        fake = judge_fakes(run, "g", x_fake, y_fake)
        batch = {"x_real": seen.x_real, "y_real": seen.y_real, "stale": seen.stale}
        turn = make_turn(run, "g", part, **batch, z=z, x_fake=x_fake, y_fake=y_fake, fake=fake)
        added = [turn.ask(f"terms.{i}", term.g_loss) for i, term in enumerate(recipe.terms)]
        loss = turn.ask("objective", recipe.objective.g_loss)
        loss = total(run, "g_loss", loss, added)
        run.g_weights.differentiate(loss)
        losses.append(loss.detach())
    run.g_loss = run.g_weights.reduce(losses)  # and gives the optimiser the mean gradient
    watch(run, run.g_loss, "g")
    run.g_opt.step()


def total(run, method: str, loss: Tensor, added: list[Tensor | None]) -> Tensor:
    """The objective's loss plus those of the terms that have one: one number per seed.

    Raises ValueError for a loss that is not reduced over the batch, or is reduced over the seeds
    too, and TypeError for one that is no tensor.
    """
    whose = [run.recipe.objective, *run.recipe.terms]
    expected = (len(run.rng.seeds),) if run.rng.stacked else ()
    kept = []
    for part, value in zip(whose, [loss, *added], strict=True):
        if value is None and isinstance(part, Term):
            continue  # it adds nothing to this player's loss
        if not isinstance(value, Tensor) or value.shape != expected:
            raise _wrong(f"{type(part).__name__}.{method}", value, expected)
        kept.append(value)
    return sum(kept[1:], kept[0])


def _wrong(name: str, value, expected: tuple[int, ...]) -> Exception:
    if value is None:
        return TypeError(f"{name} returned None: is `return` missing?")
    if not isinstance(value, Tensor):
        return TypeError(f"{name} returned {value!r}, and a tensor is expected")
    return ValueError(
        f"{name} returned a loss of shape {tuple(value.shape)} where {expected} is expected, one "
        "number per seed: take the mean over the batch alone, by .mean(-1)"
    )


def make_turn(run, player: str, part: int, **batch) -> Turn:
    """Put together what `player` sees of a batch, with the run's nets, terms and memory."""
    return Turn(
        player=player,
        G=run.G,
        D=run.D,
        rng=run.rng,
        joint=run.joint,
        step=run.now,
        terms=run.recipe.terms,
        memory=run.memory,
        part=part,
        autocast=run.autocast,
        **batch,
    )


@stepping
def make_shared_fakes(run) -> list[Fakes] | None:
    """Make the fakes that several turns of a step see; None where each turn makes its own."""
    if run.recipe.fakes == "fresh":
        return None
    keep_graph = run.recipe.fakes == "dg"
    return [make_fakes(run, "d", keep_graph=keep_graph) for _ in range(run.recipe.accumulate)]


def make_fakes(run, player: str, y_real: Tensor | None = None, keep_graph: bool = False) -> Fakes:
    """Draw latents, let terms append partners and the latent map move them, then run G.

    The latent map acts in D's turn alone. G's graph is kept in G's turn, or with `keep_graph`.
    Labels are uniform, or those of the reals: `y_real` or, without it, those of the next batch.
    """
    recipe, y = run.recipe, None
    n = run.g_batch if player == "g" else run.batch
    z = run.rng.randn(n, recipe.nets.z)
    if classes := classes_of(recipe.nets):
        if recipe.fake_labels == "uniform":
            y = run.rng.randint(classes, n)
        else:
            y = run.reals.labels(n) if y_real is None else repeated(y_real, n)
    with run.autocast():
        for term in recipe.terms:
            z = term.latents(z, Labelled(run.G, y), run.rng, player)
        y = y if y is None else y.repeat(len(z) // len(y))
        if player == "d" and recipe.latent is not None:
            # under KDD a score needs a reference batch, which this draws
            D = critic(run, run.batch, run.rng, y=y)
            z = move(recipe.latent, z, Labelled(run.G, y), D, run.rng)
        with torch.set_grad_enabled(keep_graph or player == "g"):
            return Fakes(z, y, full(call(run.G, z, y)))


def augment(run, x: Tensor) -> Tensor:
    """Augment a batch as the recipe says, if it does."""
    return x if run.recipe.augment is None else run.recipe.augment(x, run.rng, run.now)


def judge_both(
    run, x_real: Tensor, y_real: Tensor | None, x_fake: Tensor, y_fake: Tensor | None
) -> list[Critique]:
    """Let D judge reals and fakes, in one call or in two.

    With batch norm, or spectral norm that iterates in training, these are different updates.
    """
    if not run.joint or fake_parts(run, "d") > 1:
        with run.autocast():
            real = call(run.D, x_real, y_real)
        return [real, judge_fakes(run, "d", x_fake, y_fake)]
    axis = run.rng.axis
    x = torch.cat([x_real, x_fake], axis)
    y = None if y_real is None else torch.cat([y_real, y_fake])
    with run.autocast():
        critique = call(run.D, x, y)
    return critique.split([x_real.shape[axis], x_fake.shape[axis]], axis)


def judge_fakes(run, player: str, x: Tensor, y: Tensor | None) -> Critique:
    """Let D judge the fakes, in as many calls as the recipe's terms ask for."""
    parts = fake_parts(run, player)
    with run.autocast():
        if parts == 1:
            return call(run.D, x, y)
        xs = x.chunk(parts, run.rng.axis)
        ys = [None] * parts if y is None else y.chunk(parts)
        critiques = [call(run.D, *part) for part in zip(xs, ys, strict=True)]
        return Critique.join(critiques, run.rng.axis)


def fake_parts(run, player: str) -> int:
    """The number of calls in which D judges the fakes."""
    return max((term.fake_parts(player) for term in run.recipe.terms), default=1)
