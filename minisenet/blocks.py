"""The squeeze-and-excitation block, and the residual blocks that it goes into (the paper's Figs. 1 and 3)."""
import numpy as np

import minisenet.functional as F
from minisenet import fused_blocks
from minisenet.backend import get_backend
from minisenet.layers import BatchNorm2d, Conv2d, Layer, Linear, ReLU


class SEBlock(Layer):
    """Squeeze, excitation, scale: x~ = F_scale(u, F_ex(F_sq(u))), eqs. (2) to (4).

    Parameters
    ----------
    channels : int
        C. The two weights are `fc1.weight` (C // r, C) and `fc2.weight` (C, C // r).
    reduction : int
        r. Where r does not divide C the paper is silent; C // r is what its released models do.
    bias : bool
        Off as in eq. (3), on as in the released models.
    rng : numpy.random.Generator

    Attributes
    ----------
    s, h : ndarray (N, C), (N, C // r)
        The gates and the hidden activations of the last forward.

    Raises
    ------
    ValueError
        Where r is larger than the number of channels: nothing would be left to excite.
    """

    def __init__(self, channels, *, reduction=16, bias=False, rng):
        if not 1 <= reduction <= channels:
            raise ValueError(f"reduction is {reduction}; with {channels} channels it takes 1 to {channels}")
        self.fc1 = Linear(channels, channels // reduction, bias=bias, rng=rng)
        self.fc2 = Linear(channels // reduction, channels, bias=bias, rng=rng)
        self.bias, self.s, self.h = bias, None, None

    def forward(self, u):
        z = F.squeeze(u)                                               # eq. (2)
        s, h = self.excite(z)                                          # eq. (3)
        self._saved = u, z, h, s
        return F.scale(u, s)                                           # eq. (4)

    def backward(self, dy):
        u, z, h, s = self._take()
        du, ds = F.scale_backward(dy, u, s)                            # the direct path into u ...
        dz = self.excite_backward(ds, z, h, s)
        return du + F.squeeze_backward(dz, *u.shape[1:3])              # ... and the path through the squeeze

    def excite(self, z):
        """(s, h), eq. (3), with this block's weights."""
        biases = (self.fc1.bias.value, self.fc2.bias.value) if self.bias else ()
        self.s, self.h = F.excitation(z, self.fc1.weight.value, self.fc2.weight.value, *biases)
        return self.s, self.h

    def excite_backward(self, ds, z, h, s):
        """dz, and the weights' gradients."""
        fc1, fc2 = self.fc1, self.fc2
        dz, fc1.weight.grad, fc2.weight.grad, db1, db2 = F.excitation_backward(
            ds, z, h, s, fc1.weight.value, fc2.weight.value, bias=self.bias)
        if self.bias:
            fc1.bias.grad, fc2.bias.grad = db1, db2
        return dz


class Projection(Layer):
    """Shortcut B: a strided 1x1 convolution and a batch norm, where the residual branch changes the shape."""

    def __init__(self, in_channels, out_channels, *, stride, rng):
        self.conv = Conv2d(in_channels, out_channels, 1, stride=stride, rng=rng)
        self.bn = BatchNorm2d(out_channels)

    def forward(self, x):
        return self.bn(self.conv(x))

    def backward(self, dy):
        return self.conv.backward(self.bn.backward(dy))


class PaddedIdentity(Layer):
    """Shortcut A: every stride-th pixel, and zeros for the new channels, which come after the old ones. No parameters."""

    def __init__(self, in_channels, out_channels, *, stride):
        self.channels, self.extra, self.stride = in_channels, out_channels - in_channels, stride

    def forward(self, x):
        self._saved = x.shape
        return np.pad(x[:, ::self.stride, ::self.stride], ((0, 0), (0, 0), (0, 0), (0, self.extra)))

    def backward(self, dy):
        dx = np.zeros(self._take(), dy.dtype)
        dx[:, ::self.stride, ::self.stride] = dy[..., :self.channels]
        return dx


class ResidualBlock(Layer):
    """y = relu(SE(F(x)) + shortcut(x)): Fig. 3. A subclass gives the residual branch F and its backward.

    Parameters
    ----------
    in_channels, out_channels : int
    stride : int
    shortcut : {"A", "B"}
        What stands in for the identity where the shape changes (He et al. 2016, section 4.1).
    reduction : int or None
        r of the SE block on the residual branch; None for the plain twin.
    se_bias : bool
    rng : numpy.random.Generator
    """

    def __init__(self, in_channels, out_channels, *, stride, shortcut, reduction, se_bias, rng):
        self.se = SEBlock(out_channels, reduction=reduction, bias=se_bias, rng=rng) if reduction is not None else None
        self.shortcut = None
        if shortcut not in ("A", "B"):
            raise ValueError(f"shortcut is {shortcut!r}; it takes 'A' (padded identity) or 'B' (projection)")
        if stride != 1 or in_channels != out_channels:
            self.shortcut = (Projection(in_channels, out_channels, stride=stride, rng=rng) if shortcut == "B"
                             else PaddedIdentity(in_channels, out_channels, stride=stride))

    def residual(self, x):
        """u = F(x), up to and with its last batch norm."""
        raise NotImplementedError

    def residual_backward(self, du):
        """The gradient of `residual`."""
        raise NotImplementedError

    def forward(self, x):
        if get_backend() == "fused":                        # the same in a few sweeps
            y, self._saved = fused_blocks.block_forward(self, x)
            return y
        u = self.residual(x)
        if self.se:
            u = self.se(u)
        self._saved = y = F.relu(u + (self.shortcut(x) if self.shortcut else x))
        return y

    def backward(self, dy):
        saved = self._take()
        if isinstance(saved, tuple):
            return fused_blocks.block_backward(self, dy, saved)
        dpre = F.relu_backward(dy, saved)
        du = self.se.backward(dpre) if self.se else dpre
        return self.residual_backward(du) + (self.shortcut.backward(dpre) if self.shortcut else dpre)   # x went both ways

    def branch(self):
        """The residual branch as its convolutions, each with the batch norm after it; a ReLU stands between two."""
        raise NotImplementedError

    def projection(self):
        """The shortcut's (convolution, batch norm), None where it has none."""
        return (self.shortcut.conv, self.shortcut.bn) if isinstance(self.shortcut, Projection) else None


class BasicBlock(ResidualBlock):
    """Two 3x3 convolutions, the block of ResNet-18/34 and of the CIFAR networks. The stride sits on the first."""

    def __init__(self, in_channels, out_channels, *, stride=1, shortcut="B", reduction=16, se_bias=False, rng):
        self.conv1 = Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, rng=rng)
        self.bn1, self.relu = BatchNorm2d(out_channels), ReLU()
        self.conv2 = Conv2d(out_channels, out_channels, 3, padding=1, rng=rng)
        self.bn2 = BatchNorm2d(out_channels)
        super().__init__(in_channels, out_channels, stride=stride, shortcut=shortcut, reduction=reduction, se_bias=se_bias,
                         rng=rng)

    def residual(self, x):
        return self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))

    def residual_backward(self, du):
        return self.conv1.backward(self.bn1.backward(self.relu.backward(self.conv2.backward(self.bn2.backward(du)))))

    def branch(self):
        return (self.conv1, self.bn1), (self.conv2, self.bn2)


class Bottleneck(ResidualBlock):
    """1x1, 3x3, 1x1: the block of ResNet-50. The stride sits on the first 1x1, as in the paper's SE-ResNets.

    `width` is the number of channels of the 3x3 convolution; the block's output has 4 width.
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

    def residual_backward(self, du):
        du = self.conv3.backward(self.bn3.backward(du))
        du = self.conv2.backward(self.bn2.backward(self.relu2.backward(du)))
        return self.conv1.backward(self.bn1.backward(self.relu1.backward(du)))

    def branch(self):
        return (self.conv1, self.bn1), (self.conv2, self.bn2), (self.conv3, self.bn3)
