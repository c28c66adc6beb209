"""Precision, recall, density and coverage, against package prdc, torch-fidelity and by hand."""

import pytest
import torch
from clouds import cloud, two_sets

from gantutor.metrics import manifold as room
from gantutor.metrics.manifold import density_coverage, prdc, precision_recall
from gantutor.rng import Rng


# -- other packages and the definition -------------------------------------------------------------
def test_precision_and_recall_are_torch_fidelitys():
    theirs = pytest.importorskip("torch_fidelity.metric_prc")
    two = two_sets()
    want = theirs.calculate_precision_recall_full(two[1], two[0], 3)  # they put the fakes first
    found = precision_recall(*two)
    assert found == pytest.approx(want, rel=1e-6) and all(0.05 < v < 0.95 for v in found)


def sets(kind, n=700, m=600, dims=24):
    if kind == "far from the origin":  # where a matrix product in float32 alone is wrong
        return cloud(n, dims) + 300, cloud(m, dims, seed=1, scale=0.9) + 300
    if kind == "outliers":
        real = cloud(n, dims) * cloud(n, 1, seed=2).mul(1.5).exp()
        return real, cloud(m, dims, seed=1) * cloud(m, 1, seed=3).mul(1.5).exp()
    if kind == "ties":  # a grid: most distances tie
        generators = {s: torch.Generator().manual_seed(s) for s in (n, m)}
        return tuple(
            torch.randint(0, 3, (s, 7), generator=g).float() for s, g in generators.items()
        )
    if kind == "copies":  # a generator that memorised 30 pictures, and reals with duplicates
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
        theirs = package.compute_prdc(real.numpy(), fake.numpy(), k)
        want = {name: float(value) for name, value in theirs.items()}
        assert prdc(real, fake, k) == pytest.approx(want, rel=1e-9)


@pytest.mark.parametrize("kind", ["plain", "far from the origin", "outliers", "ties", "copies"])
def test_precision_to_coverage_by_the_definition(kind):
    real, fake = sets(kind, 90, 80, 5)

    def near(x, y):
        return (x.double()[:, None] - y.double()).square().sum(-1).sqrt().float()

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


# -- known values ----------------------------------------------------------------------------------
@pytest.mark.parametrize("k", [1, 5])
def test_identical_sets_score_one_and_far_sets_zero(k, monkeypatch):
    monkeypatch.setattr(room, "CHUNK", 64)  # several chunks
    x = cloud(300)
    assert prdc(x, x, k) == {"precision": 1, "recall": 1, "density": 1, "coverage": 1}
    assert prdc(x, x + 1000, k) == {"precision": 0, "recall": 0, "density": 0, "coverage": 0}


def test_equal_distributions_score_one_and_less_than_one():
    pairs = ((cloud(500, seed=2 * s), cloud(500, seed=2 * s + 1)) for s in range(6))
    scores = torch.tensor([density_coverage(real, fake) for real, fake in pairs])
    density, coverage = scores.mean(0).tolist()
    assert density == pytest.approx(1, abs=0.04)
    assert coverage == pytest.approx(1 - 2**-5, abs=0.012)


def test_the_border_does_not_count():
    line = torch.tensor([[0.0], [1.0], [10.0]])
    # on the border of 1's ball, and inside only that of 10
    assert density_coverage(line, torch.tensor([[2.0]]), k=1) == (1.0, 1 / 3)
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


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="k=5: expected 1 to 4, one less than the number of reals"):
        density_coverage(torch.zeros(5, 2), torch.zeros(5, 2))
    with pytest.raises(ValueError, match="k=5: expected 1 to 4, one less than the number of fakes"):
        prdc(cloud(9, 2), torch.zeros(5, 2))
    with pytest.raises(ValueError, match=r"\(5, 2\) and \(0, 2\)"):
        density_coverage(torch.zeros(5, 2), torch.zeros(0, 2))
