"""Whole networks, some with a student's layers: every backend computes the same as the NumPy bodies.

First come three changes to a block, as in the second week of a course; then a block that the package does not have; then
networks that Hypothesis draws.
"""
import hypothesis
import numpy as np
import pytest

import minisenet
from backends import CYTHON, FUSED, needs_kernels
from minisenet import models
from minisenet.backend import watching
from minisenet.blocks import BasicBlock, Bottleneck, SEBlock
from minisenet.layers import BatchNorm2d, Conv2d, Layer, ReLU, Sequential

from .comparing import IllPosed, check, compare, compare_float32, compare_with_differences, difference
from .drawn import topologies
from .language import Node, Topology
from .student_layers import MaxSE, Swish

on_every_backend = pytest.mark.parametrize("backend", [CYTHON, FUSED])
every_block = pytest.mark.parametrize("block, size", [
    pytest.param(BasicBlock, 16, id="BasicBlock"), pytest.param(BasicBlock, 20, id="BasicBlock, projected"),
    pytest.param(Bottleneck, 4, id="Bottleneck"), pytest.param(Bottleneck, 6, id="Bottleneck, projected")])


def step(make, backend, training=True):
    """dict: name -> result of a forward and a backward of the block, in float64 on one backend."""
    rng = np.random.default_rng(0)
    block = make(rng).astype(np.float64)
    for parameter in block.parameters().values():
        parameter.value = parameter.value + rng.uniform(-0.3, 0.3, parameter.value.shape)
    block.train() if training else block.eval()
    x = rng.standard_normal((2, 9, 8, 16))
    with minisenet.use_backend(backend):
        y = block(x)
        dx = block.backward(rng.standard_normal(y.shape))
    return dict(y=y, dx=dx) | {name: p.grad for name, p in block.parameters().items()} | block.state_dict()


def compare_with_numpy(make, backend):
    for training in (True, False):
        want, got = (step(make, name, training) for name in ("numpy", backend))
        assert got.keys() == want.keys()
        errors = {name: difference(got[name], want[name]) for name in want}
        worst = max(errors, key=errors.get)
        assert errors[worst] <= 1e-12, f"{worst}, {'training' if training else 'eval'}: off by {errors[worst]:.1e}"


# ---- three changes to a block

@pytest.mark.section_3_3
@every_block
@on_every_backend
def test_an_se_block_of_ones_own_is_called(backend, block, size):
    """A subclass of SEBlock with its own forward and backward: it squeezes by the maximum."""
    def make(rng):
        made = block(16, size, reduction=4, rng=rng)
        made.se = MaxSE(len(made.se.fc2.weight.value), reduction=4, rng=rng)
        return made

    compare_with_numpy(make, backend)


@pytest.mark.section_3_3
@every_block
@on_every_backend
@pytest.mark.parametrize("name", ["conv1", "conv2"])
def test_a_bias_in_a_blocks_convolution_counts(name, backend, block, size):
    """The bias and its gradient. The next batch norm subtracts the bias again in training mode, but not in eval mode."""
    def make(rng):
        made = block(16, size, reduction=4, rng=rng)
        out, in_, *kernel = getattr(made, name).weight.value.shape
        setattr(made, name, Conv2d(in_, out, tuple(kernel), **getattr(made, name).options, bias=True, rng=rng))
        return made

    compare_with_numpy(make, backend)
    assert np.abs(step(make, backend, training=False)[f"{name}.bias"]).max() > 0.1


@pytest.mark.section_3_3
@every_block
@on_every_backend
def test_another_activation_in_a_block_is_called(backend, block, size):
    """Swish in place of the block's first ReLU."""
    def make(rng):
        made = block(16, size, reduction=4, rng=rng)
        setattr(made, "relu" if block is BasicBlock else "relu1", Swish())
        return made

    compare_with_numpy(make, backend)


@pytest.mark.section_3_3
@needs_kernels
def test_a_networks_first_layer_may_be_ones_own():
    """A network asks its first layer for no input gradient, unless that layer's backward has no such option."""
    class Stem(Conv2d):
        def forward(self, x):
            return super().forward(2 * x)

        def backward(self, dy):
            return 2 * super().backward(dy)

    found = []
    for backend in ("numpy", "fused"):
        model, rng = models.create("se_resnet20", reduction=4), np.random.default_rng(0)
        model.conv1 = Stem(3, 16, 3, padding=1, rng=rng)
        model.astype(np.float64)
        with minisenet.use_backend(backend):
            logits = model(rng.standard_normal((2, 8, 8, 3)))
            model.backward(rng.standard_normal(logits.shape))
        found.append(dict(logits=logits) | {name: p.grad for name, p in model.parameters().items()})
    assert all(difference(found[1][name], want) <= 1e-11 for name, want in found[0].items())


# ---- a block that the package does not have

class PreActivationBottleneck(Layer):
    """y = F(x) + SE(x): batch norm and ReLU before each convolution, and SE on the identity path (section 6.4)."""

    def __init__(self, channels, width, *, reduction, rng):
        self.bn1, self.relu1, self.conv1 = BatchNorm2d(channels), ReLU(), Conv2d(channels, width, 1, rng=rng)
        self.bn2, self.relu2, self.conv2 = BatchNorm2d(width), ReLU(), Conv2d(width, width, 3, padding=1, rng=rng)
        self.bn3, self.relu3, self.conv3 = BatchNorm2d(width), ReLU(), Conv2d(width, channels, 1, rng=rng)
        self.se = SEBlock(channels, reduction=reduction, rng=rng)

    def forward(self, x):
        u = self.conv1(self.relu1(self.bn1(x)))
        u = self.conv2(self.relu2(self.bn2(u)))
        u = self.conv3(self.relu3(self.bn3(u)))
        return u + self.se(x)

    def backward(self, dy):
        du = self.bn3.backward(self.relu3.backward(self.conv3.backward(dy)))
        du = self.bn2.backward(self.relu2.backward(self.conv2.backward(du)))
        du = self.bn1.backward(self.relu1.backward(self.conv1.backward(du)))
        return du + self.se.backward(dy)


@pytest.mark.section_6
@on_every_backend
def test_a_new_block_is_right(backend):
    compare_with_numpy(lambda rng: PreActivationBottleneck(16, 20, reduction=4, rng=rng), backend)
    compare_with_numpy(lambda rng: Sequential(
        Conv2d(16, 32, 3, padding=1, rng=rng), PreActivationBottleneck(32, 16, reduction=4, rng=rng),
        PreActivationBottleneck(32, 20, reduction=8, rng=rng)), backend)


@needs_kernels
@pytest.mark.section_6
def test_a_new_block_runs_fused_kernels():
    """Each convolution includes the batch norm and ReLU before it, forward and backward: they have no separate passes."""
    block = PreActivationBottleneck(16, 20, reduction=4, rng=np.random.default_rng(0)).astype(np.float64)
    x, calls = np.random.default_rng(1).standard_normal((2, 9, 8, 16)), []

    def hook(call):
        calls.append((call.name, call.arguments))
        assert call.kind == "kernel"
        return call()

    def passes_over_maps():
        names = [name for name, given in calls if any(np.shape(value)[1:3] == (9, 8) for value in given.values())]
        given = [given for name, given in calls if name.startswith("conv2d")]
        calls.clear()
        return names, given

    with minisenet.use_backend("fused"), watching(hook):
        y = block(x)
        names, convolutions = passes_over_maps()
        assert names == ["image_moments", *["conv2d_normalised"] * 3, "squeeze", "scale"]
        assert [len(given["mean"]) for given in convolutions] == [16, 20, 20], "each applies a batch norm and a ReLU"
        block.backward(y)
        names, convolutions = passes_over_maps()
        assert names == [*["conv2d_normalised_backward"] * 3, "scale_backward", "affine_gradient_map"]
        assert [len(given["mean"]) for given in convolutions] == [20, 20, 16], "each applies a ReLU's backward and returns sums"
        assert [given["y"] is None for given in convolutions] == [True, False, False], "two apply a batch norm's backward"


# ---- drawn networks

def run(compare, profile, **options):
    """Compare as many topologies as the profile sets. Returns the set of their graph shapes, and the ill-posed ones."""
    shapes, ill_posed = set(), []

    @hypothesis.given(topology=topologies())
    @hypothesis.settings(hypothesis.settings.get_profile(profile), **options)
    def each(topology):
        try:
            compare(topology)
            shapes.add(topology.graph_shape())
        except IllPosed:
            ill_posed.append(topology)

    each()
    print(f"{len(shapes)} graph shapes; {len(ill_posed)} topologies on a kink or ill-conditioned")
    return shapes, ill_posed


@needs_kernels
def test_backends_agree_and_gradients_are_right():
    shapes, ill_posed = run(check, "topologies")
    most = hypothesis.settings.get_profile("topologies").max_examples
    assert len(shapes) > most / 3 and len(ill_posed) < most / 20
    assert {"Join", "ChannelShuffle", "Dropout", "Shake", "EqualShake"} <= {kind for shape in shapes for kind, *_ in shape}


@needs_kernels
@pytest.mark.slow
def test_backends_agree_on_thousands():
    shapes, _ = run(check, "many topologies")
    assert len(shapes) > 1500


def test_differences_accept_a_strong_curvature_and_reject_a_wrong_gradient():
    """A batch norm of tiny values bends so much that a step of 1e-6 is off by more than the tolerance."""
    bent = Topology((2, 3, 4, 1), [
        Node("Conv", 0, out=1, kernel=1), Node("ReLU", 1), Node("Conv", 2, out=1, kernel=1), Node("Conv", 3, out=1, kernel=1),
        Node("Basic", 2, out=1, reduction=None), Node("Sum", 4, 5)], seed=7)
    wanted = compare(bent, backends=())
    assert compare_with_differences(bent, wanted)
    with pytest.raises(AssertionError, match="the gradient of x is off by"):
        compare_with_differences(bent, wanted | dict(dx=wanted["dx"] * (1 + 1e-4)))
    with pytest.raises(AssertionError, match="the gradient of conv1.weight, .* is off by"):
        compare_with_differences(bent, wanted, steps=(1e-6,))


@needs_kernels
def test_float32():
    run(compare_float32, "minisenet", max_examples=100)


FAULTS = {      # a kernel, and an error in its result on the fused backend
    "affine_add": lambda y: y * (1 + 1e-9),
    "gradient_sums": lambda found: (found[0], found[1], found[2] + 1e-9),
}


PHASES = hypothesis.Phase.generate, hypothesis.Phase.shrink


@needs_kernels
@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found_and_printed_as_code(name):
    """An error of 1e-9 shrinks to a few nodes. The printed code fails on its own, but only with the fault."""
    def hook(call):
        result = call()
        return FAULTS[name](result) if call.name == name and minisenet.get_backend() == "fused" else result

    with watching(hook):
        with pytest.raises(AssertionError) as caught:
            run(check, "topologies", report_multiple_bugs=False, derandomize=True, database=None, phases=PHASES)
        code = str(caught.value)[str(caught.value).index("from topologies import *"):]
        with pytest.raises(AssertionError, match="differs by"):
            exec(code, {})
    exec(code, {})
    assert code.count("Node(") < 6, code
