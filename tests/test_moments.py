"""Moments of features, their files, and the Frechet distance, against NumPy, SciPy and others."""

import math

import numpy as np
import pytest
import torch
from clouds import cloud, spread, two_sets

from gantutor.metrics import moments as room
from gantutor.metrics.moments import Moments, frechet


# -- moments ---------------------------------------------------------------------------------------
def test_moments_are_numpys_however_they_are_cut(monkeypatch):
    x = spread(500, 7) + 1000  # far from the origin, where naive sums of squares are useless
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
    assert again.n == 50 and torch.equal(again.mean, m.mean)
    assert frechet(m, again) == pytest.approx(0, abs=1e-12)
    more = spread(30, 5, seed=1)
    both = Moments.of(torch.cat([spread(50, 5), more]))
    # more can be added to loaded moments
    torch.testing.assert_close(again.update(more).covariance, both.covariance)
    whole = (tmp_path / "m.npz").read_bytes()
    for bad in (whole[:100], whole[:-200], whole[:300] + b"x" + whole[301:], b"", b"hello"):
        (tmp_path / "m.npz").write_bytes(bad)
        with pytest.raises(ValueError, match=r"m.npz contains no moments .* write it again"):
            Moments.load(tmp_path / "m.npz")
    np.savez(tmp_path / "m.npz", mu=np.zeros(3), sigma=np.zeros((2, 2)), n=5)
    with pytest.raises(ValueError, match=r"mu \(3,\), sigma \(2, 2\)"):
        Moments.load(tmp_path / "m.npz")


def test_statistics_of_pytorch_fid_are_taken_with_their_number(tmp_path):
    m, path = Moments.of(spread(50, 5)), tmp_path / "fid_stats.npz"
    for save in (np.savez, np.savez_compressed):
        save(path, mu=m.mean.numpy(), sigma=m.covariance.numpy())
        with pytest.raises(ValueError, match="fid_stats.npz contains mu and sigma but .*: pass it"):
            Moments.load(path)
        again = Moments.load(path, n=50)
        assert again.n == 50 and frechet(m, again) == pytest.approx(0, abs=1e-12)
    with pytest.raises(ValueError, match="n=1: expected"):
        Moments.load(path, n=1)
    m.save(path)
    assert Moments.load(path, n=50).n == 50
    with pytest.raises(ValueError, match="n=60: .*fid_stats.npz is of 50 images"):
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
    assert survived < len(whole) / 6  # in fields of the zip that no number depends on


def gaussian(mean, covariance, n=1000):
    mean, covariance = (torch.as_tensor(t, dtype=torch.float64) for t in (mean, covariance))
    return Moments(mean, covariance * (n - 1), n)


def test_frechet_of_known_gaussians():
    unit = torch.eye(3)
    moved = frechet(gaussian([0, 0, 0], unit), gaussian([1, 2, 2], unit))
    assert moved == pytest.approx(9, abs=1e-12)
    # commuting covariances: sum of (sqrt a - sqrt b)^2
    a, b = torch.tensor([1.0, 4.0, 9.0]), torch.tensor([4.0, 1.0, 0.25])
    scaled = frechet(gaussian([0, 0, 0], a.diag()), gaussian([0, 0, 0], b.diag()))
    assert scaled == pytest.approx(1 + 1 + 2.5**2, abs=1e-12)
    # covariances that do not commute, 2 x 2: tr sqrt(M) = sqrt(tr M + 2 sqrt(det M))
    s, t = torch.tensor([[2.0, 1.0], [1.0, 3.0]]), torch.tensor([[1.0, -0.5], [-0.5, 2.0]])
    m = s @ t
    root = math.sqrt(float(m.trace()) + 2 * math.sqrt(float(torch.linalg.det(m))))
    want = float(s.trace() + t.trace()) - 2 * root
    assert frechet(gaussian([0, 0], s), gaussian([0, 0], t)) == pytest.approx(want, abs=1e-6)


def test_frechet_with_singular_covariances():
    a, b = torch.tensor([1.0, 0.0, 4.0]), torch.tensor([4.0, 9.0, 0.0])
    one, none = torch.ones(3), torch.zeros(3)
    for p, q in ((a, b), (b, a), (a, one), (one, a), (a, none), (a, a)):
        want = float(((p.sqrt() - q.sqrt()) ** 2).sum())
        found = frechet(gaussian([0, 0, 0], p.diag()), gaussian([0, 0, 0], q.diag()))
        assert found == pytest.approx(want, abs=1e-7)


@pytest.mark.parametrize(("n", "m"), [(40, 30), (30, 200), (200, 30), (50, 50)])
def test_frechet_of_fewer_images_than_features(n, m):
    x, y = spread(n, 64), spread(m, 64, seed=1)
    xc, yc = ((t - t.mean(0)) / math.sqrt(len(t) - 1) for t in (x, y))
    # the trace of the root is the nuclear norm of the centred features' product
    root = torch.linalg.svdvals(xc @ yc.T).sum()
    gap = x.mean(0) - y.mean(0)
    want = (gap**2).sum() + (xc**2).sum() + (yc**2).sum() - 2 * root
    assert frechet(Moments.of(x), Moments.of(y)) == pytest.approx(float(want), rel=1e-9)


def test_frechet_is_zero_for_itself_and_not_changed_by_rotations():
    x, y = spread(300, 32), spread(300, 32, seed=1) * 1.2
    assert frechet(Moments.of(x), Moments.of(x)) == pytest.approx(0, abs=1e-10)
    g = torch.Generator().manual_seed(5)
    turn = torch.linalg.qr(torch.randn(32, 32, generator=g, dtype=torch.float64)).Q
    before = frechet(Moments.of(x), Moments.of(y))
    after = frechet(Moments.of(x @ turn), Moments.of(y @ turn))
    assert before == pytest.approx(after, rel=1e-10)
    assert before == pytest.approx(frechet(Moments.of(y), Moments.of(x)), rel=1e-10)


@pytest.mark.parametrize("low", [-1, -3])
def test_frechet_is_scipys(low):
    linalg = pytest.importorskip("scipy.linalg")
    x, y = spread(400, 96, low=low), spread(500, 96, seed=1, low=low) * 1.1 + 0.05
    a, b = Moments.of(x), Moments.of(y)
    s, t = a.covariance.numpy(), b.covariance.numpy()
    want = float(((a.mean - b.mean) ** 2).sum()) + np.trace(s + t - 2 * linalg.sqrtm(s @ t).real)
    assert frechet(a, b) == pytest.approx(want, rel=1e-9)


def test_eigenvalues_give_the_same_trace_as_cholesky(monkeypatch):
    a, b = (Moments.of(spread(300, 48, seed=s)).covariance for s in (0, 1))
    quick = room._trace_root(a, b)
    monkeypatch.setattr(torch.linalg, "cholesky_ex", lambda s: (s, torch.tensor(1)))
    torch.testing.assert_close(room._trace_root(a, b), quick, rtol=1e-9, atol=0)


def test_frechet_is_torch_fidelitys():
    theirs = pytest.importorskip("torch_fidelity.metric_fid")
    two = two_sets()
    a, b = (theirs.fid_features_to_statistics(x) for x in two)
    (want,) = theirs.fid_statistics_to_metric(a, b, False).values()
    assert frechet(*map(Moments.of, two)) == pytest.approx(want, rel=1e-9)


def test_moments_without_a_distance_are_refused():
    with pytest.raises(ValueError, match="contain NaN or infinity: has the generator diverged"):
        Moments.of(torch.tensor([[0.0], [math.nan]]))
    with pytest.raises(ValueError, match="of 3 and of 4 features"):
        frechet(Moments.of(cloud(9, 3)), Moments.of(cloud(9, 4)))
    with pytest.raises(ValueError, match="moments of 1 features"):
        frechet(Moments.of(cloud(1)), Moments.of(cloud(9)))
    nan = gaussian([0, 0], torch.eye(2))
    nan.mean[0] = math.nan
    for a, b in ((nan, nan), (nan, gaussian([0, 0], torch.eye(2)))):  # never a perfect 0
        with pytest.raises(ValueError, match="contain NaN or infinity have no distance"):
            frechet(a, b)
