"""The Cython exercise: compile it in a process and a folder of its own, say in few lines why that fails, and judge the kernel.

The checker compares float64 numbers. They do not show, or do not explain, three kinds of fault:

    memory_fault    an index out of range, an array that was not cleared
    float32_fault   wrong for float32: the checker uses float64 only
    not_as_asked    right, but NumPy does the work, or the loops hold the GIL
"""
import re
import shutil
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np

from minisenet.checker.result import Mistake
from minisenet.checker.sandbox import Ended, Isolated, end_group
from minisenet.course.build_kernel import NO_COMPILER, TOOLS_MISSING

TIME_LIMIT = 120.0              # seconds: a small file needs about ten
SHOWN = 3                       # errors: the first one is nearly always the cause of the rest
SHAPES = ((1, 1, 1, 1), (1, 2, 3, 1), (2, 3, 2, 4))
NOT_CLEARED = Mistake(
    "array not cleared", "The result depends on what the array z held before: np.empty does not clear it.",
    "Set z[n, c] to 0 before you add to it, or add up in a variable of your own.", certain=True)
UNCHECKED = ("With boundscheck=False such an index reads or overwrites memory that is not the array's. The check compiles with "
             "boundscheck=True.")


class NotCompiled(Exception):
    """The file does not compile, because of the student's code; the message says where."""


class NoTools(Exception):
    """This machine cannot compile any file; the message says what to install."""


def build(source, folder, *, time_limit=TIME_LIMIT):
    """Compile a .pyx.

    Parameters
    ----------
    source : Path
        The file. It is copied, with boundscheck=True, and nothing is written beside it.
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
        If Cython or the C compiler rejects the file, or needs too long.
    NoTools
        If Cython, setuptools or a C compiler is missing.
    """
    text = source.read_text(encoding="utf-8", errors="surrogateescape")
    checked = re.sub(r"\b(boundscheck\s*[=(]\s*)False", r"\1True", text)                # the line numbers stay the student's
    Path(folder, source.name).write_text(checked, encoding="utf-8", errors="surrogateescape")
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
        raise NoTools("not checked: Cython or setuptools is missing: pip install cython setuptools")
    if process.returncode == NO_COMPILER:
        raise NoTools("not checked: there is no C compiler that works: install gcc or clang")
    built = [path for pattern in ("*.so", "*.pyd") for path in Path(folder).glob(pattern)]
    if process.returncode or not built:
        raise NotCompiled(_shortened(output, source))
    return built[0]


def memory_fault(path, *, time_limit=10.0, memory_limit=2 << 30):
    """The Mistake of a compiled squeeze that uses an index out of range, or depends on what a new array holds; otherwise None.

    Parameters
    ----------
    path : Path
        The extension module; it is loaded in a process of its own.
    time_limit : float
        In seconds.
    memory_limit : int
        In bytes.
    """
    script = shutil.copy(Path(__file__).with_name("kernel_memory.py"), path.parent)
    raised, differs = None, None
    try:
        subject = Isolated(script, "call", seconds=time_limit, memory=memory_limit)
    except (ImportError, Ended):
        return None                                             # the checker reports it
    try:
        for u in _inputs(np.float64, np.float32):
            zeros, ones = (subject.call([u, value], {}) for value in (0.0, 1.0))
            raised = raised or zeros["error"]
            differs = differs or _not_cleared(u, zeros["value"], ones["value"])
    except Ended:
        return None
    finally:
        subject.close()
    return _out_of_range(raised or dict(text=subject.printed, line=None), path.with_name("e13_kernel.pyx")) or differs


def _out_of_range(error, source):
    """The Mistake of an index out of range, from what `worker.explain` made of the exception or from what was printed."""
    axis = re.search(r"Out of bounds on buffer access \(axis (\d)\)", error["text"])
    if not axis:
        return None
    where = "a function that cannot raise"                      # its exceptions are printed
    if error["line"]:
        where = f"line {error['line']}: {source.read_text(encoding='utf-8').splitlines()[error['line'] - 1].strip()}"
    return Mistake("index out of range", f"An index of axis {axis[1]} is outside of the array, in {where}", UNCHECKED, certain=True)


def _not_cleared(u, zeros, ones):
    if isinstance(zeros, np.ndarray) and isinstance(ones, np.ndarray) and not np.array_equal(zeros, ones, equal_nan=True):
        return replace(NOT_CLEARED, says=f"With {u.dtype} arrays, {NOT_CLEARED.says[0].lower()}{NOT_CLEARED.says[1:]}")
    return None


def float32_fault(path, function="squeeze", *, time_limit=10.0, memory_limit=2 << 30):
    """What is wrong with a compiled squeeze of float32 arrays, in a line, or None.

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
    try:
        subject = Isolated(str(path), function, seconds=time_limit, memory=memory_limit)
    except (ImportError, Ended) as error:
        return str(error)
    try:
        for u in _inputs(np.float32):
            fault = _float32_fault(u, subject.call([u], {}))
            if fault:
                return f"with float32 u of shape {u.shape} {fault}"
    except Ended as error:
        return f"with float32 {error}"
    finally:
        subject.close()


def _inputs(*dtypes):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape).astype(dtype) for dtype in dtypes for shape in SHAPES]


def _float32_fault(u, seen):
    """What is wrong with one call, from what `worker.observe` saw."""
    z, error = seen["value"], seen["error"]
    if error:
        return f"it raises {error['type']}: {error['text']}"
    if not isinstance(z, np.ndarray) or z.shape != (u.shape[0], u.shape[3]) or z.dtype != np.float32:
        got = f"a {z.dtype} array of shape {z.shape}" if isinstance(z, np.ndarray) else str(z)
        return f"it returns {got} instead of float32 of shape {(u.shape[0], u.shape[3])}"
    exact = u.astype(np.float64)
    off = np.abs(z - exact.mean(axis=(1, 2)))
    allowed = u.shape[1] * u.shape[2] * np.finfo(np.float32).eps * np.abs(exact).mean(axis=(1, 2))       # in any order of summation
    return None if np.all(off <= allowed) else f"z is off by {off.max():.2g}"


# ---- right, but not what was asked -------------------------------------------------------------------------------------

REDUCTIONS = "mean|nanmean|average|sum|nansum|add|einsum|dot|matmul|inner|tensordot|cumsum|apply_along_axis|apply_over_axes"


def not_as_asked(text, function="squeeze"):
    """(mistake, what it says) of a kernel whose numbers may be right, but whose loops are NumPy's or hold the GIL; or None.

    Parameters
    ----------
    text : str
        Of the .pyx.
    function : str
        What the check calls; only the functions that it reaches are looked at.
    """
    lines = _reached(_code(text), function)
    code = "\n".join(line for _, line in lines)
    names = re.findall(r"\bc?import numpy(?: as (\w+))?", text)
    modules = "|".join({name or "numpy" for name in names} | {"numpy"})
    bare = [name for listed in re.findall(r"from numpy c?import (.*)", text) for name in re.findall(rf"\b({REDUCTIONS})\b", listed)]
    calls = rf"\b(?:{modules})\.(?:{REDUCTIONS})\b|\.(?:mean|sum|dot|cumsum)\s*\(" + "".join(rf"|\b{name}\s*\(" for name in bare)
    for number, line in lines:
        if re.search(calls, line):
            return ("NumPy does the work", f"The numbers are right, but NumPy does the work in line {number}: "
                                           f"{text.splitlines()[number - 1].strip()}\nWrite the loops yourself, inside `with nogil:`.")
    blocks = re.findall(r"^([ \t]*)with (?:cython\.)?nogil\b[^:\n]*:(.*\n(?:\1[ \t]+.*\n|\s*\n)*)", code + "\n", re.MULTILINE)
    if any(re.search(r"\bfor\b|\bwhile\b|\(", body) for _, body in blocks) or re.search(r"\bnogil\s*=\s*True", code):
        return None
    return ("holds the GIL", "The numbers are right, but no loop runs without the GIL.\nPut the loops inside `with nogil:`, with "
                             "typed variables only.")


def is_stub(text):
    """Whether the loops are still to be written: NotImplementedError is raised, and nothing leaves the GIL."""
    code = _code(text)
    return bool(re.search(r"\braise NotImplementedError\b", code)) and not re.search(r"\bnogil\b", code)


def _code(text):
    """The text with its strings and comments blanked out, line for line."""
    return re.sub(r"""(\"{3}|'{3})[\s\S]*?\1|"[^"\n]*"|'[^'\n]*'|#.*""", lambda match: "\n" * match[0].count("\n"), text)


def _reached(code, function):
    """(line number, line) of `function` and of all functions of the file that it names, directly or through others."""
    blocks, name = {}, ""
    for number, line in enumerate(code.splitlines(), 1):
        if re.match(r"\S", line) and not line.startswith((")", "]", "}")):
            begins = re.match(r"(?:def|cdef|cpdef)\b.*?(\w+)\s*\(", line)
            name = begins[1] if begins else ""
        blocks.setdefault(name, []).append((number, line))
    reached, waiting = set(), [function if function in blocks else ""]
    while waiting:
        reached.add(name := waiting.pop())
        named = set(re.findall(r"\w+", "\n".join(line for _, line in blocks[name])))
        waiting += [other for other in blocks if other in named - reached]
    return sorted(line for name in reached for line in blocks[name])


# ---- compile errors ----------------------------------------------------------------------------------------------------

def _shortened(output, source):
    """The first errors of Cython's output, each with its line of the student's file; or the C compiler's first error."""
    lines = source.read_text(encoding="utf-8", errors="replace").splitlines()
    found = re.findall(rf"^{re.escape(source.name)}:(\d+):\d+: (?!warning)(?:error: )?(.*)$", output, re.MULTILINE)
    if not found:
        return _of_the_c_compiler(output)
    first = {}                                                  # of each line: the rest follows from it
    for number, message in found:
        first.setdefault(int(number), message)
    text = []
    for number, message in list(first.items())[:SHOWN]:
        text.append(textwrap.fill(f"{source.name}, line {number}: {message}", 80, subsequent_indent="  "))
        if number <= len(lines):                                # an error at the end of the file may be below it
            text.append(f"    {lines[number - 1].strip()}"[:80])
    return "\n".join(text + [f"and {len(first) - SHOWN} more"] * (len(first) > SHOWN))


def _of_the_c_compiler(output):
    """Its first error and the line of C below it; else the last line there is."""
    lines = output.splitlines()
    for i, line in enumerate(lines):
        message = re.search(r"\berror(?: \w+)?: (.*)", line) or re.search(r"\bld(?:\.\w+)?: (.*)", line)
        if message:
            code = re.match(r"\s*\d+ \|(.*)", lines[i + 1] if i + 1 < len(lines) else "")
            said = textwrap.fill(f"the C compiler: {message[1]}", 80, subsequent_indent="  ")
            return "\n".join([said] + ([f"    {code[1].strip()}"[:80]] if code else []))
    return textwrap.fill(next((line for line in reversed(lines) if line.strip()), "the compiler gave no reason"), 80)
