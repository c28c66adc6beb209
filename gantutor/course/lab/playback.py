"""Playing: when the lab trains and when it draws, at a speed, in slow motion, or up to a step."""

import time
from collections.abc import Callable
from concurrent.futures import Executor, Future

from gantutor.course.lab.rows import LabRow
from gantutor.course.lab.timeline import Timeline
from gantutor.plain import one_of, whole

SPEEDS = {"slow": 0.0, "1": 1.0, "10": 10.0, "60": 60.0, "full": float("inf")}  # steps a second
LINGER = 2.0  # seconds that an idle thread waits for another command
CAPTION = 1.5  # seconds of each caption in slow motion
FRAME = 0.1  # seconds between two frames, at least
# pictures of rows per second while training cannot keep its pace: enough to look smooth, and the
# rest of the time is for training
PICTURES = 11.0
SHARE = 0.4  # of the time at most for pictures, on a machine that is too slow even for that
UNSEEN = 30.0  # seconds without a sign from a browser after which a lab that plays pauses


class SlowMotion:
    """Four captions per step: what D sees, what D learns, what G is told, what G learns.

    caption: the present one, "" outside slow motion
    push: whether G is about to move, so that the arrows are shown
    """

    def __init__(self):
        self.caption, self.push = "", False

    def end(self) -> None:
        """Say nothing."""
        self.caption, self.push = "", False

    def go_on(self, timeline: Timeline) -> None:
        """The next caption, with what it describes."""
        recipe = timeline.rows[0].run.recipe
        if not timeline.half and not self.caption.startswith("1/4"):
            self.push = False
            self.caption = (
                f"1/4 · D's turn. D scores {recipe.batch} reals and {recipe.batch} new fakes."
            )
        elif not timeline.half:
            timeline.half_step()
            again = f", {recipe.n_dis} times" if recipe.n_dis > 1 else ""
            self.caption = (
                f"2/4 · D's weights move{again}: its score rises at reals and falls at fakes. "
                "Watch the map change."
            )
        elif not self.push:
            self.push = True
            self.caption = (
                "3/4 · G's turn. Each fake asks D which way is up. The arrows are the answer."
            )
        else:
            self.push = False
            timeline.half_step()
            self.caption = (
                "4/4 · G's weights move, so that its fakes follow the arrows. The fakes share all "
                "weights, so none of them follows its arrow exactly."
            )


class Playback:
    """What one thread does between two commands: it trains, and draws when a picture is due.

    playing: whether the rows train without being asked for each step
    speed: a name in SPEEDS
    until: the step at which playing ends, where it was asked to `run`
    message: what is said under the pictures
    dirty: whether there is something new to see
    last_seen: when a browser last said that somebody is looking; None without a browser
    second: a thread that helps while the rows train
    """

    def __init__(self, timeline: Timeline):
        self.timeline, self.slow = timeline, SlowMotion()
        self.playing, self.speed, self.until, self.message = False, "60", None, ""
        self.dirty = True
        self.last_seen: float | None = None
        self.second: Executor | None = None
        self._waiting: Future | None = None
        self._took: dict[str, float] = {}  # seconds of each row's last step
        self._next_step = self._next_picture = 0.0

    # -- asked for --------------------------------------------------------------------------------
    def play(self) -> None:
        """Go on at the present speed."""
        self.playing, self._next_step = True, time.monotonic()
        if self.last_seen is not None:
            self.last_seen = self._next_step

    def pause(self) -> None:
        """Stop after this step, and leave slow motion."""
        self.stop()
        self.slow.end()

    def set_speed(self, speed: str) -> None:
        """Play at another speed; raises ValueError for an unknown one."""
        self.speed, self._next_step = one_of("speed", speed, SPEEDS), time.monotonic()
        self.slow.end()

    def run(self, steps: int, future: Future) -> None:
        """Train so many steps at full speed; `future` then gets the step that was reached."""
        steps = whole("steps", steps, 0)
        self.pause()
        self.timeline.finish()
        self._waiting, self.until, self.message = future, self.timeline.step + steps, ""
        self.play()
        if steps == 0:
            self.stop()

    def stop(self, reason: str = "", error: Exception | None = None) -> None:
        """Stop now; whoever waits for `run` gets the step, or the error."""
        self.playing, self.until, self.dirty = False, None, True
        if reason:
            self.message = reason
        waiting, self._waiting = self._waiting, None
        if waiting is not None and error is not None:
            waiting.set_exception(error)
        elif waiting is not None:
            waiting.set_result(self.timeline.step)

    def hurry(self) -> None:
        """Show the state without waiting for the next picture's time."""
        self.dirty, self._next_picture = True, 0.0

    # -- on the thread ----------------------------------------------------------------------------
    def work(self, interrupted: Callable[[], bool], draw: Callable[[], None] | None) -> float:
        """Train and draw what is due; returns the seconds until there is something to do again.

        `interrupted()`: whether a command waits.
        """
        now = time.monotonic()
        if self.playing and self.last_seen is not None and now - self.last_seen > UNSEEN:
            self.stop("paused: nobody was looking")
        if self.playing and self.speed == "slow" and self.until is None:
            self._narrate(now)
        elif self.playing:
            self._train(interrupted)
        if self.dirty and (time.monotonic() >= self._next_picture or not self.playing):
            self._draw(draw)
        if not self.playing:
            return LINGER
        if self.speed == "full" or self.until is not None:
            return 0.0
        due = min(self._next_step, self._next_picture) if self.dirty else self._next_step
        return max(0.0, due - time.monotonic())

    def _narrate(self, now: float) -> None:
        if now >= self._next_step:
            self.slow.go_on(self.timeline)
            self._next_step = now + CAPTION
            self.hurry()

    def _train(self, interrupted: Callable[[], bool]) -> None:
        """Take the steps that are due, until a command or a picture has to come first."""
        rate = SPEEDS["full"] if self.until is not None else SPEEDS[self.speed]
        while time.monotonic() >= self._next_step and not interrupted():
            self.timeline.advance(self.spread)
            self.dirty = True
            # a lab that cannot keep up does not catch up later
            self._next_step = max(self._next_step + 1 / rate, time.monotonic() - 0.25)
            if self.until is not None and self.timeline.step >= self.until:
                return self.stop()
            if all(row.failed for row in self.timeline.rows):
                return self.stop("paused: every row has stopped")
            if time.monotonic() >= self._next_picture:
                return None
        return None

    def _draw(self, draw: Callable[[], None] | None) -> None:
        begin = time.monotonic()
        self.dirty = False
        if draw is not None:
            draw()
        end = time.monotonic()
        behind = self.playing and end - self._next_step > FRAME
        gap = len(self.timeline.rows) / PICTURES if behind else FRAME
        self._next_picture = begin + max(gap, (end - begin) / SHARE)

    def spread(self, act: Callable, rows: list[LabRow]) -> list:
        """As `map` over rows, in any order, on two threads.

        PyTorch computes outside of Python's lock, so two rows at once are faster than one after
        the other. The slowest row comes first, so that both threads end at about the same time.
        """
        left = iter(sorted(rows, key=lambda row: -self._took.get(row.name, 0.0)))

        def take() -> list:
            done = []
            for row in left:  # shared by both threads
                began = time.perf_counter()
                done.append(act(row))
                self._took[row.name] = time.perf_counter() - began
            return done

        other = self.second.submit(take)
        return take() + other.result()
