"""Pre-activation ResNets and Wide ResNets on CIFAR, the "ResNet-110", "ResNet-164" and "WRN-16-8" of Tables 4 and 5.

    3x3, 16 -> three stages -> BN -> ReLU -> squeeze -> linear

The paper's plain figures for ResNet-110 and 164 are those of He et al. 2016, Identity Mappings.
"""
import numpy as np

from minisenet import arguments
from minisenet.blocks import pre_activation_basic, pre_activation_bottleneck
from minisenet.layers import BatchNorm2d, Conv2d, Linear, ReLU, Squeeze
from minisenet.models.network import Network, stage, stage_options

BLOCKS = dict(basic=(pre_activation_basic, 1), bottleneck=(pre_activation_bottleneck, 4))


class PreActResNet(Network):
    """A pre-activation ResNet of three stages for 32x32 images.

    Parameters
    ----------
    block : {"basic", "bottleneck"}
    n : int
        The blocks of each stage.
    num_classes : int
    width : int
        The channels of the stem. The 3x3 convolutions of the stages have `widen` times 1, 2 and 4 times as many.
    widen : int
        k of a Wide ResNet (Zagoruyko and Komodakis 2016).
    seed : int or numpy.random.Generator
        Decides the initial weights.
    **se
        See `minisenet.models.network.stage_options`.

    Raises
    ------
    TypeError, ValueError
        If a size is below 1, or if there is no such option.
    """

    def __init__(self, block, n, num_classes=10, *, width=16, widen=1, seed=0, **se):
        width, num_classes = arguments.integer("width", width, 1), arguments.integer("num_classes", num_classes, 1)
        rng, (make, expansion) = np.random.default_rng(seed), BLOCKS[block]
        self.conv1, channels = Conv2d(3, width, 3, padding=1, rng=rng), width
        for i, options in enumerate(stage_options(3, **se)):
            w = widen * width << i
            setattr(self, f"stage{i + 1}", stage(make, n, channels, w, expansion * w, i > 0, options | dict(rng=rng)))
            channels = expansion * w
        self.bn, self.relu = BatchNorm2d(channels), ReLU()
        self.squeeze, self.fc = Squeeze(), Linear(channels, num_classes, rng=rng)
