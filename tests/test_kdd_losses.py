"""KDD's losses and their gradients, against NumPy and closed forms in doubles."""

import kdd_by_hand
import numpy as np
import pytest
import torch
from critics import Identity, sets, turn_of
from kdd_by_hand import anchors, log_ratio_at, unit
from turns import loss_of

from gantutor.methods.kdd import KDD, log_kernels
from gantutor.objectives import Hinge


@pytest.mark.parametrize("kernel", ["vmf", "gauss"])
def test_log_kernels(kernel):
    x, a = sets()
    want = kdd_by_hand.kernels(x.numpy(), a.numpy(), 0.7, kernel)
    assert np.allclose(log_kernels(x, a, 0.7, kernel), want, atol=1e-12)


def test_unknown_kernel_is_quoted():
    with pytest.raises(ValueError, match="'rbf'"):
        log_kernels(*sets(), kernel="rbf")


@pytest.mark.parametrize("kernel", ["vmf", "gauss"])
@pytest.mark.parametrize("tau", [0.3, 1.0, 5.0])
def test_losses_equal_plain_numpy(kernel, tau):
    r, f = sets(unit=kernel == "vmf")
    want = kdd_by_hand.losses(r.numpy(), f.numpy(), tau, kernel)
    kdd, in_d, in_g = KDD(tau, kernel), turn_of("d", r, f), turn_of("g", r, f)
    at_reals, at_fakes = kdd.logits(in_d)
    assert np.allclose(at_reals, want.l_r, atol=1e-12)
    assert np.allclose(at_fakes, want.l_g, atol=1e-12)
    assert kdd.d_loss(in_d).item() == pytest.approx(want.d, abs=1e-12)
    assert kdd.logits(in_g)[0] is None
    assert kdd.g_loss(in_g).item() == pytest.approx(want.g, abs=1e-12)


def through_the_norm(d, v):
    """dL/dv of vectors v whose directions v / |v| have the gradient d: (I - phi phi^T) d / |v|."""
    phi = unit(v)
    along = (d * phi).sum(-1, keepdims=True) * phi
    return (d - along) / np.linalg.norm(v, axis=-1, keepdims=True)


@pytest.mark.parametrize("anchor_grad", [True, False])
@pytest.mark.parametrize("player", ["d", "g"])
@pytest.mark.parametrize("kernel", ["vmf", "gauss"])
@pytest.mark.parametrize("tau", [0.1, 1.0])
def test_gradients_equal_the_closed_forms(kernel, player, anchor_grad, tau):
    r, f = (v.requires_grad_(True) for v in sets())
    kdd = KDD(tau, kernel, anchor_grad_d=anchor_grad, anchor_grad_g=anchor_grad)
    loss = loss_of(kdd, turn_of(player, r, f))
    got_f, got_r = torch.autograd.grad(loss, [f, r], allow_unused=True)
    v_f, v_r = f.detach().numpy(), r.detach().numpy()
    phi_f, phi_r = (unit(v_f), unit(v_r)) if kernel == "vmf" else (v_f, v_r)
    want_f, want_r = kdd_by_hand.gradients(player, phi_r, phi_f, tau, kernel, anchor_grad)
    if kernel == "vmf":
        want_f, want_r = through_the_norm(want_f, v_f), through_the_norm(want_r, v_r)
        assert (got_f * f).sum(-1).abs().max() < 1e-12
    if tau < 1:  # then both branches of the hinge occur
        by_hand = kdd_by_hand.losses(phi_r, phi_f, tau, kernel)
        assert 0 < (by_hand.l_r > 1).mean() < 1
        assert 0 < (by_hand.l_g < -1).mean() < 1
    assert np.allclose(got_f, want_f, atol=1e-12)
    if player == "g":
        assert got_r is None  # reals are constants in G's turn
    else:
        assert np.allclose(got_r, want_r, atol=1e-12)


def test_anchor_grad_is_set_per_player():
    r, f = (v.requires_grad_(True) for v in sets())

    def gradients(in_d, in_g):
        kdd = KDD(anchor_grad_d=in_d, anchor_grad_g=in_g)
        return [torch.autograd.grad(loss_of(kdd, turn_of(p, r, f)), f)[0] for p in "dg"]

    both, only_d, only_g = gradients(True, True), gradients(True, False), gradients(False, True)
    assert torch.equal(both[0], only_d[0]) and torch.equal(both[1], only_g[1])
    assert not torch.allclose(both[0], only_g[0])
    assert not torch.allclose(both[1], only_d[1])


@pytest.mark.parametrize("gamma", [0.1, 0.5, 10.0])
def test_joint_loss_is_the_sum(gamma):
    r, f = sets()
    joint, kdd = Hinge() + gamma * KDD(0.3), KDD(0.3)
    for player in "dg":
        turn = turn_of(player, r, f)
        want = loss_of(Hinge(), turn) + gamma * loss_of(kdd, turn)
        assert loss_of(joint, turn).item() == pytest.approx(want.item(), rel=1e-12)
    score_r, score_f = r.sum(-1).numpy(), f.sum(-1).numpy()
    by_hand = kdd_by_hand.losses(unit(r.numpy()), unit(f.numpy()), 0.3, "vmf")
    hinge = np.maximum(0, 1 - score_r).mean() + np.maximum(0, 1 + score_f).mean()
    in_d, in_g = joint.d_loss(turn_of("d", r, f)), joint.g_loss(turn_of("g", r, f))
    assert in_d.item() == pytest.approx(hinge + gamma * by_hand.d, abs=1e-12)
    assert in_g.item() == pytest.approx(-score_f.mean() + gamma * by_hand.g, abs=1e-12)


def test_a_map_uses_all_anchors():
    r, f = sets()
    x = sets(seed=6)[0]
    got = KDD(0.4).logit_at(Identity()(x), turn_of("d", r, f))
    want = [log_ratio_at(point, anchors(r), anchors(f), 0.4) for point in unit(x.numpy())]
    assert np.allclose(got, want, atol=1e-12)
