"""The networks by name: how each is built, its image size and classes, and its cost by the specification."""
import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field

from minisenet.models.resnet import CifarResNet


@dataclass(frozen=True)
class Counts:
    """The totals of a specification, for the default number of classes, the default r and no biases in SE blocks."""

    parameters: int
    million_multiply_adds: float    # convolutions and fully connected layers, for one image
    features: int                   # inputs of the last layer: one more class costs this many weights and a bias
    se_weights: int = 0             # part of the parameters: by eq. (5) it is proportional to 1 / r
    se_biases: int = 0              # the parameters that `se_bias` adds


@dataclass(frozen=True)
class Network:
    """An entry of the registry.

    Attributes
    ----------
    build : callable
        (num_classes, **options) -> Layer.
    image_size, num_classes : int
        The size of the images that it is for, and its default number of classes.
    plain : str or None
        The name of its plain twin, the same network without SE blocks. None for a plain network.
    counts : dict of str to Counts
        The specification's numbers by shortcut (None for a network without that option), if there are any.
    source : str
        The source of the counts.
    """

    build: Callable
    image_size: int
    num_classes: int
    plain: str | None = None
    counts: dict = field(default_factory=dict)
    source: str = ""

    @property
    def defaults(self):
        """dict: option -> its default."""
        bound = {"num_classes", *getattr(self.build, "keywords", ())}
        return {name: p.default for name, p in inspect.signature(self.build).parameters.items() if name not in bound}

    def specified(self, num_classes, **options):
        """The specification's numbers for the network with these options, to compare with what is counted.

        Returns
        -------
        dict or None
            parameters, million_multiply_adds, image_size, source. None if the specification has no numbers for these options.
        """
        defaults, chosen = self.defaults, self.defaults | options
        counts = self.counts.get(chosen.get("shortcut"))
        others = defaults.keys() - {"shortcut", "reduction", "se_bias", "seed"}
        if counts is None or any(chosen[name] != defaults[name] for name in others):
            return None
        parameters, classes = counts.parameters, num_classes - self.num_classes
        if self.plain:
            r, usual = chosen["reduction"], defaults["reduction"]
            if usual % r or chosen["se_bias"] and r != usual:
                return None
            parameters += counts.se_weights * usual // r - counts.se_weights                            # eq. (5)
            parameters += counts.se_biases * chosen["se_bias"]
        return dict(parameters=parameters + (counts.features + 1) * classes, image_size=self.image_size, source=self.source,
                    million_multiply_adds=round(counts.million_multiply_adds + counts.features * classes / 1e6, 3))


# The paper gives only errors for its CIFAR networks. These counts are exact, by hand, from the specification in He et al.
# 2016, section 4.2; the SE weights are eq. (5), 2 / r sum C^2. Public implementations of 20, 32, 56 and 110 layers have the
# same: akamaster/pytorch_resnet_cifar10 for shortcut A, moskomule/senet.pytorch for shortcut B.
CIFAR = {       # depth -> SE weights, SE biases; by shortcut: parameters without SE, millions of multiply-adds
    20: (2_016, 357, dict(A=(269_722, 40.551), B=(272_474, 40.813))),
    32: (3_360, 595, dict(A=(464_154, 68.863), B=(466_906, 69.125))),
    44: (4_704, 833, dict(A=(658_586, 97.174), B=(661_338, 97.436))),
    56: (6_048, 1_071, dict(A=(853_018, 125.486), B=(855_770, 125.748))),
    110: (12_096, 2_142, dict(A=(1_727_962, 252.888), B=(1_730_714, 253.150))),
}
CIFAR_SOURCE = "The paper gives only errors for CIFAR; the specification is He et al. 2016, with SE by eq. (5)."

MODELS = {}
for depth, (weights, biases, by_shortcut) in CIFAR.items():
    for se, name, plain in ((False, f"resnet{depth}", None), (True, f"se_resnet{depth}", f"resnet{depth}")):
        counts = {shortcut: Counts(parameters + weights * se, millions, 64, weights * se, biases * se)
                  for shortcut, (parameters, millions) in by_shortcut.items()}
        MODELS[name] = Network(functools.partial(CifarResNet, depth, se=se), 32, 10, plain, counts, CIFAR_SOURCE)
