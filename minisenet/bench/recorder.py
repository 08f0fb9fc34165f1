"""Every kernel call of a step, timed inside the step.

The recorder watches the calls and passes each on. So it times a kernel with the caches as the network leaves them, it records
new kernels without any change here, and you can compare the sum over the calls with the step. (A kernel called alone in a loop
finds its arrays in the cache, and looks faster than it is.)
"""
import contextlib
import time
from dataclasses import dataclass, field

import numpy as np

from minisenet.backend import watching
from minisenet.summary import arrays_in, multiply_adds, weights_shape


@dataclass
class Calls:
    """The calls of one kernel with arguments of one shape. `flops` is None for a memory-bound pass."""

    kernel: str
    shape: str
    flops: int | None
    bytes: int
    seconds: list = field(default_factory=list)


class Recorder:
    """A hook for `backend.watching`.

    Attributes
    ----------
    calls : dict
        A key of the kernel and its arguments' shapes -> Calls.
    """

    def __init__(self):
        self.calls = {}

    def __call__(self, call):
        if call.kind == "body":
            return call()
        began = time.perf_counter()
        result = call()
        seconds = time.perf_counter() - began
        key = call.name, _key(call.args), _key(call.options)
        if key not in self.calls:
            self.calls[key] = Calls(call.name, *_cost(call.arguments, result))
        self.calls[key].seconds.append(seconds)
        return result


@contextlib.contextmanager
def recording():
    """`with recording() as recorder:` records every kernel call of the block in `recorder.calls`."""
    recorder = Recorder()
    with watching(recorder):
        yield recorder


def _key(value):
    """The key of an argument: its shapes and integers, without the elements and without floats such as the learning rate."""
    if isinstance(value, dict):
        return tuple((name, _key(each)) for name, each in sorted(value.items()))
    if isinstance(value, (tuple, list)):
        return tuple(map(_key, value))
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype.str
    return None if isinstance(value, float) else value


def _cost(named, result):
    """(shape, flops or None, bytes) of one call, from its arguments by name."""
    given, made = list(arrays_in(named)), list(arrays_in(result))
    largest = max(given + made, key=lambda array: array.size, default=np.empty(0))
    weights = weights_shape(named)
    shape = "x".join(map(str, largest.shape[1:] or largest.shape))
    if weights:
        shape += f", {'x'.join(map(str, weights))}"
    stride = named.get("stride", (1, 1))
    if stride != (1, 1):
        shape += f" / {stride[0] if stride[0] == stride[1] else 'x'.join(map(str, stride))}"
    unique = {array.__array_interface__["data"][0]: array.nbytes for array in given + made}
    return shape, 2 * multiply_adds(named, result) or None, sum(unique.values())
