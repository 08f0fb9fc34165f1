"""Run one operation with every array next to a protected page. A script, because touching the page kills the process.

    python guarded.py OPERATION BACKEND [after|before]

Each argument ends at the last byte before such a page ("after"), or begins at the first byte after one ("before").
"""
import ctypes
import mmap
import sys

import numpy as np

from minisenet import use_backend
from minisenet.gradcheck.operations import OPERATIONS

PAGE = mmap.PAGESIZE
PROT_NONE = 0
kept = []                                                        # keeps the mappings alive until the process ends


def guarded(array, side):
    """A copy of the array next to a page that must not be read or written."""
    if np.ndim(array) == 0:
        return array
    array = np.ascontiguousarray(array)
    pages = -(-array.nbytes // PAGE)
    memory = mmap.mmap(-1, (pages + 1) * PAGE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    offset = pages * PAGE - array.nbytes if side == "after" else PAGE
    copy = np.frombuffer(memory, array.dtype, array.size, offset).reshape(array.shape)
    copy[...] = array
    page = start + (pages * PAGE if side == "after" else 0)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mprotect(ctypes.c_void_p(page), ctypes.c_size_t(PAGE), PROT_NONE):
        raise OSError(ctypes.get_errno(), "mprotect failed")
    kept.append(memory)
    return copy


def main(name, backend, side):
    row, rng = OPERATIONS[name], np.random.default_rng(7)
    for _ in range(25):
        case = row.draw(lambda sequence: sequence[rng.integers(len(sequence))], rng)
        for dtype in (np.float32, np.float64):
            print(f"{np.dtype(dtype)}: {case}", flush=True)      # the last line printed names the case that crashed
            arrays = {key: guarded(array.astype(dtype), side) for key, array in case.arrays.items()}
            with use_backend(backend):
                outputs = {key: guarded(output, side) for key, output in row.forward(arrays, case.options).items()}
                upstream = {name: guarded(np.asarray(d, dtype), side) for name, d in row.upstream(outputs, rng).items()}
                row.backward(upstream, arrays, outputs, case.options)
    print("done")


if __name__ == "__main__":
    if sys.argv[1] == "touch":                                   # does touching the page kill the process?
        array = guarded(np.zeros(3), sys.argv[3])
        ctypes.string_at(array.ctypes.data + (array.nbytes if sys.argv[3] == "after" else -1), 1)
        print("done")
    else:
        main(*sys.argv[1:])
