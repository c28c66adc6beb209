"""A damaged checkpoint is named and left where it is, and nothing of it is taken."""

import random

import pytest
import torch
from small_runs import LITTLE, SMALLER, last, same, saved

from gantutor import checkpoints, toy
from gantutor.penalties import LeCam
from gantutor.recipes import RmsProp, Sgd
from gantutor.train import Run, train


# -- the file --------------------------------------------------------------------------------------
@pytest.mark.parametrize("keep", [0.0, 0.001, 0.5, 0.999])
def test_a_truncated_checkpoint_is_named_and_left(keep, tmp_path):
    file = tmp_path / "run.pt"
    list(train(SMALLER["baseline"], toy.ring(), 0, 2, checkpoint=file))
    content = file.read_bytes()[: int(keep * file.stat().st_size)]
    file.write_bytes(content)
    with pytest.raises(ValueError, match="run.pt.*delete it"):
        next(train(SMALLER["baseline"], toy.ring(), 0, 4, checkpoint=file))
    assert file.read_bytes() == content


def test_another_file_is_not_a_checkpoint(tmp_path):
    file = tmp_path / "other.pt"
    torch.save({"weights": torch.zeros(3)}, file)
    with pytest.raises(ValueError, match="other.pt is not a checkpoint"):
        next(train(SMALLER["baseline"], toy.ring(), 0, 4, checkpoint=file))
    with pytest.raises(FileNotFoundError):
        Run(SMALLER["baseline"], toy.ring(), 0).load(tmp_path / "none.pt")


def test_a_flipped_bit_is_named_or_changes_nothing(tmp_path):
    """300 anywhere, and 100 in the directory at the end, which no checksum of a member covers."""
    file, draw = tmp_path / "run.pt", random.Random(0)
    want = saved(file).state_dict()
    good = file.read_bytes()
    end = good.index(b"PK\x01\x02")
    run, harmless = Run(LITTLE, toy.ring(), 0), 0
    bits = [draw.randrange(8 * len(good)) for _ in range(300)]
    bits += [draw.randrange(8 * end, 8 * len(good)) for _ in range(100)]
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
    """An intact zip file with other numbers in it."""
    file = tmp_path / "run.pt"
    saved(file)
    state = torch.load(file, weights_only=True)
    state["losses"][0] += 1
    torch.save(state, file)
    with pytest.raises(ValueError, match="run.pt has changed since it was written: delete it"):
        Run(LITTLE, toy.ring(), 0).load(file)


def test_a_digest_sees_names_types_shapes_and_order():
    x = torch.arange(6.0)
    values = [x, x.int(), x.reshape(2, 3), x + 1, [x]]
    values += [[1, 2], [12], [[1], 2], 1, 1.0, "1", None, True]
    states = [*({"a": value} for value in values), {"b": x}, {"a": x, "b": 1}]
    assert len({checkpoints.digest(s) for s in states}) == len(states) == 15
    channels_last = torch.arange(16.0).reshape(1, 2, 2, 4).to(memory_format=torch.channels_last)
    assert checkpoints.digest(channels_last) == checkpoints.digest(channels_last.contiguous())
    one, two = torch.tensor(1.0).bfloat16(), torch.tensor(2.0).bfloat16()
    assert checkpoints.digest(one) != checkpoints.digest(two)


# -- the state -------------------------------------------------------------------------------------
OF_EACH_RUN = [
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


@pytest.mark.parametrize("name", OF_EACH_RUN)
def test_a_state_that_lacks_a_key_is_refused_by_its_name(name, tmp_path):
    file = tmp_path / "run.pt"
    saved(file)
    state = torch.load(file, weights_only=True)
    del state[name], state["digest"]
    torch.save({**state, "digest": checkpoints.digest(state)}, file)
    said = f"run.pt: the checkpoint lacks {name}; .*delete this file to start over"
    with pytest.raises(ValueError, match=said):
        next(train(LITTLE, toy.ring(), 0, 4, checkpoint=file))


def spoil(state, place, value):
    """Set a value at a path such as "G.weights"; None takes it away."""
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
        ("G.weights", None),
        ("G.weights", torch.zeros(3)),
        ("D.weights", torch.zeros(2, 4).double()),
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
        ("ema", {"weights": torch.zeros(1)}),
    ],
)
def test_a_state_of_another_form_is_refused_and_nothing_of_it_is_taken(place, value):
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
