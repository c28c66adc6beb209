import pytest
import torch

from gantutor.images import ImageSet, cache_dir, open_images
from gantutor.metrics import images as room
from gantutor.metrics.images import features, judge, kernel_distance, small_cnn
from gantutor.rng import Rng


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GANTUTOR_CACHE", str(tmp_path / "cache"))


def cloud(n, dims=8, seed=0, shift=0.0):
    return Rng(seed).randn(n, dims) + shift


# -- the classifier --------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def digits():
    return open_images("digits", size=16)


def test_a_short_training_tells_digits_apart(digits):
    state = torch.get_rng_state()
    net, test = small_cnn(digits, steps=60, batch=64), open_images("digits", size=16, split="test")
    with torch.no_grad():
        assert (net(test.floats()).argmax(1) == test.labels).float().mean() > 0.85
    assert torch.equal(torch.get_rng_state(), state) and not net.training
    v = features(net, test)
    assert v.shape == (299, 128) and not v.requires_grad and v.min() == 0
    torch.testing.assert_close(features(net, test.floats(), chunk=7), v)
    noise = features(net, 2 * Rng(0).rand(299, 1, 16, 16) - 1)
    real = features(net, digits.sample(299, 0))
    (near, error), (far, _) = kernel_distance(v, real), kernel_distance(noise, real)
    assert abs(near) < 4 * error < far


def test_training_is_repeatable_and_kept(digits, monkeypatch):
    first = small_cnn(digits, steps=2, batch=16)
    (kept,) = cache_dir().iterdir()
    assert small_cnn(digits, seed=1, steps=2, batch=16).digest != first.digest
    kept.unlink()
    assert small_cnn(digits, steps=2, batch=16).digest == first.digest
    kept.write_bytes(kept.read_bytes()[:100])  # a cut file is trained anew
    assert small_cnn(digits, steps=2, batch=16).digest == first.digest
    monkeypatch.setattr(room, "cross_entropy", lambda *a: pytest.fail("trained again"))
    assert small_cnn(digits, steps=2, batch=16).digest == first.digest


def test_features_leave_the_mode_as_it_was(digits):
    net = small_cnn(digits, steps=1, batch=4).train()
    buffers = [b.clone() for b in net.buffers()]
    features(net, digits.floats(slice(0, 10)))
    assert net.training and all(torch.equal(a, b) for a, b in zip(buffers, net.buffers(), strict=True))


def test_one_class_teaches_nothing():
    faces = ImageSet("faces", torch.zeros(4, 3, 8, 8, dtype=torch.uint8), torch.zeros(4).long(), ("face",))
    with pytest.raises(ValueError, match="faces has the one class 'face'"):
        small_cnn(faces)


# -- the record -------------------------------------------------------------------------------------------------------
def test_a_record_names_the_stand_in():
    said = judge(cloud(60), cloud(60, seed=1))
    assert set(said) == {"kd_small", "kd_small_se", "density_small", "coverage_small"}
    assert all(isinstance(v, float) for v in said.values())
