"""The kernels equal the NumPy bodies, in float64 and in float32, up to rounding, on any number of threads."""
import itertools
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minisenet
import minisenet.functional as F
from minisenet.backend import builds, watching
from minisenet.gradcheck.cases import Case
from minisenet.gradcheck.operations import OPERATIONS

from . import winograd
from .large import LARGE, large_cases
from .table import call, cast, drawn, every_row, needs_kernels, same_bits, some_cases

# Summed in any order, K products have an error of at most K u / (1 - K u) times the sum of their absolute values, with
# u = eps / 2 (Higham, "Accuracy and Stability of Numerical Algorithms", section 3.1). So c = 1 covers every direct algorithm.
C = 1
# For other results: this many eps of the largest element, or of a size that its terms may have if their sum cancels.
FEW = 500

COMPUTED = [pytest.param("numpy", np.float32, id="bodies-float32"),
            pytest.param("fused", np.float64, id="kernels-float64", marks=needs_kernels),
            pytest.param("fused", np.float32, id="kernels-float32", marks=needs_kernels)]


def agree(row, case, upstream, backend, dtype):
    """Compare every output and gradient, element by element, with the NumPy bodies in float64 on the same numbers."""
    case, upstream = case.astype(dtype), cast(upstream, dtype)
    computed = call(row, case, upstream, backend)
    exact, exact_upstream = case.astype(np.float64), cast(upstream, np.float64)
    reference = call(row, exact, exact_upstream, "numpy")
    bounds = componentwise(row, exact, exact_upstream, reference) if row.terms else normwise(exact_upstream, reference)
    for got, want, bound in zip(computed, reference, bounds):
        for name in want:
            if np.issubdtype(want[name].dtype, np.integer):
                assert np.array_equal(got[name], want[name]), f"{name}, {np.dtype(dtype)}, {backend}: {case}"
                continue
            assert got[name].dtype == dtype and np.shape(got[name]) == np.shape(want[name])
            excess = np.max(np.abs(got[name] - want[name]) / (np.finfo(dtype).eps * bound[name] + np.finfo(dtype).tiny))
            assert excess <= 1, f"{name}, {np.dtype(dtype)}, {backend}: {excess:.1f} times the bound; {case}"


def componentwise(row, case, upstream, reference):
    """|y - y64| <= c K eps op(|inputs|), for every element."""
    absolute = Case({name: np.abs(array) for name, array in case.arrays.items()}, case.options)
    sizes = call(row, absolute, {name: np.abs(d) for name, d in upstream.items()}, "numpy")
    terms = row.terms(case, reference[0])
    bounds = [{name: C * terms[name] * value for name, value in part.items()} for part in sizes]
    if row.name == "conv2d" and winograd.applies(case.arrays["w"].shape, case.options):
        own = winograd.sizes(case.arrays["x"], case.arrays["w"], upstream["y"])
        bounds = [{name: np.maximum(bound, C * own.get(name, 0)) for name, bound in part.items()} for part in bounds]
    return bounds


def normwise(upstream, reference):
    """The size is a hundredth of the upstream gradient's norm, or a tenth of the largest element of any output or gradient."""
    size = 0.01 * np.sqrt(sum(np.sum(np.square(d)) for d in upstream.values()))
    largest = [{name: np.max(np.abs(value)) for name, value in part.items() if value.dtype.kind == "f"}
               for part in reference]
    return [{name: FEW * max(one, size, 0.1 * max(part.values())) for name, one in part.items()} for part in largest]


def with_upstream(row, case, rng):
    with minisenet.use_backend("numpy"):
        return case, row.upstream(row.forward(case.arrays, case.options), rng)


@every_row
@pytest.mark.parametrize("backend, dtype", COMPUTED)
@given(data=st.data())
def test_equal_to_the_bodies(row, backend, dtype, data):
    case, rng = drawn(data, row)
    agree(row, *with_upstream(row, case, rng), backend, dtype)


@needs_kernels
def test_a_sum_that_cancels_is_within_the_bound():
    """dmean adds up 23,760 products to less than 1: its rounding errors are those of the products."""
    row, rng, choices = OPERATIONS["conv2d_normalised"], np.random.default_rng(11623434), iter((3, 1, 1, 5, 2, 3, 1, 33, True))
    case, upstream = with_upstream(row, row.draw(lambda sequence: next(choices), rng), rng)
    _, gradients = call(row, case, upstream, "numpy")
    assert case.arrays["w"].shape == (33, 1, 3, 3) and abs(gradients["mean"][0]) < 1 < 10 < abs(gradients["x"]).max()
    agree(row, case, upstream, "fused", np.float32)


@every_row
@pytest.mark.parametrize("backend, dtype", COMPUTED)
def test_equal_to_the_bodies_at_the_sizes_of_the_networks(row, backend, dtype):
    for case, upstream in large_cases(row):
        agree(row, case, upstream, backend, dtype)


@pytest.mark.section_3
@given(data=st.data())
def test_winograds_matrices_give_the_convolution(data):
    """The algorithm itself, without a kernel: in float64, by its matrices, for odd and even sides."""
    n, height, width, c_in, c_out = (data.draw(st.integers(1, most)) for most in (2, 7, 7, 4, 4))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), label="seed"))
    x, w = rng.standard_normal((n, height, width, c_in)), rng.standard_normal((c_out, c_in, 3, 3))
    dy = rng.standard_normal((n, height, width, c_out))
    with minisenet.use_backend("numpy"):
        y, (dx, dw, _) = F.conv2d(x, w, padding=1), F.conv2d_backward(dy, x, w, padding=1)
    for got, want in ((winograd.forward(x, w), y), (winograd.input_gradient(dy, w), dx), (winograd.weight_gradient(dy, x), dw)):
        assert np.allclose(got, want, rtol=1e-12, atol=1e-12)


@pytest.fixture
def eager_threads():
    """Divide small arrays among the threads too."""
    before = builds.kernels.set_work_per_thread(1)
    yield
    builds.kernels.set_work_per_thread(before)


@needs_kernels
@every_row
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_same_bits_on_any_number_of_threads(row, dtype, eager_threads):
    for case, upstream in itertools.chain(large_cases(row), some_cases(row, 4, seed=4)):
        case, upstream = case.astype(dtype), cast(upstream, dtype)
        results = []
        for threads in (1, 2, 3, 7, 1):
            minisenet.set_num_threads(threads)
            results.append(call(row, case, upstream, "fused"))
        assert all(same_bits(results[0], other) for other in results[1:]), f"{np.dtype(dtype)}: {case}"


@needs_kernels
@pytest.mark.skipif(getattr(builds.kernels, "OPENMP", False), reason="OpenMP's threads run this build's loops")
def test_without_openmp_the_pieces_run_on_pythons_threads(eager_threads):
    before = set(threading.enumerate())
    minisenet.set_num_threads(3)
    with minisenet.use_backend("fused"):
        F.relu(np.ones(300_000))
    started = set(threading.enumerate()) - before
    assert 1 <= len(started) <= 3 and all(thread.name.startswith("minisenet") for thread in started)


def covered(rows):
    """The kernels' branches that the cases of these rows take."""
    builds.kernels.reset_coverage()
    for row in rows:
        for case, upstream in itertools.chain(large_cases(row), some_cases(row, 120, seed=6)):
            for dtype in (np.float32, np.float64):
                call(row, case.astype(dtype), cast(upstream, dtype), "fused")
    return builds.kernels.coverage()


@needs_kernels
def test_the_cases_cover_every_branch_of_every_kernel():
    """The cases reach the vector loops, their tails and every special case, which the loops mark (test_branches.py)."""
    assert covered(OPERATIONS.values()) == builds.kernels.all_branches()


@needs_kernels
def test_the_fused_functions_cases_cover_what_they_form_sum_and_leave_over():
    """Only these functions sum the rows of an image, so their cases need widths that four does not divide."""
    reached = covered([OPERATIONS["conv2d_normalised"]])
    assert {name for name in builds.kernels.all_branches() if name.startswith(("WINOGRAD_", "SUMS_"))} - reached <= {
        "WINOGRAD_DW_BLOCKS"}                                           # 256 channels
    assert {"TILE_HANGS_OVER", "CONV_LATTICES", "CONV_DW_TILE_OF_THREE"} <= reached


@needs_kernels
@every_row
def test_a_backend_that_is_asked_for_is_used(row):
    """No kernel runs under "numpy", and every kernel under "fused". Else the tests above would compare bodies with bodies."""
    ran = {"kernel": set(), "body": set()}

    def hook(watched):
        ran[watched.kind].add(watched.name)
        return watched()

    (case, upstream), = some_cases(row, 1)
    have_kernels = {name for name in row.functions if hasattr(builds.kernels, name)}
    with watching(hook):
        call(row, case, upstream, "numpy")
        assert not ran["kernel"] and have_kernels <= ran["body"]
        call(row, case, upstream, "fused")
    assert have_kernels <= ran["kernel"]


def test_every_operation_has_a_large_case():
    assert set(LARGE) == set(OPERATIONS)
