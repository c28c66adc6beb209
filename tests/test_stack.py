"""The plane's nets in closed form against autograd's own operations, layer by layer."""

import copy
import gc
import weakref

import numpy as np
import pytest
import torch

from gantutor import toy
from gantutor.augment import InstanceNoise
from gantutor.methods.adaptivemix import STYLEGAN_CODE, AdaptiveMix
from gantutor.methods.advlat import IFGSM, MIFGSM, PGD, GradientStep
from gantutor.methods.jacobian import JacobianD
from gantutor.methods.kdd import KDD
from gantutor.methods.pairs import HardPairs, ModeSeeking
from gantutor.nets import stack
from gantutor.nets.mlp import Mlp
from gantutor.objectives import WGAN, Hinge, Minimax
from gantutor.optimisers import Ema, RmsProp, Sgd
from gantutor.penalties import R1, DivPenalty, GradientPenalty, LeCam
from gantutor.recipes import METHODS, OBJECTIVES, TOY
from gantutor.rng import Rng
from gantutor.run import Run

# when forward mode is first used, torch compiles its jvp rules with torch.jit.script, which it has
# itself deprecated
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:FutureWarning")

CASES = {
    **{f"objective {name}": recipe for name, recipe in OBJECTIVES.items()},
    **{f"method {name}": recipe for name, recipe in METHODS.items()},
    "joint": TOY.but(objective=Hinge() + 0.5 * KDD(tau=0.5, kernel="gauss", stale="both")),
    "mix, across": TOY.but(terms=(AdaptiveMix(pairing="cross", detach=True),)),
    "mix, summed": TOY.but(terms=(STYLEGAN_CODE, R1(0.5), LeCam(start=0))),
    "mean head": TOY.but(objective=WGAN(0.1), terms=(AdaptiveMix(),), d_opt=RmsProp(5e-4)),
    "divergence": TOY.but(objective=WGAN(None), terms=(DivPenalty(at="both"),)),
    "gradient penalty and features": TOY.but(terms=(GradientPenalty(), AdaptiveMix())),
    "jacobian": TOY.but(objective=KDD(), terms=(JacobianD(0.1),)),
    "jacobian, exact": TOY.but(terms=(JacobianD(0.1, method="jvp"),)),
    "pairs": TOY.but(terms=(ModeSeeking(0.5, HardPairs(steps=2)),), fakes="dg"),
    "pairs, apart": TOY.but(terms=(ModeSeeking(0.5, HardPairs(steps=1), apart=True),)),
    "qua under kdd": TOY.but(objective=KDD(), latent=IFGSM(0.05, 2, mode="train_frozen")),
    "random start": TOY.but(latent=PGD(0.05, 2, radius=0.1)),
    "momentum": TOY.but(latent=MIFGSM(0.05, 2)),
    "by gradient": TOY.but(objective=Minimax(), latent=GradientStep(0.05), joint=False),
    "in parts": TOY.but(accumulate=2, decay=30, n_gen=2, inputs=(InstanceNoise(0.1, 10),)),
    "averaged": TOY.but(ema=Ema(0.5, 1), d_opt=Sgd(0.05)),
}
HEADS = {"mean head": "mean"}


def trained(case: str, seed, steps: int = 20) -> list[torch.Tensor]:
    """Weights and losses after some steps."""
    nets = Mlp(4, (8, 6), (7, 6, 5), head=HEADS.get(case, "linear"))
    run = Run(CASES[case].but(nets=nets, batch=16), toy.ring(), seed)
    for _ in run.steps(steps):
        pass
    return [run.G.weights.detach(), run.D.weights.detach(), run.d_loss, run.g_loss]


def plainly(monkeypatch) -> None:
    """Have autograd record each layer by itself."""
    monkeypatch.setattr(stack, "_needs_plain", lambda x: True)


@pytest.mark.parametrize("seed", [3, [0, 1]], ids=["one seed", "two seeds"])
@pytest.mark.parametrize("case", CASES)
def test_training_is_what_autograd_s_own_operations_give(monkeypatch, case, seed):
    fast = trained(case, seed)
    plainly(monkeypatch)
    for a, b in zip(fast, trained(case, seed), strict=True):
        assert torch.allclose(a, b, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_in_double_precision_it_is_equal_to_1e_12(monkeypatch, case):
    torch.set_default_dtype(torch.float64)
    try:
        fast = trained(case, [0, 1])
        plainly(monkeypatch)
        for a, b in zip(fast, trained(case, [0, 1]), strict=True):
            assert a.dtype == torch.float64 and torch.allclose(a, b, rtol=1e-12, atol=1e-12)
    finally:
        torch.set_default_dtype(torch.float32)


def critic(seed, leak: float = 0.2):
    """A small critic in double precision, and points for it."""
    _, D = Mlp(3, (4,), (5, 4, 3), bound=None, d_leak=leak).build(Rng(seed))
    return D.double(), Rng(seed).randn(6, 2).double().requires_grad_(True)


@pytest.mark.parametrize("leak", [0.2, 0.0, 1.0])
@pytest.mark.parametrize("seed", [0, [0, 1]], ids=["one seed", "two seeds"])
def test_first_and_second_derivatives_are_the_differences_of_values(seed, leak):
    D, x = critic(seed, leak)
    both = (x, D.weights)  # what is moved are these very tensors
    for ask in (lambda x, w: tuple(D(x)[:2]), lambda x, w: D.features(x)):
        assert torch.autograd.gradcheck(ask, both)
        assert torch.autograd.gradgradcheck(ask, both)


def test_a_forward_pass_by_numpy():
    D, x = critic(0)
    v = x.detach().numpy()
    for i, (weight, bias) in enumerate(D.constants()):
        if i:
            v = np.maximum(v, 0.2 * v)
        features, v = v, v @ weight.numpy() + bias.numpy()
    said = D(x)
    assert np.allclose(said.score.detach(), v[:, 0], atol=1e-14)
    activated = torch.nn.functional.leaky_relu(said.features, 0.2).detach()
    assert np.allclose(activated, features, atol=1e-14)
    with torch.no_grad():
        assert torch.equal(D(x).score, said.score.detach())


def test_the_weights_gradient_is_computed_only_where_it_is_asked_for(monkeypatch):
    D, x = critic(0)
    calls, known = [], stack._gradient
    monkeypatch.setattr(stack, "_gradient", lambda *a: calls.append(a) or known(*a))
    torch.autograd.grad(D(x).score.sum(), x)
    torch.autograd.grad(D(x).score.sum(), x, create_graph=True)
    assert not calls
    torch.autograd.grad(D(x).score.sum(), D.weights)
    assert len(calls) == 1
    D(x).score.sum().backward()
    assert len(calls) == 2 and x.grad is not None and D.weights.grad is not None
    D.requires_grad_(False)
    D(x).score.sum().backward()
    assert len(calls) == 2


def test_weights_that_a_loss_does_not_use_get_zeros():
    D, x = critic([0, 1])
    (g,) = torch.autograd.grad(D(x).features.sum(), D.weights)
    used = sum(D.sizes[:-2])
    assert g[:, :used].abs().amax() > 0 and (g[:, used:] == 0).all()
    (h,) = torch.autograd.grad(D.features(x).sum(), D.weights)
    assert torch.allclose(g, h, atol=1e-14)


def test_several_seeds_share_one_x_and_their_gradients_add_up():
    D, _ = critic([0, 1, 2])
    x = Rng(5).randn(6, 2).double().requires_grad_(True)
    (shared,) = torch.autograd.grad(D(x).score.sum(), x)
    own = x.detach().expand(3, 6, 2).clone().requires_grad_(True)
    (each,) = torch.autograd.grad(D(own).score.sum(), own)
    assert torch.allclose(shared, each.sum(0), atol=1e-14)


def test_a_backward_pass_through_weights_that_have_changed_is_refused():
    D, x = critic(0)
    loss = D(x).score.sum()
    with torch.no_grad():
        D.weights.add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_forward_mode_vmap_and_autocast_take_the_plain_way():
    D, x = critic(0)
    at, along = x.detach(), torch.ones_like(x)
    _, slope = torch.func.jvp(lambda x: D(x).score, (at,), (along,))
    (g,) = torch.autograd.grad(D(x).score.sum(), x)
    assert torch.allclose(slope, g.sum(-1), atol=1e-12)
    assert torch.allclose(torch.func.grad(lambda x: D(x).score.sum())(at), g, atol=1e-12)
    each = torch.func.vmap(lambda x: D(x[None]).score[0])(at)
    assert torch.allclose(each, D(at).score, atol=1e-12)
    single = copy.deepcopy(D).float()
    with torch.autocast("cpu", torch.bfloat16):
        said = single(x.float().detach())
    said.score.sum().backward()
    assert said.score.dtype == torch.float32 and single.weights.grad.isfinite().all()


def test_copies_and_moved_weights_are_seen():
    """Views of the weights are kept; they must follow the weights wherever these go."""
    D, x = critic(0)
    other = copy.deepcopy(D)
    with torch.no_grad():
        other.weights.zero_()
    assert (other(x).score == 0).all() and (D(x).score != 0).all()
    other.load_state_dict(D.state_dict())
    assert torch.equal(other(x).score, D(x).score)
    D.float()
    assert D(x.float()).score.dtype == torch.float32
    D.weights = torch.nn.Parameter(torch.zeros_like(D.weights))
    assert (D(x.float()).score == 0).all()


@pytest.mark.parametrize("twice", [False, True])
def test_nothing_is_left_behind(twice):
    """No cycle of nodes and tensors: what a graph held goes without the garbage collector."""
    D, _ = critic(0)
    gc.disable()
    try:
        x = torch.randn(6, 2, dtype=torch.float64, requires_grad=True)
        said = D(x)
        loss = said.score.exp().sum() + said.features.square().sum()
        (g,) = torch.autograd.grad(loss, x, create_graph=twice)
        if twice:
            g.norm().backward()
        gone = weakref.ref(x), weakref.ref(said.score.grad_fn)
        del x, said, loss, g
        D.weights.grad = None
        assert [r() for r in gone] == [None, None]
    finally:
        gc.enable()
