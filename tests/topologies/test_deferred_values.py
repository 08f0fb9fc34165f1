"""The values that layers return inside a student's block behave like arrays on every backend.

On the fused backend a layer inside a block may return a value that is still pending. A block may read it, compute with it, write
to it, keep it, or edit parameters meanwhile: the result is always the same as on the NumPy backend.
"""
import copy
import io
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import minisenet
import minisenet.functional as F
from backends import needs_kernels
from minisenet.blocks import BasicBlock, SEBlock
from minisenet.layers import AddReLU, BatchNorm2d, Conv2d, Layer, ReLU, Sequential

pytestmark = needs_kernels


class Block(Layer):
    """Convolutions and the layers between them. `body(block, x)` is the forward; each test has its own."""

    def __init__(self, body=None, dtype=np.float64):
        rng = np.random.default_rng(0)
        self.conv1, self.bn1, self.relu1 = Conv2d(16, 16, 3, padding=1, rng=rng), BatchNorm2d(16), ReLU()
        self.conv2, self.bn2, self.relu2 = Conv2d(16, 16, 3, padding=1, bias=True, rng=rng), BatchNorm2d(16), ReLU()
        self.conv3, self.se, self.add = Conv2d(16, 16, 1, rng=rng), SEBlock(16, reduction=4, rng=rng), AddReLU()
        for parameter in self.parameters().values():
            if parameter.value.ndim == 1:
                parameter.value = (parameter.value + rng.uniform(-0.5, 0.5, 16)).astype(np.float32)
        self.body = body
        self.astype(dtype)

    def forward(self, x):
        return self.body(self, x)


def normalised(b, x):
    return b.bn1(b.conv1(x))


VALUES = {
    "raw": lambda b, x: b.conv1(x),
    "raw with a bias": lambda b, x: b.conv2(x),
    "normalised": normalised,
    "normalised input": lambda b, x: b.bn1(x),
    "rectified": lambda b, x: b.relu1(normalised(b, x)),
    "rectified raw": lambda b, x: b.relu1(b.conv1(x)),
    "gated": lambda b, x: b.se(normalised(b, x)),
    "gated and rectified": lambda b, x: b.relu1(b.se(normalised(b, x))),
    "rectified and gated": lambda b, x: b.se(b.relu1(normalised(b, x))),
    "sum": lambda b, x: normalised(b, x) + x,
    "sum the other way round": lambda b, x: x + normalised(b, x),
    "sum of two": lambda b, x: normalised(b, x) + b.bn2(b.conv3(x)),
    "end of a block": lambda b, x: b.add(b.se(normalised(b, x)), x),
}
every_value = pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)


def drawn_x(shape=(2, 8, 9, 16), dtype=np.float64):
    return np.random.default_rng(1).standard_normal(shape).astype(dtype)


def on_both(body, x=None, dtype=np.float64):
    """The results of `body` on the NumPy backend and on the fused one."""
    found = []
    for backend in ("numpy", "fused"):
        with minisenet.use_backend(backend):
            found.append(Block(body, dtype)(drawn_x() if x is None else x))
    return found


def same(want, got):
    if isinstance(want, (tuple, list)):
        assert type(got) is type(want) and len(got) == len(want)
        for one, other in zip(want, got):
            same(one, other)
    elif isinstance(want, np.ndarray):
        assert type(got) is np.ndarray and got.shape == want.shape and got.dtype == want.dtype
        assert np.allclose(got, want, rtol=0, atol=1e-12 * max(1, np.max(np.abs(want), initial=0)), equal_nan=True)
    elif isinstance(want, (float, np.floating)):
        assert got == pytest.approx(want, rel=1e-11)
    else:
        assert got == want


# ---- reading

def saved_and_loaded(u, x):
    file = io.BytesIO()
    np.save(file, u)
    file.seek(0)
    return np.load(file)


def unpacked(u, x):
    first, second = u
    return first - second


READING = {
    # properties
    "shape": lambda u, x: u.shape, "dtype": lambda u, x: u.dtype, "ndim": lambda u, x: u.ndim, "size": lambda u, x: u.size,
    "len": lambda u, x: len(u), "np.shape": lambda u, x: np.shape(u), "np.result_type": lambda u, x: np.result_type(u, x),
    "str": lambda u, x: isinstance(str(u), str), "repr": lambda u, x: isinstance(repr(u), str), "is": lambda u, x: u is u,
    "in": lambda u, x: 1e300 in u, "a tuple": lambda u, x: (u, x), "itself": lambda u, x: u,
    # operators
    "u * 2": lambda u, x: u * 2, "2 * u": lambda u, x: 2 * u, "u * x": lambda u, x: u * x, "x * u": lambda u, x: x * u,
    "u + x": lambda u, x: u + x, "x + u": lambda u, x: x + u, "u + u": lambda u, x: u + u, "u + 1": lambda u, x: u + 1,
    "u + row": lambda u, x: u + x[0], "1 + u": lambda u, x: 1 + u, "u - x": lambda u, x: u - x, "x - u": lambda u, x: x - u,
    "1 - u": lambda u, x: 1 - u, "u / 2": lambda u, x: u / 2, "2 / u": lambda u, x: 2 / (u + 50),
    "u ** 2": lambda u, x: u ** 2, "-u": lambda u, x: -u, "+u": lambda u, x: +u, "abs": lambda u, x: abs(u),
    "u @ w": lambda u, x: u @ np.eye(16)[:, ::-1], "w @ u": lambda u, x: np.eye(9)[::-1] @ u,
    "divmod": lambda u, x: divmod(u + 0.3, 2)[1].shape, "u > 0": lambda u, x: (u > 0.1).dtype,
    "0 < u": lambda u, x: (0 < u).shape, "u == u": lambda u, x: bool((u == u).all()),
    "u != x": lambda u, x: bool((u != x).any()), "u <= u": lambda u, x: bool((u <= u).all()),
    # parts
    "u[0]": lambda u, x: u[0], "u[0, 1]": lambda u, x: u[0, 1], "u[..., 1:]": lambda u, x: u[..., 1:],
    "u[:, ::-2]": lambda u, x: u[:, ::-2], "u[None]": lambda u, x: u[None], "u[[1, 0]]": lambda u, x: u[[1, 0]],
    "u[mask]": lambda u, x: u[x > 0], "u[1, 2, 3, 4]": lambda u, x: u[1, 2, 3, 4], "list": lambda u, x: list(u),
    "iteration": lambda u, x: [row + 1 for row in u], "zip": lambda u, x: [a + b for a, b in zip(u, x)],
    "unpacking": unpacked, "reversed": lambda u, x: [row for row in reversed(u)],
    "u.tolist": lambda u, x: np.array(u.tolist()), "u.item": lambda u, x: u.item(3), "u.real": lambda u, x: u.real,
    "u.flat": lambda u, x: u.flat[7],
    # as another array
    "np.asarray": lambda u, x: np.asarray(u), "np.array": lambda u, x: np.array(u), "a list": lambda u, x: np.array([u, u]),
    "np.asarray, float32": lambda u, x: np.asarray(u, np.float32).dtype,
    "u.astype": lambda u, x: u.astype(np.float32).dtype, "np.ascontiguousarray": lambda u, x: np.ascontiguousarray(u),
    "u.copy": lambda u, x: u.copy(), "u.T": lambda u, x: u.T, "u.transpose": lambda u, x: u.transpose(0, 3, 1, 2),
    "u.swapaxes": lambda u, x: u.swapaxes(1, 2), "u.reshape": lambda u, x: u.reshape(2, -1),
    "u.ravel": lambda u, x: u.ravel(), "u.flatten": lambda u, x: u.flatten(),
    "np.zeros_like": lambda u, x: np.zeros_like(u), "np.empty_like": lambda u, x: np.empty_like(u).shape,
    "np.full_like": lambda u, x: np.full_like(u, 2), "np.save": saved_and_loaded,
    "copy.copy": lambda u, x: copy.copy(u) * 1, "copy.deepcopy": lambda u, x: copy.deepcopy(u) * 1,
    "pickle": lambda u, x: pickle.loads(pickle.dumps(u)) * 1,
    # functions of NumPy
    "np.exp": lambda u, x: np.exp(u), "np.add": lambda u, x: np.add(u, x), "np.add, x first": lambda u, x: np.add(x, u),
    "np.add.reduce": lambda u, x: np.add.reduce(u, axis=(0, 1)),
    "np.add, out": lambda u, x: np.add(u, x, out=np.empty_like(x)),
    "np.add, where": lambda u, x: np.add(u, x, where=x > 0, out=x.copy()), "np.maximum": lambda u, x: np.maximum(u, 0),
    "np.maximum, 0 first": lambda u, x: np.maximum(0, u), "np.where": lambda u, x: np.where(x > 0, u, 0),
    "np.clip": lambda u, x: np.clip(u, -0.5, 0.5), "np.sum": lambda u, x: np.sum(u),
    "np.isnan": lambda u, x: bool(np.isnan(u).any()), "np.linalg.norm": lambda u, x: np.linalg.norm(u),
    "np.einsum": lambda u, x: np.einsum("nhwc,nhwc->nc", u, x), "np.dot": lambda u, x: np.dot(u, np.ones((16, 3))),
    "np.matmul": lambda u, x: np.matmul(u, np.ones((16, 3))),
    "np.tensordot": lambda u, x: np.tensordot(u, np.ones((16, 3)), 1), "np.pad": lambda u, x: np.pad(u, 1),
    "np.concatenate": lambda u, x: np.concatenate([u, x, u], axis=3), "np.stack": lambda u, x: np.stack([x, u]),
    "np.split": lambda u, x: np.split(u, 2, axis=3), "np.roll": lambda u, x: np.roll(u, 1, axis=1),
    "np.flip": lambda u, x: np.flip(u), "np.repeat": lambda u, x: np.repeat(u, 2, axis=1),
    "np.tile": lambda u, x: np.tile(u, (1, 2, 1, 1)), "np.sort": lambda u, x: np.sort(u),
    "np.percentile": lambda u, x: np.percentile(u, 90), "np.median": lambda u, x: np.median(u),
    "np.broadcast_to": lambda u, x: np.broadcast_to(u, (3, *u.shape)), "np.expand_dims": lambda u, x: np.expand_dims(u, 0),
    "np.allclose": lambda u, x: np.allclose(u, u), "np.array_equal": lambda u, x: np.array_equal(u, u.copy()),
    "np.take_along_axis": lambda u, x: np.take_along_axis(u, u.argmax(1)[:, None], 1),
    # methods
    "u.sum": lambda u, x: u.sum(axis=(1, 2)), "u.mean": lambda u, x: u.mean(axis=(1, 2)),
    "u.var": lambda u, x: u.var(axis=0), "u - u.mean": lambda u, x: u - u.mean(axis=(0, 1, 2), keepdims=True),
    "u.max": lambda u, x: u.max(), "u.std": lambda u, x: u.std(), "u.min": lambda u, x: u.min(axis=1),
    "u.clip": lambda u, x: u.clip(-0.5, 0.5), "u.any": lambda u, x: bool(u.any()),
    "float(u.sum())": lambda u, x: float(u.sum()), "f-string": lambda u, x: f"{abs(u).max():.3f} {u.shape}",
    # functions of the package
    "F.squeeze": lambda u, x: F.squeeze(u), "F.relu": lambda u, x: F.relu(u), "F.sigmoid": lambda u, x: F.sigmoid(u),
    "F.scale": lambda u, x: F.scale(u, x[:, 0, 0]), "F.conv2d": lambda u, x: F.conv2d(u, np.ones((3, 16, 1, 1))),
    "F.conv2d by names": lambda u, x: F.conv2d(w=np.ones((3, 16, 3, 3)), x=u, padding=1),
    "F.add_relu": lambda u, x: F.add_relu(x, u), "F.add_relu with itself": lambda u, x: F.add_relu(u, u),
    "F.avg_pool2d": lambda u, x: F.avg_pool2d(u, 2), "F.max_pool2d": lambda u, x: F.max_pool2d(u, 2),
    "F.relu_backward": lambda u, x: F.relu_backward(x, u),
    "F.batch_norm": lambda u, x: F.batch_norm(u, np.ones(16), np.zeros(16)),
    "F.linear": lambda u, x: F.linear(u[:, 0, 0], np.eye(16)),
    "F.se_block": lambda u, x: F.se_block(u, np.ones((4, 16)), np.ones((16, 4))),
}


# ---- writing

def statement(code):
    """A function of (u, x) that runs the statement and returns the value of `u` afterwards."""
    def run(u, x, compiled=compile(code, "a student's block", "exec")):
        names = dict(u=u, x=x, np=np)
        exec(compiled, names)
        return names["u"]
    return run


WRITING = {code: statement(code) for code in (
    "u[...] = 0.5", "u *= 2", "u += x", "u -= 1", "u /= 3", "u **= 2", "u[0] = 1", "u[x < 0] = 0", "u[u > 1] = 1",
    "np.add(u, x, out=u)", "np.multiply(u, 3, out=u, where=x > 0)")}
THROUGH_A_VIEW = {code: statement(code) for code in (
    "u[:, 0] += 1", "a = np.asarray(u); a *= 2", "a = u[1:]; a *= 2", "u.reshape(2, -1)[:, ::3] = 0",
    "for row in u: row *= 2", "u.T[0] = 0", "np.copyto(np.asarray(u), 0.25)", "u.fill(0.25)", "np.add.at(u, (0, 0), 1)",
    "u.sort(axis=1)",
    "u.flat[::2] = 0", "np.maximum(u, 0, out=np.asarray(u))")}


def compare_each(make):
    """For each value, compare the body that `make` builds from its function on both backends."""
    for name, value in VALUES.items():
        try:
            same(*on_both(make(value)))
        except Exception as error:
            raise AssertionError(f"the value was {name}") from error


@pytest.mark.parametrize("read", READING.values(), ids=READING)
def test_reading(read):
    """The block returns the result of `read`, then passes the value to other layers, which compute the same as ever."""
    def make(value):
        def body(b, x):
            u = value(b, x)
            return read(u, x), b.conv3(u), b.relu2(u), b.bn2(u), np.array(u)
        return body

    compare_each(make)


@pytest.mark.parametrize("write", (WRITING | THROUGH_A_VIEW).values(), ids=WRITING | THROUGH_A_VIEW)
def test_later_layers_see_what_was_written(write):
    def make(value):
        def body(b, x):
            u = write(value(b, x), x)
            return b.conv3(u), b.bn2(b.conv2(u)), b.relu2(u), np.array(u)
        return body

    compare_each(make)


def before_and_after(write, *layers):
    """A body that calls layers on a value, writes to the value, and returns the layers' results from before and after."""
    def make(value):
        def body(b, x):
            u = value(b, x)
            made = [getattr(b, name)(u) for name in layers] + [b.add(u, x), u + x, u * 2]
            u = write(u, x)
            return *made, b.conv2(made[0]), b.conv2(made[1]), b.conv3(u)
        return body
    return make


@pytest.mark.parametrize("write", WRITING.values(), ids=WRITING)
@pytest.mark.parametrize("layers", [("relu2", "se"), ("bn2", "relu2")], ids=["read once", "read later too"])
def test_earlier_results_do_not_change(write, layers):
    """A layer's result does not change when the block writes to its input; later layers use the new input."""
    compare_each(before_and_after(write, *layers))


@pytest.mark.parametrize("write", THROUGH_A_VIEW.values(), ids=THROUGH_A_VIEW)
def test_earlier_results_do_not_change_through_a_view(write):
    """Writing through a view raises an error if something pending still has to read the value."""
    compare_each(before_and_after(write, "relu2", "se"))
    for value in VALUES.values():
        with minisenet.use_backend("fused"), pytest.raises(ValueError, match="read-only"):
            Block(before_and_after(write, "bn2", "relu2")(value))(drawn_x())


def test_an_array_that_was_asked_for_may_be_written_into_once_a_layer_read_the_value():
    def make(value):
        def body(b, x):
            u = value(b, x)
            array = np.asarray(u)
            v = b.bn2(u)
            array[...] = 0
            return v, b.conv3(v)
        return body

    compare_each(make)


def test_the_input_may_be_written_into_once_a_layer_read_it():
    for value in VALUES.values():
        def body(b, x):
            x = x.copy()
            u = value(b, x)
            x[...] = 0
            return np.array(u), b.relu2(u), b.conv2(u)

        same(*on_both(body))


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_parameters_may_be_edited_once_a_layer_used_them(training):
    for value in VALUES.values():
        def body(b, x):
            b.train() if training else b.eval()
            u = value(b, x)
            for parameter in b.parameters().values():
                parameter.value[...] = 0.1
            for layer in (b.bn1, b.bn2):
                layer.running_mean[...], layer.running_var[...] = 3, 4
            return b.relu2(u), b.conv3(u), np.array(u)

        same(*on_both(body))


def test_the_same_layer_twice():
    """A layer's second call does not change the result of its first."""
    def body(b, x):
        u = b.relu1(b.bn1(b.conv1(x)))
        v = b.relu1(b.bn1(b.conv1(2 * x - 1)))
        return u + v, b.conv3(u), b.conv3(v)

    same(*on_both(body))


# ---- gradients

CHAINS = [("conv1", "bn1", "relu1", "conv3"), ("conv1", "bn1", "se", "relu1", "conv2"),
          ("bn1", "relu1", "se", "conv3", "bn2"), ("conv2", "se", "bn2", "relu2", "conv1", "relu1")]


class Chain(Layer):
    """A sequence of layers, whose backward does something with each gradient before it passes it to the next layer."""

    def __init__(self, names, use):
        block = Block()
        self.names, self.use, self.found = names, use, []
        for name in names:
            setattr(self, name, getattr(block, name))

    def forward(self, x):
        for name in self.names:
            x = getattr(self, name)(x)
        return x

    def backward(self, dy):
        for name in reversed(self.names):
            dy, found = self.use(getattr(self, name).backward(dy))
            self.found.append(found)
        return dy, *self.found


def compare_chains(use):
    x = drawn_x()
    for names in CHAINS:
        found = []
        for backend in ("numpy", "fused"):
            with minisenet.use_backend(backend):
                chain = Chain(names, lambda dy: use(dy, x))
                y = chain(x)
                found.append([*chain.backward(np.cos(y)), *(p.grad for p in chain.parameters().values())])
        try:
            same(*found)
        except Exception as error:
            raise AssertionError(f"the layers were {', '.join(names)}") from error


@pytest.mark.parametrize("read", READING.values(), ids=READING)
def test_reading_gradients(read):
    compare_chains(lambda dy, x: (dy, read(dy, x)))


@pytest.mark.parametrize("write", (WRITING | THROUGH_A_VIEW).values(), ids=WRITING | THROUGH_A_VIEW)
def test_earlier_layers_see_what_was_written_into_a_gradient(write):
    compare_chains(lambda dy, x: (write(dy, x), None))


@pytest.mark.parametrize("write", WRITING.values(), ids=WRITING)
def test_an_earlier_gradient_does_not_change(write):
    def use(dy, x):
        before = 2 * dy, dy + x, np.array(dy)
        return write(dy, x), before

    compare_chains(use)


@pytest.mark.parametrize("names", [("conv1", "bn1"), ("conv1", "bn1", "se"), ("conv1", "bn1", "relu1", "conv3")])
def test_an_upstream_gradient_may_be_written_into_once_a_layer_used_it(names):
    class Careless(Chain):
        def backward(self, dy):
            dy = dy.copy()
            dx = getattr(self, names[-1]).backward(dy)
            dy[...] = 0
            for name in reversed(names[:-1]):
                dx = getattr(self, name).backward(dx)
            return dx

    found = []
    for backend in ("numpy", "fused"):
        with minisenet.use_backend(backend):
            chain = Careless(names, None)
            dx = chain.backward(np.cos(chain(drawn_x())))
            found.append([dx, *(p.grad for p in chain.parameters().values())])
    same(*found)


CROSSED = {"one + other": lambda one, other: one + other, "other + one": lambda one, other: other + one,
           "other": lambda one, other: other}


@pytest.mark.parametrize("crossed", CROSSED.values(), ids=CROSSED)
def test_gradients_that_are_sent_another_way(crossed):
    """A student's backward may not match its forward: it still returns the same on every backend."""
    class Crossed(Block):
        def forward(self, x):
            u = self.conv1(x)
            return self.conv2(self.relu1(self.bn1(u))) + self.conv3(self.relu2(self.bn2(u)))

        def backward(self, dy):
            one, other = self.conv2.backward(dy), self.conv3.backward(dy)
            return self.conv1.backward(self.bn1.backward(self.relu1.backward(crossed(one, other))))

    found = []
    for backend in ("numpy", "fused"):
        with minisenet.use_backend(backend):
            block = Crossed()
            dx = block.backward(np.cos(block(drawn_x())))
            found.append([dx, *(layer.weight.grad for layer in (block.conv1, block.bn1, block.conv2, block.conv3))])
    same(*found)


def test_gradients_of_one_map_that_are_added_up_in_any_order():
    """Two convolutions read one map whose ReLU is pending, and its gradient has a third part."""
    class Forked(Block):
        def forward(self, x):
            u = self.relu1(self.bn1(self.conv1(x)))
            return self.conv2(u) + self.conv3(u)

        def backward(self, dy):
            one, other = self.conv2.backward(dy), self.conv3.backward(dy)
            return self.conv1.backward(self.bn1.backward(self.relu1.backward(self.body(one, other, drawn_x()))))

    for add_up in (lambda a, b, x: a + b, lambda a, b, x: a + x + b, lambda a, b, x: b + (x + a), lambda a, b, x: a + b + x,
                   lambda a, b, x: a + a, lambda a, b, x: (x + b) + (x + a), lambda a, b, x: a - b):
        found = []
        for backend in ("numpy", "fused"):
            with minisenet.use_backend(backend):
                block = Forked(add_up)
                dx = block.backward(np.cos(block(drawn_x())))
                found.append([dx, *(layer.weight.grad for layer in (block.conv1, block.bn1, block.conv2, block.conv3))])
        same(*found)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_a_constant_for_each_image_and_channel_joins_a_gradient(training):
    """As from a squeeze, but the map is not from a convolution, so the means of its images are not known."""
    class Gated(Block):
        def forward(self, x):
            self.u, self.s = self.bn1(x), np.linspace(0.2, 0.9, 32).reshape(2, 16)
            return F.scale(self.u, self.s)

        def backward(self, dy):
            du, _ = F.scale_backward(dy, self.u, self.s)
            once = du + np.broadcast_to(self.s[:, None, None], du.shape)
            return self.bn1.backward(np.broadcast_to(np.sin(self.s)[:, None, None], du.shape) + once)

    found = []
    for backend in ("numpy", "fused"):
        with minisenet.use_backend(backend):
            block = Gated().train() if training else Gated().eval()
            dx = block.backward(np.cos(block(drawn_x())))
            found.append([dx, block.bn1.weight.grad, block.bn1.bias.grad])
    same(*found)


@pytest.mark.parametrize("backend", ["numpy", "cython"])
def test_on_the_other_backends_every_value_is_an_array(backend):
    """A breakpoint in a block shows arrays, in the forward and in the backward."""
    types = set()
    with minisenet.use_backend(backend):
        for value in VALUES.values():
            Block(lambda b, x: types.add(type(value(b, x))) or x)(drawn_x())
        for names in CHAINS:
            chain = Chain(names, lambda dy: (dy, types.add(type(dy))))
            chain.backward(np.cos(chain(drawn_x())))
    assert types == {np.ndarray}


# ---- what leaves a block

def leaves(value):
    if isinstance(value, (tuple, list, dict)):
        return [leaf for item in (value.values() if isinstance(value, dict) else value) for leaf in leaves(item)]
    return [value]


@every_value
def test_a_block_returns_arrays(value):
    for make in (lambda u: u, lambda u: (u, u * 2), lambda u: [u, (u,)], lambda u: dict(u=u, more=[u])):
        want, got = on_both(lambda b, x: make(value(b, x)))
        same(leaves(want), leaves(got))


@every_value
def test_a_value_that_a_block_keeps_is_of_use_afterwards(value):
    """`self.features = u`, for use outside the block, as in Grad-CAM."""
    def body(b, x):
        b.features = value(b, x)
        return b.conv3(b.features)

    kept = []
    for backend in ("numpy", "fused"):
        with minisenet.use_backend(backend):
            block = Block(body)
            y = block(drawn_x())
            u = block.features
            kept.append([np.asarray(u), u.mean(axis=(1, 2)), u * 2, u + u, F.relu(u), F.scale(u, np.ones((2, 16))),
                         block.conv2(u), y])
    same(*kept)


class Watched(Layer):
    """Keeps every map and every gradient, as for Grad-CAM or for plots of gradients."""

    def __init__(self):
        block = Block()
        self.layers = [block.conv1, block.bn1, block.relu1, block.conv2, block.bn2, block.se, block.relu2, block.conv3]
        for i, layer in enumerate(self.layers):
            setattr(self, f"layer{i}", layer)

    def forward(self, x):
        self.kept = []
        for layer in self.layers:
            x = layer(x)
            self.kept.append(x)
        return x

    def backward(self, dy):
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
            self.kept.append(dy)
        return dy


def test_what_a_block_keeps_does_not_change_when_its_parameters_do():
    """An SGD step comes between the backward and the use of the maps and gradients."""
    found = []
    for backend in ("numpy", "fused"):
        with minisenet.use_backend(backend):
            block = Watched()
            y = block(drawn_x())
            block.backward(y)
            for parameter in block.parameters().values():
                parameter.value *= -0.7
            found.append([np.asarray(one) for one in block.kept])
    same(*found)


class Noting(Layer):
    """Notes in `given` the types of the arguments that a student's layer gets."""

    def forward(self, x):
        self.given = [type(x)]
        return x

    def backward(self, dy):
        self.given.append(type(dy))
        return dy


class NotingReLU(ReLU):
    def forward(self, x):
        self.given = [type(x)]
        return super().forward(x)


class NotingBackwardReLU(ReLU):
    def backward(self, dy):
        self.given = [type(dy)]
        return super().backward(dy)


def patched_relu():
    layer = ReLU()
    forward, layer.given = layer.forward, []
    layer.forward = lambda x: layer.given.append(type(x)) or forward(x)
    return layer


@pytest.mark.parametrize("make", [Noting, NotingReLU, NotingBackwardReLU, patched_relu])
def test_a_layer_of_ones_own_is_given_arrays(make):
    """In such a layer `isinstance(x, np.ndarray)` holds, and `x.ctypes` and `out=x` work."""
    for before, after in (("bn1", "conv3"), ("se", "bn2"), ("conv1", "se")):
        block, own = Block(), make()
        with minisenet.use_backend("fused"):
            model = Sequential(block.conv2, getattr(block, before), own, getattr(block, after))
            model.backward(model(drawn_x()))
        assert own.given and set(own.given) == {np.ndarray}


def test_a_block_within_a_block_returns_an_array():
    def body(b, x):
        b.inner = Block(VALUES["rectified"])
        return b.conv1(b.inner(x)), type(b.inner(x)) is np.ndarray

    same(*on_both(body))


@pytest.mark.parametrize("name", ["conv1", "bn1", "relu1", "se"])
def test_a_child_called_from_outside_returns_an_array(name):
    with minisenet.use_backend("fused"):
        block = Block(VALUES["end of a block"])
        block(drawn_x())
        layer = getattr(block, name)
        assert all(type(y) is np.ndarray for y in (layer(drawn_x()), layer.forward(drawn_x()), layer.backward(drawn_x())))


def test_an_exception_in_the_middle_of_a_forward_leaves_nothing_behind():
    def broken(b, x):
        b.bn1(b.conv1(x))
        raise ZeroDivisionError

    found = []
    for backend in ("numpy", "fused"):
        with minisenet.use_backend(backend):
            block = Sequential(Block(broken), ReLU())
            for _ in range(3):
                with pytest.raises(ZeroDivisionError):
                    block(drawn_x())
            inner = block.children()["0"]
            assert type(inner.conv1(drawn_x())) is np.ndarray
            inner.body = VALUES["end of a block"]
            found.append(block(drawn_x()))
    same(*found)


def test_an_exception_in_the_middle_of_a_backward_leaves_nothing_behind():
    class Broken(ReLU):
        def backward(self, dy):
            raise ZeroDivisionError

    block = BasicBlock(16, 16, reduction=4, rng=np.random.default_rng(0)).astype(np.float64)
    block.relu = Broken()
    with minisenet.use_backend("fused"):
        dy = np.ones_like(block(drawn_x()))
        with pytest.raises(ZeroDivisionError):
            block.backward(dy)
        assert type(block.conv1(drawn_x())) is np.ndarray and type(block.conv1.backward(drawn_x())) is np.ndarray


# ---- between forward and backward

def network():
    rng = np.random.default_rng(4)
    model = Sequential(
        Conv2d(16, 16, 3, padding=1, rng=rng), BatchNorm2d(16), ReLU(), BasicBlock(16, 16, reduction=4, rng=rng),
        BasicBlock(16, 20, stride=2, reduction=4, se_bias=True, rng=rng)).astype(np.float64)
    for parameter in model.parameters().values():
        parameter.value = parameter.value + rng.uniform(0, 0.2, parameter.value.shape)
    return model


def step(forward, backward, training=True, change=lambda model: model):
    """The network's output, gradients and state, with a change to it between its forward and its backward."""
    model = network()
    model.train() if training else model.eval()
    with minisenet.use_backend(forward):
        y = model(drawn_x()).copy()
    model = change(model)
    with minisenet.use_backend(backward):
        dx = model.backward(np.random.default_rng(5).standard_normal(y.shape))
    return [y, dx, *(p.grad for p in model.parameters().values()), *model.state_dict().values()]


either_mode = pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])


@either_mode
def test_a_model_may_be_copied_between_forward_and_backward(training):
    for change in copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model)):
        same(step("numpy", "numpy", training), step("fused", "fused", training, change))


@either_mode
def test_a_parameter_may_be_edited_in_place_between_forward_and_backward(training):
    """The backward uses the edited parameter, and the forward's results as they were, on every backend."""
    for name in network().parameters():
        def edit(model):
            model.parameters()[name].value *= -0.7
            return model

        try:
            same(step("numpy", "numpy", training, edit), step("fused", "fused", training, edit))
        except AssertionError as error:
            raise AssertionError(f"the parameter was {name}") from error


def test_running_statistics_may_be_edited_in_place_between_forward_and_backward():
    def edit(model):
        for name, layer in model.modules():
            if isinstance(layer, BatchNorm2d):
                layer.running_mean += 0.3
                layer.running_var *= 1.7
        return model

    for training in (True, False):
        same(step("numpy", "numpy", training, edit), step("fused", "fused", training, edit))


@either_mode
@pytest.mark.parametrize("other", ["numpy", "cython"])
def test_the_backend_may_be_switched_between_forward_and_backward(other, training):
    for forward, backward in (("fused", other), (other, "fused")):
        same(step("numpy", "numpy", training), step(forward, backward, training))


@either_mode
def test_the_mode_may_be_switched_between_forward_and_backward(training):
    def switch(model):
        return model.eval() if training else model.train()

    same(step("numpy", "numpy", training), step("fused", "fused", training, switch))


def test_inference_mode():
    def body(b, x):
        return b.add(b.se(b.bn1(b.conv1(x))), x)

    found = []
    for backend in ("numpy", "fused"):
        with minisenet.use_backend(backend), minisenet.inference_mode():
            block, model = Block(body).eval(), network().eval()
            found.append([block(drawn_x()), model(drawn_x())])
            assert all(layer._saved is None for each in (block, model) for _, layer in each.modules())
    same(*found)


# ---- what goes in

LAYOUTS = {"read-only": lambda a: a.setflags(write=False) or a, "strided": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
           "transposed": lambda a: np.ascontiguousarray(a.T).T, "reversed": lambda a: a[::-1],
           "another byte order": lambda a: a.astype(">f8"), "broadcast": lambda a: np.broadcast_to(a[:1], a.shape)}


@pytest.mark.parametrize("lay_out", LAYOUTS.values(), ids=LAYOUTS)
def test_any_layout_of_the_input(lay_out):
    x = lay_out(drawn_x())
    before = x.copy()
    for value in VALUES.values():
        want, got = on_both(lambda b, x: (np.array(value(b, x)), b.conv3(value(b, x))), x)
        same([one.astype(np.float64) for one in want], [one.astype(np.float64) for one in got])
    assert np.array_equal(x, before)


@every_value
def test_complex_input(value):
    """The bodies run under every backend, so a complex step works through whole blocks."""
    x = drawn_x() + 1e-30j * np.random.default_rng(2).standard_normal((2, 8, 9, 16))
    want, got = on_both(lambda b, x: b.conv3(value(b, x)), x, np.complex128)
    same(want, got)
    assert got.imag.any() and np.allclose(want.imag, got.imag, rtol=1e-9, atol=1e-42)


@every_value
def test_nan_passes_through(value):
    x = drawn_x()
    x[1, 3, 4, 5] = np.nan
    want, got = on_both(lambda b, x: (np.array(value(b.eval(), x)), b.relu2(value(b, x))), x)
    for one, other in zip(want, got):
        assert np.isnan(one).any() and (np.isnan(one) <= np.isnan(other)).all(), "a NaN of the NumPy backend is missing"


def fresh(layer, *args, **options):
    return layer(*args, **options, **({} if layer is BatchNorm2d else dict(rng=np.random.default_rng(0))))


BAD = {
    "float32 into float64": (lambda b, x: normalised(b, x), drawn_x(dtype=np.float32)),
    "integers": (lambda b, x: b.conv1(x), np.ones((2, 8, 8, 16), int)),
    "channels first": (lambda b, x: b.relu1(b.conv1(x)), drawn_x((2, 16, 8, 8))),
    "two dimensions": (lambda b, x: b.conv1(x), drawn_x((2, 16))),
    "a sum of two shapes": (lambda b, x: b.conv3(normalised(b, x) + x[:, :-1]), drawn_x()),
    "an end of two shapes": (lambda b, x: b.add(normalised(b, x), x[:, :-1]), drawn_x()),
    "a convolution of the wrong width": (lambda b, x: fresh(Conv2d, 8, 8, 1).astype(float)(normalised(b, x)), drawn_x()),
    "a batch norm of the wrong width": (lambda b, x: fresh(BatchNorm2d, 8).astype(float)(b.conv1(x)), drawn_x()),
    "an SE block of the wrong width": (lambda b, x: fresh(SEBlock, 8, reduction=2).astype(float)(b.conv1(x)), drawn_x()),
    "a float32 batch norm": (lambda b, x: b.relu1(fresh(BatchNorm2d, 16)(b.conv1(x))), drawn_x()),
    "a float32 convolution": (lambda b, x: b.relu1(fresh(Conv2d, 16, 16, 3)(b.relu1(normalised(b, x)))), drawn_x()),
    "a float32 SE block": (lambda b, x: b.relu1(fresh(SEBlock, 16, reduction=2)(normalised(b, x))), drawn_x()),
    "one value per channel": (lambda b, x: b.relu1(normalised(b, x)), drawn_x((1, 1, 1, 16))),
    "an empty batch": (lambda b, x: b.relu1(normalised(b, x)), drawn_x((0, 8, 8, 16))),
    "the truth of a map": (lambda b, x: bool(normalised(b, x)), drawn_x()),
    "the float of a map": (lambda b, x: float(normalised(b, x)), drawn_x()),
    "an index that is not there": (lambda b, x: normalised(b, x)[2], drawn_x()),
    "no attribute": (lambda b, x: normalised(b, x).mode(), drawn_x()),
}


@pytest.mark.parametrize("body, x", BAD.values(), ids=BAD)
def test_a_bad_argument_is_the_same_error(body, x):
    errors = []
    for backend in ("numpy", "fused"):
        with minisenet.use_backend(backend), pytest.raises(Exception) as caught:
            Block(body)(x)
        errors.append(caught.value)
    want, got = errors
    assert type(got) is type(want) and (str(got) == str(want) or type(want) is AttributeError)


@pytest.mark.parametrize("wrong", [lambda dy: dy[:, :-1], lambda dy: dy.astype(np.float32), lambda dy: dy[0]],
                         ids=["shape", "dtype", "rank"])
def test_a_bad_upstream_gradient_is_the_same_error(wrong):
    for stop in range(1, 6):
        errors = []
        for backend in ("numpy", "fused"):
            model = Sequential(*list(network().children().values())[:stop])
            with minisenet.use_backend(backend), pytest.raises((TypeError, ValueError)) as caught:
                y = model(drawn_x())
                model.backward(wrong(y))
            errors.append(caught.value)
        assert type(errors[0]) is type(errors[1])


# ---- classes that are patched, and threads

def test_a_class_may_be_patched(monkeypatch):
    """`ReLU.forward = ...` changes every existing ReLU, in the middle of a session."""
    same(step("numpy", "numpy"), step("fused", "fused"))
    monkeypatch.setattr(ReLU, "forward", lambda self, x: np.where(x > 0, x, 0.1 * x) + 0 * setattr_saved(self, x))
    monkeypatch.setattr(ReLU, "backward", lambda self, dy: np.where(self._pop_saved() > 0, dy, 0.1 * dy))
    leaky = step("numpy", "numpy")
    same(leaky, step("fused", "fused"))
    monkeypatch.undo()
    same(step("numpy", "numpy"), step("fused", "fused"))
    assert not np.allclose(leaky[0], step("numpy", "numpy")[0])


def setattr_saved(layer, x):
    layer._saved = np.array(x)
    return 1


def test_branches_of_a_block_may_run_in_threads():
    def body(b, x):
        u = normalised(b, x)
        with ThreadPoolExecutor(2) as pool:
            one, other = pool.map(lambda layer: layer(u), (b.conv2, b.conv3))
        return one + other, b.relu1(u)

    same(*on_both(body))


def test_threads_run_models_at_once():
    """Each thread keeps track of whether it is inside a block."""
    want, results, together = step("numpy", "numpy"), [None] * 4, threading.Barrier(4)
    dy = np.random.default_rng(5).standard_normal(want[0].shape)

    def work(i):
        model, found = network(), []
        state = model.state_dict()
        together.wait()
        for _ in range(10):
            model.load_state_dict(state)
            y = model(drawn_x())
            dx = model.backward(dy)
            found.append([y, dx, *(p.grad for p in model.parameters().values()), *model.state_dict().values()])
            assert type(model.children()["0"](drawn_x())) is np.ndarray
        results[i] = found

    with minisenet.use_backend("fused"):
        threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for found in results:
        assert found is not None, "a thread died"
        for one in found:
            same(want, one)


def test_an_array_that_was_asked_for_stays_the_values_own():
    """a = np.asarray(u) before a batch norm reads u: writing to a changes the input of later layers, not the norm's result."""
    def make(value):
        def body(b, x):
            u = value(b, x)
            a = np.asarray(u)
            v = b.bn2(u)
            a *= 2
            return b.conv2(u), v
        return body

    compare_each(make)
