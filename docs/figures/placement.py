"""Where the block can be: the four places of section 6 (Fig. 5), with Table 14's errors of SE-ResNet-50 on ImageNet."""
from drawing import Figure

ERRORS = {"SE": (22.28, 6.03), "SE-PRE": (22.23, 6.00), "SE-POST": (22.78, 6.35), "SE-Identity": (22.20, 6.15)}
PLAIN = (23.30, 6.55)                                         # without a block
#          from x to y; the identity leaves before the first and enters at +
ORDERS = {"SE": ("residual", "SE", "+", "relu"), "SE-PRE": ("SE", "residual", "+", "relu"),
          "SE-POST": ("residual", "+", "relu", "SE"), "SE-Identity": ("residual", "+", "relu")}
WORDS = {"SE": "at the end of the branch, before the sum", "SE-PRE": "before the branch, the identity is taken before it",
         "SE-POST": "after the sum and its relu", "SE-Identity": "on the identity, beside the branch"}


def draw():
    texts = "; ".join(f"{name}: {WORDS[name]}, error {top1:.2f} / {top5:.2f} %" for name, (top1, top5) in ERRORS.items())
    figure = Figure(640, 532, "Four places for the SE block, section 6", f"""{texts}. Without a block: {PLAIN[0]:.2f}
        / {PLAIN[1]:.2f} %. Errors are top-1 and top-5 of SE-ResNet-50 on ImageNet, Table 14 of the paper.""")
    figure.text(624, 22, "error, top-1 / top-5", anchor="end", tone="soft")
    for i, (name, order) in enumerate(ORDERS.items()):
        row(figure, 22 + 120 * i, name, order)
    plain = f"{PLAIN[0]:.2f} / {PLAIN[1]:.2f} %"
    figure.text(320, 514, f"No block at all: {plain}. SE-ResNet-50 on ImageNet, Table 14.", tone="soft")
    return figure


def row(figure, top, name, order):
    """One way from x to y, with the identity below it."""
    middle, below = top + 48, top + 92
    figure.text(16, top, name, anchor="start", bold=True, tone="accent")
    figure.text(624, middle, "{:.2f} / {:.2f} %".format(*ERRORS[name]), anchor="end")
    figure.text(24, middle, "x")
    places = {3: (130, 290, 370), 4: (130, 226, 306, 370)}[len(order)] if name != "SE-POST" else (130, 226, 290, 370)
    last, at = (34, middle), {}
    for word, x in zip(order, places):
        box = figure.operator(x, middle, "+") if word == "+" else figure.function(x, middle, word, accent=word == "SE")
        figure.arrow(last, box.left)
        last, at[word] = box.right, box
    figure.arrow(last, (452, middle))
    figure.text(462, middle, "y")
    sum_x = at["+"].bottom[0]
    if name == "SE-Identity":
        se = figure.function(170, below, "SE", accent=True)
        figure.arrow((52, middle), (52, below), se.left)
        figure.arrow(se.right, (sum_x, below), at["+"].bottom)
    else:
        figure.arrow((52, middle), (52, below), (sum_x, below), at["+"].bottom)
    if top > 30:
        figure.line((16, top - 16), (624, top - 16), kind="hair")
