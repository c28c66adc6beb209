"""D as its objective uses it, and a batch to look at it with."""

import torch
from torch import Tensor

from gantutor.nets import Critique, call, classes_of, latent_mode
from gantutor.objectives import Objective
from gantutor.rng import Rng
from gantutor.turn import Turn


class ObjectiveCritic(torch.nn.Module):
    """D with the score that its objective acts on, and with labels filled in.

    KDD never trains D's head: its score is the log-ratio against the batch of `turn`. It is a
    module so that whoever sets modes and buffers finds D inside.
    """

    def __init__(self, D, objective: Objective, turn: Turn | None, y: Tensor | None = None):
        super().__init__()
        self.D, self.objective, self.turn, self.y = D, objective, turn, y

    def forward(self, x: Tensor) -> Critique:
        critique = call(self.D, x, self.y)
        if self.turn is None:
            return critique
        return critique._replace(score=self.objective.logit_at(critique, self.turn))


def critic(
    run, n: int = 512, rng=None, turn: Turn | None = None, y: Tensor | None = None
) -> torch.nn.Module:
    """D as the objective of a run uses it.

    D itself, or for KDD D with its log-ratio against the batch of `turn` (None: a fresh one of n).
    """
    objective = run.recipe.objective
    if objective.on_batch:
        return ObjectiveCritic(
            run.D, objective, fresh_turn(run, n, rng) if turn is None else turn, y
        )
    return run.D if y is None else ObjectiveCritic(run.D, objective, None, y)


@torch.no_grad()
def fresh_turn(run, n: int, rng=None, player: str = "d") -> Turn:
    """A turn on a new batch of n in eval mode, for maps and fields; the run is left as it is.

    `rng`: an Rng, a seed or seeds; None draws numbers that do not advance the run's own.
    """
    rng = run.rng.aside() if rng is None else Rng.of(rng, run.rng.device)
    y_real = y_fake = None
    with latent_mode([run.G, run.D], "eval"):
        z = rng.randn(n, run.recipe.nets.z)
        if classes := classes_of(run.recipe.nets):
            (x_real, y_real), y_fake = run.data.batch(n, rng), rng.randint(classes, n)
        else:
            x_real = run.data.sample(n, rng)
        x_fake = call(run.G, z, y_fake)
        real, fake = call(run.D, x_real, y_real), call(run.D, x_fake, y_fake)
    return Turn(
        player=player,
        G=run.G,
        D=run.D,
        rng=rng,
        z=z,
        x_real=x_real,
        x_fake=x_fake,
        y_real=y_real,
        y_fake=y_fake,
        real=real,
        fake=fake,
        stale=real,
        joint=run.joint,
        step=run.step,
    )
