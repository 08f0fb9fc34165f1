"""Every `>>>` example of every page is run while the site is built, so that what a page shows is what ran.

Each page runs in a process of its own, as pytest would run it: in the root of the repository, with nothing left over from
another page. A difference is a warning at its line, and so fails the build. So is a page with Python but without an example,
because nothing on it ran. The list at the end says how many examples ran on each page.
"""
import doctest
import multiprocessing
import os
import re
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTHON = re.compile(r"^```(?:python|py)\n(.*?)^```", re.MULTILINE | re.DOTALL)
QUOTED = re.compile(r"^<!-- from: \S+ -->\n```\w*\n.*?^```$", re.MULTILINE | re.DOTALL)


class Recorder(doctest.DocTestRunner):
    """Keeps each failure with its line, and prints nothing."""

    def __init__(self):
        super().__init__(verbose=False)
        self.differences = []

    def report_failure(self, out, test, example, got):
        self.differences.append((example.lineno + 1, f"expected\n{example.want}but got\n{got}"))

    def report_unexpected_exception(self, out, test, example, exc_info):
        self.differences.append((example.lineno + 1, f"{exc_info[0].__name__}: {exc_info[1]}\nin {example.source}"))

    def report_start(self, out, test, example):
        pass

    def report_success(self, out, test, example, got):
        pass


def run(path):
    """Run a page's examples; how many there are, and the failures as pairs of a line and what was wrong."""
    os.chdir(ROOT)
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    text = Path(path).read_text(encoding="utf-8")
    test = doctest.DocTestParser().get_doctest(text, {"__name__": "__main__"}, Path(path).name, str(path), 0)
    recorder = Recorder()
    recorder.run(test, out=lambda text: None)
    return len(test.examples), recorder.differences


def run_all(paths, processes=2):
    """The same for many pages, each in a fresh process: a dict from path to (number of examples, failures)."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=fresh, max_tasks_per_child=1) as pool:
        return dict(zip(paths, pool.map(run, paths)))


def nothing_to_run(path):
    """Whether all Python of a page is quoted from files."""
    return not PYTHON.search(QUOTED.sub("", Path(path).read_text(encoding="utf-8")))


def shorten(app, doctree):
    """Drop the blank line that ends a block of examples: doctest needs it, a reader does not."""
    from docutils import nodes
    for block in doctree.findall(nodes.literal_block):
        if block.astext().endswith("\n"):
            text = block.astext().rstrip()
            block.rawsource, block[:] = text, [nodes.Text(text)]


def check(app, env):
    from sphinx.util import logging
    logger = logging.getLogger(__name__)
    pages = {env.doc2path(docname): docname for docname in sorted(env.found_docs)}
    pages = {str(path): docname for path, docname in pages.items() if str(path).endswith(".md")}
    results = run_all(list(pages))
    for path, (number, failures) in results.items():
        for line, message in failures:
            logger.warning("an example of this page: %s", message, location=(pages[path], line), type="site")
        if not number and not nothing_to_run(path):
            logger.warning("Python on this page is neither quoted nor run", location=pages[path], type="site")
    env.site_examples = {pages[path]: number for path, (number, _) in results.items()}
    return []


def report(app, exception):
    from sphinx.util import logging
    counts = getattr(app.env, "site_examples", {})
    if exception is None and counts:
        logger = logging.getLogger(__name__)
        logger.info("\nexamples that ran on each page:")
        for page, number in counts.items():
            logger.info(f"{number or '-':>6}  {page}")
        logger.info(f"{sum(counts.values()):6}  in all")


def setup(app):
    app.connect("doctree-read", shorten)
    app.connect("env-updated", check)
    app.connect("build-finished", report)
