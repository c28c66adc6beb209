"""A lab that runs by itself: one thread owns torch and the figures, with a second one's help while rows train; everybody else only leaves commands in a queue.

The thread lives while there is something to do. It ends by itself when nothing plays and nothing is asked, when its session is
closed or forgotten, and with the interpreter; the next command starts another.
"""

import atexit
import queue
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from gantutor.course.lab.rows import Own
from gantutor.course.lab.timeline import Row, Timeline

SPEEDS = {"slow": 0.0, "1": 1.0, "10": 10.0, "60": 60.0, "full": float("inf")}  # steps a second
LINGER = 2.0  # seconds that an idle thread waits for another command
CAPTION = 1.5  # seconds of each caption in slow motion
FRAME = 0.1  # seconds between frames, at least
PICTURES = 11.0  # of rows a second while training cannot keep its pace: enough to look smooth, the rest is for training
SHARE = 0.4  # of the time at most for pictures, on a machine that is too slow for that
UNSEEN = 30.0  # seconds without a sign from a browser after which a lab that plays pauses
_OPEN: "weakref.WeakSet[Session]" = weakref.WeakSet()


class Closed(RuntimeError):
    """A command for a session that was closed."""


class Session:
    """Commands in, pictures out. `do(name, ...)` returns a Future at once; the thread takes commands in turn between two steps.

    `show(session)` is called on the thread whenever there is something new to see. Commands: play, pause, speed, run, turn, set,
    branch, drop, method, goto, restart, look, ask. A command that is refused sets its Future's exception and `message`.
    """

    def __init__(self, timeline: Timeline, show: Callable[["Session"], None] | None = None):
        self.timeline, self.show = timeline, show
        self.playing, self.speed, self.until = False, "60", None
        self.caption, self.message = "", ""
        self.push = False  # slow motion: G is about to be pushed
        self.shown = 0  # pictures so far
        self.cost = 0.0  # seconds of the last one
        self.last_seen: float | None = None  # when a browser last said that somebody looks
        self._queue: queue.SimpleQueue = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._waiting: Future | None = None
        self._wish = 0  # where the time slider wants to be
        self._closed, self._dirty = False, True
        self._took: dict[str, float] = {}  # seconds of each row's last step
        self._second: ThreadPoolExecutor | None = (
            None  # a second pair of hands for training, as long as the thread lives
        )
        self._due = self._next_step = 0.0
        _OPEN.add(self)
        weakref.finalize(
            self, self._queue.put, None
        )  # wakes a thread that waits for a session that is gone

    # -- from any thread --------------------------------------------------------------------------------------------------
    def do(self, command: str, *args, **kwargs) -> Future:
        """Leave a command; the Future gives its result."""
        act = getattr(self, f"_on_{command}", None)
        if act is None:
            known = ", ".join(sorted(n[4:] for n in dir(self) if n.startswith("_on_")))
            raise ValueError(f"command {command!r} is unknown; known: {known}")
        future: Future = Future()
        with self._lock:
            if self._closed:
                raise Closed("this lab is closed: run its cell again")
            self._queue.put((command, args, kwargs, future))
            if self._thread is None:
                self._thread = threading.Thread(
                    target=_work,
                    args=(weakref.ref(self), self._queue),
                    name="gantutor-lab",
                    daemon=True,
                )
                self._thread.start()
        return future

    def wait(self, future: Future, timeout: float | None = None):
        """A command's result. Stopping the cell that waits pauses the lab."""
        try:
            return future.result(timeout)
        except KeyboardInterrupt:
            self.do("pause")
            raise

    def scrub(self, step: int) -> Future:
        """Go to a step that a slider passes: whoever asks again meanwhile makes the way shorter."""
        self._wish = step
        return self.do("scrub")

    def seen(self) -> None:
        """A browser says that somebody looks."""
        self.last_seen = time.monotonic()

    def close(self) -> None:
        """End the thread; the rows stay readable."""
        with self._lock:
            self._closed, self.playing = True, False
            thread = self._thread
        self._queue.put(None)
        if thread is not None and thread is not threading.current_thread():
            thread.join(10)
        self._stop(Closed("this lab was closed"))
        while not self._queue.empty():
            item = self._queue.get()
            if item is not None:
                item[3].cancel()

    # -- the thread -------------------------------------------------------------------------------------------------------
    def _rest(self) -> bool:
        """Whether the thread may end: nothing plays and nothing waits."""
        with self._lock:
            if self._closed or not (self.playing or self._dirty or not self._queue.empty()):
                self._thread = None
                return True
            return False

    def _obey(self, item) -> None:
        if item is None:
            return
        command, args, kwargs, future = item
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = getattr(self, f"_on_{command}")(
                *args, **kwargs, **({"future": future} if command == "run" else {})
            )
        except (
            Exception
        ) as error:  # the caller's to raise; under the pictures for those who only clicked
            self.message = str(error)
            self._dirty = True
            future.set_exception(error)
            return
        if command not in ("ask", "run"):
            self.message = result if isinstance(result, str) else ""
        if command != "ask":  # whoever did something waits for nothing but the picture
            self._dirty, self._due = True, 0.0
        if command != "run":
            future.set_result(result)

    def _spread(self, act: Callable, items: list[Row]) -> list:
        """As `map` over rows, in any order, on two threads: PyTorch computes outside of Python's lock, so that two rows at once are quicker than one
        after the other. The longest goes first, so that both threads end together.
        """
        left = iter(sorted(items, key=lambda row: -self._took.get(row.name, 0.0)))

        def take() -> list:
            done = []
            for row in left:
                began = time.perf_counter()
                done.append(act(row))
                self._took[row.name] = time.perf_counter() - began
            return done

        other = self._second.submit(take)
        return take() + other.result()

    def _work_on(self) -> float:
        """Train and draw what is due; returns the seconds until there is something to do again."""
        now = time.monotonic()
        if self.playing and self.last_seen is not None and now - self.last_seen > UNSEEN:
            self._stop()
            self.message = "paused: nobody was looking"
        if self.playing:
            self._play_on(now)
        now = time.monotonic()
        if self._dirty and (now >= self._due or not self.playing):
            self._draw()
        if not self.playing:
            return LINGER
        if self.speed == "full" or self.until is not None:
            return 0.0
        return max(
            0.0,
            min(self._next_step, self._due if self._dirty else self._next_step) - time.monotonic(),
        )

    def _play_on(self, now: float) -> None:
        if self.speed == "slow" and self.until is None:
            if now >= self._next_step:
                self._caption_on()
                self._next_step, self._dirty, self._due = now + CAPTION, True, 0.0
            return
        rate = SPEEDS["full"] if self.until is not None else SPEEDS[self.speed]
        while time.monotonic() >= self._next_step and self._queue.empty():
            self.timeline.advance(self._spread)
            self._dirty = True
            # a lab that cannot keep up does not save its debt for later
            self._next_step = max(self._next_step + 1 / rate, time.monotonic() - 0.25)
            if self.until is not None and self.timeline.step >= self.until:
                return self._stop()
            if all(row.failed for row in self.timeline.rows):
                self._stop()
                self.message = "paused: every row has stopped"
                return None
            if time.monotonic() >= self._due:
                return None
        return None

    def _caption_on(self) -> None:
        """Slow motion: one sentence and what it says, four a step."""
        rows, half = self.timeline.rows, self.timeline.half
        batch, turns = rows[0].run.recipe.batch, rows[0].run.recipe.n_dis
        if half is None and not self.caption.startswith("1/4"):
            self.push = False
            self.caption = f"1/4 · D's turn. {batch} reals and {batch} fresh fakes go to D, which scores each of them."
        elif half is None:
            self.timeline.half_step()
            again = f", {turns} times" if turns > 1 else ""
            self.caption = f"2/4 · D's weights move{again}: its score rises at reals and falls at fakes. Watch the map change."
        elif not self.push:
            self.push = True
            self.caption = (
                "3/4 · G's turn. Each fake asks D: which way is up? The arrows are the answer."
            )
        else:
            self.push = False
            self.timeline.half_step()
            self.caption = "4/4 · G's weights move, so that its fakes go along the arrows. All of them share the weights, so none goes quite its own way."

    def _draw(self) -> None:
        begin = time.monotonic()
        self._dirty = False
        if self.show is not None:
            self.show(self)
            self.shown += 1
        end = time.monotonic()
        self.cost = end - begin
        behind = self.playing and end - self._next_step > FRAME
        self._due = max(
            begin + (len(self.timeline.rows) / PICTURES if behind else FRAME),
            begin + self.cost / SHARE,
        )

    def _stop(self, error: Exception | None = None) -> None:
        self.playing, self.until = False, None
        self._dirty = True
        waiting, self._waiting = self._waiting, None
        if waiting is not None and error is not None:
            waiting.set_exception(error)
        elif waiting is not None:
            waiting.set_result(self.timeline.step)

    # -- commands ---------------------------------------------------------------------------------------------------------
    def _on_play(self) -> None:
        self.playing, self._next_step = True, time.monotonic()
        if self.last_seen is not None:
            self.seen()

    def _on_pause(self) -> None:
        self._stop()
        self.caption, self.push = "", False

    def _on_speed(self, speed: str) -> None:
        if speed not in SPEEDS:
            raise ValueError(f"speed={speed!r}: expected one of {', '.join(SPEEDS)}")
        self.speed, self._next_step = speed, time.monotonic()
        self.caption, self.push = "", False

    def _on_run(self, steps: int, future: Future) -> None:
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 0:
            raise ValueError(f"steps={steps!r}: expected a whole number of at least 0")
        self._stop()
        self.timeline.finish()
        self._waiting, self.until, self.playing, self.message, self.caption = (
            future,
            self.timeline.step + steps,
            True,
            "",
            "",
        )
        self._next_step = time.monotonic()
        if steps == 0:
            self._stop()

    def _on_turn(self, player: str) -> None:
        if player not in ("d", "g"):
            raise ValueError(f"turn of {player!r}: expected 'd' or 'g'")
        self._on_pause()
        self.timeline.change(player)

    def _on_step(self) -> None:
        self._on_pause()
        self.timeline.advance()

    def _on_set(self, name: str, value, row: str | None = None) -> None:
        self.timeline.change("set", name, value, *([] if row is None else [row]))

    def _on_branch(self, row: str, method: str) -> str:
        self.timeline.change("branch", row, method)
        return f"{self.timeline.rows[-1].name} goes on from {row}'s weights at step {self.timeline.step}"

    def _on_drop(self, row: str) -> None:
        self.timeline.change("drop", row)

    def _on_method(self, own: Own) -> str:
        name = self.timeline.method(own)
        return f"{name} goes on from {self.timeline.rows[0].name}'s weights at step {self.timeline.step}"

    def _on_goto(self, step: int) -> None:
        self._on_pause()
        self.timeline.goto(step, lambda: self._closed, self._spread)

    def _on_scrub(self) -> None:
        wish = self._wish
        self._on_pause()
        self.timeline.goto(wish, lambda: self._wish != wish or self._closed, self._spread)

    def _on_restart(self, **start) -> str:
        self._on_pause()
        self.timeline.restart(**start)
        return (
            "begun anew: "
            + ", ".join(
                f"{k}={v if k != 'data' else v if isinstance(v, str) else v[0]}"
                for k, v in start.items()
            )
            if start
            else ""
        )

    def _on_look(self) -> None:
        """Draw again: something about the view has changed."""

    def _on_ask(self, function: Callable):
        return function(self.timeline)


def _work(ref: "weakref.ref[Session]", commands: queue.SimpleQueue) -> None:
    """The thread's life; between two rounds it holds no session, so that a forgotten one can go."""
    pause, second = 0.0, ThreadPoolExecutor(1, "gantutor-lab-second")
    while True:
        try:
            item = commands.get(timeout=pause) if pause > 0 else commands.get_nowait()
        except queue.Empty:
            item = None
        session = ref()
        if session is None or session._closed:
            break
        session._second = second
        idle = item is None and pause >= LINGER
        while item is not None:
            session._obey(item)
            try:
                item = commands.get_nowait()
            except queue.Empty:
                item = None
        try:
            pause = session._work_on()
        except Exception as error:  # a picture that cannot be drawn must not end the lab silently
            session._stop(error)
            session.message, session._dirty, pause = (
                f"{type(error).__name__}: {error}",
                False,
                LINGER,
            )
        if idle and session._rest():
            break
        del session
    second.shutdown()


def _close_all() -> None:
    for session in list(_OPEN):
        session.close()


atexit.register(_close_all)
