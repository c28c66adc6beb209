"""The live lab's time: back and forth, branches, resets, snapshots, slow motion."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from timelines import TWO, again, equal, forward, same, weights

from gantutor.course.lab.rows import axes_due
from gantutor.course.lab.script import FOUR
from gantutor.course.lab.timeline import Timeline


class TestTime:
    def test_axes_are_chosen_at_0_50_100_200_400(self):
        assert [s for s in range(1000) if axes_due(s)] == [0, 50, 100, 200, 400, 800]

    def test_back_and_forth_is_exact_with_changes_on_the_way(self):
        timeline = forward(Timeline(rows=TWO), 15)
        timeline.change("set", "n_dis", 2, "baseline")
        timeline.change("g")
        at_15 = weights(timeline.rows)
        forward(timeline, 12).change("set", "g_lr", 3e-3)
        end, curve = weights(forward(timeline, 6).rows), timeline.curve("KDD")
        timeline.goto(15)
        assert timeline.step == 15 and same(at_15, weights(timeline.rows))
        assert [m.step for m in timeline.curve("KDD")] == [0]
        timeline.goto(33)
        assert same(end, weights(timeline.rows)) and timeline.curve("KDD") == curve

    def test_rows_that_train_side_by_side_end_where_they_end_one_after_the_other(self):
        alone, beside = Timeline(), Timeline()
        with ThreadPoolExecutor(4) as pool:
            for _ in range(25):
                alone.advance()
                beside.advance(pool.map)
        assert same(weights(alone.rows), weights(beside.rows))
        assert alone.measured.looks == beside.measured.looks

    def test_a_change_in_the_past_writes_the_future_anew(self):
        timeline = forward(Timeline(rows=TWO), 10)
        timeline.change("set", "g_lr", 3e-3)
        forward(timeline, 5)
        timeline.goto(4)
        timeline.change("set", "d_lr", 1e-4)
        assert timeline.log == [(4, "set", "d_lr", 1e-4)] and timeline.furthest == 4

    def test_a_branch_keeps_the_old_future_and_lets_a_new_one_run_beside_it(self):
        timeline = forward(Timeline(rows=TWO), 12)
        timeline.change("set", "g_lr", 3e-3)
        old = weights(forward(timeline, 18).rows)
        timeline.goto(8)
        timeline.change("branch", "KDD", "AdaptiveMix")
        assert [r.name for r in timeline.rows] == [*TWO, "AdaptiveMix from 8"]
        kdd, new = timeline.rows[1], timeline.rows[2]
        assert same(weights([kdd]), weights([new])), "the branch begins where its row stands"
        forward(timeline, 22)
        assert same(old, weights(timeline.rows[:2])), "the old future is the old future"
        assert (
            new.run.recipe.g_opt.lr == 3e-3
            and new.run.recipe.terms
            and not torch.equal(weights([kdd])[0], weights([new])[0])
        )
        assert equal(timeline, again(timeline))

    def test_a_branch_into_another_kind_of_optimiser(self):
        timeline = forward(Timeline(rows=["baseline"]), 3)
        timeline.change("branch", "baseline", "WGAN")
        forward(timeline, 3)
        assert (
            timeline.rows[1].failed == "" and type(timeline.rows[1].run.g_opt).__name__ == "RMSprop"
        )
        assert equal(timeline, again(timeline))

    def test_five_rows_are_the_most_and_a_dropped_one_comes_back_with_the_past(self):
        timeline = forward(Timeline(rows=[*FOUR, "hinge"]), 2)
        with pytest.raises(ValueError, match="five|5 rows are the most"):
            timeline.change("branch", "KDD", "LSGAN")
        timeline.change("drop", "hinge")
        forward(timeline, 2).change("branch", "KDD", "LSGAN")
        forward(timeline, 1)
        timeline.goto(1)
        assert [r.name for r in timeline.rows] == [*FOUR, "hinge"]
        timeline.goto(5)
        assert [r.name for r in timeline.rows] == [*FOUR, "LSGAN from 4"]

    def test_the_same_branch_twice_gets_two_names(self):
        timeline = forward(Timeline(rows=TWO), 2)
        timeline.change("branch", "KDD", "hinge")
        timeline.change("branch", "KDD", "hinge")
        assert [r.name for r in timeline.rows[2:]] == ["hinge from 2", "hinge from 2 (2)"]

    def test_snapshots_are_few_spread_over_the_whole_time_and_lead_anywhere(self):
        timeline = forward(
            Timeline(rows=["baseline"], width=8, log=[(333, "set", "g_lr", 1e-4)]), 1100
        )
        end = weights(timeline.rows)
        steps = timeline.snapshots.steps
        assert len(steps) <= 48 and timeline.snapshots.gap > 10 and steps[0] == 0
        ends = [*steps[1:], timeline.furthest]
        assert max(b - a for a, b in zip(steps, ends, strict=True)) <= timeline.snapshots.gap
        timeline.goto(333)
        timeline.goto(1100)
        assert same(end, weights(timeline.rows))

    def test_a_slider_on_its_way_leaves_one_entry(self):
        timeline = forward(Timeline(rows=TWO), 2)
        for rate in (1e-3, 2e-3, 3e-3):
            timeline.change("set", "g_lr", rate)
        timeline.change("d")
        timeline.change("set", "g_lr", 4e-3)
        assert timeline.log == [(2, "set", "g_lr", 3e-3), (2, "d"), (2, "set", "g_lr", 4e-3)]

    def test_slow_motion_is_the_same_training(self):
        slow, fast = Timeline(rows=FOUR), Timeline(rows=FOUR)
        players = [slow.half_step() for _ in range(6)]
        assert players == ["d", "g"] * 3 and slow.step == 3 and equal(slow, forward(fast, 3))
        slow.half_step()
        slow.change("set", "g_lr", 2e-3)  # finishes the step first
        assert slow.step == 4 and slow.log[0][0] == 4 and equal(slow, again(slow))

    def test_measuring_and_looking_disturb_nothing(self):
        looked, plain = Timeline(rows=TWO), Timeline(rows=TWO)
        for _ in range(3):
            forward(looked, 1)
            forward(plain, 1)
            for row in looked.rows:
                looked.measured.forget_row(row.name)
                looked.measured.take(row, looked.step, 0)
                row.choose_axes(looked.step)
        assert equal(looked, plain)


class TestStartingAgain:
    def test_reset_is_the_very_same_start_and_keeps_the_settings(self):
        timeline = Timeline(rows=TWO)
        first = weights(timeline.rows)
        forward(timeline, 5).change("set", "g_lr", 2e-3)
        timeline.change("set", "tau", 0.3)
        timeline.change("set", "batch", 32, "baseline")
        timeline.change("d")
        forward(timeline, 2).restart()
        assert timeline.step == 0 and same(first, weights(timeline.rows))
        assert timeline.log == [
            (0, "set", "g_lr", 2e-3),
            (0, "set", "tau", 0.3),
            (0, "set", "batch", 32, "baseline"),
        ]
        assert [r.run.recipe.batch for r in timeline.rows] == [32, 64]
        timeline.restart(seed=3)
        assert (
            not torch.equal(first[0], weights(timeline.rows)[0])
            and timeline.rows[1].run.recipe.objective.tau == 0.3
        )

    def test_a_reset_keeps_an_objective_that_was_set_for_one_row(self):
        """KDD is an objective itself, which a change for all rows leaves alone."""
        timeline = Timeline(rows=TWO)
        for row in TWO:
            timeline.change("set", "objective", "hinge", row)
        timeline.restart()
        assert [type(r.run.recipe.objective).__name__ for r in timeline.rows] == ["Hinge"] * 2
        assert equal(timeline, again(timeline))

    def test_a_width_begins_anew_with_nets_of_that_width(self):
        timeline = forward(Timeline(rows=TWO), 3)
        timeline.restart(width=16)
        assert timeline.step == 0 and timeline.rows[0].run.G.shapes[0] == (8, 16)
        with pytest.raises(ValueError, match="width=1"):
            timeline.restart(width=1)
        assert timeline.start["width"] == 16
