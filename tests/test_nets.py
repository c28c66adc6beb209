"""Image nets against the papers' parameter and operation counts, and against what torch and numpy say of their parts."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from gantutor.nets.cnn import Cnn
from gantutor.nets.dcgan import BnDcgan, ConditionalDcgan, Dcgan
from gantutor.nets.resnet import (
    Attention,
    Down,
    Norm,
    Resnet,
    Up,
    biggan_cifar,
    sagan64,
    sngan_resnet,
    wgangp_resnet,
)
from gantutor.recipes import Recipe
from gantutor.rng import Rng
from gantutor.train import Run

SMALL = {"size": 16, "g_widths": (6, 5, 4), "d_widths": (4, 6, 6), "downs": 2}
TINY = {
    "DCGAN": BnDcgan(6, 2, 32),
    "ACGAN": BnDcgan(6, 2, 32, classes=3),
    "MSGAN": ConditionalDcgan(6, 4, 16, classes=3),
    "Realness": Dcgan(6, 4, 16, outcomes=5),
    "Realness resampled": Dcgan(6, 4, 16, norm="none", outcomes=3, resample=True),
    "WGAN with a mean": Dcgan(6, 4, 16, norm="none", head="mean"),
    "SNGAN cnn": Cnn(6, 4, 16),
    "WGAN-GP cnn": Cnn(6, 4, 16, norm="none"),
    "SNGAN": replace(sngan_resnet(), **SMALL),
    "WGAN-GP": replace(wgangp_resnet(), **SMALL),
    "BigGAN": biggan_cifar(classes=3, width=2, **SMALL, z=6),
    "BigGAN of StudioGAN": biggan_cifar(
        "studio", 3, **SMALL | {"attention": 8, "shared": 5, "z": 6}
    ),
    "SA-GAN": sagan64(3, **SMALL | {"attention": 8}),
    "residual ACGAN": biggan_cifar(classes=3, labels="acgan", **SMALL, z=6),
    "KDD's linear features": biggan_cifar(classes=3, kdd_width=7, pool="mean", **SMALL, z=6),
}
each = pytest.mark.parametrize("name", TINY)


def blank(spec):
    with torch.device("meta"):
        return spec.blank()


def labels(spec, n=4):
    return (torch.arange(n) % spec.classes,) if spec.classes else ()


@cache
def pair(name):
    """Built once, in eval mode: two calls say the same. Nobody may change it."""
    G, D = TINY[name].build(Rng(0))
    return G.eval(), D.eval()


# -- the papers' counts -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("spec", "g", "d", "digits"),
    [
        (biggan_cifar(), 4_304_387, 4_207_361, 0),
        (biggan_cifar(classes=0), 4_276_739, 4_204_801, 0),
        (sagan64(1000), 13_293_188, 5_401_186, 0),
        (sagan64(200), 9_504_388, 4_991_586, 0),
        (biggan_cifar(width=96), 9.26e6, 9.46e6, 4),
        (sngan_resnet(32), 4.28e6, 1.05e6, 4),
        (wgangp_resnet(32), 4.28e6, 1.05e6, 4),
        (sngan_resnet(48), 4.88e6, 4.86e6, 4),
        (BnDcgan(), 11.43e6, 4.31e6, 4),
        (Cnn(), 3.58e6, 2.93e6, 4),
        (Cnn(norm="none"), 3.58e6, 2.94e6, 4),
        (ConditionalDcgan(), 3.5e6, 2.7e6, 5),
    ],
)
def test_parameters_are_the_papers(spec, g, d, digits):
    """Exactly where they are printed whole, else rounded to the printed digits."""
    for net, count in zip(blank(spec), (g, d), strict=True):
        assert round(sum(p.numel() for p in net.parameters()), -digits) == count


@pytest.mark.parametrize(
    ("spec", "g", "d"),
    [
        (BnDcgan(), 103, 41),
        (BnDcgan(size=48), 231, 91),
        (Cnn(), 103, 109),
        (Cnn(size=48), 232, 245),
        (Cnn(size=64), 413, 435),
        (Cnn(size=128), 1652, 1740),
        (ConditionalDcgan(), 70, 74),
        (biggan_cifar(), 1681, 1081),
        (sagan64(200), 1829, 283),
    ],
)
def test_multiplications_are_the_papers(spec, g, d):
    """Millions a forward pass of one image. Our 1x1 skips come before the copies and after the means, at a quarter's cost."""
    nets, saved = blank(spec), [0, 0]
    for i, (block, side) in enumerate(
        zip(getattr(nets[0], "blocks", ()), (8, 16, 32, 64), strict=False)
    ):
        saved[0] += block.skip.weight.numel() * side**2 * 3 // 4
    for i, block in enumerate(getattr(nets[1], "blocks", ())):
        if block.half and i:
            saved[1] += block.skip.weight.numel() * (spec.size >> i) ** 2 * 3 // 4
    x, y = torch.randn(1, spec.z, device="meta"), [y.to("meta") for y in labels(spec, 1)]
    for net, less, count in zip(nets, saved, (g, d), strict=True):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            x = net(x, *y)
        assert (counter.get_total_flops() / 2 + less) / 1e6 == pytest.approx(
            count, rel=5e-4, abs=0.5
        )


# -- shapes -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [32, 48, 64, 128])
@pytest.mark.parametrize(
    ("make", "last"),
    [
        (lambda s: BnDcgan(5, 1, s), lambda s: (8, s // 16)),
        (lambda s: Cnn(5, 1, s), lambda s: (8, s // 8)),
        (
            lambda s: sngan_resnet(s, 1 / 128),
            lambda s: {32: (1, 8), 48: (4, 3), 64: (8, 2), 128: (8, 4)}[s],
        ),
        (
            lambda s: wgangp_resnet(s, 1 / 128),
            lambda s: {32: (1, 8), 48: (4, 3), 64: (8, 2), 128: (8, 4)}[s],
        ),
    ],
)
def test_every_size(make, last, size):
    spec, (width, side) = make(size), last(size)
    G, D = spec.build(Rng(0))
    x = G(torch.randn(2, spec.z))
    assert x.shape == (2, 3, size, size) and x.abs().max() <= 1
    assert D.features(x).shape == (2, width * side**2)


@each
def test_a_critique_holds_together(name):
    spec = TINY[name]
    (G, D), y = pair(name), labels(spec)
    x = G(Rng(1).randn(4, spec.z), *y)
    assert x.shape == (4, 3, spec.size, spec.size) and x.abs().max() <= 1 and x.std() > 0
    said, v = D(x, *y), D.features(x, *y)
    assert (
        said.score.shape == (4,)
        and torch.equal(said.features, v)
        and torch.equal(said.score, D.head(v, *y))
    )
    side = {"DCGAN": 2, "ACGAN": 2, "SNGAN cnn": 2, "WGAN-GP cnn": 2}.get(name, 4)
    if "KDD" not in name:
        torch.testing.assert_close(D.pooled(v), v.reshape(4, -1, side, side).sum((2, 3)))
    n = {"ACGAN": 3, "residual ACGAN": 3, "Realness": 5, "Realness resampled": 6}.get(name)
    assert said.outputs is None if n is None else said.outputs.shape == (4, n)
    if n:
        assert torch.equal(said.outputs, D.outputs(v))
    assert spec.joint == (spec.norm == "none")


@each
def test_latents_labels_and_images_matter(name):
    spec = TINY[name]
    (G, D), y = pair(name), labels(spec)
    z = Rng(1).randn(4, spec.z)
    x = G(z, *y)
    assert (x - G(z.roll(1, 0), *y)).abs().amax((1, 2, 3)).min() > 0
    if getattr(spec, "hierarchical", False):  # each chunk of z has a say
        for i in range(3):
            assert not torch.equal(x, G(z + torch.eye(6)[2 * i], *y))
    assert (D(x, *y).score - D(x.flip(0), *y).score).abs().max() > 0
    if y:
        other = (y[0] + 1) % 3
        assert (x - G(z, other)).abs().amax((1, 2, 3)).min() > 0
        assert torch.equal(D(x, *y).score, D(x, other).score) == (
            "ACGAN" in name
        )  # an ACGAN's critic is not told
        with pytest.raises(TypeError, match="no labels"):
            G(z)
    elif not isinstance(spec, Cnn):
        with pytest.raises(TypeError, match="knows no classes"):
            G(z, torch.zeros(4, dtype=torch.long))


# -- weights ----------------------------------------------------------------------------------------------------------
@each
def test_weights_and_buffers_come_from_the_seed_alone(name):
    state = torch.get_rng_state()
    a, other = (TINY[name].build(Rng(s)) for s in (0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(99)
    b = TINY[name].build(Rng(0))
    for nets in zip(a, b, other, strict=True):
        for (key, p), q, r in zip(
            nets[0].state_dict().items(),
            *(net.state_dict().values() for net in nets[1:]),
            strict=True,
        ):
            assert torch.equal(p, q) and p.isfinite().all(), key
            assert p.numel() == 1 or not p.any() or (p == 1).all() or not torch.equal(p, r), key


def test_starts():
    """Xavier's bounds (gain sqrt 2 on SNGAN's residual paths), N(0, 0.02), rows of an orthogonal matrix, PyTorch's default."""

    def bound(layer, gain=1.0):
        fan = nn.init._calculate_fan_in_and_fan_out(layer.weight)
        assert layer.weight.abs().max().item() == pytest.approx(
            gain * (6 / sum(fan)) ** 0.5, rel=0.01
        )

    G, D = sngan_resnet(32, 1 / 8, norm="none").build(Rng(0))
    for block in [*G.blocks, *D.blocks[:2]]:
        bound(block.conv1, 2**0.5), bound(block.conv2, 2**0.5), bound(block.skip)
    bound(G.first), bound(G.out)
    assert not any(
        p.any()
        for name, p in [*G.named_parameters(), *D.named_parameters()]
        if name.endswith("bias")
    )
    G, D = Cnn(20, 16, 16).build(Rng(0))
    bound(G.first), bound(G.layers[0]), bound(G.layers[-2])
    G, _ = biggan_cifar(width=8).build(Rng(0))
    for layer in (G.first, G.blocks[1].conv1, G.blocks[1].norm1.gain):
        weight = getattr(layer, "parametrizations", layer).weight
        weight = weight.original if hasattr(weight, "original") else weight
        assert (
            weight.std().item() == pytest.approx(0.02, rel=0.1)
            and abs(weight.mean().item()) < 0.004
        )
    G, _ = biggan_cifar("studio", 10, 4).build(Rng(0))
    weight = G.blocks[0].conv1.parametrizations.weight.original.flatten(1)
    torch.testing.assert_close(weight @ weight.T, torch.eye(16), atol=1e-5, rtol=0)
    _, D = wgangp_resnet(32, 1 / 8).build(Rng(0))
    for layer in (D.blocks[1].conv1, D.out):
        fan_in = layer.weight[0].numel()
        assert layer.weight.abs().max().item() == pytest.approx(fan_in**-0.5, rel=0.05)
    G, D = ConditionalDcgan(20, 16, 16).build(Rng(0))
    for layer in (G.layers[0], D.layers[1], D.out):
        assert layer.weight.std().item() == pytest.approx(0.02, rel=0.1) and layer.bias.any()
    assert (G.layers[1].weight == 1).all()


@pytest.mark.parametrize(
    "name", ["Realness", "SNGAN cnn", "SNGAN", "BigGAN", "BigGAN of StudioGAN", "residual ACGAN"]
)
def test_spectral_norm_is_on_every_layer_it_should_be_on(name):
    spec = TINY[name]
    G, D = spec.build(Rng(0))
    x, y = Rng(1).randn(4, 3, spec.size, spec.size), labels(spec)
    with torch.no_grad():
        for _ in range(20):
            G(Rng(2).randn(4, spec.z), *y), D(x, *y)
    for net, kinds in (
        (D, nn.Conv2d | nn.Linear | nn.Embedding),
        (G, nn.Conv2d | nn.Linear if spec.g_spectral else ()),
    ):
        layers = [part for part in net.eval().modules() if isinstance(part, kinds)]
        for (
            layer
        ) in layers:  # a convolution's matrix is (out, in x 9), an embedding's the whole table
            assert 0.98 < np.linalg.norm(layer.weight.detach().flatten(1).numpy(), 2) < 1.05
        assert bool(layers) == bool(kinds)
    assert not any(
        hasattr(part, "parametrizations") for part in G.modules() if isinstance(part, nn.Embedding)
    )


@each
def test_maps_stay_channels_last_and_every_weight_has_a_say(name):
    spec = TINY[name]
    (G, D), y = spec.build(Rng(0)), labels(spec)
    seen = []
    for net in (G, D):
        for part in net.modules():
            if isinstance(
                part, nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d | Norm | Down | Up | Attention
            ):
                part.register_forward_hook(
                    lambda m, i, o: seen.append(o.is_contiguous(memory_format=torch.channels_last))
                )
    said = D(G(Rng(1).randn(4, spec.z), *y), *y)
    assert all(seen) and len(seen) > 6
    loss = said.score.sum() + (0 if said.outputs is None else said.outputs.square().sum())
    torch.autograd.grad(loss, [*G.parameters(), *D.parameters()])  # raises for one that is not used


@each
def test_second_derivatives(name):
    """The gradient of |grad_x D|^2 at the critic's weights, as penalties need it, against central differences in float64."""
    spec = TINY[name]
    D = (
        spec.build(Rng(0))[1].double().train(spec.norm == "batch")
    )  # in eval mode spectral norm's vectors stand still
    y, params = labels(spec), list(D.parameters())
    x = Rng(1).randn(4, 3, spec.size, spec.size).double().tanh().requires_grad_()

    def penalty():
        (g,) = torch.autograd.grad(D(x, *y).score.sum(), x, create_graph=True)
        return g.square().sum()

    for p in params:  # away from zero: SA-GAN's gamma starts there, and second order with it
        p.data += 0.1 * p.abs().mean().clamp(0.1) * Rng(p.numel()).randn(*p.shape)
    grads = torch.autograd.grad(penalty(), params, allow_unused=True)
    step, size = (
        [torch.zeros_like(p) if g is None else g for p, g in zip(params, grads, strict=True)],
        1e-7,
    )
    slope = sum(g.square().sum() for g in step)
    size = size / slope.sqrt()
    values = []
    for sign in (1, -2):
        for p, g in zip(params, step, strict=True):
            p.data += sign * size * g
        values.append(penalty().item())
    assert slope > 0 and (values[0] - values[1]) / (2 * size) == pytest.approx(
        slope.item(), rel=1e-3
    )


# -- the parts --------------------------------------------------------------------------------------------------------
def test_conditional_batch_norm_is_the_classs_own():
    norm = Norm(5, 3, 0)
    nn.init.normal_(norm.gain.weight), nn.init.normal_(norm.bias.weight)
    x = torch.randn(6, 5, 4, 4) * 3 + 1
    y = torch.tensor([0, 1, 2, 2, 1, 0])
    for c in range(3):
        plain = F.batch_norm(
            x, None, None, 1 + norm.gain.weight[c], norm.bias.weight[c], training=True
        )
        torch.testing.assert_close(norm(x, y)[y == c], plain[y == c])
    code = torch.randn(6, 7)
    norm = Norm(5, 3, 7)
    want = (
        F.batch_norm(x, None, None, training=True)
        * (1 + code @ norm.gain.weight.T)[..., None, None]
    )
    torch.testing.assert_close(norm(x, code), want + (code @ norm.bias.weight.T)[..., None, None])
    assert norm.gain.bias is None and isinstance(Norm(5, 0, 0).norm.weight, nn.Parameter)


def test_blocks_are_the_textbooks():
    """The skips' cheaper order gives the same numbers as copies before, or means after, the 1x1 convolution."""
    x = torch.randn(3, 4, 8, 8).double()
    up = Up(4, 6, 0, 0).double()
    h = up.conv1(F.interpolate(up.norm1(x, None).relu(), scale_factor=2))
    want = up.conv2(up.norm2(h, None).relu()) + up.skip(F.interpolate(x, scale_factor=2))
    torch.testing.assert_close(up(x, None), want)
    for a, b, pixels, half in (
        (4, 6, True, True),
        (4, 6, False, True),
        (4, 4, False, False),
        (4, 6, False, False),
    ):
        block = Down(a, b, pixels, half).double()
        h = block.conv2(block.conv1(x if pixels else x.relu()).relu())
        s = x if (a == b and not half) else F.conv2d(x, block.skip.weight, block.skip.bias)
        torch.testing.assert_close(block(x), F.avg_pool2d(h + s, 2) if half else h + s)
    assert isinstance(Down(4, 4, False, False).skip, nn.Identity)


def test_attention_is_scaled_dot_product_attention_without_the_scale():
    part, x = Attention(16), torch.randn(2, 16, 6, 6)
    assert torch.equal(part(x), x)
    part.gamma.data.fill_(0.7)
    q, k, v = part.query(x), F.max_pool2d(part.key(x), 2), F.max_pool2d(part.value(x), 2)
    h = F.scaled_dot_product_attention(*(t.flatten(2).mT for t in (q, k, v)), scale=1.0)
    torch.testing.assert_close(part(x), x + 0.7 * part.out(h.mT.reshape(2, 8, 6, 6)))
    G, D = pair("SA-GAN")
    assert not G.attention.gamma and not D.attention.gamma
    for spec in (sagan64(10), biggan_cifar("studio")):
        sides, y = [], torch.zeros(1, dtype=torch.long, device="meta")
        for net in (nets := blank(spec)):
            net.attention.register_forward_hook(lambda m, i, o: sides.append(o.shape[2]))
        nets[1](nets[0](torch.randn(1, spec.z, device="meta"), y), y)
        assert sides == [spec.attention, spec.attention]


@pytest.mark.parametrize("name", ["BigGAN", "KDD's linear features"])
def test_a_projection_by_hand(name):
    (_, D), spec = pair(name), TINY[name]
    x, y = Rng(1).randn(4, 3, 16, 16), torch.tensor([0, 2, 1, 2])
    said = D(x, y)
    h = said.features.reshape(4, 6, 16).sum(2)
    if spec.kdd_width:
        h = h @ D.kdd.weight.T + D.kdd.bias
    torch.testing.assert_close(D.pooled(said.features), h)
    h = h / 16 if spec.pool == "mean" else h
    linear = h @ D.out.weight[0] + D.out.bias
    torch.testing.assert_close(said.score, linear + (D.table.weight[y] * h).sum(1))
    torch.testing.assert_close(D.head(said.features), linear)  # without labels: the linear part
    assert (
        torch.equal(D.embed(y), D.table.weight[y])
        and D.embed(y).shape == D.pooled(said.features).shape
    )


def test_only_a_projection_embeds_labels():
    for name in ("residual ACGAN", "SNGAN", "MSGAN"):
        with pytest.raises(TypeError, match="no class embedding"):
            pair(name)[1].embed(torch.tensor([0]))


def test_pooling_with_a_mean_is_the_sum_over_positions_divided():
    _, D = pair("WGAN-GP")
    v = D.features(Rng(1).randn(4, 3, 16, 16))
    torch.testing.assert_close(
        D.head(v), v.reshape(4, 6, 16).mean(2) @ D.out.weight[0] + D.out.bias
    )
    assert sngan_resnet(32).head_bias is False


def test_advlatgans_dcgan_ends_each_layer_in_batch_norm():
    _, D = BnDcgan(6, 4, 48).build(Rng(0))
    v = D.features(Rng(1).randn(8, 3, 48, 48)).detach().reshape(8, 32, 9).transpose(0, 1).flatten(1)
    torch.testing.assert_close(v.mean(1), torch.zeros(32), atol=1e-5, rtol=0)
    torch.testing.assert_close(v.var(1, unbiased=False), torch.ones(32), atol=0.02, rtol=0)
    assert v.min() < -0.2  # and not in a leaky ReLU


def test_realness_is_an_expectation_over_outcomes():
    for name, k in (("Realness", 5), ("Realness resampled", 3)):
        said = pair(name)[1](Rng(1).randn(4, 3, 16, 16))
        p = np.exp(said.outputs.detach().double().numpy()[:, :k])
        want = (p / p.sum(1, keepdims=True)) @ np.linspace(-1, 1, k)
        np.testing.assert_allclose(said.score.detach(), want, atol=1e-6)
        assert said.score.abs().max() <= 1


def test_one_look_at_a_realness_head_takes_one_power_iteration():
    _, D = TINY["Realness"].build(Rng(0))
    steps = []
    D.out.parametrizations.weight[0].register_forward_hook(lambda *_: steps.append(1))
    D(torch.zeros(2, 3, 16, 16))
    assert len(steps) == 1


def test_a_mean_head_is_the_mean_of_features_of_both_signs():
    _, D = pair("WGAN with a mean")
    said = D(Rng(1).randn(64, 3, 16, 16))
    torch.testing.assert_close(said.score, said.features.mean(1))
    share = (said.features < 0).float().mean()
    assert 0.2 < share < 0.8 and said.score.min() < 0 < said.score.max()
    positive = said.features[said.features > 0].mean()  # no leak: negative ones are as large
    assert -said.features[said.features < 0].mean().item() == pytest.approx(
        positive.item(), rel=0.3
    )


class Noise:
    """Labelled images of nothing."""

    name, classes = "noise", ("a", "b", "c")

    def __init__(self, size):
        self.size = size

    def sample(self, n, rng):
        return 2 * rng.rand(n, 3, self.size, self.size) - 1

    def batch(self, n, rng):
        return self.sample(n, rng), rng.randint(3, n)


@pytest.mark.parametrize("name", ["ACGAN", "MSGAN", "Realness resampled", "BigGAN of StudioGAN"])
def test_a_step_moves_both_nets(name):
    spec = TINY[name]
    run = Run(Recipe(spec, batch=4), Noise(spec.size), seed=0)
    before = [p.clone() for net in (run.G, run.D) for p in net.parameters()]
    for _ in run.steps(1):
        pass
    after = [p for net in (run.G, run.D) for p in net.parameters()]
    assert all(p.isfinite().all() for p in after)
    assert np.mean([not torch.equal(a, b) for a, b in zip(before, after, strict=True)]) > 0.8
    assert run.sample(3).shape == (3, 3, spec.size, spec.size)


def test_bad_specs_are_said():
    for make, bad, words in (
        (Dcgan, {"head": "max"}, "'max'.*'mean'"),
        (Dcgan, {"outcomes": 3, "head": "mean"}, "several outcomes need"),
        (Dcgan, {"resample": True}, "resampling needs"),
        (ConditionalDcgan, {"classes": 0}, "classes=0.*at least 2"),
        (BnDcgan, {"size": 40}, "size=40.*16"),
        (BnDcgan, {"classes": 1}, "classes=1.*or 0"),
        (Cnn, {"norm": "batch"}, "'batch'.*spectral, none"),
        (Cnn, {"size": 20}, "size=20.*multiple of 8"),
        (Resnet, {"init": "he"}, "init='he'.*residual"),
        (Resnet, {"size": 36}, "size=36.*3 doublings"),
        (Resnet, {"downs": 5}, "downs=5"),
        (Resnet, {"attention": 32}, r"attention=32.*\[8, 16\]|attention=32.*\[16\]"),
        (Resnet, {"shared": 8}, "a shared embedding needs classes"),
        (biggan_cifar, {"preset": "studio", "shared": 0}, "with classes need one"),
        (biggan_cifar, {"preset": "studio", "z": 81}, "z=81.*4 equal chunks"),
        (biggan_cifar, {"preset": "jax"}, "'jax'.*'studio'"),
        (sngan_resnet, {"size": 40}, "size=40.*32, 48, 64, 128"),
    ):
        with pytest.raises(ValueError, match=words):
            make(**bad)
    with pytest.raises(ValueError, match="one seed"):
        TINY["BigGAN"].build(Rng([0, 1]))
