"""setup.py: the builds of the kernels carry the right names, whatever the compiler can do, and no flag breaks arithmetic."""
import importlib.util
import re
from pathlib import Path

import pytest

setuptools = pytest.importorskip("setuptools")
ROOT = Path(__file__).resolve().parents[1]
# Flags that tie a build to the machine it was made on, or let the compiler take a + (b + c) for (a + b) + c and NaN for a number.
FORBIDDEN = re.compile(r"-march=native|-mtune=native|-mcpu=native|fast-math|-Ofast|-funsafe|-ffinite|-fassociative|/fp:fast")
EMPTY = """#include <Python.h>
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "%s"};
PyMODINIT_FUNC PyInit_%s(void) { return PyModule_Create(&module); }
"""


@pytest.fixture
def script(tmp_path, monkeypatch):
    """setup.py as a module, for a package elsewhere whose kernels are empty modules."""
    spec = importlib.util.spec_from_file_location("setup_script", ROOT / "setup.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("MINISENET_BUILD", "MINISENET_OPENMP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(module, "HERE", tmp_path)
    monkeypatch.setattr(module.platform, "machine", lambda: "x86_64")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "minisenet").mkdir()
    return module


def build(script, tmp_path):
    """Run build_ext; (the names of the modules that are there now, the flags with which they were built)."""
    names = [script.BUILDS[name][0] for name in script.wanted()]
    for name in names:
        (tmp_path / f"{name}.c").write_text(EMPTY % (name, name))
    extensions = [setuptools.Extension(f"minisenet.{name}", [f"{name}.c"]) for name in names]
    command = script.build_kernels(setuptools.Distribution(dict(name="minisenet", packages=["minisenet"], ext_modules=extensions)))
    command.build_lib, command.build_temp = str(tmp_path / "lib"), str(tmp_path / "temp")
    command.ensure_finalized()
    command.run()
    built = {path.name.split(".")[0] for path in (tmp_path / "minisenet").iterdir()}
    return built, [flag for extension in command.extensions for flag in extension.extra_compile_args]


@pytest.fixture
def compiler(script, tmp_path, monkeypatch):
    """Skips the test where there is no compiler at all. (Where kernels are required, the build has raised.)"""
    monkeypatch.setenv("MINISENET_BUILD", "baseline")
    if not build(script, tmp_path)[0]:
        pytest.skip("no working C compiler")
    (tmp_path / "minisenet").rename(tmp_path / "before")
    (tmp_path / "minisenet").mkdir()
    monkeypatch.delenv("MINISENET_BUILD")


def test_no_flag_ties_a_build_to_a_machine_or_loosens_arithmetic():
    sources = [ROOT / "setup.py", ROOT / "pyproject.toml", *(ROOT / ".ci").iterdir(), *(ROOT / "minisenet").rglob("*.p[yx][xi]")]
    assert len(sources) > 10
    for path in sources:
        assert not FORBIDDEN.search(path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize("flags, macros", [(["-march=no-such-processor"], []), ([], ["NO_COMPILER_DEFINES_THIS"])],
                         ids=["refused", "not understood"])
def test_a_flag_that_the_compiler_lacks_drops_that_build_alone(script, compiler, flags, macros, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(script, "BUILDS", {"baseline": ("_kernels", [], []), "v3": ("_kernels_v3", ["-O1"], []),
                                           "v4": ("_kernels_v4", flags or ["-O1"], macros)})
    assert build(script, tmp_path)[0] == {"_kernels", "_kernels_v3"}
    assert "minisenet._kernels_v4 is left out" in capfd.readouterr().err


def test_openmp_can_be_left_out(script, compiler, tmp_path, monkeypatch):
    monkeypatch.setenv("MINISENET_BUILD", "baseline")
    monkeypatch.setenv("MINISENET_OPENMP", "0")
    assert not {"-fopenmp", "/openmp"} & set(build(script, tmp_path)[1])


def test_some_instruction_sets_can_be_chosen(script, monkeypatch):
    assert script.wanted() == ["baseline", "v3", "v4"]
    monkeypatch.setenv("MINISENET_BUILD", "v4,baseline")
    assert script.wanted() == ["baseline", "v4"]
    monkeypatch.setattr(script.platform, "machine", lambda: "arm64")
    with pytest.raises(SystemExit, match="MINISENET_BUILD has 'v4'; it takes some of baseline$"):
        script.wanted()
