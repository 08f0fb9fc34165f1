"""SE-ResNets as a PyTorch user would write them: `torch.nn` modules, images as (N, C, H, W), gradients by autograd.

These are written from the paper, not from `minisenet.blocks`, so that their agreement means something. Only the parameters'
names are the same, so that weights can be copied from one to the other:

    reference = reference_of(model)                         a minisenet layer or model in PyTorch, with its weights
    y = to_nhwc(reference(to_nchw(x)))
"""
try:
    import torch
    import torch.nn.functional as F
    from torch import nn
except ImportError as error:
    raise ImportError('minisenet.reference needs PyTorch: pip install "minisenet[torch]"') from error

from minisenet import blocks, models


class SEBlock(nn.Module):
    """Squeeze, excitation, scale: eqs. (2) to (4)."""

    def __init__(self, channels, reduction=16, bias=False):
        super().__init__()
        self.fc1 = nn.Linear(channels, channels // reduction, bias=bias)
        self.fc2 = nn.Linear(channels // reduction, channels, bias=bias)

    def forward(self, u):
        z = u.mean(dim=(2, 3))
        s = torch.sigmoid(self.fc2(F.relu(self.fc1(z))))
        return u * s[:, :, None, None]


class Projection(nn.Module):
    """Shortcut B: a strided 1x1 convolution and a batch norm."""

    def __init__(self, in_channels, out_channels, stride):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False)
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, x):
        return self.bn(self.conv(x))


class PaddedIdentity(nn.Module):
    """Shortcut A: every stride-th pixel, and zeros for the new channels."""

    def __init__(self, in_channels, out_channels, stride):
        super().__init__()
        self.stride, self.extra = stride, out_channels - in_channels

    def forward(self, x):
        return F.pad(x[:, :, ::self.stride, ::self.stride], (0, 0, 0, 0, 0, self.extra))


def _shortcut(in_channels, out_channels, stride, kind):
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return {"A": PaddedIdentity, "B": Projection}[kind](in_channels, out_channels, stride)


def _se(channels, reduction, bias):
    return SEBlock(channels, reduction, bias) if reduction else nn.Identity()


class BasicBlock(nn.Module):
    """Two 3x3 convolutions; `reduction=None` leaves the SE block out."""

    def __init__(self, in_channels, out_channels, stride=1, shortcut="B", reduction=16, se_bias=False):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.se = _se(out_channels, reduction, se_bias)
        self.shortcut = _shortcut(in_channels, out_channels, stride, shortcut)

    def forward(self, x):
        u = F.relu(self.bn1(self.conv1(x)))
        u = self.bn2(self.conv2(u))
        return F.relu(self.se(u) + self.shortcut(x))


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1, with the stride on the first 1x1, as in the paper's SE-ResNets."""

    def __init__(self, in_channels, width, stride=1, shortcut="B", reduction=16, se_bias=False):
        super().__init__()
        out_channels = 4 * width
        self.conv1, self.bn1 = nn.Conv2d(in_channels, width, 1, stride=stride, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels)
        self.se = _se(out_channels, reduction, se_bias)
        self.shortcut = _shortcut(in_channels, out_channels, stride, shortcut)

    def forward(self, x):
        u = F.relu(self.bn1(self.conv1(x)))
        u = F.relu(self.bn2(self.conv2(u)))
        u = self.bn3(self.conv3(u))
        return F.relu(self.se(u) + self.shortcut(x))


class CifarResNet(nn.Module):
    """The ResNet of depth 6 n + 2 for small images, with or without SE blocks."""

    def __init__(self, depth, num_classes=10, width=16, shortcut="B", reduction=16, se_bias=False):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        stages, channels = [], width
        for i in range(3):
            stage, out_channels = [], width * 2 ** i
            for j in range((depth - 2) // 6):
                stride = 2 if i > 0 and j == 0 else 1
                stage.append(BasicBlock(channels, out_channels, stride, shortcut, reduction, se_bias))
                channels = out_channels
            stages.append(nn.Sequential(*stage))
        self.stage1, self.stage2, self.stage3 = stages
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.stage3(self.stage2(self.stage1(x)))
        return self.fc(x.mean(dim=(2, 3)))


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
        raise ValueError(f"the weights of {type(layer).__name__} and of the reference must have the same names, got a difference in {differing}")
    module.to(next(iter(state.values())).dtype).load_state_dict(state, strict=False)
    return module


def reference_of(layer):
    """The PyTorch reference of an SEBlock, BasicBlock, Bottleneck or CifarResNet, with its dtype, its mode and copies of its
    weights. Its input is (N, C, H, W).

    Raises
    ------
    TypeError
        For any other layer.
    """
    for kind, build in _REFERENCES.items():
        if isinstance(layer, kind):
            return copy_weights(layer, build(layer)).train(layer.training)
    known = ", ".join(kind.__name__ for kind in _REFERENCES)
    raise TypeError(f"layer must be one of {known}, got {type(layer).__name__}, which has no PyTorch reference")


# Each reference is built from the layer's shapes and structure, not from the arguments with which the layer was made.

def _reduction(se):
    """An r that gives this block's hidden size h: where h = C // r, so is C // (C // h)."""
    hidden, channels = se.fc1.weight.value.shape
    return channels // hidden


def _block_options(block):
    padded = isinstance(block.shortcut, blocks.PaddedIdentity)
    return dict(stride=block.conv1.options["stride"], shortcut="A" if padded else "B",
                reduction=_reduction(block.se) if block.se else None, se_bias=block.se.bias if block.se else False)


def _basic_block(block):
    out_channels, in_channels, _, _ = block.conv1.weight.value.shape
    return BasicBlock(in_channels, out_channels, **_block_options(block))


def _bottleneck(block):
    width, in_channels, _, _ = block.conv1.weight.value.shape
    return Bottleneck(in_channels, width, **_block_options(block))


def _cifar_resnet(model):
    num_blocks, num_classes = len(model.stage1.children()), len(model.fc.weight.value)
    # The first block of the last stage changes the shape, so its shortcut shows A or B. It also has the most channels, 4w: an r
    # that gives 4w // r gives 2w // r and w // r too, because floor(floor(a) / 2) = floor(a / 2).
    options = _block_options(getattr(model.stage3, "0"))
    del options["stride"]
    return CifarResNet(6 * num_blocks + 2, num_classes, len(model.conv1.weight.value), **options)


_REFERENCES = {
    blocks.SEBlock: lambda se: SEBlock(len(se.fc2.weight.value), _reduction(se), se.bias),
    blocks.BasicBlock: _basic_block,
    blocks.Bottleneck: _bottleneck,
    models.CifarResNet: _cifar_resnet,
}
