"""docs/figures/collect.py: its output for some runs, and the tables of docs/training.md equal the data files."""
import importlib.util
import json
import re
import shutil
from pathlib import Path

import pytest

import minisenet
from minisenet import models
from minisenet.train import gates
from minisenet.train.run_folder import RunError

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "docs" / "figures"
FILES = {"training.json": "accuracy_table", "training-shapes.json": "accuracy_table",
         "gates.json": "gate_table", "gates-shapes.json": "gate_table"}
pytestmark = pytest.mark.section_7

spec = importlib.util.spec_from_file_location("collect", FIGURES / "collect.py")
collect = importlib.util.module_from_spec(spec)
spec.loader.exec_module(collect)


# ---- the page ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", FILES)
def test_the_page_has_the_tables_of_its_data(name):
    found = json.loads((FIGURES / name).read_text(encoding="utf-8"))
    table = getattr(collect, FILES[name])(found)
    assert table in (ROOT / "docs" / "training.md").read_text(encoding="utf-8"), table


@pytest.mark.parametrize("name", [*FILES, "gates-readme.json"])
def test_the_data_name_no_folder(name):
    assert not re.search(r"[/\\~]", (FIGURES / name).read_text(encoding="utf-8"))


def test_the_readme_shows_the_gates_of_its_figure():
    rows = json.loads((FIGURES / "gates-readme.json").read_text(encoding="utf-8"))["tables"][0]["rows"]
    assert gates.format_table(rows) in (ROOT / "README.md").read_text(encoding="utf-8")


# ---- tiny runs ---------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def runs(tmp_path_factory, data):
    """Two epochs of three small networks: {name: (folder, history)}."""
    folder, made, se = tmp_path_factory.mktemp("runs"), {}, dict(reduction=2)
    settings = dict(epochs=2, batch_size=32, lr=0.05, progress=False)
    for name, model, seed, options in (("a", "se_resnet20", 1, se), ("b", "se_resnet20", 0, se),
                                       ("plain", "resnet20", 0, {})):
        network = models.create(model, width=2, seed=seed, **options)
        history = minisenet.fit(network, data, seed=seed, out=folder / name, **settings)
        made[name] = folder / name, history
    return made


@pytest.fixture
def load(monkeypatch, data):
    """The set that the runs were trained on, for any name."""
    monkeypatch.setattr(collect.sets, "load", lambda name: data)


def test_curves_are_the_metrics_by_name_and_seed(runs):
    found = collect.curves([runs[name][0] for name in ("a", "plain", "b")])
    assert [(run["name"], run["seed"]) for run in found] == [("ResNet-20", 0), ("SE-ResNet-20, r = 2", 0),
                                                             ("SE-ResNet-20, r = 2", 1)]
    for run, name in zip(found, ("plain", "b", "a")):
        for kind in ("test_accuracy", "train_accuracy", "train_loss"):
            assert run[kind] == pytest.approx([epoch[kind] for epoch in runs[name][1]], abs=1e-5)


def test_gates_are_those_of_the_last_network(runs, load):
    found = collect.trained_gates([runs["a"][0], runs["b"][0]])
    assert found["run"] == "SE-ResNet-20, r = 2, seed 1" and len(found["classes"]) == 10
    assert [(len(block["mean_by_class"]), len(block["mean_by_class"][0])) for block in found["blocks"]] == [
        (10, channels) for channels in (2, 4, 8) for _ in range(3)]
    for table, name in zip(found["tables"], ("a", "b")):
        for row, expected in zip(table["rows"], runs[name][1].gates, strict=True):
            assert row == pytest.approx(expected, abs=1e-6)
    first, means = found["tables"][0]["rows"][0], found["blocks"][0]["mean_by_class"]
    assert first["block"] == found["blocks"][0]["name"] == "stage1.0.se"
    assert first["mean"] == pytest.approx(sum(map(sum, means)) / 20, abs=0.01)         # 40 images: four of each class


def test_what_cannot_be_compared_is_refused(runs, load, tmp_path):
    with pytest.raises(RunError, match="two runs of ResNet-20 with seed 0"):
        collect.curves([runs["plain"][0]] * 2)
    with pytest.raises(RunError, match="trained ResNet-20, which has no gates"):
        collect.trained_gates([runs["plain"][0]])
    half = shutil.copytree(runs["b"][0], tmp_path / "half")
    metrics = half / "metrics.jsonl"
    metrics.write_text(metrics.read_text().splitlines()[0] + "\n")
    for function in (collect.curves, collect.trained_gates):
        with pytest.raises(RunError, match="half has 1 of 2 epochs: .* --resume"):
            function([half])
    config = json.loads((half / "config.json").read_text())
    config["settings"]["lr"] = 0.1
    (half / "config.json").write_text(json.dumps(config))
    with pytest.raises(RunError, match="half and .*a differ in lr: only the network and the seed may"):
        collect.curves([runs["a"][0], half])


def test_the_command(runs, load, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(collect, "FOLDER", tmp_path)
    paths = [str(runs[name][0]) for name in ("a", "b")]
    for options, name, make, table in (([], "training.json", collect.curves, collect.accuracy_table),
                                       (["--gates"], "gates.json", collect.trained_gates, collect.gate_table),
                                       (["--to", "other.json"], "other.json", collect.curves, collect.accuracy_table)):
        assert collect.main(paths + options) == 0
        stored = json.loads((tmp_path / name).read_text(encoding="utf-8"))
        assert stored == make(paths) and capsys.readouterr().out == table(stored) + "\n"
    assert collect.main([str(tmp_path)]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("collect.py: error: ") and err.count("\n") == 1


def test_tables_by_hand():
    def run(name, seed, test, train):
        return dict(name=name, seed=seed, test_accuracy=[0.1, test], train_accuracy=[0.1, train])
    runs = [run("A", 0, 0.5, 0.75), run("A", 1, 0.75, 0.25), run("B", 0, 1.0, 1.0)]
    assert collect.accuracy_table(runs).splitlines()[2:] == [
        "| A | 2 | 62.50 % | 50.00 to 75.00 | 50.00 % |", "| B | 1 | 100.00 % | 100.00 to 100.00 | 100.00 % |"]

    def gates(name, seed, deviation, by_class, dead):
        return dict(name=name, seed=seed, rows=[dict(block="s", channels=16, hidden=4, mean=0.5, deviation=deviation,
                                                     by_class=by_class, dead=dead)])
    tables = [gates("A, r = 4", 0, 0.25, 0.5, 1), gates("A, r = 16", 0, 0.0, 0.125, 4), gates("A, r = 4", 1, 0.75, 0.25, 0)]
    assert collect.gate_table(dict(tables=tables)).splitlines() == [
        "| block | channels | r = 16: deviation | between classes | dead hidden units "
        "| r = 4: deviation | between classes | dead hidden units |", "| --- " * 8 + "|",
        "| s | 16 | 0.000 | 0.125 | 4 of 4 | 0.500 | 0.375 | 1 of 8 |"]
