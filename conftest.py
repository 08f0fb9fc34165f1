"""The modules that are made of PyTorch are only read for doctests where it is installed."""
import importlib.util

NEED_TORCH = ["minisenet/twin/operations.py", "minisenet/twin/networks.py", "minisenet/twin/train.py", "minisenet/gradcheck/freeze.py",
              "tests/twin/comparing.py"]
collect_ignore = [] if importlib.util.find_spec("torch") else NEED_TORCH
