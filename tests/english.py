"""List what our text should not have: habits that are hard to read in a second language, and long sentences.

`python tests/english.py [PATH ...]` prints one line for each find and exits with status 1 if there are any; `tests/test_english.py`
runs it over the whole repository. CONTRIBUTING has the rules that stand behind it.
"""
import ast
import io
import re
import sys
import tokenize
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LONGEST = 30                                                    # words in a sentence of the README and the pages

HABITS = {                                                      # pattern: what to write instead
    r"\bit takes\b": '"NAME must be ..., got ..."',
    r"\btakes (?:at least|at most)\b": '"must be at least", "at most"',
    r"\b(?:who(?:so)?ever|somebody(?:'s)?|someone's)\b": '"you", "anyone who"',
    r"\bwho (?:is|are) (?:read|used|written|called)\b": '"which", "that"',
    r"(?:^|[.:;] )(?:Given|Fast|Slow|Shown|Missing|Left out|Right|Wrong|New|Not \w+|Measured|Tested|Kept|Saved|Held|Proven|Checked) (?:is|are|was|were) (?!n?o[nt]e? |a\b|in\b)": "the subject first",
    r",? and (?:nothing|nobody|none|no other) (?:else|more|other)\b": "nothing: end the sentence before it",
    r"\band no other\b": "nothing: end the sentence before it",
    r"\bwhat there is\b": "what it is",
    r"\b(?:is|are) no (?:run|file|folder|array|name|number|operation|network|model|checkpoint|function|data ?set|image|value|integer|layer)\b": '"is not a ...", or what was expected',
    r"\bunbroken (?:run|training)\b": '"uninterrupted"',
    r"\bsame bits as\b": '"bit for bit the result of", "bit-identical to"',
    r"\bcannot be told\b": '"cannot infer"',
    r"\b(?:numbers?|values?|arrays?|gradients?|weights?|maps?|channels?) (?:meets?|met|knows?|sees?|is told|are told)\b": "multiplies, uses, depends on",
    r"\bwas not looked into\b": '"we did not investigate"',
    r"\b(?:stands|stand) in (?:\[|`|Notation|docs)": '"is in", "lists"',
}

_CODE = re.compile(r"^(`{3,}|~{3,}).*?^\1", re.M | re.S)
_ABBREVIATIONS = re.compile(r"\b(eqs?|Eqs?|Figs?|Secs?|Tabs?|al|vs|cf|approx|No|Nos|e\.g|i\.e|etc|St)\.(?=\s)")


def prose(markdown):
    """The (line, text) of each paragraph, list item, heading and cell: no code, no raw HTML, a formula or a name is one word."""
    def blank(match):
        return "\n" * match[0].count("\n")
    text = _CODE.sub(blank, markdown)
    for pattern in (r"<!--.*?-->", r"^\s*>>> .*?(?=^\s*$|\Z)", r"^\$\$.*?\$\$", r"\$\$.*?\$\$"):
        text = re.sub(pattern, blank, text, flags=re.M | re.S)
    text = re.sub(r"\]\([^)\n]*\)", "]", text)
    text = re.sub(r"`[^`]+`|\$[^$]+\$", lambda m: "X" + "\n" * m[0].count("\n"), text)
    text = re.sub(r"<[^>\n]+>|[*_]{2}|!?\[|\]", "", text)
    start, lines = 1, []
    for number, line in enumerate([*text.split("\n"), ""], 1):
        line = re.sub(r"^(?:\s*>)+ ?", "", line)
        opens = re.match(r"\s*(?:[-+*]|\d+[.)]|#+|\|)\s", line)
        if (not line.strip() or opens) and lines:
            yield start, " ".join(lines)
            lines = []
        if line.lstrip().startswith("|"):
            for cell in line.strip().strip("|").split("|"):
                yield number, cell.strip()
        elif line.strip():
            start = start if lines else number
            lines.append(line.strip())


def sentences(text):
    """The sentences of a paragraph."""
    text = _ABBREVIATIONS.sub(r"\1", text)
    return re.split(r"(?<=[.!?])['\")*]*\s+(?=[A-Z\"'(*0-9])", text)


def words(sentence):
    return len(re.findall(r"[A-Za-z0-9][\w'/.,:%^+-]*", sentence))


def texts_of_code(path):
    """The (line, text) of every comment, docstring and message of a Python or Cython file."""
    source = path.read_text()
    if path.suffix == ".py" and path.name != "syntax_error.py":          # what a student might hand in
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string.lstrip("#: ")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
                for offset, line in enumerate(node.value.split("\n")):
                    yield node.lineno + offset, line.strip()
    else:
        for number, line in enumerate(source.split("\n"), 1):
            yield number, line.strip().lstrip("#/* ")


def finds(path):
    """The (line, complaint) of every find in a file."""
    if path.suffix == ".md":
        for line, text in prose(path.read_text()):
            for sentence in sentences(text):
                if words(sentence) > LONGEST:
                    yield line, f"{words(sentence)} words: {sentence}"
                yield from habits(line, sentence)
    else:
        for line, text in texts_of_code(path):
            yield from habits(line, text)


def habits(line, text):
    for pattern, instead in HABITS.items():
        for match in re.finditer(pattern, text):
            yield line, f'"{match[0].strip(". :;,")}": write {instead}: {text[:160]}'


def files(paths=()):
    """The text files of the repository, or those of them below the paths."""
    roots = [Path(p).resolve() for p in paths] or [ROOT / n for n in ("README.md", "CONTRIBUTING.md", "setup.py", "conftest.py", "docs", "minisenet", "tests")]
    for root in roots:
        found = [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.suffix in (".md", ".py", ".pyx", ".pxi"))
        yield from (p for p in found if "_build" not in p.parts and p.name not in ("english.py", "test_english.py"))


if __name__ == "__main__":
    count = 0
    for file in files(sys.argv[1:]):
        for line, complaint in finds(file):
            print(f"{file.relative_to(ROOT) if file.is_relative_to(ROOT) else file}:{line}: {complaint}")
            count += 1
    print(f"{count} found" if count else "nothing found")
    sys.exit(count > 0)
