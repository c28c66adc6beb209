"""Norms: one power iteration a pass, and batch norm over the images of several processes."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from launch import alone_and_in_two
from tinynets import SPECS, each, labels
from torch import nn
from torch.nn.utils import parametrizations

from gantutor import parallel
from gantutor.methods.advlat import IFGSM
from gantutor.methods.kdd import KDD
from gantutor.nets import BatchNorm2d, no_power_iteration, norms
from gantutor.objectives import Hinge, NonSaturating
from gantutor.penalties import R1
from gantutor.recipes import Recipe, Sgd
from gantutor.rng import Rng
from gantutor.train import Run


# -- power iterations ------------------------------------------------------------------------------
def vectors(net):
    """Left and right vector and raw weight of every spectrally normalised layer."""
    found = {}
    for name, part in net.named_modules():
        if isinstance(part, parametrizations._SpectralNorm):
            layer = net.get_submodule(name.removesuffix(".parametrizations.weight.0"))
            raw = layer.parametrizations.weight.original.detach().flatten(1).double().numpy()
            found[name] = (part._u.double().numpy().copy(), part._v.double().numpy().copy(), raw)
    return found


def iterated(u, v, raw, times):
    """The vectors after more power iterations, in numpy."""
    for _ in range(times):
        u = raw @ v / np.linalg.norm(raw @ v)
        v = raw.T @ u / np.linalg.norm(raw.T @ u)
    return u, v


def moved(net, before, times):
    for name, (u, v, _) in vectors(net).items():
        for got, want in zip((u, v), iterated(*before[name], times), strict=True):
            np.testing.assert_allclose(got, want, atol=1e-5, err_msg=name)


@each
def test_a_pass_is_one_power_iteration_and_a_second_look_is_none(name):
    spec = SPECS[name]
    _, D = spec.build(Rng(0))
    x, y, before = Rng(1).randn(4, 3, spec.size, spec.size), labels(spec), vectors(D)
    said = D(x, *y)
    moved(D, before, 1)
    D.pooled(said.features)
    if getattr(D, "table", None) is not None:
        D.embed(*y)
    with no_power_iteration():
        D.head(said.features, *y)
        D.outputs(said.features)
    moved(D, before, 1)
    D(x, *y)
    moved(D, before, 2)


def test_a_second_look_sees_the_weight_of_the_pass_and_its_gradient():
    _, D = SPECS["KDD's linear features"].build(Rng(0))
    x, y = Rng(1).randn(4, 3, 16, 16), torch.tensor([0, 2, 1, 2])
    said = D(x, y)
    with no_power_iteration():
        again = D.head(said.features, y)
    torch.testing.assert_close(again, said.score)
    for part in (D.table, D.kdd, D.out):
        raw = part.parametrizations.weight.original
        one, two = (
            torch.autograd.grad(score.sum(), raw, retain_graph=True)[0]
            for score in (said.score, again)
        )
        torch.testing.assert_close(one, two)


class Noise:
    """Labelled images of noise."""

    name, classes = "noise", ("a", "b", "c")

    def __init__(self, size=16):
        self.size = size

    def sample(self, n, rng):
        return 2 * rng.rand(n, 3, self.size, self.size) - 1

    def batch(self, n, rng):
        return self.sample(n, rng), rng.randint(3, n)


@pytest.mark.parametrize("name", ["BigGAN", "KDD's linear features"])
@pytest.mark.parametrize(("joint", "passes"), [(True, 1), (False, 2)])
def test_a_turn_of_a_joint_loss_takes_an_iteration_for_each_call_of_d(
    name, joint, passes, monkeypatch
):
    """Hinge and KDD with projection look at the head and at the embedding, KDD at its features."""
    objective = Hinge() + 0.5 * KDD(projection="normalised")
    run = Run(Recipe(SPECS[name], objective, batch=4, joint=joint), Noise(), 0)
    counts, plain = Counter(), parametrizations._SpectralNorm._power_method

    def counting(self, weight, times):
        counts[self] += times
        plain(self, weight, times)

    monkeypatch.setattr(parametrizations._SpectralNorm, "_power_method", counting)
    run.d_turn()
    parts = [m for m in run.D.modules() if isinstance(m, parametrizations._SpectralNorm)]
    assert len(parts) > 8 and {counts[m] for m in parts} == {passes}


# -- batch norm ------------------------------------------------------------------------------------
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("momentum", [0.1, None])
def test_a_single_process_has_torchs_batch_norm(affine, momentum):
    x = Rng(0).randn(6, 3, 4, 4)
    for training in (True, False):
        ours, theirs = (
            kind(3, momentum=momentum, affine=affine) for kind in (BatchNorm2d, nn.BatchNorm2d)
        )
        for norm in (ours, theirs):
            norm.train(training)
        with parallel.in_step():
            got = [ours(x), ours(2 * x)]
        want = [theirs(x), theirs(2 * x)]
        assert all(torch.equal(a, b) for a, b in zip(got, want, strict=True))
        assert ours.state_dict().keys() == theirs.state_dict().keys()
        for a, b in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("momentum", [0.1, None])
def test_the_synchronised_statistics_of_one_process_are_torchs(
    momentum, affine, dtype, monkeypatch
):
    monkeypatch.setattr(norms, "synchronised", lambda: True)
    ours, theirs = (
        kind(3, momentum=momentum, affine=affine) for kind in (BatchNorm2d, nn.BatchNorm2d)
    )
    for seed in range(3):
        x = (3 * Rng(seed).randn(6, 3, 4, 4) + 2).to(dtype, memory_format=torch.channels_last)
        got, want = ours(x), theirs(x)
        assert got.dtype == want.dtype == dtype
        assert got.is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(got, want)
    for key, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[key], value, rtol=1e-5, atol=1e-5)


def test_a_step_is_over_when_its_block_is():
    assert not parallel.synchronised()
    with pytest.raises(RuntimeError), parallel.in_step():
        assert not parallel.synchronised()  # there is one process
        raise RuntimeError
    assert not parallel._stepping.get()


class Net(nn.Module):
    """Convolutions and batch norms of either kind."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(2, 3, 3),
            BatchNorm2d(3),
            nn.Softplus(),
            nn.Conv2d(3, 4, 3, bias=False),
            BatchNorm2d(4, 1e-3, momentum=None, affine=False),
        )

    def forward(self, x):
        return self.layers(x)


def looked_into(rank, world):
    """Outputs, gradients and running statistics of this process's part of a batch of six."""
    torch.manual_seed(0)
    net, whole = Net(), torch.randn(6, 2, 7, 6) * 3 + 1
    target = torch.randn(6, 4, 3, 2)
    x, target = (t.chunk(world)[rank].clone() for t in (whole, target))
    x.requires_grad_()
    with parallel.in_step():
        first = net(x)
        out = net(x * x)
        loss = (out * target).sum((1, 2, 3)).mean() + first.square().sum((1, 2, 3)).mean()
        (slope,) = torch.autograd.grad((out * target).sin().sum(), x, create_graph=True)
        loss = loss + slope.square().sum((1, 2, 3)).mean()
        weights = [*net.parameters()]
        grads = torch.autograd.grad(loss, [x, *weights])
    of_x, *of_weights = grads
    with parallel.in_step():
        net.eval()
        with torch.no_grad():
            evaluated = net(x)
    return {
        "rows": [out.detach(), slope.detach(), of_x / world, evaluated],
        "all": [*parallel.average(list(of_weights)), *net.state_dict().values()],
    }


def outside_a_step():
    """What a process computes alone, whatever the other one does."""
    torch.manual_seed(0)
    net = Net()
    return net(torch.randn(6, 2, 7, 6)).detach()


@dataclass(frozen=True)
class Normed:
    """A spec with batch norm in both nets, in float64."""

    name: str

    def __getattr__(self, name):
        return getattr(SPECS[self.name], name)

    def build(self, rng):
        return tuple(net.double() for net in SPECS[self.name].build(rng))


RUNS = {
    "DCGAN": {"latent": IFGSM(0.05, 1, mode="train_frozen")},
    "MSGAN": {"objective": NonSaturating(), "terms": (R1(1.0),)},
    "BigGAN": {"objective": KDD(tau=0.3)},
}


def trained(name):
    """Weights, buffers and losses after two steps."""
    parts = {"batch": 8, "g_opt": Sgd(0.05), "d_opt": Sgd(0.05)}
    run = Run(Recipe(Normed(name), **parts | RUNS[name]), Noise(SPECS[name].size), 0)
    for _ in run.steps(2):
        pass
    return [*run.G.state_dict().values(), *run.D.state_dict().values(), run.d_loss, run.g_loss]


PROGRAM = """
import sys, torch
from gantutor import parallel
from test_norms import RUNS, looked_into, outside_a_step, trained
torch.set_default_dtype(torch.float64)
rank, world = parallel.start()
got = {"net": looked_into(rank, world)}
got |= {name: trained(name) for name in RUNS}
if rank == 0:  # it must not wait for the other process
    got["outside"] = outside_a_step()
torch.save(got, f"{sys.argv[1]}/{rank}-{world}.pt")
"""


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    alone_and_in_two(PROGRAM, folder)
    return [torch.load(folder / f"{which}.pt") for which in ("0-2", "1-2", "0-1")]


def far(a, b):
    return (a.double() - b.double()).abs().max().item()


def test_two_processes_have_the_statistics_of_one(two):
    """Outputs, first and second derivatives, running statistics, from half a batch each."""
    *halves, whole = (got["net"] for got in two)
    for *parts, want in zip(halves[0]["rows"], halves[1]["rows"], whole["rows"], strict=True):
        assert far(torch.cat(parts), want) < 1e-10
    for half in halves:
        for got, want in zip(half["all"], whole["all"], strict=True):
            assert far(got, want) < 1e-10


@pytest.mark.parametrize("name", RUNS)
def test_two_processes_train_nets_with_batch_norm_as_one_does(two, name):
    *halves, whole = (got[name] for got in two)
    for half in halves:
        for got, want in zip(half, whole, strict=True):
            assert far(got, want) < 1e-10


def test_outside_a_step_a_process_waits_for_nobody(two):
    first, _, whole = two
    assert torch.equal(first["outside"], whole["outside"])
