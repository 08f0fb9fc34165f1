"""Arguments are checked and normalised here. Every error is one line: "NAME must be ..., got ...", and what to do about it."""
import operator

import numpy as np


def array(name, value, ndim=None):
    """`value`, which must be a NumPy array. Raises TypeError for anything else, lists and None included."""
    if isinstance(value, _ARRAYS):
        return np.asarray(value)
    got, remedy = type(value).__name__, ""
    if value is None:
        got, remedy = "None", ": it is required"
    elif isinstance(value, (list, tuple)) or hasattr(value, "__array__"):
        remedy = f": use np.asarray({name})"
    raise TypeError(f"{name} must be a NumPy array{_layout(name, ndim)}, got {got}{remedy}")


def arrays(**named):
    """Clean arrays: floating or complex, of one dtype, C-contiguous, aligned, in native byte order, never empty.

    Each argument is `name=(value, ndim)` or `name=(value, ndim, shape)`. A None in `shape` matches any size. A `shape` that
    does not have `ndim` entries was taken from another argument that is wrong: it is ignored, and the other one is named.
    An optional argument is `name=optional(value, ndim, shape)`.

    Raises
    ------
    TypeError
        For a value that is not a NumPy array, for integers, and for different dtypes.
    ValueError
        For a wrong number of dimensions, a wrong shape, or an empty array.
    """
    clean, first, dtype = [], None, None
    for name, expected in named.items():
        if expected is None:                                # an optional argument that was not given
            clean.append(None)
            continue
        value, ndim, *shape = expected
        if (type(value) is np.ndarray and value.dtype is dtype and value.ndim == ndim and value.size
                and (not shape or value.shape == shape[0]) and value.flags.num & _CLEAN == _CLEAN):
            clean.append(value)                             # the usual case, with nothing to convert
            continue
        value = array(name, value, ndim)
        usual = value.dtype in _USUAL
        if not usual and not np.issubdtype(value.dtype, np.inexact):
            raise TypeError(f"{name} must be floating point, got {value.dtype}: use {name}.astype(np.float32)")
        native = value.dtype if usual else value.dtype.newbyteorder("=")
        if dtype is None:
            first, dtype = name, native
        elif native != dtype:
            raise TypeError(f"{name} must be {dtype} as {first} is, got {native}: use {name}.astype(np.{dtype})")
        if value.ndim != ndim:
            batch = f": use {name}[None] for a batch of one" if (ndim, value.ndim) == (4, 3) and name not in _LAYOUTS else ""
            raise ValueError(f"{name} must have {ndim} dimension{'s' * (ndim != 1)}{_layout(name, ndim)}, got shape "
                             f"{value.shape}{batch}")
        if shape and value.shape != shape[0] and len(shape[0]) == ndim and any(
                want is not None and want != got for want, got in zip(shape[0], value.shape)):
            wanted = ", ".join("any" if want is None else str(want) for want in shape[0])
            raise ValueError(f"{name} must have shape ({wanted}{',' * (ndim == 1)}), got {value.shape}")
        if value.size == 0:
            raise ValueError(f"{name} must not be empty, got shape {value.shape}")
        clean_already = usual and value.flags.num & _CLEAN == _CLEAN
        clean.append(value if clean_already else np.require(value, dtype, ["C", "ALIGNED"]))
    return clean


_ARRAYS = (np.ndarray, np.generic)                          # a NumPy scalar is an array of no dimensions
_CLEAN = 0x0101                                             # NumPy's flags: C-contiguous and aligned
_USUAL = (np.dtype(np.float32), np.dtype(np.float64))       # in native byte order, which is quick to compare

_LAYOUTS = {"w": {2: " (out, in)", 4: " (C_out, C_in / groups, KH, KW)"}, "w1": {2: " (C / r, C)"}, "w2": {2: " (C, C / r)"}}
_USUAL_LAYOUTS = {2: " (N, C)", 4: " (N, H, W, C)"}


def _layout(name, ndim):
    return _LAYOUTS.get(name, _USUAL_LAYOUTS).get(ndim, "")


def optional(value, *expected):
    """What `arrays` is given for an optional argument: None if the argument is None."""
    return None if value is None else (value, *expected)


def shape_of(value):
    """The shape of an array; () for anything else, which `arrays` then refuses."""
    return value.shape if isinstance(value, _ARRAYS) else ()


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
        raise TypeError(f"{name} must be an int or a pair of ints (height, width), got {value!r}") from None
    if min(both) < least:
        raise ValueError(f"{name} must be at least {least}, got {value!r}")
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
        raise TypeError(f"{name} must be an int, got {value!r}") from None
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")
    return value


def choice(name, value, known):
    """One of the known words."""
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}")
    return value


def shape(name, value, ndim):
    """A tuple of `ndim` positive ints."""
    try:
        value = tuple(operator.index(v) for v in value)
    except TypeError:
        raise TypeError(f"{name} must be a tuple of {ndim} ints, got {value!r}") from None
    if len(value) != ndim or min(value) < 1:
        raise ValueError(f"{name} must have {ndim} sizes of at least 1, got {value}")
    return value


def real_number(name, value, *, least=None, below=None):
    """A finite real number, as a float, in [least, below)."""
    if type(value) is float and least is not None and least <= value < np.inf and (below is None or value < below):
        return value
    try:
        if isinstance(value, (str, bytes)):                 # float("0.1") is a number
            raise TypeError
        value = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number, got {value!r}") from None
    if not np.isfinite(value):
        raise ValueError(f"{name} must be finite, got {value}")
    if (least is not None and value < least) or (below is not None and value >= below):
        bounds = " and ".join([f"at least {least}"] * (least is not None) + [f"below {below}"] * (below is not None))
        raise ValueError(f"{name} must be {bounds}, got {value}")
    return value


def labels(name, value, count, classes):
    """Class labels as int64 of shape (count,), each in [0, classes)."""
    value = array(name, value)
    if not np.issubdtype(value.dtype, np.integer):
        raise TypeError(f"{name} must be integers, got {value.dtype}: use {name}.astype(int)")
    if value.shape != (count,):
        raise ValueError(f"{name} must have shape ({count},), one class for each row, got {value.shape}")
    if value.min() < 0 or value.max() >= classes:
        raise ValueError(f"{name} must be from 0 to {classes - 1} for {classes} classes, got {value.min()} to {value.max()}")
    return np.ascontiguousarray(value, np.int64)
