"""Schedulers and workers: who may connect, and what is said about those that do not answer."""

import http.server
import os
import shlex
import shutil
import signal
import socket
import subprocess
import threading
import time

import psutil
import pytest
from grids import (
    SAVE_STEPS,
    SLOW,
    attempts,
    beating,
    jobs_of,
    kill,
    plan_of,
    scores,
    spawn_scheduler,
    spawn_worker,
    until,
)
from tiny import SETUP, write

from gantutor.course.config import BadParameters
from gantutor.reproduce import cluster, grid, worker


# -- this machine's own workers -------------------------------------------------------------------
@pytest.fixture(scope="module")
def client():
    """Two slots, on a machine that seems to have 16 cores."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("distributed.deploy.local.CPU_COUNT", 16)
        with cluster.local(2) as client:
            yield client


def named(client) -> dict[int, str]:
    """The address of each worker, by its name."""
    workers = client.scheduler_info(n_workers=-1)["workers"]
    return {about["name"]: address for address, about in workers.items()}


def test_slots_are_workers_whatever_the_number_of_cores(client):
    assert sorted(named(client)) == [0, 1] and list(client.nthreads().values()) == [1, 1]


def test_two_workers_have_a_gpu_each_and_keep_it_when_they_are_restarted(client, monkeypatch):
    def cards() -> dict[int, str]:
        asked = {
            name: client.submit(worker._environment, None, 2, None, workers=[place], pure=False)
            for name, place in named(client).items()
        }
        return {name: future.result(60)["CUDA_VISIBLE_DEVICES"] for name, future in asked.items()}

    assert cards() == {0: "0", 1: "1"}
    first = named(client)[0]
    with pytest.MonkeyPatch.context() as patch:  # the scheduler's message about a lost worker
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


def test_everything_listens_on_loopback_only_and_tells_nothing(client):
    me = psutil.Process()
    ports = [
        c.laddr
        for p in (me, *me.children(recursive=True))
        for c in p.net_connections("inet")
        if c.status == psutil.CONN_LISTEN
    ]
    assert len(ports) >= 6 and {ip for ip, _ in ports} == {"127.0.0.1"}
    host = client.dashboard_link.rsplit("/", 1)[0].split("//")[1]
    answered = []
    for path in (
        "/health",
        "/info/main/workers.html",
        "/json/identity.json",
        "/api/v1/retire_workers",
        "/metrics",
    ):
        asked = http.client.HTTPConnection(host, timeout=20)
        asked.request("GET", path)
        answered += [path] if asked.getresponse().status == 200 else []
        asked.close()
    assert answered == ["/health"]


# -- a scheduler that is already running ----------------------------------------------------------
@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    """The file of a scheduler without workers."""
    file = tmp_path_factory.mktemp("scheduler") / "scheduler.json"
    process = spawn_scheduler(file)
    yield file
    kill(process)


@pytest.fixture
def hire(scheduler, tmp_path):
    """A function that starts a worker of that scheduler, which first runs a line of Python."""
    hired = []

    def start(line: str = "", file=scheduler) -> subprocess.Popen:
        first = tmp_path / "first.py"
        first.write_text(line + "\n")
        hired.append(spawn_worker(file, tmp_path, "--preload", first))
        return hired[-1]

    yield start
    for process in hired:
        kill(process)
    until(lambda: not workers_of(scheduler))


def workers_of(file) -> int:
    """How many workers a scheduler has."""
    from distributed import Client

    with Client(scheduler_file=str(file), set_as_default=False) as client:
        return len(client.scheduler_info()["workers"])


def refusal(**where) -> str:
    """The sentence with which a connection is refused, within half a minute."""
    begun = time.monotonic()
    with pytest.raises(BadParameters) as caught, cluster.connected(**where):
        pass
    assert time.monotonic() - begun < 30 and "\n" not in str(caught.value)
    return str(caught.value)


def test_a_grid_asks_its_scheduler_s_workers_within_half_a_minute():
    assert cluster.KNOCK + cluster.ARRIVAL + cluster.ANSWER < 30


def test_a_scheduler_without_workers_is_named(scheduler):
    said = refusal(scheduler_file=str(scheduler), arrival=0.5)
    assert "has no worker after 0.5 s: start some with `dask worker tcp://127.0.0.1:" in said


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("import sys; sys.modules['gantutor'] = None", "cannot run gantutor (ModuleNotFoundError"),
        ("import gantutor; gantutor.__version__ = '0.0.9'", "has gantutor 0.0.9, this is"),
        ("", "does not answer within 1 s"),
    ],
)
def test_a_worker_that_cannot_do_a_run_is_named(scheduler, hire, monkeypatch, line, sentence):
    process = hire(line)
    until(lambda: workers_of(scheduler))
    if "does not answer" in sentence:
        monkeypatch.setattr(cluster, "ANSWER", 1.0)
        os.kill(process.pid, signal.SIGSTOP)
    assert sentence in refusal(scheduler_file=str(scheduler))


def test_a_worker_s_address_is_not_a_scheduler_s(scheduler, hire):
    from distributed import Client

    hire()
    until(lambda: workers_of(scheduler))
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
        "\N{DUCK}",
        "web",
        "tls web",
        "mute",
    ],
)
def test_a_nonsense_address_is_one_sentence(address, monkeypatch):
    """Also where a server listens that speaks another language, or that says nothing."""
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
def test_a_nonsense_scheduler_file_is_one_sentence(tmp_path, content):
    file = tmp_path / "scheduler.json"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    said = f"no Dask scheduler answers at {file} (it is not a scheduler file): start one"
    assert refusal(scheduler_file=str(file)).startswith(said)
    assert "(Is a directory)" in refusal(scheduler_file=str(tmp_path))


def test_a_missing_scheduler_file_is_named(tmp_path):
    said = refusal(scheduler_file=str(tmp_path / "nowhere.json"))
    assert said.startswith("no Dask scheduler answers at ") and "nowhere.json" in said


# -- TLS ------------------------------------------------------------------------------------------
def test_tls_files_are_checked_before_anything_is_contacted(tmp_path):
    from distributed import Security

    made = Security.temporary()
    for name, text in {
        "cert": made.tls_client_cert,
        "key": made.tls_client_key,
        "other": Security.temporary().tls_client_key,
        "text": "not a key",
    }.items():
        (tmp_path / name).write_text(text)
    good = {k: str(tmp_path / v) for k, v in {"ca": "cert", "cert": "cert", "key": "key"}.items()}

    def said(tls: dict[str, str]) -> str:
        return refusal(address="tls://127.0.0.1:1", tls=tls)

    assert "--tls lacks cert=FILE" in said({"ca": good["ca"]})
    unusable = "not a usable certificate with its key"
    for name in good:
        assert f"--tls {name}=nowhere.pem: no such file" in said({**good, name: "nowhere.pem"})
        assert unusable in said({**good, name: str(tmp_path / "text")})
    assert unusable in said({**good, "key": str(tmp_path / "other")})


@pytest.mark.slow
def test_over_tls(tmp_path):
    """A scheduler and a worker that speak only TLS: with the files the grid runs, without not."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes the certificate, is not installed")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    make = shlex.split("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost")
    subprocess.run([*make, "-keyout", key, "-out", cert], check=True, capture_output=True)
    files = ["--tls-ca-file", cert, "--tls-cert", cert, "--tls-key", key]
    tls = {"ca": str(cert), "cert": str(cert), "key": str(key)}
    file = tmp_path / "scheduler.json"
    process = spawn_scheduler(file, "--protocol", "tls", *files)
    hand = spawn_worker(file, tmp_path, *files)
    try:
        plan = plan_of(
            tmp_path / "out", *jobs_of(write(tmp_path, SETUP, SAVE_STEPS), tmp_path / "out", 1)
        )
        with cluster.connected(scheduler_file=str(file), tls=tls) as client:
            until(client.nthreads)
            outcomes = grid.run_plan(plan, client, say=lambda line: None)
        assert [o.status for o in outcomes.values()] == ["ok"]
        assert "no Dask scheduler answers" in refusal(scheduler_file=str(file))
    finally:
        kill(hand)
        kill(process)


# -- workers that stay away -----------------------------------------------------------------------
@pytest.mark.slow
def test_a_grid_whose_workers_stay_away_ends_with_a_sentence_and_can_continue_later(
    tmp_path, scheduler, hire
):
    jobs = jobs_of(write(tmp_path, SETUP, SLOW, SAVE_STEPS), tmp_path / "out", 2, steps=8)
    plan = plan_of(tmp_path / "out", *jobs)
    process, said = hire(), []
    with cluster.connected(scheduler_file=str(scheduler)) as client:

        def say(line: str) -> None:
            said.append(line)
            if "done" in line.split()[:1]:
                process.kill()

        sentence = "no worker for 3 s: start some; stopped: 1 of 2 runs are done"
        with pytest.raises(cluster.NoWorkers, match=sentence):
            grid.run_plan(plan, client, grid.How(patience=3.0), say, every=0.2)
    assert any("no workers" in line for line in said)
    hire()
    with cluster.connected(scheduler_file=str(scheduler)) as client:
        outcomes = grid.run_plan(plan, client, say=said.append)
    assert sorted(o.reused for o in outcomes.values()) == [False, True]
    assert [scores(j) for j in jobs] == [[8, 18], [18, 28]]


@pytest.mark.slow
def test_a_grid_whose_scheduler_dies_ends_with_a_sentence(tmp_path, hire):
    file = tmp_path / "scheduler.json"
    process = spawn_scheduler(file)
    hire(file=file)
    (job,) = jobs_of(write(tmp_path, SETUP, SLOW, SAVE_STEPS), tmp_path / "out", 1, steps=300)
    with cluster.connected(scheduler_file=str(file)) as client:

        def say(line: str) -> None:
            if beating(job) and process.poll() is None:
                process.kill()
                process.wait()

        sentence = "the Dask scheduler is gone: start it again; no finished run is lost"
        with pytest.raises(cluster.NoWorkers, match=sentence):
            grid.run_plan(plan_of(tmp_path / "out", job), client, say=say, every=0.2)
    assert "error" not in attempts(job)
