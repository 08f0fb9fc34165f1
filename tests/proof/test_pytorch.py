"""Every operation against PyTorch in float64: live if it is installed, and always from the frozen file."""
import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minisenet import use_backend
from minisenet.gradcheck import checks, frozen
from minisenet.reference import freeze
from minisenet.reference.operations import evaluate

from .table import BACKENDS, drawn, every_row

needs_pytorch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")


@pytest.fixture(scope="module", autouse=True)
def one_torch_thread():
    """The arrays are tiny: PyTorch's threads would only wait for each other."""
    if importlib.util.find_spec("torch") is None:
        yield
        return
    import torch
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@every_row
@pytest.mark.parametrize("backend", BACKENDS)
def test_frozen(row, backend):
    found = frozen.compare(row, backend)
    assert found.error <= checks.TOLERANCES["pytorch"], f"{found.error:.1e}: {found.where}"


@needs_pytorch
@every_row
@pytest.mark.parametrize("backend", BACKENDS)
@given(data=st.data())
def test_live(row, backend, data):
    case, rng = drawn(data, row)
    with use_backend("numpy"):
        upstream = row.upstream(row.forward(case.arrays, case.options), rng)
    expected = evaluate(row.name, case.arrays, upstream, case.options, row.constants)
    assert set(expected[1]) == set(row.inputs(case))
    found = checks.compare(row, case, upstream, expected, backend)
    assert found.error <= checks.TOLERANCES["pytorch"], f"{found.error:.1e}: {found.where}"


@needs_pytorch
def test_the_frozen_file_is_what_its_script_makes():
    made = freeze.freeze()
    with np.load(Path(frozen.__file__).with_suffix(".npz")) as kept:
        assert set(kept.files) == set(made)
        assert str(kept["options"]) == str(made["options"])
        for key in set(made) - {"options"}:
            assert kept[key].shape == made[key].shape and np.allclose(kept[key], made[key], rtol=1e-12, atol=1e-12), key


@every_row
def test_a_comparison_fails_on_any_one_number(row):
    """Each frozen output and gradient matters: moving one element by a millionth of the largest is an error."""
    for case, upstream, (outputs, gradients) in frozen.load()[row.name][:2]:
        for kind, arrays in enumerate((outputs, gradients)):
            for name in arrays:
                if np.issubdtype(arrays[name].dtype, np.integer):
                    continue
                moved = {key: array.copy() for key, array in arrays.items()}
                moved[name].reshape(-1)[-1] += 1e-6 * max(abs(arrays[name]).max(), 1.0)
                expected = (moved, gradients) if kind == 0 else (outputs, moved)
                assert checks.compare(row, case, upstream, expected).error > checks.TOLERANCES["pytorch"]
