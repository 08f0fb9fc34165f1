"""Whole networks against PyTorch: one backward through all layers. They are convolutional, so small images are enough."""
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason='PyTorch is not installed: pip install "minisenet[torch]"')


from minisenet import models  # noqa: E402
from minisenet.reference.networks import reference_of  # noqa: E402

from .comparing import assert_close, errors, randomised  # noqa: E402

pytestmark = pytest.mark.section_3_3
slow = pytest.mark.slow


def compare(name, training, **options):
    """Initial weights, with noise only in gamma, beta and the running statistics: random weights would overflow in 56 layers."""
    rng = np.random.default_rng(7)
    model = models.create(name, **options).astype(np.float64)
    for layer in (layer for _, layer in model.modules() if hasattr(layer, "running_var")):
        randomised(layer, rng)
    model.train() if training else model.eval()
    assert_close(errors(model, rng.standard_normal((4, 16, 8, 3)), rng, input_gradient=True))


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("name", ["se_resnet20", "resnet20", *(pytest.param(f"{se}resnet{depth}", marks=slow)
                                                                for depth in (32, 56) for se in ("se_", ""))])
def test_network(backend, name, training):
    compare(name, training)


@pytest.mark.parametrize("options", [dict(shortcut="A"), dict(reduction=4, se_bias=True), dict(width=4, reduction=3),
                                     dict(width=6, shortcut="A", num_classes=7), dict(width=16, reduction=6)],
                         ids=lambda options: ",".join(f"{k}={v}" for k, v in options.items()))
def test_options(backend, options):
    compare("se_resnet20", True, **({"reduction": 2} | options if options.get("width", 16) < 16 else options))


@pytest.mark.parametrize("width", [5, 16, 18])
@pytest.mark.parametrize("reduction", range(1, 6))
def test_every_reduction_is_recognised(width, reduction):
    """`reference_of` infers r from the last stage. The hidden sizes of all stages must follow from that r."""
    reference = reference_of(models.create("se_resnet20", width=width, reduction=reduction))
    assert [stage[0].se.fc1.out_features for stage in (reference.stage1, reference.stage2, reference.stage3)] == [
        width * k // reduction for k in (1, 2, 4)]


@pytest.mark.section_4
@pytest.mark.parametrize("name", models.MODELS)
def test_parameter_counts_agree(name):
    model = models.create(name)
    assert (sum(p.numel() for p in reference_of(model).parameters())
            == sum(p.value.size for p in model.parameters().values()))


def test_pytorch_weights_load_into_minisenet():
    """A state dict from PyTorch loads into the model, num_batches_tracked included."""
    reference = reference_of(models.create("se_resnet20", width=4, reduction=2, seed=1))
    model = models.create("se_resnet20", width=4, reduction=2, seed=2)
    model.load_state_dict({name: value.numpy() for name, value in reference.state_dict().items()})
    state = reference.state_dict()
    for name, value in model.state_dict().items():
        assert np.array_equal(value, state[name].numpy())
