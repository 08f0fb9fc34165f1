"""The networks by name: how each is built, its image size and classes, and its cost by the specification."""
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from minisenet.models.inception import BNInception, InceptionResNetV2
from minisenet.models.mobile import MobileNet, ShuffleNet
from minisenet.models.network import SE_OPTIONS
from minisenet.models.preact import PreActResNet
from minisenet.models.resnet import CifarResNet, ResNet
from minisenet.models.shake import ShakeEven29, ShakeShake26
from minisenet.models.vgg import VGG


@dataclass(frozen=True)
class Counts:
    """The totals of a specification, for the default number of classes, the default r and no biases in SE blocks."""

    parameters: int
    million_multiply_adds: float    # convolutions and fully connected layers, for one image
    features: int                   # inputs of the last layer: one more class costs this many weights and a bias
    se_weights: int = 0             # part of the parameters: by eq. (5) it is proportional to 1 / r
    se_biases: int = 0              # the parameters that `se_bias` adds


@dataclass(frozen=True)
class Entry:
    """An entry of the registry.

    Attributes
    ----------
    build : callable
        (num_classes, **options) -> Network.
    image_size, num_classes : int
        The size of the images that it is for, and its default number of classes.
    se : bool
        Whether it has SE blocks.
    plain : str or None
        The name of its plain twin, the same network without SE blocks. None for a plain network, and for SENet-154, whose
        twin is itself with `reduction=None`.
    own : dict
        The defaults in which it differs from its class.
    counts : dict of str to Counts
        The specification's numbers by shortcut (None for a network without that option), if there are any.
    source : str
        The source of the counts.
    """

    build: Callable
    image_size: int
    num_classes: int
    se: bool
    plain: str | None = None
    own: dict = field(default_factory=dict)
    counts: dict = field(default_factory=dict)
    source: str = ""

    @property
    def defaults(self):
        """dict: option -> its default."""
        bound = {"num_classes", *getattr(self.build, "keywords", ())}
        taken = {name: p.default for name, p in inspect.signature(self.build).parameters.items()
                 if name not in bound and p.kind is p.KEYWORD_ONLY}
        return taken | self.own | (SE_OPTIONS if self.se else {})

    def create(self, num_classes, **options):
        """The network with these options."""
        return self.build(num_classes=num_classes, **(self.own | options))

    def specified(self, num_classes, **options):
        """The specification's numbers for the network with these options, to compare with what is counted.

        Returns
        -------
        dict or None
            parameters, million_multiply_adds, image_size, source. None if the specification has no numbers for these options.
        """
        defaults, chosen = self.defaults, self.defaults | options
        counts = self.counts.get(chosen.get("shortcut"))
        others = defaults.keys() - {"shortcut", "reduction", "se_bias", "gate", "seed", "dropout", "stem_pool"}
        if counts is None or any(chosen[name] != defaults[name] for name in others):
            return None
        parameters, classes = counts.parameters, num_classes - self.num_classes
        if self.se:
            r, usual = chosen["reduction"], defaults["reduction"]
            if not isinstance(r, int) or usual % r or chosen["se_bias"] and r != usual:
                return None
            parameters += counts.se_weights * usual // r - counts.se_weights                            # eq. (5)
            parameters += counts.se_biases * chosen["se_bias"]
        return dict(parameters=parameters + (counts.features + 1) * classes, image_size=self.image_size, source=self.source,
                    million_multiply_adds=round(counts.million_multiply_adds + counts.features * classes / 1e6, 3))


MODELS = {}


def _add(name, build, image_size, num_classes, features, parameters, millions, se_weights, se_biases, source, **own):
    """Enter a network and its SE twin. `parameters` and `millions` are without SE; dicts by shortcut, or one number each."""
    if not isinstance(parameters, dict):
        parameters, millions = {None: parameters}, {None: millions}
    for se, full, plain in ((False, name, None), (True, f"se_{name}", name)):
        counts = {shortcut: Counts(total + se_weights * se, millions[shortcut], features, se_weights * se, se_biases * se)
                  for shortcut, total in parameters.items()}
        MODELS[full] = Entry(build if se else partial(build, reduction=None), image_size, num_classes, se, plain, own, counts, source)


# ---- CIFAR -------------------------------------------------------------------------------------------------------------

# The paper gives only errors for its CIFAR networks. These counts are exact, by hand, from the specification in He et al.
# 2016, section 4.2; the SE weights are eq. (5), 2 / r sum C^2. Public implementations of 20, 32, 56 and 110 layers have the
# same: akamaster/pytorch_resnet_cifar10 for shortcut A, moskomule/senet.pytorch for shortcut B.
SOURCE = "The paper gives only errors for CIFAR; the specification is He et al. 2016, with SE by eq. (5)."
for depth, weights, biases, parameters, millions in (
        (20, 2_016, 357, dict(A=269_722, B=272_474), dict(A=40.551, B=40.813)),
        (32, 3_360, 595, dict(A=464_154, B=466_906), dict(A=68.863, B=69.125)),
        (44, 4_704, 833, dict(A=658_586, B=661_338), dict(A=97.174, B=97.436)),
        (56, 6_048, 1_071, dict(A=853_018, B=855_770), dict(A=125.486, B=125.748)),
        (110, 12_096, 2_142, dict(A=1_727_962, B=1_730_714), dict(A=252.888, B=253.150))):
    _add(f"resnet{depth}", partial(CifarResNet, depth), 32, 10, 64, parameters, millions, weights, biases, SOURCE)

SOURCE = "The paper gives only errors for CIFAR; the specification is the original paper's, with SE by eq. (5)."
for name, build, features, parameters, millions, weights, biases in (
        ("preact_resnet110", partial(PreActResNet, "basic", 18), 64, 1_730_522, 253.150, 12_096, 2_142),
        ("preact_resnet164", partial(PreActResNet, "bottleneck", 18), 256, 1_703_258, 244.501, 193_536, 8_568),
        ("wrn16_8", partial(PreActResNet, "basic", 2, widen=8), 512, 10_961_370, 1548.15, 86_016, 1_904),
        ("shake_shake26_2x96d", partial(ShakeShake26), 384, 26_192_922, 3776.9, 96_768, 2_856),
        ("shake_even29_2x4x64d", partial(ShakeEven29), 1024, 34_437_450, 5387.3, 516_096, 5_712)):
    _add(name, build, 32, 10, features, parameters, millions, weights, biases, SOURCE)

# ---- ImageNet ----------------------------------------------------------------------------------------------------------

# Exact counts from the authors' prototxt files, and from the networks' own papers where they released none. The multiply-adds
# are those of convolutions and fully connected layers for one image, without SE.
SOURCE = "The specification is the authors' prototxt, with SE by eq. (5)."
for name, build, features, parameters, millions, weights, biases, own in (
        ("resnet18", partial(ResNet, "basic", (2, 2, 2, 2)), 512, 11_689_512, 1814.073, 87_040, 2_040, {}),
        ("resnet34", partial(ResNet, "basic", (3, 4, 6, 3)), 512, 21_797_672, 3663.761, 157_184, 4_012, {}),
        ("resnet50", partial(ResNet, "bottleneck", (3, 4, 6, 3)), 2048, 25_557_032, 3858.0, 2_514_944, 16_048, {}),
        ("resnet101", partial(ResNet, "bottleneck", (3, 4, 23, 3)), 2048, 44_549_160, 7570.2, 4_743_168, 34_544, {}),
        ("resnet152", partial(ResNet, "bottleneck", (3, 8, 36, 3)), 2048, 60_192_808, 11282.4, 6_578_176, 50_864, {}),
        ("resnext50", partial(ResNet, "bottleneck", (3, 4, 6, 3), cardinality=32), 2048, 25_028_904, 4230.5, 2_514_944, 16_048,
         dict(stride_on="3x3")),
        ("resnext101", partial(ResNet, "bottleneck", (3, 4, 23, 3), cardinality=32), 2048, 44_177_704, 7970.0, 4_743_168, 34_544,
         dict(stride_on="3x3"))):
    _add(name, build, 224, 1000, features, parameters, millions, weights, biases, SOURCE, **own)

MODELS["senet154"] = Entry(
    partial(ResNet, "bottleneck", (3, 8, 36, 3), cardinality=64, halved=True), 224, 1000, True, None,
    dict(stride_on="3x3", dropout=0.2), {None: Counts(115_038_120, 20681.8, 2048, 6_578_176, 50_864)}, SOURCE)

SOURCE = "The specification is the network's own paper, or the authors' prototxt, with SE by eq. (5)."
for name, build, size, features, parameters, millions, weights, biases in (
        ("vgg16", partial(VGG), 224, 4096, 138_365_992, 15470.3, 226_304, 4_488),
        ("bn_inception", partial(BNInception), 224, 1024, 11_285_224, 2032.6, 639_360, 7_038),
        ("inception_resnet_v2", partial(InceptionResNetV2), 299, 1536, 55_843_464, 13156.0, 8_495_360, 48_620),
        ("mobilenet", partial(MobileNet), 224, 1024, 4_231_976, 568.74, 479_744, 6_324),
        ("shufflenet", partial(ShuffleNet), 224, 960, 1_865_728, 137.46, 610_416, 8_389)):
    _add(name, build, size, 1000, features, parameters, millions, weights, biases, SOURCE)
