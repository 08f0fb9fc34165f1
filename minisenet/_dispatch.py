"""The only place that knows compiled kernels exist.

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

Kernels exist for float32 and float64. Every other dtype, complex128 among them, takes the body under every backend.
"""
import contextlib
import functools
import importlib
import os

import numpy as np

BACKENDS = ("auto", "fused", "cython", "numpy")
BUILDS = {"v4": "_kernels_v4", "v3": "_kernels_v3", "baseline": "_kernels"}  # the fastest first
KERNEL_DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


# ---- which build of the kernels ----------------------------------------------------------------------------------------

def _supported():
    """The instruction sets this processor has, by NumPy's own detection.

    It has to be known before the import: the initialisation of a v4 build already holds AVX-512 instructions.
    """
    try:
        from numpy._core._multiarray_umath import __cpu_features__ as has
    except ImportError:
        return ("baseline",)
    v3 = has.get("X86_V3", has.get("AVX2", False) and has.get("FMA3", False))
    v4 = has.get("X86_V4", has.get("AVX512_SKX", False))
    return ("v4",) * bool(v3 and v4) + ("v3",) * bool(v3) + ("baseline",)


def _load():
    """Import the best build that this processor can run; (module or None, name, why there is none)."""
    wanted = os.environ.get("MINISENET_ISA")
    if wanted and wanted not in BUILDS:
        raise ImportError(f"MINISENET_ISA is {wanted!r}; it takes one of {', '.join(BUILDS)}")
    supported = _supported()
    if wanted and wanted not in supported:
        raise ImportError(f"MINISENET_ISA={wanted}, but this processor has only {', '.join(supported)}")
    missing = None
    for isa in (wanted,) if wanted else supported:
        try:
            with _threads_that_sleep():
                return importlib.import_module(f"minisenet.{BUILDS[isa]}"), isa, None
        except ImportError as error:
            missing = missing or str(error)
    return None, None, missing


@contextlib.contextmanager
def _threads_that_sleep():
    """Let OpenMP's threads wait for each other without spinning for long, unless the environment says how they wait.

    At the end of a loop a thread that is done waits for the others. GNU's OpenMP spins for milliseconds before it sleeps, and
    where something else wants the core too, it spins on the very core that the last thread needs: a training step beside one
    busy process took five times as long. The library reads these once, when it is loaded with the kernels.
    """
    ours = {"GOMP_SPINCOUNT": "1000", "KMP_BLOCKTIME": "0"}
    ours = {} if os.environ.keys() & {"OMP_WAIT_POLICY", *ours} else ours
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            del os.environ[name]


# What the environment asks for and cannot have is an error at the first use, and not while the package is imported: by then
# the command line is there to say it in one line.
refused = None
try:
    kernels, isa, why_no_kernels = _load()
except ImportError as error:
    kernels, isa, why_no_kernels, refused = None, None, str(error), error


# ---- which backend -----------------------------------------------------------------------------------------------------

_backend = None         # until the end of this file, and longer if the environment asks for what there is not


def _resolve(name):
    if name not in BACKENDS:
        raise ValueError(f"unknown backend {name!r}; it is one of {', '.join(BACKENDS)}")
    if name == "auto":
        return "fused" if kernels else "numpy"
    if name != "numpy" and not kernels:
        raise RuntimeError(f"the {name} backend needs the compiled kernels, which are not installed ({why_no_kernels}); "
                           "install a C compiler and run `pip install .` again, or use the numpy backend")
    return name


def set_backend(name):
    """Choose what the public functions run: "auto", "fused", "cython" or "numpy". For the whole process.

    Raises ValueError for an unknown name, and RuntimeError where the kernels that were asked for are not installed.
    """
    global _backend
    _backend = _resolve(name)


def get_backend():
    """The backend in use: "fused", "cython" or "numpy", never "auto"."""
    if _backend is None:
        raise refused
    return _backend


@contextlib.contextmanager
def use_backend(name):
    """`with use_backend("numpy"):` runs the block on that backend. For the whole process, not for one thread."""
    before = get_backend()
    set_backend(name)
    try:
        yield
    finally:
        set_backend(before)


def kernelised(check, *, backends=("cython", "fused"), typed=0):
    """Make a NumPy body public: check the arguments, then call the kernel of the same name or the body.

    Parameters
    ----------
    check : callable
        Takes what the body takes and returns `(args, options)`: a tuple of arrays and shapes, clean and C-contiguous,
        and a dict of the keyword-only arguments, normalised.
    backends : tuple of str
        The backends under which the kernel is used.
    typed : int
        The position of the argument whose dtype decides whether there is a kernel.
    """
    def decorate(body):
        name = body.__name__

        @functools.wraps(body)
        def function(*args, **options):
            args, options = check(*args, **options)
            if _backend is None:
                raise refused
            if _backend in backends and args[typed].dtype in KERNEL_DTYPES:
                return getattr(kernels, name)(*args, **options)
            return body(*args, **options)
        return function
    return decorate


# ---- memory ------------------------------------------------------------------------------------------------------------

@contextlib.contextmanager
def reuse_memory():
    """`with reuse_memory():` gives large arrays the memory of earlier ones that are gone.

    Every function of the package returns fresh arrays, and the first write to fresh memory is slow: the operating system
    maps it page by page. A loop that makes the same arrays again and again, as training does, touches after its first
    rounds no more of it. `fit` does this by itself; a loop of your own wants it around all of its steps:

        with minisenet.reuse_memory():
            for x, labels in batches(...):
                ...

    It holds for all of NumPy, in this thread alone (in this `contextvars` context, to be exact) and in the loader's. Arrays
    may outlive the block. Their values do not depend on it. Idle memory is cut and joined to fit the next array, whatever
    its size, so that little more is taken than was in use at once; it is kept until the block ends. Without kernels it does
    nothing.
    """
    before = kernels.begin_reuse() if kernels else None
    try:
        yield
    finally:
        if kernels:
            kernels.end_reuse(before)


def memory_statistics():
    """What `reuse_memory` has done in this process, in arrays of 64 KiB or more; None without kernels.

    Returns
    -------
    dict or None
        reused, fresh : how many arrays got memory of earlier ones alone, and how many got some that was never touched.
        idle_blocks, idle_bytes : what waits to be used again; neighbours count as one block.
        used_bytes, most_used_bytes : what living arrays hold, now and at most since the outermost block began.
    """
    return kernels.memory_statistics() if kernels else None


# ---- threads -----------------------------------------------------------------------------------------------------------

_threads = 1


def _cores():
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1


def set_num_threads(n):
    """Let the kernels use `n` threads. Their results do not depend on it: every bit is the same for every n."""
    global _threads
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
        raise ValueError(f"the number of threads is {n!r}; it takes an integer of at least 1")
    _threads = int(n)
    if kernels:
        kernels.set_num_threads(_threads)


def get_num_threads():
    """How many threads the kernels use."""
    return _threads


def _from_environment():
    """MINISENET_NUM_THREADS (or OMP_NUM_THREADS, which may be a list) and MINISENET_BACKEND."""
    for name in ("MINISENET_NUM_THREADS", "OMP_NUM_THREADS"):
        value = os.environ.get(name, "").split(",")[0].strip()
        if value:
            if not value.isdecimal() or int(value) < 1:
                raise ValueError(f"{name} is {value!r}; it takes an integer of at least 1")
            set_num_threads(int(value))
            break
    if refused is None:
        set_backend(os.environ.get("MINISENET_BACKEND") or "auto")


set_num_threads(_cores())
try:
    _from_environment()
except (ValueError, RuntimeError) as error:
    refused = error
