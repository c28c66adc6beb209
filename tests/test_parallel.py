"""Several processes: shares of a draw, and how the group is left."""

import socket

import pytest
import torch
from launch import TORCHRUN, launch

from gantutor import parallel
from gantutor.nets.mlp import Mlp
from gantutor.recipes import TOY
from gantutor.rng import Rng

SMALL = TOY.but(nets=Mlp(4, (16, 16), (16, 16)), batch=16)


def test_shares_of_a_draw_make_up_the_whole():
    whole = Rng(4)
    parts = [Rng(4).share(r, 3) for r in range(3)]
    for draw in (
        lambda g, n: g.randn(n, 2),
        lambda g, n: g.rand(n),
        lambda g, n: g.randint(9, n, 2),
        lambda g, n: g.beta(2.0, n),
    ):
        assert torch.equal(torch.cat([draw(p, 4) for p in parts]), draw(whole, 12))
    assert len({tuple(p.randperm(50).tolist()) for p in parts}) == 3
    with pytest.raises(ValueError, match="rank=3, world=3"):
        Rng(0).share(3, 3)


LEAVING = """
import atexit, sys, warnings
from pathlib import Path
from gantutor import parallel, toy
from gantutor.recipes import TOY
from gantutor.train import train
folder, mine = Path(sys.argv[1]), None

def at_the_end():
    threads = [(task / "comm").read_text() for task in Path("/proc/self/task").iterdir()]
    gloo = sorted(name for name in threads if "gloo" in name)
    (folder / f"left-{mine}").write_text(f"{parallel.place()} {gloo}")

atexit.register(at_the_end)  # what is registered first is called last
mine, world = parallel.start()
assert world == 2 and parallel.start() == (mine, 2)
*_, step = train(TOY, toy.ring(), 0, 2, checkpoint=folder / "run.pt")
parallel.together()
warnings.simplefilter("error" if mine else "ignore")  # the first process alone says it
# both start over, and one renames the file
*_, step = train(TOY, toy.ring(), 0, 1, checkpoint=folder / "run.pt")
assert step.index == 1
"""


def test_a_process_may_leave_its_group_before_its_end(monkeypatch):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    there = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1"}
    for name, value in {**there, "MASTER_PORT": str(port)}.items():
        monkeypatch.setenv(name, value)
    assert parallel.start() == (0, 1) and torch.distributed.is_initialized()
    parallel.stop()
    assert not torch.distributed.is_initialized() and parallel.place() == (0, 1)
    parallel.stop()


def test_processes_leave_their_group_at_their_end(tmp_path):
    launch(LEAVING, tmp_path, TORCHRUN)
    # left at the end by itself, and no thread of the group is left behind
    assert [(tmp_path / f"left-{rank}").read_text() for rank in (0, 1)] == ["(0, 1) []"] * 2
    assert {p.name for p in tmp_path.glob("*.pt")} == {"run.pt", "run.aside.pt"}
