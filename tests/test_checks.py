"""The engine behind `check`: what right answers may look like, what each general mistake is told, and what the card shows."""

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
import torch

import gantutor.course.exercises
from gantutor.course.exercises import Exercise, NotYet, Property, Symptom, check
from gantutor.course.exercises.judge import BUILTIN, Seen, alike, borrowed, flat, judge, observe
from gantutor.course.exercises.picture import compared
from gantutor.plot import png


def cases(rng):
    n = 3 + int(rng.randint(6, 1))
    return rng.randn(n, 2).double(), rng.randn(n).double()


def reference(x, y):
    """mean_i (|x_i|^2 + 3) y_i^2, NumPy's sum in torch's clothes."""
    return ((x.square().sum(-1) + 3) * y.square()).mean()


LOSS = Exercise(
    "start.loss",
    "A loss",
    2,
    5,
    reference,
    cases,
    gradients=(0,),
    constants=(),
    forbidden=("logsumexp", "twice"),
    symptoms=(
        Symptom(
            "no three",
            "The 3 is missing: look at the bracket again.",
            lambda x, y: (x.square().sum(-1) * y.square()).mean(),
        ),
    ),
    properties=(
        Property(
            "zero",
            "For y = 0 the loss is 0, whatever x is.",
            lambda rng: [(rng.randn(3, 2).double(), torch.zeros(3).double())],
            lambda cases, values: values[0] == 0,
        ),
    ),
)


def pairs(rng):
    n = 2 + int(rng.randint(5, 1))
    return rng.randn(n, 2).double(), rng.randn(n + 3, 2).double()


TABLE = Exercise("start.table", "A table", 1, 5, lambda a, b: torch.cdist(a, b), pairs)
VALUE = Exercise(
    "start.value",
    "A value",
    1,
    2,
    2 * math.log(2),
    symptoms=(
        Symptom("half", "That is one half of it.", math.log(2)),
        Symptom("more than 2", "It cannot be more than 2.", lambda v: v > 2),
    ),
)


class Pair(NamedTuple):
    score: torch.Tensor
    count: int


def loops(x, y):
    total = 0.0
    for i in range(len(x)):
        total = total + (x[i, 0] ** 2 + x[i, 1] ** 2 + 3) * y[i] ** 2
    return total / len(x)


def single(x, y):
    return reference(x.float(), y.float())


class Callable:
    def __call__(self, x, y):
        return reference(x, y)


@pytest.mark.parametrize(
    "answer",
    [
        reference,
        loops,
        single,
        Callable(),
        lambda x, y: torch.einsum("nd,nd,n->", x, x, y**2) / len(x) + 3 * (y * y).mean(),
    ],
)
def test_a_right_answer_in_another_form_is_right(answer):
    report = judge(LOSS, answer)
    assert (
        report.right
        and report.points == 2
        and report.key == ""
        and report.sentence.startswith("start.loss: right (")
    )


def test_other_containers_of_the_same_numbers():
    two = Exercise(
        "start.two",
        "Two numbers",
        1,
        1,
        lambda x: (x.min(), x.max()),
        lambda rng: (rng.randn(5).double(),),
    )
    for answer in (
        lambda x: [x.min().item(), x.max().item()],
        lambda x: (float(x.min()), x.max()),
        lambda x: torch.stack([x.min(), x.max()]),
        lambda x: np.array([x.min(), x.max()]),
        lambda x: Pair(x.min(), x.max()),
    ):
        assert judge(two, answer).right
    assert judge(two, lambda x: (x.min(), x.max(), x.mean())).key == "shape"
    named = Exercise(
        "start.named",
        "Named",
        1,
        1,
        lambda x: {"a": x, "b": x.sum()},
        lambda rng: (rng.randn(4).double(),),
        gradients=(0,),
    )
    assert judge(named, lambda x: {"b": x.sum(), "a": 1 * x}).right, (
        "the order of a dict says nothing"
    )
    assert (
        "`dict` with ['a']; `dict` with ['a'], ['b'] is asked for"
        in judge(named, lambda x: {"a": x}).hint
    )


def stateful():
    calls = []

    def answer(x, y):
        calls.append(1)
        return reference(x, y) + (len(calls) > 5)

    return answer


def in_place(x, y):
    x *= x
    return ((x.sum(-1) + 3) * y.square()).mean()


def numpy_draws(x, y):
    return reference(x, y) * (1 + np.random.default_rng().normal())


@pytest.mark.parametrize(
    ("key", "answer", "words"),
    [
        (
            "open",
            lambda x, y: (_ for _ in ()).throw(NotImplementedError()),
            "raise NotImplementedError",
        ),
        ("nothing", lambda x, y: None, "return"),
        ("raises", lambda x, y: x @ y @ y, "RuntimeError"),
        ("raises", lambda x, y: exit(), "SystemExit"),
        ("raises", lambda x: x, "TypeError"),
        ("kind", lambda x, y: (x, y), "`tuple` with [0], [1]; `Tensor` is asked for"),
        ("kind", lambda x, y: "a text", "`str`; `Tensor`"),
        ("kind", lambda x, y: object(), "`object`; `Tensor`"),
        ("kind", lambda x, y: torch.complex(x, x).sum(), "Tensor"),
        ("kind", lambda x, y: torch.zeros(()).expand(10**12), "1000000000000 numbers"),
        (
            "shape",
            lambda x, y: (x.square().sum(-1) + 3) * y.square(),
            "For `x` (5, 2), `y` (5,) it is (5,); () is asked for",
        ),
        ("shape", lambda x, y: reference(x, y)[None], "(1,); ()"),
        ("not finite", lambda x, y: reference(x, y) / (0 * y.sum()), "NaN"),
        ("sign", lambda x, y: -reference(x, y), "wrong sign"),
        ("sum for mean", lambda x, y: reference(x, y) * len(x), "a sum stands where a mean"),
        ("mean for sum", lambda x, y: reference(x, y) / len(x), "a mean stands where a sum"),
        ("factor", lambda x, y: reference(x, y) / 2, "0.5 times"),
        ("offset", lambda x, y: reference(x, y) + 1.5, "+1.5 beside"),
        ("detached", lambda x, y: reference(x.detach(), y), "no gradient reaches `x`"),
        ("detached", lambda x, y: reference(x, y).item(), "no gradient reaches `x`"),
        (
            "gradient",
            lambda x, y: reference(x, y).detach() + x.sum() - x.sum().detach(),
            "gradient with respect to `x`",
        ),
        ("changes its input", in_place, "`x` in place"),
        ("random", lambda x, y: reference(x, y) * (1 + torch.rand(())), "Two calls"),
        ("random", numpy_draws, "Two calls"),
        ("random", stateful(), "remembers the call before"),
        ("borrowed", lambda x, y: reference(x, y) + 0 * x.logsumexp(0).sum(), "`logsumexp`"),
        ("differs", lambda x, y: reference(x, y) + y.mean(), "others than the reference's"),
        ("no three", lambda x, y: (x.norm(dim=1) ** 2 * y**2).mean(), "The 3 is missing"),
    ],
)
def test_each_symptom_has_its_hint(key, answer, words):
    report = judge(LOSS, answer)
    assert not report.right and report.points == 0 and report.key == key, (
        f"{report.key}: {report.hint}"
    )
    assert words in report.hint and report.sentence == "start.loss: not yet."


@pytest.mark.parametrize(
    "answer",
    [
        lambda x, y: -reference(x, y) + 1e-3,  # the sign, and something more
        lambda x, y: reference(x, y) * (len(x) + 0.5),  # no number of samples
        lambda x, y: reference(x, y) * (2 + 0.01 * y[0]),  # no one factor
        lambda x, y: reference(x, y) + 1 + 0.01 * y[0],  # no one constant
        lambda x, y: 0 * reference(x, y),  # of 0, anything is a multiple
        lambda x, y: (
            (x.square().sum(-1) + 0.1) * y.square()
        ).mean(),  # some other number in place of the 3
    ],
)
def test_what_nearly_has_a_symptom_is_told_only_that_it_differs(answer):
    assert judge(LOSS, answer).key == "differs"


@pytest.mark.parametrize(
    "answer",
    [
        lambda x, y: reference(x, y) * (1 + 1e-6),
        lambda x, y: reference(x, y) + 0 * torch.rand(()),
        lambda x, y: reference(x.clone().mul_(1), y),
        lambda x, y: reference(x, y.detach()),  # nobody asks for a gradient in y
    ],
)
def test_what_is_within_the_tolerance_is_right(answer):
    assert judge(LOSS, answer).right


def test_a_constant_must_get_no_gradient_and_zeros_are_none():
    anchored = replace(
        LOSS,
        gradients=(),
        constants=(1,),
        symptoms=(),
        reference=lambda x, y: reference(x, y.detach()),
    )
    assert judge(anchored, lambda x, y: reference(x, y.detach()) + 0 * y.sum()).right
    report = judge(anchored, reference)
    assert report.key == "not detached" and "`y`" in report.hint


def test_a_law_finds_what_the_cases_miss():
    def lawless(x, y):
        return reference(x, y) + (0 if y.any() else 1)

    report = judge(LOSS, lawless)
    assert report.key == "zero" and report.hint == "For y = 0 the loss is 0, whatever x is."


def test_tables_transposed_empty_and_of_other_numbers():
    assert judge(TABLE, lambda a, b: (a[:, None] - b).square().sum(-1).sqrt()).right
    assert judge(TABLE, lambda a, b: torch.cdist(a, b).T).key == "shape"
    assert judge(TABLE, lambda a, b: torch.empty(0)).key == "shape"
    none = Exercise(
        "start.none",
        "Nothing is left",
        1,
        1,
        lambda x: x[x > 99],
        lambda rng: (rng.randn(4).double(),),
    )
    assert judge(none, lambda x: []).right and judge(none, lambda x: x).key == "shape"
    which = Exercise(
        "start.which", "Which", 1, 1, lambda x: x > 0, lambda rng: (rng.randn(9).double(),)
    )
    assert (
        judge(which, lambda x: [bool(v > 0) for v in x]).right
        and judge(which, lambda x: (x > 0).int()).right
    )
    assert judge(which, lambda x: x >= x).key == "differs"


def test_a_reference_that_raises_wants_the_same_kind_of_error():
    def refuse(x):
        raise ValueError("negative")

    strict = Exercise("start.strict", "Refuse", 1, 1, refuse, lambda rng: (rng.randn(2),))
    assert judge(strict, lambda x: (_ for _ in ()).throw(ValueError("another sentence"))).right
    assert (
        judge(strict, lambda x: x).key == "kind"
        and "should raise ValueError" in judge(strict, lambda x: x).hint
    )
    assert judge(strict, lambda x: x[7]).key == "raises"


def test_networks_and_functions_as_arguments():
    def score(D, x):
        return D(x).mean()

    def drawn(rng):
        net = torch.nn.Linear(2, 1).double()
        with torch.no_grad():
            for p in net.parameters():
                p.copy_(rng.randn(*p.shape))
        return net, rng.randn(4, 2).double()

    exercise = Exercise("start.net", "A net's mean score", 1, 1, score, drawn, gradients=(1,))
    assert judge(exercise, lambda D, x: sum(D(p[None]).sum() for p in x) / len(x)).right
    assert judge(exercise, lambda D, x: score(D, x.detach())).key == "detached"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("", 1.386294),
        ("", np.float32(2 * math.log(2))),
        ("", torch.tensor(2 * math.log(2))),
        ("half", math.log(2)),
        ("more than 2", 7),
        ("sign", -2 * math.log(2)),
        ("open", ...),
        ("kind", "2 ln 2"),
        ("kind", None),
        ("kind", object()),
        ("shape", [1.386294]),
        ("not finite", math.nan),
        ("differs", 1.0),
    ],
)
def test_values(key, value):
    report = judge(VALUE, value)
    assert report.key == key and report.right == (key == "")


def test_a_function_is_no_value_and_a_value_no_function():
    assert (
        judge(VALUE, reference).key == "kind"
        and judge(LOSS, 3.0).key == "kind"
        and judge(LOSS, ...).key == "open"
    )


def test_an_answer_that_changes_torch_is_not_compared_with_what_it_changed():
    fresh, mean = replace(LOSS), torch.Tensor.mean

    def patched(x, y):
        torch.Tensor.mean = torch.Tensor.sum
        return ((x.square().sum(-1) + 3) * y.square()).sum()

    try:
        assert judge(fresh, patched).key == "sum for mean"
    finally:
        torch.Tensor.mean = mean


def test_what_an_answer_borrows():
    from functools import partial

    from gantutor.methods.kdd import log_ratio as short

    def twice(x):
        return 2 * x

    exercise = replace(LOSS, forbidden=("log_ratio", "logsumexp"))
    assert (
        borrowed(exercise, short)
        == borrowed(exercise, partial(short))
        == borrowed(exercise, lambda x: short(x))
        == ["log_ratio"]
    )
    assert borrowed(exercise, lambda x: torch.special.logsumexp(x, 0)) == ["logsumexp"]
    assert borrowed(LOSS, lambda x: twice(x)) == [], (
        "a function of the notebook's own may have any name"
    )
    logsumexp = 3
    assert borrowed(exercise, lambda x: x + logsumexp) == []


def test_flat_tells_values_apart():
    same = [
        torch.tensor([1.0, 2.0]),
        torch.tensor([1, 2]),
        [1, 2],
        (1.0, torch.tensor(2.0)),
        np.array([1, 2]),
        torch.tensor([1.0, 2.0], dtype=torch.bfloat16),
    ]
    assert all(
        np.array_equal(flat(v)[""], [1.0, 2.0]) and flat(v)[""].dtype == np.float64 for v in same
    )
    assert flat({"a": (torch.ones(2), "text")}) == {
        "['a'][0]": pytest.approx(np.ones(2)),
        "['a'][1]": "text",
    }
    assert (
        flat(torch.tensor(1 + 2j)) == {".real": 1.0, ".imag": 2.0}
        and flat({3, 1}) == {"": "1, 3"}
        and flat(None) == {"": "None"}
    )
    for thing in (object(), np.array(["a"]), 10**400, torch.zeros(1).expand(10**9)):
        with pytest.raises(TypeError):
            flat(thing)
    buffer = torch.zeros(3).double()
    kept = flat(buffer)[""]
    buffer += 1
    assert not kept.any(), "a copy"


def test_the_tolerance_is_of_the_largest_number_and_rounding_is_zero():
    a, b = (Seen({"": np.array(v)}) for v in ([1e6, 1.0], [1e6, 1.0 + 5.0]))
    assert alike(a, b, 1e-5) and not alike(a, b, 1e-6)
    tiny, nothing = Seen({"": np.array([1e-17])}), Seen({"": np.array([0.0])})
    assert alike(nothing, tiny, 1e-5) and alike(tiny, nothing, 1e-5)
    infinite = Seen({"": np.array([np.inf, np.nan])})
    assert alike(infinite, infinite, 1e-5) and not alike(
        infinite, Seen({"": np.array([-np.inf, np.nan])}), 1e-5
    )


def test_observing_leaves_the_random_numbers_of_the_notebook_alone():
    torch.manual_seed(5)
    before = torch.rand(1)
    torch.manual_seed(5)
    observe(LOSS, lambda x, y: torch.rand(3))
    assert torch.rand(1) == before


# -- what is shown -----------------------------------------------------------------------------------------------------------
@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setattr(
        gantutor.course.exercises,
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
    assert capsys.readouterr().out == "", "an open exercise is no mistake: no card"


def test_the_card_is_safe_html_with_a_picture_that_has_words(registered):
    card = gantutor.course.exercises.Shown(
        judge(TABLE, lambda a, b: torch.cdist(a, b) ** 2), lambda a, b: torch.cdist(a, b) ** 2
    )._repr_html_()
    assert (
        'alt="Your answer, the reference and their difference.' in card
        and "data:image/png;base64," in card
    )
    nasty = judge(LOSS, lambda x, y: (_ for _ in ()).throw(ValueError("<script>")))
    assert "<script>" not in gantutor.course.exercises.Shown(nasty)._repr_html_()


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
        gantutor.course.exercises.exercises("kdl")
    with pytest.raises(
        ValueError,
        match="exercise 'start.critik_loss' is unknown: did you mean 'start.critic_loss'",
    ):
        gantutor.course.exercises.find("start.critik_loss")
    with pytest.raises(ValueError, match="needs cases"):
        Exercise("start.x", "x", 1, 1, reference)


def test_every_general_symptom_is_tried_here():
    tried = {
        mark.args[1][i][0]
        for mark in test_each_symptom_has_its_hint.pytestmark
        for i in range(len(mark.args[1]))
    }
    assert set(BUILTIN) - {"not detached"} <= tried
