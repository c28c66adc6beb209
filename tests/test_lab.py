"""The live lab's state: rows under one clock, a log that is the state, time both ways, losses from a cell, code that rebuilds it all."""

import ast
import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch.nn.functional import softplus

from gantutor.course.lab import Lab
from gantutor.course.lab.rows import Own, recipe_of, world, world_literal
from gantutor.course.lab.session import Closed, Session
from gantutor.course.lab.timeline import FOUR, Timeline, axes_due
from gantutor.plot import png
from gantutor.rng import Rng
from gantutor.toy import ring
from gantutor.train import Run

TWO = ["baseline", "KDD"]


def mine(turn):
    if turn.player == "d":
        return softplus(-turn.real.score).mean() + softplus(turn.fake.score).mean()
    return softplus(-turn.fake.score).mean()


class three:  # noqa: N801
    def real(a):  # noqa: N805
        return softplus(-a)

    def fake(self, b):
        return softplus(b)

    @staticmethod
    def gen(b):
        return softplus(-b)


def weights(rows) -> list[torch.Tensor]:
    return [
        p.detach().clone()
        for row in rows
        for net in (row.run.G, row.run.D)
        for p in net.parameters()
    ]


def same(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def equal(a, b) -> bool:
    return [r.name for r in a.rows] == [r.name for r in b.rows] and same(
        weights(a.rows), weights(b.rows)
    )


def forward(timeline: Timeline, steps: int) -> Timeline:
    for _ in range(steps):
        timeline.advance()
    return timeline


def again(timeline: Timeline) -> Timeline:
    given = timeline.literals()
    step = given.pop("step", 0)
    new = Timeline(**given)
    new.goto(step)
    return new


@pytest.fixture
def lab():
    made = []

    def make(**kwargs):
        made.append(Lab(**{"rows": TWO, **kwargs}))
        return made[-1]

    yield make
    for one in made:
        one.close()


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
        forward(other, 3).change("set", "tau", 1.0)
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
        assert same(weights(alone.rows), weights(beside.rows)) and alone.measured == beside.measured

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

    def test_reset_is_the_very_same_start_and_keeps_the_settings(self):
        timeline = Timeline(rows=TWO)
        first = weights(timeline.rows)
        forward(timeline, 5).change("set", "g_lr", 2e-3)
        timeline.change("set", "tau", 1.0)
        timeline.change("set", "batch", 32, "baseline")
        timeline.change("d")
        forward(timeline, 2).restart()
        assert timeline.step == 0 and same(first, weights(timeline.rows))
        assert timeline.log == [
            (0, "set", "g_lr", 2e-3),
            (0, "set", "tau", 1.0),
            (0, "set", "batch", 32, "baseline"),
        ]
        assert [r.run.recipe.batch for r in timeline.rows] == [32, 64]
        timeline.restart(seed=3)
        assert (
            not torch.equal(first[0], weights(timeline.rows)[0])
            and timeline.rows[1].run.recipe.objective.tau == 1
        )

    def test_a_width_begins_anew_with_nets_of_that_width(self):
        timeline = forward(Timeline(rows=TWO), 3)
        timeline.restart(width=16)
        assert timeline.step == 0 and weights(timeline.rows)[0].shape == (8, 16)
        with pytest.raises(ValueError, match="width=1"):
            timeline.restart(width=1)
        assert timeline.start["width"] == 16

    def test_snapshots_are_few_spread_over_the_whole_time_and_lead_anywhere(self):
        timeline = forward(
            Timeline(rows=["baseline"], width=8, log=[(333, "set", "g_lr", 1e-4)]), 1100
        )
        end = weights(timeline.rows)
        assert len(timeline.snapshots) <= 48 and timeline.gap > 10 and min(timeline.snapshots) == 0
        assert (
            max(b - a for a, b in zip(timeline.film, timeline.film[1:], strict=False))
            <= timeline.gap
        )
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
                looked.measured[row.name].pop(looked.step, None)
                looked._measure(row)
                row.choose_axes(looked.step)
        assert equal(looked, plain)


class TestOwnLoss:
    @pytest.mark.parametrize("loss", [mine, three], ids=lambda f: f.__name__)
    def test_the_textbook_loss_from_a_cell_is_the_package_s(self, loss):
        a = forward(Timeline(rows=["baseline", loss]), 5)
        assert same(weights(a.rows[:1]), weights(a.rows[1:]))

    def test_its_gradient_field_is_the_package_s(self):
        from gantutor.fields import gradient_field

        a = forward(Timeline(rows=["baseline", mine, three]), 5)
        fields = [gradient_field(row.run, n=8).vectors for row in a.rows]
        assert (
            abs(fields[0] - fields[1]).max() < 1e-6 * abs(fields[0]).max()
            and (fields[0] == fields[2]).all()
        )

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
                and one.session.timeline.measured.keys() == two.session.timeline.measured.keys()
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

    def test_nothing_said_where_nothing_was_changed(self, lab):
        assert lab(rows=FOUR).code() == "Lab()"
        assert (
            lab(only=["play", "g_lr"], mission="cover 4 modes in 99 steps").code()
            == "Lab(rows=['baseline', 'KDD'], only=['play', 'g_lr'], mission='cover 4 modes in 99 steps')"
        )


class TestThread:
    def alive(self) -> list[threading.Thread]:
        return [t for t in threading.enumerate() if t.name.startswith("gantutor-lab")]

    def quiet(self, seconds: float = 20.0) -> bool:
        deadline = time.monotonic() + seconds
        while self.alive() and time.monotonic() < deadline:
            time.sleep(0.02)
        return not self.alive()

    def test_commands_are_taken_in_turn_by_one_thread(self):
        assert self.quiet()
        session = Session(Timeline(rows=["baseline"], width=8))
        seen = [
            session.do("ask", lambda timeline, i=i: (i, threading.current_thread().name))
            for i in range(20)
        ]
        assert [f.result(60) for f in seen] == [(i, "gantutor-lab") for i in range(20)]
        assert len(self.alive()) == 1
        session.close()
        assert self.quiet()

    def test_playing_pausing_and_an_idle_thread_that_ends(self):
        session = Session(Timeline(rows=["baseline"], width=8))
        session.wait(session.do("speed", "full"))
        session.wait(session.do("play"))
        while session.timeline.step < 30:
            time.sleep(0.01)
        session.wait(session.do("pause"))
        step = session.timeline.step
        assert self.quiet(), "nothing to do: no thread"
        assert session.timeline.step == step and not session.playing
        assert session.wait(session.do("run", 5)) == step + 5, "the next command starts another"
        session.close()
        assert self.quiet()

    def test_a_wrong_command_is_told_and_nothing_stops(self):
        session = Session(Timeline(rows=["baseline"], width=8))
        with pytest.raises(ValueError, match="known: ask, branch"):
            session.do("explode")
        with pytest.raises(ValueError, match="expected one of slow"):
            session.wait(session.do("speed", "warp"))
        assert "expected one of slow" in session.message
        assert session.wait(session.do("run", 3)) == 3 and session.message == ""
        session.close()
        with pytest.raises(Closed, match="run its cell again"):
            session.do("play")

    def test_closing_releases_those_who_wait(self):
        session = Session(Timeline(rows=["baseline"], width=8))
        future = session.do("run", 10**9)
        while session.timeline.step < 3:
            time.sleep(0.01)
        session.close()
        with pytest.raises(Closed):
            future.result(10)
        assert self.quiet()

    def test_stopping_the_cell_pauses(self, monkeypatch):
        session = Session(Timeline(rows=["baseline"], width=8))

        class Stopped:
            def result(self, timeout=None):
                raise KeyboardInterrupt

        session.do("play").result(60)
        with pytest.raises(KeyboardInterrupt):
            session.wait(Stopped())
        session.wait(session.do("ask", lambda timeline: None))
        assert not session.playing
        session.close()

    def test_a_forgotten_lab_takes_its_thread_along(self):
        assert self.quiet()
        lab = Lab(rows=["baseline"], width=8)
        lab.play("full")
        assert self.alive()
        del lab
        gc.collect()
        assert self.quiet()

    def test_a_lab_that_nobody_looks_at_pauses_itself(self, monkeypatch):
        monkeypatch.setattr("gantutor.course.lab.session.UNSEEN", 0.2)
        session = Session(Timeline(rows=["baseline"], width=8))
        session.seen()
        session.wait(session.do("play"))
        while session.playing:
            time.sleep(0.02)
        assert session.message == "paused: nobody was looking"
        session.close()

    def test_a_picture_that_cannot_be_drawn_pauses_with_its_reason(self):
        def show(_session):
            raise RuntimeError("no ink")

        session = Session(Timeline(rows=["baseline"], width=8), show)
        session.do("play")
        while not session.message:
            time.sleep(0.02)
        assert "no ink" in session.message and not session.playing
        session.close()
        assert self.quiet()

    def test_slow_motion_tells_four_sentences_a_step(self, monkeypatch):
        monkeypatch.setattr("gantutor.course.lab.session.CAPTION", 0.05)
        told = []
        session = Session(
            Timeline(rows=["baseline"], width=8),
            lambda s: told.append((s.caption[:3], s.push, s.timeline.step)),
        )
        session.wait(session.do("speed", "slow"))
        session.do("play")
        while session.timeline.step < 2:
            time.sleep(0.01)
        session.close()
        steps = [t for t in dict.fromkeys(told) if t[0]]
        assert steps[:4] == [
            ("1/4", False, 0),
            ("2/4", False, 0),
            ("3/4", True, 0),
            ("4/4", False, 1),
        ]


def test_the_random_state_of_the_process_is_left_alone():
    before = torch.random.get_rng_state()
    forward(Timeline(rows=TWO), 2)
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_lab_s_world_is_what_its_literal_says():
    drawn = world(("ring", {"radius": 1.0, "std": 0.1}))
    assert torch.equal(drawn.sample(5, Rng(0)), ring(radius=1.0, std=0.1).sample(5, Rng(0)))
