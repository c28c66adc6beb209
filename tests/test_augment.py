"""Augmentations: what they change, whose random numbers they use, gradients, memory formats."""

import pytest
import torch
from host import NoHostReads

from gantutor.augment import (
    DRAWS,
    Dequantise,
    DiffAugment,
    Flip,
    InstanceNoise,
    Jitter,
    brightness,
    contrast,
    cutout,
    saturation,
    translation,
)
from gantutor.descriptions import describe
from gantutor.methods.kdd import KDD
from gantutor.rng import Rng

ALL = tuple(DRAWS)


def images(n=16, c=3, size=8, seed=0):
    return 2 * Rng(seed).rand(n, c, size, size) - 1


@pytest.mark.parametrize("policy", [ALL, *((name,) for name in ALL)])
@pytest.mark.parametrize(
    ("shape", "dtype"), [((4, 3, 32, 32), torch.float32), ((2, 1, 9, 12), torch.float64)]
)
def test_shape_and_dtype_stay(policy, shape, dtype):
    x = Rng(0).rand(*shape).to(dtype)
    y = DiffAugment(policy)(x, Rng(1))
    assert y.shape == x.shape and y.dtype == dtype
    # the grey images of the second case have no saturation to change
    assert not torch.equal(x, y) or policy == ("saturation",)


def test_neutral_parameters_are_the_identity():
    x, zero = images(), torch.zeros(16)
    torch.testing.assert_close(brightness(x, zero), x)
    torch.testing.assert_close(saturation(x, zero + 1), x)
    torch.testing.assert_close(contrast(x, zero + 1), x)
    assert torch.equal(translation(x, zero.long(), zero.long()), x)
    # grey has no saturation to change
    assert torch.equal(saturation(x[:, :1], zero + 1.7), x[:, :1])


def test_parameters_are_drawn_an_image_and_in_range():
    x = images(4000, 3, 4)
    b = (DiffAugment(("brightness",))(x, Rng(0)) - x).mean((1, 2, 3))
    # the same at every pixel
    torch.testing.assert_close((DiffAugment(("brightness",))(x, Rng(0)) - x).amax((1, 2, 3)), b)
    grey = x.mean(1, keepdim=True)
    s = ((DiffAugment(("saturation",))(x, Rng(0)) - grey) / (x - grey)).flatten(1).median(1).values
    mean = x.mean((1, 2, 3), keepdim=True)
    c = ((DiffAugment(("contrast",))(x, Rng(0)) - mean) / (x - mean)).flatten(1).median(1).values
    for drawn, low, high in ((b, -0.5, 0.5), (s, 0.0, 2.0), (c, 0.5, 1.5)):
        width = high - low
        assert low - 1e-4 <= drawn.min() < low + 0.01 * width
        assert high - 0.01 * width < drawn.max() <= high + 1e-4
        assert abs(drawn.mean() - (low + high) / 2) < 0.03 * width and len(drawn.unique()) > 3900


def test_contrast_and_saturation_keep_their_means():
    x = images()
    contrasted = DiffAugment(("contrast",))(x, Rng(3))
    torch.testing.assert_close(contrasted.mean((1, 2, 3)), x.mean((1, 2, 3)))
    torch.testing.assert_close(DiffAugment(("saturation",))(x, Rng(3)).mean(1), x.mean(1))


def test_translation_moves_by_whole_pixels_and_fills_with_zero():
    x = images(2, 1, 16)
    y = translation(x, torch.tensor([2, -1]), torch.tensor([-1, 2]))
    assert torch.equal(y[0, :, 2:, :-1], x[0, :, :-2, 1:])
    assert torch.equal(y[1, :, :-1, 2:], x[1, :, 1:, :-2])
    assert not y[0, :, :2].any() and not y[0, :, :, -1].any()
    assert not y[1, :, -1].any() and not y[1, :, :, :2].any()


@pytest.mark.parametrize(("size", "reach"), [(32, 4), (64, 8), (8, 1)])
def test_translations_reach_an_eighth_of_the_side(size, reach):
    ramp = torch.arange(1.0, size + 1).expand(2000, 1, size, size)
    middle = DiffAugment(("translation",))(ramp, Rng(0))[:, 0, size // 2, size // 2]
    assert set((middle - ramp[0, 0, 0, size // 2]).tolist()) == set(range(-reach, reach + 1))


def test_cutout_is_half_the_side_and_clipped():
    x = torch.ones(3, 2, 32, 32)
    y = cutout(x, torch.tensor([16, 0, 32]), torch.tensor([8, 0, 20]))
    assert not y[0, :, 8:24, 0:16].any() and y[0].sum() == 2 * (32 * 32 - 16 * 16)
    assert not y[1, :, :8, :8].any() and y[1].sum() == 2 * (32 * 32 - 8 * 8)
    assert not y[2, :, 24:, 12:28].any() and y[2].sum() == 2 * (32 * 32 - 8 * 16)
    # offsets 0 .. 32: from half a square to a whole one
    assert heights(32, 3000) == set(range(8, 17))
    # an odd side 3 starts one before the offset 0 .. 5
    assert heights(6, 500) == {2, 3}


def heights(size, n):
    """Return the heights of the squares cut out of n images."""
    y = DiffAugment(("cutout",))(torch.ones(n, 1, size, size), Rng(0))
    return set((y[:, 0] == 0).any(2).sum(1).tolist())


def test_no_gradient_where_cut_or_shifted_out():
    x = images().requires_grad_(True)
    for name in ("cutout", "translation"):
        y = DiffAugment((name,))(x, Rng(5))
        (g,) = torch.autograd.grad(y.sum(), x)
        assert set(g.unique().tolist()) == {0.0, 1.0}
        # as many pixels of x have a gradient as are visible in y
        assert (g.sum((1, 2, 3)) == (y != 0).sum((1, 2, 3))).all()


def test_gradients_are_right_to_second_order():
    x = images(2, 3, 4).double().requires_grad_(True)
    assert torch.autograd.gradcheck(lambda x: DiffAugment()(x, Rng(2)), x)
    assert torch.autograd.gradgradcheck(lambda x: DiffAugment()(x, Rng(2)).square(), x)


def test_all_random_numbers_come_from_rng():
    x, state = images(), torch.get_rng_state()
    a, b, c = (DiffAugment()(x, Rng(s)) for s in (0, 0, 1))
    assert torch.equal(a, b) and not torch.equal(a, c)
    assert torch.equal(torch.get_rng_state(), state)


def test_bad_use_is_refused():
    with pytest.raises(ValueError, match="'flip'.*brightness"):
        DiffAugment(("flip",))
    with pytest.raises(ValueError, match=r"\(5, 2\)"):
        DiffAugment()(torch.zeros(5, 2), Rng(0))
    with pytest.raises(ValueError, match="2 seed"):
        DiffAugment()(images(), Rng([0, 1]))
    with pytest.raises(ValueError, match="std=-1"):
        Jitter(-1)


def test_jitter_gives_each_seed_its_own_noise():
    x = torch.zeros(3, 2000, 2)
    y = Jitter(0.5)(x, Rng([0, 1, 2]))
    assert torch.equal(y[1], Jitter(0.5)(x[1], Rng(1))) and not torch.equal(y[0], y[1])
    assert abs(float(y.std()) - 0.5) < 0.02 and torch.equal(Jitter(0.0)(x, Rng(0)), x)


def test_it_stands_in_a_recipe():
    told = describe(KDD(augment=DiffAugment(("cutout",)), copies=1))["augment"]
    assert told == {"kind": "DiffAugment", "policy": ["cutout"]}


# -- the others ------------------------------------------------------------------------------------
EVERY = [
    DiffAugment(),
    *(DiffAugment((name,)) for name in ALL),
    Jitter(),
    InstanceNoise(0.1, 100),
    Flip(),
    Dequantise(),
]
EACH = pytest.mark.parametrize("augment", EVERY, ids=str)


@EACH
def test_all_share_one_signature_and_read_nothing_on_the_host(augment):
    x = images()
    with NoHostReads():
        y = augment(x, Rng(1), torch.tensor(7))  # a captured step counts on the device
    assert torch.equal(y, augment(x, Rng(1), 7)) and y.shape == x.shape and y.dtype == x.dtype
    assert describe(augment)["kind"] == type(augment).__name__


@EACH
def test_channels_last_images_get_the_same_and_so_do_their_gradients(augment):
    x = images()
    last = x.to(memory_format=torch.channels_last)
    grads = []
    for v in (x, last):
        v = v.requires_grad_(True)
        y = augment(v, Rng(1))
        grads.append(torch.autograd.grad(y.square().sum(), v)[0])
    assert y.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(y, augment(x, Rng(1)))
    torch.testing.assert_close(*grads)


def test_instance_noise_fades():
    x, noise = torch.zeros(8, 3, 32, 32), InstanceNoise(0.2, 10)
    drawn = Rng(0).randn(8, 3, 32, 32)
    for step, std in ((0, 0.2), (5, 0.1), (10, 0.0), (99, 0.0)):
        for clock in (step, torch.tensor(step)):
            torch.testing.assert_close(noise(x, Rng(0), clock), std * drawn)
    points = torch.zeros(3, 5, 2)  # points of three seeds
    assert torch.equal(noise(points, Rng([0, 1, 2]))[1], noise(points[1], Rng(1)))


def test_half_of_the_images_are_mirrored():
    x = images(4000, 1, 4)
    y = Flip()(x, Rng(0))
    mirrored = (y == x.flip(-1)).flatten(1).all(1)
    assert ((y == x).flatten(1).all(1) ^ mirrored).all()  # each one is as it was, or mirrored
    assert abs(mirrored.float().mean() - 0.5) < 0.04  # five standard errors


def test_dequantised_levels_fill_their_gaps():
    levels = torch.arange(256) / 127.5 - 1
    x = levels.repeat(100).reshape(100, 1, 16, 16)
    more = (Dequantise()(x, Rng(0)) - x).flatten()
    # float32 near 1 is exact to 1e-7
    assert more.min() >= -1e-6 and more.max() <= 1 / 128 + 1e-6
    assert abs(more.mean() - 1 / 256) < 1e-4
    assert len(Dequantise()(x, Rng(0)).unique()) > 20000


def test_bad_parameters_are_quoted():
    for bad, match in (
        (lambda: InstanceNoise(-1), "std=-1"),
        (lambda: InstanceNoise(0.1, 0), "steps=0"),
        (lambda: Dequantise(-1), "scale=-1"),
        (lambda: Flip()(torch.zeros(5, 2), Rng(0)), r"\(5, 2\)"),
    ):
        with pytest.raises(ValueError, match=match):
            bad()
