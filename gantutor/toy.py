"""Distributions on the plane whose density is known exactly, so that a generator can be judged against the truth."""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from gantutor.rng import Rng, rows


@dataclass(frozen=True, eq=False)
class Gaussians:
    """Equal mixture of round Gaussians.

    `centres` (M, 2); `std` > 0, one for all; `group` (M,) says which centres are one mode (by default each is its own).
    """

    name: str
    centres: Tensor
    std: float
    group: Tensor | None = None
    limit: float = field(
        default=0.0
    )  # half the side of the square to draw; 0 takes it from the data

    shape = (2,)  # of one sample

    def __post_init__(self):
        if self.centres.ndim != 2 or self.centres.shape[1] != 2 or len(self.centres) == 0:
            raise ValueError(
                f"centres of shape {tuple(self.centres.shape)}: expected (M, 2) with M >= 1"
            )
        if not self.std > 0:
            raise ValueError(f"std={self.std}: expected a number above 0")
        if not torch.isfinite(self.centres).all():
            raise ValueError("centres hold a NaN or an infinity")
        if not self.limit:
            object.__setattr__(self, "limit", float(self.centres.abs().max() + 4 * self.std) * 1.15)

    @property
    def modes(self) -> Tensor:
        """Middle of each mode, (n_modes, 2)."""
        if self.group is None:
            return self.centres
        return torch.stack(
            [self.centres[self.group == i].mean(0) for i in range(int(self.group.max()) + 1)]
        )

    @property
    def shares(self) -> Tensor:
        """Probability of each mode, (n_modes,)."""
        group = torch.arange(len(self.centres)) if self.group is None else self.group
        return torch.bincount(group) / len(group)

    def sample(self, n: int, rng) -> Tensor:
        """N points, (n, 2), or (seeds, n, 2) where `rng` (an Rng, a torch.Generator or a seed) holds several seeds."""
        rng = Rng.of(rng)
        centre = self.centres.to(rng.device)[rng.randint(len(self.centres), n)]
        return centre + self.std * rng.randn(n, 2)

    def log_density(self, x: Tensor) -> Tensor:
        """Exact log density at x (..., 2), in nats."""
        squared = _squared_distances(x, self.centres.to(x))
        norm = math.log(2 * math.pi * self.std**2) + math.log(len(self.centres))
        return torch.logsumexp(-squared / (2 * self.std**2), -1) - norm

    def mode_of(self, x: Tensor) -> Tensor:
        """Index of the nearest mode of each point, (...)."""
        nearest = _squared_distances(x, self.centres.to(x)).argmin(-1)
        return nearest if self.group is None else self.group.to(x.device)[nearest]

    def distance(self, x: Tensor) -> Tensor:
        """Distance to the nearest centre, in units of std, (...)."""
        return _squared_distances(x, self.centres.to(x)).amin(-1).sqrt() / self.std


@dataclass(frozen=True, eq=False)
class Circles:
    """Equal mixture of circles around 0 with round Gaussian noise; each circle is cut into `arcs` modes."""

    name: str
    radii: tuple[float, ...]
    std: float
    arcs: int = 12
    limit: float = 2.0

    shape = (2,)  # of one sample

    def __post_init__(self):
        if not self.radii or not min(self.radii) > 0 or not self.std > 0 or self.arcs < 1:
            raise ValueError(
                f"radii={self.radii}, std={self.std}, arcs={self.arcs}: expected radii and std above 0, arcs >= 1"
            )

    @property
    def modes(self) -> Tensor:
        """Middle of each arc, (len(radii) * arcs, 2), circle by circle."""
        angle = (torch.arange(self.arcs) + 0.5) * (2 * math.pi / self.arcs)
        unit = torch.stack([angle.cos(), angle.sin()], -1)
        return torch.cat([r * unit for r in self.radii])

    @property
    def shares(self) -> Tensor:
        """Probability of each arc, (n_modes,)."""
        return torch.full((len(self.radii) * self.arcs,), 1 / (len(self.radii) * self.arcs))

    def sample(self, n: int, rng) -> Tensor:
        """N points, (n, 2) or (seeds, n, 2)."""
        rng = Rng.of(rng)
        radius = torch.tensor(self.radii, device=rng.device)[rng.randint(len(self.radii), n)]
        angle = 2 * math.pi * rng.rand(n)
        ring = radius[..., None] * torch.stack([angle.cos(), angle.sin()], -1)
        return ring + self.std * rng.randn(n, 2)

    def log_density(self, x: Tensor) -> Tensor:
        """Exact log density: a circle blurred by a Gaussian is exp(-(r-R)^2 / 2 std^2) I0e(rR/std^2) / (2 pi std^2)."""
        r, radii = x.norm(dim=-1, keepdim=True), torch.tensor(self.radii).to(x)
        blurred = (
            -((r - radii) ** 2) / (2 * self.std**2)
            + torch.special.i0e(r * radii / self.std**2).log()
        )
        return (
            torch.logsumexp(blurred, -1)
            - math.log(2 * math.pi * self.std**2)
            - math.log(len(self.radii))
        )

    def mode_of(self, x: Tensor) -> Tensor:
        """Index of the arc of the nearest circle that each point lies beside."""
        circle = (x.norm(dim=-1, keepdim=True) - torch.tensor(self.radii).to(x)).abs().argmin(-1)
        turn = torch.atan2(x[..., 1], x[..., 0]) / (2 * math.pi) % 1.0
        return circle * self.arcs + (turn * self.arcs).long().clamp(max=self.arcs - 1)

    def distance(self, x: Tensor) -> Tensor:
        """Distance to the nearest circle, in units of std."""
        return (x.norm(dim=-1, keepdim=True) - torch.tensor(self.radii).to(x)).abs().amin(
            -1
        ) / self.std


def ring(modes: int = 8, radius: float = 2.0, std: float = 0.02) -> Gaussians:
    """Gaussians on a circle; the defaults are AdvLatGAN's ring (its printed std 0.001 is `std=0.001`)."""
    if modes < 1:
        raise ValueError(f"modes={modes}: expected at least 1")
    angle = torch.arange(modes) * (2 * math.pi / modes)
    return Gaussians("ring", radius * torch.stack([angle.cos(), angle.sin()], -1), std)


def grid(side: int = 5, spacing: float = 2.0, std: float = 0.05) -> Gaussians:
    """Side x side Gaussians; 0.05 is the square root of the 0.0025 that the paper prints as std."""
    if side < 1:
        raise ValueError(f"side={side}: expected at least 1")
    axis = spacing * (torch.arange(side) - (side - 1) / 2)
    return Gaussians("grid", torch.cartesian_prod(axis, axis), std)


def nine(std: float = 0.05) -> Gaussians:
    """Nine Gaussians on {-1, 0, 1}^2 (AdaptiveMix, Fig. 3a)."""
    axis = torch.tensor([-1.0, 0.0, 1.0])
    return Gaussians("nine", torch.cartesian_prod(axis, axis), std, limit=2.0)


def circles(radii: tuple[float, ...] = (0.4, 0.8, 1.2), std: float = 0.02) -> Circles:
    """Three circles (AdaptiveMix, Fig. 3b)."""
    return Circles("circles", tuple(radii), std)


def two_modes(distance: float = 4.0, std: float = 0.5, x: float = 2.0) -> Gaussians:
    """Two Gaussians above each other at (x, +-distance/2) (KDD GAN, Fig. 3)."""
    return Gaussians("two_modes", torch.tensor([[x, distance / 2], [x, -distance / 2]]), std)


def points(xy, std: float = 0.05) -> Gaussians:
    """A distribution of your own: a Gaussian at each given point (M, 2); points in reach of 4 std of each other are one mode."""
    centres = torch.as_tensor(xy, dtype=torch.float32)
    if centres.ndim != 2 or centres.shape[-1] != 2 or len(centres) == 0:
        raise ValueError(
            f"points of shape {tuple(centres.shape)}: expected (M, 2) with M >= 1, e.g. [[0, 0], [1, 2]]"
        )
    return Gaussians("points", centres, std, group=_linked(centres, 4 * std))


BY_NAME = {"ring": ring, "grid": grid, "nine": nine, "circles": circles, "two_modes": two_modes}


def by_name(name: str) -> Gaussians | Circles:
    """The distribution of that name with its defaults; raises ValueError naming the known ones."""
    if name not in BY_NAME:
        raise ValueError(f"toy data {name!r} is unknown; known: {', '.join(BY_NAME)}")
    return BY_NAME[name]()


def choose(x: Tensor, n: int, rng: Rng) -> Tensor:
    """N of the rows of x without repetition, each seed its own."""
    return rows(x, rng.randperm(x.shape[-2])[..., :n])


def _squared_distances(x: Tensor, centres: Tensor) -> Tensor:
    return (x[..., None, :] - centres).square().sum(-1)


def _linked(x: Tensor, reach: float) -> Tensor:
    """Single linkage: labels 0, 1, ... of the groups whose members are chained by steps shorter than `reach`."""
    near = _squared_distances(x, x) < reach**2  # torch.cdist loses small distances to rounding
    label = torch.arange(len(x))
    while True:  # each point takes the least label in its reach until nothing changes
        least = torch.where(near, label, len(x)).amin(-1)
        if torch.equal(least, label):
            return torch.unique(label, return_inverse=True)[1]
        label = least
