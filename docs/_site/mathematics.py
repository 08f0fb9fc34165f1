"""Formulas: TeX to MathML while the site is built, so that a page needs neither JavaScript nor a network to show them.

latex2mathml knows TeX; what it returns is older than MathML Core, the part that browsers draw. `polish` makes up the
difference: letters of an alphabet (bold, blackboard) are characters of their own, a word such as log or mean is one
identifier with a thin space after it, and an accent is marked as one. latex2mathml passes on as text what it
does not know; here that is a warning, and so fails the build.
"""
import html
import re
import xml.etree.ElementTree as ElementTree

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

logger = logging.getLogger(__name__)

NAMESPACE = "http://www.w3.org/1998/Math/MathML"
BARS = re.compile(r"(\\(?:[Bb]igg?|left|right))\\l?r?vert(?![A-Za-z])")
PUNCTUATION = re.compile(r"^[.,;:!?)\]]+")
TAG = re.compile(r"\\tag\{([^{}]*)\}")
FENCES = {"⌊": "prefix", "⌋": "postfix", "⌈": "prefix", "⌉": "postfix", "⟨": "prefix", "⟩": "postfix"}
OPENING = set("([{⌊⌈⟨")
BREAKS = set("=≈≤≥<>→←∈,")
CLOSING = set(")]}⌋⌉⟩")
SIGNS = set("−-+±∓")
ORDINARY = set("∂/…⋯")                                                  # no space around them, as TeX has it
LARGE = {"∑", "∏", "max", "min", "lim"}                                 # limits stand below these in a displayed formula
LIMITS = {"msub": "munder", "msup": "mover", "msubsup": "munderover"}
ACCENTS = {"^": "ˆ", "~": "˜", "¯": "¯", "_": "¯", "˙": "˙"}
SHORT = 14                                                              # letters and signs that stay on one line
THIN_SPACE = "0.1667em"

# Where Unicode keeps the letters of each alphabet: the first capital, and the first small letter.
DIGITS = {"bold": 0x1D7CE}
ALPHABETS = {"bold": (0x1D400, 0x1D41A), "double-struck": (0x1D538, 0x1D552), "script": (0x1D49C, 0x1D4B6),
             "fraktur": (0x1D504, 0x1D51E), "sans-serif": (0x1D5A0, 0x1D5BA), "monospace": (0x1D670, 0x1D68A)}
OLDER = {0x1D53A: "ℂ", 0x1D53F: "ℍ", 0x1D545: "ℕ", 0x1D547: "ℙ", 0x1D548: "ℚ", 0x1D549: "ℝ", 0x1D551: "ℤ", 0x1D49D: "ℬ",
         0x1D4A0: "ℰ", 0x1D4A1: "ℱ", 0x1D4A3: "ℋ", 0x1D4A4: "ℐ", 0x1D4A7: "ℒ", 0x1D4A8: "ℳ", 0x1D4AD: "ℛ"}


def mathml(tex, display=False):
    """A formula as MathML, as text, and its equation number or None.

    A displayed formula is one `<math>` element. One in a line of text is several, as a browser breaks no line inside of one:
    it may break after each relation and each comma, as TeX does, unless it is short.

    Raises
    ------
    ValueError
        For a command that is not known, or braces without partners.
    """
    numbers = TAG.findall(tex)
    tex = TAG.sub("", tex).strip()
    if tex.count("{") != tex.count("}"):
        raise ValueError(f"unbalanced braces in the formula {tex}")
    known = BARS.sub(r"\1|", tex.replace("{aligned}", "{align*}"))
    markup = convert(known, display="block" if display else "inline")
    root = ElementTree.fromstring(markup)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    polish(root)
    left = re.search(r"\\\w*|[&$]", "".join(root.itertext()))
    if left:
        raise ValueError(f"{left.group()} in the formula {tex}")
    shown = ' display="block"' if display else ""
    parts = []
    for part in [list(root)] if display else breakable(root):
        body = "".join(ElementTree.tostring(child, encoding="unicode") for child in part)
        parts.append(f'<math xmlns="{NAMESPACE}"{shown}>{body}</math>')
    return "<wbr>".join(parts), numbers[0] if numbers else None


def breakable(root):
    """The outermost row in pieces that each end with a relation or a comma, but for the last."""
    if len("".join(root.itertext())) <= SHORT:
        return [list(root)]
    row = list(root[0]) if len(root) == 1 and root[0].tag == "mrow" else list(root)
    parts, depth = [[]], 0
    for child in row:
        parts[-1].append(child)
        if child.tag == "mo":
            depth += (child.text in OPENING) - (child.text in CLOSING)
            if depth <= 0 and child.text in BREAKS and child is not row[-1]:
                child.set("form", "infix")
                parts.append([])
    return parts


def polish(parent):
    """Rewrite a tree into MathML Core, in place, from its leaves up."""
    for child in parent:
        polish(child)
    for child in parent:
        letters(child)
        if is_word(child):
            child.tag, child.text = "mi", "".join(one.text for one in child)
            child[:] = []
        elif child.tag in LIMITS and child[0].text in LARGE:
            child.tag = LIMITS[child.tag]
        elif child.tag == "mover" and len(child) == 2 and child[1].text in ACCENTS:
            child.set("accent", "true")
            child[1].text = ACCENTS[child[1].text]
            child[1].attrib = {"stretchy": "false"}
        elif child.get("minsize"):                                     # \\big and its kin
            child.set("stretchy", "true")
        elif child.text in FENCES:
            child.tag, child.attrib = "mo", {"form": FENCES[child.text], "stretchy": "false"} | child.attrib
        elif child.text in ORDINARY:
            child.tag, child.attrib = ("mi", {}) if child.text != "/" else ("mo", {"lspace": "0", "rspace": "0"})
    if parent.tag in ("mrow", "math", "mtd"):
        row = [None, *parent, None]
        for before, child, after in zip(row, row[1:], row[2:]):
            if child.text in SIGNS and (before is None or is_operator(before)):
                child.set("form", "prefix")
            base = child[0] if child.tag in ("msub", "msup", "msubsup", "munder") else child
            if base.tag in ("mi", "mo") and len(base.text or "") > 1 and base.text.isalpha():
                as_function(base, base is child, before, after)


def is_operator(element):
    """Whether a minus after it is a sign, and a name after it needs no space."""
    return element.tag == "mo" and element.get("form") != "postfix" and element.text not in CLOSING | set("|!")


def letters(element):
    """An alphabet is no attribute in MathML Core: each of its letters is a character."""
    alphabet = element.attrib.pop("mathvariant", None)
    if alphabet == "normal" and len(element.text or "") == 1:
        element.set("mathvariant", "normal")                          # the one that is left: an upright single letter
    if alphabet in ALPHABETS and element.text:
        element.text = "".join(letter(ord(c), *ALPHABETS[alphabet], DIGITS.get(alphabet)) for c in element.text)
        element.set("mathvariant", "normal")


def letter(code, capitals, small, digits):
    if ord("A") <= code <= ord("Z"):
        code = capitals + code - ord("A")
    elif ord("a") <= code <= ord("z"):
        code = small + code - ord("a")
    elif digits and ord("0") <= code <= ord("9"):
        code = digits + code - ord("0")
    return OLDER.get(code, chr(code))


def is_word(row):
    """Whether a row is the upright letters of one word, as \\mathrm{mean} gives them."""
    return len(row) > 1 and all(child.tag == "mi" and child.get("mathvariant") == "normal" and child.text and
                                ord(child.text[0]) < 128 for child in row)


def as_function(name, alone, before, after):
    """log, max, mean: upright, with a thin space on each side where TeX has one, and none before a bracket."""
    left = before is not None and not is_operator(before)
    right = alone and after is not None and after.tag != "mo"
    name.tag = "mo"
    name.attrib = {"form": "prefix", "lspace": THIN_SPACE if left else "0", "rspace": THIN_SPACE if right else "0",
                   "movablelimits": "true"}


def warned(self, node, display):
    try:
        return mathml(node.astext(), display)
    except Exception as error:                                         # whatever it was, it is this formula's
        logger.warning("a formula that cannot be shown: %s", error, location=node, type="site", subtype="mathematics")
        return html.escape(node.astext()), None


class KeepPunctuation(SphinxPostTransform):
    """A line must not begin with the full stop that follows a formula: the formula takes it along."""
    default_priority = 300

    def run(self, **kwargs):
        for formula in list(self.document.findall(nodes.math)):
            row = formula.parent
            after = row[row.index(formula) + 1] if row.index(formula) + 1 < len(row) else None
            found = PUNCTUATION.match(after) if isinstance(after, nodes.Text) else None
            if found:
                formula["after"] = found.group()
                row.replace(after, nodes.Text(after[found.end():]))


def visit_math(self, node):
    markup, _ = warned(self, node, display=False)
    rest, last = (markup.rpartition("<wbr>")[0], markup.rpartition("<wbr>")[2])
    if node.get("after"):
        last = f'<span class="together">{last}{html.escape(node["after"])}</span>'
    self.body.append(f"{rest}<wbr>{last}" if rest else last)
    raise nodes.SkipNode


def visit_displayed(self, node):
    markup, number = warned(self, node, display=True)
    shown = f'<span class="equation-number">({html.escape(number)})</span>' if number else ""
    self.body.append(f'<div class="formula" tabindex="0">{markup}{shown}</div>\n')
    raise nodes.SkipNode


def setup(app):
    app.add_post_transform(KeepPunctuation)
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_displayed, None))
