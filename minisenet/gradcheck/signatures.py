"""How to call a function from its signature: a parameter's name says what its argument is, "Returns" names the results.

    x, w, stride                        an array or an option of the case
    mean, h, argmax                     an output of the forward
    dy                                  the upstream gradient of y
    x_shape, height, width, bias        derived from the arrays
"""
import functools
import inspect

import numpy as np


@functools.cache
def parameters(function):
    """The parameters of a function, as `inspect` returns them."""
    return inspect.signature(function).parameters


@functools.cache
def returned_names(doc):
    """The names under "Returns" in a numpydoc docstring."""
    lines = iter(doc.splitlines())
    names = []
    for line in lines:
        if line == "Returns":
            next(lines, None)
            for entry in lines:
                if entry and not entry[0].isspace():
                    if " : " not in entry:
                        break
                    names += entry.partition(" : ")[0].split(", ")
    return tuple(names)


def values(arrays, options, outputs=None, upstream=None):
    """Every argument that a signature may name, by name."""
    known = arrays | options | (outputs or {}) | {f"d{name}": value for name, value in (upstream or {}).items()}
    known |= {f"{name}_shape": np.shape(array) for name, array in arrays.items()}
    if "u" in arrays:
        known["height"], known["width"] = known["u_shape"][1:3]
    if "labels" in options:
        known["labels"] = np.array(options["labels"])
    if "dloss" in known:
        known["dloss"] = float(known["dloss"])
    return known | dict(bias="b" in arrays or "b1" in arrays)


def results(function, known):
    """The results of a function for these values, by name."""
    value = function(**{name: known[name] for name in parameters(function) if known.get(name) is not None})
    return dict(zip(returned_names(inspect.getdoc(function)), value if isinstance(value, tuple) else (value,)))
