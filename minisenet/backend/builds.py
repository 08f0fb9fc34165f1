"""Which build of the kernels runs: the best that this processor supports, or the one that MINISENET_ISA names.

Attributes
----------
kernels : module or None
    minisenet.kernels, with the build in use.
isa : str or None
    The instruction set that it was compiled for.
why_no_kernels : str or None
    Why there is none.
refused : ImportError or None
    The error of an invalid MINISENET_ISA. It is raised at the first use of a backend, not at import: by then the command line
    can report it in one line.
"""
import contextlib
import importlib.util
import os

from minisenet import kernels as package
from minisenet.backend.processor import has, supported, unknown  # noqa: F401  (`unknown` is for `minisenet info`)

BUILDS = ("v4", "v3", "baseline")           # the fastest first
HOW_TO_GET = "in the clone: MINISENET_BUILD=all pip install -e ."


def installed():
    """The instruction sets for which there is a build, the fastest first."""
    return [name for name in BUILDS if all(map(importlib.util.find_spec, modules_of(name)))]


def modules_of(name):
    """The modules of a build: the loops for float32 and for float64."""
    return [f"minisenet._kernels_{name}_{dtype}" for dtype in ("f32", "f64")]


def load():
    """Import the best build that this processor runs; (module or None, name, why there is none)."""
    wanted, there, can = os.environ.get("MINISENET_ISA"), installed(), supported()
    if wanted and wanted not in BUILDS:
        raise ImportError(f"MINISENET_ISA must be one of {', '.join(BUILDS)}, got {wanted!r}")
    if wanted and wanted not in can and has(wanted) is not None:
        raise ImportError(f"MINISENET_ISA must be one of {', '.join(can)} on this processor, got {wanted!r}")
    if wanted and wanted not in there:
        raise ImportError(f"MINISENET_ISA must be one of the installed builds ({', '.join(there) or 'none'}), got {wanted!r}; "
                          f"to compile all builds, {HOW_TO_GET}")
    missing = None
    for name in (wanted,) if wanted else (name for name in there if name in can):
        try:
            with threads_that_sleep():
                package.use(*map(importlib.import_module, modules_of(name)))
            return package, name, None
        except ImportError as error:
            missing = missing or str(error)
    if there and not missing:
        missing = f"this processor runs {', '.join(can)}, and the installed builds are {', '.join(there)}; {HOW_TO_GET}"
    return None, None, missing or "no build is installed"


@contextlib.contextmanager
def threads_that_sleep():
    """Let OpenMP's threads wait for each other without spinning for long, unless the environment says how they wait.

    At the end of a loop each thread waits for the others. GNU's OpenMP spins for milliseconds before it sleeps. If another
    process uses the core too, the waiting thread spins on the very core that the last thread needs: a training step beside one
    busy process took five times as long. The library reads these variables once, when it is loaded with the kernels.
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
