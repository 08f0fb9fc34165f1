"""Which build of the kernels runs: the best that this processor can, or the one that MINISENET_ISA names.

Attributes
----------
kernels : module or None
    The build in use.
isa : str or None
    The instruction set that it was compiled for.
why_no_kernels : str or None
    Why there is none.
refused : ImportError or None
    What the environment asks for and cannot have. Raised at the first use of a backend, not at import: by then the command
    line is there to say it in one line.
"""
import contextlib
import importlib
import os

BUILDS = {"v4": "_kernels_v4", "v3": "_kernels_v3", "baseline": "_kernels"}  # the fastest first


def supported():
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


def load():
    """Import the best build that this processor can run; (module or None, name, why there is none)."""
    wanted = os.environ.get("MINISENET_ISA")
    if wanted and wanted not in BUILDS:
        raise ImportError(f"MINISENET_ISA is {wanted!r}; it takes one of {', '.join(BUILDS)}")
    can = supported()
    if wanted and wanted not in can:
        raise ImportError(f"MINISENET_ISA={wanted}, but this processor has only {', '.join(can)}")
    missing = None
    for name in (wanted,) if wanted else can:
        try:
            with threads_that_sleep():
                return importlib.import_module(f"minisenet.{BUILDS[name]}"), name, None
        except ImportError as error:
            missing = missing or str(error)
    return None, None, missing


@contextlib.contextmanager
def threads_that_sleep():
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


refused = None
try:
    kernels, isa, why_no_kernels = load()
except ImportError as error:
    kernels, isa, why_no_kernels, refused = None, None, str(error), error
