"""The table of the kernels: the time of each call in a training step, and its share of the machine's peak."""
import statistics
import time
from dataclasses import asdict

from minisenet.backend import builds
from minisenet.bench.contenders import Settings, why_not
from minisenet.bench.ours import fastest
from minisenet.bench.peak import Peak
from minisenet.bench.processes import Process
from minisenet.bench.recorder import recording

STEPS = 15
SHOWN = 0.004               # rows for smaller parts of the step are added up for each kernel
MAKER = "minisenet.bench.ops:Profile"


def check():
    """Raise RuntimeError if there are no kernels to measure."""
    if builds.kernels is None:
        raise RuntimeError(f"--ops has nothing to measure: {why_not('minisenet', Settings())}")


def profile(settings, progress=lambda text: None):
    """Measure in a process of its own; ContenderError if it fails.

    Returns a dict. ops: a list of dict (kernel, shape, calls in a step, ms of one, gflops or gb_per_s and None for the
    other, share_of_peak); peak: dict (gflops, gb_per_s); ops_step: dict (ms of the step, kernels_ms of them in kernels).
    """
    progress("every kernel of a training step, against this machine's peak")
    with Process(MAKER, settings) as process:
        return process.ask(do="report")


class Profile:
    """In that process: a step, the two bare loops, a step, …"""

    def __init__(self, settings):
        self.step = fastest(settings).train()

    def report(self):
        """See `profile`."""
        peak = Peak()
        for _ in range(2):                      # to warm up
            self.step(), peak.gflops(), peak.gb_per_s()
        rounds, steps, inside = [], [], []
        with recording() as recorder:
            for _ in range(STEPS):
                before = _total(recorder)
                began = time.perf_counter()
                self.step()
                steps.append(time.perf_counter() - began)
                inside.append(_total(recorder) - before)
                rounds.append((peak.gflops(), peak.gb_per_s()))
        flops, memory = map(statistics.median, zip(*rounds))
        rows = [_row(call, flops, memory) for call in recorder.calls.values()]
        return dict(ops=sorted(rows, key=lambda row: -row["calls"] * row["ms"]), peak=dict(gflops=flops, gb_per_s=memory),
                    ops_step=dict(ms=statistics.median(steps) * 1e3, kernels_ms=statistics.median(inside) * 1e3))


def _total(recorder):
    return sum(sum(call.seconds) for call in recorder.calls.values())


def _row(call, peak_gflops, peak_memory):
    seconds = statistics.median(call.seconds)
    gflops = call.flops and call.flops / seconds / 1e9
    memory = None if call.flops else call.bytes / seconds / 1e9
    return dict(kernel=call.kernel, shape=call.shape, calls=len(call.seconds) / STEPS, ms=seconds * 1e3, gflops=gflops,
                gb_per_s=memory, share_of_peak=gflops / peak_gflops if call.flops else memory / peak_memory)


def format_profile(p):
    """The dict of `profile` as text, the largest part of the step first."""
    step, peak = p["ops_step"], p["peak"]
    lines = [f"a training step, kernel by kernel; the machine's peak in the same run: {peak['gflops']:,.0f} GFLOP/s, "
             f"{peak['gb_per_s']:,.1f} GB/s", "",
             f"{'kernel':30} {'shape':24} {'calls':>5} {'ms':>7} {'of step':>7} {'rate':>13} {'of peak':>7}"]
    small = {}
    for row in p["ops"]:
        part = row["calls"] * row["ms"] / step["ms"]
        if part < SHOWN:
            small.setdefault(row["kernel"], []).append(row)
            continue
        rate = f"{row['gflops']:,.1f} GFLOP/s" if row["gflops"] else f"{row['gb_per_s']:,.1f} GB/s"
        lines.append(f"{row['kernel']:30} {row['shape']:24} {row['calls']:5g} {row['ms']:7.3f} {part:7.1%} {rate:>13} "
                     f"{row['share_of_peak']:7.0%}")
    for kernel, rows in small.items():
        calls, total = sum(row["calls"] for row in rows), sum(row["calls"] * row["ms"] for row in rows)
        shapes = f"{len(rows)} more shape" + "s, together" * (len(rows) > 1)
        lines.append(f"{kernel:30} {shapes:24} {calls:5g} {total:7.3f} {total / step['ms']:7.1%}")
    outside = step["ms"] - step["kernels_ms"]
    lines += [f"{'outside of kernels (NumPy)':30} {'':24} {'':5} {outside:7.3f} {outside / step['ms']:7.1%}",
              f"{'the step':30} {'':24} {'':5} {step['ms']:7.3f}", "",
              "ms: of one call, the median over its calls, so the rows add up to about the step. GFLOP/s: two",
              "operations for each multiply-add of the direct algorithm, whatever the kernel does. GB/s: each array",
              "that is passed or returned counts once; where a cache still holds one, the rate can pass the peak."]
    return "\n".join(lines)
