"""What runs, kernels or bodies: the only part that imports the kernels.

A public function of `minisenet.functional` is a NumPy body under `@kernelised(check)`. A call runs the check, which
normalises the arguments and raises the errors, and then either the kernel of the same name or the body itself:

    ========  =====================================================================================
    backend   what runs
    ========  =====================================================================================
    numpy     the bodies, everywhere: put a breakpoint in one and it is hit
    cython    the kernels of the simple functions; fused functions are composed of them
    fused     as cython, and the fused functions have kernels of their own
    auto      fused where kernels are installed, numpy where they are not
    ========  =====================================================================================

Kernels exist for float32 and float64. For every other dtype, such as complex128, the body runs on every backend.

`builds.kernels` is `minisenet.kernels` with the compiled build in use, or None; `builds.isa` is this build's instruction set.
`watching(hook)` calls `hook` in place of every kernel and body.
"""
from minisenet.backend import memory, spurious
from minisenet.backend.choice import BACKENDS, get_backend, set_backend, use_backend
from minisenet.backend.decorator import composed, kernelised
from minisenet.backend.threads import get_num_threads, set_num_threads
from minisenet.backend.watch import watching

__all__ = ["BACKENDS", "composed", "get_backend", "get_num_threads", "kernelised", "memory", "set_backend",
           "set_num_threads", "use_backend", "watching"]

spurious.ignore(r"minisenet\.")
