"""What to read for an exercise: the derivation out of a page of docs/, without its code: the code is the exercise.

The pages lie in docs/ of a clone. A wheel installs them under `share/doc/minisenet`.
"""
import re
from importlib import metadata
from pathlib import Path

CODE = "*(The page has code here.)*"
CODE_COLUMNS = ("code", "NumPy")


def text(exercise):
    """The file for an exercise, as Markdown; None where the pages are not installed.

    Parameters
    ----------
    exercise : Exercise

    Returns
    -------
    str or None
    """
    page = _find(exercise.page)
    if page is None:
        return None
    whole = page.read_text(encoding="utf-8")
    sections = "\n\n".join(_without_code(_section(whole, heading, exercise.page)) for heading in exercise.sections)
    return (f"# Exercise {exercise.number}: {exercise.title}\n\nDerive it on paper first, and then compare. This is from minisenet's "
            f"page docs/{exercise.page}.\n\n{sections}\n")


def _find(page):
    """The file of a page, or None."""
    path = Path(__file__).parents[2] / "docs" / page
    if path.is_file():
        return path
    try:
        installed = metadata.files("minisenet") or []
    except metadata.PackageNotFoundError:
        return None
    return next((Path(file.locate()) for file in installed if file.parts[-4:] == ("share", "doc", "minisenet", page)), None)


def _section(text, heading, page):
    found = re.search(rf"^## {re.escape(heading)}\n.*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if not found:
        raise LookupError(f"docs/{page} has no section {heading!r}")
    return found[0].strip()


def _without_code(text):
    """Without code, compiled versions and code columns; figures and links, which lead out of the folder, as words."""
    text = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
    text = re.sub(r"^(?:\|.*(?:\n|\Z))+", lambda match: _without_code_columns(match[0]), text, flags=re.MULTILINE)
    text = re.sub(r"(?:(?:<!-- from:[^\n]*-->\s*)?```.*?\n```\s*)+", CODE + "\n\n", text, flags=re.DOTALL)
    text = re.sub(r"!\[(.*?)\]\(.*?\)", r"*(A figure on the page: \1.)*", text, flags=re.DOTALL)
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"\[([^\]]*)\]\((?!http)[^)]*\)", r"\1", text)).strip()


def _without_code_columns(table):
    rows = [re.split(r"(?<!\\)\|", row.strip())[1:-1] for row in table.splitlines()]
    kept = [i for i, cell in enumerate(rows[0]) if cell.strip() not in CODE_COLUMNS]
    if len(kept) == len(rows[0]):
        return table
    return "".join("|" + "|".join(row[i] for i in kept) + "|\n" for row in rows) if len(kept) > 1 else ""
