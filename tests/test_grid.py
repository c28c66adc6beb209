"""The grid: whoever is killed, every run ends with one valid record, and nobody's mistake is another run's loss."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from tiny import SAVE, SETUP, write

from gantutor.course.config import BadParameters
from gantutor.course.records import parameter_hash, read
from gantutor.reproduce import cluster, grid
from gantutor.reproduce.run import check

SLOW = """
import time
for beat in range(cfg.steps):
    open(f"{out}/beats", "a").write(".")
    time.sleep(0.1)
"""
SAVE_STEPS = """
record.add("score", [cfg.steps + 10 * s for s in cfg.seed_list])
record.save()
"""


def jobs_of(notebook: Path, out: Path, n: int, **parameters) -> list[grid.Job]:
    """N runs of one notebook, by their first seed."""
    made = []
    for seed in range(n):
        values = check(notebook, {**parameters, "seed": seed})
        folder = out / "runs" / f"{notebook.stem}-{parameter_hash(values)}"
        made.append(
            grid.Job(
                notebook,
                {**values, "out": str(folder)},
                folder,
                f"{notebook.stem} seed={seed}",
                0.1,
            )
        )
    return made


def plan_of(out: Path, *jobs: grid.Job) -> grid.Plan:
    out.mkdir(exist_ok=True)
    return grid.Plan(
        out,
        "smoke",
        0,
        None,
        list(jobs),
        {"a/b": [j.folder.relative_to(out).as_posix() for j in jobs]},
    )


def attempts(job: grid.Job) -> list[str]:
    return [
        json.loads(line)["what"]
        for line in (job.folder / "attempts.jsonl").read_text().splitlines()
    ]


def scores(job: grid.Job) -> list[float]:
    return [r["value"] for r in read(job.folder)["rows"]]


def until(what, seconds: float = 300.0):  # on a machine that is busy with other things
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def beating(job: grid.Job) -> bool:
    return (job.folder / "beats").exists()


@pytest.fixture(scope="module")
def client():
    with cluster.local(2) as client:
        yield client


def test_each_way_to_fail_is_its_run_s_own(tmp_path, client):
    """A notebook that raises, one that hangs, one that eats memory, one whose kernel dies: each says so, the good ones go on."""
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
    assert {j.label: outcomes[j.label].status for j in jobs} == {
        f"{stem} seed=0": stem for stem in bad
    }
    assert [outcomes[j.label].status for j in good] == ["ok", "ok"] and [
        scores(j) for j in good
    ] == [[3, 13], [13, 23]]
    words = {stem: outcomes[f"{stem} seed=0"].message for stem in bad}
    assert (
        "ZeroDivisionError" in words["error"]
        and "longer than 10 s" in words["timeout"]
        and "out of memory" in words["kernel_died"]
    )
    assert (
        "more than the 0.5 GiB of its slot" in words["memory"]
        or "more than the 0.4 GiB of its slot" in words["memory"]
    )
    assert any("done     tiny seed=1" in line for line in said)


def test_what_changed_is_run_again_with_its_reason_and_nothing_else(tmp_path, client, monkeypatch):
    notebook = write(tmp_path, SETUP, SAVE_STEPS)
    jobs = jobs_of(notebook, tmp_path / "out", 2)
    plan, said = plan_of(tmp_path / "out", *jobs), []
    assert {o.reused for o in grid.run_plan(plan, client, say=said.append).values()} == {False}
    assert {o.reused for o in grid.run_plan(plan, client, say=said.append).values()} == {True}
    # a record cut short: that run alone
    (jobs[0].folder / "result.json").write_text("{")
    again = grid.run_plan(plan, client, say=said.append)
    assert [again[j.label].reused for j in jobs] == [False, True] and any(
        "its result.json was damaged" in s for s in said
    )
    # another version of the package, another notebook
    result = json.loads((jobs[1].folder / "result.json").read_text())
    result["versions"]["gantutor"] = "0.0.1"
    (jobs[1].folder / "result.json").write_text(json.dumps(result))
    assert not grid.run_plan(plan, client, say=said.append)[jobs[1].label].reused
    assert any("it was made by gantutor 0.0.1" in s for s in said)
    assert (
        read(jobs[1].folder)["versions"]["gantutor"] != "0.0.1"
        and (jobs[1].folder / "previous.json").exists()
    )
    write(tmp_path, SETUP, SAVE_STEPS + "\n1")
    assert [o.reused for o in grid.run_plan(plan, client, say=said.append).values()] == [
        False,
        False,
    ]
    assert any("tiny.ipynb has changed since" in s for s in said)
    # the package's own code: kept, and said
    result = json.loads((jobs[1].folder / "result.json").read_text()) | {"code_hash": "other"}
    (jobs[1].folder / "result.json").write_text(json.dumps(result))
    kept = grid.run_plan(plan, client, say=said.append)[jobs[1].label]
    assert kept.reused and "the package's code has changed since" in kept.message
    assert not grid.run_plan(plan, client, grid.How(fresh=True), said.append)[jobs[1].label].reused
    assert attempts(jobs[1]).count("start") == 4


def test_two_commands_on_one_folder_share_the_work(tmp_path):
    """Side by side, on clusters of their own: each run is done once, both commands end with all records."""
    jobs = jobs_of(write(tmp_path, SETUP, SLOW, SAVE_STEPS), tmp_path / "out", 3, steps=10)
    driver = drive(tmp_path, jobs)
    until(lambda: any(beating(j) for j in jobs))
    other = drive(tmp_path, jobs)
    for process in (driver, other):
        assert process.wait(300) == 0
    assert [attempts(j) for j in jobs] == [["start", "ok"]] * 3
    assert [scores(j) for j in jobs] == [[10, 20], [20, 30], [30, 40]]


# -- killed from outside ----------------------------------------------------------------------------------------------------
DRIVER = """
import json, sys
from pathlib import Path
from gantutor.reproduce import cluster, grid
spec = json.loads(Path(sys.argv[1]).read_text())
out = Path(spec["out"])
jobs = [grid.Job(Path(j[0]), j[1], Path(j[2]), j[3], 0.1) for j in spec["jobs"]]
plan = grid.Plan(out, "smoke", 0, None, jobs, {"a/b": []})
where = cluster.connected(scheduler_file=spec["scheduler"]) if spec["scheduler"] else cluster.local(2)
if __name__ == "__main__":
    with where as client:
        outcomes = grid.run_plan(plan, client, say=lambda line: print(line, flush=True))
    sys.exit(any(o.status != "ok" for o in outcomes.values()))
"""


def drive(folder: Path, jobs: list[grid.Job], scheduler: Path | None = None) -> subprocess.Popen:
    """The driver of a grid, in a process of its own."""
    spec = {
        "out": str(jobs[0].folder.parents[1]),
        "jobs": [[str(j.notebook), j.parameters, str(j.folder), j.label] for j in jobs],
        "scheduler": scheduler and str(scheduler),
    }
    jobs[0].folder.parents[1].mkdir(exist_ok=True)
    (folder / "spec.json").write_text(json.dumps(spec))
    (folder / "driver.py").write_text(DRIVER)
    return spawn(sys.executable, folder / "driver.py", folder / "spec.json")


def spawn(*command) -> subprocess.Popen:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    return subprocess.Popen(
        [str(c) for c in command],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def cluster_of_three(tmp_path):
    """A scheduler and two workers, separate processes on loopback: (scheduler file, {address: process})."""
    file = tmp_path / "scheduler.json"
    scheduler = spawn(
        sys.executable,
        "-m",
        "distributed.cli.dask_scheduler",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--no-dashboard",
        "--scheduler-file",
        file,
    )
    until(file.exists)
    workers = [worker(file, tmp_path) for _ in range(2)]
    processes = [scheduler, *workers]
    yield file, processes
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def worker(file: Path, folder: Path, *files) -> subprocess.Popen:
    return spawn(
        sys.executable,
        "-m",
        "distributed.cli.dask_worker",
        "--scheduler-file",
        file,
        "--host",
        "127.0.0.1",
        "--nthreads",
        "1",
        "--nworkers",
        "1",
        "--no-nanny",
        "--memory-limit",
        "0",
        "--no-dashboard",
        "--local-directory",
        folder,
        *files,
    )


def children(pid: int) -> set[int]:
    import psutil

    return {p.pid for p in psutil.Process(pid).children(recursive=True)}


def test_a_killed_worker_and_a_killed_driver_lose_nothing(tmp_path, cluster_of_three):
    """One worker dies by SIGKILL in mid-cell, then the driver: every run finishes exactly once, the victim's alone starts twice."""
    file, (_, *workers) = cluster_of_three
    notebook = write(tmp_path, SETUP, SLOW, SAVE_STEPS)
    jobs = jobs_of(notebook, tmp_path / "out", 5, steps=25)
    driver = drive(tmp_path, jobs, file)
    until(lambda: sum(beating(j) for j in jobs) == 2)
    (victim,) = [
        j
        for j in jobs
        if beating(j)
        and json.loads((j.folder / "status.json").read_text())["pid"] in children(workers[0].pid)
    ]
    orphans = children(workers[0].pid)
    workers[0].kill()
    until(
        lambda: not any(map(alive, orphans))
    )  # its run and its kernel go with it: no second writer
    until(lambda: sum((j.folder / "result.json").exists() for j in jobs) >= 1)
    driver.kill()
    driver.wait()
    again = drive(tmp_path, jobs, file)
    assert again.wait(300) == 0
    starts = {j.label: Counter(attempts(j)) for j in jobs}
    assert all(c["ok"] == 1 for c in starts.values()), starts
    assert {label for label, c in starts.items() if c["start"] == 2} == {victim.label}
    assert all(c["start"] == 1 for label, c in starts.items() if label != victim.label), starts
    # the records are those of a grid that nobody disturbed
    calm = jobs_of(notebook, tmp_path / "calm", 5, steps=25)
    assert [scores(j) for j in jobs] == [[25 + 10 * s, 35 + 10 * s] for s in range(5)]
    assert [j.folder.name for j in calm] == [j.folder.name for j in jobs]


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


# -- disks, queues, certificates --------------------------------------------------------------------------------------------
@pytest.fixture
def small_disk(tmp_path):
    """A file system of 300 KiB; needs the right to mount one."""
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", place], capture_output=True
    ).returncode:
        pytest.skip("mounting a small file system needs root")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_is_said_and_what_was_finished_stays(tmp_path, small_disk, client):
    fills = 'open(f"{out}/filler", "wb").write(bytes(2**20))'
    first = jobs_of(write(tmp_path, SETUP, SAVE_STEPS), small_disk, 1)
    full = jobs_of(write(tmp_path, SETUP, fills, SAVE_STEPS, stem="filling"), small_disk, 1)
    quiet = dict(say=lambda line: None)
    assert (
        grid.run_plan(plan_of(small_disk, *first), client, **quiet)[first[0].label].status == "ok"
    )
    outcome = grid.run_plan(plan_of(small_disk, *full), client, **quiet)[full[0].label]
    assert outcome.status == "error" and "No space left on device" in outcome.message
    # nothing can be written now; what is done is kept and the next run says why it cannot begin
    more = jobs_of(write(tmp_path, SETUP, SAVE_STEPS), small_disk, 2)
    outcomes = grid.run_plan(grid.Plan(small_disk, "smoke", 0, None, more), client, **quiet)
    assert (
        outcomes[more[0].label].reused
        and "No space left on device" in outcomes[more[1].label].message
    )


def test_a_full_disk_without_a_disk(tmp_path, monkeypatch):
    """The same sentence where no file system can be mounted: writing the status fails."""
    from gantutor.reproduce import run

    def full(path, value):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(run, "write_json", full)
    outcome = run.run_one(write(tmp_path, SETUP, SAVE), {}, tmp_path / "out")
    assert outcome.status == "error" and "No space left on device" in outcome.message


def test_slurm_jobs_are_single_slots(tmp_path, monkeypatch):
    monkeypatch.setenv("DASK_CONFIG", str(tmp_path))
    options = {
        "queue": "gpu",
        "memory": "16GB",
        "job_cpu": 4,
        "job_extra_directives": ["--gres=gpu:1"],
        "interface": "lo",
    }
    with cluster.slurm(options, tmp_path, script_only=True) as queue:
        script = queue.job_script()
    for line in (
        "#SBATCH -p gpu",
        "#SBATCH --cpus-per-task=4",
        "#SBATCH --mem=15G",
        "#SBATCH --gres=gpu:1",
        "#SBATCH -t 24:00:00",
    ):
        assert line in script, script
    assert (
        "--nthreads 1" in script
        and script.rindex("--memory-limit 0") > script.index("--memory-limit")
        and "--nworkers" not in script
    )
    with (
        pytest.raises(BadParameters, match="--slurm-option 'walltimes': did you mean 'walltime'?"),
        cluster.slurm({"walltimes": "1:00"}),
    ):
        pass


def test_a_scheduler_that_does_not_answer_is_named(tmp_path):
    with (
        pytest.raises(BadParameters, match="no Dask scheduler answers at .*nowhere.json"),
        cluster.connected(scheduler_file=str(tmp_path / "nowhere.json")),
    ):
        pass


@pytest.mark.slow
def test_over_tls(tmp_path):
    """A scheduler and a worker that speak TLS alone: with the files the grid runs, without them nobody answers."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            key,
            "-out",
            cert,
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
        ],
        check=True,
        capture_output=True,
    )
    files = ["--tls-ca-file", cert, "--tls-cert", cert, "--tls-key", key]
    file = tmp_path / "scheduler.json"
    scheduler = spawn(
        sys.executable,
        "-m",
        "distributed.cli.dask_scheduler",
        "--protocol",
        "tls",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--no-dashboard",
        "--scheduler-file",
        file,
        *files,
    )
    until(file.exists)
    hand = worker(file, tmp_path, *files)
    try:
        jobs = jobs_of(write(tmp_path, SETUP, SAVE_STEPS), tmp_path / "out", 1)
        with cluster.connected(
            scheduler_file=str(file), tls={"ca": str(cert), "cert": str(cert), "key": str(key)}
        ) as client:
            until(client.nthreads)
            outcomes = grid.run_plan(
                plan_of(tmp_path / "out", *jobs), client, say=lambda line: None
            )
        assert [o.status for o in outcomes.values()] == ["ok"]
        with (
            pytest.raises(BadParameters, match="no Dask scheduler answers"),
            cluster.connected(scheduler_file=str(file)),
        ):
            pass
    finally:
        for process in (hand, scheduler):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
