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
    """The totals of a specification without SE blocks, for the default number of classes, and where the SE blocks are."""

    parameters: int
    million_multiply_adds: float    # convolutions and fully connected layers, for one image
    features: int                   # inputs of the last layer: one more class costs this many weights and a bias
    se_blocks: dict = field(default_factory=dict)       # channels C -> the number of SE blocks with C channels

    def se_parameters(self, r, bias):
        """Eq. (5), 2 / r sum N C^2, where r divides each C. Elsewhere it is exact too: the hidden layer has C // r units."""
        return sum(n * (2 * c * (c // r) + bias * (c + c // r)) for c, n in self.se_blocks.items())


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
        r = chosen.get("reduction")
        if isinstance(r, (tuple, list)):
            return None
        if r is not None:
            parameters += counts.se_parameters(int(r), bool(chosen["se_bias"]))
        return dict(parameters=parameters + (counts.features + 1) * classes, image_size=self.image_size, source=self.source,
                    million_multiply_adds=round(counts.million_multiply_adds + counts.features * classes / 1e6, 3))


MODELS = {}


def _add(name, build, image_size, num_classes, features, parameters, millions, se_blocks, source, **own):
    """Enter a network and its SE twin. `parameters` and `millions` are without SE; dicts by shortcut, or one number each."""
    if not isinstance(parameters, dict):
        parameters, millions = {None: parameters}, {None: millions}
    counts = {shortcut: Counts(total, millions[shortcut], features, se_blocks) for shortcut, total in parameters.items()}
    MODELS[name] = Entry(partial(build, reduction=None), image_size, num_classes, False, None, own, counts, source)
    MODELS[f"se_{name}"] = Entry(build, image_size, num_classes, True, name, own, counts, source)


# ---- CIFAR -------------------------------------------------------------------------------------------------------------

# The paper gives only errors for its CIFAR networks. These counts are exact, by hand, from the specification in He et al.
# 2016, section 4.2. Public implementations of 20, 32, 56 and 110 layers have the
# same: akamaster/pytorch_resnet_cifar10 for shortcut A, moskomule/senet.pytorch for shortcut B.
SOURCE = "The paper gives only errors for CIFAR; the specification is He et al. 2016, with SE by eq. (5)."
for depth, parameters, millions in (
        (20, dict(A=269_722, B=272_474), dict(A=40.551, B=40.813)),
        (32, dict(A=464_154, B=466_906), dict(A=68.863, B=69.125)),
        (44, dict(A=658_586, B=661_338), dict(A=97.174, B=97.436)),
        (56, dict(A=853_018, B=855_770), dict(A=125.486, B=125.748)),
        (110, dict(A=1_727_962, B=1_730_714), dict(A=252.888, B=253.150))):
    se_blocks = dict.fromkeys((16, 32, 64), depth // 6)
    _add(f"resnet{depth}", partial(CifarResNet, depth), 32, 10, 64, parameters, millions, se_blocks, SOURCE)

SOURCE = "The paper gives only errors for CIFAR; the specification is the original paper's, with SE by eq. (5)."
for name, build, features, parameters, millions, se_blocks in (
        ("preact_resnet110", partial(PreActResNet, "basic", 18), 64, 1_730_522, 253.150, {16: 18, 32: 18, 64: 18}),
        ("preact_resnet164", partial(PreActResNet, "bottleneck", 18), 256, 1_703_258, 244.501, {64: 18, 128: 18, 256: 18}),
        ("wrn16_8", partial(PreActResNet, "basic", 2, widen=8), 512, 10_961_370, 1548.15, {128: 2, 256: 2, 512: 2}),
        ("shake_shake26_2x96d", ShakeShake26, 384, 26_192_922, 3776.9, {96: 4, 192: 4, 384: 4}),
        ("shake_even29_2x4x64d", ShakeEven29, 1024, 34_437_450, 5387.3, {256: 3, 512: 3, 1024: 3})):
    _add(name, build, 32, 10, features, parameters, millions, se_blocks, SOURCE)

# ---- ImageNet ----------------------------------------------------------------------------------------------------------

# Exact counts from the authors' prototxt files, and from the networks' own papers where they released none. The multiply-adds
# are those of convolutions and fully connected layers for one image, without SE.
SOURCE = "The specification is the authors' prototxt, with SE by eq. (5)."
for name, block, depths, channels, features, parameters, millions, own in (
        ("resnet18", "basic", (2, 2, 2, 2), 64, 512, 11_689_512, 1814.073, {}),
        ("resnet34", "basic", (3, 4, 6, 3), 64, 512, 21_797_672, 3663.761, {}),
        ("resnet50", "bottleneck", (3, 4, 6, 3), 256, 2048, 25_557_032, 3858.0, {}),
        ("resnet101", "bottleneck", (3, 4, 23, 3), 256, 2048, 44_549_160, 7570.2, {}),
        ("resnet152", "bottleneck", (3, 8, 36, 3), 256, 2048, 60_192_808, 11282.4, {}),
        ("resnext50", "bottleneck", (3, 4, 6, 3), 256, 2048, 25_028_904, 4230.5, dict(cardinality=32)),
        ("resnext101", "bottleneck", (3, 4, 23, 3), 256, 2048, 44_177_704, 7970.0, dict(cardinality=32))):
    se_blocks = {channels << i: n for i, n in enumerate(depths)}
    _add(name, partial(ResNet, block, depths, **own), 224, 1000, features, parameters, millions, se_blocks, SOURCE,
         **(dict(stride_on="3x3") if own else {}))

MODELS["senet154"] = Entry(
    partial(ResNet, "bottleneck", (3, 8, 36, 3), cardinality=64, halved=True), 224, 1000, True, None,
    dict(stride_on="3x3", dropout=0.2),
    {None: Counts(108_459_944, 20681.8, 2048, {256: 3, 512: 8, 1024: 36, 2048: 3})}, SOURCE)

SOURCE = "The specification is the network's own paper, or the authors' prototxt, with SE by eq. (5)."
for name, build, size, features, parameters, millions, se_blocks in (
        ("vgg16", VGG, 224, 4096, 138_365_992, 15470.3, {64: 2, 128: 2, 256: 3, 512: 6}),
        ("bn_inception", BNInception, 224, 1024, 11_285_224, 2032.6, {256: 1, 320: 1, 576: 3, 608: 2, 1056: 1, 1024: 2}),
        ("inception_resnet_v2", InceptionResNetV2, 299, 1536, 55_843_464, 13156.0, {320: 10, 1088: 20, 2080: 10}),
        ("mobilenet", MobileNet, 224, 1024, 4_231_976, 568.74, {64: 1, 128: 2, 256: 2, 512: 6, 1024: 2}),
        ("shufflenet", ShuffleNet, 224, 960, 1_865_728, 137.46, {216: 1, 240: 4, 480: 8, 960: 3})):
    _add(name, build, size, 1000, features, parameters, millions, se_blocks, SOURCE)
