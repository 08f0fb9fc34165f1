"""What surrounds the SE block: the residual block, its batch norms, and the loss at the network's end.

The order is that of `BasicBlock` and `ResidualBlock` in minisenet/blocks.py, of `CifarResNet` in minisenet/models/resnet.py
and of `fit`; the names a1, u1, r1 and a2 are those of docs/fused-passes.md.
"""
from drawing import Figure
from strips import label


def residual():
    figure = Figure(640, 216, "The SE-ResNet module, Fig. 3", """The input x, shape (N, H, W, C), goes two ways.
        Through residual, two or three convolutions, it becomes u; SEBlock, eqs. (2) to (4), scales u's channels. The
        identity passes them by, or a projection where the shape changes. Both are added, relu follows, and gives y. In
        colour: the identity, the sum and relu.""")
    middle, below = 98, 186
    x = figure.slab(60, middle, width=44, height=40)
    branch = figure.function(170, middle, "residual")
    u = figure.slab(279, middle, width=44, height=40)
    se = figure.function(385, middle, "SEBlock")
    plus = figure.operator(463, middle, "+", accent=True)
    relu = figure.function(515, middle, "relu", accent=True)
    y = figure.slab(588, middle, width=44, height=40, accent=True)
    label(figure, x, "x", "(N, H, W, C)")
    label(figure, u, "u", "(N, H, W, C)")
    label(figure, y, "y", "(N, H, W, C)", True)
    figure.text(385, middle - 34, "eqs. (2)–(4)", tone="soft")
    for start, end in ((x, branch), (branch, u), (u, se), (se, plus)):
        figure.arrow(start.right, end.left)
    figure.arrow(plus.right, relu.left, kind="line-accent")
    figure.arrow(relu.right, y.left, kind="line-accent")
    figure.arrow(x.bottom, (x.bottom[0], below), (463, below), plus.bottom, kind="line-accent")
    figure.text(262, below - 15, "the identity, or its projection", tone="accent")
    return figure


def batch_norm():
    figure = Figure(640, 288, "Batch norm in the residual branch", """The residual branch of a basic block, opened: x
        goes through conv2d and becomes a1. batch_norm turns it into u1, relu into r1, the second conv2d into a2,
        and the second batch_norm into u, which SEBlock scales. There is no relu between the last batch norm and the
        SE block. In colour: the two batch norms, each with its parameters gamma and beta.""")
    upper, lower = 92, 232
    x = figure.slab(62, upper, width=44, height=40)
    label(figure, x, "x", "(N, H, W, C)")
    conv1 = figure.function(180, upper, "conv2d")
    bn1 = figure.function(330, upper, "batch_norm", accent=True)
    relu = figure.function(470, upper, "relu")
    conv2 = figure.function(62, lower, "conv2d")
    bn2 = figure.function(212, lower, "batch_norm", accent=True)
    u = figure.slab(360, lower, width=44, height=40, accent=True)
    label(figure, u, "u", "(N, H, W, C)", True)
    se = figure.function(478, lower, "SEBlock")
    figure.arrow(x.right, conv1.left)
    figure.arrow(conv1.right, bn1.left)
    figure.arrow(bn1.right, relu.left, kind="line-accent")
    figure.arrow(relu.right, (600, upper), (600, 148), (62, 148), conv2.top)
    figure.arrow(conv2.right, bn2.left)
    figure.arrow(bn2.right, u.left, kind="line-accent")
    figure.arrow(u.right, se.left)
    figure.arrow(se.right, (610, lower))
    for left, right, y, name in ((conv1, bn1, upper, "a_{1}"), (relu, None, upper, "r_{1}"), (conv2, bn2, lower, "a_{2}")):
        figure.text((left.right[0] + right.left[0]) / 2 if right else 540, y - 15, name)
    figure.text((bn1.right[0] + relu.left[0]) / 2, upper - 15, "u_{1}", tone="accent")
    for bn in (bn1, bn2):
        figure.text(bn.top[0], bn.y - 33, "γ, β", tone="accent")
        figure.arrow((bn.top[0], bn.y - 22), bn.top, kind="line-accent", head=7)
    return figure


def loss():
    figure = Figure(640, 296, "The loss at the network's end", """Images x, shape (N, 32, 32, 3), go through the stem
        and the three stages of SE-ResNet-20: (N, 32, 32, 16), again (N, 32, 32, 16), (N, 16, 16, 32) and (N, 8, 8,
        64). squeeze turns that into (N, 64), and linear into the logits, shape (N, K) for K classes. From these and the
        labels softmax_cross_entropy computes the loss, one number, and the probabilities p, shape (N, K). In colour:
        softmax_cross_entropy and what it gives.""")
    upper, lower = 84, 208
    x = figure.slab(64, upper, width=44, height=40, sheets=3)
    label(figure, x, "x", "(N, 32, 32, 3)")
    boxes = [x]
    shapes = {"stem": "(N, 32, 32, 16)", "stage1": "(N, 32, 32, 16)", "stage2": "(N, 16, 16, 32)", "stage3": "(N, 8, 8, 64)"}
    for i, (name, shape) in enumerate(shapes.items()):
        boxes.append(figure.function(194 + 126 * i, upper, name))
        figure.text(194 + 126 * i, upper - 34, shape, tone="soft")
    squeeze = figure.function(64, lower, "squeeze")
    linear = figure.function(164, lower, "linear")
    logits = figure.bar(246, lower, 4)
    label(figure, logits, "logits", "(N, K)", below=True)
    entropy = figure.function(400, lower, "softmax_cross_entropy", accent=True)
    for start, end in zip(boxes, boxes[1:]):
        figure.arrow(start.right, end.left)
    last = boxes[-1]
    figure.arrow(last.bottom, (last.bottom[0], 140), (64, 140), squeeze.top)
    figure.arrow(squeeze.right, linear.left)
    figure.arrow(linear.right, logits.left)
    figure.arrow(logits.right, entropy.left)
    figure.arrow((400, 254), entropy.bottom)
    figure.text(400, 268, "`labels` (N,)")
    figure.arrow(entropy.right, (532, lower), (532, lower - 20), (552, lower - 20), kind="line-accent")
    figure.arrow(entropy.right, (532, lower), (532, lower + 20), (552, lower + 20), kind="line-accent")
    figure.text(558, lower - 20, "`loss`", tone="accent", anchor="start", bold=True)
    figure.text(558, lower + 20, "`p`", tone="accent", anchor="start", bold=True)
    figure.text(576, lower + 20, "(N, K)", tone="accent", anchor="start")
    return figure
