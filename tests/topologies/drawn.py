"""The Hypothesis strategy of whole topologies.

It draws a list of independent wishes, such as "a 3x3 convolution of the value before the last, with a stride". Then `fitted`
turns them into nodes that fit together: it skips impossible wishes and joins unused values. So Hypothesis may delete any wish
and the rest is still a topology: counterexamples shrink to a few nodes.
"""
from math import gcd

from hypothesis import strategies as st

from .language import ACTIVATIONS, ARITHMETIC, GRADIENTS, LAYERS, SE, VARIANTS, Node, Topology

LARGEST_MAP, MOST_CHANNELS, MOST_WISHES = 13, 40, 13


def either(*strategies):
    """One of the strategies, each equally likely; one named twice is twice as likely (unlike in `one_of`)."""
    return st.sampled_from(strategies).flatmap(lambda strategy: strategy)


def one(*values):
    return st.sampled_from(values)


# ---- wishes: (kind, how many values before the last its input is, the same for a second operand, options)

OPERANDS = one(0, 0, 0, 0, 1, 1, 2, 3)


def wish(*kinds, back=OPERANDS, **options):
    return st.tuples(one(*kinds), back, OPERANDS, st.fixed_dictionaries({}, optional=options))


FLAG, VARIANT = st.just(True), one(*VARIANTS)
WINOGRAD = dict(out=one(16, 20), kernel=st.just(3))                # if there are enough channels and the map is large
CONVOLUTION = dict(out=one(16, 1, 2, 3, 4, 6, 8, 17, 20), kernel=one(3, (3, 1), 2), stride=one(2, (1, 2)), bias=FLAG,
                   groups=one(2, 3, 4), dilation=FLAG, unpadded=FLAG, variant=VARIANT)
POOL = dict(stride=one(1, 2), padding=FLAG, variant=VARIANT)
SECTION_6 = dict(squeeze=one("max", "none"), gate=one("tanh", "relu"))
PLACE = one("pre", "post", "identity", "3x3")
RESIDUAL = dict(out=one(16, 4, 6), stride=FLAG, shortcut=st.just("A"), reduction=one(1, 2, 4), bias=FLAG, variant=VARIANT,
                place=PLACE, **SECTION_6,
                se=st.tuples(one(*SE), st.none() | VARIANT), relu=st.tuples(one(*ACTIVATIONS), st.none() | VARIANT),
                conv=st.tuples(one("conv1", "conv2"), st.none() | VARIANT))

SIMPLE = either(
    wish("ReLU", variant=VARIANT), wish("Conv", **CONVOLUTION), wish("BN", frozen=FLAG, variant=VARIANT),
    wish("SE", bias=FLAG, reduction=one(2, 3, 4), variant=VARIANT), wish("Conv", **WINOGRAD), wish("Conv"), wish("ReLU"),
    wish("BN", "BN", "SE"), wish(*SE, bias=FLAG, reduction=one(2, 3)), wish(*ACTIVATIONS),
    wish("SE", bias=FLAG, reduction=one(2, 3), **SECTION_6),
    wish("ChannelShuffle", "Dropout", groups=one(2, 3, 4), p=one(0.5, 0.2)),
    wish(*ARITHMETIC, variant=VARIANT), wish("MaxPool", "AvgPool", **POOL))
JOINS = wish("Sum", "Sum", "Sum", "AddReLU", "AddReLU", "F.add_relu", "AddLayer", "Minus", "Average", "Product", "Concat", "Join",
             "Shake", "EqualShake", "ConcatLayer", "Gate", "ScaleLayer", "F.scale")
INLINE = wish("Double", "Negate", "Shift", "Copy", "CutChannels", "EverySecond", "Maximum", "Squeeze", "Linear", "F.relu",
              "F.squeeze", *GRADIENTS)
BLOCKS = either(wish("Basic", "Bottleneck", **RESIDUAL),
                wish("Basic", "Bottleneck", reduction=one(1, 2), **SECTION_6, place=PLACE))
FLAT = either(*[SIMPLE] * 3, JOINS, INLINE, BLOCKS)
NESTED = wish("Block", "DeferredBlock", "Sequential", variant=VARIANT, wishes=st.lists(FLAT, min_size=1, max_size=5))
ANY = either(*[FLAT] * 3, NESTED)


# ---- sequences of wishes, as in networks, and the hardest ones: a pending value that is used twice

def at(back, *kinds):
    return wish(*kinds, back=st.just(back))


def row(*wishes):
    return st.tuples(*wishes).map(list)


CONV, BN, LAST = wish("Conv", **WINOGRAD, bias=FLAG), at(0, "BN"), at(0, "SE", "ReLU", "AddReLU", "Sum", "BN")
UNITS = [row(CONV, BN, at(0, "ReLU", "ReLU", "SkipReLU"), CONV), row(BN, at(0, "ReLU"), CONV),
         row(CONV, BN, at(0, "SE"), LAST, CONV), row(CONV, BN, LAST, CONV),
         row(CONV, BN, at(0, "ReLU", "SkipReLU"), at(0, *GRADIENTS), CONV),
         row(CONV, at(0, *GRADIENTS), BN, at(0, *GRADIENTS), LAST)]
READERS = "Conv", "BN", "SE", "ReLU", "LookAtGradient"
FORKS = [row(CONV, at(0, "BN", "BN", "ReLU"), at(0, "ReLU", "SE"), at(0, "Conv"), at(1, "Conv"), at(0, "Sum", "AddReLU")),
         row(CONV, at(0, "BN", "BN", "ReLU"), *[at(back, *READERS) for back in (0, 0, 1)], at(0, "Sum", "Product")),
         row(CONV, BN, at(0, "ReLU"), at(0, "Conv"), at(1, "Conv"), at(2, "Conv", "SE"), at(0, "Sum"), at(0, "Sum")),
         row(CONV, BN, at(0, "Conv", "SE"), at(1, "Conv", "ReLU"), at(0, "Shake", "EqualShake"), LAST),
         row(CONV, BN, at(0, "Conv", "SE"), at(1, "Conv", "ReLU"), at(0, "Join"), at(0, "ChannelShuffle", "Dropout", "BN")),
         row(at(0, "F.squeeze", "Squeeze"), at(0, "Linear"), at(0, "Sigmoid"), at(3, "Gate", "ScaleLayer", "F.scale"))]
PIECE = either(*[row(ANY)] * 4, either(*UNITS), either(*FORKS))
SHAPES = either(st.tuples(one(2, 1, 3), one(3, 1, 2, 5, 9), one(2, 4, 7, 10), one(4, 1, 2, 3, 6, 8, 17)),
                st.tuples(one(2, 1), one(8, 9, 11), one(8, 9), one(16, 17, 20)))


@st.composite
def topologies(draw):
    shape = draw(SHAPES)
    wishes = [w for _ in range(draw(st.integers(0, 7))) for w in draw(PIECE)]
    nodes, _ = fitted(wishes[:MOST_WISHES], shape)
    return Topology(shape, nodes, training=draw(one(True, True, False)), seed=draw(st.integers(0, 999)),
                    memory=draw(one("plain", "read-only", "strided", "transposed")),
                    sums=draw(one("plus", "new first", "old first")))


# ---- from wishes to nodes

def fitted(wishes, shape):
    """Nodes that fit together, and the shape of the last value, for an input of `shape`, (N, H, W, C) or (N, C)."""
    nodes, shapes, unread = [], [tuple(shape)], {0}

    def add(node, shape):
        nodes.append(node)
        shapes.append(tuple(shape))
        unread.difference_update(node.inputs)
        unread.add(len(nodes))

    for kind, back, other, options in wishes:
        i = max(0, len(nodes) - back)
        if kind in MAPS_ONLY and len(shapes[i]) != 4:
            continue
        node = FITTING.get(kind, same)(kind, i, shapes, sorted(unread), other, dict(options))
        if node:
            add(*node)
    while len(unread) > 1:                              # join the last two unused values, until only the output is unused
        i, j = sorted(unread)[-2:]
        if shapes[i] == shapes[j]:
            add(Node("Sum", i, j), shapes[i])
        elif shapes[i][:-1] == shapes[j][:-1]:
            add(Node("Concat", i, j), (*shapes[i][:-1], shapes[i][-1] + shapes[j][-1]))
        else:
            k = i if len(shapes[i]) == 4 else j
            add(Node("Squeeze", k), shapes[k][::3])
    return nodes, shapes[-1]


# For each kind: (kind, input, shapes, unread, other, options) -> (node, shape), or None if it does not fit.

def same(kind, i, shapes, unread, other, options):
    return Node(kind, i, **options), shapes[i]


def convolution(kind, i, shapes, unread, other, options):
    n, h, w, c = shapes[i]
    out, kernel, stride = options.get("out", c), options.get("kernel", 1), options.get("stride", 1)
    (kh, kw), (sh, sw) = (v if isinstance(v, tuple) else (v, v) for v in (kernel, stride))
    d, groups = 2 if "dilation" in options and max(kh, kw) > 1 else 1, gcd(options.get("groups", 1), gcd(c, out))
    ph, pw = (0, 0) if "unpadded" in options else (d * (kh - 1) // 2, d * (kw - 1) // 2)
    made = dict(stride=stride, padding=ph if ph == pw else (ph, pw), dilation=d, groups=groups)
    made = {name: value for name, value in made.items() if value != (0 if name == "padding" else 1)}
    made |= {name: options[name] for name in ("bias", "variant") if name in options}
    h, w = (h + 2 * ph - d * (kh - 1) - 1) // sh + 1, (w + 2 * pw - d * (kw - 1) - 1) // sw + 1
    return (Node(kind, i, out=out, kernel=kernel, **made), (n, h, w, out)) if min(h, w) > 0 else None


def batch_norm(kind, i, shapes, unread, other, options):
    n, h, w, c = shapes[i]
    return (Node(kind, i, **options), shapes[i]) if n * h * w >= 8 else None


def se(kind, i, shapes, unread, other, options):
    options["reduction"] = min(options.get("reduction", 1), shapes[i][3])
    return Node(kind, i, **options), shapes[i]


def shuffle(kind, i, shapes, unread, other, options):
    return Node(kind, i, groups=gcd(options.get("groups", 2), shapes[i][3])), shapes[i]


def dropout(kind, i, shapes, unread, other, options):
    return Node(kind, i, p=options.get("p", 0.5)), shapes[i]


def pool(kind, i, shapes, unread, other, options):
    n, h, w, c = shapes[i]
    p, s = int(options.pop("padding", False)), options.pop("stride", 2)
    options |= dict(kernel_size=2, stride=s) | (dict(padding=p) if p else {})
    return (Node(kind, i, **options), (n, (h + 2 * p - 2) // s + 1, (w + 2 * p - 2) // s + 1, c)) if min(h, w) > 1 else None


def reshaping(kind, i, shapes, unread, other, options):
    n, h, w, c = shapes[i]
    shape = {"Crop": (n, h - 1, w - 1, c), "Pad": (n, h + 1, w + 2, c), "AppendMean": (n, h, w, c + 1), "Squeeze": (n, c),
             "Split": (n, h, w, max(c // 2, 1)), "CutChannels": (n, h, w, (c + 1) // 2), "F.squeeze": (n, c),
             "EverySecond": (n, (h + 1) // 2, (w + 1) // 2, c)}[kind]
    fits = 0 < min(shape) and max(shape[1:3]) <= max(LARGEST_MAP, c) and shape[-1] <= MOST_CHANNELS
    return (Node(kind, i, **options), shape) if fits else None


def linear(kind, i, shapes, unread, other, options):
    return (Node(kind, i, out=shapes[i][1]), shapes[i]) if len(shapes[i]) == 2 else None


def joining(shape_of):
    """A kind with two inputs: the second is a value not used yet, if one fits."""
    def fit(kind, i, shapes, unread, other, options):
        fitting = [j for j in range(len(shapes)) if shape_of(shapes[i], shapes[j])]
        others = sorted((j for j in fitting if j != i), key=lambda j: (j not in unread, -j))
        others = others or (fitting if kind not in ("Minus", "Shake", "EqualShake") else [])
        if not others:
            return None
        j = others[other % len(others)]
        return Node(kind, i, j), shape_of(shapes[i], shapes[j])
    return fit


def concatenated(one, other):
    c = one[-1] + other[-1]
    return (*one[:-1], c) if one[:-1] == other[:-1] and c <= MOST_CHANNELS else None


def residual(kind, i, shapes, unread, other, options):
    n, h, w, c = shapes[i]
    out, s = options.get("out", c if kind == "Basic" else max(1, c // 4)), 2 if "stride" in options else 1
    full, h, w = out if kind == "Basic" else 4 * out, (h - 1) // s + 1, (w - 1) // s + 1
    if n * h * w < 8 or full > MOST_CHANNELS or (options.get("shortcut") == "A" and full < c):
        return None
    place = options.get("place") if kind == "Bottleneck" or options.get("place") != "3x3" else None
    channels = {"pre": c, "3x3": out}.get(place, full)
    reduction = min(options.get("reduction", 2), channels) if "reduction" in options or "se" in options else None
    replaced = []

    def replace(layer, kind, variant, **rest):
        replaced.append((layer, Node(kind, **rest, **(dict(variant=variant) if variant else {}))))

    if "se" in options:
        replace("se", *options["se"], reduction=reduction)
    if "relu" in options:
        replace("relu" if kind == "Basic" else "relu1", *options["relu"])
    if "conv" in options or "bias" in options:
        name, variant = options.get("conv", ("conv2", None))
        first, size = name == "conv1", 1 if name == "conv1" and kind == "Bottleneck" else 3
        rest = (dict(stride=2) if first and s == 2 else {}) | (dict(padding=1) if size == 3 else {})
        rest |= dict(bias=True) if "bias" in options else {}
        replace(name, "Conv", variant, out=out, kernel=size, **rest)
    made = {name: options[name] for name in ("shortcut", "variant") if name in options} | (dict(stride=2) if s == 2 else {})
    made |= dict(replaced=tuple(replaced)) if replaced else {}
    if reduction:
        made |= {name: options[name] for name in SECTION_6 if name in options} | (dict(place=place) if place else {})
    return Node(kind, i, out=out, reduction=reduction, **made), (n, h, w, full)


def block(kind, i, shapes, unread, other, options):
    wishes = options.pop("wishes", [])
    if kind == "Sequential":                            # one layer after the other
        wishes = [(kind, 0, 0, options) for kind, _, _, options in wishes if kind in LAYERS and kind not in TWO_INPUTS]
    nodes, shape = fitted(wishes, shapes[i])
    if kind == "Sequential":
        nodes = [Node(node.kind, 0, **node.options) for node in nodes]
    return (Node(kind, i, nodes=nodes, **options), shape) if nodes and shape[-1] <= MOST_CHANNELS else None


TWO_INPUTS = {kind: joining(lambda u, x: u if u == x else None)
              for kind in ("Sum", "Minus", "Average", "Product", "F.add_relu", "AddReLU", "AddLayer", "Shake", "EqualShake")}
TWO_INPUTS |= {kind: joining(concatenated) for kind in ("Concat", "ConcatLayer", "Join")}
TWO_INPUTS |= {kind: joining(lambda u, s: u if s == u[::3] else None) for kind in ("Gate", "ScaleLayer", "F.scale")}
FITTING = TWO_INPUTS | dict.fromkeys(SE, se) | {"Conv": convolution, "BN": batch_norm, "Linear": linear}
FITTING |= {"ChannelShuffle": shuffle, "Dropout": dropout}
FITTING |= dict.fromkeys(("MaxPool", "AvgPool"), pool) | dict.fromkeys(("Basic", "Bottleneck"), residual)
FITTING |= dict.fromkeys(("Block", "DeferredBlock", "Sequential"), block)
FITTING |= dict.fromkeys(("Crop", "Pad", "AppendMean", "Split", "CutChannels", "EverySecond"), reshaping)
FITTING |= dict.fromkeys(("Squeeze", "F.squeeze"), reshaping)
ANY_RANK = {"Dropout", "ReLU", "F.relu", "Sigmoid", "Swish", "Tanh", "LeakyReLU", "Maximum", "Double", "Negate", "Shift",
            "Linear", "Sum", "Minus", "Average", "Product", "AddLayer", "Concat", "ConcatLayer", *GRADIENTS}
MAPS_ONLY = {"F.add_relu", "F.scale", "F.squeeze", *FITTING, *ARITHMETIC, *ACTIVATIONS, "Copy"} - ANY_RANK
