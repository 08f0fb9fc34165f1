"""Text of 80 columns: sentences, and arrays that can be compared with the eye."""
import re
import textwrap

import numpy as np

WIDTH = 80
SMALL = 8                           # elements of an array that goes on one line, whatever its dimensions
MANY = 60                           # elements of one that is not shown in full


def wrapped(text, indent, more=None):
    """The lines of a text; all but the first may be indented by `more`."""
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent if more is None else more)


def arrays(named, indent):
    """The lines of arrays with their names and shapes, each on one line where they are small, or with its rows below.

    Several are set so that the same element stands in the same column.

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
    """Each array as text; four digits, or twelve where with four different ones would look alike."""
    for digits in (4, 12):
        write = _writer(values, digits)
        texts = [np.array2string(value, formatter=dict(float_kind=write), threshold=MANY,
                                 max_line_width=width - 2 * value.ndim)        # numpy does not count the brackets
                 for value in values]
        if len(set(texts)) == len(texts):
            break
    return texts


def _writer(values, digits):
    """How a float is written beside all the others: with the point in one column, and without zeros that say nothing."""
    floats = np.concatenate([value.ravel() for value in values if value.dtype.kind == "f"] or [np.zeros(0)])
    finite = np.abs(floats[np.isfinite(floats)])
    least = finite.max(initial=0) * 10.0 ** -(digits + 4)              # what is smaller is the rounding error of a zero

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
