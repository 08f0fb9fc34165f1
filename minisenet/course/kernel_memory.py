"""A script, not a module: it is copied beside a compiled kernel, and calls it with chosen memory. See `kernel.py`.

What a kernel returns must not depend on what an array from `np.empty` held before.
"""
import numpy

MAKERS = ("empty", "empty_like")


class _Filled:
    """NumPy, but the arrays of `empty` and `empty_like` are full of `value`."""

    def __init__(self, value):
        self.value = value

    def __getattr__(self, name):
        return getattr(numpy, name)

    def empty(self, shape, dtype=float, **options):
        return numpy.full(shape, self.value, dtype, **options)

    def empty_like(self, array, dtype=None, **options):
        return numpy.full_like(array, self.value, dtype, **options)


def call(u, value):
    """The student's squeeze(u), where each new array is full of `value`."""
    import e13_kernel
    filled = _Filled(value)
    for name, thing in list(vars(e13_kernel).items()):
        if thing is numpy or isinstance(thing, _Filled):
            setattr(e13_kernel, name, filled)
        elif name in MAKERS:
            setattr(e13_kernel, name, getattr(filled, name))
    return e13_kernel.squeeze(u)
