"""What the environment asks for and cannot have is one line on standard error, and a status that is not 0."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

from backends import needs_kernels


def info(**environment):
    """`python -m minisenet info` in a process of its own."""
    clean = {k: v for k, v in os.environ.items() if k not in ("MINISENET_BACKEND", "MINISENET_ISA", "OMP_NUM_THREADS")}
    return subprocess.run([sys.executable, "-m", "minisenet", "info"], env=clean | environment, capture_output=True, text=True)


@pytest.mark.parametrize("name, value, says", [
    ("MINISENET_BACKEND", "gpu", "one of auto, fused, cython, numpy"),
    ("MINISENET_ISA", "v9", "one of v4, v3, baseline"),
    ("MINISENET_NUM_THREADS", "many", "an integer of at least 1"),
    ("MINISENET_NUM_THREADS", "0", "an integer of at least 1"),
])
def test_refused(name, value, says):
    done = info(**{name: value})
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("minisenet: error: ")
    assert name.removeprefix("MINISENET_").lower().split("_")[-1] in done.stderr.lower() and says in done.stderr


@pytest.mark.parametrize("folders", [("train", "reference/test_reference_training.py"), ("data", "bench", "checker", "proof")])
def test_the_folders_of_tests_can_be_run_together(folders):
    """Each is a package, so that its conftest and its helpers have names of their own."""
    paths = [str(Path(__file__).parent / folder) for folder in folders]
    done = subprocess.run([sys.executable, "-m", "pytest", "--collect-only", "-q", *paths], capture_output=True, text=True,
                          cwd=Path(__file__).parents[1])
    assert done.returncode == 0, done.stdout


def test_a_list_of_thread_counts_is_openmps_way_of_nesting():
    assert "threads      3 of" in info(OMP_NUM_THREADS="3,2").stdout


def test_an_empty_variable_is_none():
    assert info(MINISENET_BACKEND="", MINISENET_NUM_THREADS="").returncode == 0


@needs_kernels
def test_an_older_instruction_set_can_be_chosen():
    assert "instructions baseline" in info(MINISENET_ISA="baseline").stdout
