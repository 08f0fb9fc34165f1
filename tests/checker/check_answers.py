"""The answers of tests/answers by name, for the tests of this folder."""
import ast
import functools
import importlib.util
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "answers"


@functools.cache
def _there():
    """Name -> (file, whether its docstring says that it is right)."""
    found = {}
    for path in sorted(FOLDER.glob("*.py")):
        try:
            nodes = ast.parse(path.read_text(encoding="utf-8")).body
        except SyntaxError:                                            # one of the answers
            continue
        for node in nodes:
            says = (ast.get_docstring(node) or "").partition(": ")[0] if isinstance(node, ast.FunctionDef) else ""
            if says in ("RIGHT", "WRONG"):
                found[node.name] = path, says == "RIGHT"
    return found


def names_of(right):
    """The names of all right, or of all wrong answers."""
    return {name for name, (_, is_right) in _there().items() if is_right == right}


@functools.cache
def _module(path):
    spec = importlib.util.spec_from_file_location(f"check_{path.stem}", path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def answer(name):
    """A harmless answer as a function of this process."""
    return getattr(_module(_there()[name][0]), name)
