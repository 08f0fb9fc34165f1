"""The course kit: stubs that cannot drift, folders that are never overwritten, marks that say what is wrong."""
import ast
import doctest
import importlib.util
import inspect
import json
import os
import re
import subprocess
import sys
import textwrap
import tomllib
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from minisenet import checker, functional, optim
from minisenet.cli import main
from minisenet.course import EXERCISES, files, gradescope, kernel, marking, reading, report, select, source, start
from minisenet.gradcheck import residual_block

ROOT = Path(__file__).parents[1]
PYTHON = [exercise for exercise in EXERCISES if exercise.suffix == ".py"]
every_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.module)
every_python = pytest.mark.parametrize("exercise", PYTHON, ids=lambda exercise: exercise.module)


def package_function(name):
    return next(getattr(place, name) for place in (functional, residual_block, optim) if hasattr(place, name))


def load(path, monkeypatch):
    """A file of a folder as a module that sees the other files of the folder."""
    monkeypatch.syspath_prepend(str(path.parent))
    for exercise in EXERCISES:
        monkeypatch.delitem(sys.modules, exercise.module, raising=False)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def stubs(tmp_path):
    start(tmp_path / "stubs")
    return tmp_path / "stubs"


@pytest.fixture
def solutions(tmp_path):
    start(tmp_path / "solutions", solutions=True)
    return tmp_path / "solutions"


# ---- the table ---------------------------------------------------------------------------------------------------------

def test_the_exercises_are_those_of_the_paper_in_its_order():
    assert [exercise.functions for exercise in EXERCISES] == [
        ("conv2d",), ("conv2d_backward_input",), ("conv2d_backward_weight",), ("batch_norm",), ("batch_norm_backward",),
        ("squeeze", "squeeze_backward"), ("excitation", "excitation_backward"), ("scale", "scale_backward"),
        ("se_block", "se_block_backward"), ("residual_block", "residual_block_backward"),
        ("softmax_cross_entropy", "softmax_cross_entropy_backward"), ("sgd_step",), ("squeeze",)]
    assert [exercise.number for exercise in EXERCISES] == [f"{i:02}" for i in range(1, 14)]
    assert len({exercise.name for exercise in EXERCISES}) == len(EXERCISES)


def test_points_are_whole_numbers_that_add_up_to_100():
    assert sum(exercise.points for exercise in EXERCISES) == 100
    assert all(exercise.points % len(exercise.functions) == 0 for exercise in EXERCISES)


@every_exercise
def test_an_exercise_builds_on_earlier_ones_and_has_a_hint(exercise):
    assert all(number < exercise.number for number in exercise.builds_on)
    assert exercise.hints and exercise.task and exercise.formula
    taken = set().union(*(inspect.signature(package_function(name)).parameters for name in exercise.functions))
    assert set(exercise.may_go) <= taken


@pytest.mark.parametrize("name", ["06", "6", "squeeze", "e06_squeeze", "e06_squeeze.py"])
def test_an_exercise_has_many_names(name):
    assert [exercise.number for exercise in select([name])] == ["06"]


def test_what_is_asked_for_comes_in_the_papers_order():
    assert [exercise.number for exercise in select(["scale", "06", "6"])] == ["06", "08"]
    assert select() == list(EXERCISES) == select([])
    with pytest.raises(ValueError, match="EXERCISE must be a number from 01 to 13 or a name, got '14'; the names are convolution"):
        select(["14"])


# ---- from the package's source -----------------------------------------------------------------------------------------

PLANTED = '''
"""A planted module.

    y = 2 x
"""
import numpy as np

from minisenet import arguments
from minisenet import functional as F
from minisenet.backend import kernelised
from minisenet.functional.linear import linear


def _check_it(x):
    return arguments.arrays(x=(x, 2))


def _twice(x):
    return 2 * x                                                    # helper's comment


@kernelised(_check_it)
def planted(x,
            *, eps=1e-5):
    """Twice.

    Parameters
    ----------
    x : ndarray

    Raises
    ------
    ValueError
        For a bad x.

    Notes
    -----
    Source: here.
    """
    x, = arguments.arrays(x=(x, 2))
    _check_it(
        x)
    # a comment of its own
    y = F.relu(_twice(x)) + F.sigmoid(x)                            # a comment beside
    return linear(y, np.eye(2))
'''


@pytest.fixture
def planted(tmp_path, monkeypatch):
    (tmp_path / "planted_module.py").write_text(PLANTED, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield source.function("planted_module", "planted")
    for cached in (source.function, source._parsed, source._imported):
        cached.cache_clear()
    del sys.modules["planted_module"]


def test_a_function_as_text(planted):
    assert planted.signature == "def planted(x,\n            *, eps=1e-5):\n"
    assert planted.body == (
        "    # a comment of its own\n"
        "    y = relu(_twice(x)) + sigmoid(x)                            # a comment beside\n"
        "    return linear(y, np.eye(2))\n")
    assert planted.needs == (("minisenet.functional.activation", "relu"), ("planted_module", "_twice"),
                             ("minisenet.functional.activation", "sigmoid"), ("minisenet.functional.linear", "linear"))
    assert "Raises" not in planted.docstring and "bad x" not in planted.docstring
    assert planted.docstring.endswith("    x : ndarray\n\n    Notes\n    -----\n    Source: here.\n    \"\"\"\n")


def test_a_docstring_that_ends_with_raises():
    before = '    """Once.\n\n    Parameters\n    ----------\n    x : int\n'
    raises = '\n    Raises\n    ------\n    ValueError\n        Always.\n'
    assert source._without_raises(before + raises + '    """\n') == before + '    """\n'
    assert source._without_raises('    """Once."""\n') == '    """Once."""\n'


def test_a_function_that_is_not_there():
    with pytest.raises(KeyError, match="minisenet.functional.squeeze defines no function unsqueeze"):
        source.function("minisenet.functional.squeeze", "unsqueeze")


# ---- stubs -------------------------------------------------------------------------------------------------------------

def sections(docstring):
    """A numpydoc docstring as {heading: text}; the summary is under ""."""
    pieces = re.split(r"^(\w[\w ]*)\n-{3,}\n", inspect.cleandoc(docstring), flags=re.MULTILINE)
    return {"": pieces[0].strip()} | {heading: text.strip() for heading, text in zip(pieces[1::2], pieces[2::2])}


@every_python
def test_a_stub_has_the_packages_signature_and_docstring(exercise, stubs, monkeypatch):
    module = load(stubs / exercise.file, monkeypatch)
    for name in exercise.functions:
        mine, theirs = getattr(module, name), package_function(name)
        assert inspect.signature(mine) == inspect.signature(theirs)
        expected, given = sections(theirs.__doc__), sections(mine.__doc__)
        expected.pop("Raises", None)
        if name.endswith("_backward") or "_backward_" in name:
            assert expected[""].startswith(given[""].rstrip(".")) and not re.search(r"[=/\n:]", given[""])
            expected[""] = given[""]                                      # the rest of it derives the result
        assert given == expected
        required = [p.name for p in inspect.signature(mine).parameters.values() if p.default is p.empty]
        with pytest.raises(NotImplementedError):
            mine(**dict.fromkeys(required))


@every_exercise
def test_a_stub_says_what_to_do(exercise, stubs):
    text = " ".join((stubs / exercise.file).read_text(encoding="utf-8").split())
    for part in (exercise.title, exercise.where, f"{exercise.points} points", exercise.task, *exercise.hints,
                 exercise.reading, *exercise.may_go, " ".join(exercise.formula.split()), f"minisenet course check . {exercise.number}"):
        assert part in text
    assert "float64" in text and ("never written to" in text or exercise.name in ("sgd", "kernel"))


def code_lines(text):
    """The lines of code that are long enough to be recognised, without comments and space at their ends."""
    lines = [re.sub(r"\s+#.*", "", line).strip() for line in text.splitlines()]
    return {line for line in lines if len(line) > 12 and not line.startswith(("#", "import ", "from "))}


def bodies(exercise):
    """The code of an exercise's solution, helpers included."""
    if exercise.suffix == ".pyx":
        return code_lines(files.kernel_solution()) - code_lines(files.stub(exercise))
    tree = ast.parse(files.solution(exercise))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    lines = files.solution(exercise).splitlines()
    return {line for of in functions for node in of.body[1:] for line in code_lines("\n".join(lines[node.lineno - 1:node.end_lineno]))}


@every_exercise
def test_what_to_read_derives_the_result_and_does_not_have_its_code(exercise, stubs):
    text = (stubs / exercise.reading).read_text(encoding="utf-8")
    assert text.startswith(f"# Exercise {exercise.number}: {exercise.title}\n") and len(text) > 500
    assert exercise.suffix == ".pyx" or "$" in text
    assert len(bodies(exercise)) > 1 or exercise.name in ("squeeze", "scale")
    for line in bodies(exercise):
        assert line not in text
    assert not any(mark in text for mark in ("<details>", "<!--", "```")) and not re.search(r"\]\((?!http)", text)
    stub = (stubs / exercise.file).read_text(encoding="utf-8")
    assert f"Derivation, to compare with yours: {exercise.reading}. Check" in " ".join(stub.split())
    assert (stubs / exercise.reading).is_file() and not any(line in stub and line not in exercise.formula for line in bodies(exercise))


def test_a_wheel_has_its_pages_in_share_doc(tmp_path, monkeypatch):
    """Away from a clone they are found among the installed files; without them a kit is complete but for its derivations."""
    monkeypatch.setattr(reading, "__file__", str(tmp_path / "lib" / "minisenet" / "course" / "reading.py"))
    place = tmp_path / "share" / "doc" / "minisenet"
    place.mkdir(parents=True)
    page = place / "section-3-1-squeeze.md"
    page.write_text((ROOT / "docs" / page.name).read_text(encoding="utf-8"), encoding="utf-8")
    about = tmp_path / "lib" / "minisenet-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: minisenet\nVersion: 1\n", encoding="utf-8")
    (about / "RECORD").write_text(f"../share/doc/minisenet/{page.name},,\n", encoding="utf-8")
    installed = metadata.PathDistribution(about).files
    monkeypatch.setattr(reading.metadata, "files", lambda name: installed)
    assert sorted(path.name for path in start(tmp_path / "kit") if path.parent.name == "reading") == ["e06_squeeze.md"]
    assert "reading/" not in (tmp_path / "kit" / "e01_convolution.py").read_text(encoding="utf-8")
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert configuration["tool"]["setuptools"]["data-files"] == {"share/doc/minisenet": ["docs/*.md"]}


def test_the_kit_explains_complex_step(stubs):
    text = (stubs / "README.md").read_text(encoding="utf-8")
    example = textwrap.dedent(text[text.index("    >>> import numpy"):].partition("\n\n")[0])
    results = doctest.DocTestRunner().run(doctest.DocTestParser().get_doctest(example, {}, "README.md", "README.md", 0))
    assert results.attempted == 2 and not results.failed
    for exercise in PYTHON:
        said = 'complex arrays: README.md, "Complex step"' in " ".join((stubs / exercise.file).read_text(encoding="utf-8").split())
        assert said == (any("_backward" not in name for name in exercise.functions) and exercise.name != "sgd")


def test_a_stub_of_a_later_exercise_imports_the_earlier_ones(stubs):
    text = (stubs / "e09_se_block.py").read_text(encoding="utf-8")
    assert "from e06_squeeze import squeeze, squeeze_backward\n" in text and "from e08_scale import" in text


def test_the_kernels_stub_has_everything_but_the_loops(stubs, solutions):
    stub, solution = ((folder / "e13_kernel.pyx").read_text(encoding="utf-8") for folder in (stubs, solutions))
    missing = [line for line in solution.splitlines() if line not in stub.splitlines()]
    assert missing[0] == "    with nogil:" and all(line.startswith("        ") for line in missing[1:]) and len(missing) > 5
    assert stub.count("raise NotImplementedError") == 1 and "def squeeze_loops(const real" in stub


def test_lines_are_short_enough_to_read(stubs, solutions):
    for path in [*stubs.glob("*.*"), *solutions.glob("*.*")]:
        assert all(len(line) <= 140 for line in path.read_text(encoding="utf-8").splitlines()), path.name


# ---- solutions ---------------------------------------------------------------------------------------------------------

@every_python
def test_a_solution_needs_numpy_and_earlier_exercises_alone(exercise, solutions, monkeypatch):
    text = (solutions / exercise.file).read_text(encoding="utf-8")
    tree = ast.parse(text)
    imported = [alias.name if isinstance(node, ast.Import) else node.module for node in ast.walk(tree)
                if isinstance(node, (ast.Import, ast.ImportFrom)) for alias in node.names]
    assert set(imported) <= {"numpy"} | {other.module for other in EXERCISES if other.number in exercise.builds_on}
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert not any(node.decorator_list or re.search(r"\b(_check|arguments\.)", ast.unparse(node)) or "Raises" in ast.get_docstring(node)
                   for node in functions)
    load(solutions / exercise.file, monkeypatch)


def test_a_solution_keeps_comments_and_has_its_helpers(solutions):
    assert "# not np.var" in (solutions / "e04_batch_norm.py").read_text(encoding="utf-8")
    convolution = (solutions / "e01_convolution.py").read_text(encoding="utf-8")
    assert convolution.index("def _window(") < convolution.index("def conv2d(")
    assert "def sigmoid_backward(" in (solutions / "e07_excitation.py").read_text(encoding="utf-8")


def test_a_solution_computes_what_the_package_does(solutions, monkeypatch):
    rng = np.random.default_rng(0)
    u, dy, w1, w2 = (rng.standard_normal(shape) for shape in ((2, 3, 4, 6), (2, 3, 4, 6), (2, 6), (6, 2)))
    block = load(solutions / "e09_se_block.py", monkeypatch)
    saved = block.se_block(u, w1, w2)
    for mine, theirs in zip(saved, functional.se_block(u, w1, w2)):
        assert np.allclose(mine, theirs, rtol=1e-12, atol=1e-12)
    mine = block.se_block_backward(dy, u, *saved[1:], w1, w2)
    for one, other in zip(mine[:3], functional.se_block_backward(dy, u, *saved[1:], w1, w2)[:3]):
        assert np.allclose(one, other, rtol=1e-12, atol=1e-12)


# ---- nobody's work is lost ---------------------------------------------------------------------------------------------

def test_start_makes_the_folder_and_lists_its_files(tmp_path, capsys):
    assert main(["course", "start", str(tmp_path / "a" / "b")]) == 0
    names = sorted(path.name for path in (tmp_path / "a" / "b").iterdir())
    assert names == sorted([exercise.file for exercise in EXERCISES] + ["README.md", "reading"])
    assert f"minisenet course check {tmp_path / 'a' / 'b'}" in capsys.readouterr().out
    empty = tmp_path / "empty"
    empty.mkdir()
    assert main(["course", "start", str(empty), "--solutions"]) == 0 and len(list(empty.iterdir())) == len(names)


@pytest.mark.parametrize("options", [[], ["--solutions"]])
@pytest.mark.parametrize("name", ["e06_squeeze.py", "notes.txt"])
def test_a_folder_with_anything_in_it_is_refused(name, options, tmp_path, capsys):
    (tmp_path / name).write_text("my work", encoding="utf-8")
    assert main(["course", "start", str(tmp_path), *options]) == 1
    err = capsys.readouterr().err
    assert err.startswith("minisenet: error: ") and err.count("\n") == 1
    assert "DIR must be a new or empty folder, got" in err and "which has files; they are unchanged" in err
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text(encoding="utf-8") == "my work"


def test_a_file_in_the_folders_place_is_refused(tmp_path, capsys):
    (tmp_path / "answers").write_text("my work", encoding="utf-8")
    assert main(["course", "start", str(tmp_path / "answers")]) == 1
    err = capsys.readouterr().err
    assert "DIR must be a new or empty folder, got the file" in err and err.count("\n") == 1
    assert (tmp_path / "answers").read_text(encoding="utf-8") == "my work"


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path, monkeypatch):
    def stub(exercise):
        if exercise.number == "05":
            (tmp_path / "e06_squeeze.py").write_text("my work", encoding="utf-8")
        return "stub"

    monkeypatch.setattr(files, "stub", stub)
    with pytest.raises(FileExistsError):
        start(tmp_path)
    assert (tmp_path / "e06_squeeze.py").read_text(encoding="utf-8") == "my work"


# ---- marks, with a checker whose verdicts are given ---------------------------------------------------------------------

class Verdict:
    """What the checker returns, by hand."""

    def __init__(self, passed, like, mistake):
        self.passed, self.like, self.mistake = passed, like, mistake

    def to_dict(self):
        return dict(passed=self.passed, like=self.like, mistake=self.mistake)

    def __str__(self):
        return f"{self.like} " + ("is right" if self.passed else f"is wrong on N = 1: {self.mistake}")


@pytest.fixture
def wrong(monkeypatch):
    """A dict of function -> mistake: these are wrong, all others right. And what was asked, in `wrong.asked`."""
    class Mistakes(dict):
        asked = []

    mistakes = Mistakes()
    mistakes.asked = []

    def check_file(where, like=None, **_):
        path, _, name = where.rpartition(":")
        assert like == name and Path(path).is_file()
        mistakes.asked.append(name)
        return Verdict(name not in mistakes, like, mistakes.get(name))

    monkeypatch.setattr(checker, "check_file", check_file)
    monkeypatch.setattr(kernel, "build", lambda path, folder: path)
    monkeypatch.setattr(kernel, "float32_fault", lambda path, name: None)
    monkeypatch.setattr("minisenet.cli.course.PROCESSES", 1)
    return mistakes


def marks_of(folder, *names):
    return {mark.exercise.number: mark for mark in marking.mark(folder, select(names))}


def test_everything_right(solutions, wrong, capsys):
    assert main(["course", "check", str(solutions)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "100 of 100 points, 13 of 13 exercises right" and len(lines) == 1 + 13 + 2
    assert len(wrong.asked) == sum(len(exercise.functions) for exercise in EXERCISES)


def test_stubs_are_not_started_and_are_not_run(stubs, wrong, capsys):
    assert main(["course", "check", str(stubs)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[-1] for line in lines[1:14]] == ["not started"] * 13 and not wrong.asked
    assert lines[-1] == "0 of 100 points, 0 of 13 exercises right" and len(lines) == 16


def test_a_right_function_earns_its_share(solutions, wrong, capsys):
    wrong["squeeze_backward"] = "sum for mean"
    mark = marks_of(solutions, "06")["06"]
    assert (mark.points, mark.verdict, mark.mistake) == (2, "partly right", "sum for mean")
    assert main(["course", "check", str(solutions), "squeeze"]) == 1
    out = capsys.readouterr().out
    assert re.search(r"^06 squeeze +2 / 4  partly right  sum for mean$", out, re.MULTILINE)
    assert "06 squeeze: squeeze_backward\n" in out and "wrong on N = 1" in out and "is right" not in out
    assert out.endswith("2 of 4 points, 0 of 1 exercise right\n")


def test_half_started(solutions, stubs, wrong):
    half = (solutions / "e08_scale.py").read_text(encoding="utf-8").partition("def scale_backward")
    stub = (stubs / "e08_scale.py").read_text(encoding="utf-8").partition("def scale_backward")
    (solutions / "e08_scale.py").write_text(half[0] + stub[1] + stub[2], encoding="utf-8")
    mark = marks_of(solutions, "08")["08"]
    assert [one.verdict for one in mark.functions] == ["right", "not started"] and mark.points == 2
    assert mark.verdict == "partly right" and wrong.asked == ["scale"]
    wrong["scale"] = "gates of the first image"
    assert marks_of(solutions, "08")["08"].verdict == "wrong"


def test_an_exercise_is_marked_with_the_reference_for_an_earlier_one_that_is_not_right(solutions, wrong, capsys):
    """Here the block stays wrong with it: its mistake is its own."""
    wrong |= {"squeeze": "height twice", "se_block": "two gates", "se_block_backward": None}
    marks = marks_of(solutions)
    assert [other.number for other in marks["09"].reference_for] == ["06"] and not marks["06"].reference_for
    assert not marks["10"].reference_for                                # it is right itself
    assert main(["course", "check", str(solutions), "09"]) == 1         # 06 was not asked for, and is looked at all the same
    out = capsys.readouterr().out
    assert re.search(r"^09 the SE block +0 / 10  wrong         two gates$", out, re.MULTILINE)
    assert "Marked with minisenet's 06 squeeze, because yours is not right yet.\n" in out and "of 10 points" in out


def test_an_earlier_file_that_is_not_imported_is_not_replaced(solutions, wrong):
    wrong |= {"squeeze": "height twice", "se_block": None}
    path = solutions / "e09_se_block.py"
    text = path.read_text(encoding="utf-8").replace("from e06_squeeze import squeeze, squeeze_backward\n", "")
    path.write_text(text, encoding="utf-8")
    assert marks_of(solutions)["09"].reference_for == ()


@pytest.mark.parametrize("body, verdict", [
    ("    raise NotImplementedError\n", "not started"),
    ("    raise NotImplementedError('later')      # tomorrow\n", "not started"),
    ("    '''Mine.'''\n    raise NotImplementedError()\n", "not started"),
    ("    return u.mean((1, 2))\n    raise NotImplementedError\n", "right"),
    ("    raise ValueError\n", "right"),                                 # whatever the checker says
])
def test_what_counts_as_not_started(body, verdict, tmp_path, wrong):
    text = "def squeeze(u):\n" + body + "\ndef squeeze_backward(): return 1\n"
    (tmp_path / "e06_squeeze.py").write_text(text, encoding="utf-8")
    assert marks_of(tmp_path, "06")["06"].functions[0].verdict == verdict


def test_a_file_or_a_function_that_is_missing(tmp_path, wrong, capsys):
    (tmp_path / "e06_squeeze.py").write_text("def squeeze(u):\n    return u.mean((1, 2))\n", encoding="utf-8")
    assert main(["course", "check", str(tmp_path), "06", "07"]) == 1
    out = capsys.readouterr().out
    assert re.search(r"^06 squeeze +2 / 4  partly right$", out, re.MULTILINE)
    assert re.search(r"^07 excitation +0 / 10  missing$", out, re.MULTILINE)
    assert "e06_squeeze.py has no function squeeze_backward" in out and "there is no e07_excitation.py in " in out


def test_a_file_that_is_no_python_goes_to_the_checker(tmp_path, wrong):
    """It says in which line; here it is only not to stop the rest."""
    (tmp_path / "e06_squeeze.py").write_bytes(b"def squeeze(u:\n    \xff squeeze_backward\n")
    wrong |= {"squeeze": "raises", "squeeze_backward": "raises"}
    assert marks_of(tmp_path, "06")["06"].verdict == "wrong"


def test_tools_that_are_missing_are_no_mistake(solutions, wrong, monkeypatch, capsys):
    def build(path, folder):
        raise kernel.NoTools("not checked: Cython or setuptools is missing: pip install cython setuptools")

    monkeypatch.setattr(kernel, "build", build)
    assert main(["course", "check", str(solutions), "12", "13"]) == 1
    out = capsys.readouterr().out
    assert re.search(r"^13 one Cython kernel +0 / 6  not checked$", out, re.MULTILINE)
    assert "pip install cython setuptools" in out
    assert out.endswith("4 of 10 points, 1 of 2 exercises right, 6 points not checked\n")


def test_a_kernel_that_does_not_compile(solutions, wrong, monkeypatch):
    def build(path, folder):
        raise kernel.NotCompiled("e13_kernel.pyx, line 9: undeclared name")

    monkeypatch.setattr(kernel, "build", build)
    one, = marks_of(solutions, "13")["13"].functions
    assert (one.verdict, one.mistake) == ("wrong", "does not compile") and "line 9" in one.text


def test_a_file_that_cannot_be_read_is_one_mistake(solutions, wrong, capsys, monkeypatch):
    monkeypatch.setattr(Verdict, "__str__", lambda verdict: f"{verdict.like}: WRONG\nline 3 is no Python")
    wrong |= {"scale": "syntax error", "scale_backward": "syntax error"}
    main(["course", "check", str(solutions), "08"])
    out = capsys.readouterr().out
    assert out.count("line 3 is no Python") == 1 and "08 scale: scale, scale_backward\n-" in out


def test_no_line_is_longer_than_80(solutions, wrong, capsys):
    wrong |= {name: "a name of a mistake that is longer than any mistake's name should be" for name in ("conv2d", "squeeze")}
    main(["course", "check", str(solutions)])
    table = capsys.readouterr().out.split("\n\n")[0]
    assert max(len(line) for line in table.splitlines()) == 80


def test_json(solutions, stubs, wrong, capsys):
    wrong["squeeze_backward"] = "sum for mean"
    (solutions / "e12_sgd.py").write_text((stubs / "e12_sgd.py").read_text(encoding="utf-8"), encoding="utf-8")
    assert main(["course", "check", str(solutions), "--json"]) == 1
    result = json.loads(capsys.readouterr().out)
    assert set(result) == {"points", "points_possible", "passed", "exercises"}
    assert (result["points"], result["points_possible"], result["passed"]) == (94, 100, False)
    assert [row["number"] for row in result["exercises"]] == [exercise.number for exercise in EXERCISES]
    squeeze = result["exercises"][5]
    assert set(squeeze) == {"number", "name", "title", "file", "verdict", "points", "points_possible", "mistake",
                            "reference_for", "functions"}
    assert (squeeze["verdict"], squeeze["points"], squeeze["mistake"]) == ("partly right", 2, "sum for mean")
    assert squeeze["functions"][1] == dict(
        function="squeeze_backward", verdict="wrong", points=0, points_possible=2, mistake="sum for mean",
        text="squeeze_backward is wrong on N = 1: sum for mean",
        details=dict(passed=False, like="squeeze_backward", mistake="sum for mean"), reference_for=[])
    assert result["exercises"][11]["verdict"] == "not started" and result["exercises"][11]["functions"][0]["details"] is None
    for row in result["exercises"]:
        assert row["points"] == sum(one["points"] for one in row["functions"])


def test_the_autograders_results_file(solutions, wrong, capsys):
    wrong |= {"squeeze": "height twice", "se_block": None}
    main(["course", "check", str(solutions), "--json"])
    report_json = capsys.readouterr().out
    done = subprocess.run([sys.executable, "-m", "minisenet.course.gradescope"], input=report_json, capture_output=True,
                          text=True, check=True, cwd=ROOT)
    result = json.loads(done.stdout)
    assert result == gradescope.results(json.loads(report_json))
    assert sum(test["score"] for test in result["tests"]) == json.loads(report_json)["points"]
    assert sum(test["max_score"] for test in result["tests"]) == 100
    block = next(test for test in result["tests"] if test["number"] == "9.1")
    assert block["name"] == "the SE block: se_block" and block["status"] == "failed" and block["score"] == 0
    assert block["output"].endswith("Marked with minisenet's exercise 06 in place of yours.")
    assert {test["status"] for test in result["tests"]} == {"passed", "failed"}


@pytest.mark.parametrize("argv, message", [
    (["course"], "arguments are required: ACTION"),
    (["course", "start"], "arguments are required: DIR"),
    (["course", "check", "nowhere"], "DIR must be a folder, got nowhere, which is not there: `minisenet course start nowhere` makes it"),
    (["course", "check", ".", "14"], "EXERCISE must be a number from 01 to 13 or a name, got '14'; the names are convolution"),
    (["course", "mark", "."], "invalid choice: 'mark'"),
])
def test_wrong_usage(argv, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(argv) == 2
    err = capsys.readouterr().err
    assert err.startswith("minisenet: error: ") and err.count("\n") == 1 and message in err


# ---- the pages ---------------------------------------------------------------------------------------------------------

def rows_of(page, head):
    """The lines of the table below this heading line."""
    _, _, rest = (ROOT / "docs" / page).read_text(encoding="utf-8").partition(head + "\n")
    assert rest, f"{page} has no table {head}"
    return rest.partition("\n\n")[0].splitlines()[1:]


def test_the_students_page_has_the_exercises():
    assert rows_of("course.md", "| | exercise | functions | in the paper | points |")[:] == [
        f"| {e.number} | [{e.title}]({e.link}) | {', '.join(f'`{name}`' for name in e.functions)} | {e.where} | {e.points} |"
        for e in EXERCISES]


def test_the_weeks_of_the_lecturers_plan_have_each_exercise_once_and_its_points():
    asked = []
    for row in rows_of("lecturers.md", "| week | read | in the lecture | hand in | points |"):
        *_, hand_in, points = row.strip("| ").split(" | ")
        exercises = select(re.findall(r"\b\d\d\b", hand_in))
        assert sum(exercise.points for exercise in exercises) == int(points), row
        asked += exercises
    assert sorted(exercise.number for exercise in asked) == [exercise.number for exercise in EXERCISES]


def test_the_ninety_minutes_hand_in_what_they_say():
    text = (ROOT / "docs" / "lecturers.md").read_text(encoding="utf-8")
    line = re.search(r"^Handed in: (.*), (\d+) points\.$", text, re.MULTILINE)
    assert sum(exercise.points for exercise in select(re.findall(r"`([^`]+)`", line[1]))) == int(line[2])


def test_the_lecturers_page_has_every_key_of_the_json(solutions, wrong, capsys):
    main(["course", "check", str(solutions), "--json"])
    result = json.loads(capsys.readouterr().out)
    keys = {*result, *result["exercises"][0]}
    text = "\n".join(rows_of("lecturers.md", "| key | what it is |"))
    documented = set(re.findall(r"`(\w+)`", "\n".join(row.split(" | ")[0] for row in text.splitlines())))
    assert documented == keys
    assert all(f"`{key}`" in text for key in result["exercises"][0]["functions"][0])


# ---- the real command, and the real checker ----------------------------------------------------------------------------

def command(*argv, cwd):
    """(exit status, standard output) of `minisenet course` in a process of its own."""
    done = subprocess.run([sys.executable, "-W", "error", "-m", "minisenet", "course", *map(str, argv)], cwd=cwd, text=True,
                          capture_output=True, timeout=300, env=os.environ | dict(PYTHONPATH=str(ROOT)))
    assert done.stderr == ""
    return done.returncode, done.stdout


def edit(folder, name, before, after):
    """A student's mistake: one place of a right file changed."""
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1, (name, before)
    path.write_text(text.replace(before, after), encoding="utf-8")


def test_stubs_by_the_real_command(tmp_path):
    status, out = command("start", "answers", cwd=tmp_path)
    assert status == 0 and out.endswith("then: minisenet course check answers\n")
    status, out = command("check", "answers", cwd=tmp_path)
    assert status == 1 and out.count("not started") == 13 and out.endswith("0 of 100 points, 0 of 13 exercises right\n")


@pytest.mark.slow
def test_a_folder_of_solutions_is_right(solutions):
    status, out = command("check", solutions, "--json", cwd=solutions)
    result = json.loads(out)
    others = [one for row in result["exercises"] for one in row["functions"] if one["verdict"] != "right"]
    if [one["verdict"] for one in others] == ["not checked"]:
        pytest.skip(others[0]["text"])
    assert not others, "\n\n".join(one["text"] for one in others)
    assert status == 0 and result["passed"] and result["points"] == 100


@pytest.mark.parametrize("name, before, after, exercise, mistake", [
    ("e05_batch_norm_backward.py", " - xhat * (dgamma / m)", "", "05", "xhat term dropped"),
    ("e06_squeeze.py", "dz / (height * width)", "dz", "06", "sum for mean"),
    ("e08_scale.py", "(dy * u).sum(axis=(1, 2))", "(dy * u).mean(axis=(1, 2))", "08", "mean for sum"),
    ("e09_se_block.py", "du + squeeze_backward(dz, *u.shape[1:3])", "du", "09", "squeeze path dropped"),
])
def test_a_term_that_was_deleted_is_named(name, before, after, exercise, mistake, solutions):
    edit(solutions, name, before, after)
    mark = marks_of(solutions, exercise)[exercise]
    assert mark.verdict in ("wrong", "partly right") and mark.mistake == mistake, mark.functions
    assert not mark.reference_for and max(len(line) for line in report.details(mark)) <= 80


def test_the_example_on_the_students_page_is_what_the_command_prints(solutions, capsys):
    edit(solutions, "e06_squeeze.py", "dz / (height * width)", "dz / (height * height)")
    assert main(["course", "check", str(solutions), "06"]) == 1
    page = (ROOT / "docs" / "course.md").read_text(encoding="utf-8")
    assert f"```text\n{capsys.readouterr().out}```" in page


def test_the_first_ten_minutes_of_the_readme_end_as_it_says(solutions, capsys):
    """The term that it has deleted stands there once, and each line that it shows is printed, in that order."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    file, term = re.search(r"open `answers/(\S+)`, and in its last line delete one term, `([^`]+)`", text).groups()
    edit(solutions, file, f" {term}", "")
    target = re.search(r"minisenet check answers/(\S+)\n", text)[1]
    assert main(["check", f"{solutions}/{target}"]) == 1
    shown = re.search(r"minisenet check answers/\S+\n```\n+```text\n(.*?)```", text, re.DOTALL)[1].splitlines()
    printed = iter(capsys.readouterr().out.splitlines())
    assert [line for line in shown if line != "..." and line not in printed] == []


# ---- one slip costs its own points: what is not right in 06 to 09 is the reference's when a later exercise is marked ------

def points_of(folder, *names):
    return {number: mark.points for number, mark in marks_of(folder, *names).items()}


SLIPS = {
    "06": ("e06_squeeze.py", "return u.mean(axis=(1, 2))", "return u.sum(axis=(1, 2))"),
    "07": ("e07_excitation.py", "linear_backward(relu_backward(dh, h), z", "linear_backward(dh, z"),
    "08": ("e08_scale.py", "(dy * u).sum(axis=(1, 2))", "(dy * u).mean(axis=(1, 2))"),
    "09": ("e09_se_block.py", "du + squeeze_backward(dz, *u.shape[1:3])", "du"),
}
BLOCK = ("06", "07", "08", "09", "10")


@pytest.mark.slow
@pytest.mark.parametrize("slip", SLIPS)
def test_one_slip_costs_its_own_points_only(slip, solutions):
    edit(solutions, *SLIPS[slip])
    lost = {number: exercise.points for number in BLOCK for exercise in select([number])}
    marks = marks_of(solutions, *BLOCK)
    assert {number: mark.points for number, mark in marks.items()} == lost | {slip: lost[slip] / 2}
    later = [one for number in BLOCK for one in marks[number].functions if one.reference_for]
    assert later and all(one.verdict == "right" and [other.number for other in one.reference_for] == [slip] for one in later)
    assert any(one.verdict == "right" and not one.reference_for for one in marks["10"].functions)      # the half without the slip


def test_a_block_is_right_with_a_scale_that_is_not_started(solutions, stubs, capsys):
    (solutions / "e08_scale.py").write_text((stubs / "e08_scale.py").read_text(encoding="utf-8"), encoding="utf-8")
    assert main(["course", "check", str(solutions), "09"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^09 the SE block +10 / 10  right         \(with minisenet's 08\)$", out, re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize("change", ["missing", "syntax error", "dies when it is imported"])
def test_a_block_is_right_with_a_file_that_cannot_be_used(change, solutions):
    path = solutions / "e07_excitation.py"
    if change == "missing":
        path.unlink()
    else:
        path.write_text("def excitation(:" if change == "syntax error" else "import sys\n\nsys.exit(3)\n", encoding="utf-8")
    assert points_of(solutions, "09", "10") == {"09": 10, "10": 6}


@pytest.mark.parametrize("encoding", ["utf-8-sig", pytest.param("latin-1", marks=pytest.mark.slow)])
def test_a_file_in_an_encoding_of_its_own_is_read(encoding, solutions, stubs):
    (solutions / "e08_scale.py").write_text((stubs / "e08_scale.py").read_text(encoding="utf-8"), encoding=encoding)
    path = solutions / "e09_se_block.py"
    text = path.read_text(encoding="utf-8")
    path.write_text("# -*- coding: latin-1 -*-\n# d\xe9j\xe0 vu\n" * (encoding == "latin-1") + text, encoding=encoding)
    marks = marks_of(solutions, "08", "09")
    assert marks["08"].verdict == "not started" and marks["09"].points == 10


def test_a_slip_of_ones_own_is_named_beside_an_earlier_one(solutions):
    edit(solutions, *SLIPS["06"])
    edit(solutions, *SLIPS["09"])
    mark = marks_of(solutions, "09")["09"]
    assert mark.points == 5 and mark.mistake == "squeeze path dropped", mark.functions
    assert [other.number for other in mark.reference_for] == ["06"]


WITHOUT_BIAS = '''import numpy as np


def gate(x):
    return 1 / (1 + np.exp(-x))


def excitation(z, w1, w2):
    h = np.maximum(z @ w1.T, 0)
    return gate(h @ w2.T), h


def excitation_backward(ds, z, h, s, w1, w2):
    da = ds * s * (1 - s)
    return da @ w2 @ w1, (da @ w2).T @ z, da.T @ h
'''


def test_the_reference_is_called_and_returns_as_the_students_own(solutions):
    """Without biases it returns three gradients, and what else is in the student's file stays there to be imported."""
    (solutions / "e07_excitation.py").write_text(WITHOUT_BIAS, encoding="utf-8")
    path = solutions / "e09_se_block.py"
    text = path.read_text(encoding="utf-8").replace("import excitation, excitation_backward", "import excitation, excitation_backward, gate")
    for before, after in (("*, bias=False", ""), (", *)", ")"), ("b1=None, b2=None", ""), ("w1, w2, b1, b2)", "w1, w2)"), ("w2, )", "w2)"),
                          ("w1, w2, bias=bias", "w1, w2"), ("dw2, db1, db2 =", "dw2 ="), ("dw1, dw2, db1, db2 ", "dw1, dw2 ")):
        text = text.replace(before, after)
    text += "\n\nassert gate(0.0) == 0.5\n"
    path.write_text(text, encoding="utf-8")
    mark = marks_of(solutions, "09")["09"]
    assert mark.verdict == "right" and [other.number for other in mark.reference_for] == ["07"], mark.functions


def test_files_that_belong_together_are_right_as_they_are(solutions):
    """A squeeze with another shape, and a block that knows it: the reference would only break them."""
    edit(solutions, "e06_squeeze.py", "return u.mean(axis=(1, 2))", "return u.mean(axis=(1, 2), keepdims=True)")
    edit(solutions, "e09_se_block.py", "z = squeeze(u)                    ", "z = squeeze(u)[:, 0, 0]           ")
    mark = marks_of(solutions, "09")["09"]
    assert mark.verdict == "right" and not mark.reference_for


# As a student writes them who deletes every option that may go.
WITHOUT_OPTIONS = {
    "01": '''
def conv2d(x, w, *, stride=1, padding=0):
    (th, tw), (ph, pw) = stride, padding
    n, height, width, _ = x.shape
    c_out, c_in, kh, kw = w.shape
    y = np.zeros((n, (height + 2 * ph - kh) // th + 1, (width + 2 * pw - kw) // tw + 1, c_out))
    for m, p, q, c, s, i, j in np.ndindex(*y.shape, c_in, kh, kw):
        row, column = p * th + i - ph, q * tw + j - pw
        if 0 <= row < height and 0 <= column < width:
            y[m, p, q, c] += w[c, s, i, j] * x[m, row, column, s]
    return y
''',
    "07": '''
def excitation(z, w1, w2):
    h = np.maximum(z @ w1.T, 0)
    return 1 / (1 + np.exp(-h @ w2.T)), h


def excitation_backward(ds, z, h, s, w1, w2):
    da2 = ds * s * (1 - s)
    da1 = (da2 @ w2) * (h > 0)
    return da1 @ w1, da1.T @ z, da2.T @ h
''',
    "11": '''
def softmax_cross_entropy(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    p = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_p[np.arange(len(labels)), labels].mean(), p


def softmax_cross_entropy_backward(p, labels, *, dloss=1.0):
    da = p.copy()
    da[np.arange(len(labels)), labels] -= 1
    return da * dloss / len(labels)
''',
    "12": '''
def sgd_step(value, grad, velocity, *, lr, momentum=0.9, weight_decay=0.0):
    velocity *= momentum
    velocity += grad + weight_decay * value
    value -= lr * velocity
'''}


@pytest.mark.parametrize("number", WITHOUT_OPTIONS)
def test_an_option_that_was_deleted_is_not_asked(number, tmp_path):
    exercise, = select([number])
    (tmp_path / exercise.file).write_text("import numpy as np\n\n" + WITHOUT_OPTIONS[number], encoding="utf-8")
    assert not any(re.search(rf"\b{option}\b", WITHOUT_OPTIONS[number]) for option in exercise.may_go)
    mark = marks_of(tmp_path, number)[number]
    assert mark.verdict == "right", "\n".join(report.details(mark))
