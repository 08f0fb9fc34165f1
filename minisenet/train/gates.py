"""What the SE blocks learned: their gates over test images, block by block (the paper's section 7.2, Figs. 6 and 7).

If the gates are the same for every image, the block only scales channels by constants. If r equals the number of channels,
there is one hidden unit. For an image where it is 0, every gate is sigmoid(0) = 0.5 (without biases). The table shows both.
"""
import dataclasses

import numpy as np

from minisenet.blocks import SEBlock
from minisenet.random import permutation
from minisenet.train.evaluate import predictions

IMAGES = 1000


@dataclasses.dataclass
class Gates:
    """The gates of some images.

    Attributes
    ----------
    labels : ndarray (N,) of int
    blocks : dict of str to (ndarray (N, C), ndarray (N, C // r))
        Each SE block's name, with its gates and hidden activations, from input to output. Without a squeeze they are the means
        of maps.
    """

    labels: np.ndarray
    blocks: dict

    def class_means(self, name):
        """ndarray (classes present, C): the mean gates of each class's images, in the order of the classes."""
        s = self.blocks[name][0]
        return np.stack([s[self.labels == k].mean(axis=0) for k in np.unique(self.labels)])


def collect(model, data, *, images=IMAGES, batch_size=100):
    """Run a model on up to `images` test images, a random choice that is always the same, and collect all SE blocks' gates."""
    se = {name: layer for name, layer in model.modules() if isinstance(layer, SEBlock)}
    if not se:
        return Gates(np.zeros(0, np.int64), {})
    # not the first ones (a set may be sorted by class), nor every second one (classes may alternate)
    chosen = np.sort(permutation(len(data.test_labels), 0, 0)[:images])
    labels, kept = [], {name: [] for name in se}
    for _, y, _ in predictions(model, data, batch_size, chosen=chosen):
        labels.append(y)
        for name, layer in se.items():
            kept[name].append(tuple(a if a.ndim == 2 else a.mean(axis=(1, 2)) for a in (layer.s, layer.h)))
    return Gates(np.concatenate(labels), {name: tuple(map(np.concatenate, zip(*pairs))) for name, pairs in kept.items()})


def table(gates):
    """A dict for each SE block.

    block is its name. channels and hidden are numbers of units, and dead is how many hidden units are 0 for every image. mean
    is over all gates, deviation is over images, and by_class is the deviation of the classes' means. Both deviations are
    averages over channels.
    """
    rows = []
    for name, (s, h) in gates.blocks.items():
        rows.append(dict(block=name, channels=s.shape[1], hidden=h.shape[1], mean=float(s.mean()),
                         deviation=float(s.std(axis=0).mean()), dead=int((~(h > 0).any(axis=0)).sum()),
                         by_class=float(gates.class_means(name).std(axis=0).mean())))
    return rows


def format_table(rows):
    """The rows as fixed-width text."""
    width = max(5, *(len(row["block"]) for row in rows))
    lines = [f"{'block':{width}}  channels  mean gate  deviation  between classes  dead hidden units"]
    lines += [f"{r['block']:{width}}  {r['channels']:8}  {r['mean']:9.3f}  {r['deviation']:9.3f}  {r['by_class']:15.3f}  "
              f"{r['dead']:>8} of {r['hidden']}" for r in rows]
    return "\n".join(lines)
