"""KDD's options: leave-one-out, augmented anchors, and real anchors of the step before."""

from dataclasses import dataclass

import pytest
import torch
from critics import Identity, Map, orthogonal, sets, turn_of
from kdd_by_hand import Shift, anchors, log_ratio_at
from numpy import allclose

from gantutor import toy
from gantutor.methods.anchors import own_kernels
from gantutor.methods.kdd import KDD, log_ratio
from gantutor.recipes import TOY
from gantutor.train import Run


@pytest.mark.parametrize(
    "bad, quoted",
    [
        ({"tau": 0.0}, "tau=0.0"),
        ({"tau": float("nan")}, "tau=nan"),
        ({"kernel": "rbf"}, "'rbf'"),
        ({"leave_one_out": "all"}, "'all'"),
        ({"stale": "always"}, "'always'"),
        ({"copies": 2}, "copies=2"),
        ({"copies": -1}, "copies=-1"),
        ({"augment": Shift()}, "Shift"),
    ],
)
def test_bad_kdd_is_quoted(bad, quoted):
    with pytest.raises(ValueError, match=quoted):
        KDD(**bad)


# -- leave-one-out and augmented anchors -----------------------------------------------------------
@pytest.mark.parametrize("copies", [0, 1, 3])
@pytest.mark.parametrize("leave_one_out", ["self", "self+copies", "none"])
def test_leave_one_out_and_augmented_anchors(leave_one_out, copies):
    r, f = sets()
    tau, D = 0.8, Identity()
    kdd = KDD(tau, leave_one_out=leave_one_out, augment=Shift() if copies else None, copies=copies)
    turn = turn_of("d", r, f, D)
    D.calls.clear()
    at_reals, at_fakes = kdd.logits(turn)
    assert len(at_reals) == 7 and len(at_fakes) == 5  # copies are never evaluated
    assert sum(D.calls) == copies * 12  # and nothing else is forwarded again
    reals, fakes = anchors(r, copies), anchors(f, copies)
    assert len(reals) == (copies + 1) * 7 and len(fakes) == (copies + 1) * 5
    taken = {"self": 1, "self+copies": copies + 1, "none": 0}[leave_one_out]
    for i in range(7):
        own = {i + 7 * c for c in range(taken)}
        want = log_ratio_at(reals[i], reals, fakes, tau, own_r=own)
        assert at_reals[i].item() == pytest.approx(want, abs=1e-12)
    for i in range(5):
        own = {i + 5 * c for c in range(taken)}
        want = log_ratio_at(fakes[i], reals, fakes, tau, own_g=own)
        assert at_fakes[i].item() == pytest.approx(want, abs=1e-12)
    assert torch.allclose(kdd.logits(turn_of("g", r, f))[1], at_fakes, atol=1e-12)
    assert own_kernels(7, 5, copies, leave_one_out).sum(-1).tolist() == [taken] * 12


@pytest.mark.parametrize("m, n", [(1, 4), (4, 1), (1, 1)])
def test_leave_one_out_with_one_anchor_is_refused(m, n):
    turn = turn_of("d", *sets(m, n))
    with pytest.raises(ValueError, match=f"{m} real and {n} fake"):
        KDD().d_loss(turn)
    assert torch.isfinite(KDD(leave_one_out="none").d_loss(turn))
    # a point's own copy is an anchor
    assert torch.isfinite(KDD(augment=Shift(), copies=1).d_loss(turn))
    with pytest.raises(ValueError, match="at least 2"):
        KDD(leave_one_out="self+copies", augment=Shift(), copies=1).d_loss(turn)


@dataclass(frozen=True)
class Attached:
    """Adds 0.7; only the share `keep` of its result has a gradient back to the images."""

    keep: float

    def __call__(self, x, rng, step=0):
        return 0.7 + self.keep * x + (1 - self.keep) * x.detach()


@pytest.mark.parametrize("anchor_grad", [True, False])
def test_gradient_through_augmented_anchors_follows_anchor_grad(anchor_grad):
    r, f = sets()
    f.requires_grad_(True)
    grads = []
    for keep in (1.0, 0.0):  # the same anchors, with and without a path back to the fakes
        kdd = KDD(augment=Attached(keep), copies=2, anchor_grad_g=anchor_grad)
        grads.append(torch.autograd.grad(kdd.g_loss(turn_of("g", r, f)), f)[0])
    assert torch.equal(*grads) is not anchor_grad


# -- reals of the step before, in G's turn ---------------------------------------------------------
def test_stale_reals_are_used_in_the_turn_of_g_alone():
    r, f = sets()
    old = sets(seed=8)[0]
    D, stale = Identity(), Identity()(old.requires_grad_(True))
    turn = turn_of("g", r, f, D, stale=stale)
    D.calls.clear()
    _, got = KDD(stale="g_step").logits(turn)
    assert D.calls == []  # it saves a call of D
    assert torch.allclose(got, KDD().logits(turn_of("g", old, f))[1])
    assert not torch.allclose(got, KDD().logits(turn)[1])
    assert sum(D.calls) == len(r)
    assert not got.requires_grad  # neither the old reals nor these fakes give it a gradient
    in_d = turn_of("d", r, f, stale=stale)
    assert torch.equal(KDD(stale="g_step").d_loss(in_d), KDD().d_loss(in_d))


def test_a_run_keeps_the_real_features_from_before_the_update():
    run = Run(TOY.but(objective=KDD(stale="g_step")), toy.ring(), 0)
    list(run.steps(2))
    weights = {k: v.clone() for k, v in run.D.state_dict().items()}
    run.d_turn()
    stale, x = run.turn.stale, run.turn.x_real
    with torch.no_grad():
        after = run.D(x).features
        run.D.load_state_dict(weights)
        before = run.D(x).features
    # 1e-5: real and fake went through D in one product, and here they do not
    assert torch.allclose(stale.features, before, atol=1e-5)
    assert not torch.allclose(stale.features, after, atol=1e-5)


# -- and in D's turn too ---------------------------------------------------------------------------
@pytest.mark.parametrize("copies", [0, 1])
def test_stale_reals_in_the_turn_of_d(copies):
    extra = {"augment": Shift(), "copies": 1} if copies else {}
    kdd, memory, tau, former = KDD(0.8, stale="both", **extra), {}, 0.8, None
    for seed in range(3):
        r, f = sets(seed=seed)
        at_reals, at_fakes = kdd.logits(turn_of("d", r, f, memory=memory))
        fresh, fakes = anchors(r, copies), anchors(f, copies)
        reals = fresh if former is None else former
        for i in range(7):
            own = {i} if former is None else set()  # of another batch's anchors none is its own
            want = log_ratio_at(fresh[i], reals, fakes, tau, own_r=own)
            assert at_reals[i].item() == pytest.approx(want, abs=1e-12)
        for i in range(5):
            want = log_ratio_at(fakes[i], reals, fakes, tau, own_g={i})
            assert at_fakes[i].item() == pytest.approx(want, abs=1e-12)
        former = fresh
        assert list(memory) == ["/0/reals"]
        assert allclose(memory["/0/reals"], fresh, atol=1e-12)
    # in G's turn it is "g_step"
    in_g = turn_of("g", r, f, stale=Identity()(sets(seed=8)[0]))
    assert torch.equal(kdd.g_loss(in_g), KDD(0.8, stale="g_step", **extra).g_loss(in_g))


def test_stale_anchors_are_constants():
    D = Map(orthogonal(4))
    kdd, memory = KDD(0.5, stale="both"), {}
    for seed in (0, 1):
        r, f = sets(seed=seed)
        turn = turn_of("d", r, f, D, memory=memory)
        former = memory["/0/reals"].clone() if memory else None
        # the loss overwrites the memory before the gradient is taken
        (got,) = torch.autograd.grad(kdd.d_loss(turn), D.w)
    points, fakes = (kdd.phi(x @ D.w, D) for x in (r, f))
    own = own_kernels(7, 5)
    own[:, :7] = False
    ratio = log_ratio(torch.cat([points, fakes]), former, fakes, 0.5, left_out=own)
    loss = torch.relu(1 - ratio[:7]).mean() + torch.relu(1 + ratio[7:]).mean()
    assert torch.allclose(got, torch.autograd.grad(loss, D.w)[0], atol=1e-12)


def test_stale_runs_resume():
    recipe = TOY.but(objective=KDD(0.3, stale="both"), batch=16)
    whole, first, second = (Run(recipe, toy.ring(), 0) for _ in range(3))
    list(whole.steps(6))
    list(first.steps(3))
    second.load_state_dict(first.state_dict())
    list(second.steps(6))
    for a, b in zip(whole.D.state_dict().values(), second.D.state_dict().values(), strict=True):
        assert torch.equal(a, b)
