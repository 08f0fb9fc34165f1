"""VGG, the Inception networks, MobileNet and ShuffleNet as a PyTorch user would write them."""
import torch
import torch.nn.functional as F
from torch import nn

from minisenet.reference.blocks import Dropout, GlobalMean, by_stage, named, se_block


def _se(channels, place="standard", **options):
    return se_block(channels, **options)


def _sequence(*layers):
    return nn.Sequential(*(layer for layer in layers if layer is not None))


def _channels(count, width, multiple=1):
    return max(1, round(count * width / multiple)) * multiple


# ---- VGG ---------------------------------------------------------------------------------------------------------------

class Flatten(nn.Module):
    """In the order (H, W, C), which is minisenet's."""

    def forward(self, x):
        return x.permute(0, 2, 3, 1).flatten(1)


def vgg16(num_classes, width=1.0, image_size=224, dropout=0.5, **se):
    stages, channels = {}, 3
    for i, (out, n, options) in enumerate(zip((64, 128, 256, 512, 512), (2, 2, 3, 3, 3), by_stage(5, **se)), 1):
        layers, out = [], _channels(out, width)
        for _ in range(n):
            layers += [nn.Conv2d(channels, out, 3, padding=1), nn.BatchNorm2d(out), nn.ReLU(), _se(out, **options)]
            channels = out
        stages[f"stage{i}"] = _sequence(*layers, nn.MaxPool2d(2))
    hidden = _channels(4096, width)
    return named(**stages, flatten=Flatten(), fc1=nn.Linear(channels * (image_size // 32) ** 2, hidden), relu1=nn.ReLU(),
                 dropout1=Dropout(dropout), fc2=nn.Linear(hidden, hidden), relu2=nn.ReLU(), dropout2=Dropout(dropout),
                 fc=nn.Linear(hidden, num_classes))


# ---- MobileNet and ShuffleNet ------------------------------------------------------------------------------------------

def mobilenet(num_classes, width=1.0, **se):
    units = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    channels = _channels(32, width)
    stem, stages = channels, [[] for _ in range(5)]
    options, i = by_stage(5, **se), 0
    for out, stride in units:
        out, i = _channels(out, width), i + (stride == 2)
        stages[i].append(_sequence(nn.Conv2d(channels, channels, 3, stride=stride, padding=1, groups=channels, bias=False),
                                   nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, out, 1, bias=False), nn.BatchNorm2d(out),
                                   nn.ReLU(), _se(out, **options[i])))
        channels = out
    return named(conv1=nn.Conv2d(3, stem, 3, stride=2, padding=1, bias=False), bn1=nn.BatchNorm2d(stem), relu=nn.ReLU(),
                 **{f"stage{i}": nn.Sequential(*stage) for i, stage in enumerate(stages, 1)}, squeeze=GlobalMean(),
                 fc=nn.Linear(channels, num_classes))


class ShuffleUnit(nn.Module):
    def __init__(self, in_channels, out_channels, stride, first_groups, options):
        super().__init__()
        inner, out = out_channels // 4, out_channels - in_channels if stride == 2 else out_channels
        self.stride = stride
        self.branch = named(
            conv1=nn.Conv2d(in_channels, inner, 1, groups=first_groups, bias=False), bn1=nn.BatchNorm2d(inner), relu=nn.ReLU(),
            shuffle=nn.ChannelShuffle(3),
            conv2=nn.Conv2d(inner, inner, 3, stride=stride, padding=1, groups=inner, bias=False), bn2=nn.BatchNorm2d(inner),
            conv3=nn.Conv2d(inner, out, 1, groups=3, bias=False), bn3=nn.BatchNorm2d(out))
        self.se = _se(out, **options)

    def forward(self, x):
        u = self.branch(x)
        if self.se is not None:
            u = self.se(u)
        if self.stride == 2:
            return F.relu(torch.cat([F.avg_pool2d(x, 3, stride=2, padding=1), u], dim=1))
        return F.relu(x + u)


def shufflenet(num_classes, width=1.0, **se):
    stem = channels = _channels(24, width, 3)
    stages = {}
    for i, (out, n, options) in enumerate(zip((240, 480, 960), (4, 8, 4), by_stage(3, **se)), 1):
        units, out = [], _channels(out, width, 12)
        for j in range(n):
            units.append(ShuffleUnit(channels, out, 1 if j else 2, 1 if (i, j) == (1, 0) else 3, options))
            channels = out
        stages[f"stage{i}"] = nn.Sequential(*units)
    return named(conv1=nn.Conv2d(3, stem, 3, stride=2, padding=1, bias=False), bn1=nn.BatchNorm2d(stem), relu=nn.ReLU(),
                 pool=nn.MaxPool2d(3, 2, padding=1), **stages, squeeze=GlobalMean(), fc=nn.Linear(channels, num_classes))


# ---- Inception ---------------------------------------------------------------------------------------------------------

def unit(in_channels, out_channels, kernel, stride=1, padding="same"):
    kernel = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    around = tuple(k // 2 for k in kernel) if padding == "same" else 0
    return named(conv=nn.Conv2d(in_channels, out_channels, kernel, stride=stride, padding=around, bias=False),
                 bn=nn.BatchNorm2d(out_channels), relu=nn.ReLU())


class Branches(nn.Module):
    """The concatenated outputs of several branches, each a list of layers."""

    def __init__(self, *branches):
        super().__init__()
        for i, branch in enumerate(branches, 1):
            setattr(self, f"branch{i}", nn.Sequential(*branch))

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.children()], dim=1)


def bn_inception(num_classes, width=1.0, **se):
    def w(count):
        return _channels(count, width)

    def module(c, one, three, double, pool, projection):
        """The three kinds of modules: without a projection it halves the maps."""
        halves = projection is None
        branches = [] if one is None else [[unit(c, w(one), 1)]]
        branches.append([unit(c, w(three[0]), 1), unit(w(three[0]), w(three[1]), 3, 2 if halves else 1)])
        branches.append([unit(c, w(double[0]), 1), unit(w(double[0]), w(double[1]), 3),
                         unit(w(double[1]), w(double[1]), 3, 2 if halves else 1)])
        if halves:
            branches.append([nn.MaxPool2d(3, 2, ceil_mode=True)])
        else:
            around = nn.AvgPool2d(3, 1, padding=1) if pool == "avg" else nn.MaxPool2d(3, 1, padding=1)
            branches.append([around, unit(c, w(projection), 1)])
        out = (0 if one is None else w(one)) + w(three[1]) + w(double[1]) + (c if halves else w(projection))
        return Branches(*branches), out

    modules = [[(64, (64, 64), (64, 96), "avg", 32), (64, (64, 96), (64, 96), "avg", 64)],
               [(None, (128, 160), (64, 96), "max", None), (224, (64, 96), (96, 128), "avg", 128),
                (192, (96, 128), (96, 128), "avg", 128), (160, (128, 160), (128, 160), "avg", 128),
                (96, (128, 192), (160, 192), "avg", 128)],
               [(None, (128, 192), (192, 256), "max", None), (352, (192, 320), (160, 224), "avg", 128),
                (352, (192, 320), (192, 224), "max", 128)]]
    c, stages = w(192), {}
    for i, (rows, options) in enumerate(zip(modules, by_stage(3, **se)), 1):
        layers = []
        for row in rows:
            made, c = module(c, *row)
            layers += [made, _se(c, **options)]
        stages[f"stage{i}"] = _sequence(*layers)
    return named(conv1=nn.Conv2d(3, w(64), 7, stride=2, padding=3, bias=False), bn1=nn.BatchNorm2d(w(64)), relu1=nn.ReLU(),
                 pool1=nn.MaxPool2d(3, 2, ceil_mode=True), unit2=unit(w(64), w(64), 1), unit3=unit(w(64), w(192), 3),
                 pool2=nn.MaxPool2d(3, 2, ceil_mode=True), **stages, squeeze=GlobalMean(), fc=nn.Linear(c, num_classes))


class ResidualModule(nn.Module):
    def __init__(self, channels, branches, inside, scale, options, last=False):
        super().__init__()
        self.branches, self.conv, self.se = Branches(*branches), nn.Conv2d(inside, channels, 1), _se(channels, **options)
        self.scale, self.last = 1.0 if last else scale, last

    def forward(self, x):
        u = self.conv(self.branches(x))
        if self.se is not None:
            u = self.se(u)
        y = x + self.scale * u
        return y if self.last else F.relu(y)


def inception_resnet_v2(num_classes, width=1.0, dropout=0.0, **se):
    def w(count):
        return _channels(count, width)

    def chain(c, *steps):
        layers = []
        for kernel, out, *rest in steps:
            layers.append(unit(c, w(out), kernel, *rest))
            c = w(out)
        return layers

    valid = (2, "valid")
    stem = nn.Sequential(*chain(3, (3, 32, *valid), (3, 32, 1, "valid"), (3, 64)), nn.MaxPool2d(3, 2),
                         *chain(w(64), (1, 80, 1, "valid"), (3, 192, 1, "valid")), nn.MaxPool2d(3, 2))
    c = w(192)
    mixed_5b = Branches(chain(c, (1, 96)), chain(c, (1, 48), (5, 64)), chain(c, (1, 64), (3, 96), (3, 96)),
                        [nn.AvgPool2d(3, 1, padding=1, count_include_pad=False), *chain(c, (1, 64))])
    a = w(96) + w(64) + w(96) + w(64)
    mixed_6a = Branches(chain(a, (3, 384, *valid)), chain(a, (1, 256), (3, 256), (3, 384, *valid)), [nn.MaxPool2d(3, 2)])
    b = 2 * w(384) + a
    mixed_7a = Branches(chain(b, (1, 256), (3, 384, *valid)), chain(b, (1, 256), (3, 288, *valid)),
                        chain(b, (1, 256), (3, 288), (3, 320, *valid)), [nn.MaxPool2d(3, 2)])
    d = w(384) + w(288) + w(320) + b
    options = by_stage(3, **se)

    def block35():
        return ResidualModule(a, [chain(a, (1, 32)), chain(a, (1, 32), (3, 32)), chain(a, (1, 32), (3, 48), (3, 64))],
                              2 * w(32) + w(64), 0.17, options[0])

    def block17():
        return ResidualModule(b, [chain(b, (1, 192)), chain(b, (1, 128), ((1, 7), 160), ((7, 1), 192))], 2 * w(192), 0.10, options[1])

    def block8(last):
        return ResidualModule(d, [chain(d, (1, 192)), chain(d, (1, 192), ((1, 3), 224), ((3, 1), 256))], w(192) + w(256), 0.20,
                              options[2], last)

    head = {"dropout": Dropout(dropout)} if dropout else {}
    return named(stem=stem, stage1=nn.Sequential(mixed_5b, *(block35() for _ in range(10))),
                 stage2=nn.Sequential(mixed_6a, *(block17() for _ in range(20))),
                 stage3=nn.Sequential(mixed_7a, *(block8(i == 9) for i in range(10))), unit=unit(d, w(1536), 1),
                 squeeze=GlobalMean(), **head, fc=nn.Linear(w(1536), num_classes))


FAMILIES = {"vgg16": vgg16, "mobilenet": mobilenet, "shufflenet": shufflenet, "bn_inception": bn_inception,
            "inception_resnet_v2": inception_resnet_v2}
