"""AdvLatGAN-div: hard pairs of latents and the mode-seeking term."""

import pytest
import torch
from scored import latents, normed
from searches import smooth

from gantutor import toy
from gantutor.methods.pairs import HardPairs, ModeSeeking, pair_ratio
from gantutor.recipes import TOY
from gantutor.rng import Rng
from gantutor.step import make_fakes
from gantutor.train import Run
from gantutor.turn import Turn


# -- the ratio and the search ----------------------------------------------------------------------
def test_pair_ratio_by_hand():
    x1, x2 = torch.tensor([[0.0, 0.0], [1.0, 1.0]]), torch.tensor([[1.0, 3.0], [1.0, 5.0]])
    z1, z2 = torch.zeros(2, 4), torch.tensor([[1.0, -1.0, 1.0, 1.0], [0.5, 0.5, -0.5, 0.5]])
    pairs = x1, x2, z1, z2
    assert pair_ratio(*pairs).item() == pytest.approx(2.0 / 0.75)
    assert pair_ratio(*pairs, 1.0).item() == pytest.approx(2.0 / 1.75)
    assert pair_ratio(*pairs, per_sample=True).tolist() == pytest.approx([2.0, 4.0])
    # Euclidean: distances 10^.5 and 4 of the images, 2 and 1 of the latents
    assert pair_ratio(*pairs, norm="l2").item() == pytest.approx((10**0.5 + 4) / 3)
    assert pair_ratio(*pairs, 1.0, norm="l2").item() == pytest.approx((10**0.5 + 4) / 5)
    by_sample = pair_ratio(*pairs, per_sample=True, norm="l2").tolist()
    assert by_sample == pytest.approx([10**0.5 / 2, 4.0])
    with pytest.raises(ValueError, match="norm='max'"):
        pair_ratio(*pairs, norm="max")


def ratios(pairs, seed=0, n=32):
    """The ratio of each pair (steps + 1, n), before the first step of a search and after each."""
    G, _ = smooth(seed)
    z1 = latents(n, seed=seed + 10)
    with torch.no_grad():
        path = pairs.path(z1, G, Rng(seed))
        found = [pair_ratio(G(z1), G(z2), z1, z2, pairs.offset, True) for z2 in path]
    return torch.stack(found)


@pytest.mark.parametrize("per_sample", [True, False])
@pytest.mark.parametrize("offset", [0.0, 1.0])
@pytest.mark.parametrize("direction", [-1, 1])
def test_the_search_lowers_or_raises_the_ratio(direction, offset, per_sample):
    pairs = HardPairs(steps=10, direction=direction, offset=offset, per_sample=per_sample)
    for seed in range(3):
        r = ratios(pairs, seed)
        by_batch = r.mean(-1)
        # measured over ten seeds: ten steps change the ratio by 38 to 112 %
        assert direction * (by_batch[-1] / by_batch[0] - 1) > 0.2
        assert len(r) == 11


def test_no_steps_are_the_control_without_a_search():
    G, _ = normed()
    z1 = latents()
    start, *_ = HardPairs(steps=3).path(z1, G, Rng(0))
    calls = []
    z2 = HardPairs(steps=0)(z1, calls.append, Rng(0))
    assert torch.equal(z2, start) and calls == []  # G is not even asked
    # 48 normals: standard error 0.1
    assert ((z2 - z1) / 0.08).std().item() == pytest.approx(1, abs=0.4)
    moved = HardPairs(std=0.08, eps=0.004, steps=3)(z1, G, Rng(0)) - start
    assert 0 < moved.abs().max() <= 0.012 + 1e-6 and not moved.requires_grad


def test_how_far_neighbours_and_independent_partners_are():
    """The mean absolute difference is std sqrt(2 / pi), and 2 / sqrt(pi) between independent z."""
    z1 = latents(4000, 8)
    for std, far in ((0.08, 0.0638), (None, 1.128)):
        z2 = HardPairs(std=std, steps=0)(z1, None, Rng(0))
        # 32000 numbers: standard error 0.4 %
        assert (z2 - z1).abs().mean().item() == pytest.approx(far, rel=0.03)
    assert torch.equal(HardPairs(std=None, steps=0)(z1, None, Rng(0)), Rng(0).randn(4000, 8))


def test_hard_pairs_leave_g_as_found():
    G, _ = normed()
    before = {k: v.clone() for k, v in G.state_dict().items()}
    HardPairs()(latents(), G, Rng(0))
    assert all(torch.equal(v, before[k]) for k, v in G.state_dict().items()) and G.training
    assert all(p.grad is None for p in G.parameters())


@pytest.mark.parametrize(
    "bad, quoted",
    [
        ({"steps": -1}, "steps=-1"),
        ({"eps": -1.0}, "eps=-1.0"),
        ({"std": 0.0}, "std=0.0"),
        ({"direction": 0}, "direction=0"),
    ],
)
def test_bad_pairs_are_quoted(bad, quoted):
    with pytest.raises(ValueError, match=quoted):
        HardPairs(**bad)


# -- the mode-seeking term -------------------------------------------------------------------------
def turn_of(z, x, player="g", seed=0):
    return Turn(player=player, D=None, rng=Rng(seed), z=z, x_fake=x)


def test_mode_seeking_by_hand():
    z = torch.tensor([[0.0, 0.0], [1.0, 1.0], [1.0, -1.0], [1.0, 2.0]])  # pairs (0, 2), (1, 3)
    x = torch.tensor([[0.0], [2.0], [1.0], [5.0]])
    ratio = ((1 + 3) / 2) / ((1 + 1 + 0 + 1) / 4)
    want = pytest.approx(0.5 / (ratio + 1e-5), rel=1e-6)
    assert ModeSeeking(0.5).g_loss(turn_of(z, x)).item() == want
    negative = ModeSeeking(0.5, negative_ratio=True).g_loss(turn_of(z, x)).item()
    assert negative == pytest.approx(-0.5 * ratio, rel=1e-6)
    assert ModeSeeking().d_loss(turn_of(z, x, "d")) is None
    images = x.reshape(4, 1, 1, 1).expand(4, 3, 2, 2)
    assert ModeSeeking().g_loss(turn_of(z, images)).item() == want
    # two seeds: the latents of the second are twice as far apart
    both = turn_of(torch.stack([z, 2 * z]), torch.stack([x, x]), seed=[0, 1])
    want = [0.5 / (ratio + 1e-5), 0.5 / (ratio / 2 + 1e-5)]
    assert ModeSeeking().g_loss(both).tolist() == pytest.approx(want, rel=1e-6)


@pytest.mark.parametrize("d_uses_pair", [True, False])
@pytest.mark.parametrize("seed", [0, [0, 1]])
def test_mode_seeking_latents_in_both_turns(d_uses_pair, seed):
    term = ModeSeeking(pairs=HardPairs(std=0.08, steps=2), d_uses_pair=d_uses_pair)
    run = Run(TOY.but(terms=(term,), batch=16), toy.ring(), seed)
    axis, in_d = run.rng.axis, 32 if d_uses_pair else 16
    assert make_fakes(run, "d").z.shape[axis] == in_d
    z = make_fakes(run, "g").z
    assert z.shape[axis] == 32 and not z.requires_grad
    z1, z2 = z.chunk(2, axis)
    assert 0.03 < (z1 - z2).abs().mean() < 0.1
    list(run.steps(2))
    assert torch.isfinite(run.g_loss).all() and run.turn.x_fake.shape[axis] == in_d
