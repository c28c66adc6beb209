"""AdvLatGAN's latent steps: where they begin, how far they go, and what they follow."""

import pytest
import torch
from scored import F64, latents, normed
from searches import BOUNDED, linear, smooth

from gantutor.methods.advlat import IFGSM, MIFGSM, PGD, GradientStep
from gantutor.nets import Critique
from gantutor.rng import Rng


def test_linear_nets_exactly():
    G, D, slope = linear()
    z, sign = latents(), slope.sign()
    for search, want in (
        (IFGSM(0.01, 20), z + 20 * 0.01 * sign),
        (MIFGSM(0.01, 20), z + 20 * 0.01 * sign),
        (GradientStep(0.01, 20), z + 20 * 0.01 * slope),
        (IFGSM(0.01, 20, radius=0.05), z + 0.05 * sign),
        (PGD(0.1, 30, radius=0.25), z + 0.25 * sign),
    ):
        assert torch.allclose(search(z, G, D, Rng(0)), want, atol=1e-12), search


@pytest.mark.parametrize("search", BOUNDED)
def test_reach(search):
    G, D = normed()
    z = latents()
    for i, moved in enumerate(search.path(z, G, D, Rng(0))):
        far = (moved - z).abs().max()
        if search.radius is not None:
            assert far <= search.radius + 1e-12
        else:
            assert far <= i * search.eps + 1e-12
    assert i == search.steps and far > 0


def test_pgd_starts_uniformly_within_the_radius():
    G, D, _ = linear()
    z = torch.zeros(5000, 4, dtype=F64)
    start = next(PGD(radius=0.3, steps=1).path(z, G, D, Rng(0)))
    # 20000 uniform numbers: spread 0.3 / sqrt(3), standard error 0.0012 of the mean
    assert 0.299 < start.abs().max() <= 0.3 and abs(start.mean()) < 0.006
    assert start.std().item() == pytest.approx(0.3 / 3**0.5, rel=0.02)
    one, again = (next(PGD(radius=0.3).path(z, G, D, Rng(4))) for _ in range(2))
    assert torch.equal(one, again)
    with pytest.raises(ValueError, match="rng=None"):
        PGD(radius=0.3)(z, G, D)


def test_l2_steps_and_ball():
    G, D, slope = linear()
    z = latents()
    unit = slope / slope.norm()
    path = list(PGD(0.1, 30, radius=0.25, norm="l2").path(z, G, D, Rng(0)))
    far = torch.stack([(p - z).norm(dim=-1) for p in path])
    assert far.max() <= 0.25 + 1e-12
    assert torch.allclose(path[-1], z + 0.25 * unit, atol=1e-2)
    # a step's length is eps, whatever the slope
    start, moved = PGD(0.1, 1, radius=9.0, norm="l2").path(z, G, D, Rng(0))
    assert torch.allclose(moved, start + 0.1 * unit, atol=1e-12)
    # a step that leaves the ball ends at the nearest point of its surface
    start, moved = PGD(0.7, 1, radius=0.3, norm="l2").path(z, G, D, Rng(0))
    out = start + 0.7 * unit - z
    assert torch.allclose(moved, z + 0.3 * out / out.norm(dim=-1, keepdim=True), atol=1e-12)


def test_l2_starts_uniformly_in_the_ball():
    G, D, _ = linear()
    start = next(PGD(radius=0.3, norm="l2").path(torch.zeros(5000, 4, dtype=F64), G, D, Rng(0)))
    # the volume within a point's distance is uniform in (0, 1); standard error of the mean 0.004
    share = (start.norm(dim=-1) / 0.3) ** 4
    assert share.max() <= 1 and share.mean().item() == pytest.approx(0.5, abs=0.016)
    assert share.var().item() == pytest.approx(1 / 12, rel=0.1)
    # a coordinate's variance is r^2 / (d + 2)
    assert (start.mean(0).abs() < 0.3 / 6**0.5 / 5000**0.5 * 4).all()


@pytest.mark.parametrize(
    "search",
    [
        IFGSM(0.1, 8, shell=True),
        IFGSM(0.1, 8, radius=0.2, shell=True),
        MIFGSM(0.1, 8, shell=True),
        PGD(0.1, 8, radius=0.3, shell=True, norm="l2"),
        GradientStep(0.1, 8, shell=True),
    ],
)
def test_the_shell_keeps_every_norm(search):
    G, D = normed()
    z = latents()
    for moved in list(search.path(z, G, D, Rng(0)))[1:]:
        assert torch.allclose(moved.norm(dim=-1), z.norm(dim=-1), atol=1e-12)
    assert not torch.allclose(moved, z, atol=1e-3)
    # a step with it is the step without it, scaled
    free = IFGSM(0.1, 1)(z, G, D)
    scaled = free * (z.norm(dim=-1) / free.norm(dim=-1))[:, None]
    assert torch.allclose(IFGSM(0.1, 1, shell=True)(z, G, D), scaled, atol=1e-12)


def test_the_prior_weight_pulls_towards_the_origin():
    G, D, slope = linear()
    z = latents()
    moved = IFGSM(0.1, 1, prior_weight=0.7)(z, G, D)
    assert torch.allclose(moved, z + 0.1 * (slope - 0.7 * z).sign(), atol=1e-12)
    # gradient steps on -z.c + lam |z|^2 / 2 shrink the distance to c / lam by 1 - eps lam each
    moved = GradientStep(0.1, 50, prior_weight=2.0)(z, G, D)
    assert torch.allclose(moved, slope / 2 + 0.8**50 * (z - slope / 2), atol=1e-12)


@pytest.mark.parametrize("search", [IFGSM(1e-3, 50), MIFGSM(1e-3, 50), GradientStep(1e-2, 50)])
def test_the_score_does_not_fall(search):
    G, D = smooth()
    with torch.no_grad():
        scores = torch.stack([D(G(z)).score for z in search.path(latents(), G, D)])
    # a sign step may overshoot by its curvature once the gradient is smaller than eps: 1e-5 a step
    assert (scores.diff(dim=0) > -1e-5).all()
    assert (scores[-1] > scores[0]).all()


@pytest.mark.parametrize("search", [IFGSM(0.02, 5), MIFGSM(0.02, 5)])
def test_every_falling_phi_gives_the_same_step(search):
    G, D = normed()
    score, *others = (
        type(search)(0.02, 5, objective=phi)(latents(), G, D)
        for phi in ("score", "ns", "saturating")
    )
    for moved in others:
        assert torch.allclose(score, moved, atol=1e-12)


def test_least_squares_stops_at_the_target():
    G, D, slope = linear()
    z = latents(200)
    y = D(G(z)).score
    assert 0 < (y > 1).sum() < 200
    moved = IFGSM(1e-4, 1, objective="lsgan")(z, G, D)
    assert torch.allclose(moved, z + 1e-4 * (1 - y).sign()[:, None] * slope.sign(), atol=1e-12)


def test_large_logits_kill_softplus_in_single_precision():
    G64, D64, slope = linear()
    z = latents().float()

    def G(z):
        return G64(z.double()).float()

    def D(x):
        return Critique(D64(x.double()).score.float() + 200, x)

    assert torch.equal(IFGSM(0.1, 1, objective="ns")(z, G, D), z)  # a good sample stays
    assert torch.equal(IFGSM(0.1, 1)(z, G, D), z + 0.1 * slope.float().sign())


@pytest.mark.parametrize("a, b", [(4.0, 0.0), (0.03, -7.0), (1e3, 2.0)])
@pytest.mark.parametrize("search", BOUNDED)
def test_sign_steps_do_not_see_the_critics_scale(search, a, b):
    G, D = normed()
    D.eval()

    def scaled(x):
        return Critique(a * D(x).score + b, x)

    moved, want = search(latents(), G, scaled, Rng(0)), search(latents(), G, D, Rng(0))
    assert torch.allclose(moved, want, atol=1e-9)  # the running sum's |g|_1 has a floor of 1e-12


def test_the_plain_gradient_does():
    G, D = smooth()
    z = latents()

    def moved(a):
        return GradientStep(0.01, 1)(z, G, lambda x: Critique(a * D(x).score, x)) - z

    assert torch.allclose(moved(4), 4 * moved(1), atol=1e-12)


def test_momentum_by_hand():
    G, D = smooth()
    z = latents()
    want, memory = z, torch.zeros_like(z)
    for _ in range(6):
        want = want.detach().requires_grad_(True)
        (g,) = torch.autograd.grad(-D(G(want)).score.sum(), want)
        memory = 0.7 * memory + g / g.abs().sum(-1, keepdim=True)
        want = want.detach() - 0.3 * memory.sign()
    assert torch.allclose(MIFGSM(0.3, 6, mu=0.7)(z, G, D), want, atol=1e-12)
    without = IFGSM(0.3, 6)(z, G, D)
    assert torch.equal(MIFGSM(0.3, 6, mu=0.0)(z, G, D), without)
    assert not torch.equal(MIFGSM(0.3, 6)(z, G, D), without)


def test_no_step_or_no_length_is_the_identity():
    G, D = normed()
    z = latents()
    for search in (IFGSM(0.1, 0), IFGSM(0.0, 5), MIFGSM(0.0, 5), GradientStep(0.0, 5)):
        moved = search(z, G, D)
        assert torch.equal(moved, z) and moved is not z


@pytest.mark.parametrize(
    "bad, quoted",
    [
        ({"eps": -0.1}, "eps=-0.1"),
        ({"steps": -1}, "steps=-1"),
        ({"radius": 0.0}, "radius=0.0"),
        ({"prior_weight": -1.0}, "prior_weight=-1.0"),
        ({"objective": "hinge"}, "'hinge'"),
        ({"mode": "test"}, "'test'"),
    ],
)
def test_bad_search_is_quoted(bad, quoted):
    for kind in (IFGSM, MIFGSM, GradientStep):
        with pytest.raises(ValueError, match=quoted):
            kind(**bad)
    with pytest.raises(ValueError, match="radius=None"):
        PGD()
    with pytest.raises(ValueError, match="norm='l1'"):
        PGD(radius=0.1, norm="l1")
