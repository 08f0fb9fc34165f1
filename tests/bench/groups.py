"""Time depthwise and grouped convolutions against PyTorch, in turn: `python tests/bench/groups.py [--threads 1] [--repeat 9]`.

Each line is one convolution of a network at its real size: the milliseconds of this checkout's forward and backward pass (both
gradients), and how many times PyTorch's they are. PyTorch gets the faster of its two layouts. The figures are medians over the turns.
docs/kernels.md has what came out.
"""
import argparse
import statistics
import time

import numpy as np
import torch

import minisenet
import minisenet.functional as F

# name, batch, side, input channels, output channels, kernel, stride, groups
LAYERS = [
    *[(f"MobileNet, depthwise, {side}x{side}x{c}{', stride 2' * (stride == 2)}", 4, side, c, c, 3, stride, c)
      for side, c, stride in [(112, 32, 1), (112, 64, 2), (56, 128, 1), (28, 256, 1), (14, 512, 1), (7, 1024, 1)]],
    *[(f"ResNeXt-50, 32 groups, {side}x{side}x{c}", 4, side, c, c, 3, 1, 32) for side, c in [(56, 128), (28, 256), (14, 512), (7, 1024)]],
    *[(f"SENet-154, 64 groups, {side}x{side}x{c}", 4, side, c, c, 3, 1, 64) for side, c in [(56, 256), (28, 512), (14, 1024), (7, 2048)]],
    ("ShuffleNet, 3 groups, 1x1, 28x28x240", 4, 28, 240, 60, 1, 1, 3),
    ("dense, 3x3, 28x28x128", 4, 28, 128, 128, 3, 1, 1),
]


def milliseconds(work):
    """The fastest of three calls."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return 1e3 * min(times)


def contenders(n, side, c_in, c_out, kernel, stride, groups):
    """{(contender, pass): a function that runs it}."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, side, side, c_in), np.float32)
    w = rng.standard_normal((c_out, c_in // groups, kernel, kernel), np.float32)
    options = dict(stride=stride, padding=kernel // 2, groups=groups)
    dy = np.ones_like(F.conv2d(x, w, **options))
    works = {("ours", "forward"): lambda: F.conv2d(x, w, **options),
             ("ours", "backward"): lambda: F.conv2d_backward(dy, x, w, **options)}
    for layout in (torch.channels_last, torch.contiguous_format):
        tx, tw, tdy = (torch.from_numpy(array).contiguous(memory_format=layout)
                       for array in (x.transpose(0, 3, 1, 2), w, dy.transpose(0, 3, 1, 2)))
        rest = [None, [stride] * 2, [kernel // 2] * 2, [1, 1], False, [0, 0], groups, [True, True, False]]
        works[str(layout), "forward"] = lambda tx=tx, tw=tw: torch.nn.functional.conv2d(tx, tw, **options)
        works[str(layout), "backward"] = lambda tx=tx, tw=tw, tdy=tdy, rest=rest: torch.ops.aten.convolution_backward(tdy, tx, tw, *rest)
    return works


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=9)
    arguments = parser.parse_args()
    minisenet.set_num_threads(arguments.threads)
    torch.set_num_threads(arguments.threads)
    print("| convolution | forward, ms | times PyTorch's | backward, ms | times PyTorch's |\n| --- | --- | --- | --- | --- |")
    with minisenet.use_backend("fused"), torch.no_grad():
        for name, *shape in LAYERS:
            works = contenders(*shape)
            found = {key: [] for key in works}
            for _ in range(arguments.repeat):
                for key, work in works.items():
                    found[key].append(milliseconds(work))
            cells = []
            for step in ("forward", "backward"):
                times = [statistics.median(found[key]) for key in works if key[1] == step]
                cells += [f"{times[0]:.2f}", f"{times[0] / min(times[1:]):.2f}"]
            print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
