"""What is seen of a row: a view and the state of the row in, arrays out; nothing is drawn here and nothing disturbed."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gantutor import fields
from gantutor.course.lab.timeline import Row
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
SHOWN, GRID, FIELD = 300, 40, 14  # points of each kind, pixels of the map and arrows a side
SEARCH = 20  # steps of the latent search that is shown
PAIRS = 6


@dataclass(frozen=True)
class View:
    """What a person looks at: `layers` by name, and the `point` (x, y) that was clicked. Raises ValueError for an unknown layer."""

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
    """Each anchor's share of its density at a point: places (M, 2) and shares (M,) that add up to 1, of reals and of fakes."""

    reals: np.ndarray
    real_shares: np.ndarray
    fakes: np.ndarray
    fake_shares: np.ndarray


class Mixtures(NamedTuple):
    """Pairs in feature space, seen on two axes, all (P, 2): parents a and b, F of their middle, and the middle of their F."""

    a: np.ndarray
    b: np.ndarray
    mixed: np.ndarray
    target: np.ndarray
    gap: float  # mean |F(x_mix) - target| in the whole space, over the features' root mean square


class Seen(NamedTuple):
    """What a row looks like; a layer that is off, or that the row cannot give, is None. `raw`: the map shows a scaled score."""

    map: Map | None = None
    real: np.ndarray | None = None
    fake: np.ndarray | None = None
    field: Arrows | None = None
    warp: np.ndarray | None = None
    features: tuple[np.ndarray, np.ndarray, Mixtures, int] | None = (
        None  # of reals, of fakes, pairs, the axes' step
    )
    kernels: Kernels | None = None
    path: np.ndarray | None = None
    point: tuple[float, float] | None = None
    raw: bool = False
    note: str = ""


def is_raw(row: Row) -> bool:
    """Whether the row's score is not the logit of a probability."""
    o = row.run.recipe.objective
    return isinstance(o, WGAN | LSGAN) or isinstance(o, Hinge) and not isinstance(o, KDD)


@torch.no_grad()
def see(row: Row, view: View, seed: int, push: bool = False) -> Seen:
    """The row in this view. `seed` gives the latents and the reals that are always shown; `push`: the field for slow motion's sake."""
    run, on, found, notes = row.run, set(view.layers), {}, []
    dist, limit = run.data, run.data.limit
    turn = (
        run.fresh_turn(128)
        if run.recipe.objective.on_batch or on & {"kernels", "features"}
        else None
    )
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
        except Exception as error:  # a loss from a cell may ask for more than scores
            notes.append(f"no gradient field: {type(error).__name__}: {error}")
    if "warp" in on:
        found["warp"] = fields.latent_warp(run)
    if "features" in on:
        found["features"] = _features(row, turn)
    if view.point is not None:
        at = torch.tensor([view.point])
        found["point"] = view.point
        score = float(run.critic(turn=turn)(at).score)
        notes.append(
            f"score {score:.2f}"
            if is_raw(row)
            else f"D: real with {1 / (1 + np.exp(-np.clip(score, -60, 60))):.2f}"
        )
        if "kernels" in on and isinstance(run.recipe.objective, KDD):
            found["kernels"] = kernels_at(row, at, turn)
            notes.append(_about_kernels(found["kernels"], score))
        if "path" in on and isinstance(run.recipe.latent, IFGSM):
            z = Rng(10_000 + seed).randn(SHOWN, run.recipe.nets.z)
            found["path"], scores = path_from(row, z[(x_fake - at).norm(dim=-1).argmin()][None])
            eps = run.recipe.latent.eps
            notes.append(
                f"{SEARCH} steps of {eps:g} lift D's score from {scores[0]:.2f} to {scores[-1]:.2f}"
            )
    return Seen(**found, note="; ".join(notes))


def _map(row: Row, limit: float, turn) -> tuple[Map, bool]:
    if not is_raw(row):
        return fields.confidence(row.run, limit, GRID, turn), False
    scores = fields.logit_map(row.run, limit, GRID, turn)
    low, high = np.quantile(
        scores.values, [0.02, 0.98]
    )  # a raw score has neither a zero nor a unit
    return Map((scores.values - low) / max(high - low, 1e-9), limit), True


def _features(row: Row, turn):
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


def kernels_at(row: Row, at: Tensor, turn) -> Kernels:
    """Which reals and which fakes of the batch make up the two densities at a point (1, 2): the softmax of their log kernels."""
    o, D = row.run.recipe.objective, turn.D
    v = o.phi(D(at).features, D)
    shares = [
        log_kernels(v, o.phi(c.features, D), o.tau, o.kernel).softmax(-1)[0].numpy()
        for c in (turn.real, turn.fake)
    ]
    return Kernels(turn.x_real.numpy(), shares[0], turn.x_fake.numpy(), shares[1])


def _about_kernels(k: Kernels, score: float) -> str:
    counts = [
        int((np.cumsum(np.sort(s)[::-1]) < 0.9).sum()) + 1 for s in (k.real_shares, k.fake_shares)
    ]
    return f"log ratio {score:.2f}; {counts[0]} reals and {counts[1]} fakes make 90 % of their densities"


def path_from(row: Row, z: Tensor) -> tuple[np.ndarray, list[float]]:
    """Where G(z) goes and what D says on the way, over some steps of the row's own latent search from z (1, k)."""
    run = row.run
    search, critic = replace(run.recipe.latent, steps=SEARCH), run.critic()
    zs = torch.cat(list(search.path(z, run.G, critic, Rng(0))))
    x = run.G(zs)
    return x.numpy(), critic(x).score.tolist()
