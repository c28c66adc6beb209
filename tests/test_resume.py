"""Exact resume: a run that was stopped anywhere ends where the unbroken run ends."""

import os
import signal
import subprocess
import sys

import pytest
import torch
from small_runs import MIXED, SMALLER, last, same

from gantutor import toy
from gantutor.recipes import METHODS, TOY
from gantutor.train import Run, train


@pytest.mark.parametrize("name", ["WGAN-GP", "AdaptiveMix", "AdvLatGAN-qua", "KDD", *MIXED])
@pytest.mark.parametrize("seed", [0, [0, 5]])
def test_a_run_killed_anywhere_ends_where_the_unbroken_run_ends(name, seed, tmp_path):
    recipe, data, steps, save_every = SMALLER[name], toy.ring(), 5, 2
    want = last(train(recipe, data, seed, steps)).run.state_dict()
    turns = recipe.n_dis + 1
    # after any turn, also inside a step
    for kill in range(0, steps * turns, 2 if turns < 4 else 5):
        file = tmp_path / f"{kill}.pt"
        how = {"checkpoint": file, "save_every": save_every}
        running = train(recipe, data, seed, steps, "turn", **how)
        for _ in range(kill + 1):
            next(running)
        running.close()
        assert file.exists() is (kill >= save_every * turns)
        run = last(train(recipe, data, seed, steps, **how)).run
        assert same(run.state_dict(), want)


def test_checkpoints_by_themselves_change_nothing(tmp_path):
    def state(steps=6, **how):
        return last(train(SMALLER["KDD"], toy.ring(), 0, steps, **how)).run.state_dict()

    want, file = state(), tmp_path / "a.pt"
    assert same(state(checkpoint=file, save_every=1), want)
    assert same(state(checkpoint=tmp_path / "b.pt", save_every=4), want)
    # more steps, asked for later
    assert same(state(9, checkpoint=file), state(9))
    # nothing half-written is left
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["a.pt", "b.pt"]


VICTIM = """
import sys
from gantutor import toy
from gantutor.recipes import METHODS
from gantutor.train import train
how = {"checkpoint": sys.argv[1], "save_every": 3}
for step in train(METHODS["AdaptiveMix"], toy.ring(), [0, 1], 10**6, **how):
    print(step.index, flush=True)
"""


@pytest.fixture
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_a_real_kill(tmp_path, one_thread):
    file, recipe = tmp_path / "run.pt", METHODS["AdaptiveMix"]
    process = subprocess.Popen(
        [sys.executable, "-c", VICTIM, str(file)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    with process:
        for line in process.stdout:
            if int(line) >= 11:
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    run = Run(recipe, toy.ring(), [0, 1])
    run.load(file)
    assert run.step >= 9 and run.step % 3 == 0
    until = run.step + 4
    list(run.steps(until))
    want = last(train(recipe, toy.ring(), [0, 1], until)).run
    assert same(run.state_dict(), want.state_dict())


def test_a_kill_while_writing_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    file = tmp_path / "run.pt"
    run = last(train(SMALLER["KDD"], toy.ring(), 0, 3, checkpoint=file)).run
    old = file.read_bytes()

    def half(state, path):
        path.write_bytes(old[: len(old) // 2])
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(KeyboardInterrupt):
        run.save(file)
    assert file.read_bytes() == old


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
def test_a_full_disk_is_reported_in_one_sentence_and_the_old_checkpoint_stays(tmp_path):
    file = tmp_path / "run.pt"
    done = subprocess.run([sys.executable, "-c", FULL, str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "run.pt cannot be written (" in done.stdout
    assert "free some space there" in done.stdout
    assert done.stdout.count("\n") == 1
    Run(TOY, toy.ring(), 0).load(file)
    assert [p.name for p in tmp_path.iterdir()] == ["run.pt"]
