"""AdaptiveMix: the term's value and gradient, with the partners' features forwarded by hand."""

import pytest
import torch
from mixing import Net, data, identity, turn_of
from torch.nn.functional import normalize
from turns import F64, loss_of

from gantutor import toy
from gantutor.methods.adaptivemix import (
    CLASSIFIER_CODE,
    DISTANCES,
    STYLEGAN_CODE,
    AdaptiveMix,
    distance,
)
from gantutor.recipes import TOY
from gantutor.rng import Rng
from gantutor.train import Run


def by_hand(term, turn, seed=3):
    """F of the mixed samples and its target, for reals (in D's turn) and fakes.

    For pairing "within": F(x_j) is forwarded a third time. The draws are in the term's order.
    """
    rng, D = Rng(seed), turn.D
    sides = [turn.x_real, turn.x_fake] if turn.player == "d" else [turn.x_fake]
    orders = [rng.randperm(len(x)) for x in sides]
    sizes = [len(x) if term.lam == "sample" else 1 for x in sides]
    lams = [rng.beta(term.alpha, n).to(F64)[:, None] for n in sizes]
    found = []
    for x, order, lam in zip(sides, orders, lams, strict=True):
        target = lam * D.features(x) + (1 - lam) * D.features(x[order])
        found.append((D.features(lam * x + (1 - lam) * x[order]), target))
    return found


FORMULAS = {
    "sq_l2": lambda v, t: ((v - t) ** 2).sum(-1),
    "l2": lambda v, t: ((v - t) ** 2).sum(-1).sqrt(),
    "l1": lambda v, t: (v - t).abs().sum(-1),
    "mse": lambda v, t: ((v - t) ** 2).mean(-1),
    "cosine": lambda v, t: -(normalize(v, dim=-1) * normalize(t, dim=-1)).sum(-1),
}


@pytest.mark.parametrize("player", ["d", "g"])
@pytest.mark.parametrize("lam", ["sample", "batch"])
@pytest.mark.parametrize("kind", DISTANCES)
def test_value_equals_three_forwards_by_hand(kind, lam, player):
    term = AdaptiveMix(0.7, sigma=0, distance=kind, lam=lam)
    turn = turn_of(player)
    got = loss_of(term, turn)
    want = sum(0.7 * FORMULAS[kind](v, t).mean() for v, t in by_hand(term, turn))
    assert got.item() == pytest.approx(want.item(), abs=1e-12)


@pytest.mark.parametrize("player, sizes", [("d", [12]), ("g", [6])])
def test_partners_are_not_forwarded_again(player, sizes):
    for joint in (True, False):  # joint: mixtures of reals and of fakes in one call
        turn = turn_of(player, joint=joint)
        loss_of(AdaptiveMix(), turn)
        assert [len(x) for x in turn.D.seen] == (sizes if joint else [6] * (sizes[0] // 6))


@pytest.mark.parametrize("pairing", ["within", "pooled", "cross"])
@pytest.mark.parametrize("kind", ["sq_l2", "l2", "l1", "mse"])
def test_affine_features_cost_nothing_whatever_their_slope(kind, pairing):
    term = AdaptiveMix(sigma=0, distance=kind, pairing=pairing)
    for scale in (1e-3, 1.0, 1e3):
        turn = turn_of(D=Net(act=identity, scale=scale))
        assert term.d_loss(turn) < 1e-13 * max(1, scale)  # rounding of features and offsets
    assert term.d_loss(turn_of()) > 1e-3  # while a bent F pays


@pytest.mark.parametrize("pairing", ["within", "pooled", "cross"])
@pytest.mark.parametrize("end", [0.0, 1.0])
def test_nothing_mixed_costs_nothing(end, pairing, monkeypatch):
    monkeypatch.setattr(Rng, "beta", lambda self, alpha, *shape: torch.full(shape, end, dtype=F64))
    for kind, least in (("sq_l2", 0), ("l2", 0), ("l1", 0), ("cosine", -1)):
        term = AdaptiveMix(sigma=0, distance=kind, pairing=pairing)
        sides = 2 if pairing == "within" else 1
        assert term.d_loss(turn_of()).item() == pytest.approx(sides * least, abs=1e-12)


# -- pairings --------------------------------------------------------------------------------------
def test_cross_by_hand():
    turn = turn_of()
    lam = Rng(3).beta(1.0, 6).to(F64)[:, None]
    F, r, f = turn.D.features, turn.x_real, turn.x_fake
    want = (F(lam * r + (1 - lam) * f) - lam * F(r) - (1 - lam) * F(f)).square().sum(-1).mean()
    turn.D.seen.clear()
    got = AdaptiveMix(sigma=0, pairing="cross").d_loss(turn)
    assert got.item() == pytest.approx(want.item(), abs=1e-12)
    assert [len(x) for x in turn.D.seen] == [6]


def test_pooled_permutes_reals_and_fakes_together():
    turn, rng = turn_of(), Rng(3)
    x = torch.cat([turn.x_real, turn.x_fake])
    order, lam = rng.randperm(12), rng.beta(1.0, 12).to(F64)[:, None]
    assert (order[:6] >= 6).any() and (order[6:] < 6).any()
    F = turn.D.features
    gap = F(lam * x + (1 - lam) * x[order]) - lam * F(x) - (1 - lam) * F(x[order])
    turn.D.seen.clear()
    got = AdaptiveMix(sigma=0, pairing="pooled").d_loss(turn)
    assert got.item() == pytest.approx(gap.square().sum(-1).mean().item(), abs=1e-12)
    assert [len(x) for x in turn.D.seen] == [12]


@pytest.mark.parametrize("players", ["d", "g", "dg"])
def test_players(players):
    for player in "dg":
        turn = turn_of(player)
        state = turn.rng.generators[0].get_state()
        loss = loss_of(AdaptiveMix(players=players), turn)
        assert (loss is None) is (player not in players)
        if loss is None:  # nothing forwarded, nothing drawn
            assert turn.D.seen == []
            assert torch.equal(turn.rng.generators[0].get_state(), state)


# -- gradients -------------------------------------------------------------------------------------
@pytest.mark.parametrize("pairing", ["pooled", "cross"])
def test_reals_are_constants_for_g(pairing):
    real, fake = (x.requires_grad_(True) for x in data().unbind())
    turn = turn_of("g", xs=(real, fake))
    loss = AdaptiveMix(pairing=pairing).g_loss(turn)
    _, to_fake = torch.autograd.grad(loss, [real, fake], allow_unused=True)
    assert not turn.real.features.requires_grad and to_fake.abs().sum() > 0


@pytest.mark.parametrize("detach", [True, False])
def test_detach_cuts_the_gradient_to_the_target(detach):
    turn = turn_of()
    turn._real, turn.fake = (
        c._replace(features=c.features.detach().requires_grad_(True))
        for c in (turn.real, turn.fake)
    )
    leaves = [turn.real.features, turn.fake.features, turn.D.w]
    loss = AdaptiveMix(detach=detach).d_loss(turn)
    *to_target, to_weight = torch.autograd.grad(loss, leaves, allow_unused=True)
    assert to_weight.abs().sum() > 0
    assert all(g is None if detach else g.abs().sum() > 0 for g in to_target)


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
    def loss(w, fake):
        net = Net()
        del net.w
        net.w = w
        return term.d_loss(turn_of(D=net, xs=(data()[0], fake)))

    w, fake = Net().w.detach(), data()[1]
    assert torch.autograd.gradcheck(loss, (w.requires_grad_(True), fake.requires_grad_(True)))


# -- logits ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("player", ["d", "g"])
@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_summed_logits_by_hand(weight, player):
    term = AdaptiveMix(weight, sigma=0.3, logits="sum")  # the noise is in the loss alone
    turn = turn_of(player)
    want = [turn.D.head(t) + turn.D.head(v) for v, t in by_hand(term, turn)]
    turn.terms, own = (term,), turn.fake.score
    loss = turn.ask("terms.0", term.d_loss if player == "d" else term.g_loss)
    assert (loss is None) is (weight == 0)
    real, fake = turn.scores
    assert (real is None) is (player == "g")
    got = [fake] if real is None else [real, fake]
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(got, want, strict=True))
    assert turn.fake.score is own and not torch.allclose(fake, own)


def test_plain_logits_are_untouched():
    turn = turn_of()
    real, fake = turn.real, turn.fake
    AdaptiveMix().d_loss(turn)
    assert turn.real is real and turn.fake is fake


# -- scales, weight 0, options ---------------------------------------------------------------------
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


def counting_calls(run):
    """Let a run's F note the number of inputs of each call, in the list that is returned."""
    forward, sizes = run.D.features, []

    def features(x):
        sizes.append(len(x))
        return forward(x)

    run.D.features = features
    return sizes


@pytest.mark.parametrize("pairing", ["within", "pooled", "cross"])
def test_weight_0_is_the_baseline_bit_for_bit(pairing):
    recipes = TOY, TOY.but(terms=(AdaptiveMix(weight=0.0, pairing=pairing),))
    runs = [Run(recipe.but(batch=16), toy.ring(), 0) for recipe in recipes]
    calls = [counting_calls(run) for run in runs]
    for run in runs:
        list(run.steps(4))
    assert calls[0] == calls[1]
    weights = [run.g_weights.params + run.d_weights.params for run in runs]
    assert all(torch.equal(a, b) for a, b in zip(*weights, strict=True))


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
        assert (term.distance, term.detach, term.lam, term.logits) == want
        assert (term.weight, term.sigma) == (1.0, 0.05)
