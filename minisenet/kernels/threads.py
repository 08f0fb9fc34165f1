"""Threads: every kernel divides its work into pieces, whose number follows from the shapes alone. A piece writes what no other
piece writes: its part of the output, or a partial sum of its own. The partial sums are added up afterwards in a fixed order.
So the result has the same bits for every number of threads.

If the compiler has OpenMP, a kernel's loop over its pieces is an OpenMP loop. Otherwise (Apple's clang) the same loop is a
serial one without the GIL, and `run` calls it from Python threads, each with its share of the pieces.

A forked child has only the thread that forked. GNU's OpenMP does not know that, and waits for the others forever. So a child
uses Python threads too, from a pool of its own.
"""
import os
from concurrent.futures import ThreadPoolExecutor

from minisenet.kernels import loops

PRODUCTS_PER_NUMBER = 8         # multiply-adds that cost as much time as streaming one element

_threads = 1
_work_per_thread = 32768
_pool = None
_forked = False


def _after_fork():
    """In the child of a fork: no thread of the parent's is there."""
    global _pool, _forked
    _pool, _forked = None, True


if hasattr(os, "register_at_fork"):                 # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_after_fork)


def set_num_threads(n):
    """Let the kernels use n threads."""
    global _threads, _pool
    _threads, _pool = n, None


def set_work_per_thread(n):
    """Set the minimum number of elements per thread, and return the former one.

    Waking a thread must be worth it: this many elements take a few times 10 microseconds. With 1 every kernel uses all
    threads for which it has pieces, however small. The tests do that.
    """
    global _work_per_thread
    before, _work_per_thread = _work_per_thread, n
    return before


def run(loop, pieces, args, work):
    """loop(*args, first, last, threads) over all the pieces, on as many threads as `work`, a number of elements, is worth."""
    global _pool
    threads = work // _work_per_thread
    if threads < 2 or pieces < 2 or _threads < 2:
        loop(*args, 0, pieces, 1)
        return
    threads = min(_threads, pieces, threads)
    if loops.OPENMP and not _forked:
        loop(*args, 0, pieces, threads)
        return
    if _pool is None:
        _pool = ThreadPoolExecutor(_threads, thread_name_prefix="minisenet")
    shares = [(pieces * t // threads, pieces * (t + 1) // threads) for t in range(threads)]
    for future in [_pool.submit(loop, *args, first, last, 1) for first, last in shares]:
        future.result()
