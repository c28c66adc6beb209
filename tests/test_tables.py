"""Each row of the papers' image tables trains, resumes exactly and is measured, at a tiny size."""

import json

import pytest
import torch

from gantutor.descriptions import describe
from gantutor.images import ImageSet
from gantutor.metrics.images import judge
from gantutor.reproduce.tables import EPS, MODELS, ROWS
from gantutor.rng import Rng
from gantutor.train import train

# rows that train alike differ only in how they are sampled
TRAININGS = {json.dumps([describe(row.recipe), row.size]): name for name, row in ROWS.items()}


def kinds(part):
    """The classes in a recipe's description, without its numbers.

    Recipes that differ in kind may fail for different reasons.
    """
    if isinstance(part, dict):
        return [part.get("kind"), *(kinds(v) for v in part.values())]
    return [kinds(p) for p in part] if isinstance(part, list) else isinstance(part, str) and part


def chosen() -> set[str]:
    """Rows with a kind of nets, or of losses and maps, that no row before them has."""
    seen, names = set(), set()
    for name in TRAININGS.values():
        what = describe(ROWS[name].recipe)
        new = {
            json.dumps([k, kinds(what[k])])
            for k in ("nets", "latent", "inputs", "fakes", "n_gen", "ema")
        }
        new.add(json.dumps(["loss", kinds(what["objective"]), kinds(what["terms"])]))
        names |= {name} if new - seen else set()
        seen |= new
    return names


# BigGAN and SA-GAN take long: two of KDD GAN's rows are quick enough here, and all run in
# `make test-slow`
KDD = {"kddgan/table1/joint-uncond", "kddgan/table2/kdd-jacd"}
FIRST = {n for n in chosen() if not n.startswith("kddgan/") or n in KDD}
ROW = [pytest.param(n, marks=() if n in FIRST else pytest.mark.slow) for n in TRAININGS.values()]


def last(steps):
    *_, step = steps
    return step


def noise(size):
    images = Rng(1).randint(256, 24, 3, size, size).to(torch.uint8)
    return ImageSet(f"noise{size}", images, torch.arange(24) % 10, tuple("abcdefghij"))


def measured(x, y):
    """The measures of the package on 64 fixed random features."""
    axes = Rng(2).randn(x[0].numel(), 64)
    return judge(x.flatten(1) @ axes, y.flatten(1) @ axes)


@pytest.mark.parametrize("name", ROW)
def test_a_row_trains_resumes_and_is_measured(name, tmp_path):
    row = ROWS[name].thinner(16, batch=4)
    data, file = noise(row.size), tmp_path / "run.pt"
    last(train(row.recipe, data, 0, 1, checkpoint=file))
    run = last(train(row.recipe, data, 0, 2, checkpoint=file)).run
    whole = last(train(row.recipe, data, 0, 2)).run
    for key in ("G", "D"):
        assert all(
            torch.equal(v, run.state_dict()[key][k]) for k, v in whole.state_dict()[key].items()
        ), key
    fakes = run.sample(24, 5, norm=row.norm)
    assert (
        fakes.shape == (24, 3, row.size, row.size)
        and float(fakes.abs().max()) <= 1
        and float(fakes.std()) > 0
    )
    assert all(torch.isfinite(torch.tensor(v)) for v in measured(data.floats(), fakes).values())


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=() if "table3/dcgan" in n or n.endswith("div+") else pytest.mark.slow)
        for n, row in ROWS.items()
        if row.sampler is not None and ("cifar10" in n or "table3/dcgan" in n)
    ],
)
def test_a_row_is_sampled_by_its_own_sampler(name):
    row = ROWS[name].thinner(16, batch=4)
    run = last(train(row.recipe, noise(row.size), 0, 1)).run
    plain, moved = run.sample(6, 5), run.sample(6, 5, latent=row.sampler)
    assert moved.shape == plain.shape and not torch.equal(moved, plain)


def names(prefix):
    return {n.removeprefix(prefix) for n in ROWS if n.startswith(prefix)}


def test_every_row_that_the_tables_print_is_there():
    """Counted in the papers; starred rows, which they copied from elsewhere, are not trained."""
    assert len(names("advlatgan/table3/")) == 5 * 3
    assert (
        len(names("advlatgan/table4/cifar10/")) == 7 * 3
        and len(names("advlatgan/table4/stl10/")) == 6 * 3
    )
    assert len(names("advlatgan/table5/")) == 5 * 2 * 3
    assert (
        {"msgan", "div", "div+"}
        <= names("advlatgan/table6/cifar10/")
        == names("advlatgan/table6/stl10/")
    )
    assert names("adaptivemix/table2/") == {"wgan", "adaptivemix"}
    assert (
        len(names("adaptivemix/table4/cifar10/")) == 9
        and len(names("adaptivemix/table4/celeba/")) == 6
    )
    assert [len(names(f"kddgan/table{t}/")) for t in (1, 2, 3, 4, 5, 6)] == [
        13,
        7,
        10,
        11,
        4,
        4,
    ]  # 5 and 6 print 4 and 3 again


@pytest.mark.parametrize("model", EPS["cifar10"])
def test_qua_is_one_change_of_its_baseline(model):
    bare, trained = (ROWS[f"advlatgan/table4/cifar10/{model}/{v}"].recipe for v in ("bare", "qua"))
    assert set(bare.diff(trained)) == {"latent"} and trained.latent.eps == EPS["cifar10"][model]
    assert bare == MODELS[model]


def test_kdd_against_the_hinge_is_one_change():
    for table in (1, 2, 3, 4):
        hinge = ROWS[f"kddgan/table{table}/hinge"].recipe
        kdd = ROWS[
            f"kddgan/table{table}/kdd-tau1" if table == 1 else f"kddgan/table{table}/kdd"
        ].recipe
        assert set(hinge.diff(kdd)) == {"objective"}


def test_rows_are_built_for_their_data():
    for name, row in ROWS.items():
        assert row.recipe.nets.size == row.size, name
        classes = {"cifar10": 10, "stl10": 10, "tiny-imagenet": 200, "imagenet64": 1000}.get(
            row.data
        )
        assert row.recipe.nets.classes in (0, classes), name
        assert row.note or name.split("/")[0] == "kddgan" or "/table4/" in name or "64/" in name
