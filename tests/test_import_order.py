"""Who may import whom: each part of the package imports only what stands left of it, and the core needs NumPy alone."""
import ast
import subprocess
import sys
from pathlib import Path

import pytest

import minisenet

PACKAGE = Path(minisenet.__file__).parent
EXTRAS = ("torch", "matplotlib", "tqdm", "pooch", "safetensors", "PIL", "hypothesis", "pytest", "Cython")

# part -> the parts it may import. The first column of the design, then what stands beside it.
MATHEMATICS = {"arguments", "backend", "functional"}
ALLOWED = {
    "_kernels": set(),
    "_late": set(),
    "backend": {"_kernels"},
    "arguments": set(),
    "functional": {"arguments", "backend"},
    "layers": MATHEMATICS,
    "blocks": MATHEMATICS | {"layers"},
    "models": MATHEMATICS | {"layers", "blocks"},
    "train": MATHEMATICS | {"layers", "blocks", "models", "optim", "data", "_version"},
    "cli": MATHEMATICS | {"layers", "blocks", "models", "train", "optim", "data", "gradcheck", "checker", "summary", "info",
                          "bench", "course", "_version"},
    "_version": set(),
    "optim": MATHEMATICS,
    "data": MATHEMATICS,
    "summary": MATHEMATICS | {"layers", "blocks", "models"},
    "info": {"backend", "_version"},
    "gradcheck": MATHEMATICS | {"_late", "layers", "blocks", "models", "optim", "data", "_version"},
    "checker": MATHEMATICS | {"gradcheck", "optim"},
    "course": MATHEMATICS | {"gradcheck", "checker", "optim"},
    "reference": MATHEMATICS | {"layers", "blocks", "models", "train", "optim", "data", "gradcheck"},
    "bench": MATHEMATICS | {"layers", "blocks", "models", "train", "optim", "data", "summary", "_version"},
    "__init__": MATHEMATICS | {"_late", "_version", "train", "models", "layers", "blocks", "checker"},
    "__main__": {"cli"},
}
# Only these import the reference, which imports PyTorch, and only inside a function.
LAZILY = {"__init__": {"reference"}, "bench": {"reference"}}
# What a file may import at its top besides the standard library and minisenet; NumPy alone, unless a part is named here.
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
    """Yield (dotted name, whether it is imported when the file is, line)."""
    def walk(node, at_import):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.Import, ast.ImportFrom)):
                for name in names_in(child, path):
                    yield name, at_import, child.lineno
            else:
                yield from walk(child, at_import and not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)))
    yield from walk(ast.parse(path.read_text(encoding="utf-8")), True)


def owner(name):
    """The part of minisenet that a dotted name belongs to; `minisenet.get_backend` and `minisenet` itself are __init__'s."""
    first = (name.split(".") + [""])[1]
    there = (PACKAGE / first).is_dir() or (PACKAGE / f"{first}.py").exists() or first.startswith("_kernels")
    return first.replace("_kernels_v3", "_kernels").replace("_kernels_v4", "_kernels") if first and there else "__init__"


def faults_of(path):
    part, found = part_of(path), []
    relative = path.relative_to(PACKAGE).as_posix()
    for name, at_import, line in imports(path):
        top = name.split(".")[0]
        if top == "minisenet":
            allowed = ALLOWED[part] | {part}
            if not at_import:
                allowed = allowed | LAZILY.get(part, set())
            if owner(name) not in allowed:
                may = ", ".join(sorted(ALLOWED[part])) or "nothing"
                found.append(f"{relative}:{line} imports {name}; {part} may import {may}")
        elif at_import and top not in sys.stdlib_module_names and top not in OUTSIDE.get(part, {"numpy"}):
            found.append(f"{relative}:{line} imports {name} when it is imported; import it where it is used")
    return found


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_only_what_stands_left_of_it(path):
    assert part_of(path) in ALLOWED, f"{path.name} has no place in the order yet: give it one in ALLOWED"
    assert not faults_of(path), "\n".join(faults_of(path))


def test_the_order_has_no_cycle():
    """The table itself is an order: what stands left never imports what stands right."""
    placed, left = [], {part: allowed | LAZILY.get(part, set()) for part, allowed in ALLOWED.items()}
    while left:
        ready = [part for part, allowed in left.items() if allowed <= set(placed)]
        assert ready, f"a cycle among {sorted(left)}"
        placed += ready
        for part in ready:
            del left[part]
    chain = ["_kernels", "backend", "functional", "layers", "blocks", "models", "train", "cli"]
    assert [part for part in placed if part in chain] == chain


@pytest.mark.parametrize("source, part, fault", [
    ("from minisenet.blocks import SEBlock", "layers", "imports minisenet.blocks.SEBlock"),
    ("from minisenet import models", "functional", "imports minisenet.models"),
    ("def f():\n    import minisenet.train", "models", "imports minisenet.train"),
    ("from ..cli import main", "models", "imports minisenet.cli.main"),
    ("from minisenet.reference import networks", "gradcheck", "imports minisenet.reference.networks"),
    ("def f():\n    from minisenet.checker import check", "gradcheck", "imports minisenet.checker.check"),
    ("import torch", "train", "imports torch when it is imported"),
    ("if True:\n    from tqdm import tqdm", "cli", "imports tqdm.tqdm when it is imported"),
    ("from minisenet import get_backend", "layers", "imports minisenet.get_backend"),
])
def test_a_wrong_import_is_found(source, part, fault, tmp_path, monkeypatch):
    """The test can fail: each kind of wrong import, planted."""
    for name in ALLOWED:
        (tmp_path / name).mkdir()
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    path = tmp_path / part / "planted.py"
    path.write_text(source, encoding="utf-8")
    assert len(faults_of(path)) == 1 and fault in faults_of(path)[0]


@pytest.mark.parametrize("module", ["minisenet", "minisenet.models", "minisenet.gradcheck", "minisenet.checker",
                                    "minisenet.optim", "minisenet.train", "minisenet.data", "minisenet.cli"])
def test_numpy_is_all_that_an_import_needs(module):
    """In a fresh interpreter, with none of the extras to be had."""
    code = (f"import sys\nfor name in {EXTRAS}: sys.modules[name] = None\n"      # None makes an import raise ImportError
            f"import {module}\n"
            f"print(*[name for name in {EXTRAS} if sys.modules[name] is not None])")
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, cwd=PACKAGE.parent,
                          timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""
