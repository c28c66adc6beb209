"""`lab.code()`: one statement rebuilds the very picture."""

import ast

import pytest
from timelines import TWO, equal, mine

from gantutor.course.lab import Lab
from gantutor.course.lab.script import FOUR
from gantutor.plot import png


@pytest.fixture
def lab():
    made = []

    def make(**kwargs):
        made.append(Lab(**{"rows": TWO, **kwargs}))
        return made[-1]

    yield make
    for one in made:
        one.close()


class TestCode:
    def session(self, lab):
        """What a person may do in a while."""
        one = lab(rows=list(FOUR), seed=2)
        one.run(11)
        one.set(g_lr=2e-3, d_lr=1e-3)
        one.set(row="AdaptiveMix", weight=4.0)
        one.d_step()
        one.g_step()
        one.run(13)
        one.reset(data=[(0.5, 0.5), (-0.5, 1.0), (0.0, -1.0)], seed=7)
        one.run(22)
        one.g_step()
        one.set(objective="LSGAN")
        one.run(9)
        one.goto(15)
        one.drop("KDD")
        one.run(4)
        one.branch("baseline", "KDD")
        one.method(mine)
        one.look("map", "fake", "field", "warp", "features", "kernels", "path", point=(0.25, -0.5))
        one.run(24)
        return one

    def test_one_statement_rebuilds_the_very_picture(self, lab):
        one = self.session(lab)
        code = one.code()
        statement = ast.parse(code)
        assert (
            len(statement.body) == 1
            and isinstance(statement.body[0], ast.Expr)
            and "\n" not in code
        )
        assert "mine]" in code and "'mine'" in code, (
            "the loss by its Python name, its joining in the log"
        )
        two = eval(code, {"Lab": Lab, "mine": mine})  # as a notebook's cell would
        try:
            assert (
                equal(one.session.timeline, two.session.timeline)
                and one.session.timeline.measured.looks.keys()
                == two.session.timeline.measured.looks.keys()
            )
            assert two.code() == code and png(one.still()) == png(two.still())
        finally:
            two.close()

    def test_all_but_the_names_of_own_losses_are_plain_literals(self, lab):
        code = self.session(lab).code().replace(", mine]", "]")
        call = ast.parse(code, mode="eval").body
        for keyword in call.keywords:
            ast.literal_eval(keyword.value)

    def test_the_whole_state_goes_on_alike(self, lab):
        one = self.session(lab)
        two = eval(one.code(), {"Lab": Lab, "mine": mine})
        try:
            one.run(5)
            two.run(5)
            assert equal(one.session.timeline, two.session.timeline)
        finally:
            two.close()

    def test_what_is_as_usual_is_left_out(self, lab):
        assert lab(rows=FOUR).code() == "Lab()"
        goal = "cover 4 modes in 99 steps"
        assert lab(only=["play", "g_lr"], mission=goal).code() == (
            f"Lab(rows=['baseline', 'KDD'], only=['play', 'g_lr'], mission={goal!r})"
        )
