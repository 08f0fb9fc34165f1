"""What this processor can run. No imports but the standard library's: setup.py reads this file before NumPy is installed."""
import platform

# The features that a build of each instruction set may use, as NumPy names them (from 2.4 on, and before) and as Linux does.
NUMPY_NAMES = {"v3": (("X86_V3",), ("AVX2", "FMA3")), "v4": (("X86_V4",), ("AVX512_SKX",))}
LINUX_NAMES = {"v3": {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe"},
               "v4": {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}}


def is_x86():
    """Whether this is a 64-bit x86, the only architecture with more than one build."""
    return platform.machine().lower() in ("x86_64", "amd64")


def numpy_says(name):
    """Whether the processor has this instruction set by NumPy's detection, which is private; None if NumPy cannot tell."""
    try:
        from numpy._core._multiarray_umath import __cpu_features__ as features
    except ImportError:
        return None
    return next((all(map(features.get, names)) for names in NUMPY_NAMES[name] if features.keys() >= set(names)), None)


def linux_says(name):
    """Whether Linux lists all features, for it must support the registers too; None elsewhere."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as lines:
            flags = next(line.partition(":")[2].split() for line in lines if line.startswith("flags"))
    except (OSError, StopIteration):
        return None
    return LINUX_NAMES[name] <= set(flags)


def has(name):
    """Whether this processor has an instruction set; None if no source can tell.

    Each source that can tell must agree: under an emulator Linux lists the features of the real processor.
    """
    said = [answer for answer in (numpy_says(name), linux_says(name)) if answer is not None]
    return all(said) if said else None


def supported():
    """The instruction sets that this processor is known to have, the fastest first.

    They have to be known before the import: the initialisation of a v4 build already holds AVX-512 instructions.
    """
    if not is_x86() or not has("v3"):
        return ("baseline",)
    return ("v4",) * bool(has("v4")) + ("v3", "baseline")


def unknown():
    """The instruction sets about which no source can tell."""
    return [name for name in NUMPY_NAMES if is_x86() and has(name) is None]
