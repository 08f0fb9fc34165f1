"""The CIFAR ResNets of He et al. 2016, section 4.2, and their SE twins (the paper's section 5.1, Tables 4 and 5).

    3x3, w -> BN -> ReLU -> n blocks of w channels at 32x32 -> n of 2w at 16x16 -> n of 4w at 8x8 -> squeeze -> linear

with w = 16 and depth 6n + 2: 20, 32, 44, 56 and 110 layers.
"""
import numpy as np

from minisenet import arguments
from minisenet.blocks import BasicBlock
from minisenet.layers import BatchNorm2d, Conv2d, Linear, ReLU, Sequential, Squeeze
from minisenet.models.network import Network


class CifarResNet(Network):
    """A ResNet of depth 6n + 2 for 32x32 images.

    Parameters
    ----------
    depth : int
    num_classes : int
    se : bool
        Whether each residual branch ends with an SE block.
    width : int
        The channels of the first stage; the next two have twice and four times as many.
    reduction : int
        r of the SE blocks.
    se_bias : bool
        Whether the SE blocks have biases: False as in eq. (3), True as in the released models.
    shortcut : {"A", "B"}
        See `minisenet.blocks.ResidualBlock`.
    seed : int
        Decides the initial weights.

    Raises
    ------
    TypeError, ValueError
        If depth is not 6n + 2, if a size is below 1, or if reduction is larger than width.
    """

    def __init__(self, depth, num_classes=10, *, se, width=16, reduction=16, se_bias=False, shortcut="B", seed=0):
        n, rest = divmod(arguments.integer("depth", depth, 1) - 2, 6)
        if rest or n < 1:
            raise ValueError(f"depth must be 6n + 2 (20, 32, 44, 56, 110), got {depth}")
        width, num_classes = arguments.integer("width", width, 1), arguments.integer("num_classes", num_classes, 1)
        rng = np.random.default_rng(seed)
        options = dict(shortcut=shortcut, reduction=reduction if se else None, se_bias=se_bias, rng=rng)
        self.conv1, self.bn1, self.relu = Conv2d(3, width, 3, padding=1, rng=rng), BatchNorm2d(width), ReLU()
        self.stage1 = _stage(n, width, width, 1, options)
        self.stage2 = _stage(n, width, 2 * width, 2, options)
        self.stage3 = _stage(n, 2 * width, 4 * width, 2, options)
        self.squeeze = Squeeze()
        self.fc = Linear(4 * width, num_classes, rng=rng)


def _stage(n, in_channels, out_channels, stride, options):
    first = BasicBlock(in_channels, out_channels, stride=stride, **options)
    return Sequential(first, *(BasicBlock(out_channels, out_channels, **options) for _ in range(n - 1)))
