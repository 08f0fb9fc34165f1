"""What is made of PyTorch or of Sphinx is only read for doctests where they are installed; the site's settings never."""
import importlib.util

NEED_TORCH = [f"minisenet/reference/{name}.py" for name in ("blocks", "families", "freeze", "networks", "operations", "train")] + [
    "tests/reference/comparing.py", "tests/bench/groups.py"]
NEED_SPHINX = ["docs/_site"]
collect_ignore = ["docs/conf.py", "docs/_build"]
collect_ignore += [] if importlib.util.find_spec("torch") else NEED_TORCH
collect_ignore += [] if importlib.util.find_spec("sphinx") and importlib.util.find_spec("latex2mathml") else NEED_SPHINX


def pytest_configure(config):
    """On ARM some of NumPy's warnings are false, and a warning is an error."""
    from minisenet.backend import spurious           # not before tests/conftest.py, which comes before NumPy
    if spurious.ARM:
        config.addinivalue_line("filterwarnings", f"ignore:{spurious.MESSAGE}:RuntimeWarning")
