"""The pictures of a run: curves.png, and gates.png in the style of the paper's Fig. 6. matplotlib draws them off screen."""
import io
from pathlib import Path

import numpy as np

from minisenet.optim import SCHEDULES
from minisenet.train.run_folder import best, write_atomically

TRAIN, TEST = "#1f77b4", "#d95f02"


def _figure(rows, columns, size):
    """A figure without a window, for any matplotlib backend of the caller's."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError('pictures need matplotlib, which is not installed: pip install "minisenet[train]"') from None
    figure = Figure(figsize=size, layout="constrained", dpi=120)
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8)
    return figure, axes


def _save(figure, path):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    write_atomically(path, buffer.getvalue())


def curves(path, history, config):
    """Write curves.png: each epoch's loss and accuracy, and the learning rate over the run, from its settings."""
    figure, ((loss, accuracy, rate),) = _figure(1, 3, (12, 3.6))
    settings, epochs = config["settings"], [m["epoch"] for m in history]
    for axis, key, percent in ((loss, "loss", 1), (accuracy, "accuracy", 100)):
        for kind, colour in (("train", TRAIN), ("test", TEST)):
            values = [percent * m[f"{kind}_{key}"] for m in history]
            axis.plot(epochs, values, "o-", color=colour, markersize=3, linewidth=1.6, label=kind)
        axis.set_title(f"{key}{' (%)' * (percent == 100)}", fontsize=10)
        axis.legend(frameon=False, fontsize=8)
    top = best(history)
    accuracy.axhline(100 * top["test_accuracy"], color=TEST, linewidth=0.6, linestyle=":")
    accuracy.annotate(f"best {top['test_accuracy']:.1%}, epoch {top['epoch']}", (epochs[0], 100 * top["test_accuracy"]),
                      xytext=(0, 3), textcoords="offset points", color=TEST, fontsize=8)
    progress, schedule = np.linspace(0, 1, 500, endpoint=False), SCHEDULES[settings["schedule"]]
    rate.plot(progress * settings["epochs"], [settings["lr"] * schedule(t) for t in progress], color="0.25", linewidth=1.6)
    rate.set_title(f"learning rate ({settings['schedule']})", fontsize=10)
    rate.set_ylim(bottom=0)
    for axis in (loss, accuracy, rate):
        axis.set_xlabel("epoch", fontsize=9)
        axis.set_xlim(0, settings["epochs"] * 1.02)
        axis.grid(color="0.92", linewidth=0.8)
        axis.xaxis.get_major_locator().set_params(integer=True)
    figure.suptitle(f"{config['model']['name']} on {config['data']['name']}", fontsize=11, x=0.01, ha="left")
    _save(figure, path)


def gates_figure(path, gates, classes, *, lines=10):
    """Write gates.png: for each SE block the mean gate of every channel, one line per class, and a black line for all images.

    Channels are sorted by their mean gate. If the lines differ, the block treats classes differently. If there are more
    classes than `lines`, four of them are drawn, as in Fig. 6.
    """
    present = np.unique(gates.labels)
    shown = range(len(present)) if len(present) <= lines else np.linspace(0, len(present) - 1, 4).astype(int)
    _gate_panels(path, {name: ({str(classes[present[row]]): gates.class_means(name)[row] for row in shown}, s.mean(axis=0))
                        for name, (s, _) in gates.blocks.items()}, "mean gate")


def image_gates(path, gates):
    """Write a picture of the gates of some images: for each SE block one line per image, and a black line for their mean.

    `gates` has for each image a dict of the blocks' gates, (C,). Channels are sorted by the mean. At most ten images are drawn.
    """
    names = list(next(iter(gates.values())))
    short = {image: Path(image).name for image in gates}
    labels = short if len(set(short.values())) == len(short) else {image: image for image in gates}
    _gate_panels(path, {name: ({labels[image]: each[name] for image, each in list(gates.items())[:10]},
                               np.mean([each[name] for each in gates.values()], axis=0)) for name in names}, "gate")


def _gate_panels(path, panels, label):
    """A panel for each block: its lines, a dict by label, and the black line of all, each with a gate for each channel."""
    from matplotlib import colormaps
    columns = 3 if len(panels) <= 9 else 6
    rows = -(-len(panels) // columns)
    figure, axes = _figure(rows, columns, (4 * columns, 2.3 * rows + 0.8))
    colours = colormaps["tab10"].colors
    lowest = min(0, *(overall.min() for _, overall in panels.values()))         # a tanh may be negative
    highest = max(1, *(overall.max() for _, overall in panels.values()))        # a ReLU may be large
    for axis, (name, (lines, overall)) in zip(axes.flat, panels.items()):
        order = np.argsort(overall)
        for k, (line, values) in enumerate(lines.items()):
            axis.plot(values[order], color=colours[k % 10], linewidth=1, label=line)
        axis.plot(overall[order], color="black", linewidth=1.6, label="all")
        axis.set_title(name, fontsize=9)
        axis.set_ylim(lowest - 0.02, highest + 0.02)
        axis.grid(color="0.92", linewidth=0.8)
    for axis in axes.flat[len(panels):]:
        axis.set_visible(False)
    for axis in axes[-1]:
        axis.set_xlabel("channel, by mean gate", fontsize=8)
    for axis in axes[:, 0]:
        axis.set_ylabel(label, fontsize=8)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 6), frameon=False, fontsize=8)
    _save(figure, path)
