"""Schedulers, workers and signals: who may connect, who answers nobody, and what Ctrl-C means to a whole process group."""

import http.server
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from group import told
from test_grid import (
    SAVE_STEPS,
    SETUP,
    SLOW,
    attempts,
    beating,
    jobs_of,
    plan_of,
    scores,
    spawn,
    until,
)
from tiny import course, write

from gantutor.course.config import BadParameters
from gantutor.reproduce import cluster, grid


# -- this machine's own workers --------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def client():
    """Two slots on a machine that seems to have 16 cores."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("distributed.deploy.local.CPU_COUNT", 16)
        with cluster.local(2) as client:
            yield client


def named(client) -> dict[int, str]:
    return {
        worker["name"]: address
        for address, worker in client.scheduler_info(n_workers=-1)["workers"].items()
    }


def test_slots_are_workers_whatever_the_number_of_cores(client):
    assert sorted(named(client)) == [0, 1] and list(client.nthreads().values()) == [1, 1]


def test_two_workers_have_a_gpu_each_and_keep_it_when_they_are_started_again(client, monkeypatch):
    def cards() -> dict[int, str]:
        asked = {
            name: client.submit(cluster._environment, None, 2, None, workers=[place], pure=False)
            for name, place in named(client).items()
        }
        return {name: future.result(60)["CUDA_VISIBLE_DEVICES"] for name, future in asked.items()}

    assert cards() == {0: "0", 1: "1"}
    first = named(client)[0]
    with pytest.MonkeyPatch.context() as patch:  # the scheduler's log of a lost worker
        patch.setattr("logging.lastResort", None)
        os.kill(client.run(os.getpid, workers=[first])[first], signal.SIGKILL)
        until(lambda: named(client).get(0, first) != first)
        until(lambda: sorted(named(client)) == [0, 1])
    assert cards() == {0: "0", 1: "1"}


def test_nobody_without_the_certificate_connects(client, monkeypatch):
    from distributed import Security

    monkeypatch.setattr(cluster, "KNOCK", 1.0)
    address = client.scheduler.address
    assert address.startswith("tls://127.0.0.1:")
    for place, security in (
        (address, None),
        (address.replace("tls", "tcp"), None),
        (address, Security.temporary()),
    ):
        with (
            pytest.raises(BadParameters, match="no Dask scheduler answers"),
            cluster.connected(place, security=security),
        ):
            pass


def test_all_that_listens_listens_on_loopback_and_tells_nothing(client):
    me = psutil.Process()
    ports = [
        c.laddr
        for p in (me, *me.children(recursive=True))
        for c in p.net_connections("inet")
        if c.status == psutil.CONN_LISTEN
    ]
    assert len(ports) >= 6 and {ip for ip, _ in ports} == {"127.0.0.1"}
    page = client.dashboard_link.rsplit("/", 1)[0]
    told = []
    for path in (
        "/health",
        "/info/main/workers.html",
        "/json/identity.json",
        "/api/v1/retire_workers",
        "/metrics",
    ):
        asked = http.client.HTTPConnection(page.split("//")[1], timeout=20)
        asked.request("GET", path)
        told += [path] if asked.getresponse().status == 200 else []
        asked.close()
    assert told == ["/health"]


# -- signals ---------------------------------------------------------------------------------------------------------------
def test_ctrl_c_waits_for_what_is_half_done_and_is_not_lost():
    done, outside = [], signal.getsignal(signal.SIGINT)
    before = signal.default_int_handler
    signal.signal(signal.SIGINT, before)  # a shell's background ignores Ctrl-C
    with pytest.raises(KeyboardInterrupt):
        with cluster.held():
            signal.raise_signal(signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            done.append("first")
            until(lambda: True)
            done.append("second")
        done.append("third")
    assert done == ["first", "second"]
    assert signal.getsignal(signal.SIGINT) is before
    signal.signal(signal.SIGINT, outside)


def test_what_slurm_needs_leaves_ctrl_c_as_it_was():
    """dask-jobqueue's import makes of it an exit without a word."""
    pytest.importorskip("dask_jobqueue")
    before = signal.getsignal(signal.SIGINT)
    for name in [name for name in sys.modules if name.split(".")[0] == "dask_jobqueue"]:
        del sys.modules[name]
    cluster._slurm_cluster()
    assert signal.getsignal(signal.SIGINT) is before


def test_what_starts_while_signals_are_held_hears_no_ctrl_c_but_a_run_does():
    hears = (
        "import signal; print(signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    )
    run = f"import sys; from gantutor.reproduce import run; run.run_one = lambda *a, **k: exit({hears!r} and exec({hears!r})); run.main(['x', 'y', '{{}}'])"
    with cluster.held():
        said = [
            subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True
            ).stdout.strip()
            for code in (hears, run)
        ]
    assert said == ["False", "True"]


def command(folder: Path, *arguments: str) -> subprocess.Popen:
    """A command as a terminal starts it: the leader of its own process group.

    By its entry point: after a Ctrl-C inside an exec() of some library, `python -m` ends itself by
    SIGINT, which a shell calls 130 too.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GANTUTOR_")} | {
        "OMP_NUM_THREADS": "1"
    }
    heed = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
    entry = [sys.executable, "-c", "from gantutor.cli import main; main()"]
    return subprocess.Popen(
        [*entry, *arguments],
        cwd=folder,
        env=environment,
        text=True,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=heed,
    )


def stopped(process: subprocess.Popen, *words: int, pause: float = 0.3) -> str:
    """Send signals to a command's whole group; what it said on standard output. Nothing may be left of it."""
    family = psutil.Process(process.pid).children(recursive=True)
    for word in words:
        os.killpg(process.pid, word)
        time.sleep(pause)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (130, "gantutor: stopped; the same command goes on\n"), (
        out + err
    )
    assert not psutil.wait_procs(family, timeout=30)[1]
    return out


BEATS = """
import time
for beat in range({beats}):
    open("{place}/beats", "a").write(".")
    time.sleep(0.1)
for metric in "modes energy_distance nearest_kept mode_share angle_median_deg mean_slope hinge_arrow_spread".split():
    record.add(metric, [0.0 for s in cfg.seed_list], "KDD")
"""
GRID = ("reproduce", "kddgan/fig1", "--profile", "smoke", "--out", "out")


@pytest.mark.slow
def test_ctrl_c_of_a_terminal_is_one_sentence_and_the_same_command_goes_on(tmp_path):
    """Twice in a row in the midst of a run, then the same command to its end."""
    course(tmp_path / "notebooks", "03_kdd", BEATS.format(beats=300, place=tmp_path))
    process = command(tmp_path, *GRID)
    until((tmp_path / "beats").exists)
    out = stopped(process, signal.SIGINT, signal.SIGINT)
    assert "stopping 1 run ..." in out and "stopped: 0 of 1 runs are done" in out
    course(tmp_path / "notebooks", "03_kdd", BEATS.format(beats=1, place=tmp_path))
    process = command(tmp_path, *GRID)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0 and "done     03_kdd" in out, out + err


def test_ctrl_c_that_falls_into_python_s_tidying_up_is_heard_all_the_same():
    code = """
import os, signal, time, weakref
from gantutor import cli

class Thing:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)

def command():
    thing = Thing()
    del thing
    time.sleep(60)

cli.app = command
cli.main()
"""
    heed = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=50, preexec_fn=heed
    )
    assert (done.returncode, done.stderr) == (130, "gantutor: stopped\n")


@pytest.mark.slow
@pytest.mark.parametrize("word", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", [1.0, 1.6, 2.2, 2.8, 3.4, 4.0, 5.0, 6.0])
def test_ctrl_c_at_any_moment_is_one_sentence(tmp_path, moment, word):
    """Planning, the cluster's start, the kernel's, its cells."""
    course(tmp_path / "notebooks", "03_kdd", BEATS.format(beats=300, place=tmp_path))
    process = command(tmp_path, *GRID)
    time.sleep(moment)
    stopped(process, word, word)


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "03", "--profile", "smoke"],
        ["build", "--site", "03", "--profile", "smoke", "--out", "site"],
        ["check", "03_kdd.ipynb"],
    ],
)
def test_ctrl_c_stops_each_command_that_starts_processes(tmp_path, arguments):
    source = Path(__file__).parent.parent / "notebooks/03_kdd.ipynb"
    (tmp_path / "03_kdd.ipynb").write_bytes(source.read_bytes())
    course(tmp_path / "notebooks", "03_kdd", BEATS.format(beats=300, place=tmp_path))
    process = command(tmp_path, *arguments)
    until(lambda: psutil.Process(process.pid).children())
    time.sleep(1.0)
    stopped(process, signal.SIGINT, signal.SIGINT)


# -- a scheduler that is up --------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    """A scheduler without workers: its file."""
    file = tmp_path_factory.mktemp("scheduler") / "scheduler.json"
    process = spawn(
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
    until(lambda: told(file))
    yield file
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture
def hire(scheduler, tmp_path):
    """Start a worker of that scheduler, with a line of Python that it runs first."""
    hired = []

    def start(line: str = "", file: Path = scheduler) -> subprocess.Popen:
        first = tmp_path / "first.py"
        first.write_text(line + "\n")
        hired.append(
            spawn(
                sys.executable,
                "-m",
                "distributed.cli.dask_worker",
                "--scheduler-file",
                file,
                "--host",
                "127.0.0.1",
                "--nthreads",
                "1",
                "--no-nanny",
                "--memory-limit",
                "0",
                "--no-dashboard",
                "--local-directory",
                tmp_path,
                "--preload",
                first,
            )
        )
        return hired[-1]

    yield start
    for process in hired:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    until(lambda: not workers_of(scheduler))


def workers_of(file: Path) -> int:
    from distributed import Client

    with Client(scheduler_file=str(file), set_as_default=False) as client:
        return len(client.scheduler_info()["workers"])


def refusal(**where) -> str:
    begun = time.monotonic()
    with pytest.raises(BadParameters) as caught, cluster.connected(**where):
        pass
    assert time.monotonic() - begun < 30 and "\n" not in str(caught.value)
    return str(caught.value)


def test_a_grid_asks_its_scheduler_s_workers_within_half_a_minute():
    assert cluster.KNOCK + cluster.ARRIVAL + cluster.ANSWER < 30


def test_a_scheduler_without_workers_is_said(scheduler):
    assert "has no worker after 0.5 s: start some with `dask worker tcp://127.0.0.1:" in refusal(
        scheduler_file=str(scheduler), arrival=0.5
    )


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("import sys; sys.modules['gantutor'] = None", "cannot run gantutor (ModuleNotFoundError"),
        ("import gantutor; gantutor.__version__ = '0.0.9'", "has gantutor 0.0.9, this is"),
        ("", "does not answer within 1 s"),
    ],
)
def test_a_worker_that_cannot_do_a_run_is_said(scheduler, hire, monkeypatch, line, sentence):
    worker = hire(line)
    until(lambda: workers_of(scheduler))
    if "does not answer" in sentence:
        monkeypatch.setattr(cluster, "ANSWER", 1.0)
        os.kill(worker.pid, signal.SIGSTOP)
    assert sentence in refusal(scheduler_file=str(scheduler))


def test_a_worker_s_address_is_no_scheduler_s(scheduler, hire):
    hire()
    until(lambda: workers_of(scheduler))
    from distributed import Client

    with Client(scheduler_file=str(scheduler), set_as_default=False) as client:
        (address,) = client.nthreads()
    assert "(a Worker does)" in refusal(address=address)


@pytest.mark.parametrize(
    "address",
    [
        "foo",
        "tcp://",
        "tcp://127.0.0.1:1",
        "http://x",
        "http://x:80",
        "tcp://127.0.0.1:99999",
        "127.0.0.1:port",
        "tls://127.0.0.1:8786",
        "inproc://x",
        "ucx://x:1",
        "tcp://[::1",
        "tcp://a b:1",
        "tcp://nowhere.invalid:80",
        "x" * 400 + ":80",
        "🦆",
        "web",
        "tls web",
        "mute",
    ],
)
def test_an_address_of_nonsense_is_one_sentence(address, monkeypatch):
    """Also where somebody listens who speaks another language, or says nothing."""
    monkeypatch.setattr(cluster, "KNOCK", 0.5)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    with (
        http.server.HTTPServer(("127.0.0.1", 0), Quiet) as web,
        socket.create_server(("127.0.0.1", 0)) as mute,
    ):
        threading.Thread(target=web.serve_forever, daemon=True).start()
        places = {
            "web": f"tcp://127.0.0.1:{web.server_port}",
            "tls web": f"tls://127.0.0.1:{web.server_port}",
            "mute": f"tcp://127.0.0.1:{mute.getsockname()[1]}",
        }
        place = places.get(address, address)
        assert refusal(address=place).startswith(f"no Dask scheduler answers at {place} (")
        web.shutdown()


@pytest.mark.parametrize("content", ["", "{}", "[1]", "no json", '{"address": 3}', b"\xff\xfe"])
def test_a_scheduler_file_of_nonsense_is_one_sentence(tmp_path, content):
    file = tmp_path / "scheduler.json"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert refusal(scheduler_file=str(file)).startswith(
        f"no Dask scheduler answers at {file} (it is no scheduler file): start one"
    )
    assert "(Is a directory)" in refusal(scheduler_file=str(tmp_path))


def test_tls_files_are_looked_at_before_anybody_is_asked(tmp_path):
    from distributed import Security

    made = Security.temporary()
    for name, text in {
        "cert": made.tls_client_cert,
        "key": made.tls_client_key,
        "other": Security.temporary().tls_client_key,
        "text": "no key",
    }.items():
        (tmp_path / name).write_text(text)
    good = {k: str(tmp_path / v) for k, v in {"ca": "cert", "cert": "cert", "key": "key"}.items()}
    ask = dict(address="tls://127.0.0.1:1")
    assert "--tls lacks cert=FILE" in refusal(**ask, tls={"ca": good["ca"]})
    for name in good:
        assert f"--tls {name}=nowhere.pem: no such file" in refusal(
            **ask, tls={**good, name: "nowhere.pem"}
        )
        assert "no certificate that can be used, with its key" in refusal(
            **ask, tls={**good, name: str(tmp_path / "text")}
        )
    assert "no certificate that can be used, with its key" in refusal(
        **ask, tls={**good, "key": str(tmp_path / "other")}
    )


class Absent:
    """A client of a scheduler that has no workers, or is gone."""

    def __init__(self, status: str):
        self.status = status

    def nthreads(self) -> dict:
        return {}

    def cancel(self, futures) -> None:
        assert not futures

    def sync(self, what) -> None:
        raise TimeoutError


def test_a_grid_without_workers_says_so_and_ends_with_a_sentence(tmp_path):
    plan = plan_of(
        tmp_path / "out", *jobs_of(write(tmp_path, SETUP, SAVE_STEPS), tmp_path / "out", 2)
    )
    said: list[str] = []
    with pytest.raises(
        cluster.NoWorkers,
        match="no worker for 0 s: start some; stopped: 0 of 2 runs are done; the same command goes on",
    ):
        grid.run_plan(plan, Absent("running"), grid.How(patience=0.3), said.append, every=0.1)
    assert "  -- 0 of 2 done, 0 running, 0 failed, no workers" in said
    with pytest.raises(
        cluster.NoWorkers,
        match="the Dask scheduler is gone: start it again; no finished run is lost",
    ):
        grid.run_plan(plan, Absent("closed"), say=said.append)


class Instant:
    """A client of three workers whose runs are done at the second look; `most`: how many were under way at once."""

    status, most, running = "running", 0, 0

    def nthreads(self) -> dict:
        return {"a": 1, "b": 1, "c": 1}

    def submit(self, *arguments, **how):
        client = self

        class Run:
            looks = 0

            def done(self) -> bool:
                self.looks += 1
                return self.looks > 1

            def result(self) -> dict:
                client.running -= 1
                return {"status": "ok"}

        self.running += 1
        self.most = max(self.most, self.running)
        return Run()


@pytest.mark.parametrize(("jobs", "most"), [(None, 3), (2, 2), (1, 1), (9, 3)])
def test_jobs_bounds_the_runs_at_once_on_a_scheduler_s_workers_too(tmp_path, jobs, most):
    plan = plan_of(
        tmp_path / "out", *jobs_of(write(tmp_path, SETUP, SAVE_STEPS), tmp_path / "out", 4)
    )
    client = Instant()
    outcomes = grid.run_plan(plan, client, grid.How(jobs=jobs), lambda line: None)
    assert len(outcomes) == 4 and client.most == most


@pytest.mark.slow
def test_a_grid_whose_workers_stay_away_ends_with_a_sentence_and_goes_on_later(
    tmp_path, scheduler, hire
):
    jobs = jobs_of(write(tmp_path, SETUP, SLOW, SAVE_STEPS), tmp_path / "out", 2, steps=8)
    worker, said = hire(), []
    with cluster.connected(scheduler_file=str(scheduler)) as client:

        def say(line: str) -> None:
            said.append(line)
            if "done" in line.split()[:1]:
                worker.kill()

        with pytest.raises(
            cluster.NoWorkers, match="no worker for 3 s: start some; stopped: 1 of 2 runs are done"
        ):
            grid.run_plan(
                plan_of(tmp_path / "out", *jobs), client, grid.How(patience=3.0), say, every=0.2
            )
    assert any("no workers" in line for line in said)
    hire()
    with cluster.connected(scheduler_file=str(scheduler)) as client:
        outcomes = grid.run_plan(plan_of(tmp_path / "out", *jobs), client, say=said.append)
    assert sorted(o.reused for o in outcomes.values()) == [False, True] and [
        scores(j) for j in jobs
    ] == [[8, 18], [18, 28]]


@pytest.mark.slow
def test_a_grid_whose_scheduler_dies_ends_with_a_sentence(tmp_path, hire):
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
    hire(file=file)
    (job,) = jobs_of(write(tmp_path, SETUP, SLOW, SAVE_STEPS), tmp_path / "out", 1, steps=300)
    with cluster.connected(scheduler_file=str(file)) as client:

        def say(line: str) -> None:
            if beating(job) and scheduler.poll() is None:
                scheduler.kill()
                scheduler.wait()

        with pytest.raises(
            cluster.NoWorkers,
            match="the Dask scheduler is gone: start it again; no finished run is lost",
        ):
            grid.run_plan(plan_of(tmp_path / "out", job), client, say=say, every=0.2)
    assert "error" not in attempts(job)


def test_a_stop_ends_only_the_command_s_own_runs(monkeypatch):
    class Run:
        terminate = lambda self: ended.append(self)  # noqa: E731

    mine, theirs, ended = Run(), Run(), []
    monkeypatch.setattr(cluster, "_running", {"mine": mine, "theirs": theirs})
    monkeypatch.setattr(cluster, "_halted", set())
    cluster.halt(["mine", "elsewhere"])
    assert ended == [mine] and cluster._halted == {"mine", "elsewhere"}


# -- Slurm -----------------------------------------------------------------------------------------------------------------
def as_slurm(folder: Path, monkeypatch, sbatch: str, scancel: str = "exit 0") -> None:
    """Put programs by the names of Slurm's on the PATH."""
    (folder / "bin").mkdir()
    for name, line in {"sbatch": sbatch, "scancel": scancel}.items():
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("DASK_CONFIG", str(folder))


def test_slurm_without_sbatch_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        pytest.raises(BadParameters, match="--slurm: no sbatch on the PATH"),
        cluster.slurm({}, tmp_path),
    ):
        pass
    with cluster.slurm({"interface": "lo"}, tmp_path, script_only=True) as queue:
        assert "--protocol tls:// --tls-ca-file" in queue.job_script()
    assert not list(tmp_path.glob(".tls-*"))
    new = tmp_path / "new"
    with cluster.slurm({"interface": "lo"}, new, script_only=True) as queue:
        assert "--protocol tls:// --tls-ca-file" in queue.job_script()
    assert not new.exists()


def test_a_job_that_slurm_refuses_is_told_in_its_words(tmp_path, monkeypatch):
    as_slurm(
        tmp_path, monkeypatch, 'echo "sbatch: error: invalid partition specified: gpu" >&2; exit 1'
    )
    with (
        pytest.raises(
            BadParameters,
            match=r"--slurm: the job was refused \(sbatch: error: invalid partition specified: gpu\)",
        ),
        cluster.slurm({"interface": "lo"}, tmp_path / "new") as queue,
    ):
        cluster.submit(queue, 1)


def test_a_slurm_job_s_worker_speaks_tls_with_keys_that_are_its_owner_s_alone(
    tmp_path, monkeypatch
):
    as_slurm(
        tmp_path,
        monkeypatch,
        f'setsid sh "$(cp "$1" {tmp_path}/job.sh; echo {tmp_path}/job.sh)" >/dev/null 2>&1 &\necho "Submitted batch job $!"',
        'kill -- -"$1"',
    )
    monkeypatch.setattr(cluster, "KNOCK", 2.0)
    with cluster.slurm({"interface": "lo"}, tmp_path) as queue:
        (keys,) = tmp_path.glob(".tls-*")
        assert [p.stat().st_mode & 0o777 for p in (keys, *sorted(keys.iterdir()))] == [
            0o700,
            0o600,
            0o600,
        ]
        cluster.submit(queue, 1)
        with cluster.connected(
            queue.scheduler_address, security=queue.security, arrival=60
        ) as client:
            assert client.submit(cluster.about).result(60)[0] == cluster.gantutor.__version__
        assert "no Dask scheduler answers" in refusal(address=queue.scheduler_address)
    assert not list(tmp_path.glob(".tls-*"))
