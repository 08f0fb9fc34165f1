"""The contents are written once, in index.md: its headings and lists of links become the navigation.

A link that begins a list entry or a row of a table adds its page, below the heading that it stands under. So index.md is
plain Markdown that a code host shows, and the site has its order, its previous and next, and its sidebar from it.
"""
import re

HEADING = re.compile(r"^## +(.+?)\s*$", re.MULTILINE)
ENTRY = re.compile(r"^ *(?:[-*]|\d+\.|\|(?: *[\w.]* *\|)*?) *\[[^\]]+\]\(([\w./-]+?)\.(?:md|ipynb|rst)\)", re.MULTILINE)
TOCTREE = "```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{pages}\n```\n"


def sections(text):
    """Pairs of a heading and the pages that are listed under it, in order; each page once.

    >>> sections("## Read\\n- [A](a.md), and [B](b.md)\\n| 1 | [C](c.md) | see [D](d.md) |\\n## Empty\\nText.")
    [('Read', ['a', 'c'])]
    """
    found, seen = [], set()
    _, *parts = HEADING.split(text)
    for heading, body in zip(parts[::2], parts[1::2]):
        pages = [page for page in ENTRY.findall(body) if not (page in seen or seen.add(page))]
        if pages:
            found.append((heading, pages))
    return found


def add_toctree(app, docname, source):
    if docname == app.config.root_doc:
        trees = [TOCTREE.format(caption=heading, pages="\n".join(pages)) for heading, pages in sections(source[0])]
        source[0] += "\n\n" + "\n".join(trees)


def setup(app):
    app.connect("source-read", add_toctree)
