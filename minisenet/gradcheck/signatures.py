"""How to call a function from its signature: a parameter's name says what its argument is, "Returns" names the results.

    x, w, stride                        an array or an option of the case
    mean, h, argmax                     an output of the forward
    dy                                  the upstream gradient of y
    x_shape, height, width, bias        derived from the arrays
    *xs, *channels                      x1, x2, ... of the case, and how many channels each has
    beta                                beside alpha: the same, with which a Shake-Shake backward is a gradient
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


def numbered(names, count):
    """The names of `count` results, where the documented ones may end with "...": dx1, dx2, ..."""
    return tuple(f"{names[0][:-1]}{i}" for i in range(1, count + 1)) if names[-1:] == ("...",) else names


def values(arrays, options, outputs=None, upstream=None):
    """Every argument that a signature may name, by name."""
    known = arrays | options | (outputs or {}) | {f"d{name}": value for name, value in (upstream or {}).items()}
    known |= {f"{name}_shape": np.shape(array) for name, array in arrays.items()}
    if "u" in arrays:
        known["height"], known["width"] = known["u_shape"][1:3]
    known |= {f"channel{name[1:]}": array.shape[-1] for name, array in arrays.items() if name[1:].isdigit() and name[0] == "x"}
    if "alpha" in arrays:
        known["beta"] = arrays["alpha"]
    if "labels" in options:
        known["labels"] = np.array(options["labels"])
    if "dloss" in known:
        known["dloss"] = float(known["dloss"])
    return known | dict(bias="b" in arrays or "b1" in arrays)


def chosen(function, known):
    """The arguments of a function among these values, by name; in the place of *xs, x1, x2, ..."""
    names = []
    for name, parameter in parameters(function).items():
        several = parameter.kind == parameter.VAR_POSITIONAL
        names += [each for each in known if each[:-1] == name[:-1] and each[-1].isdigit()] if several else [name]
    return {name: known[name] for name in names if known.get(name) is not None}


def call(function, named):
    """The value of a function for arguments that `chosen` chose."""
    if any(parameter.kind == parameter.VAR_POSITIONAL for parameter in parameters(function).values()):
        return function(*named.values())
    return function(**named)


def results(function, known):
    """The results of a function for these values, by name."""
    value = call(function, chosen(function, known))
    value = value if isinstance(value, tuple) else (value,)
    return dict(zip(numbered(returned_names(inspect.getdoc(function)), len(value)), value))
