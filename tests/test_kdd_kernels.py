"""KDD's kernels far from the origin, and temperatures that cannot be."""

import math

import pytest
import torch

from gantutor.methods.kdd import KDD, kdd_d_loss, kdd_g_loss, kdd_logits, log_kernels, log_ratio
from gantutor.turn import Turn


@pytest.mark.parametrize("offset", [0.0, 10.0, 1000.0])
def test_gaussian_kernels_do_not_know_where_the_origin_is(offset):
    """In float32, against float64 without an offset: the error does not grow with the offset."""
    g = torch.Generator().manual_seed(0)
    points, reals, fakes = (torch.randn(n, 3, generator=g) for n in (20, 30, 40))
    # steps of 2^-10, which float32 holds exactly next to 1000
    points, reals, fakes = ((1024 * v).round() / 1024 for v in (points, reals, fakes))
    want = log_ratio(points.double(), reals.double(), fakes.double(), 0.5, "gauss")
    got = log_ratio(points + offset, reals + offset, fakes + offset, 0.5, "gauss")
    assert (got.double() - want).abs().max() < 1e-4
    direct = -(points[:, None] - reals).double().square().sum(-1)  # tau = 1/2
    kernels = log_kernels((points + offset), (reals + offset), 0.5, "gauss").double()
    assert (kernels - direct).abs().max() < 1e-4


def test_their_gradient_is_that_of_the_distance():
    g = torch.Generator().manual_seed(1)
    x, anchors = torch.randn(5, 3, generator=g).double(), torch.randn(6, 3, generator=g).double()
    x.requires_grad_(True), anchors.requires_grad_(True)
    weights = torch.randn(5, 6, generator=g).double()
    ours = torch.autograd.grad(
        (weights * log_kernels(x, anchors, 0.7, "gauss")).sum(), (x, anchors)
    )
    squared = (x[:, None] - anchors).square().sum(-1)
    want = torch.autograd.grad((weights * -squared / 1.4).sum(), (x, anchors))
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(ours, want, strict=True))


@pytest.mark.parametrize("tau", [0, -1.0, math.inf, math.nan])
def test_a_temperature_is_finite_and_above_zero(tau):
    with pytest.raises(ValueError, match="expected a finite temperature above 0"):
        KDD(tau=tau)


def test_the_functions_are_what_the_class_minimises():
    from test_processes import POINTS

    from gantutor import toy
    from gantutor.run import Run

    run = Run(POINTS.but(objective=KDD(tau=0.3)), toy.ring(), 0)
    run.d_turn()
    turn = run.turn
    assert isinstance(turn, Turn)
    r, f = (run.recipe.objective.phi(c.features, run.D) for c in (turn.real, turn.fake))
    l_r, l_g = kdd_logits(r, f, 0.3)
    loss = run.recipe.objective.d_loss(turn)
    assert kdd_d_loss(l_r, l_g).item() == pytest.approx(loss.item(), abs=1e-6)
    assert kdd_g_loss(l_g).item() == pytest.approx(-l_g.mean().item())
