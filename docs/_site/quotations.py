"""Quoted code becomes the file's own lines, at the moment of the build, with a caption that leads to them.

    <!-- from: minisenet/functional/scale.py -->

is a comment above a block whose lines are in that file, in that order. On the site the block shows those lines as the file
has them, in parts where the block leaves lines out. A line that the file no longer has is a warning, and so fails the build.
"""
import re

from docutils import nodes
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

from .sources import ROOT, address

logger = logging.getLogger(__name__)
MARK = re.compile(r"^<!--\s*from:\s*(\S+)\s*-->\s*$")


def runs(quoted, lines):
    """Where the quoted lines are: pairs of first and last index into `lines`, in as few pieces as possible.

    Indentation and blank lines do not count. Of several ways the first is used.

    >>> runs(["b", "c", "e"], ["b", "a", "  b", "", "c", "d", "e"])
    [(2, 4), (6, 6)]

    Raises
    ------
    ValueError
        With the first line that is not there.
    """
    wanted = [line.strip() for line in quoted if line.strip()]
    kept = [(number, line.strip()) for number, line in enumerate(lines) if line.strip()]
    # best[j]: the fewest pieces, and the places, with the latest quoted line at kept[j].
    best = {}
    for i, line in enumerate(wanted):
        following, cheapest = {}, None
        for j, (_, text) in enumerate(kept):
            if text == line:
                if i == 0:
                    following[j] = (1, (j,))
                else:
                    options = [(best[j - 1][0], best[j - 1][1] + (j,))] if j - 1 in best else []
                    options += [(cheapest[0] + 1, cheapest[1] + (j,))] if cheapest else []
                    if options:
                        following[j] = min(options)
            if j in best and (cheapest is None or best[j] < cheapest):
                cheapest = best[j]
        if not following:
            raise ValueError(line)
        best = following
    _, places = min(best.values())
    found = []
    for j in places:
        if found and found[-1][1] == j - 1:
            found[-1][1] = j
        else:
            found.append([j, j])
    return [(kept[first][0], kept[last][0]) for first, last in found]


def numbers(pieces):
    """
    >>> numbers([(44, 45), (49, 49)])
    'lines 45-46, 50'
    """
    shown = ", ".join(f"{first + 1}-{last + 1}" if first < last else f"{first + 1}" for first, last in pieces)
    return ("lines " if "," in shown or "-" in shown else "line ") + shown


class Quotations(SphinxTransform):
    default_priority = 400

    def apply(self, **kwargs):
        for comment in list(self.document.findall(nodes.raw)):             # MyST hands HTML on as it is, comments too
            mark = MARK.match(comment.astext())
            if mark:
                block = comment.next_node(descend=False, siblings=True, ascend=False)
                if isinstance(block, nodes.literal_block):
                    self.replace(mark.group(1), comment, block)
                else:
                    logger.warning("no code below <!-- from: %s -->", mark.group(1), location=comment, type="site")

    def replace(self, name, comment, block):
        if not (ROOT / name).is_file():
            logger.warning("no such file: %s", name, location=block, type="site", subtype="quotation")
            return
        self.env.note_dependency(str(ROOT / name))
        lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        try:
            pieces = runs(block.astext().splitlines(), lines)
        except ValueError as error:
            logger.warning("%s does not have, in this order: %s", name, error, location=block, type="site",
                           subtype="quotation")
            return
        language = "python" if name.endswith(".py") else "cython"
        box = nodes.container(classes=["quotation"])
        box += self.caption(name, pieces)
        shown = [lines[first:last + 1] for first, last in pieces]
        margin = min(len(line) - len(line.lstrip()) for part in shown for line in part if line.strip())
        for part in shown:
            text = "\n".join(line[margin:] for line in part)
            box += nodes.literal_block(text, text, language=language, classes=["quoted"])
        block.replace_self(box)
        comment.parent.remove(comment)

    def caption(self, name, pieces):
        link = nodes.reference("", "", internal=True,
                               refuri=address(name, self.env.docname, (pieces[0][0] + 1, pieces[0][1] + 1)))
        link += nodes.Text(f"{name}, {numbers(pieces)}")
        return nodes.paragraph("", "", link, classes=["quotation-caption"])


def setup(app):
    app.add_transform(Quotations)
