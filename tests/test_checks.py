"""The verdict of `check`: forms of right answers, and each general mistake with its hint."""

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
import torch
from asked import LOSS, TABLE, VALUE, loops, reference

from gantutor.course.exercises import Exercise
from gantutor.course.exercises.judge import judge
from gantutor.course.exercises.symptoms import BUILTIN


class Pair(NamedTuple):
    score: torch.Tensor
    count: int


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
        "the order of a dict does not matter"
    )
    assert (
        "Yours is `dict` with ['a']; it should be `dict` with ['a'], ['b']."
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
        ("kind", lambda x, y: (x, y), "Yours is `tuple` with [0], [1]; it should be `Tensor`."),
        ("kind", lambda x, y: "a text", "`str`; it should be `Tensor`"),
        ("kind", lambda x, y: object(), "`object`; it should be `Tensor`"),
        ("kind", lambda x, y: torch.complex(x, x).sum(), "Tensor"),
        ("kind", lambda x, y: torch.zeros(()).expand(10**12), "1000000000000 numbers"),
        (
            "shape",
            lambda x, y: (x.square().sum(-1) + 3) * y.square(),
            "For `x` (5, 2), `y` (5,) yours is (5,); it should be ().",
        ),
        ("shape", lambda x, y: reference(x, y)[None], "(1,); it should be ()"),
        ("not finite", lambda x, y: reference(x, y) / (0 * y.sum()), "NaN"),
        ("sign", lambda x, y: -reference(x, y), "wrong sign"),
        (
            "sum for mean",
            lambda x, y: reference(x, y) * len(x),
            "you took a sum where a mean belongs",
        ),
        (
            "mean for sum",
            lambda x, y: reference(x, y) / len(x),
            "you took a mean where a sum belongs",
        ),
        ("factor", lambda x, y: reference(x, y) / 2, "0.5 times"),
        ("offset", lambda x, y: reference(x, y) + 1.5, "minus the reference is +1.5"),
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
        ("random", stateful(), "remembers the previous call"),
        ("borrowed", lambda x, y: reference(x, y) + 0 * x.logsumexp(0).sum(), "`logsumexp`"),
        ("differs", lambda x, y: reference(x, y) + y.mean(), "differ from the reference"),
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
        lambda x, y: reference(x, y) * (len(x) + 0.5),  # not the number of samples
        lambda x, y: reference(x, y) * (2 + 0.01 * y[0]),  # not a single factor
        lambda x, y: reference(x, y) + 1 + 0.01 * y[0],  # not a single constant
        lambda x, y: 0 * reference(x, y),  # 0 is a multiple of anything
        # another number in place of the 3
        lambda x, y: ((x.square().sum(-1) + 0.1) * y.square()).mean(),
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
        lambda x, y: reference(x, y.detach()),  # the exercise does not ask for a gradient in y
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


def test_every_general_symptom_is_tried_here():
    tried = {
        mark.args[1][i][0]
        for mark in test_each_symptom_has_its_hint.pytestmark
        for i in range(len(mark.args[1]))
    }
    assert set(BUILTIN) - {"not detached"} <= tried
