"""What is in use: versions, backend, instruction set, threads, extras; and how to get what is missing."""
import importlib.metadata
import importlib.util
import os
import platform
import sys
from pathlib import Path

import numpy as np

from minisenet.backend import builds, get_backend, get_num_threads, memory
from minisenet._version import __version__

EXTRAS = {"train": ("matplotlib", "pillow", "pooch", "safetensors", "tqdm"), "test": ("pytest", "hypothesis"),
          "torch": ("torch",)}


def info():
    """Everything that a bug report needs, as a dict for JSON.

    Returns
    -------
    dict
        minisenet, location, python, platform, numpy, backend, isa, supported, unknown and installed (instruction sets),
        kernels (file, cython, openmp, lanes: the float32 numbers of a vector, or why there are no kernels), keeps_memory (see
        `minisenet.backend.memory`), threads, cores, and extras: name of the extra -> package -> version or None.
    """
    kernels = builds.kernels
    live = kernels is not None
    return dict(
        minisenet=__version__, location=str(Path(__file__).parent), python=platform.python_version(),
        executable=sys.executable,
        platform=platform.platform(), numpy=np.__version__, backend=get_backend(), isa=builds.isa,
        supported=list(builds.supported()), unknown=builds.unknown(), installed=builds.installed(),
        kernels=dict(installed=live, file=_loops().__file__ if live else None, cython=_cython() if live else None,
                     openmp=_openmp(kernels) if live else None, lanes=getattr(kernels, "LANES_F32", None),
                     why_not=None if live else builds.why_no_kernels),
        keeps_memory=memory.kept, threads=get_num_threads(), cores=os.cpu_count(),
        extras={extra: {package: _version(package) for package in packages} for extra, packages in EXTRAS.items()})


def _loops():
    """The compiled module for float32."""
    return builds.kernels.loops.modules[4]


def _cython():
    """The version of Cython that made the kernels: the type of their functions is in a module named like _cython_3_3_1."""
    prefix, _, version = type(_loops().coverage).__module__.partition("_cython_")
    return version.replace("_", ".") if not prefix and version else None


def _openmp(kernels):
    value = getattr(kernels, "OPENMP", None)
    return value if value is None or isinstance(value, (bool, int, str)) else bool(value)


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def format_info(i):
    """The dict of `info` as text, with the command for each missing part."""
    k = i["kernels"]
    lines = [f"minisenet    {i['minisenet']}  ({i['location']})",
             f"Python       {i['python']}  ({i['executable']})",
             f"NumPy        {i['numpy']}",
             f"platform     {i['platform']}",
             f"backend      {i['backend']}" + ("" if k["installed"] else "  (NumPy bodies: correct, readable, and slow)")]
    if k["installed"]:
        openmp = {None: "unknown", False: "no", 0: "no"}.get(k["openmp"], "yes")
        lines += [f"kernels      {Path(k['file']).name}" + (f", by Cython {k['cython']}" if k["cython"] else ""),
                  f"instructions {i['isa']}  (this processor: {', '.join(i['supported'])}; MINISENET_ISA chooses)",
                  *[f"{'':13}neither NumPy nor /proc/cpuinfo can tell about {name}: try MINISENET_ISA={name}"
                    for name in i["unknown"]],
                  f"builds       {', '.join(i['installed'])}"
                  + ("" if set(i["supported"]) <= set(i["installed"]) else f"  (for all of them, {builds.HOW_TO_GET})"),
                  "vectors      " + {None: "unknown", 1: "none"}.get(k["lanes"], f"of {k['lanes']} float32"),
                  f"OpenMP       {openmp}"]
    else:
        lines += [f"kernels      not installed: {k['why_not']}",
                  "             install a C compiler (Debian, Ubuntu: sudo apt install gcc; macOS: xcode-select --install;",
                  "             Windows: Build Tools for Visual Studio), then in the clone: pip install -e ."]
    lines.append(f"threads      {i['threads']} of {i['cores']} cores  (MINISENET_NUM_THREADS or --threads)")
    lines.append("memory       " + ("freed memory is kept for the next arrays  (MINISENET_KEEP_MEMORY=0 gives it back)"
                                    if i["keeps_memory"] else "the C library decides whether to keep freed memory"))
    for extra, packages in i["extras"].items():
        have = ", ".join(f"{name} {version}" for name, version in packages.items() if version)
        missing = [name for name, version in packages.items() if not version]
        lines.append(f"[{extra}]".ljust(13) + (have or "not installed"))
        if missing:
            lines.append(f'{"":13}missing: {", ".join(missing)}; pip install "minisenet[{extra}]"')
    return "\n".join(lines)
