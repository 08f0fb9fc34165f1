"""The command line: every wrong input is one line that says what to do, and JSON is JSON."""
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from small_runs import SMALL, run

import minisenet
from backends import needs_kernels
from minisenet import models
from minisenet.cli import main
from minisenet.models.registry import CIFAR
from minisenet.summary import summary


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with a finished run `a`."""
    folder = tmp_path_factory.mktemp("runs")
    assert run("train", *SMALL, "--epochs", 1, "--out", "a", cwd=folder)[0] == 0
    return folder


@pytest.fixture(autouse=True)
def no_cifar(monkeypatch, tmp_path):
    """No test may find a CIFAR of the machine's owner, or write into a run folder of theirs."""
    monkeypatch.setenv("MINISENET_DATA", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def fails(capsys, status, *argv):
    """Run a command that must fail; its one line on standard error."""
    assert main(list(map(str, argv))) == status
    captured = capsys.readouterr()
    assert captured.err.startswith("minisenet: error: ") and captured.err.count("\n") == 1, captured.err
    assert "Traceback" not in captured.err
    return captured.err


# ---- wrong usage: status 2 ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("argv, message", [
    ([], "arguments are required: COMMAND"),
    (["trian"], "invalid choice: 'trian'"),
    (["train", "--epochs", 0], "argument --epochs: 0 is out of range: it takes a number of at least 1"),
    (["train", "--epochs", "many"], "'many' is not an integer"),
    (["train", "--lr", "nan"], "argument --lr: nan is out of range"),
    (["train", "--lr", "-1"], "argument --lr: -1 is out of range"),
    (["train", "--momentum", 1], "it takes a number of at least 0 and below 1"),
    (["train", "--batch-size", 0], "argument --batch-size"),
    (["train", "--shortcut", "C"], "argument --shortcut: invalid choice"),
    (["train", "--schedule", "linear"], "argument --schedule: invalid choice"),
    (["train", "--backend", "cuda"], "argument --backend: invalid choice"),
    (["summary"], "arguments are required: MODEL"),
    (["data", "fetch"], "invalid choice: 'fetch'"),
    (["gradcheck", "nonsense"], "unknown operation 'nonsense'; it is one of conv2d"),
])
def test_wrong_usage(capsys, argv, message):
    assert message in fails(capsys, 2, *argv)


# ---- failures: status 1 ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("argv, message", [
    (["train", "--model", "resnet21"], "unknown model 'resnet21'; it is one of resnet20, se_resnet20"),
    (["train", "--reduction", 17, "--data", "shapes"], "reduction is 17; with 16 channels it takes 1 to 16"),
    (["train", "--width", 4, "--data", "shapes"], "reduction is 16; with 4 channels"),
    (["train", "--data", "shapes", "--limit", 100, "--out", "x"], "a batch of 128 is larger than the data: shapes has 100 "),
    (["train", "--data", "shapes", "--limit", 20_000], "limit is 20000, but shapes has only 10000"),
    (["train", "--data", "nowhere"], "nowhere"),
    (["train", "--data", "cifar10"], "`minisenet data get cifar10`"),
    (["train", "--resume", "nowhere"], "nowhere is no run folder"),
    (["train", "--resume", "nowhere", "--lr", 1, "--out", "x"], "leave out --lr, --out"),
    (["evaluate", "nowhere"], "there is no run folder and no checkpoint nowhere"),
    (["evaluate", "."], "holds no best.safetensors"),
    (["data", "where"], "cifar10 is not on this machine"),
    (["data", "verify", "cifar100"], "`minisenet data get cifar100`"),
    (["summary", "se_resnet21"], "unknown model 'se_resnet21'"),
    (["summary", "se_resnet20", "--reduction", 17], "reduction is 17"),
])
def test_failures(capsys, argv, message):
    assert message in fails(capsys, 1, *argv)


def test_a_data_folder_that_is_empty_or_truncated(capsys, tmp_path):
    (tmp_path / "cifar-10-batches-bin").mkdir()
    assert "cifar-10-batches-bin" in fails(capsys, 1, "train", "--data", tmp_path / "cifar-10-batches-bin")
    for name in [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]:
        (tmp_path / "cifar-10-batches-bin" / name).write_bytes(bytes(3073 * 2 + 100))
    assert ".bin" in fails(capsys, 1, "train", "--data", tmp_path / "cifar-10-batches-bin")


def test_out_that_holds_a_run(capsys, runs):
    err = fails(capsys, 1, "train", "--data", "shapes", "--out", runs / "a")
    assert "holds a run" in err and "--overwrite" in err and "--resume" in err


def test_a_loss_that_is_nan(runs):
    status, _, err = run("train", *SMALL, "--lr", "1e30", "--out", "nan", cwd=runs)
    assert status == 1 and err.count("\n") == 1
    assert err.startswith("minisenet: error: the loss became ") and err.endswith("try a lower --lr\n")


def test_evaluate(runs):
    status, out, err = run("evaluate", "a", "--json", cwd=runs)
    assert (status, err) == (0, "")
    figures = json.loads(out)
    metrics = [json.loads(line) for line in (runs / "a" / "metrics.jsonl").read_text().splitlines()]
    assert figures["test_accuracy"] == metrics[0]["test_accuracy"] and figures["test_loss"] == metrics[0]["test_loss"]
    assert len(figures["class_accuracy"]) == 10 and figures["test_images"] == 50
    status, out, err = run("evaluate", runs / "a" / "last.safetensors", cwd=runs)
    assert (status, err) == (0, "") and "disc on stripes" in out and f"{metrics[0]['test_accuracy']:.2%}" in out


def test_evaluate_a_damaged_checkpoint(capsys, runs, tmp_path):
    content = (runs / "a" / "best.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(content[:-7])
    assert "cut.safetensors is damaged" in fails(capsys, 1, "evaluate", tmp_path / "cut.safetensors")


def test_evaluate_on_other_classes(capsys, runs, monkeypatch):
    from minisenet import data
    full = data.load("shapes", shapes_train=10, shapes_test=10)
    other = data.Dataset("five", "made here", full.classes[:5], full.train_images[:5], full.train_labels[:5],
                         full.test_images[:5], full.test_labels[:5])
    monkeypatch.setattr(data, "load", lambda name: other)
    assert "tells 10 classes apart (shapes), but five has 5" in fails(capsys, 1, "evaluate", runs / "a", "--data", "five")


def test_debug_shows_the_traceback():
    with pytest.raises(ValueError, match="unknown model"):
        main(["train", "--model", "x", "--debug"])


def test_python_m_and_version():
    done = subprocess.run([sys.executable, "-m", "minisenet", "--version"], capture_output=True, text=True, check=True,
                          cwd=os.path.dirname(os.path.dirname(__file__)))
    assert done.stdout.startswith("minisenet ")
    assert main(["--help"]) == 0


# ---- info and summary --------------------------------------------------------------------------------------------------

def test_info(capsys):
    assert main(["info", "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert info["numpy"] == np.__version__ and info["backend"] in ("fused", "cython", "numpy") and info["threads"] >= 1
    assert set(info["extras"]["train"]) == {"matplotlib", "pillow", "pooch", "safetensors", "tqdm"}
    assert main(["info"]) == 0
    assert info["numpy"] in capsys.readouterr().out


def test_info_without_kernels_says_what_to_type(capsys, monkeypatch):
    from minisenet.backend import builds
    monkeypatch.setattr(builds, "kernels", None)
    monkeypatch.setattr(builds, "why_no_kernels", "No module named 'minisenet._kernels'")
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    assert "not installed: No module named" in out and "pip install -e ." in out


@pytest.mark.section_4
@pytest.mark.parametrize("depth", CIFAR)
@pytest.mark.parametrize("shortcut", ["A", "B"])
@pytest.mark.parametrize("options", [None, {}, dict(se_bias=True)])
def test_counts_are_those_of_the_specification(depth, shortcut, options):
    se = options is not None
    result = summary(models.create(f"{'se_' * se}resnet{depth}", shortcut=shortcut, **options or {}))
    weights, biases, counts = CIFAR[depth]
    parameters, millions = counts[shortcut]
    expected = parameters + weights * se + biases * bool(options)
    assert result["totals"]["parameters"] == result["paper"]["parameters"] == expected
    assert sum(row["parameters"] for row in result["rows"]) == expected
    assert round(result["totals"]["conv_and_fc"] / 1e6, 3) == result["paper"]["million_multiply_adds"] == millions


@pytest.mark.section_6
@pytest.mark.parametrize("reduction, parameters", [(2, 288_602), (4, 280_538), (8, 276_506), (16, 274_490)])
def test_counts_by_reduction(reduction, parameters):
    result = summary(models.create("se_resnet20", reduction=reduction))
    assert result["totals"]["parameters"] == result["paper"]["parameters"] == parameters


@pytest.mark.section_4
def test_counts_for_100_classes():
    result = summary(models.create("se_resnet20", 100))
    assert result["paper"]["parameters"] == result["totals"]["parameters"] == 274_490 + 5_850


@pytest.mark.section_4
def test_summary_of_the_se_blocks():
    with minisenet.use_backend("numpy"):
        result = summary(models.create("se_resnet20"))
    row = next(row for row in result["rows"] if row["name"] == "stage2.1.se")
    # 32 channels, two hidden units: two layers of 64 weights, and 16 x 16 x 32 multiplications of the scale
    assert row["parameters"] == 128 and row["multiply_adds"] == 128 + 16 * 16 * 32 and row["output"] == [16, 16, 32]
    # u, and z, h and s: a map and three vectors
    assert row["saved_bytes"] == 4 * (16 * 16 * 32 + 32 + 2 + 32)
    totals = result["totals"]
    assert totals["with_se_fc"] - totals["conv_and_fc"] == 2_016
    assert totals["with_scale"] - totals["with_se_fc"] == 3 * (1024 * 16 + 256 * 32 + 64 * 64)
    # a mean and a variance for each gamma and beta
    assert totals["running_statistics"] == sum(row["parameters"] for row in result["rows"] if row["type"] == "BatchNorm2d")


@pytest.mark.section_4
def test_saved_bytes_are_counted_once():
    """The ReLU's output is what the next convolution saved; the image is the first layer's."""
    with minisenet.use_backend("numpy"):
        rows = {row["name"]: row for row in summary(models.create("resnet20"))["rows"]}
    assert rows["conv1"]["saved_bytes"] == 4 * 32 * 32 * 3
    assert rows["relu"]["saved_bytes"] == 4 * 32 * 32 * 16 and rows["stage1.0.conv1"]["saved_bytes"] == 0
    assert rows["stage1.0"]["saved_bytes"] == 4 * 32 * 32 * 16 and rows["stage1.1.conv1"]["saved_bytes"] == 0


@needs_kernels
@pytest.mark.section_4
def test_what_a_fused_block_saves():
    """Three full maps (a1, a2, y), the projection's where there is one, and a few numbers for each image and channel."""
    with minisenet.use_backend("fused"):
        result = summary(models.create("se_resnet20"))
    assert result["backend"] == "fused"
    rows = {row["name"]: row["saved_bytes"] for row in result["rows"] if row["saved_bytes"]}
    for name, maps, size in (("stage1.1", 3, 32 * 32 * 16), ("stage2.0", 4, 16 * 16 * 32), ("stage3.2", 3, 8 * 8 * 64)):
        assert maps * size <= rows[name] / 4 <= maps * size + 50 * 64
    assert 4 * (32 * 32 * (3 + 16 + 16)) <= rows[""] <= 4 * (32 * 32 * (3 + 16 + 16) + 50 * 16)       # image, a and y: the stem
    assert set(rows) == {"", "fc"} | {f"stage{s}.{b}" for s in (1, 2, 3) for b in (0, 1, 2)}
    assert result["totals"]["saved_bytes"] == sum(rows.values())


@pytest.mark.section_4
def test_summary_leaves_the_model_alone():
    model = models.create("se_resnet20", width=4, reduction=4)
    before = model.state_dict()
    summary(model)
    assert all(np.array_equal(value, before[name]) for name, value in model.state_dict().items())
    assert all("forward" not in vars(layer) and layer._saved is None for _, layer in model.modules())


@pytest.mark.section_4
def test_summary_command(capsys):
    assert main(["summary", "se_resnet20", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["totals"]["parameters"] == 274_490
    assert main(["summary", "se_resnet20", "--width", "8", "--reduction", "4"]) == 0
    out = capsys.readouterr().out
    assert "stage3.2.se" in out and "specification" not in out
    assert main(["summary", "resnet110", "--shortcut", "A"]) == 0
    assert "specification: 1,727,962" in capsys.readouterr().out


def test_gradcheck_command(capsys):
    assert main(["gradcheck", "squeeze", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["passed"] is True
    assert main(["gradcheck", "squeeze"]) == 0
    assert "squeeze" in capsys.readouterr().out
