"""Distributions on the plane: densities, samples, modes and seeds, against scipy and quadrature."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import chi2, multivariate_normal

from gantutor import toy
from gantutor.rng import Rng, take_rows

WORLDS = {
    "ring": toy.ring(std=0.2),
    "grid": toy.grid(std=0.2),
    "nine": toy.nine(),
    "circles": toy.circles(std=0.05),
    "two_modes": toy.two_modes(),
    "points": toy.points([[0, 0], [0.3, 0.1], [2, -1]], std=0.1),
}
EACH = pytest.mark.parametrize("world", list(WORLDS.values()), ids=list(WORLDS))


def places(n=200, spread=2.0, seed=0):
    return spread * torch.randn(
        n, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )


@EACH
def test_density_integrates_to_one(world):
    reach = world.modes.abs().max().item() + 8 * world.std
    # the trapezoid rule is exact to 1e-12 for a Gaussian at steps below std / 2
    n = int(2 * reach / (world.std / 2.5)) + 2
    axis = torch.linspace(-reach, reach, n, dtype=torch.float64)
    step = (axis[1] - axis[0]).item()
    columns = (torch.stack([x.expand(n), axis], -1) for x in axis)
    total = sum(world.log_density(column).exp().sum().item() for column in columns) * step**2
    assert total == pytest.approx(1, abs=1e-6)  # centres are float32


@EACH
def test_log_density_equals_an_independent_form(world):
    x = places()
    if isinstance(world, toy.Gaussians):
        centres, covariance = world.centres.double().numpy(), world.std**2 * np.eye(2)
        parts = [multivariate_normal(c, covariance).logpdf(x.numpy()) for c in centres]
        want = np.logaddexp.reduce(parts, 0) - math.log(len(parts))
    else:  # a Gaussian at each of many points of each circle
        angle = np.arange(4000) * 2 * np.pi / 4000
        unit = np.stack([np.cos(angle), np.sin(angle)], -1)
        rim = np.concatenate([r * unit for r in np.float32(world.radii).astype(float)])
        squared = ((x.numpy()[:, None] - rim) ** 2).sum(-1)
        norm = np.log(len(rim) * 2 * np.pi * world.std**2)
        want = np.logaddexp.reduce(-squared / (2 * world.std**2), 1) - norm
    assert np.allclose(world.log_density(x), want, rtol=1e-9, atol=1e-9)
    assert world.log_density(x.reshape(4, 50, 2)).shape == (4, 50)
    # float32 against float64: squares over 2 std^2 up to 1e5 with 1e-7 each
    assert np.allclose(world.log_density(x.float()), want, rtol=1e-4, atol=1e-3)


def test_density_far_away_is_finite():
    for world in (toy.ring(std=0.001), toy.circles(std=0.001)):
        assert torch.isfinite(world.log_density(torch.tensor([[50.0, 50.0], [0.0, 0.0]]))).all()


@EACH
def test_samples_fill_the_modes_evenly(world):
    n, few = 20000, 1e-4
    for seed in range(3):
        x = world.sample(n, seed)
        shares = torch.bincount(world.mode_of(x), minlength=len(world.modes)).double() / n
        weight = world.shares.double()
        # a chi-squared test of the counts; 1e-4 for each of 18 draws
        assert chi2.sf((n * (shares - weight) ** 2 / weight).sum().item(), len(shares) - 1) > few


@EACH
def test_samples_have_the_mean_and_spread_of_the_density(world):
    n = 20000
    for seed in range(3):
        x = world.sample(n, seed).double()
        centres = world.centres.double() if isinstance(world, toy.Gaussians) else None
        if centres is None:
            mean, variance = torch.zeros(2), np.mean(np.square(world.radii)) / 2 + world.std**2
        else:
            mean, variance = centres.mean(0), centres.var(0, correction=0) + world.std**2
        assert (((x.mean(0) - mean) / (x.std(0) / n**0.5)).abs() < 5).all()
        fourth = ((x - x.mean(0)) ** 2).var(0) ** 0.5 / n**0.5
        assert ((x.var(0) - variance).abs() < 5 * fourth).all()


@EACH
def test_mean_log_density_of_samples_is_minus_the_entropy(world):
    """Samples and density belong together: E log p by samples, against p log p over a grid."""
    x = world.sample(20000, 0).double()
    values = world.log_density(x)
    reach = world.modes.abs().max().item() + 7 * world.std
    n = int(2 * reach / (world.std / 2)) + 2
    axis = torch.linspace(-reach, reach, n, dtype=torch.float64)
    want = 0.0
    for x0 in axis:
        log_p = world.log_density(torch.stack([x0.expand(n), axis], -1))
        want += (log_p.exp() * log_p).sum().item() * (axis[1] - axis[0]).item() ** 2
    assert abs(values.mean().item() - want) < 5 * values.std().item() / 20000**0.5


@pytest.mark.parametrize(
    "name, n_modes", [("ring", 8), ("grid", 25), ("nine", 9), ("two_modes", 2), ("circles", 36)]
)
def test_modes_and_distance(name, n_modes):
    world = toy.by_name(name)
    assert world.modes.shape == (n_modes, 2)
    assert world.mode_of(world.modes).tolist() == list(range(n_modes))
    assert world.distance(world.modes).max() < 1e-4
    outwards = world.modes / world.modes.norm(dim=-1, keepdim=True)
    direction = torch.tensor([1.0, 0.0]) if isinstance(world, toy.Gaussians) else outwards
    away = world.distance(world.modes + 3 * world.std * direction)
    # single precision: coordinates of 4 in units of std 0.02
    assert torch.allclose(away, torch.tensor(3.0), atol=1e-3)
    x = world.sample(500, 0)
    assert torch.equal(world.mode_of(x), nearest(world, x))


def nearest(world, x):
    if isinstance(world, toy.Gaussians):
        return torch.cdist(x, world.modes, compute_mode="donot_use_mm_for_euclid_dist").argmin(-1)
    ring = (x.norm(dim=-1)[:, None] - torch.tensor(world.radii)).abs().argmin(-1)
    unit = x / x.norm(dim=-1, keepdim=True)
    middles = world.modes[: world.arcs] / world.radii[0]
    return ring * world.arcs + (unit @ middles.T).argmax(-1)


def test_shares():
    assert WORLDS["points"].shares.tolist() == pytest.approx([2 / 3, 1 / 3])
    assert toy.grid().shares.tolist() == pytest.approx([1 / 25] * 25)
    assert toy.circles().shares.tolist() == pytest.approx([1 / 36] * 36)


def test_distance_of_samples_is_rayleigh():
    for seed in range(3):
        d = toy.ring().sample(20000, seed)
        share = (toy.ring().distance(d) < 3).double().mean().item()
        want = 1 - math.exp(-4.5)
        assert abs(share - want) < 5 * (want * (1 - want) / 20000) ** 0.5


def test_points_in_reach_are_one_mode():
    chain = [[0.0, 0.0], [0.39, 0.0], [5.0, 5.0], [0.78, 0.0], [0.78, 0.41]]  # reach is 0.4
    world = toy.points(chain, std=0.1)
    assert world.group.tolist() == [0, 0, 1, 0, 2] and len(world.modes) == 3
    assert torch.allclose(world.modes[0], torch.tensor([0.39, 0.0]), atol=1e-6)
    assert world.modes[1].tolist() == [5.0, 5.0]
    assert world.mode_of(torch.tensor([[0.8, -0.1], [4.0, 4.0], [0.8, 0.5]])).tolist() == [0, 1, 2]
    assert toy.points(chain, std=1.9).group.tolist() == [0] * 5
    assert toy.points(chain, std=0.01).group.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("m", [12, 60])
def test_linkage_equals_a_search_by_hand(m):
    for seed in range(5):
        xy = places(m, 1.0, seed).float()
        got = toy.points(xy, std=0.05).group
        left, groups = set(range(m)), []
        while left:
            todo, group = [min(left)], set()
            while todo:
                i = todo.pop()
                group.add(i)
                todo += [j for j in left - group if math.dist(xy[i], xy[j]) < 0.2]
            groups.append(group)
            left -= group
        assert [set((got == i).nonzero().flatten().tolist()) for i in range(len(groups))] == groups


def test_linkage_of_many_near_points_far_from_0():
    xy = 100 + 1e-3 * torch.arange(60)[:, None].float() * torch.ones(2)
    assert len(toy.points(xy, std=1e-4).modes) == 60 and len(toy.points(xy, std=1e-3).modes) == 1


@EACH
def test_seeds(world):
    many = world.sample(50, Rng([3, 4, 5]))
    assert many.shape == (3, 50, 2) and many.dtype == torch.float32
    for i, seed in enumerate((3, 4, 5)):
        assert torch.equal(many[i], world.sample(50, Rng(seed)))
        assert torch.equal(many[i], world.sample(50, seed))
        assert torch.equal(many[i], world.sample(50, torch.Generator().manual_seed(seed)))
    assert torch.equal(many, world.sample(50, [3, 4, 5])) and not torch.equal(many[0], many[1])
    rng = Rng(0)
    assert not torch.equal(world.sample(50, rng), world.sample(50, rng))  # the same Rng goes on


def test_sampling_leaves_the_global_random_state_alone():
    before = torch.random.get_rng_state()
    for world in WORLDS.values():
        world.sample(10, [0, 1])
    assert torch.equal(torch.random.get_rng_state(), before)


def test_choose_takes_rows_without_repetition():
    x = torch.arange(20.0).reshape(10, 2)
    one = toy.choose(x, 6, Rng(0))
    assert len({tuple(r) for r in one.tolist()}) == 6
    many = toy.choose(torch.stack([x, x]), 6, Rng([0, 1]))
    assert torch.equal(many[0], one) and torch.equal(many[1], toy.choose(x, 6, Rng(1)))


def draws(rng):
    return [
        rng.randn(3),
        rng.rand(3),
        rng.randint(9, 3),
        rng.randperm(5),
        rng.beta(2.0, 4),
        rng.beta(1.0, 4),
    ]


def test_rng():
    with pytest.raises(ValueError, match="seeds=\\[\\]"):
        Rng([])
    with pytest.raises(ValueError, match="\\[0, 1\\]"):
        Rng([0, 2]).load_state_dict(Rng([0, 1]).state_dict())
    rng, saved = Rng([0, 1]), Rng([0, 1]).state_dict()
    first = draws(rng)
    for i in range(2):
        assert all(torch.equal(a[i], b) for a, b in zip(first, draws(Rng(i)), strict=True))
    rng.load_state_dict(saved)
    assert torch.equal(rng.randn(3), first[0]) and Rng.of(rng) is rng
    x = torch.arange(12.0).reshape(2, 3, 2)
    assert take_rows(x, torch.tensor([[2, 0], [1, 1]])).tolist() == [
        [[4.0, 5.0], [0.0, 1.0]],
        [[8.0, 9.0], [8.0, 9.0]],
    ]


@pytest.mark.parametrize(
    "make, quoted",
    [
        (lambda: toy.by_name("moons"), "'moons'"),
        (lambda: toy.ring(modes=0), "modes=0"),
        (lambda: toy.ring(std=0), "std=0"),
        (lambda: toy.grid(std=-1.0), "std=-1.0"),
        (lambda: toy.nine(std=float("nan")), "std=nan"),
        (lambda: toy.points([]), "points of shape"),
        (lambda: toy.points([[0, 0]], 0), "std=0"),
        (lambda: toy.grid(side=0), "side=0"),
        (lambda: toy.Gaussians("g", torch.zeros(0, 2), 1.0), r"\(0, 2\)"),
        (lambda: toy.points([[1, 2, 3]]), r"\(1, 3\)"),
        (lambda: toy.points([[0, float("nan")]]), "NaN"),
        (lambda: toy.circles(()), r"radii=\(\)"),
        (lambda: toy.circles((0.4, -1.0)), "-1.0"),
        (lambda: toy.circles(std=0.0), "std=0.0"),
        (lambda: toy.Circles("c", (1.0,), 0.1, arcs=0), "arcs=0"),
    ],
)
def test_bad_input_is_quoted(make, quoted):
    with pytest.raises(ValueError, match=quoted):
        make()


def test_by_name_has_every_world():
    assert all(toy.by_name(name).sample(3, 0).shape == (3, 2) for name in toy.BY_NAME)


WIDE = {
    "nine": toy.nine(std=0.6),
    "circles": toy.circles((1.0, 4.0), std=0.3),
    "noisy circles": toy.circles(std=0.5),
    "circles made by hand": toy.Circles("rings", (5.0, 2.0), 0.1),
}


@pytest.mark.parametrize("world", [*WORLDS.values(), *WIDE.values()], ids=[*WORLDS, *WIDE])
def test_the_square_to_draw_holds_the_data(world):
    assert world.sample(2000, 0).abs().max() < world.limit


def test_the_square_of_the_papers_worlds_stays_as_it_was():
    assert toy.nine().limit == toy.circles().limit == 2.0
    assert toy.Circles("rings", (5.0,), 0.1, limit=1.0).limit == 1.0  # what is asked for is kept
    assert toy.circles((3.0,), 0.1).limit == pytest.approx((3.0 + 4 * 0.1) * 1.15)
    assert toy.nine(0.5).limit == pytest.approx((1.0 + 4 * 0.5) * 1.15)
