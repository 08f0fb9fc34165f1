"""What the functions take: any layout, one dtype, NaN; and what they say about what they do not take."""
import numpy as np
import pytest

import minisenet.functional as F
from minisenet import use_backend
from minisenet.functional import fused

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
    """Every argument of the forward and of the backward in another layout: the same bits as without."""
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


@every_row
@pytest.mark.parametrize("backend", BACKENDS)
def test_dtypes_are_never_mixed(row, backend):
    for case, upstream in some_cases(row, 3, seed=11):
        with use_backend(backend):
            outputs = row.forward(case.arrays, case.options)
            for name in case.arrays if len(case.arrays) > 1 else ():
                mixed = case.arrays | {name: case.arrays[name].astype(np.float32)}
                with pytest.raises(TypeError, match="dtypes are never mixed"):
                    row.forward(mixed, case.options)
            # these backwards take one floating point array, and with it there is nothing to mix
            for name in upstream if row.name not in ("squeeze", "max_pool2d", "avg_pool2d", "softmax_cross_entropy") else ():
                mixed = upstream | {name: upstream[name].astype(np.float32)}
                with pytest.raises(TypeError, match="dtypes are never mixed"):
                    row.backward(mixed, case.arrays, outputs, case.options)


@every_row
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_integers_are_refused(row, backend, dtype):
    (case, _), = some_cases(row, 1, seed=12)
    case = case.astype(dtype)
    for name in case.arrays:
        with use_backend(backend), pytest.raises(TypeError, match="has dtype int64; it takes floating point"):
            row.forward(case.arrays | {name: case.arrays[name].astype(np.int64)}, case.options)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("step", [2, -1])
def test_labels_may_be_strided(backend, step):
    logits, labels = np.random.default_rng(0).standard_normal((4, 3)), np.array([0, 2, 1, 1, 2, 0, 2, 1])[::step][:4]
    with use_backend(backend):
        for result, again in zip(F.softmax_cross_entropy(logits, labels), F.softmax_cross_entropy(logits, labels.copy())):
            assert np.array_equal(result, again)


def test_biases_are_given_back_where_the_signature_says_so():
    """excitation has none unless told, as in eq. (3); neither has a convolution; a fully connected layer has one."""
    rng = np.random.default_rng(0)
    z, w1, w2 = rng.standard_normal((2, 4)), rng.standard_normal((2, 4)), rng.standard_normal((4, 2))
    s, h = F.excitation(z, w1, w2)
    assert F.excitation_backward(s, z, h, s, w1, w2)[3:] == (None, None)
    x, w = rng.standard_normal((1, 3, 3, 2)), rng.standard_normal((2, 2, 3, 3))
    assert F.conv2d_backward(F.conv2d(x, w), x, w)[2] is None
    assert F.linear_backward(h, z, w1)[2].shape == (2,)


# ---- NaN -----------------------------------------------------------------------------------------------------------------

def middle(array, value):
    """The array with another element in its middle."""
    array = array.copy()
    array.reshape(-1)[array.size // 2] = value
    return array


@every_row
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nan_passes_on(row, backend, dtype):
    """An array full of NaN leaves no output without one, and a single NaN goes wherever that element goes."""
    for case, upstream in some_cases(row, 6, seed=13):
        case, upstream = case.astype(dtype), cast(upstream, dtype)
        for name in case.arrays:
            with use_backend(backend):
                outputs = row.forward(case.arrays | {name: np.full_like(case.arrays[name], np.nan)}, case.options)
            assert all(np.isnan(outputs[name]).any() for name in row.differentiable)
            poisoned, moved = (type(case)(case.arrays | {name: middle(case.arrays[name], value)}, case.options)
                               for value in (np.nan, 3))
            arrives(row, backend, (case, upstream), (moved, upstream), (poisoned, upstream))
        for name in set(upstream) - {"loss"}:                # dloss is a number, and refused if it is NaN: see BAD
            poisoned, moved = (upstream | {name: middle(upstream[name], value)} for value in (np.nan, 3))
            arrives(row, backend, (case, upstream), (case, moved), (case, poisoned))


def arrives(row, backend, before, moved, poisoned):
    """NaN just where the body has it; of sums of products, NaN wherever the result moves when the element moves.

    The convolutions have only the second: where a NaN meets padding, a loop that goes there gets NaN * 0 = NaN, and one that
    does not gets 0; and at a border Winograd's weight gradient has it in all nine taps. And only sums of products have it: a
    ReLU's dy is passed on or not, but never multiplied.
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


# ---- what is said about bad arguments ----------------------------------------------------------------------------------

x = np.ones((2, 5, 7, 3))
w = np.ones((4, 3, 3, 2))
z = np.ones((2, 3))
w1, w2 = np.ones((2, 3)), np.ones((3, 2))
c = np.ones(3)
logits, labels = np.ones((2, 5)), np.array([0, 4])
argmax = np.zeros((2, 2, 3, 3), np.int64)

BAD = {
    "image of integers": (lambda: F.conv2d(x.astype(int), w), TypeError, r"x has dtype int64.*x\.astype\(np\.float32\)"),
    "image of three dimensions": (lambda: F.conv2d(x[0], w), ValueError,
                                  r"x has shape \(5, 7, 3\); it takes 4 dimensions, \(N, H, W, C\)"),
    "channels": (lambda: F.conv2d(x[..., :2], w), ValueError, r"x has 2 channels, w takes 3"),
    "channels first": (lambda: F.conv2d(np.ones((2, 3, 32, 32)), w), ValueError,
                       r"x has 32 channels, w takes 3: is x \(N, C, H, W\)\? Use x\.transpose\(0, 2, 3, 1\)"),
    "groups and inputs": (lambda: F.conv2d(x, w, groups=2), ValueError, r"x has 3 channels, w takes 3 x 2 groups"),
    "groups and outputs": (lambda: F.conv2d(np.ones((2, 5, 7, 9)), w, groups=3), ValueError,
                           r"w has 4 output channels, which 3 groups do not divide"),
    "no groups": (lambda: F.conv2d(x, w, groups=0), ValueError, r"groups is 0; it takes at least 1"),
    "groups as text": (lambda: F.conv2d(x, w, groups="2"), TypeError, r"groups is '2'; it takes an int"),
    "stride 0": (lambda: F.conv2d(x, w, stride=0), ValueError, r"stride is 0; it takes values of at least 1"),
    "stride of three": (lambda: F.conv2d(x, w, stride=(1, 1, 1)), TypeError,
                        r"stride is \(1, 1, 1\); it takes an int or a pair"),
    "stride of a fraction": (lambda: F.conv2d(x, w, stride=1.5), TypeError, r"stride is 1\.5; it takes an int or a pair"),
    "stride True": (lambda: F.conv2d(x, w, stride=True), TypeError, r"stride is True"),
    "padding below 0": (lambda: F.conv2d(x, w, padding=(0, -1)), ValueError,
                        r"padding is \(0, -1\); it takes values of at least 0"),
    "dilation 0": (lambda: F.conv2d(x, w, dilation=0), ValueError, r"dilation is 0"),
    "nothing left": (lambda: F.conv2d(x, w, dilation=5), ValueError,
                     r"the output would be -5 x 2: a 3 x 2 kernel with dilation \(5, 5\)"),
    "empty image": (lambda: F.conv2d(x[:0], w), ValueError, r"x has shape \(0, 5, 7, 3\): it is empty"),
    "bias of another length": (lambda: F.conv2d(x, w, np.ones(3)), ValueError, r"b has shape \(3,\); it takes \(4,\)"),
    "bias of another dtype": (lambda: F.conv2d(x, w, np.ones(4, np.float32)), TypeError, r"b is float32 but x is float64"),
    "dy of a convolution": (lambda: F.conv2d_backward(np.ones((2, 3, 5, 4)), x, w), ValueError,
                            r"dy has shape \(2, 3, 5, 4\); it takes \(2, 3, 6, 4\)"),
    "x_shape of three": (lambda: F.conv2d_backward_input(np.ones((2, 3, 6, 4)), w, (2, 5, 7)), ValueError,
                         r"x_shape is \(2, 5, 7\)"),
    "x_shape as a number": (lambda: F.conv2d_backward_input(np.ones((2, 3, 6, 4)), w, 3), TypeError, r"x_shape is 3"),
    "w_shape": (lambda: F.conv2d_backward_weight(np.ones((2, 3, 6, 4)), x, (4, 3, 0, 2)), ValueError,
                r"w_shape is \(4, 3, 0, 2\)"),

    "one value per channel": (lambda: F.batch_norm(np.ones((1, 1, 1, 3)), c, c), ValueError,
                              r"x has shape \(1, 1, 1, 3\): one value per channel has no variance"),
    "gamma": (lambda: F.batch_norm(x, np.ones(4), c), ValueError, r"gamma has shape \(4,\); it takes \(3,\)"),
    "eps": (lambda: F.batch_norm(x, c, c, eps=-1.0), ValueError, r"eps is -1\.0; it takes a finite number at least 0"),
    "eps as text": (lambda: F.batch_norm(x, c, c, eps="small"), TypeError, r"eps is 'small'; it takes a number"),
    "running_var": (lambda: F.batch_norm_inference(x, c, c, c, np.ones(2)), ValueError,
                    r"running_var has shape \(2,\); it takes \(3,\)"),
    "mean": (lambda: F.batch_norm_backward(x, x, c, np.ones(2), c), ValueError, r"mean has shape \(2,\); it takes \(3,\)"),
    "dy of a batch norm": (lambda: F.batch_norm_backward(x[:1], x, c, c, c), ValueError,
                           r"dy has shape \(1, 5, 7, 3\); it takes"),

    "relu of integers": (lambda: F.relu([1, 2]), TypeError, r"x has dtype int64"),
    "relu of nothing": (lambda: F.relu(np.ones(0)), ValueError, r"x has shape \(0,\): it is empty"),
    "dy of a relu": (lambda: F.relu_backward(np.ones(2), np.ones(3)), ValueError, r"dy has shape \(2,\); it takes \(3,\)"),
    "dy of a sigmoid": (lambda: F.sigmoid_backward(np.ones(2), np.ones(3)), ValueError,
                        r"dy has shape \(2,\); it takes \(3,\)"),
    "features": (lambda: F.linear(z, np.ones((4, 2))), ValueError,
                 r"x has 3 features, w takes 2: x is \(N, in\), w is \(out, in\)"),
    "linear on maps": (lambda: F.linear(x, w1), ValueError, r"x has shape \(2, 5, 7, 3\); it takes 2 dimensions, \(N, C\)"),
    "dy of a linear": (lambda: F.linear_backward(z, z, w1), ValueError, r"dy has shape \(2, 3\); it takes \(2, 2\)"),

    "squeeze of a vector": (lambda: F.squeeze(z), ValueError, r"u has shape \(2, 3\); it takes 4 dimensions"),
    "height 0": (lambda: F.squeeze_backward(z, 0, 3), ValueError, r"height is 0; it takes at least 1"),
    "width of a fraction": (lambda: F.squeeze_backward(z, 2, 3.0), TypeError, r"width is 3\.0; it takes an int"),
    "w1 and w2": (lambda: F.excitation(z, w1, w1), ValueError,
                  r"w1 is \(2, 3\) and w2 is \(2, 3\): they are \(C / r, C\) and \(C, C / r\)"),
    "ds": (lambda: F.excitation_backward(z[:1], z, np.ones((2, 2)), z, w1, w2), ValueError,
           r"dy has shape \(1, 3\); it takes \(2, 3\)"),
    "gates": (lambda: F.scale(x, np.ones((2, 4))), ValueError,
              r"s has shape \(2, 4\); with u \(2, 5, 7, 3\) it takes \(2, 3\)"),
    "dy of a scale": (lambda: F.scale_backward(x[:, :4], x, z), ValueError,
                      r"dy has shape \(2, 4, 7, 3\); it takes \(2, 5, 7, 3\)"),

    "padding over half": (lambda: F.max_pool2d(x, 3, padding=2), ValueError,
                          r"padding is \(2, 2\); with kernel_size \(3, 3\)"),
    "window too large": (lambda: F.avg_pool2d(x, (6, 2)), ValueError,
                         r"the output would be 0 x 3: a 6 x 2 window does not fit"),
    "kernel_size": (lambda: F.max_pool2d(x, None), TypeError, r"kernel_size is None"),
    "argmax of floats": (lambda: F.max_pool2d_backward(x, x, (2, 10, 14, 3)), TypeError,
                         r"argmax has dtype float64; it takes integers"),
    "argmax outside": (lambda: F.max_pool2d_backward(np.ones(argmax.shape), argmax + 35, x.shape), ValueError,
                       r"argmax holds 35 to 35; with x_shape \(2, 5, 7, 3\) it takes 0 to 34"),
    "argmax below 0": (lambda: F.max_pool2d_backward(np.ones(argmax.shape), argmax - 1, x.shape), ValueError,
                       r"argmax holds -1 to -1"),
    "argmax of another shape": (lambda: F.max_pool2d_backward(x, argmax, x.shape), ValueError,
                                r"argmax has shape \(2, 2, 3, 3\)"),
    "x_shape of a pool": (lambda: F.max_pool2d_backward(np.ones(argmax.shape), argmax, (3, 5, 7, 3)), ValueError,
                          r"dy has shape \(2, 2, 3, 3\); with x_shape \(3, 5, 7, 3\)"),
    "dy of an average": (lambda: F.avg_pool2d_backward(x, x.shape, 2), ValueError,
                         r"dy has shape \(2, 5, 7, 3\); it takes \(2, 2, 3, 3\)"),

    "label too large": (lambda: F.softmax_cross_entropy(logits, labels + 1), ValueError,
                        r"labels holds 1 to 5; with 5 classes it takes 0 to 4"),
    "label below 0": (lambda: F.softmax_cross_entropy(logits, labels - 1), ValueError, r"labels holds -1 to 3"),
    "labels as floats": (lambda: F.softmax_cross_entropy(logits, labels.astype(float)), TypeError,
                         r"labels has dtype float64"),
    "too few labels": (lambda: F.softmax_cross_entropy(logits, labels[:1]), ValueError,
                       r"labels has shape \(1,\); it takes \(2,\)"),
    "smoothing 1": (lambda: F.softmax_cross_entropy(logits, labels, label_smoothing=1), ValueError,
                    r"label_smoothing is 1\.0; it takes a finite number at least 0 and below 1"),
    "label of the backward": (lambda: F.softmax_cross_entropy_backward(logits, labels + 1), ValueError,
                              r"labels holds 1 to 5"),
    "dloss NaN": (lambda: F.softmax_cross_entropy_backward(logits, labels, dloss=np.nan), ValueError, r"dloss is nan"),

    "shortcut": (lambda: fused.affine_add(x, c, z, z, x[:1]), ValueError, r"x has shape \(1, 5, 7, 3\); it takes \(2, 5, 7, 3\)"),
    "gates of a tail": (lambda: fused.affine_add(x, c, z[:1], z), ValueError, r"k has shape \(1, 3\); it takes \(2, 3\)"),
    "half a batch norm": (lambda: fused.affine_add(x, c, z, z, x, c), ValueError, "mean_x, k_x, beta_x are given together"),
    "a norm of no shortcut": (lambda: fused.affine_add(x, c, z, z, None, c, c, c), ValueError, "must be given with x"),
    "y of a tail": (lambda: fused.gradient_sums(x, x, c, x[:1]), ValueError, r"y has shape \(1, 5, 7, 3\)"),
    "half a norm": (lambda: fused.conv2d_normalised(x, w, c), ValueError, "mean, k, beta are given together"),
    "p of a batch norm": (lambda: fused.conv2d_normalised_backward(x, x, np.ones((3, 3, 1, 1)), y=x, mean_y=c, p=z[:1], q=z, r=c),
                          ValueError, r"p has shape \(1, 3\); it takes \(2, 3\)"),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("bad", BAD)
def test_a_bad_argument_is_named(bad, backend):
    call_it, error, message = BAD[bad]
    with use_backend(backend), pytest.raises(error, match=message) as raised:
        call_it()
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("row", rows(lambda row: row.name not in ("relu", "sigmoid")))
def test_a_missing_dimension_is_a_value_error(row):
    """Of every array of every operation: never an IndexError from somewhere inside."""
    (case, _), = some_cases(row, 1, seed=14)
    for name in case.arrays:
        with pytest.raises(ValueError, match="has shape|features|they are"):
            row.forward(case.arrays | {name: case.arrays[name][0]}, case.options)
