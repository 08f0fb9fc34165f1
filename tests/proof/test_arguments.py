"""Arguments: any layout, one dtype, NaN, no object but a NumPy array, and the error for each bad argument."""
import numpy as np
import pytest

import minisenet.functional as F
from minisenet import use_backend
from minisenet.functional import fused
from minisenet.functional.deferred import Map
from minisenet.gradcheck import signatures
from minisenet.gradcheck.operations import OPERATIONS

from .table import BACKENDS, call, cast, every_row, rows, same_bits, some_cases


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


def transposed(a):
    return np.asfortranarray(a)


def strided(a):
    return np.repeat(a, 2, axis=-1)[..., ::2]


def backwards(a):
    return np.flip(np.flip(a).copy())


def byte_swapped(a):
    return a.astype(a.dtype.newbyteorder())


def unaligned(a):
    raw = np.zeros(a.nbytes + 1, np.uint8)
    view = raw[1:].view(a.dtype).reshape(a.shape)
    view[...] = a
    return view


LAYOUTS = [read_only, transposed, strided, backwards, byte_swapped, unaligned]


@every_row
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_the_layout_of_an_argument_does_not_matter(row, layout, backend):
    """Every argument of the forward and of the backward in another layout: the results are bit-identical."""
    def other(arrays):
        return {name: layout(array) if np.ndim(array) else array for name, array in arrays.items()}

    for case, upstream in some_cases(row, 4, seed=9):
        plain = call(row, case, upstream, backend)
        with use_backend(backend):
            outputs = row.forward(other(case.arrays), case.options)
            gradients = row.backward(other(upstream), other(case.arrays), other(outputs), case.options)
        assert same_bits(plain, (outputs, gradients)), str(case)


@every_row
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_the_dtype_stays(row, backend, dtype):
    for case, upstream in some_cases(row, 4, seed=10):
        outputs, gradients = call(row, case.astype(dtype), cast(upstream, dtype) if dtype is not np.complex128 or "loss"
                                  not in upstream else upstream, backend)
        for name, value in (outputs | gradients).items():
            assert name == "argmax" or value.dtype == dtype, name
        assert all(isinstance(value, np.ndarray) for value in gradients.values())
        assert all(value.flags.c_contiguous for value in gradients.values()) or row.name == "squeeze"        # a view
        assert set(gradients) == set(row.inputs(case))
        assert all(gradients[name].shape == case.arrays[name].shape for name in gradients)


ONE_ARRAY = ("squeeze", "max_pool2d", "avg_pool2d", "softmax_cross_entropy", "concat", "channel_shuffle")


@every_row
@pytest.mark.parametrize("backend", BACKENDS)
def test_dtypes_are_never_mixed(row, backend):
    for case, upstream in some_cases(row, 3, seed=11):
        with use_backend(backend):
            outputs = row.forward(case.arrays, case.options)
            for name in case.arrays if len(case.arrays) > 1 else ():
                mixed = case.arrays | {name: case.arrays[name].astype(np.float32)}
                with pytest.raises(TypeError, match=r"must be float\d+ as \w+ is, got float"):
                    row.forward(mixed, case.options)
            # these backwards have one floating-point array, so there is nothing to mix
            for name in upstream if row.name not in ONE_ARRAY else ():
                mixed = upstream | {name: upstream[name].astype(np.float32)}
                with pytest.raises(TypeError, match=r"must be float\d+ as \w+ is, got float"):
                    row.backward(mixed, case.arrays, outputs, case.options)


@every_row
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_integers_are_refused(row, backend, dtype):
    (case, _), = some_cases(row, 1, seed=12)
    case = case.astype(dtype)
    for name in case.arrays:
        with use_backend(backend), pytest.raises(TypeError, match=r"^\w+ must be floating point, got int64: use "):
            row.forward(case.arrays | {name: case.arrays[name].astype(np.int64)}, case.options)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("step", [2, -1])
def test_labels_may_be_strided(backend, step):
    logits, labels = np.random.default_rng(0).standard_normal((4, 3)), np.array([0, 2, 1, 1, 2, 0, 2, 1])[::step][:4]
    with use_backend(backend):
        for result, again in zip(F.softmax_cross_entropy(logits, labels), F.softmax_cross_entropy(logits, labels.copy())):
            assert np.array_equal(result, again)


def test_the_default_of_a_bias():
    """By default excitation has none, as in eq. (3), and a convolution neither; a fully connected layer has one."""
    rng = np.random.default_rng(0)
    z, w1, w2 = rng.standard_normal((2, 4)), rng.standard_normal((2, 4)), rng.standard_normal((4, 2))
    s, h = F.excitation(z, w1, w2)
    assert F.excitation_backward(s, z, h, s, w1, w2)[3:] == (None, None)
    x, w = rng.standard_normal((1, 3, 3, 2)), rng.standard_normal((2, 2, 3, 3))
    assert F.conv2d_backward(F.conv2d(x, w), x, w)[2] is None
    assert F.linear_backward(h, z, w1)[2].shape == (2,)


# ---- NaN -----------------------------------------------------------------------------------------------------------------

def middle(array, value):
    """The array with another value in its middle."""
    array = array.copy()
    array.reshape(-1)[array.size // 2] = value
    return array


@every_row
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nan_passes_on(row, backend, dtype):
    """With an array full of NaN every output has a NaN, and a single NaN appears wherever its element is used."""
    for case, upstream in some_cases(row, 6, seed=13):
        case, upstream = case.astype(dtype), cast(upstream, dtype)
        for name in case.arrays:
            with use_backend(backend):
                outputs = row.forward(case.arrays | {name: np.full_like(case.arrays[name], np.nan)}, case.options)
            assert all(np.isnan(outputs[name]).any() for name in row.differentiable)
            poisoned, moved = (type(case)(case.arrays | {name: middle(case.arrays[name], value)}, case.options)
                               for value in (np.nan, 3))
            arrives(row, backend, (case, upstream), (moved, upstream), (poisoned, upstream))
        for name in set(upstream) - {"loss"}:                # dloss is a number, and NaN is an error: see BAD
            poisoned, moved = (upstream | {name: middle(upstream[name], value)} for value in (np.nan, 3))
            arrives(row, backend, (case, upstream), (case, moved), (case, poisoned))


def arrives(row, backend, before, moved, poisoned):
    """NaN exactly where the body has it. And for sums of products, NaN wherever the result changes if the element changes.

    The convolutions have only the second: for a NaN in the padding's products, one loop computes NaN * 0 = NaN and another
    skips them; and at a border Winograd's weight gradient has NaN in all nine taps. Only sums of products have the second: a
    ReLU passes dy on or not, but never multiplies it.
    """
    before, moved, want = (call(row, *arguments, "numpy") for arguments in (before, moved, poisoned))
    got = call(row, *poisoned, backend)
    for part in range(2):
        for name in got[part]:
            nan = np.isnan(got[part][name])
            if row.terms:
                assert np.all(nan[before[part][name] != moved[part][name]]), f"{name}: {poisoned[0]}"
            if row.name not in ("conv2d", "conv2d_normalised"):
                assert np.array_equal(nan, np.isnan(want[part][name])), f"{name}: {poisoned[0]}"


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 7, 16, 37])
def test_each_nan_stays_in_its_place(backend, dtype, size):
    """At every position of a vector and of its tail."""
    with use_backend(backend):
        for i in range(size):
            x = np.linspace(-1, 1, size, dtype=dtype)
            x[i] = np.nan
            assert np.flatnonzero(np.isnan(F.relu(x))).tolist() == [i]
            assert np.flatnonzero(np.isnan(F.sigmoid(x))).tolist() == [i]
            assert np.flatnonzero(np.isnan(F.relu_backward(x, np.ones_like(x)))).tolist() == [i]
            image = np.zeros((1, 1, 2, size), dtype)
            image[0, 0, 1] = x
            y, argmax = F.max_pool2d(image, (1, 2))
            assert np.flatnonzero(np.isnan(y)).tolist() == [i] and argmax[0, 0, 0, i] == 1
            y, argmax = F.max_pool2d(image[:, :, ::-1], (1, 2))
            assert np.flatnonzero(np.isnan(y)).tolist() == [i] and argmax[0, 0, 0, i] == 0


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_infinities_and_extremes(backend, dtype):
    largest = np.finfo(dtype).max
    with use_backend(backend):
        assert F.relu(np.array([-np.inf, np.inf, -0.0, largest], dtype)).tolist() == [0, np.inf, 0, largest]
        assert F.sigmoid(np.array([-np.inf, -1e4, 1e4, np.inf], dtype)).tolist() == [0, 0, 1, 1]
        loss, p = F.softmax_cross_entropy(np.array([[1e4, -1e4], [-1e4, 1e4]], dtype), np.array([0, 0]))
        assert loss == 1e4 and p.tolist() == [[1, 0], [0, 1]]
        y, argmax = F.max_pool2d(np.full((1, 3, 3, 2), -np.inf, dtype), 3, padding=1)
        assert (y == -np.inf).all() and (argmax == 0).all()


# ---- errors of bad arguments -------------------------------------------------------------------------------------------

x = np.ones((2, 5, 7, 3))
w = np.ones((4, 3, 3, 2))
z = np.ones((2, 3))
w1, w2 = np.ones((2, 3)), np.ones((3, 2))
c = np.ones(3)
logits, labels = np.ones((2, 5)), np.array([0, 4])
argmax = np.zeros((2, 2, 3, 3), np.int64)

BAD = {
    "image of integers": (lambda: F.conv2d(x.astype(int), w), TypeError,
                          r"x must be floating point, got int64: use x\.astype\(np\.float32\)"),
    "image of three dimensions": (lambda: F.conv2d(x[0], w), ValueError,
                                  r"x must have 4 dimensions \(N, H, W, C\), got shape \(5, 7, 3\): use x\[None\]"),
    "channels": (lambda: F.conv2d(x[..., :2], w), ValueError, r"x must have 3 channels, as w \(4, 3, 3, 2\) has, got 2"),
    "channels first": (lambda: F.conv2d(np.ones((2, 3, 32, 32)), w), ValueError,
                       r"x must have 3 channels, .* got 32: is x \(N, C, H, W\)\? Use x\.transpose\(0, 2, 3, 1\)"),
    "groups and inputs": (lambda: F.conv2d(x, w, groups=2), ValueError,
                          r"x must have 6 channels, 2 groups of 3 as w \(4, 3, 3, 2\) has, got 3"),
    "groups and outputs": (lambda: F.conv2d(np.ones((2, 5, 7, 9)), w, groups=3), ValueError,
                           r"groups must divide the 4 output channels of w, got 3"),
    "no groups": (lambda: F.conv2d(x, w, groups=0), ValueError, r"groups must be at least 1, got 0"),
    "groups as text": (lambda: F.conv2d(x, w, groups="2"), TypeError, r"groups must be an int, got '2'"),
    "stride 0": (lambda: F.conv2d(x, w, stride=0), ValueError, r"stride must be at least 1, got 0"),
    "stride of three": (lambda: F.conv2d(x, w, stride=(1, 1, 1)), TypeError,
                        r"stride must be an int or a pair of ints \(height, width\), got \(1, 1, 1\)"),
    "stride of a fraction": (lambda: F.conv2d(x, w, stride=1.5), TypeError, r"stride must be an int or a pair .*, got 1\.5"),
    "stride True": (lambda: F.conv2d(x, w, stride=True), TypeError, r"stride must be an int or a pair .*, got True"),
    "padding below 0": (lambda: F.conv2d(x, w, padding=(0, -1)), ValueError,
                        r"padding must be at least 0, got \(0, -1\)"),
    "dilation 0": (lambda: F.conv2d(x, w, dilation=0), ValueError, r"dilation must be at least 1, got 0"),
    "nothing left": (lambda: F.conv2d(x, w, dilation=5), ValueError,
                     r"x must be at least 11 x 6 for a 3 x 2 kernel with dilation \(5, 5\) and padding \(0, 0\), got 5 x 7"),
    "empty image": (lambda: F.conv2d(x[:0], w), ValueError, r"x must not be empty, got shape \(0, 5, 7, 3\)"),
    "bias of another length": (lambda: F.conv2d(x, w, np.ones(3)), ValueError, r"b must have shape \(4,\), got \(3,\)"),
    "bias of another dtype": (lambda: F.conv2d(x, w, np.ones(4, np.float32)), TypeError,
                              r"b must be float64 as x is, got float32: use b\.astype\(np\.float64\)"),
    "dy of a convolution": (lambda: F.conv2d_backward(np.ones((2, 3, 5, 4)), x, w), ValueError,
                            r"dy must have shape \(2, 3, 6, 4\), got \(2, 3, 5, 4\)"),
    "x_shape of three": (lambda: F.conv2d_backward_input(np.ones((2, 3, 6, 4)), w, (2, 5, 7)), ValueError,
                         r"x_shape must have 4 sizes of at least 1, got \(2, 5, 7\)"),
    "x_shape as a number": (lambda: F.conv2d_backward_input(np.ones((2, 3, 6, 4)), w, 3), TypeError,
                            r"x_shape must be a tuple of 4 ints, got 3"),
    "w_shape": (lambda: F.conv2d_backward_weight(np.ones((2, 3, 6, 4)), x, (4, 3, 0, 2)), ValueError,
                r"w_shape must have 4 sizes of at least 1, got \(4, 3, 0, 2\)"),

    "one value per channel": (lambda: F.batch_norm(np.ones((1, 1, 1, 3)), c, c), ValueError,
                              r"x must have at least two values per channel, got shape \(1, 1, 1, 3\): one value has"),
    "gamma": (lambda: F.batch_norm(x, np.ones(4), c), ValueError, r"gamma must have shape \(3,\), got \(4,\)"),
    "eps": (lambda: F.batch_norm(x, c, c, eps=-1.0), ValueError, r"eps must be at least 0, got -1\.0"),
    "eps infinite": (lambda: F.batch_norm(x, c, c, eps=np.inf), ValueError, r"eps must be finite, got inf"),
    "eps as a number in quotes": (lambda: F.batch_norm(x, c, c, eps="0.1"), TypeError, r"eps must be a number, got '0\.1'"),
    "eps as text": (lambda: F.batch_norm(x, c, c, eps="small"), TypeError, r"eps must be a number, got 'small'"),
    "running_var": (lambda: F.batch_norm_inference(x, c, c, c, np.ones(2)), ValueError,
                    r"running_var must have shape \(3,\), got \(2,\)"),
    "mean": (lambda: F.batch_norm_backward(x, x, c, np.ones(2), c), ValueError, r"mean must have shape \(3,\), got \(2,\)"),
    "dy of a batch norm": (lambda: F.batch_norm_backward(x[:1], x, c, c, c), ValueError,
                           r"dy must have shape \(2, 5, 7, 3\), got \(1, 5, 7, 3\)"),

    "relu of integers": (lambda: F.relu(np.array([1, 2])), TypeError, r"x must be floating point, got int64"),
    "relu of nothing": (lambda: F.relu(np.ones(0)), ValueError, r"x must not be empty, got shape \(0,\)"),
    "dy of a relu": (lambda: F.relu_backward(np.ones(2), np.ones(3)), ValueError, r"dy must have shape \(3,\), got \(2,\)"),
    "dy of a sigmoid": (lambda: F.sigmoid_backward(np.ones(2), np.ones(3)), ValueError,
                        r"dy must have shape \(3,\), got \(2,\)"),
    "features": (lambda: F.linear(z, np.ones((4, 2))), ValueError,
                 r"x must have 2 features, as w \(4, 2\) has, got 3: x is \(N, in\), w is \(out, in\)"),
    "linear on maps": (lambda: F.linear(x, w1), ValueError, r"x must have 2 dimensions \(N, C\), got shape \(2, 5, 7, 3\)"),
    "dy of a linear": (lambda: F.linear_backward(z, z, w1), ValueError, r"dy must have shape \(2, 2\), got \(2, 3\)"),

    "squeeze of a vector": (lambda: F.squeeze(z), ValueError, r"u must have 4 dimensions \(N, H, W, C\), got shape \(2, 3\)"),
    "height 0": (lambda: F.squeeze_backward(z, 0, 3), ValueError, r"height must be at least 1, got 0"),
    "width of a fraction": (lambda: F.squeeze_backward(z, 2, 3.0), TypeError, r"width must be an int, got 3\.0"),
    "w1 and w2": (lambda: F.excitation(z, w1, w1), ValueError,
                  r"w2 must have shape \(3, 2\), got \(2, 3\)"),
    "ds": (lambda: F.excitation_backward(z[:1], z, np.ones((2, 2)), z, w1, w2), ValueError,
           r"ds must have shape \(2, 3\), got \(1, 3\)"),
    "gates": (lambda: F.scale(x, np.ones((2, 4))), ValueError,
              r"s must have shape \(2, 3\), got \(2, 4\)"),
    "dy of a scale": (lambda: F.scale_backward(x[:, :4], x, z), ValueError,
                      r"dy must have shape \(2, 5, 7, 3\), got \(2, 4, 7, 3\)"),

    "padding over half": (lambda: F.max_pool2d(x, 3, padding=2), ValueError,
                          r"padding must be at most half of kernel_size \(3, 3\), got \(2, 2\)"),
    "window too large": (lambda: F.avg_pool2d(x, (6, 2)), ValueError,
                         r"kernel_size must be at most 5 x 7, the padded image, got 6 x 2"),
    "kernel_size": (lambda: F.max_pool2d(x, None), TypeError, r"kernel_size must be an int or a pair .*, got None"),
    "argmax of floats": (lambda: F.max_pool2d_backward(x, x, (2, 10, 14, 3)), TypeError,
                         r"argmax must be integers, as max_pool2d returns them, got float64"),
    "argmax outside": (lambda: F.max_pool2d_backward(np.ones(argmax.shape), argmax + 35, x.shape), ValueError,
                       r"argmax must be from 0 to 34 for x_shape \(2, 5, 7, 3\), got 35 to 35"),
    "argmax below 0": (lambda: F.max_pool2d_backward(np.ones(argmax.shape), argmax - 1, x.shape), ValueError,
                       r"argmax must be from 0 to 34 .*, got -1 to -1"),
    "argmax of another shape": (lambda: F.max_pool2d_backward(x, argmax, x.shape), ValueError,
                                r"argmax must have shape \(2, 5, 7, 3\) as dy has, got \(2, 2, 3, 3\)"),
    "x_shape of a pool": (lambda: F.max_pool2d_backward(np.ones(argmax.shape), argmax, (3, 5, 7, 3)), ValueError,
                          r"dy must have shape \(3, any, any, 3\) for x_shape \(3, 5, 7, 3\), got \(2, 2, 3, 3\)"),
    "dy of an average": (lambda: F.avg_pool2d_backward(x, x.shape, 2), ValueError,
                         r"dy must have shape \(2, 2, 3, 3\), got \(2, 5, 7, 3\)"),

    "nothing to join": (lambda: F.concat(), ValueError, "xs must be at least one map, got none"),
    "maps of other sizes": (lambda: F.concat(x, x[:, 1:]), ValueError, r"x2 must have shape \(2, 5, 7, any\), got \(2, 4, 7, 3\)"),
    "channels of a concat": (lambda: F.concat_backward(x, 1, 1), ValueError,
                             r"channels must add up to 3, the channels of dy, got \(1, 1\)"),
    "groups of a shuffle": (lambda: F.channel_shuffle(x, 2), ValueError, r"groups must divide 3, the channels of x, got 2"),
    "groups of a backward": (lambda: F.channel_shuffle_backward(x, 0), ValueError, r"groups must be at least 1, got 0"),
    "branches": (lambda: F.shake(x, x[:1], c), ValueError, r"u2 must have shape \(2, 5, 7, 3\), got \(1, 5, 7, 3\)"),
    "weights of a shake": (lambda: F.shake(x, x, c), ValueError, r"alpha must have shape \(2,\), got \(3,\)"),
    "beta": (lambda: F.shake_backward(x, c), ValueError, r"beta must have shape \(2,\), got \(3,\)"),
    "everything dropped": (lambda: F.dropout(x, 1, seed=0, step=0), ValueError, r"p must be at least 0 and below 1, got 1\.0"),
    "step below 0": (lambda: F.dropout(x, 0.5, seed=0, step=-1), ValueError, r"step must be at least 0, got -1"),
    "mask": (lambda: F.dropout_backward(x, x[:1]), ValueError, r"dy must have shape \(1, 5, 7, 3\), got \(2, 5, 7, 3\)"),
    "gate": (lambda: F.se_variant(x, w1, w2, gate="softmax"), ValueError, r"gate must be one of sigmoid, tanh, relu, got 'softmax'"),
    "gate of a block": (lambda: F.local_se_block(x, w1, w2, gate=None), ValueError, r"gate must be one of .*, got None"),
    "squeeze by name": (lambda: F.se_variant(x, w1, w2, kind="sum"), ValueError, r"kind must be one of avg, max, got 'sum'"),
    "maximum of a vector": (lambda: F.max_squeeze(z), ValueError, r"u must have 4 dimensions \(N, H, W, C\), got shape \(2, 3\)"),
    "dz of a maximum": (lambda: F.max_squeeze_backward(z[:1], x), ValueError, r"dz must have shape \(2, 3\), got \(1, 3\)"),
    "h of a local block": (lambda: F.local_se_block_backward(x, x, x, x, w1, w2), ValueError,
                           r"h must have shape \(2, 5, 7, 2\), got \(2, 5, 7, 3\)"),

    "label too large": (lambda: F.softmax_cross_entropy(logits, labels + 1), ValueError,
                        r"labels must be from 0 to 4 for 5 classes, got 1 to 5"),
    "label below 0": (lambda: F.softmax_cross_entropy(logits, labels - 1), ValueError,
                      r"labels must be from 0 to 4 .*, got -1 to 3"),
    "labels as floats": (lambda: F.softmax_cross_entropy(logits, labels.astype(float)), TypeError,
                         r"labels must be integers, got float64: use labels\.astype\(int\)"),
    "too few labels": (lambda: F.softmax_cross_entropy(logits, labels[:1]), ValueError,
                       r"labels must have shape \(2,\), one class for each row, got \(1,\)"),
    "smoothing 1": (lambda: F.softmax_cross_entropy(logits, labels, label_smoothing=1), ValueError,
                    r"label_smoothing must be at least 0 and below 1, got 1\.0"),
    "label of the backward": (lambda: F.softmax_cross_entropy_backward(logits, labels + 1), ValueError,
                              r"labels must be from 0 to 4 .*, got 1 to 5"),
    "dloss NaN": (lambda: F.softmax_cross_entropy_backward(logits, labels, dloss=np.nan), ValueError,
                  r"dloss must be finite, got nan"),

    "shortcut": (lambda: fused.affine_add(x, c, z, z, x[:1]), ValueError,
                 r"x must have shape \(2, 5, 7, 3\), got \(1, 5, 7, 3\)"),
    "gates of a tail": (lambda: fused.affine_add(x, c, z[:1], z), ValueError, r"k must have shape \(2, 3\), got \(1, 3\)"),
    "half a batch norm": (lambda: fused.affine_add(x, c, z, z, x, c), ValueError,
                          "mean_x, k_x, beta_x must be given together, got None for k_x, beta_x"),
    "a norm of no shortcut": (lambda: fused.affine_add(x, c, z, z, None, c, c, c), ValueError,
                              "mean_x, k_x, beta_x must be given with x, got None for x"),
    "y of a tail": (lambda: fused.gradient_sums(x, x, c, x[:1]), ValueError,
                    r"y must have shape \(2, 5, 7, 3\), got \(1, 5, 7, 3\)"),
    "half a norm": (lambda: fused.conv2d_normalised(x, w, c), ValueError,
                    "mean, k, beta must be given together, got None for k, beta"),
    "p of a batch norm": (lambda: fused.conv2d_normalised_backward(x, x, np.ones((3, 3, 1, 1)), y=x, mean_y=c, p=z[:1], q=z, r=c),
                          ValueError, r"p must have shape \(2, 3\), got \(1, 3\)"),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("bad", BAD)
def test_a_bad_argument_is_named(bad, backend):
    call_it, error, message = BAD[bad]
    with use_backend(backend), pytest.raises(error, match=f"^{message}") as raised:
        call_it()
    assert "\n" not in str(raised.value)


# ---- objects that are not arrays -------------------------------------------------------------------------------------------

class Tensor:
    """An array of another library."""

    shape, ndim, dtype = (2, 3), 2, np.dtype(np.float64)

    def __array__(self, dtype=None, copy=None):
        return np.ones(self.shape)


NOT_ARRAYS = [(None, "None: it is required"), ([1.0], "list: use np.asarray"), ((1.0, 2.0), "tuple: use np.asarray"),
              ([[1.0], [2.0, 3.0]], "list: use np.asarray"), (Tensor(), "Tensor: use np.asarray"), ("text", "str$"), (3, "int$"),
              (3.0, "float$"), (object(), "object$")]
PASSES = {                  # arguments of the fused passes, which have their own signatures
    "conv2d_normalised": dict(a=x, w=w, mean=c, k=c, beta=c),
    "conv2d_normalised_backward": dict(g=np.ones((2, 3, 6, 4)), a=x, w=w, mean=c, k=c, beta=c, y=np.ones((2, 3, 6, 4)),
                                       mean_y=np.ones(4), p=np.ones((2, 4)), q=np.ones((2, 4)), r=np.ones(4), plus=x),
    "affine_add": dict(a=x, mean=c, k=z, beta=z, x=x, mean_x=c, k_x=c, beta_x=c),
    "gradient_sums": dict(dy=x, a=x, mean=c, y=x),
    "affine_gradient_map": dict(g=x, p=z, q=z, r=c, a=x, mean=c),
    "image_moments": dict(x=x),
    "merge_moments": dict(means=z, squares=z, positions=35),
    "affine_gradient": dict(k=c, rstd=c, sums=z, products=z, positions=35, p=z, q=z),
}


def public_calls():
    """(name, function, keyword arguments) of calls of every public function, with and without the optional arrays."""
    for row in OPERATIONS.values():
        for case, upstream in some_cases(row, 4, seed=15):
            for name in row.functions:
                if name in F.__all__:
                    outputs = row.forward(case.arrays, case.options)
                    known, function = signatures.values(case.arrays, case.options, outputs, upstream), getattr(F, name)
                    yield name, function, signatures.chosen(function, known)
    for name, known in PASSES.items():
        yield name, getattr(fused, name), known


CALLS = list(public_calls())


def test_every_public_function_is_called():
    passes = {name for name, value in vars(fused).items() if getattr(value, "__module__", "") == fused.__name__
              and hasattr(value, "unchecked")}
    assert {name for name, *_ in CALLS} == set(F.__all__) | passes


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", sorted({name for name, *_ in CALLS}))
def test_what_is_not_an_array_is_named(name, backend):
    """In place of each array argument. For an optional one only None is allowed."""
    for _, function, known in (call for call in CALLS if call[0] == name):
        with use_backend(backend):
            signatures.call(function, known)
            for argument, given in known.items():
                optional = argument in signatures.parameters(function) and signatures.parameters(function)[argument].default is None
                for value, got in NOT_ARRAYS if isinstance(given, np.ndarray) else ():
                    if value is None and optional:
                        continue
                    with pytest.raises(TypeError, match=rf"^{argument} must be a NumPy array( \(.*\))?, got {got}") as raised:
                        signatures.call(function, known | {argument: value})
                    assert "\n" not in str(raised.value)


def test_a_tensor_of_pytorch_is_named():
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match=r"^u must be a NumPy array \(N, H, W, C\), got Tensor: use np\.asarray\(u\)"):
        F.squeeze(torch.ones(2, 5, 7, 3))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", sorted({name for name, *_ in CALLS}))
def test_a_deferred_value_is_an_array(name, backend):
    """In place of each map: the results are bit-identical."""
    for _, function, known in (call for call in CALLS if call[0] == name):
        with use_backend(backend):
            want = signatures.call(function, known)
            for argument, given in known.items():
                if np.ndim(given) == 4 and given.dtype == np.float64:
                    got = signatures.call(function, known | {argument: Map(given)})
                    for one, other in zip(got, want) if isinstance(want, tuple) else [(got, want)]:
                        assert (one is other is None) or np.array_equal(one, other), argument


def test_scalars_of_numpy_are_arrays():
    assert F.relu(np.float32(-1)) == 0 and F.sigmoid(np.ones(2).mean()) == F.sigmoid(np.ones(1))[0]


@pytest.mark.parametrize("row", rows(lambda row: row.name not in ("relu", "sigmoid", "tanh", "dropout")))
def test_a_missing_dimension_is_a_value_error(row):
    """For every array of every operation: never an IndexError from inside."""
    (case, _), = some_cases(row, 1, seed=14)
    for name in case.arrays:
        with pytest.raises(ValueError, match="must have"):
            row.forward(case.arrays | {name: case.arrays[name][0]}, case.options)
