"""ResNets with a ReLU after each sum, and their SE twins: CIFAR's and ImageNet's, ResNeXt, and SENet-154.

    stem -> stage1 -> stage2 -> ... -> squeeze -> linear

Each stage is a number of equal blocks; the first one changes the number of channels, and halves the maps but in stage1.
"""
import numpy as np

from minisenet import arguments
from minisenet.blocks import BasicBlock, Bottleneck
from minisenet.layers import BatchNorm2d, Conv2d, Dropout, Linear, MaxPool2d, ReLU, Squeeze
from minisenet.models.network import Network, stage, stage_options

STEM_POOLS = {"ceil": dict(ceil_mode=True), "padded": dict(padding=1)}


class CifarResNet(Network):
    """A ResNet of depth 6n + 2 for 32x32 images: He et al. 2016, section 4.2; the paper's section 5.1, Tables 4 and 5.

    Parameters
    ----------
    depth : int
    num_classes : int
    width : int
        The channels of the first stage; the next two have twice and four times as many.
    shortcut : {"A", "B"}
        See `minisenet.blocks.ResidualBlock`.
    seed : int
        Decides the initial weights.
    **se
        See `minisenet.models.network.stage_options`.

    Raises
    ------
    TypeError, ValueError
        If depth is not 6n + 2, if a size is below 1, or if reduction is larger than width.
    """

    def __init__(self, depth, num_classes=10, *, width=16, shortcut="B", seed=0, **se):
        n, rest = divmod(arguments.integer("depth", depth, 1) - 2, 6)
        if rest or n < 1:
            raise ValueError(f"depth must be 6n + 2 (20, 32, 44, 56, 110), got {depth}")
        width, num_classes = arguments.integer("width", width, 1), arguments.integer("num_classes", num_classes, 1)
        rng = np.random.default_rng(seed)
        self.conv1, self.bn1, self.relu = Conv2d(3, width, 3, padding=1, rng=rng), BatchNorm2d(width), ReLU()
        channels = width
        for i, options in enumerate(stage_options(3, **se)):
            options |= dict(shortcut=shortcut, rng=rng)
            setattr(self, f"stage{i + 1}", stage(BasicBlock, n, channels, width << i, width << i, i > 0, options))
            channels = width << i
        self.squeeze, self.fc = Squeeze(), Linear(channels, num_classes, rng=rng)


class ResNet(Network):
    """A ResNet of four stages for 224x224 images: the paper's Table 1; SENet-154 in the appendix.

    Parameters
    ----------
    block : {"basic", "bottleneck"}
    depths : (int, int, int, int)
        The blocks of each stage.
    num_classes : int
    width : int
        The channels of the 3x3 convolutions of stage1, for ResNeXt and SENet-154 those of the ResNet that they follow. The next
        stages have twice, four and eight times as many.
    cardinality : int
        The groups of the 3x3 convolutions. With more than one, bottlenecks are ResNeXt's: twice as wide, the output as before.
    halved : bool
        SENet-154: the 3x3 four times as wide, and the first 1x1 half of that; a stem of three 3x3 convolutions; 3x3
        projections where the stride is 2.
    stride_on : {"1x1", "3x3"}
        See `minisenet.blocks.Bottleneck`.
    stem_pool : {"ceil", "padded"}
        The 3x3 max pooling, stride 2: in Caffe's ceil mode without padding, or padded as in torchvision. The windows differ.
    dropout : float
        The probability before the last layer.
    seed : int or numpy.random.Generator
        Decides the initial weights.
    **se
        See `minisenet.models.network.stage_options`.

    Raises
    ------
    TypeError, ValueError
        If a size is below 1, if groups do not divide the channels, or if there is no such option.

    Notes
    -----
    Source: Table 1; He et al. 2016; Xie et al. 2017, 32x4d; the appendix for SENet-154.
    """

    def __init__(self, block, depths, num_classes=1000, *, width=64, cardinality=1, halved=False, stride_on="1x1",
                 stem_pool="ceil", dropout=0.0, seed=0, **se):
        width, num_classes = arguments.integer("width", width, 1), arguments.integer("num_classes", num_classes, 1)
        arguments.choice("stem_pool", stem_pool, STEM_POOLS)
        rng = np.random.default_rng(seed)
        channels = self._stem(width, halved, rng)
        self.pool = MaxPool2d(3, stride=2, **STEM_POOLS[stem_pool])
        basic = block == "basic"
        for i, options in enumerate(stage_options(4, **se)):
            options["rng"], w = rng, width << i
            if basic:
                make, inner, out = BasicBlock, w, w
            else:
                inner, out = (4 if halved else 2 if cardinality > 1 else 1) * w, 4 * w
                make = Bottleneck
                options |= dict(expansion=out // inner, first=inner // 2 if halved else inner, groups=cardinality,
                                stride_on=stride_on, projection=3 if halved else 1)
            setattr(self, f"stage{i + 1}", stage(make, depths[i], channels, inner, out, i > 0, options))
            channels = out
        self.squeeze = Squeeze()
        if dropout:
            self.dropout = Dropout(dropout, rng=rng)
        self.fc = Linear(channels, num_classes, rng=rng)

    def _stem(self, width, three, rng):
        """A 7x7 convolution with stride 2, or three of 3x3 in its place. Returns the number of channels."""
        if not three:
            self.conv1, self.bn1, self.relu = Conv2d(3, width, 7, stride=2, padding=3, rng=rng), BatchNorm2d(width), ReLU()
            return width
        channels = 3
        for i, out in enumerate((width, width, 2 * width), 1):
            setattr(self, f"conv{i}", Conv2d(channels, out, 3, stride=2 if i == 1 else 1, padding=1, rng=rng))
            setattr(self, f"bn{i}", BatchNorm2d(out))
            setattr(self, f"relu{i}", ReLU())
            channels = out
        return channels
