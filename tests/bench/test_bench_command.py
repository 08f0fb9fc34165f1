"""`minisenet bench` as a real process, on a network that is small enough for a test."""
import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from small_runs import run, start

from backends import needs_kernels
from minisenet.bench import plot
from minisenet.bench.contenders import CONTENDERS, Settings
from minisenet.cli import main

SMALL = ["--batch-size", 4, "--repeat", 1, "--width", 4, "--reduction", 4, "--threads", 1]
KEYS = {"threads", "batch_size", "model", "isa", "train", "inference", "peak_memory_mb", "ratios", "width", "options",
        "repeat", "processor", "versions", "environment", "left_out"}


@needs_kernels
def test_json(tmp_path):
    status, out, err = run("bench", *SMALL, "--contenders", "numpy,minisenet,minisenet_plain", "--json", cwd=tmp_path)
    assert (status, err) == (0, "")
    result = json.loads(out)
    assert set(result) == KEYS and result["left_out"] == {}
    assert (result["model"], result["batch_size"], result["width"], result["threads"]) == ("se_resnet20", 4, 4, 1)
    for figures in (result["train"], result["inference"], result["peak_memory_mb"]):
        assert set(figures) == {"minisenet", "minisenet_plain", "numpy"}
        assert all(figure is None or figure > 0 for figure in figures.values())
    ratios = result["ratios"]
    assert set(ratios) == {"train_vs_pytorch_eager", "train_vs_pytorch_compile", "train_vs_numpy",
                           "inference_vs_pytorch_eager", "memory_vs_pytorch_eager", "se_overhead"}
    assert ratios["train_vs_numpy"] > 0 and ratios["se_overhead"] > 0 and ratios["train_vs_pytorch_eager"] is None


def test_table_and_a_plain_network(tmp_path):
    plain = [*SMALL[:6], *SMALL[8:]]                      # without --reduction, which it does not have
    status, out, err = run("bench", *plain, "--model", "resnet20", "--contenders", "numpy,minisenet_plain", cwd=tmp_path)
    assert (status, err) == (0, "")
    assert out.startswith("resnet20, width 4, batch 4, 1 thread, medians of 1 turn\n")
    assert "left out: minisenet_plain: " in out and max(map(len, out.splitlines())) <= 100


@needs_kernels
def test_ops_as_json(tmp_path):
    status, out, err = run("bench", *SMALL, "--contenders", "minisenet", "--json", "--ops", cwd=tmp_path)
    assert (status, err) == (0, "")
    assert set(json.loads(out)) == KEYS | {"ops", "peak", "ops_step"}


@pytest.mark.parametrize("status, argv, message", [
    (1, ["--model", "resnet21"], "model name must be one of resnet20, "),
    (1, ["--reduction", 17], "reduction must be at most 16, the number of channels, got 17"),
    (1, ["--plot", "nowhere/x.png"], "--plot must be a file that can be written, got nowhere/x.png: No such file or directory"),
    (1, ["--plot", "x.pdf"], "--plot must be a file name that ends in .png, got x.pdf"),
    (1, ["--plot", "x.png", "--reduction", 16, "--width", 32, "--shortcut", "B", "--model", "nothing"], "model name must be one of"),
    (1, ["--model", "resnet20", "--contenders", "minisenet_plain"], "minisenet_plain is left out: "),
    (2, ["--batch-size", 0], "argument --batch-size: must be at least 1, got 0"),
    (2, ["--threads", 0], "argument --threads: must be at least 1, got 0"),
    (2, ["--repeat", 0], "argument --repeat: must be at least 1, got 0"),
    (2, ["--contenders", "numpy,jax"], "argument --contenders: must be some of minisenet, "),
])
def test_wrong_input_is_one_line_before_anything_is_measured(capsys, monkeypatch, tmp_path, status, argv, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("minisenet.bench.measure.Process", None)
    assert main(["bench", *map(str, argv)]) == status
    err = capsys.readouterr().err
    assert err.startswith("minisenet: error: ") and err.count("\n") == 1 and message in err
    assert list(tmp_path.iterdir()) == []


def every_process():
    """dict: process -> its parent."""
    table = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    return dict(map(int, line.split()) for line in table.splitlines())


def children(pid):
    """The processes that a process has started."""
    return [child for child, parent in every_process().items() if parent == pid]


@pytest.mark.skipif(shutil.which("ps") is None, reason="there is no ps, which would find the processes")
def test_ctrl_c_leaves_no_process_behind(tmp_path):
    process = start("bench", *SMALL, "--repeat", 100_000, "--contenders", "numpy", cwd=tmp_path)
    try:
        while not (found := children(process.pid)):
            assert process.poll() is None
        time.sleep(1)                   # so that it is likely to be at work; but nothing may be left at any moment
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, out, err) == (1, "", "minisenet: interrupted\n")
    end = time.monotonic() + 60
    while set(found) & set(every_process()):
        assert time.monotonic() < end
        time.sleep(0.1)


def test_every_contender_has_a_colour():
    assert set(plot.COLOURS) == set(CONTENDERS)


def test_points_of_the_picture(monkeypatch):
    monkeypatch.setattr("minisenet.backend.threads.cores", lambda: 12)
    panels = plot.points(Settings("se_resnet20", dict(reduction=4), 128, 2))
    assert {panel: list(values) for panel, values in panels.items()} == {
        "batch size": [32, 64, 128, 256, 512], "width": [16, 32, 64], "threads": [1, 2, 4, 8, 12]}
    assert panels["width"][32] == Settings("se_resnet20", dict(reduction=4, width=32), 128, 2)
    assert panels["threads"][8] == Settings("se_resnet20", dict(reduction=4), 128, 8)


def test_picture(tmp_path):
    pytest.importorskip("matplotlib")
    path, said = tmp_path / "speed.png", []
    settings = Settings("se_resnet20", dict(width=4, reduction=4), batch_size=2, threads=1)
    panels = {"batch size": {2: settings, 3: replace(settings, batch_size=3)}, "width": {4: settings}}
    curves = plot.measure_all(settings, ["numpy"], said.append, panels)
    assert set(curves["batch size"]["numpy"]) == {2, 3} and set(curves["width"]["numpy"]) == {4}
    assert said == ["plot: point 1 of 2, batch size 2", "plot: point 2 of 2, batch size 3"]     # no point is measured twice
    plot.draw(path, curves, "title")
    assert path.read_bytes().startswith(b"\x89PNG") and [p.name for p in tmp_path.iterdir()] == ["speed.png"]
    plot.draw(path, {"batch size": {"numpy": {}}, "width": {"numpy": {16: 3.0}}}, "one contender that failed, one point")


def test_torch_is_not_imported_by_ours():
    code = ("import sys; from minisenet.bench.contenders import Settings; from minisenet.bench import ours, worker\n"
            "ours.bodies(Settings('se_resnet20', dict(width=2, reduction=2), 2, 1)).train()()\n"
            "print(any(name in sys.modules for name in ('torch', 'matplotlib')))")
    from minisenet.bench.processes import environment
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          env=environment("minisenet.bench.ours:bodies", 1))
    assert done.stdout == "False\n"
