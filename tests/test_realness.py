"""RealnessGAN's objective: its anchors and losses against NumPy, its noise, its maps."""

import math

import numpy as np
import pytest
import torch
from host import NoHostReads
from turns import F64, normal

from gantutor.descriptions import describe
from gantutor.nets import Critique
from gantutor.objectives import Realness
from gantutor.rng import Rng
from gantutor.turn import Turn


def outputs(*shape, seed=3):
    """What a critic's head puts out for a batch."""
    return normal(*shape, seed=seed)


def turn_of(player, real, fake, rng=0):
    """A turn whose critic put out these for reals and fakes."""
    real, fake = (None if v is None else Critique(v.mean(-1), v, v) for v in (real, fake))
    return Turn(player=player, D=None, rng=Rng(rng), real=real, fake=fake)


def anchor_by_hand(draws, k, shift):
    """NumPy's histogram, then the mass of each atom by hand to its two neighbours."""
    mass, target, gap = np.histogram(draws, k)[0] / len(draws), np.zeros(k), 2 / (k - 1)
    for atom, m in zip(np.linspace(-1, 1, k), mass, strict=True):
        at = (min(max(atom + shift, -1), 1) + 1) / gap
        low = min(int(np.floor(at + 1e-9)), k - 1)
        target[low] += m * (1 - (at - low))
        target[min(low + 1, k - 1)] += m * (at - low)
    return target


def log_softmax(v):
    return v - np.log(np.exp(v).sum(-1, keepdims=True))


def cross_entropy(target, v):
    return -(target * log_softmax(v)).sum(-1).mean()


@pytest.mark.parametrize(
    "k, real, fake", [(3, [0, 0.333, 0.667], [0.855, 0.145, 0]), (51, None, None), (4, None, None)]
)
def test_anchors_of_realness(k, real, fake):
    turns = [turn_of("d", None, None, seed) for seed in range(30)]
    up, down = (
        torch.stack([Realness(k).anchor(t, shift)[0] for t in turns]).mean(0) for shift in (1, -1)
    )
    for anchor in (up, down):
        assert anchor.shape == (k,) and (anchor >= 0).all()
        assert anchor.sum().item() == pytest.approx(1, abs=1e-5)
    if k == 3:  # spread of a single draw 0.017 and 0.054, of the mean of 30 a fifth
        assert np.allclose(up, real, atol=0.012)
        assert np.allclose(down, fake, atol=0.04)
    elif k == 51:  # half of all mass on the last outcome, the rest over the outer half
        assert up[-1].item() == pytest.approx(26 / 51, abs=0.02) and not up[:25].any()
        assert down[0].item() == pytest.approx(0.5, abs=0.06) and not down[26:].any()
        assert up[25:50].std() < 0.01 and down[1] > down[10] > down[20]  # flat, and a bell
    else:  # moved by one and a half outcomes
        assert np.allclose(up, [0, 1 / 8, 2 / 8, 5 / 8], atol=0.012)


@pytest.mark.parametrize("k", [2, 3, 4, 51])
def test_realness_equals_numpy(k):
    real, fake, within = outputs(6, k), outputs(5, k, seed=4), 1e-6
    if k == 51:
        within = 2e-3  # a draw may be on the edge of a bin
    # D's turn draws the anchor of the reals first, G's that of the fakes
    draws = Rng(0)
    ups, downs = 2 * draws.rand(1000) - 1, 0.1 * draws.randn(1000)
    up, down = anchor_by_hand(ups.numpy(), k, 1), anchor_by_hand(downs.numpy(), k, -1)
    want = cross_entropy(up, real.numpy()) + cross_entropy(down, fake.numpy())
    got = Realness(k).d_loss(turn_of("d", real, fake)).item()
    assert got == pytest.approx(want, abs=within)
    draws = Rng(0)
    downs, ups = 0.1 * draws.randn(1000), 2 * draws.rand(1000) - 1
    up, down = anchor_by_hand(ups.numpy(), k, 1), anchor_by_hand(downs.numpy(), k, -1)
    p_real = np.exp(log_softmax(real.numpy()))[:5]
    gains = {1: 0.0, 2: cross_entropy(p_real, fake.numpy()), 3: cross_entropy(up, fake.numpy())}
    for variant, gain in gains.items():
        got = Realness(k, variant).g_loss(turn_of("g", real[:5], fake)).item()
        assert got == pytest.approx(gain - cross_entropy(down, fake.numpy()), abs=within)


def test_reals_are_a_target_in_the_turn_of_g():
    real, fake = (outputs(5, 3, seed=seed).requires_grad_(True) for seed in (3, 4))
    loss = Realness(3).g_loss(turn_of("g", real, fake))
    to_real, to_fake = torch.autograd.grad(loss, [real, fake], allow_unused=True)
    assert to_real is None and to_fake.abs().max() > 0


def test_resampled_outcomes():
    k, n = 3, 40
    mean, log_variance = outputs(1, k), torch.tensor([[0.0, -1.0, 1.0]], dtype=F64)
    v = torch.cat([mean, log_variance], -1).expand(n, 2 * k)
    realness = Realness(k, resample=True)
    logits = realness._log_p(Critique(v.sum(-1), v, v), turn_of("d", None, None))
    eps = Rng(0).randn(n, k)
    want = log_softmax((mean + (log_variance / 2).exp() * eps).numpy())
    assert np.allclose(logits, want, atol=1e-12)
    # without any noise left, as without resampling
    still = torch.cat([mean, torch.full_like(mean, -80)], -1)
    got = realness._log_p(Critique(None, still, still), turn_of("d", None, None))
    assert np.allclose(got, log_softmax(mean.numpy()), atol=1e-12)


def test_maps_see_the_expected_outcome():
    v = torch.tensor([[0.0, 0.0, 0.0], [50.0, 0.0, 0.0], [0.0, 0.0, 50.0]], dtype=F64)
    realness, turn = Realness(3), turn_of("d", v, v)
    expected = realness.logit_at(Critique(None, v, v), turn)
    assert np.allclose(expected, [0, -1, 1], atol=1e-12)
    assert np.allclose(realness.logits(turn)[0], [0, -1, 1], atol=1e-12)
    assert realness.logits(turn_of("g", None, v))[0] is None
    noisy = Critique(None, v, torch.cat([v, v], -1))  # mean and log variance
    assert torch.equal(Realness(3, resample=True).logit_at(noisy, turn), expected)
    # gen leads towards the outcome 1
    x = v[:1].clone().requires_grad_(True)
    gen = realness.gen(realness.logit_at(Critique(None, x, x), turn))
    (g,) = torch.autograd.grad(gen.sum(), x)
    assert g[0, 0] > 0 > g[0, 2]


def test_realness_learns_to_tell_and_keeps_seeds_apart():
    v = torch.zeros(2, 8, 3, dtype=F64)
    blind = Realness(3).d_loss(turn_of("d", v, v, [0, 1]))
    assert blind.shape == (2,)
    assert torch.allclose(blind, torch.full((2,), 2 * math.log(3), dtype=F64))
    real, fake = outputs(8, 3), outputs(8, 3, seed=4)
    alone = Realness(3).d_loss(turn_of("d", real, fake, 1)).item()
    stacked = turn_of("d", torch.stack([real, real]), torch.stack([fake, fake]), [0, 1])
    assert Realness(3).d_loss(stacked)[1].item() == pytest.approx(alone, abs=1e-12)


def test_realness_says_what_it_needs_and_reads_nothing_on_the_host():
    real, fake = 2 * normal(2, 4)
    critiques = {"real": Critique(real, None), "fake": Critique(fake, None)}
    without_outputs = Turn(player="d", D=None, rng=Rng(0), **critiques)
    with pytest.raises(ValueError, match=r"no outputs.*Realness\(outcomes=51.*51"):
        Realness(51).d_loss(without_outputs)
    with pytest.raises(ValueError, match="3 outputs.*needs 6"):
        Realness(3, resample=True).g_loss(turn_of("g", outputs(4, 3), outputs(4, 3)))
    for bad in ({"outcomes": 1}, {"outcomes": 3, "variant": 4}):
        with pytest.raises(ValueError, match="outcomes="):
            Realness(**bad)
    with NoHostReads():
        Realness(3, 3, True).d_loss(turn_of("d", outputs(4, 6), outputs(4, 6)))
        Realness(3, 2, True).g_loss(turn_of("g", outputs(4, 6), outputs(4, 6)))
    fields = {"outcomes": 3, "variant": 2, "resample": False}
    assert describe(Realness(3)) == {"kind": "Realness", **fields}


def test_realness_is_the_same_under_autocast():
    real, fake = outputs(6, 51).float(), outputs(6, 51, seed=4).float()
    with torch.autocast("cpu", torch.bfloat16):
        got = Realness(51).d_loss(turn_of("d", real, fake))
    assert got.dtype == torch.float32
    assert torch.equal(got, Realness(51).d_loss(turn_of("d", real, fake)))
