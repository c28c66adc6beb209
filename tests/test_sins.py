"""Sins against closed forms: what they must change, and what they must leave as it is."""

import math

import pytest
import torch

from gantutor.metrics import sins
from gantutor.rng import Rng


@pytest.fixture
def photos():
    return (Rng(0).randint(256, 6, 3, 16, 16).float() / 127.5) - 1


def test_a_blurred_point_is_a_gaussian():
    x = torch.zeros(1, 1, 33, 33)
    x[..., 16, 16] = 1.0
    at = torch.arange(-16, 17).float()
    bell = torch.exp(-(at**2) / (2 * 1.5**2)) / (1.5 * math.sqrt(2 * math.pi))
    torch.testing.assert_close(sins.blur(x, 1.5)[0, 0], bell[:, None] * bell, atol=3e-4, rtol=0)


def test_blur_keeps_grey_colour_by_colour_and_does_nothing_at_zero(photos):
    grey = torch.tensor([0.2, -0.5, 1.0])[None, :, None, None].expand(2, 3, 8, 8)
    torch.testing.assert_close(sins.blur(grey, 5.0), grey)  # wider than the picture
    assert sins.blur(photos, 0.0) is photos
    torch.testing.assert_close(sins.blur(photos, 0.05), photos)


def test_noise_has_its_std_and_stays_a_picture():
    x = sins.noise(torch.zeros(20, 1, 32, 32), 0.1, 3)
    assert abs(float(x.std()) - 0.1) < 0.002
    assert torch.equal(x, sins.noise(torch.zeros(20, 1, 32, 32), 0.1, Rng(3)))
    assert sins.noise(torch.ones(5, 1, 8, 8), 1.0).abs().max() <= 1


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_is_near_at_high_quality_and_further_at_low(photos, channels):
    x = sins.blur(photos[:, :channels], 1.5)
    far, near = ((sins.jpeg(x, q) - x).abs().mean() for q in (10, 95))
    assert sins.jpeg(x).shape == x.shape and 0 < near < 0.03 < far


def test_resizing_keeps_grey_and_the_same_size_keeps_all(photos):
    torch.testing.assert_close(sins.resized(photos, 16), photos)
    grey = torch.full((1, 1, 12, 12), 0.3)
    torch.testing.assert_close(sins.resized(grey, 5), grey)
    assert sins.resized(photos, 8).std() < photos.std()


def test_rounding_gives_the_bytes_back_and_cutting_darkens_by_half_a_level():
    x = torch.full((40, 1, 32, 32), 100 / 127.5 - 1)
    torch.testing.assert_close(sins.dequantised(x, cut=False), x)
    darker = float((sins.dequantised(x, cut=True) - x).mean() * 127.5)
    assert darker == pytest.approx(-0.5, abs=0.01)


def test_places_are_drawn_evenly():
    places = torch.tensor([3, 5, 9])
    assert sorted(sins.drawn(places, 3, 1).tolist()) == [3, 5, 9]
    _, counts = sins.drawn(places, 8, 1).unique(return_counts=True)
    assert counts.sort().values.tolist() == [2, 3, 3]
    with pytest.raises(ValueError, match="every class"):
        sins.drawn(places[:0], 3)


def test_missing_classes_are_missing_whole():
    labels = torch.arange(20) % 5
    kept = sins.without_classes(torch.arange(4, 20), labels, 3, 2)
    left = labels[kept].unique().tolist()
    assert len(left) == 2
    assert set(kept.tolist()) == {i for i in range(4, 20) if int(labels[i]) in left}
    assert torch.equal(sins.without_classes(torch.arange(20), labels, 0), torch.arange(20))
    with pytest.raises(ValueError, match="missing=5 of 5 classes: expected 0 to 4"):
        sins.without_classes(torch.arange(20), labels, 5)
