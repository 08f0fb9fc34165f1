"""What trained networks did: their curves (training.json) and their gates (gates.json, the paper's Fig. 6).

training.json   a list of {"name", "seed", "test_accuracy", "train_accuracy", "train_loss"}, each of the last three with a
                number per epoch, accuracies from 0 to 1; runs of one name are one network from several seeds
gates.json      {"run", "classes", "blocks": [{"name", "mean_by_class"}]}, where mean_by_class[class][channel] is the mean
                gate of a block's channel over the images of a class
"""
import json
from pathlib import Path

from drawing import Axes, Box, Figure

HERE = Path(__file__).parent
COLOURS = ("accent", "second", "third", "fourth")
COLUMNS = 3


def _read(path):
    return json.loads(Path(path).read_text(encoding="utf-8"))


def _ticks(low, high, count=5):
    """Round numbers from low or below to high or above."""
    raw = (high - low) / count or 1
    power = 10.0 ** int(f"{raw:e}".split("e")[1])
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
    first, last = int(low // step), -int(-high // step)
    return [round(i * step, 10) for i in range(first, last + 1)]


def curves(path=HERE / "training.json"):
    """Test accuracy and training loss by epoch, a colour for each network: thin lines for seeds, a thick one for the mean."""
    runs = _read(path)
    names = list(dict.fromkeys(run["name"] for run in runs))
    if len(names) > len(COLOURS):
        raise ValueError(f"{path} has {len(names)} networks; no more than {len(COLOURS)} can be told apart")
    last = {name: [100 * run["test_accuracy"][-1] for run in runs if run["name"] == name] for name in names}
    ends = {name: f"{sum(values) / len(values):.2f} %" + (f", mean of {len(values)} seeds" if len(values) > 1 else "")
            for name, values in last.items()}
    epochs = max(len(run["test_accuracy"]) for run in runs)
    figure = Figure(640, 316 + 24 * len(names), "Training curves", f"""Test accuracy and training loss over {epochs}
        epochs. Test accuracy after the last: {'; '.join(f'{name}: {end}' for name, end in ends.items())}.""")
    steps = [tick for tick in _ticks(0, epochs, 4) if tick == int(tick) and tick <= epochs]
    panels = (52, "test accuracy, %", "test_accuracy", 100), (372, "training loss", "train_loss", 1)
    for left, title, key, factor in panels:
        values = [factor * value for run in runs for value in run[key]]
        ticks = _ticks(min(values) if factor == 100 else 0, max(values))
        axes = Axes(figure, Box(left, 44, 252, 212), (0, epochs), (ticks[0], ticks[-1]))
        axes.grid(x=steps, x_labels=[f"{step:g}" for step in steps], y=ticks, y_labels=[f"{tick:g}" for tick in ticks])
        figure.text(left, 22, title, anchor="start", bold=True)
        for name, colour in zip(names, COLOURS):
            seeds = [[factor * value for value in run[key]] for run in runs if run["name"] == name]
            for points in seeds if len(seeds) > 1 else ():
                axes.curve(range(1, len(points) + 1), points, f"thin-{colour}")
            mean = [sum(column) / len(seeds) for column in zip(*seeds)]
            axes.curve(range(1, len(mean) + 1), mean, f"line-{colour}")
    figure.text(624, 292, "epoch", anchor="end", tone="soft")
    for i, (name, colour) in enumerate(zip(names, COLOURS)):
        y = 306 + 24 * i
        figure.line((24, y), (52, y), kind=f"line-{colour}")
        figure.text(62, y, f"{name}: {ends[name]}", anchor="start", tone=colour)
    return figure


def gates(path=HERE / "gates.json"):
    """For each block the mean gate of every channel: four classes in colour, the others thin, and the mean over all."""
    data = _read(path)
    blocks, classes = data["blocks"], data["classes"]
    shown = [round(i * (len(classes) - 1) / 3) for i in range(4)] if len(classes) > 4 else list(range(len(classes)))
    rows = -(-len(blocks) // COLUMNS)
    spreads = {block["name"]: _spread(block["mean_by_class"]) for block in blocks}
    figure = Figure(640, 40 + 148 * rows + 74, f"The gates of {data['run']}", f"""For each SE block the mean gate of
        each channel, channels in the order of their mean gate, one line for each of {len(classes)} classes and a
        thick one for their mean. How much the classes differ, as a deviation averaged over the channels:
        {'; '.join(f'{name} {spread:.3f}' for name, spread in spreads.items())}.""")
    for number, block in enumerate(blocks):
        left, top = 44 + 202 * (number % COLUMNS), 40 + 148 * (number // COLUMNS)
        means = block["mean_by_class"]
        overall = [sum(column) / len(means) for column in zip(*means)]
        order = sorted(range(len(overall)), key=overall.__getitem__)
        axes = Axes(figure, Box(left, top, 176, 104), (0, max(1, len(order) - 1)), (0, 1))
        axes.grid(y=(0, 0.5, 1), y_labels=["0", "½", "1"] if number % COLUMNS == 0 else ["", "", ""])
        figure.text(left, top - 16, block["name"], anchor="start", bold=True)
        thin = [k for k in range(len(means)) if k not in shown]
        for k in (*thin, *shown):
            axes.curve(range(len(order)), [means[k][channel] for channel in order],
                       f"line-{COLOURS[shown.index(k)]}" if k in shown else "ghost")
        axes.curve(range(len(order)), [overall[channel] for channel in order], "line-ink")
    y = 40 + 148 * rows
    figure.text(320, y, "each channel's mean gate, channels in the order of their mean", tone="soft")
    entries = [(f"line-{COLOURS[i]}", classes[k], COLOURS[i]) for i, k in enumerate(shown)] + [("line-ink", "mean", "ink")]
    for i, (kind, name, tone) in enumerate(entries):
        left, line = 24 + 205 * (i % 3), y + 28 + 24 * (i // 3)
        figure.line((left, line), (left + 22, line), kind=kind)
        figure.text(left + 30, line, name, anchor="start", tone=tone)
    if len(classes) > len(shown):
        figure.line((434, y + 52), (456, y + 52), kind="ghost")
        figure.text(464, y + 52, "other classes", anchor="start", tone="soft")
    return figure


def _spread(means):
    """The deviation over the classes, averaged over the channels, as in `minisenet.train.gates.table`."""
    total = 0
    for column in zip(*means):
        mean = sum(column) / len(column)
        total += (sum((value - mean) ** 2 for value in column) / len(column)) ** 0.5
    return total / len(means[0])
