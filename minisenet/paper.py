"""The paper's tables of networks, row by row: what the paper reports, and what the same network counts here.

The paper's "FLOPs" are multiply-adds. Its entries for networks without SE agree with convolutions and fully connected layers;
those with SE blocks also need the blocks' layers and the multiplications of eq. (4). Its "params" in Tables 10, 13, 15 and 16
contain the running statistics of batch norm, those of Table 3 do not.
"""
from dataclasses import dataclass, field

import numpy as np

from minisenet import models
from minisenet.summary import summary

TOLERANCE, MILLIONS = 0.003, 20      # a count of multiply-adds agrees within 0.3 %, or within 20 million


@dataclass(frozen=True)
class Row:
    """One row of a table of the paper.

    Attributes
    ----------
    table : int
    system : str
        As the paper names it.
    network : str or None
        The name for `minisenet.models.create`; None for another author's network, which is not built here.
    options : dict
    parameters, multiply_adds : float or None
        In millions, as the paper prints them.
    errors : str
        Top-1 / top-5 error in %, or CIFAR's error.
    note : str
    """

    table: int
    system: str
    network: str | None = None
    options: dict = field(default_factory=dict)
    parameters: float | None = None
    multiply_adds: float | None = None
    errors: str = ""
    note: str = ""


TITLES = {1: "architectures on ImageNet", 2: "single-crop errors on ImageNet", 3: "mobile networks on ImageNet", 4: "CIFAR-10",
          5: "CIFAR-100", 8: "the best networks on ImageNet, crops of 224 (and 320)", 9: "larger crops, more data",
          10: "the reduction ratio r", 11: "the squeeze", 12: "the gate", 13: "the stages with SE blocks",
          14: "the place of the SE block", 15: "SE after the 3x3 convolution", 16: "NoSqueeze"}

_NOT_BUILT = "another author's network: figures only"
_INCEPTION_RESNET = ("the paper's figure agrees with no published Inception-ResNet-v2 (TF-slim's has 13.2 billion, the first "
                     "paper's 9.3), and the authors released none")
_SHUFFLENET = ("an exact count gives 137.5 million multiply-adds, where ShuffleNet's paper has 140; 1.8 and 2.4 M are 1.866 and "
               "2.476 M, cut off")
_R8 = "30.7 M needs the biases of the SE blocks (30.657); without them, as the text says, it is 30.640"


def _pairs(table, rows):
    """Rows of networks with and without SE: (system, plain, SE, GFLOPs of both, errors of both, note)."""
    for system, plain, se, (before, after), (first, second), note in rows:
        yield Row(table, system, plain, {}, None, before, first, note)
        yield Row(table, f"SE-{system}", se, {}, None, after, second, note)


def _cifar(table, classes, rows):
    for system, network, plain_error, se_error in rows:
        yield Row(table, system, network, dict(num_classes=classes), errors=plain_error)
        yield Row(table, f"SE-{system}", f"se_{network}", dict(num_classes=classes), errors=se_error)


_SE50, _PLAIN50 = "22.28 / 6.03", "23.30 / 6.55"

ROWS = (
    Row(1, "ResNet-50", "resnet50"), Row(1, "SE-ResNet-50", "se_resnet50"), Row(1, "SE-ResNeXt-50 (32x4d)", "se_resnext50"),
    *_pairs(2, [
        ("ResNet-50", "resnet50", "se_resnet50", (3860, 3870), ("24.80 / 7.48", "23.29 / 6.62"), ""),
        ("ResNet-101", "resnet101", "se_resnet101", (7580, 7600), ("23.17 / 6.52", "22.38 / 6.07"), ""),
        ("ResNet-152", "resnet152", "se_resnet152", (11300, 11320), ("22.42 / 6.34", "21.57 / 5.73"), ""),
        ("ResNeXt-50", "resnext50", "se_resnext50", (4240, 4250), ("22.11 / 5.90", "21.10 / 5.49"), ""),
        ("ResNeXt-101", "resnext101", "se_resnext101", (7990, 8000), ("21.18 / 5.57", "20.70 / 5.01"), ""),
        ("VGG-16", "vgg16", "se_vgg16", (15470, 15480), ("27.02 / 8.81", "25.22 / 7.70"), ""),
        ("BN-Inception", "bn_inception", "se_bn_inception", (2030, 2040), ("25.38 / 7.89", "24.23 / 7.14"), ""),
        ("Inception-ResNet-v2", "inception_resnet_v2", "se_inception_resnet_v2", (11750, 11760),
         ("20.37 / 5.21", "19.80 / 4.79"), _INCEPTION_RESNET)]),
    Row(3, "MobileNet", "mobilenet", {}, 4.2, 569, "28.4 / 9.4"),
    Row(3, "SE-MobileNet", "se_mobilenet", {}, 4.7, 572, "25.3 / 7.7"),
    Row(3, "ShuffleNet", "shufflenet", {}, 1.8, 140, "32.6 / 12.5", _SHUFFLENET),
    Row(3, "SE-ShuffleNet", "se_shufflenet", {}, 2.4, 142, "31.0 / 11.1", _SHUFFLENET),
    *_cifar(4, 10, [("ResNet-110", "preact_resnet110", "6.37", "5.21"), ("ResNet-164", "preact_resnet164", "5.46", "4.39"),
                    ("WRN-16-8", "wrn16_8", "4.27", "3.88"),
                    ("Shake-Shake 26 2x96d + Cutout", "shake_shake26_2x96d", "2.56", "2.12")]),
    *_cifar(5, 100, [("ResNet-110", "preact_resnet110", "26.88", "23.85"), ("ResNet-164", "preact_resnet164", "24.33", "21.31"),
                     ("WRN-16-8", "wrn16_8", "20.43", "19.14"),
                     ("Shake-Even 29 2x4x64d + Cutout", "shake_even29_2x4x64d", "15.85", "15.41")]),
    *(Row(8, system, errors=errors, note=_NOT_BUILT) for system, errors in (
        ("ResNeXt-101 (64x4d)", "20.4 / 5.3"), ("DPN-131", "19.93 / 5.12"), ("PyramidNet-200", "20.1 / 5.4"))),
    Row(8, "SENet-154", "senet154", errors="18.68 / 4.47 (17.28 / 3.79)"),
    *(Row(9, system, errors=errors, note=_NOT_BUILT) for system, errors in (
        ("NASNet-A", "17.3 / 3.8"), ("PNASNet", "17.1 / 3.8"), ("AmoebaNet-C", "16.5 / 3.5"),
        ("ResNeXt-101 32x48d, more data", "14.6 / 2.4"))),
    Row(9, "SENet-154, trained at 320", "senet154", errors="16.88 / 3.58"),
    *(Row(10, f"r = {r}", "se_resnet50", dict(reduction=r), parameters, None, errors, note) for r, parameters, errors, note in (
        (2, 45.7, "22.29 / 6.00", ""), (4, 35.7, "22.25 / 6.09", ""), (8, 30.7, "22.26 / 5.99", _R8), (16, 28.1, _SE50, ""),
        (32, 26.9, "22.72 / 6.20", ""))),
    Row(10, "original", "resnet50", {}, 25.6, None, _PLAIN50),
    Row(11, "Max", "se_resnet50", dict(squeeze="max"), None, None, "22.57 / 6.09"),
    Row(11, "Avg", "se_resnet50", {}, None, None, _SE50),
    *(Row(12, gate.title().replace("Relu", "ReLU"), "se_resnet50", dict(gate=gate), None, None, errors) for gate, errors in (
        ("relu", "23.47 / 6.98"), ("tanh", "23.00 / 6.38"), ("sigmoid", _SE50))),
    Row(13, "ResNet-50", "resnet50", {}, 25.6, 3860, _PLAIN50),
    *(Row(13, f"SE_Stage_{stage}", "se_resnet50", dict(se_stages=(stage - 1,)), parameters, 3860, errors,
          f"the paper's stage {stage} is `stage{stage - 1}` here") for stage, parameters, errors in (
        (2, 25.6, "23.03 / 6.48"), (3, 25.7, "23.04 / 6.32"), (4, 26.4, "22.68 / 6.22"))),
    Row(13, "SE_All", "se_resnet50", {}, 28.1, 3870, _SE50),
    *(Row(14, system, "se_resnet50", dict(place=place), None, None, errors) for system, place, errors in (
        ("SE", "standard", _SE50), ("SE-PRE", "pre", "22.23 / 6.00"), ("SE-POST", "post", "22.78 / 6.35"),
        ("SE-Identity", "identity", "22.20 / 6.15"))),
    Row(15, "SE", "se_resnet50", {}, 28.1, 3870, _SE50),
    Row(15, "SE_3x3", "se_resnet50", dict(place="3x3"), 25.8, 3860, "22.48 / 6.02"),
    Row(16, "ResNet-50", "resnet50", {}, 25.6, 3860, _PLAIN50),
    Row(16, "NoSqueeze", "se_resnet50", dict(squeeze="none"), 28.1, 4270, "22.93 / 6.39"),
    Row(16, "SE", "se_resnet50", {}, 28.1, 3870, _SE50),
)


class _Undrawn(np.random.Generator):
    """A generator whose weights are all 0, for a network that is only counted."""

    def standard_normal(self, size):
        return np.broadcast_to(np.float32(0), size)


def paper(tables=None):
    """Count each network of the paper's tables, beside what the paper reports.

    Parameters
    ----------
    tables : iterable of int, optional
        Default: all of them.

    Returns
    -------
    list of dict
        A dict for each row: table, system, network, options, errors, note; `paper`, with parameters and multiply_adds (in
        millions, None where the paper has none), and `counted`, None for a network that is not built: parameters (trainable),
        running_statistics, conv_and_fc, with_se_fc, with_scale. `compared` has the two counts beside the paper's, each with
        the difference in % and whether they agree: to the last digit printed, and within 0.3 % or 20 million multiply-adds.

    Raises
    ------
    ValueError
        If there is no such table.

    Notes
    -----
    Source: Tables 1 to 5 and 8 to 16. Tables 6 and 7 report no networks of their own.
    """
    tables = tuple(TITLES) if tables is None else tuple(tables)
    if unknown := [table for table in tables if table not in TITLES]:
        raise ValueError(f"table must be one of {', '.join(map(str, TITLES))}, got {unknown[0]}")
    totals = {}
    return [_counted(row, totals) for row in ROWS if row.table in tables]


def _counted(row, totals):
    counted, compared = None, {}
    if row.network:
        key = row.network, str(sorted(row.options.items()))
        if key not in totals:
            model = models.create(row.network, **row.options, seed=_Undrawn(np.random.PCG64(0)))
            totals[key] = summary(model)["totals"]
        names = ("parameters", "running_statistics", "conv_and_fc", "with_se_fc", "with_scale")
        counted = {name: totals[key][name] for name in names}
        if row.parameters:
            stored = counted["parameters"] + (counted["running_statistics"] if row.table != 3 else 0)
            compared["parameters"] = _comparison(stored, row.parameters, round(stored / 1e6, 1) == row.parameters)
        if row.multiply_adds:
            count = counted["with_scale"]
            near = max(TOLERANCE * row.multiply_adds, MILLIONS if row.multiply_adds > 1000 else 0)
            compared["multiply_adds"] = _comparison(count, row.multiply_adds, abs(count / 1e6 - row.multiply_adds) <= near)
    return dict(table=row.table, system=row.system, network=row.network, options=row.options, errors=row.errors, note=row.note,
                paper=dict(parameters=row.parameters, multiply_adds=row.multiply_adds), counted=counted, compared=compared)


def _comparison(count, printed, agrees):
    return dict(count=count, difference_percent=round(100 * (count / 1e6 / printed - 1), 2), agrees=agrees)


def format_paper(rows, markdown=False):
    """The result of `paper` as a text of fixed width, or as Markdown.

    Parameters
    ----------
    rows : list of dict
    markdown : bool

    Returns
    -------
    str
    """
    lines = []
    for table in dict.fromkeys(row["table"] for row in rows):
        body = [_cells(row, markdown) for row in rows if row["table"] == table]
        notes = list(dict.fromkeys(row["note"] for row in rows if row["table"] == table and row["note"]))
        body = [[*cells, str(notes.index(note) + 1) if note else ""] for *cells, note in body]
        title = f"Table {table}: {TITLES[table]}"
        lines += [*(_markdown if markdown else _fixed)(title, body), *(f"{'' if markdown else '  '}{i}. {note}." for i, note in enumerate(notes, 1)), ""]
    return "\n".join(lines).rstrip()


HEAD = ("system", "network", "errors, %", "parameters", "stored", "paper", "difference", "multiply-adds", "paper", "difference", "note")


def _cells(row, markdown):
    counted, compared, printed = row["counted"], row["compared"], row["paper"]
    name = " ".join(filter(None, (row["network"], *(f"{k}={v}" for k, v in row["options"].items()))))
    cells = [row["system"], f"`{name}`" if markdown and name else name, row["errors"]]
    if counted:
        cells += [f"{counted['parameters']:,}", f"{(counted['parameters'] + counted['running_statistics']) / 1e6:.3f} M"]
    else:
        cells += ["", ""]
    cells += [_printed(printed["parameters"]), _difference(compared.get("parameters"))]
    cells += [f"{counted['with_scale'] / 1e6:,.1f} M" if counted else "", _printed(printed["multiply_adds"]),
              _difference(compared.get("multiply_adds")), row["note"]]
    return cells


def _printed(millions):
    return "" if millions is None else f"{millions:,} M"


def _difference(compared):
    return "" if compared is None else f"{compared['difference_percent']:+.2f} %" + ("" if compared["agrees"] else " !")


def _fixed(title, body):
    used = [i for i in range(len(HEAD)) if any(row[i] for row in body)]
    widths = [max(len(row[i]) for row in (HEAD, *body)) for i in used]
    left = {0, 1, 2}
    def line(row):
        return "  ".join(row[i].ljust(w) if i in left else row[i].rjust(w) for i, w in zip(used, widths)).rstrip()
    return [title, *(f"  {line(row)}" for row in (HEAD, *body))]


def _markdown(title, body):
    used = [i for i in range(len(HEAD)) if any(row[i] for row in body)]
    def line(row):
        return "| " + " | ".join(row[i] for i in used) + " |"
    return [f"**{title}**", "", line(HEAD), "|" + "|".join(" --- " if i < 3 else " ---: " for i in used) + "|", *map(line, body), ""]
