"""What is observed of an answer, how observations are compared, and what an answer borrows."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from asked import LOSS

from gantutor.course.exercises.borrowed import borrowed
from gantutor.course.exercises.compare import alike
from gantutor.course.exercises.observe import Observation, flat, observe


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
        "a function that the notebook defines may have any name"
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
    a, b = (Observation({"": np.array(v)}) for v in ([1e6, 1.0], [1e6, 1.0 + 5.0]))
    assert alike(a, b, 1e-5) and not alike(a, b, 1e-6)
    tiny, nothing = Observation({"": np.array([1e-17])}), Observation({"": np.array([0.0])})
    assert alike(nothing, tiny, 1e-5) and alike(tiny, nothing, 1e-5)
    infinite = Observation({"": np.array([np.inf, np.nan])})
    assert alike(infinite, infinite, 1e-5) and not alike(
        infinite, Observation({"": np.array([-np.inf, np.nan])}), 1e-5
    )


def test_observing_leaves_the_random_numbers_of_the_notebook_alone():
    torch.manual_seed(5)
    before = torch.rand(1)
    torch.manual_seed(5)
    observe(LOSS, lambda x, y: torch.rand(3))
    assert torch.rand(1) == before
