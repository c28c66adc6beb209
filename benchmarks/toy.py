"""Speed of the training loop on the plane, compared with a plain eager PyTorch loop.

    python benchmarks/toy.py [--rounds 7] [--seconds 1.0]

Both train the same nets with the same objective, batch and optimiser on one thread, in turns
(plain, ours, plain, ...), so that a change of the machine's speed affects both. Printed: median,
least and greatest of the rounds' ratios of processor time, and the ratio of the quick steps: the
tenth percentile of a step's wall time, which other programs' load hardly moves. At the end: how
long the first step of a new process takes, imports included, with torch's optimisers as the package
uses them and as they are.
"""

import argparse
import os
import subprocess
import sys
import time

import numpy as np
import torch
from torch import nn

from gantutor import toy
from gantutor.methods.adaptivemix import AdaptiveMix
from gantutor.methods.advlat import IFGSM
from gantutor.methods.kdd import KDD
from gantutor.recipes import Adam, Recipe, mlp
from gantutor.train import Run

Z = 2
# what we want to reach: ratios to the plain loop, which is 1
BARS = {
    (32, "one seed"): 3.0,
    (32, "8 seeds together"): 8.0,
    (128, "one seed"): 1.6,
    (128, "8 seeds together"): 1.6,
}


def plain_loop(hidden: int, batch: int):
    """The loop of most tutorials, as a function that does a step.

    It has NumPy batches, two calls of D, backward into the weights of both nets, and .item() for
    the log.
    """

    def net(n_in, n_out):
        return nn.Sequential(
            nn.Linear(n_in, hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, n_out),
        )

    G, D = net(Z, 2), net(2, 1)
    g_opt = torch.optim.Adam(G.parameters(), lr=5e-4, betas=(0.5, 0.99))
    d_opt = torch.optim.Adam(D.parameters(), lr=5e-4, betas=(0.5, 0.99))
    bce, rng = nn.BCEWithLogitsLoss(), np.random.default_rng(0)
    centres = toy.ring().centres.numpy()
    ones, zeros, log = torch.ones(batch, 1), torch.zeros(batch, 1), []

    def step():
        noise = 0.02 * rng.standard_normal((batch, 2))
        real = centres[rng.integers(len(centres), size=batch)] + noise
        real = torch.tensor(real, dtype=torch.float32)
        fake = G(torch.randn(batch, Z))
        d_loss = bce(D(real), ones) + bce(D(fake.detach()), zeros)
        d_opt.zero_grad()
        d_loss.backward()
        d_opt.step()
        fake = G(torch.randn(batch, Z))
        g_loss = bce(D(fake), ones)
        g_opt.zero_grad()
        g_loss.backward()
        g_opt.step()
        log.append((d_loss.item(), g_loss.item()))

    return step


def our_loop(hidden: int, batch: int, seed, **parts):
    """The package's Run, as a function that does a step."""
    recipe = Recipe(
        mlp(Z, hidden, 3, bound=None),
        batch=batch,
        g_opt=Adam(5e-4, (0.5, 0.99)),
        d_opt=Adam(5e-4, (0.5, 0.99)),
    )
    run = Run(recipe.but(**parts), toy.ring(), seed)
    return lambda: [None for _ in run.take_step()]


def speed(step, seconds: float, walls: list[float]) -> float:
    """Steps per second of processor time; each step's wall time is appended to `walls`.

    On one thread processor time is wall time without what other programs take.
    """
    start, n = time.process_time(), 0
    while True:
        for _ in range(10):
            begun = time.perf_counter()
            step()
            walls.append(time.perf_counter() - begun)
        n += 10
        passed = time.process_time() - start
        if passed >= seconds:
            return n / passed


def compare(hidden: int, batch: int, seed, parts: dict, args) -> str:
    """Measure one case in turns with the plain loop; a row's cells."""
    plain, ours = plain_loop(hidden, batch), our_loop(hidden, batch, seed, **parts)
    seeds, walls, pairs = len(seed) if isinstance(seed, list) else 1, ([], []), []
    for loop in (plain, ours):  # warm up
        speed(loop, 0.2, [])
    for _ in range(args.rounds):
        a, b = (speed(f, args.seconds, w) for f, w in zip((plain, ours), walls, strict=True))
        pairs.append((a, seeds * b))
    ratios = sorted(b / a for a, b in pairs)
    a, b = (float(np.median(x)) for x in zip(*pairs, strict=True))
    quick = seeds * np.quantile(walls[0], 0.1) / np.quantile(walls[1], 0.1)
    spread = f"{np.median(ratios):.2f} | {ratios[0]:.2f} | {ratios[-1]:.2f} | {quick:.2f}"
    return f"{a:.0f} | {b:.0f} | {spread}"


def first_step(prepare: str = "") -> float:
    """Processor time of a new process that imports the package and takes one step."""
    step = "from gantutor import TOY, Run, toy; list(Run(TOY, toy.nine(), 0).steps(1))"
    before = os.times()
    subprocess.run([sys.executable, "-c", f"{prepare}\n{step}"], check=True)
    after = os.times()
    spent = after.children_user + after.children_system
    return spent - before.children_user - before.children_system


def main() -> None:
    """Measure, and print a table."""
    args = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    args.add_argument("--rounds", type=int, default=7)
    args.add_argument("--seconds", type=float, default=1.0, help="per loop and round")
    args = args.parse_args()
    torch.set_num_threads(1)
    eight = list(range(8))
    cases = [
        (32, 128, "one seed", 0, {}),
        (32, 128, "8 seeds together", eight, {}),
        (128, 256, "one seed", 0, {}),
        (128, 256, "8 seeds together", eight, {}),
        (32, 128, "AdaptiveMix, one seed", 0, {"terms": (AdaptiveMix(),)}),
        (32, 128, "AdvLatGAN-qua, one seed", 0, {"latent": IFGSM(0.01, 1, mode="train_frozen")}),
        (32, 128, "KDD, one seed", 0, {"objective": KDD()}),
        (32, 128, "AdaptiveMix, 8 seeds", eight, {"terms": (AdaptiveMix(),)}),
        (32, 128, "AdvLatGAN-qua, 8 seeds", eight, {"latent": IFGSM(0.01, 1, mode="train_frozen")}),
        (32, 128, "KDD, 8 seeds", eight, {"objective": KDD()}),
    ]
    print(
        f"torch {torch.__version__}, 1 thread, processor time, {args.rounds} paired rounds; "
        "plain loop = NumPy batches, two D calls, .item()"
    )
    heads = ["hidden", "batch", "ours", "plain steps/s", "ours seed-steps/s"]
    heads += ["ratio: median", "least", "greatest", "of quick steps", "bar"]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for hidden, batch, what, seed, parts in cases:
        bar = BARS.get((hidden, what), "")
        row = compare(hidden, batch, seed, parts, args)
        print(f"| {hidden} | {batch} | {what} | {row} | {bar} |", flush=True)
    theirs = "from gantutor import optimisers; optimisers.light = lambda kind: kind"
    pairs = [(first_step(), first_step(theirs)) for _ in range(args.rounds)]
    ours, plain = (float(np.median(x)) for x in zip(*pairs, strict=True))
    ratio = float(np.median([a / b for a, b in pairs]))
    print(
        f"\nthe first step of a new process: {ours:.1f} s, with torch's optimisers as they are "
        f"{plain:.1f} s, median of the ratios {ratio:.2f}"
    )


if __name__ == "__main__":
    main()
