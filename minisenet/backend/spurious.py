"""NumPy's false warnings about matrix products on ARM, so that nobody sees them.

SME, the matrix unit of newer ARM processors (Apple's since the M4), raises every floating-point flag when it starts and when it
stops. NumPy reads the flags after a product and warns of a division by zero, an overflow and an invalid value, although the result
is right. Some builds of NumPy ignore the flags, others do not: https://github.com/numpy/numpy/issues/29820.
"""
import platform
import re
import warnings

ARM = platform.machine().lower() in ("arm64", "aarch64")
MESSAGE = "(divide by zero|overflow|invalid value) encountered in (matmul|dot)"


def ignore(module):
    """Ignore the false warnings about code in modules whose names match the regular expression `module`."""
    if ARM:
        warnings.filterwarnings("ignore", MESSAGE, RuntimeWarning, module)


def is_spurious(message):
    """Whether the message of a warning may be a false one."""
    return ARM and re.fullmatch(MESSAGE, message) is not None
