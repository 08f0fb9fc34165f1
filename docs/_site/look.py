"""Open every page of the built site in headless Chromium, from file://, without a network, wide and narrow.

    python docs/_site/look.py docs/_build/html
    python docs/_site/look.py docs/_build/html --screenshots shots --dark --pages index se-block

Folds are opened first. It fails on an error in the console, on a file that does not load, on a request that leaves the machine, on a
page that scrolls sideways or is cut off, on TeX in what the reader sees, on a picture that is not there or has no text alternative,
and on a search that finds nothing. It needs the extra `[browser]` (Playwright's Python package) and a Chromium: the system's, or
the one that `playwright install chromium` fetches.
"""
import argparse
import os
import shutil
import sys
from pathlib import Path

WIDTHS = {1280: 900, 390: 844}
WORD = "squeeze"                    # what the search has to find
MOST = 50                           # lines that are printed: a fault of the theme is on every page
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# What a page must not have, found by the page itself; each returns a list of complaints.
SCROLLS = """() => {
    const found = [], root = document.scrollingElement;
    if (root.scrollWidth > window.innerWidth) found.push('scrolls sideways: ' + root.scrollWidth + ' pixels');
    for (const element of document.querySelectorAll('article *')) {
        if (element.getBoundingClientRect().right <= window.innerWidth + 1 || !element.checkVisibility()) continue;
        let box = element;
        while (box && !['auto', 'scroll'].includes(getComputedStyle(box).overflowX)) box = box.parentElement;
        if (!box) found.push('is cut off on the right: ' + element.tagName.toLowerCase() + ' ' +
                             element.textContent.trim().slice(0, 40));
    }
    return found.slice(0, 3);
}"""
MATHEMATICS = r"""() => {
    const found = [];
    const visible = document.createTreeWalker(document.querySelector('article') || document.body, NodeFilter.SHOW_TEXT);
    for (let node = visible.nextNode(); node; node = visible.nextNode()) {
        if (node.parentElement.closest('pre, code, script, style')) continue;
        const tex = node.data.match(/\$\$|\\[a-zA-Z]+|\$[^$]*[_^\\][^$]*\$/);
        if (tex) found.push('TeX that is not drawn: ' + node.data.trim().slice(0, 60));
    }
    for (const element of document.querySelectorAll('merror, .merror, .MathJax_Error, .katex-error'))
        found.push('a formula with an error: ' + element.textContent.slice(0, 60));
    for (const element of document.querySelectorAll('math'))
        if (element.checkVisibility() && (!element.getBoundingClientRect().width || !element.getBoundingClientRect().height))
            found.push('a formula without a size: ' + element.textContent.slice(0, 60));
    return found;
}"""
PICTURES = """() => [...document.images].filter(image => !image.complete || !image.naturalWidth || !image.alt)
    .map(image => 'a picture that is not there, or has no text alternative: ' + image.getAttribute('src'))"""


COMPLAINTS = f"""async () => {{
    for (const fold of document.querySelectorAll('details')) fold.open = true;
    await document.fonts.ready;
    return [{SCROLLS}, {MATHEMATICS}, {PICTURES}].flatMap(complaints => complaints());
}}"""


def find_chromium():
    """The system's Chromium, $CHROMIUM first; None leaves the choice to Playwright."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def look(folder, *, widths=WIDTHS, screenshots=None, dark=False, pages=None):
    """Open the pages and say what is wrong.

    Parameters
    ----------
    folder : path
        The output of sphinx-build.
    widths : dict of int to int
        Widths of the window, with its height, in pixels.
    screenshots : path, optional
        A folder for a picture of each whole page.
    dark : bool
        As a reader whose system is dark.
    pages : sequence of str, optional
        Names without .html; all of them unless given.

    Returns
    -------
    list of str
        A line for each complaint.
    """
    from playwright.sync_api import TimeoutError as Timeout
    from playwright.sync_api import sync_playwright
    folder = Path(folder).resolve()
    paths = sorted(folder.rglob("*.html"))
    if pages:
        paths = [path for path in paths if path.relative_to(folder).with_suffix("").as_posix() in pages]
    if not paths:
        return [f"no page in {folder}: build the site first"]
    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox", "--disable-gpu"])
        for width, height in widths.items():
            context = browser.new_context(viewport={"width": width, "height": height}, offline=True,
                                          color_scheme="dark" if dark else "light")
            page, here = context.new_page(), []
            page.on("console", lambda message: here.append(f"console: {message.text}") if message.type == "error" else None)
            page.on("pageerror", lambda error: here.append(f"error: {error}"))
            page.on("requestfailed", lambda request: here.append(f"did not load: {request.url}"))
            page.on("request", lambda request: here.append(f"asks for {request.url}")
                    if not request.url.startswith(("file:", "data:", "blob:")) else None)
            for path in paths:
                name = path.relative_to(folder).with_suffix("").as_posix()
                here.clear()
                page.goto(path.as_uri(), wait_until="load")
                here += page.evaluate(COMPLAINTS)
                found += [f"{name} at {width}: {line}" for line in here]
                if screenshots:
                    to = Path(screenshots) / f"{name.replace('/', '-')}-{width}{'-dark' if dark else ''}.png"
                    to.parent.mkdir(parents=True, exist_ok=True)
                    page.screenshot(path=to, full_page=True)
            if not pages and (folder / "search.html").is_file():
                page.goto((folder / "search.html").as_uri() + "?q=" + WORD)
                try:
                    page.wait_for_selector("#search-results li a", timeout=10_000)
                except Timeout:
                    found.append(f"search at {width}: a search for {WORD} finds nothing")
            context.close()
        browser.close()
    return found


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Open every page of the built site in headless Chromium.")
    parser.add_argument("folder", help="what sphinx-build wrote, e.g. docs/_build/html")
    parser.add_argument("--screenshots", metavar="DIR", help="write a picture of each page")
    parser.add_argument("--dark", action="store_true", help="as a reader whose system is dark")
    parser.add_argument("--pages", nargs="+", help="only these, without .html")
    options = parser.parse_args(arguments)
    try:
        found = look(options.folder, screenshots=options.screenshots, dark=options.dark, pages=options.pages)
    except ImportError:
        print("this needs Playwright: pip install -e '.[browser]'; and a Chromium, your system's for one", file=sys.stderr)
        return 2
    for line in found[:MOST]:
        print(line, file=sys.stderr)
    print(f"{len(found)} complaints" if found else "nothing to complain about")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
