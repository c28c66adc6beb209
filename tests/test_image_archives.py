"""Archives as they are meant: links, names given twice, other systems, flipped bits."""

import os
import stat
import zipfile

import pytest
from imagefiles import PACKERS, TREE, own_places, pack, png, tar_of

from gantutor.images import DataError, open_images


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    own_places(tmp_path, monkeypatch)


@pytest.mark.parametrize("end", ["tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_links_in_a_tar_are_followed(end, tmp_path):
    place = tar_of(
        tmp_path / f"set.{end}",
        [
            ("pool/1.png", png(1)),
            ("pool/2.png", png(2)),
            ("cat/a.png", "hard", "pool/1.png"),
            ("dog/b.png", "soft", "../pool/2.png"),
            ("dog/c.png", "soft", "b.png"),
            ("dog/d.png", "hard", "cat/a.png"),
            ("owl", "soft", "pool"),
            ("read.me", "soft", "gone"),
            ("dog/e.png", "soft", "../owl/1.png"),
        ],
    )
    found = open_images("folder", place, size=8, say=str)
    assert found.classes == ("cat", "dog", "pool")
    assert found.images[:, 0, 0, 0].tolist() == [1, 2, 2, 1, 1, 1, 2]
    assert found.note == (
        f"set.{end} (train): 9 files, 7 pictures in 3 classes; left out: 1 link to a folder "
        "that is read already (owl), 1 link that leads nowhere (read.me)"
    )


@pytest.mark.parametrize("target", ["gone.png", "/etc/passwd", "../../x.png", "self.png"])
def test_a_picture_that_is_a_link_to_nowhere_is_named(target, tmp_path):
    for kind in ("soft", "hard"):
        members = [("cat/1.png", png(1)), ("cat/self.png", kind, target)]
        place = tar_of(tmp_path / f"{kind}.tar", members)
        words = f"image cat/self.png in {place} is a link to /?{target}, which does not exist"
        with pytest.raises(DataError, match=words):
            open_images("folder", place)


def test_of_one_name_in_an_archive_the_last_counts(tmp_path):
    first, last = {"cat/1.png": png(1), "cat/2.png": png(2)}, png(77)
    tar_of(tmp_path / "set.tar", [*first.items(), ("./cat/1.png", last)])
    place = tmp_path / "set.zip"
    with zipfile.ZipFile(place, "w") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        for name, data in [*first.items(), ("cat/1.png", last)]:
            archive.writestr(name, data)
    for end in ("tar", "zip"):
        found = open_images("folder", tmp_path / f"set.{end}", size=8, say=str)
        assert found.images[:, 0, 0, 0].tolist() == [77, 2]
        assert "3 files, 2 pictures in 1 class; left out: 1 replaced by a later file" in found.note
    # as tar itself writes a file for the second time
    members = [("cat/1.png", png(5)), ("cat/1.png", "hard", "cat/1.png")]
    found = open_images("folder", tar_of(tmp_path / "again.tar", members), size=8, say=str)
    assert found.images[:, 0, 0, 0].tolist() == [5]


def test_zips_of_other_systems_are_read(tmp_path):
    link = zipfile.ZipInfo("dog/2.png")
    link.external_attr, link.create_system = (stat.S_IFLNK | 0o777) << 16, 3
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        windows = zipfile.ZipInfo("cat/1.png")
        archive.writestr(windows, png(1))
        archive.writestr(link, "../cat/1.png")
    raw = (tmp_path / "set.zip").read_bytes()
    start = raw.index(b"PK\1\2")  # the name stands in the local header and in the directory
    local = raw[:start].replace(b"cat/1.png", b"cat\\1.png", 1)
    (tmp_path / "set.zip").write_bytes(local + raw[start:].replace(b"cat/1.png", b"cat\\1.png"))
    found = open_images("folder", tmp_path / "set.zip", size=8, say=str)
    assert found.classes == ("cat", "dog") and found.images[:, 0, 0, 0].tolist() == [1, 1]


def test_zips_that_python_cannot_open_are_one_sentence(tmp_path):
    place = pack(tmp_path, TREE, "zip")
    whole = place.read_bytes()
    start = whole.index(b"PK\1\2")
    cases = (
        (8, 1, "cat/0.png in .*set.zip is encrypted: unpack it with its password"),
        (10, 9, "cat/0.png in .* is packed by deflate64, which Python cannot read: unpack it"),
        (10, 20, "cat/0.png in .* is packed by"),
        (10, 99, "is packed by method 99"),
    )
    for offset, value, words in cases:
        changed = bytearray(whole)
        changed[start + offset] = changed[offset - 2] = value  # in the directory, in the header
        place.write_bytes(changed)
        with pytest.raises(DataError, match=words) as caught:
            open_images("folder", place)
        assert "\n" not in str(caught.value) and str(place) in str(caught.value)


@pytest.mark.parametrize("kind", PACKERS[1:])
def test_a_flipped_bit_of_an_archive_is_a_sentence_or_changes_no_picture(kind, tmp_path):
    place = pack(tmp_path, {f"{c}/{i}.png": 10 * i for c in "ab" for i in range(2)}, kind)
    whole, digest = place.read_bytes(), open_images("folder", place, say=str).digest
    told = 0
    for number in range(120):
        at = number * len(whole) // 120
        place.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << number % 8]) + whole[at + 1 :])
        os.utime(place, (number, number))
        try:
            found = open_images("folder", place, say=str)
        except DataError as error:
            assert "set." in str(error) and "\n" not in str(error)
            told += 1
            continue
        # a zip's checksums do not protect its names: a picture with another suffix is left out
        if found.digest != digest:
            assert len(found) == 4 or "left out" in found.note
    assert told > 10
