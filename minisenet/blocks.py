"""The squeeze-and-excitation block, its variants of section 6, and the residual blocks that contain it (Figs. 1, 3 and 5)."""
from dataclasses import dataclass

import numpy as np

import minisenet.functional as F
from minisenet import arguments
from minisenet.functional.activation import GATES
from minisenet.layers import AddReLU, BatchNorm2d, Concat, Conv2d, Layer, Linear, ReLU, Sequential, Shake

SQUEEZES, PLACES = ("avg", "max", "none"), ("standard", "pre", "post", "identity", "3x3")


@dataclass(frozen=True)
class SE:
    """The SE blocks of a network or a block: the variants of section 6. Blocks and networks have these as keywords.

    Parameters
    ----------
    reduction : int or None
        r, Table 10; None for no SE block.
    se_bias : bool
        False as in eq. (3), True as in the released models.
    squeeze : {"avg", "max", "none"}
        Table 11; "none" is NoSqueeze, Table 16.
    gate : {"sigmoid", "tanh", "relu"}
        The last activation of the excitation, Table 12. The first one is always a ReLU.
    place : {"standard", "pre", "post", "identity", "3x3"}
        Tables 14 and 15, Fig. 5: at the end of the residual branch; before it, on the branch's input alone; after the sum and
        its ReLU; on the shortcut, after its projection; inside a bottleneck, after the 3x3 convolution's batch norm and ReLU.
        Where the paper is silent, these are our choices: the branch alone, the projected shortcut, after the ReLU.

    Raises
    ------
    ValueError
        If there is no such squeeze, gate or place.
    """

    reduction: int | None = 16
    se_bias: bool = False
    squeeze: str = "avg"
    gate: str = "sigmoid"
    place: str = "standard"

    def __post_init__(self):
        for name, known in (("squeeze", SQUEEZES), ("gate", tuple(GATES)), ("place", PLACES)):
            arguments.choice(name, getattr(self, name), known)

    def block(self, channels, rng):
        """The SEBlock for this number of channels; None for no SE block."""
        if self.reduction is None:
            return None
        return SEBlock(channels, reduction=self.reduction, bias=self.se_bias, squeeze=self.squeeze, gate=self.gate, rng=rng)


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
    squeeze, gate
        See `SE`.
    rng : numpy.random.Generator

    Attributes
    ----------
    s, h : ndarray (N, C), (N, C // r)
        The gates and the hidden activations of the last forward. Without a squeeze both are maps, (N, H, W, …).

    Raises
    ------
    ValueError
        If r is larger than the number of channels: there would be no hidden unit.
    """

    def __init__(self, channels, *, reduction=16, bias=False, squeeze="avg", gate="sigmoid", rng):
        channels, reduction = arguments.integer("channels", channels, 1), arguments.integer("reduction", reduction, 1)
        if reduction > channels:
            raise ValueError(f"reduction must be at most {channels}, the number of channels, got {reduction}")
        SE(squeeze=squeeze, gate=gate)                      # report a name that does not exist
        self.fc1 = Linear(channels, channels // reduction, bias=bias, rng=rng)
        self.fc2 = Linear(channels // reduction, channels, bias=bias, rng=rng)
        self.bias, self.squeeze, self.gate, self.s, self.h = bias, squeeze, gate, None, None
        paper = squeeze == "none" or (squeeze, gate) == ("avg", "sigmoid")
        self.variant = None if paper else dict(kind=squeeze, gate=gate)         # of Tables 11 and 12

    def forward(self, u):
        if self.variant:
            y, z, self.h, self.s = F.se_variant(u, *self._weights(), *self._biases(), **self.variant)
            self._saved = u, z, self.h, self.s
        elif self.squeeze == "none":
            y, self.h, self.s = F.local_se_block(u, *self._weights(), *self._biases(), gate=self.gate)
            self._saved = u, self.h, self.s
        else:
            y, z, self.h, self.s = F.se_block(u, *self._weights(), *self._biases())
            self._saved = u, z, self.h, self.s
        return y

    def backward(self, dy):
        fc1, fc2 = self.fc1, self.fc2
        saved = dy, *self._pop_saved(), *self._weights()
        if self.variant:
            du, fc1.weight.grad, fc2.weight.grad, *biases = F.se_variant_backward(*saved, bias=self.bias, **self.variant)
        elif self.squeeze == "none":
            du, fc1.weight.grad, fc2.weight.grad, *biases = F.local_se_block_backward(*saved, bias=self.bias, gate=self.gate)
        else:
            du, fc1.weight.grad, fc2.weight.grad, *biases = F.se_block_backward(*saved, bias=self.bias)
        if self.bias:
            fc1.bias.grad, fc2.bias.grad = biases
        return du

    def _weights(self):
        return self.fc1.weight.value, self.fc2.weight.value

    def _biases(self):
        return (self.fc1.bias.value, self.fc2.bias.value) if self.bias else ()


# ---- shortcuts ---------------------------------------------------------------------------------------------------------

class Projection(Layer, deferred=True):
    """Shortcut B: a strided 1x1 convolution and a batch norm, for a residual branch that changes the shape. SENet-154 has a
    3x3 convolution (`kernel_size`) where the stride is 2."""

    def __init__(self, in_channels, out_channels, *, stride, kernel_size=1, rng):
        self.conv = Conv2d(in_channels, out_channels, kernel_size, stride=stride, padding=kernel_size // 2, rng=rng)
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


class Shift(Layer):
    """The image, one pixel down and to the right, with zeros above and on the left."""

    def forward(self, x):
        x, = arguments.arrays(x=(x, 4))
        self._saved = ()
        return np.pad(x[:, :-1, :-1], ((0, 0), (1, 0), (1, 0), (0, 0)))

    def backward(self, dy):
        self._pop_saved()
        dy, = arguments.arrays(dy=(dy, 4))
        return np.pad(dy[:, 1:, 1:], ((0, 0), (0, 1), (0, 1), (0, 0)))


class ShiftedProjection(Layer):
    """Shake-Shake's shortcut where the shape changes: one half of the channels from the pixels of the stride's grid, the other
    half from their neighbours, so that the stride loses fewer pixels; then a batch norm."""

    def __init__(self, in_channels, out_channels, *, stride, rng):
        half = out_channels // 2
        self.conv1 = Conv2d(in_channels, half, 1, stride=stride, rng=rng)
        self.shift, self.conv2 = Shift(), Conv2d(in_channels, out_channels - half, 1, stride=stride, rng=rng)
        self.concat, self.bn = Concat(), BatchNorm2d(out_channels)

    def forward(self, x):
        return self.bn(self.concat(self.conv1(x), self.conv2(self.shift(x))))

    def backward(self, dy):
        dy1, dy2 = self.concat.backward(self.bn.backward(dy))
        return self.conv1.backward(dy1, plus=self.shift.backward(self.conv2.backward(dy2)))


# ---- residual blocks: a ReLU after the sum -----------------------------------------------------------------------------

class ResidualBlock(Layer):
    """y = relu(SE(F(x)) + shortcut(x)): Fig. 3. A subclass defines the residual branch F and its backward.

    Parameters
    ----------
    in_channels, out_channels : int
    stride : int
    shortcut : {"A", "B"}
        The shortcut of a block that changes the shape; all others have the identity (He et al. 2016, section 4.1).
    projection : int
        The kernel size of shortcut B where the stride is not 1.
    inner : int or None
        The channels of the 3x3 convolution inside, where `place` "3x3" puts the SE block.
    rng : numpy.random.Generator
    **se
        See `SE`.
    """

    def __init__(self, in_channels, out_channels, *, stride, shortcut, projection=1, inner=None, rng, **se):
        se = SE(**se)
        if se.place == "3x3" and inner is None:
            raise ValueError(f"place must be one of standard, pre, post, identity in {type(self).__name__}, got '3x3': use a "
                             "Bottleneck")
        self.se = se.block({"pre": in_channels, "3x3": inner}.get(se.place, out_channels), rng)
        self.place = se.place if self.se else None
        self.shortcut, self.add = None, AddReLU()
        if shortcut not in ("A", "B"):
            raise ValueError(f"shortcut must be 'A' (padded identity) or 'B' (projection), got {shortcut!r}")
        if stride != 1 or in_channels != out_channels:
            kernel_size = projection if stride != 1 else 1
            self.shortcut = (Projection(in_channels, out_channels, stride=stride, kernel_size=kernel_size, rng=rng)
                             if shortcut == "B" else PaddedIdentity(in_channels, out_channels, stride=stride))

    def residual(self, x):
        """u = F(x), up to and including its last batch norm."""
        raise NotImplementedError

    def residual_backward(self, du, dx):
        """The gradient of `residual` plus dx, the gradient of x through the shortcut; dx may be None."""
        raise NotImplementedError

    def forward(self, x):
        u = self.residual(self.se(x) if self.place == "pre" else x)
        if self.place == "standard":
            u = self.se(u)
        shortcut = self.shortcut(x) if self.shortcut else x
        if self.place == "identity":
            shortcut = self.se(shortcut)
        y = self.add(u, shortcut)
        return self.se(y) if self.place == "post" else y

    def backward(self, dy):
        if self.place == "post":
            dy = self.se.backward(dy)
        du, dx = self.add.backward(dy)
        if self.place == "standard":
            du = self.se.backward(du)
        if self.place == "identity":
            dx = self.se.backward(dx)
        if self.shortcut:
            dx = self.shortcut.backward(dx)
        if self.place == "pre":
            return self.se.backward(self.residual_backward(du, None), plus=dx)
        return self.residual_backward(du, dx)                          # x is used twice


class BasicBlock(ResidualBlock):
    """Two 3x3 convolutions: the block of ResNet-18/34 and of the CIFAR networks. The first one has the stride.

    The parameters are those of `ResidualBlock`.
    """

    def __init__(self, in_channels, out_channels, *, stride=1, shortcut="B", rng, **se):
        self.conv1 = Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, rng=rng)
        self.bn1, self.relu = BatchNorm2d(out_channels), ReLU()
        self.conv2 = Conv2d(out_channels, out_channels, 3, padding=1, rng=rng)
        self.bn2 = BatchNorm2d(out_channels)
        super().__init__(in_channels, out_channels, stride=stride, shortcut=shortcut, rng=rng, **se)

    def residual(self, x):
        return self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))

    def residual_backward(self, du, dx):
        du = self.bn1.backward(self.relu.backward(self.conv2.backward(self.bn2.backward(du))))
        return self.conv1.backward(du, plus=dx)


class Bottleneck(ResidualBlock):
    """1x1, 3x3, 1x1: the block of ResNet-50, of ResNeXt (with groups) and of SENet-154 (with a halved first 1x1).

    Parameters
    ----------
    in_channels : int
    width : int
        The channels of the 3x3 convolution.
    expansion : int
        The block's output has expansion * width channels.
    first : int, optional
        The channels of the first 1x1 convolution, by default `width`.
    groups : int
        The groups of the 3x3 convolution.
    stride_on : {"1x1", "3x3"}
        The convolution that has the stride: the first 1x1 in the released SE-ResNets, the 3x3 in ResNeXt, in SENet-154 and in
        most ResNets today.
    stride, shortcut, projection, rng, **se
        See `ResidualBlock`.
    """

    def __init__(self, in_channels, width, *, expansion=4, first=None, groups=1, stride=1, stride_on="1x1", shortcut="B",
                 projection=1, rng, **se):
        if stride_on not in ("1x1", "3x3"):
            raise ValueError(f"stride_on must be '1x1' or '3x3', got {stride_on!r}")
        first, out_channels = first or width, expansion * width
        strides = (stride, 1) if stride_on == "1x1" else (1, stride)
        self.conv1, self.bn1, self.relu1 = Conv2d(in_channels, first, 1, stride=strides[0], rng=rng), BatchNorm2d(first), ReLU()
        self.conv2 = Conv2d(first, width, 3, stride=strides[1], padding=1, groups=groups, rng=rng)
        self.bn2, self.relu2 = BatchNorm2d(width), ReLU()
        self.conv3, self.bn3 = Conv2d(width, out_channels, 1, rng=rng), BatchNorm2d(out_channels)
        super().__init__(in_channels, out_channels, stride=stride, shortcut=shortcut, projection=projection, inner=width, rng=rng,
                         **se)

    def residual(self, x):
        x = self.relu1(self.bn1(self.conv1(x)))
        x = self.relu2(self.bn2(self.conv2(x)))
        if self.place == "3x3":
            x = self.se(x)
        return self.bn3(self.conv3(x))

    def residual_backward(self, du, dx):
        du = self.conv3.backward(self.bn3.backward(du))
        if self.place == "3x3":
            du = self.se.backward(du)
        du = self.conv2.backward(self.bn2.backward(self.relu2.backward(du)))
        return self.conv1.backward(self.bn1.backward(self.relu1.backward(du)), plus=dx)


class ShakeBottleneck(ResidualBlock):
    """Two bottleneck branches with groups, mixed at random: the block of Shake-Even 29. The SE block is after the mix.

    `even` is that of `minisenet.layers.Shake`; the other parameters are those of `Bottleneck`. The first 1x1 has the width of
    the 3x3, which has the stride.
    """

    def __init__(self, in_channels, width, *, expansion=1, groups=1, stride=1, even=False, shortcut="B", rng, **se):
        out_channels = expansion * width

        def branch():
            return Sequential(conv1=Conv2d(in_channels, width, 1, rng=rng), bn1=BatchNorm2d(width), relu1=ReLU(),
                              conv2=Conv2d(width, width, 3, stride=stride, padding=1, groups=groups, rng=rng),
                              bn2=BatchNorm2d(width), relu2=ReLU(),
                              conv3=Conv2d(width, out_channels, 1, rng=rng), bn3=BatchNorm2d(out_channels))

        self.branches = ShakenBranches(branch(), branch(), even=even, rng=rng)
        super().__init__(in_channels, out_channels, stride=stride, shortcut=shortcut, rng=rng, **se)

    def residual(self, x):
        return self.branches(x)

    def residual_backward(self, du, dx):
        return self.branches.backward(du, plus=dx)


class ShakenBranches(Layer):
    """Two branches on the same x, mixed by `minisenet.layers.Shake`."""

    def __init__(self, branch1, branch2, *, even, rng):
        self.branch1, self.branch2, self.shake = branch1, branch2, Shake(even=even, rng=rng)

    def forward(self, x):
        return self.shake(self.branch1(x), self.branch2(x))

    def backward(self, dy):
        du1, du2 = self.shake.backward(dy)
        return self.branch1.backward(du1, plus=self.branch2.backward(du2))


# ---- pre-activation blocks: nothing after the sum ----------------------------------------------------------------------

class PreActivationBlock(Layer, deferred=True):
    """y = SE(F(a)) + x with a = relu(bn(x)): He et al. 2016, Identity Mappings. A block that changes the shape has a shortcut
    that reads a, so the batch norm and the ReLU serve both paths.

    Parameters
    ----------
    activation : Layer
        From x to a.
    branch : Layer
        The residual branch F, which ends with a convolution: there is no batch norm between it and the SE block.
    shortcut : Layer or None
        None for the identity.
    channels : int
        Those of the output.
    rng : numpy.random.Generator
    **se
        See `SE`. The place must be "standard".
    """

    def __init__(self, activation, branch, shortcut, channels, *, rng, **se):
        se = SE(**se)
        if se.place != "standard":
            raise ValueError(f"place must be 'standard' in a pre-activation block, got {se.place!r}: the other places are for "
                             "ResNets with a ReLU after the sum")
        self.activation, self.branch, self.se, self.shortcut = activation, branch, se.block(channels, rng), shortcut

    def forward(self, x):
        a = self.activation(x)
        u = self.branch(a)
        if self.se:
            u = self.se(u)
        return u + (self.shortcut(a) if self.shortcut else x)

    def backward(self, dy):
        du = self.se.backward(dy) if self.se else dy
        if self.shortcut:
            return self.activation.backward(self.branch.backward(du, plus=self.shortcut.backward(dy)))
        return self.activation.backward(self.branch.backward(du)) + dy


def pre_activation_basic(in_channels, out_channels, *, stride=1, rng, **se):
    """BN, ReLU, 3x3, BN, ReLU, 3x3: the block of the pre-activation ResNet-110 and of Wide ResNets."""
    branch = Sequential(conv1=Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, rng=rng),
                        bn2=BatchNorm2d(out_channels), relu2=ReLU(),
                        conv2=Conv2d(out_channels, out_channels, 3, padding=1, rng=rng))
    return _pre_activation(in_channels, out_channels, branch, stride, rng, se)


def pre_activation_bottleneck(in_channels, width, *, stride=1, rng, **se):
    """BN, ReLU, 1x1, BN, ReLU, 3x3, BN, ReLU, 1x1 to 4 width channels: the block of the pre-activation ResNet-164."""
    branch = Sequential(conv1=Conv2d(in_channels, width, 1, stride=stride, rng=rng), bn2=BatchNorm2d(width), relu2=ReLU(),
                        conv2=Conv2d(width, width, 3, padding=1, rng=rng), bn3=BatchNorm2d(width), relu3=ReLU(),
                        conv3=Conv2d(width, 4 * width, 1, rng=rng))
    return _pre_activation(in_channels, 4 * width, branch, stride, rng, se)


def _pre_activation(in_channels, out_channels, branch, stride, rng, se):
    changes = stride != 1 or in_channels != out_channels
    shortcut = Conv2d(in_channels, out_channels, 1, stride=stride, rng=rng) if changes else None
    return PreActivationBlock(Sequential(bn=BatchNorm2d(in_channels), relu=ReLU()), branch, shortcut, out_channels, rng=rng, **se)


def shake_basic(in_channels, out_channels, *, stride=1, even=False, rng, **se):
    """ReLU, then two branches 3x3, BN, ReLU, 3x3, BN, mixed at random: the block of Shake-Shake 26. The SE block is after the
    mix: the whole branch of section 3.3."""
    def branch():
        return Sequential(conv1=Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, rng=rng),
                          bn1=BatchNorm2d(out_channels), relu1=ReLU(),
                          conv2=Conv2d(out_channels, out_channels, 3, padding=1, rng=rng), bn2=BatchNorm2d(out_channels))
    branches = ShakenBranches(branch(), branch(), even=even, rng=rng)
    changes = stride != 1 or in_channels != out_channels
    shortcut = ShiftedProjection(in_channels, out_channels, stride=stride, rng=rng) if changes else None
    return PreActivationBlock(ReLU(), branches, shortcut, out_channels, rng=rng, **se)
