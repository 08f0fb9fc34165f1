"""The training loop: forward, loss, backward, step. Without a run folder it needs only NumPy.

Everything random is a function of (seed, epoch), and the learning rate is a function of (step, total steps). So a run that is
resumed from its weights, running statistics, velocity and epoch gives, bit for bit, the result of an uninterrupted run.
"""
import contextlib
import time

import numpy as np

import minisenet.functional as F
from minisenet import arguments
from minisenet.data import batches
from minisenet.layers import Random
from minisenet.optim import SCHEDULES, SGD
from minisenet.train import gates, recipe
from minisenet.train.evaluate import check_model_and_data, dtype_of, evaluate
from minisenet.train.interrupt import CtrlC, Interrupted
from minisenet.train.progress import make_progress
from minisenet.train.run_folder import RunFolder, best, fingerprint, machine, model_state


class TrainingError(RuntimeError):
    """Training cannot go on: the loss is NaN or infinite."""


class History(list):
    """What `fit` returns: a list with one dict of metrics per epoch.

    Attributes
    ----------
    gates : list of dict
        A row for each SE block after the last epoch, see `minisenet.train.gates.table`. Empty without SE blocks.
    """

    gates = ()

    @property
    def best(self):
        """The metrics of the epoch with the best test accuracy; of equal ones, the first."""
        return best(self)


def fit(model, data, *, epochs, batch_size=recipe.BATCH_SIZE, lr=recipe.LR, momentum=recipe.MOMENTUM, nesterov=True,
        weight_decay=recipe.WEIGHT_DECAY, decay_all=False, schedule=recipe.SCHEDULE, label_smoothing=recipe.LABEL_SMOOTHING,
        padding=recipe.PADDING, cutout=recipe.CUTOUT, seed=0, out=None, overwrite=False, resume=False,
        eval_batch_size=recipe.BATCH_SIZE, progress=True, on_epoch=None, notes=None):
    """Train a model.

    Parameters
    ----------
    model : Layer
        Trained in place, in its own dtype.
    data : minisenet.data.Dataset
    epochs : int
    batch_size : int
        The last batch of an epoch is dropped if it is not full.
    lr : float
        The peak learning rate.
    momentum, weight_decay : float
    nesterov : bool
    decay_all : bool
        Whether weight decay applies to batch norm and biases too.
    schedule : {"one_cycle", "cosine", "multi_step"}
    label_smoothing : float
        In [0, 1).
    padding : int
        The largest shift of the random crop, in pixels.
    cutout : int
        The side of the square that is cut out of each training image; 0 for none.
    seed : int
        Decides the data's order and augmentation. The model has its own seed.
    out : str or Path, optional
        A run folder for checkpoints, metrics and pictures. It needs the [train] extra. Without `out` nothing is written.
    overwrite : bool
        Whether to replace the run in `out`, if there is one.
    resume : bool
        Go on with the run in `out`, which must have the same arguments. The result is, bit for bit, that of an uninterrupted
        run.
    eval_batch_size : int
        The batch size on test images.
    progress : bool or Progress
        Whether to print: one live line on a terminal, plain lines elsewhere.
    on_epoch : callable, optional
        It is called with each epoch's metrics.
    notes : dict, optional
        They are written to config.json.

    Returns
    -------
    History
        Per epoch: epoch (from 1), lr (of its last step), train_loss, train_accuracy, test_loss, test_accuracy (0 to 1),
        images_per_second (training only) and seconds (the evaluation too).

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, if model is not a Layer or data not a Dataset, or if their classes do not match.
    RunError
        A ValueError: `out` has a run already, or none to resume, or a damaged one.
    TrainingError
        If the loss becomes NaN or infinite. The last good checkpoint stays.
    Interrupted
        A KeyboardInterrupt: after Ctrl-C, once the current step is done.
    """
    check_model_and_data(model, data)
    settings = _check_settings(dict(
        epochs=epochs, batch_size=batch_size, lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay,
        decay_all=decay_all, schedule=schedule, label_smoothing=label_smoothing, padding=padding, cutout=cutout,
        seed=seed, eval_batch_size=eval_batch_size), data)
    optimiser = SGD(model.parameters(), momentum=settings["momentum"], weight_decay=settings["weight_decay"],
                    nesterov=settings["nesterov"], decay_all=settings["decay_all"])
    history = History()
    run = _open_run(out, model, data, settings, optimiser, history, overwrite, resume, notes)
    steps = len(data.train_labels) // settings["batch_size"]
    progress = make_progress(progress)
    progress.start(epochs=settings["epochs"], steps=steps, batch_size=settings["batch_size"], done=len(history))
    with CtrlC() as ctrl_c, contextlib.closing(progress):
        for epoch in range(len(history) + 1, settings["epochs"] + 1):
            began = time.perf_counter()
            metrics = _train_epoch(model, data, settings, optimiser, epoch, steps, progress, ctrl_c, run)
            metrics |= {key: value for key, value in evaluate(model, data, batch_size=settings["eval_batch_size"]).items()
                        if key != "class_accuracy"}
            _stop_unless_finite(metrics["test_loss"], f"after epoch {epoch}", run)
            metrics["images_per_second"] = metrics.pop("images_per_second")         # to keep their order
            metrics["seconds"] = time.perf_counter() - began
            history.append(metrics)
            if run:
                run.save(model, optimiser.velocity, history)
            progress.epoch(metrics)
            if on_epoch:
                on_epoch(metrics)
            if ctrl_c.pressed and epoch < settings["epochs"]:
                raise Interrupted(_how_to_go_on(run, f"after epoch {epoch}"))
    _finish(model, data, history, run)
    return history


def _train_epoch(model, data, settings, optimiser, epoch, steps, progress, ctrl_c, run):
    """Train for one epoch. Returns the training half of its metrics."""
    model.train()
    options = {name: settings[name] for name in ("batch_size", "seed", "padding", "cutout")}
    smoothing, total, seen = settings["label_smoothing"], settings["epochs"] * steps, steps * settings["batch_size"]
    drawing = [layer for _, layer in model.modules() if isinstance(layer, Random)]
    losses, right, began = 0.0, 0, time.perf_counter()
    # a network that diverges overflows. The loss shows it: no need for NumPy's warnings
    with np.errstate(over="ignore", invalid="ignore"), \
            contextlib.closing(batches(data, epoch=epoch, dtype=dtype_of(model), **options)) as stream:
        for step, (x, labels) in enumerate(stream, 1):
            lr = settings["lr"] * float(SCHEDULES[settings["schedule"]](((epoch - 1) * steps + step - 1) / total))
            for layer in drawing:
                layer.step = (epoch - 1) * steps + step - 1
            logits = model.forward(x)
            loss, p = F.softmax_cross_entropy(logits, labels, label_smoothing=smoothing)
            _stop_unless_finite(loss, f"in epoch {epoch}, step {step}", run)
            model.backward(F.softmax_cross_entropy_backward(p, labels, label_smoothing=smoothing))
            optimiser.step(lr)
            losses += float(loss)
            right += int((logits.argmax(axis=1) == labels).sum())
            progress.step(epoch, step, losses / step)
            if ctrl_c.pressed:
                raise Interrupted(_how_to_go_on(run, f"in epoch {epoch}, after step {step} of {steps}"))
    return dict(epoch=epoch, lr=lr, train_loss=losses / steps, train_accuracy=right / seen,
                images_per_second=seen / (time.perf_counter() - began))


def _stop_unless_finite(loss, where, run):
    if not np.isfinite(loss):
        value = "NaN" if np.isnan(loss) else "infinite"
        last = run and run.path / "last.safetensors"
        kept = f"the last good checkpoint is {last}; " if last and last.exists() else ""
        raise TrainingError(f"the loss became {value} {where}; {kept}try a lower --lr")


def _how_to_go_on(run, where):
    if not run:
        return f"interrupted {where}"
    return f"interrupted {where}; go on from the last complete epoch with: minisenet train --resume {run.path}"


def _check_settings(settings, data):
    """The settings as plain Python values, which JSON stores exactly."""
    for name in ("epochs", "batch_size", "eval_batch_size"):
        settings[name] = arguments.integer(name, settings[name], 1)
    for name in ("padding", "cutout", "seed"):
        settings[name] = arguments.integer(name, settings[name], 0)
    for name in ("lr", "weight_decay"):
        settings[name] = arguments.real_number(name, settings[name], least=0)
    for name in ("momentum", "label_smoothing"):
        settings[name] = arguments.real_number(name, settings[name], least=0, below=1)
    for name in ("nesterov", "decay_all"):
        settings[name] = bool(settings[name])
    if settings["schedule"] not in SCHEDULES:
        raise ValueError(f"schedule must be one of {', '.join(SCHEDULES)}, got {settings['schedule']!r}")
    if settings["batch_size"] > len(data.train_labels):
        raise ValueError(f"batch_size must be at most {len(data.train_labels)}, the training images of {data.name}, got "
                         f"{settings['batch_size']}")
    return settings


def _open_run(out, model, data, settings, optimiser, history, overwrite, resume, notes):
    """The run folder, or None. With resume its checkpoint is loaded into the model, the velocity and the history."""
    if out is None:
        if resume or overwrite:
            raise ValueError(f"out must be a run folder for {'resume' if resume else 'overwrite'}, got None: give out=...")
        return None
    made = dict(name=getattr(model, "name", type(model).__name__), options=getattr(model, "options", {}),
                dtype=str(dtype_of(model)))
    config = dict(model=made, settings=settings, data=fingerprint(data), machine=machine(), notes=notes or {},
                  normalisation=dict(mean=np.asarray(data.mean).tolist(), std=np.asarray(data.std).tolist()))
    if not resume:
        return RunFolder.create(out, config, overwrite=overwrite)
    run, checkpoint = RunFolder.resume(out, config)
    if checkpoint:
        tensors, metadata = checkpoint
        model.load_state_dict(model_state(tensors, metadata))
        for name, velocity in optimiser.velocity.items():
            velocity[...] = tensors[f"velocity.{name}"]
        history.extend(metadata["history"])
    return run


def _finish(model, data, history, run):
    """Collect the gates, and draw the run folder's pictures."""
    collected = gates.collect(model, data)
    history.gates = gates.table(collected)
    if run:
        from minisenet.train import curves
        curves.curves(run.path / "curves.png", history, run.config)
        if collected.blocks:
            curves.gates_figure(run.path / "gates.png", collected, data.classes)
