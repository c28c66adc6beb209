import dataclasses
import math

import numpy as np
import pytest
import torch

from gantutor.metrics import features as room
from gantutor.metrics.features import (
    Moments,
    Protocol,
    density_coverage,
    frechet,
    inception_score,
    kernel_distance,
    kid,
    measure,
    name,
    prdc,
    precision_recall,
)
from gantutor.rng import Rng


def cloud(n, dims=8, seed=0, shift=0.0, scale=1.0):
    return scale * Rng(seed).randn(n, dims) + shift


def spread(n, dims, seed=0, low=-2):
    """Correlated features whose variances fall over 2 |low| decades."""
    g = torch.Generator().manual_seed(seed)
    turn = torch.linalg.qr(torch.randn(dims, dims, generator=g, dtype=torch.float64)).Q
    return (
        torch.randn(n, dims, generator=g, dtype=torch.float64) * torch.logspace(0, low, dims) @ turn
        + 0.1
    )


# -- moments and Frechet distance ------------------------------------------------------------------------------------
def test_moments_are_numpys_however_they_are_cut(monkeypatch):
    x = spread(500, 7) + 1000  # far from the origin, where naive sums of squares lose everything
    want = np.cov(x.numpy(), rowvar=False)
    for cuts in ([500], [1, 2, 497], [250, 250]):
        parts = x.split(cuts)
        m = Moments.of(parts[0])
        for part in parts[1:]:
            m.update(part)
        assert m.n == 500
        np.testing.assert_allclose(m.mean, x.mean(0), rtol=1e-13)
        np.testing.assert_allclose(m.covariance, want, rtol=1e-10, atol=1e-15)
    monkeypatch.setattr(room, "CHUNK", 64)
    np.testing.assert_allclose(Moments.of(x).covariance, want, rtol=1e-10, atol=1e-15)


def test_moments_are_saved_whole(tmp_path):
    m = Moments.of(spread(50, 5))
    m.save(tmp_path / "m.npz")
    again = Moments.load(tmp_path / "m.npz")
    assert (
        again.n == 50
        and torch.equal(again.mean, m.mean)
        and frechet(m, again) == pytest.approx(0, abs=1e-12)
    )
    more, both = (
        spread(30, 5, seed=1),
        Moments.of(torch.cat([spread(50, 5), spread(30, 5, seed=1)])),
    )
    torch.testing.assert_close(
        again.update(more).covariance, both.covariance
    )  # a loaded one goes on
    whole = (tmp_path / "m.npz").read_bytes()
    for bad in (whole[:100], whole[:-200], whole[:300] + b"x" + whole[301:], b"", b"hello"):
        (tmp_path / "m.npz").write_bytes(bad)
        with pytest.raises(ValueError, match=r"m.npz holds no moments .* write it anew"):
            Moments.load(tmp_path / "m.npz")
    np.savez(tmp_path / "m.npz", mu=np.zeros(3), sigma=np.zeros((2, 2)), n=5)
    with pytest.raises(ValueError, match=r"mu \(3,\), sigma \(2, 2\)"):
        Moments.load(tmp_path / "m.npz")


def test_statistics_of_pytorch_fid_are_taken_with_their_number(tmp_path):
    m, path = Moments.of(spread(50, 5)), tmp_path / "fid_stats.npz"
    for save in (np.savez, np.savez_compressed):
        save(path, mu=m.mean.numpy(), sigma=m.covariance.numpy())
        with pytest.raises(ValueError, match="fid_stats.npz holds mu and sigma but .*: pass n="):
            Moments.load(path)
        again = Moments.load(path, n=50)
        assert again.n == 50 and frechet(m, again) == pytest.approx(0, abs=1e-12)
    with pytest.raises(ValueError, match="n=1: expected"):
        Moments.load(path, n=1)
    m.save(path)
    assert Moments.load(path, n=50).n == 50
    with pytest.raises(ValueError, match="n=60: .*fid_stats.npz says that it is of 50 images"):
        Moments.load(path, n=60)


def test_moments_that_no_features_have_are_refused(tmp_path):
    mu, sigma, path = np.zeros(3), np.eye(3), tmp_path / "m.npz"

    def changed(array, place, value):
        array = array.copy()
        array[place] = value
        return array

    for words, content in (
        ("not finite", {"mu": changed(mu, 0, np.nan), "sigma": sigma, "n": 9}),
        ("not finite", {"mu": mu, "sigma": changed(sigma, (1, 1), np.inf), "n": 9}),
        ("not symmetric", {"mu": mu, "sigma": changed(sigma, (0, 1), 0.5), "n": 9}),
        ("negative variance", {"mu": mu, "sigma": -sigma, "n": 9}),
        ("larger than its variances", {"mu": mu, "sigma": sigma + 2 * (1 - sigma), "n": 9}),
        ("expected floats", {"mu": mu.astype(complex), "sigma": sigma, "n": 9}),
        ("expected one whole number", {"mu": mu, "sigma": sigma, "n": 9.5}),
        ("expected one whole number", {"mu": mu, "sigma": sigma, "n": np.array([9, 9])}),
        ("n=0: expected", {"mu": mu, "sigma": sigma, "n": 0}),
        ("but features", {"features": mu}),
        ("is damaged", {"mu": np.array([None, 1]), "sigma": sigma, "n": 9}),
    ):
        np.savez(path, **content)
        with pytest.raises(ValueError, match=words) as caught:
            Moments.load(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    nearly = (sigma + 1e-7 * np.tri(3)).astype(np.float32)
    np.savez(path, mu=mu.astype(np.float32), sigma=nearly, n=np.array([9]))
    loaded = Moments.load(path)  # single precision, and symmetric up to its rounding
    assert loaded.n == 9 and torch.equal(loaded.covariance, loaded.covariance.T)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_no_flipped_bit_of_a_file_gives_other_moments(tmp_path, save):
    m, path = Moments.of(spread(50, 5)), tmp_path / "m.npz"
    save(path, mu=m.mean.numpy(), sigma=m.covariance.numpy(), n=50)
    whole, survived = path.read_bytes(), 0
    for place in range(0, len(whole), 2):
        flipped = whole[place] ^ 1 << place // 2 % 8
        path.write_bytes(whole[:place] + bytes([flipped]) + whole[place + 1 :])
        try:
            again = Moments.load(path)
        except ValueError as error:
            assert str(path) in str(error) and "\n" not in str(error)
            continue
        survived += 1
        assert again.n == 50 and torch.equal(again.mean, m.mean)
        torch.testing.assert_close(again.covariance, m.covariance, rtol=1e-14, atol=0)
    assert survived < len(whole) / 6  # fields of the zip that no number depends on


def gaussian(mean, covariance, n=1000):
    mean, covariance = (torch.as_tensor(t, dtype=torch.float64) for t in (mean, covariance))
    return Moments(mean, covariance * (n - 1), n)


def test_frechet_of_known_gaussians():
    unit = torch.eye(3)
    assert frechet(gaussian([0, 0, 0], unit), gaussian([1, 2, 2], unit)) == pytest.approx(
        9, abs=1e-12
    )
    # commuting covariances: sum of (sqrt a - sqrt b)^2
    a, b = torch.tensor([1.0, 4.0, 9.0]), torch.tensor([4.0, 1.0, 0.25])
    assert frechet(gaussian([0, 0, 0], a.diag()), gaussian([0, 0, 0], b.diag())) == pytest.approx(
        1 + 1 + 2.5**2, abs=1e-12
    )
    # covariances that do not commute, 2 x 2: tr sqrt(M) = sqrt(tr M + 2 sqrt(det M))
    s, t = torch.tensor([[2.0, 1.0], [1.0, 3.0]]), torch.tensor([[1.0, -0.5], [-0.5, 2.0]])
    m = s @ t
    root = math.sqrt(float(m.trace()) + 2 * math.sqrt(float(torch.linalg.det(m))))
    want = float(s.trace() + t.trace()) - 2 * root
    assert frechet(gaussian([0, 0], s), gaussian([0, 0], t)) == pytest.approx(want, abs=1e-6)


def test_frechet_with_singular_covariances():
    a, b = torch.tensor([1.0, 0.0, 4.0]), torch.tensor([4.0, 9.0, 0.0])
    for p, q in (
        (a, b),
        (b, a),
        (a, torch.ones(3)),
        (torch.ones(3), a),
        (a, torch.zeros(3)),
        (a, a),
    ):
        want = float(((p.sqrt() - q.sqrt()) ** 2).sum())
        assert frechet(
            gaussian([0, 0, 0], p.diag()), gaussian([0, 0, 0], q.diag())
        ) == pytest.approx(want, abs=1e-7)


@pytest.mark.parametrize(("n", "m"), [(40, 30), (30, 200), (200, 30), (50, 50)])
def test_frechet_of_fewer_images_than_features(n, m):
    x, y = spread(n, 64), spread(m, 64, seed=1)
    xc, yc = ((t - t.mean(0)) / math.sqrt(len(t) - 1) for t in (x, y))
    # the trace of the root is the nuclear norm of the centred features' product
    want = (
        ((x.mean(0) - y.mean(0)) ** 2).sum()
        + (xc**2).sum()
        + (yc**2).sum()
        - 2 * torch.linalg.svdvals(xc @ yc.T).sum()
    )
    assert frechet(Moments.of(x), Moments.of(y)) == pytest.approx(float(want), rel=1e-9)


def test_frechet_is_zero_for_itself_and_does_not_mind_rotations():
    x, y = spread(300, 32), spread(300, 32, seed=1) * 1.2
    assert frechet(Moments.of(x), Moments.of(x)) == pytest.approx(0, abs=1e-10)
    turn = torch.linalg.qr(
        torch.randn(32, 32, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    ).Q
    before, after = (
        frechet(Moments.of(x), Moments.of(y)),
        frechet(Moments.of(x @ turn), Moments.of(y @ turn)),
    )
    assert before == pytest.approx(after, rel=1e-10) and before == pytest.approx(
        frechet(Moments.of(y), Moments.of(x)), rel=1e-10
    )


@pytest.mark.parametrize("low", [-1, -3])
def test_frechet_is_scipys(low):
    linalg = pytest.importorskip("scipy.linalg")
    x, y = spread(400, 96, low=low), spread(500, 96, seed=1, low=low) * 1.1 + 0.05
    a, b = Moments.of(x), Moments.of(y)
    s, t = a.covariance.numpy(), b.covariance.numpy()
    want = float(((a.mean - b.mean) ** 2).sum()) + np.trace(s + t - 2 * linalg.sqrtm(s @ t).real)
    assert frechet(a, b) == pytest.approx(want, rel=1e-9)


def test_both_roots_give_the_same_trace(monkeypatch):
    a, b = (Moments.of(spread(300, 48, seed=s)).covariance for s in (0, 1))
    quick = room._trace_root(a, b)
    never = lambda s: (s, torch.tensor(1))  # noqa: E731
    monkeypatch.setattr(torch.linalg, "cholesky_ex", never)
    torch.testing.assert_close(room._trace_root(a, b), quick, rtol=1e-9, atol=0)


def test_features_that_cannot_be_compared_are_said():
    with pytest.raises(ValueError, match="hold NaN or infinity: has the generator diverged"):
        Moments.of(torch.tensor([[0.0], [math.nan]]))
    with pytest.raises(ValueError, match="of 3 and of 4 features"):
        frechet(Moments.of(cloud(9, 3)), Moments.of(cloud(9, 4)))
    with pytest.raises(ValueError, match="moments of 1 features"):
        frechet(Moments.of(cloud(1)), Moments.of(cloud(9)))
    nan = gaussian([0, 0], torch.eye(2))
    nan.mean[0] = math.nan
    for a, b in ((nan, nan), (nan, gaussian([0, 0], torch.eye(2)))):  # never a perfect 0
        with pytest.raises(ValueError, match="hold NaN or infinity have no distance"):
            frechet(a, b)
    for bad in (math.nan, math.inf, -math.inf):
        x = cloud(40)
        x[7, 3] = bad
        for measured in (
            lambda: kid(x, cloud(40), 2, 10),
            lambda: kernel_distance(cloud(40), x),
            lambda: prdc(x, cloud(40)),
            lambda: precision_recall(cloud(40), x),
            lambda: density_coverage(x, x),
            lambda: inception_score(x),
            lambda: measure(cloud(40), cloud(40), "small", ("is",), logits=x),
        ):
            with pytest.raises(ValueError, match="hold NaN or infinity: has the generator"):
                measured()


# -- torch-fidelity and prdc on the same features --------------------------------------------------------------------
@pytest.fixture(scope="module")
def two():
    return (spread(600, 40) * 3).abs(), (spread(500, 40, seed=1) * 2.5).abs() + 0.05


def test_frechet_is_torch_fidelitys(two):
    theirs = pytest.importorskip("torch_fidelity.metric_fid")
    a, b = (theirs.fid_features_to_statistics(x) for x in two)
    (want,) = theirs.fid_statistics_to_metric(a, b, False).values()
    assert frechet(*map(Moments.of, two)) == pytest.approx(want, rel=1e-9)


def test_kid_is_torch_fidelitys_on_the_same_subsets(two):
    theirs = pytest.importorskip("torch_fidelity.metric_kid")
    want = theirs.kid_features_to_metric(
        *two, kid_subsets=7, kid_subset_size=100, rng_seed=3, verbose=False
    )
    assert kid(*two, subsets=7, subset_size=100, seed=3) == pytest.approx(
        tuple(want.values()), rel=1e-9
    )


def test_inception_score_is_torch_fidelitys():
    theirs = pytest.importorskip("torch_fidelity.metric_isc")
    logits = 3 * cloud(503, 11)
    want = theirs.isc_features_to_metric(logits, 10, shuffle=False)
    assert inception_score(logits) == pytest.approx(tuple(want.values()), rel=1e-12)


def test_precision_and_recall_are_torch_fidelitys(two):
    theirs = pytest.importorskip("torch_fidelity.metric_prc")
    want = theirs.calculate_precision_recall_full(two[1], two[0], 3)  # they put the fakes first
    found = precision_recall(*two)
    assert found == pytest.approx(want, rel=1e-6) and all(0.05 < v < 0.95 for v in found)


def sets(kind, n=700, m=600, dims=24):
    if kind == "far from the origin":  # where a matrix product in float32 alone is wrong
        return cloud(n, dims) + 300, cloud(m, dims, seed=1, scale=0.9) + 300
    if kind == "outliers":
        return cloud(n, dims) * cloud(n, 1, seed=2).mul(1.5).exp(), cloud(m, dims, seed=1) * cloud(
            m, 1, seed=3
        ).mul(1.5).exp()
    if kind == "ties":  # a grid: most distances tie
        return tuple(
            torch.randint(0, 3, (s, 7), generator=torch.Generator().manual_seed(s)).float()
            for s in (n, m)
        )
    if kind == "copies":  # a generator that has learnt 30 pictures by heart, and reals with doubles
        real = cloud(n, dims)
        real[::3] = real[0]
        return real, real[Rng(5).randint(30, m)] + (Rng(6).rand(m, 1) > 0.5)
    return cloud(n, dims), cloud(m, dims, seed=1, scale=0.9, shift=0.05)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("kind", ["plain", "far from the origin", "outliers", "ties", "copies"])
def test_precision_to_coverage_are_prdcs(kind, dtype, monkeypatch):
    package = pytest.importorskip("prdc")
    real, fake = (x.to(dtype) for x in sets(kind))
    for k, chunk in ((5, 2048), (3, 128)):
        monkeypatch.setattr(room, "CHUNK", chunk)
        want = package.compute_prdc(real.numpy(), fake.numpy(), k)
        assert prdc(real, fake, k) == pytest.approx(
            {a: float(b) for a, b in want.items()}, rel=1e-9
        )


@pytest.mark.parametrize("kind", ["plain", "far from the origin", "outliers", "ties", "copies"])
def test_precision_to_coverage_by_the_definition(kind):
    real, fake = sets(kind, 90, 80, 5)
    near = lambda x, y: (x.double()[:, None] - y.double()).square().sum(-1).sqrt().float()  # noqa: E731
    balls = [near(x, x).sort(1).values[:, 4] for x in (real, fake)]
    cross = near(real, fake)
    inside, back = cross < balls[0][:, None], cross < balls[1]
    want = {
        "precision": inside.any(0),
        "recall": back.any(1),
        "density": inside.sum(0) / 4,
        "coverage": inside.any(1),
    }
    want = {metric: float(v.double().mean()) for metric, v in want.items()}
    assert prdc(real, fake, 4) == pytest.approx(want, rel=1e-12)


# -- precision, recall, density, coverage ----------------------------------------------------------------------------
@pytest.mark.parametrize("k", [1, 5])
def test_identical_sets_score_one_and_far_sets_zero(k, monkeypatch):
    monkeypatch.setattr(room, "CHUNK", 64)  # several chunks
    x = cloud(300)
    assert prdc(x, x, k) == {"precision": 1, "recall": 1, "density": 1, "coverage": 1}
    assert prdc(x, x + 1000, k) == {"precision": 0, "recall": 0, "density": 0, "coverage": 0}


def test_equal_distributions_score_one_and_less_than_one():
    scores = torch.tensor(
        [density_coverage(cloud(500, seed=2 * s), cloud(500, seed=2 * s + 1)) for s in range(6)]
    )
    density, coverage = scores.mean(0).tolist()
    assert density == pytest.approx(1, abs=0.04) and coverage == pytest.approx(1 - 2**-5, abs=0.012)


def test_the_border_does_not_count():
    line = torch.tensor([[0.0], [1.0], [10.0]])
    assert density_coverage(line, torch.tensor([[2.0]]), k=1) == (
        1.0,
        1 / 3,
    )  # on the border of 1, inside 10's ball alone
    assert density_coverage(line, torch.tensor([[1.5]]), k=1) == (2.0, 2 / 3)
    assert precision_recall(line, torch.tensor([[2.0], [20.0], [20.5]]), k=1) == (1 / 3, 1.0)


def test_parts_are_those_of_the_whole_and_the_blocks_type_does_not_matter(monkeypatch):
    real, fake = sets("plain")
    whole = prdc(real, fake, 4)
    assert precision_recall(real, fake, 4) == (whole["precision"], whole["recall"])
    assert density_coverage(real, fake, 4) == (whole["density"], whole["coverage"])
    monkeypatch.setattr(room, "_block_dtype", lambda x: torch.float64)  # as on a GPU
    assert prdc(real, fake, 4) == whole
    half = prdc(real.bfloat16(), fake.bfloat16(), 4)
    assert half == prdc(real.bfloat16().double(), fake.bfloat16().double(), 4)


def test_wrong_sizes_are_said():
    with pytest.raises(ValueError, match="k=5: expected 1 to 4, one less than the number of reals"):
        density_coverage(torch.zeros(5, 2), torch.zeros(5, 2))
    with pytest.raises(ValueError, match="k=5: expected 1 to 4, one less than the number of fakes"):
        prdc(cloud(9, 2), torch.zeros(5, 2))
    with pytest.raises(ValueError, match=r"\(5, 2\) and \(0, 2\)"):
        density_coverage(torch.zeros(5, 2), torch.zeros(0, 2))


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
    each = torch.tensor(
        [naive_mmd(a[i::4], b[i::4], degree) for i in range(4)], dtype=torch.float64
    )
    mean, error = kernel_distance(a, b, degree, blocks=4)
    assert mean == pytest.approx(float(each.mean()), abs=1e-12) and error == pytest.approx(
        float(each.std()) / 2, abs=1e-12
    )
    whole = kid(
        a[:16], b, subsets=2, subset_size=16, degree=degree
    )  # all of both: order does not matter
    assert whole == pytest.approx((naive_mmd(a[:16], b, degree), 0), abs=1e-12)


def test_kernel_distance_of_equals_is_zero_within_its_error():
    scores = []
    for seed in range(20):
        mean, error = kernel_distance(cloud(400, seed=2 * seed), cloud(400, seed=2 * seed + 1))
        scores.append(mean / error)
    scores = torch.tensor(scores)
    assert (
        scores.abs().max() < 5
        and abs(scores.mean()) < 4 * 20**-0.5
        and (scores < 0).any()
        and (scores > 0).any()
    )


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
    with pytest.raises(ValueError, match="subset_size=1000 of 19 and 40 features: .* from 2 to 19"):
        kid(torch.zeros(19, 2), torch.zeros(40, 2))


# -- Inception Score -------------------------------------------------------------------------------------------------
def test_inception_score_of_the_blind_and_of_the_sure():
    assert inception_score(torch.zeros(100, 7)) == pytest.approx((1, 0), abs=1e-12)
    sure = 1000 * torch.eye(10).repeat(20, 1)
    assert inception_score(sure) == pytest.approx((10, 0), abs=1e-9)
    assert (
        inception_score(sure.sort(0).values.flip(0), 1)[0]
        == inception_score(sure.sort(0).values, 1)[0]
    )
    one_class_a_split = 1000 * torch.eye(10).repeat_interleave(20, 0)
    assert inception_score(one_class_a_split)[0] == pytest.approx(1, abs=1e-9)
    with pytest.raises(ValueError, match=r"logits \(5, 3\) in splits=10"):
        inception_score(torch.zeros(5, 3))


# -- names and protocols ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("metric", "features", "n", "said"),
    [
        ("fid", "inception", 50_000, "fid"),
        ("fid", "inception", 10_000, "fid"),
        ("fid", "inception", 9_999, "fd_inception_9999"),
        ("fid", "inception", 2_000, "fd_inception_2k"),
        ("fid", "small", 50_000, "fd_small"),
        ("kid", "inception", 10_000, "kid"),
        ("kid", "efflite0", 50_000, "kd_efflite0"),
        ("kid", "inception", 500, "kd_inception_500"),
        ("is", "inception", 50_000, "is"),
        ("fid", "inception_bf16", 50_000, "fd_inception_bf16"),
        ("density", "small", 300, "density_small"),
        ("precision", "inception", 10_000, "precision"),
        ("is", "small", 50_000, "is_small"),
    ],
)
def test_a_stand_in_never_carries_the_papers_name(metric, features, n, said):
    assert name(metric, features, n) == said


def test_an_unknown_metric_is_said():
    with pytest.raises(ValueError, match="metric='fd': expected one of fid, kid"):
        name("fd", "small", 5)


def test_a_protocol_says_why_two_numbers_do_not_compare():
    p = Protocol("inception", "7ff4a85c3a63", "tf1 bilinear 299", "abc", "train", 50_000, 50_000)
    assert p.comparable(p) is None and p.comparable(dataclasses.replace(p, seed=3)) is None
    assert (
        p.comparable(dataclasses.replace(p, weights="6726825d0af5")) is None
    )  # the same net, converted by others
    fewer = dataclasses.replace(p, n_fake=10_000, split="test")
    assert p.comparable(fewer) == (
        "not comparable: split 'train' against 'test' (other reals); "
        "n_fake 50000 against 10000 (the bias falls as 1/n)"
    )
    others = {
        "features": "small",
        "weights": "1234",
        "resize": "none",
        "data": "x",
        "split": "test",
        "n_real": 5,
        "n_fake": 5,
        "k": 3,
        "bn": "standing",
        "checkpoint": "best by fid",
    }
    for field, value in others.items():
        assert p.comparable(dataclasses.replace(p, **{field: value})).startswith(
            f"not comparable: {field} "
        )
    assert set(room.WHY) == set(others)


def test_measure_names_what_it_measures():
    real, fake = cloud(60), cloud(50, seed=1, shift=0.1)
    found = measure(real, fake, "small", subsets=3)
    names = (
        "fd_small kd_small kd_small_std precision_small recall_small density_small coverage_small"
    )
    assert list(found) == names.split()
    assert all(isinstance(v, float) for v in found.values())
    a, b = Moments.of(real), Moments.of(fake)
    assert found["fd_small"] == frechet(a, b) == measure(a, fake, "small", ("fid",))["fd_small"]
    assert (found["density_small"], found["coverage_small"]) == density_coverage(real, fake)
    found = measure(real, fake, "inception", ("fid", "is"), logits=cloud(50, 4))
    assert list(found) == ["fd_inception_50", "is_inception_50", "is_inception_50_std"]
    with pytest.raises(ValueError, match="on Moments: kernel distance"):
        measure(Moments.of(real), fake, "small")
    with pytest.raises(ValueError, match="logits=None"):
        measure(real, fake, "small", ("is",))
