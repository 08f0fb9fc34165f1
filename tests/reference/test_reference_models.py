"""Whole networks against PyTorch: one backward through all layers. They are convolutional, so small images are enough."""
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason='PyTorch is not installed: pip install "minisenet[torch]"')

from minisenet import models  # noqa: E402
from minisenet.reference.networks import reference_of  # noqa: E402
from small_networks import small  # noqa: E402

from .comparing import TOLERANCE, assert_close, errors, randomised  # noqa: E402

pytestmark = pytest.mark.section_3_3
slow = pytest.mark.slow


def compare(model, size, training, tolerance=TOLERANCE):
    """Initial weights, with noise only in gamma and beta: random weights would overflow in 56 layers. In evaluation mode the
    running statistics are those of a batch, for the same reason."""
    rng = np.random.default_rng(7)
    model.astype(np.float64)
    norms = [layer for _, layer in model.modules() if hasattr(layer, "running_var")]
    for layer in norms:
        randomised(layer, rng)
        layer.momentum = 1.0
    model(rng.standard_normal((8, *size, 3)))
    for layer in norms:
        layer.momentum = 0.1
    model.train() if training else model.eval()
    assert_close(errors(model, rng.standard_normal((4, *size, 3)), rng, input_gradient=True), tolerance)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("name", ["se_resnet20", "resnet20", *(pytest.param(f"{se}resnet{depth}", marks=slow)
                                                                for depth in (32, 56) for se in ("se_", ""))])
def test_network(backend, name, training):
    compare(models.create(name), (16, 8), training)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("name", [pytest.param(name, marks=slow if name == "senet154" else ())
                                  for name in models.MODELS if name not in ("se_resnet20", "resnet20")])
def test_every_network_at_a_small_width(name, training):
    """On the fastest backend; `tests/test_every_network.py` compares the backends."""
    model, size = small(name)
    compare(model, (size, size), training, tolerance=1e-9)


@pytest.mark.parametrize("options", [dict(shortcut="A"), dict(reduction=4, se_bias=True), dict(width=4, reduction=3),
                                     dict(width=6, shortcut="A", num_classes=7), dict(width=16, reduction=6),
                                     dict(reduction=(2, 4, 8), se_stages=(1, 3))],
                         ids=lambda options: ",".join(f"{k}={v}" for k, v in options.items()))
def test_options(backend, options):
    options = {"reduction": 2} | options if options.get("width", 16) < 16 else options
    compare(models.create("se_resnet20", **options), (16, 8), True)


@pytest.mark.section_6
@pytest.mark.parametrize("options", [dict(squeeze="max"), dict(squeeze="none", se_bias=True), dict(gate="tanh"),
                                     dict(gate="relu"), *(dict(place=place) for place in ("pre", "post", "identity", "3x3"))],
                         ids=lambda options: ",".join(f"{k}={v}" for k, v in options.items()))
def test_variants(backend, options):
    compare(models.create("se_resnet50", 7, width=8, reduction=4, **options), (32, 24), True, tolerance=1e-9)


@pytest.mark.section_6
@pytest.mark.parametrize("name, options", [
    ("se_resnet18", dict(place="identity", squeeze="none", gate="tanh", se_bias=True)),
    ("se_resnext50", dict(place="3x3", squeeze="max")), ("se_resnext50", dict(place="post", stride_on="1x1", stem_pool="padded")),
    ("se_vgg16", dict(squeeze="none", gate="tanh", se_bias=True)), ("se_bn_inception", dict(squeeze="max", gate="relu")),
    ("se_inception_resnet_v2", dict(reduction=(2, 4, 2), se_stages=(1, 3))), ("se_mobilenet", dict(squeeze="none", gate="tanh")),
    ("se_shufflenet", dict(squeeze="max", gate="relu", se_bias=True)), ("se_wrn16_8", dict(reduction=(2, 4, 8), squeeze="none")),
    ("se_shake_shake26_2x96d", dict(squeeze="max", gate="relu")), ("se_shake_even29_2x4x64d", dict(place="pre", gate="tanh"))],
    ids=lambda value: value if isinstance(value, str) else ",".join(f"{k}={v}" for k, v in value.items()))
def test_variants_of_the_families(name, options):
    model, size = small(name, **options)
    compare(model, (size, size), True, tolerance=1e-9)


@pytest.mark.section_4
@pytest.mark.parametrize("name", ["se_resnet20", "resnet110"])
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
