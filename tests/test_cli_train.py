"""`minisenet train` as a real process: what it prints and keeps, Ctrl-C, and a kill without warning."""
import json
import shlex
import signal
import time

import pytest
from small_runs import SMALL, run, start

from minisenet.cli.train import command
from minisenet.train.run_folder import read

pytestmark = pytest.mark.section_5
EPOCHS = 4


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """(folder, standard output) of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("unbroken")
    status, out, err = run("train", *SMALL, "--epochs", EPOCHS, "--out", "it's a run", cwd=folder)
    assert (status, err) == (0, "")
    return folder / "it's a run", out


def same(run, other):
    """Whether two finished runs are the same, bit for bit, but for the clock."""
    for name in ("best.safetensors", "last.safetensors"):
        (mine, about), (theirs, of_other) = read(run / name), read(other / name)
        assert about["epoch"] == of_other["epoch"] and mine.keys() == theirs.keys()
        assert all(mine[key].tobytes() == theirs[key].tobytes() for key in mine)
    metrics, others = ((path / "metrics.jsonl").read_text().splitlines() for path in (run, other))
    for m, n in zip(map(json.loads, metrics), map(json.loads, others), strict=True):
        for key in ("epoch", "lr", "train_loss", "train_accuracy", "test_loss", "test_accuracy"):
            assert m[key] == n[key]


def test_prints_lines_when_piped(unbroken):
    path, out = unbroken
    lines = out.splitlines()
    assert "\r" not in out and "\x1b" not in out
    assert lines[0] == "data:  shapes, 128 training and 50 test images, 10 classes"
    epochs = [line.partition("  ")[0] for line in lines if line.startswith("epoch")]
    assert epochs == [f"epoch {i}/{EPOCHS}" for i in range(1, EPOCHS + 1)]
    assert sum(line.startswith("stage") for line in lines) == 9 and any(line.startswith("best: ") for line in lines)
    assert {p.name for p in path.iterdir()} == {"config.json", "metrics.jsonl", "last.safetensors", "best.safetensors",
                                                "curves.png", "gates.png"}


def test_the_last_line_reproduces_the_run(unbroken, tmp_path):
    path, out = unbroken
    words = shlex.split(out.splitlines()[-1])
    assert words[:3] == ["reproduce:", "minisenet", "train"]
    status, again, err = run(*words[2:], "--out", "again", "--threads", 1, cwd=tmp_path)
    assert (status, err) == (0, "") and again.splitlines()[-1] == out.splitlines()[-1]
    same(tmp_path / "again", path)


@pytest.mark.parametrize("model, given, words", [
    ("se_resnet20", dict(se_bias=True, width=4), "--width 4 --shortcut B --seed 3 --reduction 16 --se-bias --squeeze avg --gate sigmoid --place standard"),
    ("se_resnet20", dict(reduction=4), "--width 16 --shortcut B --seed 3 --reduction 4 --squeeze avg --gate sigmoid --place standard"),
    ("se_resnet20", dict(reduction=[8, 4, 2], se_stages=[2, 3], gate="tanh"),
     "--width 16 --shortcut B --seed 3 --reduction 8,4,2 --squeeze avg --gate tanh --place standard --se-stages 2,3"),
    ("resnet20", dict(shortcut="A"), "--width 16 --shortcut A --seed 3")])
def test_the_command_names_every_option_that_the_network_has(model, given, words):
    spec = dict(data="shapes", model=model, options=given, settings=dict(seed=3, lr=0.1), limit=None, backend="numpy")
    assert command(spec) == f"minisenet train --data shapes --model {model} {words} --lr 0.1 --backend numpy"


def wait_for_epoch(process, path):
    """Wait until an epoch is complete and the next one under way."""
    end = time.monotonic() + 120
    while not (path.exists() and path.read_text().endswith("}\n")):
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.002)


def test_killed_and_resumed_is_unbroken(unbroken, tmp_path):
    process = start("train", *SMALL, "--epochs", EPOCHS, "--out", "run", cwd=tmp_path)
    wait_for_epoch(process, tmp_path / "run" / "metrics.jsonl")
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert read(tmp_path / "run" / "last.safetensors")[1]["epoch"] < EPOCHS
    status, out, err = run("train", "--resume", "run", "--threads", 1, cwd=tmp_path)
    assert (status, err) == (0, "") and f"epoch {EPOCHS}/{EPOCHS}" in out and "epoch 1/" not in out
    same(tmp_path / "run", unbroken[0])
    # a finished run has nothing left to do
    status, out, err = run("train", "--resume", "run", "--threads", 1, cwd=tmp_path)
    assert (status, err) == (0, "") and "epoch" not in out.partition("\n\n")[0]
    same(tmp_path / "run", unbroken[0])


@pytest.mark.slow
@pytest.mark.parametrize("milliseconds", range(300, 3000, 300))
def test_killed_at_any_moment(unbroken, tmp_path, milliseconds):
    process = start("train", *SMALL, "--epochs", EPOCHS, "--out", "run", cwd=tmp_path)
    time.sleep(milliseconds / 1000)
    process.kill()
    process.communicate()
    if not (tmp_path / "run" / "config.json").exists():                         # killed before the run began
        assert run("train", "--resume", "run", cwd=tmp_path)[0] == 1
        return
    status, _, err = run("train", "--resume", "run", "--threads", 1, cwd=tmp_path)
    assert (status, err) == (0, "")
    same(tmp_path / "run", unbroken[0])


def test_ctrl_c_says_how_to_go_on(unbroken, tmp_path):
    process = start("train", *SMALL, "--epochs", EPOCHS, "--out", "run", cwd=tmp_path)
    wait_for_epoch(process, tmp_path / "run" / "metrics.jsonl")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert err.count("\n") == 1 and "go on from the last complete epoch with: minisenet train --resume run" in err
    status, _, err = run("train", "--resume", "run", "--threads", 1, cwd=tmp_path)
    assert (status, err) == (0, "")
    same(tmp_path / "run", unbroken[0])
