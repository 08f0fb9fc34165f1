"""VGG-16 with batch norm, and an SE block after the ReLU of each of its 13 convolutions (the paper's section 5.1, Table 2)."""
import numpy as np

from minisenet import arguments
from minisenet.blocks import SE
from minisenet.layers import BatchNorm2d, Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU, Sequential
from minisenet.models.network import Network, scaled, stage_options

STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))      # channels, convolutions; each ends with a max pooling
HIDDEN = 4096


class VGG(Network):
    """VGG-16 with batch norm for 224x224 images.

    Parameters
    ----------
    num_classes : int
    width : float
        Multiplies all numbers of channels and of hidden units.
    image_size : int
        The size of the images, which decides the size of the first fully connected layer. A multiple of 32.
    dropout : float
        The probability after each of the two hidden fully connected layers.
    seed : int or numpy.random.Generator
        Decides the initial weights, and what is dropped.
    **se
        See `minisenet.models.network.stage_options`. The place must be "standard".

    Raises
    ------
    TypeError, ValueError
        If a size is out of range, or if there is no such option.

    Notes
    -----
    Source: Simonyan and Zisserman 2015, configuration D. The authors of the paper added the batch norms; the convolutions keep
    their biases.
    """

    def __init__(self, num_classes=1000, *, width=1.0, image_size=224, dropout=0.5, seed=0, **se):
        num_classes, side = arguments.integer("num_classes", num_classes, 1), arguments.integer("image_size", image_size, 32)
        if side % 32:
            raise ValueError(f"image_size must be a multiple of 32, got {side}")
        rng, channels = np.random.default_rng(seed), 3
        for i, ((out, n), options) in enumerate(zip(STAGES, stage_options(5, standard="VGG", **se)), 1):
            layers, out = [], scaled(out, width)
            for _ in range(n):
                layers += [Conv2d(channels, out, 3, padding=1, bias=True, rng=rng), BatchNorm2d(out), ReLU()]
                if block := SE(**options).block(out, rng):
                    layers.append(block)
                channels = out
            setattr(self, f"stage{i}", Sequential(*layers, MaxPool2d(2)))
        hidden = scaled(HIDDEN, width)
        self.flatten, self.fc1, self.relu1 = Flatten(), Linear(channels * (side // 32) ** 2, hidden, rng=rng), ReLU()
        self.dropout1 = Dropout(dropout, rng=rng)
        self.fc2, self.relu2, self.dropout2 = Linear(hidden, hidden, rng=rng), ReLU(), Dropout(dropout, rng=rng)
        self.fc = Linear(hidden, num_classes, rng=rng)
