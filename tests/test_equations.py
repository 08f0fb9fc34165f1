r"""The paper's equations (1) to (5), each in three places: on a page, as loops over indices, and in the package.

A row of `EQUATIONS` has the page's line of TeX; the same line in plain Python, without slices and broadcasting, with a loop
for each sum and each free index; and the function that computes it. The tests check that the line is on the page under its
number, that the function's docstring names the equation, and that both compute the same in float64.
"""
import inspect
import math
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends import BACKENDS
from minisenet import functional as F
from minisenet import models, use_backend
from minisenet.summary import summary

DOCS = Path(__file__).parents[1] / "docs"


def zeros(*shape):
    """Nested lists of zeros, one level for each size."""
    return [zeros(*shape[1:]) for _ in range(shape[0])] if shape else 0.0


# ---- eq. (1)

def eq_1(v, X):
    r"""u_c = v_c \ast X = \sum_{s=1}^{C'} v_c^s \ast x^s, for one image X[i][j][s] and filters v[c][s][i][j]."""
    C, C_prime, rows, columns = len(v), len(v[0]), len(v[0][0]), len(v[0][0][0])
    H, W = len(X) - rows + 1, len(X[0]) - columns + 1
    u = zeros(H, W, C)
    for c in range(C):
        for s in range(C_prime):                                        # \sum_{s=1}^{C'}
            for p in range(H):
                for q in range(W):
                    for i in range(rows):                               # v_c^s \ast x^s: a 2D kernel over its own channel
                        for j in range(columns):
                            u[p][q][c] += v[c][s][i][j] * X[p + i][q + j][s]
    return u


def draw_1(sizes, rng):
    C, C_prime, rows, columns = sizes(4)
    more_rows, more_columns = sizes(2)
    X = rng.standard_normal((rows + more_rows, columns + more_columns, C_prime))
    return rng.standard_normal((C, C_prime, rows, columns)), X


# ---- eq. (2)

def eq_2(u):
    r"""z_c = F_{sq}(u_c) = \frac{1}{H \times W} \sum_{i=1}^H \sum_{j=1}^W u_c(i, j)."""
    H, W, C = len(u), len(u[0]), len(u[0][0])
    z = zeros(C)
    for c in range(C):
        for i in range(H):                                              # \sum_{i=1}^H
            for j in range(W):                                          # \sum_{j=1}^W
                z[c] += u[i][j][c]
        z[c] *= 1 / (H * W)                                             # \frac{1}{H \times W}
    return z


def draw_2(sizes, rng):
    return rng.standard_normal(sizes(3)),


# ---- eq. (3)

def delta(a):
    """ReLU."""
    return a if a > 0 else 0.0


def sigma(a):
    """Sigmoid."""
    return 1 / (1 + math.exp(-a))


def eq_3(z, W_1, W_2):
    r"""s = F_{ex}(z, W) = \sigma(g(z, W)) = \sigma(W_2 \delta(W_1 z))."""
    hidden, C = len(W_1), len(z)
    h, s = zeros(hidden), zeros(C)
    for k in range(hidden):
        for c in range(C):
            h[k] += W_1[k][c] * z[c]                                    # W_1 z
        h[k] = delta(h[k])                                              # \delta(W_1 z)
    for c in range(C):
        for k in range(hidden):
            s[c] += W_2[c][k] * h[k]                                    # W_2 \delta(W_1 z)
        s[c] = sigma(s[c])                                              # \sigma(W_2 \delta(W_1 z))
    return s


def draw_3(sizes, rng):
    hidden, r = sizes(2)
    C = r * hidden                                                      # W_1 is C/r x C, W_2 is C x C/r
    return rng.standard_normal(C), rng.standard_normal((hidden, C)), rng.standard_normal((C, hidden))


# ---- eq. (4)

def eq_4(u, s):
    r"""\tilde x_c = F_{scale}(u_c, s_c) = s_c u_c, at every position."""
    H, W, C = len(u), len(u[0]), len(u[0][0])
    x = zeros(H, W, C)
    for c in range(C):
        for i in range(H):
            for j in range(W):
                x[i][j][c] = s[c] * u[i][j][c]
    return x


def draw_4(sizes, rng):
    H, W, C = sizes(3)
    return rng.standard_normal((H, W, C)), rng.standard_normal(C)


# ---- eq. (5)

def eq_5(r, N, C):
    r"""\frac{2}{r} \sum_{s=1}^S N_s \cdot {C_s}^2, with one N_s and C_s for each stage."""
    S = len(N)
    total = 0
    for s in range(S):                                                  # \sum_{s=1}^S
        total += N[s] * C[s] ** 2
    return 2 / r * total


def draw_5(sizes, rng):
    n, = sizes(1)
    r = int(rng.choice([1, 2, 4, 8]))
    width = 8 * int(rng.integers(1, 3))
    return r, [n, n, n], [width, 2 * width, 4 * width]


def parameters_of_the_se_blocks(r, N, C):
    """The parameters that `minisenet summary` counts for a network, minus those of its plain twin."""
    options = dict(depth=6 * N[0] + 2, width=C[0])
    network, plain = (summary(models.CifarResNet(reduction=reduction, **options), image_size=8) for reduction in (r, None))
    return network["totals"]["parameters"] - plain["totals"]["parameters"]


# ---- the table

def one_image(function, *images):
    """`function` with a batch axis of one added to some arguments and removed from the result: the paper has no batch."""
    def computed(*arguments):
        return function(*(a[None] if i in images else a for i, a in enumerate(arguments)))[0]
    return computed


@dataclass(frozen=True)
class Equation:
    """One equation.

    Attributes
    ----------
    number : int
    page : str
        The page in docs/ that has it, below "**Eq. (number).**".
    tex : str
        The line between the $$.
    loops : callable
        The line in plain Python, on nested lists and numbers.
    draw : callable
        `draw(sizes, rng)` gives its arguments; `sizes(n)` is n small positive integers.
    describes : callable
        The public function whose docstring names it.
    computed : callable
        The package's function of the same arguments.
    tolerance : float
        0 if they must be bit-identical.
    """

    number: int
    page: str
    tex: str
    loops: callable
    draw: callable
    describes: callable
    computed: callable
    tolerance: float


EQUATIONS = (
    Equation(1, "section-3-blocks.md", r"u_c = v_c \ast X = \sum_{s=1}^{C'} v_c^s \ast x^s",
             eq_1, draw_1, F.conv2d, one_image(lambda v, X: F.conv2d(X, v), 1), 1e-12),
    Equation(2, "section-3-1-squeeze.md", r"z_c = F_{sq}(u_c) = \frac{1}{H \times W} \sum_{i=1}^H \sum_{j=1}^W u_c(i, j)",
             eq_2, draw_2, F.squeeze, one_image(F.squeeze, 0), 1e-12),
    Equation(3, "section-3-2-excitation.md", r"s = F_{ex}(z, W) = \sigma(g(z, W)) = \sigma(W_2 \delta(W_1 z))",
             eq_3, draw_3, F.excitation, one_image(lambda z, w1, w2: F.excitation(z, w1, w2)[0], 0), 1e-12),
    Equation(4, "section-3-2-excitation.md", r"\tilde x_c = F_{scale}(u_c, s_c) = s_c u_c",
             eq_4, draw_4, F.scale, one_image(F.scale, 0, 1), 0.0),
    Equation(5, "section-4-complexity.md", r"\frac{2}{r} \sum_{s=1}^S N_s \cdot {C_s}^2",
             eq_5, draw_5, summary, parameters_of_the_se_blocks, 0.0),
)
SECTIONS = {1: "section_3", 2: "section_3_1", 3: "section_3_2", 4: "section_3_2", 5: "section_4"}

every_equation = pytest.mark.parametrize("equation", [
    pytest.param(equation, id=f"eq_{equation.number}", marks=getattr(pytest.mark, SECTIONS[equation.number]))
    for equation in EQUATIONS])


def is_on(equation, page):
    """Whether a page's text has the equation as the first displayed line after its number."""
    _, found, rest = page.partition(f"**Eq. ({equation.number}).**")
    displayed = re.search(r"^\$\$(.*)\$\$$", rest, re.MULTILINE)
    return bool(found and displayed) and displayed[1] == equation.tex


def difference(equation, sizes, rng):
    """The largest difference between the loops and the package, in one drawn case."""
    arguments = equation.draw(sizes, rng)
    as_lists = [a.tolist() if isinstance(a, np.ndarray) else a for a in arguments]
    expected, computed = np.array(equation.loops(*as_lists)), np.asarray(equation.computed(*arguments))
    assert computed.shape == expected.shape
    return float(np.max(np.abs(computed - expected)))


def some_sizes(n):
    """Different sizes, all larger than one."""
    return list(range(2, 2 + n))


# ---- the tests

def test_there_are_five():
    assert [equation.number for equation in EQUATIONS] == list(SECTIONS) == [1, 2, 3, 4, 5]


@every_equation
def test_it_is_on_its_page(equation):
    assert is_on(equation, (DOCS / equation.page).read_text(encoding="utf-8"))


@every_equation
def test_it_has_its_number_on_no_other_page(equation):
    """No test would check a second copy."""
    number = f"**Eq. ({equation.number}).**"
    assert [page.name for page in DOCS.glob("*.md") if number in page.read_text(encoding="utf-8")] == [equation.page]


@every_equation
def test_the_loops_are_written_beside_it(equation):
    assert equation.tex in inspect.getdoc(equation.loops)


@every_equation
def test_the_code_names_it(equation):
    assert re.search(rf"\beq\. \({equation.number}\)", inspect.getdoc(equation.describes))


@every_equation
@pytest.mark.parametrize("backend", BACKENDS)
@given(data=st.data())
def test_the_package_computes_it(equation, backend, data):
    largest = 2 if equation.number == 5 else 6                          # eq. (5) builds whole networks: 8 or 14 layers
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), label="seed"))

    def sizes(n):
        return data.draw(st.lists(st.integers(1, largest), min_size=n, max_size=n), label="sizes")
    with use_backend(backend):
        assert difference(equation, sizes, rng) <= equation.tolerance


# ---- the tests can fail

CHANGED = {             # each equation with one change: the page's line, and what that line computes
    1: (r"u_c = v_c \ast X = \sum_{s=1}^{C'} v_s^c \ast x^s", lambda v, X: eq_1([list(filters) for filters in zip(*v)], X)),
    2: (r"z_c = F_{sq}(u_c) = \frac{1}{H \times H} \sum_{i=1}^H \sum_{j=1}^W u_c(i, j)",
        lambda u: [z * len(u[0]) / len(u) for z in eq_2(u)]),
    3: (r"s = F_{ex}(z, W) = \sigma(g(z, W)) = \delta(W_2 \sigma(W_1 z))", lambda z, W_1, W_2: [
        delta(sum(W_2[c][k] * sigma(sum(W_1[k][d] * z[d] for d in range(len(z)))) for k in range(len(W_1))))
        for c in range(len(z))]),
    4: (r"\tilde x_c = F_{scale}(u_c, s_c) = s_c + u_c", lambda u, s: [[[g + x for g, x in zip(s, pixel)] for pixel in row]
                                                                      for row in u]),
    5: (r"\frac{2}{r} \sum_{s=1}^S N_s \cdot C_s", lambda r, N, C: 2 / r * sum(n * c for n, c in zip(N, C))),
}


@every_equation
def test_a_changed_equation_is_rejected(equation):
    tex, loops = CHANGED[equation.number]
    page = (DOCS / equation.page).read_text(encoding="utf-8")
    assert not is_on(equation, page.replace(equation.tex, tex))
    assert not is_on(equation, page.replace(f"Eq. ({equation.number})", f"Eq. ({equation.number + 1})"))
    planted = replace(equation, loops=loops, draw=square_filters if equation.number == 1 else equation.draw)
    assert difference(planted, some_sizes, np.random.default_rng(0)) > 1e-3


def square_filters(sizes, rng):
    """As many output as input channels, so that the exchanged indices of the changed eq. (1) are in range."""
    v, X = draw_1(sizes, rng)
    return rng.standard_normal((X.shape[2], X.shape[2], *v.shape[2:])), X
