"""AdaptiveMix: value, gradient and every option of the term, against the features of the partners forwarded by hand."""

import pytest
import torch
from torch.nn.functional import normalize

from gantutor import toy
from gantutor.methods.adaptivemix import (
    CLASSIFIER_CODE,
    DISTANCES,
    STYLEGAN_CODE,
    AdaptiveMix,
    distance,
)
from gantutor.nets import Discriminator
from gantutor.recipes import TOY
from gantutor.rng import Rng
from gantutor.train import Run
from gantutor.turn import Turn

F64 = torch.float64


class Net(Discriminator):
    """F(x) = scale * act(x W) + b in doubles, J a nonlinear head; remembers the batches that F saw."""

    def __init__(self, act=torch.tanh, scale=1.0, k=5):
        super().__init__()
        g = torch.Generator().manual_seed(7)
        self.w = torch.nn.Parameter(torch.randn(2, k, dtype=F64, generator=g))
        self.b = torch.nn.Parameter(
            torch.randn(k, dtype=F64, generator=g) * (act is not torch.tanh)
        )
        self.act, self.scale, self.seen = act, scale, []

    def features(self, x):
        self.seen.append(x)
        return self.scale * self.act(x @ self.w) + self.b

    def head(self, v):
        return v.square().sum(-1).sin()


def data(n=6, seed=0):
    return torch.randn(2, n, 2, dtype=F64, generator=torch.Generator().manual_seed(seed))


def turn_of(player="d", D=None, seed=3, xs=None, joint=True):
    x_real, x_fake = data() if xs is None else xs
    D = D or Net()
    turn = Turn(
        player=player,
        D=D,
        rng=Rng(seed),
        z=x_fake,
        x_real=x_real,
        x_fake=x_fake,
        joint=joint,
        real=D(x_real) if player == "d" else None,
        fake=D(x_fake),
    )
    D.seen.clear()
    return turn


def by_hand(term, turn, seed=3):
    """The pairs of pairing "within" with F(x_b) forwarded a third time; draws in the term's order."""
    rng, D, out = Rng(seed), turn.D, []
    sides = [x for x in ((turn.x_real, turn.x_fake) if turn.player == "d" else (turn.x_fake,))]
    orders = [rng.randperm(len(x)) for x in sides]
    lams = [
        rng.beta(term.alpha, len(x) if term.lam == "sample" else 1).to(F64)[:, None] for x in sides
    ]
    for x, order, lam in zip(sides, orders, lams, strict=True):
        target = lam * D.features(x) + (1 - lam) * D.features(x[order])
        out.append((D.features(lam * x + (1 - lam) * x[order]), target))
    return out


@pytest.mark.parametrize("player", ["d", "g"])
@pytest.mark.parametrize("lam", ["sample", "batch"])
@pytest.mark.parametrize("kind", DISTANCES)
def test_value_equals_three_forwards_by_hand(kind, lam, player):
    term = AdaptiveMix(0.7, sigma=0, distance=kind, lam=lam)
    turn = turn_of(player)
    got = getattr(term, f"{player}_loss")(turn)
    formula = {
        "sq_l2": lambda d: (d**2).sum(-1),
        "l2": lambda d: (d**2).sum(-1).sqrt(),
        "l1": lambda d: d.abs().sum(-1),
        "mse": lambda d: (d**2).mean(-1),
    }
    want = 0.0
    for v, t in by_hand(term, turn):
        gap = (
            -(normalize(v, dim=-1) * normalize(t, dim=-1)).sum(-1)
            if kind == "cosine"
            else formula[kind](v - t)
        )
        want = want + 0.7 * gap.mean()
    assert got.item() == pytest.approx(want.item(), abs=1e-12)


@pytest.mark.parametrize("player, sizes", [("d", [12]), ("g", [6])])
def test_partners_are_not_forwarded_again(player, sizes):
    for joint in (True, False):  # joint: reals' and fakes' mixtures in one call
        turn = turn_of(player, joint=joint)
        getattr(AdaptiveMix(), f"{player}_loss")(turn)
        assert [len(x) for x in turn.D.seen] == (sizes if joint else [6] * (sizes[0] // 6))


@pytest.mark.parametrize("pairing", ["within", "pooled", "cross"])
@pytest.mark.parametrize("kind", ["sq_l2", "l2", "l1", "mse"])
def test_affine_features_cost_nothing_whatever_their_slope(kind, pairing):
    for scale in (1e-3, 1.0, 1e3):
        turn = turn_of(D=Net(act=lambda h: h, scale=scale))
        # rounding of features and offsets
        assert AdaptiveMix(sigma=0, distance=kind, pairing=pairing).d_loss(turn) < 1e-13 * max(
            1, scale
        )
    assert (
        AdaptiveMix(sigma=0, distance=kind, pairing=pairing).d_loss(turn_of()) > 1e-3
    )  # while a bent F pays


@pytest.mark.parametrize("pairing", ["within", "pooled", "cross"])
@pytest.mark.parametrize("end", [0.0, 1.0])
def test_nothing_mixed_costs_nothing(end, pairing, monkeypatch):
    monkeypatch.setattr(Rng, "beta", lambda self, alpha, *shape: torch.full(shape, end, dtype=F64))
    for kind, least in (("sq_l2", 0), ("l2", 0), ("l1", 0), ("cosine", -1)):
        term = AdaptiveMix(sigma=0, distance=kind, pairing=pairing)
        sides = 2 if pairing == "within" else 1
        assert term.d_loss(turn_of()).item() == pytest.approx(sides * least, abs=1e-12)


def test_cross_by_hand():
    turn = turn_of()
    lam = Rng(3).beta(1.0, 6).to(F64)[:, None]
    F, r, f = turn.D.features, turn.x_real, turn.x_fake
    want = (F(lam * r + (1 - lam) * f) - lam * F(r) - (1 - lam) * F(f)).square().sum(-1).mean()
    turn.D.seen.clear()
    assert AdaptiveMix(sigma=0, pairing="cross").d_loss(turn).item() == pytest.approx(
        want.item(), abs=1e-12
    )
    assert [len(x) for x in turn.D.seen] == [6]


def test_pooled_permutes_reals_and_fakes_together():
    turn, rng = turn_of(), Rng(3)
    x = torch.cat([turn.x_real, turn.x_fake])
    order, lam = rng.randperm(12), rng.beta(1.0, 12).to(F64)[:, None]
    F = turn.D.features
    want = (
        (F(lam * x + (1 - lam) * x[order]) - lam * F(x) - (1 - lam) * F(x[order]))
        .square()
        .sum(-1)
        .mean()
    )
    turn.D.seen.clear()
    assert AdaptiveMix(sigma=0, pairing="pooled").d_loss(turn).item() == pytest.approx(
        want.item(), abs=1e-12
    )
    assert [len(x) for x in turn.D.seen] == [12] and (
        (order[:6] >= 6).any() and (order[6:] < 6).any()
    )


@pytest.mark.parametrize("pairing", ["pooled", "cross"])
def test_reals_are_constants_for_g(pairing):
    real, fake = (x.requires_grad_(True) for x in data().unbind())
    turn = turn_of("g", xs=(real, fake))
    grads = torch.autograd.grad(
        AdaptiveMix(pairing=pairing).g_loss(turn), [real, fake], allow_unused=True
    )
    assert not turn.real.features.requires_grad and grads[1].abs().sum() > 0


@pytest.mark.parametrize("detach", [True, False])
def test_detach_cuts_the_gradient_to_the_target(detach):
    turn = turn_of()
    turn._real, turn.fake = (
        c._replace(features=c.features.detach().requires_grad_(True))
        for c in (turn.real, turn.fake)
    )
    leaves = [turn.real.features, turn.fake.features]
    grads = torch.autograd.grad(
        AdaptiveMix(detach=detach).d_loss(turn), [*leaves, turn.D.w], allow_unused=True
    )
    assert grads[2].abs().sum() > 0
    assert all(g is None if detach else g.abs().sum() > 0 for g in grads[:2])


@pytest.mark.parametrize(
    "term",
    [
        AdaptiveMix(),
        AdaptiveMix(distance="l2"),
        AdaptiveMix(pairing="pooled", noise_on="mixed"),
        AdaptiveMix(pairing="cross", distance="cosine"),
    ],
)
def test_gradcheck_in_doubles(term):
    D = Net()

    def loss(w, fake):
        net = Net()
        del net.w
        net.w = w
        return term.d_loss(turn_of(D=net, xs=(data()[0], fake)))

    assert torch.autograd.gradcheck(
        loss, (D.w.detach().requires_grad_(True), data()[1].requires_grad_(True))
    )


@pytest.mark.parametrize("player", ["d", "g"])
@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_summed_logits_by_hand(weight, player):
    term = AdaptiveMix(weight, sigma=0.3, logits="sum")  # the noise is in the loss alone
    turn = turn_of(player)
    want = [turn.D.head(t) + turn.D.head(v) for v, t in by_hand(term, turn)]
    turn.terms, plain = (term,), turn.fake.score
    loss = turn.ask("terms.0", getattr(term, f"{player}_loss"))
    assert (loss is None) is (weight == 0)
    real, fake = turn.scores
    assert (real is None) is (player == "g")
    got = [fake] if real is None else [real, fake]
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(got, want, strict=True))
    assert turn.fake.score is plain and not torch.allclose(fake, plain)


def test_plain_logits_are_untouched():
    turn = turn_of()
    real, fake = turn.real, turn.fake
    AdaptiveMix().d_loss(turn)
    assert turn.real is real and turn.fake is fake


def test_scaling_of_the_features():
    for kind, power in (("cosine", 0), ("l1", 1), ("l2", 1), ("sq_l2", 2), ("mse", 2)):
        term = AdaptiveMix(sigma=0, distance=kind)
        one, ten = (term.d_loss(turn_of(D=Net(scale=s))).item() for s in (1.0, 10.0))
        assert ten == pytest.approx(one * 10**power, rel=1e-12)


def test_mse_is_sq_l2_over_the_number_of_features():
    a, b = (
        AdaptiveMix(sigma=0, distance=kind).d_loss(turn_of()).item() for kind in ("sq_l2", "mse")
    )
    assert a == pytest.approx(5 * b)


@pytest.mark.parametrize("pairing", ["within", "pooled", "cross"])
def test_weight_0_is_the_baseline_bit_for_bit(pairing):
    runs, calls = [], []
    for recipe in (TOY, TOY.but(terms=(AdaptiveMix(weight=0.0, pairing=pairing),))):
        run = Run(recipe.but(batch=16), toy.ring(), 0)
        forward, count = run.D.features, []
        run.D.features = lambda x, forward=forward, count=count: (count.append(len(x)), forward(x))[
            1
        ]
        list(run.steps(4))
        runs.append(run), calls.append(count)
    assert calls[0] == calls[1]
    for a, b in zip(
        runs[0].g_weights.params + runs[0].d_weights.params,
        runs[1].g_weights.params + runs[1].d_weights.params,
        strict=True,
    ):
        assert torch.equal(a, b)


@pytest.mark.parametrize("players", ["d", "g", "dg"])
def test_players(players):
    for player in "dg":
        turn = turn_of(player)
        state = turn.rng.generators[0].get_state()
        loss = getattr(AdaptiveMix(players=players), f"{player}_loss")(turn)
        assert (loss is None) is (player not in players)
        if loss is None:  # nothing forwarded, nothing drawn
            assert turn.D.seen == [] and torch.equal(turn.rng.generators[0].get_state(), state)


# -- noise and lam -------------------------------------------------------------------------------------------------------
def constant(n=4000):
    """A constant F: only the noise is left."""
    x = torch.zeros(2, n, 2, dtype=F64)
    return turn_of(D=Net(scale=0.0, act=lambda h: h), xs=x)


@pytest.mark.parametrize("noise_on", ["target", "mixed"])
def test_noise_floor_of_mse_is_sigma_squared(noise_on):
    for sigma in (0.05, 0.5):
        loss = (
            AdaptiveMix(sigma=sigma, distance="mse", noise_on=noise_on).d_loss(constant()).item()
            / 2
        )  # two sides
        # 40000 squared normals: relative standard error sqrt(2 / 40000) = 0.7 %, five of them
        assert loss == pytest.approx(sigma**2, rel=0.035)


def test_noise_on_either_side_has_the_same_distribution():
    terms = (AdaptiveMix(sigma=0.5, noise_on=on) for on in ("target", "mixed"))
    a, b = (torch.stack([term.d_loss(turn_of(seed=s)) for s in range(400)]) for term in terms)
    assert not torch.equal(a, b)
    error = (a.var() / 400 + b.var() / 400).sqrt()
    assert (a.mean() - b.mean()).abs() < 4 * error  # same pairs and lam in both, so this is wide
    assert 0.7 < a.std() / b.std() < 1.4  # standard error of a ratio of spreads of 400: 5 %


def test_rms_noise_follows_the_features_and_carries_no_gradient():
    gaps = [
        AdaptiveMix(sigma=0.5, distance="mse", noise_scale="rms")
        .d_loss(turn_of(D=Net(scale=s)))
        .item()
        for s in (1.0, 10.0)
    ]
    assert gaps[1] == pytest.approx(100 * gaps[0], rel=1e-9)
    x = torch.ones(2, 4000, 2, dtype=F64)
    D = Net(act=lambda h: h)
    term = AdaptiveMix(sigma=0.5, distance="mse", noise_scale="rms", detach=True)
    rms2 = D.features(x[0]).square().mean().item()
    loss = term.d_loss(turn_of(D=D, xs=x))
    assert loss.item() / 2 == pytest.approx(0.25 * rms2, rel=0.035)
    # d/dW of mean (n s)^2 with s constant vanishes on average: v and n are independent
    (g,) = torch.autograd.grad(loss, D.b)
    assert g.abs().max() < 0.05 * rms2**0.5


def mixing_of(term, n=2000, seed=0):
    """The lams that were drawn, read off x_mix: reals at 1, fakes at 0."""
    D = Net()
    turn = turn_of(
        D=D, seed=seed, xs=torch.stack([torch.ones(n, 2, dtype=F64), torch.zeros(n, 2, dtype=F64)])
    )
    term.d_loss(turn)
    return D.seen[0][:, 0]


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
def test_lam_is_beta(alpha):
    for seed in range(3):
        lam = mixing_of(AdaptiveMix(alpha=alpha, pairing="cross"), seed=seed).detach()
        variance = 1 / (4 * (2 * alpha + 1))
        fourth = 3 / (16 * (2 * alpha + 1) * (2 * alpha + 3))  # central, of Beta(alpha, alpha)
        assert abs(lam.mean() - 0.5) < 4 * (variance / 2000) ** 0.5
        assert (
            abs(((lam - 0.5) ** 2).mean() - variance) < 4 * ((fourth - variance**2) / 2000) ** 0.5
        )
        assert lam.min() >= 0 and lam.max() <= 1


def test_lam_of_a_batch_is_one_number():
    assert len(mixing_of(AdaptiveMix(pairing="cross", lam="batch")).unique()) == 1
    assert len(mixing_of(AdaptiveMix(pairing="cross")).unique()) > 1900
    stacked = [Rng([0, 1]).beta(2.0, 1), torch.stack([Rng(0).beta(2.0, 1), Rng(1).beta(2.0, 1)])]
    assert torch.equal(*stacked)


def test_several_seeds_in_one_term():
    xs = torch.stack([data(seed=s) for s in range(3)], 1)  # (2, seeds, B, 2)
    D, together = Net(), []
    pooled = AdaptiveMix(pairing="pooled", alpha=2.0, noise_scale="rms")
    for term in (AdaptiveMix(), STYLEGAN_CODE, pooled, AdaptiveMix(pairing="cross")):
        many = Turn(
            player="d",
            D=D,
            rng=Rng([5, 6, 7]),
            z=xs[1],
            x_real=xs[0],
            x_fake=xs[1],
            joint=True,
            real=D(xs[0]),
            fake=D(xs[1]),
        )
        together = term.d_loss(many)
        alone = []
        for i in range(3):
            turn = turn_of(D=D, seed=5 + i, xs=xs[:, i])
            alone.append(term.d_loss(turn))
            assert torch.allclose(turn.real.score, many.real.score[i], atol=1e-12)
        assert torch.allclose(together, torch.stack(alone), atol=1e-12)


@pytest.mark.parametrize(
    "bad, quoted",
    [
        ({"distance": "l3"}, "distance='l3'"),
        ({"pairing": "all"}, "pairing='all'"),
        ({"lam": "each"}, "lam='each'"),
        ({"noise_on": "both"}, "noise_on='both'"),
        ({"noise_scale": "std"}, "='std'"),
        ({"logits": "mean"}, "logits='mean'"),
        ({"players": "gd"}, "players='gd'"),
        ({"alpha": 0.0}, "alpha=0.0"),
        ({"alpha": float("nan")}, "alpha=nan"),
        ({"sigma": -1.0}, "sigma=-1.0"),
        ({"weight": -2.0}, "weight=-2.0"),
        ({"logits": "sum", "pairing": "cross"}, "'cross'"),
    ],
)
def test_bad_options_are_quoted(bad, quoted):
    with pytest.raises(ValueError, match=quoted):
        AdaptiveMix(**bad)


def test_unknown_distance_is_quoted():
    with pytest.raises(ValueError, match="'l3'"):
        distance(torch.zeros(2, 2), torch.zeros(2, 2), "l3")


def test_presets_are_the_authors_programs():
    for term, want in (
        (STYLEGAN_CODE, ("cosine", True, "batch", "sum")),
        (CLASSIFIER_CODE, ("mse", True, "batch", "plain")),
    ):
        assert (term.distance, term.detach, term.lam, term.logits) == want and (
            term.weight,
            term.sigma,
        ) == (1.0, 0.05)
