"""Image nets against the papers' counts of parameters and operations; shapes, labels, bad specs."""

import numpy as np
import pytest
import torch
from tinynets import SPECS, blank, each, labels, pair
from torch.utils.flop_counter import FlopCounterMode

from gantutor.nets.cnn import Cnn
from gantutor.nets.dcgan import BnDcgan, ConditionalDcgan, Dcgan
from gantutor.nets.resnet import Resnet, biggan_cifar, sagan64, sngan_resnet, wgangp_resnet
from gantutor.recipes import Recipe
from gantutor.rng import Rng
from gantutor.train import Run


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
        (sngan_resnet(64), 12.2e6, 10.1e6, 5),
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
    ("size", "widths"),
    [(64, (64, 128, 256, 512, 1024)), (128, (64, 128, 256, 512, 1024, 1024))],
)
def test_the_discriminators_for_imagenet_are_as_wide_inside_as_at_their_entrance(size, widths):
    """Miyato et al.: 10.1 million parameters at 64 pixels, where the width of the exit has 19.5."""

    def count(hidden_of):
        total, a = widths[-1], 3  # the score's weights; it has no bias
        for i, b in enumerate(widths):
            h = hidden_of(a, b) if i else b
            total += 9 * a * h + h + 9 * h * b + b
            total += a * b + b if a != b or i < 5 else 0
            a = b
        return total

    ours, wide = (
        sum(p.numel() for p in blank(sngan_resnet(size, d_hidden=hidden))[1].parameters())
        for hidden in ("in", "out")
    )
    assert ours == count(lambda a, b: a) and wide == count(lambda a, b: b)
    assert sngan_resnet(size).d_hidden == wgangp_resnet(size).d_hidden == "in"
    assert size == 128 or (ours, wide) == (10_141_440, 19_542_720)


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
    """Millions in a forward pass of one image.

    Our 1x1 skips come before the enlargement and after the mean, at a quarter of the cost.
    """
    nets, saved = blank(spec), [0, 0]
    for block, side in zip(getattr(nets[0], "blocks", ()), (8, 16, 32, 64), strict=False):
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
    spec = SPECS[name]
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
    spec = SPECS[name]
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


class Noise:
    """Labelled images of noise."""

    name, classes = "noise", ("a", "b", "c")

    def __init__(self, size):
        self.size = size

    def sample(self, n, rng):
        return 2 * rng.rand(n, 3, self.size, self.size) - 1

    def batch(self, n, rng):
        return self.sample(n, rng), rng.randint(3, n)


@pytest.mark.parametrize("name", ["ACGAN", "MSGAN", "Realness resampled", "BigGAN of StudioGAN"])
def test_a_step_moves_both_nets(name):
    spec = SPECS[name]
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
        (Cnn, {"norm": "batch"}, "'batch'.*'spectral', 'none'"),
        (Cnn, {"size": 20}, "size=20.*multiple of 8"),
        (Resnet, {"init": "he"}, "init='he'.*residual"),
        (Resnet, {"size": 36}, "size=36.*3 doublings"),
        (Resnet, {"downs": 5}, "downs=5"),
        (Resnet, {"d_hidden": "half"}, "d_hidden='half'.*'out', 'in'"),
        (Resnet, {"bn_eps": 0.0}, "bn_eps=0.0 > 0"),
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
        SPECS["BigGAN"].build(Rng([0, 1]))
