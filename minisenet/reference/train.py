"""Train a network in PyTorch exactly as `minisenet train` trains it, to compare the accuracies.

    python -m minisenet.reference.train --data DIR --model se_resnet20 --epochs 12

has the flags of `minisenet train` with the same defaults. The batches are the same arrays, the initial weights are copied from
the network, and the learning rate follows the same schedule. Forward, backward and the step are PyTorch's.
"""
import argparse
import contextlib
import json
import math
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F

from minisenet import data as sets
from minisenet.backend import get_num_threads, set_num_threads
from minisenet.optim import SCHEDULES
from minisenet.reference.networks import reference_of, to_nchw
from minisenet.train import TrainingError, options, recipe
from minisenet.train.progress import epoch_line


def sgd(reference, *, momentum=recipe.MOMENTUM, weight_decay=recipe.WEIGHT_DECAY, nesterov=True):
    """PyTorch's SGD with weight decay on weights only (biases and batch norm have one dimension). `set_lr` sets its rate."""
    weights = [p for p in reference.parameters() if p.ndim > 1]
    others = [p for p in reference.parameters() if p.ndim == 1]
    return torch.optim.SGD([dict(params=weights, weight_decay=weight_decay), dict(params=others, weight_decay=0.0)],
                           lr=0.0, momentum=momentum, nesterov=nesterov)


def set_lr(optimiser, lr):
    """Set the learning rate of the next step."""
    for group in optimiser.param_groups:
        group["lr"] = lr


def fit(model, data, *, epochs, batch_size=recipe.BATCH_SIZE, lr=recipe.LR, momentum=recipe.MOMENTUM,
        weight_decay=recipe.WEIGHT_DECAY, schedule=recipe.SCHEDULE, label_smoothing=recipe.LABEL_SMOOTHING,
        padding=recipe.PADDING, cutout=recipe.CUTOUT, seed=0, channels_last=True, on_epoch=None):
    """Train a copy of a model in PyTorch. The model itself does not change.

    Parameters
    ----------
    model : minisenet.layers.Layer
        The reference starts from its weights and has its dtype.
    data : minisenet.data.Dataset
    epochs, batch_size, lr, momentum, weight_decay, schedule, label_smoothing, padding, cutout, seed
        As for `minisenet.train.fit`.
    channels_last : bool
        The order of the activations in memory: PyTorch is faster with channels last on CPUs.
    on_epoch : callable, optional
        Called with each epoch's metrics.

    Returns
    -------
    reference : torch.nn.Module
    history : list of dict
        The metrics of `minisenet.train.fit`, with the same names.

    Raises
    ------
    ValueError
        For a batch larger than the data, an unknown schedule, or a model without a reference.
    TrainingError
        When the loss becomes NaN or infinite.
    """
    if schedule not in SCHEDULES:
        raise ValueError(f"schedule must be one of {', '.join(SCHEDULES)}, got {schedule!r}")
    layout = torch.channels_last if channels_last else torch.contiguous_format
    reference = reference_of(model).to(memory_format=layout)
    dtype = model.fc.weight.value.dtype
    optimiser = sgd(reference, momentum=momentum, weight_decay=weight_decay)
    steps, history = len(data.train_labels) // batch_size, []
    for epoch in range(1, epochs + 1):
        began = time.perf_counter()
        reference.train()
        losses, right = 0.0, 0
        stream = sets.batches(data, batch_size=batch_size, epoch=epoch, seed=seed, dtype=dtype,
                              padding=padding, cutout=cutout)
        with contextlib.closing(stream):
            for step, (x, labels) in enumerate(stream, 1):
                now = lr * float(SCHEDULES[schedule](((epoch - 1) * steps + step - 1) / (epochs * steps)))
                set_lr(optimiser, now)
                labels = torch.from_numpy(labels)
                logits = reference(to_nchw(x).contiguous(memory_format=layout))
                loss = F.cross_entropy(logits, labels, label_smoothing=label_smoothing)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                losses += loss.item()
                if not math.isfinite(losses):
                    raise TrainingError(f"the loss became {loss.item()} in epoch {epoch}, step {step}; try a lower --lr")
                right += (logits.argmax(dim=1) == labels).sum().item()
        metrics = dict(epoch=epoch, lr=now, train_loss=losses / steps, train_accuracy=right / (steps * batch_size))
        rate = steps * batch_size / (time.perf_counter() - began)
        metrics |= evaluate(reference, data, dtype, layout)
        metrics |= dict(images_per_second=rate, seconds=time.perf_counter() - began)
        history.append(metrics)
        if on_epoch:
            on_epoch(metrics)
    return reference, history


@torch.no_grad()
def evaluate(reference, data, dtype, layout=torch.channels_last, *, batch_size=recipe.BATCH_SIZE):
    """`test_loss` and `test_accuracy` over the test images, with the running statistics. The module stays in evaluation mode."""
    reference.eval()
    loss, right, count = 0.0, 0, 0
    for x, labels in sets.test_batches(data, batch_size, dtype):
        labels = torch.from_numpy(labels)
        logits = reference(to_nchw(x).contiguous(memory_format=layout))
        loss += F.cross_entropy(logits, labels, reduction="sum").item()
        right += (logits.argmax(dim=1) == labels).sum().item()
        count += len(labels)
    return dict(test_loss=loss / count, test_accuracy=right / count)


def _parser():
    parser = argparse.ArgumentParser(prog="python -m minisenet.reference.train", description=__doc__.split("\n\n")[0],
                                     argument_default=argparse.SUPPRESS)
    options.add_run(parser)
    threads = get_num_threads()
    parser.add_argument("--threads", type=options.number(int, 1), default=threads, metavar="N",
                        help=f"PyTorch's threads (default: {threads})")
    parser.add_argument("--channels-last", action=argparse.BooleanOptionalAction, default=True,
                        help="the order of the activations in memory (default: channels last)")
    parser.add_argument("--out", type=Path, default=None, metavar="DIR", help="write metrics.jsonl there")
    return parser


def _run(args):
    file = args.out and args.out / "metrics.jsonl"
    if file and file.exists():
        raise ValueError(f"--out must be a folder without a run, got {file.parent}, which has a {file.name}: choose another folder")
    run = options.describe(args)
    data, model = options.prepare(run)
    torch.set_num_threads(args.threads)
    set_num_threads(args.threads)                   # for the augmentation
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
    print(f"data:  {data.name}, {len(data.train_labels):,} training and {len(data.test_labels):,} test images; "
          f"{data.source}")
    print(f"model: {run['model']} in PyTorch {torch.__version__}, {args.threads} threads", flush=True)

    def report(metrics):
        print(epoch_line(metrics, run["settings"]["epochs"]), flush=True)
        if file:
            with file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(metrics) + "\n")

    _, history = fit(model, data, on_epoch=report, channels_last=args.channels_last, **run["settings"])
    best = max(history, key=lambda metrics: metrics["test_accuracy"])
    print(f"best: {best['test_accuracy']:.2%} of the test images in epoch {best['epoch']}; "
          f"last: {history[-1]['test_accuracy']:.2%}")


def main(argv=None):
    """The command. Returns its exit status: 0 done, 1 failed; wrong usage exits with 2."""
    try:
        _run(_parser().parse_args(argv))
    except (ValueError, TrainingError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
