"""The pixels that one tap of a kernel multiplies: `_window` of minisenet/functional/convolution.py, drawn."""
from drawing import Figure

HEIGHT, WIDTH, PADDING, KERNEL, STRIDE, TAP = 4, 5, 1, 3, 2, (0, 2)
OUT = tuple((size + 2 * PADDING - KERNEL) // STRIDE + 1 for size in (HEIGHT, WIDTH))
CELL = 30


def met():
    """(row, column) of the pixel of the padded image that tap TAP multiplies, for each output position in order."""
    return [(p * STRIDE + TAP[0], q * STRIDE + TAP[1]) for p in range(OUT[0]) for q in range(OUT[1])]


def draw():
    rows, columns = HEIGHT + 2 * PADDING, WIDTH + 2 * PADDING
    figure = Figure(640, 320, "The window of one tap", f"""An image of {HEIGHT} by {WIDTH} pixels with a
        border of zeros, a kernel of {KERNEL} by {KERNEL} taps, stride {STRIDE}, and an output of {OUT[0]} by
        {OUT[1]}. The tap in row {TAP[0]} and column {TAP[1]} of the kernel multiplies one pixel for each output, every
        second one in both directions: a slice of the padded image. In colour: that tap, those pixels, and the
        outputs, with the same numbers.""")
    pixels = met()
    top = 84

    left = 20
    for i in range(rows):
        for j in range(columns):
            border = not (PADDING <= i < PADDING + HEIGHT and PADDING <= j < PADDING + WIDTH)
            number = pixels.index((i, j)) + 1 if (i, j) in pixels else None
            kind = "accent" if number else ("grey" if border else "plain")
            box = figure.rectangle(left + j * CELL, top + i * CELL, CELL, CELL, kind)
            if number:
                figure.text(*box.centre, str(number), tone="accent")
            elif border:
                figure.text(*box.centre, "0", tone="soft")
    figure.lines(left + columns * CELL / 2, 40, "`x`, padded", f"(N, {rows}, {columns}, C)", tone="soft")

    left, high = 292, top + 45
    for i in range(KERNEL):
        for j in range(KERNEL):
            box = figure.rectangle(left + j * CELL, high + i * CELL, CELL, CELL, "accent" if (i, j) == TAP else "plain")
            if (i, j) == TAP:
                figure.text(*box.centre, "τ", tone="accent")
    figure.lines(left + KERNEL * CELL / 2, 79, "`w[:, :, 0, 2]`", "one tap", tone="accent")
    figure.text(260, high + 1.5 * CELL, "×", size=20)
    figure.text(416, high + 1.5 * CELL, "→", size=20)

    left, low = 464, top + 60
    for number, (p, q) in enumerate((p, q) for p in range(OUT[0]) for q in range(OUT[1])):
        box = figure.rectangle(left + q * CELL * 1.4, low + p * CELL, CELL * 1.4, CELL, "accent")
        figure.text(*box.centre, f"+ {number + 1}", tone="accent")
    figure.lines(left + OUT[1] * CELL * 0.7, 94, "a part of `y`", f"(N, {OUT[0]}, {OUT[1]}, C_{{out}})", tone="accent")
    figure.text(320, 296, "`window = padded[:, 0:3:2, 2:7:2]`", tone="accent")
    return figure
