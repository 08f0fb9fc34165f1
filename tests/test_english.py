"""No text of ours has the habits that tests/english.py lists, and the README and the pages have no sentence that is too long."""
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import english  # noqa: E402


def found(tmp_path, name, text):
    file = tmp_path / name
    file.write_text(text)
    return [complaint for _, complaint in english.finds(file)]


def test_plain_english():
    assert [f"{file.relative_to(english.ROOT)}:{line}: {complaint}" for file in english.files() for line, complaint in english.finds(file)] == []


@pytest.mark.parametrize("name, text", [
    ("page.md", "It is for whoever reads it.\n"),
    ("page.md", "Given is `dy`, the gradient.\n"),
    ("code.py", 'raise ValueError(f"depth is {depth}; it takes 6 n + 2")\n'),
    ("code.py", "x = 1    # somebody's number\n"),
    ("code.py", 'def f():\n    """A shape.\n\n    The shape of x cannot be told.\n    """\n'),
    ("code.pyx", "cdef int n   # what is no array\n"),
])
def test_a_habit_is_found(tmp_path, name, text):
    assert len(found(tmp_path, name, text)) == 1


def test_a_long_sentence_is_found_and_code_formulas_and_tables_are_no_words(tmp_path):
    long = "This sentence is long" + " and has many more words" * 6
    assert len(found(tmp_path, "page.md", f"{long}.\n")) == 1
    assert found(tmp_path, "page.md", f"{long[:60]}. {long[:60]} `{long}` and $a b c d e f g$.\n\n```text\n{long}\n```\n\n$$\n{long}\n$$\n") == []
    assert found(tmp_path, "page.md", f"| {long[:90]} | {long[:90]} |\n| --- | --- |\n") == []
