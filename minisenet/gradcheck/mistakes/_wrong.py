"""An entry of the tables of mistakes, and the formulas that several of them share.

A formula takes `v`, which holds everything that belongs to a call by the names of the signatures: the arrays, the options,
the forward's outputs, the upstream gradient. What the answer wrote instead of the right line stands in it as a line of
NumPy.
"""
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

AXES = (0, 1, 2)                    # images, rows, columns: what a channel's statistics are taken over
SIDES = ((slice(None), slice(None), 0), (slice(None), 0),                          # the first and the last column and row
         (slice(None), slice(None), -1), (slice(None), -1))
PER_IMAGE = "Each image has its own gates: that is the point of the block. A batch of one hides the mistake."
FACTOR = "y = s u, so s gets dy times u."
NHWC = "Images are (N, H, W, C) here: the positions are axes 1 and 2, the channels are the last."


@dataclass(frozen=True)
class Wrong:
    """One mistake in one result.

    Attributes
    ----------
    functions, output : str
        The functions whose result it spoils; several with a space between them.
    name : str
    says, lesson : str
        What is wrong, where {} is replaced by the wrong results; and what is right, or how to find it.
    formula : callable
        `formula(v)`: what such an answer gives.
    """

    functions: str
    output: str
    name: str
    says: str
    lesson: str
    formula: Callable


def each(functions, outputs, name, says, lesson, formula):
    """The entries of a mistake that shows in several results: `formula(v)` is a dict of them."""
    return [Wrong(functions, output, name, says, lesson, lambda v, output=output: formula(v)[output])
            for output in outputs.split()]


def beside_maps(values):
    """(N, C) so that it broadcasts over the positions of (N, H, W, C)."""
    return values[:, None, None, :]


BATCHES = ("dy", "ds", "dz", "x", "u", "z", "h", "s", "y")                # what has the images along its first axis


def one_image(v, index):
    """The same call with one image of the batch alone."""
    return SimpleNamespace(**{name: value[index:][:1] if name in BATCHES and isinstance(value, np.ndarray) else value
                              for name, value in vars(v).items()})


IMAGES = ((0, "first"), (-1, "last"))


def one_image_only(functions, outputs, formula):
    """The gradients of weights that were overwritten in the loop over the images, or never got beyond the first."""
    return [entry for index, which in IMAGES for entry in each(
        functions, outputs, f"{which} image only", f"{{}} comes from the {which} image alone.",
        "A weight serves every image, so its gradients add up: += in the loop. A batch of one hides the mistake.",
        lambda v, index=index: formula(one_image(v, index)))]
