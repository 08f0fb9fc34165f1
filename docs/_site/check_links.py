"""Every link of the built site leads somewhere, and no page loads anything from elsewhere.

    python docs/_site/check_links.py docs/_build/html

Looks at the HTML itself: each `href` and `src` has to be a file of the site, each anchor an `id` on its page, and scripts,
styles, fonts and images local. Links for the reader to other sites are left alone. Exit status 1 names each that is wrong.
"""
import argparse
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {("img", "src"), ("script", "src"), ("link", "href"), ("source", "src"), ("iframe", "src"), ("object", "data")}
CSS_ADDRESS = re.compile(r"""(?:url\(\s*|@import\s+)["']?((?:https?:)?//[^"')\s]+)""")


class Page(HTMLParser):
    """The ids of a page, and its links as triples of tag, attribute and address."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links = set(), []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name == "id" or (tag == "a" and name == "name"):
                self.ids.add(value)
            elif name in ("href", "src", "data") and value:
                self.links.append((tag, name, value))


def problems(folder):
    """What is wrong with a built site, one line each.

    Parameters
    ----------
    folder : path
        The output of sphinx-build.

    Returns
    -------
    list of str
    """
    folder = Path(folder).resolve()
    pages = {path: Page(path) for path in sorted(folder.rglob("*.html"))}
    found = [] if pages else [f"no page in {folder}: build the site first"]
    for path, page in pages.items():
        name = path.relative_to(folder)
        for tag, attribute, link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if (tag, attribute) in LOADED and parts.scheme != "data":
                    found.append(f"{name} loads {link}")
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            if not target.is_file():
                found.append(f"{name} links to {link}, and there is no such file")
            elif anchor and target in pages and anchor not in pages[target].ids:
                found.append(f"{name} links to {link}, and there is no such place on that page")
    for path in sorted(folder.rglob("*.css")):
        style = path.read_text(encoding="utf-8")
        found += [f"{path.relative_to(folder)} loads {link}" for link in CSS_ADDRESS.findall(style)]
    return found


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Follow every link of the built site.")
    parser.add_argument("folder", help="what sphinx-build wrote, e.g. docs/_build/html")
    found = problems(parser.parse_args(arguments).folder)
    for line in found:
        print(line, file=sys.stderr)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
