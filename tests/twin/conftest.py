"""Every comparison with PyTorch runs on every backend there is."""
import os

import pytest

import minisenet
from minisenet import _dispatch


@pytest.fixture(params=["numpy", "cython", "fused"])
def backend(request):
    """Run the test under each backend; without kernels only under numpy, unless MINISENET_REQUIRE_KERNELS=1."""
    if request.param != "numpy" and not _dispatch.kernels:
        reason = f"the kernels are not installed: {_dispatch.why_no_kernels}"
        if os.environ.get("MINISENET_REQUIRE_KERNELS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with minisenet.use_backend(request.param):
        yield request.param
