"""The commands from outside: what runs, what is kept, and one clear sentence with a non-zero exit for every bad input."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image
from tiny import SAVE, SETUP, course, write

SCORES = """
for variant in ("AdaptiveMix", "Std-GAN", "WGAN", "KDD", "hinge", "initial"):
    for metric in "modes mean_slope energy_distance angle_median_deg nearest_kept mode_share hinge_arrow_spread".split():
        record.add(metric, [0.0 for s in cfg.seed_list], variant)
"""


def start(*arguments: str, cwd, start_new_session: bool = False, **env) -> subprocess.Popen:
    environment = (
        {k: v for k, v in os.environ.items() if k not in ("GANTUTOR_DATA", "GANTUTOR_WEIGHTS")}
        | {"OMP_NUM_THREADS": "1"}
        | env
    )
    command = [sys.executable, "-m", "gantutor.cli", *arguments]
    # tests that run in a shell's background would hand on that Ctrl-C is ignored
    heed = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(
        command,
        cwd=cwd,
        env=environment,
        text=True,
        **pipes,
        preexec_fn=heed,
        start_new_session=start_new_session,
    )


def gantutor(*arguments: str, cwd, **env) -> tuple[int, str, str]:
    process = start(*arguments, cwd=cwd, **env)
    out, err = process.communicate(timeout=300)
    assert "Traceback" not in err, err
    return process.returncode, out, err


def test_run_keeps_its_result_and_does_not_run_twice(tmp_path):
    write(tmp_path, SETUP, SAVE)
    code, out, _ = gantutor(
        "run",
        "tiny.ipynb",
        "-p",
        "steps=7",
        "-p",
        "word=012",
        "--seed",
        "3",
        "--out",
        "here",
        cwd=tmp_path,
    )
    assert code == 0 and "ok: " in out
    result = json.loads((tmp_path / "here/result.json").read_text())
    assert result["parameters"] | {"steps": 7, "word": "012", "seed": 3} == result["parameters"]
    code, out, _ = gantutor(
        "run",
        "tiny.ipynb",
        "-p",
        "steps=7",
        "-p",
        "word=012",
        "--seed",
        "3",
        "--out",
        "here",
        cwd=tmp_path,
    )
    assert code == 0 and out.startswith("kept: ")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["run", "01", "-p", "stepz=3"],
            "gantutor: unknown parameter 'stepz' of 01_plane: did you mean 'steps'? known: ",
        ),
        (["run", "01", "-p", "steps=abc"], "gantutor: steps='abc': expected an integer"),
        (["run", "01", "-p", "steps"], "gantutor: -p 'steps': expected NAME=VALUE"),
        (
            ["run", "01", "--profile", "big"],
            "gantutor: profile='big': expected 'smoke', 'class', 'colab' or 'paper'",
        ),
        (["run", "05", "-p", "lr=-1e-3"], "gantutor: lr=-0.001: expected a number above 0"),
        (["run", "01_plan"], "gantutor: no notebook '01_plan': did you mean '01_plane'?"),
        (["run", "01", "--out", "notebooks/01_plane.ipynb/x"], "gantutor: output folder "),
        (["reproduce", "kddgan/fig2"], "gantutor: unknown target 'kddgan/fig2': did you mean "),
        (["reproduce", "--profile", "big"], "gantutor: unknown profile 'big'"),
        (["reproduce", "--seeds", "0"], "gantutor: --seeds 0: expected an integer of at least 1"),
        (["reproduce", "--jobs", "0"], "gantutor: --jobs 0: expected an integer of at least 1"),
        (["reproduce", "--out", "notebooks/01_plane.ipynb"], "gantutor: output folder "),
        (["report", "--out", "nowhere"], "gantutor: no folder nowhere"),
        (
            ["reproduce", "kddgan/fig1", "--features", "inception"],
            "gantutor: -p features: no planned run takes it: known: points, ",
        ),
        (
            ["reproduce", "kddgan", "-p", "featurs=inception"],
            "gantutor: -p featurs: no planned run takes it: did you mean 'features'?",
        ),
        (
            ["reproduce", "kddgan", "-p", "row=x"],
            "gantutor: -p row: no planned run takes it: the targets decide it",
        ),
        (
            ["reproduce", "kddgan/table1", "-p", "nets=cnn"],
            "gantutor: -p nets: no planned run takes it: a row has its own",
        ),
        (["reproduce", "kddgan", "-p", "seeds=3"], "gantutor: -p seeds: say it with --seeds"),
        (["reproduce", "kddgan", "-p", "seeds"], "gantutor: -p 'seeds': expected NAME=VALUE"),
        (
            ["reproduce", "kddgan", "--features", "incepton"],
            "gantutor: features='incepton': expected 'small', 'inception'",
        ),
        (
            ["reproduce", "kddgan", "-p", "n_fake=few"],
            "gantutor: n_fake='few': expected an integer",
        ),
        (
            ["reproduce", "kddgan/fig1", "--weights", "here.pt"],
            "gantutor: --weights here.pt: no planned run reads them: add --features inception",
        ),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, arguments, sentence):
    for stem in ("01_plane", "05_images"):
        course(tmp_path / "notebooks", stem)
    code, _, err = gantutor(*arguments, cwd=tmp_path)
    assert code == 2 and err.startswith(sentence) and err.count("\n") == 1


def test_a_failing_run_exits_with_its_sentence(tmp_path):
    write(tmp_path, SETUP, "raise ValueError('no luck')", SAVE)
    code, _, err = gantutor("run", "tiny.ipynb", "--out", "here", cwd=tmp_path)
    assert (
        code == 1
        and err == "gantutor: tiny ended with error: cell 4 of 5 raised ValueError: no luck\n"
    )


def test_reproduce_goes_on_after_failures_and_absent_data_and_skips_what_is_done(tmp_path):
    course(tmp_path / "notebooks", "03_kdd", SCORES)
    course(tmp_path / "notebooks", "02_adaptivemix", "1 / 0")
    course(tmp_path / "notebooks", "05_images")
    ask = [
        "reproduce",
        "kddgan/fig1",
        "kddgan/fig3",
        "adaptivemix/fig3",
        "kddgan/cifar10-jpeg",
        "--profile",
        "smoke",
        "--out",
        "out",
    ]
    code, out, _ = gantutor(*ask, "--dry-run", cwd=tmp_path)
    assert not (tmp_path / "out").exists()
    assert (
        code == 0
        and out.count("would run") == 2
        and "not run  kddgan/cifar10-jpeg: needs cifar10-jpeg: GANTUTOR_DATA is not set" in out
    )
    code, out, err = gantutor(*ask, cwd=tmp_path)
    assert code == 1 and err.startswith(
        "gantutor: 1 of 2 runs failed; the first: 02_adaptivemix: cell 4 of 5 raised ZeroDivisionError"
    )
    assert "done     03_kdd" in out and "error    02_adaptivemix" in out
    assert re.search("1 of 2 done, [01] running", out)
    assert "1 error, 1 done" in out or "1 done, 1 error" in out  # by who ended first
    page = (tmp_path / "out/report.html").read_text()
    assert "ZeroDivisionError" in page and "GANTUTOR_DATA is not set" in page
    # mended: only the failed run starts again
    course(tmp_path / "notebooks", "02_adaptivemix", SCORES)
    code, out, err = gantutor(*ask, cwd=tmp_path)
    assert (
        (code, err) == (0, "")
        and "2 runs, 1 to do" in out
        and "kept     03_kdd" in out
        and "done     02_adaptivemix" in out
    )
    code, out, _ = gantutor("report", "--out", "out", cwd=tmp_path)
    assert code == 0 and out.strip().endswith("report.html")


def test_parameters_reach_the_runs_that_leave_them_open(tmp_path):
    """Over the target's own budget, into the runs' identity and the report's command, and not into runs that do not know them."""
    course(tmp_path / "notebooks", "03_kdd", SCORES)
    course(tmp_path / "notebooks", "10_full_run", "record.add('kd_efflite0', 0.5, cfg.row)")
    (tmp_path / "data/cifar10-jpeg").mkdir(parents=True)
    ask = [
        "reproduce",
        "kddgan/fig1",
        "kddgan/table1:kdd-tau1",
        "--profile",
        "class",
        "--out",
        "out",
    ]
    given = ["--features", "efflite0", "-p", "n_fake=77", "-p", "size=0"]
    plain, said = (gantutor(*ask, *more, "--dry-run", cwd=tmp_path)[1] for more in ([], given))
    row = "10_full_run kddgan/table1/kdd-tau1"
    assert (
        f"would run {row} dataset=cifar10-jpeg," in plain
        and "would run 03_kdd," in plain
        and "would run 03_kdd," in said
    )
    assert (
        re.search(rf"would run {row} .*features=efflite0", said)
        and "n_fake=77" in said
        and "without -p" in said
    )
    code, out, err = gantutor(*ask, *given, cwd=tmp_path)
    assert (code, err) == (0, "")
    made = [
        json.loads(p.read_text())["parameters"] for p in (tmp_path / "out").rglob("result.json")
    ]
    assert sorted((p.get("features", ""), p.get("n_fake", 0), p.get("width", 0)) for p in made) == [
        ("", 0, 0),
        *[("efflite0", 77, 4)] * 2,
    ]
    plan = json.loads((tmp_path / "out/plan.json").read_text())
    assert (
        plan["kddgan/table1:kdd-tau1"]["given"]
        == {"n_fake": "77", "size": "0", "features": "efflite0"}
        and not plan["kddgan/fig1"]["given"]
    )
    page = (tmp_path / "out/report.html").read_text()
    assert "--profile class -p n_fake=77 -p size=0 -p features=efflite0 --out out" in page
    assert gantutor(*ask, *given, cwd=tmp_path)[1].count("kept     ") == 3


def test_weights_are_looked_for_before_anything_starts_and_lie_outside_a_run_s_identity(tmp_path):
    course(tmp_path / "notebooks", "10_full_run")
    (tmp_path / "data/cifar10-jpeg").mkdir(parents=True)
    ask = ["reproduce", "kddgan/table1:hinge", "--profile", "smoke", "--features", "inception"]
    code, _, err = gantutor(*ask, "--out", "out", cwd=tmp_path)
    assert (
        code == 2
        and err.startswith("gantutor: inception-2015-12-05-features.pt is not in ")
        and not list(tmp_path.glob("out/runs/*"))
    )
    (tmp_path / "wrong.pt").write_text("no net")
    code, _, err = gantutor(*ask, "--weights", "wrong.pt", "--out", "out", cwd=tmp_path)
    assert (
        code == 2
        and err.startswith("gantutor: wrong.pt is damaged or another net")
        and err.count("\n") == 1
    )


def test_a_planned_row_is_measured_by_the_papers_net(tmp_path):
    """The whole way with the real TF Inception on a few images: too few to be called fid."""
    weights = os.environ.get("GANTUTOR_WEIGHTS")
    if not weights:
        pytest.skip("GANTUTOR_WEIGHTS is not set: the TF Inception's file is asked for")
    images = np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3), dtype=np.uint8)
    for i, image in enumerate(images):
        folder = tmp_path / f"images/cifar10-jpeg/{('train', 'test')[i % 2]}/{'abcdefghij'[i // 4]}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{i}.png")
    small = [
        f"-p{k}={v}"
        for k, v in {
            "n_fake": 20,
            "n_manifold": 20,
            "evals": 1,
            "steps": 1,
            "width": 4,
            "batch": 4,
        }.items()
    ]
    code, out, err = gantutor(
        "reproduce",
        "kddgan/table1:hinge",
        "--profile",
        "smoke",
        "--features",
        "inception",
        "--weights",
        weights,
        *small,
        "--out",
        "out",
        cwd=tmp_path,
        GANTUTOR_DATA=str(tmp_path / "images"),
    )
    assert (code, err) == (0, "") and "is not called fid" in out
    (place,) = (tmp_path / "out").rglob("result.json")
    result = json.loads(place.read_text())
    assert (
        result["parameters"]["weights"] is None
        and result["data"]["protocol"]["weights"] == "7ff4a85c3a63"
    )
    found = {
        r["metric"]: r["value"] for r in result["rows"] if r["variant"] == "kddgan/table1/hinge"
    }
    assert found["fd_inception_20"] > 0 and "fid" not in found
    assert "<code>kd_inception_10</code>" in (tmp_path / "out/report.html").read_text()


def test_a_report_that_cannot_be_written_is_said_and_the_export_is_not_lost(tmp_path):
    (tmp_path / "out/report.html").mkdir(parents=True)  # in the way, as a full disk would be
    code, out, err = gantutor("report", "--out", "out", "--export", "values.csv", cwd=tmp_path)
    assert (
        code == 1
        and err.startswith(
            "gantutor: the report cannot be written into out (Is a directory); no run is lost"
        )
        and err.count("\n") == 1
    )
    assert out == "values.csv\n" and (tmp_path / "values.csv").read_text().startswith("notebook,")
    code, _, err = gantutor(
        "report", "--out", "out", "--export", "nowhere/values.csv", cwd=tmp_path
    )
    assert code == 2 and err.startswith(
        "gantutor: nowhere/values.csv cannot be written (Cannot save file into a non-existent directory"
    )


@pytest.mark.parametrize("word", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_stop_the_children_and_say_how_to_go_on(tmp_path, word):
    sleeps = f"import os, time; open({str(tmp_path / 'begun')!r}, 'w').write(str(os.getpid())); time.sleep(99)"
    course(tmp_path / "notebooks", "03_kdd", sleeps)
    process = start(
        "reproduce",
        "kddgan/fig1",
        "--profile",
        "smoke",
        "--out",
        "out",
        cwd=tmp_path,
        start_new_session=True,
    )
    for _ in range(3000):
        if (tmp_path / "begun").exists() and (tmp_path / "begun").read_text():
            break
        time.sleep(0.1)
    for _ in range(
        2
    ):  # as a terminal or `timeout` sends it, to the whole process group; and again, by an impatient hand
        os.killpg(process.pid, word)
        time.sleep(0.3)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (130, "gantutor: stopped; the same command goes on\n"), (
        out + err
    )
    assert (
        "stopping 1 run ..." in out
        and "stopped: 0 of 1 runs are done; the same command goes on from there" in out
    )
    kernel = int((tmp_path / "begun").read_text())
    time.sleep(1)
    with pytest.raises(ProcessLookupError):
        os.kill(kernel, 0)


def test_targets_are_listed_for_people_and_machines(tmp_path):
    code, out, _ = gantutor("targets", cwd=tmp_path)
    assert code == 0 and "kddgan/fig3" in out
    code, out, _ = gantutor("targets", "--json", cwd=tmp_path)
    listed = json.loads(out)
    assert {t["name"] for t in listed} >= {
        "adaptivemix/fig3",
        "kddgan/fig1",
        "advlatgan/table1-toy",
    }
    assert all((t["minutes"]["class"] > 0) == (not t["not_yet"]) for t in listed)
    rows = {t["name"]: t for t in listed}
    assert rows["kddgan/table1:kdd-tau1"]["absent"].startswith(
        "needs cifar10: GANTUTOR_DATA is not set"
    )
    assert rows["adaptivemix/table5"]["absent"] == "not yet: StyleGAN2 is not in the package yet"
    code, out, _ = gantutor("targets", "--paper", "kddgan", cwd=tmp_path)
    assert code == 0 and "advlatgan/" not in out and "kddgan/table4:joint0.5-stale" in out
    code, _, err = gantutor("targets", "--paper", "kdd", cwd=tmp_path)
    assert code == 2 and err.startswith("gantutor: --paper 'kdd': did you mean 'kddgan'?")


def test_data_lists_checks_and_says_how_to_get_what_is_not_here(tmp_path):
    code, out, _ = gantutor("data", "list", cwd=tmp_path)
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert (
        code == 0
        and "train 5000, test 8000, unlabeled 100000" in lines["stl10"]
        and "in scikit-learn" in lines["digits"]
    )
    assert (
        "absent: `gantutor data fetch stl10`, or download" in lines["stl10"]
        and "absent: log in at" in lines["imagenet64"]
    )
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
        (["verify", "cifar10-jpeg"], f"{tmp_path / 'data/cifar10-jpeg'} holds no images"),
    ):
        code, _, err = gantutor("data", *arguments, cwd=tmp_path)
        assert code == 1 and err.startswith(f"gantutor: {sentence}") and err.count("\n") == 1


def test_help_is_fast_because_nothing_heavy_is_imported(tmp_path):
    code = "import sys, gantutor.cli; print(sorted({'torch', 'pandas', 'pydantic', 'papermill', 'scipy'} & set(sys.modules)))"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        == "[]\n"
    )
