"""The SE block and the residual blocks: gradients by complex step and central differences, state, and bad arguments."""
import numpy as np
import pytest

import minisenet
import minisenet.functional as F
from backends import needs_kernels
from minisenet.blocks import (SE as Variant, BasicBlock, Bottleneck, PaddedIdentity, Projection, SEBlock, ShakeBottleneck,
                              ShiftedProjection, pre_activation_basic, pre_activation_bottleneck, shake_basic)
from minisenet.layers import Shake
from minisenet.models.inception import Branches, ResidualModule
from minisenet.models.mobile import ShuffleUnit, separable
from minisenet.summary import arrays_in

SE = {f"r={r}{', bias' * bias}": (lambda rng, r=r, bias=bias: SEBlock(6, reduction=r, bias=bias, rng=rng))
      for r in (1, 2, 4) for bias in (False, True)}
RESIDUAL = {
    f"{block.__name__}, {shape}, stride {stride}, {shortcut}, {'r=2' if reduction else 'plain'}":
        (lambda rng, block=block, size=size, stride=stride, shortcut=shortcut, reduction=reduction:
         block(6, size, stride=stride, shortcut=shortcut, reduction=reduction, se_bias=True, rng=rng))
    for block, size, shape in ((BasicBlock, 6, "6 to 6"), (BasicBlock, 8, "6 to 8"), (Bottleneck, 2, "6 to 8"))
    for stride, shortcut, reduction in (
        (1, "A", 2), (1, "B", None), (2, "A", 2), (2, "A", None), (2, "B", 2), (2, "B", None))}
VARIANTS = {
    **{f"SE {options}": (lambda rng, options=options: SEBlock(6, reduction=2, bias=True, rng=rng, **options))
       for options in (dict(squeeze="max"), dict(squeeze="none"), dict(gate="tanh"), dict(gate="relu"),
                       dict(squeeze="none", gate="tanh"))},
    **{f"place {place}, stride {stride}": (lambda rng, place=place, stride=stride: Bottleneck(
        6, 2, stride=stride, reduction=2, place=place, rng=rng))
       for place in ("pre", "post", "identity", "3x3") for stride in (1, 2)},
    "place pre, basic": lambda rng: BasicBlock(6, 6, reduction=2, place="pre", se_bias=True, rng=rng),
    "ResNeXt": lambda rng: Bottleneck(6, 4, expansion=2, groups=2, stride=2, stride_on="3x3", reduction=2, rng=rng),
    "SENet-154": lambda rng: Bottleneck(6, 8, expansion=1, first=4, groups=4, stride=2, stride_on="3x3", projection=3,
                                        reduction=2, rng=rng),
    "pre-activation": lambda rng: pre_activation_basic(6, 6, reduction=2, rng=rng),
    "pre-activation, projection": lambda rng: pre_activation_bottleneck(6, 2, stride=2, reduction=2, rng=rng),
    "shifted projection": lambda rng: ShiftedProjection(6, 5, stride=2, rng=rng),
}
MIXED = {       # in evaluation mode both branches have weight 1/2, and the backward is the gradient
    "Shake-Shake": lambda rng: shake_basic(6, 6, reduction=2, rng=rng),
    "Shake-Shake, projection": lambda rng: shake_basic(6, 8, stride=2, reduction=2, rng=rng),
    "Shake-Even": lambda rng: ShakeBottleneck(6, 8, groups=4, stride=2, even=True, reduction=2, rng=rng),
}

_SE, _PLAIN = dict(reduction=2, se_bias=True), dict(reduction=None)
# The modules of the other families. ShuffleNet's are in evaluation mode: in training the gradient of bn2.bias is 0 but for
# rounding, because there is no ReLU between it and bn3.
UNITS = {
    "Inception": lambda rng: Branches(6, (((1, 3),), ((1, 2), ((1, 3), 2)), ("avg inside", (1, 2)), ("max",)), 1.0, rng=rng),
    "Inception, stride 2": lambda rng: Branches(6, (((3, 2, 2, "valid"),), ("max/2 valid",)), 1.0, rng=rng),
    "Inception-ResNet": lambda rng: ResidualModule(6, (((1, 2),), ((1, 2), (3, 3))), 0.2, 1.0, _SE, rng=rng),
    "MobileNet": lambda rng: separable(6, 4, 2, _SE, rng),
    "ShuffleNet": lambda rng: ShuffleUnit(6, 6, stride=1, groups=1, first_groups=1, options=_PLAIN, rng=rng),
    "ShuffleNet, stride 2": lambda rng: ShuffleUnit(6, 24, stride=2, groups=3, first_groups=3, options=_SE, rng=rng),
}


def prepared(make, training):
    """A block in float64 without parameters at 0 or 1, an input, a random upstream gradient, and its gradients."""
    rng = np.random.default_rng(10)
    block = make(rng).astype(np.float64)
    block.load_state_dict({name: value + rng.uniform(0.1, 0.4, value.shape) for name, value in block.state_dict().items()})
    block.train() if training else block.eval()
    x = rng.standard_normal((3, 5, 4, 6))
    dy = rng.standard_normal(block(x).shape)
    dx = block.backward(dy)
    return block, x, dy, {"x": dx} | {name: p.grad for name, p in block.parameters().items()}, rng


def moved(block, x, name, step):
    """The block's output with one array moved by `step`."""
    state = block.state_dict()
    if name == "x":
        return block(x + step)
    parameter = block.parameters()[name]
    parameter.value = parameter.value + step
    try:
        return block(x)
    finally:
        block.load_state_dict(state)


CASES = [pytest.param(make, True, id=name, marks=pytest.mark.section_3_2) for name, make in SE.items()] + [
    pytest.param(make, training, id=f"{name}, {'train' if training else 'eval'}", marks=pytest.mark.section_3_3)
    for name, make in RESIDUAL.items() for training in (True, False)] + [
    pytest.param(make, True, id=name, marks=pytest.mark.section_6) for name, make in VARIANTS.items()] + [
    pytest.param(make, False, id=name, marks=pytest.mark.section_5) for name, make in MIXED.items()] + [
    pytest.param(make, "Shuffle" not in name, id=name, marks=pytest.mark.section_5) for name, make in UNITS.items()]


@pytest.mark.parametrize("make, training", CASES)
def test_gradients_by_complex_step(make, training):
    """Im f(x + i h d) / h has no cancellation: with h = 1e-30 the derivative is exact to the last digits."""
    with minisenet.use_backend("numpy"):
        block, x, dy, gradients, rng = prepared(make, training)
        block.astype(np.complex128)
        for name, gradient in gradients.items():
            direction = rng.standard_normal(gradient.shape)
            found = (dy * moved(block, x.astype(complex), name, 1e-30j * direction)).sum().imag / 1e-30
            wanted = (gradient * direction).sum()
            assert abs(found - wanted) <= 1e-12 * np.abs(gradient * direction).sum(), name


@pytest.mark.parametrize("make, training", CASES)
def test_gradients_by_central_differences(make, training):
    """On the backend in use, with kernels if there are any."""
    block, x, dy, gradients, rng = prepared(make, training)
    for name, gradient in gradients.items():
        direction, h = rng.standard_normal(gradient.shape), 1e-6
        up, down = ((dy * moved(block, x, name, step * direction)).sum() for step in (h, -h))
        wanted = (gradient * direction).sum()
        assert abs((up - down) / (2 * h) - wanted) <= 1e-6 * np.abs(gradient * direction).sum(), name


# ---- the SE block

@pytest.mark.section_3_2
def test_se_block_is_the_composition_of_equations_2_to_4():
    rng = np.random.default_rng(0)
    se, u = SEBlock(6, reduction=2, rng=rng).astype(np.float64), rng.standard_normal((3, 5, 4, 6))
    w1, w2 = se.fc1.weight.value, se.fc2.weight.value
    s = 1 / (1 + np.exp(-np.maximum(u.mean(axis=(1, 2)) @ w1.T, 0) @ w2.T))
    assert np.allclose(se(u), u * s[:, None, None, :], rtol=1e-13, atol=0)
    assert np.allclose(se.s, s, rtol=1e-13, atol=0) and se.h.shape == (3, 3) and (se.h >= 0).all()


@pytest.mark.section_3_2
@pytest.mark.parametrize("bias, names", [(False, ["fc1.weight", "fc2.weight"]),
                                         (True, ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"])])
@pytest.mark.parametrize("channels, reduction, hidden", [(16, 16, 1), (64, 16, 4), (7, 3, 2), (5, 1, 5)])
def test_se_block_shapes_and_counts(bias, names, channels, reduction, hidden):
    se = SEBlock(channels, reduction=reduction, bias=bias, rng=np.random.default_rng(0))
    assert list(se.parameters()) == names == list(se.state_dict())
    assert se.fc1.weight.value.shape == (hidden, channels) and se.fc2.weight.value.shape == (channels, hidden)
    total = sum(p.value.size for p in se.parameters().values())
    assert total == 2 * channels * hidden + (channels + hidden) * bias


@pytest.mark.section_6
@pytest.mark.parametrize("channels, reduction, message", [
    (8, 9, "reduction must be at most 8, the number of channels, got 9"),
    (1, 16, "reduction must be at most 1, the number of channels, got 16"),
    (8, 0, "reduction must be at least 1, got 0"), (8, -1, "reduction must be at least 1, got -1")])
def test_reduction_out_of_range(channels, reduction, message):
    with pytest.raises(ValueError, match=message):
        SEBlock(channels, reduction=reduction, rng=np.random.default_rng(0))


@pytest.mark.section_3_2
@pytest.mark.parametrize("make, name", [(lambda rng: SEBlock(6, reduction=2, rng=rng), "u"),
                                        (lambda rng: PaddedIdentity(6, 8, stride=2), "x"),
                                        (lambda rng: Projection(6, 8, stride=2, rng=rng), "x"),
                                        (lambda rng: BasicBlock(6, 8, stride=2, shortcut="A", reduction=2, rng=rng), "x"),
                                        (lambda rng: Bottleneck(6, 2, reduction=2, rng=rng), "x")])
@pytest.mark.parametrize("value, got", [(None, "None: it is required"), ([1.0], "list: use np.asarray"), ("text", "str"),
                                        (3, "int")])
def test_what_is_not_an_array_is_named(make, name, value, got):
    block, x = make(np.random.default_rng(0)), np.ones((2, 4, 5, 6), np.float32)
    with pytest.raises(TypeError, match=rf"^{name} must be a NumPy array \(N, H, W, C\), got {got}"):
        block(value)
    block(x)
    with pytest.raises(TypeError, match=rf"^dy must be a NumPy array \(N, H, W, C\), got {got}"):
        block.backward(value)


@pytest.mark.section_3_3
def test_what_shortcut_a_refuses():
    layer = PaddedIdentity(3, 5, stride=2)
    with pytest.raises(ValueError, match=r"x must have shape \(any, any, any, 3\), got \(2, 5, 4, 4\)"):
        layer(np.ones((2, 5, 4, 4)))
    layer(np.ones((2, 5, 4, 3)))
    with pytest.raises(ValueError, match=r"dy must have shape \(2, 3, 2, 5\), got \(2, 3, 2, 3\)"):
        layer.backward(np.ones((2, 3, 2, 3)))
    with pytest.raises(ValueError, match="out_channels must be at least in_channels 5 for shortcut A, got 3: use shortcut B"):
        PaddedIdentity(5, 3, stride=1)


@pytest.mark.section_3_2
def test_a_dead_hidden_unit_halves_the_maps_and_gives_no_gradient():
    """With r = 16 on 16 channels there is one hidden unit. If it is dead every gate is 1/2, and SE learns nothing."""
    se = SEBlock(16, reduction=16, rng=np.random.default_rng(0)).astype(np.float64)
    se.fc1.weight.value[:] = -1
    u = np.random.default_rng(1).uniform(0.5, 1, (2, 3, 4, 16))
    assert np.array_equal(se(u), u / 2)
    assert np.array_equal(se.backward(u), u / 2)
    assert not se.fc1.weight.grad.any() and not se.fc2.weight.grad.any()


# ---- the residual blocks

@pytest.mark.section_3_3
def test_names_of_a_basic_block():
    block = BasicBlock(4, 8, stride=2, reduction=4, rng=np.random.default_rng(0))
    assert set(block.parameters()) == {
        "conv1.weight", "bn1.weight", "bn1.bias", "conv2.weight", "bn2.weight", "bn2.bias", "se.fc1.weight", "se.fc2.weight",
        "shortcut.conv.weight", "shortcut.bn.weight", "shortcut.bn.bias"}


@pytest.mark.section_3_3
def test_the_shortcut_is_the_identity_unless_the_shape_changes():
    rng = np.random.default_rng(0)
    for shortcut, kind in (("A", PaddedIdentity), ("B", Projection)):
        assert BasicBlock(8, 8, shortcut=shortcut, reduction=4, rng=rng).shortcut is None
        assert type(BasicBlock(8, 8, stride=2, shortcut=shortcut, reduction=4, rng=rng).shortcut) is kind
        assert type(BasicBlock(4, 8, shortcut=shortcut, reduction=4, rng=rng).shortcut) is kind
        assert Bottleneck(8, 2, shortcut=shortcut, reduction=4, rng=rng).shortcut is None


@pytest.mark.section_3_3
def test_shortcut_a_pads_new_channels_with_zeros():
    x = np.arange(2 * 5 * 4 * 3.0).reshape(2, 5, 4, 3)
    layer = PaddedIdentity(3, 5, stride=2)
    y = layer(x)
    assert y.shape == (2, 3, 2, 5)
    assert np.array_equal(y[..., :3], x[:, ::2, ::2]) and not y[..., 3:].any()
    dx = layer.backward(np.ones_like(y))
    assert dx.sum() == y[..., :3].size and np.array_equal(dx[:, ::2, ::2], np.ones((2, 3, 2, 3)))


@pytest.mark.section_3_3
@pytest.mark.parametrize("block, size", [(BasicBlock, 8), (Bottleneck, 2)])
def test_the_first_convolution_has_the_stride(block, size):
    layer = block(6, size, stride=2, reduction=2, rng=np.random.default_rng(0))
    strides = [getattr(layer, name).options["stride"] for name in ("conv1", "conv2", "conv3") if hasattr(layer, name)]
    assert strides == [2] + [1] * (len(strides) - 1) and layer.shortcut.conv.options["stride"] == 2


@pytest.mark.section_3_3
@pytest.mark.parametrize("make", RESIDUAL.values(), ids=RESIDUAL)
def test_backward_twice_is_an_error_and_gradients_are_overwritten(make):
    rng = np.random.default_rng(0)
    block, x = make(rng).eval(), rng.standard_normal((2, 5, 4, 6), np.float32)
    dy = rng.standard_normal(block(x).shape, np.float32)
    x.setflags(write=False), dy.setflags(write=False)
    block.backward(dy)
    first = {name: p.grad.copy() for name, p in block.parameters().items()}
    with pytest.raises(RuntimeError, match="backward must follow a forward"):
        block.backward(dy)
    block(x)
    block.backward(dy)
    assert all(np.array_equal(p.grad, first[name]) for name, p in block.parameters().items())


@needs_kernels
@pytest.mark.section_3_3
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("make", RESIDUAL.values(), ids=RESIDUAL)
def test_a_fused_block_is_the_composition(make, training):
    """In float64 to 1e-12: the output, every gradient, and the running statistics."""
    results = []
    for backend in ("numpy", "fused"):
        rng = np.random.default_rng(3)
        block, x = make(rng).astype(np.float64)._set_training(training), rng.standard_normal((3, 9, 8, 6))
        with minisenet.use_backend(backend):
            y = block(x)
            dx = block.backward(rng.standard_normal(y.shape))
        results.append(dict(y=y, dx=dx) | {key: p.grad for key, p in block.parameters().items()} | block.state_dict())
    for key, want in results[0].items():
        assert np.max(np.abs(results[1][key] - want)) <= 1e-12 * max(1, np.max(np.abs(want))), key


@needs_kernels
@pytest.mark.section_3_3
@pytest.mark.parametrize("make, maps", [(lambda rng: BasicBlock(8, 8, reduction=4, rng=rng), 3),
                                        (lambda rng: BasicBlock(8, 16, stride=2, reduction=4, rng=rng), 4),
                                        (lambda rng: BasicBlock(8, 8, reduction=None, rng=rng), 3)],
                         ids=["identity", "projection", "plain"])
def test_a_fused_basic_block_saves_three_full_maps_and_the_projections(make, maps):
    """a1, a2 and y. The block before saved x, and the rest is a few numbers for each image and channel."""
    block = make(np.random.default_rng(0))
    x = np.random.default_rng(1).standard_normal((2, 8, 8, 8), np.float32)
    with minisenet.use_backend("fused"):
        y = block(x)
    saved = {id(array): array for array in arrays_in([layer._saved for _, layer in block.modules()])}
    full = [array for array in saved.values() if array.ndim == 4 and array is not x]
    assert len(full) == maps and all(array.shape == y.shape for array in full)
    assert sum(array.size for array in saved.values() if array.ndim < 4) < y.size


@pytest.mark.section_3_3
def test_an_unknown_shortcut():
    with pytest.raises(ValueError, match="shortcut must be 'A' .* or 'B' .*, got 'C'"):
        BasicBlock(4, 4, shortcut="C", reduction=2, rng=np.random.default_rng(0))


# ---- the variants of section 6, and Shake-Shake

@pytest.mark.section_6
def test_each_place_is_where_it_says():
    """With all gates at 1/2, because W2 is 0, a block's output shows what the SE block multiplies."""
    x = np.random.default_rng(1).standard_normal((2, 5, 4, 8))
    outputs = {}
    for place in (None, "standard", "pre", "post", "identity", "3x3"):
        rng = np.random.default_rng(2)
        block = Bottleneck(8, 2, reduction=2 if place else None, place=place or "standard", rng=rng).astype(np.float64)
        rng = np.random.default_rng(3)
        for name, parameter in block.parameters().items():
            parameter.value = rng.standard_normal(parameter.value.shape) if ".se" not in f".{name}" else parameter.value
        if place:
            block.se.fc2.weight.value[...] = 0
        outputs[place] = block(x), block
    plain, block = outputs[None]
    u = block.residual(x)
    half = lambda layers, x: [x := layer(x) for layer in layers][-1]                                            # noqa: E731
    inside = half((block.conv1, block.bn1, block.relu1, block.conv2, block.bn2, block.relu2), x) / 2
    wanted = {"standard": u / 2 + x, "identity": u + x / 2, "pre": block.residual(x / 2) + x,
              "3x3": block.bn3(block.conv3(inside)) + x}
    for place, before_relu in wanted.items():
        assert np.allclose(outputs[place][0], np.maximum(before_relu, 0), rtol=1e-12, atol=1e-12), place
    assert np.allclose(outputs["post"][0], plain / 2, rtol=1e-12, atol=0)


@pytest.mark.section_6
def test_the_squeeze_and_the_gate():
    rng = np.random.default_rng(0)
    u = rng.standard_normal((3, 5, 4, 6))
    for squeeze, z in (("max", u.max(axis=(1, 2))), ("none", u)):
        for gate, function in (("tanh", np.tanh), ("relu", lambda a: np.maximum(a, 0))):
            se = SEBlock(6, reduction=2, squeeze=squeeze, gate=gate, rng=rng).astype(np.float64)
            s = function(np.maximum(z @ se.fc1.weight.value.T, 0) @ se.fc2.weight.value.T)
            assert np.allclose(se(u), u * (s if squeeze == "none" else s[:, None, None]), rtol=1e-12, atol=1e-14)
            assert np.allclose(se.s, s, rtol=1e-12, atol=1e-14)


@pytest.mark.section_5
@pytest.mark.parametrize("even", [False, True])
def test_shake_draws_forward_and_backward_apart(even):
    """y = alpha u1 + (1 - alpha) u2 and du1 = beta dy, with one weight for each image, anew in each step."""
    shake = Shake(even=even, rng=np.random.default_rng(0))
    n = 500
    ones, zeros = np.ones((n, 2, 3, 4)), np.zeros((n, 2, 3, 4))
    alphas = []
    for _ in range(2):
        y = shake(ones, zeros)
        alpha = y[:, 0, 0, 0]
        assert (y == alpha[:, None, None, None]).all() and 0.45 < alpha.mean() < 0.55 and alpha.std() > 0.25
        du1, du2 = shake.backward(ones)
        beta = du1[:, 0, 0, 0]
        assert np.allclose(du1 + du2, 1) and ((beta == 0.5).all() if even else abs(np.corrcoef(alpha, beta)[0, 1]) < 0.15)
        alphas.append(alpha)
    assert abs(np.corrcoef(*alphas)[0, 1]) < 0.15
    again = Shake(even=even, rng=np.random.default_rng(0))
    assert np.array_equal(again(ones, zeros)[:, 0, 0, 0], alphas[0])
    shake.eval()
    assert (shake(ones, zeros) == 0.5).all() and (shake.backward(ones)[0] == 0.5).all() and shake.step == 2


@pytest.mark.section_6
@pytest.mark.parametrize("make, message", [
    (lambda rng: SEBlock(8, reduction=2, squeeze="median", rng=rng), "squeeze must be one of avg, max, none, got 'median'"),
    (lambda rng: SEBlock(8, reduction=2, gate="softmax", rng=rng), "gate must be one of sigmoid, tanh, relu, got 'softmax'"),
    (lambda rng: Variant(place="before"), "place must be one of standard, pre, post, identity, 3x3, got 'before'"),
    (lambda rng: BasicBlock(8, 8, reduction=2, place="3x3", rng=rng),
     "place must be one of standard, pre, post, identity in BasicBlock, got '3x3'"),
    (lambda rng: ShakeBottleneck(8, 8, groups=2, reduction=2, place="3x3", rng=rng),
     "place must be .* in ShakeBottleneck, got '3x3'"),
    (lambda rng: pre_activation_basic(8, 8, reduction=2, place="post", rng=rng),
     "place must be 'standard' in a pre-activation block, got 'post'"),
    (lambda rng: Bottleneck(8, 2, stride_on="5x5", reduction=2, rng=rng), "stride_on must be '1x1' or '3x3', got '5x5'")])
def test_errors_of_variants(make, message):
    with pytest.raises(ValueError, match=message):
        make(np.random.default_rng(0))
