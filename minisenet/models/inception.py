"""Inception networks: BN-Inception, and Inception-ResNet-v2 (the paper's Table 2, Fig. 2).

A module runs several branches on the same maps and concatenates their channels. The tables below are the networks.
"""
import numpy as np

from minisenet import arguments
from minisenet.blocks import SE
from minisenet.layers import (AddReLU, AvgPool2d, BatchNorm2d, Concat, Conv2d, Dropout, Layer, Linear, MaxPool2d, ReLU, Sequential,
                              Squeeze)
from minisenet.models.network import Network, scaled, stage_options

# BN-Inception. A branch is a sequence of convolutions (kernel, channels[, stride]); "avg" and "max" are 3x3 poolings of stride
# 1, and "max/2" is one of stride 2. As in Caffe, "avg" counts the padding as zeros. The authors' SE block follows the
# concatenation, in all ten modules.
BN_INCEPTION = (
    (((1, 64),), ((1, 64), (3, 64)), ((1, 64), (3, 96), (3, 96)), ("avg", (1, 32))),                            # 3a, 28 x 28
    (((1, 64),), ((1, 64), (3, 96)), ((1, 64), (3, 96), (3, 96)), ("avg", (1, 64))),                            # 3b
    (((1, 128), (3, 160, 2)), ((1, 64), (3, 96), (3, 96, 2)), ("max/2",)),                                      # 3c, 14 x 14
    (((1, 224),), ((1, 64), (3, 96)), ((1, 96), (3, 128), (3, 128)), ("avg", (1, 128))),                        # 4a
    (((1, 192),), ((1, 96), (3, 128)), ((1, 96), (3, 128), (3, 128)), ("avg", (1, 128))),                       # 4b
    (((1, 160),), ((1, 128), (3, 160)), ((1, 128), (3, 160), (3, 160)), ("avg", (1, 128))),                     # 4c
    (((1, 96),), ((1, 128), (3, 192)), ((1, 160), (3, 192), (3, 192)), ("avg", (1, 128))),                      # 4d
    (((1, 128), (3, 192, 2)), ((1, 192), (3, 256), (3, 256, 2)), ("max/2",)),                                   # 4e, 7 x 7
    (((1, 352),), ((1, 192), (3, 320)), ((1, 160), (3, 224), (3, 224)), ("avg", (1, 128))),                     # 5a
    (((1, 352),), ((1, 192), (3, 320)), ((1, 192), (3, 224), (3, 224)), ("max", (1, 128))),                     # 5b
)
BN_STAGES = (slice(0, 2), slice(2, 7), slice(7, 10))            # the modules of each stage: a stage begins with its stride

# Inception-ResNet-v2, as in TF-slim: 10, 20 and 10 residual modules. Kernels may be (height, width). "valid" is no padding.
# As in TensorFlow, "avg inside" is the mean of a window without its padding.
STEM = ((3, 32, 2, "valid"), (3, 32, 1, "valid"), (3, 64), "max/2 valid", (1, 80, 1, "valid"), (3, 192, 1, "valid"), "max/2 valid")
MIXED_5B = (((1, 96),), ((1, 48), (5, 64)), ((1, 64), (3, 96), (3, 96)), ("avg inside", (1, 64)))
MIXED_6A = (((3, 384, 2, "valid"),), ((1, 256), (3, 256), (3, 384, 2, "valid")), ("max/2 valid",))
MIXED_7A = (((1, 256), (3, 384, 2, "valid")), ((1, 256), (3, 288, 2, "valid")), ((1, 256), (3, 288), (3, 320, 2, "valid")),
            ("max/2 valid",))
BLOCK35 = (((1, 32),), ((1, 32), (3, 32)), ((1, 32), (3, 48), (3, 64)))
BLOCK17 = (((1, 192),), ((1, 128), ((1, 7), 160), ((7, 1), 192)))
BLOCK8 = (((1, 192),), ((1, 192), ((1, 3), 224), ((3, 1), 256)))
POOLS = {"avg": lambda: AvgPool2d(3, stride=1, padding=1), "max": lambda: MaxPool2d(3, stride=1, padding=1),
         "avg inside": lambda: AvgPool2d(3, stride=1, padding=1, count_include_pad=False),
         "max/2": lambda: MaxPool2d(3, stride=2, ceil_mode=True), "max/2 valid": lambda: MaxPool2d(3, stride=2)}


def unit(in_channels, out_channels, kernel, stride=1, padding="same", *, rng):
    """Convolution, batch norm, ReLU."""
    kernel = arguments.pair("kernel", kernel, 1)
    around = tuple(k // 2 for k in kernel) if padding == "same" else 0
    return Sequential(conv=Conv2d(in_channels, out_channels, kernel, stride=stride, padding=around, rng=rng),
                      bn=BatchNorm2d(out_channels), relu=ReLU())


def sequence(in_channels, steps, width, rng):
    """The layers of a branch, and its output channels."""
    layers, channels = [], in_channels
    for step in steps:
        if isinstance(step, str):
            layers.append(POOLS[step]())
        else:
            kernel, out, *rest = step
            layers.append(unit(channels, scaled(out, width), kernel, *rest, rng=rng))
            channels = scaled(out, width)
    return Sequential(*layers), channels


class Branches(Layer):
    """Several branches on the same maps; their outputs' channels, one after the other.

    Parameters
    ----------
    in_channels : int
    table : sequence of branches
        See `BN_INCEPTION`.
    width : float
        Multiplies the table's channels.
    rng : numpy.random.Generator

    Attributes
    ----------
    channels : int
        Those of the output.
    """

    def __init__(self, in_channels, table, width, *, rng):
        self.channels = 0
        for i, steps in enumerate(table, 1):
            branch, channels = sequence(in_channels, steps, width, rng)
            setattr(self, f"branch{i}", branch)
            self.channels += channels
        self.concat = Concat()

    def _branches(self):
        return [layer for name, layer in self.children().items() if name.startswith("branch")]

    def forward(self, x):
        return self.concat(*(branch(x) for branch in self._branches()))

    def backward(self, dy):
        dx = None
        for branch, dy in zip(self._branches(), self.concat.backward(dy)):
            dx = branch.backward(dy, plus=dx)
        return dx


class ResidualModule(Layer):
    """y = relu(x + c SE(W branches(x))): Inception-ResNet's module, with a linear 1x1 convolution W and a small constant c.

    The paper only says that its Inception-ResNet-v2 follows "similar schemes". Here the SE block is on the whole residual
    branch, before it is scaled.
    """

    def __init__(self, channels, table, constant, width, options, *, rng):
        self.branches = Branches(channels, table, width, rng=rng)
        self.conv, self.constant = Conv2d(self.branches.channels, channels, 1, bias=True, rng=rng), constant
        self.se, self.add = SE(**options).block(channels, rng), AddReLU()

    def forward(self, x):
        u = self.conv(self.branches(x))
        if self.se:
            u = self.se(u)
        u = self.constant * u
        return self.add(u, x) if self.add else u + x

    def backward(self, dy):
        du, dx = self.add.backward(dy) if self.add else (dy, dy)
        du = self.constant * du
        if self.se:
            du = self.se.backward(du)
        return self.branches.backward(self.conv.backward(du), plus=dx)


class BNInception(Network):
    """BN-Inception for 224x224 images, with the authors' SE blocks.

    Parameters
    ----------
    num_classes : int
    width : float
        Multiplies all numbers of channels.
    seed : int or numpy.random.Generator
        Decides the initial weights.
    **se
        See `minisenet.models.network.stage_options`. The place must be "standard".

    Raises
    ------
    TypeError, ValueError
        If a size is out of range, or if there is no such option.

    Notes
    -----
    Source: Fig. 2 and Table 2; Ioffe and Szegedy 2015; the authors' prototxt.
    """

    def __init__(self, num_classes=1000, *, width=1.0, seed=0, **se):
        num_classes, rng = arguments.integer("num_classes", num_classes, 1), np.random.default_rng(seed)
        a, channels = scaled(64, width), scaled(192, width)
        self.conv1, self.bn1, self.relu1 = Conv2d(3, a, 7, stride=2, padding=3, rng=rng), BatchNorm2d(a), ReLU()
        self.pool1, self.unit2 = MaxPool2d(3, stride=2, ceil_mode=True), unit(a, a, 1, rng=rng)
        self.unit3, self.pool2 = unit(a, channels, 3, rng=rng), MaxPool2d(3, stride=2, ceil_mode=True)
        for i, (modules, options) in enumerate(zip(BN_STAGES, stage_options(3, standard="BN-Inception", **se)), 1):
            layers = []
            for table in BN_INCEPTION[modules]:
                layers.append(Branches(channels, table, width, rng=rng))
                channels = layers[-1].channels
                if block := SE(**options).block(channels, rng):
                    layers.append(block)
            setattr(self, f"stage{i}", Sequential(*layers))
        self.squeeze, self.fc = Squeeze(), Linear(channels, num_classes, rng=rng)


class InceptionResNetV2(Network):
    """Inception-ResNet-v2 for 299x299 images, with an SE block on each of its 40 residual branches.

    Parameters
    ----------
    num_classes : int
    width : float
        Multiplies all numbers of channels.
    dropout : float
        The probability before the last layer.
    seed : int or numpy.random.Generator
        Decides the initial weights.
    **se
        See `minisenet.models.network.stage_options`. The place must be "standard".

    Raises
    ------
    TypeError, ValueError
        If a size is out of range, or if there is no such option.

    Notes
    -----
    Source: Table 2; Szegedy et al. 2017, in the form of TF-slim's code, whose counts differ from the article's figures.
    Its batch norms have eps 1e-3; ours have 1e-5, as everywhere in the package.
    """

    def __init__(self, num_classes=1000, *, width=1.0, dropout=0.0, seed=0, **se):
        num_classes, rng = arguments.integer("num_classes", num_classes, 1), np.random.default_rng(seed)
        self.stem, channels = sequence(3, STEM, width, rng)
        options = stage_options(3, standard="Inception-ResNet-v2", **se)
        mixed = Branches(channels, MIXED_5B, width, rng=rng)
        for i, (blocks, table, constant, reduction) in enumerate(((10, BLOCK35, 0.17, MIXED_6A), (20, BLOCK17, 0.10, MIXED_7A),
                                                                  (10, BLOCK8, 0.20, None)), 1):
            modules = [ResidualModule(mixed.channels, table, constant, width, options[i - 1], rng=rng) for _ in range(blocks)]
            setattr(self, f"stage{i}", Sequential(mixed, *modules))
            if reduction:
                mixed = Branches(mixed.channels, reduction, width, rng=rng)
        modules[-1].constant, modules[-1].add = 1.0, None   # the last sum is neither scaled nor followed by a ReLU
        self.unit = unit(mixed.channels, scaled(1536, width), 1, rng=rng)
        self.squeeze = Squeeze()
        if dropout:
            self.dropout = Dropout(dropout, rng=rng)
        self.fc = Linear(scaled(1536, width), num_classes, rng=rng)
