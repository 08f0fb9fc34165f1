"""The files of the course kit as text: each exercise as a stub and as a solution, and the README.md beside them."""
import re
import textwrap
from importlib import resources

from minisenet.course import reading, source
from minisenet.course.exercises import EXERCISES, POINTS

WIDTH = 110


def stub(exercise):
    """The file that a student starts from: signatures and docstrings of the package, without bodies and derivations."""
    if exercise.suffix == ".pyx":
        return _kernel(exercise, _without_loops(kernel_solution()))
    asked = [source.function(exercise.source, name) for name in exercise.functions]
    earlier = [(builder, list(builder.functions)) for builder in _earlier(exercise)]
    return _text(_about(exercise), _imports(earlier),
                 [of.signature + _without_derivation(of) + "    raise NotImplementedError\n" for of in asked])


def solution(exercise):
    """The same file with the package's own bodies and the helpers that they need."""
    if exercise.suffix == ".pyx":
        return _kernel(exercise, kernel_solution())
    given = {(builder.source, name): builder for builder in _earlier(exercise) for name in builder.functions}
    functions = {}
    for name in exercise.functions:
        functions |= _with_helpers((exercise.source, name), given)
    used = {need for of in functions.values() for need in of.needs if need in given}
    earlier = [(builder, [name for name in builder.functions if (builder.source, name) in used])
               for builder in _earlier(exercise)]
    about = _about(exercise)
    if exercise.source.startswith("minisenet.functional"):                # its files begin with the derivation
        about += "\n\n" + source.introduction(exercise.source).replace("\\", "\\\\")
    return _text(about, _imports([(builder, names) for builder, names in earlier if names],
                                 numpy=any("np." in of.body for of in functions.values())),
                 [of.signature + of.docstring + of.body for of in functions.values()])


def _without_derivation(of):
    """The docstring; of a backward's, what is before its parameters is cut to "The gradient of `squeeze`.": the rest is the exercise."""
    if "_backward" not in of.name:
        return of.docstring
    introduction, heading, sections = of.docstring.partition("    Parameters\n    ---")
    first = re.match(r'\s*"""(.*?)(?:[:;,(]|\.?\n)', introduction)[1].rstrip()
    return f'    """{first}.\n\n{heading}{sections}'


def readme():
    """README.md of the folder: the exercises with their points, how to check, how to read a verdict."""
    rows = "\n".join(f"| {e.number} | `{e.file}` | {e.title} | {e.where} | {e.points} |" for e in EXERCISES)
    return README.format(rows=rows, points=POINTS, file=EXERCISES[5].file)


def with_earlier(exercise):
    """An exercise and all that it builds on, directly or through others."""
    return [exercise, *(other for earlier in _earlier(exercise) for other in with_earlier(earlier))]


def kernel_solution():
    """The Cython exercise solved, without its introduction."""
    return resources.files("minisenet.course").joinpath("kernel_solution.pyx").read_text(encoding="utf-8")


def _without_loops(pyx):
    """The kernel's file with its block `with nogil:` replaced."""
    return re.sub(r"^    with nogil:\n(?:        .*\n|\n(?=        ))*",
                  "    raise NotImplementedError           # in its place: `with nogil:`, and below it your loops\n",
                  pyx, flags=re.MULTILINE)


def _earlier(exercise):
    return [other for other in EXERCISES if other.number in exercise.builds_on]


def _with_helpers(where, given):
    """A function after all the helpers that it needs, without those that earlier files have."""
    of, found = source.function(*where), {}
    for need in of.needs:
        if need not in given:
            found |= _with_helpers(need, given)
    return found | {where: of}


def _imports(earlier, numpy=True):
    """Import statements: NumPy, and names from earlier exercises."""
    lines = ["import numpy as np\n"] * numpy + ["\n"] * bool(numpy and earlier)
    return "".join(lines + [f"from {builder.module} import {', '.join(names)}\n" for builder, names in earlier])


def _text(about, imports, functions):
    return "\n\n".join([f'"""{about}\n"""\n{imports}', *functions])


def _kernel(exercise, pyx):
    """The compiler directives of a .pyx come first, before its docstring."""
    directives, _, code = pyx.partition("\n")
    return f'{directives}\n"""{_about(exercise)}\n"""\n{code}'


def _about(exercise):
    """The text at the top of an exercise's file."""
    paragraphs = [f"Exercise {exercise.number}: {exercise.title} ({exercise.where}), {exercise.points} points.",
                  textwrap.indent(textwrap.dedent(exercise.formula).strip(), "    "), exercise.task, _rules(exercise)]
    if exercise.may_go:
        paragraphs.append(_may_go(exercise.may_go))
    read = f"Derivation, to compare with yours: {exercise.reading}. " if reading.text(exercise) else ""
    paragraphs.append(f"{read}Check: minisenet course check . {exercise.number}")
    filled = [paragraph if paragraph.startswith(" ") else textwrap.fill(paragraph, WIDTH) for paragraph in paragraphs]
    hints = [textwrap.fill(f"- {hint}", WIDTH, subsequent_indent="  ") for hint in exercise.hints]
    return "\n\n".join([*filled[:-1], "\n".join(["Hints:", *hints]), filled[-1]])


def _rules(exercise):
    if exercise.suffix == ".pyx":
        return ("Only the loops are yours. The check compiles this file and calls `squeeze` with float32 and float64 arrays. "
                "Inside `with nogil:` use numbers, indices and memoryviews only: Python objects need the GIL.")
    written = f"{exercise.writes} are written to, grad is not" if exercise.writes else "inputs are never written to"
    text = f"Arrays are float64 and contiguous, with the shapes below; results are float64; {written}. Arguments need no checks."
    if any("_backward" not in name for name in exercise.functions) and not exercise.writes:
        text += " To measure slopes, the check also passes complex arrays: README.md, \"Complex step\"."
    return text


def _may_go(names):
    named = " and ".join([", ".join(names[:-1])] * (len(names) > 1) + [names[-1]])
    text = f"You may delete {named} from the signature; the check then leaves {'them' if len(names) > 1 else 'it'} out."
    if "dilation" in names:
        text += " stride, padding and dilation are always pairs of ints, (height, width)."
    if "b" in names:
        text += " b is an array or None."
    return text


README = """\
# Squeeze-and-excitation by hand

Thirteen exercises, in the order of the paper (Hu, Shen, Albanie, Sun, Wu: *Squeeze-and-Excitation Networks*, arXiv
1709.01507). Each file says what to write. The folder `reading/` has a derivation for each exercise, without code. Derive
the result on paper first, and then compare. VS Code, JupyterLab and GitHub show its formulas, which are LaTeX.

| | file | what | in the paper | points |
| --- | --- | --- | --- | --- |
{rows}
| | | | | {points} |

## Check

    minisenet course check .                        # everything in this folder
    minisenet course check . 06                     # one exercise, also by its name: squeeze
    minisenet check {file}:squeeze          # one function

If a package is missing, the check says which one to install. Where an exercise has two functions, each earns half of its
points. A later exercise that imports a wrong earlier one is marked with minisenet's version of it, so a slip costs its own
points only.

## What is checked

- **values**: the results are compared with minisenet's, on many small arrays.
- **central difference**: the slope (f(x + e) - f(x - e)) / 2e, measured at a small e, is compared with what a backward says.
- **complex step**: the same slope, measured without a difference.
- No input is written to, and a second call gives the same result. One call has float32 arrays. If its results are float64, a
  note says so; this costs no points.

## Complex step

A formula for real numbers also accepts a complex x. For a tiny e, f(x + ie) = f(x) + ie f'(x), so the imaginary part divided
by e is the slope f'(x). Nothing is subtracted, so nothing is rounded away: e can be 1e-20, and the slope is right to the last
digits.

    >>> import numpy as np
    >>> float(np.exp(1 + 1e-20j).imag / 1e-20)          # the slope of exp at 1, which is e
    2.718281828459045

So the check calls your forward with complex arrays too. Some code is for real numbers only: `np.abs`, `np.var`, `math.exp`,
an array from `np.zeros(shape)`. Then the complex step is not asked, and what is right stays right. To take part, write
`np.zeros(shape, x.dtype)`.

## Read a verdict

- **right**: values, gradients, shapes and types agree on every case that was drawn, and no input was written to.
- **wrong**: below the table is the smallest case on which your function fails, with its result and the expected one. Check
  that case with a pencil. If a known mistake gives exactly your numbers, it is named.
- **partly right**: one function of the exercise is right and has earned its points.
- **(with minisenet's 06)**: your exercise 06 is not right yet, and minisenet's was used in its place.
- **not as asked**: the Cython exercise is right, but NumPy does the work, or the loops hold the GIL. It earns no points.
- **not started**: the body is still `raise NotImplementedError`.
- **missing**: the file or the function is not there.
- **not checked**: a tool is not installed (for the last exercise, Cython or a C compiler). It is not wrong.

The exit status is 0 if everything that was asked for is right.
"""
