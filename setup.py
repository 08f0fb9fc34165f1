"""Build the kernels: one source, one extension module for each instruction set. Everything else is in pyproject.toml.

Where there is no working C compiler the extensions are left out, and minisenet runs on its NumPy bodies. CC and CFLAGS are
heeded, and MINISENET_BUILD=v3,baseline builds only these instruction sets, MINISENET_OPENMP=0 without OpenMP.
"""
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

HERE = Path(__file__).resolve().parent
REQUIRED = os.environ.get("MINISENET_REQUIRE_KERNELS") == "1"       # as in CI: then a build that fails is an error
GNU_FLAGS = ["-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"]
OPENMP = ["-fopenmp"]
OPENMP_PROBE = "#include <omp.h>\nint most(void) { return omp_get_max_threads(); }\n"     # takes the header and the library
DIRECTIVES = dict(language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False,
                  embedsignature=True, freethreading_compatible=True)
# For each instruction set its module, its flags, and macros that a compiler defines which has understood them: one that only
# warns of a flag would build something else than the name says.
BUILDS = {
    "baseline": ("_kernels", [], []),
    "v3": ("_kernels_v3", ["-march=x86-64-v3"], ["__AVX2__", "__FMA__"]),
    "v4": ("_kernels_v4", ["-march=x86-64-v4", "-mprefer-vector-width=512"], ["__AVX512F__", "__AVX512VL__"]),
}


def wanted():
    """The instruction sets to build: all of this architecture's, or of them those in MINISENET_BUILD."""
    known = list(BUILDS) if platform.machine().lower() in ("x86_64", "amd64") else ["baseline"]
    names = os.environ.get("MINISENET_BUILD", "").replace(",", " ").split()
    for name in names:
        if name not in known:
            raise SystemExit(f"minisenet: error: MINISENET_BUILD has {name!r}; it takes some of {','.join(known)}")
    return [name for name in known if name in names or not names]


class build_kernels(build_ext):
    """build_ext that asks the compiler what it can do, and leaves the result where the clone's own root finds it."""

    def build_extensions(self):
        msvc = self.compiler.compiler_type == "msvc"
        flags = ["/O2", "/openmp"] if msvc else GNU_FLAGS
        openmp = [] if msvc or not self._compiles(OPENMP, OPENMP_PROBE) else OPENMP
        if os.environ.get("MINISENET_OPENMP") == "0":
            flags, openmp = [flag for flag in flags if flag != "/openmp"], []
        builds = {f"minisenet.{module}": build for module, *build in BUILDS.values()}
        for extension in list(self.extensions):
            march, macros = builds[extension.name]
            if march and (msvc or not self._compiles(march, "".join(f"#ifndef {m}\n#error\n#endif\n" for m in macros))):
                print(f"minisenet: {extension.name} is left out: the compiler has no {march[0]}", file=sys.stderr)
                self.extensions.remove(extension)
                continue
            extension.optional = not REQUIRED               # cythonize() does not pass it on
            extension.extra_compile_args = flags + openmp + march
            extension.extra_link_args = openmp
        self.parallel = self.parallel or len(self.extensions)
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

    def run(self):
        super().run()
        if not any(Path(self.get_ext_fullpath(e.name)).exists() for e in self.extensions):
            print("minisenet: no working C compiler, so no kernels: the NumPy bodies are installed (see `minisenet info`)", file=sys.stderr)


def kernels():
    """The extensions."""
    names = [BUILDS[name][0] for name in wanted()]
    depends = [str(p.relative_to(HERE)) for p in (HERE / "minisenet" / "kernels").glob("*.pxi")] + ["minisenet/_kernels.pyx"]
    return [Extension(f"minisenet.{n}", [f"minisenet/{n}.pyx"], depends=depends) for n in names]


def cythonized():
    try:
        from Cython.Build import cythonize
    except ImportError:
        return []
    return cythonize(kernels(), build_dir="build", force=True, compiler_directives=DIRECTIVES)


if __name__ == "__main__":
    setup(ext_modules=cythonized(), cmdclass={"build_ext": build_kernels})
