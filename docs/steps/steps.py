"""The steps of docs/kernels.md: one convolution, from seven Python loops to the kernel that the network trains with.

The arguments of each function are x (N, H, W, C_in) and w (C_out, C_in, 3, 3), and all return the same y (N, H, W, C_out), with
stride 1 and padding 1.
`tests/test_steps.py` checks that they agree, and `run.py` times them.
"""
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np

import minisenet.functional as F
from minisenet import use_backend
from minisenet.backend import builds
from minisenet.functional import fused

HERE = Path(__file__).resolve().parent
KERNELS = HERE.parents[1] / "minisenet" / "kernels"
# As in setup.py; types.pxi has helpers that loops.pyx does not need.
FLAGS = ["-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast", "-Wno-unused-function"]
MARCH = {"baseline": [], "v3": ["-march=x86-64-v3"], "v4": ["-march=x86-64-v4", "-mprefer-vector-width=512"]}


def build_loops(folder):
    """Compile loops.pyx into `folder`, for the instruction set that the package runs on, and import it.

    Raises
    ------
    RuntimeError
        Without Cython, without setuptools or without a C compiler: one line that says which.
    """
    try:
        from Cython.Build import cythonize
        from setuptools import Distribution, Extension
        from setuptools.command.build_ext import build_ext
    except ImportError as error:
        raise RuntimeError(f"the compiled steps cannot be built ({error}): pip install cython setuptools") from None
    flags = ["/O2"] if os.name == "nt" else FLAGS + MARCH[builds.isa or "baseline"]
    source = shutil.copy(HERE / "loops.pyx", folder)
    shutil.copy(KERNELS / "types.pxi", folder)          # beside it: Cython keeps the include path of a process's first build
    extension = Extension("loops", [str(source)], extra_compile_args=flags)
    directives = dict(language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False)
    try:
        distribution = Distribution(dict(ext_modules=cythonize([extension], quiet=True, compiler_directives=directives)))
        command = build_ext(distribution)
        command.build_lib = command.build_temp = str(folder)
        command.ensure_finalized()
        command.run()
    except Exception as error:  # every compiler class has its own errors
        raise RuntimeError(f"the compiled steps could not be built: {error}") from None
    spec = importlib.util.spec_from_file_location("loops", command.get_ext_fullpath("loops"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_loops = None


def loops():
    """The compiled module, built at its first use in this process, in a temporary folder."""
    global _loops
    if _loops is None:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            _loops = build_loops(folder)
    return _loops


def pad(x):
    return np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))


def by_tap(w):
    """[i][j][s][c]: the order in which steps 5 and 6 read the weights."""
    return np.ascontiguousarray(w.transpose(2, 3, 1, 0))


# ---- 1 -----------------------------------------------------------------------------------------------------------------

def python_loops(x, w):
    padded, w = pad(x).tolist(), w.tolist()
    n_images, height, width, c_in = x.shape
    y = np.empty((n_images, height, width, len(w)), x.dtype)
    for n in range(n_images):
        for p in range(height):
            for q in range(width):
                for c in range(len(w)):
                    total = 0.0
                    for i in range(3):
                        for j in range(3):
                            for s in range(c_in):
                                total += padded[n][p + i][q + j][s] * w[c][s][i][j]
                    y[n, p, q, c] = total
    return y


# ---- 2 -----------------------------------------------------------------------------------------------------------------

def compiled_loops(x, w):
    y = np.empty((*x.shape[:3], len(w)), np.float32)
    loops().seven_loops(pad(x), w, y)
    return y


# ---- 3, 4 --------------------------------------------------------------------------------------------------------------

def im2col(x, w):
    windows = np.lib.stride_tricks.sliding_window_view(pad(x), (3, 3), axis=(1, 2))            # (n, p, q, s, i, j)
    columns = windows.reshape(-1, w[0].size)
    return (columns @ w.reshape(len(w), -1).T).reshape(*x.shape[:3], len(w))


def product_per_tap(x, w):
    with use_backend("numpy"):
        return F.conv2d(x, w, padding=1)


# ---- 5, 6 --------------------------------------------------------------------------------------------------------------

def vector_of_channels(x, w):
    y = np.empty((*x.shape[:3], len(w)), np.float32)
    loops().vector_of_channels(pad(x), by_tap(w), y)
    return y


def register_tile(x, w):
    y = np.empty((*x.shape[:3], len(w)), np.float32)
    loops().register_tile(pad(x), by_tap(w), y)
    return y


# ---- 7, 8: the package's kernels. A bias, here of zeros, keeps a convolution on the direct path ------------------------

def direct(x, w):
    return F.conv2d(x, w, np.zeros(len(w), x.dtype), padding=1)


def winograd(x, w):
    return F.conv2d(x, w, padding=1)


# ---- 9: with the batch norm and the ReLU before it, and the statistics for the next one ----------------------------------

def normalised_apart(a, w, gamma, beta):
    """Batch norm, ReLU and convolution, one after another."""
    return F.conv2d(F.relu(F.batch_norm(a, gamma, beta)[0]), w, padding=1)


def normalised_while_read(a, w, mean, k, beta):
    """The same y, and the statistics of it that the batch norm after it needs."""
    y, means, squares = fused.conv2d_normalised(a, w, mean, k, beta, padding=1)
    return y, fused.merge_moments(means, squares, y.shape[1] * y.shape[2])
