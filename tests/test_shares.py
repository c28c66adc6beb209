"""The share of each mode is the probability of what `mode_of` returns, also where modes overlap."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import chi2, norm, rice

from gantutor import cells, toy


def scattered(m, seed):
    return torch.from_numpy(np.random.default_rng(seed).uniform(-1, 1, (m, 2))).float()


# groups of unequal size, whose members overlap with those of other groups
MIXED = toy.Gaussians("mixed", scattered(9, 0), 0.4, torch.tensor([0, 0, 0, 0, 1, 1, 2, 3, 3]))
OVERLAPPING = {
    "nine": toy.nine(std=0.5),
    "ring": toy.ring(modes=5, std=1.5),
    "scattered": toy.Gaussians("scattered", scattered(12, 1), 0.3),
    "unequal groups": MIXED,
    "points": toy.points([[0, 0], [0.3, 0], [0.6, 0], [1.2, 0.1], [0, 1.1]], std=0.2),
    "two circles": toy.circles((1.0, 1.5), std=0.4),
    "circles out of order": toy.Circles("circles", (1.2, 0.4, 0.8), 0.3, arcs=5),
    "a circle inside its noise": toy.Circles("circles", (0.1, 2.0), 1.0, arcs=3),
}


def p_value(world, shares, seed, n=400_000):
    """A chi-square test of the counts of n samples' modes against these shares."""
    counts = torch.bincount(world.mode_of(world.sample(n, seed)), minlength=len(shares))
    expected = n * shares.double()
    return chi2.sf(((counts - expected) ** 2 / expected).sum().item(), len(shares) - 1)


@pytest.mark.parametrize("world", OVERLAPPING.values(), ids=OVERLAPPING)
def test_shares_are_the_frequencies_of_modes(world):
    assert world.shares.double().sum() == pytest.approx(1, abs=1e-6)
    for seed in range(3):  # measured: the least of these 24 numbers is 0.004
        assert p_value(world, world.shares, seed) > 1e-4


@pytest.mark.parametrize("name", ["two circles", "circles out of order", "unequal groups"])
def test_weights_in_the_mixture_would_fail_that_test(name):
    world = OVERLAPPING[name]
    m = len(world.shares)
    weights = torch.full((m,), 1 / m) if name != "unequal groups" else torch.bincount(MIXED.group)
    assert p_value(world, weights / weights.sum(), 0) < 1e-12


@pytest.mark.parametrize("std", [0.02, 0.1, 0.3, 1.0, 10.0])
@pytest.mark.parametrize("radii", [(0.4, 0.8, 1.2), (1.0,), (0.05, 3.0), (2.0, 1.9, 0.5)])
def test_shares_of_circles_are_those_of_scipys_rice_distribution(radii, std):
    order = np.argsort(radii)
    ordered = np.array(radii)[order]
    edges = np.concatenate([[0], (ordered[1:] + ordered[:-1]) / 2, [np.inf]])
    want = np.empty(len(radii))
    below = [rice.cdf(edges, r / std, scale=std) for r in radii]
    want[order] = np.diff(np.mean(below, 0))
    world = toy.circles(radii, std)
    assert world.shares.double().reshape(len(radii), 12) == pytest.approx(
        np.repeat(want[:, None] / 12, 12, 1), abs=1e-7
    )


def test_shares_of_a_grid_are_products_of_normal_probabilities():
    axis, std = torch.arange(-2.0, 3.0), 0.7
    edges = np.array([-np.inf, -1.5, -0.5, 0.5, 1.5, np.inf])
    one = np.diff(norm.cdf((edges[:, None] - axis.numpy()) / std).mean(1))
    found = cells.cell_shares(torch.cartesian_prod(axis, axis), std)
    assert found.numpy() == pytest.approx(np.outer(one, one).ravel(), abs=1e-12)


@pytest.mark.parametrize("std", [0.3, 1.0, 3.0])
def test_three_centres_in_a_row_of_two_groups(std):
    """Only the border at x = 1.5 separates the groups; it leaks to both sides unequally."""
    row = torch.tensor([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    world = toy.Gaussians("row", row, std, torch.tensor([0, 0, 1]))
    beyond = norm.sf((1.5 - np.arange(3)) / std).mean()
    assert world.shares.tolist() == pytest.approx([1 - beyond, beyond], abs=1e-7)


def test_symmetric_modes_have_equal_shares_whatever_their_noise():
    for std in (0.1, 1.0, 10.0):
        assert toy.ring(std=std).shares.tolist() == pytest.approx([1 / 8] * 8, abs=1e-7)
        assert toy.two_modes(std=std).shares.tolist() == pytest.approx([0.5] * 2, abs=1e-7)


def test_shares_of_the_papers_worlds_are_exactly_equal():
    for name in toy.BY_NAME:
        world = toy.by_name(name)
        m = len(world.modes)
        assert torch.equal(world.shares, torch.full((m,), 1 / m))


def test_of_equal_centres_and_radii_the_first_has_the_share():
    twice = torch.tensor([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    left = (2 * norm.cdf(0.5 / 0.8) + norm.cdf(-0.5 / 0.8)) / 3
    assert cells.cell_shares(twice, 0.8).tolist() == pytest.approx([left, 0, 1 - left])
    world = toy.Circles("circles", (1.0, 1.0, 2.0), 0.01, arcs=1)
    assert world.shares.tolist() == pytest.approx([2 / 3, 0, 1 / 3])
    assert world.mode_of(torch.tensor([[1.0, 0.0], [0.0, 2.0]])).tolist() == [0, 2]


def test_owens_function_is_scipys():
    from scipy.special import owens_t

    rng = np.random.default_rng(0)
    h = rng.exponential(2, 2000) * rng.choice([1, 1e-3], 2000)
    slope = rng.standard_normal(2000) * rng.choice([0.1, 1, 30], 2000)
    assert cells._owen(h, slope * h) == pytest.approx(owens_t(h, slope), abs=1e-14)


def test_a_corner_cell_of_a_square_is_a_quarter():
    """A triangle, an unbounded cell and a centre on a cell's border line, by symmetry."""
    square = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0], [0.0, 0.0]])
    for std in (0.2, 1.0, 5.0):
        shares = cells.cell_shares(square, std)
        assert shares[:4].tolist() == pytest.approx([(1 - shares[4].item()) / 4] * 4, abs=1e-12)
        # the middle cell is the square |x| + |y| < 1, a rotated one of half side 1/sqrt(2)
        half = 1 / math.sqrt(2)
        inner = (2 * norm.cdf(half / std) - 1) ** 2
        side = norm.cdf(half / std) - norm.cdf(-half / std)
        outer = (norm.cdf(3 * half / std) - norm.cdf(half / std)) * side
        assert shares[4].item() == pytest.approx((inner + 4 * outer) / 5, abs=1e-12)
