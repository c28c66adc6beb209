"""What the image tables need: moving average, decay, accumulation, labels, bf16, captured steps."""

from dataclasses import dataclass

import pytest
import torch
from torch import nn

from gantutor import plot, toy
from gantutor.engine import MovingAverage, Weights, _like
from gantutor.images import ImageSet
from gantutor.journal import Journal
from gantutor.methods.adaptivemix import AdaptiveMix
from gantutor.methods.advlat import IFGSM
from gantutor.methods.kdd import KDD
from gantutor.methods.pairs import HardPairs, ModeSeeking
from gantutor.nets import Discriminator, initialise, spectral
from gantutor.nets.mlp import Mlp
from gantutor.objectives import WGAN
from gantutor.penalties import GradientPenalty
from gantutor.recipes import TOY, Adam, Ema, Recipe, Sgd
from gantutor.rng import Rng
from gantutor.train import Run, train

SMALL = TOY.but(nets=Mlp(4, (16, 16), (16, 16)), batch=16)
GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


class TinyG(nn.Module):
    """z and a label -> 3x4x4, with batch norm."""

    def __init__(self, z, classes):
        super().__init__()
        self.linear, self.label, self.norm = (
            nn.Linear(z, 48),
            nn.Embedding(max(classes, 1), 48),
            nn.BatchNorm2d(3),
        )
        self.calls = 0

    def forward(self, z, y=None):
        self.calls += 1
        v = self.linear(z) if y is None else self.linear(z) + self.label(y)
        return torch.tanh(self.norm(v.reshape(-1, 3, 4, 4)))


class TinyD(Discriminator):
    def __init__(self, classes):
        super().__init__()
        self.conv, self.out, self.label = (
            nn.Conv2d(3, 8, 3, 1, 1),
            nn.Linear(8, 1),
            nn.Embedding(max(classes, 1), 8),
        )

    def features(self, x, y=None):
        return torch.relu(self.conv(x)).flatten(1)

    def pooled(self, v):
        return v.unflatten(1, (8, 16)).sum(-1)

    def head(self, v, y=None):
        h = self.pooled(v)
        score = self.out(h).squeeze(-1)
        return score if y is None else score + (self.label(y) * h).sum(-1)


@dataclass(frozen=True)
class Tiny:
    classes: int = 0
    z: int = 4
    sn: bool = False
    joint = False

    def build(self, rng):
        with torch.device("meta"):
            G, D = TinyG(self.z, self.classes), TinyD(self.classes)
        G, D = initialise(G, rng), initialise(D, rng)
        if self.sn:
            spectral(D.conv, rng)
        return G, D


def pictures(n=40, classes=4):
    images = Rng(9).randint(256, n, 3, 4, 4).to(torch.uint8)
    return ImageSet("noise", images, torch.arange(n) % classes, tuple("abcd"[:classes]))


IMAGES = Recipe(Tiny(), batch=8, g_opt=Adam(1e-3), d_opt=Adam(1e-3))
LABELLED = IMAGES.but(nets=Tiny(classes=4))


def last(steps):
    *_, step = steps
    return step


def numbers(net):
    return torch.cat([t.detach().double().reshape(-1) for t in net.state_dict().values()])


# -- moving average, decay, accumulation -----------------------------------------------------------
def test_the_moving_average_is_the_recursion_and_a_copy_before_its_start():
    run = Run(IMAGES.but(ema=Ema(0.9, 2)), pictures(), 0)
    want = None
    for step in run.steps(5):
        now = numbers(run.G)
        want = (
            now if step.index <= 2 else torch.where(now == now.round(), now, 0.9 * want + 0.1 * now)
        )
        got = numbers(run.ema.net)
        assert torch.allclose(got, want, atol=1e-6)  # weights, running statistics and counters
    assert not torch.allclose(numbers(run.ema.net), numbers(run.G), atol=1e-4)


def test_samples_come_from_the_moving_average():
    run = last(Run(IMAGES.but(ema=Ema(0.9, 0)), pictures(), 0).steps(3)).run
    z = Rng(5).randn(6, 4)
    assert torch.equal(run.sample(6, 5), run.ema.net.eval()(z)) and not torch.allclose(
        run.sample(6, 5), run.G.eval()(z), atol=1e-4
    )


def test_rates_fall_linearly_to_nothing():
    run = Run(SMALL.but(decay=4, g_opt=Adam(1e-2), d_opt=Adam(2e-2)), toy.ring(), 0)
    rates = []
    for _ in run.steps(6):
        rates += [opt.param_groups[0]["lr"] for opt in (run.g_opt, run.d_opt)]
    assert rates == pytest.approx(
        [lr * f for f in (1, 0.75, 0.5, 0.25, 0, 0) for lr in (1e-2, 2e-2)]
    )


@pytest.mark.parametrize("parts", [2, 4])
def test_accumulated_parts_give_the_mean_of_their_gradients(parts):
    """By hand: the same draws, one gradient a part."""
    recipe = SMALL.but(objective=WGAN(None), accumulate=parts, g_opt=Sgd(0.1), d_opt=Sgd(0.1))
    run, rng = Run(recipe, toy.ring(), 3), Rng(3)
    G, D = run.recipe.nets.build(rng)
    grads = []
    for _ in range(parts):
        fake, real = G(rng.randn(16 // parts, 4)).detach(), toy.ring().sample(16 // parts, rng)
        grads.append(
            torch.autograd.grad(
                D(fake).score.mean() - D(real).score.mean(), list(D.parameters()), allow_unused=True
            )
        )
    run.d_turn()
    for new, old, *each in zip(run.D.parameters(), D.parameters(), *grads, strict=True):
        assert torch.allclose(new, old - 0.1 * sum(each) / parts, atol=1e-6)


def test_gradients_are_laid_out_like_their_weights():
    """Fused Adam assumes that weight and gradient share a memory layout, and does not check.

    It would apply a contiguous gradient to a channels-last weight in the wrong order.
    """
    p = nn.Parameter(torch.zeros(4, 3, 2, 2).to(memory_format=torch.channels_last))
    g = torch.arange(48.0).reshape(4, 3, 2, 2) - 20
    assert _like(g, p).stride() == p.stride() and torch.equal(_like(g, p), g)
    net = nn.ParameterList([p])
    weights = Weights(net)
    weights.grads = [g]
    weights.reduce([torch.zeros(())])
    torch.optim.Adam([p], lr=1.0, fused=True).step()
    assert torch.allclose(p.detach(), -g.sign(), atol=1e-5)


# -- shared fakes, labels, order -------------------------------------------------------------------
@pytest.mark.parametrize("fakes, calls", [("fresh", 4), ("d", 2), ("dg", 1)])
def test_shared_fakes_are_made_once(fakes, calls):
    run = Run(IMAGES.but(fakes=fakes, n_dis=3), pictures(), 0)
    for _ in run.take_step():
        pass
    assert run.G.calls == calls


def test_shared_fakes_and_their_gradient_reach_g():
    """MSGAN's order: D moves first, then G learns from the very same fakes before the new D."""
    recipe = IMAGES.but(fakes="dg", objective=WGAN(None), g_opt=Sgd(0.5), d_opt=Sgd(0.5))
    run = Run(recipe, pictures(), 1)
    G, D = recipe.nets.build(rng := Rng(1))
    x = G(rng.randn(8, 4))
    real = pictures().sample(8, rng)
    grads = torch.autograd.grad(
        D(x.detach()).score.mean() - D(real).score.mean(), list(D.parameters()), allow_unused=True
    )
    with torch.no_grad():
        for p, g in zip(D.parameters(), grads, strict=True):
            p -= 0 if g is None else 0.5 * g
    grads = torch.autograd.grad(-D(x).score.mean(), list(G.parameters()), allow_unused=True)
    want = [
        p.detach() - (0 if g is None else 0.5 * g)
        for p, g in zip(G.parameters(), grads, strict=True)
    ]
    for _ in run.take_step():
        pass
    assert all(
        torch.allclose(p, w, atol=1e-6) for p, w in zip(run.G.parameters(), want, strict=True)
    )


@pytest.mark.parametrize("fake_labels", ["uniform", "real"])
@pytest.mark.parametrize("pairs", [False, True])
def test_labels_reach_both_players(fake_labels, pairs):
    terms = (ModeSeeking(pairs=HardPairs(steps=1)),) if pairs else ()
    run = Run(
        LABELLED.but(
            fake_labels=fake_labels,
            terms=terms,
            latent=IFGSM(0.01, 1, mode="train_frozen"),
            g_batch=16,
        ),
        pictures(),
        0,
    )
    for player in run.take_step():
        if player == "d":
            y, fake = run.turn.y_real, run.turn.y_fake
            assert y.shape == (8,) and fake.shape == (16 if pairs else 8,) and int(fake.max()) < 4
            if pairs:
                assert torch.equal(fake[:8], fake[8:])  # a pair shares its label
            assert torch.equal(y, fake[:8]) is (fake_labels == "real")
    with torch.no_grad():
        one, other = (run.sample(3, 5, labels=torch.full((3,), c)) for c in (0, 1))
    assert not torch.allclose(one, other)
    assert run.sample(10, 5, latent=IFGSM(0.1, 2)).shape == (10, 3, 4, 4)


def test_labelled_nets_refuse_data_without_labels_or_with_more_classes():
    with pytest.raises(ValueError, match="need labelled data"):
        Run(LABELLED, toy.ring(), 0)
    with pytest.raises(ValueError, match="classes=2 for 4 classes"):
        Run(IMAGES.but(nets=Tiny(classes=2)), pictures(), 0)


def test_epochs_show_every_image_once():
    data = pictures(40)
    run = Run(IMAGES.but(order="epochs", n_dis=1), data, 0)
    seen = []
    for _ in run.steps(10):
        seen += [tuple(x.reshape(-1).tolist()) for x in run.turn.x_real]
    assert len(set(seen[:40])) == 40 and len(set(seen[40:])) == 40 and seen[:40] != seen[40:]


@pytest.mark.parametrize("norm", ["running", "batch", "standing"])
def test_sampling_leaves_the_run_as_it_was(norm):
    run = last(Run(LABELLED, pictures(), 0).steps(3)).run
    before, state = numbers(run.G), run.rng.state_dict()["states"][0].clone()
    a, b = run.sample(20, 5, norm=norm, chunk=10), run.sample(20, 5, norm=norm, chunk=10)
    assert torch.equal(a, b) and a.shape == (20, 3, 4, 4)
    assert (
        torch.equal(before, numbers(run.G))
        and torch.equal(state, run.rng.state_dict()["states"][0])
        and run.G.training
    )
    other = run.sample(20, 5, norm="batch" if norm == "running" else "running", chunk=10)
    assert not torch.allclose(a, other, atol=1e-3)
    with pytest.raises(ValueError, match="norm='sliding'"):
        run.sample(2, norm="sliding")


def test_chunks_change_nothing_in_running_statistics():
    run = last(Run(LABELLED, pictures(), 0).steps(2)).run
    assert torch.allclose(run.sample(23, 5, chunk=7), run.sample(23, 5), atol=1e-6)


# -- exact resume of all of it ---------------------------------------------------------------------
RESUMED = {
    "average, decay, epochs": IMAGES.but(
        nets=Tiny(sn=True), ema=Ema(0.9, 1), decay=6, order="epochs", n_dis=2
    ),
    "labels, accumulation": LABELLED.but(
        accumulate=2, fakes="d", n_dis=2, latent=IFGSM(0.05, 1, mode="train_frozen")
    ),
    "pairs, shared": LABELLED.but(
        fakes="dg",
        fake_labels="real",
        terms=(ModeSeeking(pairs=HardPairs(steps=1)),),
        ema=Ema(0.5, 2),
    ),
}


@pytest.mark.parametrize("name", RESUMED)
def test_resume_is_exact(name, tmp_path):
    recipe, data = RESUMED[name], pictures(20)
    want = last(train(recipe, data, 0, 6)).run.state_dict()
    file = tmp_path / "run.pt"
    last(train(recipe, data, 0, 4, checkpoint=file))
    got = last(train(recipe, data, 0, 6, checkpoint=file)).run.state_dict()
    for part in ("G", "D", "ema"):
        for k, v in (want[part] or {}).items():
            assert torch.equal(v, got[part][k]), (part, k)
    assert got["position"] == want["position"] and torch.equal(
        got["rng"]["states"][0], want["rng"]["states"][0]
    )


def test_a_checkpoint_of_another_precision_is_refused(tmp_path):
    last(train(IMAGES, pictures(), 0, 1, checkpoint=tmp_path / "a.pt"))
    with pytest.raises(ValueError, match="made in fp32 by 1 process"):
        last(train(IMAGES, pictures(), 0, 2, checkpoint=tmp_path / "a.pt", precision="bf16"))


# -- bf16 ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"objective": KDD()},
        {"terms": (AdaptiveMix(),)},
        {"objective": WGAN(None), "terms": (GradientPenalty(),)},
        {"latent": IFGSM(0.05, 1, mode="train_frozen")},
    ],
)
def test_bf16_runs_the_nets_in_bf16_and_keeps_the_rest_in_fp32(parts):
    recipe = IMAGES.but(nets=Tiny(sn=True), **parts)
    half, whole = (last(Run(recipe, pictures(), 0, precision=p).steps(1)) for p in ("bf16", "fp32"))
    assert half.run.turn.fake.features.dtype == half.run.turn.fake.score.dtype == torch.float32
    assert half.run.turn.x_fake.dtype == half.d_loss.dtype == torch.float32
    assert all(p.dtype == torch.float32 for p in half.run.D.parameters())
    # bf16 carries 8 bits: losses of order 1 agree to a few per cent, and are not the same number
    coarse = half.run.turn.fake.features
    assert torch.equal(coarse, coarse.bfloat16().float())  # they came out of the net with 8 bits
    assert float(half.d_loss) == pytest.approx(float(whole.d_loss), rel=0.05, abs=0.05) and float(
        half.d_loss
    ) != float(whole.d_loss)


# -- captured steps --------------------------------------------------------------------------------
def test_a_graph_needs_a_gpu():
    with pytest.raises(ValueError, match="graph=True on cpu"):
        Run(IMAGES, pictures(), 0, graph=True)


@GPU
@pytest.mark.parametrize("name", [*RESUMED, "plain"])
def test_a_captured_step_is_the_eager_step(name):
    recipe = RESUMED.get(name, IMAGES)
    a, b = (
        last(Run(recipe, pictures().to("cuda"), 0, "cuda", graph=g).steps(8)) for g in (False, True)
    )
    for x, y in zip(a.run.G.state_dict().values(), b.run.G.state_dict().values(), strict=True):
        assert torch.allclose(x.float(), y.float(), atol=1e-5)
    assert torch.allclose(a.d_loss, b.d_loss, atol=1e-5)


@pytest.mark.parametrize("source", [7, None])
def test_a_seed_is_drawn_on_the_run_s_device(source, monkeypatch):
    """A GPU run that is asked by a seed would otherwise get latents of the CPU."""
    run, devices = Run(IMAGES, pictures(), 0), []
    of = Rng.of.__func__

    def spied(cls, source, device="cpu"):
        devices.append(device)
        return of(cls, source, device)

    monkeypatch.setattr(Rng, "of", classmethod(spied))
    run.rng.device = torch.device("cpu", 0)  # equal to no other device
    run.sample(2, source)
    run.fresh_turn(4, source)
    ours = [device for device in devices if device == torch.device("cpu", 0)]
    assert len(ours) == (0 if source is None else 2)


@GPU
def test_a_run_on_a_gpu_is_asked_by_a_seed():
    run = Run(IMAGES, pictures().to("cuda"), 0, "cuda")
    list(run.steps(2))
    fakes = run.sample(4, 900)
    assert fakes.is_cuda and run.fresh_turn(4, 5).fake.score.is_cuda
    assert torch.cat(list(run.stream(5, 901, chunk=2))).shape == (5, *fakes.shape[1:])
    _, axes = plot.plate(1)
    plot.images(axes[0, 0], fakes)
    Journal(None).grid(1, fakes)


def test_the_average_of_a_net_shares_nothing_with_it():
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    mean = MovingAverage(net, 0.9, 0)
    assert all(
        a.data_ptr() != b.data_ptr()
        for a, b in zip(net.state_dict().values(), mean.net.state_dict().values(), strict=True)
    )
    assert not any(p.requires_grad for p in mean.net.parameters())
