"""docs/first-network.ipynb is stored clean, says what its cells print, and runs from top to bottom."""
import contextlib
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from minisenet.gradcheck import bugs

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "docs" / "first-network.ipynb"
CELLS = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
CODE = {cell["id"]: "".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "code"}
UNTIL_TRAINING = ("install", "forward", "pencil", "package", "backward", "check", "complex", "wrong", "checker")

# The notebook as a hosted service runs it, in a kernel of its own: prints the text of every code cell, by its id.
EXECUTE = """
import json, sys
import nbclient, nbformat
notebook = nbformat.read(sys.argv[1], 4)
nbclient.NotebookClient(notebook, timeout=500, kernel_name="python3").execute()
print(json.dumps({cell.id: "".join(output.get("text", "") for output in cell.outputs)
                  for cell in notebook.cells if cell.cell_type == "code"}))
"""


def test_it_is_stored_without_outputs_or_traces_of_a_machine():
    text = NOTEBOOK.read_text(encoding="utf-8")
    notebook = json.loads(text)
    assert text == json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    assert notebook["nbformat"] == 4
    assert notebook["metadata"] == {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
                                    "language_info": {"name": "python"}}
    assert len({cell["id"] for cell in CELLS}) == len(CELLS)
    for cell in CELLS:
        assert cell["metadata"] == {}
        assert cell["cell_type"] == "markdown" or (cell["outputs"], cell["execution_count"]) == ([], None)
    assert not re.search(r"/(home|root|tmp|Users)/|\b[A-Z]:\\\\", text)               # a backslash is two in JSON
    assert 'REPOSITORY = "" ' in CODE["install"]


def test_every_cell_is_small():
    assert max(source.count("\n") for source in CODE.values()) < 22
    assert all(len(line) <= 125 for source in CODE.values() for line in source.splitlines())


@pytest.fixture(scope="module")
def outputs():
    """What the cells before the training print, run here one after the other, and the names that they leave."""
    names, printed = {}, {}
    for name in UNTIL_TRAINING:
        with contextlib.redirect_stdout(io.StringIO()) as stream:
            exec(compile(CODE[name], name, "exec"), names)
        printed[name] = stream.getvalue()
    return printed, names


def number(line):
    return float(re.search(r"-?\d+\.\d+", line)[0])


def test_the_pencil_example_is_what_the_text_says(outputs):
    printed, _ = outputs
    assert "z [ 4.  1.  2. -1.]" in printed["pencil"] and "s [0.75 0.25 0.5  0.75]" in printed["pencil"]
    assert "h [1. 0.]" in printed["pencil"] and "after [0.75 2.25 3.75 5.25]" in printed["pencil"]
    assert float(printed["package"].split(":")[1]) < 1e-12


def test_the_right_backward_agrees_and_the_wrong_one_does_not(outputs):
    printed, _ = outputs
    for name, tolerance in (("check", 1e-8), ("complex", 1e-14)):
        claimed, measured = map(number, printed[name].splitlines())
        assert abs(claimed / measured - 1) < tolerance
    claimed, measured = map(number, printed["wrong"].splitlines())
    assert abs(claimed / measured - 1) > 0.01


def test_the_checker_names_the_mistake(outputs):
    printed, names = outputs
    assert "se_block_backward: right" in printed["checker"]
    assert not names["verdict"].passed and names["verdict"].mistake == "squeeze path dropped"
    assert names["verdict"].mistake in {bug.name for bug in bugs.BUGS}
    assert "likely mistake: squeeze path dropped" in printed["checker"]


def test_where_it_is_not_installed_the_first_cell_says_what_to_do(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match="put its URL or path into REPOSITORY"):
        exec(CODE["install"], {})


@pytest.mark.parametrize("repository, source", [("https://host/minisenet.git", "git+https://host/minisenet.git"),
                                                (str(ROOT), str(ROOT))])
def test_the_first_cell_installs_what_it_is_told(monkeypatch, repository, source):
    asked = []
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(subprocess, "run", lambda command, check: asked.append(command))
    exec(CODE["install"].replace('REPOSITORY = ""', f"REPOSITORY = {repository!r}"), {})
    assert asked == [[sys.executable, "-m", "pip", "install", "--quiet", source, "matplotlib", "hypothesis"]]


@pytest.mark.slow
def test_it_runs_from_top_to_bottom():
    missing = [name for name in ("nbclient", "nbformat", "ipykernel", "matplotlib") if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"a notebook runs with {', '.join(missing)}, not installed: pip install nbclient ipykernel matplotlib")
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    run = subprocess.run([sys.executable, "-c", EXECUTE, str(NOTEBOOK)], env=os.environ | {"PYTHONPATH": path},
                         capture_output=True, text=True, timeout=580)
    assert run.returncode == 0, run.stderr[-2000:]
    printed = json.loads(run.stdout.splitlines()[-1])
    assert number(printed["end"]) > 0.8                                             # chance is 0.1, and a linear model stays below 0.5
    rows = [line.split() for line in printed["share"].splitlines()[1:]]
    apart = [float(row[1]) for row in rows]
    assert len(rows) == 9 and max(apart[:3]) < min(apart[6:])                       # early blocks alike, late ones apart
    assert float(rows[4][2].rstrip("%")) > float(rows[8][2].rstrip("%"))            # stage2.1 by the ground, stage3.2 by class
