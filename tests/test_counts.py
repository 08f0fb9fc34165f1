"""Every network's exact counts: trainable parameters with and without SE blocks and biases, running statistics, multiply-adds.

The numbers are those of the authors' prototxt files and of the networks' own papers, counted by hand; the weights of SE blocks
are eq. (5).
"""
import numpy as np
import pytest

from minisenet import models
from minisenet.paper import _Undrawn
from minisenet.summary import summary

pytestmark = pytest.mark.section_4

# plain network -> parameters, SE weights, SE biases, running statistics, and million multiply-adds: convolutions and the fully
# connected layer, those with the layers of the SE blocks, those with their scale too
IMAGENET = {
    "resnet18": (11_689_512, 87_040, 2_040, None, ()),
    "resnet34": (21_797_672, 157_184, 4_012, None, ()),
    "resnet50": (25_557_032, 2_514_944, 16_048, 53_120, (3858.0, 3860.5, 3866.0)),
    "resnet101": (44_549_160, 4_743_168, 34_544, 105_344, (7570.2, 7574.9, 7583.9)),
    "resnet152": (60_192_808, 6_578_176, 50_864, 151_424, (11282.4, 11289.0, 11302.1)),
    "resnext50": (25_028_904, 2_514_944, 16_048, 68_224, (4230.5, 4233.0, 4238.5)),
    "resnext101": (44_177_704, 4_743_168, 34_544, 137_856, (7970.0, 7974.7, 7983.7)),
    "senet154": (108_459_944, 6_578_176, 50_864, 247_552, (20681.8, 20688.4, 20701.5)),
    "vgg16": (138_365_992, 226_304, 4_488, 8_448, (15470.3, 15470.5, 15484.0)),
    "bn_inception": (11_285_224, 639_360, 7_038, 20_032, (2032.6, 2033.2, 2034.4)),
    "inception_resnet_v2": (55_843_464, 8_495_360, 48_620, None, (13156, 13164, 13176)),
    "mobilenet": (4_231_976, 479_744, 6_324, 21_888, (568.74, 569.22, 571.93)),
    "shufflenet": (1_865_728, 610_416, 8_389, 24_480, (137.46, 138.07, 139.68))}
CIFAR = {
    "resnet20": (272_474, 2_016, 357, None, (40.813,)), "resnet32": (466_906, 3_360, 595, None, (69.125,)),
    "resnet56": (855_770, 6_048, 1_071, None, (125.748,)), "resnet110": (1_730_714, 12_096, 2_142, None, (253.150,)),
    "preact_resnet110": (1_730_522, 12_096, 2_142, None, (253.150,)),
    "preact_resnet164": (1_703_258, 193_536, 8_568, None, (244.501,)),
    "wrn16_8": (10_961_370, 86_016, 1_904, None, (1548.15,)), "shake_shake26_2x96d": (26_192_922, 96_768, 2_856, None, (3776.9,)),
    "shake_even29_2x4x64d": (34_529_700 - 90 * 1025, 516_096, 5_712, None, (5387.3,))}
slow, LARGE = pytest.mark.slow, {"resnet101", "resnet152", "resnext101", "senet154", "vgg16", "inception_resnet_v2"}


def totals(name, num_classes=None, **options):
    """The counts of a network whose weights are not drawn, and the specification's."""
    found = summary(models.create(name, num_classes, seed=_Undrawn(np.random.PCG64(0)), **options))
    return found["totals"], found["paper"]


@pytest.mark.parametrize("name", [pytest.param(name, marks=slow if name in LARGE else ()) for name in IMAGENET | CIFAR])
def test_counts(name):
    """Of the plain network and of the one with SE blocks and biases; `tests/test_paper.py` counts without biases."""
    parameters, weights, biases, statistics, millions = (IMAGENET | CIFAR)[name]
    plain, specified = totals(name, **dict(reduction=None) if name == "senet154" else {})
    assert plain["parameters"] == specified["parameters"] == parameters
    assert plain["conv_and_fc"] == plain["with_scale"]
    assert plain["conv_and_fc"] / 1e6 == pytest.approx(specified["million_multiply_adds"], rel=4e-5)
    se, specified = totals(name if name == "senet154" else f"se_{name}", se_bias=True)
    assert se["parameters"] == specified["parameters"] == parameters + weights + biases
    assert statistics in (None, se["running_statistics"]) and se["running_statistics"] == plain["running_statistics"]
    counts = [se[kind] / 1e6 for kind in ("conv_and_fc", "with_se_fc", "with_scale")]
    assert counts[:len(millions)] == pytest.approx(millions, rel=4e-5)


@pytest.mark.parametrize("name, features", [("se_resnet50", 2048), ("se_bn_inception", 1024), ("se_shufflenet", 960)])
def test_the_head_of_places365(name, features):
    (imagenet, _), (places, specified) = totals(name), totals(name, 365)
    assert imagenet["parameters"] - places["parameters"] == 635 * (features + 1)
    assert specified["parameters"] == places["parameters"]


@pytest.mark.section_6
@pytest.mark.parametrize("options, parameters", [
    (dict(reduction=2), 45_676_584), (dict(reduction=32), 26_814_504), (dict(reduction=8, se_bias=True), 30_586_920 + 16_992),
    (dict(se_stages=(4,)), 27_129_896), (dict(se_stages=(1, 2, 3)), 26_499_112), (dict(se_stages=()), 25_557_032),
    (dict(reduction=(2, 4, 8, 16)), 25_557_032 + 8 * 24_576 + 4 * 131_072 + 2 * 786_432 + 1_572_864),
    (dict(place="pre", se_bias=True), 27_548_200 + 13_940), (dict(place="3x3", squeeze="none", gate="tanh"), 25_714_216),
    (dict(place="identity", squeeze="max", stride_on="3x3", stem_pool="padded"), 28_071_976)])
def test_counts_of_the_variants(options, parameters):
    """SE-ResNet-50. The biases by hand: sum N (C + C / r), where C is the channels of the SE block's input."""
    assert totals("se_resnet50", **options)[0]["parameters"] == parameters


@pytest.mark.section_6
@pytest.mark.parametrize("name, r", [("se_shufflenet", 8), ("se_shufflenet", 3), ("se_bn_inception", 5),
                                     ("se_shake_shake26_2x96d", 64), ("se_mobilenet", 1), ("se_resnet18", None)])
def test_the_specification_knows_every_r(name, r):
    """Also where r does not divide the channels: the hidden layer has C // r units, 27 for 216 channels and r = 8."""
    total, specified = totals(name, reduction=r, se_bias=True)
    assert total["parameters"] == specified["parameters"]
