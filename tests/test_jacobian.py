"""JacobianD: closed forms, both of its methods, live norms, precision, seeds, labels."""

import copy

import pytest
import torch
from critics import ByClass, Identity, Map, labelled, orthogonal, sets, turn_of
from host import NoHostReads
from torch import nn
from torch.nn.functional import normalize
from turns import generator, normal

from gantutor import toy
from gantutor.methods.jacobian import JacobianD
from gantutor.nets.dcgan import Dcgan
from gantutor.recipes import TOY
from gantutor.rng import Rng
from gantutor.train import Run
from gantutor.turn import Turn

# when forward mode is first used, torch compiles its jvp rules with torch.jit.script, which it has
# itself deprecated
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:FutureWarning")


@pytest.mark.parametrize("method", ["fd", "jvp"])
@pytest.mark.parametrize("c", [0.0, 0.25, 1.0, 3.0])
def test_jacobian_of_a_scaled_rotation(c, method):
    r, f = sets(9, 9, 6)
    got = JacobianD(1.0, method=method).d_loss(turn_of("d", r, f, Map(c * orthogonal())))
    assert got.item() == pytest.approx(2 * abs(c - 1), abs=1e-6)  # directions are drawn in float32


@pytest.mark.parametrize("delta", [1e-3, 0.1, 10.0])
def test_jacobian_of_a_linear_map_by_both_methods(delta):
    r, f = sets(9, 4, 6)
    w, values, grads = normal(6, 3, seed=3), [], []
    for method in ("fd", "jvp"):
        turn = turn_of("d", r, f, Map(w))
        values.append(JacobianD(1.0, delta, method).d_loss(turn))
        grads.append(torch.autograd.grad(values[-1], turn.D.w)[0])
    # a difference quotient of doubles loses 1e-16 / delta
    assert values[0].item() == pytest.approx(values[1].item(), abs=1e-10)
    assert torch.allclose(*grads, atol=1e-9) and grads[0].abs().max() > 0.1


def test_jacobian_normaliser():
    turn = turn_of("d", *sets(8, 4, 6), Map(0 * orthogonal()))
    by_reals, by_all = (JacobianD(1.0, mean=mean).d_loss(turn).item() for mean in (False, True))
    assert by_reals == pytest.approx(12 / 8)
    assert by_all == pytest.approx(1)
    assert JacobianD(1e-5).d_loss(turn).item() == pytest.approx(1.5e-5)
    assert JacobianD().g_loss(turn_of("g", *sets(8, 4, 6))) is None


def test_jacobian_of_orthonormal_rows_is_not_one():
    """Orthonormal rows do not minimise the penalty: K rows keep K of d directions of u.

    |J u| is then about sqrt(K/d).
    """
    x, u = torch.zeros(500, 400), normalize(Rng(0).randn(500, 400), dim=-1)
    slope = JacobianD(method="jvp").slope(lambda x: x[..., :16], x, u)
    # standard error about 0.0015
    assert slope.mean().item() == pytest.approx((16 / 400) ** 0.5, abs=0.01)


@pytest.mark.parametrize(
    "bad, quoted",
    [({"method": "vjp"}, "'vjp'"), ({"delta": 0.0}, "delta=0.0"), ({"weight": -1}, "=-1")],
)
def test_bad_jacobian_is_quoted(bad, quoted):
    with pytest.raises(ValueError, match=quoted):
        JacobianD(**bad)


@pytest.mark.parametrize("method", ["fd", "jvp"])
def test_jacobian_of_several_seeds_in_a_run(method):
    recipe = TOY.but(terms=(JacobianD(0.1, delta=0.05, method=method),), batch=16)
    together, *alone = (Run(recipe, toy.ring(), seed) for seed in ([0, 1], 0, 1))
    for run in (together, *alone):
        list(run.steps(1))
    # float32, and a quotient by delta 0.05
    assert torch.allclose(together.d_loss, torch.stack([r.d_loss for r in alone]), atol=1e-5)


def test_jacobian_of_conditional_critics():
    (r, f), D = sets(), ByClass()
    turn = labelled("d", r, f, D)
    # pooled = 2 x: |2 - 1| a point
    assert JacobianD(1.0).d_loss(turn).item() == pytest.approx(12 / 7, abs=1e-6)
    D.reads_labels = True
    with pytest.raises(TypeError, match="ByClass reads labels"):
        JacobianD().d_loss(turn)


# -- nets with norms, and precision ----------------------------------------------------------------
class Layers(Identity):
    """Two layers, whose spectral norm moves the weights a little at every call."""

    def __init__(self, norm=True):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 4))
        rng = Rng(0)
        for i, layer in enumerate((self.layers[0], self.layers[2])):
            layer.weight.data = Rng(i).randn(*layer.weight.shape)
            layer.bias.data = 0.1 * Rng(i).randn(*layer.bias.shape)
            if norm:
                spectral_once(layer, rng)

    def features(self, x):
        return self.layers(x)


def spectral_once(layer, rng):
    """Spectral norm as after one power iteration, so that the next ones still move the weight."""
    nn.utils.parametrizations.spectral_norm(layer)
    for vector in layer.parametrizations.weight.buffers():
        vector.copy_(normalize(rng.randn(len(vector)), dim=0))


def in_singles(D):
    """D's turn on images of 6 numbers, in single precision."""
    r, f = (v.float() for v in sets(9, 4, 6))
    return Turn(player="d", D=D, rng=Rng(0), x_real=r, x_fake=f, joint=True)


@pytest.mark.parametrize("nets", ["spectral", "batch", "none", "layers"])
def test_both_methods_agree_on_live_norms(nets):
    """Phi at both ends in one call of D.

    Two calls, with a power iteration each, would measure how far the weights moved, divided by
    delta.
    """
    if nets == "layers":
        D, shape = Layers(), (12, 6)
    else:
        D, shape = Dcgan(z=4, width=4, size=8, norm=nets).build(Rng(0))[1], (6, 3, 8, 8)
    real, fake = torch.randn(2, *shape, generator=generator(1)).double()
    found = []
    for method in ("fd", "jvp"):
        copied = copy.deepcopy(D).double().train()
        turn = Turn(player="d", D=copied, rng=Rng(0), x_real=real, x_fake=fake, joint=False)
        loss = JacobianD(1.0, 1e-6, method).d_loss(turn)
        first = next(p for p in copied.parameters() if p.ndim > 1)
        # the buffers too: both have taken as many power iterations
        found.append([loss.detach(), *torch.autograd.grad(loss, first), *copied.buffers()])
    for i, (a, b) in enumerate(zip(*found, strict=True)):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-5 * b.abs().max().item()), i


def test_it_costs_one_more_power_iteration():
    for method in ("fd", "jvp"):
        D, other = Layers(), Layers()
        JacobianD(method=method).d_loss(in_singles(D))
        other.features(torch.zeros(1, 6))
        for a, b in zip(D.buffers(), other.buffers(), strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("method", ["fd", "jvp"])
def test_jacobian_ignores_autocast_in_both_directions(method):
    found = []
    for on in (True, False):
        D = Layers(norm=False)
        with torch.autocast("cpu", torch.bfloat16, enabled=on):
            loss = JacobianD(1.0, method=method).d_loss(in_singles(D))
            grads = torch.autograd.grad(3 * loss, list(D.parameters()), allow_unused=True)
            found.append((loss, *grads[:3]))
    assert found[0][0].dtype == torch.float32
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


@pytest.mark.parametrize("method", ["fd", "jvp"])
def test_gradients_taken_on_the_spot_are_autograds(method):
    term, turn = JacobianD(0.3, 0.01, method), in_singles(Layers(norm=False).double())
    turn.x_real, turn.x_fake = turn.x_real.double(), turn.x_fake.double()
    x, weights = torch.cat([turn.x_real, turn.x_fake]), list(turn.D.parameters())
    u = normalize(Rng(0).randn(13, 6).double(), dim=-1)
    value = 0.3 * (term.slope(turn.D.features, x, u) - 1).abs().sum() / 9
    want = torch.autograd.grad(5 * value, weights, allow_unused=True)
    with NoHostReads():
        got = torch.autograd.grad(5 * term.d_loss(turn), weights, allow_unused=True)
    assert got[3] is None or got[3].abs().max() < 1e-12  # a bias at the end cancels
    assert all(torch.allclose(a, b, atol=1e-9) for a, b in zip(got[:3], want[:3], strict=True))
    turn.rng = Rng(0)
    with torch.no_grad():
        assert term.d_loss(turn).item() == pytest.approx(value.item())
