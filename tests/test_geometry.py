"""Stretch, bend and compactness of feature spaces against closed forms."""

import math

import numpy as np
import pytest
import torch

from gantutor.metrics.geometry import bend, compactness, feature_rms, lipschitz_ratio
from gantutor.nets.dcgan import Dcgan
from gantutor.rng import Rng


def images(n, seed, shape=(1, 4, 4)):
    return Rng(seed).randn(n, *shape).double()


def bounded(x):
    return x.flatten(1).tanh()


# -- stretch ---------------------------------------------------------------------------------------
def test_a_rotation_times_s_plus_a_shift_stretches_every_pair_by_s():
    Q = torch.linalg.qr(Rng(0).randn(16, 16).double())[0]
    found = lipschitz_ratio(lambda x: 3.0 * x.flatten(1) @ Q + 7.0, images(50, 1), images(50, 2))
    assert found.raw.value == pytest.approx(3.0, rel=1e-12) and found.raw.se < 1e-12
    assert found.n == 50 and found.logit is None


def test_a_single_linear_feature_of_gaussian_pairs_has_the_mean_of_a_cosine():
    """|<w, u>| for u uniform on the sphere in d = 3 has mean |w| / 2."""
    w = torch.tensor([1.0, 2.0, 2.0], dtype=torch.float64)
    x, y = images(40_000, 3, (3,)), images(40_000, 4, (3,))
    found = lipschitz_ratio(lambda x: (x @ w)[:, None], x, y)
    assert abs(found.raw.value - 1.5) < 4 * found.raw.se
    # |cos| is uniform on [0, 1] in three dimensions
    assert found.raw.se == pytest.approx(3 / math.sqrt(12 * 40_000), rel=0.02)


def test_scale_moves_the_raw_ratio_and_not_the_scale_free_one():
    x, y = images(30, 5), images(30, 6)
    small, large = (lipschitz_ratio(lambda x, c=c: c * bounded(x), x, y) for c in (1.0, 10.0))
    assert large.raw.value == pytest.approx(10 * small.raw.value, rel=1e-12)
    assert large.scale_free == pytest.approx(small.scale_free, rel=1e-12)


def test_a_given_rms_is_used_and_is_that_of_the_features():
    x, y = images(30, 5), images(30, 6)
    both = feature_rms(bounded, torch.cat([x, y]))
    want = math.sqrt(float(np.square(np.tanh(torch.cat([x, y]).numpy())).mean()))
    assert both == pytest.approx(want, rel=1e-12)
    assert lipschitz_ratio(bounded, x, y).rms == pytest.approx(both, rel=1e-12)
    given = lipschitz_ratio(bounded, x, y, rms=2.0)
    assert given.scale_free.value == pytest.approx(given.raw.value / 2.0)


@pytest.mark.parametrize("norm", ["none", "spectral", "batch"])
def test_a_critic_is_taken_pair_by_pair_in_eval_mode_and_left_as_it_was(norm):
    _, D = Dcgan(z=4, width=4, size=8, channels=1, norm=norm).build(Rng(0))
    D.double().train()
    x, y = images(5, 1, (1, 8, 8)), images(5, 2, (1, 8, 8))
    state = {k: v.clone() for k, v in D.state_dict().items()}
    found = lipschitz_ratio(D, x, y)
    assert D.training and all(torch.equal(v, state[k]) for k, v in D.state_dict().items())
    D.eval()
    with torch.no_grad():
        by_hand = []
        for a, b in zip(x[:, None], y[:, None], strict=True):
            stretch = (D.features(a) - D.features(b)).norm() / (a - b).norm()
            logit = (D(a).score - D(b).score).abs() / (a - b).norm()
            by_hand.append([float(stretch), float(logit)])
    by_hand = np.array(by_hand)
    assert [found.raw.value, found.logit.value] == pytest.approx(by_hand.mean(0), rel=1e-6)
    errors = by_hand.std(0, ddof=1) / math.sqrt(5)
    assert [found.raw.se, found.logit.se] == pytest.approx(errors, rel=1e-6)


def test_equal_images_are_left_out_and_bad_pairs_refused():
    x, y = images(4, 1), images(4, 2)
    y[1] = x[1]
    assert lipschitz_ratio(lambda x: 2 * x.flatten(1), x, y).n == 3
    with pytest.raises(ValueError, match="0 pairs of different images"):
        lipschitz_ratio(lambda x: x.flatten(1), x, x)
    with pytest.raises(ValueError, match="as many images"):
        lipschitz_ratio(lambda x: x.flatten(1), x, y[:3])


# -- bend ------------------------------------------------------------------------------------------
def test_an_affine_map_has_no_bend_whatever_its_slope():
    W, lam = Rng(0).randn(16, 5).double(), Rng(1).rand(40)
    x, y = images(40, 1), images(40, 2)
    for slope in (1e-3, 1.0, 1e3):
        assert bend(lambda x, s=slope: s * x.flatten(1) @ W + 3.0, x, y, lam).value < 1e-12


def test_a_square_bends_by_lam_times_one_minus_lam():
    """F(u) = u^2: the gap is lam (1-lam) (x-y)^2, the parents are |x^2 - y^2| apart."""
    x, y = torch.tensor([[0.0], [1.0]]), torch.tensor([[2.0], [4.0]])
    lam = torch.tensor([0.5, 0.25])
    found = bend(lambda u: u**2, x, y, lam)
    gap, length = np.array([0.25 * 4, 0.1875 * 9]), np.array([4.0, 15.0])
    assert found.value == pytest.approx(gap.mean() / length.mean(), rel=1e-6)
    residual = gap - found.value * length
    assert found.se == pytest.approx(residual.std(ddof=1) / math.sqrt(2) / length.mean(), rel=1e-6)
    assert bend(lambda u: 100 * u**2 + 7, x, y, lam).value == pytest.approx(found.value, rel=1e-5)


def test_the_error_of_a_bend_is_that_of_repeated_draws():
    drawn = []
    for s in range(200):
        x, y = images(200, 10 + s), images(200, 1000 + s)
        drawn.append(bend(lambda x: x.flatten(1).relu(), x, y, Rng(s).rand(200)))
    spread = np.std([d.value for d in drawn], ddof=1)
    assert np.mean([d.se for d in drawn]) == pytest.approx(spread, rel=0.2)


# -- compactness -----------------------------------------------------------------------------------
def test_two_clusters_of_known_spread():
    """Classes 2h apart with spread r around their means: within r, total sqrt(r^2 + h^2)."""
    r, h = 0.5, 2.0
    circle = torch.tensor([[r, 0.0], [-r, 0.0], [0.0, r], [0.0, -r]])
    v = torch.cat([circle + torch.tensor([h, 1.0]), circle + torch.tensor([-h, 1.0])])
    found = compactness(v, torch.tensor([0] * 4 + [1] * 4))
    assert found.classes.tolist() == pytest.approx([r, r])
    assert found.within == pytest.approx(r) and found.total == pytest.approx(math.hypot(r, h))
    assert found.ratio == pytest.approx(r / math.hypot(r, h))


def test_gaussian_classes_by_their_standard_deviations():
    sigma, n, k = (0.1, 0.3), 20_000, 8
    v = torch.cat([s * Rng(i).randn(n, k) for i, s in enumerate(sigma)])
    labels = torch.arange(2).repeat_interleave(n)
    found = compactness(v, labels)
    assert found.classes.tolist() == pytest.approx([s * math.sqrt(k) for s in sigma], rel=0.01)
    assert found.within == pytest.approx(math.sqrt(k * (0.1**2 + 0.3**2) / 2), rel=0.01)


def test_a_class_without_samples_has_no_spread():
    found = compactness(torch.ones(4, 2), torch.tensor([0, 0, 2, 2]))
    assert found.classes.isnan().tolist() == [False, True, False]


def test_unit_norm_sees_directions_alone():
    """Rays at 0 and 60 degrees: each class is a point on the circle, and a chord of 1 apart."""
    ray = torch.tensor([[1.0, 0.0], [0.5, math.sqrt(0.75)]], dtype=torch.float64)
    v = torch.cat([c * ray for c in (1.0, 5.0, 9.0)])
    labels = torch.tensor([0, 1] * 3)
    assert compactness(v, labels).within > 1
    found = compactness(v, labels, unit=True)
    assert found.within == pytest.approx(0.0, abs=1e-12) and found.total == pytest.approx(0.5)
    scaled = compactness(100 * v, labels)
    assert scaled.ratio == pytest.approx(compactness(v, labels).ratio)


def test_labels_and_features_must_match():
    with pytest.raises(ValueError, match="labels"):
        compactness(torch.ones(4, 2), torch.zeros(3, dtype=torch.int64))
