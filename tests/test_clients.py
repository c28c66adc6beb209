"""The grid's loop with clients that are made up: no workers, few slots, a stop."""

import pytest
from grids import SAVE_STEPS, jobs_of, plan_of
from tiny import SETUP, write

from gantutor.reproduce import cluster, grid, worker


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


def test_a_grid_without_workers_ends_with_a_sentence(tmp_path):
    jobs = jobs_of(write(tmp_path, SETUP, SAVE_STEPS), tmp_path / "out", 2)
    plan = plan_of(tmp_path / "out", *jobs)
    said: list[str] = []
    sentence = "no worker for 0 s: start some; stopped: 0 of 2 runs are done; run the same command"
    with pytest.raises(cluster.NoWorkers, match=sentence):
        grid.run_plan(plan, Absent("running"), grid.How(patience=0.3), said.append, every=0.1)
    assert "  -- 0 of 2 done, 0 running, 0 failed, no workers" in said
    sentence = "the Dask scheduler is gone: start it again; no finished run is lost"
    with pytest.raises(cluster.NoWorkers, match=sentence):
        grid.run_plan(plan, Absent("closed"), say=said.append)


class Instant:
    """A client of three workers whose runs are done when looked at for the second time.

    `most` is the largest number of runs at once.
    """

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


@pytest.mark.parametrize(("limit", "most"), [(None, 3), (2, 2), (1, 1), (9, 3)])
def test_jobs_bounds_the_runs_at_once_on_a_scheduler_s_workers_too(tmp_path, limit, most):
    jobs = jobs_of(write(tmp_path, SETUP, SAVE_STEPS), tmp_path / "out", 4)
    client = Instant()
    how = grid.How(jobs=limit)
    outcomes = grid.run_plan(plan_of(tmp_path / "out", *jobs), client, how, lambda line: None)
    assert len(outcomes) == 4 and client.most == most


def test_a_stop_ends_only_the_command_s_own_runs(monkeypatch):
    class Run:
        def terminate(self):
            ended.append(self)

    mine, theirs, ended = Run(), Run(), []
    monkeypatch.setattr(worker, "_running", {"mine": mine, "theirs": theirs})
    monkeypatch.setattr(worker, "_halted", set())
    worker.halt(["mine", "elsewhere"])
    assert ended == [mine] and worker._halted == {"mine", "elsewhere"}
