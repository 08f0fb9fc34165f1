"""What the second path into u is worth: the same runs with the SE block's backward, and with `+ squeeze_backward(...)` left out.

`python tests/bench/one_path.py [--data shapes|DIR] [--epochs 6] [--seeds 5] [--limit N]` trains SE-ResNet-20 (r = 4) twice for each seed, from
the same weights on the same batches, and prints the test accuracies and their differences. docs/se-block.md has what came out.
"""
import argparse

import numpy as np

import minisenet
import minisenet.functional as F
from minisenet import data, models
from minisenet.blocks import SEBlock


class OnePath(SEBlock, deferred=True):
    """An SE block with the direct path into u only: du = s * dy. Its weights' gradients are right."""

    def backward(self, dy):
        u, z, h, s = self._pop_saved()
        du, ds = F.scale_backward(dy, u, s)
        _, self.fc1.weight.grad, self.fc2.weight.grad, _, _ = F.excitation_backward(ds, z, h, s, *self._weights())
        return du


def final_accuracy(images, *, second_path, seed, epochs):
    """The test accuracy, in percent, after the last epoch."""
    model = models.create("se_resnet20", num_classes=len(images.classes), reduction=4, seed=seed)
    if not second_path:
        for _, block in model.modules():
            if isinstance(block, SEBlock):
                block.__class__ = OnePath
    return 100 * minisenet.fit(model, images, epochs=epochs, seed=seed, progress=False)[-1]["test_accuracy"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="shapes")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--limit", type=int, help="the number of training images used")
    options = parser.parse_args()
    images = data.load(options.data)
    if options.limit:
        images = images.limit(options.limit)
    pairs = []
    for seed in range(options.seeds):
        pairs.append([final_accuracy(images, second_path=both, seed=seed, epochs=options.epochs) for both in (True, False)])
        print(f"seed {seed}: both paths {pairs[-1][0]:.2f} %, one path {pairs[-1][1]:.2f} %", flush=True)
    both, one = np.array(pairs).T
    print(f"mean: both paths {both.mean():.2f} %, one path {one.mean():.2f} %, difference {np.mean(both - one):+.2f} with a standard "
          f"error of {np.std(both - one, ddof=1) / len(both) ** 0.5:.2f}")
