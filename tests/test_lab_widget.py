"""The lab's widget, driven as a person would: buttons clicked, sliders moved, pictures looked at.

With a canvas, and without.
"""

import io
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import gantutor.course.lab
from gantutor.course.lab import Lab
from gantutor.course.lab.canvas import Plain, canvas
from gantutor.course.lab.widget import Controls

WITHOUT = """
import sys
sys.modules["anywidget"] = None  # an import of it fails from now on
from gantutor.course.lab import Lab
lab = Lab(rows=["baseline"], width=8)
controls = lab.widget() and lab._widget
plane = controls.cards.cards[0].plane
assert type(plane).__name__ == "Plain" and plane.value[:4] == b"\\x89PNG"
assert "baseline at step 0" in plane.tooltip
before = plane.value
controls.layers.toggles["warp"].value = True
controls.layers.point.value = "0.5 -0.25"
controls.data.typed.value = "0 0; 1 1; -1 0.5"
lab.session.wait(lab.session.do("ask", lambda t: controls.show(lab.session)))
assert plane.value != before
assert "'xy': [(0.0, 0.0), (1.0, 1.0), (-1.0, 0.5)]" in lab.code()
assert "point=(0.5, -0.25)" in lab.code()
lab.close()
print("fine")
"""


@pytest.fixture
def lab():
    made = []

    def make(**kwargs):
        made.append(Lab(**{"rows": ["baseline", "KDD"], "width": 8, **kwargs}))
        made[-1].widget()
        return made[-1]

    yield make
    for one in made:
        one.close()


def settled(lab: Lab) -> Controls:
    """The controls after all commands so far, and a picture of the state."""
    lab.session.wait(lab.session.do("ask", lambda _t: lab._widget.show(lab.session)))
    return lab._widget


def until(what, seconds: float = 60.0):
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.01)
    return found


def button(controls: Controls, css: str):
    return next(w for w in everything(controls.box) if css in w._dom_classes)


def everything(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from everything(child)


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def test_play_moves_the_pictures_and_pause_stops_them(lab):
    one = lab()
    controls = settled(one)
    before = controls.cards.cards[0].plane.image
    assert before[:4] == b"\x89PNG" and pixels(before).shape == (256, 256, 3)
    controls.bar.play.click()
    until(lambda: one.step > 5 and controls.cards.cards[0].plane.image != before)
    assert controls.bar.play.description == "Pause"
    controls.bar.play.click()
    until(lambda: not one.session.playing)
    controls = settled(one)
    assert (
        controls.bar.play.description == "Play"
        and f"<b>{one.step}</b>" in controls.bar.clock.value
        and controls.time.slider.max == one.step
    )


def test_single_turns_steps_and_reset(lab):
    one = lab()
    for css in ("gt-d", "gt-g", "gt-step"):
        button(one._widget, css).click()
    controls = settled(one)
    assert one.session.timeline.log == [(0, "d"), (0, "g")] and one.step == 1
    button(controls, "gt-reset").click()
    settled(one)
    assert one.session.timeline.log == [] and one.step == 0


def test_the_slider_of_time_and_a_branch(lab):
    one = lab().run(12)
    controls = settled(one)
    controls.time.slider.value = 5
    settled(one)
    assert one.step == 5
    controls.time.source.value, controls.time.method.value = "KDD", "hinge"
    button(controls, "gt-branch").click()
    controls = settled(one)
    assert one.rows == ["baseline", "KDD", "hinge from 5"] == [c.name for c in controls.cards.cards]
    assert (
        "goes on from KDD" in controls.desk.message.value
        and controls.cards.box.children[2].children[1].image[:4] == b"\x89PNG"
    )
    controls.time.source.value = "hinge from 5"
    button(controls, "gt-drop").click()
    settled(one)
    assert one.rows == ["baseline", "KDD"] and len(controls.cards.box.children) == 2


def test_settings_for_all_and_for_one(lab):
    one = lab()
    controls = settled(one)
    controls.settings.values["g_lr"].value = 0.01
    settled(one)
    controls.settings.to.value = "KDD"
    controls = settled(one)
    assert (
        controls.settings.values["weight"].layout.display == "none"
        and controls.settings.values["tau"].layout.display is None
    )
    controls.settings.values["tau"].value = 0.3
    settled(one)
    assert one.session.timeline.log == [(0, "set", "g_lr", 0.01), (0, "set", "tau", 0.3, "KDD")]
    controls.settings.width.value = 16
    settled(one)
    assert (
        one.session.timeline.start["width"] == 16
        and "started again: width=16" in controls.desk.message.value
    )


def test_every_layer_changes_the_picture(lab):
    one = lab(rows=["AdaptiveMix", "AdvLatGAN-qua", "KDD"], width=16).run(20)
    controls = settled(one)
    controls.on_message({"kind": "point", "at": [0.6, 0.4]})
    for name, rows in {
        "map": (0, 1, 2),
        "real": (0, 1, 2),
        "fake": (0, 1, 2),
        "field": (0, 1, 2),
        "warp": (0, 1, 2),
        "kernels": (2,),
        "path": (1,),
    }.items():
        controls = settled(one)
        before = [c.plane.image for c in controls.cards.cards]
        controls.layers.toggles[name].value = not controls.layers.toggles[name].value
        settled(one)
        assert [
            i for i, c in enumerate(controls.cards.cards) if c.plane.image != before[i]
        ] == list(rows), name
    assert (
        "steps of 0.01 raise" in controls.cards.cards[1].note.value
        and "log ratio" in controls.cards.cards[2].note.value
    )
    assert controls.cards.cards[0].second.layout.display == "none"
    controls.layers.toggles["features"].value = True
    settled(one)
    assert all(
        c.second.image[:4] == b"\x89PNG" and c.second.layout.display is None
        for c in controls.cards.cards
    )


def test_a_click_is_where_the_cross_is(lab):
    one = lab()
    one._widget.on_message({"kind": "point", "at": [0.75, 0.25]})
    controls = settled(one)
    assert (
        one.session.view.point == (1.0, 1.0) and controls.layers.point.value == "1 1"
    )  # the square is [-2, 2]
    dark = (pixels(controls.cards.cards[0].plane.image).sum(-1) < 200).nonzero()
    assert (
        abs(np.median(dark[1]) / 256 - 0.75) < 0.02 and abs(np.median(dark[0]) / 256 - 0.25) < 0.02
    )


def test_a_drawing_is_a_world(lab):
    one = lab()
    one._widget.on_message({"kind": "stroke", "points": [[0.25, 0.5], [0.5, 0.5]]})
    controls = settled(one)
    assert one.session.timeline.start["data"] == (
        "points",
        {"xy": [(-1.0, 0.0), (0.0, 0.0)], "std": 0.08},
    )
    assert controls.data.world.value == "drawn" and one.step == 0
    controls.data.world.value = "soft ring"
    settled(one)
    assert one.session.timeline.start["data"] == ("ring", {"radius": 1.0, "std": 0.1})


def test_a_new_row_can_be_drawn_on_while_the_others_can(lab):
    one = lab()
    controls = settled(one)
    controls.data.brush.value = True
    one.branch("KDD", "hinge")
    controls = settled(one)
    assert [card.plane.mode for card in controls.cards.cards] == ["draw"] * 3
    controls.data.brush.value = False
    assert [card.plane.mode for card in controls.cards.cards] == ["point"] * 3


def test_a_wrong_entry_is_told_beneath_and_loses_nothing(lab):
    one = lab().run(3)
    controls = settled(one)
    controls.layers.point.value = "here"
    assert "expected two numbers" in controls.desk.message.value
    controls.data.typed.value = "1 2 3"
    assert "expected pairs of numbers" in controls.desk.message.value
    for _ in range(4):
        button(controls, "gt-branch").click()
    controls = settled(one)
    assert (
        "5 rows are the most" in controls.desk.message.value
        and len(one.rows) == 5
        and one.step == 3
    )


def test_a_row_that_stops_says_so_under_its_picture(lab):
    one = lab()

    @one.method
    def wrong(turn):
        return turn.nothing

    one.run(2)
    controls = settled(one)
    assert (
        "gt-failed" in controls.cards.cards[2].note.value
        and "AttributeError" in controls.cards.cards[2].note.value
    )
    assert (
        "stopped" in controls.cards.cards[2].plane.alt
        and "gt-failed" not in controls.cards.cards[0].note.value
    )


def test_code_appears_in_its_box(lab):
    one = lab().run(2)
    button(one._widget, "gt-code-button").click()
    settled(one)
    assert (
        one._widget.code.text.value
        == one.code()
        == "Lab(width=8, rows=['baseline', 'KDD'], step=2)"
    )


def test_a_teacher_hides_controls(lab):
    one = lab(only=["play", "g_lr"], mission="cover 4 modes in 200 steps")
    shown = {c for w in everything(one.widget()) for c in w._dom_classes}
    assert {"gt-play", "gt-set-g_lr"} <= shown and not {
        "gt-d",
        "gt-reset",
        "gt-time",
        "gt-branch",
        "gt-set-d_lr",
        "gt-world",
        "gt-code",
        "gt-seed",
    } & shown
    assert (
        "cover 4 modes in 200 steps" in settled(one).goal.value
        and "<progress" in one._widget.goal.value
    )


def test_every_control_says_what_it_is(lab):
    for w in everything(lab().widget()):
        if (
            hasattr(w, "value")
            and not type(w).__name__.startswith(("HTML", "Canvas"))
            or type(w).__name__ == "Button"
        ):
            assert w.tooltip, w
    for card in settled(lab()).cards.cards:
        assert re.match(r"\w+ at step 0: \d of 9 modes covered", card.plane.alt)


def test_pictures_are_drawn_in_place_and_alike(lab):
    """The artists that stay show what fresh ones would."""
    one = lab().look("map", "real", "fake", "field", "warp")
    for steps in (0, 7, 9):
        one.run(steps)
        controls = settled(one)
    fresh = Controls(one.session, None, lambda: None)
    assert [c.plane.image for c in controls.cards.cards] == [
        c.plane.image for c in fresh.cards.cards
    ]
    fresh.close()


def test_looking_at_a_page_without_a_kernel(lab):
    bundle = lab()._repr_mimebundle_()
    assert {"text/plain", "image/png", "application/vnd.jupyter.widget-view+json"} == set(
        bundle
    ) and bundle["text/plain"].startswith("Lab(")


def test_a_closed_lab_leaves_no_thread_and_no_widget(lab):
    one = lab()
    one.play("full")
    box = one.widget()
    one.close()
    assert (
        not [t for t in threading.enumerate() if t.name.startswith("gantutor-lab")]
        and box.comm is None
    )
    assert one._repr_mimebundle_() == {"text/plain": "a closed Lab: run its cell again"}


def test_the_module_of_the_canvas_asks_nobody():
    source = (Path(gantutor.course.lab.__file__).parent / "canvas.js").read_text()
    assert not re.search(r"https?:|//\w+\.\w|import\s|fetch\(|XMLHttp|WebSocket|eval\(", source)
    assert canvas()._esm and not isinstance(canvas(), Plain)


def test_without_anywidget_core_widgets_do(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, timeout=300
    )
    assert done.stdout.strip() == "fine", done.stderr[-2000:]
