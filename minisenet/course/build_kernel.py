"""A script, not a module: it compiles a Cython file of the folder that it runs in. See `kernel.py`.

Exit status: 0 built, 3 Cython or setuptools is missing, 4 no C compiler works, 1 the file does not compile.
"""
import sys
from pathlib import Path

TOOLS_MISSING, NO_COMPILER = 3, 4


def main(name):
    try:
        import numpy
        from Cython.Build import cythonize
        from Cython.Compiler.Errors import CompileError
        from setuptools import Distribution, Extension
        from setuptools.command.build_ext import build_ext
    except ImportError:
        return TOOLS_MISSING

    class build(build_ext):
        """build_ext that first tries whether the C compiler works."""

        def build_extensions(self):
            probe = Path("probe.c")
            probe.write_text("int probe(void) { return 0; }\n", encoding="utf-8")
            try:
                self.compiler.compile([str(probe)], output_dir=".")
            except Exception:  # every compiler class has its own errors
                sys.exit(NO_COMPILER)
            quick = "/Od" if self.compiler.compiler_type == "msvc" else "-O0"        # it is checked, not timed
            for extension in self.extensions:
                extension.extra_compile_args = [quick]
            super().build_extensions()

    try:
        extensions = cythonize([Extension(name, [f"{name}.pyx"], include_dirs=[numpy.get_include()])], quiet=True)
    except CompileError:                                        # Cython has printed what is wrong, and where
        return 1
    command = build(Distribution(dict(name=name, ext_modules=extensions)))
    command.build_lib = command.build_temp = "."
    command.ensure_finalized()
    command.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
