import gc
import io
import os
import subprocess
import sys
import tarfile
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torchvision.io import encode_jpeg, encode_png

from gantutor import images as room
from gantutor.images import DataError, Epochs, ImageSet, cache_dir, gaussian_scores, instance_selection, open_images, serve
from gantutor.rng import Rng


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """A cache and a data folder of the test's own."""
    monkeypatch.setenv("GANTUTOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GANTUTOR_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()


def grey(value, height=8, width=8):
    return torch.full((3, height, width), value, dtype=torch.uint8)


def png(value, *shape):
    return encode_png(grey(value, *shape)).numpy().tobytes()


TREE = {f"{c}/{i}.png": 10 * i + (100 if c == "dog" else 0) for c in ("cat", "dog") for i in range(4)}
LAYOUTS = {
    "classes": {name: v for name, v in TREE.items()},
    "wrapped": {f"animals/{name}": v for name, v in TREE.items()},
    "splits": {f"animals/{s}/{name}": v for s in ("train", "test") for name, v in TREE.items()},
    "images": {f"tiny/train/{n.replace('/', '/images/')}": v for n, v in TREE.items()}
    | {"tiny/val/images/x.png": 1, "words.txt": 1},
}
PACKERS = ("folder", "tar", "tar.gz", "tar.xz", "zip")


def pack(root, tree, kind, name="set"):
    """A tree {path: grey value or bytes} as a folder or an archive; archives hold it in the order given."""
    content = {p: v if isinstance(v, bytes) else png(v) for p, v in tree.items()}
    if kind == "folder":
        for path, data in content.items():
            (root / name / path).parent.mkdir(parents=True, exist_ok=True)
            (root / name / path).write_bytes(data)
        return root / name
    place = root / f"{name}.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(place, "w") as archive:
            for path, data in content.items():
                archive.writestr(path, data)
        return place
    with tarfile.open(place, f"w:{kind.partition('.')[2]}") as archive:
        for path, data in content.items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return place


def some(n=10, classes=3, seed=0):
    labels = torch.arange(n) % classes
    return ImageSet("some", Rng(seed).randint(256, n, 3, 4, 4).to(torch.uint8), labels, tuple("abc"[:classes]))


# -- the set ---------------------------------------------------------------------------------------------------------
def test_floats_span_minus_one_to_one():
    pixels = torch.tensor([0, 51, 255], dtype=torch.uint8)[None, :, None, None]
    x = ImageSet("x", pixels, torch.zeros(1).long(), ("a",)).floats()
    assert x.dtype == torch.float32
    torch.testing.assert_close(x.flatten(), torch.tensor([-1.0, -0.6, 1.0]))


def test_samples_are_rows_drawn_by_the_seed_with_replacement():
    data, state = some(10), torch.get_rng_state()
    x = data.sample(400, Rng(0))
    assert x.shape == (400, 3, 4, 4) and torch.equal(x, data.sample(400, 0)) and not torch.equal(x, data.sample(400, 1))
    same = (x[:, None] == data.floats()).flatten(2).all(2)  # (400, 10): which row each one is
    assert (same.sum(1) == 1).all() and 10 < same.sum(0).min() and same.sum(0).max() < 80
    assert torch.equal(torch.get_rng_state(), state)
    with pytest.raises(ValueError, match=r"\[0, 1\].*one seed"):
        data.sample(2, Rng([0, 1]))


def test_memory_mapped_and_in_memory_sets_are_alike(tmp_path):
    data = some()
    np.save(tmp_path / "x.npy", data.images.numpy())
    mapped = ImageSet("some", np.load(tmp_path / "x.npy", mmap_mode="r"), data.labels, data.classes)
    assert mapped.digest == data.digest and torch.equal(mapped.sample(5, 3), data.sample(5, 3))
    assert torch.equal(mapped.floats(slice(2, 4)), data.floats(torch.tensor([2, 3])))
    assert mapped.subset(4, 1).digest == data.subset(4, 1).digest and torch.equal(mapped.to("cpu").images, data.images)


def test_digest_is_of_the_content():
    data = some()
    other = data.images.clone()
    other[3, 0, 0, 0] ^= 1
    digests = [d.digest for d in (data, ImageSet("x", other, data.labels, data.classes), some(classes=2),
                                  ImageSet("x", data.images, data.labels, ("a", "b", "d")))]  # fmt: skip
    assert len(set(digests)) == 4 and ImageSet("other name", data.images, data.labels, data.classes).digest == data.digest


def test_subset_is_balanced_as_far_as_can_be():
    labels = torch.tensor([0] * 20 + [1] * 3 + [2] * 10)
    data = ImageSet("x", torch.arange(33, dtype=torch.uint8)[:, None, None, None], labels, tuple("abc"))
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
    assert torch.equal(part.images, data.images[[0, 2, 3, 5, 6, 8, 9]]) and len(data.where("b")) == len(data.where(1)) == 3
    assert torch.equal(data.take(torch.tensor([7, 2])).images, data.images[[7, 2]])
    for labels in ("d", [0, 3], 3):
        with pytest.raises(ValueError, match="below 3 or names among a, b, c"):
            data.where(labels)


# -- openers ---------------------------------------------------------------------------------------------------------
def test_digits_need_no_file():
    train, test = open_images(), open_images("digits", split="test")
    assert train.shape == (1, 32, 32) and len(train) + len(test) == 1797 and len(test) == 299
    assert train.images.max() == 255 and train.classes == tuple("0123456789") and train.labels.bincount().min() > 120
    small = open_images("digits", size=8)
    from sklearn.datasets import load_digits

    sixteenths = torch.from_numpy(load_digits().images)[torch.arange(1797) % 6 != 5]
    assert torch.equal((small.images[:, 0].double() * 16 / 255).round(), sixteenths)
    assert len(open_images("digits", limit=50)) == 50 and len(open_images("digits", limit=10**6)) == len(train)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", PACKERS)
def test_every_layout_in_every_box_is_the_same_set(kind, layout, tmp_path):
    tree = dict(reversed(LAYOUTS[layout].items()))  # an archive's order must not matter
    data = open_images("folder", pack(tmp_path, tree, kind), size=8)
    assert data.name == "set" and data.classes == ("cat", "dog") and data.labels.tolist() == [0] * 4 + [1] * 4
    assert data.images[:, 2, 3, 4].tolist() == [0, 10, 20, 30, 100, 110, 120, 130]
    assert data.digest == open_images("folder", pack(tmp_path, TREE, "folder", "other"), size=8).digest


def test_only_the_split_asked_for_is_decoded(tmp_path):
    tree = {f"train/{n}": v for n, v in TREE.items()} | {"test/cat/a.png": 7, "test/dog/b.png": 8}
    assert open_images("folder", pack(tmp_path, tree, "tar"), split="test").images[:, 0, 0, 0].tolist() == [7, 8]
    broken = tree | {"test/cat/a.png": b"no image"}
    assert len(open_images("folder", pack(tmp_path, broken, "tar", "broken"))) == 8
    with pytest.raises(DataError, match="no split 'val': it has test, train"):
        open_images("folder", tmp_path / "set.tar", split="val")
    with pytest.raises(DataError, match="no split folders"):
        open_images("folder", pack(tmp_path, TREE, "folder"), split="test")


def test_a_class_may_be_called_train(tmp_path):
    assert open_images("folder", pack(tmp_path, {"train/a.png": 1, "car/b.png": 2}, "folder")).classes == ("car", "train")


def test_images_are_cropped_square_and_resized(tmp_path):
    wide = torch.zeros(3, 10, 30, dtype=torch.uint8)
    wide[:, :, 10:20] = 200  # the middle square
    files = {"a/wide.png": encode_png(wide), "a/photo.jpg": encode_jpeg(grey(90, 40, 50))}
    root = pack(tmp_path, {name: data.numpy().tobytes() for name, data in files.items()}, "folder")
    data = open_images("folder", root, size=16)
    assert data.shape == (3, 16, 16) and data.images[1].min() == 200 and (abs(data.images[0].astype(int) - 90) < 3).all()


def test_squash_keeps_the_whole_picture(tmp_path):
    from PIL import Image

    wide = Rng(0).randint(256, 3, 30, 46).to(torch.uint8)
    root = pack(tmp_path, {"a/wide.png": encode_png(wide).numpy().tobytes()}, "folder")
    squashed, cropped = (open_images("folder", root, size=16, fit=fit).images[0].astype(int) for fit in ("squash", "crop"))
    picture = Image.fromarray(wide.permute(1, 2, 0).numpy())
    for ours, theirs in ((squashed, picture), (cropped, picture.crop((8, 0, 38, 30)))):
        pil = np.asarray(theirs.resize((16, 16), Image.Resampling.BILINEAR)).transpose(2, 0, 1).astype(int)
        assert abs(ours - pil).max() <= 1  # Pillow rounds between the two directions


def test_a_note_gives_the_classes_of_tiny_imagenets_val(tmp_path):
    notes = b"val_0.JPEG\tn02\t0\t0\t1\t1\nval_1.JPEG\tn01\t0\t0\t1\t1\nval_2.JPEG\tn02\t0\t0\t1\t1\n"
    val = {"t/val/val_annotations.txt": notes, **{f"t/val/images/val_{i}.JPEG": 10 * i for i in range(3)}}
    train = {f"t/train/n0{c}/images/n0{c}_{i}.JPEG": 100 + 10 * c + i for c in (1, 2) for i in range(2)}
    for kind in ("folder", "tar", "zip"):
        for where, tree in (("all", train | val | {"t/test/images/test_0.JPEG": 77}), ("valonly", val)):
            data = open_images("tiny-imagenet", pack(tmp_path, dict(reversed(tree.items())), kind, where), split="val")
            assert data.classes == ("n01", "n02") and data.labels.tolist() == [0, 1, 1]
            assert data.images[:, 0, 0, 0].tolist() == [10, 0, 20]
        data = open_images("tiny-imagenet", pack(tmp_path, train | val, kind, "all"), split="train")
        assert data.classes == ("n01", "n02") and data.images[:, 0, 0, 0].tolist() == [110, 111, 120, 121]


def test_cifar10_jpeg_is_found_where_the_variable_points(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="is not here .*cifar10-jpeg.tar.xz.*gantutor data fetch cifar10-jpeg"):
        open_images("cifar10-jpeg")
    tree = {f"{s}/{n}": v for s in ("train", "test") for n, v in TREE.items()}
    pack(tmp_path / "data", tree, "tar.xz", "cifar10-jpeg")
    packed = open_images("cifar10-jpeg")
    (tmp_path / "data" / "cifar10-jpeg.tar.xz").unlink()
    assert packed.name == "cifar10-jpeg"
    assert packed.digest == open_images("cifar10-jpeg", pack(tmp_path, tree, "folder")).digest
    monkeypatch.delenv("GANTUTOR_DATA")
    (tmp_path / "data").rmdir()
    pack(tmp_path, tree, "folder", "data/cifar10-jpeg")
    assert open_images("cifar10-jpeg").digest == packed.digest  # ./data
    assert open_images("folder", "cifar10-jpeg").digest == packed.digest


def test_each_named_set_that_is_not_here_says_how_to_get_it():
    for name in room.READERS:
        with pytest.raises(DataError, match=f"{name} is not here .*(gantutor data fetch {name}|download|log in).*'digits'") as caught:
            open_images(name)
        assert "\n" not in str(caught.value)
        with pytest.raises(DataError, match="nowhere is not here: check the path"):
            open_images(name, "nowhere")


# -- the cache -------------------------------------------------------------------------------------------------------
def test_decoded_once_then_mapped(tmp_path, monkeypatch):
    place = pack(tmp_path, TREE, "tar")
    first = open_images("folder", place)
    assert isinstance(first.images, np.memmap) and not first.images.flags.writeable
    monkeypatch.setattr(room.decode, "tree", lambda *a: pytest.fail("decoded again"))
    assert open_images("folder", place).digest == first.digest


def test_a_changed_source_size_or_split_is_another_entry(tmp_path):
    place = pack(tmp_path, TREE, "tar")
    before = open_images("folder", place)
    assert open_images("folder", place, size=16).shape == (3, 16, 16)
    pack(tmp_path, TREE | {"cat/0.png": 55}, "tar")
    os.utime(place, (1, 1))
    assert open_images("folder", place).images[0, 0, 0, 0] == 55 and open_images("folder", place).digest != before.digest
    root = pack(tmp_path, TREE, "folder")
    assert len(open_images("folder", root)) == 8
    (root / "cat" / "9.png").write_bytes(png(9))
    assert len(open_images("folder", root)) == 9


@pytest.mark.parametrize("file", ["images.npy", "labels.npy", "about.json"])
def test_a_broken_cache_is_decoded_anew(file, tmp_path):
    place = pack(tmp_path, TREE, "tar")
    digest = open_images("folder", place).digest
    (broken,) = cache_dir().glob(f"*/{file}")
    broken.write_bytes(broken.read_bytes()[:20])
    assert open_images("folder", place).digest == digest
    assert isinstance(open_images("folder", place).images, np.memmap)


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("GANTUTOR_CACHE", str(tmp_path / "file"))
    assert len(open_images("folder", pack(tmp_path, TREE, "tar"))) == 8


def test_two_at_once_end_with_one_whole_entry(tmp_path):
    place = pack(tmp_path, TREE, "tar.xz")
    with ThreadPoolExecutor(4) as pool:
        digests = set(pool.map(lambda _: open_images("folder", place).digest, range(8)))
    assert len(digests) == 1 and [p.suffix for p in cache_dir().iterdir()] == [""]


def test_two_processes_at_once_end_with_one_whole_entry(tmp_path):
    pack(tmp_path, TREE, "tar")
    code = "from gantutor.images import open_images; print(open_images('folder', 'set.tar', say=str).digest)"
    both = [subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = {p.communicate(timeout=60)[0] for p in both}
    assert said == {open_images("folder", tmp_path / "set.tar").digest + "\n"} and len(list(cache_dir().iterdir())) == 1


def test_fresh_decodes_what_is_cached(tmp_path):
    root = pack(tmp_path, TREE, "folder")
    old = open_images("folder", root)
    stat = (root / "cat/1.png").stat()
    (root / "cat/1.png").write_bytes(png(11))  # the same length and times: the cache cannot know
    os.utime(root / "cat/1.png", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (root / "cat/1.png").stat().st_size == stat.st_size
    assert open_images("folder", root).digest == old.digest
    new = open_images("folder", root, fresh=True)
    assert new.digest != old.digest and open_images("folder", root).digest == new.digest and len(list(cache_dir().iterdir())) == 1


# -- what can be wrong -----------------------------------------------------------------------------------------------
def test_each_wrong_source_is_one_sentence(tmp_path):
    def says(words, path, **kwargs):
        with pytest.raises(DataError, match=words) as caught:
            open_images("folder", path, **kwargs)
        assert "\n" not in str(caught.value) and (path is None or str(path) in str(caught.value))

    says("path=None", None)
    says("is not here: check the path", "nowhere/at/all")
    (tmp_path / "empty").mkdir()
    says("is empty: expected <class>/", tmp_path / "empty")
    (tmp_path / "notes.txt").write_text("x")
    says("neither a folder nor one of .tar", tmp_path / "notes.txt")
    says("holds no images: expected", pack(tmp_path, {"a/x.txt": b"x"}, "folder", "texts"))
    noise = encode_jpeg(Rng(0).randint(256, 3, 40, 40).to(torch.uint8)).numpy().tobytes()
    for data in (b"", b"no image", png(3)[:40], noise[:-1], noise[: len(noise) // 2]):
        bad = pack(tmp_path, TREE | {"cat/0.png": data}, "folder", f"bad{len(data)}")
        says("image cat/0.png in .* is no readable picture: replace or delete", bad)
    for unsafe in ("../evil.png", "/etc/evil.png", "a/../../b.png"):
        says(f"unsafe path '{unsafe}'", pack(tmp_path, TREE | {unsafe: 1}, "tar", "unsafe"))
    for kind in PACKERS[1:]:
        whole = pack(tmp_path, TREE, kind, "whole")
        for part in (0.1, 0.3, 0.9) if kind != "tar" else (0.1, 0.15):
            cut = tmp_path / f"cut.{kind}"
            cut.write_bytes(whole.read_bytes()[: int(part * whole.stat().st_size)])
            says("cannot be read to its end .archive, truncated or damaged", cut)
    (tmp_path / "text.tar").write_bytes(b"this is text " * 200)
    says("truncated or damaged", tmp_path / "text.tar")


def test_wrong_arguments_are_one_sentence(tmp_path):
    for args, words in (
        ({"name": "cifar-10-jpeg"}, "'cifar-10-jpeg' is unknown; did you mean 'cifar10-jpeg'"),
        ({"name": "xyz"}, "known: digits, folder, cifar10"),
        ({"name": str(tmp_path)}, r"open_images\('folder', path="),
        ({"split": "trian"}, "'trian': digits has train, test"),
        ({"name": "folder", "path": "x", "split": "unlabeled"}, "'unlabeled': folder has train, val, test"),
        ({"size": 2}, "size=2"),
        ({"limit": 0}, "limit=0"),
        ({"split": "val"}, "digits has train, test"),
        ({"fit": "stretch"}, "fit='stretch'.*crop, squash"),
    ):
        with pytest.raises(DataError, match=words):
            open_images(**args)


# -- serving ---------------------------------------------------------------------------------------------------------
def test_serving_leaves_a_cpu_run_its_memory_map_and_asks_a_gpu_for_half_its_free_memory(monkeypatch):
    data, moved = some(), []
    assert serve(data, "cpu") is data
    monkeypatch.setattr(ImageSet, "to", lambda self, device: moved.append(device) or "there")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (2 * data.images.numel(), 10**9))
    assert serve(data, "cuda") == "there" and moved == ["cuda"]
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (2 * data.images.numel() - 1, 10**9))
    assert serve(data, "cuda") is data


@pytest.fixture
def begun():
    """The threads begun since, and still alive: libraries keep some of their own (tqdm's monitor)."""
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
        assert len(rows.unique()) == 20 and torch.equal(torch.cat([y for _, y in batches]), data.labels[rows])
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
        assert torch.equal(x, batches[position][0]) and torch.equal(y, batches[position][1]) and late.position == position + 1
    assert len(begun()) == 1
    late.close()
    assert not begun()
    with pytest.raises(ValueError, match="position=-1"):
        feed.position = -1


def test_ranks_share_out_the_batch_of_one_process():
    data = some(23)
    whole, ranks = Epochs(data, 6, seed=3), [Epochs(data, 2, seed=3, rank=r, world=3) for r in range(3)]
    for _ in range(8):
        x, y = whole()
        parts = [feed() for feed in ranks]
        assert torch.equal(x, torch.cat([p[0] for p in parts])) and torch.equal(y, torch.cat([p[1] for p in parts]))


def test_no_thread_is_left_behind(begun):
    feed = Epochs(some(), 2, thread=True)
    feed()
    (worker,) = begun()
    del feed
    gc.collect()
    worker.join(5)
    assert not worker.is_alive()


def test_the_threads_error_is_raised_where_the_batch_is_asked_for(begun):
    class Broken(ImageSet):
        def bytes(self, index):
            raise OSError("the disk is gone")

    feed = Epochs(Broken("b", some().images, some().labels, ("a", "b", "c")), 2, thread=True)
    with pytest.raises(OSError, match="the disk is gone"):
        feed()
    assert not begun()


def test_what_cannot_be_fed_is_refused():
    with pytest.raises(ValueError, match=r"10 images in some: fewer than one batch of 6 on 2 rank\(s\)"):
        Epochs(some(10), 6, world=2)
    for wrong in ({"batch": 0}, {"batch": 1, "rank": 1}, {"batch": 1, "ahead": -1}):
        with pytest.raises(ValueError, match="expected batch >= 1"):
            Epochs(some(10), **wrong)


# -- instance selection ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("n, d", [(200, 5), (20, 50)])
def test_scores_are_scikit_learns(n, d):
    from sklearn.mixture import GaussianMixture

    features = Rng(0).randn(n, d) @ Rng(1).randn(d, d) + 3
    theirs = GaussianMixture(1, reg_covar=1e-5).fit(features.double().numpy()).score_samples(features.double().numpy())
    np.testing.assert_allclose(gaussian_scores(features).numpy(), theirs, rtol=1e-7)


def test_outliers_go_first_and_each_class_keeps_its_share():
    labels = torch.tensor([0, 1, 1]).repeat(40)
    features = Rng(0).randn(120, 8) + 100 * labels[:, None]  # classes far apart: one Gaussian for all would not do
    far = torch.tensor([3, 4, 50, 100])
    features[far] += 10
    for keep, counts in ((0.9, [36, 72]), (0.5, [20, 40]), (0.1, [4, 8])):
        index = instance_selection(features, labels, keep)
        assert labels[index].bincount().tolist() == counts and not torch.isin(far, index).any()
        scores = [gaussian_scores(features[labels == c]).numpy() for c in (0, 1)]
        kept = [(s > np.percentile(s, 100 - 100 * keep)).nonzero()[0] for s in scores]
        mine = [(labels == c).nonzero()[:, 0][k] for c, k in zip((0, 1), kept, strict=True)]
        assert torch.equal(index, torch.cat(mine).sort().values)
    assert torch.equal(instance_selection(features, labels, 1.0), torch.arange(120))


def test_selection_says_what_is_wrong():
    for keep, labels in ((0.0, 4), (1.5, 4), (0.5, 3)):
        with pytest.raises(ValueError, match=f"keep={keep}, 4 features, {labels} labels"):
            instance_selection(torch.zeros(4, 2), torch.zeros(labels), keep)
    with pytest.raises(ValueError, match="are they finite"):
        instance_selection(torch.full((4, 2), torch.nan), torch.zeros(4))
