"""Kernel distance, Inception Score, names and protocols of measures on features."""

import dataclasses
import math

import pytest
import torch
from clouds import cloud, two_sets

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
from gantutor.metrics.protocol import WHY
from gantutor.rng import Rng


# -- kernel distance -------------------------------------------------------------------------------
def test_kid_is_torch_fidelitys_on_the_same_subsets():
    theirs = pytest.importorskip("torch_fidelity.metric_kid")
    two, how = two_sets(), {"kid_subsets": 7, "kid_subset_size": 100, "rng_seed": 3}
    want = tuple(theirs.kid_features_to_metric(*two, **how, verbose=False).values())
    assert kid(*two, subsets=7, subset_size=100, seed=3) == pytest.approx(want, rel=1e-9)


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
    blocks = [naive_mmd(a[i::4], b[i::4], degree) for i in range(4)]
    each = torch.tensor(blocks, dtype=torch.float64)
    mean, error = kernel_distance(a, b, degree, blocks=4)
    assert mean == pytest.approx(float(each.mean()), abs=1e-12)
    assert error == pytest.approx(float(each.std()) / 2, abs=1e-12)
    # a subset of all features: their order does not matter
    whole = kid(a[:16], b, subsets=2, subset_size=16, degree=degree)
    assert whole == pytest.approx((naive_mmd(a[:16], b, degree), 0), abs=1e-12)


def test_kernel_distance_of_equals_is_zero_within_its_error():
    scores = []
    for seed in range(20):
        mean, error = kernel_distance(cloud(400, seed=2 * seed), cloud(400, seed=2 * seed + 1))
        scores.append(mean / error)
    scores = torch.tensor(scores)
    assert scores.abs().max() < 5 and abs(scores.mean()) < 4 * 20**-0.5
    assert (scores < 0).any() and (scores > 0).any()


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


# -- Inception Score -------------------------------------------------------------------------------
def test_inception_score_is_torch_fidelitys():
    theirs = pytest.importorskip("torch_fidelity.metric_isc")
    logits = 3 * cloud(503, 11)
    want = theirs.isc_features_to_metric(logits, 10, shuffle=False)
    assert inception_score(logits) == pytest.approx(tuple(want.values()), rel=1e-12)


def test_inception_score_of_the_blind_and_of_the_sure():
    assert inception_score(torch.zeros(100, 7)) == pytest.approx((1, 0), abs=1e-12)
    sure = 1000 * torch.eye(10).repeat(20, 1)
    assert inception_score(sure) == pytest.approx((10, 0), abs=1e-9)
    ordered = sure.sort(0).values
    assert inception_score(ordered.flip(0), 1)[0] == inception_score(ordered, 1)[0]
    one_class_a_split = 1000 * torch.eye(10).repeat_interleave(20, 0)
    assert inception_score(one_class_a_split)[0] == pytest.approx(1, abs=1e-9)
    with pytest.raises(ValueError, match=r"logits \(5, 3\) in splits=10"):
        inception_score(torch.zeros(5, 3))


# -- what cannot be compared -----------------------------------------------------------------------
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_features_that_are_not_finite_are_refused(bad):
    x, y = cloud(40), cloud(40)
    x[7, 3] = bad
    for measured in (
        lambda: kid(x, y, 2, 10),
        lambda: kernel_distance(y, x),
        lambda: prdc(x, y),
        lambda: precision_recall(y, x),
        lambda: density_coverage(x, x),
        lambda: inception_score(x),
        lambda: measure(y, y, "small", ("is",), logits=x),
    ):
        with pytest.raises(ValueError, match="contain NaN or infinity: has the generator"):
            measured()


# -- names and protocols ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("metric", "features", "n", "called"),
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
def test_a_stand_in_never_has_the_papers_name(metric, features, n, called):
    assert name(metric, features, n) == called


def test_an_unknown_metric_is_refused():
    with pytest.raises(ValueError, match="metric='fd': expected one of 'fid', 'kid'"):
        name("fd", "small", 5)


def test_a_protocol_explains_why_two_numbers_cannot_be_compared():
    p = Protocol("inception", "7ff4a85c3a63", "tf1 bilinear 299", "abc", "train", 50_000, 50_000)
    assert p.comparable(p) is None and p.comparable(dataclasses.replace(p, seed=3)) is None
    # the same net, converted by others
    assert p.comparable(dataclasses.replace(p, weights="6726825d0af5")) is None
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
        reason = p.comparable(dataclasses.replace(p, **{field: value}))
        assert reason.startswith(f"not comparable: {field} ")
    assert set(WHY) == set(others)


def test_measure_names_what_it_measures():
    real, fake = cloud(60), cloud(50, seed=1, shift=0.1)
    found = measure(real, fake, "small", subsets=3)
    balls = "precision_small recall_small density_small coverage_small"
    assert list(found) == ["fd_small", "kd_small", "kd_small_std", *balls.split()]
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
