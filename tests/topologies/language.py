"""A small language for whole networks: a test can draw them, run them, and print them as code.

A `Topology` is a list of nodes. Value 0 is the input x, node i computes value i, and the last value is the output:

    check(Topology((2, 8, 8, 16), [
        Node("Conv", 0, out=16, kernel=3, padding=1),
        Node("BN", 1),
        Node("Sum", 2, 0),
    ]))

`Graph` runs it like a student's block: a subclass of `Layer`. Its forward calls the layers and adds, joins or cuts their
results. Its backward goes through them in reverse and adds up the gradients of a value that was used more than once. `repr`
returns the code above; to run it, add `from topologies import *` and put tests/ on the path.
"""
from types import MethodType

import numpy as np

import minisenet.functional as F
from minisenet import random
from minisenet.blocks import BasicBlock, Bottleneck, SEBlock
from minisenet.layers import (AddReLU, AvgPool2d, BatchNorm2d, ChannelShuffle, Concat, Conv2d, Dropout, Layer, Linear, MaxPool2d,
                              ReLU, Sequential, Shake, Squeeze)

from . import student_layers


def written(value, indent=""):
    """The code of a value; a list of nodes has one line per node."""
    if not isinstance(value, list):
        return repr(value)
    lines = "".join(f"{indent}    {node.code(indent + '    ')},\n" for node in value)
    return f"[\n{lines}{indent}]"


class Node:
    """One step of a topology: its kind, the numbers of its input values, and its options."""

    def __init__(self, kind, *inputs, **options):
        self.kind, self.inputs, self.options = kind, inputs, options

    def code(self, indent=""):
        options = [f"{name}={written(value, indent)}" for name, value in self.options.items()]
        return f"Node({', '.join([repr(self.kind), *map(str, self.inputs), *options])})"

    __repr__ = code

    def graph_shape(self):
        """The node's part in the shape of the graph: its kind, its inputs, and the same for the nodes within."""
        return self.kind, self.inputs, tuple(n.graph_shape() for n in self.options.get("nodes", ()))


class Topology:
    """A network, with the shape and memory layout of its input.

    `seed` determines x, the weights and the upstream gradient. `sums` is the way to add up gradients: "plus"
    (`backward(dy, plus=other)`), "new first" or "old first".
    """

    def __init__(self, shape, nodes, training=True, seed=0, memory="plain", sums="plus"):
        self.shape, self.nodes, self.training, self.seed, self.memory, self.sums = shape, nodes, training, seed, memory, sums

    def __repr__(self):
        return (f"Topology({self.shape}, {written(self.nodes)}, training={self.training}, seed={self.seed}, "
                f"memory={self.memory!r}, sums={self.sums!r})")

    def graph_shape(self):
        return tuple(node.graph_shape() for node in self.nodes)


# ---- the layers of each kind: (channels of the first input, rng, options) -> a layer

def students(*names):
    return {name: getattr(student_layers, name) for name in names}


SE = {"SE": SEBlock} | students("MaxSE", "OwnSE", "GatesOnlySE", "BySuperSE", "HalvedSE")
ACTIVATIONS = {"ReLU": ReLU} | students("Sigmoid", "Swish", "LeakyReLU", "Tanh", "GuidedReLU", "ShiftedReLU")
ARITHMETIC = students(
    "Centre", "InPlace", "Crop", "Pad", "Flip", "Shuffle", "AppendMean", "PixelNorm", "MaskedNoise", "Split",
    "NormalisedGradient", "ClippedGradient", "StraightThrough", "ReversedGradient", "StopGradient")


def conv(c, rng, out, kernel=1, **options):
    return Conv2d(c, out, kernel, **options, rng=rng)


def residual(block, c, rng, out, replaced=(), **options):
    """A residual block of the package with some layers replaced: `replaced` is ((attribute, node), ...)."""
    block = block(c, out, **options, rng=rng)
    for name, node in replaced:
        layer = getattr(block, name)
        weight = getattr(layer.fc1 if name == "se" else layer, "weight", None)
        setattr(block, name, made(node, weight.value.shape[1] if weight else c, rng))
    return block


class OneStep:
    """A layer that draws numbers, and draws the same ones at each step: a check calls its forward several times."""

    def next_step(self):
        return 0


class OneDropout(OneStep, Dropout):
    pass


class OneShake(OneStep, Shake):
    """Forward and backward with different weights: not a gradient."""

    TRUE_GRADIENT = False


class EqualShake(OneShake):
    """Forward and backward with the same weights."""

    TRUE_GRADIENT = True

    def forward(self, u1, u2):
        y = super().forward(u1, u2)
        if self.training:
            self._saved = random.uniform(self.seed, random.ALPHA, 0, np.arange(len(u1))).astype(u1.dtype)
        return y


LAYERS = {
    "Conv": conv,
    "ChannelShuffle": lambda c, rng, groups: ChannelShuffle(groups),
    "Dropout": lambda c, rng, p: OneDropout(p, rng=rng),
    "Shake": lambda c, rng: OneShake(rng=rng),
    "EqualShake": lambda c, rng: EqualShake(rng=rng),
    "Join": lambda c, rng: Concat(),
    "BN": lambda c, rng, **options: BatchNorm2d(c, **options),
    "MaxPool": lambda c, rng, **options: MaxPool2d(**options),
    "AvgPool": lambda c, rng, **options: AvgPool2d(**options),
    "Squeeze": lambda c, rng: Squeeze(),
    "Linear": lambda c, rng, out, **options: Linear(c, out, **options, rng=rng),
    "Basic": lambda c, rng, **options: residual(BasicBlock, c, rng, **options),
    "Bottleneck": lambda c, rng, **options: residual(Bottleneck, c, rng, **options),
    "Block": lambda c, rng, nodes: Graph(nodes, c, rng),
    "DeferredBlock": lambda c, rng, nodes: DeferredGraph(nodes, c, rng),
    "AddReLU": lambda c, rng: AddReLU(),
    "Sequential": lambda c, rng, nodes: Sequential(*chain(nodes, c, rng)),
}
LAYERS |= {"AddLayer": lambda c, rng: student_layers.Add(), "ScaleLayer": lambda c, rng: student_layers.ScaleBy(),
           "ConcatLayer": lambda c, rng: student_layers.ConcatenateList()}
LAYERS |= {name: (lambda c, rng, cls=cls, **options: cls(c, **options, rng=rng)) for name, cls in SE.items()}
LAYERS |= {name: (lambda c, rng, cls=cls: cls()) for name, cls in {**ACTIVATIONS, **ARITHMETIC}.items()}


def chain(nodes, c, rng):
    for node in nodes:
        yield made(node, c, rng)
        c = channels_of(node, [c])


def made(node, c, rng):
    """The layer of a node. `variant` is a student's change to it; `frozen` means that it is never in training mode."""
    options = dict(node.options)
    variant, frozen = options.pop("variant", None), options.pop("frozen", False)
    layer = LAYERS[node.kind](c, rng, **options)
    if variant:
        VARIANTS[variant](layer)
    if frozen:
        layer.frozen = True
    return layer


def channels_of(node, inputs):
    """The number of channels of a node's value, from those of its inputs."""
    kind, c = node.kind, inputs[0] if inputs else 0
    if kind in ("Conv", "Linear", "Basic"):
        return node.options["out"]
    if kind == "Bottleneck":
        return 4 * node.options["out"]
    if kind in ("Concat", "ConcatLayer", "Join"):
        return sum(inputs)
    if kind == "AppendMean":
        return c + 1
    if kind == "Split":
        return max(c // 2, 1)
    if kind == "CutChannels":
        return (c + 1) // 2
    if kind in ("Block", "DeferredBlock", "Sequential"):
        channels = [c]
        for inner in node.options["nodes"]:
            read = [len(channels) - 1] if kind == "Sequential" else inner.inputs
            channels.append(channels_of(inner, [channels[i] for i in read]))
        return channels[-1]
    return c


# ---- students' changes to layers

def subclassed(**methods):
    """Turn the layer into an instance of a new subclass; each method gets the parent class and the layer."""
    def change(layer):
        above = type(layer)
        body = {name: (lambda self, *args, method=method, **options: method(above, self, *args, **options))
                for name, method in methods.items() if callable(method)}
        body |= {name: value for name, value in methods.items() if not callable(value)}
        layer.__class__ = type(f"Own{above.__name__}", (above,), body)
    return change


def patched(**methods):
    """Replace methods of the instance; each gets the old method."""
    def change(layer):
        for name, method in methods.items():
            setattr(layer, name, lambda *args, old=getattr(layer, name), method=method: method(old, *args))
    return change


VARIANTS = {
    "subclass that overrides nothing": subclassed(),
    "subclass by super()": subclassed(forward=lambda above, self, x: above.forward(self, x),
                                      backward=lambda above, self, dy: above.backward(self, dy)),
    "subclass with forward by super()": subclassed(forward=lambda above, self, x: above.forward(self, x)),
    "subclass with backward by super()": subclassed(backward=lambda above, self, dy: above.backward(self, dy)),
    "subclass that doubles": subclassed(forward=lambda above, self, x: above.forward(self, x) * 2,
                                        backward=lambda above, self, dy: above.backward(self, 2 * dy)),
    "subclass that shifts": subclassed(forward=lambda above, self, x: above.forward(self, x + 1) - 1,
                                       backward=lambda above, self, dy: above.backward(self, dy)),
    "subclass with half a gradient": subclassed(backward=lambda above, self, dy: above.backward(self, dy) * 0.5,
                                                TRUE_GRADIENT=False),
    "patched with a spy": patched(forward=lambda old, x: old(x), backward=lambda old, dy: old(dy)),
    "patched to double": patched(forward=lambda old, x: 2 * old(x), backward=lambda old, dy: old(dy * 2)),
    "patched forward with a spy": patched(forward=lambda old, x: old(x)),
    "patched backward with a spy": patched(backward=lambda old, dy: old(dy)),
}


# ---- a block's own operations on its layers' results: values -> (value, a function from dy to the gradients)

def plus(u, x):
    return u + x, lambda dy: (dy, dy)


def minus(u, x):
    return u - x, lambda dy: (dy, -dy)


def average(u, x):
    y = u * 0.5
    y = y + 0.5 * x
    return y, lambda dy: (0.5 * dy, dy / 2)


def product(u, x):
    return u * x, lambda dy: (dy * x, dy * u)


def concat(u, x):
    c = u.shape[-1]
    return np.concatenate([u, x], axis=-1), lambda dy: (dy[..., :c], dy[..., c:])


def gate(u, s):
    """A student's own scale."""
    return u * s[:, None, None, :], lambda dy: (dy * s[:, None, None, :], (dy * u).sum(axis=(1, 2)))


def double(u):
    return 2 * u, lambda dy: 2 * dy


def negate(u):
    return -u, lambda dy: -dy


def shift(u):
    return u + 1, lambda dy: dy


def copied(u):
    y = u.copy()
    y[:, 0] = 0
    def backward(dy):
        du = dy.copy()
        du[:, 0] = 0
        return du
    return y, backward


def cut_channels(u):
    c, shape = (u.shape[-1] + 1) // 2, u.shape
    def backward(dy):
        du = np.zeros(shape, dy.dtype)
        du[..., :c] = dy
        return du
    return u[..., :c], backward


def every_second(u):
    shape = u.shape
    def backward(dy):
        du = np.zeros(shape, dy.dtype)
        du[:, ::2, ::2] = dy
        return du
    return u[:, ::2, ::2], backward


def maximum(u):
    """A student's ReLU, in NumPy."""
    student_layers.note(u)
    y = np.maximum(u, 0)
    return y, lambda dy: dy * (y > 0)


def by_relu(u):
    """The package's functions, called as its layers call them."""
    y = F.relu(u)
    return y, lambda dy: F.relu_backward(dy, y)


def by_add_relu(u, x):
    y = F.add_relu(u, x)
    return y, lambda dy: F.add_relu_backward(dy, y)


def by_squeeze(u):
    shape = u.shape
    return F.squeeze(u), lambda dz: F.squeeze_backward(dz, *shape[1:3])


def by_scale(u, s):
    return F.scale(u, s), lambda dy: F.scale_backward(dy, u, s)


# These return their input itself, and do something to its gradient.

def looked_at(u):
    """A student who prints the norm of each gradient."""
    def backward(dy):
        assert np.linalg.norm(dy) >= 0 and dy.mean() == np.asarray(dy).mean()
        return dy
    return u, backward


def clipped(u):
    return u, lambda dy: np.clip(dy, -0.5, 0.5)


def normalised(u):
    return u, lambda dy: dy / (np.linalg.norm(dy) + 1)


def lifted(u):
    return u, lambda dy: dy + 1


def doubled(u):
    return u, lambda dy: dy + dy


def skipped(u):
    """A ReLU whose backward the student skips: a straight-through gradient."""
    return F.relu(u), lambda dy: dy


GRADIENTS = {"LookAtGradient": looked_at, "ClipGradient": clipped, "NormaliseGradient": normalised, "LiftGradient": lifted,
             "DoubleGradient": doubled, "SkipReLU": skipped}
INLINE = GRADIENTS | {
    "F.relu": by_relu, "F.add_relu": by_add_relu, "F.squeeze": by_squeeze, "F.scale": by_scale, "Sum": plus, "Minus": minus,
    "Average": average, "Product": product, "Concat": concat, "Gate": gate, "Double": double, "Negate": negate,
    "Shift": shift, "Copy": copied, "CutChannels": cut_channels, "EverySecond": every_second, "Maximum": maximum}


class Graph(Layer):
    """A student's block: a forward and a backward, written without a thought of backends."""

    sums = "plus"           # how to add up the gradients of a value that was used twice
    TRUE_GRADIENT = property(lambda self: not {node.kind for node in self.nodes} & GRADIENTS.keys() - {"LookAtGradient"})

    def __init__(self, nodes, c, rng):
        self.nodes, channels = nodes, [c]
        for i, node in enumerate(nodes, 1):
            inputs = [channels[j] for j in node.inputs]
            if node.kind in LAYERS:
                setattr(self, f"{node.kind.lower()}{i}", made(node, inputs[0], rng))
            channels.append(channels_of(node, inputs))

    def forward(self, x):
        values, backwards = [x], []
        for i, node in enumerate(self.nodes, 1):
            inputs = [values[j] for j in node.inputs]
            if node.kind in LAYERS:
                layer = getattr(self, f"{node.kind.lower()}{i}")
                inputs = [inputs] if node.kind == "ConcatLayer" else inputs
                values.append(layer(*inputs) if i % 2 else layer.forward(*inputs))
                backwards.append(layer.backward)
            else:
                value, backward = INLINE[node.kind](*inputs)
                values.append(value)
                backwards.append(backward)
        self._saved = backwards
        return values[-1]

    def backward(self, dy):
        gradients = [None] * len(self.nodes) + [dy]
        for i, backward in reversed(list(enumerate(self._pop_saved(), 1))):
            inputs = self.nodes[i - 1].inputs
            if self.sums == "plus" and isinstance(backward, MethodType) and len(inputs) == 1:      # of a layer with one input
                gradients[inputs[0]] = backward(gradients[i], plus=gradients[inputs[0]])
                continue
            given = backward(gradients[i])
            for j, dx in zip(inputs, given if isinstance(given, (tuple, list)) else [given]):
                before = gradients[j]
                gradients[j] = dx if before is None else before + dx if self.sums == "old first" else dx + before
            gradients[i] = None
        return gradients[0]


class DeferredGraph(Graph, deferred=True):
    """A block that declares that it accepts deferred values: it only passes its input on to layers and functions."""


def build(topology, dtype=np.float64):
    """The network with no parameter left at 0 or 1: weights, biases and running statistics are drawn from the seed."""
    rng = np.random.default_rng(topology.seed)
    model = Graph(topology.nodes, topology.shape[-1], rng).astype(np.float64)
    state = model.state_dict()
    for name, value in state.items():
        if name.endswith("running_var"):
            state[name] = rng.uniform(0.5, 2, value.shape)
        elif name.endswith("running_mean"):
            state[name] = 0.3 * rng.standard_normal(value.shape)
        elif value.ndim == 1 and name.endswith("weight"):                   # gamma, of either sign
            state[name] = rng.uniform(0.5, 1.5, value.shape) * rng.choice([-1, 1], value.shape)
        elif value.ndim == 1:
            state[name] = 0.3 * rng.standard_normal(value.shape)
    model.load_state_dict(state)
    model.train() if topology.training else model.eval()
    for _, layer in model.modules():
        if hasattr(layer, "frozen"):
            layer.training = False
        if isinstance(layer, Graph):
            layer.sums = topology.sums
    return model.astype(np.float32).astype(dtype)       # float32 represents these exactly: both dtypes have the same ones


def has_true_gradient(model):
    return all(getattr(layer, "TRUE_GRADIENT", True) for _, layer in model.modules())
