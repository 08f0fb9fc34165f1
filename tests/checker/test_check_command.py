"""`minisenet check`: its status, its one-line errors, its JSON."""
import json
import sys

import pytest

from minisenet import gradcheck
from minisenet.cli import main

KEYS = {"like", "passed", "cases", "wrong", "mistake", "smallest", "errors", "notes", "not_asked"}
TEXT = """
import numpy as np

def squeeze(u):
    return u.mean(axis=(1, 2))

def wrong(u):
    return u.sum(axis=(1, 2))

def double(x):
    return 2 * x

def double_backward(dy):
    return 2 * dy

def alone(x):
    return x
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "answer.py").write_text(TEXT, encoding="utf-8")
    return "answer.py"


@pytest.mark.parametrize("argv, status, first", [
    ([":squeeze"], 0, "squeeze: right"),
    ([":wrong", "--like", "squeeze"], 1, "squeeze: WRONG"),
    ([":double", "--shapes", "x=(N, C)"], 0, "double: right"),
    ([":double_backward", "--shapes", "x=(N, C)"], 0, "double: right"),
    ([":nothing", "--like", "squeeze"], 1, "squeeze: WRONG"),
])
def test_status_and_table(file, capsys, argv, status, first):
    assert main(["check", file + argv[0], "--time-limit", "120", *argv[1:]]) == status
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == first and not err
    assert max(map(len, out.splitlines())) <= 80


def test_no_such_function_says_which_there_are(file, capsys):
    assert main(["check", f"{file}:squeze", "--like", "squeeze"]) == 1
    out = capsys.readouterr().out
    assert "\nmistake: no such function\n  answer.py does not define squeze; it defines squeeze, wrong" in out


@pytest.mark.parametrize("argv, status, message", [
    (["answer.py"], 2, "TARGET must be FILE.py:FUNCTION, got 'answer.py'; it has answer.py:squeeze, answer.py:wrong"),
    (["nowhere.py:squeeze"], 2, "FILE must be a Python file, got nowhere.py, which does not exist"),
    (["answer.py:not a name"], 2, "TARGET must be FILE.py:FUNCTION, got 'answer.py:not a name'"),
    (["answer.py:squeeze", "--like", "squeze"], 2, "'squeze' is not one of minisenet's functions: conv2d"),
    (["answer.py:double", "--shapes", "N, C"], 2, "names no shapes"),
    (["answer.py:double", "--shapes", "x=(N, C+1)"], 1, "a shape must have names and numbers"),
    (["answer.py:double"], 1, "cannot infer the shape of x"),
    (["answer.py:alone"], 1, "or have its alone_backward beside it"),
    (["answer.py:squeeze", "--like", "squeeze", "--shapes", "u=(N, C)"], 1, "give only one of them"),
    (["answer.py:squeeze", "--time-limit", "0"], 2, "argument --time-limit: must be at least 0.1, got 0"),
    ([], 2, "arguments are required: FILE.py:FUNCTION"),
])
def test_errors_are_one_line(file, capsys, argv, status, message):
    assert main(["check", *argv]) == status
    out, err = capsys.readouterr()
    assert message in err and err.startswith("minisenet: error: ") and err.count("\n") == 1 and not out


def test_without_hypothesis(file, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    assert main(["check", f"{file}:squeeze"]) == 1
    assert 'pip install "minisenet[course]"' in capsys.readouterr().err


@pytest.mark.parametrize("target, passed", [("squeeze", True), ("wrong", False)])
def test_json_is_one_object(file, capsys, target, passed):
    assert main(["check", f"{file}:{target}", "--like", "squeeze", "--json"]) == (not passed)
    found = json.loads(capsys.readouterr().out)
    assert set(found) == KEYS and found["passed"] is passed and found["like"] == "squeeze"
    assert (found["mistake"] is None) == passed == (found["smallest"] is None)
    if not passed:
        assert set(found["mistake"]) == {"name", "says", "lesson",
                                         "certain"} and found["mistake"]["name"] == "sum for mean"
        assert set(found["smallest"]) == {"sizes", "arguments", "results", "shrunk"}
        assert set(found["smallest"]["results"][0]) == {"output", "expected", "given", "fault"}


def test_the_keys_are_documented():
    text = gradcheck.Verdict.to_dict.__doc__
    assert all(f"`{key}`" in text or f"{key}\n" in text or f"{key} " in text for key in KEYS)
