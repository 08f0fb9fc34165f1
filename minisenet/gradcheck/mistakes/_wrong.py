"""An entry of the tables of mistakes, and the formulas that several of them share.

A formula is a function of `v`, which holds everything that belongs to a call by the names of the signatures: the arrays, the
options, the forward's outputs, the upstream gradient. It is the wrong line of an answer as a line of NumPy.
"""
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

AXES = (0, 1, 2)                    # images, rows, columns: the axes of a channel's statistics
SIDES = ((slice(None), slice(None), 0), (slice(None), 0),                          # the first and the last column and row
         (slice(None), slice(None), -1), (slice(None), -1))
LINES = (("first", "row", np.s_[:, 1:]), ("last", "row", np.s_[:, :-1]),            # of a map: what is left without it
         ("first", "column", np.s_[:, :, 1:]), ("last", "column", np.s_[:, :, :-1]))
LOOP_ENDS = "Does a loop begin too late, or end too early? range(n) runs from 0 to n - 1."
PER_IMAGE = "Each image has its own gates: that is the point of the block. A batch of one hides the mistake."
FACTOR = "y = s u, so s gets dy times u."
NHWC = "Images are (N, H, W, C) here: the positions are axes 1 and 2, the channels are the last."


@dataclass(frozen=True)
class Wrong:
    """One mistake in one result.

    Attributes
    ----------
    functions, output : str
        The functions whose result is wrong; several with a space between them.
    name : str
    says, lesson : str
        What is wrong, where {} is replaced by the wrong results; and what is right, or how to find it.
    formula : callable
        `formula(v)`: the result of such an answer.
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


BATCHES = ("dy", "ds", "dz", "x", "u", "z", "h", "s", "y")                # arrays with the images along their first axis


def one_image(v, index):
    """The same call with one image of the batch alone."""
    return _images(v, lambda batch: batch[index:][:1])


def _images(v, part):
    return SimpleNamespace(**{name: part(value) if name in BATCHES and isinstance(value, np.ndarray) else value
                              for name, value in vars(v).items()})


IMAGES = ((0, "first"), (-1, "last"))
EVERY_IMAGE = "Every image uses the weight, so its gradient gathers from every image. A batch of one hides it."


def one_image_only(functions, outputs, formula):
    """The gradients of weights that were overwritten in the loop over the images, or never got beyond the first."""
    return [entry for index, which in IMAGES for entry in each(
        functions, outputs, f"{which} image only", f"{{}} comes from the {which} image alone.", EVERY_IMAGE,
        lambda v, index=index: formula(one_image(v, index)))]


def left_out_image(functions, outputs, formula):
    """The gradients of weights without the last image: the loop ends too early."""
    return each(functions, outputs, "last image left out", "The last image adds nothing to {}.",
                "Does the loop over the images end too early? " + EVERY_IMAGE,
                lambda v: formula(_images(v, lambda batch: batch[:-1])))
