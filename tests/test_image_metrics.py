import pytest
import torch

from gantutor.images import ImageSet, cache_dir, open_images
from gantutor.metrics import images as room
from gantutor.metrics.images import density_coverage, features, judge, kernel_distance, small_cnn
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


# -- kernel distance -------------------------------------------------------------------------------------------------
def naive_mmd(a, b, degree):
    def k(x, y):
        return (sum(p * q for p, q in zip(x, y, strict=True)) / len(x) + 1) ** degree

    a, b = a.double().tolist(), b.double().tolist()
    n, m = len(a), len(b)
    within_a = sum(k(a[i], a[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    within_b = sum(k(b[i], b[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return within_a + within_b - 2 * sum(k(x, y) for x in a for y in b) / (n * m)


@pytest.mark.parametrize("degree", [1, 3])
def test_kernel_distance_is_the_double_loop(degree):
    a, b = cloud(23, 5), cloud(16, 5, seed=1, shift=0.3)
    each = torch.tensor([naive_mmd(a[i::4], b[i::4], degree) for i in range(4)], dtype=torch.float64)
    mean, error = kernel_distance(a, b, degree, blocks=4)
    assert mean == pytest.approx(float(each.mean()), abs=1e-12) and error == pytest.approx(float(each.std()) / 2, abs=1e-12)


def test_kernel_distance_of_equals_is_zero_within_its_error():
    scores = []
    for seed in range(20):
        mean, error = kernel_distance(cloud(400, seed=2 * seed), cloud(400, seed=2 * seed + 1))
        scores.append(mean / error)
    scores = torch.tensor(scores)
    assert scores.abs().max() < 5 and abs(scores.mean()) < 4 * 20**-0.5 and (scores < 0).any() and (scores > 0).any()


def test_kernel_distance_grows_with_the_shift_and_sees_sorted_sets_whole():
    a = cloud(500)
    steps = [kernel_distance(a, cloud(500, seed=1, shift=s))[0] for s in (0, 0.2, 0.4, 0.8)]
    assert steps == sorted(steps) and steps[-1] > 10 * steps[1] > 0
    two = torch.cat([cloud(500), cloud(500, seed=1, shift=5)])  # sorted by class, as a folder is
    other = torch.cat([cloud(500, seed=2), cloud(500, seed=3, shift=5)])[Rng(0).randperm(1000)]
    mean, error = kernel_distance(two, other)
    assert abs(mean) < 4 * error


def test_kernel_distance_refuses_what_it_cannot_compare():
    with pytest.raises(ValueError, match=r"\(5, 2\) and \(5, 3\)"):
        kernel_distance(torch.zeros(5, 2), torch.zeros(5, 3))
    with pytest.raises(ValueError, match="19 and 40 features in blocks=10"):
        kernel_distance(torch.zeros(19, 2), torch.zeros(40, 2))


# -- density and coverage --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("k", [1, 5])
def test_identical_sets_score_one_and_far_sets_zero(k, monkeypatch):
    monkeypatch.setattr(room, "CHUNK", 64)  # several chunks
    x = cloud(300)
    assert density_coverage(x, x, k) == (1.0, 1.0)
    assert density_coverage(x, x + 1000, k) == (0.0, 0.0)


def test_equal_distributions_score_one_and_less_than_one():
    scores = torch.tensor([density_coverage(cloud(500, seed=2 * s), cloud(500, seed=2 * s + 1)) for s in range(6)])
    density, coverage = scores.mean(0).tolist()
    assert density == pytest.approx(1, abs=0.04) and coverage == pytest.approx(1 - 2**-5, abs=0.012)


def test_the_border_does_not_count():
    line = torch.tensor([[0.0], [1.0], [10.0]])
    assert density_coverage(line, torch.tensor([[2.0]]), k=1) == (1.0, 1 / 3)  # on the border of 1, inside 10's ball alone
    assert density_coverage(line, torch.tensor([[1.5]]), k=1) == (2.0, 2 / 3)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("n", "m", "k"), [(300, 200, 5), (150, 400, 3)])
def test_density_and_coverage_are_those_of_prdc(n, m, k):
    prdc = pytest.importorskip("prdc")
    real, fake = cloud(n, 12), 0.8 * cloud(m, 12, seed=1, shift=0.3)
    theirs = prdc.compute_prdc(real.double().numpy(), fake.double().numpy(), k)
    ours = density_coverage(real, fake, k)
    assert ours == pytest.approx((theirs["density"], theirs["coverage"]), abs=1e-7) and 0.1 < ours[1] < 0.99


def test_wrong_sizes_are_said():
    with pytest.raises(ValueError, match="k=5: expected 1 to 4"):
        density_coverage(torch.zeros(5, 2), torch.zeros(5, 2))
    with pytest.raises(ValueError, match=r"\(5, 2\) and \(0, 2\)"):
        density_coverage(torch.zeros(5, 2), torch.zeros(0, 2))


def test_a_record_names_the_stand_in():
    said = judge(cloud(60), cloud(60, seed=1))
    assert set(said) == {"kd_small", "kd_small_se", "density_small", "coverage_small"}
    assert all(isinstance(v, float) for v in said.values())
