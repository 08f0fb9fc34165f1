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
PER_IMAGE = "Gates are per image, which is the point of the block; a batch of one hides it."
FACTOR = "A factor's gradient is what it was multiplied with, and s met u."
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
        What is wrong, and what there is to learn.
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
    """A weight's gradient that was overwritten in the loop over the images, or never got beyond the first."""
    return [Wrong(functions, output, f"{which} image only", f"{output} comes from the {which} image alone.",
                  "A weight was used for every image, so it gathers from every image: += in the loop. "
                  "A batch of one hides it.",
                  lambda v, output=output, index=index: formula(one_image(v, index))[output])
            for output in outputs.split() for index, which in IMAGES]
