"""Training against PyTorch: from the same weights and data, both have the same weights after twenty steps."""
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason='PyTorch is not installed: pip install "minisenet[torch]"')


import minisenet.functional as F  # noqa: E402
from minisenet import models  # noqa: E402
from minisenet.data.dataset import Dataset  # noqa: E402
from minisenet.optim import SGD, one_cycle  # noqa: E402
from minisenet.reference import train as reference_train  # noqa: E402
from minisenet.reference.networks import reference_of, to_nchw  # noqa: E402
from minisenet.train import TrainingError, options, recipe  # noqa: E402
from minisenet.train import fit as our_fit  # noqa: E402

from .comparing import error  # noqa: E402

pytestmark = pytest.mark.section_5
STEPS = 20


def weights_differ(model, reference):
    """The largest error over all arrays of the state, running statistics included."""
    state = reference.state_dict()
    return max(error(value, state[name].numpy()) for name, value in model.state_dict().items())


def test_twenty_steps(backend):
    """SE-ResNet-20 in float64: SGD with Nesterov momentum, weight decay on weights, one-cycle learning rate."""
    rng = np.random.default_rng(8)
    model = models.create("se_resnet20", reduction=4, seed=3).astype(np.float64)
    reference = reference_of(model)
    ours, theirs = SGD(model.parameters()), reference_train.sgd(reference)
    began = model.state_dict()
    for step in range(STEPS):
        x, labels = rng.standard_normal((16, 32, 32, 3)), rng.integers(0, 10, 16)
        lr = recipe.LR * one_cycle(step / STEPS)

        logits = model.forward(x)
        loss, p = F.softmax_cross_entropy(logits, labels)
        model.backward(F.softmax_cross_entropy_backward(p, labels))
        ours.step(lr)

        loss_reference = torch.nn.functional.cross_entropy(reference(to_nchw(x)), torch.from_numpy(labels))
        theirs.zero_grad()
        loss_reference.backward()
        reference_train.set_lr(theirs, lr)
        theirs.step()
        assert loss == pytest.approx(loss_reference.item(), rel=1e-8)
    assert weights_differ(model, reference) < 1e-8
    moved = [error(value, began[name]) for name, value in model.state_dict().items() if name.endswith("conv2.weight")]
    assert min(moved) > 1e-2, "the weights must change in twenty steps"


def test_a_wrong_optimiser_is_told_apart():
    """With weight decay on batch norm too, the weights differ after one step."""
    model = models.create("se_resnet20", width=4, reduction=2).astype(np.float64)
    reference = reference_of(model)
    ours, theirs = SGD(model.parameters(), decay_all=True), reference_train.sgd(reference)
    for p, q in zip(model.parameters().values(), reference.parameters()):
        p.grad, q.grad = np.ones_like(p.value), torch.ones_like(q)
    assert weights_differ(model, reference) == 0
    ours.step(0.1), reference_train.set_lr(theirs, 0.1), theirs.step()
    assert weights_differ(model, reference) > 1e-6


@pytest.fixture
def data():
    """Tiny images with H != W, in four classes."""
    rng = np.random.default_rng(9)
    def images(n):
        return rng.integers(0, 256, (n, 12, 8, 3), np.uint8), rng.integers(0, 4, n)
    return Dataset("noise", "drawn by a test", ("a", "b", "c", "d"), *images(70), *images(150))


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("schedule", ["one_cycle", "multi_step"])
def test_fit_reports_the_same_metrics(data, schedule, channels_last):
    """Both training loops as a whole: order, crops, flips, cutout, schedule, running statistics, test figures."""
    model = models.create("se_resnet20", 4, width=4, reduction=2).astype(np.float64)
    settings = dict(epochs=2, batch_size=16, lr=0.1, schedule=schedule, label_smoothing=0.1, cutout=3, seed=5)
    reference, theirs = reference_train.fit(model, data, channels_last=channels_last, **settings)
    ours = our_fit(model, data, progress=False, **settings)
    assert weights_differ(model, reference) < 1e-8
    assert len(ours) == len(theirs) == 2
    for us, them in zip(ours, theirs):
        assert list(us) == list(them)
        for name in us.keys() - {"images_per_second", "seconds"}:
            assert them[name] == pytest.approx(us[name], rel=1e-8), name


def test_reference_training_stops_where_the_loss_is_not_a_number(data):
    model = models.create("se_resnet20", 4, width=4, reduction=2)
    with pytest.raises(TrainingError, match="in epoch 1, step"):
        reference_train.fit(model, data, epochs=3, batch_size=16, lr=1e30)


def test_the_command_has_the_defaults_of_minisenet_train():
    settings = options.describe(reference_train._parser().parse_args([]))["settings"]
    for name in ("batch_size", "lr", "momentum", "weight_decay", "schedule", "label_smoothing", "padding", "cutout"):
        assert settings.pop(name) == getattr(recipe, name.upper())
    assert settings == dict(epochs=None, seed=0)


def test_the_command(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(reference_train.sets, "load", lambda name: data, raising=False)
    threads = torch.get_num_threads()
    argv = ["--data", "x", "--width", "4", "--reduction", "2", "--epochs", "2", "--batch-size", "16", "--limit", "48",
            "--threads", "1", "--out", str(tmp_path / "new")]
    try:
        assert reference_train.main(argv) == 0
        lines = (tmp_path / "new" / "metrics.jsonl").read_text().splitlines()
        assert [json.loads(line)["epoch"] for line in lines] == [1, 2]
        assert "last:" in capsys.readouterr().out
        assert reference_train.main(argv) == 1
        assert "--out must be a folder without a run, got " in capsys.readouterr().err
        assert reference_train.main(["--data", "x", "--model", "resnet21"]) == 1
        assert "error: model name must be one of resnet20, " in capsys.readouterr().err
    finally:
        torch.set_num_threads(threads)
