"""Results of the wrong shape: what the shapes of all cases have in common."""
import numpy as np

from minisenet.checker.comparison import as_array
from minisenet.checker.result import Mistake

OUTPUT_SIZE = "floor((size + 2 padding - dilation (kernel - 1) - 1) / stride) + 1, for each side by itself."
LAYOUT = "Images are (N, H, W, C), convolution weights (C_out, C_in / groups, KH, KW), fully connected ones (out, in)."
KEPT = "Axes of size 1 that were summed over are still there; beside other shapes they broadcast, and no error tells."
EVERYWHERE = "What was used at every image and position gathers from every image and position."


def explain(evidence):
    """The Mistake of the first result that has a wrong shape, or None."""
    for name in evidence.spec.returns:
        found = [trial for trial in evidence.with_result(name) if as_array(trial.given[name]) is not None]
        pairs = [(np.shape(trial.given[name]), np.shape(trial.call.expected[name])) for trial in found]
        wrong = [(given, expected) for given, expected in pairs if given != expected]
        if wrong:
            smallest = [fault.text for fault in evidence.smallest.faults if (fault.kind, fault.output) == ("shape", name)]
            says = f"{smallest[0]}." if smallest else "{} has shape {}; it takes {}.".format(name, *wrong[0])
            return _of_convolution(evidence.spec, name, found, says) or _of_any(found[0].call.v, wrong, says)
    return None


def _of_any(v, wrong, says):
    """By what every wrong shape has in common with the right one."""
    longer = [len(given) - len(expected) for given, expected in wrong]
    if min(longer) > 0 and all(_larger_than_one(given) == _larger_than_one(expected) for given, expected in wrong):
        return Mistake("keepdims left in", says, KEPT)
    if min(longer) > 0:
        return Mistake("not summed over all axes", says, EVERYWHERE)
    if max(longer) < 0:
        return Mistake("axes missing", says, "Which indices are still there on the left side of the equation?")
    if hasattr(v, "w") and all(given[:-1] == expected[:-1] for given, expected in wrong):
        return Mistake("wrong number of channels", says, LAYOUT)
    if all(sorted(given) == sorted(expected) for given, expected in wrong):
        return Mistake("axes in the wrong order", says, LAYOUT)
    if hasattr(v, "stride"):
        return Mistake("output size", says, OUTPUT_SIZE)
    return Mistake("wrong shape", says, "A gradient has the shape of its array.")


def _larger_than_one(shape):
    return sorted(n for n in shape if n > 1)


# ---- the ways to get a convolution's sizes wrong, each as the shape that it gives -----------------------------------------

def _of_convolution(spec, name, trials, says):
    """The Mistake whose rule gives the shapes of all trials, or None."""
    rules = _of_y() if spec.name == "conv2d" else _of_dx() if spec.row.name == "conv2d" and name == "dx" else ()
    for rule, mistake in rules:
        if all(rule(trial.call.v) == np.shape(trial.given[name]) for trial in trials):
            return Mistake(mistake.name, mistake.says or says, mistake.lesson)
    return None


def _of_y():
    for option in ("stride", "padding", "dilation"):
        ignored = (0, 0) if option == "padding" else (1, 1)
        yield (lambda v, option=option: _size(v, **{option: getattr(v, option)[::-1]}),
               Mistake(f"{option} on the wrong axis",
                       f"The size of y has the vertical {option} across and the horizontal one down.", OUTPUT_SIZE))
        yield (lambda v, option=option, ignored=ignored: _size(v, **{option: ignored}),
               Mistake(f"{option} ignored", f"The size of y does not know the {option}.", OUTPUT_SIZE))
    yield (lambda v: _size(v, divide=lambda a, b: -(-a // b)),
           Mistake("ceil for floor", "The size of y is rounded up.", OUTPUT_SIZE))
    yield (lambda v: _size(v, more=0),
           Mistake("one row and column short", "The size of y lacks the + 1.", OUTPUT_SIZE))
    yield (lambda v: _size(v, kernel=(v.w.shape[2],) * 2),
           Mistake("height of the kernel for its width", "The size of y has KH for KW.", OUTPUT_SIZE))


def _size(v, divide=lambda a, b: a // b, more=1, **changed):
    """The shape of y with some of the options changed."""
    o = dict(stride=v.stride, padding=v.padding, dilation=v.dilation, kernel=v.w.shape[2:]) | changed
    sides = zip(v.x.shape[1:3], o["padding"], o["dilation"], o["kernel"], o["stride"])
    return (len(v.x), *(divide(length + 2 * a - d * (k - 1) - 1, t) + more for length, a, d, k, t in sides), len(v.w))


def _of_dx():
    yield (lambda v: (len(v.dy), *(size if a else 0 for size, a in zip(v.x_shape[1:3], v.padding)), v.x_shape[3]),
           Mistake("empty result", "", "A slice [p:-p] is empty where p is 0; [p:p + size] is not."))
    yield (lambda v: (len(v.dy), *(size + 2 * a for size, a in zip(v.x_shape[1:3], v.padding)), v.x_shape[3]),
           Mistake("padding not cut off", "dx is the gradient of the padded image, padding and all.",
                   "The padding is no variable: dx has the shape of x."))
