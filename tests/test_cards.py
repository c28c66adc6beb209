"""What a student sees of a verdict: the card, its picture, and errors about names."""

import math
from dataclasses import replace

import pytest
import torch
from asked import LOSS, TABLE, VALUE, loops, reference

from gantutor.course.exercises import Card, Exercise, NotYet, catalogue, check, exercises, find
from gantutor.course.exercises.judge import judge
from gantutor.course.exercises.picture import compared
from gantutor.plot import png


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setattr(
        catalogue,
        "exercises",
        lambda topic: {e.name: e for e in (LOSS, TABLE, VALUE)},
    )


def test_a_right_answer_is_one_green_line(registered):
    shown = check("start.loss", loops)
    assert repr(shown).startswith("✓ start.loss: right") and "\n" not in repr(shown)
    assert "✓" in shown._repr_html_() and "<img" not in shown._repr_html_()


def test_a_wrong_answer_is_printed_and_raises_in_one_line(registered, capsys):
    with pytest.raises(NotYet, match="wrong sign") as caught:
        check("start.loss", lambda x, y: -reference(x, y))
    assert capsys.readouterr().out.startswith("✗ start.loss: not yet. Every number")
    assert len(caught.value._render_traceback_()) == 1 and isinstance(caught.value, AssertionError)
    with pytest.raises(NotYet, match="still open"):
        check("start.loss", ...)
    assert capsys.readouterr().out == "", "an open exercise is not a mistake: it gets no card"


def test_the_card_is_safe_html_with_a_picture_that_has_words(registered):
    card = Card(
        judge(TABLE, lambda a, b: torch.cdist(a, b) ** 2), lambda a, b: torch.cdist(a, b) ** 2
    )._repr_html_()
    assert (
        'alt="Your answer, the reference and their difference.' in card
        and "data:image/png;base64," in card
    )
    nasty = judge(LOSS, lambda x, y: (_ for _ in ()).throw(ValueError("<script>")))
    assert "<script>" not in Card(nasty)._repr_html_()


@pytest.mark.parametrize(
    ("exercise", "answer", "caption"),
    [
        (
            LOSS,
            lambda x, y: reference(x, y) * len(x),
            "The number that comes out, for 5 inputs. Largest difference",
        ),
        (LOSS, lambda x, y: reference(x.detach(), y), "the gradient: the values agree"),
        (LOSS, lambda x, y: reference(x, y) * math.nan, "Blank where there is no number"),
        (TABLE, lambda a, b: torch.cdist(a, b) ** 2, "Green is above 0"),
        (
            replace(TABLE, field=lambda f: f(torch.zeros(1, 2), torch.zeros(1, 2)).numpy() + 1),
            lambda a, b: torch.cdist(a, b) - 1,
            "The same over the plane",
        ),
    ],
)
def test_the_picture_says_what_it_shows(exercise, answer, caption):
    plate = compared(judge(exercise, answer), answer)
    assert caption in plate.caption and [ax.get_title(loc="left") for ax in plate.axes] == [
        "yours",
        "the reference",
        "yours - reference",
    ]
    assert png(plate).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "answer", [lambda x, y: None, lambda x, y: (x, y), lambda x, y: 1 / 0, lambda x, y: x]
)
def test_what_cannot_be_drawn_is_not(answer):
    assert compared(judge(LOSS, answer), answer) is None


def test_names_that_nobody_knows():
    with pytest.raises(ValueError, match="did you mean 'kdd'"):
        exercises("kdl")
    with pytest.raises(
        ValueError,
        match="exercise 'start.critik_loss' is unknown: did you mean 'start.critic_loss'",
    ):
        find("start.critik_loss")
    with pytest.raises(ValueError, match="needs `cases"):
        Exercise("start.x", "x", 1, 1, reference)
