"""The choice of a backend: `set_backend`, `use_backend`, or MINISENET_BACKEND.

A backend chosen by name is never replaced silently.
"""
import contextlib
import os

from minisenet.backend import builds, threads

BACKENDS = ("auto", "fused", "cython", "numpy")

current = None                                  # the backend in use; None if the environment's settings are invalid
refused = threads.refused or builds.refused     # the error about them


def _resolve(name):
    if name not in BACKENDS:
        raise ValueError(f"backend must be one of {', '.join(BACKENDS)}, got {name!r}")
    if name == "auto":
        return "fused" if builds.kernels else "numpy"
    if name != "numpy" and not builds.kernels:
        raise RuntimeError(f"the {name} backend needs the compiled kernels, which are not installed "
                           f"({builds.why_no_kernels}); install a C compiler and run `pip install .` again, "
                           "or use the numpy backend")
    return name


def set_backend(name):
    """Choose what the public functions run: "auto", "fused", "cython" or "numpy". For the whole process.

    Raises ValueError for an unknown name, and RuntimeError where the kernels that were asked for are not installed.
    """
    global current
    current = _resolve(name)


def get_backend():
    """The backend in use: "fused", "cython" or "numpy", never "auto"."""
    if current is None:
        raise refused
    return current


@contextlib.contextmanager
def use_backend(name):
    """`with use_backend("numpy"):` runs the block on that backend. For the whole process, not for one thread."""
    before = get_backend()
    set_backend(name)
    try:
        yield
    finally:
        set_backend(before)


if refused is None:
    try:
        set_backend(os.environ.get("MINISENET_BACKEND") or "auto")
    except (ValueError, RuntimeError) as error:
        refused = error
