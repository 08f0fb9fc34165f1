"""Compile a student's Cython file, in a process of its own and in a folder of its own, and say in few lines why it fails."""
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from minisenet.checker.sandbox import Ended, Isolated, end_group
from minisenet.course.build_kernel import NO_COMPILER, TOOLS_MISSING

TIME_LIMIT = 120.0              # seconds: a small file takes about ten
SHOWN = 3                       # errors: the first one is nearly always the cause of the rest


class NotCompiled(Exception):
    """The file does not compile; the message says where, and is the student's to mend."""


class NoTools(Exception):
    """This machine cannot compile it, and the message says what to install; it is nobody's mistake."""


def build(source, folder, *, time_limit=TIME_LIMIT):
    """Compile a .pyx.

    Parameters
    ----------
    source : Path
        The file; it is copied, and nothing is written beside it.
    folder : Path
        Where to build.
    time_limit : float
        In seconds.

    Returns
    -------
    Path
        The extension module.

    Raises
    ------
    NotCompiled
        Where Cython or the compiler rejects the file, or takes too long.
    NoTools
        Where Cython, setuptools or a C compiler is missing.
    """
    shutil.copyfile(source, Path(folder, source.name))
    script = Path(__file__).with_name("build_kernel.py")
    process = subprocess.Popen([sys.executable, "-P", str(script), source.stem], cwd=folder, text=True, errors="replace",
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               start_new_session=True)                         # so that its compiler ends with it
    try:
        output, _ = process.communicate(timeout=time_limit)
    except subprocess.TimeoutExpired:
        raise NotCompiled(f"{source.name}: still compiling after {time_limit:g} s") from None
    finally:
        if process.poll() is None:
            end_group(process)
        process.communicate()
    if process.returncode == TOOLS_MISSING:
        raise NoTools("not checked: it takes Cython and setuptools: pip install cython setuptools")
    if process.returncode == NO_COMPILER:
        raise NoTools("not checked: it takes a C compiler, and there is none that works")
    built = [path for pattern in ("*.so", "*.pyd") for path in Path(folder).glob(pattern)]
    if process.returncode or not built:
        raise NotCompiled(_shortened(output, source))
    return built[0]


def float32_fault(path, function="squeeze", *, time_limit=10.0, memory_limit=2 << 30):
    """What is wrong with a compiled squeeze of float32 arrays, in a line, or None; the checker asks for float64 alone.

    Parameters
    ----------
    path : Path
        The extension module; it is loaded in a process of its own.
    function : str
    time_limit : float
        In seconds.
    memory_limit : int
        In bytes.
    """
    rng = np.random.default_rng(0)
    try:
        subject = Isolated(str(path), function, seconds=time_limit, memory=memory_limit)
    except (ImportError, Ended) as error:
        return str(error)
    try:
        for shape in ((1, 1, 1, 1), (1, 2, 3, 1), (2, 3, 2, 4)):
            u = rng.standard_normal(shape).astype(np.float32)
            fault = _float32_fault(u, subject.call([u], {}))
            if fault:
                return f"with float32 u of shape {shape} {fault}"
    except Ended as error:
        return f"with float32 {error}"
    finally:
        subject.close()


def _float32_fault(u, seen):
    """What is wrong with one call, as `checker.sandbox` saw it."""
    z, error = seen["value"], seen["error"]
    if error:
        return f"it raises {error['type']}: {error['text']}"
    if not isinstance(z, np.ndarray) or z.shape != (u.shape[0], u.shape[3]) or z.dtype != np.float32:
        got = f"a {z.dtype} array of shape {z.shape}" if isinstance(z, np.ndarray) else str(z)
        return f"it returns {got}; it takes float32 of shape {(u.shape[0], u.shape[3])}"
    exact = u.astype(np.float64)
    off = np.abs(z - exact.mean(axis=(1, 2)))
    allowed = u.shape[1] * u.shape[2] * np.finfo(np.float32).eps * np.abs(exact).mean(axis=(1, 2))       # whatever the order
    return None if np.all(off <= allowed) else f"z is off by {off.max():.2g}"


def _shortened(output, source):
    """The first errors out of Cython's output, each with the line of the student's file that it is about."""
    lines = source.read_text(encoding="utf-8", errors="replace").splitlines()
    found = re.findall(rf"^{re.escape(source.name)}:(\d+):\d+: (?!warning)(.*)$", output, re.MULTILINE)
    if not found:                                                # not Cython, but the C compiler or the linker
        return f"{source.name} does not compile:\n" + "\n".join(f"  {line[:76]}" for line in output.splitlines()[-SHOWN:])
    text = []
    for number, message in found[:SHOWN]:
        text += [f"{source.name}, line {number}: {message}", f"    {lines[int(number) - 1].strip()}"]
    return "\n".join(text + [f"and {len(found) - SHOWN} more"] * (len(found) > SHOWN))
