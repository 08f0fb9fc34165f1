"""The paper's tables: every row is there, the parameters are exact, and the multiply-adds agree with what the paper prints."""
import json
from pathlib import Path

import pytest

from minisenet.cli import main
from minisenet.paper import ROWS, TITLES, format_paper, paper

pytestmark = pytest.mark.section_4

# The exact counts: prototxt files of the authors and the specifications of the networks, counted by hand (bias-free, eq. 3).
EXACT = {
    ("resnet50", ""): 25_557_032, ("se_resnet50", ""): 28_071_976,
    ("resnet101", ""): 44_549_160, ("se_resnet101", ""): 49_292_328,
    ("resnet152", ""): 60_192_808, ("se_resnet152", ""): 66_770_984,
    ("resnext50", ""): 25_028_904, ("se_resnext50", ""): 27_543_848,
    ("resnext101", ""): 44_177_704, ("se_resnext101", ""): 48_920_872,
    ("senet154", ""): 115_038_120,
    ("vgg16", ""): 138_365_992, ("se_vgg16", ""): 138_592_296,
    ("bn_inception", ""): 11_285_224, ("se_bn_inception", ""): 11_924_584,
    ("inception_resnet_v2", ""): 55_843_464, ("se_inception_resnet_v2", ""): 64_338_824,
    ("mobilenet", ""): 4_231_976, ("se_mobilenet", ""): 4_711_720,
    ("shufflenet", ""): 1_865_728, ("se_shufflenet", ""): 2_476_144,
    ("se_resnet50", "reduction=2"): 45_676_584, ("se_resnet50", "reduction=4"): 35_616_808,
    ("se_resnet50", "reduction=8"): 30_586_920, ("se_resnet50", "reduction=16"): 28_071_976,
    ("se_resnet50", "reduction=32"): 26_814_504,
    ("se_resnet50", "se_stages=(1,)"): 25_581_608, ("se_resnet50", "se_stages=(2,)"): 25_688_104,
    ("se_resnet50", "se_stages=(3,)"): 26_343_464,
    ("se_resnet50", "place=pre"): 27_548_200, ("se_resnet50", "place=post"): 28_071_976,
    ("se_resnet50", "place=identity"): 28_071_976, ("se_resnet50", "place=3x3"): 25_714_216,
    ("se_resnet50", "place=standard"): 28_071_976, ("se_resnet50", "squeeze=none"): 28_071_976,
    ("se_resnet50", "squeeze=max"): 28_071_976, ("se_resnet50", "gate=relu"): 28_071_976,
    ("se_resnet50", "gate=tanh"): 28_071_976, ("se_resnet50", "gate=sigmoid"): 28_071_976,
    ("preact_resnet110", "num_classes=10"): 1_730_522, ("se_preact_resnet110", "num_classes=10"): 1_742_618,
    ("preact_resnet164", "num_classes=10"): 1_703_258, ("se_preact_resnet164", "num_classes=10"): 1_896_794,
    ("wrn16_8", "num_classes=10"): 10_961_370, ("se_wrn16_8", "num_classes=10"): 11_047_386,
    ("shake_shake26_2x96d", "num_classes=10"): 26_192_922, ("se_shake_shake26_2x96d", "num_classes=10"): 26_289_690,
    ("preact_resnet110", "num_classes=100"): 1_730_522 + 5_850, ("se_preact_resnet110", "num_classes=100"): 1_742_618 + 5_850,
    ("preact_resnet164", "num_classes=100"): 1_703_258 + 23_130, ("se_preact_resnet164", "num_classes=100"): 1_896_794 + 23_130,
    ("wrn16_8", "num_classes=100"): 10_961_370 + 46_170, ("se_wrn16_8", "num_classes=100"): 11_047_386 + 46_170,
    ("shake_even29_2x4x64d", "num_classes=100"): 34_529_700, ("se_shake_even29_2x4x64d", "num_classes=100"): 35_045_796,
}
MULTIPLY_ADDS = {       # convolutions and fully connected layers without SE, in millions
    "resnet50": 3858.0, "resnet101": 7570.2, "resnet152": 11282.4, "resnext50": 4230.5, "resnext101": 7970.0, "vgg16": 15470.3,
    "bn_inception": 2032.6, "inception_resnet_v2": 13156, "mobilenet": 568.74, "shufflenet": 137.46, "preact_resnet110": 253.150,
    "preact_resnet164": 244.501, "wrn16_8": 1548.15, "shake_shake26_2x96d": 3776.9, "shake_even29_2x4x64d": 5387.4}


@pytest.fixture(scope="module")
def rows():
    return paper()


def options(row):
    return ", ".join(f"{name}={value}" for name, value in row["options"].items())


def test_every_row_is_there(rows):
    assert {row["table"] for row in rows} == set(TITLES) == {1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15, 16}
    assert [(row["table"], row["system"]) for row in rows] == [(row.table, row.system) for row in ROWS]
    assert len({(row["table"], row["system"]) for row in rows}) == len(rows) == 73
    others = [row for row in rows if row["network"] is None]
    assert {row["table"] for row in others} == {8, 9} and all(row["errors"] and row["note"] for row in others)


def test_parameters_to_the_last_digit(rows):
    counted = {(row["network"], options(row)): row["counted"]["parameters"] for row in rows if row["network"]}
    assert counted == EXACT


def test_multiply_adds(rows):
    for row in rows:
        if row["network"] in MULTIPLY_ADDS:
            assert row["counted"]["conv_and_fc"] / 1e6 == pytest.approx(MULTIPLY_ADDS[row["network"]], rel=2e-4), row["system"]


def test_what_does_not_agree_with_the_paper_has_a_note(rows):
    apart = {(row["table"], row["system"]) for row in rows for compared in row["compared"].values() if not compared["agrees"]}
    assert apart == {(2, "Inception-ResNet-v2"), (2, "SE-Inception-ResNet-v2"), (3, "ShuffleNet"), (3, "SE-ShuffleNet"), (10, "r = 8")}
    assert all(row["note"] for row in rows if (row["table"], row["system"]) in apart)


def test_no_squeeze_costs_its_maps(rows):
    row, = [row for row in rows if row["system"] == "NoSqueeze"]
    assert row["counted"]["with_se_fc"] / 1e6 == pytest.approx(4269.0, abs=0.1)


def test_the_command(capsys):
    assert main(["paper", "--json", "--table", "15"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert first["counted"]["parameters"] == 28_071_976 and second["compared"]["parameters"]["agrees"]
    assert main(["paper", "--table", "15"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("Table 15: SE after the 3x3 convolution") and "se_resnet50 place=3x3" in text and "25,714,216" in text
    assert main(["paper", "--table", "6"]) == 2


def test_markdown_has_every_row(rows):
    text = format_paper(rows, markdown=True)
    assert all(text.count(f"**Table {table}: ") == 1 for table in TITLES)
    assert sum(line.startswith("| ") and "---" not in line for line in text.splitlines()) == len(rows) + len(TITLES)
    assert "| SE_3x3 | `se_resnet50 place=3x3` |" in text


def test_the_page_has_the_tables(rows):
    page = Path(__file__).parents[1] / "docs" / "networks.md"
    if not page.exists():
        pytest.skip("docs/ is not there")
    assert format_paper(rows, markdown=True) in page.read_text(encoding="utf-8"), "minisenet paper --markdown"
