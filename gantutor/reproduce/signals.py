"""Signals while a grid starts and ends: what is half started must not be interrupted."""

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def held() -> Iterator[None]:
    """Delay Ctrl-C and SIGTERM until the end of the block, so that nothing is half started.

    Threads and processes that start in the block, and those that they start later, ignore Ctrl-C
    for good: a terminal sends it to the whole process group, and only the command itself decides
    what to do about it.
    """
    if threading.current_thread() is not threading.main_thread():  # only it receives signals
        yield
        return
    came: list[int] = []

    def note(number, frame) -> None:
        came.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    can_block = hasattr(signal, "pthread_sigmask")  # not on Windows
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if can_block else None
    try:
        yield
    finally:
        if can_block:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        if came:
            signal.raise_signal(came[0])


@contextmanager
def closing() -> Iterator[ExitStack]:
    """Yield a stack for what a grid opens, which is closed in one go, whatever signal arrives."""
    stack = ExitStack()
    try:
        yield stack
    finally:
        with held():
            stack.close()
