"""DCGANs: parameters, shapes, seeds, spectral norm, and runs that are killed and go on."""

import pytest
import torch

from gantutor.augment import DiffAugment
from gantutor.images import open_images
from gantutor.methods.adaptivemix import AdaptiveMix
from gantutor.methods.advlat import IFGSM
from gantutor.methods.kdd import KDD
from gantutor.nets.dcgan import NORMS, Dcgan, Doubling
from gantutor.recipes import Recipe
from gantutor.rng import Rng
from gantutor.train import Run, train


@pytest.fixture(scope="module")
def digits():
    return open_images("digits", size=16)


def count(net):
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize("norm", NORMS)
def test_parameters_follow_the_formula(norm):
    z, h, c = 20, 6, 3
    G, D = Dcgan(z, h, 32, c, norm).build(Rng(0))
    assert count(G) == 16 * (z * 4 * h + 4 * h * 2 * h + 2 * h * h + h * c) + 2 * (
        4 * h + 2 * h + h
    )
    assert count(D) == 16 * (c * h + h * 2 * h + 2 * h * 4 * h + 4 * h) + (
        2 * (2 * h + 4 * h) if norm == "batch" else 0
    )


@pytest.mark.parametrize(
    ("size", "norm"), [(8, "none"), (16, "batch"), (32, "spectral"), (64, "spectral")]
)
def test_shapes(size, norm):
    spec = Dcgan(5, 4, size, 2, norm)
    G, D = spec.build(Rng(0))
    x = G(torch.randn(3, 5))
    said = D(x)
    width = 4 * size // 8
    assert x.shape == (3, 2, size, size) and x.abs().max() <= 1
    assert (
        said.score.shape == (3,)
        and said.features.shape == (3, 16 * width)
        and D.pooled(said.features).shape == (3, width)
    )
    torch.testing.assert_close(
        D.pooled(said.features), said.features.reshape(3, width, 4, 4).sum((2, 3))
    )
    assert spec.joint == (norm == "none")


@pytest.mark.parametrize("norm", NORMS)
def test_weights_and_buffers_come_from_the_seed_alone(norm):
    state = torch.get_rng_state()
    a, b, c = (Dcgan(8, 8, 16, 1, norm).build(Rng(s)) for s in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(99)
    d = Dcgan(8, 8, 16, 1, norm).build(Rng(0))
    for ours, same, other, again in zip(a, b, c, d, strict=True):
        states = (net.state_dict().values() for net in (same, other, again))
        for (name, p), q, r, s in zip(ours.state_dict().items(), *states, strict=True):
            assert torch.equal(p, q) and torch.equal(p, s), name
            constant = (
                "running" in name
                or "num_batches" in name
                or name.endswith("bias")
                or p.numel() == 1
            )
            assert constant or not torch.equal(p, r), name


def test_weights_are_small_normals():
    G, D = Dcgan(50, 32, norm="none").build(Rng(0))
    for net in (G, D):
        for p in map(torch.Tensor.detach, net.parameters()):
            if p.ndim > 1:
                assert abs(float(p.mean())) < 0.002 and abs(float(p.std()) - 0.02) < 0.002
    weight, bias = (p.detach() for p in G.layers[1].parameters())
    assert abs(float(weight.mean()) - 1) < 0.01 and 0.01 < weight.std() < 0.03 and not bias.any()


def test_spectral_norm_bounds_the_critic_from_the_first_step():
    _, D = Dcgan(8, 16).build(Rng(0))
    D.eval()
    for layer in [*D.layers, D.out]:
        norm = torch.linalg.matrix_norm(layer.weight.flatten(1), 2)
        assert 0.99 < norm < 1.1
    vectors = [b.clone() for b in D.buffers()]
    D(torch.zeros(2, 3, 32, 32))
    assert all(
        torch.equal(a, b) for a, b in zip(vectors, D.buffers(), strict=True)
    )  # eval mode takes no power iteration


RECIPES = {
    "baseline": {},
    "AdaptiveMix": {"terms": (AdaptiveMix(),)},
    "AdvLatGAN-qua": {"latent": IFGSM(eps=0.03, mode="train_frozen")},
    "KDD": {"objective": KDD(augment=DiffAugment(), copies=1, stale="g_step")},
    "all": {
        "objective": KDD(),
        "terms": (AdaptiveMix(),),
        "latent": IFGSM(eps=0.03, mode="train_frozen"),
    },
}


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", RECIPES)
def test_a_killed_run_ends_bit_for_bit_where_the_unbroken_one_does(name, norm, digits, tmp_path):
    recipe = Recipe(Dcgan(8, 4, 16, 1, norm), batch=6, **RECIPES[name])
    whole = Run(recipe, digits, seed=3)
    start = [p.clone() for p in whole.G.parameters()] + [p.clone() for p in whole.D.parameters()]
    for _ in whole.steps(3):
        pass
    moved = [
        not torch.equal(a, b)
        for a, b in zip(start, [*whole.G.parameters(), *whole.D.parameters()], strict=True)
    ]
    assert all(moved[:-1])  # the last is D's head, which KDD alone never asks
    for steps in (1, 3):  # as two processes would
        *_, last = train(recipe, digits, seed=3, steps=steps, checkpoint=tmp_path / "c.pt")
    assert last.run.step == 3
    for net in ("G", "D"):
        ours, theirs = (getattr(run, net).state_dict() for run in (whole, last.run))
        assert ours.keys() == theirs.keys() and all(
            torch.equal(ours[key], theirs[key]) for key in ours
        ), net
    assert torch.equal(whole.rng.randn(5), last.run.rng.randn(5))


def test_a_latent_search_leaves_the_nets_as_they_were():
    G, D = Dcgan(8, 4, 16, 1, "spectral").build(Rng(0))
    before = [b.clone() for net in (G, D) for b in net.state_dict().values()]
    z = IFGSM(eps=0.1, steps=2, mode="train_frozen")(Rng(1).randn(6, 8), G, D)
    assert not torch.equal(z, Rng(1).randn(6, 8))
    assert all(
        torch.equal(a, b)
        for a, b in zip(
            before, [b for net in (G, D) for b in net.state_dict().values()], strict=True
        )
    )


def test_bad_specs_are_said():
    for bad, words in (
        ({"norm": "layer"}, "'layer'.*spectral"),
        ({"size": 48}, "size=48.*8, 16"),
        ({"size": 4}, "size=4"),
        ({"width": 0}, "width=0"),
    ):
        with pytest.raises(ValueError, match=words):
            Dcgan(**bad)
    with pytest.raises(ValueError, match="one seed"):
        Dcgan().build(Rng([0, 1]))


@pytest.mark.parametrize("side", [1, 2, 4, 5])
@pytest.mark.parametrize("bias", [False, True])
def test_small_maps_are_doubled_as_by_a_transposed_convolution(side, bias):
    layer = Doubling(3, 5, bias).double()
    x = Rng(0).randn(2, 3, side, side).double().requires_grad_(True)
    want = torch.nn.functional.conv_transpose2d(x, layer.weight, layer.bias, 2, 1)
    got, inputs = layer(x), [x, *layer.parameters()]
    assert torch.allclose(got, want, atol=1e-12)
    pairs = zip(*(torch.autograd.grad(y.sin().sum(), inputs) for y in (got, want)), strict=True)
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in pairs)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer.float()(x.float()).dtype == torch.bfloat16
