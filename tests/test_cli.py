"""The command line: every wrong input is one line that says what to do, and JSON is JSON."""
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from small_runs import SMALL, run

import minisenet
from minisenet.cli import main


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
    (["train", "--epochs", 0], "argument --epochs: must be at least 1, got 0"),
    (["train", "--epochs", "many"], "argument --epochs: must be an integer, got 'many'"),
    (["train", "--lr", "nan"], "argument --lr: must be at least 0, got nan"),
    (["train", "--lr", "inf"], "argument --lr: must be at least 0, got inf"),
    (["train", "--lr", "-1"], "argument --lr: must be at least 0, got -1"),
    (["train", "--momentum", 1], "argument --momentum: must be at least 0 and below 1, got 1"),
    (["train", "--batch-size", 0], "argument --batch-size"),
    (["train", "--shortcut", "C"], "argument --shortcut: invalid choice"),
    (["train", "--schedule", "linear"], "argument --schedule: invalid choice"),
    (["train", "--backend", "cuda"], "argument --backend: invalid choice"),
    (["summary"], "arguments are required: MODEL"),
    (["data", "fetch"], "invalid choice: 'fetch'"),
    (["gradcheck", "nonsense"], "operation must be one of conv2d, "),
])
def test_wrong_usage(capsys, argv, message):
    assert message in fails(capsys, 2, *argv)


# ---- failures: status 1 ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("argv, message", [
    (["train", "--model", "resnet21"], "model name must be one of resnet20, se_resnet20"),
    (["train", "--reduction", 17, "--data", "shapes"], "reduction must be at most 16, the number of channels, got 17"),
    (["train", "--width", 4, "--data", "shapes"], "reduction must be at most 4, the number of channels, got 16"),
    (["train", "--data", "shapes", "--limit", 100, "--out", "x"], "batch_size must be at most 100, the training images of shapes, got 128"),
    (["train", "--data", "shapes", "--limit", 20_000], "limit must be at most 10000, the training images of shapes, got 20000"),
    (["train", "--data", "nowhere"], "nowhere"),
    (["train", "--data", "cifar10"], "`minisenet data get cifar10`"),
    (["train", "--resume", "nowhere"], "expected a run folder at nowhere, found no config.json"),
    (["train", "--resume", "nowhere", "--lr", 1, "--out", "x"], "leave out --lr, --out"),
    (["evaluate", "nowhere"], "expected a run folder or a checkpoint at nowhere, found nothing"),
    (["evaluate", "."], "expected best.safetensors in ., found none"),
    (["data", "where"], "cifar10 is not on this machine"),
    (["data", "verify", "cifar100"], "`minisenet data get cifar100`"),
    (["summary", "se_resnet21"], "got 'se_resnet21'"),
    (["summary", "se_resnet20", "--reduction", 17], "reduction must be at most 16, the number of channels, got 17"),
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
    assert "--data must have the checkpoint's 10 classes, got five with 5: evaluate" in fails(capsys, 1, "evaluate", runs / "a", "--data", "five")


def test_debug_shows_the_traceback():
    with pytest.raises(ValueError, match="model name must be one of"):
        main(["train", "--model", "x", "--debug"])


def test_python_m_and_version():
    done = subprocess.run([sys.executable, "-m", "minisenet", "--version"], capture_output=True, text=True, check=True,
                          cwd=os.path.dirname(os.path.dirname(__file__)))
    assert done.stdout.startswith("minisenet ")
    assert main(["--help"]) == 0


# ---- info and gradcheck --------------------------------------------------------------------------------------------------

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


def test_gradcheck_command(capsys):
    assert main(["gradcheck", "squeeze", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["passed"] is True
    assert main(["gradcheck", "squeeze"]) == 0
    assert "squeeze" in capsys.readouterr().out
