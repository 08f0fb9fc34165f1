"""For all tests: Hypothesis without a clock, and no test leaves another backend or thread count behind."""
import os

# Before NumPy is imported: matrices as small as the tests' are slower on several threads, and on busy cores much slower.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import hypothesis
import pytest

import minisenet

# No deadline: a first call warms caches up. In CI the same examples every time, so that a red build is red again.
hypothesis.settings.register_profile("minisenet", deadline=None, max_examples=25, derandomize=bool(os.environ.get("CI")))
hypothesis.settings.load_profile("minisenet")
hypothesis.settings.register_profile("topologies", max_examples=1000)                # tests/topologies: half a minute
hypothesis.settings.register_profile("many topologies", max_examples=5000)

collect_ignore_glob = ["answers/*"]      # data: some of them do not end, one does not even parse


@pytest.fixture(autouse=True)
def restored():
    """The backend and the number of threads, as they were before."""
    backend, threads = minisenet.get_backend(), minisenet.get_num_threads()
    yield
    minisenet.set_backend(backend)
    minisenet.set_num_threads(threads)
