"""The peak memory of a process: the most bytes it had resident at one time."""
import sys
from pathlib import Path


def peak_mb():
    """This process's peak in MB (10^6 bytes), or None on Windows, where Python has no such figure.

    On Linux it comes from /proc, because `ru_maxrss` survives exec there: a small process started by a large one begins with
    the large one's peak.
    """
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6                # "kB" there means 1024 bytes
    except OSError:
        pass
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6       # bytes on macOS, KiB elsewhere
