"""The weights of image nets: where they start, which layers have spectral norm, derivatives."""

import numpy as np
import pytest
import torch
from tinynets import SPECS, each, labels
from torch import nn

from gantutor.nets.blocks import Attention, Down, Norm, Up
from gantutor.nets.cnn import Cnn
from gantutor.nets.dcgan import ConditionalDcgan
from gantutor.nets.resnet import biggan_cifar, sngan_resnet, wgangp_resnet
from gantutor.rng import Rng


@each
def test_weights_and_buffers_come_from_the_seed_alone(name):
    state = torch.get_rng_state()
    a, other = (SPECS[name].build(Rng(s)) for s in (0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(99)
    b = SPECS[name].build(Rng(0))
    for nets in zip(a, b, other, strict=True):
        for (key, p), q, r in zip(
            nets[0].state_dict().items(),
            *(net.state_dict().values() for net in nets[1:]),
            strict=True,
        ):
            assert torch.equal(p, q) and p.isfinite().all(), key
            assert p.numel() == 1 or not p.any() or (p == 1).all() or not torch.equal(p, r), key


def test_starts():
    """Xavier's bounds, N(0, 0.02), rows of an orthogonal matrix, PyTorch's default.

    On SNGAN's residual paths Xavier's gain is sqrt 2.
    """

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
    spec = SPECS[name]
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
def test_maps_keep_their_net_s_layout_and_every_weight_has_a_say(name):
    spec = SPECS[name]
    (G, D), y = spec.build(Rng(0)), labels(spec)
    seen = []
    for net, layout in zip((G, D), spec.layouts, strict=True):
        for part in net.modules():
            if isinstance(
                part, nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d | Norm | Down | Up | Attention
            ):
                part.register_forward_hook(
                    lambda m, i, o, layout=layout: seen.append(
                        o.is_contiguous(memory_format=layout)
                    )
                )
    said = D(G(Rng(1).randn(4, spec.z), *y), *y)
    assert all(seen) and len(seen) > 6
    loss = said.score.sum() + (0 if said.outputs is None else said.outputs.square().sum())
    torch.autograd.grad(loss, [*G.parameters(), *D.parameters()])  # raises for one that is not used


@each
def test_second_derivatives(name):
    """The gradient of |grad_x D|^2 at the critic's weights, as penalties need it.

    Against central differences in float64.
    """
    spec = SPECS[name]
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
