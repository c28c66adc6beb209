"""Limits and identities of KDD's log-ratio, and of the losses made of it."""

import numpy as np
import pytest
import torch
from critics import sets, turn_of
from torch.nn.functional import normalize
from turns import normal

from gantutor.methods.kdd import KDD, log_ratio


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("tau", [0.05, 1.0, 2.0])
def test_bounds_and_linear_regime(tau, positive):
    bound = (1 if positive else 2) / tau
    for seed in range(5):
        r, f = sets(seed=seed)
        if positive:
            r, f = r.abs(), f.abs()
        turn = turn_of("d", r, f)
        at_reals, at_fakes = KDD(tau).logits(turn)
        both = torch.cat([at_reals, at_fakes])
        points = normalize(torch.cat([r, f]), dim=-1)
        s = points @ points.T / tau
        s_r, s_g = s[:, : len(r)], s[:, len(r) :]
        assert (both >= s_r.amin(-1) - s_g.amax(-1) - 1e-9).all()
        assert (both <= s_r.amax(-1) - s_g.amin(-1) + 1e-9).all()
        assert both.abs().max() <= bound + 1e-9
        loss = KDD(tau).d_loss(turn).item()
        if bound <= 1:  # the hinge never clips
            linear = 2 + at_fakes.mean() - at_reals.mean()
            assert loss == pytest.approx(linear.item(), abs=1e-12)
        assert loss >= 2 * max(0, 1 - bound) - 1e-9


def test_large_tau_is_a_linear_critic_and_unbiased_mmd():
    r, f = sets(m=6, n=6, unit=True)
    x, tau = normalize(normal(9, 4, seed=1), dim=-1), 1e5
    others = ~torch.eye(6, dtype=torch.bool)
    rr, gg, rg = (r @ r.T)[others].mean(), (f @ f.T)[others].mean(), (r @ f.T).mean()
    # the next order is 1/tau
    assert torch.allclose(tau * log_ratio(x, r, f, tau), x @ (r.mean(0) - f.mean(0)), atol=5 / tau)
    in_d, in_g = KDD(tau).d_loss(turn_of("d", r, f)), KDD(tau).g_loss(turn_of("g", r, f))
    assert (tau * (2 - in_d)).item() == pytest.approx((rr + gg - 2 * rg).item(), abs=10 / tau)
    assert (-tau * in_g).item() == pytest.approx((rg - gg).item(), abs=10 / tau)


def test_small_tau_is_the_nearest_neighbour():
    r, f = sets(unit=True)
    x, tau = sets(seed=9, unit=True)[0], 1e-4
    want = (x @ r.T).amax(-1) - (x @ f.T).amax(-1)
    # logsumexp and log M are within tau log M each
    assert torch.allclose(tau * log_ratio(x, r, f, tau), want, atol=5 * tau)


def test_one_anchor_each_is_linear():
    r, f = sets(1, 1, unit=True)
    x = sets(seed=3, unit=True)[0].requires_grad_(True)
    value = log_ratio(x, r, f, 0.7)
    assert torch.allclose(value, x @ (r - f)[0] / 0.7, atol=1e-12)
    (slope,) = torch.autograd.grad(value.sum(), x)
    assert torch.allclose(slope, ((r - f) / 0.7).expand_as(x), atol=1e-12)
    at_reals, _ = KDD(0.7, leave_one_out="none").logits(turn_of("d", r, f))
    assert torch.allclose(at_reals, (r @ (r - f)[0]) / 0.7, atol=1e-12)


@pytest.mark.parametrize("kernel", ["vmf", "gauss"])
def test_the_same_anchors_on_both_sides_give_a_ratio_of_one(kernel):
    r = sets()[0].requires_grad_(True)
    kdd = KDD(0.5, kernel, "none", anchor_grad_d=False, anchor_grad_g=False)
    assert kdd.d_loss(turn_of("d", r, r)).item() == pytest.approx(2, abs=1e-12)
    loss = kdd.g_loss(turn_of("g", r, r))
    assert abs(loss.item()) < 1e-12
    assert torch.autograd.grad(loss, r)[0].abs().max() < 1e-12


def test_exact_copies_are_rewarded_in_spite_of_leave_one_out():
    r, _ = sets(m=8, unit=True)
    tau, m = 0.5, 8
    e = torch.exp(r @ r.T / tau)
    rest = e.sum(-1) - e.diagonal()
    want = ((np.exp(1 / tau) + rest) / m).log() - (rest / (m - 1)).log()
    _, got = KDD(tau).logits(turn_of("g", r, r))
    assert torch.allclose(got, want, atol=1e-12) and (got > 0).all()
    same = np.log((m - 1) / m) + torch.log1p(np.exp(1 / tau) / rest)
    assert torch.allclose(got, same, atol=1e-12)


@pytest.mark.parametrize("tau", [0.05, 1.0, 5.0])
def test_collapsed_sets(tau):
    e = torch.eye(4, dtype=torch.float64)
    r, kdd = e[0].expand(6, 4), KDD(tau)
    for f, top in ((r, 0.0), (e[1].expand(5, 4), 1.0), (-r, 2.0)):  # equal, orthogonal, antipodal
        in_d, in_g = turn_of("d", r, f), turn_of("g", r, f)
        at_reals, at_fakes = kdd.logits(in_d)
        assert torch.allclose(at_reals, torch.full_like(at_reals, top / tau))
        assert torch.allclose(at_fakes, torch.full_like(at_fakes, -top / tau))
        assert kdd.d_loss(in_d).item() == pytest.approx(2 * max(0, 1 - top / tau), abs=1e-12)
        assert kdd.g_loss(in_g).item() == pytest.approx(top / tau, abs=1e-12)


def test_equal_distributions():
    losses = []
    for seed in range(20):
        r, f = torch.randn(2, 64, 256, generator=torch.Generator().manual_seed(seed))
        in_d, in_g = KDD().d_loss(turn_of("d", r, f)), KDD().g_loss(turn_of("g", r, f))
        losses.append([in_d.item() - 2, in_g.item()])
    # measured over 60 draws: spreads 0.0030 and 0.0017 around 0; the bounds are five of them, for
    # one draw and for the mean of 20
    assert (np.abs(losses).max(0) < [0.015, 0.0085]).all()
    assert (np.abs(np.mean(losses, 0)) < [0.0034, 0.0019]).all()


def test_symmetries():
    r, f = sets(m=6, n=6)
    kdd, x = KDD(0.3), sets(seed=2, unit=True)[0]
    q = torch.linalg.qr(normal(4, 4, seed=4)).Q
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    permuted = r[order], f[order.flip(0)]
    a, b = kdd.logits(turn_of("d", r, f))
    cases = {
        "rotated": ((r @ q, f @ q), (a, b)),
        "scaled": ((3 * r, 0.2 * f), (a, b)),
        "permuted": (permuted, (a[order], b[order.flip(0)])),
        "swapped": ((f, r), (-b, -a)),
    }
    for name, (moved, want) in cases.items():
        for got, logits in zip(kdd.logits(turn_of("d", *moved)), want, strict=True):
            assert torch.allclose(got, logits, atol=1e-12), name
    loss, swapped = kdd.d_loss(turn_of("d", r, f)), kdd.d_loss(turn_of("d", f, r))
    assert swapped.item() == pytest.approx(loss.item(), abs=1e-12)
    assert torch.allclose(log_ratio(x, r, f, 0.3), log_ratio(x, *permuted, 0.3), atol=1e-12)
    # the Gaussian sees lengths
    near, _ = KDD(0.3, "gauss").logits(turn_of("d", r, f))
    far, _ = KDD(0.3, "gauss").logits(turn_of("d", 3 * r, f))
    assert not torch.allclose(near, far)


@pytest.mark.parametrize("tau", [0.1, 1.0])
def test_gauss_equals_vmf_on_the_sphere(tau):
    turn = turn_of("d", *sets(unit=True))
    for x, y in zip(KDD(tau).logits(turn), KDD(tau, "gauss").logits(turn), strict=True):
        assert torch.allclose(x, y, atol=1e-12)


def test_duplicated_anchors_change_nothing():
    r, f = sets()
    x = sets(seed=5)[0]
    want, thrice = log_ratio(x, r, f, 0.4), r.repeat(3, 1)
    assert torch.allclose(log_ratio(x, thrice, f.repeat(3, 1), 0.4), want, atol=1e-12)
    # on one side alone neither: the weights of each side are uniform
    assert torch.allclose(log_ratio(x, thrice, f, 0.4), want, atol=1e-12)


@pytest.mark.parametrize("kernel", ["vmf", "gauss"])
def test_tiny_temperature_is_stable(kernel):
    noise = torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(0))
    r, f = torch.ones(6, 8) + 1e-3 * noise
    if kernel == "gauss":
        f = f + 5.0  # Gaussians far apart underflow when exponentiated
    f.requires_grad_(True)
    loss = KDD(1e-3, kernel).g_loss(turn_of("g", r, f))
    assert torch.isfinite(loss)
    assert torch.isfinite(torch.autograd.grad(loss, f)[0]).all()
