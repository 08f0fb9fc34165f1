"""The SE block, its variants and the residual blocks as a PyTorch user would write them: `torch.nn`, images as (N, C, H, W).

These are written from the papers, not from `minisenet.blocks`, so that their agreement means something. Only the parameters'
names are the same, so that weights can be copied from one to the other.
"""
try:
    import torch
    import torch.nn.functional as F
    from torch import nn
except ImportError as error:
    raise ImportError('minisenet.reference needs PyTorch: pip install "minisenet[torch]"') from error

from collections import OrderedDict

import numpy as np

from minisenet import random

GATES = dict(sigmoid=torch.sigmoid, tanh=torch.tanh, relu=F.relu)


class SEBlock(nn.Module):
    """Squeeze, excitation, scale: eqs. (2) to (4), and the variants of section 6."""

    def __init__(self, channels, reduction=16, bias=False, squeeze="avg", gate="sigmoid"):
        super().__init__()
        self.squeeze, self.gate = squeeze, GATES[gate]
        self.fc1 = nn.Linear(channels, channels // reduction, bias=bias)
        self.fc2 = nn.Linear(channels // reduction, channels, bias=bias)

    def forward(self, u):
        if self.squeeze == "none":                          # channels last, so that a linear layer works on each position
            s = self.gate(self.fc2(F.relu(self.fc1(u.permute(0, 2, 3, 1)))))
            return u * s.permute(0, 3, 1, 2)
        z = u.mean(dim=(2, 3)) if self.squeeze == "avg" else F.adaptive_max_pool2d(u, 1).flatten(1)
        s = self.gate(self.fc2(F.relu(self.fc1(z))))
        return u * s[:, :, None, None]


def se_block(channels, reduction=16, se_bias=False, squeeze="avg", gate="sigmoid"):
    """An SEBlock, or None without a reduction."""
    return SEBlock(channels, reduction, se_bias, squeeze, gate) if reduction else None


class Projection(nn.Module):
    """Shortcut B: a strided convolution and a batch norm."""

    def __init__(self, in_channels, out_channels, stride, kernel_size=1):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride=stride, padding=kernel_size // 2, bias=False)
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


class ShiftedProjection(nn.Module):
    """Shake-Shake's shortcut: the stride's grid, and that of the image moved by one pixel, each for half of the channels."""

    def __init__(self, in_channels, out_channels, stride):
        super().__init__()
        half = out_channels // 2
        self.conv1 = nn.Conv2d(in_channels, half, 1, stride=stride, bias=False)
        self.conv2 = nn.Conv2d(in_channels, out_channels - half, 1, stride=stride, bias=False)
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, x):
        moved = F.pad(x, (1, -1, 1, -1))
        return self.bn(torch.cat([self.conv1(x), self.conv2(moved)], dim=1))


class Residual(nn.Module):
    """relu(branch(x) + shortcut(x)), with an SE block in one of the places of Tables 14 and 15."""

    def __init__(self, in_channels, out_channels, stride, shortcut="B", projection=1, inner=None, place="standard", **se):
        super().__init__()
        self.place = place
        self.se = se_block({"pre": in_channels, "3x3": inner}.get(place, out_channels), **se)
        self.shortcut = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = (PaddedIdentity(in_channels, out_channels, stride) if shortcut == "A" else
                             Projection(in_channels, out_channels, stride, projection if stride != 1 else 1))

    def gated(self, place, x):
        return self.se(x) if self.se is not None and self.place == place else x

    def forward(self, x):
        u = self.gated("standard", self.branch(self.gated("pre", x)))
        return self.gated("post", F.relu(u + self.gated("identity", self.shortcut(x))))


class BasicBlock(Residual):
    """Two 3x3 convolutions; `reduction=None` leaves the SE block out."""

    def __init__(self, in_channels, out_channels, stride=1, **options):
        super().__init__(in_channels, out_channels, stride, **options)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)

    def branch(self, x):
        return self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))


class Bottleneck(Residual):
    """1x1, 3x3, 1x1: with the stride on the first 1x1 as in the paper's SE-ResNets, or on the 3x3."""

    def __init__(self, in_channels, width, stride=1, expansion=4, first=None, groups=1, stride_on="1x1", **options):
        out_channels, first = expansion * width, first or width
        super().__init__(in_channels, out_channels, stride, inner=width, **options)
        one, three = (stride, 1) if stride_on == "1x1" else (1, stride)
        self.conv1, self.bn1 = nn.Conv2d(in_channels, first, 1, stride=one, bias=False), nn.BatchNorm2d(first)
        self.conv2 = nn.Conv2d(first, width, 3, stride=three, padding=1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels)

    def branch(self, x):
        u = F.relu(self.bn1(self.conv1(x)))
        u = self.gated("3x3", F.relu(self.bn2(self.conv2(u))))
        return self.bn3(self.conv3(u))


class PreActivation(nn.Module):
    """x + branch(a) with a = activation(x), which the projection reads too where the shape changes."""

    def __init__(self, activation, branch, shortcut, channels, **se):
        super().__init__()
        self.activation, self.branch, self.shortcut, self.se = activation, branch, shortcut, se_block(channels, **se)

    def forward(self, x):
        a = self.activation(x)
        u = self.branch(a)
        if self.se is not None:
            u = self.se(u)
        return u + (x if self.shortcut is None else self.shortcut(a))


def _conv(in_channels, out_channels, kernel_size, stride=1, groups=1):
    return nn.Conv2d(in_channels, out_channels, kernel_size, stride=stride, padding=kernel_size // 2, groups=groups, bias=False)


def named(**layers):
    """A Sequential with these names."""
    return nn.Sequential(OrderedDict(layers))


def pre_activation_basic(in_channels, out_channels, stride=1, **se):
    branch = named(conv1=_conv(in_channels, out_channels, 3, stride), bn2=nn.BatchNorm2d(out_channels), relu2=nn.ReLU(),
                   conv2=_conv(out_channels, out_channels, 3))
    return _pre_activation(in_channels, out_channels, stride, branch, se)


def pre_activation_bottleneck(in_channels, width, stride=1, **se):
    branch = named(conv1=_conv(in_channels, width, 1, stride), bn2=nn.BatchNorm2d(width), relu2=nn.ReLU(),
                   conv2=_conv(width, width, 3), bn3=nn.BatchNorm2d(width), relu3=nn.ReLU(), conv3=_conv(width, 4 * width, 1))
    return _pre_activation(in_channels, 4 * width, stride, branch, se)


def _pre_activation(in_channels, out_channels, stride, branch, se):
    same = stride == 1 and in_channels == out_channels
    return PreActivation(named(bn=nn.BatchNorm2d(in_channels), relu=nn.ReLU()), branch,
                         None if same else _conv(in_channels, out_channels, 1, stride), out_channels, **se)


class GlobalMean(nn.Module):
    """The mean of each map: the squeeze before a network's last layer."""

    def forward(self, x):
        return x.mean(dim=(2, 3))


def by_stage(count, reduction=16, se_stages=None, **se):
    """The SE options of each stage."""
    reductions = reduction if isinstance(reduction, (tuple, list)) else [reduction] * count
    return [dict(se, reduction=r if se_stages is None or i in se_stages else None) for i, r in enumerate(reductions, 1)]


# ---- what is drawn at random -------------------------------------------------------------------------------------------

class Random(nn.Module):
    """Draws what minisenet's layer of the same name draws, from its seed and step, so that the two can be compared."""

    seed, step = 0, 0

    def uniform(self, stream, count, x):
        return torch.from_numpy(random.uniform(self.seed, stream, self.step, np.arange(count))).to(x.dtype)


class Dropout(Random):
    """Dropout with probability p. A row of the mask has the order of minisenet's, which matters for maps only."""

    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        if not self.training or not self.p:
            return x
        return x * (self.uniform(random.DROPOUT, x.numel(), x).reshape(x.shape) >= self.p) / (1 - self.p)


class _Mix(torch.autograd.Function):
    @staticmethod
    def forward(context, u1, u2, alpha, beta):
        context.beta = beta
        return alpha * u1 + (1 - alpha) * u2

    @staticmethod
    def backward(context, dy):
        return context.beta * dy, (1 - context.beta) * dy, None, None


class Shake(Random):
    """A mix of two branches, with weights of its own for the gradients."""

    def __init__(self, even=False):
        super().__init__()
        self.even = even

    def forward(self, u1, u2):
        half = torch.full((len(u1),), 0.5, dtype=u1.dtype)
        alpha = self.uniform(random.ALPHA, len(u1), u1) if self.training else half
        beta = self.uniform(random.BETA, len(u1), u1) if self.training and not self.even else half
        return _Mix.apply(u1, u2, *(weights[:, None, None, None] for weights in (alpha, beta)))


class ShakenBranches(nn.Module):
    def __init__(self, branch1, branch2, even):
        super().__init__()
        self.branch1, self.branch2, self.shake = branch1, branch2, Shake(even)

    def forward(self, x):
        return self.shake(self.branch1(x), self.branch2(x))


def shake_basic(in_channels, out_channels, stride=1, **se):
    def branch():
        return named(conv1=_conv(in_channels, out_channels, 3, stride), bn1=nn.BatchNorm2d(out_channels), relu1=nn.ReLU(),
                     conv2=_conv(out_channels, out_channels, 3), bn2=nn.BatchNorm2d(out_channels))
    shortcut = None if stride == 1 and in_channels == out_channels else ShiftedProjection(in_channels, out_channels, stride)
    return PreActivation(nn.ReLU(), ShakenBranches(branch(), branch(), False), shortcut, out_channels, **se)


class ShakeBottleneck(Residual):
    """Shake-Even 29's block: two branches 1x1, grouped 3x3, 1x1."""

    def __init__(self, in_channels, width, stride=1, groups=4, **options):
        super().__init__(in_channels, width, stride, **options)

        def branch():
            return named(conv1=_conv(in_channels, width, 1), bn1=nn.BatchNorm2d(width), relu1=nn.ReLU(),
                         conv2=_conv(width, width, 3, stride, groups), bn2=nn.BatchNorm2d(width), relu2=nn.ReLU(),
                         conv3=_conv(width, width, 1), bn3=nn.BatchNorm2d(width))
        self.branches = ShakenBranches(branch(), branch(), True)

    def branch(self, x):
        return self.branches(x)
