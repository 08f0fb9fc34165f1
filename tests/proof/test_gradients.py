"""Every backward is the gradient of its forward: complex step, central differences, adjoint identity."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minisenet import functional as F
from minisenet.functional import fused
from minisenet.gradcheck import bugs, checks, frozen
from minisenet.gradcheck.operations import OPERATIONS
from minisenet.reference.operations import EXPRESSIONS

from .table import BACKENDS, drawn, every_row, rows


def within(found, check):
    assert found.error <= checks.TOLERANCES[check], f"{found.error:.1e}: {found.where}"


@every_row
@given(data=st.data())
def test_complex_step(row, data):
    within(checks.complex_step(row, *drawn(data, row), coordinates=6), "complex_step")


@every_row
@pytest.mark.parametrize("backend", BACKENDS)
@given(data=st.data())
def test_central_difference(row, backend, data):
    within(checks.central_difference(row, *drawn(data, row), backend=backend, coordinates=6), "central_difference")


@pytest.mark.parametrize("row", rows(lambda row: row.linear_in))
@pytest.mark.parametrize("backend", BACKENDS)
@given(data=st.data())
def test_adjoint(row, backend, data):
    within(checks.adjoint(row, *drawn(data, row), backend=backend), "adjoint")


@every_row
@pytest.mark.parametrize("backend", BACKENDS)
@given(data=st.data())
def test_nothing_given_is_written_to(row, backend, data):
    within(checks.unchanged(row, *drawn(data, row), backend=backend), "unchanged")


@pytest.mark.slow
@every_row
@pytest.mark.parametrize("backend", BACKENDS)
def test_every_coordinate_of_many_cases(row, backend):
    rng = np.random.default_rng(2)
    for _ in range(60):
        case = row.draw(lambda sequence: sequence[rng.integers(len(sequence))], rng)
        within(checks.central_difference(row, case, rng, backend=backend, coordinates=100), "central_difference")
        if backend == "numpy":
            within(checks.complex_step(row, case, rng, coordinates=100), "complex_step")


def test_the_table_is_whole():
    """Every public function is in a row; every row has a PyTorch expression, frozen cases and a planted bug."""
    public = set(F.__all__) | {name for name in vars(fused) if getattr(fused, name) is not None
                               and getattr(getattr(fused, name), "__module__", "") == fused.__name__ and name[0] != "_"}
    covered = [name for row in OPERATIONS.values() for name in row.functions]
    assert sorted(covered) == sorted(public)
    assert set(EXPRESSIONS) == set(OPERATIONS) == set(frozen.load()) == {bug.operation for bug in bugs.BUGS}
