"""`minisenet summary` counts the specification's numbers, layer by layer, without running the network."""
import json
import sys
from dataclasses import dataclass, field

import numpy as np
import pytest

import minisenet
import minisenet.functional as F
from backends import needs_kernels
from minisenet import models
from minisenet.backend import watching
from minisenet.cli import main
from minisenet.layers import Conv2d, Layer, Linear, Sequential, Squeeze
from minisenet.summary import UNRUN, arrays_in, format_summary, multiply_adds, summary


CIFAR = {       # depth -> SE weights, SE biases; by shortcut: parameters without SE, millions of multiply-adds
    20: (2_016, 357, dict(A=(269_722, 40.551), B=(272_474, 40.813))),
    32: (3_360, 595, dict(A=(464_154, 68.863), B=(466_906, 69.125))),
    44: (4_704, 833, dict(A=(658_586, 97.174), B=(661_338, 97.436))),
    56: (6_048, 1_071, dict(A=(853_018, 125.486), B=(855_770, 125.748))),
    110: (12_096, 2_142, dict(A=(1_727_962, 252.888), B=(1_730_714, 253.150))),
}


@pytest.mark.section_4
@pytest.mark.parametrize("depth", CIFAR)
@pytest.mark.parametrize("shortcut", ["A", "B"])
@pytest.mark.parametrize("options", [None, {}, dict(se_bias=True)])
def test_counts_are_those_of_the_specification(depth, shortcut, options):
    se = options is not None
    result = summary(models.create(f"{'se_' * se}resnet{depth}", shortcut=shortcut, **options or {}))
    weights, biases, counts = CIFAR[depth]
    parameters, millions = counts[shortcut]
    expected = parameters + weights * se + biases * bool(options)
    assert result["totals"]["parameters"] == result["paper"]["parameters"] == expected
    assert sum(row["parameters"] for row in result["rows"]) == expected
    assert round(result["totals"]["conv_and_fc"] / 1e6, 3) == result["paper"]["million_multiply_adds"] == millions


@pytest.mark.section_6
@pytest.mark.parametrize("reduction, parameters", [(2, 288_602), (4, 280_538), (8, 276_506), (16, 274_490)])
def test_counts_by_reduction(reduction, parameters):
    result = summary(models.create("se_resnet20", reduction=reduction))
    assert result["totals"]["parameters"] == result["paper"]["parameters"] == parameters


@pytest.mark.section_4
def test_counts_for_100_classes():
    result = summary(models.create("se_resnet20", 100))
    assert result["paper"]["parameters"] == result["totals"]["parameters"] == 274_490 + 5_850
    assert result["paper"]["million_multiply_adds"] == round(result["totals"]["conv_and_fc"] / 1e6, 3)


@pytest.mark.section_4
@pytest.mark.parametrize("name, options", [("se_resnet20", dict(reduction=(4, 4, 8))), ("se_resnet20", dict(reduction=32, width=32)),
                                           ("se_resnet20", dict(se_stages=(1,))), ("resnet20", dict(width=8))])
def test_where_the_specification_is_silent(name, options):
    assert summary(models.create(name, **options), 8)["paper"] is None


@pytest.mark.section_4
def test_another_seed_or_image_size_is_the_same_network():
    text = format_summary(summary(models.create("resnet20", seed=1), 16))
    assert "specification: 272,474" in text and " M" not in text        # its multiply-adds are those of 32 x 32


@needs_kernels
def test_the_backend_changes_the_saved_bytes_and_nothing_else():
    results = []
    for backend in ("numpy", "fused"):
        with minisenet.use_backend(backend):
            result = summary(models.create("se_resnet20"))
        for row in [result["totals"], *result["rows"]]:
            del row["saved_bytes"]
        results.append((result["rows"], result["totals"]))
    assert results[0] == results[1]


@pytest.mark.section_4
def test_summary_of_the_se_blocks():
    with minisenet.use_backend("numpy"):
        result = summary(models.create("se_resnet20"))
    row = next(row for row in result["rows"] if row["name"] == "stage2.1.se")
    # 32 channels, two hidden units: two layers of 64 weights, and 16 x 16 x 32 multiplications of the scale
    assert row["parameters"] == 128 and row["multiply_adds"] == 128 + 16 * 16 * 32 and row["output"] == [16, 16, 32]
    # u, and z, h and s: a map and three vectors
    assert row["saved_bytes"] == 4 * (16 * 16 * 32 + 32 + 2 + 32)
    totals = result["totals"]
    assert totals["with_se_fc"] - totals["conv_and_fc"] == 2_016
    assert totals["with_scale"] - totals["with_se_fc"] == 3 * (1024 * 16 + 256 * 32 + 64 * 64)
    # a mean and a variance for each gamma and beta
    assert totals["running_statistics"] == sum(row["parameters"] for row in result["rows"] if row["type"] == "BatchNorm2d")


@pytest.mark.section_4
def test_saved_bytes_are_counted_once():
    """The ReLU's output is also saved by the next convolution; the first layer saves the image."""
    with minisenet.use_backend("numpy"):
        rows = {row["name"]: row for row in summary(models.create("resnet20"))["rows"]}
    assert rows["conv1"]["saved_bytes"] == 4 * 32 * 32 * 3
    assert rows["relu"]["saved_bytes"] == 4 * 32 * 32 * 16 and rows["stage1.0.conv1"]["saved_bytes"] == 0
    assert rows["stage1.0.add"]["saved_bytes"] == 4 * 32 * 32 * 16 and rows["stage1.1.conv1"]["saved_bytes"] == 0


@needs_kernels
@pytest.mark.section_4
def test_what_a_fused_block_saves():
    """Three full maps (a1, a2, y), the projection's if there is one, and a few numbers for each image and channel."""
    with minisenet.use_backend("fused"):
        result = summary(models.create("se_resnet20"))
    assert result["backend"] == "fused"
    rows = {row["name"]: row["saved_bytes"] for row in result["rows"] if row["saved_bytes"]}
    for name, maps, size in (("stage1.1", 3, 32 * 32 * 16), ("stage2.0", 4, 16 * 16 * 32), ("stage3.2", 3, 8 * 8 * 64)):
        block = {row: count / 4 for row, count in rows.items() if row.startswith(f"{name}.")}
        assert maps * size <= sum(block.values()) <= maps * size + 50 * 64
        large = {row.removeprefix(f"{name}.") for row, count in block.items() if count >= size}
        assert large == {"bn1", "bn2", "add"} | ({"shortcut.bn"} if maps == 4 else set())
    assert [rows["conv1"], rows["relu"]] == [4 * 32 * 32 * 3, 4 * 32 * 32 * 16]             # the image, and the stem's y
    assert result["totals"]["saved_bytes"] == sum(rows.values())


@pytest.mark.section_4
def test_summary_leaves_the_model_and_a_profiler_alone():
    model = models.create("se_resnet20", width=4, reduction=4)
    before, profiler = model.state_dict(), lambda *_: None
    sys.setprofile(profiler)
    try:
        summary(model)
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(None)
    assert all(np.array_equal(value, before[name]) for name, value in model.state_dict().items())
    assert all("forward" not in vars(layer) and layer._saved is None for _, layer in model.modules())


# ---- how it counts -----------------------------------------------------------------------------------------------------

@needs_kernels
@pytest.mark.parametrize("backend", ["numpy", "fused"])
def test_nothing_runs_but_what_costs_next_to_nothing(backend):
    """Hooks nest: this outer one gets the calls that the counting runs."""
    ran = []
    with minisenet.use_backend(backend), watching(lambda call: ran.append(call.name) or call()):
        summary(models.create("se_resnet20"))
    assert set(ran) <= {"merge_moments"}


@needs_kernels
def test_what_does_not_run_has_the_shapes_of_what_would():
    """And its multiply-adds. The two backends together call every function of the table."""
    seen = set()

    def compare(call):
        result = call()
        if call.name in UNRUN:
            unrun = UNRUN[call.name](*call.args, **call.options)
            assert isinstance(unrun, tuple) == isinstance(result, tuple)
            expected, found = ([(a.shape, a.dtype) for a in arrays_in(each)] for each in (result, unrun))
            assert found == expected, call.name
            assert multiply_adds(call.arguments, unrun) == multiply_adds(call.arguments, result)
            seen.add(call.name)
        return result

    model, x = models.create("se_resnet20", width=4, reduction=2), np.zeros((2, 12, 8, 3), np.float32)
    for backend in ("numpy", "fused"):
        with minisenet.use_backend(backend), watching(compare):
            model(x)
    assert seen == set(UNRUN)


class Own(Layer):
    """A layer of a user's own: weights, NumPy, a function of the package with other options, and a child."""

    def __init__(self):
        self.inner = Conv2d(3, 4, 3, stride=2, padding=1, groups=1, rng=np.random.default_rng(0))
        self.gain = Linear(4, 4, rng=np.random.default_rng(0)).weight

    def forward(self, x):
        y = self.inner(x)
        y, argmax = F.max_pool2d(y, 3, stride=1)
        self._saved = argmax[:, 1:], argmax[:, :2], self.gain.value         # two views of an array, and state
        return np.tanh(y @ self.gain.value)


class Heir(Own):
    """A subclass that calls its parent's forward."""

    def forward(self, x):
        return super().forward(x)[:, :, :1]


@pytest.mark.parametrize("kind", [Own, Heir])
def test_a_layer_of_your_own(kind):
    result = summary(Sequential(kind(), Squeeze(), Linear(4, 5, rng=np.random.default_rng(0))), image_size=(9, 7))
    rows = [(row["name"], row["type"], row["output"], row["parameters"], row["multiply_adds"]) for row in result["rows"]]
    assert rows == [("0.inner", "Conv2d", [5, 4, 4], 108, 5 * 4 * 108),
                    ("0", kind.__name__, [3, 2 if kind is Own else 1, 4], 16, 0),
                    ("1", "Squeeze", [4], 0, 0), ("2", "Linear", [5], 25, 20)]
    assert result["rows"][1]["saved_bytes"] == 8 * 3 * 2 * 4            # argmax in int64
    assert result["paper"] is None and result["totals"]["parameters"] == 108 + 16 + 25


class Scores(Layer):
    """It has a child and a cost of its own, and saves nothing: good for inference."""

    def __init__(self):
        self.flat = Flat()

    def forward(self, x):
        return F.linear(self.flat(x), np.ones((2, 48), np.float32))


class Flat(Layer):
    def forward(self, x):
        return x.reshape(len(x), -1)


def test_a_model_with_another_function_as_its_forward():
    model = Sequential(Flat(), Linear(48, 2, rng=np.random.default_rng(0)))
    model.forward = lambda x: F.relu(F.linear(x.reshape(1, -1), model.children()["1"].weight.value))
    rows = [(row["name"], row["output"], row["parameters"], row["multiply_adds"]) for row in summary(model, 4)["rows"]]
    assert rows == [("", [2], 98, 96)]


def test_layers_that_save_nothing():
    rows = [(row["name"], row["output"], row["multiply_adds"], row["saved_bytes"]) for row in summary(Scores(), 4)["rows"]]
    assert rows == [("flat", [48], 0, 0), ("", [2], 96, 0)]


def test_a_model_in_evaluation_is_counted_in_training_and_stays_as_it_is():
    model = models.create("se_resnet20", width=4, reduction=4)
    expected = summary(model)
    assert summary(model.eval()) == expected and not model.bn1.training


def test_a_layer_that_is_used_twice_costs_twice():
    """And has one row, with its parameters once."""
    conv = Conv2d(3, 3, 1, rng=np.random.default_rng(0))
    once, twice = (summary(Sequential(*layers), image_size=4) for layers in ([conv], [conv, conv]))
    assert twice["totals"]["conv_and_fc"] == 2 * once["totals"]["conv_and_fc"] == 2 * 16 * 9
    assert len(twice["rows"]) == len(once["rows"]) == 1


def test_a_model_of_your_own_needs_an_image_size():
    with pytest.raises(ValueError, match="image_size must be given for a Sequential, which has none of its own"):
        summary(Sequential(Own()))


def test_arrays_in_all_that_a_layer_may_save():
    class Slots:
        __slots__ = ("a", "unset")

    @dataclass
    class Data:
        a: np.ndarray
        more: dict = field(default_factory=dict)

    arrays = [np.full(1, i) for i in range(6)]
    slots, nested = Slots(), Data(arrays[1], {"key": (arrays[2], [arrays[3]])})
    slots.a = arrays[0]
    layer = Linear(2, 2, rng=np.random.default_rng(0))          # has arrays, which are not what it saved
    saved = slots, nested, "text", 3, None, F.relu, Slots, layer, [Data(arrays[4])], arrays[5]
    assert [int(a[0]) for a in arrays_in(saved)] == [0, 1, 2, 3, 4, 5]


# ---- the command -------------------------------------------------------------------------------------------------------

@pytest.mark.section_4
def test_summary_command(capsys):
    assert main(["summary", "se_resnet20", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["totals"]["parameters"] == 274_490
    assert main(["summary", "se_resnet20", "--width", "8", "--reduction", "4"]) == 0
    out = capsys.readouterr().out
    assert "stage3.2.se" in out and "specification" not in out
    assert main(["summary", "resnet110", "--shortcut", "A"]) == 0
    assert "specification: 1,727,962" in capsys.readouterr().out
