"""The reference in place of what is not right yet, so that a slip in the squeeze costs the SE block no points.

The student's folder is copied. A file of it that holds a wrong function `squeeze` becomes three:

    own_e06_squeeze.py           the student's
    reference_e06_squeeze.py     the solution
    e06_squeeze.py               everything of the first, with `squeeze` of the second
"""
import ast
import re
import shutil
from pathlib import Path

from minisenet.course import files

MIXED = '''\
"""{own}.py, with what is not right yet from {reference}.py."""
try:
    import {own} as own
    globals().update({{name: value for name, value in vars(own).items() if not name.startswith("__")}})
except BaseException:
    pass
import {reference} as reference
'''


def fill(place, folder, wrong):
    """Copy a student's folder, with the reference for some functions.

    Parameters
    ----------
    place : Path
        The folder to fill; it is empty.
    folder : Path
        The student's. Its Python files and packages are copied.
    wrong : dict of Exercise -> sequence of str
        The functions to replace.
    """
    for path in folder.iterdir():
        if path.suffix == ".py" and path.is_file():
            shutil.copyfile(path, place / path.name)
        elif (path / "__init__.py").is_file():
            shutil.copytree(path, place / path.name)
    for exercise, names in wrong.items():
        path, own, reference = place / exercise.file, f"own_{exercise.module}", f"reference_{exercise.module}"
        lengths = {}
        if path.is_file():
            lengths = _lengths(path)
            path.rename(place / f"{own}.py")
        text = MIXED.format(own=own, reference=reference) + "".join(_function(name, lengths.get(name)) for name in names)
        path.write_text(text, encoding="utf-8")
        for earlier in files.with_earlier(exercise):
            solved = re.sub(r"^from e(?=\d\d_)", "from reference_e", files.solution(earlier), flags=re.MULTILINE)
            Path(place, f"reference_{earlier.module}.py").write_text(solved, encoding="utf-8")


def _function(name, length):
    """The reference under the student's name, with as many results as the student returns: some may be left out."""
    if length is None:
        return f"{name} = reference.{name}\n"
    return (f"\n\ndef {name}(*args, **options):\n    results = reference.{name}(*args, **options)\n"
            f"    return results[:{length}] if isinstance(results, tuple) else results\n")


def _lengths(path):
    """Function -> how many results its last `return` lists, where it lists any."""
    try:
        functions = [node for node in ast.parse(path.read_bytes()).body if isinstance(node, ast.FunctionDef)]
    except (SyntaxError, ValueError):
        return {}
    returned = {of.name: [node.value for node in ast.walk(of) if isinstance(node, ast.Return)][-1:] for of in functions}
    return {name: len(value[0].elts) for name, value in returned.items() if value and isinstance(value[0], ast.Tuple)}
