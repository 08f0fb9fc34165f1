"""No read or write outside an array: every argument is next to a protected page, and touching that kills the process."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

import minisenet

from .table import BACKENDS, every_row

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs mprotect")


def run(*arguments):
    environment = os.environ | {"PYTHONPATH": str(Path(minisenet.__file__).parents[1]), "MINISENET_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, Path(__file__).with_name("guarded.py"), *arguments], env=environment,
                          capture_output=True, text=True)


@every_row
@pytest.mark.parametrize("side", ["after", "before"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_outside_an_array_is_touched(row, backend, side):
    done = run(row.name, backend, side)
    said = done.stdout.splitlines() or [""]
    assert done.returncode == 0 and said[-1] == "done", f"died ({done.returncode}) at {said[-1]}\n{done.stderr[-2000:]}"


@pytest.mark.parametrize("side", ["after", "before"])
def test_the_guard_page_kills(side):
    done = run("touch", "numpy", side)
    assert done.returncode < 0 and "done" not in done.stdout
