"""Results of the wrong shape: what the shapes of all cases have in common."""
import numpy as np

from minisenet.checker.comparison import as_array
from minisenet.checker.diagnosis.branches import where
from minisenet.checker.result import Mistake

OUTPUT_SIZE = "Each side of y has floor((size + 2 padding - dilation (kernel - 1) - 1) / stride) + 1 elements."
POOLED_SIZE = ("Each side of y has (size + 2 padding - kernel) / stride + 1 elements, rounded down, or up with ceil_mode. "
               "Without a stride, the windows move by the kernel's size.")
LAYOUT = "Images are (N, H, W, C), convolution weights (C_out, C_in / groups, KH, KW), fully connected ones (out, in)."
KEPT = "Axes of size 1 are left over. Beside other shapes they broadcast, and no error warns you."
GATHERS = "An array that is used for every image and position gathers its gradient from all of them."
SUMS = "Which indices does the equation's left side have? Add up over all others."


def explain(evidence):
    """The Mistake of the first result that has a wrong shape, or None."""
    for name in evidence.spec.returns:
        found = [trial for trial in evidence.with_result(name) if as_array(trial.given[name]) is not None]
        pairs = [(np.shape(trial.given[name]), np.shape(trial.call.expected[name])) for trial in found]
        wrong = [(given, expected) for given, expected in pairs if given != expected]
        if wrong:
            smallest = [fault.text for fault in evidence.smallest.faults if (fault.kind, fault.output) == ("shape", name)]
            says = f"{smallest[0]}." if smallest else "{} must have shape {}, got {}.".format(name, *wrong[0][::-1])
            fits = [given == expected for given, expected in pairs]
            place = where([trial for trial, right in zip(found, fits) if not right],
                          [trial for trial, right in zip(found, fits) if right])
            says += f" The shape is wrong only{place}." * bool(place)
            return _of_windows(evidence.spec, name, found, says) or _of_any(evidence.spec, name, found[0].call.v, wrong, says)
    return None


def _of_any(spec, name, v, wrong, says):
    """By what every wrong shape has in common with the right one."""
    longer = [len(given) - len(expected) for given, expected in wrong]
    if min(longer) > 0 and all(_larger_than_one(given) == _larger_than_one(expected) for given, expected in wrong):
        return Mistake("keepdims left in", says, KEPT)
    if min(longer) > 0:
        return Mistake("not summed over all axes", says, GATHERS if spec.backward else SUMS)
    if max(longer) < 0:
        return Mistake("axes missing", says, _shape_of(spec, name) or "Which indices does the equation's left side have?")
    if hasattr(v, "w") and all(given[:-1] == expected[:-1] for given, expected in wrong):
        return Mistake("wrong number of channels", says, LAYOUT)
    if all(sorted(given) == sorted(expected) for given, expected in wrong):
        return Mistake("axes in the wrong order", says, LAYOUT)
    if hasattr(v, "stride") and not spec.backward:
        return Mistake("output size", says, OUTPUT_SIZE if hasattr(v, "dilation") else POOLED_SIZE)
    return Mistake(f"size of {name}" if hasattr(v, "stride") else "wrong shape", says, _shape_of(spec, name))


def _shape_of(spec, name):
    """Where a gradient's shape is to be had: "dx has the shape of x, which is the argument x_shape."; "" for a forward."""
    if not spec.backward:
        return ""
    given = next((text for text in (f"{name[1:]}_shape", name[1:]) if text in spec.parameters), None)
    argument = f", which is the argument {given}" if given and given != name[1:] else ""
    return f"{name} has the shape of {name[1:]}{argument}."


def _larger_than_one(shape):
    return sorted(n for n in shape if n > 1)


# ---- the ways to get the sizes of a convolution or a pooling wrong, each as the shape that it gives ------------------------

def _of_windows(spec, name, trials, says):
    """The Mistake whose rule gives the shapes of all trials, or None."""
    known = hasattr(trials[0].call.v, "stride") and spec.backward
    rules = _of_y() if spec.name == "conv2d" else _of_dx() if known and name == "dx" else _of_dw() if known and name == "dw" else ()
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
               Mistake(f"{option} ignored", f"The size of y is that of a call without {option}.", OUTPUT_SIZE))
    yield (lambda v: _size(v, stride=v.dilation, dilation=v.stride),
           Mistake("stride and dilation exchanged", "The size of y has the stride and the dilation in each other's place.",
                   OUTPUT_SIZE))
    yield (lambda v: _size(v, padding=tuple(a / 2 for a in v.padding)),
           Mistake("padding at one end", "The size of y counts the padding of each axis once.",
                   "The image is padded at both ends: np.pad with (p, p). " + OUTPUT_SIZE))
    yield (lambda v: _size(v, divide=lambda a, b: -(-a // b)),
           Mistake("ceil for floor", "The size of y is rounded up.", OUTPUT_SIZE))
    yield (lambda v: _size(v, more=0),
           Mistake("one row and column short", "The size of y lacks the + 1.", OUTPUT_SIZE))
    yield (lambda v: (len(v.x), len(v.w), *_size(v, sides=v.x.shape[2:])[1:3]),
           Mistake("axes of (N, C, H, W)", "y has the shape of an x that is read as (N, C, H, W).",
                   "Images are (N, H, W, C): the channels are the last axis."))
    yield (lambda v: _size(v, kernel=(v.w.shape[2],) * 2),
           Mistake("height of the kernel for its width", "The size of y has KH in the place of KW.", OUTPUT_SIZE))


def _size(v, divide=lambda a, b: a // b, more=1, **changed):
    """The shape of y with some of the options changed; no side has fewer than 0 elements."""
    o = dict(sides=v.x.shape[1:3], stride=v.stride, padding=v.padding, dilation=v.dilation, kernel=v.w.shape[2:]) | changed
    sides = zip(o["sides"], o["padding"], o["dilation"], o["kernel"], o["stride"])
    return (len(v.x), *(max(divide(int(length + 2 * a) - d * (k - 1) - 1, t) + more, 0) for length, a, d, k, t in sides),
            len(v.w))


def _of_dx():
    yield (lambda v: (len(v.dy), *(size if a else 0 for size, a in zip(v.x_shape[1:3], v.padding)), v.x_shape[3]),
           Mistake("empty result", "", "A slice [p:-p] is empty if p is 0; [p:p + size] is not."))
    yield (lambda v: (len(v.dy), *(size + 2 * a for size, a in zip(v.x_shape[1:3], v.padding)), v.x_shape[3]),
           Mistake("padding not cut off", "dx has the size of the padded image.",
                   "dx has the shape of x: cut the padding off, [p:p + size]."))
    yield (lambda v: (len(v.dy), *v.dy.shape[1:3], v.x_shape[3]),
           Mistake("size of dx", "dx has the rows and columns of dy.", "dx has the shape of x, whatever the options."))


def _of_dw():
    yield (lambda v: (*v.w_shape[:2], *(size + 2 * a - (out - 1) * t for size, a, out, t in zip(
               v.x_shape[1:3], v.padding, v.dy.shape[1:3], v.stride))),
           Mistake("size of dw", "The kernel's size was computed from x and dy: it is too large if the stride leaves a rest.",
                   "dw has the shape of w."))
