"""The commands from outside: what runs, what is kept, and one sentence for every bad input."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time

import pytest
from commands import gantutor, start
from tiny import SAVE, SETUP, course, write

SCORES = """
metrics = "modes mean_slope energy_distance angle_median_deg nearest_kept mode_share"
for variant in ("AdaptiveMix", "Std-GAN", "WGAN", "KDD", "hinge", "initial"):
    for metric in [*metrics.split(), "hinge_arrow_spread"]:
        record.add(metric, [0.0 for s in cfg.seed_list], variant)
"""


def test_run_keeps_its_result_and_does_not_run_twice(tmp_path):
    write(tmp_path, SETUP, SAVE)
    ask = shlex.split("run tiny.ipynb -p steps=7 -p word=012 --seed 3 --out here")
    code, out, _ = gantutor(*ask, cwd=tmp_path)
    assert code == 0 and "ok: " in out
    result = json.loads((tmp_path / "here/result.json").read_text())
    assert result["parameters"] | {"steps": 7, "word": "012", "seed": 3} == result["parameters"]
    code, out, _ = gantutor(*ask, cwd=tmp_path)
    assert code == 0 and out.startswith("kept: ")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            "run 01 -p stepz=3",
            "unknown parameter 'stepz' of 01_plane: did you mean 'steps'? known: ",
        ),
        ("run 01 -p steps=abc", "steps='abc': expected an integer"),
        ("run 01 -p steps", "-p 'steps': expected NAME=VALUE"),
        ("run 01 --profile big", "profile='big': expected 'smoke', 'class', 'colab' or 'paper'"),
        ("run 05 -p lr=-1e-3", "lr=-0.001: expected a number above 0"),
        ("run 01_plan", "no notebook '01_plan': did you mean '01_plane'?"),
        ("run 01 --out notebooks/01_plane.ipynb/x", "output folder "),
        ("reproduce kddgan/fig2", "unknown target 'kddgan/fig2': did you mean "),
        ("reproduce --profile big", "unknown profile 'big'"),
        ("reproduce --seeds 0", "--seeds 0: expected an integer of at least 1"),
        ("reproduce --jobs 0", "--jobs 0: expected an integer of at least 1"),
        ("reproduce --out notebooks/01_plane.ipynb", "output folder "),
        ("report --out nowhere", "no folder nowhere"),
        (
            "reproduce kddgan/fig1 --features inception",
            "-p features: no planned run takes it: known: points, ",
        ),
        (
            "reproduce kddgan -p featurs=inception",
            "-p featurs: no planned run takes it: did you mean 'features'?",
        ),
        (
            "reproduce kddgan -p row=x",
            "-p row: no planned run takes it: the targets set it",
        ),
        (
            "reproduce kddgan/table1 -p nets=cnn",
            "-p nets: no planned run takes it: each row of a table has its own",
        ),
        ("reproduce kddgan -p seeds=3", "-p seeds: use --seeds instead"),
        ("reproduce kddgan -p seeds", "-p 'seeds': expected NAME=VALUE"),
        (
            "reproduce kddgan --features incepton",
            "features='incepton': expected 'small', 'inception'",
        ),
        ("reproduce kddgan -p n_fake=few", "n_fake='few': expected an integer"),
        (
            "reproduce kddgan/fig1 --weights here.pt",
            "--weights here.pt: no planned run reads them: add --features inception",
        ),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, arguments, sentence):
    for stem in ("01_plane", "05_images"):
        course(tmp_path / "notebooks", stem)
    code, _, err = gantutor(*arguments.split(), cwd=tmp_path)
    assert code == 2
    assert err.startswith(f"gantutor: {sentence}") and err.count("\n") == 1


def test_a_failing_run_exits_with_its_sentence(tmp_path):
    write(tmp_path, SETUP, "raise ValueError('no luck')", SAVE)
    code, _, err = gantutor("run", "tiny.ipynb", "--out", "here", cwd=tmp_path)
    assert code == 1
    assert err == "gantutor: tiny ended with error: cell 4 of 5 raised ValueError: no luck\n"


def test_reproduce_continues_after_failures_and_absent_data_and_skips_what_is_done(tmp_path):
    course(tmp_path / "notebooks", "03_kdd", SCORES)
    course(tmp_path / "notebooks", "02_adaptivemix", "1 / 0")
    course(tmp_path / "notebooks", "05_images")
    targets = ["kddgan/fig1", "kddgan/fig3", "adaptivemix/fig3", "kddgan/cifar10-jpeg"]
    ask = ["reproduce", *targets, "--profile", "smoke", "--out", "out"]
    code, out, _ = gantutor(*ask, "--dry-run", cwd=tmp_path)
    assert not (tmp_path / "out").exists()
    assert code == 0 and out.count("would run") == 2
    assert "not run  kddgan/cifar10-jpeg: needs cifar10-jpeg: GANTUTOR_DATA is not set" in out

    code, out, err = gantutor(*ask, cwd=tmp_path)
    first = "the first: 02_adaptivemix: cell 4 of 5 raised ZeroDivisionError"
    assert code == 1 and err.startswith(f"gantutor: 1 of 2 runs failed; {first}")
    assert "done     03_kdd" in out and "error    02_adaptivemix" in out
    assert re.search("1 of 2 done, [01] running", out)
    assert "1 error, 1 done" in out or "1 done, 1 error" in out  # in the order in which they ended
    page = (tmp_path / "out/report.html").read_text()
    assert "ZeroDivisionError" in page and "GANTUTOR_DATA is not set" in page

    # corrected: only the failed run starts again
    course(tmp_path / "notebooks", "02_adaptivemix", SCORES)
    code, out, err = gantutor(*ask, cwd=tmp_path)
    assert (code, err) == (0, "") and "2 runs, 1 to do" in out
    assert "kept     03_kdd" in out and "done     02_adaptivemix" in out
    code, out, _ = gantutor("report", "--out", "out", cwd=tmp_path)
    assert code == 0 and out.strip().endswith("report.html")


def test_parameters_reach_the_runs_that_leave_them_open(tmp_path):
    """They override the target's budget, and count as part of a run's identity.

    They are in the command that the report shows, and runs that do not know them do not get them.
    """
    course(tmp_path / "notebooks", "03_kdd", SCORES)
    course(tmp_path / "notebooks", "10_full_run", "record.add('kd_efflite0', 0.5, cfg.row)")
    (tmp_path / "data/cifar10-jpeg").mkdir(parents=True)
    ask = shlex.split("reproduce kddgan/fig1 kddgan/table1:kdd-tau1 --profile class --out out")
    given = shlex.split("--features efflite0 -p n_fake=77 -p size=0")
    plain, changed = (gantutor(*ask, *more, "--dry-run", cwd=tmp_path)[1] for more in ([], given))
    row = "10_full_run kddgan/table1/kdd-tau1"
    assert f"would run {row} dataset=cifar10-jpeg," in plain
    assert "would run 03_kdd," in plain and "would run 03_kdd," in changed
    assert re.search(rf"would run {row} .*features=efflite0", changed)
    assert "n_fake=77" in changed and "without -p" in changed

    code, out, err = gantutor(*ask, *given, cwd=tmp_path)
    assert (code, err) == (0, "")
    records = [json.loads(p.read_text()) for p in (tmp_path / "out").rglob("result.json")]
    made = [record["parameters"] for record in records]
    assert sorted((p.get("features", ""), p.get("n_fake", 0), p.get("width", 0)) for p in made) == [
        ("", 0, 0),
        ("efflite0", 77, 4),
        ("efflite0", 77, 4),
    ]
    plan = json.loads((tmp_path / "out/plan.json").read_text())
    texts = {"n_fake": "77", "size": "0", "features": "efflite0"}
    assert plan["kddgan/table1:kdd-tau1"]["given"] == texts
    assert not plan["kddgan/fig1"]["given"]
    page = (tmp_path / "out/report.html").read_text()
    assert "--profile class -p n_fake=77 -p size=0 -p features=efflite0 --out out" in page
    assert gantutor(*ask, *given, cwd=tmp_path)[1].count("kept     ") == 3


def test_a_report_that_cannot_be_written_is_named_and_the_export_is_not_lost(tmp_path):
    (tmp_path / "out/report.html").mkdir(parents=True)  # in the way, as a full disk would be
    ask = ["report", "--out", "out", "--export"]
    code, out, err = gantutor(*ask, "values.csv", cwd=tmp_path)
    said = "gantutor: the report cannot be written into out (Is a directory); no run is lost"
    assert code == 1 and err.startswith(said) and err.count("\n") == 1
    assert out == "values.csv\n" and (tmp_path / "values.csv").read_text().startswith("notebook,")
    code, _, err = gantutor(*ask, "nowhere/values.csv", cwd=tmp_path)
    said = "nowhere/values.csv cannot be written (Cannot save file into a non-existent directory"
    assert code == 2 and err.startswith(f"gantutor: {said}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_stop_the_children_and_say_how_to_continue(tmp_path, number):
    begun = tmp_path / "begun"
    sleeps = f"""
import os, time
open({str(begun)!r}, "w").write(str(os.getpid()))
time.sleep(99)
"""
    course(tmp_path / "notebooks", "03_kdd", sleeps)
    ask = shlex.split("reproduce kddgan/fig1 --profile smoke --out out")
    process = start(*ask, cwd=tmp_path, own_group=True)
    for _ in range(3000):
        if begun.exists() and begun.read_text():
            break
        time.sleep(0.1)
    # a terminal and `timeout` signal the whole process group; twice, as impatient users do
    for _ in range(2):
        os.killpg(process.pid, number)
        time.sleep(0.3)
    out, err = process.communicate(timeout=120)
    stopped = "gantutor: stopped; run the same command again to continue\n"
    assert (process.returncode, err) == (130, stopped), out + err
    assert "stopping 1 run ..." in out
    assert "stopped: 0 of 1 runs are done; run the same command again to continue" in out
    kernel = int(begun.read_text())
    time.sleep(1)
    with pytest.raises(ProcessLookupError):
        os.kill(kernel, 0)


def test_targets_are_listed_for_people_and_programs(tmp_path):
    code, out, _ = gantutor("targets", cwd=tmp_path)
    assert code == 0 and "kddgan/fig3" in out
    code, out, _ = gantutor("targets", "--json", cwd=tmp_path)
    rows = {t["name"]: t for t in json.loads(out)}
    assert rows.keys() >= {"adaptivemix/fig3", "kddgan/fig1", "advlatgan/table1-toy"}
    assert all((t["minutes"]["class"] > 0) == (not t["not_yet"]) for t in rows.values())
    needs = "needs cifar10: GANTUTOR_DATA is not set"
    assert rows["kddgan/table1:kdd-tau1"]["absent"].startswith(needs)
    assert rows["adaptivemix/table5"]["absent"] == "not yet: StyleGAN2 is not in the package yet"
    code, out, _ = gantutor("targets", "--paper", "kddgan", cwd=tmp_path)
    assert code == 0 and "advlatgan/" not in out and "kddgan/table4:joint0.5-stale" in out
    code, _, err = gantutor("targets", "--paper", "kdd", cwd=tmp_path)
    assert code == 2 and err.startswith("gantutor: --paper 'kdd': did you mean 'kddgan'?")


def test_data_lists_and_verifies_sets_and_says_how_to_get_missing_ones(tmp_path):
    code, out, _ = gantutor("data", "list", cwd=tmp_path)
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert code == 0 and "train 5000, test 8000, unlabeled 100000" in lines["stl10"]
    assert "in scikit-learn" in lines["digits"]
    assert "absent: `gantutor data fetch stl10`, or download" in lines["stl10"]
    assert "absent: log in at" in lines["imagenet64"]
    (tmp_path / "data/cifar10-jpeg/train/cat").mkdir(parents=True)
    assert str(tmp_path / "data/cifar10-jpeg") in gantutor("data", "list", cwd=tmp_path)[1]
    code, out, err = gantutor("data", "verify", "digits", cwd=tmp_path)
    assert (code, err) == (0, "") and "train: 1498 images 1x8x8, 10 classes, digest " in out
    for arguments, sentence in (
        (
            ["fetch", "celeba"],
            "celeba cannot be fetched by a program: download img_align_celeba.zip",
        ),
        (["fetch", "cifar"], "image set 'cifar' is unknown; known: digits, cifar10"),
        (["verify", "cifar10-jpeg"], f"{tmp_path / 'data/cifar10-jpeg'} contains no images"),
    ):
        code, _, err = gantutor("data", *arguments, cwd=tmp_path)
        assert code == 1
        assert err.startswith(f"gantutor: {sentence}") and err.count("\n") == 1


def test_help_is_fast_because_nothing_heavy_is_imported():
    heavy = {"torch", "pandas", "pydantic", "papermill", "scipy"}
    code = f"import sys, gantutor.cli; print(sorted({heavy!r} & set(sys.modules)))"
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"
