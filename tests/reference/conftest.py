"""Every comparison with PyTorch runs on every backend."""
import pytest

import minisenet
from backends import CYTHON, FUSED


@pytest.fixture(params=["numpy", CYTHON, FUSED])
def backend(request):
    """Run the test under each backend."""
    with minisenet.use_backend(request.param):
        yield request.param
