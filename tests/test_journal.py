"""What a long run says and keeps while it goes."""

import torch

from gantutor import toy
from gantutor.journal import Journal, _span, progress
from gantutor.recipes import TOY
from gantutor.train import train


def test_progress_passes_every_step_and_says_speed_and_time_left():
    said = []
    steps = list(progress(train(TOY.but(batch=8), toy.ring(), steps=6, every=2), 6, every_s=0, say=said.append))
    assert [s.index for s in steps] == [2, 4, 6]
    assert len(said) == 2 and said[0].startswith("4/6 steps, ") and " it/s, " in said[0] and " left, D " in said[0] and ", G " in said[0]
    said.clear()
    list(progress(train(TOY.but(batch=8), toy.ring(), steps=4), 4, every_s=3600, say=said.append))
    assert not said


def test_spans_read_well():
    assert [_span(s) for s in (3, 89, 180, 7500)] == ["3 s", "89 s", "3 min", "2 h 05 min"]


def test_a_journal_keeps_numbers_and_grids_and_forgets_what_will_be_written_again(tmp_path):
    journal = Journal(tmp_path / "run")
    for step in (10, 20, 30):
        journal.numbers(step, loss=torch.tensor(step / 10), other=1.0)
    journal.grid(20, torch.zeros(10, 3, 8, 8))
    assert (tmp_path / "run" / "grids" / "0000020.png").read_bytes().startswith(b"\x89PNG")
    again = Journal(tmp_path / "run", step=20)  # a run that goes on from its checkpoint at 20
    again.numbers(30, loss=9.0)
    frame = Journal(tmp_path / "run", step=1000).frame()
    assert frame[frame.metric == "loss"].set_index("step").value.to_dict() == {10: 1.0, 20: 2.0, 30: 9.0}


def test_a_line_cut_by_a_kill_is_dropped(tmp_path):
    Journal(tmp_path).numbers(1, loss=1.0)
    with (tmp_path / "history.jsonl").open("a") as file:
        file.write('{"step": 2, "lo')
    assert [row["step"] for row in Journal(tmp_path, step=5).rows] == [1]


def test_without_a_folder_all_stays_in_memory():
    journal = Journal(None)
    journal.numbers(1, loss=2.0)
    journal.grid(1, torch.zeros(1, 1, 4, 4))
    assert journal.frame().to_dict("records") == [{"step": 1, "metric": "loss", "value": 2.0}]
    assert len(Journal(None).frame()) == 0
