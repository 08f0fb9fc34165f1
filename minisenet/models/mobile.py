"""Networks for phones: MobileNet and ShuffleNet (the paper's Table 3)."""
import numpy as np

from minisenet import arguments
from minisenet.blocks import SE
from minisenet.layers import (AddReLU, AvgPool2d, BatchNorm2d, ChannelShuffle, Concat, Conv2d, Layer, Linear, MaxPool2d, ReLU,
                              Sequential, Squeeze)
from minisenet.models.network import Network, scaled, stage_options

# MobileNet: the output channels and the strides of its 13 units; a new stage begins where the stride is 2.
UNITS = (((64, 1),), ((128, 2), (128, 1)), ((256, 2), (256, 1)), ((512, 2), *((512, 1),) * 5), ((1024, 2), (1024, 1)))
SHUFFLENET = ((240, 4), (480, 8), (960, 4))     # output channels for three groups, and units, of each stage


def separable(in_channels, out_channels, stride, options, rng):
    """A depthwise 3x3 and a pointwise convolution, each with batch norm and ReLU, then the SE block.

    The counts of Table 3 say that the block is on the pointwise output. That it follows the ReLU, as in VGG, is our choice.
    """
    layers = [Conv2d(in_channels, in_channels, 3, stride=stride, padding=1, groups=in_channels, rng=rng), BatchNorm2d(in_channels), ReLU(),
              Conv2d(in_channels, out_channels, 1, rng=rng), BatchNorm2d(out_channels), ReLU()]
    se = SE(**options).block(out_channels, rng)
    return Sequential(*layers, *([se] if se else []))


class MobileNet(Network):
    """MobileNet for 224x224 images: 13 depthwise separable convolutions.

    Parameters
    ----------
    num_classes : int
    width : float
        Multiplies all numbers of channels: the paper's network is 1.0.
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
    Source: Table 3; Howard et al. 2017, table 1.
    """

    def __init__(self, num_classes=1000, *, width=1.0, seed=0, **se):
        num_classes, rng, channels = arguments.integer("num_classes", num_classes, 1), np.random.default_rng(seed), scaled(32, width)
        self.conv1, self.bn1, self.relu = Conv2d(3, channels, 3, stride=2, padding=1, rng=rng), BatchNorm2d(channels), ReLU()
        for i, (units, options) in enumerate(zip(UNITS, stage_options(5, standard="MobileNet", **se)), 1):
            layers = []
            for out, stride in units:
                layers.append(separable(channels, scaled(out, width), stride, options, rng))
                channels = scaled(out, width)
            setattr(self, f"stage{i}", Sequential(*layers))
        self.squeeze, self.fc = Squeeze(), Linear(channels, num_classes, rng=rng)


class ShuffleUnit(Layer):
    """A bottleneck of grouped convolutions with a channel shuffle. With stride 2 the shortcut is an average pooling, whose
    channels are concatenated with the branch's instead of added.

    The counts of Table 3 say that the SE block is on the branch, before the sum or the concatenation.
    """

    def __init__(self, in_channels, out_channels, *, stride, groups, first_groups, options, rng):
        out, inner = out_channels - (in_channels if stride == 2 else 0), out_channels // 4
        self.branch = Sequential(
            conv1=Conv2d(in_channels, inner, 1, groups=first_groups, rng=rng), bn1=BatchNorm2d(inner), relu=ReLU(),
            shuffle=ChannelShuffle(groups),
            conv2=Conv2d(inner, inner, 3, stride=stride, padding=1, groups=inner, rng=rng), bn2=BatchNorm2d(inner),
            conv3=Conv2d(inner, out, 1, groups=groups, rng=rng), bn3=BatchNorm2d(out))
        self.se = SE(**options).block(out, rng)
        self.pool = AvgPool2d(3, stride=2, padding=1) if stride == 2 else None
        self.join, self.relu = (Concat(), ReLU()) if stride == 2 else (AddReLU(), None)

    def forward(self, x):
        u = self.branch(x)
        if self.se:
            u = self.se(u)
        return self.relu(self.join(self.pool(x), u)) if self.pool else self.join(u, x)

    def backward(self, dy):
        if self.pool:
            dx, du = self.join.backward(self.relu.backward(dy))
            dx = self.pool.backward(dx)
        else:
            du, dx = self.join.backward(dy)
        if self.se:
            du = self.se.backward(du)
        return self.branch.backward(du, plus=dx)


class ShuffleNet(Network):
    """ShuffleNet with three groups for 224x224 images.

    Parameters
    ----------
    num_classes : int
    width : float
        Multiplies all numbers of channels, rounded to multiples of 12: the paper's network is 1.0.
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
    Source: Table 3; Zhang et al. 2018, table 1. The first pointwise convolution of stage1 has no groups: its input has only 24
    channels.
    """

    def __init__(self, num_classes=1000, *, width=1.0, seed=0, **se):
        num_classes, rng, channels = arguments.integer("num_classes", num_classes, 1), np.random.default_rng(seed), scaled(24, width, 3)
        self.conv1, self.bn1, self.relu = Conv2d(3, channels, 3, stride=2, padding=1, rng=rng), BatchNorm2d(channels), ReLU()
        self.pool = MaxPool2d(3, stride=2, padding=1)
        for i, ((out, n), options) in enumerate(zip(SHUFFLENET, stage_options(3, standard="ShuffleNet", **se)), 1):
            units, out = [], scaled(out, width, 12)
            for j in range(n):
                units.append(ShuffleUnit(channels, out, stride=1 if j else 2, groups=3, first_groups=1 if i == 1 and j == 0 else 3,
                                         options=options, rng=rng))
                channels = out
            setattr(self, f"stage{i}", Sequential(*units))
        self.squeeze, self.fc = Squeeze(), Linear(channels, num_classes, rng=rng)
