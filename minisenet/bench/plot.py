"""The picture: training throughput of every contender against batch size, width and threads."""
import importlib.util
import json
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

from minisenet import backend, models
from minisenet.bench.figures import throughput
from minisenet.bench.measure import measure

BATCH_SIZES, WIDTHS = (32, 64, 128, 256, 512), (16, 32, 64)
REPEAT = 3
STEPS = [m * 10.0**e for e in range(-2, 9) for m in (1, 2, 5)]       # of the scale: 1, 2, 5, 10, …
COLOURS = {"minisenet": "#d95f02", "minisenet_plain": "#fdae6b", "numpy": "0.45", "pytorch_compile": "#1b9e77",
           "pytorch_eager_channels_last": "#1f77b4", "pytorch_eager_nchw": "#9ecae1"}


def check(path, settings):
    """Raise now what would otherwise be raised after minutes: ValueError for a file that cannot be written, or a network whose
    options do not fit one of the widths; ImportError if matplotlib is not installed.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise ValueError(f"--plot must be a file name that ends in .png, got {path}")
    if path.is_dir():
        raise ValueError(f"--plot must be a file, got the folder {path}")
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise ValueError(f"--plot must be a file that can be written, got {path}: {error.strerror}") from None
    if importlib.util.find_spec("matplotlib") is None:
        raise ImportError('pictures need matplotlib, which is not installed: pip install "minisenet[train]"')
    for point in points(settings).get("width", {}).values():
        models.create(point.model, **point.options)


def points(settings):
    """The points to measure: panel -> value -> Settings. Each panel changes one of the given settings."""
    cores = backend.threads.cores()
    threads = range(1, cores + 1) if cores <= 8 else [*(1 << i for i in range(cores.bit_length()) if 1 << i < cores), cores]
    panels = {
        "batch size": {n: replace(settings, batch_size=n) for n in BATCH_SIZES},
        "width": {n: replace(settings, options=settings.options | dict(width=n)) for n in WIDTHS},
        "threads": {n: replace(settings, threads=n) for n in threads},
    }
    if "width" not in models.MODELS[settings.model].defaults:
        del panels["width"]
    return panels


def measure_all(settings, names, say=lambda text: None, panels=None):
    """Measure each point once, even if it is in several panels: panel -> contender -> value -> images per second.

    A contender that failed is missing. `say` is called with a line of text for each of these, and before each point.
    """
    panels, known, curves = panels or points(settings), {}, {}
    distinct = {_key(point) for values in panels.values() for point in values.values()}
    for panel, values in panels.items():
        curves[panel] = {name: {} for name in names}
        for value, point in values.items():
            if _key(point) not in known:
                say(f"plot: point {len(known) + 1} of {len(distinct)}, {panel} {value}")
                times = measure(point, names, repeat=REPEAT, works=("train",))
                known[_key(point)] = throughput(times.seconds["train"], point.batch_size)
                for name, reason in times.left_out.items():
                    say(f"plot: left out: {name}: {reason}")
            for name, rate in known[_key(point)].items():
                curves[panel][name][value] = rate
    return curves


def _key(point):
    """Settings as text, with the defaults of the other options."""
    return json.dumps(asdict(replace(point, options=models.MODELS[point.model].defaults | point.options)), sort_keys=True)


def draw(path, curves, title):
    """Write the result of `measure_all` as a PNG."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    from minisenet.train.curves import _figure, _save
    figure, (axes,) = _figure(1, len(curves), (4 * len(curves), 4.2))
    whole = FuncFormatter(lambda value, _: f"{value:,g}")
    for axis, (panel, lines) in zip(axes, curves.items()):
        for name, rates in lines.items():
            if rates:
                axis.plot(list(rates), list(rates.values()), "--o" if name.endswith("plain") else "-o", color=COLOURS[name],
                          markersize=3, linewidth=2.2 if name == "minisenet" else 1.4, label=name.replace("_", " "))
        values = sorted({value for rates in lines.values() for value in rates})
        axis.set_xscale("log", base=2)
        axis.xaxis.set_major_locator(FixedLocator(values))
        axis.xaxis.set_major_formatter(whole)
        axis.xaxis.set_minor_locator(NullLocator())
        axis.set_yscale("log")
        rates = [rate for rates in lines.values() for rate in rates.values()]
        low, high = min(rates, default=1), max(rates, default=1)
        axis.set_ylim(max((step for step in STEPS if step < low), default=low / 2), min(s for s in STEPS if s > high))
        axis.yaxis.set_major_locator(FixedLocator(STEPS))
        axis.yaxis.set_major_formatter(whole)
        axis.yaxis.set_minor_locator(NullLocator())
        axis.set_xlabel(panel, fontsize=9)
        axis.grid(color="0.92", linewidth=0.8)
    axes[0].set_ylabel("training, images per second", fontsize=9)
    drawn = {line.get_label(): line for axis in axes for line in axis.get_lines()}      # a panel may lack one
    figure.legend(drawn.values(), drawn.keys(), loc="outside lower center", ncols=6, frameon=False, fontsize=8)
    figure.suptitle(title, fontsize=10, x=0.01, ha="left")
    _save(figure, path)
