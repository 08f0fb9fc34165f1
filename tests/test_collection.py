"""Folders of tests that are named together in one call of pytest are all collected."""
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent


def test_folders_with_a_conftest_each_in_one_call():
    folders = sorted(str(path.parent) for path in TESTS.glob("*/conftest.py"))
    done = subprocess.run([sys.executable, "-m", "pytest", "--collect-only", "-q", *folders], cwd=TESTS.parent,
                          capture_output=True, text=True)
    assert len(folders) >= 4 and done.returncode == 0, done.stdout[-2000:]
