"""A file or folder appears whole or not at all."""

import pytest

from gantutor.files import replacing


def test_a_file_appears_when_it_is_whole(tmp_path):
    place = tmp_path / "deep" / "x.npy"
    with replacing(place) as partial:
        assert partial.suffix == ".npy" and partial.parent == place.parent and not place.exists()
        partial.write_text("new")
    assert place.read_text() == "new" and list(place.parent.iterdir()) == [place]


def test_a_failure_leaves_the_old_one_and_no_trace(tmp_path):
    place = tmp_path / "x.json"
    place.write_text("old")
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), replacing(place) as partial:
            partial.write_text("half")
            raise error
        assert place.read_text() == "old" and list(tmp_path.iterdir()) == [place]
    with pytest.raises(FileNotFoundError), replacing(place):
        pass


def test_folders_too_and_the_first_one_stays(tmp_path):
    place = tmp_path / "entry"
    for _ in range(2):
        try:
            with replacing(place) as mine, replacing(place) as other:
                assert mine != other
                for p in (mine, other):
                    p.mkdir()
                    (p / "a").write_text(p.name)
        except OSError:
            pass
        assert [p.name for p in tmp_path.iterdir()] == ["entry"] and len(list(place.iterdir())) == 1
