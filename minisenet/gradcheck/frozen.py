"""PyTorch's outputs and gradients for a few cases of every operation, stored in `frozen.npz`: a comparison without PyTorch.

A gradient check shows that a backward belongs to its forward. It cannot show that the forward is the right one. These numbers
can, because other code computed them. `python -m minisenet.reference.freeze` writes the file.

In the file, "conv2d/0/array/x" is the argument x of the first case of conv2d. The other keys have "upstream", "output" or
"gradient" in place of "array". "options" holds the options of every case as JSON.
"""
import functools
import json
from importlib import resources

import numpy as np

from minisenet.gradcheck import checks
from minisenet.gradcheck.cases import Case

PARTS = ("array", "upstream", "output", "gradient")


@functools.cache
def load():
    """The frozen cases: a dict from each operation's name to a list of (case, upstream, (outputs, gradients))."""
    with resources.files("minisenet.gradcheck").joinpath("frozen.npz").open("rb") as file, np.load(file) as arrays:
        options = json.loads(str(arrays["options"]))
        parts = {(name, i): {part: {} for part in PARTS} for name in options for i in range(len(options[name]))}
        for key in arrays.files:
            if key != "options":
                name, i, part, which = key.split("/")
                parts[name, int(i)][part][which] = arrays[key]
    cases = {name: [] for name in options}
    for (name, i), part in parts.items():
        case = Case(part["array"], options[name][i])
        cases[name].append((case, part["upstream"], (part["output"], part["gradient"])))
    return cases


def compare(operation, backend="numpy"):
    """Compare an operation with its frozen cases. Returns the `Worst`, with its error relative to the largest element."""
    return checks.worst(checks.compare(operation, case, upstream, expected, backend)
                        for case, upstream, expected in load()[operation.name])
