"""Where the SE block is in each family of networks: its module, from x to y, with the shortcut below it if there is one."""
from drawing import Figure, text_width

#          family          module, from x to y                                             shortcut: from the module's input to +
FAMILIES = {
    "VGG": (("3×3", "BN", "relu", "SE"), False),
    "Inception": (("branches", "concat", "SE"), False),
    "ResNet": (("1×1", "3×3", "1×1", "SE", "+", "relu"), True),
    "ResNeXt, SENet-154": (("1×1", "3×3, groups", "1×1", "SE", "+", "relu"), True),
    "Inception-ResNet": (("branches", "1×1", "SE", "× 0.17", "+", "relu"), True),
    "MobileNet": (("3×3, each channel", "1×1", "BN", "relu", "SE"), False),
    "ShuffleNet": (("1×1", "shuffle", "3×3, each channel", "1×1", "SE", "+", "relu"), True),
    "Pre-activation, WRN": (("BN", "relu", "3×3", "BN", "relu", "3×3", "SE", "+"), True),
    "Shake-Shake": (("relu", "two branches", "mix", "SE", "+"), True),
}
ROW, LEFT, RIGHT = 92, 46, 600


def draw():
    texts = "; ".join(f"{name}: {', '.join(module)}{', with a shortcut to the sum' if shortcut else ''}"
                      for name, (module, shortcut) in FAMILIES.items())
    figure = Figure(640, ROW * len(FAMILIES) + 16, "The SE block in each family of networks", f"""{texts}. Batch norms and ReLUs after
        convolutions are left out where they are not named.""")
    for i, (name, (module, shortcut)) in enumerate(FAMILIES.items()):
        row(figure, 22 + ROW * i, name, module, shortcut)
    return figure


def row(figure, top, name, module, shortcut):
    """One module."""
    middle, below = top + 34, top + 66
    figure.text(16, top, name, anchor="start", bold=True)
    widths = [26 if word == "+" else text_width(word) + 22 for word in module]
    gap = (RIGHT - LEFT - sum(widths)) / (len(module) + 1)
    figure.text(24, middle, "x")
    last, x, ends = (34, middle), LEFT + gap, {}
    for word, width in zip(module, widths):
        centre = x + width / 2
        if word == "+":
            box = figure.operator(centre, middle, "+")
        else:
            rectangle = figure.rectangle(x, middle - 16, width, 32, "accent" if word == "SE" else "grey", radius=9)
            figure.text(centre, middle, word, tone="accent" if word == "SE" else "ink")
            box = rectangle
        figure.arrow(last, box.left)
        last, ends[word] = box.right, box
        x += width + gap
    figure.arrow(last, (RIGHT + 14, middle))
    figure.text(RIGHT + 24, middle, "y")
    if shortcut:
        plus = ends["+"].bottom
        figure.arrow((40, middle), (40, below), (plus[0], below), plus)
    if top > 30:
        figure.line((16, top - 16), (624, top - 16), kind="hair")
