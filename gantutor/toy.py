"""Distributions on the plane whose density is known exactly, to judge generators against the truth.

>>> world = ring()
>>> world.sample(5, 0).shape
torch.Size([5, 2])
>>> world.modes.shape, world.mode_of(world.modes).tolist()
(torch.Size([8, 2]), [0, 1, 2, 3, 4, 5, 6, 7])
"""

import math
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import embedding

from gantutor.cells import cell_shares, circle_shares
from gantutor.rng import Rng, take_rows

SQUARE = 2.0  # the least half side to draw of `nine` and of circles
# Beyond this distance between components, in std, fewer than 1e-11 samples are nearest another
# component than their own.
APART = 14.0


@dataclass(frozen=True, eq=False)
class Gaussians:
    """Equal mixture of round Gaussians.

    `centres` (M, 2); `std` > 0, one for all; `group` (M,) gives the mode of each centre (by default
    each centre is a mode of its own); `limit`: half the side of the square to draw, 0 to compute it
    from the centres. Raises ValueError.
    """

    name: str
    centres: Tensor
    std: float
    group: Tensor | None = None
    limit: float = field(default=0.0)

    shape = (2,)  # of one sample

    def __post_init__(self):
        if self.centres.ndim != 2 or self.centres.shape[1] != 2 or len(self.centres) == 0:
            raise ValueError(
                f"centres of shape {tuple(self.centres.shape)}: expected (M, 2) with M >= 1"
            )
        if not self.std > 0:
            raise ValueError(f"std={self.std}: expected a number above 0")
        if not torch.isfinite(self.centres).all():
            raise ValueError("centres contain a NaN or an infinity")
        if not self.limit:
            object.__setattr__(self, "limit", _square(self.centres.abs().max(), self.std))

    @property
    def modes(self) -> Tensor:
        """Middle of each mode, (n_modes, 2)."""
        if self.group is None:
            return self.centres
        count = int(self.group.max()) + 1
        return torch.stack([self.centres[self.group == i].mean(0) for i in range(count)])

    @cached_property
    def shares(self) -> Tensor:
        """Probability that `mode_of` assigns a sample to each mode, (n_modes,), exact.

        Where the Gaussians do not overlap this is the part of the centres in each mode. Where they
        do, it is the probability of the points nearest the mode's centres (see `gantutor.cells`).
        """
        m = len(self.centres)
        group = torch.arange(m) if self.group is None else self.group.cpu()
        apart = _squared_distances(self.centres, self.centres).cpu() > (APART * self.std) ** 2
        if (apart | (group[:, None] == group)).all():
            return torch.bincount(group) / m
        shares = torch.zeros(int(group.max()) + 1, dtype=torch.float64)
        return shares.index_add(0, group, cell_shares(self.centres, self.std)).float()

    def sample(self, n: int, rng) -> Tensor:
        """Draw n points, (n, 2), or (seeds, n, 2) if `rng` holds several seeds.

        `rng` is an Rng, a torch.Generator, a seed or several seeds.
        """
        rng = Rng.of(rng)
        which = rng.randint(len(self.centres), n)
        centre = embedding(which, self.centres.to(rng.device))  # rows, in half an index's time
        return centre + self.std * rng.randn(n, 2)

    def log_density(self, x: Tensor) -> Tensor:
        """Return the exact log density at x (..., 2), in nats."""
        squared = _squared_distances(x, self.centres.to(x))
        norm = math.log(2 * math.pi * self.std**2) + math.log(len(self.centres))
        return torch.logsumexp(-squared / (2 * self.std**2), -1) - norm

    def mode_of(self, x: Tensor) -> Tensor:
        """Return the index of the nearest mode of each point, (...)."""
        nearest = _squared_distances(x, self.centres.to(x)).argmin(-1)
        return nearest if self.group is None else self.group.to(x.device)[nearest]

    def distance(self, x: Tensor) -> Tensor:
        """Return the distance to the nearest centre in units of std, (...)."""
        return _squared_distances(x, self.centres.to(x)).amin(-1).sqrt() / self.std


@dataclass(frozen=True, eq=False)
class Circles:
    """Equal mixture of circles around 0, blurred by round Gaussian noise.

    Each circle is cut into `arcs` modes of equal angle. `limit`: half the side of the square to
    draw, 0 for 2 or more where the radii need it. Raises ValueError.
    """

    name: str
    radii: tuple[float, ...]
    std: float
    arcs: int = 12
    limit: float = 0.0

    shape = (2,)  # of one sample

    def __post_init__(self):
        if not self.radii or not min(self.radii) > 0 or not self.std > 0 or self.arcs < 1:
            raise ValueError(
                f"radii={self.radii}, std={self.std}, arcs={self.arcs}: "
                "expected radii and std above 0, arcs >= 1"
            )
        if not self.limit:
            needed = _square(max(self.radii), self.std)
            object.__setattr__(self, "limit", max(SQUARE, needed))

    @property
    def modes(self) -> Tensor:
        """Middle of each arc, (len(radii) * arcs, 2), circle by circle."""
        angle = (torch.arange(self.arcs) + 0.5) * (2 * math.pi / self.arcs)
        unit = torch.stack([angle.cos(), angle.sin()], -1)
        return torch.cat([r * unit for r in self.radii])

    @cached_property
    def shares(self) -> Tensor:
        """Probability that `mode_of` assigns a sample to each arc, (n_modes,), to about 1e-9.

        By symmetry all arcs of a circle have the same share. Where the noise makes circles
        overlap, outer circles get more than inner ones: the region nearest them is larger.
        """
        each = circle_shares(torch.tensor(self.radii), self.std) / self.arcs
        return each.float().repeat_interleave(self.arcs)

    def sample(self, n: int, rng) -> Tensor:
        """Draw n points, (n, 2), or (seeds, n, 2) if `rng` holds several seeds."""
        rng = Rng.of(rng)
        radius = torch.tensor(self.radii, device=rng.device)[rng.randint(len(self.radii), n)]
        angle = 2 * math.pi * rng.rand(n)
        ring = radius[..., None] * torch.stack([angle.cos(), angle.sin()], -1)
        return ring + self.std * rng.randn(n, 2)

    def log_density(self, x: Tensor) -> Tensor:
        """Return the exact log density at x (..., 2), in nats.

        The density of a circle of radius R blurred by a Gaussian is, at distance r from 0,
        exp(-(r-R)^2 / 2 std^2) I0e(rR / std^2) / (2 pi std^2).
        """
        r, radii = x.norm(dim=-1, keepdim=True), torch.tensor(self.radii).to(x)
        bell = -((r - radii) ** 2) / (2 * self.std**2)
        blurred = bell + torch.special.i0e(r * radii / self.std**2).log()
        norm = math.log(2 * math.pi * self.std**2) + math.log(len(self.radii))
        return torch.logsumexp(blurred, -1) - norm

    def mode_of(self, x: Tensor) -> Tensor:
        """Return the index of each point's arc on the circle nearest to it, (...)."""
        circle = self._gaps(x).argmin(-1)
        turn = torch.atan2(x[..., 1], x[..., 0]) / (2 * math.pi) % 1.0
        return circle * self.arcs + (turn * self.arcs).long().clamp(max=self.arcs - 1)

    def distance(self, x: Tensor) -> Tensor:
        """Return the distance to the nearest circle in units of std, (...)."""
        return self._gaps(x).amin(-1) / self.std

    def _gaps(self, x: Tensor) -> Tensor:
        """Return the distance of each point to each circle, (..., circles)."""
        return (x.norm(dim=-1, keepdim=True) - torch.tensor(self.radii).to(x)).abs()


def ring(modes: int = 8, radius: float = 2.0, std: float = 0.02) -> Gaussians:
    """Gaussians on a circle; the defaults are AdvLatGAN's ring.

    The paper prints std 0.001, which is `ring(std=0.001)`.
    """
    if modes < 1:
        raise ValueError(f"modes={modes}: expected at least 1")
    angle = torch.arange(modes) * (2 * math.pi / modes)
    return Gaussians("ring", radius * torch.stack([angle.cos(), angle.sin()], -1), std)


def grid(side: int = 5, spacing: float = 2.0, std: float = 0.05) -> Gaussians:
    """Gaussians on a grid of side x side points.

    The default std 0.05 is the square root of the 0.0025 that the paper prints as std.
    """
    if side < 1:
        raise ValueError(f"side={side}: expected at least 1")
    axis = spacing * (torch.arange(side) - (side - 1) / 2)
    return Gaussians("grid", torch.cartesian_prod(axis, axis), std)


def nine(std: float = 0.05) -> Gaussians:
    """Nine Gaussians on {-1, 0, 1}^2 (AdaptiveMix, Fig. 3a)."""
    axis = torch.tensor([-1.0, 0.0, 1.0])
    limit = max(SQUARE, _square(1.0, std)) if std > 0 else SQUARE  # Gaussians refuses other std
    return Gaussians("nine", torch.cartesian_prod(axis, axis), std, limit=limit)


def circles(radii: tuple[float, ...] = (0.4, 0.8, 1.2), std: float = 0.02) -> Circles:
    """Three circles (AdaptiveMix, Fig. 3b)."""
    return Circles("circles", tuple(radii), std)


def two_modes(distance: float = 4.0, std: float = 0.5, x: float = 2.0) -> Gaussians:
    """Two Gaussians, one above the other, at (x, +-distance/2) (KDD GAN, Fig. 3)."""
    return Gaussians("two_modes", torch.tensor([[x, distance / 2], [x, -distance / 2]]), std)


def points(xy, std: float = 0.05) -> Gaussians:
    """A distribution of your own: a Gaussian at each of the given points (M, 2).

    Points less than 4 std apart belong to one mode, as do points connected by a chain of these.

    >>> points([[0, 0], [0.1, 0], [2, 1]], std=0.05).group.tolist()
    [0, 0, 1]
    """
    centres = torch.as_tensor(xy, dtype=torch.float32)
    if centres.ndim != 2 or centres.shape[-1] != 2 or len(centres) == 0:
        raise ValueError(
            f"points of shape {tuple(centres.shape)}: expected (M, 2) with M >= 1, "
            "e.g. [[0, 0], [1, 2]]"
        )
    return Gaussians("points", centres, std, group=_linked(centres, 4 * std))


BY_NAME = {"ring": ring, "grid": grid, "nine": nine, "circles": circles, "two_modes": two_modes}


def by_name(name: str) -> Gaussians | Circles:
    """Return the distribution of that name with its defaults.

    Raises ValueError, which lists the known names.

    >>> by_name("nine").limit
    2.0
    """
    if name not in BY_NAME:
        raise ValueError(f"toy data {name!r} is unknown; known: {', '.join(BY_NAME)}")
    return BY_NAME[name]()


def choose(x: Tensor, n: int, rng: Rng) -> Tensor:
    """Return n different rows of x; with several seeds, each seed chooses its own."""
    return take_rows(x, rng.randperm(x.shape[-2])[..., :n])


def _square(reach: float | Tensor, std: float) -> float:
    """Return half the side of a square that shows centres up to `reach` and their noise."""
    return float(reach + 4 * std) * 1.15


def _squared_distances(x: Tensor, centres: Tensor) -> Tensor:
    return (x[..., None, :] - centres).square().sum(-1)


def _linked(x: Tensor, reach: float) -> Tensor:
    """Return the group of each point by single linkage, numbered 0, 1, ...

    Two points are in one group if a chain of steps shorter than `reach` connects them.
    """
    near = _squared_distances(x, x) < reach**2  # torch.cdist loses small distances to rounding
    label = torch.arange(len(x))
    while True:  # each point takes the least label within its reach until nothing changes
        least = torch.where(near, label, len(x)).amin(-1)
        if torch.equal(least, label):
            return torch.unique(label, return_inverse=True)[1]
        label = least
