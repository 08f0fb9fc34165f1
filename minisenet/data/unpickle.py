"""Read CIFAR's pickles without trusting them: they may name three NumPy globals, and any other name is an error.

A pickle is a program. It gets functions and classes by name from `find_class`, and it can name `os.system`. Official batches
name three: `numpy.core.multiarray._reconstruct`, `numpy.ndarray` and `numpy.dtype`. Even these are replaced, by classes that
only record an array's shape, dtype and bytes; `np.frombuffer` then makes the array. So NumPy runs no code on unchecked input,
and an object array cannot exist. NumPy 2.4 warns of `align=0`, an argument of Python 2's dtypes; it never gets it.
"""
import io
import pickle
import re

import numpy as np

from minisenet.data.dataset import DataError


class _Dtype:
    """A dtype as a pickle describes it: its code, such as "u1", and the byte order in its state."""

    def __init__(self, code, align=0, copy=0):
        if not isinstance(code, str) or not re.fullmatch(r"[|<>=]?(b1|[iu][1248]|f[48])", code):
            raise DataError(f"its arrays must hold plain numbers, got dtype {code!r}")
        self.dtype = np.dtype(code)

    def __setstate__(self, state):      # (version, byte order, subarray, names, fields, ...)
        if any(part is not None for part in state[2:5]):
            raise DataError("its arrays must hold plain numbers, got a structured dtype")
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """An array as a pickle describes it: shape, dtype, order and bytes. `.value` is the array itself."""

    def __setstate__(self, state):      # (version, shape, dtype, Fortran order?, the bytes)
        _, shape, dtype, fortran, raw = state
        if isinstance(raw, str):        # a Python 2 string, decoded byte for byte by encoding="latin1"
            raw = raw.encode("latin1")
        self.value = np.frombuffer(raw, dtype.dtype).reshape(shape, order="F" if fortran else "C")


class _Reconstruct(_Array):
    """`_reconstruct(numpy.ndarray, (0,), "b")` makes an empty array, and its state follows."""

    def __init__(self, subtype, shape, code):
        if subtype is not _Array:
            raise DataError("it must reconstruct arrays only, got another type")


ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): _Reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _Reconstruct,       # the module's name since NumPy 2
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        try:
            return ALLOWED[module, name]
        except KeyError:
            raise DataError(f"it names {module}.{name}, which no CIFAR file does: do not open it with pickle, "
                            "and get the data from a source that you trust") from None


def unpickle(data):
    """The dict in a CIFAR batch or meta file.

    Parameters
    ----------
    data : bytes
        A pickle of any protocol, from Python 2 or 3.

    Returns
    -------
    dict of str to list, str, int or ndarray

    Raises
    ------
    DataError
        If the pickle names another global, is truncated, or does not hold a dict. None of its code has run.
    """
    try:
        content = _Unpickler(io.BytesIO(data), encoding="latin1").load()
        if not isinstance(content, dict):
            raise DataError(f"it must hold a dict, got {type(content).__name__}")
        return {_text(key): value.value if isinstance(value, _Array) else value for key, value in content.items()}
    except DataError:
        raise
    except Exception as error:      # a damaged pickle can raise anything
        raise DataError(f"it is not a whole pickle ({type(error).__name__}: {error})") from None


def _text(key):
    return key.decode("latin1") if isinstance(key, bytes) else key
