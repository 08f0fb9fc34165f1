"""Networks by name: exact parameter counts, names, options, errors, and whole-network gradients."""
import numpy as np
import pytest

import minisenet
from minisenet import models
from minisenet.backend import builds
from minisenet.bench import ours, plot, report
from minisenet.bench.contenders import Settings, why_not
from minisenet.layers import Linear, Sequential, Squeeze
from minisenet.models.registry import Counts, Entry
from minisenet.summary import format_summary, summary


def count(name, **options):
    return sum(p.value.size for p in models.create(name, **options).parameters().values())


# ---- counts

DEPTHS = (20, 32, 56, 110)
COUNTS = {      # shortcut -> plain, SE, SE with biases, for each depth
    "A": ((269_722, 464_154, 853_018, 1_727_962), (271_738, 467_514, 859_066, 1_740_058),
          (272_095, 468_109, 860_137, 1_742_200)),
    "B": ((272_474, 466_906, 855_770, 1_730_714), (274_490, 470_266, 861_818, 1_742_810),
          (274_847, 470_861, 862_889, 1_744_952)),
}


@pytest.mark.section_4
@pytest.mark.parametrize("shortcut", COUNTS)
@pytest.mark.parametrize("i", range(4), ids=DEPTHS)
def test_parameter_counts(shortcut, i):
    plain, se, biased = (row[i] for row in COUNTS[shortcut])
    assert count(f"resnet{DEPTHS[i]}", shortcut=shortcut) == plain
    assert count(f"se_resnet{DEPTHS[i]}", shortcut=shortcut) == se
    assert count(f"se_resnet{DEPTHS[i]}", shortcut=shortcut, se_bias=True) == biased


@pytest.mark.section_4
@pytest.mark.parametrize("reduction, total", [(2, 288_602), (4, 280_538), (8, 276_506), (16, 274_490)])
def test_parameter_counts_by_reduction(reduction, total):
    assert count("se_resnet20", reduction=reduction) == total


@pytest.mark.section_4
@pytest.mark.parametrize("depth", [20, 32, 44, 56, 110])
@pytest.mark.parametrize("r", [1, 2, 4, 8, 16])
def test_the_extra_weights_are_equation_5(depth, r):
    """2 / r times the sum over stages of N_s C_s^2, where r divides the channels."""
    blocks = (depth - 2) // 6
    assert count(f"se_resnet{depth}", reduction=r) - count(f"resnet{depth}") == sum(
        2 * blocks * c * c // r for c in (16, 32, 64))


@pytest.mark.section_5
def test_the_head_for_100_classes():
    assert count("resnet110", num_classes=100) - count("resnet110") == 5_850


# ---- names, options, errors

def test_names_are_pytorch_like():
    names = set(models.create("se_resnet20").state_dict())
    assert {"conv1.weight", "bn1.weight", "bn1.running_mean", "stage1.0.conv1.weight", "stage1.2.bn2.running_var",
            "stage2.0.shortcut.conv.weight", "stage2.0.shortcut.bn.bias", "stage3.2.se.fc1.weight", "fc.weight",
            "fc.bias"} < names
    assert not any("shortcut" in name for name in names if name.startswith("stage1"))
    plain = set(models.create("resnet20").state_dict())
    assert plain == {name for name in names if ".se." not in name}


def test_every_network_has_its_plain_twin():
    plain = {name for name, entry in models.MODELS.items() if not entry.se}
    assert {name: entry.plain for name, entry in models.MODELS.items() if entry.se} == (
        {f"se_{name}": name for name in plain} | {"senet154": None})
    for name in plain:
        assert "reduction" not in models.MODELS[name].defaults
        assert models.MODELS[f"se_{name}"].defaults.items() > models.MODELS[name].defaults.items()


class Tiny(Sequential):
    """A network for 6x6 images and three classes, without an option for its width."""

    def __init__(self, num_classes, *, seed=0):
        super().__init__(Squeeze(), Linear(3, num_classes, rng=np.random.default_rng(seed)))


def test_a_network_of_another_family_is_an_entry_of_the_registry(monkeypatch, tmp_path):
    """Its image size, its classes and its options are data, which summary, bench and the commands use."""
    counts = {None: Counts(parameters=12, million_multiply_adds=9e-6, features=3)}
    monkeypatch.setitem(models.MODELS, "tiny", Entry(Tiny, 6, 3, False, counts=counts, source="By hand."))
    assert models.create("tiny").options == dict(num_classes=3)
    result = summary(models.create("tiny", seed=1))
    assert result["image"] == [6, 6, 3] and result["totals"]["conv_and_fc"] == 9
    assert result["paper"] == dict(parameters=12, million_multiply_adds=0.0, image_size=6, source="By hand.")
    assert summary(models.create("tiny", 5))["paper"]["parameters"] == 20
    assert "specification: 12" in format_summary(result) and format_summary(result).endswith("By hand.")
    settings = Settings("tiny", {}, batch_size=4, threads=1)
    images, labels = ours.batch(settings)
    assert images.shape == (4, 6, 6, 3) and labels.max() < 3
    assert builds.kernels is None or why_not("minisenet_plain", settings) == "tiny is itself a network without SE blocks"
    assert list(plot.points(settings)) == ["batch size", "threads"] and report._width(settings) is None
    with pytest.raises(ValueError, match="options of tiny must be among seed, got 'width'"):
        models.create("tiny", width=8)


def test_a_model_says_how_it_was_made():
    model = models.create("se_resnet20", num_classes=7, reduction=4, width=8)
    assert model.name == "se_resnet20" and model.options == dict(num_classes=7, reduction=4, width=8)
    again = models.create(model.name, **model.options)
    assert all(np.array_equal(value, again.state_dict()[name]) for name, value in model.state_dict().items())


def test_the_seed_decides_the_weights():
    a, b, c = (models.create("resnet20", width=4, seed=seed).state_dict()["stage2.1.conv1.weight"] for seed in (0, 0, 1))
    assert np.array_equal(a, b) and not np.array_equal(a, c)


@pytest.mark.parametrize("make, message", [
    (lambda: models.create("se_resnet21"), "model name must be one of resnet20, se_resnet20, .*, got 'se_resnet21'"),
    (lambda: models.create(None), "model name must be one of .*, got None"),
    (lambda: models.create(["resnet20"]), r"model name must be one of .*, got \['resnet20'\]"),
    (lambda: models.create("se_resnet20", depth=3), "options of se_resnet20 must be among width, .*, reduction, .*, got 'depth'"),
    (lambda: models.create("se_resnet20", se=False), "options of se_resnet20 .*, got 'se'"),
    (lambda: models.create("se_resnet20", reduction=17), "reduction must be at most 16, the number of channels, got 17"),
    (lambda: models.create("se_resnet20", reduction=0), "reduction must be at least 1, got 0"),
    (lambda: models.create("se_resnet20", width=8), "reduction must be at most 8, the number of channels, got 16"),
    (lambda: models.create("se_resnet20", width=0), "width must be at least 1, got 0"),
    (lambda: models.create("se_resnet20", num_classes=0), "num_classes must be at least 1, got 0"),
    (lambda: models.create("se_resnet20", shortcut="C"), "shortcut must be 'A' .*, got 'C'"),
    (lambda: models.CifarResNet(21), r"depth must be 6n \+ 2 \(20, 32, 44, 56, 110\), got 21"),
    (lambda: models.CifarResNet(2), r"depth must be 6n \+ 2 .*, got 2"),
])
def test_the_errors_of_create(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_state_of_another_model_changes_nothing():
    model = models.create("resnet20", width=4)
    before = model.state_dict()
    for other, message in ((models.create("se_resnet20", width=4, reduction=2), "has the unknown stage1.0.se.fc1.weight"),
                           (models.create("resnet32", width=4), "has the unknown stage1.3"),
                           (models.create("resnet20", width=8), "conv1.weight must have shape")):
        with pytest.raises(ValueError, match=message):
            model.load_state_dict(other.state_dict())
    with pytest.raises(ValueError, match="lacks stage1.3"):
        models.create("resnet32", width=4).load_state_dict(before)
    assert all(np.array_equal(value, before[name]) for name, value in model.state_dict().items())


# ---- forward and backward

@pytest.fixture
def small():
    return models.create("se_resnet20", width=4, reduction=4, seed=1).astype(np.float64)


def test_the_shape_of_the_logits(small):
    assert small(np.zeros((2, 8, 6, 3))).shape == (2, 10)
    assert models.create("resnet20", 7, width=4)(np.zeros((3, 32, 32, 3), np.float32)).shape == (3, 7)


def test_the_input_gradient_is_computed_on_request_only(small):
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((2, 8, 6, 3)), rng.standard_normal((2, 10))
    small(x)
    assert small.backward(dy) is None
    first = small.conv1.weight.grad
    small(x)
    assert small.backward(dy, input_gradient=True).shape == x.shape
    assert np.array_equal(small.conv1.weight.grad, first)


@pytest.mark.parametrize("value, got", [(None, "None: it is required"), ([1.0], "list: use np.asarray"), ("text", "str"),
                                        (3, "int")])
def test_images_that_are_not_an_array(small, value, got):
    with pytest.raises(TypeError, match=rf"^x must be a NumPy array \(N, H, W, C\), got {got}"):
        small(value)
    small(np.ones((2, 8, 8, 3)))
    with pytest.raises(TypeError, match=rf"^dy must be a NumPy array \(N, C\), got {got}"):
        small.backward(value)


def test_backward_twice(small):
    y = small(np.random.default_rng(0).standard_normal((2, 8, 8, 3)))
    small.backward(y)
    with pytest.raises(RuntimeError, match="backward must follow a forward"):
        small.backward(y)


def test_every_parameter_gets_a_gradient(small):
    rng = np.random.default_rng(0)
    y = small(rng.standard_normal((8, 8, 8, 3)))
    small.backward(rng.standard_normal(y.shape))
    for name, p in small.parameters().items():
        assert p.grad.shape == p.value.shape and p.grad.dtype == np.float64, name
        assert p.grad.any() or ".se." in name, name         # a hidden unit may be dead at the start


def test_eval_does_not_move_the_running_statistics(small):
    x = np.random.default_rng(0).standard_normal((4, 8, 8, 3))
    small(x)
    before = small.eval().state_dict()
    y = small(x)
    assert all(np.array_equal(value, before[name]) for name, value in small.state_dict().items())
    assert np.allclose(y[:1], small(x[:1]), rtol=1e-12), "in evaluation mode an image does not depend on its batch"


def prepared(model, training):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((4, 8, 6, 3))
    model(x)                                     # so that the running statistics are not 0 and 1
    model.train() if training else model.eval()
    dy = rng.standard_normal(model(x).shape)
    dx = model.backward(dy, input_gradient=True)
    return x, dy, dx, {name: (p, p.grad) for name, p in model.parameters().items()}, rng


@pytest.mark.section_3_3
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_network_gradients_by_complex_step(small, training):
    """One random direction through the images, and one through all weights of each kind at once."""
    with minisenet.use_backend("numpy"):
        x, dy, dx, gradients, rng = prepared(small, training)
        small.astype(np.complex128)
        direction = rng.standard_normal(x.shape)
        found = (dy * small(x + 1e-30j * direction)).sum().imag / 1e-30
        assert abs(found - (dx * direction).sum()) <= 1e-12 * np.abs(dx * direction).sum()
        x = x.astype(complex)
        for kind in ("conv", "bn", ".se.", "shortcut", "fc."):
            wanted = size = 0
            restore = small.state_dict()
            for name, (p, gradient) in gradients.items():
                if kind in name:
                    direction = rng.standard_normal(gradient.shape)
                    p.value = p.value + 1e-30j * direction
                    wanted, size = wanted + (gradient * direction).sum(), size + np.abs(gradient * direction).sum()
            found = (dy * small(x)).sum().imag / 1e-30
            small.load_state_dict(restore)
            assert size > 0 and abs(found - wanted) <= 1e-12 * size, kind


@pytest.mark.section_3_3
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_network_gradients_by_central_differences(small, training):
    """On the backend in use, in a random direction through every array and the images at once."""
    x, dy, dx, gradients, rng = prepared(small, training)
    step = {name: rng.standard_normal(gradient.shape) for name, (_, gradient) in gradients.items()}
    image_step, start, h = rng.standard_normal(x.shape), small.state_dict(), 1e-6

    def at(t):
        small.load_state_dict(start | {name: start[name] + t * direction for name, direction in step.items()})
        return (dy * small(x + t * image_step)).sum()

    terms = [dx * image_step] + [gradient * step[name] for name, (_, gradient) in gradients.items()]
    wanted, size = sum(t.sum() for t in terms), sum(np.abs(t).sum() for t in terms)
    assert abs((at(h) - at(-h)) / (2 * h) - wanted) <= 1e-6 * size


# ---- SENet-154

@pytest.mark.section_5
def test_dropout_is_before_senet154s_last_layer():
    """The appendix: with probability 0.2. The stem has three convolutions, and stage1 keeps its 1x1 projection."""
    model = models.create("senet154", 7, width=32, reduction=4)
    assert list(model.children())[-3:] == ["squeeze", "dropout", "fc"] and model.dropout.p == 0.2
    assert list(model.children())[:10] == ["conv1", "bn1", "relu1", "conv2", "bn2", "relu2", "conv3", "bn3", "relu3", "pool"]
    shapes = [getattr(getattr(model, f"stage{i}"), "0").shortcut.conv.weight.value.shape[2:] for i in (1, 2, 3, 4)]
    assert shapes == [(1, 1), (3, 3), (3, 3), (3, 3)]
    assert "dropout" not in models.create("senet154", 7, width=32, reduction=4, dropout=0).children()
