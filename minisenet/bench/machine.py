"""The machine of a measurement: the processor's name, its largest cache, the versions."""
import importlib.metadata
import platform
from pathlib import Path

import numpy as np

from minisenet._version import __version__


def processor():
    """The processor's name, as the system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def largest_cache():
    """Bytes of the last-level cache; 32 MiB if the system does not say."""
    sizes = []
    for path in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
        number, unit = path.read_text(encoding="ascii").strip()[:-1], path.read_text(encoding="ascii").strip()[-1:]
        if number.isdecimal() and unit in "KM":
            sizes.append(int(number) << (10 if unit == "K" else 20))
    return max(sizes, default=32 << 20)


def versions():
    """The versions of minisenet, Python, NumPy and PyTorch, the last of which may be None."""
    try:
        torch = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        torch = None
    return dict(minisenet=__version__, python=platform.python_version(), numpy=np.__version__, torch=torch)
