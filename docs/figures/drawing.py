"""A small drawing module: boxes, arrows, arrays and labels, written as SVG text.

It needs only Python, and writes the same bytes everywhere.

A figure brings its own background, white on a light system and dark on a dark one. So it can be read where a page's theme
and the system's disagree: it is then a light card on a dark page, or a dark card on a light one. Colours are names, which
the style sheet at the top of each file knows twice. One, `accent`, marks the part under discussion; the rest is grey.

Labels are written as

    F_{sq}, eq. (2)       a subscript; ^{...} for a superscript
    `squeeze`             code

and are never smaller than 15 units, so that a figure 640 units wide can still be read on a telephone.
"""
import re
from typing import NamedTuple
from xml.etree import ElementTree
from xml.sax.saxutils import escape

SIZE = 15                   # of a label
SMALL = 0.75                # of a subscript, as a part of that
MONO = 0.62                 # the width of a letter of code, as a part of its size
LINE = 20                   # from one line of text to the next

#          name      light      dark
COLOURS = {
    "card": ("#ffffff", "#0d1117"),
    "ink": ("#1f2328", "#e6edf3"),
    "soft": ("#59636e", "#a3adb8"),
    "line": ("#768390", "#8b949e"),
    "hair": ("#d4dae0", "#353c45"),
    "faint": ("#f3f5f7", "#1b2129"),
    "accent": ("#0a56b8", "#79b8ff"),
    "tint": ("#e2eefc", "#12305c"),
    "second": ("#b54708", "#ffa657"),
    "second-tint": ("#fdecdc", "#4a2c0f"),
    "third": ("#1a7f37", "#56d364"),
    "fourth": ("#8250df", "#d2a8ff"),
}


def _mixed(part):
    """The accent mixed into the card's colour, in both themes; `part` is from 0 to 1."""
    pairs = zip(COLOURS["card"], COLOURS["accent"])
    rgb = [[int(colour[i:i + 2], 16) for i in (1, 3, 5)] for pair in pairs for colour in pair]
    return tuple("#" + "".join(f"{round(a + part * (b - a)):02x}" for a, b in zip(rgb[i], rgb[i + 1])) for i in (0, 2))


GATES = ("gate-1", "gate-2", "gate-3", "gate-4")            # four gates, or four channels that they have scaled
COLOURS |= {name: _mixed(part) for name, part in zip(GATES, (0.75, 0.25, 0.5, 0.75))}       # the pencil example's

# What each class of shape is drawn with: fill, stroke, width of the stroke.
SHAPES = {
    "card": ("card", None, 0),
    "plain": ("card", "line", 1.25),
    "grey": ("faint", "line", 1.25),
    "accent": ("tint", "accent", 1.75),
    **{name: (name, "accent", 1.75) for name in GATES},
    "second": ("second-tint", "second", 1.75),
    "solid-grey": ("line", None, 0),
    "solid-accent": ("accent", None, 0),
    "solid-second": ("second", None, 0),
    "line": (None, "line", 1.25),
    "line-accent": (None, "accent", 2),
    "line-second": (None, "second", 2),
    "line-third": (None, "third", 2),
    "line-fourth": (None, "fourth", 2),
    **{f"thin-{colour}": (None, colour, 0.8) for colour in ("accent", "second", "third", "fourth")},
    "line-ink": (None, "ink", 2),
    "hair": (None, "hair", 1),
    "ghost": (None, "line", 0.8),
}
TONES = ("ink", "soft", "accent", "second", "third", "fourth")          # what text may be drawn with

# Widths in hundredths of the size. They are DejaVu Sans's, the widest of the fonts that a system is likely to choose.
WIDTHS = {28: "'ijl ", 32: ",.I·′", 35: "/:;\\|f", 40: "-t()[]!r", 52: "*_sz–", 58: "?εcLkFvxyγ",
          65: "Paoδe0123456789bdghnpqu$ESσΣTYKβμ{}√", 70: "AVBRXZC", 78: "UHNDGOQ&", 84: "w#+<=>~×−→✓≈^", 100: "MWm%…@½"}
WIDTHS[0] = "\u0302\u200b"                                  # a combining hat, and a space of no width
WIDTH = {letter: width / 100 for width, letters in WIDTHS.items() for letter in letters}
TOKENS = re.compile(r"_\{(?P<sub>[^}]*)\}|\^\{(?P<sup>[^}]*)\}|`(?P<code>[^`]*)`|(?P<text>[^_^`]+|[_^])")


def style(used):
    """The style sheet of the classes that are used, light, and dark for readers whose system is set to dark."""
    lines = ['text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}',
             '.code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}',
             "polyline,polygon,rect{stroke-linejoin:round}"]
    for theme in (0, 1):
        rules = [f".t-{tone}{{fill:{COLOURS[tone][theme]}}}" for tone in TONES if f"t-{tone}" in used]
        for name, (fill, stroke, width) in SHAPES.items():
            if name not in used:
                continue
            parts = [f"fill:{COLOURS[fill][theme] if fill else 'none'}"]
            if stroke:
                parts += [f"stroke:{COLOURS[stroke][theme]}", f"stroke-width:{width}"]
            rules.append(f".{name}{{{';'.join(parts)}}}")
        lines += ["@media (prefers-color-scheme:dark){", *rules, "}"] if theme else rules
    return "\n".join(lines)


def text_width(markup, size=SIZE, bold=False):
    """How wide a label is at most, in units."""
    width = 0
    for token in TOKENS.finditer(markup):
        kind, letters = token.lastgroup, token[token.lastgroup]
        if kind == "code":
            width += MONO * size * len(letters)
        else:
            width += sum(WIDTH.get(letter, 1) for letter in letters) * size * (1 if kind == "text" else SMALL)
    return width * (1.15 if bold else 1)


class Box(NamedTuple):
    """Where something was drawn, for arrows to start and end at."""

    x: float
    y: float
    width: float
    height: float

    @property
    def centre(self):
        return self.x + self.width / 2, self.y + self.height / 2

    @property
    def left(self):
        return self.x, self.y + self.height / 2

    @property
    def right(self):
        return self.x + self.width, self.y + self.height / 2

    @property
    def top(self):
        return self.x + self.width / 2, self.y

    @property
    def bottom(self):
        return self.x + self.width / 2, self.y + self.height


class Figure:
    """An SVG under construction.

    Parameters
    ----------
    width, height : int
        In units; a page shows one unit as one pixel where there is room.
    title : str
        What the figure is, in a few words.
    description : str
        What it shows, for those who do not see it.
    """

    def __init__(self, width, height, title, description):
        self.width, self.height, self.title, self.description = width, height, title, " ".join(description.split())
        self.parts = []
        self.rectangle(0, 0, width, height, "card", radius=10)

    # ---- shapes ----------------------------------------------------------------------------------------------------------

    def rectangle(self, x, y, width, height, kind="plain", *, radius=0):
        rounded = f' rx="{_number(radius)}"' if radius else ""
        self._add(f'<rect class="{kind}" x="{_number(x)}" y="{_number(y)}" width="{_number(width)}" '
                  f'height="{_number(height)}"{rounded}/>')
        return Box(x, y, width, height)

    def circle(self, x, y, radius, kind="plain"):
        self._add(f'<circle class="{kind}" cx="{_number(x)}" cy="{_number(y)}" r="{_number(radius)}"/>')
        return Box(x - radius, y - radius, 2 * radius, 2 * radius)

    def polygon(self, points, kind):
        self._add(f'<polygon class="{kind}" points="{_points(points)}"/>')

    def line(self, *points, kind="line"):
        self._add(f'<polyline class="{kind}" points="{_points(points)}"/>')

    def arrow(self, *points, kind="line", head=8):
        """A line with straight pieces, and a head at its end."""
        (x0, y0), (x1, y1) = points[-2:]
        length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
        dx, dy = (x1 - x0) / length, (y1 - y0) / length
        back = x1 - head * dx, y1 - head * dy
        self.line(*points[:-1], back, kind=kind)
        colour = SHAPES[kind][1]
        solid = next(name for name in ("solid-grey", "solid-accent", "solid-second") if SHAPES[name][0] == colour)
        wings = [(back[0] - side * head * dy, back[1] + side * head * dx) for side in (0.45, -0.45)]
        self.polygon([(x1, y1), *wings], solid)

    def text(self, x, y, markup, *, size=SIZE, anchor="middle", tone="ink", bold=False):
        """A label whose middle is at height y."""
        spans, baseline = [], y + 0.36 * size
        for token in TOKENS.finditer(markup):
            kind, letters = token.lastgroup, escape(token[token.lastgroup])
            if kind == "text":
                spans.append(letters)
            elif kind == "code":
                spans.append(f'<tspan class="code">{letters}</tspan>')
            else:
                shift, smaller = (0.25 if kind == "sub" else -0.4) * size, SMALL * size
                # a zero-width space takes the shift back, so that what follows is on the line again
                spans.append(f'<tspan dy="{_number(shift)}" font-size="{_number(smaller)}">{letters}</tspan>'
                             f'<tspan dy="{_number(-shift)}">\u200b</tspan>')
        weight = ' font-weight="600"' if bold else ""
        self._add(f'<text class="t-{tone}" x="{_number(x)}" y="{_number(baseline)}" font-size="{_number(size)}" '
                  f'text-anchor="{anchor}"{weight}>{"".join(spans)}</text>')

    def lines(self, x, y, *markups, **options):
        """Labels one below the other, the first at height y."""
        for i, markup in enumerate(markups):
            self.text(x, y + i * LINE, markup, **options)

    # ---- what the figures are made of ------------------------------------------------------------------------------------

    def function(self, x, y, name, *, accent=False, width=None, height=36):
        """A rounded box about (x, y) with a function's name. Accent may be a kind of shape."""
        width = width or text_width(f"`{name}`") + 12
        kind = accent if isinstance(accent, str) else ("accent" if accent else "grey")
        box = self.rectangle(x - width / 2, y - height / 2, width, height, kind, radius=9)
        self.text(x, y, f"`{name}`", tone=SHAPES[kind][1] if kind in ("accent", "second") else "ink")
        return box

    def operator(self, x, y, sign, *, accent=False):
        """A sign in a small circle."""
        box = self.circle(x, y, 13, "accent" if accent else "grey")
        self.text(x, y, sign, size=18, tone="accent" if accent else "ink")
        return box

    def slab(self, x, y, *, width=52, height=44, sheets=4, step=6, accent=False, kinds=None):
        """An array (N, H, W, C) about (x, y): a few sheets, one behind the other, as channels are."""
        kinds = kinds or ["accent" if accent else "plain"] * sheets
        left, top, depth = x - (width + step * (sheets - 1)) / 2, y - (height - step * (sheets - 1)) / 2, step * (sheets - 1)
        for i in reversed(range(sheets)):
            self.rectangle(left + i * step, top - i * step, width, height, kinds[i])
        return Box(left, top - depth, width + depth, height + depth)

    def bar(self, x, y, cells, *, accent=False, kinds=None, size=14):
        """An array (N, C) about (x, y): a column of cells, one for each channel."""
        kinds = kinds or ["accent" if accent else "plain"] * cells
        top = y - size * cells / 2
        for i, kind in enumerate(kinds):
            self.rectangle(x - size / 2, top + i * size, size, size, kind)
        return Box(x - size / 2, top, size, size * cells)

    # ---- the file --------------------------------------------------------------------------------------------------------

    def _add(self, part):
        self.parts.append(part)

    def svg(self):
        """The whole file as a string."""
        name = re.sub(r"\W+", "-", self.title.lower()).strip("-")        # unique, should a page hold several
        used = set(re.findall(r'class="([\w-]+)"', "".join(self.parts)))
        return "\n".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" width="{self.width}" '
            f'height="{self.height}" role="img" aria-labelledby="{name}-title {name}-description">',
            f'<title id="{name}-title">{escape(self.title)}</title>',
            f'<desc id="{name}-description">{escape(self.description)}</desc>',
            f"<style>\n{style(used)}\n</style>", *self.parts, "</svg>", ""])


def _number(value):
    """At most two decimals, so that differences in the last bit between machines are rounded away."""
    return f"{round(value, 2) + 0:.2f}".rstrip("0").rstrip(".")


def _points(points):
    return " ".join(f"{_number(x)},{_number(y)}" for x, y in points)


# ---- axes, for the figures that show measurements ------------------------------------------------------------------------

class Axes(NamedTuple):
    """A rectangle of a figure, and the values at its edges."""

    figure: Figure
    box: Box
    x: tuple
    y: tuple

    def at(self, x, y):
        """The point of the figure for a point of the data."""
        (x0, x1), (y0, y1), box = self.x, self.y, self.box
        return box.x + (x - x0) / (x1 - x0) * box.width, box.y + box.height - (y - y0) / (y1 - y0) * box.height

    def grid(self, *, x=(), y=(), x_labels=None, y_labels=None):
        """Hair lines and the numbers at them, below and on the left."""
        for value, label in zip(y, y_labels or map(str, y)):
            self.figure.line(self.at(self.x[0], value), self.at(self.x[1], value), kind="hair")
            self.figure.text(self.box.x - 8, self.at(0, value)[1], label, anchor="end", tone="soft")
        for value, label in zip(x, x_labels or map(str, x)):
            self.figure.line(self.at(value, self.y[0]), self.at(value, self.y[1]), kind="hair")
            self.figure.text(self.at(value, 0)[0], self.box.y + self.box.height + 16, label, tone="soft")

    def curve(self, xs, ys, kind):
        self.figure.line(*(self.at(x, y) for x, y in zip(xs, ys)), kind=kind)


# ---- what the tests measure ----------------------------------------------------------------------------------------------

def text_boxes(svg):
    """(letters, Box) of every label of an SVG that this module wrote, as wide as it can become."""
    found = []
    for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"):
        size = float(element.get("font-size"))
        pieces = [(element.text, size, "")]
        for span in element:
            pieces += [(span.text, float(span.get("font-size", size)), span.get("class", "")), (span.tail, size, "")]
        width = sum((MONO * len(letters) if kind == "code" else sum(WIDTH.get(letter, 1) for letter in letters)) * points
                    for letters, points, kind in ((letters, *rest) for letters, *rest in pieces if letters))
        width *= 1.15 if element.get("font-weight") else 1
        x, baseline = float(element.get("x")), float(element.get("y"))
        left = {"start": x, "middle": x - width / 2, "end": x - width}[element.get("text-anchor")]
        found.append(("".join(element.itertext()).replace("\u200b", ""), Box(left, baseline - 0.76 * size, width, size)))
    return found
