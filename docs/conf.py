"""The site: `sphinx-build -W --keep-going docs docs/_build/html`. `_site/` has what is special about it."""
import importlib
import inspect
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT), str(HERE)]
os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])     # for the notebook

from _site.sources import address                                                               # noqa: E402
from minisenet import __version__                                                               # noqa: E402

project = "minisenet"
author = "the minisenet authors"
copyright = author
release = version = __version__
language = "en_GB"

extensions = ["myst_nb", "sphinx.ext.autodoc", "numpydoc", "sphinx.ext.linkcode", "_site"]
exclude_patterns = ["_build", "_site", "_static", "steps", "figures", "README.md"]
smartquotes = False                     # the text is the same as on a code host, and numpydoc's {"a", "b"} is code

# Pages: plain Markdown, as a code host shows it.
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
myst_dmath_double_inline = True
myst_links_external_new_tab = False

# The one notebook runs each time, and an error in it is an error of the build.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_execution_in_temp = True             # its files are not part of the pages
nb_execution_timeout = 600
nb_merge_streams = True

# The API reference shows only what has a docstring.
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_inherit_docstrings = False
autodoc_preserve_defaults = True
add_module_names = False
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
python_maximum_signature_line_length = 120
python_trailing_comma_in_multi_line_signatures = False
toc_object_entries_show_parents = "hide"


def linkcode_resolve(domain, info):
    """The lines of an object, on the page of its file. Every page of the reference lies in `api/`."""
    found = importlib.import_module(info["module"])
    for name in info["fullname"].split("."):
        found = getattr(found, name, None)
    found = inspect.unwrap(found.fget if isinstance(found, property) else found) if found is not None else None
    try:
        path = Path(inspect.getsourcefile(found)).resolve().relative_to(ROOT)
        lines, first = inspect.getsourcelines(found)
    except (TypeError, OSError, ValueError):                           # a constant, or a compiled function
        return None
    return address(path, "api/", (first, first + len(lines) - 1))


# The look.
html_theme = "furo"
html_title = "minisenet"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_sourcelink = False
html_show_search_summary = False        # it reads pages by request, which a browser refuses for files
html_theme_options = {"navigation_with_keys": True, "footer_icons": []}
pygments_style = "friendly"
pygments_dark_style = "github-dark"
