"""The result of a run as one dict for JSON, and as tables."""
import os
import textwrap

from minisenet import models
from minisenet.backend import builds
from minisenet.bench import machine
from minisenet.bench.figures import compared, median, ratio, ratios, throughput, within_turns

HELD = ("MINISENET_ISA", "ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY")       # limits to older instructions than the processor has
QUIET = 1.5         # below this, slowest over fastest turn is a machine's normal variation
MEANING = {
    "train_vs_pytorch_eager": "training, times as fast as PyTorch eager (its better layout)",
    "train_vs_pytorch_compile": "training, times as fast as torch.compile",
    "train_vs_numpy": "training, times as fast as the NumPy bodies",
    "inference_vs_pytorch_eager": "inference, times as fast as PyTorch eager (its better layout)",
    "memory_vs_pytorch_eager": "peak memory of training, over PyTorch eager's (its better layout)",
    "se_overhead": "time of a training step, SE network over its plain twin",
}


def result(settings, repeat, times):
    """The dict that `--json` prints.

    threads, batch_size, model, width, options, isa, repeat, processor, versions, environment (variables that limit a library to
    older instructions); train and inference: contender -> images per second; peak_memory_mb: contender -> MB or None; ratios;
    left_out: contender -> why.
    """
    return dict(threads=settings.threads, batch_size=settings.batch_size, model=settings.model, width=_width(settings),
                options=settings.options, isa=builds.isa, repeat=repeat, processor=machine.processor(),
                versions=machine.versions(), environment={name: os.environ[name] for name in HELD if name in os.environ},
                train=throughput(times.seconds["train"], settings.batch_size),
                inference=throughput(times.seconds["inference"], settings.batch_size),
                peak_memory_mb=times.peak_mb, ratios=ratios(times), left_out=times.left_out)


def _width(settings):
    """The given width, or the network's default."""
    return (models.MODELS[settings.model].defaults | settings.options).get("width")


def format_header(r):
    """The lines that say what was measured, and on which machine."""
    versions = ", ".join(f"{name} {version}" for name, version in
                         (("PyTorch", r["versions"]["torch"]), ("NumPy", r["versions"]["numpy"])) if version)
    isa = f"instruction set {r['isa']}" if r["isa"] else "no kernels"
    options = "".join(f", {name} {value}" for name, value in ({"width": r["width"]} | r["options"]).items())
    return (f"{r['model']}{options}, batch {r['batch_size']}, {r['threads']} "
            f"thread{'s' * (r['threads'] != 1)}, medians of {r['repeat']} turn{'s' * (r['repeat'] != 1)}\n"
            f"on {r['processor']}, {isa}, {versions}"
            + "".join(f"\nwith {name}={value}" for name, value in r["environment"].items()))


def format_table(r, times):
    """The contenders, a line each, and the ratios."""
    lines = [format_header(r), "",
             f"{'':27}  {'training step':^25}  {'inference':^25}  {'peak':>6}",
             f"{'':27}  {'ms':>8} {'images/s':>9} {'ratio':>6}  {'ms':>8} {'images/s':>9} {'ratio':>6}  {'MB':>6}"]
    for name in times.seconds["train"]:
        cells = [_cells(times.seconds[work], name, r["batch_size"]) for work in ("train", "inference")]
        peak = r["peak_memory_mb"].get(name)
        lines.append(f"{name:27}  {'  '.join(cells)}  {_figure(peak, '6,.0f'):>6}")
    if "minisenet" in times.seconds["train"]:
        lines.append("ratio: the contender's time over minisenet's, the median of the ratios within each turn")
    lines += ["", "ratio  lowest to highest turn"]
    pairs = compared(times)
    for name, text in MEANING.items():
        turns = within_turns(*pairs.get(name, ((), ())))
        spread = f"({min(turns):.2f} to {max(turns):.2f})" if turns else ""
        lines.append(f"{_figure(r['ratios'][name], '5.2f'):>5}  {spread:16}  {text}")
    if r["left_out"]:
        lines.append("")
        for name, reason in r["left_out"].items():
            lines += textwrap.wrap(f"left out: {name}: {reason}", 100, subsequent_indent=" " * 10)
    if any(peak is None for peak in r["peak_memory_mb"].values()):
        lines.append("peak memory: this system has no such figure")
    lines += _unquiet(times)
    return "\n".join(lines)


def _unquiet(times):
    """A warning, if a contender's own time changed too much from turn to turn."""
    ranges = {}
    for work in times.seconds.values():
        for name, seconds in work.items():
            there = [s for s in seconds if s is not None]
            ranges[name] = max(ranges.get(name, 1), max(there) / min(there))
    worst = max(ranges, key=ranges.get, default=None)
    if worst is None or ranges[worst] < QUIET:
        return []
    return [f"note: {worst}'s slowest turn took {ranges[worst]:.1f} times as long as its fastest:",
            "      these cores had other work; run this again when the machine is quiet"]


def _cells(seconds, name, batch_size):
    """Milliseconds, images per second and the ratio to minisenet."""
    own = median(seconds.get(name))
    if own is None:
        return f"{'-':>8} {'-':>9} {'-':>6}"
    over = ratio(seconds[name], seconds.get("minisenet"))
    return f"{own * 1e3:8,.1f} {batch_size / own:9,.0f} {_figure(over, '6.2f'):>6}"


def _figure(value, form):
    return "-" if value is None else format(value, form)
