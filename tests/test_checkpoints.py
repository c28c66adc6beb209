"""A checkpoint's file is used only by the run and the code that it is of, or else set aside."""

import sys

import pytest
import torch
from small_runs import LITTLE, SMALLER, last, rewritten, same, saved, weights
from test_engine import IMAGES, pictures

from gantutor import sources, toy
from gantutor.files import set_aside
from gantutor.penalties import LeCam
from gantutor.recipes import Adam
from gantutor.train import Run, train


def test_a_checkpoint_holds_these_keys(tmp_path):
    saved(tmp_path / "run.pt")
    origin = {"gantutor", "code", "digest"}
    of_run = {"recipe", "data", "data_numbers", "precision", "world", "device", "graph"}
    training = {"step", "diverged", "losses", "rng", "memory", "position"}
    nets = {"G", "D", "ema", "g_opt", "d_opt"}
    state = torch.load(tmp_path / "run.pt", weights_only=True)
    assert set(state) == origin | of_run | training | nets


# -- of another run --------------------------------------------------------------------------------
def test_a_checkpoint_of_another_recipe_or_other_seeds_is_refused(tmp_path):
    file, alone, recipe = tmp_path / "run.pt", tmp_path / "one.pt", SMALLER["baseline"]
    list(train(recipe, toy.ring(), [0, 1], 2, checkpoint=file))
    for other, parts in (
        (SMALLER["KDD"], "objective"),
        (recipe.but(batch=8, g_opt=Adam(1e-3)), "g_opt.*batch"),
    ):
        with pytest.raises(ValueError, match=f"another recipe.*{parts}"):
            next(train(other, toy.ring(), [0, 1], 4, checkpoint=file))
    for seeds in ([0, 2], [1, 0], [0, 1, 2], [0], 0):
        run = Run(recipe, toy.ring(), seeds)
        before = weights(run)
        with pytest.raises(ValueError, match=r"seeds \[0, 1\]"):
            run.load(file)
        assert run.step == 0 and same(weights(run), before)
    # one seed with and without a seed axis
    list(train(recipe, toy.ring(), [0], 2, checkpoint=alone))
    with pytest.raises(ValueError, match="seeds"):
        next(train(recipe, toy.ring(), 0, 4, checkpoint=alone))


def test_a_checkpoint_of_other_data_is_refused_and_a_finished_run_has_its_losses(tmp_path):
    path = tmp_path / "new" / "run.pt"
    done = last(train(SMALLER["baseline"], toy.ring(), steps=3, checkpoint=path))
    (again,) = train(SMALLER["baseline"], toy.ring(), steps=3, checkpoint=path)
    assert again.index == 3
    assert torch.equal(again.d_loss, done.d_loss) and torch.equal(again.g_loss, done.g_loss)
    with pytest.raises(ValueError, match="data 'ring', this run has 'grid'"):
        next(train(SMALLER["baseline"], toy.grid(), steps=3, checkpoint=path))


def test_rings_of_one_name_and_other_radii_are_other_data(tmp_path):
    file = tmp_path / "run.pt"
    saved(file)
    with pytest.raises(ValueError, match="'ring' with other numbers"):
        next(train(LITTLE, toy.ring(radius=3.0), 0, 4, checkpoint=file))


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"device": "cuda"}, "was made on cuda, this run is on cpu"),
        ({"graph": True}, "was made with graph=True, this run is with graph=False"),
    ],
)
def test_a_checkpoint_of_another_device_is_refused_by_name(changes, said, tmp_path):
    file = tmp_path / "run.pt"
    saved(file)
    generator = {"seeds": 0, "states": [torch.zeros(16, dtype=torch.uint8)]}  # as a GPU's is
    rewritten(file, **changes, rng=generator)
    with pytest.raises(ValueError, match=f"run.pt: .*{said}.*start over"):
        next(train(LITTLE, toy.ring(), 0, 4, checkpoint=file))


# -- set aside -------------------------------------------------------------------------------------
def test_a_checkpoint_beyond_the_asked_steps_is_set_aside_and_never_measured_under_their_name(
    tmp_path,
):
    file = tmp_path / "run.pt"
    longer = saved(file, 20)
    said = r"run.pt is of step 20, beyond the 4 .*run.aside.pt, and training starts over"
    with pytest.warns(UserWarning, match=said):
        run = saved(file, 4)
    want = last(train(LITTLE, toy.ring(), 0, 4)).run
    assert run.step == 4 and same(run.state_dict(), want.state_dict())
    kept = Run(LITTLE, toy.ring(), 0)
    kept.load(tmp_path / "run.aside.pt")
    assert same(kept.state_dict(), longer.state_dict())
    saved(file, 9)
    with pytest.warns(UserWarning, match="run.aside-2.pt"):
        saved(file, 3)
    names = ["run.aside-2.pt", "run.aside.pt", "run.pt"]
    assert sorted(p.name for p in tmp_path.iterdir()) == names


@pytest.mark.parametrize(
    "changes, why",
    [
        ({"gantutor": None, "code": None}, "older version of gantutor"),
        ({"gantutor": "0.0.9"}, "made by gantutor 0.0.9, and this is"),
        ({"code": "0" * 12}, "made by other code"),
    ],
)
def test_a_checkpoint_of_another_version_or_code_is_set_aside(changes, why, tmp_path):
    file = tmp_path / "run.pt"
    want = saved(file, 3).state_dict()
    rewritten(file, **changes)
    content = file.read_bytes()
    with pytest.raises(ValueError, match=f"{why}.*delete it"):
        Run(LITTLE, toy.ring(), 0).load(file)
    said = f"{why}.*set aside as .*run.aside.pt, and training starts over"
    with pytest.warns(UserWarning, match=said):
        first = next(train(LITTLE, toy.ring(), 0, 3, checkpoint=file))
    assert first.index == 1
    assert (tmp_path / "run.aside.pt").read_bytes() == content
    assert same(saved(file, 3).state_dict(), want)


def test_nothing_is_overwritten_by_what_is_set_aside(tmp_path):
    for i in range(3):
        (tmp_path / "a.pt").write_text(str(i))
        set_aside(tmp_path / "a.pt")
    names = ["a.aside.pt", "a.aside-2.pt", "a.aside-3.pt"]
    assert [(tmp_path / name).read_text() for name in names] == ["0", "1", "2"]
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "inside").write_text("x")
    assert set_aside(tmp_path / "b") == tmp_path / "b.aside"
    assert (tmp_path / "b.aside/inside").read_text() == "x"


# -- whose code ------------------------------------------------------------------------------------
USER = """
from gantutor.objectives import WGAN, Objective
from dataclasses import dataclass
@dataclass(frozen=True)
class Mine(WGAN):
    def gen(self, b):
        return -{factor} * b
"""


def test_the_code_of_a_run_is_what_training_and_its_parts_reach(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    found = {}
    for factor in (1, 2):
        (tmp_path / f"own{factor}.py").write_text(USER.format(factor=factor))
        module = __import__(f"own{factor}")
        module.Mine.__module__, module.Mine.__qualname__ = "own", "Mine"
        monkeypatch.setitem(sys.modules, "own", module)
        found[factor] = Run(LITTLE.but(objective=module.Mine(None)), toy.ring(), 0).code
    plain = Run(LITTLE, toy.ring(), 0).code
    assert len({plain, *found.values()}) == 3  # a class of one's own counts by its text
    assert plain == Run(LITTLE, toy.nine(), [0, 1]).code
    # reached by training anyway
    assert Run(LITTLE.but(terms=(LeCam(),)), toy.ring(), 0).code == plain
    assert Run(IMAGES, pictures(), 0).code != plain  # nets of one's own


def forget_sources():
    sources.reached.cache_clear()
    sources.module.cache_clear()


def test_a_change_in_the_package_is_a_change_of_code_only_where_training_reaches(tmp_path):
    package = tmp_path / "gantutor"
    (package / "nets").mkdir(parents=True)
    files = {
        "train.py": "from gantutor.recipes import TOY",
        "recipes.py": "1",
        "nets/resnet.py": "1",
        "cli.py": "1",
    }
    for name, text in files.items():
        (package / name).write_text(text)

    def code():
        forget_sources()
        return sources.reached("import gantutor.train\nimport gantutor.nets.resnet", package)

    before = code()
    for name, text in files.items():
        (package / name).write_text(text + "\n# changed")
        assert (code() != before) is (name != "cli.py"), name
        (package / name).write_text(text)
    forget_sources()


def test_code_is_what_it_was_when_training_began(tmp_path, monkeypatch):
    file = tmp_path / "run.pt"
    steps = train(LITTLE, toy.ring(), 0, 3, checkpoint=file, save_every=1)
    code = next(steps).run.code
    monkeypatch.setattr("gantutor.run.classes_hash", lambda *args: "edited since")
    list(steps)
    assert torch.load(file, weights_only=True)["code"] == code
    with pytest.warns(UserWarning, match="other code"):
        next(train(LITTLE, toy.ring(), 0, 3, checkpoint=file))
