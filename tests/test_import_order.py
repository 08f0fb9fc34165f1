"""Which part may import which: each imports only parts left of it in the order, and the core needs only NumPy.

There are no exceptions: an import inside a function counts like one at the top of a file, and so does an import by name.
"""
import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import minisenet

PACKAGE = Path(minisenet.__file__).parent
EXTRAS = ("torch", "matplotlib", "tqdm", "pooch", "safetensors", "PIL", "hypothesis", "pytest", "Cython")

# part -> the parts that it may import. Each imports only parts above it, anywhere in its files. `__init__` collects what users
# find in one place. `cli` is last: only `__main__` imports it.
ALLOWED = {
    "kernels": set(),
    "_version": set(),
    "_late": set(),
    "arguments": set(),
    "random": {"arguments"},
    "backend": {"kernels"},
    "functional": {"arguments", "random", "backend"},
    "layers": {"arguments", "random", "backend", "functional"},
    "blocks": {"arguments", "functional", "layers"},
    "models": {"arguments", "backend", "layers", "blocks"},
    "optim": {"arguments", "backend"},
    "data": {"arguments", "random", "backend"},
    "train": {"_version", "arguments", "random", "backend", "functional", "layers", "blocks", "models", "optim", "data"},
    "summary": {"arguments", "backend", "functional", "layers", "blocks", "models"},
    "graph": {"arguments", "backend", "layers", "blocks"},
    "paper": {"models", "summary"},
    "info": {"_version", "backend"},
    "gradcheck": {"_late", "arguments", "backend", "functional"},
    "checker": {"backend", "functional", "optim", "gradcheck"},
    "course": {"functional", "optim", "gradcheck", "checker"},
    "reference": {"random", "backend", "layers", "blocks", "optim", "data", "train", "gradcheck"},
    "bench": {"_version", "backend", "functional", "layers", "models", "optim", "train", "summary", "reference"},
    "__init__": {"_version", "_late", "backend", "functional", "layers", "train", "gradcheck", "checker", "reference"},
    "cli": {"_version", "backend", "functional", "layers", "blocks", "models", "data", "train", "summary", "graph", "paper", "info", "gradcheck",
            "checker", "course", "bench"},
    "__main__": {"cli"},
}
LARGEST = 0.22                      # the largest share of the package's lines that a folder may have
# What a file may import at its top besides the standard library and minisenet: only NumPy, unless its part is listed here.
OUTSIDE = {"reference": {"numpy", "torch"}}


def sources():
    return sorted(path for path in PACKAGE.rglob("*.py"))


def part_of(path):
    """"layers" for minisenet/layers.py, "functional" for minisenet/functional/scale.py."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def names_in(node, path):
    """The dotted names that an import statement imports; a relative import made absolute."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    module = node.module or ""
    if node.level:
        package = ["minisenet", *path.relative_to(PACKAGE).parent.parts]
        module = ".".join(package[:len(package) - node.level + 1] + [module] * bool(module))
    return [f"{module}.{alias.name}" for alias in node.names]


def imports(path):
    """Yield (dotted name, whether it is imported when the file is, line); a string that is a module's name counts too."""
    def walk(node, at_import):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.Import, ast.ImportFrom)):
                for name in names_in(child, path):
                    yield name, at_import, child.lineno
            elif isinstance(child, ast.Constant) and re.fullmatch(r"minisenet(\.\w+)+", str(child.value)):
                yield child.value, False, child.lineno
            else:
                yield from walk(child, at_import and not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)))
    yield from walk(ast.parse(path.read_text(encoding="utf-8")), True)


def owner(name):
    """The part of minisenet that a dotted name belongs to; `minisenet.get_backend` and `minisenet` itself are __init__'s."""
    first = (name.split(".") + [""])[1]
    if first.startswith("_kernels_"):
        return "kernels"                                # the compiled modules
    there = (PACKAGE / first).is_dir() or (PACKAGE / f"{first}.py").exists()
    return first if first and there else "__init__"


def faults_of(path):
    part, found = part_of(path), []
    relative = path.relative_to(PACKAGE).as_posix()
    for name, at_import, line in imports(path):
        top = name.split(".")[0]
        if top == "minisenet":
            if owner(name) not in ALLOWED[part] | {part}:
                may = ", ".join(sorted(ALLOWED[part])) or "nothing"
                found.append(f"{relative}:{line} imports {name}; {part} may import {may}")
        elif at_import and top not in sys.stdlib_module_names and top not in OUTSIDE.get(part, {"numpy"}):
            found.append(f"{relative}:{line} imports {name} when it is imported; import it where it is used")
    return found


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_only_parts_before_it(path):
    assert part_of(path) in ALLOWED, f"{path.name} is not in the order yet: add it to ALLOWED"
    assert not faults_of(path), "\n".join(faults_of(path))


def test_the_table_is_an_order():
    """No part imports one below it, so there is no cycle. The table has all parts, in the design's order."""
    parts = list(ALLOWED)
    for i, part in enumerate(parts):
        assert ALLOWED[part] <= set(parts[:i]), f"{part} may import a part below it"
    assert set(parts) == {part_of(path) for path in sources()}
    for chain in ("kernels backend functional layers blocks models train cli", "functional gradcheck checker course cli"):
        assert [part for part in parts if part in chain.split()] == chain.split()
    assert {part for part in parts if "reference" in ALLOWED[part]} == {"bench", "__init__"}
    assert {part for part in parts if "cli" in ALLOWED[part]} == {"__main__"}


@pytest.mark.parametrize("part", ALLOWED)
def test_the_table_has_no_import_too_many(part):
    """Each import in the table exists."""
    paths = [path for path in sources() if part_of(path) == part]
    used = {owner(name) for path in paths for name, *_ in imports(path) if name.startswith("minisenet")} - {part}
    assert ALLOWED[part] == used


def test_contributing_has_the_same_table():
    text = (PACKAGE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = text.partition("| part | imports |")[2].partition("\n\n")[0].splitlines()[2:]
    table = {part: set(allowed) for part, *allowed in (re.findall(r"`(\w+)`", row) for row in rows)}
    assert list(table.items()) == list(ALLOWED.items()), "\n".join(
        f"| `{part}` | {', '.join(f'`{name}`' for name in ALLOWED if name in allowed) or 'nothing'} |"
        for part, allowed in ALLOWED.items())


def test_no_folder_holds_too_much():
    """A folder that is much larger than the others has more than one job."""
    lines = {}
    for path in PACKAGE.rglob("*.*"):
        if path.suffix in (".py", ".pyx", ".pxi"):
            lines.setdefault(part_of(path), []).append(len(path.read_text(encoding="utf-8").splitlines()))
    total = sum(map(sum, lines.values()))
    shares = {part: sum(counts) / total for part, counts in lines.items()}
    assert max(shares.values()) <= LARGEST, {part: f"{share:.0%}" for part, share in shares.items() if share > LARGEST}


@pytest.mark.parametrize("source, part, fault", [
    ("from minisenet.blocks import SEBlock", "layers", "imports minisenet.blocks.SEBlock"),
    ("from minisenet import models", "functional", "imports minisenet.models"),
    ("def f():\n    import minisenet.train", "models", "imports minisenet.train"),
    ("def f():\n    from minisenet.reference import networks", "train", "imports minisenet.reference.networks"),
    ("if f():\n    from minisenet.cli import main", "bench", "imports minisenet.cli.main"),
    ("from ..cli import main", "models", "imports minisenet.cli.main"),
    ("import importlib\nimportlib.import_module('minisenet.cli')", "bench", "imports minisenet.cli"),
    ("from minisenet.reference import networks", "gradcheck", "imports minisenet.reference.networks"),
    ("def f():\n    from minisenet.checker import check", "gradcheck", "imports minisenet.checker.check"),
    ("import torch", "train", "imports torch when it is imported"),
    ("if True:\n    from tqdm import tqdm", "cli", "imports tqdm.tqdm when it is imported"),
    ("from minisenet import get_backend", "layers", "imports minisenet.get_backend"),
])
def test_a_wrong_import_is_found(source, part, fault, tmp_path, monkeypatch):
    """The test can fail: each kind of wrong import is found."""
    for name in ALLOWED:
        (tmp_path / name).mkdir()
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    path = tmp_path / part / "planted.py"
    path.write_text(source, encoding="utf-8")
    assert len(faults_of(path)) == 1 and fault in faults_of(path)[0]


@pytest.mark.parametrize("module", ["minisenet", "minisenet.models", "minisenet.gradcheck", "minisenet.checker",
                                    "minisenet.optim", "minisenet.train", "minisenet.data", "minisenet.cli"])
def test_numpy_is_all_that_an_import_needs(module):
    """In a new interpreter, without any of the extras."""
    code = (f"import sys\nfor name in {EXTRAS}: sys.modules[name] = None\n"      # None makes an import raise ImportError
            f"import {module}\n"
            f"print(*[name for name in {EXTRAS} if sys.modules[name] is not None])")
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, cwd=PACKAGE.parent,
                          timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


def test_a_late_name_is_imported_at_first_use():
    code = ("import sys, minisenet\n"
            "later = ('gradcheck', 'checker', 'reference', 'bench', 'course', 'cli')\n"
            "assert not [name for name in later if f'minisenet.{name}' in sys.modules]\n"
            "from minisenet import gradcheck\n"
            "assert 'minisenet.checker' not in sys.modules and {'check', 'check_file', 'Verdict'} <= set(dir(gradcheck))\n"
            "from minisenet.gradcheck import check\n"
            "assert check is gradcheck.check is sys.modules['minisenet.checker'].check\n"
            "assert 'torch' not in sys.modules and not hasattr(gradcheck, 'nonsense')\n")
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, cwd=PACKAGE.parent,
                          timeout=120)
    assert done.returncode == 0, done.stderr
