"""Feeding a run: epochs, exact resume, ranks, threads."""

import gc
import threading

import pytest
import torch
from imagefiles import some

from gantutor.images import Epochs, ImageSet, serve


def test_serving_asks_a_gpu_for_half_its_free_memory_and_leaves_a_cpu_run_its_file(monkeypatch):
    data, moved = some(), []
    assert serve(data, "cpu") is data
    monkeypatch.setattr(ImageSet, "to", lambda self, device: moved.append(device) or "there")
    free = 2 * data.images.numel()
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 10**9))
    assert serve(data, "cuda") == "there" and moved == ["cuda"]
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free - 1, 10**9))
    assert serve(data, "cuda") is data


@pytest.fixture
def begun():
    """The threads started since and still alive; libraries (tqdm) have threads of their own."""
    others = set(threading.enumerate())
    return lambda: set(threading.enumerate()) - others


def rows_of(data, x):
    return (x[:, None] == data.floats()).flatten(2).all(2).int().argmax(1)


@pytest.mark.parametrize("thread", [False, True])
def test_an_epoch_shows_each_image_at_most_once_and_drops_the_rest(thread):
    data = some(23)
    feed = Epochs(data, 5, seed=1, thread=thread)
    assert feed.per_epoch == 4
    epochs = []
    for _ in range(3):
        batches = [feed() for _ in range(4)]
        rows = torch.cat([rows_of(data, x) for x, _ in batches])
        assert len(rows.unique()) == 20
        assert torch.equal(torch.cat([y for _, y in batches]), data.labels[rows])
        epochs.append(rows.tolist())
    assert epochs[0] != epochs[1] != epochs[2] and feed.position == 12
    other = Epochs(data, 5, seed=2)
    assert torch.cat([rows_of(data, other()[0]) for _ in range(4)]).tolist() not in epochs
    feed.close()


def test_position_is_all_that_a_checkpoint_needs(begun):
    data = some(23)
    feed, late = Epochs(data, 4, seed=7), Epochs(data, 4, seed=7, thread=True)
    batches = [feed() for _ in range(12)]
    for position in (9, 3, 3, 11):
        late.position = position
        x, y = late()
        assert torch.equal(x, batches[position][0]) and torch.equal(y, batches[position][1])
        assert late.position == position + 1
    assert len(begun()) == 1
    late.close()
    assert not begun()
    with pytest.raises(ValueError, match="position=-1"):
        feed.position = -1


def test_ranks_share_out_the_batch_of_one_process():
    data = some(23)
    whole = Epochs(data, 6, seed=3)
    ranks = [Epochs(data, 2, seed=3, rank=r, world=3) for r in range(3)]
    for _ in range(8):
        x, y = whole()
        parts = [feed() for feed in ranks]
        assert torch.equal(x, torch.cat([p[0] for p in parts]))
        assert torch.equal(y, torch.cat([p[1] for p in parts]))


def test_no_thread_is_left_behind(begun):
    feed = Epochs(some(), 2, thread=True)
    feed()
    (worker,) = begun()
    del feed
    gc.collect()
    worker.join(5)
    assert not worker.is_alive()


def test_the_threads_error_is_raised_by_the_call_that_asks_for_the_batch(begun):
    class Broken(ImageSet):
        def bytes(self, index):
            raise OSError("the disk is gone")

    feed = Epochs(Broken("b", some().images, some().labels, ("a", "b", "c")), 2, thread=True)
    with pytest.raises(OSError, match="the disk is gone"):
        feed()
    assert not begun()


def test_what_cannot_be_fed_is_refused():
    words = r"10 images in some: fewer than one batch of 6 on 2 rank\(s\)"
    with pytest.raises(ValueError, match=words):
        Epochs(some(10), 6, world=2)
    for wrong in ({"batch": 0}, {"batch": 1, "rank": 1}, {"batch": 1, "ahead": -1}):
        with pytest.raises(ValueError, match="expected batch >= 1"):
            Epochs(some(10), **wrong)
