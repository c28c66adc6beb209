"""Speed of training on images, beside a plain eager PyTorch loop as usually written: same nets, batch, precision.

    python benchmarks/image.py [--rounds 5] [--steps 2] [--batch 32] [--precision fp32] [--device cpu] [--only sngan]

Ours and the plain loop take turns in one process, so that a change of the machine's speed hits both; on a CPU processor time
is counted. Printed: medians with the least and greatest of the rounds, and each case's peak memory, measured in a process
of its own. The second table holds our methods against our own plain step. On a CUDA device the third compares whole-step
graphs with our eager loop, and prints the share of the bf16 peak (--peak, in TFLOP/s) and the images a second of FID features.
"""

import argparse
import statistics
import subprocess
import sys
import time

import torch
from torch.nn.functional import relu, softplus

from gantutor.images import ImageSet
from gantutor.methods.adaptivemix import AdaptiveMix
from gantutor.methods.kdd import KDD
from gantutor.objectives import Hinge
from gantutor.reproduce.tables import BIGGAN, MODELS, qua
from gantutor.rng import Rng
from gantutor.train import Run

SNGAN = MODELS["sngan"].but(inputs=(), decay=None, order="replacement")
CASES = {
    "sngan": SNGAN,
    "wgangp": MODELS["wgangp"].but(inputs=(), decay=None, order="replacement"),
    "dcgan": MODELS["dcgan"].but(inputs=(), decay=None, order="replacement"),
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
    """Noise: speed does not depend on what the pictures show."""
    return ImageSet(
        "noise",
        Rng(0).randint(256, 2048, 3, size, size).to(torch.uint8),
        torch.arange(2048) % 10,
        tuple("0123456789"),
    )


def plain_loop(recipe, device: str, precision: str):
    """The usual loop: contiguous nets, two calls of D, backward into all weights of both nets, default Adam, .item() for the log."""
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


def our_loop(recipe, device: str, precision: str, graph: bool = False):
    """The package's own Run."""
    run = Run(
        recipe,
        data().to(device) if device != "cpu" else data(),
        0,
        device,
        precision=precision,
        graph=graph,
    )
    return lambda: [None for _ in run.take_step()]


def clock(device: str) -> float:
    """Processor time, which on one thread is the clock's time without what other programs take; on a GPU the clock's."""
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def seconds(step, n: int, device: str) -> float:
    """Seconds a step, over n steps."""
    begun = clock(device)
    for _ in range(n):
        step()
    return (clock(device) - begun) / n


def paired(loops: dict, rounds: int, n: int, device: str) -> dict[str, list[float]]:
    """Seconds a step of each loop, round by round; the loops take turns."""
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
    """Peak memory of two steps in MiB above what the imports take, in a process of its own."""
    command = [
        sys.executable,
        __file__,
        "--memory",
        case,
        "--batch",
        str(args.batch),
        "--precision",
        args.precision,
        "--device",
        args.device,
    ]
    return float(
        subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1]
    )


def resident(field: str) -> float:
    """MiB of this process: VmRSS now, or VmHWM, the peak since it was last reset."""
    return (
        next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(field))
        / 1024
    )


def measure_memory(case: str, args) -> None:
    name, kind = case.split("/", 1)
    recipe = sized(CASES[name], args.batch)
    torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])  # its imports are not the loop's
    open("/proc/self/clear_refs", "w").write("5")  # Linux: forget the peak that the imports made
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
    return recipe.but(batch=batch, g_batch=2 * batch if recipe.g_batch else None)


def has_bf16() -> bool:
    """Whether this processor multiplies bf16 by instructions of its own."""
    try:
        flags = open("/proc/cpuinfo").read()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def on_gpu(args) -> None:
    """Whole-step graphs against our eager loop, share of the peak, and FID features a second."""
    from torch.utils.flop_counter import FlopCounterMode

    cases = {**CASES, "biggan-cifar": BIGGAN.but(order="replacement")}
    print(
        "\n| nets | batch | eager it/s | graph it/s | graph over eager: median | least | greatest | share of peak |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name, recipe in cases.items():
        recipe = recipe if name == "biggan-cifar" else sized(recipe, 128)
        eager, graph = (
            our_loop(recipe, args.device, args.precision, graph=g) for g in (False, True)
        )
        times = paired({"eager": eager, "graph": graph}, args.rounds, 20, args.device)
        try:
            with FlopCounterMode(display=False) as flops:
                eager()
            share = f"{flops.get_total_flops() / statistics.median(times['graph']) / args.peak / 1e12:.3f}"
        except RuntimeError:  # it cannot count through a gradient at a leaf, as penalties take
            share = "not counted"
        rates = [1 / statistics.median(t) for t in times.values()]
        print(
            f"| {name} | {recipe.batch} | {rates[0]:.1f} | {rates[1]:.1f} | {ratios(times['eager'], times['graph'])} | {share} |",
            flush=True,
        )
    try:
        from gantutor.metrics.inception import inception

        net, x = inception(device=args.device, bf16=True), torch.rand(2000, 3, 32, 32) * 2 - 1
        net(x[:200])
        begun = clock(args.device)
        net(x)
        print(f"FID features: {2000 / (clock(args.device) - begun):.0f} images a second")
    except ValueError as error:
        print(f"FID features: {error}")


def main() -> None:
    args = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    args.add_argument("--rounds", type=int, default=5)
    args.add_argument("--steps", type=int, default=2, help="per loop and round")
    args.add_argument("--batch", type=int, default=32)
    args.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    args.add_argument("--device", default="cpu")
    args.add_argument("--only", choices=[*CASES], default=None)
    args.add_argument("--peak", type=float, default=790.0, help="the device's bf16 TFLOP/s")
    args.add_argument("--memory", help=argparse.SUPPRESS)
    args = args.parse_args()
    torch.set_num_threads(1)
    if args.memory:
        return measure_memory(args.memory, args)
    bf16 = "" if args.device != "cpu" else f", bf16 instructions: {'yes' if has_bf16() else 'no'}"
    print(
        f"torch {torch.__version__}, {args.device}, {args.precision}, 1 thread, {args.rounds} paired rounds of {args.steps} steps{bf16}"
    )
    print(
        "| nets | batch | usual loop s/it | ours s/it | ours faster by: median | least | greatest | usual MiB | ours MiB |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    names = (
        [args.only] if args.only else [n for n in CASES if n != "wgangp"]
    )  # the usual loop here knows no penalty
    for name in names:
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
            mine = memory(
                f"{name}/plain",
                argparse.Namespace(
                    **{**vars(args), "precision": "bf16" if kind else args.precision}
                ),
            )
            print(
                f"| {name}{kind} | {args.batch} | {a:.3f} | {b:.3f} | {ratios(times['usual'], times[kind])} | {used:.0f} | {mine:.0f} |",
                flush=True,
            )
    print("\n| method on sngan | s/it | over the plain step: median | least | greatest | MiB |")
    print("|---|---|---|---|---|---|")
    recipe = sized(SNGAN, args.batch)
    times = paired(
        {k: our_loop(recipe.but(**v), args.device, args.precision) for k, v in METHODS.items()},
        args.rounds,
        args.steps,
        args.device,
    )
    for name in METHODS:
        print(
            f"| {name} | {statistics.median(times[name]):.3f} | {ratios(times[name], times['plain'])} | {memory(f'sngan/{name}', args):.0f} |",
            flush=True,
        )
    if torch.device(args.device).type == "cuda":
        on_gpu(args)


if __name__ == "__main__":
    main()
