"""Where weights come from: which network of ours is which of theirs, its conventions, and its names.

The authors' Caffe models, their ports in timm, timm's own networks and torchvision's are called alike and differ: in the place
of the stride, in the pooling of the stem, in the biases of the SE blocks, and in every tensor's name.
"""
import re
from dataclasses import dataclass, field

_RESNET = ((r"^stage(\d)\.", r"layer\1."), (r"\.shortcut\.conv\.", ".downsample.0."), (r"\.shortcut\.bn\.", ".downsample.1."))
_LEGACY = (*_RESNET, (r"^(conv|bn)", r"layer0.\1"), (r"\.se\.", ".se_module."), (r"^fc\.", "last_linear."))
_GLUON = ((r"^conv1\.", "conv1.0."), (r"^bn1\.", "conv1.1."), (r"^conv2\.", "conv1.3."), (r"^bn2\.", "conv1.4."), (r"^conv3\.", "conv1.6."),
          (r"^bn3\.", "bn1."), *_RESNET)
_VGG_STAGES = {1: 0, 2: 7, 3: 14, 4: 24, 5: 34}             # the first layer of each stage in torchvision's `features`


def _vgg(name):
    if match := re.match(r"stage(\d)\.(\d+)\.(.*)", name):
        return f"features.{_VGG_STAGES[int(match[1])] + int(match[2])}.{match[3]}"
    return re.sub(r"^(fc1|fc2|fc)\.", lambda match: f"classifier.{dict(fc1=0, fc2=3, fc=6)[match[1]]}.", name)


@dataclass(frozen=True)
class Preprocessing:
    """From an image to a network's input.

    Attributes
    ----------
    size : int
        The side of the square that the network gets.
    resize : int
        The shorter side before the centre crop.
    interpolation : {"bilinear", "bicubic"}
    mean, std : tuple of float
        For red, green and blue in [0, 1].
    bgr : bool
        Whether the network reads blue, green and red.
    """

    size: int = 224
    resize: int = 256
    interpolation: str = "bilinear"
    mean: tuple = (0.485, 0.456, 0.406)
    std: tuple = (0.229, 0.224, 0.225)
    bgr: bool = False


# The authors' own Caffe weights: blue, green and red from 0 to 255, less 104, 117 and 123, without a deviation.
CAFFE = dict(mean=(123 / 255, 117 / 255, 104 / 255), std=(1 / 255,) * 3, bgr=True)


@dataclass(frozen=True)
class Origin:
    """A network of another project.

    Attributes
    ----------
    network : str
        Ours, for `minisenet.models.create`.
    options : dict
        Its conventions.
    rules : tuple of (pattern, replacement), or callable
        From our names to theirs.
    last : str
        The name of its last layer's weight, whose rows are the classes.
    preprocessing : Preprocessing
    flattened : str or None
        Our name of a fully connected layer that reads a flattened map, which is (C, H, W) there and (H, W, C) here.
    """

    network: str
    options: dict = field(default_factory=dict)
    rules: object = _RESNET
    last: str = "fc.weight"
    preprocessing: Preprocessing = Preprocessing()
    flattened: str | None = None

    def theirs(self, name):
        """The name there of our tensor."""
        if callable(self.rules):
            return self.rules(name)
        for pattern, replacement in self.rules:
            name = re.sub(pattern, replacement, name)
        return name


_PADDED, _ON_3X3 = dict(stem_pool="padded"), dict(stride_on="3x3")
_BICUBIC = Preprocessing(interpolation="bicubic")
_SE = dict(se_bias=True)
_TIMM = _PADDED | _SE

SOURCES = {
    "timm": {
        # timm rounds a hidden layer to a multiple of 8 units: 64 channels have 8, where r = 16 would give 4
        **{f"seresnet{depth}": Origin(f"se_resnet{depth}", _TIMM | dict(reduction=(8, 16, 16, 16)), preprocessing=_BICUBIC) for depth in (18, 34)},
        "seresnet50": Origin("se_resnet50", _TIMM | _ON_3X3, preprocessing=Preprocessing(resize=235, interpolation="bicubic")),
        **{f"seresnet{depth}": Origin(f"se_resnet{depth}", _TIMM | _ON_3X3, preprocessing=_BICUBIC) for depth in (101, 152)},
        **{f"seresnext{depth}_32x4d": Origin(f"se_resnext{depth}", _TIMM, preprocessing=_BICUBIC) for depth in (50, 101)},
        "senet154": Origin("senet154", _TIMM, _GLUON, preprocessing=_BICUBIC),
    },
    "timm_legacy": {
        **{f"legacy_seresnet{depth}": Origin(f"se_resnet{depth}", _SE, _LEGACY, "last_linear.weight") for depth in (50, 101, 152)},
        **{f"legacy_seresnext{depth}_32x4d": Origin(f"se_resnext{depth}", _SE, _LEGACY, "last_linear.weight") for depth in (50, 101)},
        "legacy_senet154": Origin("senet154", _SE, _LEGACY, "last_linear.weight"),
    },
    "torchvision": {
        **{f"resnet{depth}": Origin(f"resnet{depth}", _PADDED | (_ON_3X3 if depth > 34 else {})) for depth in (18, 34, 50, 101, 152)},
        "resnext50_32x4d": Origin("resnext50", _PADDED),
        "vgg16_bn": Origin("vgg16", {}, _vgg, "classifier.6.weight", flattened="fc1.weight"),
    },
}
