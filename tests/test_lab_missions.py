"""Missions are read or refused, and judged by what was measured.

Each failure of the gallery fails as it says, with its seed.
"""

import pytest

from gantutor.course.lab import Lab, gallery
from gantutor.course.lab.measured import Measured
from gantutor.course.lab.missions import Mission
from gantutor.course.lab.timeline import Timeline


def standing(text: str, *looks: tuple, step: int | None = None):
    """The standing of one row with these measurements: (step, modes, quality, distance, right)."""
    timeline = Timeline(rows=["baseline"], width=8)
    timeline.measured.looks = {"baseline": {m[0]: Measured(*m) for m in looks}}
    timeline.step = looks[-1][0] if step is None else step
    return Mission(text).standing(timeline)


class TestGrammar:
    @pytest.mark.parametrize(
        ("text", "goals", "keep", "steps"),
        [
            ("cover 8 modes in 500 steps", (("modes", 8.0),), None, 500),
            ("cover all modes in 9 steps", (("modes", float("inf")),), None, 9),
            ("quality above 0.8 in 600 steps", (("quality", 0.8),), None, 600),
            ("distance below 0.02 in 400 steps", (("distance", 0.02),), None, 400),
            ("keep D between 0.5 and 0.9 in 300 steps", (), (0.5, 0.9), 300),
            (
                "cover 4 modes and quality above 0.5, and keep D between 0.4 and 1 in 70 steps",
                (("modes", 4.0), ("quality", 0.5)),
                (0.4, 1.0),
                70,
            ),
        ],
    )
    def test_what_it_reads(self, text, goals, keep, steps):
        mission = Mission(text)
        assert (mission.goals, mission.keep, mission.steps) == (goals, keep, steps)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "win",
            "cover 8 modes",
            "cover 8 modes in 0 steps",
            "cover eight modes in 5 steps",
            "make it nice in 5 steps",
            "cover 8 modes and in 5 steps",
            "cover 8 modes or quality above 0.5 in 5 steps",
            "keep D between 0.9 and 0.5 in 5 steps",
            "cover 8 modes in 5 steps please",
            "quality above 1,5 in 5 steps",
        ],
    )
    def test_what_it_refuses_in_one_sentence(self, text):
        with pytest.raises(ValueError, match="mission ") as error:
            Mission(text)
        assert repr(text) in str(error.value) and "\n" not in str(error.value)

    def test_more_modes_than_there_are(self):
        with pytest.raises(ValueError, match="this world has 9 modes"):
            Lab(rows=["baseline"], width=8, mission="cover 10 modes in 50 steps")


class TestJudging:
    def test_won_at_the_first_look_that_reaches_all_goals_at_once(self):
        s = standing(
            "cover 4 modes and quality above 0.5 in 100 steps",
            (0, 9, 0.1, 1, 0.5),
            (20, 3, 0.9, 1, 0.5),
            (40, 4, 0.6, 1, 0.5),
        )
        assert (s.won, s.lost, s.share) == (40, None, 1.0)

    def test_share_is_that_of_the_furthest_goal(self):
        s = standing("cover 8 modes and quality above 0.5 in 100 steps", (0, 4, 0.1, 1, 0.5))
        assert s.share == pytest.approx(0.2) and s.won is None and s.lost is None

    def test_too_late_is_lost(self):
        s = standing(
            "cover 4 modes in 30 steps", (0, 1, 0, 1, 0.5), (20, 3, 0, 1, 0.5), (40, 9, 0, 1, 0.5)
        )
        assert (s.won, s.lost) == (None, 30) and s.share == 0.75

    def test_keeping_is_lost_at_once_and_won_at_the_end(self):
        text = "keep D between 0.4 and 0.8 in 100 steps"
        assert standing(text, (0, 1, 0, 1, 1.0), (60, 1, 0, 1, 0.81)).lost == 60
        assert (
            standing(text, (0, 1, 0, 1, 1.0), (40, 1, 0, 1, 0.9), (60, 1, 0, 1, 0.8)).lost is None
        ), "the first steps are free"
        assert standing(text, (0, 1, 0, 1, 0.5), (60, 1, 0, 1, 0.5), (100, 1, 0, 1, 0.5)).won == 100

    def test_the_nearest_row_leads(self):
        timeline = Timeline(rows=["baseline", "KDD"], width=8)
        timeline.measured.looks = {
            "baseline": {0: Measured(0, 2, 0, 1, 0.5)},
            "KDD": {0: Measured(0, 5, 0, 1, 0.5)},
        }
        assert (
            Mission("cover 9 modes in 50 steps").standing(timeline).words
            == "KDD leads, 56% of the way"
        )
        timeline.measured.looks = {
            name: {0: Measured(0, 0, 0, 1, 0.5)} for name in ("baseline", "KDD")
        }
        assert (
            Mission("cover 9 modes in 50 steps").standing(timeline).words
            == "no row has made progress yet"
        )

    def test_a_lab_tells_how_it_stands(self):
        lab = Lab(rows=["baseline"], width=8, only=["play"])
        assert lab.standing() is None
        lab.mission("cover all modes in 40 steps", only=["play", "g_lr"]).run(40)
        assert lab.standing().lost == 40 and lab.only == ["play", "g_lr"]
        with pytest.raises(ValueError, match="known: play"):
            lab.mission("cover 2 modes in 40 steps", only=["ply"])
        lab.close()


@pytest.mark.parametrize("name", gallery)
def test_a_failure_fails_as_it_says_and_its_mission_is_not_won_by_itself(name):
    lab = gallery[name].open(mission=True)
    try:
        timeline = lab.session.timeline
        assert timeline.step == gallery[name].step and gallery[name].shown(timeline), (
            timeline.curve(lab.rows[0])[-8:]
        )
        assert lab.standing().won is None
    finally:
        lab.close()


def test_a_sound_lab_shows_none_of_them():
    lab = Lab(("ring", {"radius": 1.0, "std": 0.1}), rows=["baseline"]).run(400)
    assert [name for name, f in gallery.items() if f.shown(lab.session.timeline)] == []
    lab.close()
