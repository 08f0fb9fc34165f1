"""One thread for the proof: its arrays are tiny, and the thread counts have a test of their own."""
import pytest

import minisenet


@pytest.fixture(autouse=True)
def one_thread(restored):
    minisenet.set_num_threads(1)
