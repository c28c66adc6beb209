"""What a long run prints and stores as it goes."""

import numpy as np
import pytest
import torch

from gantutor import toy
from gantutor.journal import Journal, _span, progress
from gantutor.recipes import TOY
from gantutor.train import train


def test_progress_passes_every_step_and_prints_speed_and_time_left():
    said = []
    steps = train(TOY.but(batch=8), toy.ring(), steps=6, every=2)
    passed = list(progress(steps, 6, every_s=0, say=said.append))
    assert [s.index for s in passed] == [2, 4, 6]
    assert len(said) == 2 and said[0].startswith("4/6 steps, ")
    assert all(words in said[0] for words in (" it/s, ", " left, D ", ", G "))
    said.clear()
    list(progress(train(TOY.but(batch=8), toy.ring(), steps=4), 4, every_s=3600, say=said.append))
    assert not said


def test_spans_read_well():
    assert [_span(s) for s in (3, 89, 180, 7500)] == ["3 s", "89 s", "3 min", "2 h 05 min"]


def test_a_journal_keeps_numbers_and_grids_but_not_those_that_will_be_written_again(tmp_path):
    journal = Journal(tmp_path / "run")
    for step in (10, 20, 30):
        journal.numbers(step, loss=torch.tensor(step / 10), other=1.0)
    journal.grid(20, torch.zeros(10, 3, 8, 8))
    assert (tmp_path / "run" / "grids" / "0000020.png").read_bytes().startswith(b"\x89PNG")
    again = Journal(tmp_path / "run", step=20)  # a run that continues from its checkpoint at 20
    again.numbers(30, loss=9.0)
    frame = Journal(tmp_path / "run", step=1000).frame()
    assert frame[frame.metric == "loss"].set_index("step").value.to_dict() == {
        10: 1.0,
        20: 2.0,
        30: 9.0,
    }


def test_a_shorter_run_keeps_nothing_of_the_longer_one(tmp_path):
    journal, grids = Journal(tmp_path), tmp_path / "grids"
    for step in (5, 10, 20):
        journal.numbers(step, loss=step)
        journal.grid(step, torch.zeros(1, 1, 4, 4))
    mine = ["holiday.png", "0000020.jpg", "20.png", "0000020.png.txt"]
    for name in mine:
        (grids / name).write_text("not a journal's")
    assert [r["step"] for r in Journal(tmp_path, step=np.int64(5)).rows] == [5]
    assert {p.name for p in grids.iterdir()} == {"0000005.png", *mine}


def test_a_line_that_a_kill_cut_off_is_dropped(tmp_path):
    Journal(tmp_path).numbers(1, loss=1.0)
    with (tmp_path / "history.jsonl").open("a") as file:
        file.write('{"step": 2, "lo')
    assert [row["step"] for row in Journal(tmp_path, step=5).rows] == [1]


def test_without_a_folder_everything_stays_in_memory():
    journal = Journal(None)
    journal.numbers(1, loss=2.0)
    journal.grid(1, torch.zeros(1, 1, 4, 4))
    assert journal.frame().to_dict("records") == [{"step": 1, "metric": "loss", "value": 2.0}]
    assert len(Journal(None).frame()) == 0


@pytest.mark.parametrize(
    "line",
    [
        "{not json",
        "[]",
        "null",
        "3",
        '{"loss": 1.0}',
        '{"step": "2", "loss": 1.0}',
        '{"step": 2.5}',
        '{"step": true}',
        '{"step": -1}',
        '{"step": 2, "loss": "low"}',
        '{"step": 2, "loss": null}',
        "[" * 100_000,
        "\x00\x01\udcff",
    ],
)
def test_a_damaged_line_is_named_and_the_rest_is_used(line, tmp_path):
    journal, file = Journal(tmp_path), tmp_path / "history.jsonl"
    for step in (1, 3):
        journal.numbers(step, loss=step / 2)
    first, second = file.read_bytes().splitlines(keepends=True)
    damaged = first + line.encode("utf-8", "surrogateescape") + b"\n" + second
    file.write_bytes(damaged)
    with pytest.warns(
        UserWarning, match=r"history.jsonl: line 2 is not a journal.s .* history.aside.jsonl"
    ):
        again = Journal(tmp_path, step=9)
    assert [row["step"] for row in again.rows] == [1, 3] and (
        tmp_path / "history.aside.jsonl"
    ).read_bytes() == damaged
    # only the first reader is warned
    assert [row["step"] for row in Journal(tmp_path, step=9).rows] == [1, 3]
    again.numbers(9, loss=float("nan"))
    assert [row["step"] for row in Journal(tmp_path, step=9).rows] == [1, 3, 9]


def test_a_file_that_is_not_a_journal_is_moved_aside(tmp_path):
    (tmp_path / "history.jsonl").write_bytes(bytes(range(256)) * 9)
    with pytest.warns(UserWarning, match="history.aside.jsonl"):
        assert Journal(tmp_path, step=9).rows == []
    (tmp_path / "history.jsonl").unlink()
    (tmp_path / "history.jsonl").mkdir()
    with pytest.warns(UserWarning, match="history.aside-2.jsonl"):
        Journal(tmp_path).numbers(1, loss=1.0)
    assert (tmp_path / "history.jsonl").is_file()
