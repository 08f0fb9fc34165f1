"""Shake-Shake 26 2x96d and Shake-Even 29 2x4x64d on CIFAR (Tables 4 and 5; Gastaldi 2017), which are trained with Cutout.

Two branches in each block, mixed at random in training. The paper does not say where their SE block is; section 3.3 puts it on
the whole branch, so here it follows the mix.
"""
import numpy as np

from minisenet import arguments
from minisenet.blocks import ShakeBottleneck, shake_basic
from minisenet.layers import BatchNorm2d, Conv2d, Linear, ReLU, Squeeze
from minisenet.models.network import Network, stage, stage_options


class ShakeShake26(Network):
    """Depth 26: four blocks of two 3x3 convolutions in each of three stages, without a batch norm before them.

    Parameters
    ----------
    num_classes : int
    width : int
        The channels of stage1; the next two have twice and four times as many. The stem has a sixth, 16 for 96.
    seed : int or numpy.random.Generator
        Decides the initial weights, and what is drawn in training.
    **se
        See `minisenet.models.network.stage_options`.
    """

    def __init__(self, num_classes=10, *, width=96, seed=0, **se):
        width, num_classes = arguments.integer("width", width, 1), arguments.integer("num_classes", num_classes, 1)
        rng, channels = np.random.default_rng(seed), max(1, width // 6)
        self.conv1, self.bn1 = Conv2d(3, channels, 3, padding=1, rng=rng), BatchNorm2d(channels)
        for i, options in enumerate(stage_options(3, **se)):
            w, options = width << i, options | dict(rng=rng)
            setattr(self, f"stage{i + 1}", stage(shake_basic, 4, channels, w, w, i > 0, options))
            channels = w
        self.relu, self.squeeze, self.fc = ReLU(), Squeeze(), Linear(channels, num_classes, rng=rng)


class ShakeEven29(Network):
    """Depth 29: three ResNeXt blocks with two branches in each of three stages; backward, each branch gets half of the gradient.

    Parameters
    ----------
    num_classes : int
    width : int
        The channels of the stem, 64. The branches of stage1 have four times as many, in four groups.
    seed : int or numpy.random.Generator
        Decides the initial weights, and what is drawn in training.
    **se
        See `minisenet.models.network.stage_options`.
    """

    def __init__(self, num_classes=10, *, width=64, seed=0, **se):
        width, num_classes = arguments.integer("width", width, 1), arguments.integer("num_classes", num_classes, 1)
        rng, channels = np.random.default_rng(seed), width
        self.conv1, self.bn1, self.relu = Conv2d(3, width, 3, padding=1, rng=rng), BatchNorm2d(width), ReLU()
        for i, options in enumerate(stage_options(3, **se)):
            w, options = 4 * width << i, options | dict(groups=4, even=True, rng=rng)
            setattr(self, f"stage{i + 1}", stage(ShakeBottleneck, 3, channels, w, w, i > 0, options))
            channels = w
        self.squeeze, self.fc = Squeeze(), Linear(channels, num_classes, rng=rng)
