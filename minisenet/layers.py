"""Layers hold the state: parameters, their gradients, running statistics, and what a forward saved for its backward.

They have no mathematics of their own: each `forward` and `backward` calls `minisenet.functional`.

    y = layer.forward(x)        saves what the backward needs
    dx = layer.backward(dy)     overwrites every parameter's .grad, and uses up what was saved
    dx = layer.backward(dy, plus=other)         backward(dy) + other, if x is used twice
"""
import contextlib
import functools
import inspect
from collections.abc import Mapping

import numpy as np

import minisenet.functional as F
from minisenet import arguments, random
from minisenet.backend.values import deferring, formed
from minisenet.functional.deferred import as_gradient, as_map

_inference = False      # while True no forward saves anything


@contextlib.contextmanager
def inference_mode():
    """`with minisenet.inference_mode():` forward passes save nothing, so a map is freed once the next exists.

    Batch norm does not change: call `model.eval()` too. The mode holds for the whole process, not for one thread. A backward
    of a forward inside is a RuntimeError.
    """
    global _inference
    before, _inference = _inference, True
    try:
        yield
    finally:
        _inference = before


class Parameter:
    """A trainable array: `Parameter(value, decay=True)`.

    Attributes
    ----------
    value : ndarray
        May be edited in place at any time: nothing caches it.
    grad : ndarray or None
        The gradient from the last backward, with the shape of `value`. None before the first backward.
    decay : bool
        Whether weight decay applies: true for weights, false for biases and batch norm.
    """

    def __init__(self, value, *, decay=True):
        self.value, self.grad, self.decay = value, None, decay

    def __repr__(self):
        return f"Parameter{self.value.shape}"


_PREPARE = dict(forward=as_map, backward=as_gradient)


def _passing_values(name, method, signature_of=None):
    """A forward or a backward that gets deferred values if the layer supports them, and arrays if not."""
    taken, prepare = inspect.signature(signature_of or method).parameters, _PREPARE[name]

    @functools.wraps(method)
    def passing(self, *values, **options):
        deferred = self.takes_deferred()
        values = map(prepare if deferred else formed, values)
        plus = None
        if options:
            plus = formed(options.pop("plus", None)) if "plus" not in taken else None
            if "input_gradient" not in taken:
                options.pop("input_gradient", None)
        with deferring() as depth:
            result = method(self, *values, **options)
            if plus is not None:
                result = result + plus
        return result if deferred and depth > 1 else formed(result)
    passing.passes_values = True
    return passing


class Layer:
    """The base of everything with a forward and a backward. Its attributes that are layers are its children, in order.

    A layer maps arrays to arrays. `class MyLayer(Layer, deferred=True)` says that its forward and backward also support the
    deferred values of `minisenet.functional.deferred`, and may return them. Say so for a layer that only passes its input to
    functions of `minisenet.functional` or to other layers. It holds for these two methods alone: a subclass that overrides
    one of them gets arrays again, unless it says `deferred=True` too.

    Inside the forward or the backward of another layer, a value between layers may be deferred. It works as an array does. A
    call from outside returns an array.
    """

    training = True
    buffers = ()        # the names of attributes that are arrays of state, but not trained
    _kept = None
    _takes_deferred = None      # the forward and the backward of the class that said deferred=True

    def __init_subclass__(cls, deferred=False, **options):
        super().__init_subclass__(**options)
        for name in _PREPARE:
            method = getattr(cls, name)
            if inspect.isfunction(method) and not hasattr(method, "passes_values"):
                setattr(cls, name, _passing_values(name, method))
        if deferred:
            cls._takes_deferred = cls.forward, cls.backward

    @property
    def _saved(self):
        """What the last forward saved for its backward."""
        return self._kept

    @_saved.setter
    def _saved(self, saved):
        self._kept = None if _inference else saved

    def __setattr__(self, name, value):
        if name in _PREPARE and callable(value):            # a method of this one object, in place of its class's
            value = _passing_values(name, lambda _, *args, call=value, **options: call(*args, **options), value).__get__(self)
        super().__setattr__(name, value)

    def forward(self, x):
        raise NotImplementedError

    def backward(self, dy):
        raise NotImplementedError

    def __call__(self, *x):
        return self.forward(*x)

    def takes_deferred(self):
        """Whether this layer's forward and backward are those of the class that said `deferred=True`."""
        cls, own = type(self), vars(self)
        return cls._takes_deferred == (cls.forward, cls.backward) and "forward" not in own and "backward" not in own

    def _pop_saved(self):
        """What forward saved. A second call without another forward is a RuntimeError."""
        saved, self._saved = self._saved, None
        if saved is None:
            raise RuntimeError(f"{type(self).__name__}.backward must follow a forward, one for each backward: call forward first, "
                               "outside inference_mode")
        return saved

    # -- the tree of layers

    def children(self):
        """dict: attribute name -> child layer."""
        return {name: value for name, value in vars(self).items() if isinstance(value, Layer)}

    def modules(self, prefix=""):
        """Yield (dotted name, layer) for this layer and all layers below it."""
        yield prefix, self
        for name, child in self.children().items():
            yield from child.modules(f"{prefix}.{name}" if prefix else name)

    def _named(self, wanted):
        return {f"{prefix}.{name}" if prefix else name: (layer, name)
                for prefix, layer in self.modules() for name in wanted(layer)}

    def parameters(self):
        """dict: dotted name -> Parameter."""
        named = self._named(lambda layer: [k for k, v in vars(layer).items() if isinstance(v, Parameter)])
        return {key: getattr(layer, name) for key, (layer, name) in named.items()}

    def train(self):
        """Switch to training mode: batch norm uses the batch's statistics. Returns self."""
        return self._set_training(True)

    def eval(self):
        """Switch to evaluation mode: batch norm uses the running statistics. backward works here too. Returns self."""
        return self._set_training(False)

    def _set_training(self, training):
        for _, layer in self.modules():
            layer.training = training
        return self

    # -- state

    def _state(self):
        """dict: dotted name -> (owner, attribute) of each array of state: a Parameter's value or a buffer."""
        state = {key: (parameter, "value") for key, parameter in self.parameters().items()}
        return state | self._named(lambda layer: layer.buffers)

    def state_dict(self):
        """dict: dotted name -> a copy of each parameter and running statistic, with PyTorch's names."""
        return {key: getattr(owner, name).copy() for key, (owner, name) in self._state().items()}

    def load_state_dict(self, state):
        """Copy arrays into this layer, by name and in its dtype. PyTorch's `num_batches_tracked` is ignored.

        Raises
        ------
        TypeError
            If `state` is not a dict.
        ValueError
            If a name is missing or unknown, or if a shape differs. Then nothing is changed.
        """
        if not isinstance(state, Mapping):
            raise TypeError(f"state must be a dict of arrays, as state_dict returns it, got {type(state).__name__}")
        own = self._state()
        state = {key: np.asarray(value) for key, value in state.items() if not key.endswith("num_batches_tracked")}
        missing, unknown = [k for k in own if k not in state], [k for k in state if k not in own]
        if missing or unknown:
            got = " and ".join(filter(None, (_some("lacks", missing), _some("has the unknown", unknown))))
            raise ValueError(f"state must have this model's names, got one that {got}: build the model that it comes from")
        for key, (owner, name) in own.items():
            if getattr(owner, name).shape != state[key].shape:
                raise ValueError(f"{key} must have shape {getattr(owner, name).shape}, got {state[key].shape}: build the model "
                                 "that the state comes from")
        for key, (owner, name) in own.items():
            setattr(owner, name, np.array(state[key], getattr(owner, name).dtype, order="C"))

    def astype(self, dtype):
        """Convert every array of state to `dtype` (float32 to train, float64 to check). Returns self."""
        for owner, name in self._state().values():
            setattr(owner, name, getattr(owner, name).astype(dtype))
        return self


def _some(verb, names):
    return f"{verb} {', '.join(names[:3])}{f' and {len(names) - 3} more' * (len(names) > 3)}" if names else ""


def he_normal(rng, shape, fan):
    """He et al. 2015: normal with variance 2 / fan, which keeps a ReLU network's variance from layer to layer."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, got {type(rng).__name__}: use np.random.default_rng(seed)")
    return (rng.standard_normal(shape) * np.sqrt(2 / fan)).astype(np.float32)


def _sizes(**named):
    return [arguments.integer(name, size, 1) for name, size in named.items()]


class Conv2d(Layer, deferred=True):
    """F_tr of section 3, eq. (1). `weight` is (C_out, C_in / groups, KH, KW).

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, padding, dilation : int or (int, int)
    groups : int
    bias : bool
    rng : numpy.random.Generator
        Draws the He initialisation, with the fan-out (He et al. 2015, eq. 14).

    Raises
    ------
    TypeError, ValueError
        If a size is not an int of at least 1, or if groups do not divide the channels.
    """

    def __init__(self, in_channels, out_channels, kernel_size, *, stride=1, padding=0, dilation=1, groups=1, bias=False, rng):
        kernel = arguments.pair("kernel_size", kernel_size, 1)
        in_channels, out_channels = _sizes(in_channels=in_channels, out_channels=out_channels)
        groups = arguments.integer("groups", groups, 1)
        if in_channels % groups or out_channels % groups:
            raise ValueError(f"groups must divide in_channels {in_channels} and out_channels {out_channels}, got {groups}")
        shape = (out_channels, in_channels // groups, *kernel)
        self.weight = Parameter(he_normal(rng, shape, out_channels // groups * kernel[0] * kernel[1]))
        self.bias = Parameter(np.zeros(out_channels, np.float32), decay=False) if bias else None
        self.options = dict(stride=stride, padding=padding, dilation=dilation, groups=groups)

    def forward(self, x):
        y = F.conv2d(x, self.weight.value, self.bias and self.bias.value, **self.options)
        self._saved = x
        return y

    def backward(self, dy, *, input_gradient=True, plus=None):
        dx, self.weight.grad, db = F.conv2d_backward(dy, self._pop_saved(), self.weight.value, **self.options, plus=plus,
                                                     bias=self.bias is not None, input_gradient=input_gradient)
        if self.bias:
            self.bias.grad = db
        return dx


class BatchNorm2d(Layer, deferred=True):
    """Batch norm over (N, H, W). `weight` is gamma and `bias` is beta, as PyTorch names them.

    Parameters
    ----------
    channels : int
    eps : float
    momentum : float
        The weight of the new batch in the running statistics. `running_var` is an average of unbiased variances.
    """

    buffers = ("running_mean", "running_var")

    def __init__(self, channels, *, eps=1e-5, momentum=0.1):
        channels, = _sizes(channels=channels)
        self.weight = Parameter(np.ones(channels, np.float32), decay=False)
        self.bias = Parameter(np.zeros(channels, np.float32), decay=False)
        self.running_mean, self.running_var = np.zeros(channels, np.float32), np.ones(channels, np.float32)
        self.eps, self.momentum = eps, momentum

    def forward(self, x):
        gamma, beta = self.weight.value, self.bias.value
        if not self.training:
            y = F.batch_norm_inference(x, gamma, beta, self.running_mean, self.running_var, eps=self.eps)
            self._saved = x, self.running_mean, self.running_var, F.batch_norm_inference_backward
            return y
        y, mean, var = F.batch_norm(x, gamma, beta, eps=self.eps)
        self._saved = x, mean, var, F.batch_norm_backward
        self.update_running_statistics(mean, var, x.size // x.shape[3])
        return y

    def update_running_statistics(self, mean, var, m):
        """Move the running statistics towards those of a batch with m values for each channel."""
        self.running_mean = self._moved(self.running_mean, mean)
        self.running_var = self._moved(self.running_var, var * (m / (m - 1)))

    def _moved(self, running, new):
        return (running + self.momentum * (new - running)).astype(running.dtype, copy=False)

    def backward(self, dy):
        x, mean, var, gradient = self._pop_saved()
        dx, self.weight.grad, self.bias.grad = gradient(dy, x, self.weight.value, mean, var, eps=self.eps)
        return dx


class ReLU(Layer, deferred=True):
    """delta in eq. (3), for an array of any shape."""

    def forward(self, x):
        self._saved = y = F.relu(x)
        return y

    def backward(self, dy):
        return F.relu_backward(dy, self._pop_saved())


class AddReLU(Layer, deferred=True):
    """The sum at the end of a residual block, and the ReLU after it: y = relu(u + x). Its backward returns (du, dx)."""

    def forward(self, u, x):
        self._saved = y = F.add_relu(u, x)
        return y

    def backward(self, dy):
        return F.add_relu_backward(dy, self._pop_saved())


class Linear(Layer):
    """A fully connected layer. `weight` is (out, in).

    Parameters
    ----------
    in_features, out_features : int
    bias : bool
    rng : numpy.random.Generator
        Draws the He initialisation, with the fan-in.
    """

    def __init__(self, in_features, out_features, *, bias=True, rng):
        in_features, out_features = _sizes(in_features=in_features, out_features=out_features)
        self.weight = Parameter(he_normal(rng, (out_features, in_features), in_features))
        self.bias = Parameter(np.zeros(out_features, np.float32), decay=False) if bias else None

    def forward(self, x):
        y = F.linear(x, self.weight.value, self.bias and self.bias.value)
        self._saved = x
        return y

    def backward(self, dy):
        dx, self.weight.grad, db = F.linear_backward(dy, self._pop_saved(), self.weight.value, bias=self.bias is not None)
        if self.bias:
            self.bias.grad = db
        return dx


class Squeeze(Layer, deferred=True):
    """Global average pooling, eq. (2): (N, H, W, C) to (N, C). A ResNet has one before its last layer too."""

    def forward(self, u):
        z = F.squeeze(u)
        self._saved = u.shape[1:3]
        return z

    def backward(self, dz):
        return F.squeeze_backward(dz, *self._pop_saved())


class Flatten(Layer):
    """(N, H, W, C) to (N, H W C), before a fully connected layer."""

    def forward(self, x):
        x, = arguments.arrays(x=(x, 4))
        self._saved = x.shape
        return x.reshape(len(x), -1)

    def backward(self, dy):
        shape = self._pop_saved()
        dy, = arguments.arrays(dy=(dy, 2, (shape[0], shape[1] * shape[2] * shape[3])))
        return dy.reshape(shape)


class MaxPool2d(Layer):
    """The largest value of each window; see `minisenet.functional.max_pool2d` for the parameters."""

    def __init__(self, kernel_size, *, stride=None, padding=0, ceil_mode=False):
        self.kernel_size, self.options = kernel_size, dict(stride=stride, padding=padding, ceil_mode=ceil_mode)

    def forward(self, x):
        y, argmax = F.max_pool2d(x, self.kernel_size, **self.options)
        self._saved = argmax, x.shape
        return y

    def backward(self, dy):
        return F.max_pool2d_backward(dy, *self._pop_saved())


class AvgPool2d(Layer):
    """The mean of each window; see `minisenet.functional.avg_pool2d` for the parameters."""

    def __init__(self, kernel_size, *, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
        self.kernel_size = kernel_size
        self.options = dict(stride=stride, padding=padding, ceil_mode=ceil_mode, count_include_pad=count_include_pad)

    def forward(self, x):
        y = F.avg_pool2d(x, self.kernel_size, **self.options)
        self._saved = x.shape
        return y

    def backward(self, dy):
        return F.avg_pool2d_backward(dy, self._pop_saved(), self.kernel_size, **self.options)


class Concat(Layer):
    """The channels of several maps, one after the other. Its backward returns one gradient for each map."""

    def forward(self, *xs):
        y = F.concat(*xs)
        self._saved = [x.shape[3] for x in xs]
        return y

    def backward(self, dy):
        return F.concat_backward(dy, *self._pop_saved())


class ChannelShuffle(Layer):
    """ShuffleNet's shuffle; see `minisenet.functional.channel_shuffle`."""

    def __init__(self, groups):
        self.groups, = _sizes(groups=groups)

    def forward(self, x):
        y = F.channel_shuffle(x, self.groups)
        self._saved = ()
        return y

    def backward(self, dy):
        self._pop_saved()
        return F.channel_shuffle_backward(dy, self.groups)


class Random(Layer):
    """The base of layers that draw numbers in training. What they draw is a pure function of `seed` and `step`.

    Attributes
    ----------
    seed : int
        Drawn from `rng`, so that the layers of a network differ.
    step : int
        The number of the next training step. A forward in training mode counts it up; `minisenet.fit` sets it, so that a
        resumed run draws what an uninterrupted one does.
    """

    def __init__(self, *, rng):
        self.seed, self.step = int(rng.integers(1 << 32)), 0

    def next_step(self):
        """The number of this training step."""
        self.step += 1
        return self.step - 1


class Dropout(Random):
    """Dropout with probability p in training; the identity otherwise. See `minisenet.functional.dropout`."""

    def __init__(self, p, *, rng):
        super().__init__(rng=rng)
        self.p = arguments.real_number("p", p, least=0, below=1)

    def forward(self, x):
        if not self.training or self.p == 0:
            self._saved = (None,)
            return x
        y, mask = F.dropout(x, self.p, seed=self.seed, step=self.next_step())
        self._saved = (mask,)
        return y

    def backward(self, dy):
        mask, = self._pop_saved()
        return dy if mask is None else F.dropout_backward(dy, mask)


class Shake(Random):
    """The random mix of two branches; see `minisenet.functional.shake`. Its backward returns (du1, du2).

    In training alpha is uniform in [0, 1) for each image, and so is beta, or 0.5 with `even`. Otherwise both are 0.5.
    """

    def __init__(self, *, even=False, rng):
        super().__init__(rng=rng)
        self.even = even

    def forward(self, u1, u2):
        alpha = beta = np.full(len(u1), 0.5)
        if self.training:
            step, images = self.next_step(), np.arange(len(u1))
            alpha = random.uniform(self.seed, random.ALPHA, step, images)
            beta = beta if self.even else random.uniform(self.seed, random.BETA, step, images)
        y = F.shake(u1, u2, alpha.astype(u1.dtype))
        self._saved = beta.astype(u1.dtype)
        return y

    def backward(self, dy):
        return F.shake_backward(dy, self._pop_saved())


class Sequential(Layer, deferred=True):
    """Layers in sequence; backward runs them in reverse order. The children's names are 0, 1, 2, … or those that are given."""

    def __init__(self, *layers, **named):
        for name, layer in (dict(enumerate(layers)) | named).items():
            setattr(self, str(name), layer)

    def forward(self, x):
        for layer in self.children().values():
            x = layer.forward(x)
        return x

    def backward(self, dy, *, input_gradient=True):
        first, *others = self.children().values()
        for layer in reversed(others):
            dy = layer.backward(dy)
        return first.backward(dy, input_gradient=input_gradient)
