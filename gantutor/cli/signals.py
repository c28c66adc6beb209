"""Ctrl-C and SIGTERM: both stop a command, once, whenever they arrive."""

import math
import signal
import sys
import threading
import time

_stopped_at = -math.inf
last = 0  # the signal that stopped the command


def stop(number: int, frame) -> None:
    """Handle Ctrl-C and SIGTERM (from Slurm, systemd or `timeout`) by raising KeyboardInterrupt.

    A repeated signal within five seconds is ignored: the command is already stopping.
    """
    global _stopped_at, last
    if time.monotonic() - _stopped_at > 5.0:
        _stopped_at, last = time.monotonic(), number
        raise KeyboardInterrupt


def once_more(unraisable) -> None:
    """Repeat a Ctrl-C that arrived in a destructor, where Python cannot raise it.

    Installed as sys.unraisablehook.
    """
    global _stopped_at
    if unraisable.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(unraisable)
        return
    _stopped_at = -math.inf
    if hasattr(signal, "pthread_kill"):  # also wakes a main thread that sleeps
        again = threading.Timer(0.05, signal.pthread_kill, [threading.main_thread().ident, last])
    else:
        again = threading.Timer(0.05, signal.raise_signal, [last])
    again.daemon = True
    again.start()
