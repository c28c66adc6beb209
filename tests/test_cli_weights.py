"""The weights of the papers' feature net, through the whole command."""

import json
import os
import shlex

import numpy as np
import pytest
from commands import gantutor
from PIL import Image
from tiny import course


def test_weights_are_checked_before_anything_starts(tmp_path):
    course(tmp_path / "notebooks", "10_full_run")
    (tmp_path / "data/cifar10-jpeg").mkdir(parents=True)
    ask = shlex.split(
        "reproduce kddgan/table1:hinge --profile smoke --features inception --out out"
    )
    code, _, err = gantutor(*ask, cwd=tmp_path)
    assert code == 2
    assert err.startswith("gantutor: inception-2015-12-05-features.pt is not in ")
    assert not list(tmp_path.glob("out/runs/*"))
    (tmp_path / "wrong.pt").write_text("not a net")
    code, _, err = gantutor(*ask, "--weights", "wrong.pt", cwd=tmp_path)
    assert code == 2 and err.count("\n") == 1
    assert err.startswith("gantutor: wrong.pt is damaged or another net")


def test_a_planned_row_is_measured_by_the_papers_net(tmp_path):
    """The whole way with the real TF Inception, on too few images for a distance called fid.

    Where its file is stored is not one of the run's parameters.
    """
    weights = os.environ.get("GANTUTOR_WEIGHTS")
    if not weights:
        pytest.skip("GANTUTOR_WEIGHTS is not set: this test needs the TF Inception's file")
    images = np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3), dtype=np.uint8)
    for i, image in enumerate(images):
        folder = tmp_path / f"images/cifar10-jpeg/{('train', 'test')[i % 2]}/{'abcdefghij'[i // 4]}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{i}.png")
    ask = shlex.split(
        "reproduce kddgan/table1:hinge --profile smoke --features inception --out out"
    )
    small = shlex.split("-p n_fake=20 -p n_manifold=20 -p evals=1 -p steps=1 -p width=4 -p batch=4")
    data = str(tmp_path / "images")
    code, out, err = gantutor(*ask, *small, "--weights", weights, cwd=tmp_path, GANTUTOR_DATA=data)
    assert (code, err) == (0, "") and "is not called fid" in out
    (place,) = (tmp_path / "out").rglob("result.json")
    result = json.loads(place.read_text())
    assert result["parameters"]["weights"] is None
    assert result["data"]["protocol"]["weights"] == "7ff4a85c3a63"
    rows = [r for r in result["rows"] if r["variant"] == "kddgan/table1/hinge"]
    found = {r["metric"]: r["value"] for r in rows}
    assert found["fd_inception_20"] > 0 and "fid" not in found
    assert "<code>kd_inception_10</code>" in (tmp_path / "out/report.html").read_text()
