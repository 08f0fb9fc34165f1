"""The decorator that makes a NumPy body public: check the arguments, then run the kernel of the same name or the body."""
import functools

import numpy as np

from minisenet.backend import builds, choice, watch
from minisenet.backend.values import apply_rule, is_deferred

KERNEL_DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


def kernelised(check, *, backends=("cython", "fused"), dtype_of=0):
    """Make a NumPy body public: check the arguments, then call the kernel of the same name or the body.

    Parameters
    ----------
    check : callable
        Has the body's arguments and returns `(args, options)`: a tuple of clean, C-contiguous arrays and shapes, and a dict of
        the keyword-only arguments, normalised.
    backends : tuple of str
        The backends under which the kernel is used.
    dtype_of : int
        The position of the argument whose dtype decides whether there is a kernel.
    """
    def decorate(body):
        name = body.__name__

        def unchecked(args, options):
            if choice.get_backend() in backends and args[dtype_of].dtype in KERNEL_DTYPES:
                kind, run = "kernel", getattr(builds.kernels, name)
            else:
                kind, run = "body", body
            hook = watch.hook
            if hook is None:
                return run(*args, **options)
            return hook(watch.Call(function, kind, args, options, run))

        function = _checked(body, check, unchecked)
        function.unchecked = unchecked      # without the checks: the rules of deferred values have clean arrays already
        return function
    return decorate


def composed(check):
    """Make a composition of public functions public itself: as `kernelised`, for a body that needs no kernel of its own."""
    return lambda body: _checked(body, check, lambda args, options: body(*args, **options))


def _checked(body, check, run):
    """The public function of a body: a rule where a value is deferred, else `run(args, options)` on what `check` returns."""
    @functools.wraps(body)
    def function(*args, **options):
        if is_deferred(args, options):
            return apply_rule(function, check, args, options)
        return run(*check(*args, **options))
    return function
