"""Layers: their state, their names and their errors. Their mathematics is tested with the functions."""
import numpy as np
import pytest

import minisenet
import minisenet.functional as F
from backends import BACKENDS
from minisenet.layers import (AvgPool2d, BatchNorm2d, ChannelShuffle, Concat, Conv2d, Dropout, Flatten, Layer, Linear, MaxPool2d,
                              Parameter, ReLU, Sequential, Squeeze, he_normal)

LAYERS = {      # name -> (layer, shape of x)
    "Conv2d": (lambda rng: Conv2d(3, 4, (3, 2), stride=2, padding=1, bias=True, rng=rng), (2, 5, 6, 3)),
    "Conv2d without bias": (lambda rng: Conv2d(4, 6, 3, groups=2, rng=rng), (2, 5, 6, 4)),
    "BatchNorm2d": (lambda rng: BatchNorm2d(3), (2, 5, 6, 3)),
    "ReLU": (lambda rng: ReLU(), (2, 5, 6, 3)),
    "Linear": (lambda rng: Linear(5, 3, rng=rng), (4, 5)),
    "Linear without bias": (lambda rng: Linear(5, 3, bias=False, rng=rng), (4, 5)),
    "Squeeze": (lambda rng: Squeeze(), (2, 5, 6, 3)),
    "MaxPool2d": (lambda rng: MaxPool2d(3, stride=2, padding=1), (2, 5, 6, 3)),
    "AvgPool2d": (lambda rng: AvgPool2d(2, count_include_pad=False, padding=1), (2, 5, 6, 3)),
    "ChannelShuffle": (lambda rng: ChannelShuffle(2), (2, 5, 6, 8)),
    "Flatten": (lambda rng: Flatten(), (2, 5, 6, 3)),
    "Sequential": (lambda rng: Sequential(Conv2d(3, 4, 1, rng=rng), BatchNorm2d(4), ReLU(), Squeeze()), (2, 5, 6, 3)),
}


@pytest.fixture(params=LAYERS)
def layer_and_x(request):
    rng = np.random.default_rng(0)
    make, shape = LAYERS[request.param]
    return make(rng).astype(np.float64), rng.standard_normal(shape)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_gradients_by_central_differences(layer_and_x, training):
    """Each layer passes the right saved arrays to the right backward, in both modes."""
    layer, x = layer_and_x
    layer.train() if training else layer.eval()
    rng, h = np.random.default_rng(1), 1e-6
    y = layer(x)
    dy = rng.standard_normal(y.shape)
    dx = layer.backward(dy)
    assert dx.shape == x.shape

    def slope(move):
        """The derivative of sum(dy y) along a direction; `move(h)` moves the array by h along it."""
        move(h)
        up = (dy * layer(x)).sum()
        move(-2 * h)
        down = (dy * layer(x)).sum()
        move(h)
        return (up - down) / (2 * h)

    arrays = [(x, dx)] + [(p.value, p.grad) for p in layer.parameters().values()]
    for value, gradient in arrays:
        direction = rng.standard_normal(value.shape)
        found = slope(lambda t: value.__iadd__(t * direction))
        assert found == pytest.approx((gradient * direction).sum(), rel=1e-6, abs=1e-8)


def test_backward_uses_up_what_forward_saved(layer_and_x):
    layer, x = layer_and_x
    with pytest.raises(RuntimeError, match="backward must follow a forward"):
        layer.backward(x)
    dy = np.ones_like(layer(x))
    layer.backward(dy)
    with pytest.raises(RuntimeError, match="backward must follow a forward, one for each backward: call forward first"):
        layer.backward(dy)


def test_inference_mode_saves_nothing(layer_and_x):
    layer, x = layer_and_x
    layer.eval()
    y = layer(x)
    with minisenet.inference_mode():
        assert np.array_equal(layer(x), y)
    assert all(each._saved is None for _, each in layer.modules())
    with pytest.raises(RuntimeError, match="backward must follow a forward"):
        layer.backward(y)


def test_gradients_are_overwritten_not_accumulated(layer_and_x):
    layer, x = layer_and_x
    layer.eval()
    dy = np.random.default_rng(2).standard_normal(layer(x).shape)
    layer.backward(dy)
    first = {name: p.grad.copy() for name, p in layer.parameters().items()}
    layer(x)
    layer.backward(dy)
    for name, p in layer.parameters().items():
        assert np.array_equal(p.grad, first[name]) and p.grad.shape == p.value.shape and p.grad.any()


def test_inputs_are_not_mutated(layer_and_x):
    layer, x = layer_and_x
    x.setflags(write=False)
    dy = np.ones_like(layer(x))
    dy.setflags(write=False)
    layer.backward(dy)


def test_a_read_only_upstream_gradient_of_a_wide_convolution():
    """16 channels and 8x8 positions use Winograd, also without an input gradient."""
    layer = Conv2d(16, 16, 3, padding=1, rng=np.random.default_rng(0))
    dy = np.ones_like(layer(np.ones((2, 8, 8, 16), np.float32)))
    dy.setflags(write=False)
    assert layer.backward(dy, input_gradient=False) is None and layer.weight.grad.any()


def test_the_next_forward_uses_a_parameter_edited_in_place():
    layer = Conv2d(3, 4, 3, rng=np.random.default_rng(0))
    x = np.random.default_rng(1).standard_normal((2, 5, 6, 3), np.float32)
    y = layer(x)
    layer.weight.value[0] *= 2
    after = layer(x)
    assert np.array_equal(after[..., 0], 2 * y[..., 0]) and np.array_equal(after[..., 1:], y[..., 1:])
    layer.weight.value[:] = 0
    assert not layer(x).any()


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_is_kept(name, dtype):
    make, shape = LAYERS[name]
    layer = make(np.random.default_rng(0)).astype(dtype)
    y = layer(np.random.default_rng(1).standard_normal(shape).astype(dtype))
    assert y.dtype == dtype and layer.backward(y).dtype == dtype
    assert all(value.dtype == dtype for value in layer.state_dict().values())
    assert all(p.grad.dtype == dtype for p in layer.parameters().values())


def test_a_first_layer_needs_no_input_gradient():
    layer = Conv2d(3, 4, 3, rng=np.random.default_rng(0)).astype(np.float64)
    x = np.random.default_rng(1).standard_normal((2, 5, 6, 3))
    dy = np.random.default_rng(2).standard_normal(layer(x).shape)
    layer.backward(dy)
    whole = layer.weight.grad
    layer(x)
    assert layer.backward(dy, input_gradient=False) is None
    assert np.array_equal(layer.weight.grad, whole)


# ---- batch norm's state

def test_running_statistics():
    """The weight of the new batch is 0.1, and the running variance uses the unbiased variance."""
    layer, x = BatchNorm2d(3).astype(np.float64), np.random.default_rng(0).normal(2, 3, (2, 4, 5, 3))
    layer(x)
    assert np.allclose(layer.running_mean, 0.1 * x.mean(axis=(0, 1, 2)), rtol=1e-14)
    assert np.allclose(layer.running_var, 0.9 + 0.1 * x.var(axis=(0, 1, 2), ddof=1), rtol=1e-14)
    before = layer.state_dict()
    layer.eval()(x)
    assert all(np.array_equal(value, before[name]) for name, value in layer.state_dict().items())


def test_a_forward_does_not_write_into_the_old_running_statistics():
    """Code that holds the old array, such as a checkpoint being written, keeps its values."""
    layer = BatchNorm2d(2)
    held = layer.running_mean
    layer(np.ones((2, 3, 3, 2), np.float32))
    assert not held.any() and layer.running_mean.any()


def test_train_and_eval_reach_every_layer():
    layer = Sequential(Sequential(BatchNorm2d(2)), ReLU())
    assert layer.eval() is layer and not any(child.training for _, child in layer.modules())
    assert layer.train() is layer and all(child.training for _, child in layer.modules())


# ---- names and state

def nested():
    rng = np.random.default_rng(0)
    return Sequential(Conv2d(3, 4, 1, rng=rng), BatchNorm2d(4), Sequential(Squeeze(), Linear(4, 2, rng=rng)))


def test_names():
    layer = nested()
    assert list(layer.parameters()) == ["0.weight", "1.weight", "1.bias", "2.1.weight", "2.1.bias"]
    assert set(layer.state_dict()) == {*layer.parameters(), "1.running_mean", "1.running_var"}
    assert [name for name, _ in layer.modules()] == ["", "0", "1", "2", "2.0", "2.1"]


def test_weight_decay_is_for_weights():
    assert {name: p.decay for name, p in nested().parameters().items()} == {
        "0.weight": True, "1.weight": False, "1.bias": False, "2.1.weight": True, "2.1.bias": False}


def test_state_dict_is_a_copy_and_goes_back_in():
    layer, other = nested(), nested()
    state = layer.state_dict()
    for value in state.values():
        value += 1
    assert not any(np.array_equal(value, state[name]) for name, value in layer.state_dict().items())
    other.load_state_dict(state)
    assert all(np.array_equal(value, state[name]) for name, value in other.state_dict().items())
    state["0.weight"][:] = 0
    assert other.state_dict()["0.weight"].any(), "a loaded array is a copy"


def test_loading_keeps_the_layers_dtype_and_ignores_num_batches_tracked():
    layer = nested()
    state = {name: value.astype(np.float64)[...] for name, value in layer.state_dict().items()}
    layer.load_state_dict(state | {"1.num_batches_tracked": np.array(7)})
    assert all(value.dtype == np.float32 for value in layer.state_dict().values())


@pytest.mark.parametrize("spoil, message", [
    (lambda state: state.pop("1.bias"), "state must have this model's names, got one that lacks 1.bias: build"),
    (lambda state: state.update(extra=np.zeros(1)),
     "state must have this model's names, got one that has the unknown extra: build"),
    (lambda state: state.update(extra=state.pop("1.bias")), "got one that lacks 1.bias and has the unknown extra: build"),
    (lambda state: state.clear(), r"got one that lacks 0.weight, 1.weight, 1.bias and 4 more"),
    (lambda state: state.update({"2.1.weight": np.zeros((4, 2))}),
     r"2.1.weight must have shape \(2, 4\), got \(4, 2\): build the model"),
    (lambda state: state.update({"1.running_var": np.zeros(5)}), r"1.running_var must have shape \(4,\), got \(5,\)"),
])
def test_a_state_that_does_not_fit_changes_nothing(spoil, message):
    layer = nested()
    before = layer.state_dict()
    state = {name: value + 1 for name, value in before.items()}
    spoil(state)
    with pytest.raises(ValueError, match=message):
        layer.load_state_dict(state)
    assert all(np.array_equal(value, before[name]) for name, value in layer.state_dict().items())


def test_loaded_parameters_are_the_same_objects():
    """An optimiser holds Parameters: loading a checkpoint must not leave it with the old ones."""
    layer = nested()
    held = layer.parameters()
    layer.load_state_dict({name: value + 1 for name, value in layer.state_dict().items()})
    assert all(held[name] is p for name, p in layer.parameters().items())
    assert np.array_equal(held["1.bias"].value, np.ones(4, np.float32))


# ---- construction

@pytest.mark.section_5
def test_he_initialisation():
    w = he_normal(np.random.default_rng(0), (64, 32, 3, 3), 64 * 9)
    assert w.dtype == np.float32
    assert w.std() == pytest.approx(np.sqrt(2 / (64 * 9)), rel=0.02) and abs(w.mean()) < 1e-3
    conv = Conv2d(32, 64, 3, rng=np.random.default_rng(0))
    assert np.array_equal(conv.weight.value, w), "a convolution draws with its fan-out"
    linear = Linear(50, 400, rng=np.random.default_rng(0))
    assert linear.weight.value.std() == pytest.approx(np.sqrt(2 / 50), rel=0.02), "a linear layer draws with its fan-in"
    assert not linear.bias.value.any()


def test_the_generator_decides_the_weights():
    draw = [Linear(4, 3, rng=np.random.default_rng(seed)).weight.value for seed in (0, 0, 1)]
    assert np.array_equal(draw[0], draw[1]) and not np.array_equal(draw[0], draw[2])


def test_bad_layers():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="groups must divide in_channels 4 and out_channels 6, got 3"):
        Conv2d(4, 6, 3, groups=3, rng=rng)
    with pytest.raises(ValueError, match="groups must be at least 1, got 0"):
        Conv2d(4, 6, 3, groups=0, rng=rng)
    with pytest.raises(ValueError, match="out_channels must be at least 1, got 0"):
        Conv2d(4, 0, 3, rng=rng)
    with pytest.raises(TypeError, match="in_features must be an int, got 4.5"):
        Linear(4.5, 6, rng=rng)
    with pytest.raises(TypeError, match="channels must be an int, got None"):
        BatchNorm2d(None)
    with pytest.raises(ValueError, match="kernel_size"):
        Conv2d(4, 6, 0, rng=rng)
    with pytest.raises(TypeError, match="kernel_size"):
        Conv2d(4, 6, 1.5, rng=rng)
    with pytest.raises(TypeError, match=r"rng must be a numpy.random.Generator, got int: use np.random.default_rng\(seed\)"):
        Linear(4, 6, rng=0)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("value, got", [(None, "None: it is required"), ([1.0], "list: use np.asarray"), ("text", "str"),
                                        (3, "int")])
def test_what_is_not_an_array_is_named(layer_and_x, backend, value, got):
    """By the argument's name. A forward that failed saves nothing for a backward."""
    layer, x = layer_and_x
    with minisenet.use_backend(backend):
        with pytest.raises(TypeError, match=rf"^[xu] must be a NumPy array.*, got {got}"):
            layer(value)
        with pytest.raises(RuntimeError, match="backward must follow a forward"):
            layer.backward(x)
        layer(x)
        with pytest.raises(TypeError, match=rf"^d[yz] must be a NumPy array.*, got {got}"):
            layer.backward(value)


def test_a_state_that_is_not_a_dict():
    with pytest.raises(TypeError, match="state must be a dict of arrays, as state_dict returns it, got NoneType"):
        nested().load_state_dict(None)


def test_channels_first_images_get_a_hint():
    conv = Conv2d(3, 8, 3, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"is x\s+\(N, C, H, W\)\?"):
        conv(np.zeros((2, 3, 32, 32), np.float32))


def test_one_value_per_channel_cannot_train():
    layer = BatchNorm2d(3)
    with pytest.raises(ValueError, match="x must have at least two values per channel"):
        layer(np.ones((1, 1, 1, 3), np.float32))
    assert layer.eval()(np.ones((1, 1, 1, 3), np.float32)).shape == (1, 1, 1, 3)


def test_layers_agree_with_the_functions():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 5, 6, 3), np.float32)
    conv = Conv2d(3, 4, 3, stride=2, padding=1, bias=True, rng=rng)
    conv.bias.value += 1
    assert np.allclose(conv(x), F.conv2d(x, conv.weight.value, conv.bias.value, stride=2, padding=1), rtol=1e-6, atol=1e-6)
    assert np.array_equal(Squeeze()(x), F.squeeze(x))


def test_a_parameter_shows_its_shape():
    assert repr(Parameter(np.zeros((2, 3)))) == "Parameter(2, 3)"


def test_the_base_class_does_nothing():
    with pytest.raises(NotImplementedError):
        Layer()(np.zeros(1))
    with pytest.raises(NotImplementedError):
        Layer().backward(np.zeros(1))


# ---- several inputs, and drawn numbers -----------------------------------------------------------------------------------

@pytest.mark.parametrize("backend", BACKENDS)
def test_a_join_gives_each_map_its_own_gradient(backend):
    """And a shuffle of one channel from each group in turn."""
    xs = [np.full((2, 3, 5, c), float(i)) for i, c in enumerate((1, 4, 1))]
    layer = Concat()
    with minisenet.use_backend(backend):
        y = layer(*xs)
        gradients = layer.backward(10 * y)
        assert ChannelShuffle(3)(y)[0, 0, 0].tolist() == [0, 1, 1, 1, 1, 2]
    assert y[1, 2, 4].tolist() == [0, 1, 1, 1, 1, 2]
    assert all(np.array_equal(dx, 10 * x) for dx, x in zip(gradients, xs, strict=True))


@pytest.mark.section_5
def test_a_dropout_drops_in_training_alone():
    layer, x = Dropout(0.2, rng=np.random.default_rng(0)), np.ones((100, 100))
    y = layer(x)
    assert sorted(set(y.ravel())) == [0, 1 / 0.8] and abs(y.mean() - 1) < 0.02
    assert np.array_equal(layer.backward(x), y)
    layer.eval()
    assert np.array_equal(layer(x), x) and np.array_equal(layer.backward(3 * x), 3 * x) and layer.step == 1


@pytest.mark.section_5
def test_what_a_dropout_draws_depends_on_its_seed_and_its_step():
    """So a run that resumes at step 2 draws what an uninterrupted one draws there."""
    x, rng = np.ones((7, 9), np.float32), np.random.default_rng(0)
    layer, other = Dropout(0.5, rng=rng), Dropout(0.5, rng=rng)
    drawn = [layer(x).tobytes() for _ in range(3)]
    assert len({*drawn, other(x).tobytes()}) == 4
    resumed = Dropout(0.5, rng=np.random.default_rng(0))
    resumed.step = 2
    assert resumed(x).tobytes() == drawn[2]
