"""The live lab's rows: runs of the one training loop under one clock, and what may change."""

import pytest
import torch
from timelines import TWO, equal, forward, mine, same, weights

from gantutor.course.lab.script import FOUR
from gantutor.course.lab.settings import recipe_of
from gantutor.course.lab.timeline import Timeline
from gantutor.course.lab.worlds import world, world_literal
from gantutor.rng import Rng
from gantutor.toy import ring
from gantutor.train import Run


class TestRows:
    def test_a_row_is_a_run_of_the_one_loop(self):
        timeline = forward(Timeline(rows=["AdaptiveMix"]), 7)
        run = Run(recipe_of("AdaptiveMix", {}, 64, timeline.world.limit), timeline.world, 0)
        for _ in run.steps(7):
            pass
        assert same(
            weights(timeline.rows), [p.detach() for net in (run.G, run.D) for p in net.parameters()]
        )

    def test_all_rows_begin_with_the_same_weights_and_share_clock_and_data(self):
        timeline = Timeline(rows=[*FOUR, mine])
        first = weights(timeline.rows[:1])
        assert all(same(first, weights([row])) for row in timeline.rows)
        forward(timeline, 3)
        assert {row.run.step for row in timeline.rows} == {3} and len(
            {id(row.run.data) for row in timeline.rows}
        ) == 1

    def test_one_turn_of_d_and_one_of_g_are_a_whole_step(self):
        a, b = Timeline(rows=TWO), Timeline(rows=TWO)
        a.change("d")
        a.change("g")
        assert equal(a, forward(b, 1)) and a.step == 0

    def test_a_single_turn_moves_its_player_alone(self):
        timeline = forward(Timeline(rows=TWO), 2)
        for player, moved, still in (("d", "D", "G"), ("g", "G", "D")):
            run = timeline.rows[0].run
            before = {n: [p.detach().clone() for p in getattr(run, n).parameters()] for n in "DG"}
            timeline.change(player)
            kept = {
                n: same(before[n], [p.detach() for p in getattr(run, n).parameters()]) for n in "DG"
            }
            assert kept == {moved: False, still: True}

    def test_settings_arrive_where_they_have_a_part(self):
        timeline = Timeline()
        for name, value in {
            "g_lr": 2e-3,
            "d_lr": 3e-3,
            "n_dis": 2,
            "batch": 32,
            "objective": "hinge",
            "weight": 3.0,
            "tau": 0.5,
            "eps": 0.1,
        }.items():
            timeline.change("set", name, value)
        baseline, adaptive, advlat, kdd = (row.run.recipe for row in timeline.rows)
        assert {r.batch for r in (baseline, adaptive, advlat, kdd)} == {32} and baseline.n_dis == 2
        assert [row.run.g_opt.param_groups[0]["lr"] for row in timeline.rows] == [2e-3] * 4
        assert (
            adaptive.terms[0].weight == 3 and kdd.objective.tau == 0.5 and advlat.latent.eps == 0.1
        )
        assert (
            type(baseline.objective).__name__ == "Hinge" and type(kdd.objective).__name__ == "KDD"
        )  # KDD is an objective itself
        timeline.change("set", "g_lr", 1e-4, "KDD")
        assert [r.run.g_opt.param_groups[0]["lr"] for r in timeline.rows] == [2e-3] * 3 + [1e-4]

    def test_a_row_without_a_change_is_untouched_by_what_happens_to_others(self):
        plain, other = Timeline(rows=TWO), Timeline(rows=TWO)
        forward(other, 3).change("set", "tau", 0.3)
        assert same(weights(forward(plain, 8).rows[:1]), weights(forward(other, 5).rows[:1]))

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"data": "nin"}, "known: ring"),
            ({"data": ("ring", {"stdd": 1})}, "takes modes, radius, std"),
            ({"data": 3}, "expected a name"),
            ({"rows": ["Adaptivemix"]}, "is unknown"),
            ({"rows": TWO * 2}, "different rows"),
            ({"rows": [*FOUR, "hinge", "LSGAN"]}, "1 to 5"),
            ({"seed": -1}, "at least 0"),
            ({"log": [(3, "sett", "g_lr", 1)]}, "expected \\(step, change"),
            ({"log": [(3, "set", "glr", 1)]}, "known: g_lr"),
            ({"log": [(3, "set", "g_lr", -1)]}, "expected a number from"),
            ({"log": [(3, "drop", "hinge")]}, "no row 'hinge'"),
            ({"log": [(3, "set", "n_dis", 1.5)]}, "whole number"),
            ({"log": [(1, "branch", "KDD", "nothing")]}, "is unknown"),
            ({"log": [(1, "d", 3)]}, "takes 0 values"),
        ],
    )
    def test_what_it_does_not_know_is_one_sentence(self, wrong, message):
        with pytest.raises(ValueError, match=message):
            Timeline(**{"rows": TWO, **wrong})

    def test_a_refused_change_loses_nothing(self):
        timeline = forward(Timeline(rows=TWO, log=[(9, "set", "g_lr", 1e-4)]), 4)
        before, log = weights(timeline.rows), list(timeline.log)
        for change in [("set", "g_lr", "fast"), ("drop", "hinge"), ("branch", "KDD", "nothing")]:
            with pytest.raises(ValueError):
                timeline.change(*change)
        assert timeline.log == log and same(before, weights(timeline.rows))

    def test_drawn_points_are_a_world(self):
        drawing = world_literal([(0.1234567, 1), (-1, 0.5)])
        assert drawing == ("points", {"xy": [(0.123, 1.0), (-1.0, 0.5)], "std": 0.08})
        assert len(world(drawing).modes) == 2 and world_literal(drawing) == drawing
        with pytest.raises(ValueError, match="at most 400"):
            world_literal([(0, 0)] * 401)


def test_the_random_state_of_the_process_is_left_alone():
    before = torch.random.get_rng_state()
    forward(Timeline(rows=TWO), 2)
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_lab_s_world_is_what_its_literal_says():
    drawn = world(("ring", {"radius": 1.0, "std": 0.1}))
    assert torch.equal(drawn.sample(5, Rng(0)), ring(radius=1.0, std=0.1).sample(5, Rng(0)))
