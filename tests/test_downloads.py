"""Downloads resume, are checked before they get their name, and fail with one sentence."""

import hashlib
import http.server
import io
import threading
import time
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from published import own_data

from gantutor.datasets import SOURCES, DataError, File, download, fetch


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    return own_data(tmp_path, monkeypatch)


CONTENT = np.random.default_rng(0).bytes(300_000)


class Server(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT; `cuts`: the bytes that each of the next answers sends before it stops."""

    cuts: list[int] = []
    ranges = True
    content = CONTENT
    asked: list[str | None] = []
    slow = 0.0

    def do_GET(self):
        asked = self.headers.get("Range")
        type(self).asked.append(asked)
        time.sleep(self.slow)
        start = int(asked[6:-1]) if asked and self.ranges else 0
        if self.path == "/missing":
            return self.send_error(404)
        if start >= len(self.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(self.content)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.send_response(206 if start else 200)
        if start:
            length = len(self.content)
            self.send_header("Content-Range", f"bytes {start}-{length - 1}/{length}")
        self.send_header("Content-Length", str(len(self.content) - start))
        self.end_headers()
        body = self.content[start:]
        self.wfile.write(body[: self.cuts.pop(0)] if self.cuts else body)

    def log_message(self, *args):
        pass


@pytest.fixture
def site(monkeypatch):
    """A server on this machine, to set up, and a catalogue whose mnist is one file on it."""
    handler = type("Site", (Server,), {"cuts": [], "asked": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    handler.root = f"http://127.0.0.1:{server.server_address[1]}"

    def offer(*paths, sums=(hashlib.sha256(CONTENT).hexdigest(),), size=None):
        urls = tuple(p if "//" in p else handler.root + p for p in paths)
        file = File("mnist/x.gz", urls, sums, size)
        monkeypatch.setitem(SOURCES, "mnist", replace(SOURCES["mnist"], files=(file,)))

    handler.offer = staticmethod(offer)
    yield handler
    server.shutdown()
    server.server_close()


def test_a_download_is_whole_and_then_kept(data, site):
    said = []
    site.offer("/x")
    assert fetch("mnist", say=said.append) == [data / "mnist/x.gz"]
    place = data / "mnist/x.gz"
    assert place.read_bytes() == CONTENT
    assert [p.name for p in (data / "mnist").iterdir()] == ["x.gz"]
    fetch("mnist", say=said.append)
    assert said == [f"done: {place}", f"kept: {place}"] and len(site.asked) == 1
    fetch("mnist", data / "elsewhere", said.append)
    assert (data / "elsewhere/mnist/x.gz").read_bytes() == CONTENT
    (data / "mnist/x.gz").write_bytes(b"changed")
    with pytest.raises(DataError, match="x.gz is not the published file"):
        fetch("mnist")


def test_a_broken_download_continues_where_it_broke(data, site):
    site.offer("/x")
    site.cuts = [100_000, 50_000]
    fetch("mnist", say=str)
    assert site.asked == [None, "bytes=100000-", "bytes=150000-"]
    assert (data / "mnist/x.gz").read_bytes() == CONTENT


def test_a_killed_download_continues_another_day(data, site):
    site.offer("/x")
    site.cuts = [200_000] + [0] * 100
    words = r"x.gz could not be downloaded \(http.*; 200000 bytes are kept in .*x.gz.part.*"
    with pytest.raises(DataError, match=words + "continues.*by hand: put"):
        fetch("mnist", say=str)
    assert not (data / "mnist/x.gz").exists()
    site.cuts, site.asked = [], []
    fetch("mnist", say=str)
    assert (data / "mnist/x.gz").read_bytes() == CONTENT
    # complete already, but not renamed
    (data / "mnist/x.gz").rename(data / "mnist/x.gz.part")
    fetch("mnist", say=str)
    assert (data / "mnist/x.gz").read_bytes() == CONTENT


def test_a_server_without_ranges_sends_all_again(data, site):
    site.offer("/x")
    site.ranges, site.cuts = False, [100_000]
    fetch("mnist", say=str)
    assert len(site.asked) == 2 and (data / "mnist/x.gz").read_bytes() == CONTENT


def test_a_wrong_checksum_is_kept_aside_and_the_next_mirror_is_asked(data, site):
    wrong = "0" * 64
    site.offer("/x", sums=(wrong,))
    words = "checksum [0-9a-f]{64} is not the published one, kept as .*x.gz.wrong"
    with pytest.raises(DataError, match=words):
        fetch("mnist", say=str)
    assert [p.name for p in (data / "mnist").iterdir()] == ["x.gz.wrong"]
    site.offer("/missing", "http://127.0.0.1:9/x", "/x")
    fetch("mnist", say=str)
    assert (data / "mnist/x.gz").read_bytes() == CONTENT


def test_what_an_earlier_try_set_aside_is_removed_once_the_file_is_right(data, site):
    site.offer("/x", sums=("0" * 64,))
    with pytest.raises(DataError, match="kept as .*x.gz.wrong"):
        fetch("mnist", say=str)
    (data / "mnist/notes.txt").write_text("the user's own")
    site.offer("/x")
    fetch("mnist", say=str)
    assert sorted(p.name for p in (data / "mnist").iterdir()) == ["notes.txt", "x.gz"]


def test_two_halves_of_different_zips_are_not_pinned_as_one(data, site, monkeypatch):
    # without a published checksum, a download may continue another day with another file
    first, second = (io.BytesIO() for _ in range(2))
    for out, seed in ((first, 1), (second, 2)):
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("a.bin", np.random.default_rng(seed).bytes(100_000))
    file = File("set.zip", (f"{site.root}/set.zip",))
    monkeypatch.setitem(SOURCES, "mnist", replace(SOURCES["mnist"], files=(file,)))
    site.content = second.getvalue()
    (data / "set.zip.part").write_bytes(first.getvalue()[:50_000])
    words = "the download is not a complete zip, kept as .*set.zip.wrong"
    with pytest.raises(DataError, match=words):
        fetch("mnist", say=str)
    assert not (data / "set.zip").exists() and not (data / "set.zip.sha256").exists()
    fetch("mnist", say=str)
    assert (data / "set.zip").read_bytes() == second.getvalue()
    assert (data / "set.zip.sha256").exists()


def test_a_stored_checksum_that_is_not_one_is_named(data, site):
    site.offer("/x", sums=())
    fetch("mnist", say=str)
    for content in (b"", b"\xff\xfe", b"hello", b"abc123  x.gz\n"):
        (data / "mnist/x.gz.sha256").write_bytes(content)
        with pytest.raises(DataError, match="x.gz.sha256 contains no sha256, so .* delete x.gz"):
            fetch("mnist", say=str)


def test_a_stale_part_is_no_trap(data, site):
    site.offer("/x")
    (data / "mnist").mkdir()
    (data / "mnist/x.gz.part").write_bytes(b"x" * 400_000)  # longer than the file
    fetch("mnist", say=str)
    assert (data / "mnist/x.gz").read_bytes() == CONTENT


def test_another_length_is_refused_before_it_is_downloaded(data, site):
    site.offer("/x", size=7)
    with pytest.raises(DataError, match="offers 300000 bytes, the published file has 7"):
        fetch("mnist", say=str)
    assert not list((data / "mnist").iterdir())


def test_offline_is_one_sentence_with_the_way_by_hand(data, site):
    site.offer("http://127.0.0.1:9/x", "/missing")
    words = "127.0.0.1:9/x: .*refused.*missing: HTTP 404.*by hand: put the four idx"
    with pytest.raises(DataError, match=words) as caught:
        fetch("mnist", say=str)
    assert "\n" not in str(caught.value)
    words = "celeba cannot be fetched by a program: download img_align"
    with pytest.raises(DataError, match=words):
        fetch("celeba")
    with pytest.raises(DataError, match="'mnits' is unknown"):
        fetch("mnits")
    site.offer("/x")
    (data / "mnist").rmdir()
    (data / "mnist").write_text("in the way")
    with pytest.raises(DataError, match="mnist/x.gz cannot be written"):
        fetch("mnist", say=str)


def test_without_a_published_checksum_the_first_download_pins_it(data, site):
    site.offer("/x", sums=())
    fetch("mnist", say=str)
    pin = (data / "mnist/x.gz.sha256").read_text()
    assert pin == f"{hashlib.sha256(CONTENT).hexdigest()}  x.gz\n"
    fetch("mnist", say=str)
    (data / "mnist/x.gz").write_bytes(CONTENT[:-1])
    with pytest.raises(DataError, match="x.gz is not the published file"):
        fetch("mnist")


def test_the_second_of_two_waits_for_the_first(data, site):
    site.offer("/x")
    site.slow = 0.3
    said: list[str] = []
    both = [threading.Thread(target=fetch, args=("mnist", None, said.append)) for _ in range(2)]
    for t in both:
        t.start()
    for t in both:
        t.join()
    place = data / "mnist"
    assert sorted(said) == [
        f"done: {place / 'x.gz'}",
        f"kept: {place / 'x.gz'}",
        f"waiting: another process downloads into {place}",
    ]
    assert len(site.asked) == 1


def test_progress_is_printed_once_a_second(data, site, monkeypatch):
    said, now = [], iter(np.arange(0, 1000, 0.6))
    site.offer("/x")
    site.content = CONTENT * 4
    site.offer("/x", sums=())
    monkeypatch.setattr(download.time, "monotonic", lambda: float(next(now)))
    fetch("mnist", say=said.append)
    assert len(said) >= 2
    first = said[0]
    assert first.startswith("x.gz: ") and " of 1.2 MB, " in first and first.endswith(" MB/s")
