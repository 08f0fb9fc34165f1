"""Time the steps of docs/kernels.md on this machine: prints the page's table, in Markdown.

    python docs/steps/run.py [--images 128] [--rounds 9]

All steps take turns, round after round. So does a bare loop of multiply-adds, which measures the machine's peak. The table has
medians over the rounds. Python's loops get one image, everything else a batch.
"""
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")             # before NumPy is imported: steps 3 and 4 use one thread

import argparse
import platform
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
import steps

import minisenet
import minisenet.functional as F

SIDE, CHANNELS = 32, 16                                         # a map of the network's first stage
LEAST_SECONDS = 0.05                                            # of one measurement: short calls are repeated
TABLE = (                                                       # number, what, its function, threads
    ("1", "seven Python loops", steps.python_loops, 1),
    ("2", "the same, compiled", steps.compiled_loops, 1),
    ("3", "`im2col` and one matrix product", steps.im2col, 1),
    ("4", "one matrix product per tap", steps.product_per_tap, 1),
    ("5", "output channels are the vector", steps.vector_of_channels, 1),
    ("6", "a register tile", steps.register_tile, 1),
    ("7", "the direct kernel", steps.direct, 1),
    ("8", "two threads over images", steps.direct, 2),
    ("9", "Winograd F(2x2, 3x3)", steps.winograd, 2),
    ("10a", "batch norm, ReLU and 9, one after another", steps.normalised_apart, 2),
    ("10b", "both computed while 9 reads, statistics while it writes", steps.normalised_while_read, 2),
)


def arguments(images):
    """For each step what it is called with, and the number of images in it."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((images, SIDE, SIDE, CHANNELS)).astype(np.float32)
    w = (rng.standard_normal((CHANNELS, CHANNELS, 3, 3)) / 12).astype(np.float32)
    gamma, beta = rng.uniform(0.5, 1.5, (2, CHANNELS)).astype(np.float32)
    _, mean, var = F.batch_norm(x, gamma, beta)
    k = (gamma / np.sqrt(var + 1e-5)).astype(np.float32)
    special = {steps.python_loops: (x[:1], w), steps.normalised_apart: (x, w, gamma, beta),
               steps.normalised_while_read: (x, w, mean, k, beta)}
    return [special.get(function, (x, w)) for _, _, function, _ in TABLE]


def seconds(function, *args):
    """One measurement: the time of a call, over enough calls."""
    calls, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < LEAST_SECONDS or not calls:
        function(*args)
        calls += 1
    return elapsed / calls


def peak(threads):
    """Operations in a second of nothing but multiply-adds, on so many threads."""
    with ThreadPoolExecutor(threads) as pool:
        start = time.perf_counter()
        done = sum(pool.map(steps.loops().multiply_add, [5_000_000] * threads))
        return done / (time.perf_counter() - start)


def stream():
    """Bytes read and written in a second by a copy, on one thread."""
    source, target = np.ones((2, 1 << 24), np.float32)
    return 2 * source.nbytes / seconds(np.copyto, target, source)


def measure(images, rounds):
    """(seconds for an image of each step, {threads: peak in operations a second}, bytes a second), medians."""
    calls, times, peaks, bandwidths = arguments(images), [[] for _ in TABLE], {1: [], 2: []}, []
    for _ in range(rounds + 1):                             # the first round warms up and is not counted
        for threads, found in peaks.items():
            found.append(peak(threads))
        bandwidths.append(stream())
        for (_, _, function, threads), args, found in zip(TABLE, calls, times):
            minisenet.set_num_threads(threads)
            found.append(seconds(function, *args) / len(args[0]))
    return ([median(found[1:]) for found in times], {threads: median(found[1:]) for threads, found in peaks.items()},
            median(bandwidths[1:]))


def processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def digits(value):
    """Two significant digits or all those before the point, never as 1e+03."""
    return f"{float(f'{value:.2g}'):,.10g}"


def in_units(value):
    """0.0000123 as "12.3 µs"."""
    for unit, name in ((1, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if value >= unit:
            break
    return f"{value / unit:.3g} {name}"


def table(times, peaks):
    """The page's table."""
    operations = 2 * SIDE * SIDE * CHANNELS * CHANNELS * 9
    lines = ["| step | | threads | time for an image | GFLOP/s | share of the peak | times as fast as 1 |",
             "| --- | --- | --- | --- | --- | --- | --- |"]
    for (number, what, _, threads), taken in zip(TABLE, times):
        rate = operations / taken
        lines.append(f"| {number} | {what} | {threads} | {in_units(taken)} | {digits(rate / 1e9)} "
                     f"| {digits(100 * rate / peaks[threads])} % | {digits(times[0] / taken)} |")
    return lines


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=128, help="of every step but the first (default: 128)")
    parser.add_argument("--rounds", type=int, default=9, help="each step is measured so often (default: 9)")
    args = parser.parse_args(argv)
    if min(args.images, args.rounds) < 1:
        parser.error(f"--images and --rounds must be at least 1, got {args.images} and {args.rounds}")
    if minisenet.get_backend() != "fused":
        print(f"the steps end with the compiled kernels, and the backend is {minisenet.get_backend()}; "
              "see `python -m minisenet info`", file=sys.stderr)
        return 1
    try:
        steps.loops()
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    times, peaks, bandwidth = measure(args.images, args.rounds)
    print(*table(times, peaks), sep="\n")
    print()
    print(f"Medians of {args.rounds} rounds in one run, for {args.images} images of {SIDE} x {SIDE} x {CHANNELS} in float32 "
          "(step 1: one image).")
    print(f"Machine: {processor()}, instruction set {minisenet.backend.builds.isa}, on {time.strftime('%Y-%m-%d')}.")
    print(f"The peak, a bare loop of multiply-adds, was {peaks[1] / 1e9:.0f} GFLOP/s on one thread and "
          f"{peaks[2] / 1e9:.0f} on two.")
    print(f"A copy of a large array read and wrote {bandwidth / 1e9:.0f} GB/s on one thread, so "
          f"{peaks[1] / bandwidth:.0f} operations take the time of one byte.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
