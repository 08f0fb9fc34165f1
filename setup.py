"""Build the kernels: one source, and for each instruction set one module for float32 and one for float64. Everything else is in
pyproject.toml.

In a clone (`pip install -e .`, `setup.py build_ext --inplace`) only one is built, the best that this processor runs and the
compiler knows. A wheel may be installed elsewhere, so it gets all of them, and so does a clone where no source can tell what the
processor runs. Environment variables change that:

    MINISENET_BUILD=all               every instruction set of this architecture
    MINISENET_BUILD=v3,baseline       these instruction sets
    MINISENET_OPENMP=0                without OpenMP
    MINISENET_REQUIRE_KERNELS=1       a build that fails is an error; otherwise minisenet is installed without it
    CC, CFLAGS                        as usual

Without a working C compiler no kernels are built, and minisenet runs on its NumPy bodies.
"""
import importlib.util
import itertools
import os
import shutil
import sys
import tempfile
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

HERE = Path(__file__).resolve().parent
REQUIRED = os.environ.get("MINISENET_REQUIRE_KERNELS") == "1"       # as in CI
GNU_FLAGS = ["-O3", "-g0", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"]     # -g: a fifth of the compile time
OPENMP = ["-fopenmp"]
OPENMP_PROBE = "#include <omp.h>\nint most(void) { return omp_get_max_threads(); }\n"     # needs the header and the library
DIRECTIVES = dict(language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False,
                  freethreading_compatible=True)
REALS = {"f32": "float", "f64": "double"}
# For each instruction set, the fastest first: its flags, and macros that a compiler defines if it follows these
# flags. A compiler that only warns about a flag would build something else than the name says.
BUILDS = {
    "v4": (["-march=x86-64-v4", "-mprefer-vector-width=512"], ["__AVX512F__", "__AVX512VL__"]),
    "v3": (["-march=x86-64-v3"], ["__AVX2__", "__FMA__"]),
    "baseline": ([], []),
}

# The package cannot be imported before it is built, and this file of it needs no NumPy.
spec = importlib.util.spec_from_file_location("processor", HERE / "minisenet" / "backend" / "processor.py")
processor = importlib.util.module_from_spec(spec)
spec.loader.exec_module(processor)


def wanted(in_place):
    """The instruction sets to build, in place or for a wheel, and whether the first that the compiler knows is enough."""
    known = list(BUILDS) if processor.is_x86() else ["baseline"]
    names = os.environ.get("MINISENET_BUILD", "").replace(",", " ").split()
    if not names:
        return (list(processor.supported()), True) if in_place and not processor.unknown() else (known, False)
    for name in names:
        if name not in [*known, "all"]:
            raise SystemExit(f"minisenet: error: MINISENET_BUILD must be all, or some of {','.join(known)}, got {name!r}")
    return [name for name in known if name in names or "all" in names], False


def extensions(names):
    """The two modules of each build, without their sources."""
    pyx = ["minisenet/_kernels.pyx", *(str(path.relative_to(HERE)) for path in (HERE / "minisenet" / "kernels").glob("*.pxi"))]
    return [Extension(f"minisenet._kernels_{name}_{dtype}", [], depends=pyx) for name in names for dtype in REALS]


def c_code():
    """The kernels in C."""
    from Cython.Build import cythonize
    source = Extension("minisenet._kernels", ["minisenet/_kernels.pyx"])
    source, = cythonize([source], build_dir="build", force=True, compiler_directives=DIRECTIVES)
    return Path(source.sources[0]).read_text()


def c_file(code, module):
    """Write the C code of one module: the same code with another name and float type."""
    path = Path("build", f"{module}.c")
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#define REAL {REALS[module[-3:]]}\n" + code.replace("PyInit__kernels", f"PyInit_{module}")
                    .replace('"minisenet._kernels', f'"minisenet.{module}'))
    return str(path)


class build_kernels(build_ext):
    """build_ext that asks the compiler what it can do, and leaves the result where the clone's own root finds it."""

    def build_extensions(self):
        names, one = wanted(self.inplace or self.editable_mode)
        why_not = self._why_not()
        known = () if why_not else (name for name in names if self._knows(name))
        usable = list(itertools.islice(known, 1) if one else known)
        if usable and not one and len(usable) < len(names):
            missing = ", ".join(name for name in names if name not in usable)
            print(f"minisenet: no build for {missing}: the compiler does not know these instructions", file=sys.stderr)
        if not usable:
            message = (f"minisenet: no kernels are built: {why_not or 'the compiler knows none of ' + ', '.join(names)}; "
                       "minisenet runs on its NumPy bodies (see `minisenet info`)")
            if REQUIRED:
                raise SystemExit(message)
            print(message, file=sys.stderr)
        built = {extension.name: extension for extension in extensions(usable)}
        self.extensions = [extension for extension in self.extensions if extension.name in built]
        msvc = self.compiler.compiler_type == "msvc"
        flags = ["/O2", "/openmp"] if msvc else GNU_FLAGS
        openmp = [] if msvc or not usable or not self._compiles(OPENMP, OPENMP_PROBE) else OPENMP
        if os.environ.get("MINISENET_OPENMP") == "0":
            flags, openmp = [flag for flag in flags if flag != "/openmp"], []
        code = c_code() if usable else ""
        for extension in self.extensions:
            module = extension.name.split(".")[1]
            extension.sources = [c_file(code, module)]
            extension.optional = not REQUIRED
            extension.extra_compile_args = flags + openmp + BUILDS[module.split("_")[2]][0]
            extension.extra_link_args = openmp
        self.parallel = self.parallel or min(len(self.extensions), os.cpu_count()) or None
        super().build_extensions()
        self._copy_into_source()

    def build_extension(self, extension):
        """An extension that cannot be built is left out, whatever the compiler class raises."""
        try:
            super().build_extension(extension)
        except Exception as error:
            if REQUIRED:
                raise
            print(f"minisenet: {extension.name} is left out: {error}", file=sys.stderr)

    def _why_not(self):
        """Why no kernels can be built here, or None."""
        if not importlib.util.find_spec("Cython"):
            return "Cython is not installed"
        if not self._compiles([], ""):
            return f"there is no working C compiler (CC is {os.environ['CC']})" if "CC" in os.environ else "there is no working C compiler"
        if not self._compiles([], "#include <Python.h>\n"):
            return "Python.h is missing (Debian, Ubuntu: sudo apt install python3-dev)"
        return None

    def _knows(self, name):
        """Whether the compiler knows an instruction set."""
        flags, macros = BUILDS[name]
        return not flags or (self.compiler.compiler_type != "msvc"
                             and self._compiles(flags, "".join(f"#ifndef {m}\n#error\n#endif\n" for m in macros)))

    def _compiles(self, flags, code):
        """Whether a program with this code compiles under these flags, and links."""
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "probe.c")
            source.write_text(code + "int main(void) { return 0; }\n")
            try:
                objects = self.compiler.compile([str(source)], output_dir=folder, extra_postargs=flags)
                self.compiler.link_executable(objects, str(Path(folder, "probe")), extra_postargs=flags)
            except Exception:  # every compiler class has its own errors
                return False
        return True

    def _copy_into_source(self):
        """`pip install .` in a clone, then `python -m pytest` there: the source folder shadows the installed package,
        so it must hold the kernels too."""
        for extension in self.extensions:
            built = Path(self.get_ext_fullpath(extension.name))
            beside = HERE / "minisenet" / built.name
            if built.exists() and built.resolve() != beside:
                shutil.copyfile(built, beside)


if __name__ == "__main__":
    setup(ext_modules=extensions(wanted(in_place=False)[0]), cmdclass={"build_ext": build_kernels})
