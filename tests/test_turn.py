"""What a turn offers to the parts of a recipe: replaced scores, memory, full precision."""

from functools import partial

import pytest
import torch
from test_processes import BATCH, POINTS, RESIDUAL, SIZE, SPECTRAL, Blobs, Float
from torch import nn

from gantutor import toy
from gantutor.methods.adaptivemix import STYLEGAN_CODE, AdaptiveMix
from gantutor.methods.jacobian import JacobianD
from gantutor.methods.kdd import KDD
from gantutor.nets import Critique, Discriminator
from gantutor.nets.dcgan import BnDcgan
from gantutor.objectives import Hinge, NonSaturating, Realness
from gantutor.penalties import R1, AuxClassifier, LeCam
from gantutor.recipes import TOY
from gantutor.rng import Rng
from gantutor.run import Run
from gantutor.turn import Turn

F64 = torch.float64


def run_of(recipe, data=None, steps=2, seed=0):
    run = Run(recipe, Blobs() if data is None else data, seed)
    for _ in run.steps(steps):
        pass
    return run


def weights(run):
    return [p.detach() for net in (run.G, run.D) for p in net.parameters()]


@pytest.fixture
def double(monkeypatch):
    torch.set_default_dtype(F64)
    yield
    torch.set_default_dtype(torch.float32)


# -- scores that a term replaces ------------------------------------------------------------------
class ByClass(Discriminator):
    """Linear features, and a head with a projection: written out in the tests below."""

    def __init__(self, rng, classes=3, width=5):
        super().__init__()
        self.w, self.u, self.b = rng.randn(2, width), rng.randn(width), 0.3
        self.v = rng.randn(classes, width)

    def features(self, x, y=None):
        return (x @ self.w).tanh()

    def head(self, v, y=None):
        score = v @ self.u + self.b
        return score if y is None else score + (self.v[y] * v).sum(-1)


def labelled_turn(term, player="d", n=6):
    rng = Rng(3)
    D, x = ByClass(rng).double(), [rng.randn(n, 2).double() for _ in range(2)]
    D.w, D.u, D.v = D.w.double(), D.u.double(), D.v.double()
    y = [rng.randint(3, n) for _ in range(2)]
    critiques = [D(*pair) for pair in zip(x, y, strict=True)]
    batch = dict(x_real=x[0], x_fake=x[1], y_real=y[0], y_fake=y[1], real=critiques[0])
    turn = Turn(player=player, D=D, rng=Rng(5), terms=(term,), fake=critiques[1], **batch)
    return turn


def test_the_labels_of_both_partners_take_part_in_summed_logits():
    """J of a mix is psi(h) + <lam V_i + (1-lam) V_j, h>: written out for every pair."""
    turn = labelled_turn(AdaptiveMix(sigma=0, logits="sum"))
    real, fake = turn.scores
    rng = Rng(5)  # the same draws, in the order of the term: two permutations, two sets of weights
    orders, lams = [rng.randperm(6) for _ in range(2)], [rng.beta(1.0, 6) for _ in range(2)]
    D = turn.D
    sides = [(turn.x_real, turn.y_real), (turn.x_fake, turn.y_fake)]
    for got, (x, y), order, lam in zip((real, fake), sides, orders, lams, strict=True):
        for i, (j, t) in enumerate(zip(order.tolist(), lam.double(), strict=True)):
            v_i, v_j = D.features(x[i]), D.features(x[j])
            label = t * D.v[y[i]] + (1 - t) * D.v[y[j]]
            want = 0.0
            for h in (t * v_i + (1 - t) * v_j, D.features(t * x[i] + (1 - t) * x[j])):
                want = want + h @ D.u + D.b + label @ h
            assert got[i].item() == pytest.approx(want.item(), abs=1e-12)
    blind = turn.D.head(turn.real.features)
    assert not torch.allclose(turn.D.head(turn.real.features, turn.y_real), blind)


def test_the_objective_sees_the_replaced_scores_and_d_s_own_stay():
    turn = labelled_turn(AdaptiveMix(logits="sum"))
    own = turn.real.score.clone()
    real, fake = turn.scores
    want = torch.relu(1 - real).mean() + torch.relu(1 + fake).mean()
    assert Hinge().d_loss(turn).item() == pytest.approx(want.item(), abs=1e-12)
    assert torch.equal(turn.real.score, own) and not torch.allclose(real, own)
    plain = labelled_turn(AdaptiveMix())
    assert plain.scores[0] is plain.real.score and plain.scores[1] is plain.fake.score
    for_d = labelled_turn(AdaptiveMix(logits="sum", players="d"), "g")  # G's turn: D's own
    assert for_d.scores[0] is None and for_d.scores[1] is for_d.fake.score


def test_the_order_of_terms_does_not_matter():
    """Summed logits next to a class loss, which has none of their draws: the very same training."""
    parts = (STYLEGAN_CODE, AuxClassifier(), LeCam(start=0))
    nets = BnDcgan(width=4, classes=3, **SIZE)
    runs = [
        run_of(BATCH.but(nets=nets, objective=NonSaturating(), terms=order))
        for order in (parts, parts[::-1], (parts[1], parts[0], parts[2]))
    ]
    for other in runs[1:]:
        pairs = zip(weights(runs[0]), weights(other), strict=True)
        assert all(torch.allclose(a, b, atol=1e-6) for a, b in pairs)


def test_a_recipe_refuses_scores_that_nobody_reads_and_two_that_replace_them():
    for objective in (KDD(), Realness(3)):
        with pytest.raises(ValueError, match="does not act on D's scores"):
            TOY.but(objective=objective, terms=(STYLEGAN_CODE,))
    assert TOY.but(objective=Hinge() + 0.5 * KDD(), terms=(STYLEGAN_CODE,))
    with pytest.raises(ValueError, match="2 of them replace the scores"):
        TOY.but(terms=(STYLEGAN_CODE, AdaptiveMix(logits="sum")))


def test_r1_acts_on_the_summed_logits(double):
    """Against central differences of the sum in every coordinate, with the draws repeated."""
    turn = labelled_turn(AdaptiveMix(logits="sum", lam="batch"))
    state = turn.rng.state_dict()
    got = R1(1.0).d_loss(turn).item()

    def total(x):
        turn.rng.load_state_dict(state)
        return turn.score_at(x, turn.y_real).sum().item()

    slopes = torch.zeros_like(turn.x_real)
    for i in range(slopes.numel()):
        move = torch.zeros(slopes.numel()).index_fill_(0, torch.tensor([i]), 1e-5)
        move = move.view_as(slopes)
        ahead, behind = total(turn.x_real + move), total(turn.x_real - move)
        slopes.view(-1)[i] = (ahead - behind) / 2e-5
    want = slopes.square().sum(-1).mean().item() / 2
    assert got == pytest.approx(want, rel=1e-6)
    own = R1(1.0).d_loss(labelled_turn(AdaptiveMix())).item()
    assert abs(own - got) > 0.1 * abs(got)


class Unreduced(Hinge):
    """A loss of each sample, as somebody writes it who forgets the mean."""

    def d_loss(self, turn):
        return self.real(turn.real.score)


def test_a_loss_that_is_not_reduced_is_refused():
    with pytest.raises(ValueError, match=r"a loss of shape \(8,\) where \(\) is expected"):
        Run(POINTS.but(objective=Unreduced()), toy.ring(), 0).d_turn()
    with pytest.raises(ValueError, match=r"a loss of shape \(2, 8\) where \(2,\) is expected"):
        Run(POINTS.but(objective=Unreduced()), toy.ring(), [0, 1]).d_turn()


class OverSeeds(Hinge):
    """A loss that is reduced over the seeds too, by mean() in place of mean(-1)."""

    def d_loss(self, turn):
        return self.real(turn.real.score).mean() + self.fake(turn.fake.score).mean()


class OverSeedsOfG(Hinge):
    def g_loss(self, turn):
        return -turn.fake.score.mean()


@pytest.mark.parametrize("terms", [(), (AdaptiveMix(),)], ids=["alone", "with a term"])
@pytest.mark.parametrize("objective", [OverSeeds(), OverSeedsOfG()], ids=["d", "g"])
def test_a_loss_that_is_reduced_over_the_seeds_too_is_refused(objective, terms):
    """Each seed would get a share of the gradient of all."""
    player = "d" if type(objective) is OverSeeds else "g"
    name = rf"{type(objective).__name__}.{player}_loss returned a loss of shape \(\) where \(2,\)"
    with pytest.raises(ValueError, match=name):
        list(Run(POINTS.but(objective=objective, terms=terms), toy.ring(), [0, 1]).steps(1))
    list(Run(POINTS.but(objective=objective, terms=terms), toy.ring(), 0).steps(1))


# -- memory belongs to a part ---------------------------------------------------------------------
@pytest.mark.parametrize("objective", [KDD(0.5, stale="both"), Hinge()], ids=["KDD", "Hinge"])
def test_half_a_loss_and_half_of_it_again_is_the_loss(objective, double):
    whole = run_of(POINTS.but(objective=objective), toy.ring(), 4)
    halves = run_of(POINTS.but(objective=0.5 * objective + 0.5 * objective), toy.ring(), 4)
    for a, b in zip(weights(whole), weights(halves), strict=True):
        assert torch.allclose(a, b, atol=1e-12)


def test_half_a_term_and_half_of_it_again_is_the_term(double):
    one = run_of(POINTS.but(terms=(LeCam(0.4, 0.5, start=1),)), toy.ring(), 4)
    half = LeCam(0.2, 0.5, start=1)
    two = run_of(POINTS.but(terms=(half, half)), toy.ring(), 4)
    for a, b in zip(weights(one), weights(two), strict=True):
        assert torch.allclose(a, b, atol=1e-12)
    assert len(one.memory) == 1 and len(two.memory) == 2


def test_an_accumulated_part_remembers_its_own_turn_of_the_step_before():
    recipe = POINTS.but(objective=KDD(0.5, stale="both"), accumulate=2)
    run = Run(recipe, toy.ring(), 0)
    run.d_turn()
    first = [t.real.features.detach().clone() for t in run.turns]
    assert len(run.memory) == 2
    objective = recipe.objective
    for kept, v in zip(run.memory.values(), first, strict=True):
        assert torch.allclose(kept, objective.phi(v, run.D), atol=1e-6)


# -- precision ------------------------------------------------------------------------------------
class Sensor(nn.Module):
    """Notes the precision of its products."""

    def __init__(self):
        super().__init__()
        self.layer, self.seen = nn.Linear(2, 4), []
        self.reads_labels = False

    def features(self, x, y=None):
        v = self.layer(x)
        self.seen.append(v.dtype)
        return v

    def pooled(self, v):
        return v

    def forward(self, x, y=None):
        v = self.features(x)
        return Critique(v.sum(-1), v)


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")
@pytest.mark.parametrize("term", [R1(), JacobianD(1.0), JacobianD(1.0, method="jvp")], ids=str)
def test_slopes_are_taken_in_float32_where_the_nets_run_in_16_bits(term):
    D = Sensor()
    x = torch.randn(4, 2)
    bf16 = partial(torch.autocast, "cpu", torch.bfloat16)
    turn = Turn(player="d", D=D, rng=Rng(0), x_real=x, x_fake=x + 1, autocast=bf16)
    turn.judge(x)
    assert D.seen == [torch.bfloat16]
    term.d_loss(turn)
    assert D.seen[1:] and set(D.seen[1:]) == {torch.float32}
    turn.judge(x)
    assert D.seen[-1] == torch.bfloat16


def test_r1_of_a_bf16_run_is_that_of_a_float32_run():
    recipe = SPECTRAL.but(terms=(R1(10.0),))
    data = toy.ring() if recipe.nets.shape == (2,) else Float()
    half, full = (Run(recipe, data, 0, precision=p) for p in ("bf16", "fp32"))
    for run in (half, full):
        run.d_turn()
    got, want = (R1(1.0).d_loss(run.turn).item() for run in (half, full))
    assert got == pytest.approx(want, rel=0.05)


def test_a_projection_takes_its_labels_through_a_real_net():
    """The thin residual net with a projection: with labels the summed logits are other numbers."""
    run = Run(BATCH.but(nets=RESIDUAL, objective=Hinge()), Float(), 0)
    run.d_turn()
    turn = run.turn
    turn.terms, state = (AdaptiveMix(logits="sum", sigma=0),), run.rng.state_dict()
    with_labels = turn.scores[0]
    run.rng.load_state_dict(state)
    turn._made.clear()
    turn.y_real = turn.y_fake = None
    assert not torch.allclose(turn.scores[0], with_labels, atol=1e-3)
