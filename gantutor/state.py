"""What a checkpoint holds of a run: collected, checked against another run, given back to it."""

import dataclasses

import torch
from torch import Tensor

from gantutor import checkpoints
from gantutor.descriptions import describe


def data_name(data) -> str:
    """What a checkpoint remembers of its data: the name, and the digest if there is one."""
    parts = getattr(data, "name", type(data).__name__), getattr(data, "digest", "")
    return " ".join(str(part) for part in parts if part)


def data_numbers(data) -> str:
    """A digest of a small distribution's numbers: two rings of one name may have other radii."""
    if hasattr(data, "digest") or not dataclasses.is_dataclass(data):
        return ""
    values = {f.name: getattr(data, f.name) for f in dataclasses.fields(data)}
    known = int | float | str | tuple | Tensor
    return checkpoints.digest({k: v for k, v in values.items() if isinstance(v, known)})[:12]


def collect(run) -> dict:
    """All that the next step of a run depends on: plain tensors, numbers and strings."""
    epochs = run.reals.epochs
    return {
        "recipe": describe(run.recipe),
        "data": data_name(run.data),
        "data_numbers": data_numbers(run.data),
        "precision": run.precision,
        "world": run.world,
        "device": run.rng.device.type,
        "graph": run.captured is not None,
        "step": run.step,
        "diverged": run.diverged,
        "losses": [run.d_loss, run.g_loss],
        "rng": run.rng.state_dict(),
        "G": run.G.state_dict(),
        "D": run.D.state_dict(),
        "ema": None if run.ema is None else run.ema.net.state_dict(),
        "g_opt": run.g_opt.state_dict(),
        "d_opt": run.d_opt.state_dict(),
        "memory": run.memory,
        "position": 0 if epochs is None else epochs.position,
    }


def restore(run, state: dict) -> None:
    """Give a run a state that `check_state` has let pass."""
    run.rng.load_state_dict(state["rng"])
    run.G.load_state_dict(state["G"])
    run.D.load_state_dict(state["D"])
    if run.ema is not None:
        run.ema.net.load_state_dict(state["ema"])
    run.g_opt.load_state_dict(state["g_opt"])
    run.d_opt.load_state_dict(state["d_opt"])
    if run.reals.epochs is not None:
        run.reals.epochs.position = state["position"]
    run.step, run.diverged = state["step"], dict(state["diverged"])
    run.d_loss, run.g_loss = (loss.to(run.rng.device) for loss in state["losses"])
    run.memory = {k: v.clone().to(run.rng.device) for k, v in state["memory"].items()}
    if run.captured is not None:
        run.captured.forget()


def check_state(run, state: dict) -> None:
    """Raise ValueError for anything that is wrong with a state; nothing of it has been taken."""
    mine = collect(run)
    if lacks := sorted(mine.keys() - state.keys()):
        raise ValueError(f"the checkpoint lacks {', '.join(lacks)}")
    if state["data"] != mine["data"]:
        raise ValueError(
            f"the checkpoint is of the data {state['data']!r}, this run has {mine['data']!r}"
        )
    if state["data_numbers"] != mine["data_numbers"]:
        raise ValueError(
            f"the checkpoint is of data {mine['data']!r} with other numbers in it than this run's"
        )
    saved = state["recipe"] if isinstance(state["recipe"], dict) else {}
    if saved != mine["recipe"]:
        parts = [k for k, v in mine["recipe"].items() if v != saved.get(k)]
        raise ValueError(f"the checkpoint is of another recipe; parts that differ: {parts}")
    if (state["precision"], state["world"]) != (run.precision, run.world):
        raise ValueError(
            f"the checkpoint was made in {state['precision']} by {state['world']} process(es), "
            f"this run is {run.precision} in {run.world}: go on as it was begun, or start over "
            "elsewhere"
        )
    for name, way in (("device", "on {}"), ("graph", "with graph={}")):
        if state[name] != mine[name]:
            raise ValueError(
                f"the checkpoint was made {way.format(state[name])}, this run is "
                f"{way.format(mine[name])}, and would not go on exactly: go on as it was begun, "
                "or start over elsewhere"
            )
    run.rng.check_state(state["rng"])
    if wrong := _misfit(run, mine, state):
        raise ValueError(f"the checkpoint does not fit this run: {wrong} has another form")


def read(run, path) -> dict:
    """A state from a file, for `restore`.

    Raises ValueError, naming the file and the remedy, if it is damaged, belongs to another run, or
    was made by another version of gantutor or other code.
    """
    saved = checkpoints.read(path, run.rng.device)
    if why := checkpoints.foreign(saved, run.code):
        raise ValueError(
            f"checkpoint {path} {why}: delete it to start over, or go on with that code"
        )
    check_file(run, path, saved)
    return saved


def check_file(run, path, saved: dict) -> None:
    """Raise ValueError, naming the file, if what was read from it does not fit the run."""
    try:
        check_state(run, saved)
    except ValueError as error:
        raise ValueError(
            f"{path}: {error}; give another folder, or delete this file to start over"
        ) from None


def _misfit(run, mine: dict, state: dict) -> str | None:
    """The first part of a state that the run cannot take, or None."""
    for name in ("losses", "G", "D", "ema"):
        if found := checkpoints.differs(mine[name], state[name], name):
            return found
    for name in ("g_opt", "d_opt"):
        rule, optimiser = getattr(run.recipe, name), getattr(run, name)
        names = _moments(rule, run.rng.device, run.captured is not None)
        if found := _optimiser_misfit(optimiser, mine[name], state[name], names, name):
            return found
    counts = {"step": state["step"], "position": state["position"]}
    if not isinstance(state["diverged"], dict):
        return "diverged"
    counts |= {f"diverged.{seed}": step for seed, step in state["diverged"].items()}
    for name, value in counts.items():
        if type(value) is not int or value < 0:
            return name
    memory = state["memory"]
    if not isinstance(memory, dict) or not all(isinstance(v, Tensor) for v in memory.values()):
        return "memory"
    return None


def _moments(rule, device: torch.device, graph: bool) -> set[str]:
    """The names of what an optimiser keeps for each weight, seen on a weight of its own."""
    weight = torch.nn.Parameter(torch.zeros(1, device=device))
    optimiser = rule.build([weight], graph)
    weight.grad = torch.zeros_like(weight)
    optimiser.step()
    return set(optimiser.state[weight])


def _optimiser_misfit(optimiser, mine: dict, saved, names: set[str], at: str) -> str | None:
    """Where an optimiser's saved state has another form than its own, or None."""
    if not isinstance(saved, dict) or saved.keys() != mine.keys():
        return at
    groups = mine["param_groups"], saved["param_groups"]
    if found := checkpoints.differs(*groups, f"{at}.param_groups"):
        return found
    weights = [p for group in optimiser.param_groups for p in group["params"]]
    kept = saved["state"]
    if not isinstance(kept, dict) or kept.keys() - set(range(len(weights))):
        return f"{at}.state"
    for i, values in kept.items():
        if not isinstance(values, dict) or set(values) != names:
            return f"{at}.state.{i}"
        for name, value in values.items():
            if isinstance(value, Tensor) and value.ndim and value.shape != weights[i].shape:
                return f"{at}.state.{i}.{name}"
    return None
