"""Which maps a residual block with SE reads and writes, composed and fused: two tables of docs/fused-passes.md."""
from drawing import Figure

#           step            composed: reads, writes      fused: reads, writes
FORWARD = (("conv1", (1, 1), (1, 1)), ("bn1", (2, 1), None), ("ReLU", (1, 1), None), ("conv2", (1, 1), (1, 1)),
           ("bn2", (2, 1), None), ("squeeze", (1, 0), None), ("scale", (1, 1), None), ("sum", (2, 1), None),
           ("ReLU", (1, 1), (2, 1)))
BACKWARD = (("ReLU", (2, 1), (3, 1)), ("scale", (2, 1), None), ("squeeze", (0, 0), None), ("their sum", (1, 1), None),
            ("bn2", (4, 1), None), ("conv2, dw", (2, 0), (3, 1)), ("conv2, dx", (1, 1), None), ("ReLU", (2, 1), None),
            ("bn1", (4, 1), None), ("conv1, dw", (2, 0), (4, 1)), ("conv1, dx", (1, 1), None), ("sum", (2, 1), None))
SQUARE, ROW = 13, 22


def totals(steps, which):
    """(reads, writes) of all steps together; which = 1 for composed, 2 for fused."""
    return tuple(sum(step[which][i] for step in steps if step[which]) for i in (0, 1))


def draw():
    parts = ("forward", FORWARD), ("backward", BACKWARD)
    counts = {(name, which): totals(steps, which) for name, steps in parts for which in (1, 2)}
    words = "; ".join(f"{name}, {('composed', 'fused')[which - 1]}: {reads} reads and {writes} writes"
                      for (name, which), (reads, writes) in counts.items())
    figure = Figure(640, 412, "Passes over memory, composed and fused", f"""One square for each time that a whole map
        is read from memory or written to it, in a training step of a residual block with an SE block, step by step.
        {words}. Together {sum(sum(count) for (_, which), count in counts.items() if which == 1)} passes over a map
        composed, and {sum(sum(count) for (_, which), count in counts.items() if which == 2)} fused.""")
    for left, name, steps in ((16, "forward", FORWARD), (332, "backward", BACKWARD)):
        panel(figure, left, name, steps)
    figure.line((316, 16), (316, 350), kind="hair")
    figure.rectangle(190, 378, SQUARE, SQUARE, "plain")
    figure.text(212, 385, "a map is read", anchor="start", tone="soft")
    figure.rectangle(350, 378, SQUARE, SQUARE, "solid-grey")
    figure.text(372, 385, "a map is written", anchor="start", tone="soft")
    return figure


def panel(figure, left, name, steps):
    columns = {1: left + 96, 2: left + 206}
    figure.text(left, 26, name, anchor="start", bold=True)
    figure.text(columns[1], 26, "composed", anchor="start", tone="soft")
    figure.text(columns[2], 26, "fused", anchor="start", tone="accent")
    for i, (step, *pairs) in enumerate(steps):
        y = 54 + ROW * i
        figure.text(left, y, step, anchor="start")
        for which, pair in enumerate(pairs, 1):
            kinds = ("plain", "solid-grey") if which == 1 else ("accent", "solid-accent")
            squares = [kind for kind, count in zip(kinds, pair or (0, 0)) for _ in range(count)]
            for j, kind in enumerate(squares):
                figure.rectangle(columns[which] + j * (SQUARE + 4), y - SQUARE / 2, SQUARE, SQUARE, kind)
    for which, tone in ((1, "ink"), (2, "accent")):
        reads, writes = totals(steps, which)
        figure.text(columns[which], 334, f"{reads} + {writes}", anchor="start", bold=True, tone=tone)
    figure.text(left, 334, "together", anchor="start")
