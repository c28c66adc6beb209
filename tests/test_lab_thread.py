"""The lab's thread: commands in turn, playing, pausing, closing, slow motion."""

import gc
import threading
import time

import pytest

from gantutor.course.lab import Lab
from gantutor.course.lab.session import Closed, Session
from gantutor.course.lab.timeline import Timeline


class TestThread:
    def alive(self) -> list[threading.Thread]:
        return [t for t in threading.enumerate() if t.name.startswith("gantutor-lab")]

    def quiet(self, seconds: float = 20.0) -> bool:
        deadline = time.monotonic() + seconds
        while self.alive() and time.monotonic() < deadline:
            time.sleep(0.02)
        return not self.alive()

    def test_commands_are_taken_in_turn_by_one_thread(self):
        assert self.quiet()
        session = Session(Timeline(rows=["baseline"], width=8))
        seen = [
            session.do("ask", lambda timeline, i=i: (i, threading.current_thread().name))
            for i in range(20)
        ]
        assert [f.result(60) for f in seen] == [(i, "gantutor-lab") for i in range(20)]
        assert len(self.alive()) == 1
        session.close()
        assert self.quiet()

    def test_playing_pausing_and_an_idle_thread_that_ends(self):
        session = Session(Timeline(rows=["baseline"], width=8))
        session.wait(session.do("speed", "full"))
        session.wait(session.do("play"))
        while session.timeline.step < 30:
            time.sleep(0.01)
        session.wait(session.do("pause"))
        step = session.timeline.step
        assert self.quiet(), "nothing to do: no thread"
        assert session.timeline.step == step and not session.playing
        assert session.wait(session.do("run", 5)) == step + 5, "the next command starts another"
        session.close()
        assert self.quiet()

    def test_a_wrong_command_is_told_and_nothing_stops(self):
        session = Session(Timeline(rows=["baseline"], width=8))
        with pytest.raises(ValueError, match="known: ask, branch"):
            session.do("explode")
        with pytest.raises(ValueError, match="expected one of 'slow'"):
            session.wait(session.do("speed", "warp"))
        assert "expected one of 'slow'" in session.playback.message
        assert session.wait(session.do("run", 3)) == 3 and session.playback.message == ""
        session.close()
        with pytest.raises(Closed, match="run its cell again"):
            session.do("play")

    def test_closing_releases_those_who_wait(self):
        session = Session(Timeline(rows=["baseline"], width=8))
        future = session.do("run", 10**9)
        while session.timeline.step < 3:
            time.sleep(0.01)
        session.close()
        with pytest.raises(Closed):
            future.result(10)
        assert self.quiet()

    def test_stopping_the_cell_pauses(self, monkeypatch):
        session = Session(Timeline(rows=["baseline"], width=8))

        class Stopped:
            def result(self, timeout=None):
                raise KeyboardInterrupt

        session.do("play").result(60)
        with pytest.raises(KeyboardInterrupt):
            session.wait(Stopped())
        session.wait(session.do("ask", lambda timeline: None))
        assert not session.playing
        session.close()

    def test_a_forgotten_lab_takes_its_thread_along(self):
        assert self.quiet()
        lab = Lab(rows=["baseline"], width=8)
        lab.play("full")
        assert self.alive()
        del lab
        gc.collect()
        assert self.quiet()

    def test_a_lab_that_nobody_looks_at_pauses_itself(self, monkeypatch):
        monkeypatch.setattr("gantutor.course.lab.playback.UNSEEN", 0.2)
        session = Session(Timeline(rows=["baseline"], width=8))
        session.seen()
        session.wait(session.do("play"))
        while session.playing:
            time.sleep(0.02)
        assert session.playback.message == "paused: nobody was looking"
        session.close()

    def test_a_picture_that_cannot_be_drawn_pauses_with_its_reason(self):
        def show(_session):
            raise RuntimeError("no ink")

        session = Session(Timeline(rows=["baseline"], width=8), show)
        session.do("play")
        while not session.playback.message:
            time.sleep(0.02)
        assert "no ink" in session.playback.message and not session.playing
        session.close()
        assert self.quiet()

    def test_slow_motion_tells_four_sentences_a_step(self, monkeypatch):
        monkeypatch.setattr("gantutor.course.lab.playback.CAPTION", 0.05)
        told = []
        session = Session(
            Timeline(rows=["baseline"], width=8),
            lambda s: told.append(
                (s.playback.slow.caption[:3], s.playback.slow.push, s.timeline.step)
            ),
        )
        session.wait(session.do("speed", "slow"))
        session.do("play")
        while session.timeline.step < 2:
            time.sleep(0.01)
        session.close()
        steps = [t for t in dict.fromkeys(told) if t[0]]
        assert steps[:4] == [
            ("1/4", False, 0),
            ("2/4", False, 0),
            ("3/4", True, 0),
            ("4/4", False, 1),
        ]
