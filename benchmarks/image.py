"""Speed of training on images, compared with a plain eager PyTorch loop.

    python benchmarks/image.py [--rounds 5] [--steps 2] [--batch 32] [--precision fp32]
                               [--device cpu] [--only sngan] [--tables nets methods graphs]
                               [--rows kddgan/table1/hinge ...]

Both loops have the same nets, batch and precision. They take turns in one process, so that a change
of the machine's speed affects both; on a CPU, processor time is counted. Printed: medians with the
least and greatest of the rounds, and the peak memory of each case, measured in a process of its
own. The second table compares our methods with our own plain step. On a CUDA device the third
compares whole-step graphs with our eager loop, and prints the share of the bf16 peak (--peak, in
TFLOP/s) and the images per second of FID features. --tables chooses among them. --rows prints
another one instead: rows of the papers' tables at their own batch, and the hours that their own
number of steps would take without any measuring of fakes.
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch
from torch.nn.functional import relu, softplus

from gantutor.images import ImageSet
from gantutor.methods.adaptivemix import AdaptiveMix
from gantutor.methods.kdd import KDD
from gantutor.objectives import Hinge
from gantutor.reproduce.tables import BIGGAN, MODELS, find, qua
from gantutor.rng import Rng
from gantutor.train import Run

CASES = {
    name: MODELS[name].but(inputs=(), decay=None, order="replacement")
    for name in ("sngan", "wgangp", "dcgan")
}
METHODS = {
    "plain": {},
    "AdvLatGAN-qua": {"latent": qua(0.04)},
    "AdaptiveMix": {"terms": (AdaptiveMix(noise_scale="rms"),)},
    "AdaptiveMix, D alone": {"terms": (AdaptiveMix(noise_scale="rms", players="d"),)},
    "KDD": {"objective": KDD()},
    "KDD, stale reals": {"objective": KDD(stale="g_step")},
}


def data(size: int = 32) -> ImageSet:
    """2048 images of noise: speed does not depend on what images show."""
    images = Rng(0).randint(256, 2048, 3, size, size).to(torch.uint8)
    return ImageSet("noise", images, torch.arange(2048) % 10, tuple("0123456789"))


def plain_loop(recipe, device: str, precision: str):
    """The usual loop, as a function that does a step.

    It has contiguous nets, two calls of D, backward into the weights of both nets, default Adam
    and .item() for the log.
    """
    G, D = (
        net.to(memory_format=torch.contiguous_format) for net in recipe.nets.build(Rng(0, device))
    )
    g_opt, d_opt = (torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.0, 0.9)) for net in (G, D))
    images, log, z_size = data().floats().to(device), [], recipe.nets.z
    real_loss, fake_loss, gen_loss = (
        (lambda a: relu(1 - a), lambda b: relu(1 + b), lambda b: -b)
        if isinstance(recipe.objective, Hinge)
        else (lambda a: softplus(-a), lambda b: softplus(b), lambda b: softplus(-b))
    )
    kind = torch.device(device).type

    def step():
        with torch.autocast(kind, torch.bfloat16, enabled=precision == "bf16"):
            real = images[torch.randint(len(images), (recipe.batch,), device=device)]
            fake = G(torch.randn(recipe.batch, z_size, device=device)).detach()
            d_loss = real_loss(D(real).score).mean() + fake_loss(D(fake).score).mean()
        d_opt.zero_grad()
        d_loss.backward()
        d_opt.step()
        with torch.autocast(kind, torch.bfloat16, enabled=precision == "bf16"):
            g_loss = gen_loss(D(G(torch.randn(recipe.g_batch, z_size, device=device))).score).mean()
        g_opt.zero_grad()
        g_loss.backward()
        g_opt.step()
        log.append((d_loss.item(), g_loss.item()))

    return step


def our_loop(recipe, device: str, precision: str, graph: bool = False, size: int = 32):
    """The package's Run, as a function that does a step."""
    images = data(size).to(device) if device != "cpu" else data(size)
    run = Run(recipe, images, 0, device, precision=precision, graph=graph)
    return lambda: [None for _ in run.take_step()]


def clock(device: str) -> float:
    """Processor time in s, or on a GPU wall time after all its work is done.

    On one thread processor time is wall time without what other programs take.
    """
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def seconds(step, n: int, device: str) -> float:
    """Seconds per step, over n steps."""
    begun = clock(device)
    for _ in range(n):
        step()
    return (clock(device) - begun) / n


def paired(loops: dict, rounds: int, n: int, device: str) -> dict[str, list[float]]:
    """Seconds per step of each loop, round by round; the loops take turns."""
    for step in loops.values():
        seconds(step, 1 if device == "cpu" else 10, device)  # warm up
    times = {name: [] for name in loops}
    for _ in range(rounds):
        for name, step in loops.items():
            times[name].append(seconds(step, n, device))
    return times


def ratios(over: list[float], under: list[float]) -> str:
    """Median, least and greatest of the paired ratios over / under."""
    r = sorted(a / b for a, b in zip(over, under, strict=True))
    return f"{statistics.median(r):.2f} | {r[0]:.2f} | {r[-1]:.2f}"


def memory(case: str, args) -> float:
    """Peak memory of two steps in MiB above that of the imports, in a process of its own."""
    command = [sys.executable, __file__, "--memory", case, "--batch", str(args.batch)]
    command += ["--precision", args.precision, "--device", args.device]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def resident(field: str) -> float:
    """Memory of this process in MiB: VmRSS now, or VmHWM, the peak since it was last reset."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def measure_memory(case: str, args) -> None:
    """Print the peak memory of a case ("sngan/usual", "sngan/KDD"), in this process."""
    name, kind = case.split("/", 1)
    recipe = sized(CASES[name], args.batch)
    torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])  # imports more of torch
    Path("/proc/self/clear_refs").write_text("5")  # Linux: reset the peak, which is the imports'
    before = resident("VmRSS")
    step = (
        plain_loop(recipe, args.device, args.precision)
        if kind == "usual"
        else our_loop(recipe.but(**METHODS[kind]), args.device, args.precision)
    )
    for _ in range(2):
        step()
    print(
        resident("VmHWM") - before
        if args.device == "cpu"
        else torch.cuda.max_memory_allocated() / 2**20
    )


def sized(recipe, batch: int):
    """The recipe with another batch; if G has a batch of its own, with twice that."""
    return recipe.but(batch=batch, g_batch=2 * batch if recipe.g_batch else None)


def has_bf16() -> bool:
    """Whether this processor has instructions for products in bf16."""
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def on_gpu(args) -> None:
    """Compare whole-step graphs with our eager loop, and print FID features per second."""
    from torch.utils.flop_counter import FlopCounterMode

    cases = {**CASES, "biggan-cifar": BIGGAN.but(order="replacement")}
    heads = ["nets", "batch", "eager it/s", "graph it/s", "graph over eager: median"]
    print_heads(*heads, "least", "greatest", "share of peak")
    for name, recipe in cases.items():
        recipe = recipe if name == "biggan-cifar" else sized(recipe, 128)
        eager, graph = (
            our_loop(recipe, args.device, args.precision, graph=g) for g in (False, True)
        )
        times = paired({"eager": eager, "graph": graph}, args.rounds, 20, args.device)
        try:
            with FlopCounterMode(display=False) as flops:
                eager()
            rate = flops.get_total_flops() / statistics.median(times["graph"])
            share = f"{rate / args.peak / 1e12:.3f}"
        except RuntimeError:  # it cannot count the gradients at leaves that penalties need
            share = "not counted"
        rates = " | ".join(f"{1 / statistics.median(t):.1f}" for t in times.values())
        faster = ratios(times["eager"], times["graph"])
        print(f"| {name} | {recipe.batch} | {rates} | {faster} | {share} |", flush=True)
    try:
        from gantutor.metrics.inception import inception

        net, x = inception(device=args.device, bf16=True), torch.rand(2000, 3, 32, 32) * 2 - 1
        net(x[:200])
        begun = clock(args.device)
        net(x)
        print(f"FID features: {2000 / (clock(args.device) - begun):.0f} images per second")
    except ValueError as error:
        print(f"FID features: {error}")


def print_heads(*heads: str) -> None:
    """Print the first two lines of a table."""
    print(f"\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}")


def compare_nets(args) -> None:
    """Compare our loop with the usual one, and print a table."""
    heads = ["nets", "batch", "usual loop s/it", "ours s/it", "ours faster by: median"]
    print_heads(*heads, "least", "greatest", "usual MiB", "ours MiB")
    # the usual loop here has no penalty, so it cannot train wgangp
    for name in [args.only] if args.only else [n for n in CASES if n != "wgangp"]:
        recipe = sized(CASES[name], args.batch)
        loops = {
            "usual": plain_loop(recipe, args.device, args.precision),
            "": our_loop(recipe, args.device, args.precision),
        }
        if args.device == "cpu" and args.precision == "fp32" and has_bf16():
            loops[", ours in bf16"] = our_loop(recipe, args.device, "bf16")
        times = paired(loops, args.rounds, args.steps, args.device)
        used = memory(f"{name}/usual", args)
        for kind in [k for k in loops if k != "usual"]:
            a, b = (statistics.median(times[k]) for k in ("usual", kind))
            precision = "bf16" if kind else args.precision
            own = argparse.Namespace(**{**vars(args), "precision": precision})
            mine, faster = memory(f"{name}/plain", own), ratios(times["usual"], times[kind])
            cells = f"{a:.3f} | {b:.3f} | {faster} | {used:.0f} | {mine:.0f}"
            print(f"| {name}{kind} | {args.batch} | {cells} |", flush=True)


def compare_methods(args) -> None:
    """Compare our methods with our own plain step, and print a table."""
    heads = ["method on sngan", "s/it", "over the plain step: median"]
    print_heads(*heads, "least", "greatest", "MiB")
    recipe = sized(CASES["sngan"], args.batch)
    loops = {k: our_loop(recipe.but(**v), args.device, args.precision) for k, v in METHODS.items()}
    times = paired(loops, args.rounds, args.steps, args.device)
    for name in METHODS:
        median, over = statistics.median(times[name]), ratios(times[name], times["plain"])
        used = memory(f"sngan/{name}", args)
        print(f"| {name} | {median:.3f} | {over} | {used:.0f} |", flush=True)


def compare_rows(args) -> None:
    """Time steps of rows of the papers' tables, on a GPU also as graphs, and print a table."""
    print_heads("row", "step", "ms/step: median", "least", "greatest", "the row's steps", "hours")
    kinds = ("eager",) if args.device == "cpu" else ("eager", "graph")
    for name in args.rows:
        row = find(name)
        for kind in kinds:
            how = {"graph": kind == "graph", "size": row.size}
            loop = our_loop(row.recipe, args.device, args.precision, **how)
            times = paired({kind: loop}, args.rounds, args.steps, args.device)[kind]
            median = statistics.median(times)
            ms = " | ".join(f"{1e3 * s:.2f}" for s in (median, min(times), max(times)))
            hours = row.steps * median / 3600
            print(f"| {name} | {kind} | {ms} | {row.steps} | {hours:.2f} |", flush=True)


def main() -> None:
    """Measure, and print."""
    args = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    args.add_argument("--rounds", type=int, default=5)
    args.add_argument("--steps", type=int, default=2, help="per loop and round")
    args.add_argument("--batch", type=int, default=32)
    args.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    args.add_argument("--device", default="cpu")
    args.add_argument("--only", choices=[*CASES], default=None)
    tables = {"nets": compare_nets, "methods": compare_methods, "graphs": on_gpu}
    args.add_argument("--tables", nargs="+", choices=[*tables], default=[*tables])
    args.add_argument("--rows", nargs="+", metavar="ROW", help="print these rows' speed instead")
    args.add_argument("--peak", type=float, default=790.0, help="the device's bf16 TFLOP/s")
    args.add_argument("--memory", help=argparse.SUPPRESS)
    args = args.parse_args()
    torch.set_num_threads(1)
    if args.memory:
        return measure_memory(args.memory, args)
    bf16 = "" if args.device != "cpu" else f", bf16 instructions: {'yes' if has_bf16() else 'no'}"
    print(
        f"torch {torch.__version__}, {args.device}, {args.precision}, 1 thread, "
        f"{args.rounds} paired rounds of {args.steps} steps{bf16}"
    )
    if args.rows:
        return compare_rows(args)
    for name in args.tables:
        if name != "graphs" or torch.device(args.device).type == "cuda":
            tables[name](args)


if __name__ == "__main__":
    main()
