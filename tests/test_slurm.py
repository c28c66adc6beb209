"""Workers as Slurm jobs, with a shell script in the place of sbatch."""

import os
from pathlib import Path

import pytest

from gantutor import __version__
from gantutor.course.config import BadParameters
from gantutor.reproduce import cluster, worker
from gantutor.reproduce.slurm import slurm_queue, submit


def as_slurm(folder: Path, monkeypatch, sbatch: str, scancel: str = "exit 0") -> None:
    """Put shell scripts with the names of Slurm's programs on the PATH."""
    (folder / "bin").mkdir()
    for name, line in {"sbatch": sbatch, "scancel": scancel}.items():
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("DASK_CONFIG", str(folder))


def test_slurm_jobs_are_single_slots(tmp_path, monkeypatch):
    monkeypatch.setenv("DASK_CONFIG", str(tmp_path))
    options = {
        "queue": "gpu",
        "memory": "16GB",
        "job_cpu": 4,
        "job_extra_directives": ["--gres=gpu:1"],
        "interface": "lo",
    }
    with slurm_queue(options, tmp_path, script_only=True) as queue:
        script = queue.job_script()
    for line in (
        "#SBATCH -p gpu",
        "#SBATCH --cpus-per-task=4",
        "#SBATCH --mem=15G",
        "#SBATCH --gres=gpu:1",
        "#SBATCH -t 24:00:00",
    ):
        assert line in script, script
    assert "--nthreads 1" in script and "--nworkers" not in script
    # our limit of 0 comes after dask-jobqueue's own
    assert script.rindex("--memory-limit 0") > script.index("--memory-limit")


def test_an_unknown_option_is_named():
    with (
        pytest.raises(BadParameters, match="--slurm-option 'walltimes': did you mean 'walltime'?"),
        slurm_queue({"walltimes": "1:00"}),
    ):
        pass


def test_slurm_without_sbatch_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        pytest.raises(BadParameters, match="--slurm: no sbatch on the PATH"),
        slurm_queue({}, tmp_path),
    ):
        pass
    with slurm_queue({"interface": "lo"}, tmp_path, script_only=True) as queue:
        assert "--protocol tls:// --tls-ca-file" in queue.job_script()
    assert not list(tmp_path.glob(".tls-*"))
    new = tmp_path / "new"
    with slurm_queue({"interface": "lo"}, new, script_only=True) as queue:
        assert "--protocol tls:// --tls-ca-file" in queue.job_script()
    assert not new.exists()


def test_a_refused_job_is_reported_in_slurm_s_words(tmp_path, monkeypatch):
    words = "sbatch: error: invalid partition specified: gpu"
    as_slurm(tmp_path, monkeypatch, f'echo "{words}" >&2; exit 1')
    with (
        pytest.raises(BadParameters, match=rf"--slurm: the job was refused \({words}\)"),
        slurm_queue({"interface": "lo"}, tmp_path / "new") as queue,
    ):
        submit(queue, 1)


def test_a_job_s_worker_speaks_tls_with_keys_that_only_their_owner_can_read(tmp_path, monkeypatch):
    starts = f"""
cp "$1" {tmp_path}/job.sh
setsid sh {tmp_path}/job.sh >/dev/null 2>&1 &
echo "Submitted batch job $!"
"""
    as_slurm(tmp_path, monkeypatch, starts, 'kill -- -"$1"')
    monkeypatch.setattr(cluster, "KNOCK", 2.0)
    with slurm_queue({"interface": "lo"}, tmp_path) as queue:
        (keys,) = tmp_path.glob(".tls-*")
        modes = [p.stat().st_mode & 0o777 for p in (keys, *sorted(keys.iterdir()))]
        assert modes == [0o700, 0o600, 0o600]
        submit(queue, 1)
        address, security = queue.scheduler_address, queue.security
        with cluster.connected(address, security=security, arrival=60) as client:
            assert client.submit(worker.about).result(60)[0] == __version__
        with (
            pytest.raises(BadParameters, match="no Dask scheduler answers"),
            cluster.connected(address),
        ):
            pass
    assert not list(tmp_path.glob(".tls-*"))
