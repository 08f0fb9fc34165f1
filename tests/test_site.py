"""The site: it builds without a warning, links lead somewhere, nothing comes from elsewhere, a browser shows each page.

The slow tests build it; they are skipped where what they need is not installed (`pip install -e ".[docs,browser]"` and a
Chromium). The checks themselves are tested too: on pages with a fault planted in them.
"""
import importlib
import importlib.util
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import minisenet

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"

needs_sphinx = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("sphinx", "furo", "latex2mathml", "myst_nb", "numpydoc")),
    reason='Sphinx and what the site needs are not installed: pip install -e ".[docs]"')


def machinery(name):
    """A module of docs/_site, without the Sphinx that the package is made for."""
    spec = importlib.util.spec_from_file_location(name, DOCS / "_site" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


check_links, look, examples, contents = map(machinery, ("check_links", "look", "examples", "contents"))


# ---- the reference names everything public ------------------------------------------------------------------------------

# All that a reader may call. A module with __all__ has said what is public; elsewhere it is what the file defines.
MODULES = ["minisenet", "minisenet.functional", "minisenet.functional.fused", "minisenet.layers", "minisenet.blocks",
           "minisenet.models", "minisenet.optim", "minisenet.data", "minisenet.train",
           "minisenet.gradcheck", "minisenet.checker", "minisenet.course"]
DIRECTIVE = re.compile(r"^\.\. (currentmodule|auto\w+):: (\S+)", re.MULTILINE)
MODULES = [name for name in MODULES if importlib.util.find_spec(name)]


def public(module):
    """The public objects of a module by name, without submodules and numbers."""
    names = getattr(module, "__all__", None)
    if names is None:
        names = [name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
    found = {name: getattr(module, name) for name in names if not name.startswith("_")}
    return {name: value for name, value in found.items() if callable(value)}


def documented():
    """The objects that docs/api/ names in its directives."""
    found = []
    for page in sorted((DOCS / "api").glob("*.rst")):
        module = None
        for kind, name in DIRECTIVE.findall(page.read_text(encoding="utf-8")):
            if kind == "currentmodule":
                module = importlib.import_module(name)
            else:
                found.append(getattr(module, name))
    return found


@pytest.mark.parametrize("module", MODULES)
def test_the_reference_names_everything_public(module):
    there = documented()
    missing = [name for name, value in public(importlib.import_module(module)).items()
               if not any(value is one for one in there)]
    assert not missing, f"docs/api/ has no directive for {', '.join(missing)} of {module}"


def test_public_functions_are_found():
    assert public(minisenet.functional)["squeeze"] is minisenet.functional.squeeze
    assert {"SEBlock", "BasicBlock"} <= set(public(importlib.import_module("minisenet.blocks")))
    assert all(inspect.getdoc(value) for value in documented())


# ---- the checks can fail ------------------------------------------------------------------------------------------------

PAGE = '<!doctype html><html><head><meta charset="utf-8">{head}</head><body><article>{body}</article></body></html>'


def site_of(folder, body, head=""):
    (folder / "index.html").write_text(PAGE.format(head=head, body=body), encoding="utf-8")
    (folder / "other.html").write_text(PAGE.format(head="", body='<h1 id="there">Other</h1>'), encoding="utf-8")
    return folder


@pytest.mark.parametrize("body, head, complaint", [
    ('<a href="missing.html">x</a>', "", "no such file"),
    ('<a href="other.html#nowhere">x</a>', "", "no such place"),
    ('<a href="#nowhere">x</a>', "", "no such place"),
    ('<img alt="" src="https://example.org/x.png">', "", "loads https://example.org/x.png"),
    ("", '<script src="//example.org/x.js"></script>', "loads //example.org/x.js"),
])
def test_a_bad_link_is_found(tmp_path, body, head, complaint):
    found = check_links.problems(site_of(tmp_path, body, head))
    assert len(found) == 1 and complaint in found[0], found


def test_a_font_from_elsewhere_is_found(tmp_path):
    (tmp_path / "site.css").write_text('@font-face { src: url("https://example.org/font.woff2") }')
    assert check_links.problems(site_of(tmp_path, "")) == ["site.css loads https://example.org/font.woff2"]


def test_good_links_are_left_alone(tmp_path):
    body = '<a href="other.html#there">x</a> <a href="https://arxiv.org/abs/1709.01507">the paper</a>'
    assert check_links.problems(site_of(tmp_path, body)) == []


def test_a_folder_without_pages_is_no_site(tmp_path):
    assert check_links.problems(tmp_path)


def test_an_example_that_differs_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n```python\n>>> 1 + 1\n2\n>>> 1 + 2\n4\n>>> undefined\n\n```\n")
    number, differences = examples.run(page)
    assert number == 3
    assert [line for line, _ in differences] == [6, 8]
    assert "expected\n4" in differences[0][1] and "NameError" in differences[1][1]


def test_python_that_is_neither_quoted_nor_run_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```python\nx = 1\n```\n")
    assert not examples.nothing_to_run(page)
    page.write_text("<!-- from: minisenet/blocks.py -->\n```python\nz = F.squeeze(u)\n```\n")
    assert examples.nothing_to_run(page)


def test_the_contents_have_every_page_once():
    pages = [page for _, listed in contents.sections((DOCS / "index.md").read_text(encoding="utf-8")) for page in listed]
    assert len(pages) == len(set(pages))
    there = [path.relative_to(DOCS).with_suffix("").as_posix() for path in [*DOCS.glob("*.md"), *DOCS.glob("api/*.rst")]]
    assert set(there) - set(pages) == {"index", "README"}


# ---- mathematics --------------------------------------------------------------------------------------------------------

@needs_sphinx
@pytest.mark.parametrize("tex, part", [
    (r"\hat x_i", "<mover accent="),
    (r"\mathbf x", "\U0001d431"),
    (r"\mathbb R^{H \times W}", "ℝ"),
    (r"\mathrm{mean}(g)", ">mean<"),
    (r"a \log p", 'lspace="0.1667em" rspace="0.1667em"'),
    (r"\begin{aligned} a &= b \\ c &= d \end{aligned}", "<mtable"),
    (r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}", "<mtable"),
    (r"x < y", "&lt;"),
])
def test_formulas_become_mathml(tex, part):
    markup, number = machinery("mathematics").mathml(tex, display=True)
    assert part in markup and markup.startswith("<math ") and number is None


@needs_sphinx
def test_an_equation_keeps_its_number():
    markup, number = machinery("mathematics").mathml(r"y = x \tag{4}", display=True)
    assert number == "4" and "4" not in markup


@needs_sphinx
def test_limits_stand_below_a_sum_in_brackets_too():
    markup, _ = machinery("mathematics").mathml(r"\left( \sum_j g_j \right)", display=True)
    assert "<munder><mo>∑" in markup


@needs_sphinx
def test_a_long_formula_in_a_line_may_be_broken_after_a_relation():
    mathml = machinery("mathematics").mathml
    assert mathml(r"z = 1")[0].count("<math ") == 1
    assert mathml(r"f(a, b) = g(c, d) + h(e, f) = 0")[0].count("<math ") == 3        # and not at a comma in brackets


@needs_sphinx
@pytest.mark.parametrize("tex", [r"\unknowncommand x", r"\frac{1}{2"])
def test_what_is_not_known_is_an_error(tex):
    with pytest.raises(ValueError):
        machinery("mathematics").mathml(tex)


# ---- the whole site -----------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built as CONTRIBUTING.md says: the folder, and what the build printed."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-d", folder / "doctrees", DOCS, folder / "html"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    return folder / "html", done.stdout


@pytest.mark.slow
@needs_sphinx
def test_every_link_of_the_site_leads_somewhere(site):
    assert check_links.problems(site[0]) == []


@pytest.mark.slow
@needs_sphinx
def test_every_page_is_built_and_its_examples_ran(site):
    html, printed = site
    for page in DOCS.glob("*.md"):
        if page.name != "README.md":
            assert (html / f"{page.stem}.html").is_file()
            assert re.search(rf"^ +(\d+|-)  {re.escape(page.stem)}$", printed, re.MULTILINE), printed


@pytest.mark.slow
@needs_sphinx
def test_every_quotation_names_its_lines(site):
    for page in DOCS.glob("*.md"):
        if page.name != "README.md":
            quoted = page.read_text(encoding="utf-8").count("<!-- from:")
            shown = (site[0] / f"{page.stem}.html").read_text(encoding="utf-8").count("quotation-caption")
            assert shown == quoted, page.name


needs_browser = pytest.mark.skipif(
    not importlib.util.find_spec("playwright") or not look.find_chromium(),
    reason='Playwright or a Chromium is not installed: pip install -e ".[browser]", and the system\'s chromium')


@pytest.mark.slow
@needs_sphinx
@needs_browser
def test_a_browser_shows_every_page(site):
    assert look.look(site[0]) == []


@pytest.mark.slow
@needs_browser
@pytest.mark.parametrize("body, complaint", [
    ('<div style="width: 2000px">wide</div>', "scrolls sideways"),
    ('<div style="overflow: hidden"><div style="width: 2000px">wide</div></div>', "is cut off on the right"),
    ('<details><summary>Answer</summary><div style="width: 2000px">wide</div></details>', "scrolls sideways"),
    ("<p>$$x^2$$</p>", "TeX that is not drawn"),
    (r"<p>a \frac b</p>", "TeX that is not drawn"),
    ('<img src="missing.png" alt="nothing">', "a picture that is not there"),
    ('<img src="https://example.org/x.png" alt="far away">', "asks for https://example.org/x.png"),
    ("<script>console.error('oh')</script>", "console: oh"),
    ("<script>missing()</script>", "missing is not defined"),
])
def test_a_bad_page_is_seen(tmp_path, body, complaint):
    found = look.look(site_of(tmp_path, body), widths={390: 844}, pages=["index"])
    assert any(complaint in line for line in found), found


@pytest.mark.slow
@needs_browser
def test_what_scrolls_in_its_own_box_is_fine(tmp_path):
    body = '<div style="overflow-x: auto"><div style="width: 2000px">wide</div></div><p>costs $5 and $6</p>'
    assert look.look(site_of(tmp_path, body), pages=["index"]) == []
