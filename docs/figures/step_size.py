"""The error of a slope against the step it was measured with: central differences and the complex step on a whole SE block.

The numbers lie in step-size.json, since rounding errors differ in their last digits from machine to machine.
`python docs/figures/step_size.py --measure` measures them again.
"""
import json
import sys
from pathlib import Path

from drawing import Axes, Box, Figure

DATA = Path(__file__).with_name("step-size.json")
STEPS = range(-20, 0)                   # h = 10^-20 ... 10^-1
DIRECTIONS = 32


def measure():
    """{"central": [...], "complex": [...]}: for each h, the root mean square of the relative error over random directions.

    The slope is that of L = <dy, se_block(u)> along a direction v of u, on the NumPy bodies in float64; its right value is
    <du, v> with du from `se_block_backward`.
    """
    import numpy as np

    import minisenet
    from minisenet.functional import se_block, se_block_backward
    rng = np.random.default_rng(0)
    u, dy = rng.standard_normal((2, 2, 5, 4, 8))
    w1, w2 = 0.5 + rng.random((4, 8)), rng.standard_normal((8, 4))
    u += 1                                                              # so that no hidden unit is near its kink
    directions = rng.standard_normal((DIRECTIONS, *u.shape))
    with minisenet.use_backend("numpy"):
        _, z, h, s = se_block(u, w1, w2)
        right = [(se_block_backward(dy, u, z, h, s, w1, w2)[0] * v).sum() for v in directions]
        size = np.sqrt(np.mean(np.square(right)))

        def loss(u):
            return (dy * se_block(u, w1.astype(u.dtype), w2.astype(u.dtype))[0]).sum()

        def error(slope):
            return float(np.sqrt(np.mean([(slope(v) - true) ** 2 for v, true in zip(directions, right)])) / size)

        errors = {"central": [], "complex": []}
        for exponent in STEPS:
            step = 10.0 ** exponent
            errors["central"].append(error(lambda v: (loss(u + step * v) - loss(u - step * v)) / (2 * step)))
            errors["complex"].append(error(lambda v: loss(u + 1j * step * v).imag / step))
    return errors


def draw():
    from math import log10
    errors = json.loads(DATA.read_text(encoding="utf-8"))
    figure = Figure(640, 400, "The error of a slope against the step", """Both axes are logarithmic. The error of a
        central difference falls with the square of the step h, down to about 10 to the minus 11 at h = 10 to the
        minus 5; then it rises like 1/h, for the two values that are subtracted share more and more digits, until at
        10 to the minus 17 they are equal. The error of the complex step falls with the square of h too, to rounding,
        10 to the minus 16, at h = 10 to the minus 7, and stays there for every smaller step.""")
    axes = Axes(figure, Box(68, 36, 548, 300), (-20, 0), (-18, 2))
    ticks = range(-20, 1, 4)
    powers = [f"10^{{−{-tick}}}" if tick else "1" for tick in ticks]
    axes.grid(x=ticks, x_labels=powers, y=ticks[1:], y_labels=powers[1:])
    for name, kind, dot in (("central", "line-second", "solid-second"), ("complex", "line-accent", "solid-accent")):
        points = [(step, log10(error)) for step, error in zip(STEPS, errors[name])]
        axes.curve(*zip(*points), kind=kind)
        for point in points:
            figure.circle(*axes.at(*point), 3, dot)
    for x, y, markup, tone in ((-8.6, -3, "central difference", "second"), (-15, -14.4, "complex step", "accent"),
                               (-2.6, -9.4, "h^{2}", "soft"), (-9.6, -8.4, "ε / h", "soft")):
        figure.text(*axes.at(x, y), markup, tone=tone, bold=tone != "soft")
    figure.text(20, 18, "relative error of the slope", anchor="start", tone="soft")
    figure.text(616, 382, "step h", anchor="end", tone="soft")
    return figure


def main():
    if sys.argv[1:] != ["--measure"]:
        print("python docs/figures/step_size.py --measure", file=sys.stderr)
        return 2
    rounded = {name: [float(f"{value:.3g}") for value in values] for name, values in measure().items()}
    DATA.write_text("{\n" + ",\n".join(f'  "{name}": {json.dumps(values)}' for name, values in rounded.items()) + "\n}\n",
                    encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
