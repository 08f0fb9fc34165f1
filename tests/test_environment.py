"""What the environment asks for and cannot have is one line on standard error, and a status that is not 0; and which build and
which backend are chosen."""
import os
import platform
import subprocess
import sys
import types
from pathlib import Path

import pytest
from backends import needs_kernels

import minisenet
from minisenet.backend import builds, processor
from minisenet.info import format_info
from minisenet.info import info as minisenet_info


def info(**environment):
    """`python -m minisenet info` in a process of its own."""
    clean = {k: v for k, v in os.environ.items() if k not in ("MINISENET_BACKEND", "MINISENET_ISA", "OMP_NUM_THREADS")}
    return subprocess.run([sys.executable, "-m", "minisenet", "info"], env=clean | environment, capture_output=True,
                          text=True)


@pytest.mark.parametrize("name, value, says", [
    ("MINISENET_BACKEND", "gpu", "one of auto, fused, cython, numpy"),
    ("MINISENET_ISA", "v9", "one of v4, v3, baseline, got 'v9'"),
    ("MINISENET_NUM_THREADS", "many", "an integer of at least 1"),
    ("MINISENET_NUM_THREADS", "0", "an integer of at least 1"),
])
def test_refused(name, value, says):
    done = info(**{name: value})
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("minisenet: error: ")
    assert name.removeprefix("MINISENET_").lower().split("_")[-1] in done.stderr.lower() and says in done.stderr


@pytest.mark.parametrize("folders", [("train", "reference/test_reference_training.py"), ("data", "bench", "checker", "proof")])
def test_the_folders_of_tests_can_be_run_together(folders):
    """Each is a package, so that its conftest and its helpers have names of their own."""
    paths = [str(Path(__file__).parent / folder) for folder in folders]
    done = subprocess.run([sys.executable, "-m", "pytest", "--collect-only", "-q", *paths], capture_output=True, text=True,
                          cwd=Path(__file__).parents[1])
    assert done.returncode == 0, done.stdout


def test_a_list_of_thread_counts_is_openmps_way_of_nesting():
    assert "threads      3 of" in info(OMP_NUM_THREADS="3,2").stdout


def test_an_empty_variable_is_none():
    assert info(MINISENET_BACKEND="", MINISENET_NUM_THREADS="").returncode == 0


@needs_kernels
def test_each_installed_build_that_the_processor_runs_can_be_chosen():
    usable = [name for name in builds.installed() if name in processor.supported()]
    assert builds.isa in usable
    for name in usable:
        assert f"instructions {name} " in info(MINISENET_ISA=name).stdout


def test_a_build_that_is_not_installed_is_refused_with_the_way_to_get_it(monkeypatch):
    monkeypatch.setenv("MINISENET_ISA", "baseline")
    for there, listed in ((["v4", "v3"], "v4, v3"), ([], "none")):
        monkeypatch.setattr(builds, "installed", lambda: there)
        with pytest.raises(ImportError, match=rf"one of the installed builds \({listed}\), got 'baseline'; .*"
                                              r"MINISENET_BUILD=all pip install -e \."):
            builds.load()


def test_builds_that_the_processor_cannot_run_are_not_imported(monkeypatch):
    monkeypatch.delenv("MINISENET_ISA", raising=False)
    monkeypatch.setattr(builds, "installed", lambda: ["v4"])
    monkeypatch.setattr(builds, "supported", lambda: ("v3", "baseline"))
    monkeypatch.setattr(builds.importlib, "import_module", lambda name: pytest.fail(name))
    module, name, why = builds.load()
    assert module is name is None
    assert why.startswith("this processor runs v3, baseline, and the installed builds are v4; ") and "MINISENET_BUILD=all" in why


def test_without_any_build_there_is_a_reason(monkeypatch):
    monkeypatch.delenv("MINISENET_ISA", raising=False)
    monkeypatch.setattr(builds, "installed", list)
    assert builds.load() == (None, None, "no build is installed")


@needs_kernels
@pytest.mark.parametrize("supported, hint", [(["v4", "baseline"], False), (["v4", "v3", "baseline"], True)])
def test_info_says_which_builds_there_are_and_how_to_get_the_others(supported, hint):
    text = format_info(minisenet_info() | dict(installed=["v4", "baseline"], supported=supported))
    line, = (line for line in text.splitlines() if line.startswith("builds"))
    assert line.startswith("builds       v4, baseline") and line.endswith("MINISENET_BUILD=all pip install -e .)") is hint


# ---- what the processor has --------------------------------------------------------------------------------------------

HIDDEN = ("import numpy._core._multiarray_umath as private; del private.__cpu_features__\n"
          "from minisenet.backend import builds; print(builds.isa)")


@needs_kernels
@pytest.mark.skipif(processor.linux_says("v3") is None, reason="needs Linux on x86")
def test_without_numpys_private_module_the_best_build_is_chosen_still():
    clean = {name: value for name, value in os.environ.items() if name != "MINISENET_ISA"}
    isa, hidden = (subprocess.run([sys.executable, "-c", code], env=clean, capture_output=True, text=True, check=True).stdout
                   for code in (HIDDEN.partition("\n")[2], HIDDEN))
    assert hidden == isa


@pytest.mark.skipif(platform.machine().lower() not in ("x86_64", "amd64"), reason="needs x86; emulated ARM has the host's cpuinfo")
@pytest.mark.skipif(processor.linux_says("v3") is None or processor.numpy_says("v3") is None, reason="needs both sources")
@pytest.mark.parametrize("name", ["v3", "v4"])
def test_the_two_sources_agree(name):
    """Under an emulator they may not; then the more careful one counts."""
    assert processor.numpy_says(name) == processor.linux_says(name)


@pytest.mark.parametrize("numpy, linux, can, unknown", [
    (True, True, ("v4", "v3", "baseline"), []), (True, None, ("v4", "v3", "baseline"), []),
    (None, True, ("v4", "v3", "baseline"), []), (False, True, ("baseline",), []), (True, False, ("baseline",), []),
    (None, False, ("baseline",), []), (None, None, ("baseline",), ["v3", "v4"])])
def test_each_source_that_can_tell_must_say_so(numpy, linux, can, unknown, monkeypatch):
    monkeypatch.setattr(processor, "numpy_says", lambda name: numpy)
    monkeypatch.setattr(processor, "linux_says", lambda name: linux)
    monkeypatch.setattr(processor.platform, "machine", lambda: "x86_64")
    assert processor.supported() == can and processor.unknown() == unknown
    if builds.kernels:
        assert ("neither NumPy nor /proc/cpuinfo can tell" in format_info(minisenet_info())) == bool(unknown)
    monkeypatch.setattr(processor.platform, "machine", lambda: "arm64")
    assert processor.unknown() == []                                   # it has no such instruction sets


@pytest.mark.parametrize("v3, v4, can", [(True, False, ("v3", "baseline")), (False, True, ("baseline",)),
                                         (None, True, ("baseline",))])
def test_v4_takes_v3_and_more(v3, v4, can, monkeypatch):
    monkeypatch.setattr(processor, "has", dict(v3=v3, v4=v4).get)
    monkeypatch.setattr(processor, "is_x86", lambda: True)
    assert processor.supported() == can


@pytest.mark.parametrize("features, answers", [
    (dict(X86_V3=True, X86_V4=False), (True, False)),
    (dict(AVX2=True, FMA3=True, AVX512_SKX=True), (True, True)),    # before NumPy 2.4
    (dict(AVX2=True, FMA3=False, AVX512_SKX=True), (False, True)),
    (dict(AVX2=True, RENAMED=True), (None, None))])
def test_names_that_numpy_no_longer_has_tell_nothing(features, answers, monkeypatch):
    monkeypatch.setattr("numpy._core._multiarray_umath.__cpu_features__", features)
    assert (processor.numpy_says("v3"), processor.numpy_says("v4")) == answers


@pytest.mark.parametrize("lines, answers", [
    ("flags\t\t: fpu avx avx2 bmi1 bmi2 f16c fma abm movbe\nflags : avx512f", (True, False)),
    ("processor : 0\nflags : movbe avx avx2 bmi1 bmi2 f16c fma abm avx512f avx512bw avx512cd avx512dq avx512vl\n",
     (True, True)),
    ("flags : avx avx2 bmi1 bmi2 f16c abm movbe", (False, False)), ("Features : neon", (None, None)), (None, (None, None))])
def test_what_linux_lists(lines, answers, tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text(lines or "")
    monkeypatch.setattr(processor, "open", lambda path, **options: open(tmp_path / ("cpuinfo" if lines else "gone"), **options),
                        raising=False)
    assert (processor.linux_says("v3"), processor.linux_says("v4")) == answers


@pytest.mark.parametrize("said", [None, False])
def test_an_instruction_set_that_nobody_knows_of_may_be_tried(said, monkeypatch):
    monkeypatch.setattr(builds, "has", lambda name: said)
    monkeypatch.setattr(builds, "supported", lambda: ("baseline",))
    monkeypatch.setattr(builds, "installed", lambda: ["v3", "baseline"])
    used = []
    monkeypatch.setattr(builds.importlib, "import_module", lambda name: name)
    monkeypatch.setattr(builds.package, "use", lambda *modules: used.extend(modules))
    monkeypatch.setenv("MINISENET_ISA", "v3")
    if said is None:
        assert builds.load() == (builds.package, "v3", None)
        assert used == ["minisenet._kernels_v3_f32", "minisenet._kernels_v3_f64"]
    else:
        with pytest.raises(ImportError, match="one of baseline on this processor, got 'v3'"):
            builds.load()


# ---- the choice of a backend -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["cython", "fused"])
def test_a_backend_without_its_kernels_never_gives_way_in_silence(name, monkeypatch):
    minisenet.set_backend("numpy")
    monkeypatch.setattr(builds, "kernels", None)
    monkeypatch.setattr(builds, "why_no_kernels", "no file")
    with pytest.raises(RuntimeError, match=rf"the {name} backend needs the compiled kernels.*\(no file\); install"):
        minisenet.set_backend(name)
    assert minisenet.get_backend() == "numpy"
    minisenet.set_backend("auto")
    assert minisenet.get_backend() == "numpy"


@pytest.mark.parametrize("there", [True, False])
def test_training_says_when_there_are_no_kernels(there, capsys, monkeypatch):
    from minisenet.cli import train
    monkeypatch.setattr(builds, "kernels", builds.package if there else None)
    model = types.SimpleNamespace(parameters=dict)
    data = types.SimpleNamespace(name="shapes", train_labels=[0], test_labels=[0], classes=["a"], source="drawn")
    train._introduce(dict(backend="numpy", model="linear"), data, model, "run")
    assert ("slow: the compiled kernels are not installed, see `minisenet info`" in capsys.readouterr().out) is not there


@needs_kernels
def test_use_backend_puts_the_former_one_back_after_an_error_too():
    minisenet.set_backend("cython")
    with pytest.raises(ZeroDivisionError), minisenet.use_backend("numpy"):
        assert minisenet.get_backend() == "numpy"
        raise ZeroDivisionError
    assert minisenet.get_backend() == "cython"
