"""The Markdown pages say what the code says: quoted lines, named files, links, the table of planted bugs, the mathematics.

    <!-- from: minisenet/functional/scale.py -->

stands above a code block of lines that are quoted from that file: each of them has to be there, in this order, whatever the
indentation. The `>>>` lines of the pages run as doctests and are not repeated here.
"""
import json
import re
import tomllib
from pathlib import Path

import pytest

from minisenet.gradcheck.bugs import BLIND_SPOTS, BUGS
from minisenet.gradcheck.operations import OPERATIONS

ROOT = Path(__file__).parents[1]
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = sorted(ROOT.glob("*.md")) + DOCS

FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
QUOTED = re.compile(r"^<!-- from: (\S+) -->\n```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
NAMED = re.compile(r"`((?:minisenet|tests|docs(?!/_build)|\.ci)/[\w./-]*)`")     # but for what is built
MATHEMATICS = re.compile(r"\$\$(.+?)\$\$|\$([^$\n]+)\$", re.DOTALL)

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def prose(page):
    """The page without its code blocks."""
    return FENCED.sub("", page.read_text(encoding="utf-8"))


def anchors(page):
    """What GitHub makes of the headings: lower case, no punctuation, spaces to hyphens."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def first_missing(quoted, lines):
    """The first of the quoted lines that does not follow in `lines`, or None."""
    lines = iter(lines)
    return next((line for line in quoted if line not in lines), None)         # `in` uses the iterator up to the line it finds


def stripped(text):
    return [line.strip() for line in text.splitlines() if line.strip()]


@every_page
def test_quoted_code_stands_in_its_file(page):
    for name, block in QUOTED.findall(page.read_text(encoding="utf-8")):
        missing = first_missing(stripped(block), stripped((ROOT / name).read_text(encoding="utf-8")))
        assert missing is None, f"{page.name} quotes {name}, which does not have, in this order: {missing}"


def test_every_quotation_is_found():
    """A mark that stands above something else than a code block would be checked by nobody."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert text.count("<!-- from:") == len(QUOTED.findall(text)), page.name
    derivations = ("section-3-blocks.md", "section-3-1-squeeze.md", "section-3-2-excitation.md", "section-3-3-instantiations.md",
                   "convolution.md", "batch-norm.md", "cross-entropy.md", "se-block.md", "kernels.md", "fused-passes.md")
    assert all(QUOTED.search((ROOT / "docs" / name).read_text(encoding="utf-8")) for name in derivations)


def test_a_line_that_is_not_there_is_missed():
    assert first_missing(["a", "c"], ["a", "b", "c"]) is None
    assert first_missing(["c", "a"], ["a", "b", "c"]) == "a"
    assert first_missing(["a", "d"], ["a", "b", "c"]) == "d"


@every_page
def test_links_lead_somewhere(page):
    for link in LINK.findall(prose(page)):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{page.name} links to {link}"
        assert not anchor or anchor in anchors(target), f"{page.name} links to {link}; the headings there are {anchors(target)}"


@every_page
def test_named_files_exist(page):
    for name in NAMED.findall(prose(page)):
        assert (ROOT / name).exists(), f"{page.name} names {name}"


LISTED = [*DOCS, *sorted((ROOT / "docs").glob("*.ipynb")), *sorted((ROOT / "docs" / "api").glob("*.rst"))]


@pytest.mark.parametrize("page", [page for page in LISTED if page.stem not in ("README", "index")], ids=lambda page: page.name)
def test_every_page_is_in_the_contents(page):
    assert page.relative_to(ROOT / "docs").as_posix() in LINK.findall(prose(ROOT / "docs" / "index.md"))


def test_next_leads_to_the_next_page_of_the_contents():
    """The last line of each page from the first of the contents to the map, in the order that the site's navigation has."""
    listed = re.findall(r"^(?:-|\|) \[[^]]+\]\(([\w-]+\.(?:md|ipynb))\)", prose(ROOT / "docs" / "index.md"), re.MULTILINE)
    assert len(listed) == len(set(listed)) and listed[-1] == "map.md"
    for page, following in zip(listed, listed[1:]):
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        if page.endswith(".ipynb"):
            text = "".join(json.loads(text)["cells"][-1]["source"])
        found = re.fullmatch(r"Next: \[[^]]+\]\((.+)\)\.", text.rstrip("\n").rpartition("\n")[2])
        assert found and found[1] == following, f"{page} should end with a link to {following}"


# ---- the form of a page

FOLD = re.compile(r"^( *)<details>\n\1<summary>(The compiled version|Solution|Answer)</summary>\n\n(.*?)\n\n\1</details>\n",
                  re.MULTILINE | re.DOTALL)


def text_of(name):
    """A page, or the text cells of a notebook, each followed by an empty line."""
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    if not name.endswith(".ipynb"):
        return text
    return "".join("".join(cell["source"]) + "\n\n" for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown")


def folds(text):
    """The (summary, content) of each fold. Only in this form do a code host and the site both show what is in it."""
    return [(summary, content) for _, summary, content in FOLD.findall(text)]


@pytest.mark.parametrize("name", [page.name for page in LISTED if page.suffix != ".rst"])
def test_every_fold_has_the_form_that_is_shown(name):
    text = text_of(name)
    assert text.count("<details") == text.count("</details>") == len(folds(text)), f"{name} has a fold in another form"
    assert not any(re.search(r"^#+ ", FENCED.sub("", content), re.MULTILINE) for _, content in folds(text))


def test_a_fold_in_another_form_is_missed():
    right = "<details>\n<summary>Answer</summary>\n\nYes.\n\n</details>\n"
    assert folds(right) == [("Answer", "Yes.")]
    assert folds(right.replace("\n\n", "\n")) == folds(right.replace("Answer", "More")) == []


# The page on the kernel is about compiled code.
@pytest.mark.parametrize("name", [page.name for page in DOCS if page.name != "kernels.md"])
def test_compiled_code_is_folded_below_the_derivation(name):
    text = text_of(name)
    assert "```cython" not in FOLD.sub("", text), f"{name} shows Cython before one asks for it"


QUESTIONED = [page.name for page in LISTED if page.suffix != ".rst"
              and page.stem not in ("README", "index", "map", "course", "lecturers")]


@pytest.mark.parametrize("name", QUESTIONED)
def test_a_page_ends_with_three_questions(name):
    head, _, questions = text_of(name).partition("\n## Three questions\n")
    assert [summary for summary, _ in folds(questions)] == ["Answer"] * 3
    assert len(re.findall(r"^[123]\. ", questions, re.MULTILINE)) == 3


@pytest.mark.parametrize("name", QUESTIONED)
def test_an_exercise_on_paper_has_its_solution(name):
    exercises = text_of(name).partition("\n## Exercises\n")[2].partition("\n## ")[0]
    items = re.split(r"^\d\. ", exercises, flags=re.MULTILINE)[1:]
    assert not [item for item in items if item.startswith("On paper") and "<summary>Solution</summary>" not in item]


@pytest.mark.parametrize("head, bugs", [("planted bug", BUGS), ("blind spot", BLIND_SPOTS)])
def test_the_tables_of_bugs_are_those_of_the_package(head, bugs):
    """Row by row, so that a new bug in the package is a failure here that prints the row to add."""
    _, _, rest = prose(ROOT / "docs" / "gradient-checks.md").partition(f"| {head} | operation |")
    rows = rest.partition("\n\n")[0].splitlines()[2:]
    assert rows == [f"| {bug.name} | `{bug.operation}` | {bug.mistake} | {bug.lesson} |" for bug in bugs]


@every_page
def test_mathematics_that_a_code_host_renders(page):
    """Markdown reads a formula before TeX does: it eats a backslash before punctuation, and may take _ and * for emphasis."""
    text = re.sub(r"`[^`\n]*`", "", prose(page))
    assert text.count("$") % 2 == 0, "a $ without its partner"
    for match in MATHEMATICS.finditer(text):
        display, inline = match.groups()
        formula = display or inline
        around = text[max(match.start() - 1, 0):match.start()] + text[match.end():match.end() + 1]
        assert not re.search(r"\w", around), f"a letter next to $: {formula}"
        assert not re.search(r"\\[!-/:-@[-`{-~]", formula), f"a backslash before punctuation: {formula}"
        assert not re.search(r"(?<![A-Za-z0-9])_|\*|\]\(", formula), f"taken for emphasis or for a link: {formula}"
        assert not re.search(r"\\(label|eqref|ref|operatorname|newcommand|def)\b", formula), f"not rendered: {formula}"
        assert formula.count("{") == formula.count("}"), f"unbalanced braces: {formula}"
        assert display or inline == inline.strip(), f"a space next to $: {formula}"
    for line in text.splitlines():
        if line.startswith("|"):
            assert not any("|" in (display or inline) for display, inline in MATHEMATICS.findall(line)), f"| in a table: {line}"


# ---- the map

MAP = ROOT / "docs" / "map.md"
FUNCTIONS = sorted((ROOT / "minisenet" / "functional").glob("*.py"))
PAPER_ROWS = re.compile(r"^\| \d.*$", re.MULTILINE)


def section_markers():
    """The markers of the paper's sections, from pyproject.toml."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    names = [marker.partition(":")[0] for marker in settings["tool"]["pytest"]["ini_options"]["markers"]]
    return [name for name in names if name.startswith("section_")]


def missing_from_the_map(text, pages=None):
    """What the map does not have: pages it does not link to, files of the mathematics and markers that it does not name."""
    pages = [page.name for page in DOCS if page.name not in ("README.md", "map.md")] if pages is None else pages
    links = {link.partition("#")[0] for link in LINK.findall(text)}
    return ([page for page in pages if page not in links]
            + [path.name for path in FUNCTIONS if f"`minisenet/functional/{path.name}`" not in text]
            + [marker for marker in section_markers() if f"`{marker}`" not in text])


def test_the_map_is_whole():
    assert missing_from_the_map(MAP.read_text(encoding="utf-8")) == []


def test_what_the_map_lacks_is_missed():
    text = MAP.read_text(encoding="utf-8")
    lost = text.replace("(section-3-1-squeeze.md", "(elsewhere.md").replace("/scale.py`", "/stale.py`").replace("`section_7`", "")
    assert missing_from_the_map(lost) == ["section-3-1-squeeze.md", "scale.py", "section_7"]


@pytest.mark.parametrize("row", PAPER_ROWS.findall(MAP.read_text(encoding="utf-8")))
def test_a_row_of_the_map_names_tests_that_have_its_marker(row):
    """Each test file of a row uses the row's marker, or is driven by a table whose rows have it."""
    for marker, files in re.findall(r"`(section_\w+)`: ((?:`tests/[\w/.]+`(?:, )?)+)", row):
        for name in re.findall(r"`([^`]+)`", files):
            text = (ROOT / name).read_text(encoding="utf-8")
            by_table = "every_row" in text and marker in {operation.section for operation in OPERATIONS.values()}
            assert by_table or re.search(rf"\b{marker}\b", text), f"{name} has no test of {marker}"
