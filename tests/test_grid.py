"""The grid: whatever is killed, each run ends with one valid record, and failures stay apart."""

import json
import subprocess
from collections import Counter

import pytest
from grids import (
    SAVE_STEPS,
    SLOW,
    alive,
    attempts,
    beating,
    children,
    drive,
    jobs_of,
    kill,
    plan_of,
    scores,
    spawn_scheduler,
    spawn_worker,
    until,
)
from tiny import SAVE, SETUP, write

from gantutor.course.records import read
from gantutor.reproduce import cluster, grid
from gantutor.reproduce.plan import Plan


@pytest.fixture(scope="module")
def client():
    with cluster.local(2) as client:
        yield client


def test_each_way_to_fail_affects_only_its_own_run(tmp_path, client):
    """A notebook that raises, one that hangs, one that eats memory, one whose kernel dies.

    Each is reported as such, and the good runs next to them succeed.
    """
    good = jobs_of(write(tmp_path, SETUP, SAVE_STEPS), tmp_path / "out", 2)
    bad = {
        "error": "1 / 0",
        "timeout": "import time; time.sleep(99)",
        "memory": "hoard = bytearray(500 * 2**20); import time; time.sleep(99)",
        "kernel_died": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    }
    jobs = [
        jobs_of(write(tmp_path, SETUP, cell, SAVE, stem=stem), tmp_path / "out", 1)[0]
        for stem, cell in bad.items()
    ]
    said = []
    how = grid.How(cell_timeout=10, memory=0.45)
    outcomes = grid.run_plan(plan_of(tmp_path / "out", *jobs, *good), client, how, said.append)
    statuses = {j.label: outcomes[j.label].status for j in jobs}
    assert statuses == {f"{stem} seed=0": stem for stem in bad}
    assert [outcomes[j.label].status for j in good] == ["ok", "ok"]
    assert [scores(j) for j in good] == [[3, 13], [13, 23]]
    words = {stem: outcomes[f"{stem} seed=0"].message for stem in bad}
    assert "ZeroDivisionError" in words["error"]
    assert "longer than 10 s" in words["timeout"]
    assert "out of memory" in words["kernel_died"]
    bounds = [f"more than the {gib} GiB of its slot" for gib in ("0.4", "0.5")]  # 0.45, rounded
    assert any(bound in words["memory"] for bound in bounds)
    assert any("done     tiny seed=1" in line for line in said)


def test_what_changed_is_run_again_with_its_reason_and_nothing_else(tmp_path, client):
    notebook = write(tmp_path, SETUP, SAVE_STEPS)
    jobs = jobs_of(notebook, tmp_path / "out", 2)
    plan, said = plan_of(tmp_path / "out", *jobs), []

    def reused(how=grid.How()) -> list[bool]:
        outcomes = grid.run_plan(plan, client, how, said.append)
        return [outcomes[j.label].reused for j in jobs]

    def edit(**changes) -> None:
        file = jobs[1].folder / "result.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | changes))

    assert reused() == [False, False]
    assert reused() == [True, True]
    # a record that is cut off: only that run
    (jobs[0].folder / "result.json").write_text("{")
    assert reused() == [False, True]
    assert any("its result.json was damaged" in s for s in said)
    # another version of the package
    edit(versions=read(jobs[1].folder)["versions"] | {"gantutor": "0.0.1"})
    assert reused() == [True, False]
    assert any("it was made by gantutor 0.0.1" in s for s in said)
    assert read(jobs[1].folder)["versions"]["gantutor"] != "0.0.1"
    assert (jobs[1].folder / "previous.json").exists()
    # another notebook
    write(tmp_path, SETUP, SAVE_STEPS + "\n1")
    assert reused() == [False, False]
    assert any("tiny.ipynb has changed since" in s for s in said)
    # other code of the package: kept, with a remark
    edit(code_hash="other")
    kept = grid.run_plan(plan, client, say=said.append)[jobs[1].label]
    assert kept.reused and "the package's code has changed since" in kept.message
    assert reused(grid.How(fresh=True)) == [False, False]
    assert attempts(jobs[1]).count("start") == 4


def test_two_commands_on_one_folder_share_the_work(tmp_path):
    """They run at the same time, on clusters of their own, and each run is done once."""
    jobs = jobs_of(write(tmp_path, SETUP, SLOW, SAVE_STEPS), tmp_path / "out", 3, steps=10)
    driver = drive(tmp_path, jobs)
    until(lambda: any(beating(j) for j in jobs))
    other = drive(tmp_path, jobs)
    for process in (driver, other):
        assert process.wait(300) == 0
    assert [attempts(j) for j in jobs] == [["start", "ok"]] * 3
    assert [scores(j) for j in jobs] == [[10, 20], [20, 30], [30, 40]]


# -- killed from outside --------------------------------------------------------------------------
@pytest.fixture
def scheduler_and_workers(tmp_path):
    """A scheduler and two workers as separate processes: its file, and the three processes."""
    file = tmp_path / "scheduler.json"
    scheduler = spawn_scheduler(file)
    processes = [scheduler, *(spawn_worker(file, tmp_path) for _ in range(2))]
    yield file, processes
    for process in processes:
        kill(process)


def test_a_killed_worker_and_a_killed_driver_lose_nothing(tmp_path, scheduler_and_workers):
    """A worker dies by SIGKILL in the middle of a cell, then the driver.

    Every run finishes exactly once, and only the victim's starts twice.
    """
    file, (_, worker, _) = scheduler_and_workers
    notebook = write(tmp_path, SETUP, SLOW, SAVE_STEPS)
    jobs = jobs_of(notebook, tmp_path / "out", 5, steps=25)
    driver = drive(tmp_path, jobs, file)
    until(lambda: sum(beating(j) for j in jobs) == 2)
    orphans = children(worker.pid)
    (victim,) = [j for j in jobs if beating(j) and pid_of(j) in orphans]
    worker.kill()
    # its run and the kernel end with it, so that no second process writes into the folder
    until(lambda: not any(map(alive, orphans)))
    until(lambda: sum((j.folder / "result.json").exists() for j in jobs) >= 1)
    driver.kill()
    driver.wait()
    again = drive(tmp_path, jobs, file)
    assert again.wait(300) == 0
    starts = {j.label: Counter(attempts(j)) for j in jobs}
    assert all(c["ok"] == 1 for c in starts.values()), starts
    assert {label for label, c in starts.items() if c["start"] == 2} == {victim.label}
    assert all(c["start"] == 1 for label, c in starts.items() if label != victim.label), starts
    # the records are those of an undisturbed grid
    calm = jobs_of(notebook, tmp_path / "calm", 5, steps=25)
    assert [scores(j) for j in jobs] == [[25 + 10 * s, 35 + 10 * s] for s in range(5)]
    assert [j.folder.name for j in calm] == [j.folder.name for j in jobs]


def pid_of(job) -> int:
    """The process of a run, from its status."""
    return json.loads((job.folder / "status.json").read_text())["pid"]


def test_the_driver_s_own_workers_die_with_it(tmp_path):
    jobs = jobs_of(write(tmp_path, SETUP, SLOW, SAVE_STEPS), tmp_path / "out", 1, steps=20)
    driver = drive(tmp_path, jobs)
    until(lambda: beating(jobs[0]))
    family = children(driver.pid)
    driver.kill()
    driver.wait()
    until(lambda: not any(map(alive, family)))
    assert drive(tmp_path, jobs).wait(300) == 0
    assert scores(jobs[0]) == [20, 30] and attempts(jobs[0]).count("start") == 2


# -- full disks -----------------------------------------------------------------------------------
@pytest.fixture
def small_disk(tmp_path):
    """A file system of 300 KiB; mounting one needs the right to."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", place]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_is_reported_and_what_was_finished_stays(tmp_path, small_disk, client):
    fills = 'open(f"{out}/filler", "wb").write(bytes(2**20))'
    (first,) = jobs_of(write(tmp_path, SETUP, SAVE_STEPS), small_disk, 1)
    (full,) = jobs_of(write(tmp_path, SETUP, fills, SAVE_STEPS, stem="filling"), small_disk, 1)

    def outcomes(plan):
        return grid.run_plan(plan, client, say=lambda line: None)

    assert outcomes(plan_of(small_disk, first))[first.label].status == "ok"
    outcome = outcomes(plan_of(small_disk, full))[full.label]
    assert outcome.status == "error" and "No space left on device" in outcome.message
    # now nothing can be written: what is done is kept, and the next run says why it cannot start
    done, more = jobs_of(write(tmp_path, SETUP, SAVE_STEPS), small_disk, 2)
    found = outcomes(Plan(small_disk, "smoke", 0, None, [done, more]))
    assert found[done.label].reused
    assert "No space left on device" in found[more.label].message


def test_a_full_disk_without_a_disk(tmp_path, monkeypatch):
    """The same message where no file system can be mounted: writing the status fails."""
    from gantutor.reproduce import run

    def full(path, value):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(run, "write_json", full)
    outcome = run.run_one(write(tmp_path, SETUP, SAVE), {}, tmp_path / "out")
    assert outcome.status == "error" and "No space left on device" in outcome.message
