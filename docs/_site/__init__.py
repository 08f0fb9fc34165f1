"""What Sphinx needs beyond its own extensions to make the site of these plain Markdown pages. One idea a file:

    contents        index.md's lists of links become the navigation
    sources         every file of the repository gets a page, with a line to link to
    quotations      code that a page quotes becomes the file's own lines, as they are now
    links           links to files, and files named in `code`, lead to those pages
    boxes           a block quote that begins in bold becomes a box
    mathematics     TeX becomes MathML, once, here: the reader's browser runs nothing for it
    examples        the `>>>` examples of every page are run
    docstrings      plain docstrings become reStructuredText for the API reference

    check_links, look    checks of the built site: run by hand, by the tests and by CI
"""


def setup(app):
    # Imported here: the processes that run a page's examples import this package too, and need none of it.
    from . import boxes, contents, docstrings, examples, links, mathematics, quotations, sources
    for part in (contents, sources, quotations, links, boxes, mathematics, examples, docstrings):
        part.setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
