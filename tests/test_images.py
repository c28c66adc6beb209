"""The image set itself: floats, batches, subsets, digests, and what makes no sense."""

import numpy as np
import pytest
import torch
from imagefiles import some

from gantutor.images import ImageSet
from gantutor.rng import Rng


def test_floats_span_minus_one_to_one():
    pixels = torch.tensor([0, 51, 255], dtype=torch.uint8)[None, :, None, None]
    x = ImageSet("x", pixels, torch.zeros(1).long(), ("a",)).floats()
    assert x.dtype == torch.float32
    torch.testing.assert_close(x.flatten(), torch.tensor([-1.0, -0.6, 1.0]))


def test_samples_are_rows_drawn_by_the_seed_with_replacement():
    data, state = some(10), torch.get_rng_state()
    x = data.sample(400, Rng(0))
    assert x.shape == (400, 3, 4, 4) and torch.equal(x, data.sample(400, 0))
    assert not torch.equal(x, data.sample(400, 1))
    same = (x[:, None] == data.floats()).flatten(2).all(2)  # (400, 10): which row each one is
    assert (same.sum(1) == 1).all() and same.sum(0).min() > 10 and same.sum(0).max() < 80
    assert torch.equal(torch.get_rng_state(), state)
    with pytest.raises(ValueError, match=r"\[0, 1\].*one seed"):
        data.sample(2, Rng([0, 1]))


def test_memory_mapped_and_in_memory_sets_are_alike(tmp_path):
    data = some()
    np.save(tmp_path / "x.npy", data.images.numpy())
    mapped = ImageSet("some", np.load(tmp_path / "x.npy", mmap_mode="r"), data.labels, data.classes)
    assert mapped.digest == data.digest and torch.equal(mapped.sample(5, 3), data.sample(5, 3))
    assert torch.equal(mapped.floats(slice(2, 4)), data.floats(torch.tensor([2, 3])))
    assert mapped.subset(4, 1).digest == data.subset(4, 1).digest
    assert torch.equal(mapped.to("cpu").images, data.images)


def test_digest_is_of_the_content():
    data = some()
    other = data.images.clone()
    other[3, 0, 0, 0] ^= 1
    changed = ImageSet("x", other, data.labels, data.classes)
    renamed = ImageSet("x", data.images, data.labels, ("a", "b", "d"))
    assert len({d.digest for d in (data, changed, some(classes=2), renamed)}) == 4
    assert ImageSet("other name", data.images, data.labels, data.classes).digest == data.digest


def test_subset_is_balanced_as_far_as_can_be():
    labels = torch.tensor([0] * 20 + [1] * 3 + [2] * 10)
    images = torch.arange(33, dtype=torch.uint8)[:, None, None, None]
    data = ImageSet("x", images, labels, tuple("abc"))
    part = data.subset(15, seed=1)
    assert part.labels.bincount().tolist() == [6, 3, 6] and len(part.images.unique()) == 15
    assert part.digest == data.subset(15, seed=1).digest != data.subset(15, seed=2).digest
    assert sorted(data.subset(8).labels.bincount().tolist()) == [2, 3, 3]
    for n in (0, 34):
        with pytest.raises(ValueError, match=f"n={n}: expected 1 to 33"):
            data.subset(n)


def test_sets_that_make_no_sense_are_refused():
    images, labels = some().images, some().labels
    for args, words in (
        ((images.float(), labels), "uint8"),
        ((images[:0], labels[:0]), "N >= 1"),
        ((images, labels[1:]), "10 images"),
        ((images, labels + 1), "below 3"),
        ((images, labels - 1), "below 3"),
    ):
        with pytest.raises(ValueError, match=words):
            ImageSet("x", *args, ("a", "b", "c"))


def test_batches_are_samples_with_their_labels():
    data = some(10)
    x, y = data.batch(50, Rng(3))
    assert torch.equal(x, data.sample(50, 3)) and y.dtype == torch.int64
    same = (x[:, None] == data.floats()).flatten(2).all(2)
    assert torch.equal(data.labels[same.int().argmax(1)], y)


def test_classes_and_places_are_chosen_with_their_names_kept():
    data = some(10)
    part = data.where(["c", 0])
    assert part.labels.tolist() == [0, 2, 0, 2, 0, 2, 0] and part.classes == data.classes
    assert torch.equal(part.images, data.images[[0, 2, 3, 5, 6, 8, 9]])
    assert len(data.where("b")) == len(data.where(1)) == 3
    assert torch.equal(data.take(torch.tensor([7, 2])).images, data.images[[7, 2]])
    for labels in ("d", [0, 3], 3):
        with pytest.raises(ValueError, match="below 3 or names among a, b, c"):
            data.where(labels)
