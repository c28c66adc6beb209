"""AdaptiveMix: its noise, its mixing weights, and several seeds at once."""

import pytest
import torch
from mixing import Net, data, identity, turn_of
from turns import F64

from gantutor.methods.adaptivemix import STYLEGAN_CODE, AdaptiveMix
from gantutor.rng import Rng
from gantutor.turn import Turn


def constant(n=4000):
    """A turn with a constant F: only the noise is left."""
    return turn_of(D=Net(scale=0.0, act=identity), xs=torch.zeros(2, n, 2, dtype=F64))


@pytest.mark.parametrize("noise_on", ["target", "mixed"])
def test_noise_floor_of_mse_is_sigma_squared(noise_on):
    for sigma in (0.05, 0.5):
        term = AdaptiveMix(sigma=sigma, distance="mse", noise_on=noise_on)
        by_side = term.d_loss(constant()).item() / 2  # reals and fakes
        # 40000 squared normals: relative standard error sqrt(2 / 40000) = 0.7 %, five of them
        assert by_side == pytest.approx(sigma**2, rel=0.035)


def test_noise_on_either_side_has_the_same_distribution():
    terms = (AdaptiveMix(sigma=0.5, noise_on=on) for on in ("target", "mixed"))
    a, b = (torch.stack([term.d_loss(turn_of(seed=s)) for s in range(400)]) for term in terms)
    assert not torch.equal(a, b)
    error = (a.var() / 400 + b.var() / 400).sqrt()
    assert (a.mean() - b.mean()).abs() < 4 * error  # same pairs and lam in both, so this is wide
    assert 0.7 < a.std() / b.std() < 1.4  # standard error of a ratio of spreads of 400: 5 %


def test_rms_noise_follows_the_features_and_carries_no_gradient():
    term = AdaptiveMix(sigma=0.5, distance="mse", noise_scale="rms")
    one, ten = (term.d_loss(turn_of(D=Net(scale=s))).item() for s in (1.0, 10.0))
    assert ten == pytest.approx(100 * one, rel=1e-9)
    x, D = torch.ones(2, 4000, 2, dtype=F64), Net(act=identity)
    term = AdaptiveMix(sigma=0.5, distance="mse", noise_scale="rms", detach=True)
    mean_square = D.features(x[0]).square().mean().item()
    loss = term.d_loss(turn_of(D=D, xs=x))
    assert loss.item() / 2 == pytest.approx(0.25 * mean_square, rel=0.035)
    # d/dW of mean (n s)^2 with s constant vanishes on average: v and n are independent
    (g,) = torch.autograd.grad(loss, D.b)
    assert g.abs().max() < 0.05 * mean_square**0.5


def mixing_of(term, n=2000, seed=0):
    """The lams that were drawn, read off x_mix: reals are at 1, fakes at 0."""
    D, xs = Net(), torch.stack([torch.ones(n, 2, dtype=F64), torch.zeros(n, 2, dtype=F64)])
    term.d_loss(turn_of(D=D, seed=seed, xs=xs))
    return D.seen[0][:, 0]


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
def test_lam_is_beta(alpha):
    variance = 1 / (4 * (2 * alpha + 1))
    fourth = 3 / (16 * (2 * alpha + 1) * (2 * alpha + 3))  # central, of Beta(alpha, alpha)
    of_mean, of_variance = (variance / 2000) ** 0.5, ((fourth - variance**2) / 2000) ** 0.5
    for seed in range(3):
        lam = mixing_of(AdaptiveMix(alpha=alpha, pairing="cross"), seed=seed).detach()
        assert abs(lam.mean() - 0.5) < 4 * of_mean
        assert abs(((lam - 0.5) ** 2).mean() - variance) < 4 * of_variance
        assert lam.min() >= 0 and lam.max() <= 1


def test_lam_of_a_batch_is_one_number():
    assert len(mixing_of(AdaptiveMix(pairing="cross", lam="batch")).unique()) == 1
    assert len(mixing_of(AdaptiveMix(pairing="cross")).unique()) > 1900
    alone = torch.stack([Rng(seed).beta(2.0, 1) for seed in (0, 1)])
    assert torch.equal(Rng([0, 1]).beta(2.0, 1), alone)


def test_several_seeds_in_one_term():
    reals, fakes = xs = torch.stack([data(seed=s) for s in range(3)], 1)  # (2, seeds, B, 2)
    D = Net()
    for term in (
        AdaptiveMix(),
        STYLEGAN_CODE,
        AdaptiveMix(pairing="pooled", alpha=2.0, noise_scale="rms"),
        AdaptiveMix(pairing="cross"),
    ):
        many = Turn(
            player="d",
            D=D,
            rng=Rng([5, 6, 7]),
            z=fakes,
            x_real=reals,
            x_fake=fakes,
            real=D(reals),
            fake=D(fakes),
        )
        together, alone = term.d_loss(many), []
        for i in range(3):
            turn = turn_of(D=D, seed=5 + i, xs=xs[:, i])
            alone.append(term.d_loss(turn))
            assert torch.allclose(turn.real.score, many.real.score[i], atol=1e-12)
        assert torch.allclose(together, torch.stack(alone), atol=1e-12)
