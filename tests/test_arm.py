"""On ARM NumPy warns of matrix products that are right (`minisenet.backend.spurious`): no user and no test sees that."""
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import minisenet
from minisenet import gradcheck
from minisenet.backend import spurious

FALSE = "divide by zero encountered in matmul"


def python(code, *options):
    """Run code in a process of its own, and return what it prints and what it warns of."""
    environment = os.environ | {"PYTHONPATH": str(Path(minisenet.__file__).parents[1])}
    done = subprocess.run([sys.executable, *options, "-c", code], env=environment, capture_output=True, text=True)
    return done.stdout + done.stderr


def test_a_square_product_in_float32_warns_of_nothing():
    """The case that raises the flags: OpenBLAS computes it on the matrix unit where there is one."""
    code = ("import numpy as np, minisenet, minisenet.functional as F\n"
            "minisenet.set_backend('numpy')\n"
            "x = np.eye(33, dtype=np.float32)\n"
            "F.linear_backward(x, x, x), F.linear(x, x), F.conv2d(x.reshape(33, 1, 1, 33), x.reshape(33, 33, 1, 1))\n"
            "print('right')")
    assert python(code, "-W", "always") == "right\n"


@pytest.mark.parametrize("machine, module, message, ignored", [
    ("arm64", "minisenet.functional.linear", FALSE, True), ("AARCH64", "minisenet.functional.linear", FALSE, True),
    ("arm64", "minisenet.functional.linear", "overflow encountered in dot", True),
    ("arm64", "minisenet.functional.linear", "divide by zero encountered in divide", False),
    ("arm64", "students_own", FALSE, False),
    ("x86_64", "minisenet.functional.linear", FALSE, False)])
def test_only_the_packages_products_are_silent_and_only_on_arm(machine, module, message, ignored):
    code = (f"import platform, warnings\nplatform.machine = lambda: {machine!r}\nimport minisenet\n"
            f"warnings.warn_explicit({message!r}, RuntimeWarning, 'file.py', 1, module={module!r})")
    assert (message not in python(code)) is ignored


@pytest.mark.parametrize("arm", [True, False])
def test_the_checker_tells_a_student_of_true_warnings_only(arm, monkeypatch):
    monkeypatch.setattr(spurious, "ARM", arm)

    def squeeze(u):
        for message in (FALSE, "invalid value encountered in matmul", "overflow encountered in dot", "overflow encountered in exp"):
            warnings.warn(message, RuntimeWarning, stacklevel=2)
        return np.mean(u, axis=(1, 2))

    text = str(gradcheck.check(squeeze))
    assert "numpy warns: overflow encountered in exp" in text
    assert (f"numpy warns: {FALSE}" in text) is not arm
