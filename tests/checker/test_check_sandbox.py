"""The process of its own: whatever a file does, the check goes on, the process is gone, and the next check works."""
import os
import sys
import textwrap
import threading

import numpy as np
import pytest

from minisenet import gradcheck
from minisenet.checker import sandbox, worker

RIGHT = "import numpy as np\ndef squeeze(u):\n    return u.mean(axis=(1, 2))\n"
LIMITS = dict(time_limit=120.0)                                         # for what does not hang: busy machines are slow
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs limits that only Linux has")


def some(values, often):
    """Parameters of which the first few are tried every day; each costs the start of two processes."""
    return values[:often] + [pytest.param(value, marks=pytest.mark.slow) for value in values[often:]]


@pytest.fixture
def started(monkeypatch):
    """The processes that were started, which all have to be gone at the end."""
    processes, popen = [], sandbox.subprocess.Popen

    def start(*args, **options):
        processes.append(popen(*args, **options))
        return processes[-1]
    monkeypatch.setattr(sandbox.subprocess, "Popen", start)
    yield processes
    assert processes and all(process.returncode is not None for process in processes)


@pytest.fixture
def check(tmp_path, started):
    """Check `squeeze` of a file with this text; afterwards a right one, to see that nothing is left of the first."""
    def of(text, name="answer.py", **limits):
        path = tmp_path / name
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        verdict = gradcheck.check_file(f"{path}:squeeze", **(LIMITS | limits))
        assert max(map(len, str(verdict).splitlines())) <= 80
        return verdict
    yield of
    (tmp_path / "afterwards.py").write_text(RIGHT, encoding="utf-8")
    right = sandbox.Isolated(tmp_path / "afterwards.py", "squeeze", seconds=120, memory=2**30)
    assert right.call([np.ones((1, 2, 2, 1))], {})["value"] == 1
    right.close()


def inside(line, before=""):
    """A right squeeze that does something else as well."""
    return f"import numpy as np\n{before}\ndef squeeze(u):\n    {line}\n    return u.mean(axis=(1, 2))\n"


@pytest.mark.skipif(os.name == "nt", reason="the other Python is a shell script")
def test_numpy_is_found_where_only_this_process_knows_it(tmp_path, check, monkeypatch):
    """In the user's own packages or on PYTHONPATH, which an isolated process leaves out: here it has no site-packages at all."""
    other = tmp_path / "python"
    other.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n', encoding="utf-8")
    other.chmod(0o755)
    monkeypatch.setattr(sandbox.sys, "executable", str(other))
    assert check(RIGHT).passed


# ---- what never comes back -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("text", [
    inside("while True: pass"),
    inside("import time; time.sleep(10_000)"),
    inside("import threading; threading.Event().wait()"),
    inside("while u.shape[3] == 3: pass"),                             # in a case that Hypothesis may draw, not in the first
], ids=["loop", "sleep", "deadlock", "some cases"])
def test_a_call_that_hangs(check, text):
    verdict = check(text, time_limit=2.0)
    assert verdict.mistake == "does not return" and verdict.named.certain
    assert "the call:\n" in str(verdict) and list(verdict.smallest.arguments) == ["u"]


def test_an_import_that_hangs(check):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sandbox, "IMPORT", 2.0)
        verdict = check("while True: pass\n")
    assert verdict.mistake == "does not return" and "while it was imported" in verdict.named.says


def test_endless_printing(check):
    """The pipe would fill up, and the process wait for ever, if nobody read it."""
    verdict = check(inside("while True: print('x' * 1000)"), time_limit=2.0)
    assert verdict.mistake == "does not return" and len("".join(verdict.notes)) < 200


# ---- what ends the process -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("line, mistake", [
    ("import os; os._exit(0)", "ends the process"),
    ("import os; os._exit(3)", "ends the process"),
    ("exit()", "ends the process"),
    ("raise SystemExit('done')", "ends the process"),
    ("import os; os.kill(os.getpid(), 9)", "ends the process"),
    ("import os; os.abort()", "ends the process"),
    ("import ctypes; ctypes.string_at(0)", "ends the process"),
    ("raise KeyboardInterrupt", "ends the process"),
], ids=["_exit 0", "_exit 3", "exit", "SystemExit", "kill", "abort", "segmentation fault", "KeyboardInterrupt"])
def test_a_call_that_ends_the_process(check, line, mistake):
    verdict = check(inside(line))
    assert not verdict.passed and verdict.mistake == mistake


@pytest.mark.parametrize("line", ["import os; os._exit(0)", "raise SystemExit", "import ctypes; ctypes.string_at(0)"])
def test_an_import_that_ends_the_process(check, line):
    verdict = check(f"{line}\n{RIGHT}")
    assert verdict.mistake == "ends the process" and verdict.smallest is None


@linux
def test_a_hundred_gigabytes(check):
    assert check(inside("np.ones(100 * 2**30 // 8)"), memory_limit=2**30).mistake == "too much memory"


def test_deep_recursion(check):
    assert check("def squeeze(u):\n    return squeeze(u)\n").mistake == "raises RecursionError"


# ---- what leaves something behind ----------------------------------------------------------------------------------------

def test_a_thread_that_goes_on(check):
    before = "import threading, time\nthreading.Thread(target=lambda: time.sleep(10_000)).start()"
    assert check(inside("pass", before)).passed


@linux
def test_a_subprocess_that_the_file_starts(check, tmp_path):
    """It holds the pipe of its parent's standard error open, and is ended with it."""
    note = tmp_path / "child"
    before = ("import subprocess, sys\nchild = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
              f"open({str(note)!r}, 'w').write(str(child.pid))")
    assert check(inside("pass", before)).passed
    child = int(note.read_text())
    try:
        with open(f"/proc/{child}/stat") as stat:
            assert stat.read().rpartition(")")[2].split()[0] == "Z"        # ended, and nobody has asked for its status yet
    except FileNotFoundError:
        pass


@linux
def test_a_big_file(check, tmp_path):
    """A file may grow to some size; then writing fails, or ends the process."""
    big = tmp_path / "big"
    verdict = check(inside(f"open({str(big)!r}, 'ab').write(bytes(2**26 + 1))"))
    assert not verdict.passed and verdict.mistake in ("raises OSError", "ends the process")
    assert not big.exists() or big.stat().st_size <= worker.MOST_BYTES


# ---- the channel ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("line", some([
    "print('hello')", "import sys; sys.stdout.write('{}' * 100); sys.stdout.flush()",
    "import os; os.write(1, b'noise' * 100)",
    "import sys; sys.__stdout__.buffer.write(bytes(100)); sys.__stdout__.flush()", "import os; os.system('echo noise')",
    "import sys; sys.stderr.write('noise')",
], 2))
def test_what_is_printed_does_not_disturb_the_answers(check, line):
    verdict = check(inside(line))
    assert verdict.passed and any("it prints" in note for note in verdict.notes)


@pytest.mark.parametrize("line", some([
    "import sys; sys.stdin.read()", "import sys; sys.stdin.readline()", "import sys; sys.stdout.close()",
    "import sys; sys.stderr.close()", "import os; os.close(1)", "import os; os.close(2)", "import sys; sys.stdout = None",
], 3))
def test_streams_that_are_read_or_closed(check, line):
    """Twice in one process: the second time they are closed already."""
    verdict = check(inside(f"\n    try:\n        {line}\n    except (OSError, ValueError, AttributeError):\n        pass"))
    assert verdict.passed, str(verdict)


def test_input_has_come_to_its_end(check):
    verdict = check(inside("input()"))
    assert verdict.mistake == "raises EOFError"


def test_nothing_is_unpickled(check, tmp_path):
    """An object that would run code when it is unpickled is named, no more."""
    trap = tmp_path / "trap"
    verdict = check(f"""
        import os
        class Trap:
            def __reduce__(self):
                return os.system, ("echo sprung > {trap}",)
        def squeeze(u):
            return Trap()
        """)
    assert verdict.mistake == "wrong kind of result" and "Trap" in verdict.named.says
    assert not trap.exists()
    assert not {"pickle", "marshal", "shelve"} & set(vars(worker)) and not {"pickle", "marshal"} & set(vars(sandbox))


def test_a_file_that_speaks_the_protocol_by_itself(check):
    """It finds the channel and writes what it likes: no exception, and not right."""
    anywhere = "import os\n    for n in range(3, 20):\n        try: os.write(n, bytes(64))\n        except OSError: pass"
    verdict = check(inside(anywhere))
    assert not verdict.passed


# ---- minisenet is out of reach -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("text", some([
    "import minisenet\ndef squeeze(u): return minisenet.functional.squeeze(u)",
    "from minisenet.functional import squeeze",
    "import minisenet.functional as F\nsqueeze = F.squeeze",
    "def squeeze(u):\n    from minisenet.functional import squeeze as theirs\n    return theirs(u)",
    "def squeeze(u):\n    import importlib\n    return importlib.import_module('minisenet.functional').squeeze(u)",
    "squeeze = __import__('minisenet.functional', fromlist=['squeeze']).squeeze",
    "import runpy\nsqueeze = runpy.run_module('minisenet.functional')['squeeze']",
    "def squeeze(u):\n    exec('from minisenet.functional import squeeze as s', globals())\n    return s(u)",
], 3))
def test_minisenet_cannot_be_imported(check, text):
    assert check(text + "\n").mistake == "imports minisenet"


@pytest.mark.parametrize("line", some([
    "sys.path.insert(0, '/')", "sys.path.clear()", "sys.path = []", "sys.modules.clear()", "os.chdir('/')",
    "os.environ.clear()",
    "del np.ndarray", "del np.array, np.array_equal, np.shares_memory, np.prod", "np.array = None",
    "builtins.isinstance = lambda *a: True", "sys.setrecursionlimit(50)", "np.seterr(all='raise')",
    "sys.meta_path.clear()",
], 3))
def test_tricks_change_no_verdict(check, line):
    """A process that takes itself apart may fail; it never passes for a wrong answer, and never brings the check down."""
    before = f"import builtins, os, sys\ntry:\n    {line}\nexcept Exception:\n    pass"
    wrong = check(inside("return u.sum(axis=(1, 2))", before))
    assert not wrong.passed


def test_the_checker_in_this_process_stays_whole(check):
    check(inside("pass", "np.mean = np.sum = np.abs = None"))
    assert np.mean([1.0]) == 1 and threading.active_count() < 50


# ---- paths ---------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", some([
    "with spaces.py", "Übung größe 1.py", "a.b.c.py", "numpy_answer.py", "test-1.py", "json.py",
    "struct.py", "class.py"
], 2))
def test_names_of_files(check, name):
    verdict = check(RIGHT, name)
    assert verdict.passed, str(verdict)


def test_a_relative_path_and_a_file_beside_it(tmp_path, monkeypatch, started):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "helper.py").write_text("def mean(u):\n    return u.mean(axis=(1, 2))\n", encoding="utf-8")
    (tmp_path / "answer.py").write_text("from helper import mean\ndef squeeze(u):\n    return mean(u)\n", encoding="utf-8")
    assert gradcheck.check_file("answer.py:squeeze", **LIMITS).passed
    assert gradcheck.check_file(f"..{os.sep}{tmp_path.name}{os.sep}answer.py:squeeze", **LIMITS).passed


def test_a_file_that_changes_the_directory(check, tmp_path):
    here = os.getcwd()
    assert check(inside("os.chdir('/')", "import os\nos.chdir('/')")).passed
    assert os.getcwd() == here


def test_the_process_leaves_no_bytecode(check, tmp_path):
    check(RIGHT)
    assert not list(tmp_path.rglob("__pycache__"))
