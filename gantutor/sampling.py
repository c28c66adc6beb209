"""Samples of a run's generator, with its labels, latent searches and modes of batch norm."""

from collections.abc import Iterator

import torch
from torch import Tensor

from gantutor.critic import critic
from gantutor.nets import Labelled, call, classes_of, latent_mode
from gantutor.plain import one_of, whole
from gantutor.rng import Rng
from gantutor.turn import move

NORMS = ("running", "batch", "standing")


@torch.no_grad()
def stream(
    run,
    n: int,
    rng=None,
    latent=None,
    labels: Tensor | None = None,
    norm: str = "running",
    chunk: int = 500,
) -> Iterator[Tensor]:
    """The fakes of `Run.sample`, `chunk` at a time."""
    n, chunk = whole("n", n, 1), whole("chunk", chunk, 1)
    one_of("norm", norm, NORMS)
    rng = run.rng.aside() if rng is None else Rng.of(rng, run.rng.device)
    G = run.G if run.ema is None else run.ema.net
    z = rng.randn(n, run.recipe.nets.z)
    y = _labels(labels, n, classes_of(run.recipe.nets), rng)
    # "train_frozen" puts the statistics back afterwards
    with latent_mode([G, run.D], "eval" if norm == "running" else "train_frozen"):
        run.D.eval()
        G.eval()
        if norm == "standing":
            _stand(G, run, rng, chunk)
        for i in range(0, n, chunk):
            part = z.narrow(rng.axis, i, min(chunk, n - i))
            its = None if y is None else y[i : i + chunk]
            if latent is not None:
                part = move(latent, part, Labelled(G, its), critic(run, y=its), rng)
            G.train(norm == "batch")
            yield call(G, part, its)


def _labels(labels: Tensor | None, n: int, classes: int, rng: Rng) -> Tensor | None:
    """The labels asked for, checked, or balanced ones in random order; None without classes."""
    if labels is not None:
        _check_labels(labels, n, classes)
        return labels.to(rng.device)
    if not classes:
        return None
    y = torch.arange(n, device=rng.device) % classes
    return y[rng.randperm(n)]


def _check_labels(labels, n: int, classes: int) -> None:
    if not classes:
        raise ValueError("labels=...: these nets have no classes, so no labels can be asked for")
    if not isinstance(labels, Tensor) or labels.shape != (n,) or labels.is_floating_point():
        raise ValueError(
            f"labels={labels!r}: expected a tensor of {n} class indices, one for each sample"
        )
    low, high = int(labels.min()), int(labels.max())
    if not 0 <= low <= high < classes:
        raise ValueError(
            f"labels from {low} to {high}: expected class indices from 0 to {classes - 1}"
        )


def _stand(G, run, rng: Rng, n: int, batches: int = 16) -> None:
    """Give G's batch norm the plain means of the statistics of so many fresh batches of n."""
    norms = [m for m in G.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    momenta = [m.momentum for m in norms]
    for m in norms:
        m.reset_running_stats()
        m.momentum = None  # a plain mean over batches
    G.train()
    classes = classes_of(run.recipe.nets)
    for _ in range(batches):
        z = rng.randn(n, run.recipe.nets.z)
        call(G, z, rng.randint(classes, n) if classes else None)
    for m, momentum in zip(norms, momenta, strict=True):
        m.momentum = momentum
    G.eval()
