"""The package's docstrings are numpydoc in plain text: `name` is code, and an indented block below a blank line a formula.

reStructuredText reads them a little otherwise. Here, before numpydoc parses the sections, names in backticks become
references and other code gets double backticks, an indented block is marked as literal, and characters that
reStructuredText would take for markup are escaped.
"""
import re

CODE = re.compile(r"(`[^`]+`)")
NAME = re.compile(r"`[A-Za-z_][\w.]*`")
SECTION = re.compile(r"^-{3,}$")


def converted(lines):
    """
    >>> converted(["See `relu`, x*_*:", "", "    y = a*b", "", "End."])
    ['See :py:obj:`relu`, x\\\\*_\\\\*:', '', '::', '', '    y = a*b', '', 'End.']
    """
    out, literal, example = [], None, False
    for i, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        if literal is not None and line.strip() and indent < literal:
            literal = None
        if line.strip().startswith(">>>"):
            example = True
        elif not line.strip():
            example = False
        after_blank = i > 0 and not lines[i - 1].strip()
        before = next((other for other in reversed(lines[:i]) if other.strip()), "")
        if literal is None and indent >= 4 and after_blank and len(before) - len(before.lstrip()) < indent and not example:
            literal = indent
            out += [" " * (indent - 4) + "::", ""]
        plain = literal is not None or example or SECTION.match(line.strip()) or re.match(r"^\*\*?\w+( :|$)", line)
        out.append(line if plain else escaped(line))
    return out


def escaped(line):
    return "".join(code(part) if CODE.fullmatch(part) else text(part) for part in CODE.split(line))


def code(quoted):
    """A name becomes a reference, which Sphinx shows as code where it leads nowhere; anything else is code."""
    return f":py:obj:{quoted}" if NAME.fullmatch(quoted) else f"`{quoted}`"


def text(part):
    """Without markup: a bar, an underscore that ends a word, and a star that touches one mean themselves."""
    part = re.sub(r"(?<=\w)_(?=\W|$)", r"\\_", part.replace("|", r"\|"))
    return re.sub(r"\*(?=\S)|(?<=\S)\*", r"\\*", part)


def process(app, what, name, obj, options, lines):
    lines[:] = converted(lines)


def setup(app):
    app.connect("autodoc-process-docstring", process, priority=1)
