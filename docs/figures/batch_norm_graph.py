"""The computation graph of docs/batch-norm.md, whose two forks become two of the three terms of dx."""
from drawing import Figure


def draw():
    figure = Figure(640, 372, "Batch norm as a graph with two forks", """Forward: x is used by mu, its mean, and by c
        = x minus mu. c is used by v, the mean of c squared, and by xhat = c times k; k is v plus epsilon to the power
        of minus one half. y is gamma xhat plus beta. In colour, the paths through mu and v. Each x_i moves both, so
        in the backward two more gradients arrive at it. dx_i is gamma k times the sum of three terms: dy_i, directly;
        minus dbeta over M, through mu; and minus xhat_i dgamma over M, through v.""")
    middle, above, below = 152, 60, 244

    def node(x, y, formula, width, accent=False):
        box = figure.rectangle(x - width / 2, y - 18, width, 36, "accent" if accent else "grey", radius=9)
        figure.text(x, y, formula, tone="accent" if accent else "ink")
        return box

    x = node(44, middle, "x", 44)
    mu = node(148, above, "μ = mean(x)", 118, True)
    c = node(254, middle, "c = x − μ", 96)
    v = node(254, below, "v = mean(c^{2})", 124, True)
    k = node(410, below, "k = (v + ε)^{−1/2}", 142, True)
    xhat = node(410, middle, "x̂ = c k", 84)
    y = node(566, middle, "y = γ x̂ + β", 116)
    figure.arrow(x.right, c.left)
    figure.arrow(c.right, xhat.left)
    figure.arrow(xhat.right, y.left)
    figure.arrow(x.top, (44, above), mu.left, kind="line-accent")
    figure.arrow(mu.right, (254, above), c.top, kind="line-accent")
    figure.arrow(c.bottom, v.top, kind="line-accent")
    figure.arrow(v.right, k.left, kind="line-accent")
    figure.arrow(k.top, xhat.bottom, kind="line-accent")
    for sign, at in (("γ", 540), ("β", 592)):
        figure.text(at, above, sign)
        figure.arrow((at, above + 14), (at, y.y))
    figure.text(268, above, "each x_{i} moves μ …", tone="accent", anchor="start")
    figure.text(176, below, "… and v", tone="accent", anchor="end")
    figure.line((20, 290), (620, 290), kind="hair")
    terms = ((136, "dx_{i}  =  γ k (", "", "ink"), (230, "dy_{i}", "straight", "ink"), (326, "−  dβ / M", "by μ", "accent"),
             (454, "−  x̂_{i} dγ / M", "by v", "accent"), (524, ")", "", "ink"))
    for at, markup, what, tone in terms:
        figure.text(at, 318, markup, size=17, tone=tone)
        if what:
            figure.text(at, 346, what, tone="accent" if tone == "accent" else "soft")
    return figure
