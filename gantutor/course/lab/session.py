"""A lab that runs by itself: one thread owns torch and the figures, all others leave commands.

The thread has a second one's help while rows train. It lives as long as there is something to do:
it ends when nothing plays and nothing is asked, when its session is closed or forgotten, and with
the interpreter. The next command starts another.
"""

import atexit
import queue
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from gantutor.course.lab.commands import COMMANDS
from gantutor.course.lab.look import View
from gantutor.course.lab.missions import Mission
from gantutor.course.lab.playback import LINGER, Playback
from gantutor.course.lab.timeline import Timeline

_OPEN: "weakref.WeakSet[Session]" = weakref.WeakSet()


class Closed(RuntimeError):
    """A command for a session that was closed."""


class Session:
    """Commands in, pictures out.

    timeline: the rows and their time; only the session's thread may change it
    show: called as `show(session)` on that thread whenever there is something new to see
    view: what is looked at; set it, then ask for "look"
    mission: the goal that the lab shows, or None
    playback: speed, slow motion, and what is said under the pictures
    wish: the step at which the time slider wants to be

    `do` returns a Future at once; the thread takes the commands in order, between two steps. One
    that is refused sets its Future's exception, and the message under the pictures.
    """

    def __init__(self, timeline: Timeline, show: Callable[["Session"], None] | None = None):
        self.timeline, self.show = timeline, show
        self.view, self.playback = View(), Playback(timeline)
        self.mission: Mission | None = None
        self.wish = 0
        self.closed = False
        self._queue: queue.SimpleQueue = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        _OPEN.add(self)
        # wakes a thread that waits for a session that is gone
        weakref.finalize(self, self._queue.put, None)

    @property
    def playing(self) -> bool:
        """Whether the rows train by themselves."""
        return self.playback.playing

    # -- from any thread --------------------------------------------------------------------------
    def do(self, command: str, *args, **kwargs) -> Future:
        """Leave a command of `commands.COMMANDS`; the Future gives its result.

        Raises ValueError for an unknown one, and Closed after `close`.
        """
        if command not in COMMANDS:
            raise ValueError(
                f"command {command!r} is unknown; known: {', '.join(sorted(COMMANDS))}"
            )
        future: Future = Future()
        with self._lock:
            if self.closed:
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
        """Go to a step that a slider passes; asking again meanwhile ends the way there."""
        self.wish = step
        return self.do("scrub")

    def seen(self) -> None:
        """A browser says that somebody is looking."""
        self.playback.last_seen = time.monotonic()

    def close(self) -> None:
        """End the thread; the rows stay readable."""
        with self._lock:
            self.closed, self.playback.playing = True, False
            thread = self._thread
        self._queue.put(None)
        if thread is not None and thread is not threading.current_thread():
            thread.join(10)
        self.playback.stop(error=Closed("this lab was closed"))
        while not self._queue.empty():
            item = self._queue.get()
            if item is not None:
                item[3].cancel()

    # -- on the thread ----------------------------------------------------------------------------
    def _obey(self, item: tuple | None) -> None:
        """Carry out a command."""
        if item is None:
            return
        command, args, kwargs, future = item
        if not future.set_running_or_notify_cancel():
            return
        if command == "run":  # its result comes when the steps are done
            kwargs = {**kwargs, "future": future}
        try:
            result = COMMANDS[command](self, *args, **kwargs)
        except Exception as error:  # for the caller; the message is for those who only clicked
            self.playback.message, self.playback.dirty = str(error), True
            future.set_exception(error)
            return
        if command not in ("ask", "run"):
            self.playback.message = result if isinstance(result, str) else ""
        if command != "ask":  # whoever did something is waiting for the picture
            self.playback.hurry()
        if command != "run":
            future.set_result(result)

    def _work(self) -> float:
        """Train and draw; returns the seconds until there is something to do again."""
        draw = None if self.show is None else lambda: self.show(self)
        try:
            return self.playback.work(lambda: not self._queue.empty(), draw)
        except Exception as error:  # a picture that cannot be drawn must not end the lab silently
            self.playback.stop(f"{type(error).__name__}: {error}", error)
            self.playback.dirty = False
            return LINGER

    def _rest(self) -> bool:
        """Whether the thread may end: nothing plays and nothing waits."""
        with self._lock:
            busy = self.playing or self.playback.dirty or not self._queue.empty()
            if busy and not self.closed:
                return False
            self._thread = None
            return True


def _work(ref: "weakref.ref[Session]", commands: queue.SimpleQueue) -> None:
    """The thread's life; between two rounds it holds no session, so that a forgotten one can go."""
    pause, second = 0.0, ThreadPoolExecutor(1, "gantutor-lab-second")
    while True:
        item = _next(commands, pause)
        session = ref()
        if session is None or session.closed:
            break
        session.playback.second = second
        idle = item is None and pause >= LINGER
        while item is not None:
            session._obey(item)
            item = _next(commands, 0.0)
        pause = session._work()
        if idle and session._rest():
            break
        del session
    second.shutdown()


def _next(commands: queue.SimpleQueue, seconds: float) -> tuple | None:
    """The next command, waiting for so long at most; None where there is none."""
    try:
        return commands.get(timeout=seconds) if seconds > 0 else commands.get_nowait()
    except queue.Empty:
        return None


def _close_all() -> None:
    for session in list(_OPEN):
        session.close()


atexit.register(_close_all)
