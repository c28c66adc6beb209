"""What a checkpoint's file promises: it is whole, it is of this code, and the run that takes it was asked for."""

import random
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from test_engine import IMAGES, pictures
from test_train import SMALLER, last, same, weights

from gantutor import checkpoints, sources, toy
from gantutor.descriptions import describe
from gantutor.files import set_aside
from gantutor.journal import Journal
from gantutor.nets.mlp import Mlp
from gantutor.objectives import WGAN, Objective
from gantutor.penalties import LeCam
from gantutor.recipes import TOY, RmsProp, Sgd
from gantutor.train import Run, train

LITTLE = TOY.but(nets=Mlp(4, (4, 4), (4, 4)), batch=8)


def saved(path, steps=2, recipe=LITTLE, seed=0):
    return last(train(recipe, toy.ring(), seed, steps, checkpoint=path)).run


def rewritten(path, **changes):
    """The same checkpoint with other values in it, as whole as any; None takes a key away."""
    state = torch.load(path, weights_only=True) | changes
    state = {k: v for k, v in state.items() if v is not None or k == "ema"}
    state.pop("digest", None)
    torch.save({**state, "digest": checkpoints.digest(state)}, path)


# -- whose it is -----------------------------------------------------------------------------------
def test_a_checkpoint_holds_these_keys(tmp_path):
    saved(tmp_path / "run.pt")
    assert set(torch.load(tmp_path / "run.pt", weights_only=True)) == {
        "gantutor",
        "code",
        "digest",
        "recipe",
        "data",
        "data_numbers",
        "precision",
        "world",
        "device",
        "graph",
        "step",
        "diverged",
        "losses",
        "rng",
        "G",
        "D",
        "ema",
        "g_opt",
        "d_opt",
        "memory",
        "position",
    }


def test_a_checkpoint_beyond_the_asked_steps_is_set_aside_and_never_measured_under_their_name(
    tmp_path,
):
    file = tmp_path / "run.pt"
    longer = saved(file, 20)
    with pytest.warns(
        UserWarning,
        match=r"run.pt is of step 20, beyond the 4 .*run.aside.pt, and training starts over",
    ):
        run = saved(file, 4)
    assert run.step == 4 and same(
        run.state_dict(), last(train(LITTLE, toy.ring(), 0, 4)).run.state_dict()
    )
    kept = Run(LITTLE, toy.ring(), 0)
    kept.load(tmp_path / "run.aside.pt")
    assert same(kept.state_dict(), longer.state_dict())
    saved(file, 9)
    with pytest.warns(UserWarning, match="run.aside-2.pt"):
        saved(file, 3)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "run.aside-2.pt",
        "run.aside.pt",
        "run.pt",
    ]


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
    with pytest.warns(
        UserWarning, match=f"{why}.*set aside as .*run.aside.pt, and training starts over"
    ):
        first = next(train(LITTLE, toy.ring(), 0, 3, checkpoint=file))
    assert first.index == 1 and (tmp_path / "run.aside.pt").read_bytes() == content
    assert same(saved(file, 3).state_dict(), want)


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


def test_a_change_in_the_package_is_a_change_of_code_only_where_training_reaches(tmp_path):
    files = {
        "train.py": "from gantutor.recipes import TOY",
        "recipes.py": "1",
        "nets/resnet.py": "1",
        "cli.py": "1",
    }
    (tmp_path / "gantutor/nets").mkdir(parents=True)
    for name, text in files.items():
        (tmp_path / "gantutor" / name).write_text(text)

    def code():
        sources.reached.cache_clear(), sources.module.cache_clear()
        return sources.reached(
            "import gantutor.train\nimport gantutor.nets.resnet", tmp_path / "gantutor"
        )

    before = code()
    for name in files:
        (tmp_path / "gantutor" / name).write_text(files[name] + "\n# changed")
        assert (code() != before) is (name != "cli.py"), name
        (tmp_path / "gantutor" / name).write_text(files[name])
    sources.reached.cache_clear(), sources.module.cache_clear()


def test_nothing_is_overwritten_by_what_is_set_aside(tmp_path):
    for i in range(3):
        (tmp_path / "a.pt").write_text(str(i))
        set_aside(tmp_path / "a.pt")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "inside").write_text("x")
    assert (
        set_aside(tmp_path / "b") == tmp_path / "b.aside"
        and (tmp_path / "b.aside/inside").read_text() == "x"
    )
    assert [(tmp_path / n).read_text() for n in ("a.aside.pt", "a.aside-2.pt", "a.aside-3.pt")] == [
        "0",
        "1",
        "2",
    ]


def test_rings_of_one_name_and_other_radii_are_other_data(tmp_path):
    file = tmp_path / "run.pt"
    saved(file)
    with pytest.raises(ValueError, match="'ring' with other numbers"):
        next(train(LITTLE, toy.ring(radius=3.0), 0, 4, checkpoint=file))


# -- whole to the last bit -------------------------------------------------------------------------
def test_a_flipped_bit_is_named_or_changes_nothing(tmp_path):
    """300 anywhere, and 100 in the directory at the end, which no checksum of a member covers."""
    file, draw = tmp_path / "run.pt", random.Random(0)
    want = saved(file).state_dict()
    good = file.read_bytes()
    end = good.index(b"PK\x01\x02")
    run, harmless = Run(LITTLE, toy.ring(), 0), 0
    bits = [draw.randrange(8 * len(good)) for _ in range(300)] + [
        draw.randrange(8 * end, 8 * len(good)) for _ in range(100)
    ]
    for bit in bits:
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        file.write_bytes(bad)
        try:
            run.load(file)
        except ValueError as error:
            assert "run.pt" in str(error) and "delete it to start over" in str(error)
        else:
            harmless += 1
            assert same(run.state_dict(), want), f"byte {bit // 8}, bit {bit % 8}"
    assert 0 < harmless < 200  # padding and dates


def test_what_was_written_is_compared_with_what_was_read(tmp_path):
    """A whole zip file with other numbers in it."""
    file = tmp_path / "run.pt"
    saved(file)
    state = torch.load(file, weights_only=True)
    state["losses"][0] += 1
    torch.save(state, file)
    with pytest.raises(ValueError, match="run.pt has changed since it was written: delete it"):
        Run(LITTLE, toy.ring(), 0).load(file)


def test_a_digest_sees_names_types_shapes_and_order():
    x = torch.arange(6.0)
    states = [
        {"a": x},
        {"b": x},
        {"a": x.int()},
        {"a": x.reshape(2, 3)},
        {"a": x + 1},
        {"a": [x]},
        {"a": x, "b": 1},
        {"a": [1, 2]},
        {"a": [12]},
        {"a": [[1], 2]},
        {"a": 1},
        {"a": 1.0},
        {"a": "1"},
        {"a": None},
        {"a": True},
    ]
    assert len({checkpoints.digest(s) for s in states}) == len(states)
    channels_last = torch.arange(16.0).reshape(1, 2, 2, 4).to(memory_format=torch.channels_last)
    assert checkpoints.digest(channels_last) == checkpoints.digest(channels_last.contiguous())
    assert checkpoints.digest(torch.tensor(1.0).bfloat16()) != checkpoints.digest(
        torch.tensor(2.0).bfloat16()
    )


# -- of this run, whole or not at all --------------------------------------------------------------
ALL = [
    "data_numbers",
    "precision",
    "world",
    "device",
    "graph",
    "diverged",
    "losses",
    "ema",
    "g_opt",
    "d_opt",
    "position",
]


@pytest.mark.parametrize("name", ALL)
def test_a_state_that_lacks_a_key_is_told(name, tmp_path):
    file = tmp_path / "run.pt"
    saved(file)
    state = torch.load(file, weights_only=True)
    del state[name], state["digest"]
    torch.save({**state, "digest": checkpoints.digest(state)}, file)
    with pytest.raises(
        ValueError, match=f"run.pt: the checkpoint lacks {name}; .*delete this file to start over"
    ):
        next(train(LITTLE, toy.ring(), 0, 4, checkpoint=file))


def spoil(state, place, value):
    """Another value at "G.weight0"; `value` None takes it away."""
    *path, last_name = place.split(".")
    part = state
    for name in path:
        part = part[int(name) if isinstance(part, list) or name.isdigit() else name]
    key = int(last_name) if isinstance(part, list) or last_name.isdigit() else last_name
    if value is None:
        del part[key]
    else:
        part[key] = value


@pytest.mark.parametrize(
    "place, value",
    [
        ("G.weight0", None),
        ("G.weight0", torch.zeros(3)),
        ("D.weight0", torch.zeros(2, 4).double()),
        ("G.other", torch.zeros(3)),
        ("g_opt", {}),
        ("g_opt.state.0.exp_avg", None),
        ("g_opt.state.0.exp_avg", torch.zeros(2)),
        ("d_opt.state.7", {}),
        ("d_opt.param_groups.0.betas", None),
        ("d_opt.param_groups", []),
        ("losses", []),
        ("memory", [1]),
        ("step", "2"),
        ("step", -1),
        ("position", 1.5),
        ("diverged", {0: "x"}),
        ("rng", {}),
        ("rng.states", []),
        ("rng.states.0", torch.zeros(16, dtype=torch.uint8)),
        ("rng.states.0", torch.zeros(5056, dtype=torch.uint8)),
        ("ema", {"weight0": torch.zeros(1)}),
    ],
)
def test_a_state_of_another_form_is_told_and_nothing_of_it_is_taken(place, value):
    state = last(Run(LITTLE, toy.ring(), 0).steps(2)).run.state_dict()
    spoil(state, place, value)
    run = last(Run(LITTLE, toy.ring(), 0).steps(1)).run
    before = run.state_dict()
    with pytest.raises(ValueError, match="start over|another form|random state"):
        run.load_state_dict(state)
    assert same(run.state_dict(), before)
    list(run.steps(2))


@pytest.mark.parametrize(
    "parts", [{"g_opt": RmsProp(1e-3)}, {"d_opt": Sgd(1e-2)}, {"terms": (LeCam(start=0),)}]
)
def test_every_optimisers_state_fits_its_own_run(parts):
    recipe = LITTLE.but(**parts)
    state = last(Run(recipe, toy.ring(), 0).steps(2)).run.state_dict()
    run = Run(recipe, toy.ring(), 0)
    run.load_state_dict(state)
    assert same(run.state_dict(), state)


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


# -- the disk --------------------------------------------------------------------------------------
FULL = """
import resource, signal, sys
from gantutor import toy
from gantutor.recipes import TOY
from gantutor.train import Run
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
run = Run(TOY, toy.ring(), 0)
run.save(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    run.save(sys.argv[1])
except OSError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limits there")
def test_a_full_disk_is_a_sentence_and_the_old_checkpoint_stays(tmp_path):
    file = tmp_path / "run.pt"
    done = subprocess.run([sys.executable, "-c", FULL, str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (
        "run.pt cannot be written (" in done.stdout
        and "free some space there" in done.stdout
        and done.stdout.count("\n") == 1
    )
    Run(TOY, toy.ring(), 0).load(file)
    assert [p.name for p in tmp_path.iterdir()] == ["run.pt"]


# -- a journal beside it ---------------------------------------------------------------------------
def test_a_shorter_run_keeps_nothing_of_the_longer_one(tmp_path):
    journal = Journal(tmp_path)
    for step in (5, 10, 20):
        journal.numbers(step, loss=step)
        journal.grid(step, torch.zeros(1, 1, 4, 4))
    mine = [
        tmp_path / "grids" / name
        for name in ("holiday.png", "0000020.jpg", "20.png", "0000020.png.txt")
    ]
    for path in mine:
        path.write_text("not a journal's")
    assert [r["step"] for r in Journal(tmp_path, step=np.int64(5)).rows] == [5]
    assert sorted(p.name for p in (tmp_path / "grids").iterdir()) == sorted(
        ["0000005.png", *(p.name for p in mine)]
    )


# -- refused before the first step -----------------------------------------------------------------
class OwnObjective(Objective):
    """Not a dataclass, as somebody writes who has read one page."""

    def real(self, a):
        return -a

    def fake(self, b):
        return b

    def gen(self, b):
        return -b


def test_what_cannot_be_described_trains_without_a_checkpoint_and_fails_at_once_with_one(tmp_path):
    recipe = LITTLE.but(objective=OwnObjective())
    assert last(train(recipe, toy.ring(), 0, 2)).index == 2
    with pytest.raises(TypeError, match="OwnObjective.*cannot be part of.*frozen dataclass"):
        next(train(recipe, toy.ring(), 0, 2, checkpoint=tmp_path / "new" / "run.pt"))
    assert not list(tmp_path.iterdir())


def test_numbers_of_numpy_are_plain_ones(tmp_path):
    @dataclass(frozen=True)
    class Scaled(WGAN):
        factor: float = 1.0

    recipe = LITTLE.but(
        objective=Scaled(np.float64(0.5), np.float32(0.5)), batch=np.int64(8), n_dis=np.int32(1)
    )
    steps, every = np.int64(2), np.int64(1)
    (_, step) = train(
        recipe,
        toy.ring(),
        np.int64(3),
        steps,
        every,
        checkpoint=tmp_path / "a.pt",
        save_every=np.int64(1),
    )
    assert type(recipe.batch) is int and type(describe(recipe)["objective"]["clip"]) is float
    assert step.run.rng.seeds == (3,) and step.run.sample(np.int64(5)).shape == (5, 2)
    run = Run(recipe, toy.ring(), np.int64(3))
    run.load(tmp_path / "a.pt")
    assert same(weights(run), weights(step.run))
    assert Run(recipe, toy.ring(), np.arange(2)).rng.seeds == (0, 1)


@pytest.mark.parametrize(
    "how, said",
    [
        ({"steps": 2.5}, "steps=2.5"),
        ({"steps": True}, "steps=True"),
        ({"steps": "4"}, "steps='4'"),
        ({"steps": -1}, "steps=-1"),
        ({"every": 1.5}, "every=1.5"),
        ({"every": True}, "every=True"),
        ({"save_every": np.float64(2)}, "save_every="),
        ({"seed": -1}, "seed=-1"),
        ({"seed": 2**70}, "seed=1180591620717411303424"),
        ({"seed": 2**32}, "seed=4294967296"),
        ({"seed": True}, "seed=True"),
        ({"seed": 0.5}, "seed=0.5"),
        ({"seed": "01"}, "seed='0'"),
        ({"seed": [0, 2**33]}, "seed=8589934592"),
        ({"seed": [1, 1]}, r"seeds=\[1, 1\]: a seed that occurs twice"),
        ({"device": "gpu"}, "device='gpu'"),
        ({"precision": "fp16"}, "precision='fp16'"),
    ],
)
def test_what_is_no_number_of_the_kind_is_quoted(how, said):
    with pytest.raises(ValueError, match=said):
        next(train(SMALLER["baseline"], toy.ring(), **{"steps": 4} | how))


def test_a_device_without_random_numbers_is_told():
    with pytest.raises(ValueError, match="device='meta'|device='xpu'"):
        Run(LITTLE, toy.ring(), 0, "xpu")


def test_code_is_what_it_was_when_training_began(tmp_path, monkeypatch):
    steps = train(LITTLE, toy.ring(), 0, 3, checkpoint=tmp_path / "run.pt", save_every=1)
    code = next(steps).run.code
    monkeypatch.setattr("gantutor.run.classes_hash", lambda *args: "edited since")
    list(steps)
    assert torch.load(tmp_path / "run.pt", weights_only=True)["code"] == code
    with pytest.warns(UserWarning, match="other code"):
        next(train(LITTLE, toy.ring(), 0, 3, checkpoint=tmp_path / "run.pt"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is one")
def test_a_device_that_is_not_there_is_told():
    with pytest.raises(ValueError, match="device='cuda': torch sees 0 CUDA device"):
        Run(LITTLE, toy.ring(), 0, "cuda")


def test_a_run_is_not_asked_for_fewer_steps_than_it_has_done():
    run = last(Run(LITTLE, toy.ring(), 0).steps(3)).run
    assert list(run.steps(3)) == []
    with pytest.raises(ValueError, match="until=2: this run has done 3 steps"):
        next(run.steps(2))
    for bad in (
        {"n": 0},
        {"n": 2.5},
        {"n": 4, "chunk": 0},
        {"n": 4, "labels": torch.zeros(4, dtype=torch.long)},
    ):
        with pytest.raises(ValueError, match="n=0|n=2.5|chunk=0|labels="):
            run.sample(**bad)
