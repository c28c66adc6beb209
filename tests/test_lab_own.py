"""Losses written in a cell: they join, fail alone, come back, and give way to new versions."""

import pytest
from timelines import TWO, again, equal, forward, mine, same, three, weights
from torch.nn.functional import softplus

from gantutor.course.lab.own import Own
from gantutor.course.lab.timeline import Timeline
from gantutor.fields import gradient_field


class TestOwnLoss:
    @pytest.mark.parametrize("loss", [mine, three], ids=lambda f: f.__name__)
    def test_the_textbook_loss_from_a_cell_is_the_package_s(self, loss):
        a = forward(Timeline(rows=["baseline", loss]), 5)
        assert same(weights(a.rows[:1]), weights(a.rows[1:]))

    def test_its_gradient_field_is_the_package_s(self):

        a = forward(Timeline(rows=["baseline", mine, three]), 5)
        fields = [gradient_field(row.run, n=8).vectors for row in a.rows]
        assert (
            abs(fields[0] - fields[1]).max() < 1e-6 * abs(fields[0]).max()
            and (fields[0] == fields[2]).all()
        )

    def test_a_loss_that_reads_the_reals_has_a_field_too(self):
        """The field asks for G's loss of scores alone: there `turn.real` is None."""

        def both(turn):
            real = turn.real and turn.real.score
            if turn.player == "d":
                return softplus(-real).mean() + softplus(turn.fake.score).mean()
            return softplus(-turn.fake.score).mean()

        a = forward(Timeline(rows=["baseline", both]), 5)
        fields = [gradient_field(row.run, n=8).vectors for row in a.rows]
        assert abs(fields[0] - fields[1]).max() < 1e-6 * abs(fields[0]).max()

    @pytest.mark.parametrize(
        ("loss", "message"),
        [
            (lambda turn: turn.nothing, "AttributeError"),
            (lambda turn: turn.fake.score, "expected one number"),
            (lambda turn: 3.0, "gave 3.0"),
            (lambda turn: turn.fake.score.mean().detach(), "without a gradient"),
            (lambda turn: (turn.fake.score * float("nan")).mean(), "Diverged"),
        ],
    )
    def test_what_goes_wrong_stops_that_row_alone(self, loss, message):
        loss.__name__ = "wrong"
        timeline = forward(Timeline(rows=["baseline", loss]), 4)
        assert message in timeline.rows[1].failed and timeline.rows[1].run.step == 0
        assert timeline.rows[0].failed == "" and timeline.rows[0].run.step == 4
        timeline.goto(2)
        assert message in timeline.rows[1].failed, "going back does not heal it"

    def test_the_line_of_the_cell_is_named(self):
        def wrong(turn):
            x = 1
            return x / 0

        timeline = forward(Timeline(rows=["baseline", wrong]), 1)
        assert (
            timeline.rows[1].failed.startswith("ZeroDivisionError")
            and f"line {wrong.__code__.co_firstlineno + 2} of wrong" in timeline.rows[1].failed
        )

    @pytest.mark.parametrize("bad", [3, lambda a, b: a, type("half", (), {"real": lambda a: a})])
    def test_what_is_no_loss_is_refused(self, bad):
        with pytest.raises(TypeError, match="expected a function of the turn|lacks fake, gen"):
            Own("bad", bad)

    def test_it_joins_later_and_comes_back_by_its_name(self):
        timeline = forward(Timeline(rows=TWO), 6)
        timeline.method(Own("mine", mine))
        assert timeline.log == [(6, "branch", "baseline", "mine")]
        forward(timeline, 4)
        assert equal(timeline, again(timeline))
        timeline.goto(3)
        assert [r.name for r in timeline.rows] == TWO
        timeline.goto(10)
        assert [r.name for r in timeline.rows] == [*TWO, "mine"]

    def test_a_new_version_takes_the_old_one_s_place_and_what_hung_on_it(self):
        timeline = forward(Timeline(rows=TWO), 6)
        timeline.method(Own("mine", mine))
        forward(timeline, 2).change("branch", "mine", "hinge")
        timeline.change("set", "g_lr", 2e-3, "mine")
        timeline.change("set", "g_lr", 1e-4, "KDD")
        forward(timeline, 2).method(Own("mine", three))
        assert timeline.log == [(8, "set", "g_lr", 1e-4, "KDD"), (10, "branch", "baseline", "mine")]
        assert [r.name for r in timeline.rows] == [*TWO, "mine"]
        assert equal(forward(timeline, 3), again(timeline))

    def test_a_joining_that_is_written_over_is_gone(self):
        timeline = forward(Timeline(rows=TWO), 6)
        timeline.method(Own("mine", mine))
        timeline.goto(2)
        timeline.change("set", "g_lr", 2e-3)
        forward(timeline, 6)
        assert [r.name for r in timeline.rows] == TWO and equal(timeline, again(timeline))

    def test_a_reset_lets_it_begin_with_the_others(self):
        timeline = forward(Timeline(rows=TWO), 6)
        timeline.method(Own("mine", mine))
        timeline.restart()
        assert [r.name for r in timeline.rows] == [*TWO, "mine"] and timeline.log == []
        assert same(weights(timeline.rows[:1]), weights(timeline.rows[2:]))
