"""What arguments may be: one place that normalises them, and says in one line what is wrong with them."""
import operator

import numpy as np


def arrays(**named):
    """Clean arrays: floating or complex, of one dtype, C-contiguous, aligned, in native byte order, never empty.

    Each argument is `name=(value, ndim)` or `name=(value, ndim, shape)`; a None in `shape` is free. A value of None stays
    None. Raises TypeError for a dtype and ValueError for a rank or a shape.
    """
    clean, first, dtype = [], None, None
    for name, (value, ndim, *shape) in named.items():
        if value is None or (type(value) is np.ndarray and value.dtype is dtype and value.ndim == ndim and value.size
                             and (not shape or value.shape == shape[0]) and value.flags.num & _CLEAN == _CLEAN):
            clean.append(value)                             # as nearly always: nothing to ask, nothing to do
            continue
        value = np.asarray(value)
        usual = value.dtype in _USUAL
        if not usual and not np.issubdtype(value.dtype, np.inexact):
            raise TypeError(f"{name} has dtype {value.dtype}; it takes floating point: {name}.astype(np.float32)")
        native = value.dtype if usual else value.dtype.newbyteorder("=")
        if dtype is None:
            first, dtype = name, native
        elif native != dtype:
            raise TypeError(f"{name} is {value.dtype} but {first} is {dtype}: dtypes are never mixed, convert one of them")
        if value.ndim != ndim:
            raise ValueError(f"{name} has shape {value.shape}; it takes {ndim} dimension{'s' * (ndim != 1)}{_HINTS.get(ndim, '')}")
        if shape and value.shape != shape[0] and any(want is not None and want != got for want, got in zip(shape[0], value.shape)):
            wanted = ", ".join("any" if want is None else str(want) for want in shape[0])
            raise ValueError(f"{name} has shape {value.shape}; it takes ({wanted}{',' * (ndim == 1)})")
        if value.size == 0:
            raise ValueError(f"{name} has shape {value.shape}: it is empty")
        clean_already = usual and value.flags.num & _CLEAN == _CLEAN
        clean.append(value if clean_already else np.require(value, dtype, ["C", "ALIGNED"]))
    return clean


_CLEAN = 0x0101                                             # NumPy's flags: C-contiguous and aligned
_USUAL = (np.dtype(np.float32), np.dtype(np.float64))       # in native byte order: no need for NumPy's slower questions


_HINTS = {4: ", (N, H, W, C)", 2: ", (N, C)"}


def pair(name, value, least):
    """An int or a (height, width) as a pair of ints, each at least `least`."""
    if type(value) is int and value >= least:
        return value, value
    if type(value) is tuple and len(value) == 2 and type(value[0]) is type(value[1]) is int and min(value) >= least:
        return value
    both = value if isinstance(value, (tuple, list, np.ndarray)) else (value, value)
    try:
        if len(both) != 2 or any(isinstance(v, (bool, np.bool_)) for v in both):
            raise TypeError
        both = tuple(operator.index(v) for v in both)
    except TypeError:
        raise TypeError(f"{name} is {value!r}; it takes an int or a pair of ints (height, width)") from None
    if min(both) < least:
        raise ValueError(f"{name} is {value!r}; it takes values of at least {least}")
    return both


def integer(name, value, least):
    """An int of at least `least`."""
    if type(value) is int and value >= least:
        return value
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        value = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {value!r}; it takes an int") from None
    if value < least:
        raise ValueError(f"{name} is {value}; it takes at least {least}")
    return value


def shape(name, value, ndim):
    """A tuple of `ndim` positive ints."""
    try:
        value = tuple(operator.index(v) for v in value)
    except TypeError:
        raise TypeError(f"{name} is {value!r}; it takes a tuple of {ndim} ints") from None
    if len(value) != ndim or min(value) < 1:
        raise ValueError(f"{name} is {value}; it takes {ndim} sizes of at least 1")
    return value


def real_number(name, value, *, least=None, below=None):
    """A finite real number, as a float, in [least, below)."""
    if type(value) is float and least is not None and least <= value < np.inf and (below is None or value < below):
        return value
    try:
        value = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} is {value!r}; it takes a number") from None
    if not np.isfinite(value) or (least is not None and value < least) or (below is not None and value >= below):
        bounds = " and ".join([f"at least {least}"] * (least is not None) + [f"below {below}"] * (below is not None))
        raise ValueError(f"{name} is {value}; it takes a finite number{' ' * bool(bounds)}{bounds}")
    return value


def labels(name, value, count, classes):
    """Class labels as int64 of shape (count,), each in [0, classes)."""
    value = np.asarray(value)
    if not np.issubdtype(value.dtype, np.integer):
        raise TypeError(f"{name} has dtype {value.dtype}; it takes integers, one class for each row")
    if value.shape != (count,):
        raise ValueError(f"{name} has shape {value.shape}; it takes ({count},), one class for each row")
    if value.min() < 0 or value.max() >= classes:
        raise ValueError(f"{name} holds {value.min()} to {value.max()}; with {classes} classes it takes 0 to {classes - 1}")
    return np.ascontiguousarray(value, np.int64)
