"""Baseline samplers against closed forms: linear nets in NumPy, Langevin's moments, rejection on densities that are known."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import nn

from gantutor import toy
from gantutor.methods.advlat import IFGSM, MIFGSM, PGD, GradientStep
from gantutor.methods.samplers import (
    DDLS,
    DOT,
    DRS,
    SAMPLERS,
    Calibration,
    DGflow,
    EvolGAN,
    MetropolisHastings,
    nfe,
    table3,
    with_budget,
)
from gantutor.nets import Discriminator, Labelled
from gantutor.recipes import TOY
from gantutor.rng import Rng
from gantutor.train import Run

F64 = torch.float64


class Critic(Discriminator):
    """Any trunk, then any head (..., K) -> (...)."""

    def __init__(self, trunk, head):
        super().__init__()
        self.trunk, self.last = trunk, head

    def features(self, x, y=None):
        return self.trunk(x)

    def head(self, v, y=None):
        return self.last(v).squeeze(-1) if y is None else self.last(v, y)


class Fixed(nn.Module):
    """A function as a net."""

    def __init__(self, f):
        super().__init__()
        self.f = f

    def forward(self, *args):
        return self.f(*args)


def latents(n=12, k=4, seed=1):
    return torch.randn(n, k, dtype=F64, generator=torch.Generator().manual_seed(seed))


def linear(k=4, seed=2):
    """s(z) = z.c; returns nets and c."""
    a, w = latents(k, 3, seed), latents(3, 1, seed + 1)
    return (
        Fixed(lambda z: z @ a),
        Critic(nn.Identity(), Fixed(lambda x: x @ w)),
        (a @ w)[:, 0].numpy(),
    )


def normed(seed=0):
    """G with batch norm, D with batch norm and spectral norm, in training mode, in doubles."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        G = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Linear(16, 2))
        trunk = nn.Sequential(
            nn.utils.parametrizations.spectral_norm(nn.Linear(2, 16)), nn.BatchNorm1d(16), nn.Tanh()
        )
        return G.double(), Critic(trunk, nn.Linear(16, 1)).double()


def on_the_line(score):
    """G(z) = z and D's score a function of z (B, 1)."""
    return Fixed(lambda z: z), Critic(nn.Identity(), Fixed(score))


def chi2(z, mean, var, bins=20):
    """Pearson's statistic of z (n,) in bins of equal probability under N(mean, var); its mean is bins - 1."""
    p = 0.5 * (1 + torch.erf((z.double() - mean) / math.sqrt(2 * var)))
    counts = torch.histc(p, bins, 0, 1)
    return ((counts - len(z) / bins) ** 2 / (len(z) / bins)).sum().item()


SEARCHES = [
    DOT(steps=4),
    DDLS(steps=4),
    DGflow(steps=4),
    EvolGAN(budget=5),
    MetropolisHastings(steps=5),
    DRS(burn_in=100, gamma_percentile=80.0),
]
NAMES = [type(s).__name__ for s in SEARCHES]


# -- what all share -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("sampler", SEARCHES, ids=NAMES)
def test_nets_are_left_as_found(sampler):
    G, D = normed()
    D.trunk[1].eval()  # a part in another mode than the rest
    D.last.weight.requires_grad_(False)
    before = [{k: v.clone() for k, v in m.state_dict().items()} for m in (G, D)]
    modes, flags = (
        [f(p) for m in (G, D) for p in i(m)]
        for f, i in (
            (lambda p: p.training, nn.Module.modules),
            (lambda p: p.requires_grad, nn.Module.parameters),
        )
    )
    z = latents()
    z0 = z.clone()
    moved = sampler(z, G, D, Rng(0))
    sampler.prepared(z, G, D, Rng(0))
    for m, saved in zip((G, D), before, strict=True):
        assert all(torch.equal(v, saved[k]) for k, v in m.state_dict().items())
    assert modes == [p.training for m in (G, D) for p in m.modules()]
    assert flags == [p.requires_grad for m in (G, D) for p in m.parameters()]
    assert all(p.grad is None for m in (G, D) for p in m.parameters())
    assert (
        torch.equal(z, z0)
        and not moved.requires_grad
        and not torch.equal(moved, z)
        and moved.dtype == F64
    )
    # eval mode whatever the nets were in, the same seed gives the same latents, another seed others, and no_grad is no matter
    G.eval(), D.eval()
    with torch.no_grad():
        assert torch.equal(sampler(z, G, D, Rng(0)), moved)
    assert not torch.equal(sampler(z, G, D, Rng(1)), moved)


@pytest.mark.parametrize(
    "sampler",
    [
        DOT(steps=0),
        DDLS(steps=0),
        DGflow(steps=0),
        EvolGAN(budget=1),
        MetropolisHastings(0),
        DOT(0.0, k_eff=1.0),
        DDLS(0.0),
    ],
)
def test_no_step_is_the_identity(sampler):
    G, D, _ = linear()
    z = latents()
    moved = sampler(z, G, D, Rng(0))
    assert torch.equal(moved, z) and moved is not z


@pytest.mark.parametrize("sampler", SEARCHES, ids=NAMES)
def test_several_seeds_are_moved_side_by_side(sampler):
    run, ones = Run(TOY, toy.ring(), [3, 4]), [Run(TOY, toy.ring(), s) for s in (3, 4)]
    z = Rng([0, 1]).randn(25, 8)
    moved = sampler(z, run.G, run.D, Rng([0, 1]))
    for i in range(2):
        assert torch.allclose(moved[i], sampler(z[i], ones[i].G, ones[i].D, Rng(i)), atol=1e-4)


@pytest.mark.parametrize("sampler", SEARCHES, ids=NAMES)
def test_a_run_samples_with_each(sampler):
    run = Run(TOY, toy.ring(), 0)
    x = run.sample(30, 5, latent=sampler)
    assert x.shape == (30, 2) and not torch.equal(x, run.sample(30, 5)) and torch.isfinite(x).all()


@pytest.mark.parametrize("sampler", SEARCHES, ids=NAMES)
def test_random_numbers_need_an_rng(sampler):
    G, D, _ = linear()
    with pytest.raises(ValueError, match="rng=None"):
        sampler(latents(), G, D)


@pytest.mark.parametrize(
    "kind, bad, quoted",
    [
        (DOT, {"steps": -1}, "steps=-1"),
        (DOT, {"projection": "sphere"}, "'sphere'"),
        (DOT, {"optimiser": "lion"}, "'lion'"),
        (DDLS, {"eta": -0.1}, "eta=-0.1"),
        (DDLS, {"temperature": 0.0}, "temperature=0.0"),
        (DGflow, {"divergence": "w"}, "'w'"),
        (EvolGAN, {"budget": 0}, "budget=0"),
        (EvolGAN, {"alpha": 1.5}, "alpha=1.5"),
        (MetropolisHastings, {"steps": -1}, "steps=-1"),
        (DRS, {"gamma_percentile": 101.0}, "101.0"),
        (DRS, {"burn_in": 0}, "burn_in=0"),
        (DRS, {"acceptance": 0.0}, "acceptance=0.0"),
    ],
)
def test_bad_settings_are_quoted(kind, bad, quoted):
    with pytest.raises(ValueError, match=quoted):
        kind(**bad)


# -- DOT ------------------------------------------------------------------------------------------------------------------
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


# -- DDLS and DGflow ------------------------------------------------------------------------------------------------------
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


# -- EvolGAN --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("quality", [None, lambda x: -(x**2).sum(-1)])
def test_evolution_never_lowers_the_quality(quality):
    G, D = (m.eval() for m in normed())
    q = quality or (lambda x: D(x).score)
    with torch.no_grad():  # a larger budget goes on where the smaller one stopped
        path = torch.stack(
            [q(G(EvolGAN(0.5, b, quality)(latents(40), G, D, Rng(0)))) for b in range(1, 15)]
        )
    assert (path.diff(dim=0) >= 0).all() and (path[-1] > path[0]).float().mean() > 0.8


@pytest.mark.parametrize("alpha, changed", [(0.0, 1 / 10), (1.0, (1 + 1 / 10**2) / 2)])
def test_evolution_changes_as_many_coordinates_as_alpha_says(alpha, changed):
    calls = iter(range(9))
    z = latents(4000, 10)
    better = lambda x: torch.full(x.shape[:-1], float(next(calls)))  # noqa: E731  every child is
    moved = EvolGAN(alpha, 2, better)(z, nn.Identity(), None, Rng(0))
    share = (moved != z).double().mean(-1)
    assert share.mean().item() == pytest.approx(
        changed, abs=0.02
    )  # E max(alpha U, 1/d); standard error below 0.005
    if alpha == 0:
        assert share.var().item() == pytest.approx(
            0.1 * 0.9 / 10, rel=0.1
        )  # independent coordinates
    fresh = moved[moved != z]
    assert abs(fresh.mean()) < 0.1 and fresh.std().item() == pytest.approx(1, abs=0.06)


# -- rejection and Metropolis-Hastings: with s = -z^2 / 2 the target p(z) e^s is N(0, 1/2) and a share of 1 / sqrt(2) is kept --
HALF = lambda z: -(z**2) / 2  # noqa: E731


@pytest.mark.parametrize("a, b", [(1.0, 0.0), (0.25, 3.0)])
def test_rejection_gives_the_target(a, b):
    G, D = on_the_line(lambda z: (HALF(z) - b) / a)
    sampler = DRS(None, burn_in=2000, calibration=Calibration(a, b))
    found = []
    for seed in range(5):
        with nfe(G, D) as count:
            z = sampler.prepared(latents(500, 1), G, D, Rng(99))(
                Rng(seed).randn(500, 1), G, D, Rng(seed + 10)
            )
        found.append(chi2(z[:, 0], 0, 0.5))
        assert count.D == count.G and count.D - 2000 in (500, 1000)  # one round keeps 354, two 707
    # 19 degrees of freedom: mean 19, standard error 2.8 of the mean of five; the prior itself has 80 and more
    assert 11 < np.mean(found) < 27 and chi2(Rng(0).randn(500, 1)[:, 0], 0, 0.5) > 80


def test_rejection_begins_with_the_given_latents_and_raises_its_largest_score():
    assert torch.equal(
        DRS(None, 10)(latents(20, 1), *on_the_line(torch.zeros_like), Rng(0)), latents(20, 1)
    )  # all are kept
    z = DRS(None, top=-5.0, gamma=0.0)(
        Rng(0).randn(1000, 1), *on_the_line(HALF), Rng(1)
    )  # a pilot that missed the best
    assert chi2(z[:, 0], 0, 0.5) < 45  # 19 degrees of freedom: beyond 45 in 1 of 1000


def test_rejection_accepts_with_the_ratio_over_its_largest():
    below = torch.tensor([-20.0, -3.0, -1.0, -0.1, 0.0], dtype=F64)
    assert torch.allclose(
        DRS.logit(below).sigmoid(), below.exp(), atol=2e-6
    )  # the 1e-6 keeps the largest finite
    assert torch.isfinite(DRS.logit(below.float())).all()


@pytest.mark.parametrize("percentile", [50.0, 95.0])
def test_gamma_is_a_percentile_of_the_pilot(percentile):
    G, D = on_the_line(HALF)
    ready = DRS(percentile, burn_in=20_000).prepared(latents(1000, 1), G, D, Rng(0))
    # s falls in |z|: its percentile q is met where |z| has the percentile 100 - q, by the normal quantile; M is near 0;
    # over eight seeds gamma strays by 0.01 and 0.12
    z = {50.0: 0.6745, 95.0: 0.0627}[percentile]
    assert ready.top == pytest.approx(0, abs=1e-5)
    assert ready.gamma == pytest.approx(
        DRS.logit(torch.tensor(-(z**2) / 2, dtype=F64)).item(), abs=0.3
    )
    assert ready.prepared(latents(1000, 1), G, D) is ready
    grid = torch.linspace(-8, 8, 20_001, dtype=F64)
    p = torch.exp(-(grid**2) / 2) / math.sqrt(2 * math.pi) * 16 / 20_000
    want = (p * (DRS.logit(HALF(grid)) - ready.gamma).sigmoid()).sum().item()
    with nfe(G, D) as count:
        ready(latents(1000, 1), G, D, Rng(1))
    assert 1 / want - 1 < count.D / 1000 < 1 / want + 1.5  # whole rounds


@pytest.mark.parametrize("n", [2, 10])
def test_rejection_at_a_given_acceptance(n):
    G, D = on_the_line(lambda z: 3 * HALF(z))
    sampler = with_budget(DRS(burn_in=5000), n).prepared(latents(500, 1), G, D, Rng(0))
    with nfe(G, D) as count:
        sampler(latents(500, 1), G, D, Rng(1))
    assert count.per_sample(500)["total"] == pytest.approx(n, abs=1 + 0.1 * n)


def test_rejection_fills_places_of_their_own_label():
    # given y the target is N(m/2, 1/2) with m = -1 or 1, twice as many places for y = 1
    score = lambda x, y: -((x[..., 0] - (2.0 * y - 1)) ** 2) / 2  # noqa: E731
    y = torch.tensor([0, 1, 1]).repeat(200)
    G, D = Labelled(Fixed(lambda z, y: z), y), Labelled(Critic(nn.Identity(), Fixed(score)), y)
    z = DRS(None, 600)(Rng(0).randn(600, 1), G, D, Rng(1))[:, 0]
    for label, mean in ((0, -0.5), (1, 0.5)):
        assert chi2(z[y == label], mean, 0.5) < 45  # 19 degrees of freedom: beyond 45 in 1 of 1000
        assert chi2(z[y != label], mean, 0.5) > 200


def test_rejection_says_when_it_cannot():
    G, D = on_the_line(lambda z: 1e4 * HALF(z))
    with pytest.raises(
        RuntimeError, match="could not fill 50 places in 3 rounds: lower gamma_percentile"
    ):
        DRS(None, 100, rounds=3)(latents(50, 1), G, D, Rng(0))


def test_metropolis_hastings_gives_the_target():
    G, D = on_the_line(lambda z: HALF(z) * 4 - 7)
    found = [
        chi2(
            MetropolisHastings(30, Calibration(0.25))(Rng(s).randn(500, 1), G, D, Rng(s + 10))[
                :, 0
            ],
            0,
            0.5,
        )
        for s in range(5)
    ]
    assert 11 < np.mean(found) < 27  # see the rejection


# -- calibration ----------------------------------------------------------------------------------------------------------
def test_calibration_finds_the_ratio_of_two_normals():
    real, fake = 1 + latents(4000, 1), latents(1000, 1, 5) - 1  # log N(s; 1, 1) / N(s; -1, 1) = 2s
    for scale, shift in ((1.0, 0.0), (1e-3, 50.0), (1e4, -2e5)):
        c = Calibration.of(real * scale + shift, fake * scale + shift)
        assert c.a * scale == pytest.approx(2, rel=0.1) and c(
            torch.tensor(shift, dtype=F64)
        ).item() == pytest.approx(0, abs=0.15)
        p, q = (1 / (1 + np.exp(-c(s * scale + shift).numpy())) for s in (real, fake))
        off_r, off_f = (
            p - 4001 / 4002,
            q - 1 / 1002,
        )  # the gradient of the loss vanishes, classes weighing the same
        assert off_r.mean() + off_f.mean() == pytest.approx(0, abs=1e-7)
        assert (off_r * real.numpy()).mean() + (off_f * fake.numpy()).mean() == pytest.approx(
            0, abs=1e-7
        )


def test_calibration_of_scores_that_do_not_overlap_is_finite():
    c = Calibration.of(torch.tensor([3.0, 4.0, 5.0]), torch.tensor([-3.0, -4.0, -5.0]))
    assert 0 < c.a < 1 and c.b == pytest.approx(0, abs=1e-6)
    for bad in ([1.0], [1.0, float("nan")]):
        with pytest.raises(ValueError, match="finite, not all equal"):
            Calibration.of(torch.tensor(bad), torch.tensor([0.0, 1.0]))


def test_calibration_asks_d_in_eval_mode():
    _, D = normed()
    reals, fakes = latents(60, 2), latents(40, 2, 7) + 1
    before = {k: v.clone() for k, v in D.state_dict().items()}
    c = Calibration.fit(D, reals, fakes)
    assert all(torch.equal(v, before[k]) for k, v in D.state_dict().items()) and D.training
    D.eval()
    assert c == Calibration.of(D(reals).score, D(fakes).score)


# -- what it costs --------------------------------------------------------------------------------------------------------
BUDGETED = [
    IFGSM(0.01),
    PGD(0.01, radius=0.1),
    MIFGSM(0.01),
    GradientStep(0.01),
    DOT(k_eff=1.0),
    DDLS(),
    DGflow(),
    EvolGAN(),
    MetropolisHastings(),
]


@pytest.mark.parametrize("sampler", BUDGETED, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("n", [2, 8])
def test_equal_budgets_are_equal(sampler, n):
    G, D = normed()
    with nfe(G, D) as count:
        with_budget(sampler, n)(latents(12), G, D, Rng(0))
    backward = n // 2 if not isinstance(sampler, EvolGAN | MetropolisHastings) else 0
    assert count.per_sample(12) == {
        "G": n - backward,
        "D": n - backward,
        "backward": backward,
        "total": n,
    }
    assert (
        str(count)
        == f"G {12 * (n - backward)}, D {12 * (n - backward)}, backward {12 * backward}, total {12 * n}"
    )
    G(latents()), D(G(latents()))
    assert 12 * (n - backward) == count.G  # the block is over


def test_preparations_are_counted_too():
    G, D, _ = linear()
    with nfe(G, D) as count:
        DOT(steps=3)(latents(50), G, D, Rng(0))
    assert (count.G, count.D, count.backward) == (
        200 + 150,
        200 + 150,
        150,
    )  # two times a hundred for the sharpness
    with nfe(G, D) as count:
        DRS(burn_in=100).prepared(latents(50), G, D, Rng(0))
    assert (count.G, count.D, count.backward) == (100, 100, 0)


def test_seeds_and_filled_in_labels_are_counted():
    run = Run(TOY, toy.ring(), [0, 1])
    with nfe(run.G, run.D) as count:
        x = run.sample(10, [5, 6], latent=IFGSM(0.01, 3))
    assert x.shape == (2, 10, 2) and (count.G, count.D, count.backward) == (
        20 * 4,
        20 * 3,
        20 * 3,
    )  # one G for the images
    assert count.total == 20 * 7
    net = Fixed(lambda z, y: z + y[:, None])
    critic = Critic(nn.Identity(), Fixed(lambda x: x.sum(-1)))
    with nfe(net, critic) as count:
        IFGSM(0.01, 3)(latents(5), Labelled(net, torch.arange(5)), critic)
    assert (count.G, count.D, count.backward) == (15, 15, 15)


def test_budgets_that_do_not_come_out_are_refused():
    for sampler, n, quoted in (
        (IFGSM(), 7, "n=7"),
        (DDLS(), -2, "n=-2"),
        (EvolGAN(), 0, "n=0"),
        (DRS(), 0, "n=0"),
    ):
        with pytest.raises(ValueError, match=quoted):
            with_budget(sampler, n)
    with pytest.raises(TypeError, match="object has no known cost"):
        with_budget(object(), 4)


def test_table_3():
    assert (
        list(SAMPLERS)
        == ["bare", "EvolGAN", "DOT", "DDLS", "DRS", "AdvLatGAN-z"]
        == list(table3(40))
    )
    assert (
        SAMPLERS["bare"] is None
        and SAMPLERS["AdvLatGAN-z"] == IFGSM(0.05, 20) == table3(40)["AdvLatGAN-z"]
    )
    rows = table3(8, Calibration(2.0, 1.0))
    assert (
        rows["DOT"].steps,
        rows["DDLS"].steps,
        rows["EvolGAN"].budget,
        rows["DRS"].acceptance,
    ) == (4, 4, 8, 1 / 8)
    assert (
        rows["DDLS"].calibration == rows["DRS"].calibration == Calibration(2.0, 1.0)
        and rows["bare"] is None
    )
    assert all(dataclasses.is_dataclass(s) for s in rows.values() if s is not None)
