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
import platform

BUILDS = {"v4": "_kernels_v4", "v3": "_kernels_v3", "baseline": "_kernels"}  # the fastest first


# The features that a build of each instruction set may use, as NumPy names them (from 2.4 on, and before) and as Linux does.
NUMPY_NAMES = {"v3": (("X86_V3",), ("AVX2", "FMA3")), "v4": (("X86_V4",), ("AVX512_SKX",))}
LINUX_NAMES = {"v3": {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe"},
               "v4": {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}}


def numpy_says(name):
    """Whether the processor has this instruction set by NumPy's detection, which is private; None if it cannot tell."""
    try:
        from numpy._core._multiarray_umath import __cpu_features__ as features
    except ImportError:
        return None
    return next((all(map(features.get, names)) for names in NUMPY_NAMES[name] if features.keys() >= set(names)), None)


def linux_says(name):
    """Whether Linux, whose kernel has to support the registers too, lists all features; None elsewhere."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as lines:
            flags = next(line.partition(":")[2].split() for line in lines if line.startswith("flags"))
    except (OSError, StopIteration):
        return None
    return LINUX_NAMES[name] <= set(flags)


def has(name):
    """Whether this processor has an instruction set; None if nobody can tell.

    Each source that can tell must say so: under an emulator Linux lists what the real processor has.
    """
    said = [answer for answer in (numpy_says(name), linux_says(name)) if answer is not None]
    return all(said) if said else None


def supported():
    """The instruction sets this processor is known to have, the fastest first.

    They have to be known before the import: the initialisation of a v4 build already holds AVX-512 instructions.
    """
    if not has("v3"):
        return ("baseline",)
    return ("v4",) * bool(has("v4")) + ("v3", "baseline")


def unknown():
    """The instruction sets of which nobody can tell whether this processor has them."""
    return [name for name in NUMPY_NAMES if platform.machine().lower() in ("x86_64", "amd64") and has(name) is None]


def load():
    """Import the best build that this processor can run; (module or None, name, why there is none)."""
    wanted = os.environ.get("MINISENET_ISA")
    if wanted and wanted not in BUILDS:
        raise ImportError(f"MINISENET_ISA must be one of {', '.join(BUILDS)}, got {wanted!r}")
    can = supported()
    if wanted and wanted not in can and has(wanted) is not None:
        raise ImportError(f"MINISENET_ISA must be one of {', '.join(can)} on this processor, got {wanted!r}")
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

    At the end of a loop a thread that is done waits for the others. GNU's OpenMP spins for milliseconds before it sleeps,
    and where something else wants the core too, it spins on the very core that the last thread needs: a training step
    beside one busy process took five times as long. The library reads these once, when it is loaded with the kernels.
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
