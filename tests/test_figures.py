"""The figures of the documentation are what docs/figures/draw.py draws, can be read, and say what code and pages say.

A label must lie inside the figure, must not touch another, and no line and no edge of a box may run through it. How wide a
label is depends on the reader's fonts; it is measured with the widths of a wide one.
"""
import ast
import importlib
import json
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from minisenet.functional import convolution

ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "docs" / "figures"
SVG = "{http://www.w3.org/2000/svg}"


def load(name):
    """A script of docs/figures, as a module."""
    sys.path.insert(0, str(FIGURES))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(FIGURES))


draw, drawing, trained = load("draw"), load("drawing"), load("trained")


@pytest.fixture
def training(tmp_path):
    """Two networks, one of them from two seeds."""
    path = tmp_path / "training.json"
    runs = ("SE-ResNet-20, r = 16", 0, 0.02), ("SE-ResNet-20, r = 16", 1, 0.03), ("ResNet-20", 0, 0)
    path.write_text(json.dumps([
        {"name": name, "seed": seed, "test_accuracy": [0.4 + 0.05 * i + gain for i in range(6)],
         "train_accuracy": [0.3 + 0.1 * i for i in range(6)], "train_loss": [2 / (i + 1) + seed / 10 for i in range(6)]}
        for name, seed, gain in runs]))
    return path


@pytest.fixture
def gates(tmp_path):
    """Ten classes and nine blocks, as SE-ResNet-20 on CIFAR-10 has them."""
    rng, path = np.random.default_rng(0), tmp_path / "gates.json"
    blocks = [{"name": f"stage{stage}.{i}.se", "mean_by_class": rng.random((10, 16)).round(3).tolist()}
              for stage in (1, 2, 3) for i in range(3)]
    classes = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    path.write_text(json.dumps({"run": "SE-ResNet-20, r = 4", "classes": classes, "blocks": blocks}))
    return path


def data_of(name):
    return {"training-curves": FIGURES / "training.json", "gates": FIGURES / "gates.json"}.get(name)


def drawn(name):
    """A figure's SVG, or a skip where what it shows has not been trained."""
    data = data_of(name)
    if data and not data.exists():
        pytest.skip(f"docs/figures/{data.name} is not there")
    return draw.FIGURES[name]().svg()


every_figure = pytest.mark.parametrize("name", draw.FIGURES)


@every_figure
def test_a_figure_is_drawn_with_the_same_bytes(name):
    svg = drawn(name)
    stored = (FIGURES / f"{name}.svg").read_bytes().replace(b"\r\n", b"\n")                # as a checkout on Windows may have it
    assert stored == svg.encode("utf-8"), f"python docs/figures/draw.py {name}"


def check_readable(svg):
    root = ElementTree.fromstring(svg)
    width, height = map(float, root.get("viewBox").split()[2:])
    assert root.get("role") == "img"
    title, description = root.find(SVG + "title"), root.find(SVG + "desc")
    assert root.get("aria-labelledby").split() == [title.get("id"), description.get("id")]
    assert title.text and len(description.text) > 80
    assert width <= 640
    labels = drawing.text_boxes(svg)
    assert labels
    for letters, box in labels:
        inside = box.x >= 4 and box.x + box.width <= width - 4 and box.y >= 2 and box.y + box.height <= height - 2
        assert inside, f"{letters!r} leaves the figure"
    for i, (letters, box) in enumerate(labels):
        for others, other in labels[:i]:
            assert not overlap(box, other), f"{letters!r} lies on {others!r}"
    for text in root.iter(SVG + "text"):
        assert float(text.get("font-size")) >= 15, f"{''.join(text.itertext())!r} is too small"
    for start, end in strokes(root):
        for letters, box in labels:
            assert not crosses(start, end, box), f"a line from {start} to {end} runs through {letters!r}"


def overlap(a, b):
    return a.x < b.x + b.width and b.x < a.x + a.width and a.y < b.y + b.height and b.y < a.y + a.height


def strokes(root):
    """The pieces of every line, and the edges of every box."""
    for line in root.iter(SVG + "polyline"):
        if line.get("class") not in ("hair", "ghost"):
            points = [tuple(map(float, point.split(","))) for point in line.get("points").split()]
            yield from zip(points, points[1:])
    for box in root.iter(SVG + "rect"):
        x, y, width, height = (float(box.get(key)) for key in ("x", "y", "width", "height"))
        corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)]
        yield from zip(corners, corners[1:])


def crosses(start, end, box):
    """Whether a piece of a line meets the inside of a box: what is left of the piece when each edge has cut it."""
    first, last = 0.0, 1.0
    for axis, (low, size) in enumerate(((box.x, box.width), (box.y, box.height))):
        move = end[axis] - start[axis]
        if move == 0:
            if not low < start[axis] < low + size:
                return False
            continue
        enter, leave = sorted(((low - start[axis]) / move, (low + size - start[axis]) / move))
        first, last = max(first, enter), min(last, leave)
    return first < last


@every_figure
def test_a_figure_can_be_read(name):
    check_readable(drawn(name))


def test_what_cannot_be_read_is_found():
    def figure():
        words = "so much that a reader who cannot see the figure knows its content "
        return drawing.Figure(200, 100, "a title", words * 2)

    right = figure()
    right.text(100, 30, "one")
    right.text(100, 60, "F_{sq}, `two`")
    right.line((10, 80), (190, 80))
    check_readable(right.svg())
    for spoil, what in ((lambda f: f.text(190, 50, "outside"), "leaves the figure"),
                        (lambda f: f.text(110, 35, "on it"), "lies on"),
                        (lambda f: f.line((20, 10), (180, 50)), "runs through"),
                        (lambda f: f.rectangle(70, 20, 30, 30), "runs through"),
                        (lambda f: f.text(40, 85, "tiny", size=9), "too small")):
        wrong = figure()
        wrong.text(100, 30, "one")
        spoil(wrong)
        with pytest.raises(AssertionError, match=what):
            check_readable(wrong.svg())


def test_the_figures_of_trained_networks_can_be_read(training, gates):
    for svg in (trained.curves(training).svg(), trained.gates(gates).svg()):
        check_readable(svg)
    curves = trained.curves(training).svg()
    assert "67.50 %, mean of 2 seeds" in curves and "ResNet-20: 65.00 %" in curves
    kinds = "thin-accent", "line-accent", "thin-second", "line-second"
    counts = [curves.count(f'class="{kind}" points') for kind in kinds]
    assert counts == [2 * 2, 2 + 1, 0, 2 + 1]                               # in two panels, and one in the legend


def test_the_gates_of_one_class_lie_where_its_numbers_are(tmp_path):
    path = tmp_path / "gates.json"
    block = {"name": "se", "mean_by_class": [[0.75, 0.25], [0.25, 0.25]]}
    path.write_text(json.dumps({"run": "a run", "classes": ["a", "b"], "blocks": [block]}))
    svg = trained.gates(path).svg()
    heights = [[float(point.split(",")[1]) for point in line.split()] for line in
               re.findall('class="line-(?:accent|second|ink)" points="([^"]*)"', svg)[:3]]
    quarter = 40 + 104 * 0.75
    assert heights == [[quarter, 40 + 104 * 0.25], [quarter, quarter], [quarter, 40 + 104 * 0.5]]      # channel 2 is first
    assert "se 0.125" in svg                                                                           # (0.25 + 0) / 2


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_colours_have_contrast_on_their_ground(theme):
    """The 4.5 of the web's accessibility guidelines for text, and 3 for lines."""
    def light(name):
        channels = [int(drawing.COLOURS[name][theme][i:i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear))

    def contrast(one, other):
        high, low = sorted((light(one), light(other)), reverse=True)
        return (high + 0.05) / (low + 0.05)

    pairs = [(tone, "card") for tone in drawing.TONES]
    pairs += [("ink", "faint"), ("soft", "faint"), ("accent", "tint"), ("second", "second-tint")]
    assert [(pair, contrast(*pair)) for pair in pairs if contrast(*pair) < 4.5] == []
    assert contrast("line", "card") >= 3


def test_pages_name_figures_that_exist():
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    for page in pages:
        for path in re.findall(r"[(\"]((?:docs/)?figures/[\w.-]+)[)\"]", page.read_text(encoding="utf-8")):
            missing = not (page.parent / path).exists()
            assert not missing or Path(path).stem in ("training-curves", "gates"), f"{page.name} shows {path}"


def test_an_unknown_name_is_refused(capsys):
    assert draw.main(["blocks"]) == 2
    assert "there is no figure blocks; there are block, " in capsys.readouterr().err


def test_without_data_a_figure_is_left_alone(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(draw, "FIGURES", {"gates": lambda: trained.gates(tmp_path / "gates.json")})
    assert draw.main([]) == 0
    assert "gates.svg is left as it is: its data, docs/figures/gates.json, is not there" in capsys.readouterr().out


# ---- what the figures say -------------------------------------------------------------------------------------------------

def calls(path, name):
    """The names of the functions that a function of a file calls, in their order."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    function = next(node for node in tree.body if getattr(node, "name", None) == name)
    found = sorted((node for node in ast.walk(function) if isinstance(node, ast.Call)), key=lambda node: node.lineno)
    return [getattr(node.func, "attr", getattr(node.func, "id", "")) for node in found]


def called(name):
    """The steps of the SE block that one of its functions calls: its own, without the variant of Table 11."""
    found = calls("minisenet/functional/se_block.py", name)
    return [each for each in found if each.removesuffix("_backward") in ("squeeze", "excitation", "scale")]


def words(svg):
    return [letters for letters, _ in drawing.text_boxes(svg)]


def test_the_strip_has_the_order_of_the_code():
    assert called("se_block") == ["squeeze", "excitation", "scale"]
    shown = words(drawn("block"))
    boxes = ["squeeze", "linear w1", "relu", "linear w2", "sigmoid"]
    assert [word for word in shown if word in boxes] == boxes
    assert {"x", "u", "z", "h", "s", "y", "(N, C)", "(N, C/r)", "(N, H, W, C)"} <= set(shown)
    assert {"Ftr, eq. (1)", "Fsq, eq. (2)", "excitation: Fex, eq. (3)", "Fscale, eq. (4)"} <= set(shown)


def test_the_two_paths_have_the_order_of_the_code():
    assert called("se_block_backward") == ["scale_backward", "excitation_backward", "squeeze_backward"]
    assert {"scale_backward", "excitation_backward", "squeeze_backward", "du = s dy + dz / (H W)"} <= {
        re.sub(" +", " ", word) for word in words(drawn("two-paths"))}


def test_the_window_is_the_one_that_the_convolution_takes():
    taps = load("convolution_taps")
    rows, columns = taps.HEIGHT + 2 * taps.PADDING, taps.WIDTH + 2 * taps.PADDING
    padded = np.arange(rows * columns).reshape(1, rows, columns, 1)
    right = convolution._window(padded, taps.TAP, taps.OUT, (taps.STRIDE,) * 2, (1, 1))
    assert [i * columns + j for i, j in taps.met()] == right.ravel().tolist()
    x, w = np.ones((1, taps.HEIGHT, taps.WIDTH, 1)), np.ones((1, 1, taps.KERNEL, taps.KERNEL))
    y = convolution.conv2d(x, w, stride=taps.STRIDE, padding=taps.PADDING)
    assert y.shape[1:3] == taps.OUT == right.shape[1:3]
    assert np.array_equal(padded[:, 0:3:2, 2:7:2], right)
    assert "window = padded[:, 0:3:2, 2:7:2]" in words(drawn("convolution-taps"))


def test_the_counts_of_se_resnet_50_are_the_papers():
    """The totals of the plain network and of its SE blocks as the authors' own files have them, and eq. (5)."""
    complexity = load("complexity")
    plain, added = complexity.plain(), complexity.added()
    assert sum(parameters for parameters, _ in plain.values()) == 25_557_032
    assert round(sum(count for _, count in plain.values()) / 1e9, 4) == 3.8580
    assert [added[stage][0] for stage in complexity.STAGES] == [24_576, 131_072, 786_432, 1_572_864]
    equation_5 = 2 * (3 * 256**2 + 4 * 512**2 + 6 * 1024**2 + 3 * 2048**2) // 16
    assert sum(parameters for parameters, _ in added.values()) == equation_5 == 2_514_944
    assert sum(count for _, count in added.values()) == 2_514_944 + 5_519_360                  # the FC layers, and the scale
    assert {"25.56", "+ 2.51", "3858", "+ 8.0"} <= set(words(drawn("complexity")))


def test_the_sweeps_are_those_of_the_page():
    sweeps = load("fused_sweeps")
    page = (ROOT / "docs" / "fused-passes.md").read_text(encoding="utf-8")
    for head, steps in (("forward", sweeps.FORWARD), ("backward", sweeps.BACKWARD)):
        table = page.partition(f"| {head} | composed | R | W | fused | R | W |")[2].partition("\n\n")[0].splitlines()[2:-1]
        rows = [[cell.strip().replace("$", "") for cell in line.split("|")[1:-1]] for line in table]
        numbers = [(row[0], (int(row[2] or 0), int(row[3] or 0)), (int(row[5] or 0), int(row[6] or 0))) for row in rows]
        assert numbers == [(name, composed, fused or (0, 0)) for name, composed, fused in steps]
    assert sum(sum(sweeps.totals(steps, 1)) for steps in (sweeps.FORWARD, sweeps.BACKWARD)) == 52
    assert sum(sum(sweeps.totals(steps, 2)) for steps in (sweeps.FORWARD, sweeps.BACKWARD)) == 20


def test_the_errors_by_place_are_those_of_the_pages():
    placement = load("placement")
    pages = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md"))
    for errors in (*placement.ERRORS.values(), placement.PLAIN):
        assert re.search(r"\| *{:.2f} */ *{:.2f} *\|".format(*errors), pages), errors
    for name, order in placement.ORDERS.items():                # as section 6.5 says it
        place = order.index("SE") - order.index("+") if "SE" in order else None
        assert place == {"SE": -1, "SE-PRE": -2, "SE-POST": 2, "SE-Identity": None}[name]


def test_the_errors_by_step_are_measured():
    """Measured again, the curves have the same shape; their noise may differ by a factor."""
    step_size = load("step_size")
    stored = json.loads(step_size.DATA.read_text(encoding="utf-8"))
    measured = step_size.measure()
    for name in ("central", "complex"):
        assert np.allclose(np.log10(stored[name]), np.log10(measured[name]), atol=0.7), name
    exponents = list(step_size.STEPS)
    assert exponents[int(np.argmin(stored["central"]))] == -5 and min(stored["central"]) > 1e-12
    assert max(stored["complex"][:exponents.index(-7) + 1]) < 1e-15
