"""Links to files of the repository, and files that are named in `code`, lead to the pages of `sources`."""
import functools
import re
from pathlib import Path, PurePosixPath

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform

from .sources import ROOT, address, files, folders

NAMED = re.compile(r"^(?:minisenet|tests|docs|\.ci)/[\w./-]*$")


@functools.cache
def known():
    return {*files(), *folders()}


def in_repository(target, docname):
    """The file or folder that a relative link of a page means, or None."""
    path = (ROOT / "docs" / PurePosixPath(docname).parent / target).resolve()
    path = path.relative_to(ROOT) if path.is_relative_to(ROOT) else None
    return path if path in known() else None


class RepositoryLinks(SphinxTransform):
    """Before MyST looks for the target itself and takes it for a download."""
    default_priority = 5

    def apply(self, **kwargs):
        docname = self.env.docname
        for node in [*self.document.findall(addnodes.download_reference), *self.document.findall(addnodes.pending_xref)]:
            target = (node.get("reftarget") or "").partition("#")[0]
            if node.get("refdomain") == "doc":                         # MyST has taken the .md away, and starts at docs/
                target = "../" * docname.count("/") + target + ".md"
            path = in_repository(target, docname) if target else None
            if path is not None and not (path.suffix in (".md", ".ipynb") and self.is_page(path)):
                link = nodes.reference("", "", *node.children, internal=True, refuri=address(path, docname))
                node.replace_self(link)

    def is_page(self, path):
        return path.parts[0] == "docs" and Path(*path.parts[1:]).with_suffix("").as_posix() in self.env.found_docs


class NamedFiles(SphinxPostTransform):
    """`minisenet/blocks.py` in the text is a link too."""
    default_priority = 200

    def run(self, **kwargs):
        for node in list(self.document.findall(nodes.literal)):
            name = node.astext()
            inside = node.parent
            while inside is not None and not isinstance(inside, (nodes.reference, nodes.title)):
                inside = inside.parent
            if inside is None and NAMED.match(name) and Path(name) in known():
                link = nodes.reference("", "", internal=True, refuri=address(name, self.env.docname))
                node.replace_self(link)
                link += node


def setup(app):
    app.add_transform(RepositoryLinks)
    app.add_post_transform(NamedFiles)
