"""One thread for the proof: its arrays are tiny. A separate test covers the thread counts."""
import pytest

import minisenet


@pytest.fixture(autouse=True)
def one_thread(restored):
    minisenet.set_num_threads(1)
