"""Both paths into u, forward and backward: `se_block` above `se_block_backward`, each function below its own."""
from drawing import Figure


def draw():
    figure = Figure(640, 482, "Two paths into u, forward and backward", """Forward: u goes straight into scale, and
        through squeeze, z, excitation and the gates s into scale as well; scale gives y. Backward, the same picture
        from the right to the left: dy enters scale_backward, which gives s dy, the direct part of du, and ds;
        excitation_backward turns ds into dz, and squeeze_backward turns dz into dz / (H W) at each position. du is the
        sum of the two parts. In two colours: the direct path, and the path through the squeeze, which is easily
        forgotten.""")
    figure.text(20, 24, "forward", tone="soft", anchor="start", bold=True)
    figure.text(20, 256, "backward", tone="soft", anchor="start", bold=True)
    figure.line((20, 236), (620, 236), kind="hair")
    columns = dict(u=58, squeeze=220, excitation=440, y=586)

    upper, lower = 100, 190
    u = figure.slab(columns["u"], upper, width=44, height=40)
    scale = figure.function(columns["excitation"], upper, "scale")
    y = figure.slab(columns["y"], upper, width=44, height=40)
    squeeze = figure.function(columns["squeeze"], lower, "squeeze", accent="second")
    excitation = figure.function(columns["excitation"], lower, "excitation", accent="second")
    figure.text(u.top[0], u.y - 13, "`u`", bold=True)
    figure.text(y.top[0], y.y - 13, "`y`", bold=True)
    figure.arrow(u.right, scale.left, kind="line-accent")
    figure.arrow(u.bottom, (u.bottom[0], lower), squeeze.left, kind="line-second")
    figure.arrow(squeeze.right, excitation.left, kind="line-second")
    figure.arrow(excitation.top, scale.bottom, kind="line-second")
    figure.arrow(scale.right, y.left)
    figure.text((squeeze.right[0] + excitation.x) / 2, lower - 14, "`z`", tone="second", bold=True)
    figure.text(columns["excitation"] + 14, (upper + lower) / 2, "`s`", tone="second", bold=True)
    figure.text(250, upper - 15, "direct: u is scaled", tone="accent")

    upper, lower = 332, 422
    du = figure.slab(columns["u"] - 14, upper, width=44, height=40)
    plus = figure.operator(114, upper, "+")
    scale = figure.function(columns["excitation"], upper, "scale_backward")
    dy = figure.slab(columns["y"], upper, width=44, height=40)
    squeeze = figure.function(columns["squeeze"], lower, "squeeze_backward", accent="second")
    excitation = figure.function(columns["excitation"], lower, "excitation_backward", accent="second")
    figure.text(du.top[0], du.y - 13, "`du`", bold=True)
    figure.text(dy.top[0], dy.y - 13, "`dy`", bold=True)
    figure.arrow(dy.left, scale.right)
    figure.arrow(scale.left, plus.right, kind="line-accent")
    figure.arrow(plus.left, du.right)
    figure.arrow(scale.bottom, excitation.top, kind="line-second")
    figure.arrow(excitation.left, squeeze.right, kind="line-second")
    figure.arrow(squeeze.left, (114, lower), plus.bottom, kind="line-second")
    figure.text((squeeze.right[0] + excitation.x) / 2, lower - 14, "`dz`", tone="second", bold=True)
    figure.text(columns["excitation"] + 18, (upper + lower) / 2, "`ds`", tone="second", bold=True)
    figure.text(250, upper - 15, "s dy", tone="accent")
    figure.text(126, (upper + lower) / 2 + 4, "dz / (H W), at each position", tone="second", anchor="start")
    figure.text(320, 464, "du  =  s dy  +  dz / (H W)", size=17)
    return figure
