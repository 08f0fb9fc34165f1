"""The squeeze-and-excitation block, and the residual blocks that contain it (the paper's Figs. 1 and 3)."""
import numpy as np

import minisenet.functional as F
from minisenet import arguments
from minisenet.layers import AddReLU, BatchNorm2d, Conv2d, Layer, Linear, ReLU


class SEBlock(Layer, deferred=True):
    """Squeeze, excitation, scale: x~ = F_scale(u, F_ex(F_sq(u))), eqs. (2) to (4).

    Parameters
    ----------
    channels : int
        C. The two weights are `fc1.weight` (C // r, C) and `fc2.weight` (C, C // r).
    reduction : int
        r. If r does not divide C, where the paper is silent, the hidden layer has C // r units, as in most implementations.
    bias : bool
        False as in eq. (3), True as in the released models.
    rng : numpy.random.Generator

    Attributes
    ----------
    s, h : ndarray (N, C), (N, C // r)
        The gates and the hidden activations of the last forward.

    Raises
    ------
    ValueError
        If r is larger than the number of channels: there would be no hidden unit.
    """

    def __init__(self, channels, *, reduction=16, bias=False, rng):
        channels, reduction = arguments.integer("channels", channels, 1), arguments.integer("reduction", reduction, 1)
        if reduction > channels:
            raise ValueError(f"reduction must be at most {channels}, the number of channels, got {reduction}")
        self.fc1 = Linear(channels, channels // reduction, bias=bias, rng=rng)
        self.fc2 = Linear(channels // reduction, channels, bias=bias, rng=rng)
        self.bias, self.s, self.h = bias, None, None

    def forward(self, u):
        y, z, self.h, self.s = F.se_block(u, *self._weights(), *self._biases())
        self._saved = u, z, self.h, self.s
        return y

    def backward(self, dy):
        fc1, fc2 = self.fc1, self.fc2
        du, fc1.weight.grad, fc2.weight.grad, *biases = F.se_block_backward(dy, *self._pop_saved(), *self._weights(),
                                                                            bias=self.bias)
        if self.bias:
            fc1.bias.grad, fc2.bias.grad = biases
        return du

    def _weights(self):
        return self.fc1.weight.value, self.fc2.weight.value

    def _biases(self):
        return (self.fc1.bias.value, self.fc2.bias.value) if self.bias else ()


class Projection(Layer, deferred=True):
    """Shortcut B: a strided 1x1 convolution and a batch norm, for a residual branch that changes the shape."""

    def __init__(self, in_channels, out_channels, *, stride, rng):
        self.conv = Conv2d(in_channels, out_channels, 1, stride=stride, rng=rng)
        self.bn = BatchNorm2d(out_channels)

    def forward(self, x):
        return self.bn(self.conv(x))

    def backward(self, dy):
        return self.conv.backward(self.bn.backward(dy))


class PaddedIdentity(Layer):
    """Shortcut A: every stride-th pixel, with zeros as new channels after the old ones. It has no parameters."""

    def __init__(self, in_channels, out_channels, *, stride):
        if out_channels < in_channels:
            raise ValueError(f"out_channels must be at least in_channels {in_channels} for shortcut A, got {out_channels}: use "
                             "shortcut B")
        self.channels, self.extra, self.stride = in_channels, out_channels - in_channels, stride

    def forward(self, x):
        x, = arguments.arrays(x=(x, 4, (None, None, None, self.channels)))
        self._saved = x.shape
        return np.pad(x[:, ::self.stride, ::self.stride], ((0, 0), (0, 0), (0, 0), (0, self.extra)))

    def backward(self, dy):
        n, height, width, channels = shape = self._pop_saved()
        y_shape = n, -(-height // self.stride), -(-width // self.stride), channels + self.extra
        dy, = arguments.arrays(dy=(dy, 4, y_shape))
        dx = np.zeros(shape, dy.dtype)
        dx[:, ::self.stride, ::self.stride] = dy[..., :self.channels]
        return dx


class ResidualBlock(Layer):
    """y = relu(SE(F(x)) + shortcut(x)): Fig. 3. A subclass defines the residual branch F and its backward.

    Parameters
    ----------
    in_channels, out_channels : int
    stride : int
    shortcut : {"A", "B"}
        The shortcut of a block that changes the shape; all others have the identity (He et al. 2016, section 4.1).
    reduction : int or None
        r of the SE block on the residual branch; None for no SE block.
    se_bias : bool
    rng : numpy.random.Generator
    """

    def __init__(self, in_channels, out_channels, *, stride, shortcut, reduction, se_bias, rng):
        self.se = SEBlock(out_channels, reduction=reduction, bias=se_bias, rng=rng) if reduction is not None else None
        self.shortcut, self.add = None, AddReLU()
        if shortcut not in ("A", "B"):
            raise ValueError(f"shortcut must be 'A' (padded identity) or 'B' (projection), got {shortcut!r}")
        if stride != 1 or in_channels != out_channels:
            self.shortcut = (Projection(in_channels, out_channels, stride=stride, rng=rng) if shortcut == "B"
                             else PaddedIdentity(in_channels, out_channels, stride=stride))

    def residual(self, x):
        """u = F(x), up to and including its last batch norm."""
        raise NotImplementedError

    def residual_backward(self, du, dx):
        """The gradient of `residual` plus dx, the gradient of x through the shortcut."""
        raise NotImplementedError

    def forward(self, x):
        u = self.residual(x)
        if self.se:
            u = self.se(u)
        return self.add(u, self.shortcut(x) if self.shortcut else x)

    def backward(self, dy):
        du, dx = self.add.backward(dy)
        if self.se:
            du = self.se.backward(du)
        if self.shortcut:
            dx = self.shortcut.backward(dx)
        return self.residual_backward(du, dx)                          # x is used twice


class BasicBlock(ResidualBlock):
    """Two 3x3 convolutions: the block of ResNet-18/34 and of the CIFAR networks. The first one has the stride.

    The parameters are those of `ResidualBlock`.
    """

    def __init__(self, in_channels, out_channels, *, stride=1, shortcut="B", reduction=16, se_bias=False, rng):
        self.conv1 = Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, rng=rng)
        self.bn1, self.relu = BatchNorm2d(out_channels), ReLU()
        self.conv2 = Conv2d(out_channels, out_channels, 3, padding=1, rng=rng)
        self.bn2 = BatchNorm2d(out_channels)
        super().__init__(in_channels, out_channels, stride=stride, shortcut=shortcut, reduction=reduction, se_bias=se_bias,
                         rng=rng)

    def residual(self, x):
        return self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))

    def residual_backward(self, du, dx):
        du = self.bn1.backward(self.relu.backward(self.conv2.backward(self.bn2.backward(du))))
        return self.conv1.backward(du, plus=dx)


class Bottleneck(ResidualBlock):
    """1x1, 3x3, 1x1: the block of ResNet-50. The first 1x1 has the stride, as in the released SE-ResNets.

    `width` is the number of channels of the 3x3 convolution; the block's output has 4 width channels. The other parameters are
    those of `ResidualBlock`.
    """

    def __init__(self, in_channels, width, *, stride=1, shortcut="B", reduction=16, se_bias=False, rng):
        self.conv1, self.bn1, self.relu1 = Conv2d(in_channels, width, 1, stride=stride, rng=rng), BatchNorm2d(width), ReLU()
        self.conv2, self.bn2, self.relu2 = Conv2d(width, width, 3, padding=1, rng=rng), BatchNorm2d(width), ReLU()
        self.conv3, self.bn3 = Conv2d(width, 4 * width, 1, rng=rng), BatchNorm2d(4 * width)
        super().__init__(in_channels, 4 * width, stride=stride, shortcut=shortcut, reduction=reduction, se_bias=se_bias, rng=rng)

    def residual(self, x):
        x = self.relu1(self.bn1(self.conv1(x)))
        x = self.relu2(self.bn2(self.conv2(x)))
        return self.bn3(self.conv3(x))

    def residual_backward(self, du, dx):
        du = self.conv3.backward(self.bn3.backward(du))
        du = self.conv2.backward(self.bn2.backward(self.relu2.backward(du)))
        return self.conv1.backward(self.bn1.backward(self.relu1.backward(du)), plus=dx)
