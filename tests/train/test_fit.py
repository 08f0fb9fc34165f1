"""`fit`: what it computes, that a second run is bit-identical, and its errors."""
import json
import signal
import subprocess
import sys
import types

import numpy as np
import pytest

import minisenet
import minisenet.functional as F
from minisenet.data import batches
from minisenet.optim import SCHEDULES, SGD
from minisenet.train import Interrupted, TrainingError, evaluate, fit
from minisenet.train.progress import Progress

pytestmark = pytest.mark.section_5
KEYS = ["epoch", "lr", "train_loss", "train_accuracy", "test_loss", "test_accuracy", "images_per_second", "seconds"]
SHORT = dict(epochs=2, batch_size=32, lr=0.05, progress=False)


def bits(model):
    return {name: array.tobytes() for name, array in model.state_dict().items()}


def untimed(history):
    return [{key: value for key, value in m.items() if key not in ("images_per_second", "seconds")} for m in history]


def test_metrics(data, new_model):
    history = fit(new_model(), data, **SHORT)
    assert [list(m) for m in history] == [KEYS, KEYS] and [m["epoch"] for m in history] == [1, 2]
    assert json.loads(json.dumps(history)) == history
    for m in history:
        assert 0 <= m["train_accuracy"] <= 1 and 0 <= m["test_accuracy"] <= 1 and m["images_per_second"] > 0
    assert history.best["test_accuracy"] == max(m["test_accuracy"] for m in history)


def test_images_per_second_and_seconds(data, new_model, monkeypatch):
    """With a false clock: 4 s for the 96 images of an epoch's training, 20 s for the whole epoch."""
    times = iter([100.0, 110.0, 114.0, 120.0])
    monkeypatch.setattr(sys.modules["minisenet.train.fit"], "time", types.SimpleNamespace(perf_counter=lambda: next(times)))
    metrics, = fit(new_model(), data, **SHORT | dict(epochs=1))
    assert metrics["images_per_second"] == 96 / 4 and metrics["seconds"] == 20


def test_is_the_loop_written_out(data, new_model):
    model, twin = new_model(), new_model()
    history = fit(model, data, **SHORT, momentum=0.8, weight_decay=1e-3, label_smoothing=0.1, padding=3, cutout=8,
                  schedule="cosine", seed=3)
    optimiser, step, losses = SGD(twin.parameters(), momentum=0.8, weight_decay=1e-3, nesterov=True), 0, []
    for epoch in (1, 2):
        for x, labels in batches(data, batch_size=32, epoch=epoch, seed=3, padding=3, cutout=8, prefetch=0):
            loss, p = F.softmax_cross_entropy(twin.forward(x), labels, label_smoothing=0.1)
            twin.backward(F.softmax_cross_entropy_backward(p, labels, label_smoothing=0.1))
            optimiser.step(lr := 0.05 * SCHEDULES["cosine"](step / 6))
            step, losses = step + 1, [*losses, float(loss)]
    assert bits(model) == bits(twin)
    assert history[-1]["lr"] == lr and history[0]["train_loss"] == sum(losses[:3]) / 3


def test_learns(data, new_model):
    history = fit(new_model(), data, epochs=8, batch_size=16, lr=0.1, progress=False)
    assert history[-1]["train_loss"] < history[0]["train_loss"] - 0.1


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_the_same_bits_for_any_number_of_threads(data, new_model, threads):
    once, again = new_model(), new_model()
    before = minisenet.get_num_threads()
    first = fit(once, data, **SHORT | dict(epochs=1))
    try:
        minisenet.set_num_threads(threads)
        second = fit(again, data, **SHORT | dict(epochs=1))
    finally:
        minisenet.set_num_threads(before)
    assert bits(once) == bits(again) and untimed(first) == untimed(second)


def test_the_seed_decides(data, new_model):
    one, other = new_model(), new_model()
    fit(one, data, **SHORT, seed=0)
    fit(other, data, **SHORT, seed=1)
    assert bits(one) != bits(other)


def test_keeps_float64(data, new_model):
    model = new_model().astype(np.float64)
    fit(model, data, **SHORT | dict(epochs=1))
    assert {p.value.dtype for p in model.parameters().values()} == {np.dtype(np.float64)}


def test_writes_nothing_without_out(data, new_model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fit(new_model(), data, **SHORT | dict(epochs=1))
    assert not list(tmp_path.iterdir())


def test_needs_numpy_only():
    """In a new process that cannot import the libraries of the extras."""
    code = """
import sys
for name in ("matplotlib", "tqdm", "pooch", "safetensors", "PIL", "torch", "hypothesis"):
    sys.modules[name] = None
from minisenet import models
from minisenet.data.shapes import shapes
from minisenet.train import fit
data, model = shapes(train=16, test=10), models.create("se_resnet20", 10, width=2, reduction=2)
print(len(fit(model, data, epochs=1, batch_size=16, progress=False)))
try:
    fit(model, data, epochs=1, batch_size=16, out="never", progress=False)
except ValueError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "1", 'checkpoints need safetensors, which is not installed: pip install "minisenet[train]"']


@pytest.mark.parametrize("wrong, message", [
    (dict(epochs=0), "epochs must be at least 1, got 0"),
    (dict(batch_size=97), "batch_size must be at most 96, the training images of shapes, got 97"),
    (dict(lr=-1), "lr must be at least 0, got -1.0"),
    (dict(lr=float("nan")), "lr must be finite, got nan"),
    (dict(label_smoothing=1), "label_smoothing must be at least 0 and below 1, got 1.0"),
    (dict(schedule="linear"), "schedule must be one of one_cycle, cosine, multi_step, got 'linear'"),
    (dict(resume=True), "out must be a run folder for resume, got None"),
])
def test_refuses(data, new_model, wrong, message):
    with pytest.raises(ValueError, match=message):
        fit(new_model(), data, **SHORT | wrong)


@pytest.mark.parametrize("value", [None, 3, "shapes", np.zeros((2, 8, 8, 3))])
def test_refuses_what_is_not_a_dataset_or_a_model(data, new_model, value):
    for run in (lambda *of: fit(*of, **SHORT), evaluate):
        with pytest.raises(TypeError, match=r"^data must be a Dataset, got \w+: use minisenet.data.load\(name\)"):
            run(new_model(), value)
        with pytest.raises(TypeError, match=r"^model must be a Layer, got \w+: use minisenet.models.create\(name\)"):
            run(value, data)


def test_refuses_other_classes(data, new_model):
    with pytest.raises(ValueError, match="labels must be from 0 to 2 for 3 classes, got 0 to 9"):
        fit(new_model(num_classes=3), data, **SHORT)
    with pytest.raises(ValueError, match="the model must have 10 classes as shapes has, got 11"):
        evaluate(new_model(num_classes=11), data)


class Poison(Progress):
    """Makes the weights NaN after a certain step."""

    def __init__(self, model, epoch, step):
        self.model, self.at = model, (epoch, step)

    def show(self, epoch, step, loss):
        if (epoch, step) == self.at:
            self.model.fc.weight.value[0, 0] = np.nan


@pytest.mark.parametrize("at, where", [((2, 1), "in epoch 2, step 2"), ((1, 3), "after epoch 1"), ((2, 3), "after epoch 2")])
def test_a_loss_that_is_nan_stops_training_and_leaves_the_good_checkpoint(data, new_model, tmp_path, at, where):
    model, run = new_model(), tmp_path / "run"
    with pytest.raises(TrainingError, match=f"the loss became NaN {where}; .*try a lower --lr") as stopped:
        fit(model, data, **SHORT | dict(progress=Poison(model, *at)), out=run)
    complete = len((run / "metrics.jsonl").read_text().splitlines()) if (run / "metrics.jsonl").exists() else 0
    assert complete == at[0] - 1
    assert (str(run / "last.safetensors") in str(stopped.value)) == bool(complete)
    if complete:            # and that one is good: it ends as an uninterrupted run does
        resumed, uninterrupted = new_model(), new_model()
        fit(resumed, data, **SHORT, out=run, resume=True)
        fit(uninterrupted, data, **SHORT)
        assert bits(resumed) == bits(uninterrupted)


def test_divergence_is_an_error_without_warnings(data, new_model):
    with pytest.raises(TrainingError, match="the loss became (NaN|infinite)"):
        fit(new_model(), data, **SHORT | dict(lr=1e30))


@pytest.mark.parametrize("step", [1, 3])
def test_ctrl_c_finishes_the_step(data, new_model, step):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    class Press(Progress):
        def show(self, epoch, at, loss):
            if at == step:
                signal.raise_signal(signal.SIGINT)
    try:
        with pytest.raises(Interrupted, match=f"interrupted in epoch 1, after step {step} of 3"):
            fit(new_model(), data, **SHORT | dict(progress=Press()))
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_evaluate(data, new_model):
    model = new_model()
    fit(model, data, **SHORT | dict(epochs=1))
    figures = evaluate(model, data, batch_size=7)
    assert model.training
    assert list(figures) == ["test_loss", "test_accuracy", "class_accuracy"]
    assert list(figures["class_accuracy"]) == list(data.classes)
    # four images of each class, so the accuracy is the mean of the classes' accuracies
    assert figures["test_accuracy"] == pytest.approx(np.mean(list(figures["class_accuracy"].values())))
    x = ((data.test_images / 255 - data.mean) / data.std).astype(np.float32)
    logits = model.eval().forward(x).astype(np.float64)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert figures["test_loss"] == pytest.approx(-np.log(p[np.arange(40), data.test_labels]).mean(), rel=1e-4)
    assert figures["test_accuracy"] == (logits.argmax(axis=1) == data.test_labels).mean()
    shifted = evaluate(model, data, normalisation=dict(mean=[0.1, 0.1, 0.1], std=[1, 1, 1]))
    assert shifted["test_loss"] != figures["test_loss"]
