"""The paper's networks as a PyTorch user would write them, and minisenet's layers and models turned into them.

    reference = reference_of(model)                         a minisenet layer or model in PyTorch, with its weights
    y = to_nhwc(reference(to_nchw(x)))
"""
import torch
from torch import nn

from minisenet import blocks, layers
from minisenet.reference.blocks import (BasicBlock, Bottleneck, Dropout, GlobalMean, SEBlock, ShakeBottleneck, by_stage, named,
                                        pre_activation_basic, pre_activation_bottleneck, shake_basic)
from minisenet.reference.families import FAMILIES


def stages(make, depths, channels, outputs, widths, options, first_stride=1):
    """dict of stages: `make(in, width, stride, **options)`, of which only the first block of each changes the shape."""
    found = {}
    for i, (n, out, width, own) in enumerate(zip(depths, outputs, widths, options)):
        stage = [make(channels if j == 0 else out, width, (first_stride if i == 0 else 2) if j == 0 else 1, **own) for j in range(n)]
        found[f"stage{i + 1}"], channels = nn.Sequential(*stage), out
    return found


def cifar_resnet(depth):
    def build(num_classes, width=16, shortcut="B", **se):
        widths = [width, 2 * width, 4 * width]
        options = [dict(each, shortcut=shortcut) for each in by_stage(3, **se)]
        return named(conv1=nn.Conv2d(3, width, 3, padding=1, bias=False), bn1=nn.BatchNorm2d(width), relu=nn.ReLU(),
                     **stages(BasicBlock, [(depth - 2) // 6] * 3, width, widths, widths, options),
                     squeeze=GlobalMean(), fc=nn.Linear(4 * width, num_classes))
    return build


POOLS = {"ceil": lambda: nn.MaxPool2d(3, 2, ceil_mode=True), "padded": lambda: nn.MaxPool2d(3, 2, padding=1)}


def resnet(make, depths, times=1, expansion=4, stride_on="1x1", **fixed):
    """ImageNet's: the 3x3 convolutions of stage i have `times` * width * 2^i channels."""
    def build(num_classes, width=64, stem_pool="ceil", stride_on=stride_on, **se):
        widths, outputs = ([k * width << i for i in range(4)] for k in (times, times * expansion))
        options = by_stage(4, **se)
        if make is Bottleneck:
            options = [dict(each, expansion=expansion, stride_on=stride_on, **fixed) for each in options]
        return named(conv1=nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False), bn1=nn.BatchNorm2d(width), relu=nn.ReLU(),
                     pool=POOLS[stem_pool](), **stages(make, depths, width, outputs, widths, options), squeeze=GlobalMean(),
                     fc=nn.Linear(outputs[-1], num_classes))
    return build


def senet154(num_classes, width=64, stem_pool="ceil", stride_on="3x3", dropout=0.2, **se):
    """The appendix's network."""
    def unit(i, channels, out, stride):
        return {f"conv{i}": nn.Conv2d(channels, out, 3, stride=stride, padding=1, bias=False), f"bn{i}": nn.BatchNorm2d(out),
                f"relu{i}": nn.ReLU()}
    widths = [4 * width << i for i in range(4)]
    options = [dict(each, expansion=1, groups=64, projection=3, stride_on=stride_on, first=w // 2)
               for each, w in zip(by_stage(4, **se), widths)]
    return named(**unit(1, 3, width, 2), **unit(2, width, width, 1), **unit(3, width, 2 * width, 1), pool=POOLS[stem_pool](),
                 **stages(Bottleneck, (3, 8, 36, 3), 2 * width, widths, widths, options), squeeze=GlobalMean(),
                 dropout=Dropout(dropout), fc=nn.Linear(widths[-1], num_classes))


def pre_activation(make, n, widen=1, expansion=1):
    def build(num_classes, width=16, **se):
        widths, outputs = ([k * width << i for i in range(3)] for k in (widen, widen * expansion))
        return named(conv1=nn.Conv2d(3, width, 3, padding=1, bias=False),
                     **stages(make, [n] * 3, width, outputs, widths, by_stage(3, **se)),
                     bn=nn.BatchNorm2d(outputs[-1]), relu=nn.ReLU(), squeeze=GlobalMean(), fc=nn.Linear(outputs[-1], num_classes))
    return build


def shake_shake26(num_classes, width=96, **se):
    widths, channels = [width, 2 * width, 4 * width], max(1, width // 6)
    return named(conv1=nn.Conv2d(3, channels, 3, padding=1, bias=False), bn1=nn.BatchNorm2d(channels),
                 **stages(shake_basic, [4] * 3, channels, widths, widths, by_stage(3, **se)), relu=nn.ReLU(),
                 squeeze=GlobalMean(), fc=nn.Linear(4 * width, num_classes))


def shake_even29(num_classes, width=64, **se):
    widths = [4 * width, 8 * width, 16 * width]
    return named(conv1=nn.Conv2d(3, width, 3, padding=1, bias=False), bn1=nn.BatchNorm2d(width), relu=nn.ReLU(),
                 **stages(ShakeBottleneck, [3] * 3, width, widths, widths, by_stage(3, **se)), squeeze=GlobalMean(),
                 fc=nn.Linear(widths[-1], num_classes))


# name without "se_" -> (num_classes, **options of `minisenet.models.create`) -> nn.Module
NETWORKS = {f"resnet{depth}": cifar_resnet(depth) for depth in (20, 32, 44, 56, 110)} | {
    "resnet18": resnet(BasicBlock, (2, 2, 2, 2), expansion=1), "resnet34": resnet(BasicBlock, (3, 4, 6, 3), expansion=1),
    "resnet50": resnet(Bottleneck, (3, 4, 6, 3)), "resnet101": resnet(Bottleneck, (3, 4, 23, 3)),
    "resnet152": resnet(Bottleneck, (3, 8, 36, 3)),
    "resnext50": resnet(Bottleneck, (3, 4, 6, 3), 2, 2, "3x3", groups=32),
    "resnext101": resnet(Bottleneck, (3, 4, 23, 3), 2, 2, "3x3", groups=32), "senet154": senet154,
    "preact_resnet110": pre_activation(pre_activation_basic, 18),
    "preact_resnet164": pre_activation(pre_activation_bottleneck, 18, expansion=4),
    "wrn16_8": pre_activation(pre_activation_basic, 2, 8),
    "shake_shake26_2x96d": shake_shake26, "shake_even29_2x4x64d": shake_even29,
} | FAMILIES


# ---- from minisenet to PyTorch -----------------------------------------------------------------------------------------

def to_nchw(x):
    """An array (N, H, W, C) as a tensor (N, C, H, W). It shares the array's memory, so it is in channels-last order."""
    return torch.from_numpy(x).permute(0, 3, 1, 2)


def to_nhwc(x):
    """A tensor (N, C, H, W) as an array (N, H, W, C): the inverse of `to_nchw`."""
    return x.detach().permute(0, 2, 3, 1).numpy()


def copy_weights(layer, module):
    """Copy a layer's parameters, running statistics and dtype into a PyTorch module with the same names, and return it.

    PyTorch's count of batches has no counterpart, and stays as it is.

    Raises
    ------
    ValueError
        Where only one of the two has a name.
    RuntimeError
        From PyTorch, where a shape differs.
    """
    state = {name: torch.from_numpy(array) for name, array in layer.state_dict().items()}
    wanted = {name for name in module.state_dict() if not name.endswith("num_batches_tracked")}
    if wanted != state.keys():
        differing = ", ".join(sorted(wanted ^ state.keys()))
        raise ValueError(f"the weights of {type(layer).__name__} and of the reference must have the same names, got a difference in "
                         f"{differing}")
    module.to(next(iter(state.values())).dtype).load_state_dict(state, strict=False)
    return module


def reference_of(layer):
    """The PyTorch reference of a network of `minisenet.models.create`, or of an SEBlock, BasicBlock or Bottleneck, with its dtype,
    its mode, copies of its weights, and the seeds of what it draws at random. Its input is (N, C, H, W).

    Raises
    ------
    TypeError
        For any other layer.
    """
    name = getattr(layer, "name", None)
    if name is not None and name.removeprefix("se_") in NETWORKS:
        options = {option: value for option, value in layer.options.items() if option != "seed"}
        if name.removeprefix("se_") == name and name != "senet154":
            options["reduction"] = None
        return _as(layer, NETWORKS[name.removeprefix("se_")](**options))
    for kind, build in _REFERENCES.items():
        if isinstance(layer, kind):
            return _as(layer, build(layer))
    known = ", ".join(kind.__name__ for kind in _REFERENCES)
    raise TypeError(f"layer must be one of {known} or a network of minisenet.models.create, got {type(layer).__name__}, which has "
                    "no PyTorch reference")


def _as(layer, module):
    copy_weights(layer, module).train(layer.training)
    for name, each in layer.modules():
        if isinstance(each, layers.Random):
            drawing = module.get_submodule(name)
            drawing.seed, drawing.step = each.seed, each.step
    return module


# A block's reference is built from its shapes and structure, not from the arguments with which it was made.

def _se_options(block):
    se = block.se
    if se is None:
        return dict(reduction=None)
    hidden, channels = se.fc1.weight.value.shape            # where h = C // r, so is C // (C // h)
    return dict(reduction=channels // hidden, se_bias=se.bias, squeeze=se.squeeze, gate=se.gate, place=block.place)


def _block_options(block):
    options = dict(_se_options(block), stride=max(block.conv1.options["stride"], block.conv2.options["stride"]),
                   shortcut="A" if isinstance(block.shortcut, blocks.PaddedIdentity) else "B")
    if isinstance(block.shortcut, blocks.Projection):
        options["projection"] = block.shortcut.conv.weight.value.shape[2]
    return options


def _basic_block(block):
    out_channels, in_channels, _, _ = block.conv1.weight.value.shape
    return BasicBlock(in_channels, out_channels, **_block_options(block))


def _bottleneck(block):
    first, in_channels, _, _ = block.conv1.weight.value.shape
    out_channels, width, _, _ = block.conv3.weight.value.shape
    return Bottleneck(in_channels, width, expansion=out_channels // width, first=first, groups=block.conv2.options["groups"],
                      stride_on="1x1" if block.conv1.options["stride"] != 1 else "3x3", **_block_options(block))


_REFERENCES = {
    blocks.SEBlock: lambda se: SEBlock(len(se.fc2.weight.value), len(se.fc2.weight.value) // len(se.fc1.weight.value), se.bias,
                                       se.squeeze, se.gate),
    blocks.BasicBlock: _basic_block,
    blocks.Bottleneck: _bottleneck,
}
