"""The parts of image nets against the same computed otherwise: blocks, attention, heads."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tinynets import SPECS, blank, pair
from torch import nn

from gantutor.nets.blocks import Attention, Down, Norm, Up
from gantutor.nets.dcgan import BnDcgan, Dcgan
from gantutor.nets.resnet import biggan_cifar, sagan64, sngan_resnet
from gantutor.rng import Rng


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
    """The skip's cheaper order gives the same numbers as the papers' order.

    The papers enlarge before the 1x1 convolution, and take the mean after it.
    """
    x = torch.randn(3, 4, 8, 8).double()
    up = Up(4, 6, 0, 0).double()
    h = up.conv1(F.interpolate(up.norm1(x, None).relu(), scale_factor=2))
    want = up.conv2(up.norm2(h, None).relu()) + up.skip(F.interpolate(x, scale_factor=2))
    torch.testing.assert_close(up(x, None), want)
    for a, b, hidden, pixels, half in (
        (4, 6, 6, True, True),
        (4, 6, 6, False, True),
        (4, 6, 4, False, True),
        (4, 4, 4, False, False),
        (4, 6, 6, False, False),
    ):
        block = Down(a, b, pixels, half, hidden).double()
        assert block.conv1.weight.shape == (hidden, a, 3, 3)
        h = block.conv2(block.conv1(x if pixels else x.relu()).relu())
        s = x if (a == b and not half) else F.conv2d(x, block.skip.weight, block.skip.bias)
        torch.testing.assert_close(block(x), F.avg_pool2d(h + s, 2) if half else h + s)
    assert isinstance(Down(4, 4, False, False, 4).skip, nn.Identity)


def test_attention_is_scaled_dot_product_attention_without_the_scale():
    part, x = Attention(16), torch.randn(2, 16, 6, 6)
    assert torch.equal(part(x), x)
    part.gamma.data.fill_(0.7)
    q, k, v = part.query(x), F.max_pool2d(part.key(x), 2), F.max_pool2d(part.value(x), 2)
    h = F.scaled_dot_product_attention(*(t.flatten(2).mT for t in (q, k, v)), scale=1.0)
    torch.testing.assert_close(part(x), x + 0.7 * part.out(h.mT.reshape(2, 8, 6, 6)))
    G, D = pair("SA-GAN")
    assert not G.attention.gamma and not D.attention.gamma


@pytest.mark.parametrize("spec", [sagan64(10), biggan_cifar("studio")])
def test_both_nets_attend_at_the_same_side(spec):
    sides, y = [], torch.zeros(1, dtype=torch.long, device="meta")
    G, D = blank(spec)
    for net in (G, D):
        net.attention.register_forward_hook(lambda m, i, o: sides.append(o.shape[2]))
    D(G(torch.randn(1, spec.z, device="meta"), y), y)
    assert sides == [spec.attention, spec.attention]


@pytest.mark.parametrize("name", ["BigGAN", "KDD's linear features"])
def test_a_projection_by_hand(name):
    (_, D), spec = pair(name), SPECS[name]
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


def test_resampled_outcomes_come_from_one_linear_layer_under_one_norm():
    """RealnessGAN's code: means and log variances are the halves of one layer of 2K outputs."""
    _, D = Dcgan(6, 4, 16, outcomes=3, resample=True).build(Rng(0))
    x = Rng(1).randn(4, 3, 16, 16)
    with torch.no_grad():
        for _ in range(300):
            D(x)
    D.eval()
    raw = D.out.parametrizations.weight.original.detach().double().numpy()
    assert raw.shape == (6, 16 * 8)
    v = D.features(x).detach().double().numpy()
    want = v @ (raw / np.linalg.svd(raw, compute_uv=False)[0]).T
    np.testing.assert_allclose(D(x).outputs.detach(), want, atol=1e-5)
    halves = [np.linalg.svd(half, compute_uv=False)[0] for half in (raw[:3], raw[3:])]
    assert max(halves) < np.linalg.svd(raw, compute_uv=False)[0]  # a norm each would differ


@pytest.mark.parametrize("resample", [False, True])
def test_a_pass_takes_one_power_iteration_of_a_realness_head(resample):
    _, D = Dcgan(6, 4, 16, outcomes=3, resample=resample).build(Rng(0))
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


# -- StudioGAN's BigGAN, written again with functions and the same weights -------------------------
def studio():
    """Nets in float64 whose attention counts; batch norm takes the statistics of the batch."""
    spec = biggan_cifar("studio", 3, 4, attention=16, z=8, shared=5)
    G, D = (net.double().eval() for net in spec.build(Rng(0)))
    for net in (G, D):
        net.attention.gamma.data.fill_(0.5)
        for name, p in net.named_parameters():
            if name.endswith("bias"):
                p.data.copy_(0.1 * Rng(len(name)).randn(*p.shape))
    for part in G.modules():
        part.train(isinstance(part, nn.BatchNorm2d))
    return G, D


def conv(layer, x, pad):
    return F.conv2d(x, layer.weight, layer.bias, padding=pad)


def attend(part, x):
    b, c, h, w = x.shape
    query = conv(part.query, x, 0).reshape(b, -1, h * w)
    key = F.max_pool2d(conv(part.key, x, 0), 2).reshape(b, -1, h * w // 4)
    value = F.max_pool2d(conv(part.value, x, 0), 2).reshape(b, -1, h * w // 4)
    weights = torch.softmax(torch.einsum("bcq,bck->bqk", query, key), -1)
    mixed = torch.einsum("bck,bqk->bcq", value, weights).reshape(b, -1, h, w)
    return x + 0.5 * conv(part.out, mixed, 0)


def normalised(x):
    mean = x.mean((0, 2, 3), keepdim=True)
    var = ((x - mean) ** 2).mean((0, 2, 3), keepdim=True)
    return (x - mean) / torch.sqrt(var + 1e-4)


def conditional(norm, x, code):
    gain, bias = code @ norm.gain.weight.T, code @ norm.bias.weight.T
    return normalised(x) * (1 + gain)[:, :, None, None] + bias[:, :, None, None]


def test_studiogans_discriminator_rectifies_in_place_before_its_skips():
    _, D = studio()
    x, y = Rng(1).randn(4, 3, 32, 32).double(), torch.tensor([0, 2, 1, 1])
    with torch.no_grad():
        h = x.clone()
        for i, block in enumerate(D.blocks):
            skip = h
            if i:  # the first block, on pixels, has no activation before its convolution
                h = F.relu(h, inplace=True)
            h = conv(block.conv2, F.relu(conv(block.conv1, h, 1)), 1)
            if i < 2:  # the skip is mixed before it is halved
                h = F.avg_pool2d(h, 2)
                skip = F.avg_pool2d(conv(block.skip, skip, 0), 2)
            h = h + skip
            if i == 0:
                h = attend(D.attention, h)
        h = F.relu(h).sum((2, 3))
        score = (h @ D.out.weight.T + D.out.bias)[:, 0] + (D.table.weight[y] * h).sum(1)
        torch.testing.assert_close(D(x, y).score, score, atol=1e-11, rtol=1e-11)


def test_studiogans_generator_has_a_larger_epsilon():
    G, _ = studio()
    z, y = Rng(2).randn(6, 8).double(), torch.tensor([0, 2, 1, 1, 0, 2])
    with torch.no_grad():
        shared = G.shared.weight[y]
        first, *rest = z.split(2, 1)
        x = (first @ G.first.weight.T + G.first.bias).reshape(6, 16, 4, 4)
        for i, (block, chunk) in enumerate(zip(G.blocks, rest, strict=True)):
            code = torch.cat([shared, chunk], 1)
            h = F.relu(conditional(block.norm1, x, code)).repeat_interleave(2, 2)
            h = conv(block.conv1, h.repeat_interleave(2, 3), 1)
            h = conv(block.conv2, F.relu(conditional(block.norm2, h, code)), 1)
            x = h + conv(block.skip, x.repeat_interleave(2, 2).repeat_interleave(2, 3), 0)
            if i == 1:
                x = attend(G.attention, x)
        h = normalised(x) * G.norm.weight[:, None, None] + G.norm.bias[:, None, None]
        want = torch.tanh(conv(G.out, F.relu(h), 1))
        torch.testing.assert_close(G(z, y), want, atol=1e-11, rtol=1e-11)


def test_only_studiogans_preset_has_these_options():
    for spec in SPECS.values():
        if hasattr(spec, "skip_relu"):
            studios = spec == SPECS["BigGAN of StudioGAN"]
            assert (spec.skip_relu, spec.bn_eps) == ((True, 1e-4) if studios else (False, 1e-5))
