"""Speed of the live lab: four rows of the lessons' nets, driven as the widget drives it.

    python benchmarks/lab.py [--seconds 8] [--clicks 20]

Printed: pictures per second (one per row; a frame has four) and training steps per second in each
row, while it plays at 60 steps per second and at full speed; and the time from a click to the
picture that shows it, while it plays. Next to wall time it prints the share of a core that the
lab's thread used, because other programs on the machine change the former but not the latter.
"""

import argparse
import threading
import time

import numpy as np
import torch

from gantutor.course.lab.look import View
from gantutor.course.lab.picture import Screen
from gantutor.course.lab.session import Session
from gantutor.course.lab.timeline import Timeline


class Audience:
    """Does the widget's work on the session's thread, without a browser.

    It draws, counts pictures and bytes, and notes when a clicked point was first shown.
    """

    def __init__(self):
        self.screen, self.pictures, self.bytes = Screen(), 0, 0
        self.points: dict[tuple, float] = {}

    def __call__(self, session: Session) -> None:
        push = session.playback.slow.push
        found, looks = self.screen.frame(session.timeline, session.view, push, session.playing)
        self.pictures += sum(name.isdigit() for name in found)
        self.bytes += sum(map(len, found.values()))
        self.points.setdefault(looks[0].point, time.perf_counter())


def playing(session: Session, audience: Audience, speed: str, seconds: float) -> None:
    """Let the lab play, and print how fast it was."""
    session.wait(session.do("speed", speed))
    session.wait(session.do("play"))
    time.sleep(1.0)

    def counts() -> np.ndarray:
        busy = session.do("ask", lambda _t: time.thread_time()).result()
        step, pictures, size = session.timeline.step, audience.pictures, audience.bytes
        return np.array([time.perf_counter(), busy, step, pictures, size])

    before = counts()
    time.sleep(seconds)
    took, busy, steps, pictures, size = counts() - before
    print(
        f"speed {speed:>4s}: {pictures / took:5.1f} pictures/s, {steps / took:5.1f} steps/s in "
        f"each row; busy {busy / took:4.0%} of a core, {size / took / 1e3:.0f} kB/s",
        flush=True,
    )
    session.wait(session.do("pause"))


def clicking(session: Session, audience: Audience, clicks: int) -> None:
    """Click while the lab plays, and print how long it takes until a picture shows it."""
    session.wait(session.do("speed", "60"))
    session.wait(session.do("play"))
    waits = []
    for i in range(clicks):
        point = (round(-1.5 + 0.1 * i, 3), 0.5)
        began = time.perf_counter()
        session.view = View(session.view.layers, point)
        session.do("look")
        while point not in audience.points:
            time.sleep(0.001)
        waits.append(audience.points[point] - began)
        time.sleep(0.11 + 0.013 * i)
    session.wait(session.do("pause"))
    low, middle, high = np.quantile(waits, [0, 0.5, 0.95]) * 1e3
    print(f"a click shows after {middle:.0f} ms (least {low:.0f}, 95 % within {high:.0f})")


def parts(session: Session, audience: Audience) -> None:
    """Print the processor time of a step of each row, and of a frame."""

    def cost(act, n=30):
        def timed(_timeline):
            begin = time.thread_time()
            for _ in range(n):
                act()
            return (time.thread_time() - begin) / n * 1e3

        return session.wait(session.do("ask", timed))

    steps = {
        row.name: cost(lambda row=row: [None for _ in row.run.take_step()])
        for row in session.timeline.rows
    }
    frame = cost(lambda: audience.screen.frame(session.timeline, session.view, moving=True))
    print(
        "processor ms: "
        + ", ".join(f"{n} {t:.2f} a step" for n, t in steps.items())
        + f", {frame:.1f} a frame of {len(steps)} pictures"
    )


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--seconds", type=float, default=8.0)
    options.add_argument("--clicks", type=int, default=20)
    given = options.parse_args()
    torch.set_num_threads(1)
    audience = Audience()
    session = Session(Timeline(), audience)
    session.view = View()
    session.wait(session.do("run", 40))
    for speed in ("60", "full"):
        playing(session, audience, speed, given.seconds)
    clicking(session, audience, given.clicks)
    parts(session, audience)
    session.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("gantutor-lab")]
