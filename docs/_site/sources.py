"""A page for every file of the repository, so that the site can show any of its lines offline, at `source/PATH.html#L45`."""
import html
from pathlib import Path

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import TextLexer, get_lexer_for_filename
from pygments.util import ClassNotFound

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("minisenet", "tests", "docs", ".ci")
SUFFIXES = {".py", ".pyx", ".pxi", ".md", ".toml", ".in", ".css", ".rst", ""}
LEFT_OUT = {"__pycache__", "_build", "fonts"}


def files():
    """Paths of the files that get a page, relative to the root, in order."""
    found = [path for path in ROOT.iterdir() if path.is_file()]
    for folder in FOLDERS:
        found += [path for path in (ROOT / folder).rglob("*") if path.is_file()]
    found = [path.relative_to(ROOT) for path in found if path.suffix in SUFFIXES]
    return sorted(path for path in found if not any(hidden(part) for part in path.parts))


def hidden(name):
    return name in LEFT_OUT or (name.startswith(".") and name != ".ci")


def folders():
    """Paths of the folders that hold such files."""
    return sorted({parent for path in files() for parent in path.parents})


def page_of(path):
    """The name of the page of a file or a folder, without .html."""
    path = Path(path)
    return (Path("source") / (path / "index" if (ROOT / path).is_dir() else path)).as_posix()


def address(path, docname, lines=None):
    """The address of a file's page, or of its first line of `lines`, as seen from the page `docname`.

    >>> address("minisenet/blocks.py", "api/blocks", (3, 5))
    '../source/minisenet/blocks.py.html#L-3'
    """
    anchor = f"#L-{lines[0]}" if lines else ""
    return "../" * docname.count("/") + page_of(path) + ".html" + anchor


def lexer(name):
    try:
        return get_lexer_for_filename("a.pyx" if name.endswith(".pxi") else name)
    except ClassNotFound:
        return TextLexer()


def listed(text, name):
    """A file's text as HTML, each line with its number and an anchor."""
    style = HtmlFormatter(linenos="inline", linespans="L", anchorlinenos=True, wrapcode=True, cssclass="highlight source")
    return highlight(text, lexer(name), style)


def trail(path):
    """The path, each folder of it a link to its list."""
    up = len(path.parts) - (not (ROOT / path).is_dir())
    links = [f'<a href="{"../" * (up - i) if up > i else ""}index.html">{html.escape(part)}</a>'
             for i, part in enumerate(("minisenet", *path.parts[:-1]))]
    return "/".join([*links, html.escape(path.name)]) if path.parts else "minisenet"


def pages(app):
    """All of them, for Sphinx to put into its template."""
    known = files()
    for path in known:
        body = f'<h1 class="path">{trail(path)}</h1>\n' + listed((ROOT / path).read_text(encoding="utf-8"), path.name)
        yield page_of(path), {"title": path.as_posix(), "body": body}, "page.html"
    inside = folders()
    for folder in inside:
        below = [other for other in inside if other.parent == folder and other.parts]
        entries = [(f"{other.name}/", f"{other.name}/index.html") for other in below]
        entries += [(other.name, f"{other.name}.html") for other in known if other.parent == folder]
        items = "".join(f'<li><a href="{link}"><code>{html.escape(name)}</code></a></li>' for name, link in entries)
        body = f'<h1 class="path">{trail(folder)}</h1>\n<ul class="files">{items}</ul>'
        yield page_of(folder), {"title": folder.as_posix() if folder.parts else "Source", "body": body}, "page.html"


def setup(app):
    app.connect("html-collect-pages", pages)
