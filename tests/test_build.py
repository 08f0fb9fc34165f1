"""setup.py: the builds of the kernels carry the right names, whatever the compiler can do, and no flag breaks arithmetic."""
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

import pytest

import minisenet
from minisenet.backend import builds

setuptools = pytest.importorskip("setuptools")
ROOT = Path(__file__).resolve().parents[1]
# Flags that tie a build to the machine it was made on, or let the compiler take a + (b + c) for (a + b) + c and NaN for a number.
FORBIDDEN = re.compile(r"-march=native|-mtune=native|-mcpu=native|fast-math|-Ofast|-funsafe|-ffinite|-fassociative|/fp:fast")
# A module in place of the kernels: all that it has is the size of its float type.
STAND_IN = """#include <Python.h>
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "minisenet._kernels"};
PyMODINIT_FUNC PyInit__kernels(void) {
    PyObject *m = PyModule_Create(&module);
    if (m) PyModule_AddIntConstant(m, "size", sizeof(REAL));
    return m;
}
"""


@pytest.fixture
def script(tmp_path, monkeypatch):
    """setup.py as a module, on an x86 that runs everything, for a package elsewhere that has a stand-in for the kernels."""
    spec = importlib.util.spec_from_file_location("setup_script", ROOT / "setup.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("MINISENET_BUILD", "MINISENET_OPENMP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(module, "HERE", tmp_path)
    monkeypatch.setattr(module, "REQUIRED", False)
    monkeypatch.setattr(module, "c_code", lambda: STAND_IN)
    monkeypatch.setattr(module.processor, "is_x86", lambda: True)
    monkeypatch.setattr(module.processor, "has", lambda name: True)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "minisenet").mkdir()
    return module


def build(script, tmp_path):
    """Run build_ext as for an editable installation; (the builds that are there now, each with both of its modules; the flags with which they were built)."""
    distribution = dict(name="minisenet", packages=["minisenet"], ext_modules=script.extensions(script.wanted(in_place=True)[0]))
    command = script.build_kernels(setuptools.Distribution(distribution))
    command.build_lib, command.build_temp, command.editable_mode = str(tmp_path / "lib"), str(tmp_path / "temp"), True
    command.ensure_finalized()
    command.run()
    modules = {path.name.split(".")[0] for path in (tmp_path / "minisenet").iterdir()}
    built = {name for name in script.BUILDS if f"_kernels_{name}_f32" in modules}
    assert modules == {module.split(".")[1] for name in built for module in builds.modules_of(name)}
    return built, [flag for extension in command.extensions for flag in extension.extra_compile_args]


@pytest.fixture
def compiler(script, tmp_path, monkeypatch):
    """Skips the test where there is no compiler at all."""
    pytest.importorskip("Cython")
    monkeypatch.setenv("MINISENET_BUILD", "baseline")
    if not build(script, tmp_path)[0]:
        assert os.environ.get("MINISENET_REQUIRE_KERNELS") != "1"
        pytest.skip("no working C compiler")
    (tmp_path / "minisenet").rename(tmp_path / "before")
    (tmp_path / "minisenet").mkdir()
    monkeypatch.delenv("MINISENET_BUILD")


def test_no_flag_ties_a_build_to_a_machine_or_loosens_arithmetic():
    sources = [ROOT / "setup.py", ROOT / "pyproject.toml", *(ROOT / ".ci").iterdir(), *(ROOT / "minisenet").rglob("*.p[yx][xi]")]
    assert len(sources) > 10
    for path in sources:
        assert not FORBIDDEN.search(path.read_text(encoding="utf-8")), path


UNKNOWN = pytest.mark.parametrize("flags, macros", [(["-march=no-such-processor"], []), ([], ["NO_COMPILER_DEFINES_THIS"])],
                                  ids=["refused", "not understood"])


@UNKNOWN
@pytest.mark.parametrize("lacks, built", [((), "v4"), (("v4",), "v3"), (("v4", "v3"), "baseline")])
def test_by_default_the_best_build_that_the_compiler_knows_is_made(script, compiler, lacks, built, flags, macros, tmp_path, monkeypatch,
                                                                   capfd):
    monkeypatch.setattr(script, "BUILDS", {
        name: (flags or ["-O1"], macros) if name in lacks else (["-O1"] * (name != "baseline"), []) for name in script.BUILDS})
    assert build(script, tmp_path)[0] == {built}
    assert "minisenet: " not in capfd.readouterr().err


@UNKNOWN
def test_of_all_builds_those_are_made_that_the_compiler_knows(script, compiler, flags, macros, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("MINISENET_BUILD", "all")
    monkeypatch.setattr(script, "BUILDS", {"v4": (flags or ["-O1"], macros), "v3": (["-O1"], []), "baseline": ([], [])})
    assert build(script, tmp_path)[0] == {"v3", "baseline"}
    assert "minisenet: no build for v4: the compiler does not know" in capfd.readouterr().err


def test_openmp_can_be_left_out(script, compiler, tmp_path, monkeypatch):
    monkeypatch.setenv("MINISENET_BUILD", "baseline")
    monkeypatch.setenv("MINISENET_OPENMP", "0")
    assert not {"-fopenmp", "/openmp"} & set(build(script, tmp_path)[1])


def test_without_a_compiler_there_is_one_line(script, tmp_path, monkeypatch, capfd):
    pytest.importorskip("Cython")
    monkeypatch.setenv("CC", "/nonexistent")
    assert build(script, tmp_path)[0] == set()
    out = capfd.readouterr()
    assert [line for line in (out.out + out.err).splitlines() if line.startswith("minisenet: ")] == [
        "minisenet: no kernels are built: there is no working C compiler (CC is /nonexistent); minisenet runs on its NumPy bodies "
        "(see `minisenet info`)"]
    monkeypatch.setattr(script, "REQUIRED", True)
    with pytest.raises(SystemExit, match="no working C compiler"):
        build(script, tmp_path)


@pytest.mark.parametrize("variable, has, wanted", [
    ("", dict(v3=True, v4=True), (["v4", "v3", "baseline"], True)), ("", dict(v3=True, v4=False), (["v3", "baseline"], True)),
    ("", dict(v3=False, v4=False), (["baseline"], True)), ("", dict(v3=None, v4=None), (["v4", "v3", "baseline"], False)),
    ("all", dict(v3=False, v4=False), (["v4", "v3", "baseline"], False)),
    ("baseline,v4", dict(v3=False, v4=False), (["v4", "baseline"], False))])
def test_which_builds_are_wanted(script, variable, has, wanted, monkeypatch):
    monkeypatch.setenv("MINISENET_BUILD", variable)
    monkeypatch.setattr(script.processor, "has", has.get)
    assert script.wanted(in_place=True) == wanted


@pytest.mark.parametrize("variable, wanted", [("", ["v4", "v3", "baseline"]), ("v3", ["v3"])])
def test_a_wheel_gets_all_builds_unless_told(script, variable, wanted, monkeypatch):
    monkeypatch.setenv("MINISENET_BUILD", variable)
    assert script.wanted(in_place=False) == (wanted, False)


@pytest.mark.parametrize("variable, wanted", [("", (["baseline"], True)), ("all", (["baseline"], False))])
def test_other_processors_have_one_build(script, variable, wanted, monkeypatch):
    monkeypatch.setenv("MINISENET_BUILD", variable)
    monkeypatch.setattr(script.processor, "is_x86", lambda: False)
    assert script.wanted(in_place=True) == wanted
    monkeypatch.setenv("MINISENET_BUILD", "v4")
    with pytest.raises(SystemExit, match="MINISENET_BUILD must be all, or some of baseline, got 'v4'$"):
        script.wanted(in_place=True)


def test_setup_makes_the_modules_that_the_package_looks_for(script):
    assert tuple(script.BUILDS) == builds.BUILDS
    assert [extension.name for extension in script.extensions(builds.BUILDS)] == [
        module for name in builds.BUILDS for module in builds.modules_of(name)]


def test_one_c_code_makes_a_module_for_each_float_type(script, compiler, tmp_path, monkeypatch):
    monkeypatch.setenv("MINISENET_BUILD", "baseline")                   # the one that every processor has
    build(script, tmp_path)
    for name, size in (("minisenet._kernels_baseline_f32", 4), ("minisenet._kernels_baseline_f64", 8)):
        path, = (tmp_path / "minisenet").glob(f"{name.split('.')[1]}.*")
        module = importlib.util.module_from_spec(importlib.util.spec_from_file_location(name, path))
        assert module.__name__ == name and module.size == size


def test_the_processor_can_be_asked_before_numpy_is_installed():
    done = subprocess.run([sys.executable, "-S", "-c", "import runpy, sys; there = runpy.run_path(sys.argv[1]); "
                           "print(there['supported']()); assert 'numpy' not in sys.modules", ROOT / "minisenet/backend/processor.py"],
                          capture_output=True, text=True, cwd=ROOT.parent)
    assert done.returncode == 0 and "baseline" in done.stdout, done.stderr


# ---- the wheel ---------------------------------------------------------------------------------------------------------

def run(*command, cwd, **environment):
    """Run a command without this process's Python path and settings; its output."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MINISENET_", "PYTHON"))}
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=clean | environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """An environment with the wheel of the source distribution, and with no other trace of minisenet; its folder of commands."""
    pytest.importorskip("Cython")
    folder = tmp_path_factory.mktemp("wheel")
    clone = shutil.copytree(ROOT, folder / "clone", ignore=shutil.ignore_patterns(".*", "build", "_build", "runs", "*.so", "*.egg-info"))
    hook = "import sys, setuptools.build_meta as hooks; getattr(hooks, sys.argv[1])(sys.argv[2])"
    run(sys.executable, "-c", hook, "build_sdist", folder, cwd=clone)
    sdist, = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    run(sys.executable, "-c", hook, "build_wheel", folder, cwd=folder / sdist.name.removesuffix(".tar.gz"))
    wheel, = folder.glob("*.whl")
    shutil.rmtree(clone)
    shutil.rmtree(folder / sdist.name.removesuffix(".tar.gz"))
    run(sys.executable, "-m", "venv", folder / "environment", cwd=folder)
    scripts = sysconfig.get_path("scripts", "venv", vars={"base": str(folder / "environment")})
    python = Path(scripts, "python")
    run(python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", wheel, cwd=folder)
    # The dependencies come from this environment. Python ignores its .pth files, so an editable minisenet is not found there.
    packages = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip()
    Path(packages, "dependencies.pth").write_text("\n".join({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}))
    return Path(scripts)


ANSWER = """def squeeze(u):
    return u.mean(axis=(1, 2))


def half(u):
    return u.mean(axis=(1, 2)) / 2
"""


@pytest.mark.slow
def test_the_wheel_runs_far_from_the_clone(installed, tmp_path):
    """It holds all that the commands need, and so does the source distribution, from which it was made."""
    command = installed / "minisenet"
    where = run(installed / "python", "-c", "import minisenet; print(minisenet.__file__)", cwd=tmp_path).strip()
    assert Path(where).is_relative_to(installed.parent) and where != minisenet.__file__
    info = run(command, "info", cwd=tmp_path)
    if os.environ.get("MINISENET_REQUIRE_KERNELS") == "1":
        assert "backend      fused" in info and re.search(r"^builds +(v4, v3, )?baseline$", info, re.M)
    settings = "--data shapes --limit 128 --epochs 1 --width 2 --reduction 2 --batch-size 32 --out run".split()
    run(command, "train", *settings, cwd=tmp_path, MINISENET_DATA=str(tmp_path), HOME=str(tmp_path))
    assert (tmp_path / "run" / "metrics.jsonl").read_text().count("\n") == 1
    assert "1 of 1 operations right" in run(command, "gradcheck", "squeeze", cwd=tmp_path)
    (tmp_path / "answer.py").write_text(ANSWER)
    run(command, "check", "answer.py:squeeze", cwd=tmp_path)
    wrong = subprocess.run([command, "check", "answer.py:half", "--like", "squeeze"], cwd=tmp_path, capture_output=True, text=True)
    assert wrong.returncode == 1 and "wrong" in wrong.stdout
    run(command, "course", "start", "exercises", "--solutions", cwd=tmp_path)
    assert len(list((tmp_path / "exercises" / "reading").iterdir())) == 13          # cut out of the pages in share/doc
    assert "1 of 1 exercise right" in run(command, "course", "check", "exercises", "01", cwd=tmp_path)
