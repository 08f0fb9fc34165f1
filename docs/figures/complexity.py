"""Where the parameters and the multiply-adds of SE-ResNet-50 are, section 4, counted layer by layer.

The network is the paper's (Table 1): a 7x7 stem, stages of 3, 4, 6 and 3 bottlenecks on 56, 28, 14 and 7 positions a side,
the stride on the first 1x1 convolution, a projection in the first block of each stage, r = 16, no biases but the last
layer's. A parameter is one that is trained; multiply-adds are of convolutions and fully connected layers at 224x224.
"""
from drawing import Figure, text_width

REDUCTION = 16
#                    blocks, channels in, width, positions a side
STAGES = {"conv2_x": (3, 64, 64, 56), "conv3_x": (4, 256, 128, 28),
          "conv4_x": (6, 512, 256, 14), "conv5_x": (3, 1024, 512, 7)}


def convolution(channels_in, channels_out, kernel, side):
    """(parameters with the batch norm's two, multiply-adds)."""
    weights = channels_in * channels_out * kernel * kernel
    return weights + 2 * channels_out, weights * side * side


def plain():
    """{stage: (parameters, multiply-adds)} of ResNet-50."""
    counts = {"conv1": convolution(3, 64, 7, 112)}
    for stage, (blocks, channels, width, side) in STAGES.items():
        layers = [convolution(channels, 4 * width, 1, side)]                                  # the projection
        for block in range(blocks):
            first = channels if block == 0 else 4 * width
            layers += [convolution(first, width, 1, side), convolution(width, width, 3, side),
                       convolution(width, 4 * width, 1, side)]
        counts[stage] = tuple(map(sum, zip(*layers)))
    counts["fc"] = 2048 * 1000 + 1000, 2048 * 1000
    return counts


def added():
    """{stage: (parameters, multiply-adds)} of the SE blocks: the two FC layers, and for multiply-adds the scale too."""
    counts = {}
    for stage, (blocks, _, width, side) in STAGES.items():
        channels = 4 * width
        weights = 2 * channels * (channels // REDUCTION)
        counts[stage] = blocks * weights, blocks * (weights + channels * side * side)
    return counts


def draw():
    base, extra = plain(), added()
    totals = [sum(counts[which] for counts in counted.values()) for counted in (base, extra) for which in (0, 1)]
    rows = "; ".join(f"{stage} {base[stage][0] / 1e6:.2f} + {extra.get(stage, (0, 0))[0] / 1e6:.2f}" for stage in base)
    figure = Figure(640, 328, "Parameters and multiply-adds of SE-ResNet-50 by stage", f"""Parameters in millions, the
        plain network's and the SE blocks': {rows}; together {totals[0] / 1e6:.2f} + {totals[2] / 1e6:.2f}.
        Multiply-adds in millions: together {totals[1] / 1e6:.0f} + {totals[3] / 1e6:.1f}. The parameters that the
        blocks add are in the last stages; the multiply-adds they add are too few to be seen.""")
    panels = ((0, 94, "parameters, millions", (2, 2), 16.6), (1, 380, "multiply-adds, millions", (0, 1), 1390))
    for i, stage in enumerate(base):
        figure.text(86, 62 + 32 * i, stage, anchor="end")
    figure.text(86, 262, "together", anchor="end", bold=True)
    for which, left, name, digits, most in panels:
        figure.text(left, 26, name, anchor="start", bold=True)
        figure.line((left, 46), (left, 242), kind="line")
        for i, stage in enumerate(base):
            counts = base[stage][which] / 1e6, extra.get(stage, (0, 0))[which] / 1e6
            right = bar(figure, left, 62 + 32 * i, *(count * 132 / most for count in counts))
            numbers(figure, right + 8, 62 + 32 * i, *counts, digits)
        numbers(figure, left + 8, 262, totals[which] / 1e6, totals[which + 2] / 1e6, digits)
    figure.rectangle(196, 296, 14, 14, "solid-grey")
    figure.text(218, 303, "ResNet-50", anchor="start", tone="soft")
    figure.rectangle(330, 296, 14, 14, "solid-accent")
    figure.text(352, 303, "what SE adds, r = 16", anchor="start", tone="accent")
    return figure


def bar(figure, left, y, plain_width, se_width):
    """Two lengths, one after the other. Returns where they end; what SE adds is drawn at least one unit wide."""
    figure.rectangle(left, y - 9, plain_width, 18, "solid-grey")
    if se_width:
        figure.rectangle(left + plain_width, y - 9, max(1, se_width), 18, "solid-accent")
    return left + plain_width + se_width


def numbers(figure, left, y, plain_count, se_count, digits):
    """Both counts as text, each with its number of decimals."""
    text = f"{plain_count:.{digits[0]}f}"
    figure.text(left, y, text, anchor="start", tone="soft")
    if se_count:
        figure.text(left + text_width(text) + 4, y, f"+ {se_count:.{digits[1]}f}", anchor="start", tone="accent")
