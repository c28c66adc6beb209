"""Seeds until decided: the same looks and words however often the command is stopped."""

import json
import math
import os
import re
import shlex
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from commands import gantutor, start
from fake_grid import (
    BARE,
    MORE,
    QUA,
    ROWS,
    Client,
    Clock,
    Killed,
    place,
    planned,
    until_decided,
    value,
    words,
    write_record,
)
from grids import until
from tiny import course
from typer.testing import CliRunner

from gantutor.cli import app
from gantutor.course.config import BadParameters
from gantutor.course.records import read
from gantutor.reproduce import grid, planfile, report
from gantutor.reproduce.claims import Direction, Printed, Verdict
from gantutor.reproduce.ledger import read_ledger
from gantutor.reproduce.plan import load_plan, make_plan
from gantutor.reproduce.report.evidence import section_of
from gantutor.reproduce.targets import TARGETS, choose
from gantutor.reproduce.until import (
    UntilDecided,
    blocks,
    forecasts,
    kept,
    on_the_page,
    outlook,
)
from gantutor.reproduce.until.pilot import aim_of
from gantutor.reproduce.until.pursuit import FAR, lacks, settled
from gantutor.reproduce.waiting import Deadline, Waiting
from gantutor.statistics import detectable, levels, looks, seeds_needed
from gantutor.statistics.intervals import sd

ROOT = Path(__file__).parent.parent
FIGURES = ["kddgan/fig1", "kddgan/fig3"]
NAMES = [*ROWS, *FIGURES]


@pytest.fixture
def here(tmp_path, monkeypatch):
    return place(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A command that nothing stopped: its folder, client and queue."""
    with pytest.MonkeyPatch.context() as patch:
        folder, client = place(tmp_path_factory.mktemp("whole"), patch), Client()
        waiting = until_decided(folder / "out", NAMES, client)
        yield folder / "out", client, waiting


# -- the plan -------------------------------------------------------------------------------------
def test_the_seeds_of_all_looks_follow_each_other():
    for most in (3, 4, 12, 30, 45):
        found = blocks(looks(most), first=7)
        seeds = [seed for first, n in found for seed in range(first, first + n)]
        assert seeds == list(range(7, 7 + most))


def test_the_first_look_is_the_run_of_three_seeds_and_a_baseline_runs_once(here):
    plan, fixed = planned(here / "out", ROWS), make_plan(choose(ROWS), here / "out", "class", 0, 3)
    assert plan.targets == fixed.targets
    assert [len(runs) for runs in plan.targets.values()] == [1, 2, 2]
    assert len(plan.jobs) == 3 * 6  # three rows, six looks
    labels = [job.label for job in plan.jobs]
    assert len(set(labels)) == len(labels) and labels[-1].endswith("seeds 20 to 29")
    plan.out.mkdir()
    plan.save()
    entry = load_plan(plan.out)[0][ROWS[1]]
    assert entry["looks"] == [3, 5, 8, 12, 20, 30] and len(entry["further"]) == 5
    assert entry["claims"] == planfile.terms(TARGETS[ROWS[1]]) and entry["fixed"]["before_runs"]


# -- decisions ------------------------------------------------------------------------------------
def test_targets_stop_at_their_decision_and_the_report_says_the_same(whole):
    out, client, waiting = whole
    drawn = {name: [] for name, _, _ in client.submitted}
    for name, first, n in client.submitted:
        drawn[name] += range(first, first + n)
    # each in order, each once
    assert all(seeds == list(range(len(seeds))) for seeds in drawn.values())
    # a large effect is decided with fewer seeds than a small one, whose baseline has as many
    assert len(drawn[MORE]) < len(drawn[QUA]) == len(drawn[BARE]) == 12
    found = words(out, NAMES)
    for p in waiting.pursuits:
        own = [(v.status, v.seeds) for v in p.verdicts]
        assert p.is_over and own == found[p.target.name]
    assert {word for word, _ in found["kddgan/fig3"]} == {"holds", "undecided"}
    # the bar that one seed misses is open, and nothing would change that
    page = report.build(out).page.read_text()
    assert "--until-decided --max-seeds 30" in page
    section = section_of(TARGETS[ROWS[1]], read_ledger(out))
    assert section.seeds == 12 and len(section.shown) == 2 and len(section.results) == 8
    assert section.minutes_a_seed == pytest.approx(2 / 60)


def test_a_verdict_is_settled_where_seeds_change_nothing():
    assert settled(Verdict("holds", seeds=8)) and not settled(Verdict("holds (few seeds)", seeds=3))
    assert settled(Verdict("measured", seeds=5)) and not settled(Verdict("measured", seeds=3))
    assert settled(Verdict("undecided", seeds=5))  # an exact statement: some seeds are inside
    assert not settled(Verdict("undecided", seeds=20, p=0.3))
    assert not settled(Verdict("compatible", seeds=20, p=0.3))
    assert settled(Verdict("undecided", note="diverged at step 3")) and settled(Verdict("not run"))


def test_what_an_open_claim_lacks():
    unsure = Verdict("undecided", seeds=8, p=0.2)
    assert lacks(replace(unsure, needed=20), 8) == 12 and lacks(replace(unsure, needed=8), 8) == 1
    assert lacks(unsure, 8) == FAR and lacks(replace(unsure, failed=2), 8) == 8
    assert lacks(Verdict("holds (few seeds)", seeds=3, p=0.01), 3) == 2


def test_the_nearest_decision_comes_first(here):
    """The distance is the seeds that a claim lacks, times the minutes of one."""
    plan = planned(here / "out", NAMES)
    waiting = UntilDecided(plan, say=lambda line: None)
    # all lack five seeds, and a row that needs no baseline is nearer than one that does
    order = [p.target.name for p in waiting._by_distance()]
    assert order.index(ROWS[0]) < order.index(ROWS[1])
    for job in plan.jobs[: len(plan.targets) + 1]:  # the first look of all
        if job.parameters["seed"] == 0:
            grid_ends(waiting, job)
    far = [p for p in waiting.pursuits if p.next()]
    distances = {p.target.name: p.distance(waiting.pace) for p in far}
    order = [p.target.name for p in waiting._by_distance()]
    assert order == sorted(order, key=distances.get) and len(set(distances.values())) > 2
    for p in far:
        open_ = [v for v in p.verdicts if not settled(v)]
        lack = min((v.needed or 5) - 3 for v in open_)
        runs = [job for job in p.next() if job not in waiting.records]
        each = sum(job_seconds(job) for job in runs)
        assert distances[p.target.name] == pytest.approx(max(lack, 1) * each / 60)


def job_seconds(job) -> float:
    """What `grid_ends` says that a seed of a job takes."""
    return 10.0 if job.parameters.get("row") else 40.0


def grid_ends(waiting, job) -> None:
    """A job ends well, with its record."""
    seconds = job_seconds(job) * job.seeds
    write_record(job.folder, job.notebook.stem, job.parameters, seconds)
    waiting.began(job)
    waiting.ended(job, grid.Outcome("ok", "", seconds))


# -- interrupted ----------------------------------------------------------------------------------
@pytest.mark.parametrize("finish", [False, True], ids=["lost", "finished"])
def test_however_often_it_is_stopped_the_looks_and_words_are_the_same(here, whole, finish):
    """Killed at each of its runs in turn, before or after the run left its record."""
    out, client, _ = whole
    said, commands = [], 0
    while True:
        commands += 1
        try:
            again = Client(kill=2 if finish else 3, finish=finish)
            until_decided(here / "out", NAMES, again, said=said)
            break
        except Killed:
            assert commands < 20
    assert commands > 5
    assert words(here / "out", NAMES) == words(out, NAMES)
    records = sorted(p.parent.name for p in (here / "out").rglob("result.json"))
    assert records == sorted(p.parent.name for p in out.rglob("result.json"))
    # every look was taken once, at the numbers of the plan, unless the command died before it
    taken = [line for line in said if line.startswith("  look     kddgan/fig3")]
    taken = [int(line.split(" at ")[1].split()[0]) for line in taken]
    assert taken == [3, 5, 8] if not finish else {*taken} <= {3, 5, 8}
    mine = {k: (v["looks"], v["further"], v["runs"]) for k, v in load_plan(out)[0].items()}
    again = load_plan(here / "out")[0]
    assert {k: (v["looks"], v["further"], v["runs"]) for k, v in again.items()} == mine


def test_a_look_waits_for_a_run_that_failed_and_the_others_go_on(here, whole):
    said = []
    waiting = until_decided(here / "out", NAMES, Client(fails=[(QUA, 3)]), said=said)
    found = words(here / "out", NAMES)
    assert found[ROWS[1]] == [("undecided", 3)]  # its baseline has more
    others = [name for name in NAMES if name not in ROWS[:2]]
    assert {n: found[n] for n in others} == {n: words(whole[0], NAMES)[n] for n in others}
    assert any("waits for a run that failed: 10_full_run" in line for line in outlook(waiting))
    assert waiting.wanted() == []
    # the same command takes it up again
    until_decided(here / "out", NAMES)
    assert words(here / "out", NAMES) == words(whole[0], NAMES)


def test_seeds_behind_a_gap_do_not_count(here):
    plan = planned(here / "out", ["kddgan/fig1"])
    plan.out.mkdir()
    plan.save()
    for job in (plan.jobs[0], plan.jobs[2]):  # seeds 0 to 2 and 5 to 7
        write_record(job.folder, "03_kdd", job.parameters, 1.0)
    assert {n for _, n in words(plan.out, ["kddgan/fig1"])["kddgan/fig1"]} == {3}
    write_record(plan.jobs[1].folder, "03_kdd", plan.jobs[1].parameters, 1.0)
    assert {n for _, n in words(plan.out, ["kddgan/fig1"])["kddgan/fig1"]} == {8}
    # nor do they where the first seeds' record is damaged, though the others would answer
    (plan.jobs[0].folder / "result.json").write_text("{")
    assert words(plan.out, ["kddgan/fig1"])["kddgan/fig1"] == [("not run", 0)] * 2


# -- what was fixed stays -------------------------------------------------------------------------
def test_another_schedule_is_refused_once_seeds_were_looked_at(here):
    out, names = here / "out", ["kddgan/fig1"]
    until_decided(out, names, Client())
    with pytest.raises(BadParameters, match=r"looks at 3, 5, 8, 12, 20, 30 seeds, not with looks"):
        planned(out, names, 20)
    with pytest.raises(BadParameters, match=r"another --out, or --until-decided --max-seeds 30"):
        make_plan(choose(names), out, "class", 0, 8).save()
    # three seeds without a word about looks: the schedule holds
    make_plan(choose(names), out, "class", 0, 3).save()
    assert load_plan(out)[0]["kddgan/fig1"]["looks"] == list(looks(30))
    # other seeds, and a folder without records, are free
    planned(out, names, 20, seed=100)
    planned(here / "other", names, 20)


def test_three_seeds_may_become_the_first_look_and_eight_may_not(here):
    names = ["kddgan/fig1"]
    for n in (3, 8):
        out = here / f"out{n}"
        plan = make_plan(choose(names), out, "class", 0, n)
        grid.run_plan(plan, Client(), say=lambda line: None)
    client = Client()
    until_decided(here / "out3", names, client)
    assert client.submitted[0] == ("03_kdd", 3, 2)
    with pytest.raises(BadParameters, match="planned with a fixed number of seeds, not with looks"):
        until_decided(here / "out8", names)


def test_a_claim_that_changes_after_its_runs_is_named(here, monkeypatch):
    out, name = here / "out", "kddgan/fig1"
    until_decided(out, [name])
    assert section_of(TARGETS[name], read_ledger(out)).problems == []
    exact, angle = TARGETS[name].claims
    easier = replace(TARGETS[name], claims=(exact, replace(angle, smallest=1.0)))
    (said,) = section_of(easier, read_ledger(out)).problems
    assert "a claim has changed since it was fixed at 20" in said
    assert '"KDD\'s arrows point in different directions": effect 5 then, 1 now' in said
    assert "margin 5 then, 1 now" in said
    # planning it again does not fix it again
    monkeypatch.setitem(planfile.TARGETS, name, easier)
    make_plan(choose([name]), out, "class", 0, 3).save()
    assert section_of(easier, read_ledger(out)).problems == [said]
    (said,) = section_of(replace(easier, claims=(exact,)), read_ledger(out)).problems
    assert said == "it had 2 claims before its runs, and has 1 now"


def test_a_plan_of_an_earlier_version_is_read_and_says_when_its_claims_were_fixed(here):
    out, name = here / "out", "kddgan/fig1"
    plan = make_plan(choose([name]), out, "class", 0, 3)
    grid.run_plan(plan, Client(), say=lambda line: None)
    entry = json.loads((out / "plan.json").read_text())[name]
    old = {k: entry[k] for k in ("profile", "seed", "seeds", "runs", "given", "missing")}
    (out / "plan.json").write_text(json.dumps({name: old}))
    section = section_of(TARGETS[name], read_ledger(out))
    assert section.problems == [] and section.seeds == 3
    plan.save()
    (said,) = section_of(TARGETS[name], read_ledger(out)).problems
    assert said.startswith("its claims were fixed only after its first record, at ")


@pytest.mark.parametrize("wrong", [[3, 3], [5, 3], [0, 3]])
def test_a_schedule_that_does_not_grow_is_damage(here, wrong):
    plan = planned(here / "out", ["kddgan/fig1"])
    plan.out.mkdir()
    plan.save()
    path = plan.out / "plan.json"
    entry = json.loads(path.read_text())
    entry["kddgan/fig1"]["looks"] = wrong
    path.write_text(json.dumps(entry))
    found, damage = load_plan(plan.out)
    assert found == {} and "kddgan/fig1.looks is " in damage[0] and "that grow" in damage[0]


# -- time -----------------------------------------------------------------------------------------
def test_within_a_time_no_run_begins_that_would_not_end_in_it(here):
    """By a clock that only the runs move: 60 s a seed."""
    name, clock, said = "kddgan/fig3", Clock(), []
    deadline = Deadline(500.0, clock)
    waiting = until_decided(
        here / "out", [name], Client(seconds=60.0, clock=clock), deadline=deadline, said=said
    )
    # 3 and 2 seeds took 300 s; the 3 seeds of the next look would have ended after 480 s
    assert clock.now == 480.0 and waiting.pursuits[0].seeds == 8
    waiting = until_decided(
        here / "more",
        [name],
        Client(seconds=60.0, clock=(other := Clock())),
        deadline=Deadline(479.0, other),
    )
    assert other.now == 300.0 and waiting.pursuits[0].seeds == 5
    lines = outlook(waiting)
    assert lines[-1] == (
        "not begun for lack of time: 1 run to the next looks, about 3 min one after the other; "
        "the same command continues"
    )
    (open_,) = [line for line in lines if "KDD < hinge" in line]
    assert "undecided  at 5 seeds; " in open_ and "more, about" in open_
    # before any run has ended, the plan's own minutes count
    late, first = Clock(), planned(here / "none", [name]).jobs[0].minutes
    waiting = until_decided(
        here / "none", [name], Client(clock=late), deadline=Deadline(first * 59, late)
    )
    assert late.now == 0.0 and "no look yet" in outlook(waiting)[1]


def test_a_plain_grid_keeps_to_its_time_too(here):
    plan, clock = make_plan(choose(ROWS), here / "out", "class", 0, 3), Clock()
    waiting = Waiting(plan.jobs, Deadline(200.0, clock))  # three runs of 90 s
    client = Client(seconds=30.0, clock=clock)
    outcomes = grid.run_plan(plan, client, say=lambda line: None, waiting=waiting)
    assert len(outcomes) == 2 and clock.now == 180.0
    (left,) = waiting.wanted()
    assert waiting.pace.minutes(left) == pytest.approx(1.5)  # by the two that ended


# -- words and forecasts --------------------------------------------------------------------------
def test_the_last_lines_say_what_is_decided_and_what_the_page_leaves_open(whole):
    out, _, waiting = whole
    lines = outlook(waiting)
    assert max(map(len, lines)) <= 100
    decided = {name: 0 for name in NAMES}
    for p in waiting.pursuits:
        for at, verdict in zip(p.decided_at(), p.verdicts, strict=True):
            if at is not None:
                decided[p.target.name] += 1
                assert any(f"{verdict.status:10s} decided at {at} seeds" in x for x in lines)
                # by the seeds up to there alone
                part = p.judged(p.looks.index(at) + 1)
                assert verdict.status in [v.status for v in part]
    assert decided == {ROWS[0]: 0, ROWS[1]: 1, ROWS[2]: 1, "kddgan/fig1": 2, "kddgan/fig3": 3}
    sections = report.collect(out)
    among = on_the_page(sections, NAMES)
    withdrawn = [v for s in sections if s.target.name in NAMES for v in s.verdicts if v.alone]
    assert len(among) == (
        1 + len(withdrawn) + len({s for s in among if s in NAMES}) if among else 0
    )
    assert all(len(line) <= 100 for line in among[1:])


def test_names_of_claims_are_whole_beside_aligned_columns(here):
    course(here / "notebooks", "14_together")
    plan = planned(here / "out", ["composition/ring"])
    claims = TARGETS["composition/ring"].claims
    for lines, said in (
        (list(forecasts(plan, read_ledger(plan.out)))[3:], "no pilot"),
        (outlook(UntilDecided(plan))[1:-1], "no look yet"),
    ):
        assert max(map(len, lines)) <= 100
        assert not any("\N{HORIZONTAL ELLIPSIS}" in line for line in lines)
        # a claim is a line with columns and those below it, further to the right
        ends = {line.index(said) for line in lines if said in line}
        assert len(ends) == 1
        named = "\n".join(line[: min(ends)].rstrip() if said in line else line for line in lines)
        found = [" ".join(name.split()) for name in re.split(r"\n(?=  \S)", named)]
        assert len(set(found)) == len(found) == len(claims)
        assert "effect_on_log_energy_distance: ring: AdaptiveMix x -qua < no effect" in found


def test_a_forecast_is_the_power_of_the_pilot_s_spread(whole):
    out, _, _ = whole
    plan = planned(out, [ROWS[2], "kddgan/fig1"])
    lines = list(forecasts(plan, read_ledger(out)))
    assert max(map(len, lines)) <= 100
    n = words(out, NAMES)[ROWS[2]][0][1]
    logs = [
        math.log(value("10_full_run", MORE, "kd_small", s))
        - math.log(value("10_full_run", BARE, "kd_small", s))
        for s in range(n)
    ]
    effect = abs(math.log(TARGETS[ROWS[2]].claims[0].value / TARGETS[ROWS[2]].claims[0].plain))
    seen = sd(logs) * detectable(30, alpha=levels(looks(30))[-1])
    (line,) = [x for x in lines if "qua+ < bare" in x]
    shown = [f"{sd(logs):.3g} ({n})", f"{100 * math.expm1(seen):.3g} %"]
    shown += [f"{100 * math.expm1(effect):.3g} %", str(max(5, seeds_needed(effect / sd(logs))))]
    places = [line.index(text) for text in shown]
    assert places == sorted(places), (line, shown)
    (line,) = [x for x in lines if "angle_median_deg" in x]
    assert "5*" in line  # in degrees, and the paper prints none
    assert any("every seed counts" in x for x in lines)


def test_numbers_are_forecast_by_their_margin():
    aim = aim_of(Printed("fid", "a", "FID 20", 20.0, spread=2.0))
    assert aim.shown(aim.size) == "+-10 %" and aim.needed(0.0) == 5
    assert aim.needed(aim.size) > aim_of(Direction("fid", "a", "", "b", "lower")).needed(0.05)
    # the least margin that n seeds confirm is confirmed by n seeds, and not by n - 1
    for n in (5, 8, 12):
        margin = aim.seen(1.0, n, 0.05)
        assert replace(aim, size=margin + 1e-3).needed(1.0) == n


def test_without_records_the_kept_ones_are_the_pilot_if_they_are_of_the_same_runs(here, whole):
    plan = planned(here / "new", ["kddgan/fig1", "adaptivemix/fig3"])

    def line():
        kept._rows.cache_clear(), kept._runs.cache_clear()
        lines = forecasts(plan, read_ledger(here / "new"))
        return next(x for x in lines if "angle_median_deg" in x)

    assert "no pilot" in line()
    records, folder = here / "data/records", whole[0]
    records.mkdir()
    report.build(folder)
    (records / "class.csv").write_text((folder / "report.csv").read_text())
    (records / "class.json").write_text(json.dumps(report.status.conditions_below(folder)))
    assert "no pilot" not in line() and "(8)" in line()
    text = (records / "class.csv").read_text()
    (records / "class.csv").write_text(text.replace(",sd,", ",spread,"))  # of another version
    assert "no pilot" in line()
    kept._rows.cache_clear(), kept._runs.cache_clear()


# -- the command ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--max-seeds 12", "--max-seeds 12 belongs to --until-decided"),
        ("--until-decided --seeds 4", "--seeds 4 and --until-decided"),
        ("--until-decided --fresh", "seeds that were judged are not drawn again"),
        ("--until-decided --max-seeds 2", "--max-seeds 2: expected an integer of at least 3"),
        ("--within 2", "--within 2: expected a time above 0, such as 90s, 30m or 1h30m"),
        ("--within 0m", "--within 0m: expected a time above 0"),
        ("--within 1.5h", "--within 1.5h: expected a time above 0"),
    ],
)
def test_options_that_do_not_go_together_are_refused(here, options, sentence):
    done = CliRunner().invoke(app, ["reproduce", "kddgan/fig1", "--dry-run", *options.split()])
    assert done.exit_code == 2 and done.stderr.startswith("gantutor: ") and sentence in done.stderr
    assert done.stderr.count("\n") == 1 and not (here / "runs").exists()


def test_a_dry_run_of_looks_lists_the_first_one_and_what_it_can_decide(here):
    ask = "reproduce kddgan/fig1 advlatgan/table4:cifar10/dcgan/qua --until-decided --dry-run"
    done = CliRunner().invoke(app, [*ask.split(), "--within", "1h30m"])
    assert done.exit_code == 0, done.stderr
    assert "2 targets, looks at 3, 5, 8, 12, 20, 30 seeds, at most 18 runs" in done.stdout
    assert "the first look: 3 runs to do, about " in done.stdout
    assert done.stdout.count("would run") == 3 and done.stdout.count("no pilot") == 2
    assert not (here / "runs").exists()


SCORES = """
from gantutor.reproduce.targets import expected
for variant, metric in sorted(expected("03_kdd")):
    worse = variant in ("hinge", "initial") and metric != "hinge_arrow_spread"
    far = 0.0 if metric == "hinge_arrow_spread" else 0.5 + 30 * worse
    far = -far if metric == "angle_median_deg" else far
    record.add(metric, [far + 1e-8 * (s % 3) for s in cfg.seed_list], variant)
"""


def test_the_whole_command_on_real_workers_goes_on_where_it_was(tmp_path):
    """Dask, kernels and processes are real; the notebook is a stand-in without training."""
    course(tmp_path / "notebooks", "03_kdd", SCORES)
    ask = ["reproduce", "kddgan/fig1", "--profile", "smoke", "--out", "out"]
    code, out, err = gantutor(*ask, "--until-decided", "--max-seeds", "5", cwd=tmp_path)
    assert (code, err) == (0, ""), out + err
    assert "look     kddgan/fig1 at 3 seeds" in out and "look     kddgan/fig1 at 5 seeds" in out
    assert "decided at 5 seeds" in out and "claims, each by itself:" in out
    records = [json.loads(p.read_text())["seeds"] for p in (tmp_path / "out").rglob("result.json")]
    assert sorted(records) == [[0, 1, 2], [3, 4]]
    code, out, err = gantutor(*ask, "--until-decided", "--max-seeds", "5", cwd=tmp_path)
    assert (code, err) == (0, "") and out.count("kept     03_kdd") == 2
    code, out, err = gantutor(*ask, "--until-decided", "--max-seeds", "8", cwd=tmp_path)
    assert code == 2 and "take another --out, or --until-decided --max-seeds 5" in err


def test_shared_plans_do_not_lend_their_claims(here):
    """A figure that another one's runs answer was not fixed with it."""
    out = here / "out"
    until_decided(out, ["kddgan/fig3"])
    section = section_of(TARGETS["kddgan/fig1"], read_ledger(out))
    assert section.seeds >= 5 and section.problems == []
    assert {v.seeds for v in section.verdicts} == {8}
    # a baseline's own section has the seeds that ran for another row
    until_decided(out, [ROWS[1]])
    bare = section_of(TARGETS[ROWS[0]], read_ledger(out))
    assert bare.seeds == 12 and bare.status == "measured"
    assert [r["seeds"][0] for _, r in bare.results] == [0, 3, 5, 8]


@pytest.mark.slow
def test_a_real_notebook_goes_on_after_its_command_was_killed(tmp_path):
    """Its nets are trained; the first look is done when SIGKILL comes, the second has begun."""
    ask = shlex.split("reproduce kddgan/fig1 --profile smoke --until-decided --max-seeds 5 --out")
    ask = [*ask, str(tmp_path / "out"), "--jobs", "1"]
    process = start(*ask, cwd=ROOT, own_group=True)
    begun = (tmp_path / "out/runs").glob
    until(lambda: len([*begun("*/result.json")]) == 1 and len([*begun("*/.written")]) == 1, 600)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    code, out, err = gantutor(*ask, cwd=ROOT)
    assert (code, err) == (0, ""), out + err
    assert out.count("kept     03_kdd seeds 0 to 2") == 1
    assert "look     kddgan/fig1 at 5 seeds: 1 reproduced, 1 holds" in out
    records = [read(p.parent)["seeds"] for p in sorted((tmp_path / "out").rglob("result.json"))]
    assert sorted(records) == [[0, 1, 2], [3, 4]]
