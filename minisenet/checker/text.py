"""Text of 80 columns: sentences, and arrays that the eye can compare."""
import re
import textwrap

import numpy as np

WIDTH = 80
SMALL = 8                           # an array with at most so many elements goes on one line, whatever its dimensions
MANY = 60                           # an array with more elements is not shown in full


def wrapped(text, indent, more=None):
    """The lines of a text; all but the first may be indented by `more`."""
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent if more is None else more)


def conjunction(names, word="and"):
    """"a, b and c"."""
    return f" {word} ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def arrays(named, indent):
    """The lines of arrays with their names and shapes: small ones on one line each, others with their rows below.

    The same element of several arrays is in the same column.

    Parameters
    ----------
    named : dict
        Name -> ndarray.
    indent : str
    """
    length = max(len(name) for name in named)
    heads = [f"{indent}{name:{length}} {value.shape}" for name, value in named.items()]
    heads = [head.ljust(max(map(len, heads))) for head in heads]
    texts = _texts(list(named.values()), WIDTH - len(indent) - 4)
    flat = [re.sub(r"\]\s+\[", "] [", text) if value.size <= SMALL else text for text, value in zip(texts, named.values())]
    on_one_line = all("\n" not in text and len(head) + len(text) + 2 <= WIDTH for head, text in zip(heads, flat))
    for head, text, line in zip(heads, texts, flat):
        if on_one_line:
            yield f"{head}  {line}".rstrip()
        else:
            yield head.rstrip()
            yield from (f"{indent}  {row}" for row in text.splitlines() if row.strip())


def _texts(values, width):
    """Each array as text, with four digits; with twelve if different arrays would look alike with four."""
    for digits in (4, 12):
        write = _writer(values, digits)
        texts = [np.array2string(value, formatter=dict(float_kind=write), threshold=MANY,
                                 max_line_width=width - 2 * value.ndim)        # numpy does not count the brackets
                 for value in values]
        if len(set(texts)) == len(texts):
            break
    return texts


def _writer(values, digits):
    """How a float is written beside all the others: with the point in one column, and without zeros at the end."""
    each = [value.ravel() for value in values if value.dtype.kind == "f"]
    floats = np.concatenate(each or [np.zeros(0)])
    largest = [np.abs(array[np.isfinite(array)]).max(initial=0) for array in each]
    least = min((size for size in largest if size), default=0) * 10.0 ** -(digits + 4)     # less is a zero's rounding error

    def plain(number):
        if abs(number) <= least:
            return "0."
        if not 1e-3 <= abs(number) < 1e6:
            return f"{number:.{digits}g}"                              # nan and inf among them
        return f"{number:.{digits}f}".rstrip("0")
    parts = [plain(number).partition(".") for number in floats[:MANY * 4]]
    before, after = (max((len(part[i]) for part in parts), default=0) for i in (0, 2))

    def write(number):
        whole, point, fraction = plain(number).partition(".")
        return whole.rjust(before) + (point + fraction).ljust(after + 1)
    return write
