"""Samplers that follow the score's gradient, in NumPy and by Langevin's moments."""

import math

import numpy as np
import pytest
import torch
from scored import F64, latents, linear

from gantutor.methods.samplers import DDLS, DOT, Calibration, DGflow
from gantutor.rng import Rng


@pytest.mark.parametrize("distance", [True, False])
@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
@pytest.mark.parametrize("projection", ["tangent", "repo", None])
def test_dot_in_numpy(projection, optimiser, distance):
    G, D, c = linear()
    z0 = latents().numpy()
    z, v, k_eff, lr = z0.copy(), 0.0, 1.7, 0.05
    for t in range(1, 8):
        g = np.tile(-c / k_eff, (len(z), 1))
        if distance:
            away = z - z0 + 1e-3
            g = g + away / np.sqrt((away**2).sum(1, keepdims=True))
        radial = (z * g).sum(1, keepdims=True)
        if projection == "tangent":
            g = g - z * radial / (z**2).sum(1, keepdims=True)
        if projection == "repo":
            g = g - z * radial / np.sqrt(4)
        if optimiser == "adam":
            v = 0.9 * v + 0.1 * g**2
            g = g / (np.sqrt(v / (1 - 0.9**t)) + 1e-8)
        z = z - lr * g
    got = DOT(lr, 7, k_eff=k_eff, projection=projection, optimiser=optimiser, distance=distance)(
        latents(), G, D
    )
    np.testing.assert_allclose(got.numpy(), z, rtol=0, atol=1e-12)


def test_dot_on_the_tangent_keeps_the_norm_to_first_order():
    G, D, c = linear()
    z = latents()
    g = torch.from_numpy(-c / 2).expand_as(z)
    g = g - z * (z * g).sum(1, keepdim=True) / (z * z).sum(1, keepdim=True)
    for lr in (0.1, 0.01):
        moved = DOT(lr, 1, k_eff=2.0, distance=False)(z, G, D)
        assert torch.allclose(
            (moved**2).sum(1), (z**2).sum(1) + lr**2 * (g**2).sum(1), atol=1e-12
        )  # Pythagoras


def test_dot_estimates_the_sharpness_from_a_hundred_pairs():
    G, D, c = linear()
    for seed in range(4):
        ready = DOT().prepared(latents(50), G, D, Rng(seed))
        rng, ratios = Rng(seed), []
        for _ in range(2):
            a, b = (rng.randn(50, 4).double().numpy() for _ in range(2))
            ratios += list(np.abs((a - b) @ c) / np.linalg.norm(a - b, axis=1))
        assert (
            ready.k_eff == pytest.approx(max(ratios), rel=1e-12)
            and 0.7 < ready.k_eff / np.linalg.norm(c) <= 1
        )
    assert ready.prepared(latents(50), G, D) is ready
    both = DOT(steps=3)(torch.stack([latents(50)] * 2), G, D, Rng([0, 1]))
    assert torch.allclose(both[0], DOT(steps=3)(latents(50), G, D, Rng(0)), atol=1e-12)


@pytest.mark.parametrize("steps, noise", [(5, None), (100, None), (30, 0.5)])
def test_langevin_moments_on_a_linear_score(steps, noise):
    G, D, c = linear(k=3)
    eta, rho = 0.1, 1 - 0.1 / 2
    drift = torch.from_numpy(c) * 2.0 / 1.6  # calibration over temperature
    start = torch.tensor([1.0, -2.0, 0.5], dtype=F64).expand(4000, 3)
    z = DDLS(eta, noise, steps, temperature=1.6, calibration=Calibration(2.0, -1.0))(
        start, G, D, Rng(steps)
    )
    sigma2 = eta if noise is None else noise**2
    mean, var = (
        drift + rho**steps * (start[0] - drift),
        sigma2 * (1 - rho ** (2 * steps)) / (1 - rho**2),
    )
    # 4000 chains: 4.5 standard errors of a mean and of a variance
    assert ((z.mean(0) - mean).abs() < 4.5 * math.sqrt(var / 4000)).all()
    assert ((z.var(0) / var - 1).abs() < 4.5 * math.sqrt(2 / 4000)).all()


def test_langevin_ends_near_the_prior_times_the_ratio():
    G, D, c = linear(k=1)
    z = DDLS(0.02, steps=400)(
        torch.zeros(4000, 1, dtype=F64), G, D, Rng(0)
    )  # p(z) e^(cz) is N(c, 1)
    assert z.mean().item() == pytest.approx(
        c[0] * (1 - 0.99**400), abs=0.07
    ) and z.var().item() == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(
    "divergence, w",
    [
        ("kl", lambda s: 1 + 0 * s),
        ("logd", lambda s: 1 / (1 + np.exp(s))),
        ("js", lambda s: 1 / (1 + np.exp(-s))),
    ],
)
def test_dgflow_in_numpy(divergence, w):
    G, D, c = linear()
    z = latents().numpy()
    for _ in range(6):
        z = z + 0.1 * w(z @ c)[:, None] * c
    np.testing.assert_allclose(
        DGflow(0.1, 0.0, 6, divergence)(latents(), G, D, Rng(0)).numpy(), z, atol=1e-12
    )
    spread = (
        DGflow(0.1, 0.02, 6)(latents(4000), G, D, Rng(0))
        - latents(4000)
        - 0.6 * torch.from_numpy(c)
    )
    assert spread.var().item() == pytest.approx(
        6 * 2 * 0.1 * 0.02, rel=0.05
    )  # 16000 numbers: standard error 1.1 %
