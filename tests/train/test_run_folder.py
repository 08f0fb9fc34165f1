"""The run folder: its files, a resumed run equals an uninterrupted one, and the errors for damaged files."""
import dataclasses
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from minisenet.blocks import ShakenBranches
from minisenet.data.shapes import shapes
from minisenet.layers import Conv2d, Dropout, Linear, Random, ReLU, Sequential, Squeeze
from minisenet.train import RunError, fit
from minisenet.train.run_folder import _checksum, fingerprint, pack, read, write_atomically

pytestmark = pytest.mark.section_5
SHORT = dict(epochs=3, batch_size=32, lr=0.05, progress=False)


@pytest.fixture(scope="module")
def run(data, new_model, tmp_path_factory):
    """A finished run, which no test may change."""
    path = tmp_path_factory.mktemp("runs") / "run"
    fit(new_model(), data, **SHORT, out=path)
    return path


@pytest.fixture
def copy(run, tmp_path):
    return shutil.copytree(run, tmp_path / "run")


class Crash(Exception):
    pass


def crash_after(epoch):
    def on_epoch(metrics):
        if metrics["epoch"] == epoch:
            raise Crash
    return on_epoch


def test_holds_everything(run, data):
    assert sorted(path.name for path in run.iterdir()) == [
        "best.safetensors", "config.json", "curves.png", "gates.png", "last.safetensors", "metrics.jsonl"]
    metrics = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [list(m) for m in metrics] == 3 * [["epoch", "lr", "train_loss", "train_accuracy", "test_loss", "test_accuracy",
                                               "images_per_second", "seconds"]]
    config = json.loads((run / "config.json").read_text())
    assert config["settings"]["lr"] == 0.05 and config["model"]["options"] == dict(num_classes=10, width=4, reduction=4)
    assert config["data"]["train_images"] == 96 and config["machine"]["backend"] in ("fused", "cython", "numpy")
    best, about = read(run / "best.safetensors")
    assert about["epoch"] == max(metrics, key=lambda m: m["test_accuracy"])["epoch"]
    assert about["data"]["classes"] == list(data.classes)
    assert np.allclose(about["normalisation"]["mean"], data.mean) and np.allclose(about["normalisation"]["std"], data.std)
    assert best["stage1.0.conv1.weight"].shape == (4, 4, 3, 3) and "bn1.running_mean" in best
    last, about = read(run / "last.safetensors")
    assert about["history"] == metrics and {name.partition(".")[0] for name in last} == {"model", "velocity"}
    assert {f"model.{name}" for name in best} < set(last)


@pytest.mark.parametrize("name", ["curves.png", "gates.png"])
def test_pictures_are_pictures(run, name):
    with Image.open(run / name) as image:
        pixels = np.asarray(image.convert("RGB"))
    assert pixels.shape[0] > 200 and pixels.shape[1] > 800
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50 and (pixels == 255).mean() > 0.5


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_a_resumed_run_equals_an_uninterrupted_one(run, data, new_model, tmp_path, epoch):
    out = tmp_path / "run"
    with pytest.raises(Crash):
        fit(new_model(), data, **SHORT, out=out, on_epoch=crash_after(epoch))
    (out / "left.123.minisenet-tmp").write_bytes(b"half of a che")
    with open(out / "metrics.jsonl", "a") as file:
        file.write('{"epoch": 2, "lr": 0.0')                 # a line cut off by a power cut
    history = fit(new_model(), data, **SHORT, out=out, resume=True)
    assert (out / "best.safetensors").read_bytes() == (run / "best.safetensors").read_bytes()
    (mine, about), (theirs, uninterrupted) = read(out / "last.safetensors"), read(run / "last.safetensors")
    assert mine.keys() == theirs.keys()
    for name in mine:
        assert mine[name].tobytes() == theirs[name].tobytes(), name
    for m, other in zip(about["history"], uninterrupted["history"], strict=True):
        assert {k: m[k] for k in list(m)[:6]} == {k: other[k] for k in list(other)[:6]}
    lines = (out / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == list(history) == about["history"]
    assert not list(out.glob("*tmp")) and (out / "curves.png").exists() and (out / "gates.png").exists()


def test_a_resumed_run_draws_what_an_uninterrupted_one_draws(data, tmp_path):
    """Dropout's masks and Shake's weights depend on the seed and the step alone, not on what ran before."""
    def model():
        rng = np.random.default_rng(0)
        layers = Conv2d(3, 4, 3, stride=4, rng=rng), ReLU(), ShakenBranches(*(Conv2d(4, 4, 1, rng=rng) for _ in "12"), even=False, rng=rng)
        return Sequential(*layers, Squeeze(), Dropout(0.5, rng=rng), Linear(4, 10, rng=rng))

    settings = dict(epochs=2, batch_size=16, progress=False)
    whole, resumed = model(), model()
    fit(whole, data, **settings)
    with pytest.raises(Crash):
        fit(model(), data, **settings, out=tmp_path / "run", on_epoch=crash_after(1))
    fit(resumed, data, **settings, out=tmp_path / "run", resume=True)
    for name, value in whole.state_dict().items():
        assert np.array_equal(value, resumed.state_dict()[name]), name
    drawing = [layer for _, layer in whole.modules() if isinstance(layer, Random)]
    assert [layer.step for layer in drawing] == [12, 12] and drawing[0].seed != drawing[1].seed



def test_resume_before_the_first_epoch_is_complete(copy, run, data, new_model):
    for name in ("last.safetensors", "best.safetensors", "metrics.jsonl"):
        (copy / name).unlink()
    fit(new_model(), data, **SHORT, out=copy, resume=True)
    assert (copy / "best.safetensors").read_bytes() == (run / "best.safetensors").read_bytes()


def test_a_run_is_not_overwritten_unasked(copy, data, new_model):
    before = (copy / "last.safetensors").read_bytes()
    with pytest.raises(RunError, match="holds a run: go on with it .*--resume.*--overwrite., or give another --out"):
        fit(new_model(), data, **SHORT, out=copy)
    assert (copy / "last.safetensors").read_bytes() == before
    (copy / "notes.txt").write_text("mine")
    fit(new_model(), data, **SHORT | dict(epochs=1), out=copy, overwrite=True)
    assert len((copy / "metrics.jsonl").read_text().splitlines()) == 1 and (copy / "notes.txt").read_text() == "mine"


def test_out_is_a_file(data, new_model, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="expected a folder at .*file, found a file: give another --out"):
        fit(new_model(), data, **SHORT, out=tmp_path / "file")


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def empty(path):
    path.write_bytes(b"")


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    path.write_bytes(content)


def another_history(path):
    """The accuracy of the first epoch in the metadata is one digit higher; the header is as long as before."""
    before = path.read_bytes()
    at = before.index(b"test_accuracy", before.index(b"history"))
    digit = before.index(b"0.", at) + 2
    path.write_bytes(before[:digit] + bytes([before[digit] + (1 if before[digit] < ord("9") else -1)]) + before[digit + 1:])


def no_json(path):
    """The metadata has lost a bracket; the header is valid."""
    content = path.read_bytes()
    path.write_bytes(content.replace(b'[{\\"epoch', b' {\\"epoch', 1))


def no_checksum(path):
    content = path.read_bytes()
    path.write_bytes(content.replace(b'\\"checksum', b'\\"chacksum', 1))


def of_another_program(path):
    import safetensors.numpy
    path.write_bytes(safetensors.numpy.save({"weight": np.ones(3)}))


@pytest.mark.parametrize("damage, message", [
    (truncate, "is damaged or not a safetensors file"), (empty, "is damaged or not a safetensors file"),
    (flip_a_bit, "its checksum is wrong"), (another_history, "its checksum is wrong"), (no_checksum, "its checksum is wrong"),
    (no_json, "is damaged or not a safetensors file"), (of_another_program, "is not a checkpoint of minisenet")])
def test_a_damaged_checkpoint(copy, data, new_model, damage, message):
    before = (copy / "last.safetensors").read_bytes()
    damage(copy / "last.safetensors")
    assert (copy / "last.safetensors").read_bytes() != before
    with pytest.raises(RunError, match=message) as error:
        fit(new_model(), data, **SHORT, out=copy, resume=True)
    assert "\n" not in str(error.value) and "last.safetensors" in str(error.value)


def test_a_damaged_checkpoint_says_why_and_which_other_file_may_do(copy):
    """With the reason from safetensors, or its error's class if it gives none."""
    last, best = copy / "last.safetensors", copy / "best.safetensors"
    for damaged, other in ((last, best), (best, last)):
        with pytest.raises(RunError) as error:
            whole = damaged.read_bytes()
            truncate(damaged)
            read(damaged)
        damaged.write_bytes(whole)
        assert f"; {other} may still be whole: `minisenet evaluate {other}`; to train again" in str(error.value)
    alone = best.rename(copy / "alone.safetensors")
    truncate(alone)
    with pytest.raises(RunError, match="; take another copy of it, or train again$"):
        read(alone)


@pytest.mark.parametrize("raised, reason", [(ValueError("the header is cut off"), "the header is cut off"),
                                            (KeyError(), "KeyError")])
def test_the_reason_why_a_checkpoint_cannot_be_read(copy, monkeypatch, raised, reason):
    import safetensors.numpy

    def load(content):
        raise raised
    monkeypatch.setattr(safetensors.numpy, "load", load)
    with pytest.raises(RunError) as error:
        read(copy / "last.safetensors")
    assert f"last.safetensors is damaged or not a safetensors file ({reason}); " in str(error.value)


def test_no_flipped_bit_of_the_header_loads_as_another_checkpoint(copy):
    """In every 17th byte: the file is refused, or loads as the same checkpoint."""
    path = copy / "last.safetensors"
    whole, (tensors, metadata) = path.read_bytes(), read(path)
    refused = 0
    for place in range(8, 8 + int.from_bytes(whole[:8], "little"), 17):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1:])
        try:
            got, about = read(path)
        except RunError:
            refused += 1
        else:
            assert about == metadata and got.keys() == tensors.keys(), whole[place - 20:place + 20]
            assert all(np.array_equal(got[name], tensors[name]) for name in tensors)
    assert refused > 200


def old(path):
    """Make it a checkpoint from before the checksum covered the metadata."""
    import safetensors.numpy
    tensors, metadata = read(path)
    metadata["checksum"] = _checksum(tensors)
    path.write_bytes(safetensors.numpy.save(tensors, {"minisenet": json.dumps(metadata)}))


def test_an_old_checkpoint_goes_on_and_becomes_a_new_one(copy, run, data, new_model):
    """Its checksum covers only the arrays. After the next epoch it covers the metadata too."""
    shutil.rmtree(copy)
    with pytest.raises(Crash):
        fit(new_model(), data, **SHORT, out=copy, on_epoch=crash_after(2))
    old(copy / "last.safetensors")
    fit(new_model(), data, **SHORT, out=copy, resume=True)
    assert (copy / "best.safetensors").read_bytes() == (run / "best.safetensors").read_bytes()
    another_history(copy / "last.safetensors")
    with pytest.raises(RunError, match="its checksum is wrong"):
        read(copy / "last.safetensors")


def test_the_arrays_of_an_old_checkpoint_are_covered(copy):
    old(copy / "last.safetensors")
    flip_a_bit(copy / "last.safetensors")
    with pytest.raises(RunError, match="its checksum is wrong"):
        read(copy / "last.safetensors")


def test_the_fingerprint_of_a_strided_dataset(data):
    """A view of every second image is the same data as a copy of it."""
    names = ("train_images", "train_labels", "test_images", "test_labels")
    views = dataclasses.replace(data, **{name: getattr(data, name)[::2] for name in names})
    copies = dataclasses.replace(data, **{name: getattr(data, name)[::2].copy() for name in names})
    assert fingerprint(views) == fingerprint(copies) != fingerprint(data)


def test_a_checkpoint_of_another_model(copy, data, new_model, tmp_path):
    fit(new_model(se=False), data, **SHORT | dict(epochs=1), out=tmp_path / "other")
    shutil.copy(tmp_path / "other" / "last.safetensors", copy)
    with pytest.raises(RunError, match="must be of se_resnet8 and of kind 'last', got resnet8 and 'last': put"):
        fit(new_model(), data, **SHORT, out=copy, resume=True)


def test_resume_refuses_what_would_be_another_run(copy, data, new_model, tmp_path):
    with pytest.raises(RunError, match="to resume the run in .*, lr must be 0.05, got 0.1: give it its own settings"):
        fit(new_model(), data, **SHORT | dict(lr=0.1), out=copy, resume=True)
    with pytest.raises(RunError, match="options must be .*: give it its own options, or start a new run"):
        fit(new_model(width=8), data, **SHORT, out=copy, resume=True)
    with pytest.raises(RunError, match="data must be the same as when the run in .* began, 96 training .*, got 64"):
        fit(new_model(), data.limit(64), **SHORT, out=copy, resume=True)
    with pytest.raises(RunError, match="or other pixels"):
        fit(new_model(), shapes(seed=1, train=96, test=40), **SHORT, out=copy, resume=True)
    with pytest.raises(RunError, match="expected a run folder at .*nowhere, found no config.json"):
        fit(new_model(), data, **SHORT, out=tmp_path / "nowhere", resume=True)
    (copy / "config.json").write_text("{")
    with pytest.raises(RunError, match="config.json is damaged"):
        fit(new_model(), data, **SHORT, out=copy, resume=True)


def test_pack_keeps_values_of_strided_arrays(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((4, 6))
    tensors = dict(c=x, t=x.T, f=np.asfortranarray(x), strided=x[::2, ::3], scalar=np.array(2.0))
    write_atomically(tmp_path / "x.safetensors", pack(tensors, dict(kind="best")))
    loaded, metadata = read(tmp_path / "x.safetensors")
    for name, value in tensors.items():
        assert loaded[name].shape == value.shape and np.array_equal(loaded[name], value), name
    assert metadata["kind"] == "best"


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    import os
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def fail(*_):
        raise OSError("no space left on device")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
