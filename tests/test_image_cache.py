"""The cache of decoded images: kept, verified whenever it is read, replaced when it is wrong."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from imagefiles import TREE, own_places, pack, png

from gantutor.images import DataError, cache_dir, folders, open_images


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    own_places(tmp_path, monkeypatch)


def test_decoded_once_then_mapped(tmp_path, monkeypatch):
    place = pack(tmp_path, TREE, "tar")
    first = open_images("folder", place)
    assert isinstance(first.images, np.memmap) and not first.images.flags.writeable
    monkeypatch.setattr(folders, "tree", lambda *a: pytest.fail("decoded again"))
    assert open_images("folder", place).digest == first.digest


def test_a_changed_source_size_or_split_is_another_entry(tmp_path):
    place = pack(tmp_path, TREE, "tar")
    before = open_images("folder", place)
    assert open_images("folder", place, size=16).shape == (3, 16, 16)
    pack(tmp_path, TREE | {"cat/0.png": 55}, "tar")
    os.utime(place, (1, 1))
    after = open_images("folder", place)
    assert after.images[0, 0, 0, 0] == 55 and after.digest != before.digest
    root = pack(tmp_path, TREE, "folder")
    assert len(open_images("folder", root)) == 8
    (root / "cat" / "9.png").write_bytes(png(9))
    assert len(open_images("folder", root)) == 9


def test_no_flipped_bit_of_the_cache_is_believed(tmp_path):
    place = pack(tmp_path, TREE | {"cat/x.txt": b"x"}, "tar")
    first, said = open_images("folder", place, size=8, say=str), []
    (entry,) = cache_dir().iterdir()
    for file in ("images.npy", "labels.npy", "about.json"):
        whole = (entry / file).read_bytes()
        places = {0, 5, 9, len(whole) // 2, len(whole) - 1}
        places |= {whole.find(word) for word in (b"cat", b"shape", b"fortran", b"descr")}
        for at in sorted(p for p in places if p >= 0):
            (entry / file).write_bytes(whole[:at] + bytes([whole[at] ^ 2]) + whole[at + 1 :])
            again = open_images("folder", place, size=8, say=said.append)
            assert again.digest == first.digest and np.array_equal(again.images, first.images)
            assert torch.equal(again.labels, first.labels) and again.classes == first.classes
    assert f"{entry} is damaged: decoded again" in said


def test_a_cache_with_other_contents_is_not_believed(tmp_path):
    place = pack(tmp_path, TREE, "tar")
    first = open_images("folder", place, size=8, say=str)
    (entry,) = cache_dir().iterdir()
    labels, about = np.load(entry / "labels.npy"), (entry / "about.json").read_text()
    np.save(entry / "labels.npy", labels[::-1].copy())
    assert torch.equal(open_images("folder", place, size=8, say=str).labels, first.labels)
    np.save(entry / "labels.npy", labels.astype(np.float64))
    assert open_images("folder", place, size=8, say=str).labels.dtype == torch.int64
    (entry / "about.json").write_text(about.replace('["cat", "dog"]', '["dog", "cat"]'))
    assert open_images("folder", place, size=8, say=str).classes == ("cat", "dog")
    for rest in ("null", "[]", "{}", "[1]", about.replace('["cat", "dog"]', "null")):
        (entry / "about.json").write_text(rest)
        assert open_images("folder", place, size=8, say=str).digest == first.digest
    open_images("folder", place, size=16, say=str)  # an entry under another one's name
    (other,) = (p for p in cache_dir().iterdir() if p != entry)
    for file in other.iterdir():
        (entry / file.name).write_bytes(file.read_bytes())
    assert open_images("folder", place, size=8, say=str).digest == first.digest


@pytest.mark.parametrize("file", ["images.npy", "labels.npy", "about.json"])
def test_a_broken_cache_is_decoded_again(file, tmp_path):
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


def test_several_at_once_decode_once_and_end_with_one_whole_entry(tmp_path, monkeypatch):
    place, decode, calls = pack(tmp_path, TREE, "tar.xz"), folders.tree, []
    monkeypatch.setattr(folders, "tree", lambda *a: calls.append(a) or decode(*a))
    with ThreadPoolExecutor(4) as pool:
        digests = set(pool.map(lambda _: open_images("folder", place).digest, range(8)))
    assert len(digests) == len(calls) == 1 and [p.suffix for p in cache_dir().iterdir()] == [""]


def test_two_processes_at_once_end_with_one_whole_entry(tmp_path):
    pack(tmp_path, TREE, "tar")
    code = (
        "from gantutor.images import open_images; "
        "print(open_images('folder', 'set.tar', say=str).digest)"
    )
    command, how = [sys.executable, "-c", code], {"stdout": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(command, cwd=tmp_path, **how) for _ in range(2)]
    said = {p.communicate(timeout=60)[0] for p in both}
    assert said == {open_images("folder", tmp_path / "set.tar").digest + "\n"}
    assert len(list(cache_dir().iterdir())) == 1


def test_fresh_decodes_what_is_cached(tmp_path):
    root = pack(tmp_path, TREE, "folder")
    old = open_images("folder", root)
    stat = (root / "cat/1.png").stat()
    (root / "cat/1.png").write_bytes(png(11))  # the same length and times: the cache cannot know
    os.utime(root / "cat/1.png", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (root / "cat/1.png").stat().st_size == stat.st_size
    assert open_images("folder", root).digest == old.digest
    new = open_images("folder", root, fresh=True)
    assert new.digest != old.digest
    assert open_images("folder", root).digest == new.digest
    assert len(list(cache_dir().iterdir())) == 1


def test_a_folder_of_your_own_may_be_called_as_a_published_set(tmp_path):
    """Its name does not make it that set: it is read as folders, and no checksum is asked for."""
    place = pack(tmp_path, TREE, "folder", "cifar10")
    own = open_images("folder", place, size=8)
    assert own.name == "cifar10" and len(own) == 8
    with pytest.raises(DataError, match="has no batches.meta"):
        open_images("cifar10", place, size=8)
