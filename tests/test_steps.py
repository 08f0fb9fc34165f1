"""The steps of docs/kernels.md compute the same convolution, and the page has the table that the runner prints."""
import importlib.util
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from backends import needs_kernels

import minisenet
import minisenet.functional as F
from minisenet.backend import builds

ROOT = Path(__file__).parents[1]
EPS = np.finfo(np.float32).eps


def load(name):
    """A script of docs/steps, as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / "steps" / f"{name}.py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


steps = load("steps")
run = load("run")


@pytest.fixture(scope="session")
def compiled():
    """Build the loops, once. Without Cython or a compiler the tests that need them are skipped, and say why."""
    try:
        steps.loops()
    except RuntimeError as error:
        if os.environ.get("MINISENET_REQUIRE_KERNELS") == "1" and "could not be built" in str(error):
            raise                                                   # a machine that built the kernels can build these
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def case():
    """x, w, what the NumPy body says in float64, and the size of a rounding error: rows and tiles do not come out even."""
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((3, 9, 32, 16)).astype(np.float32), rng.standard_normal((16, 16, 3, 3)).astype(np.float32)
    exact, size = x.astype(np.float64), w.astype(np.float64)
    with minisenet.use_backend("numpy"):
        return x, w, F.conv2d(exact, size, padding=1), EPS * F.conv2d(abs(exact), abs(size), padding=1)


def agrees(y, right, rounding):
    assert y.shape == right.shape and y.dtype == np.float32
    assert np.all(np.abs(y - right) <= 9 * 16 * rounding)


def test_seven_python_loops(case):
    x, w, right, rounding = case
    agrees(steps.python_loops(x[:1], w), right[:1], rounding[:1])


@pytest.mark.parametrize("step", [steps.im2col, steps.product_per_tap])
def test_matrix_products(case, step):
    x, w, right, rounding = case
    agrees(step(x, w), right, rounding)


@pytest.mark.parametrize("step", [steps.compiled_loops, steps.vector_of_channels, steps.register_tile])
def test_compiled_loops(case, compiled, step):
    x, w, right, rounding = case
    agrees(step(x, w), right, rounding)


@needs_kernels
@pytest.mark.parametrize("step, family", [(steps.direct, "CONV"), (steps.winograd, "WINOGRAD")])
@pytest.mark.parametrize("threads", [1, 2])
def test_kernels_go_the_way_that_the_page_says(case, step, family, threads):
    x, w, right, rounding = case
    minisenet.set_backend("fused")
    minisenet.set_num_threads(threads)
    builds.kernels.reset_coverage()
    agrees(step(x, w), right, 3 * rounding)                         # Winograd's own bound is in tests/proof/winograd.py
    assert {branch.partition("_")[0] for branch in builds.kernels.coverage()} == {family}


@needs_kernels
def test_forming_while_reading_changes_nothing(case):
    a, w, *_ = case
    minisenet.set_backend("fused")
    rng = np.random.default_rng(1)
    gamma, beta = rng.uniform(0.5, 1.5, (2, 16)).astype(np.float32)
    _, mean, var = F.batch_norm(a, gamma, beta)
    y, (mean_y, var_y) = steps.normalised_while_read(a, w, mean, (gamma / np.sqrt(var + 1e-5)).astype(np.float32), beta)
    apart = steps.normalised_apart(a, w, gamma, beta)
    assert np.allclose(y, apart, rtol=0, atol=1e-5 * np.abs(apart).max())
    assert np.allclose(mean_y, apart.mean(axis=(0, 1, 2)), rtol=0, atol=1e-5 * np.abs(apart).max())
    assert np.allclose(var_y, apart.var(axis=(0, 1, 2)), rtol=1e-4)


@needs_kernels
def test_the_page_holds_the_runners_table(compiled, capsys):
    """The same columns and steps, in the same order; the figures are the page's own."""
    minisenet.set_backend("fused")
    assert run.main(["--images", "2", "--rounds", "1"]) == 0
    printed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    page = (ROOT / "docs" / "kernels.md").read_text(encoding="utf-8").splitlines()
    first = page.index(printed[0])
    cells = [[re.split(r"\s*\|\s*", line)[1:4] for line in table] for table in (printed, page[first:first + len(printed)])]
    assert cells[0] == cells[1]


@pytest.mark.parametrize("option", [["--images", "0"], ["--rounds", "-1"]])
def test_bad_options_are_refused(option, capsys):
    with pytest.raises(SystemExit) as stopped:
        run.main(option)
    assert stopped.value.code == 2 and "must be at least 1" in capsys.readouterr().err


def test_without_kernels_the_runner_says_so(capsys):
    minisenet.set_backend("numpy")
    assert run.main([]) == 1
    assert "compiled kernels" in capsys.readouterr().err
