"""A block quote that begins with bold words, as `> **The paper is silent** about ...`, is drawn as a box."""
import re

from docutils import nodes
from sphinx.transforms import SphinxTransform


class Boxes(SphinxTransform):
    default_priority = 410

    def apply(self, **kwargs):
        for quote in self.document.findall(nodes.block_quote):
            first = quote[0] if len(quote) else None
            if isinstance(first, nodes.paragraph) and len(first) and isinstance(first[0], nodes.strong):
                kind = re.sub(r"\W+", "-", first[0].astext().lower()).strip("-")
                quote["classes"] += ["box", f"box-{kind}"]


def setup(app):
    app.add_transform(Boxes)
