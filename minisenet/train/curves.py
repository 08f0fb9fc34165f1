"""The pictures of a run: curves.png, and gates.png in the style of the paper's Fig. 6. matplotlib draws them off screen."""
import io

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
    from matplotlib import colormaps
    names = list(gates.blocks)
    columns = 3 if len(names) <= 9 else 6
    rows = -(-len(names) // columns)
    figure, axes = _figure(rows, columns, (4 * columns, 2.3 * rows + 0.8))
    present = np.unique(gates.labels)
    shown = range(len(present)) if len(present) <= lines else np.linspace(0, len(present) - 1, 4).astype(int)
    colours = colormaps["tab10"].colors
    for axis, name in zip(axes.flat, names):
        means, overall = gates.class_means(name), gates.blocks[name][0].mean(axis=0)
        order = np.argsort(overall)
        for k, row in enumerate(shown):
            axis.plot(means[row][order], color=colours[k % 10], linewidth=1, label=str(classes[present[row]]))
        axis.plot(overall[order], color="black", linewidth=1.6, label="all")
        axis.set_title(name, fontsize=9)
        axis.set_ylim(-0.02, 1.02)
        axis.grid(color="0.92", linewidth=0.8)
    for axis in axes.flat[len(names):]:
        axis.set_visible(False)
    for axis in axes[-1]:
        axis.set_xlabel("channel, by mean gate", fontsize=8)
    for axis in axes[:, 0]:
        axis.set_ylabel("mean gate", fontsize=8)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 6), frameon=False, fontsize=8)
    _save(figure, path)
