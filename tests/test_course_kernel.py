"""The Cython exercise of the course kit: what compiles, what is said of what does not, and kernels that are not kernels."""
import importlib.util
import os
import re
import sys

import numpy as np
import pytest

from minisenet.cli import main
from minisenet.course import kernel, marking, select, start

MEAN = "    return u.mean(axis=(1, 2))\n"
UNDER_THE_GIL = '''\
    for n in range(u.shape[0]):
        for c in range(u.shape[3]):
            z[n, c] = 0
            for i in range(u.shape[1]):
                for j in range(u.shape[2]):
                    z[n, c] += u[n, i, j, c] / positions
'''


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("course") / "solutions"
    start(folder, solutions=True)
    return (folder / "e13_kernel.pyx").read_text(encoding="utf-8")


@pytest.fixture
def solutions(tmp_path):
    start(tmp_path / "solutions", solutions=True)
    return tmp_path / "solutions"


# ---- the compiler ------------------------------------------------------------------------------------------------------------

@pytest.fixture
def build(tmp_path):
    """`kernel.build` in a folder of its own; skipped where the tools are missing, and says which."""
    def built(path, **options):
        place = tmp_path / "place"
        place.mkdir(exist_ok=True)
        try:
            return kernel.build(path, place, **options)
        except kernel.NoTools as reason:
            if os.environ.get("MINISENET_REQUIRE_KERNELS") == "1" and "compiler" in str(reason):
                raise                                                   # what built the kernels can build this
            pytest.skip(str(reason))
    return built


def test_the_kernels_solution_compiles_and_computes(solutions, build):
    path = build(solutions / "e13_kernel.pyx")
    module = importlib.util.module_from_spec(spec := importlib.util.spec_from_file_location("e13_kernel", path))
    spec.loader.exec_module(module)
    for dtype, tolerance in ((np.float32, 1e-6), (np.float64, 1e-15)):
        u = np.random.default_rng(0).standard_normal((2, 3, 5, 4)).astype(dtype)
        u.flags.writeable = False
        z = module.squeeze(u)
        assert z.dtype == dtype and np.allclose(z, u.mean(axis=(1, 2), dtype=np.float64), rtol=0, atol=tolerance)
        assert np.array_equal(module.squeeze(np.asfortranarray(u)), z)
    assert [path.name for path in solutions.glob("e13*")] == ["e13_kernel.pyx"]


@pytest.mark.parametrize("before, after, message", [
    ("for i in range", "for i im range", "Expected "),
    pytest.param("z[n, c] = 0", "z[n, c] = zero", "undeclared name not builtin: zero", marks=pytest.mark.slow),
    pytest.param("z[n, c] + u[n, i, j, c]", "np.add(z[n, c], u[n, i, j, c])", "without the GIL", marks=pytest.mark.slow),
])
def test_a_compile_error_is_shown_in_few_lines(before, after, message, solutions, build):
    path = solutions / "e13_kernel.pyx"
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")
    with pytest.raises(kernel.NotCompiled) as error:
        build(path)
    line = text[:text.index(before)].count("\n") + 1
    assert str(error.value).startswith(f"e13_kernel.pyx, line {line}: ") and message in str(error.value)
    assert after in str(error.value) and len(str(error.value).splitlines()) <= 2 * kernel.SHOWN + 1


def test_a_compilation_has_a_time_limit(solutions, build):
    with pytest.raises(kernel.NotCompiled, match="e13_kernel.pyx: still compiling after 0.05 s"):
        build(solutions / "e13_kernel.pyx", time_limit=0.05)


def test_without_a_compiler(solutions, tmp_path, monkeypatch, build):
    monkeypatch.setenv("CC", str(tmp_path / "no-such-compiler"))
    monkeypatch.setenv("LDSHARED", str(tmp_path / "no-such-compiler"))
    monkeypatch.delenv("MINISENET_REQUIRE_KERNELS", raising=False)
    if importlib.util.find_spec("Cython") is None or importlib.util.find_spec("setuptools") is None:
        pytest.skip("Cython or setuptools is missing")
    with pytest.raises(kernel.NoTools, match="no C compiler that works"):
        kernel.build(solutions / "e13_kernel.pyx", tmp_path)


def test_without_cython(solutions, tmp_path, monkeypatch):
    """In the build's own process, where importing Cython fails."""
    (tmp_path / "Cython.py").write_text("raise ImportError('planted')\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(kernel.NoTools, match="pip install cython setuptools"):
        kernel.build(solutions / "e13_kernel.pyx", tmp_path)


# ---- mistakes that have a name -----------------------------------------------------------------------------------------

IMPORT = "import numpy as np\n"
LOOPS = ("    with nogil:", "\n\n\ndef squeeze(u)")                    # from here to there
CALLS = ("    u = np.ascontiguousarray", "    return z\n")
CLEARS = "            for c in range(u.shape[3]):\n                z[n, c] = 0\n"
ADDS = "                        z[n, c] = z[n, c] + u[n, i, j, c]\n"


def between(text, begins, ends, new):
    """The text with everything from `begins` to `ends` replaced."""
    first, last = text.index(begins), text.index(ends)
    return text[:first] + new + text[last:]


def numpy_does_it(text):
    return text.replace(text[text.index(CALLS[0]):], MEAN)


KERNELS = {
    "cimports NumPy": (lambda text: text.replace(IMPORT, IMPORT + "cimport numpy as cnp\n\ncnp.import_array()\n"), "right", None, ""),
    "NumPy does the work": (numpy_does_it, "not as asked", "NumPy does the work", ": return u.mean(axis=(1, 2)) Write the loops"),
    "holds the GIL": (lambda text: between(text, *LOOPS, UNDER_THE_GIL), "not as asked", "holds the GIL", "with nogil:"),
    "not cleared": (lambda text: text.replace(CLEARS, ""), "wrong", "array not cleared", "np.empty"),
    "not cleared, in one type only": (
        lambda text: text.replace("    z[n, c] = 0\n", "    if real is double:\n                    z[n, c] = 0\n"), "wrong",
        "array not cleared", "float32"),
    "one too far": (lambda text: text.replace("for j in range(u.shape[2])", "for j in range(u.shape[2] + 1)"), "wrong",
                    "index out of range", ": z[n, c] = z[n, c] + u[n, i, j, c]"),
    "far away": (lambda text: text.replace(ADDS, ADDS.replace("i, j,", "i, j * 100000000,")), "wrong", "index out of range", "axis 2"),
    "out of range, in a function that cannot raise": (
        lambda text: between(text, *LOOPS, "    with nogil:\n        mean(u, z)")
        .replace("def squeeze_loops(", "cdef void mean(const real[:, :, :, ::1] u, real[:, ::1] z) noexcept nogil:\n"
                 "    z[0, 0] = u[0, u.shape[1], 0, 0]\n\n\ndef squeeze_loops("), "wrong", "index out of range", "axis 1"),
    "the C compiler rejects it": (lambda text: text.replace(IMPORT, IMPORT + 'cdef extern from "nowhere.h":\n    double f(double)\n'),
                                  "wrong", "does not compile", "nowhere.h"),
    "adds the wrong number": (lambda text: text.replace("z[n, c] + u[n, i, j, c]", "u[n, i, j, c]"), "wrong", None, "smallest"),
    "float64 inside": (
        lambda text: between(text, *CALLS, "    z = np.empty((u.shape[0], u.shape[3]))\n"
                             "    squeeze_loops(np.ascontiguousarray(u, np.float64), z)\n"), "wrong", "float32", "float32"),
    "Cython rejects it": (lambda text: text.replace("z[n, c] = 0\n", "zz[n, c] = 0\n"), "wrong", "does not compile", "zz"),
}


def marked(folder):
    mark, = marking.mark(folder, select(["13"]))
    one, = mark.functions
    if one.verdict == "not checked":
        pytest.skip(one.text)
    return mark, one


@pytest.mark.slow
@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_and_what_is_said_of_it(name, solutions, solved):
    edit, verdict, mistake, said = KERNELS[name]
    assert edit(solved) != solved
    (solutions / "e13_kernel.pyx").write_text(edit(solved), encoding="utf-8")
    mark, one = marked(solutions)
    text = " ".join(one.text.split())
    assert one.verdict == verdict, one.text
    assert mark.points == (6 if verdict == "right" else 0)
    assert said in text and "Traceback" not in text and "site-packages" not in text, one.text
    assert name in ("adds the wrong number",) or one.mistake == mistake, one.text
    for number, line in re.findall(r"line (\d+): (.*?)(?: Write| With|$)", text):
        assert mistake == "does not compile" or edit(solved).splitlines()[int(number) - 1].strip() == line
    assert max([len(line) for line in one.text.splitlines()], default=0) <= 80
    if verdict == "not as asked":
        assert text.startswith("The numbers are right, but") and "WRONG" not in text


@pytest.mark.slow
def test_the_command_says_that_a_kernel_is_right_and_not_what_was_asked(solutions, solved, capsys):
    (solutions / "e13_kernel.pyx").write_text(numpy_does_it(solved), encoding="utf-8")
    marked(solutions)
    assert main(["course", "check", str(solutions), "13"]) == 1
    out = capsys.readouterr().out
    assert re.search(r"^13 one Cython kernel +0 / 6  not as asked  NumPy does the work$", out, re.MULTILINE)


# ---- what the text alone says ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("change, mistake", [
    (lambda text: text, None),
    (numpy_does_it, "NumPy does the work"),
    (lambda text: numpy_does_it(text).replace("u.mean(", "np.mean(u, "), "NumPy does the work"),
    (lambda text: numpy_does_it(text).replace("u.mean(", "average(u, ").replace(IMPORT, IMPORT + "from numpy import average\n"),
     "NumPy does the work"),
    (lambda text: between(text, *LOOPS, UNDER_THE_GIL), "holds the GIL"),
    (lambda text: between(text, *LOOPS, "    # with nogil:\n" + UNDER_THE_GIL), "holds the GIL"),
    (lambda text: between(text, *LOOPS, '    "with nogil:"\n    with nogil:\n        pass\n' + UNDER_THE_GIL), "holds the GIL"),
    (lambda text: between(text, *LOOPS, "    with nogil:\n        loops(u, z)").replace(
        "def squeeze_loops(", "cdef void loops(const real[:, :, :, ::1] u, real[:, ::1] z) noexcept nogil:\n    pass\n\n\ndef squeeze_loops("),
     None),
    (lambda text: between(text, *LOOPS, "    with nogil: loops(u, z)"), None),
    (lambda text: text.replace("    ", "\t"), None),
    (lambda text: between(text, *LOOPS, "    for n in prange(u.shape[0], nogil=True):\n        z[n, 0] = 0"), None),
    (lambda text: text + "\n\ndef try_it(u):\n    assert np.allclose(squeeze(u), u.mean(axis=(1, 2)))\n", None),     # not called
    (lambda text: text.replace('"""F_sq', '"""As u.mean((1, 2)): F_sq'), None),
])
def test_what_is_not_as_asked(change, mistake, solved):
    text = change(solved)
    found = kernel.not_as_asked(text)
    assert (found and found[0]) == mistake
    if mistake == "NumPy does the work":
        number, line = re.search(r"line (\d+): (.*)", found[1]).groups()
        assert text.splitlines()[int(number) - 1].strip() == line


@pytest.mark.parametrize("change, verdict", [
    (lambda stub: stub, "not started"),
    (lambda stub: stub.replace("import numpy as np\n", "import numpy as np\n\n\ndef helper(x):\n    return x\n"), "not started"),
    (lambda stub: stub.replace("    raise NotImplementedError ", "    with nogil:\n        z[0, 0] = u[0, 0, 0, 0]\n        # raise "),
     None),
    (lambda stub: stub.replace("    raise NotImplementedError ", "    with nogil:\n        z[0, 0] = 0\n    # raise ").replace(
        "    squeeze_loops(u, z)", "    if u.dtype == np.float16:\n        raise NotImplementedError\n    squeeze_loops(u, z)"), None),
])
def test_when_a_kernel_counts_as_not_started(change, verdict, tmp_path):
    start(tmp_path / "stubs")
    exercise, = select(["13"])
    path = tmp_path / "stubs" / exercise.file
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    early = marking._without_running(path, exercise, "squeeze")
    assert (early and early.verdict) == verdict


@pytest.mark.parametrize("output, shown", [
    ("In file included from e13_kernel.c:9:\ne13_kernel.c: In function 'f':\n"
     "e13_kernel.c:1268:48: error: 'b' undeclared (first use in this function)\n 1268 |     static double twice(double a) { return 2 * b; }\n"
     "      |     ^\nTraceback (most recent call last):\n  File \"build_kernel.py\", line 47\nCompileError: Command '['gcc'",
     "the C compiler: 'b' undeclared (first use in this function)\n    static double twice(double a) { return 2 * b; }"),
    ("e13_kernel.c:1273:10: fatal error: nowhere.h: No such file or directory\n 1273 | #include \"nowhere.h\"\ncompilation terminated.\n",
     "the C compiler: nowhere.h: No such file or directory\n    #include \"nowhere.h\""),
    ("e13_kernel.pyx:2:4: Constructing Python tuple not allowed without gil\ne13_kernel.pyx:2:8: Calling gil-requiring function not "
     "allowed without gil\ne13_kernel.pyx:3:0: Expected ')', found 'EOF'\n",
     "e13_kernel.pyx, line 2: Constructing Python tuple not allowed without gil\n    z[n, c] = 0\n"
     "e13_kernel.pyx, line 3: Expected ')', found 'EOF'"),
    ("e13_kernel.pyx:2:12: error: lvalue required\n", "e13_kernel.pyx, line 2: lvalue required\n    z[n, c] = 0"),
    ("e13_kernel.c(12): error C2065: 'b': undeclared identifier\n", "the C compiler: 'b': undeclared identifier"),
    ("/usr/bin/ld: cannot find -lnowhere: No such file\ncollect2: error: ld returned 1 exit status\nTraceback (most recent call last):\n",
     "the C compiler: cannot find -lnowhere: No such file"),
    ("Traceback (most recent call last):\n  File \"x.py\", line 1, in f\nValueError: nobody foresaw it\n", "ValueError: nobody foresaw it"),
])
def test_the_first_real_error_is_shown(output, shown, tmp_path):
    path = tmp_path / "e13_kernel.pyx"
    path.write_text("with nogil:\n    z[n, c] = 0\n", encoding="utf-8")
    assert kernel._shortened(output, path) == shown


# ---- the command that a student tries first -----------------------------------------------------------------------------

@pytest.mark.parametrize("target, message", [
    ("e13_kernel.pyx:squeeze", "TARGET must be a function of a Python file, got the Cython file e13_kernel.pyx; exercise 13 is checked "
                               "by `minisenet course check . 13`"),
    ("solved/kernel.pyx:squeeze", "compile it, and give the extension module that results"),
    ("work.ipynb:squeeze", "TARGET must be a function of a Python file, got the notebook work.ipynb; in the notebook, call "
                           "`minisenet.gradcheck.check(squeeze)`"),
    ("e06_squeeze.py", "TARGET must be FILE.py:FUNCTION, got 'e06_squeeze.py'; it has e06_squeeze.py:squeeze, "
                       "e06_squeeze.py:squeeze_backward"),
    ("e06_squeeze.py:not a name", "TARGET must be FILE.py:FUNCTION, got 'e06_squeeze.py:not a name'"),
    (".", "TARGET must be FILE.py:FUNCTION, got the folder .; to mark a folder: `minisenet course check .`"),
    ("nowhere.py:squeeze", "FILE must be a Python file, got nowhere.py, which does not exist"),
])
def test_check_says_in_one_line_what_to_do(target, message, solutions, monkeypatch, capsys):
    monkeypatch.chdir(solutions)
    assert main(["check", target]) == 2
    out, err = capsys.readouterr()
    assert message in err and err.count("\n") == 1 and not out


def test_the_backward_in_a_notebook_needs_its_name_alone(solutions, monkeypatch, capsys):
    monkeypatch.chdir(solutions)
    assert main(["check", "work.ipynb:my_squeeze", "--like", "squeeze"]) == 2
    assert "`minisenet.gradcheck.check(my_squeeze, like=\"squeeze\")`" in capsys.readouterr().err


@pytest.mark.parametrize("argv, command", [
    (["e06_squeeze.py"], "minisenet course check . e06_squeeze.py"),
    (["../solutions/e13_kernel.pyx"], "minisenet course check ../solutions e13_kernel.pyx"),
    (["notes.txt"], "minisenet course check ."),
    (["e06_squeeze.py", "07"], "minisenet course check . e06_squeeze.py 07"),
])
def test_course_check_of_a_file_names_the_right_command(argv, command, solutions, monkeypatch, capsys):
    monkeypatch.chdir(solutions)
    (solutions / "notes.txt").write_text("mine", encoding="utf-8")
    assert main(["course", "check", *argv]) == 2
    out, err = capsys.readouterr()
    assert f"DIR must be a folder, got the file {argv[0]}: `{command}`" in err and err.count("\n") == 1 and not out
