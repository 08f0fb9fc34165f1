"""A function of the package as text, cut out of the package's own files: signature, docstring, body, and what it needs.

So no text exists twice. A stub is the signature and the docstring, and a solution has the body too. Decorators and checks of
arguments are left out, and with them the docstring's section "Raises".
"""
import ast
import functools
import importlib
import inspect
import re
from dataclasses import dataclass

SECTION = re.compile(r"^    \w[\w ]*\n    -{3,}\n", re.MULTILINE)         # a numpydoc heading: a word, underlined


@dataclass(frozen=True)
class Function:
    """A function as text.

    Attributes
    ----------
    module, name : str
        Where it is defined, and what it is called there.
    signature, docstring, body : str
        Whole lines, with indentation, comments and line breaks.
    needs : tuple of (str, str)
        The package's functions that the body calls, as (module, name), in the order of their first use.
    """

    module: str
    name: str
    signature: str
    docstring: str
    body: str
    needs: tuple


@functools.cache
def function(module, name):
    """The function `name` that `module` defines. Raises KeyError if it defines no such function."""
    text, tree = _parsed(module)
    node = next((node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name), None)
    if node is None:
        raise KeyError(f"{module} defines no function {name}")
    first, *statements = node.body
    lines = text.splitlines(keepends=True)
    body = lines[:node.end_lineno]
    for statement in statements:
        if _is_check(statement):
            body[statement.lineno - 1:statement.end_lineno] = [""] * (statement.end_lineno - statement.lineno + 1)
    kept = [statement for statement in statements if not _is_check(statement)]
    for _, attribute in reversed(list(_aliased(module, kept))):              # F.squeeze becomes squeeze
        line, start = attribute.lineno - 1, attribute.col_offset
        body[line] = body[line][:start] + body[line][start + len(attribute.value.id) + 1:]
    return Function(module, name, "".join(lines[node.lineno - 1:first.lineno - 1]),
                    _without_raises("".join(lines[first.lineno - 1:first.end_lineno])), "".join(body[first.end_lineno:]),
                    _needs(module, kept))


def introduction(module):
    """The docstring of a module without its first line: the package's files have their derivations there. It may be empty."""
    return (ast.get_docstring(_parsed(module)[1]) or "").partition("\n")[2].strip("\n")


@functools.cache
def _parsed(module):
    text = inspect.getsource(importlib.import_module(module))
    return text, ast.parse(text)


def _is_check(statement):
    """Whether a statement only checks arguments: it calls `_check_…(…)` or something of the module `arguments`."""
    names = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
    return isinstance(statement, (ast.Assign, ast.Expr)) and any(name == "arguments" or name.startswith("_check") for name in names)


def _without_raises(docstring):
    """A numpydoc docstring without its section "Raises"."""
    starts = [match.start() for match in SECTION.finditer(docstring)]
    for start, end in zip(starts, [*starts[1:], docstring.rindex("    \"\"\"") if starts else 0]):
        if docstring[start:].startswith("    Raises\n"):
            return docstring[:start].rstrip() + ("\n\n" if end in starts else "\n") + docstring[end:]
    return docstring


@functools.cache
def _imported(module):
    """What a module imports from the package: its local name -> (module, name)."""
    _, tree = _parsed(module)
    return {alias.asname or alias.name: (node.module, alias.name) for node in tree.body
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("minisenet") for alias in node.names}


def _aliased(module, statements):
    """Yield (the module's name, the node) for each `F.name` whose F is a module that this one imports, in reading order."""
    for node in _walk(statements):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in _imported(module):
            package, name = _imported(module)[node.value.id]
            yield f"{package}.{name}", node


def _walk(statements):
    """All nodes, in the order of the text."""
    nodes = [node for statement in statements for node in ast.walk(statement) if hasattr(node, "lineno")]
    return sorted(nodes, key=lambda node: (node.lineno, node.col_offset))


def _needs(module, statements):
    """The package's functions that these statements use, as (the module that defines it, name), each once."""
    attributes = {id(node): (other, node.attr) for other, node in _aliased(module, statements)}
    found = []
    for node in _walk(statements):
        if id(node) in attributes:
            found.append(_definition(*attributes[id(node)]))
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            found.append(_definition(module, node.id))
    return tuple(dict.fromkeys(where for where in found if where))


def _definition(module, name):
    """Where a name that a module uses is defined, following its imports; None if not in the package."""
    _, tree = _parsed(module)
    if any(isinstance(node, ast.FunctionDef) and node.name == name for node in tree.body):
        return module, name
    if name not in _imported(module):
        return None
    return _definition(*_imported(module)[name]) if _imported(module)[name][0] != "minisenet" else None
