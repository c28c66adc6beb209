"""What is seen of a row: a view and a row in, arrays out; the row is left as it is."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gantutor import fields
from gantutor.course.lab.rows import LabRow
from gantutor.fields import Arrows, Map
from gantutor.methods import IFGSM, KDD
from gantutor.methods.kdd import log_kernels
from gantutor.objectives import LSGAN, WGAN, Hinge
from gantutor.rng import Rng

LAYERS = {
    "map": "D's confidence",
    "real": "real points",
    "fake": "fakes",
    "field": "gradient field",
    "warp": "latent grid",
    "features": "feature space",
    "kernels": "kernels at the point (KDD)",
    "path": "latent path at the point (AdvLatGAN)",
}
SHOWN, GRID, FIELD = 300, 40, 14  # points of each kind; pixels and arrows per side
SEARCH = 20  # steps of the latent search that is shown
PAIRS = 6  # of reals, and as many of fakes


@dataclass(frozen=True)
class View:
    """What a person looks at: `layers` by name, and the `point` (x, y) that was clicked.

    Layers are kept in the order of LAYERS. Raises ValueError for an unknown one.
    """

    layers: tuple[str, ...] = ("map", "real", "fake")
    point: tuple[float, float] | None = None

    def __post_init__(self):
        unknown = [x for x in self.layers if x not in LAYERS]
        if unknown:
            raise ValueError(f"layer {unknown[0]!r} is unknown; known: {', '.join(LAYERS)}")
        object.__setattr__(self, "layers", tuple(x for x in LAYERS if x in self.layers))
        if self.point is not None:
            object.__setattr__(self, "point", tuple(round(float(v), 3) for v in self.point))


class Kernels(NamedTuple):
    """Each anchor's share of its density at a point, for reals and for fakes.

    The places are (M, 2); the shares (M,) add up to 1.
    """

    reals: np.ndarray
    real_shares: np.ndarray
    fakes: np.ndarray
    fake_shares: np.ndarray


class Mixtures(NamedTuple):
    """Pairs in feature space on two axes, all (P, 2).

    a, b: the features of the two parents
    mixed: the features of their midpoint
    target: the midpoint of their features
    gap: root mean square of mixed - target in the whole space, averaged over the pairs and relative
        to that of the features
    """

    a: np.ndarray
    b: np.ndarray
    mixed: np.ndarray
    target: np.ndarray
    gap: float


class Seen(NamedTuple):
    """What a row looks like; a layer that is off, or that the row does not have, is None.

    features: those of reals and of fakes, pairs, and the step at which the axes were chosen
    path: where G(z) goes during the row's own latent search
    raw: whether the map shows a raw score, scaled to 0 .. 1
    """

    map: Map | None = None
    real: np.ndarray | None = None
    fake: np.ndarray | None = None
    field: Arrows | None = None
    warp: np.ndarray | None = None
    features: tuple[np.ndarray, np.ndarray, Mixtures, int] | None = None
    kernels: Kernels | None = None
    path: np.ndarray | None = None
    point: tuple[float, float] | None = None
    raw: bool = False
    note: str = ""


def is_raw(row: LabRow) -> bool:
    """Whether the row's score is not the logit of a probability."""
    objective = row.run.recipe.objective
    if isinstance(objective, KDD):  # a hinge on a log-ratio
        return False
    return isinstance(objective, WGAN | LSGAN | Hinge)


@torch.no_grad()
def see(row: LabRow, view: View, seed: int, push: bool = False) -> Seen:
    """The row in this view.

    `seed` gives the latents and the reals that are always shown; `push` adds the gradient field,
    for slow motion.
    """
    run, on, found, notes = row.run, set(view.layers), {}, []
    dist, limit = run.data, run.data.limit
    needs_batch = run.recipe.objective.on_batch or on & {"kernels", "features"}
    turn = run.fresh_turn(128) if needs_batch else None
    x_fake = run.sample(SHOWN, 10_000 + seed)
    if "map" in on:
        found["map"], found["raw"] = _map(row, limit, turn)
    if "real" in on:
        found["real"] = dist.sample(SHOWN, 20_000 + seed).numpy()
    if "fake" in on:
        found["fake"] = x_fake.numpy()
    if "field" in on or push:
        try:
            found["field"] = fields.gradient_field(run, limit, FIELD, turn)
        except Exception as error:  # a loss from a cell may need more than scores
            notes.append(f"no gradient field: {type(error).__name__}: {error}")
    if "warp" in on:
        found["warp"] = fields.latent_warp(run)
    if "features" in on:
        found["features"] = _features(row, turn)
    if view.point is not None:
        found["point"] = view.point
        at = torch.tensor([view.point])
        score = float(run.critic(turn=turn)(at).score)
        notes.append(_about_score(row, score))
        if "kernels" in on and isinstance(run.recipe.objective, KDD):
            found["kernels"] = kernels_at(row, at, turn)
            notes.append(_about_kernels(found["kernels"], score))
        if "path" in on and isinstance(run.recipe.latent, IFGSM):
            z = Rng(10_000 + seed).randn(SHOWN, run.recipe.nets.z)
            nearest = (x_fake - at).norm(dim=-1).argmin()
            found["path"], scores = path_from(row, z[nearest][None])
            notes.append(
                f"{SEARCH} steps of {run.recipe.latent.eps:g} raise D's score from "
                f"{scores[0]:.2f} to {scores[-1]:.2f}"
            )
    return Seen(**found, note="; ".join(notes))


def _about_score(row: LabRow, score: float) -> str:
    if is_raw(row):
        return f"score {score:.2f}"
    return f"D: real with probability {1 / (1 + np.exp(-np.clip(score, -60, 60))):.2f}"


def _map(row: LabRow, limit: float, turn) -> tuple[Map, bool]:
    """The confidence map, or a scaled score for an objective whose score is not a logit."""
    if not is_raw(row):
        return fields.confidence(row.run, limit, GRID, turn), False
    scores = fields.logit_map(row.run, limit, GRID, turn)
    # a raw score has neither a zero nor a unit: show it from lowest to highest
    low, high = np.quantile(scores.values, [0.02, 0.98])
    return Map((scores.values - low) / max(high - low, 1e-9), limit), True


def _features(row: LabRow, turn):
    """Reals, fakes and pairs on the row's fixed axes."""
    step, axes = row.axes
    D, half = row.run.D, torch.tensor(0.5)
    a = torch.cat([turn.x_real[:PAIRS], turn.x_fake[:PAIRS]])
    b = torch.cat([turn.x_real[PAIRS : 2 * PAIRS], turn.x_fake[PAIRS : 2 * PAIRS]])
    va, vb, mixed = D.features(a), D.features(b), D.features(half * (a + b))
    target = half * (va + vb)
    scale = torch.cat([turn.real.features, turn.fake.features]).square().mean().sqrt()
    gap = float((mixed - target).square().mean(-1).sqrt().mean() / scale)
    return (
        axes(turn.real.features),
        axes(turn.fake.features),
        Mixtures(axes(va), axes(vb), axes(mixed), axes(target), gap),
        step,
    )


def kernels_at(row: LabRow, at: Tensor, turn) -> Kernels:
    """Which reals and which fakes of the batch make up the two densities at a point (1, 2).

    An anchor's share is the softmax of the log kernels.
    """
    kdd, D = row.run.recipe.objective, turn.D
    point = kdd.phi(D(at).features, D)

    def shares(critique) -> np.ndarray:
        anchors = kdd.phi(critique.features, D)
        return log_kernels(point, anchors, kdd.tau, kdd.kernel).softmax(-1)[0].numpy()

    return Kernels(turn.x_real.numpy(), shares(turn.real), turn.x_fake.numpy(), shares(turn.fake))


def _about_kernels(kernels: Kernels, score: float) -> str:
    reals, fakes = _most(kernels.real_shares), _most(kernels.fake_shares)
    return f"log ratio {score:.2f}; {reals} reals and {fakes} fakes make 90 % of the densities"


def _most(shares: np.ndarray) -> int:
    """How many of the largest shares add up to 0.9."""
    return int((np.cumsum(np.sort(shares)[::-1]) < 0.9).sum()) + 1


def path_from(row: LabRow, z: Tensor) -> tuple[np.ndarray, list[float]]:
    """Where G(z) goes during the row's own latent search from z (1, k), and D's scores there."""
    run = row.run
    search, critic = replace(run.recipe.latent, steps=SEARCH), run.critic()
    zs = torch.cat(list(search.path(z, run.G, critic, Rng(0))))
    x = run.G(zs)
    return x.numpy(), critic(x).score.tolist()
