"""The backends that a test can run on. Tests of the kernels never vanish in silence: without kernels they are skipped and say
why, and where kernels are required (MINISENET_REQUIRE_KERNELS=1, as in CI) they run, and fail."""
import os

import pytest

from minisenet.backend import builds

needs_kernels = pytest.mark.skipif(
    builds.kernels is None and os.environ.get("MINISENET_REQUIRE_KERNELS") != "1",
    reason=f"the compiled kernels are not installed ({builds.why_no_kernels})")

CYTHON, FUSED = (pytest.param(name, marks=needs_kernels) for name in ("cython", "fused"))
BACKENDS = ["numpy", FUSED]
