"""The arithmetic of medians and ratios, on times that are made up."""
import pytest

from minisenet.bench import report
from minisenet.bench.contenders import CONTENDERS, Settings, why_not
from minisenet.bench.figures import median, ratio, ratios, throughput
from minisenet.bench.measure import SKIPPED, SLOW, TURN, Times, plan

TRAIN = {"minisenet": [1.0, 2.0, 4.0], "minisenet_plain": [1.0, 1.6, 4.0], "pytorch_eager_channels_last": [2.0, 3.0, 20.0],
         "pytorch_eager_nchw": [3.0, 6.0, 6.0], "pytorch_compile": [1.5, 3.0, 2.0], "numpy": [9.0, None, None]}
INFERENCE = {"minisenet": [0.5, 0.5, 0.5], "pytorch_eager_channels_last": [4.0, 4.0, 4.0],
             "pytorch_eager_nchw": [1.0, 1.5, 2.0]}
PEAK = {"minisenet": 100.0, "pytorch_eager_channels_last": 500.0, "pytorch_eager_nchw": 400.0}


def times(**changes):
    return Times(**dict(seconds=dict(train=TRAIN, inference=INFERENCE), peak_mb=PEAK, left_out={}) | changes)


def test_ratios():
    assert ratios(times()) == dict(
        train_vs_pytorch_eager=2.0,             # channels-last has the lower median, 3 s; its turns: 2, 1.5, 5
        train_vs_pytorch_compile=1.5,           # 1.5, 1.5, 0.5
        train_vs_numpy=9.0,                     # the one turn that both took part in
        inference_vs_pytorch_eager=3.0,         # here NCHW is the better layout: 2, 3, 4
        memory_vs_pytorch_eager=0.25,           # and it is the more frugal one
        se_overhead=1.0)                        # 1, 1.25, 1


def test_the_median_of_ratios_is_not_the_ratio_of_medians():
    """Both are twice as slow in the second half: the ratio does not see it."""
    assert ratio([3, 3, 6, 6, 6], [1, 1, 2, 2, 2]) == 3
    assert ratio([2, 2, 9], [1, 2, 3]) == 2 and median([2, 2, 9]) / median([1, 2, 3]) == 1


@pytest.mark.parametrize("missing, none", [
    ("pytorch_compile", {"train_vs_pytorch_compile"}), ("numpy", {"train_vs_numpy"}), ("minisenet_plain", {"se_overhead"}),
    ("pytorch_eager_channels_last", set()),
    ("minisenet", {"train_vs_pytorch_eager", "train_vs_pytorch_compile", "train_vs_numpy", "inference_vs_pytorch_eager",
                   "memory_vs_pytorch_eager", "se_overhead"})])
def test_a_ratio_without_one_of_its_two_is_none(missing, none):
    def without(figures):
        return {name: value for name, value in figures.items() if name != missing}

    found = ratios(times(seconds=dict(train=without(TRAIN), inference=without(INFERENCE)), peak_mb=without(PEAK)))
    assert {name for name, value in found.items() if value is None} == none


def test_a_system_that_does_not_tell_the_peak():
    unknown = times(peak_mb=dict.fromkeys(PEAK))
    assert ratios(unknown)["memory_vs_pytorch_eager"] is None
    text = report.format_table(report.result(Settings(), 3, unknown), unknown)
    assert "this system has no such figure" in text


def test_throughput():
    assert throughput(TRAIN, 128)["minisenet"] == 64 and throughput(TRAIN, 90)["numpy"] == 10


def test_the_plan_of_a_turn():
    assert plan(TURN / 10) == (10, 1) and plan(2 * TURN) == (1, 1) and plan(2 * SLOW) == (1, SKIPPED)
    assert plan(0)[0] > 1


def test_the_table_names_everything():
    left_out = dict(pytorch_nothing="it is not installed")
    made_up = times(left_out=left_out)
    result = report.result(Settings("se_resnet20", dict(width=8, reduction=4), 32, 2), 3, made_up)
    assert result["width"] == 8 and report.result(Settings(), 3, made_up)["width"] == 16
    text = report.format_table(result, made_up)
    assert max(map(len, text.splitlines())) <= 100
    header = text.split("\n\n")[0]
    for word in ("se_resnet20", "width 8", "reduction 4", "batch 32", "2 threads", "3 turns", result["processor"]):
        assert word in header
    assert "left out: pytorch_nothing: it is not installed" in text
    row = next(line for line in text.splitlines() if line.startswith("pytorch_eager_nchw")).split()
    assert row[1:] == ["6,000.0", "5", "3.00", "1,500.0", "21", "3.00", "400"]
    line = next(line for line in text.splitlines() if "PyTorch eager" in line and "training, times" in line)
    assert line.split()[:4] == ["2.00", "(1.50", "to", "5.00)"]


def test_a_machine_that_was_not_quiet_is_noticed():
    def table(seconds):
        made_up = times(seconds=dict(train=dict(numpy=seconds), inference={}))
        return report.format_table(report.result(Settings(), 3, made_up), made_up)

    assert "numpy's slowest turn took 3.0 times as long as its fastest" in table([1.0, None, 3.0])
    assert "slowest" not in table([1.0, 1.1, 1.2])


def test_held_to_an_older_instruction_set(monkeypatch):
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    result = report.result(Settings(), 3, times())
    assert result["environment"]["ONEDNN_MAX_CPU_ISA"] == "AVX2"
    assert "ONEDNN_MAX_CPU_ISA=AVX2" in report.format_header(result)


def test_who_cannot_take_part(monkeypatch):
    import importlib.util

    from minisenet.backend import builds
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(builds, "kernels", None)
    reasons = {name: why_not(name, Settings("resnet20")) for name in CONTENDERS}
    assert reasons.pop("numpy") is None
    assert "minisenet[torch]" in reasons["pytorch_compile"] and "kernels are not installed" in reasons["minisenet"]
    assert all(reasons.values())


def test_the_plain_twin_takes_part_for_se_networks_only(monkeypatch):
    from minisenet.backend import builds
    monkeypatch.setattr(builds, "kernels", object())
    assert why_not("minisenet_plain", Settings("se_resnet20")) is None
    assert "itself a network without SE blocks" in why_not("minisenet_plain", Settings("resnet20"))
