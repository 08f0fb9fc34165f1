"""The SE block as a strip, whole (`block`), or with the part that a page is about in colour.

The order and the names are those of `SEBlock.forward` in minisenet/blocks.py, with `excitation` opened; the shapes are those
of the functions' docstrings.
"""
from drawing import GATES, Figure

ORDER = """The input x, shape (N, H', W', C'), goes through conv2d, F_tr of eq. (1), and becomes u, shape (N, H, W,
C). u goes two ways. It goes straight to scale. Below, squeeze, F_sq of eq. (2), computes z, shape (N, C). linear w1
and relu compute h, shape (N, C/r). linear w2 and sigmoid compute the gates s, shape (N, C). These four are excitation,
F_ex of eq. (3). scale, F_scale of eq. (4), multiplies each channel of u by its gate and gives y, shape (N, H, W, C)."""
TOP, LOW = 98, 230


def label(figure, box, name, shape, accent=False, *, below=False):
    """An array's name above it, and its shape below the name or below the array."""
    x, tone = box.top[0], "accent" if accent else "soft"
    figure.text(x, box.y - (13 if below else 34), f"`{name}`", tone="accent" if accent else "ink", bold=True)
    figure.text(x, box.y + box.height + 16 if below else box.y - 13, shape, tone=tone)


def strip(title, coloured, more):
    """The whole strip, the parts named in `coloured` in colour."""
    figure = Figure(640, 322, title, f"{ORDER} {more}")
    kind = lambda name: "line-accent" if name in coloured else "line"
    tone = lambda name: "accent" if name in coloured else "soft"

    # the upper row: x -> F_tr -> u -> scale -> y
    x = figure.slab(70, TOP, sheets=2)
    conv2d = figure.function(184, TOP, "conv2d", accent="conv2d" in coloured)
    u = figure.slab(308, TOP, accent="u" in coloured)
    scale = figure.function(450, TOP, "scale", accent="scale" in coloured)
    y = figure.slab(570, TOP, kinds=GATES if "y" in coloured else None)
    label(figure, x, "x", "(N, H′, W′, C′)")
    label(figure, u, "u", "(N, H, W, C)", "u" in coloured)
    label(figure, y, "y", "(N, H, W, C)", "y" in coloured)
    figure.text(184, TOP - 34, "F_{tr}, eq. (1)", tone=tone("conv2d"))
    figure.text(450, TOP - 34, "F_{scale}, eq. (4)", tone=tone("scale"))
    figure.arrow(x.right, conv2d.left, kind=kind("conv2d"))
    figure.arrow(conv2d.right, u.left, kind=kind("conv2d"))
    figure.arrow(u.right, scale.left, kind=kind("scale"))
    figure.arrow(scale.right, y.left, kind=kind("scale"))

    # the lower row: squeeze -> z -> linear w1 -> relu -> h -> linear w2 -> sigmoid -> s
    squeeze = figure.function(60, LOW, "squeeze", accent="squeeze" in coloured)
    z = figure.bar(134, LOW, 4, accent="z" in coloured)
    inside = "excitation" in coloured
    linear1 = figure.function(211, LOW, "linear w1", accent=inside)
    relu = figure.function(300, LOW, "relu", accent=inside)
    h = figure.bar(355, LOW, 2, accent="h" in coloured)
    linear2 = figure.function(432, LOW, "linear w2", accent=inside)
    sigmoid = figure.function(534, LOW, "sigmoid", accent=inside)
    s = figure.bar(600, LOW, 4, kinds=GATES if "s" in coloured else None)
    label(figure, z, "z", "(N, C)", "z" in coloured, below=True)
    label(figure, h, "h", "(N, C/r)", "h" in coloured, below=True)
    label(figure, s, "s", "(N, C)", "s" in coloured, below=True)
    bend = TOP + 50
    figure.arrow(u.bottom, (u.bottom[0], bend), (squeeze.top[0], bend), squeeze.top, kind=kind("squeeze"))
    figure.arrow(squeeze.right, z.left, kind=kind("squeeze"))
    for start, end in ((z, linear1), (linear1, relu), (relu, h), (h, linear2), (linear2, sigmoid), (sigmoid, s)):
        figure.arrow(start.right, end.left, kind=kind("excitation"))
    figure.arrow(s.right, (626, LOW), (626, bend), (450, bend), scale.bottom, kind=kind("scale"))
    figure.text(60, LOW + 44, "F_{sq}, eq. (2)", tone=tone("squeeze"))
    brace = LOW + 56
    figure.line((linear1.x, brace - 6), (linear1.x, brace), (sigmoid.right[0], brace), (sigmoid.right[0], brace - 6),
                kind=kind("excitation"))
    figure.text((linear1.x + sigmoid.right[0]) / 2, brace + 14, "`excitation`: F_{ex}, eq. (3)", tone=tone("excitation"))
    return figure


def block():
    return strip("The squeeze-and-excitation block", ("squeeze", "z", "excitation", "h", "s", "scale", "y"),
                 "In colour: what the block adds to a convolution.")


def transformation():
    return strip("The transformation in front of the block, eq. (1)", ("conv2d", "u"),
                 "In colour: conv2d and its output u.")


def squeeze():
    return strip("Squeeze, eq. (2)", ("squeeze", "z"), "In colour: squeeze and its output z.")


def excitation():
    return strip("Excitation, eq. (3)", ("excitation", "h", "s"),
                 "In colour: linear w1, relu, linear w2 and sigmoid, with their outputs h and s.")


def scale():
    return strip("Scale, eq. (4)", ("scale", "y"), "In colour: scale, the two arrows into it, and its output y.")
